"""Packets that are lost for real, on a stack in network namespaces (`harness.stack.namespaces`).

A fault is one nftables table in the middle namespace of a wire, with one rule for each direction
that counts what it drops. Both kernels sent those packets and hear nothing: they retransmit, each
time after twice the wait. So when the fault is healed, a connection that no one gave up stays
silent until its next retransmission is due, which is up to as long again as the fault lasted.
"""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from harness.core.errors import HarnessError
from harness.core.processes import is_alive
from harness.faults.base import Injector
from harness.faults.network.link_fault import SilentLink
from harness.faults.probes import CANARY_TIMEOUT_SECONDS, LinkProbe
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import FaultPage, Phrase, PlannedFault
from harness.plan.layout import Need, Thing
from harness.stack.namespaces import nft
from harness.stack.state import Stack, StackLink

_FAMILY = "inet"
_Rule = tuple[str, str, int]
"""Which address of a packet is looked at, what it must be, and how many packets it counted."""
_MATCHES = {
    "both": ("daddr", "saddr"),
    "upstream": ("daddr",),
    "downstream": ("saddr",),
}
"""By direction, which address of a dropped packet is the far end's."""


@dataclass(frozen=True, slots=True)
class PacketDrop(SilentLink):
    """Packets of a link are dropped by the kernel; both ends retransmit and back off.

    Needs a stack whose links run between network namespaces of their own.
    """

    kind = "packet_drop"
    told = "packets on the link {0.link} are dropped{0.only}"
    phrase = Phrase("packets on the {target} link were dropped", "end of the packet loss")
    page = FaultPage(
        effect=(
            "the kernel drops the packets; both ends retransmit and back off ([packet "
            "loss](packet_loss.md))"
        ),
        canary="nothing answers, and the kernel's counters of dropped packets grow",
        heal="the rule is removed; a connection stays silent until its next retransmission",
        example=(
            "scenario `packet_loss`, or `lendchaos run --namespaces --inject "
            "'PacketDrop(\"database\")'`"
        ),
    )

    @property
    def needs(self) -> tuple[Need, ...]:
        """The link, as a wire between two kernels."""
        return (Need(Thing.PACKETS, self.link),)


class PacketDropInjector(Injector):
    """The packets of a link are dropped between two kernels."""

    def __init__(self, planned: PlannedFault, spec: PacketDrop, stack: Stack) -> None:
        self._stack = stack
        self._wire = stack.wires[spec.link]
        self._matches = _MATCHES[spec.direction]
        self._table = "lendchaos_" + re.sub(r"\W", "_", planned.name)
        # The service's own way, so that the canary meets what the service meets.
        self._link = StackLink(spec.link, self._wire.address, self._wire.address)
        self._probe = LinkProbe(self._link, stack)

    def ready(self) -> Proof:
        """The far end answers over the wire, and nothing drops its packets yet."""
        left = self._dropped()
        answers = self._probe.answers()
        text = f"before: {self._answer_text(answers=answers)}"
        if left is not None:
            text = f"before: a rule drops packets of {self._link.name} already"
        return Proof("canary", answers and left is None, text)

    def inject(self) -> None:
        """Drop packets from now on, in all directions at once."""
        rules = "\n".join(
            f"        ip {match} {self._wire.far_host} counter drop" for match in self._matches
        )
        self._nft(
            "-f",
            "-",
            script=f"{self._emptied()}table {_FAMILY} {self._table} {{\n    chain drops {{\n"
            f"        type filter hook forward priority 0\n{rules}\n    }}\n}}\n",
        )

    def read_back(self) -> Proof:
        """The kernel has exactly our rules, one that drops for each direction."""
        rules = self._rules() or []
        wanted = [(match, self._wire.far_host) for match in self._matches]
        in_place = [(match, host) for match, host, _ in rules] == wanted
        dropped = {match: packets for match, _, packets in rules if match}
        missing = [match for match in self._matches if match not in dropped]
        told = self._count_text(dropped) if in_place else "changed"
        told = f"missing: {', '.join(missing)}" if missing else told
        where = f"nftables between the namespaces, {self._table}"
        return Proof("control_plane", in_place, f"{where}: {told}")

    def canary(self) -> Proof:
        """Nothing answers over the wire, and the counters say that this was our doing."""
        before = self._dropped() or {}
        answers = not self._probe.is_cut()
        dropped = self._dropped() or {}
        grown = sum(dropped.values()) > sum(before.values())
        text = f"{self._answer_text(answers=answers)}; {self._count_text(dropped)}"
        return Proof("canary", not answers and grown, f"during: {text}")

    def heal(self) -> int:
        """Remove our table, if it is there."""
        self._nft("-f", "-", script=self._emptied())
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """No rule of this fault is left and the far end answers again."""
        left = self._dropped()
        answers = self._probe.answers()
        rules = "no rule left" if left is None else f"rules left: {self._count_text(left)}"
        text = f"after: {rules}; {self._answer_text(answers=answers)}"
        return Proof("healed", answers and left is None, text)

    def _emptied(self) -> str:
        """Statements after which our table is gone, whether or not it was there."""
        return f"add table {_FAMILY} {self._table}\ndelete table {_FAMILY} {self._table}\n"

    def _nft(self, *arguments: str, script: str = "") -> str:
        # The way into the namespace goes through the supervisor, whose number may be another's now.
        if not is_alive(self._stack.supervisor):
            raise HarnessError("the stack's supervisor is dead, and its namespaces with it")
        return nft(self._wire.middle, *arguments, script=script)

    def _dropped(self) -> dict[str, int] | None:
        """Packets dropped so far, by the address that matched; None without our table."""
        rules = self._rules()
        return None if rules is None else {match: packets for match, _, packets in rules if match}

    def _rules(self) -> list[_Rule] | None:
        """The rules of our table, none of a dormant one; None without our table."""
        told: list[dict[str, Any]] = json.loads(self._nft("-j", "list", "ruleset"))["nftables"]
        tables = [entry["table"] for entry in told if "table" in entry]
        ours = [table for table in tables if table["name"] == self._table]
        if not ours:
            return None
        if "flags" in ours[0]:  # there is one flag only: its rules do nothing
            return []
        rules = [entry["rule"] for entry in told if "rule" in entry]
        return [_rule(rule["expr"]) for rule in rules if rule["table"] == self._table]

    @staticmethod
    def _count_text(dropped: dict[str, int]) -> str:
        words = {"daddr": "up", "saddr": "back"}
        counts = [f"{packets} {words[match]}" for match, packets in sorted(dropped.items())]
        return f"packets dropped: {', '.join(counts)}" if counts else "no rule drops"

    def _answer_text(self, *, answers: bool) -> str:
        verb = "answers" if answers else f"does not answer within {CANARY_TIMEOUT_SECONDS:g} s"
        return f"the far end of {self._link.name} {verb}"


def _rule(expressions: list[dict[str, Any]]) -> _Rule:
    """A rule as nftables prints it, by `libnftables-json(5)`; empty if it does anything else."""
    match expressions:
        case [
            {"match": {"op": "==", "left": {"payload": {"field": field}}, "right": str(host)}},
            {"counter": {"packets": packets}},
            {"drop": _},
        ]:
            return field, host, packets
    return "", "", 0


register(PacketDrop, PacketDropInjector)

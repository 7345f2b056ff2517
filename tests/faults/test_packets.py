"""Packet loss where there is nothing to lose packets on: refused, with what would do."""

import json
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.faults import PacketDrop, Partition
from harness.faults.registry import injector_for
from harness.plan.fault import FaultSpec
from harness.plan.plan import PlannedFault
from harness.stack import Stack, StackLink, StackSettings
from harness.stack.namespaces import Wire
from tests.builders import laid_out, offered_by, planned_fault

WIRE = Wire(device="lc0123", block="198.18.7.32", port=5432)
EDGE = StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")
DATABASE = StackLink("database", "127.0.0.1:3", "127.0.0.1:4")


def a_stack(kind: str = "local", *, namespaces: bool = False) -> Stack:
    """A stack that does not run."""
    folder = Path("/nowhere")
    local = kind == "local"
    stack = Stack(
        kind="local" if local else "attached",
        stack_id="0123",
        state_dir=folder,
        log_dir=folder,
        socket_path=folder / "socket",
        links={"edge": EDGE} if namespaces or not local else {"edge": EDGE, "database": DATABASE},
        wires={"database": WIRE} if namespaces else {},
        toxiproxy_api="http://127.0.0.1:5",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:1",
        admin_token="token",
        settings=StackSettings(namespaces=namespaces) if local else None,
    )
    return laid_out(stack)


def planned(spec: FaultSpec) -> PlannedFault:
    """The fault, whenever."""
    return planned_fault(f"1-{spec.kind}", spec, 0.0, 1.0)


def test_a_stack_in_namespaces_offers_packets_and_no_proxy() -> None:
    """The service does not go through a proxy there, so a fault of one would do nothing."""
    offered = offered_by(a_stack(namespaces=True))

    assert "packets database" in offered
    assert "link database" not in offered
    assert not any(each.startswith("packets") for each in offered_by(a_stack()))


@pytest.mark.parametrize(
    ("stack", "spec", "says"),
    [
        (a_stack(), PacketDrop("database"), "start the stack with --namespaces"),
        (a_stack("attached"), PacketDrop("database"), "without --host"),
        (a_stack(namespaces=True), PacketDrop("edge"), "it has packets on the link database"),
        (a_stack(namespaces=True), Partition("database"), "leave out --namespaces"),
    ],
)
def test_what_would_do_is_named(stack: Stack, spec: FaultSpec, says: str) -> None:
    """A fault on a stack that cannot give it is a mistake of use, told in one line."""
    with pytest.raises(UsageError, match=says) as caught:
        injector_for(planned(spec), stack)

    assert "\n" not in str(caught.value)


def test_a_dead_stacks_namespaces_are_not_entered() -> None:
    """Their way in was a number of the supervisor's, which may be another process's now."""
    injector = injector_for(planned(PacketDrop("database")), a_stack(namespaces=True))

    with pytest.raises(HarnessError, match="supervisor is dead"):
        injector.heal()


def a_rule(field: str, *more: dict[str, object], op: str = "==") -> dict[str, object]:
    """As nftables prints it: which address, what else, how many packets; then they are dropped."""
    left = {"payload": {"protocol": "ip", "field": field}}
    match = {"match": {"op": op, "left": left, "right": WIRE.far_host}}
    count = {"counter": {"packets": 7, "bytes": 420}}
    last = [] if any("accept" in each for each in more) else [{"drop": None}]
    rule = {"table": "lendchaos_1_packet_drop", "expr": [match, count, *more, *last]}
    return {"rule": rule}


UP, BACK = a_rule("daddr"), a_rule("saddr")
LIMIT: dict[str, object] = {"limit": {"rate": 5, "per": "second"}}


@pytest.mark.parametrize(
    ("rules", "flags", "told"),
    [
        ([UP, BACK], {}, "packets dropped: 7 up, 7 back"),
        ([UP], {}, "missing: saddr"),
        ([], {}, "missing: daddr, saddr"),
        ([UP, a_rule("saddr", LIMIT)], {}, "missing: saddr"),
        ([UP, a_rule("saddr", {"accept": None})], {}, "missing: saddr"),
        ([UP, a_rule("saddr", op="!=")], {}, "missing: saddr"),
        ([a_rule("daddr", {"accept": None}), UP, BACK], {}, "changed"),
        ([UP, BACK], {"flags": "dormant"}, "missing: daddr, saddr"),
    ],
    ids=["whole", "one", "none", "limit", "accepts", "others", "before", "dormant"],
)
def test_a_drop_is_there_only_with_all_of_its_rules_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
    rules: list[dict[str, object]],
    flags: dict[str, str],
    told: str,
) -> None:
    """One of two directions that somebody takes back, in part at least, ends the whole fault."""
    table = {"table": {"name": "lendchaos_1_packet_drop", **flags}}
    printed = json.dumps({"nftables": [{"metainfo": {}}, table, *rules]})
    injector = injector_for(planned(PacketDrop("database")), a_stack(namespaces=True))
    monkeypatch.setattr(injector, "_nft", lambda *_: printed)
    proof, gone = injector.read_back(), injector.gone()

    assert proof.text.endswith(f": {told}")
    assert proof.holds is (gone is None) is told.startswith("packets")

"""Packet loss where there is nothing to lose packets on: refused, with what would do."""

from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.fault_specs import AnyFault, PacketDrop, Partition
from harness.faults.injectors import injector_for
from harness.faults.packets import _match_and_count
from harness.plan import PlannedFault
from harness.stack import Link, Stack, StackSettings
from harness.stack.namespaces import Wire

WIRE = Wire(device="lc0123", block="198.18.7.32", port=5432)
EDGE = Link("edge", "127.0.0.1:1", "127.0.0.1:2")
DATABASE = Link("database", "127.0.0.1:3", "127.0.0.1:4")


def a_stack(kind: str = "local", *, namespaces: bool = False) -> Stack:
    """A stack that does not run."""
    folder = Path("/nowhere")
    local = kind == "local"
    return Stack(
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


def planned(spec: AnyFault) -> PlannedFault:
    """The fault, whenever."""
    return PlannedFault(f"1-{spec.kind}", spec, 0.0, 1.0)


def test_a_stack_in_namespaces_offers_packets_and_no_proxy() -> None:
    """The service does not go through a proxy there, so a fault of one would do nothing."""
    offered = a_stack(namespaces=True).capabilities

    assert "packets:database" in offered
    assert "link:database" not in offered
    assert not any(c.startswith("packets:") for c in a_stack().capabilities)


@pytest.mark.parametrize(
    ("stack", "spec", "says"),
    [
        (a_stack(), PacketDrop("database"), "start the stack with --namespaces"),
        (a_stack("attached"), PacketDrop("database"), "without --host"),
        (a_stack(namespaces=True), PacketDrop("edge"), "this stack has: database"),
        (a_stack(namespaces=True), Partition("database"), "without --namespaces, or use PacketDr"),
    ],
)
def test_what_would_do_is_named(stack: Stack, spec: AnyFault, says: str) -> None:
    """A fault on a stack that cannot give it is a mistake of use, told in one line."""
    with pytest.raises(UsageError, match=says) as caught:
        injector_for(planned(spec), stack)

    assert "\n" not in str(caught.value)


def test_a_dead_stacks_namespaces_are_not_entered() -> None:
    """Their way in was a number of the supervisor's, which may be another process's now."""
    injector = injector_for(planned(PacketDrop("database")), a_stack(namespaces=True))

    with pytest.raises(HarnessError, match="supervisor is dead"):
        injector.heal()


def test_a_rule_counts_only_when_it_drops() -> None:
    """As nftables prints it: which address, how many packets, and what becomes of them."""
    match = {"match": {"left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "x"}}
    count = {"counter": {"packets": 7, "bytes": 420}}

    assert _match_and_count([match, count, {"drop": None}]) == ("daddr", 7)
    assert _match_and_count([match, count, {"accept": None}]) == ("", 7)

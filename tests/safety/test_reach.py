"""Where a run may go: this machine, and hosts that were named; and what its faults touch there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.processes import identify
from harness.faults import BlockingMigration, Kill, PacketDrop, Partition
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.run.preview import preview
from harness.run.safety.feasible import addresses_of, require_reach
from harness.run.safety.radius import radius_of
from harness.stack import Stack, StackLink, StackSettings
from harness.stack.namespaces import Wire
from harness.stack.state import save_state
from tests.builders import LOCAL, lacking, laid_out

LINKS = {
    "edge": StackLink("edge", "127.0.0.1:2001", "127.0.0.1:2002"),
    "database": StackLink("database", "127.0.0.1:2003", "127.0.0.1:2004"),
}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A local stack that is up, as its state file tells it; nothing of it exists."""
    made = Stack(
        kind="local",
        stack_id="ours",
        state_dir=tmp_path,
        log_dir=tmp_path,
        socket_path=tmp_path / "socket",
        links=LINKS,
        toxiproxy_api="http://127.0.0.1:2005",
        service_url="http://127.0.0.1:2002",
        edge_url="http://127.0.0.1:2001",
        admin_token="token",
        database_url="postgresql://harness:password@127.0.0.1:2004/lending",
        settings=StackSettings(),
        service_logs={},
    )
    return laid_out(made)


def plan_of(*faults: Any, **settings: Any) -> Plan:
    """A plan with these faults."""
    return expand(
        "it", "", Scenario(faults=list(faults)), Settings(seed=1, **settings), layout=LOCAL
    )


def link(upstream: str = "127.0.0.1:1", listen: str = "127.0.0.1:2") -> dict[str, Any]:
    """One more link."""
    return {"links": {**LINKS, "more": StackLink("more", listen, upstream)}}


def test_this_machine_needs_no_permission(stack: Stack) -> None:
    """Every address is looked at: nobody else can be hurt."""
    require_reach(stack, ())

    assert {address.what for address in addresses_of(stack)} == {
        *("the service", "the edge link", "Toxiproxy's control interface", "the database"),
        *("the link edge", "the far side of the link edge"),
        *("the link database", "the far side of the link database"),
    }


def test_a_stacks_own_namespaces_are_this_machine(stack: Stack) -> None:
    """The database behind its wire is ours; a wire that claims another network is not believed."""
    for block, ours in (("198.18.7.0", True), ("10.1.2.0", False)):
        wire = Wire(device="wire", block=block, port=5432)
        url = f"postgresql://u:p@{wire.aside_host}:5432/lending"
        wired = replace(stack, wires={"database": wire}, database_url=url)
        if ours:
            require_reach(wired, ())
        else:
            with pytest.raises(UsageError, match="the database is elsewhere"):
                require_reach(wired, ())


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"service_url": "http://10.1.2.3:80"}, "the service"),
        ({"database_url": "postgresql://u:p@10.1.2.3:5432/lending"}, "the database"),
        (link(upstream="10.1.2.3:5432"), "the far side of the link more"),
    ],
)
def test_another_machine_must_be_named(changes: dict[str, Any], what: str, stack: Stack) -> None:
    """One line that says what leads there and how to allow it; never a word of a secret."""
    elsewhere = replace(stack, **changes)
    with pytest.raises(UsageError) as caught:
        require_reach(elsewhere, ["10.9.9.9"])
    line = str(caught.value)
    require_reach(elsewhere, ["10.1.2.3"])

    assert line.startswith(f"{what} is elsewhere: 10.1.2.3 is another machine")
    assert "--allow-target 10.1.2.3" in line
    assert "\n" not in line
    assert "u:p@" not in line


@pytest.mark.parametrize(
    "changes",
    [
        {"toxiproxy_api": "http://10.1.2.3:8474"},
        {"edge_url": "http://10.1.2.3:80"},
        link(listen="0.0.0.0:80"),
    ],
)
def test_what_is_ours_is_never_elsewhere(changes: dict[str, Any], stack: Stack) -> None:
    """Toxiproxy's control interface has no password: on another machine anybody may hold it."""
    with pytest.raises(UsageError, match="must be on this machine"):
        require_reach(replace(stack, **changes), ["10.1.2.3", "0.0.0.0"])  # noqa: S104


def test_a_fault_touches_what_it_names(stack: Stack) -> None:
    """With its addresses; and what is left says so."""
    plan = plan_of(Partition("database"), Kill("replicas"), BlockingMigration("loan"))
    radius = radius_of(plan, stack.layout)

    assert radius.touched == {
        "1-partition": ("link database (127.0.0.1:2003 → 127.0.0.1:2004)",),
        "2-kill": ("process replica-1 (127.0.0.1:2002)", "process replica-2 (127.0.0.1:2002)"),
        "3-blocking_migration": ("table loan in the service's database (127.0.0.1:2004)",),
    }
    assert radius.untouched == (
        "link edge (127.0.0.1:2001 → 127.0.0.1:2002)",
        "process postgres (127.0.0.1:2004)",
        "process bureau",
    )
    assert lacking(plan, stack, None) == []


def test_what_a_target_lacks_is_told(stack: Stack) -> None:
    """Before it is tried."""
    bare = laid_out(replace(stack, kind="attached", settings=None, database_url=None))
    plan = plan_of(Kill("replicas"), BlockingMigration(), Partition("edge"))

    for where in ((bare, None), (None, "http://127.0.0.1:1")):
        assert len(lacking(plan, *where)) == 2
    assert lacking(plan, None, None) == []
    (found,) = lacking(plan_of(Partition("spare")), None, None)
    assert "needs link spare" in found


def test_a_stack_in_namespaces_is_still_this_machine(stack: Stack) -> None:
    """Its own addresses lead nowhere else; a real one in the state file does."""
    wire = Wire(device="veth", block="198.18.0.16", port=5432)
    database = "postgresql://u:p@{}:5432/lending"
    walled = replace(
        stack,
        links={"edge": LINKS["edge"]},
        wires={"database": wire},
        database_url=database.format(wire.aside_host),
    )
    radius = radius_of(plan_of(PacketDrop("database")), laid_out(walled).layout)
    require_reach(walled, ())

    assert radius.touched["1-packet_drop"] == (f"packets on the link database ({wire.address})",)
    for host, block in (("198.18.0.40", "198.18.0.16"), ("8.8.8.8", "8.8.8.0")):
        forged = {"database": replace(wire, block=block)}
        with pytest.raises(UsageError, match="the database is elsewhere"):
            require_reach(replace(walled, wires=forged, database_url=database.format(host)), ())


def test_a_dry_run_tells_everything(stack: Stack) -> None:
    """Load, phases, faults, what they touch, what would stop it."""
    text = preview(plan_of(Partition("database")), stack.state_dir, None, ())

    for words in (
        "dry run of it, seed 1",
        "the local stack, to be started",
        "50 arrivals a second for 30 s",
        "1,500 borrow requests worth ",
        " yuan, each sent once",
        "     8.0 to   13.0   fault 1-partition: bytes vanish on the link database",
        "healed by 18.0 s at the latest",
        "   phase recovery",
        "1-partition touches link database",
        "not touched: link edge, link bureau, process postgres, process replica-1, process re",
        "exit code 4, if",
        "a loan is paid out twice",
        "nothing was touched",
    ):
        assert words in text


def test_a_dry_run_shows_the_addresses_of_a_stack_that_is_up(stack: Stack) -> None:
    """From its state file alone; one whose supervisor is dead is none, and is left as it is."""
    plan = plan_of(Partition("database"))
    save_state(stack)
    dead = preview(plan, stack.state_dir, None, ())
    save_state(replace(stack, supervisor=identify(1)))
    alive = preview(plan, stack.state_dir, None, ())

    assert "to be started" in dead
    assert "link database (127.0.0.1:2003 → 127.0.0.1:2004)" in alive
    assert (stack.state_dir / "stack.json").exists()


def test_a_dry_run_refuses_what_a_run_would(tmp_path: Path) -> None:
    """The same mistakes, before anything is done."""
    with pytest.raises(UsageError, match=r"--allow-target lender\.example"):
        preview(plan_of(Partition("edge")), tmp_path, "http://lender.example", ())
    with pytest.raises(UsageError, match="needs process replicas that can be killed, which"):
        preview(plan_of(Kill("replicas")), tmp_path, "http://127.0.0.1:1", ())

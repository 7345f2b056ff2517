"""What a stack offers to faults follows from what its parts, or its target, declare."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.faults import BlockingMigration, Freeze, Kill, Partition, Restart, Throttle
from harness.faults.overlap import can_end, can_silence
from harness.faults.registry import missing_for
from harness.plan.fault import FaultSpec
from harness.plan.layout import LayoutPart, StackLayout
from harness.plan.target_parts import Link, Program, TargetParts
from harness.stack import roles
from harness.stack.backends import backend_for
from harness.stack.parts.part import HasPrimary, Killable, Pausable, Restartable, StackPart, Yard
from harness.stack.state import Stack, StackLink, load_state, save_state
from harness.stack.supervised_process import Child
from harness.stack.usable import require_proxy_for
from tests.builders import LOCAL, laid_out, plan_of, planned_fault, stack_in

DATABASE_URL = "postgresql://audit@localhost:5432/lender"


class Part(StackPart, Killable, Restartable, Pausable):
    """A part that is never started."""

    group = "book"
    listens = "127.0.0.1:7000"

    async def start(self, yard: Yard) -> None:
        """Nothing to do."""

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """It is not."""
        del yard, child
        return False


class Hidden(Part):
    """It listens nowhere."""

    listens = ""


class Brokers(Part, HasPrimary):
    """Two processes."""

    group = "kafka"
    one_of_them: ClassVar[str] = "broker"
    tables: ClassVar[tuple[str, ...]] = ("topic",)

    def names(self, _: Any) -> tuple[str, ...]:
        """Both."""
        return ("kafka-1", "kafka-2")

    def primary(self, _: Stack) -> str:
        """The second."""
        return "kafka-2"


class NoPart:
    """Something else."""

    group = "book"


class Half(StackPart):
    """One that cannot start."""

    group = "book"


def layout_of(parts: TargetParts, links: dict[str, str] | None = None) -> StackLayout:
    """Of an attached stack with these parts; the service is at port 80 behind the edge link."""
    upstreams = {"edge": "127.0.0.1:80", **{n: link.upstream for n, link in parts.links.items()}}
    upstreams |= links or {}
    made = {name: StackLink(name, "127.0.0.1:1", upstream) for name, upstream in upstreams.items()}
    return laid_out(stack_in(Path("/nowhere"), links=made), parts).layout


def lacks(fault: FaultSpec, layout: StackLayout) -> str:
    """Why a fault cannot be on it; empty where it can."""
    return missing_for(planned_fault("1-x", fault, 0.0, 1.0), layout)


@pytest.mark.parametrize(
    ("program", "fault", "told"),
    [
        (Program("serve", listens="127.0.0.1:80"), Kill("lender"), ""),
        (Program("serve", listens="127.0.0.1:80"), Restart("lender"), ""),
        (Program("serve", listens="127.0.0.1:80"), Freeze("lender"), "asks=... in the process"),
        (Program("serve", listens="127.0.0.1:80", asks="/up"), Freeze("lender"), ""),
        (Program("serve", listens="127.0.0.1:80", asks=""), Freeze("lender"), ""),
    ],
)
def test_a_process_is_asked_what_it_declares(program: Program, fault: Any, told: str) -> None:
    """A connection is enough for one that was killed; one that stands still takes it, too."""
    found = lacks(fault, layout_of(TargetParts(processes={"lender": program})))

    assert told in found
    assert bool(found) is bool(told)


def test_a_part_without_an_address_takes_no_fault() -> None:
    """Nothing would show it."""
    assert "which this target lacks" in lacks(
        Kill("book"), layout_of(TargetParts(processes={"book": Hidden}))
    )


@pytest.mark.parametrize(
    ("kind", "told"),
    [(NoPart, "must be a subclass of StackPart"), (Half, "Can't instantiate abstract class Half")],
)
def test_a_class_that_is_no_part_is_refused(kind: type, told: str) -> None:
    """Before a run, in one line."""
    with pytest.raises(UsageError, match=told):
        layout_of(TargetParts(processes={"book": kind}))


@pytest.mark.parametrize("upstream", ["127.0.0.1:5432", "localhost:5432", "[::1]:5432"])
def test_the_link_to_the_database_is_found_however_it_is_written(upstream: str) -> None:
    """It needs no question of its own."""
    parts = TargetParts(links={"books": Link(upstream)}, database=DATABASE_URL)
    layout = layout_of(parts)

    assert layout.leads_to_database("books")
    assert lacks(Partition("books"), layout) == ""
    assert lacks(BlockingMigration("m_loan"), layout) == ""  # a table of theirs, unknown to us


def test_a_targets_own_database_process_is_what_its_link_leads_to() -> None:
    """So that a fault of the one is told from a fault of the other."""
    layout = layout_of(
        TargetParts(
            links={"books": Link("127.0.0.1:5432")},
            processes={"db": Program("postgres", listens="127.0.0.1:5432", asks="x")},
            database=DATABASE_URL,
        )
    )
    kill = planned_fault("1-kill", Kill("db"), 0.0, 1.0)

    assert can_silence(kill, planned_fault("2-p", Partition("books"), 0.0, 1.0), layout)
    assert can_end(kill, planned_fault("2-m", BlockingMigration("m_loan"), 0.0, 1.0), layout)


def test_data_is_carried_where_requests_are_known() -> None:
    """A question that is no page carries none, and the run would find out after its start."""
    parts = TargetParts(links={"cache": Link("127.0.0.1:6379", asks="PING\r\n")})

    assert "which this target lacks" in lacks(
        Throttle("cache", kilobytes_per_second=5), layout_of(parts)
    )
    assert lacks(Partition("cache"), layout_of(parts)) == ""
    assert (
        lacks(Throttle("edge", kilobytes_per_second=5), layout_of(TargetParts(health="/up"))) == ""
    )


def test_a_part_says_its_roles_and_tables() -> None:
    """None follows from how its group is spelt."""
    layout = layout_of(TargetParts(processes={"kafka": Brokers}))

    assert layout.candidates("kafka") == layout.candidates("broker") == ("kafka-1", "kafka-2")
    assert (layout.is_one_of("kafka"), layout.is_one_of("broker")) == (False, True)
    assert layout.tables == ()  # those of a target are not known


def test_the_name_of_our_own_process_is_taken() -> None:
    """Any other is free, whatever the local stack calls its processes."""
    for name, refused in (("toxiproxy", True), ("postgres", False), ("replicas", False)):
        parts = TargetParts(processes={name: Program("x", listens="127.0.0.1:7000")})
        backend = backend_for(
            plan_of().settings, Path("/nowhere"), "http://127.0.0.1:80", parts=parts
        )
        told = [
            text for text in backend.objections(plan_of().settings, ()) if "own process" in text
        ]

        assert bool(told) is refused


def test_the_state_file_holds_what_is_offered(tmp_path: Path, monkeypatch: Any) -> None:
    """Whoever heals reads it there, and imports no class of a part."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "register"))
    monkeypatch.setattr("harness.stack.state.is_alive", lambda _: True)
    parts = TargetParts(health="/up", processes={"book": Part})
    stack = laid_out(stack_in(tmp_path), parts)
    save_state(stack)

    found = load_state(tmp_path)

    assert found is not None
    assert found.layout == stack.layout
    assert found.layout.part("book") == LayoutPart(
        "book", "book", ("kill", "restart", "pause"), "127.0.0.1:7000"
    )


def serving(command: str = "serve {books}", asks: str | None = "/up") -> TargetParts:
    """A target with a link and a process."""
    program = Program(command, listens="127.0.0.1:7000", asks=asks)
    return TargetParts(links={"books": Link("127.0.0.1:5432")}, processes={"lender": program})


@pytest.mark.parametrize(
    ("wanted", "alike"),
    [
        (serving(), True),
        (serving("serve --fast {books}"), False),
        (serving(asks=None), False),
        (replace(serving(), links={"books": Link("127.0.0.1:5433")}), False),
        (replace(serving(), processes={}), False),
    ],
)
def test_a_proxy_with_other_parts_is_another_one(wanted: TargetParts, alike: bool) -> None:
    """Else a fault would be proven by the questions of a class that was changed since."""
    up = serving()
    ways = {"edge": "127.0.0.1:80", "books": "127.0.0.1:5432"}
    links = {
        name: StackLink(name, f"127.0.0.1:{4000 + n}", to)
        for n, (name, to) in enumerate(ways.items())
    }
    listens_at = {name: link.listen for name, link in links.items()}
    programs = {name: each.started(listens_at) for name, each in up.programs.items()}
    made = {"links": links, "programs": programs, "service_url": "http://127.0.0.1:80"}
    running = laid_out(stack_in(Path("/nowhere"), admin_token="", **made), up)

    told = nullcontext() if alike else pytest.raises(HarnessError, match="with other links or")
    with told:
        require_proxy_for(running, "http://127.0.0.1:80", "", wanted)


# --- roles ---------------------------------------------------------------------------------------


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The processes that are at work."""
    names = {part.name for part in LOCAL.parts}

    class Client:
        def __init__(self, _: object) -> None: ...

        def status(self) -> list[Any]:
            return [cast("Any", type("P", (), {"name": n, "alive": n in names})) for n in names]

    monkeypatch.setattr(roles, "StackClient", Client)
    return names


def local() -> Stack:
    """A local stack; nothing of it exists."""
    return replace(stack_in(Path("/nowhere")), kind="local", layout=LOCAL, settings=None)


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        (Partition("database"), ()),
        (Kill("replica-1"), ("replica-1",)),
        (Kill("replicas"), ("replica-1", "replica-2")),
        (Kill("primary"), ("postgres",)),
    ],
)
def test_a_name_means_what_it_says(
    alive: set[str], fault: FaultSpec, parts: tuple[str, ...]
) -> None:
    """And a role means those that hold it."""
    assert alive
    assert roles.resolved(planned_fault("1-x", fault, 0.0, 1.0), local(), "seed").parts == parts


def test_of_one_of_several_one_at_work_is_drawn(alive: set[str]) -> None:
    """The same again from the same seed; none that is down."""
    planned = planned_fault("1-kill", Kill("replica"), 0.0, 1.0)
    drawn = {roles.resolved(planned, local(), str(seed)).parts for seed in range(20)}
    again = {roles.resolved(planned, local(), "7").parts for _ in range(20)}
    alive.discard("replica-1")
    left = {roles.resolved(planned, local(), str(seed)).parts for seed in range(20)}
    alive.discard("replica-2")

    assert drawn == {("replica-1",), ("replica-2",)}
    assert len(again) == 1
    assert left == {("replica-2",)}
    with pytest.raises(HarnessError, match="no replica is at work"):
        roles.resolved(planned, local(), "seed")

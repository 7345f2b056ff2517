"""A fault of several processes is over when the first of them is back, and it is told by whom."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.faults import Freeze, Kill, Restart
from harness.faults.base import Gone
from harness.faults.process import process_fault as server_module
from harness.faults.registry import injector_for
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultSpec
from harness.stack.supervisor_messages import ProcessStatus
from tests.builders import planned_fault
from tests.stack.test_state import a_stack

LASTS_SECONDS = 20.0
NAMES = ("replica-1", "replica-2")


class Supervisor:
    """In the place of a stack's supervisor: two replicas that do what a test says."""

    def __init__(self, *_: object) -> None:
        self.processes = {name: self.at_work(name, 10) for name in NAMES}
        self.answering: list[str] = []
        self.probes: list[int] = []

    @staticmethod
    def at_work(name: str, pid: int) -> ProcessStatus:
        """One that runs since long ago."""
        return ProcessStatus(
            name=name,
            pid=pid,
            alive=True,
            frozen=False,
            restarts=0,
            last_exit=None,
            ordered_ns=1,
            started_by="supervisor",
        )

    def set(self, name: str, **facts: object) -> None:
        """Change what is told of one process."""
        known = self.processes[name]
        told = {field: getattr(known, field) for field in ProcessStatus.__slots__}
        self.processes[name] = ProcessStatus(**{**told, **facts})

    def status(self) -> tuple[ProcessStatus, ...]:
        """What is told of all."""
        return tuple(self.processes.values())

    def kill(self, _targets: tuple[str, ...], _seconds: float) -> dict[str, int]:
        """All of them, as asked."""
        for name in NAMES:
            self.set(name, pid=10, alive=False, started_by="")
        return dict.fromkeys(NAMES, 10)

    shut_down = kill

    def freeze(self, _targets: tuple[str, ...], _seconds: float) -> dict[str, int]:
        """All of them, as asked."""
        for name in NAMES:
            self.set(name, frozen=True, stopped=True)
        return dict.fromkeys(NAMES, 10)

    def silent(self, probes: int = 12) -> tuple[bool, str]:
        """In the place of the probe."""
        self.probes.append(probes)
        return not self.answering, f"{', '.join(self.answering)} still answers"


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Asked by every injector of the test."""
    made = Supervisor()
    monkeypatch.setattr(server_module, "StackClient", lambda _: made)
    monkeypatch.setattr(server_module, "probe_for", lambda *_: made)
    return made


@pytest.fixture
def looked(
    supervisor: Supervisor, tmp_path: Path
) -> Callable[[FaultSpec, Callable[[int], None]], Gone | None]:
    """Injects a fault, lets something happen (told when the fault is due), and looks."""
    _ = supervisor

    def look(spec: FaultSpec, happen: Callable[[int], None]) -> Gone | None:
        injector = injector_for(planned_fault("1-x", spec, 0.0, LASTS_SECONDS), a_stack(tmp_path))
        injector.inject()
        assert injector.gone() is None
        happen(injector._due_ns)  # type: ignore[attr-defined]
        return injector.gone()

    return look


Look = Callable[[FaultSpec, Callable[[int], None]], Gone | None]
DOWN = pytest.mark.parametrize("spec", [Kill("replicas"), Restart("replicas")])


@DOWN
def test_one_of_two_started_by_request_ends_the_fault(
    supervisor: Supervisor, looked: Look, spec: FaultSpec
) -> None:
    """By nobody's order, for no heal asked; dated by the request, the process named."""

    def happen(due_ns: int) -> None:
        ordered = {"ordered_ns": due_ns - 5_000_000_000, "started_by": "request"}
        supervisor.set("replica-2", pid=11, alive=True, **ordered)

    gone = looked(spec, happen)

    assert gone is not None
    assert gone.by is EndedBy.NOBODY
    assert "someone had the supervisor start replica-2 (pid 11) again" in gone.text
    assert "replica-1" not in gone.text
    assert gone.at_ns is not None


@DOWN
def test_another_time_set_by_somebody_is_no_means_of_the_target(
    supervisor: Supervisor, looked: Look, spec: FaultSpec
) -> None:
    """Who kills it again with a shorter time gives a request, too."""

    def happen(due_ns: int) -> None:
        for name in NAMES:
            timed = {"ordered_ns": due_ns - 5_000_000_000, "started_by": "timer"}
            supervisor.set(name, pid=11, alive=True, **timed)

    gone = looked(spec, happen)

    assert gone is not None
    assert gone.by is EndedBy.NOBODY


@DOWN
def test_a_start_that_nobody_asked_for_is_the_targets(
    supervisor: Supervisor, looked: Look, spec: FaultSpec
) -> None:
    """The supervisor's own rule restarts what ends."""

    def happen(due_ns: int) -> None:
        by_itself = {"ordered_ns": due_ns - 5_000_000_000, "started_by": "supervisor"}
        supervisor.set("replica-1", pid=11, alive=True, **by_itself)

    gone = looked(spec, happen)

    assert gone is not None
    assert (gone.by, gone.text) == (
        EndedBy.TARGET,
        "the supervisor started replica-1 (pid 11) again",
    )


@DOWN
def test_a_start_at_the_set_time_is_no_early_end(
    supervisor: Supervisor, looked: Look, spec: FaultSpec
) -> None:
    """The supervisor keeps the time when the conductor was stopped; its own heal is due then."""

    def happen(due_ns: int) -> None:
        for name in NAMES:
            timed = {"ordered_ns": due_ns + 1_000, "started_by": "timer"}
            supervisor.set(name, pid=11, alive=True, **timed)

    assert looked(spec, happen) is None


@DOWN
def test_what_answers_although_it_is_down_was_started_by_hand(
    supervisor: Supervisor, looked: Look, spec: FaultSpec
) -> None:
    """The supervisor knows nothing of it; few connections tell."""
    gone = looked(spec, lambda _: supervisor.answering.append("replica-1"))

    assert gone is not None
    assert gone.by is EndedBy.NOBODY
    assert gone.text == "replica-1 still answers, and the supervisor did not start it"
    assert set(supervisor.probes) == {server_module.LOOK_PROBES}


@pytest.mark.parametrize(
    ("thawed_s", "dated", "told"),
    [(-5.0, True, "as someone asked the supervisor to"), (None, False, "no longer stopped")],
    ids=["request", "signal"],
)
def test_one_of_two_that_goes_on_ends_a_freeze(
    supervisor: Supervisor, looked: Look, thawed_s: float | None, dated: bool, told: str
) -> None:
    """By a request to the supervisor, which knows when, or by a signal, where nobody does."""

    def happen(due_ns: int) -> None:
        thawed_ns = 0 if thawed_s is None else due_ns + round(thawed_s * 1e9)
        supervisor.set("replica-2", frozen=False, stopped=False, thawed_ns=thawed_ns)

    gone = looked(Freeze("replicas"), happen)

    assert gone is not None
    assert gone.by is EndedBy.NOBODY
    assert "replica-2 (pid 10)" in gone.text
    assert told in gone.text
    assert (gone.at_ns is not None) is dated


def test_a_process_that_goes_on_in_part_ends_a_freeze(supervisor: Supervisor, looked: Look) -> None:
    """A backend of PostgreSQL that somebody let go on serves; it is not at work either."""
    gone = looked(Freeze("replicas"), lambda _: supervisor.set("replica-1", frozen=False))

    assert gone is not None
    assert gone.by is EndedBy.NOBODY


def test_going_on_at_the_set_time_is_no_early_end(supervisor: Supervisor, looked: Look) -> None:
    """Dated exactly by the supervisor, whenever the look comes."""

    def happen(due_ns: int) -> None:
        for name in NAMES:
            supervisor.set(name, frozen=False, stopped=False, thawed_ns=due_ns + 1_000)

    assert looked(Freeze("replicas"), happen) is None

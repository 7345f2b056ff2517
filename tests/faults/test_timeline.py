"""The walk of a fault when something else goes wrong: it is healed all the same."""

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.faults import Partition
from harness.faults import fault_walk as walk_module
from harness.faults import timeline as timeline_module
from harness.faults.base import Gone, Injector
from harness.faults.overlap import IsolatedProof
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy
from harness.history.journal import Journal
from harness.plan.plan import PlannedFault
from harness.stack.namespaces import Wire
from harness.stack.state import StackLink, StackSettings
from tests.builders import LOCAL, planned_fault

PLANNED = planned_fault("1-partition", Partition("edge"), 0.0, 0.2)


class Breakable(Injector):
    """An injector that counts its heals and fails where it is told to."""

    def __init__(
        self,
        *,
        inject_fails: Exception | None = None,
        heals_that_fail: int = 0,
        well_after: int = 0,
        gone_after: int | None = None,
        gone: Gone | None = None,
    ) -> None:
        self.looks = 0
        self.looked_ns: list[int] = []
        self._gone_after = gone_after
        self._gone = gone
        self._well_after = well_after
        self.heals = 0
        self.cleaned = False
        self._inject_fails = inject_fails
        self._heals_that_fail = heals_that_fail

    def ready(self) -> Proof:
        """Well, once looked at often enough."""
        self.looks += 1
        return Proof("canary", holds=self.looks > self._well_after, text="a look")

    def inject(self) -> None:
        """Break, or fail to."""
        if self._inject_fails:
            raise self._inject_fails

    def read_back(self) -> Proof:
        """In place."""
        return Proof("control_plane", holds=True, text="in place")

    def canary(self) -> Proof:
        """Broken."""
        return Proof("canary", holds=True, text="broken")

    def gone(self) -> Gone | None:
        """Still there, for as many looks as were asked for; then as it was told, or an error."""
        self.looked_ns.append(time.monotonic_ns())
        if self._gone_after is None or len(self.looked_ns) <= self._gone_after:
            return None
        if self._gone is None:
            raise HarnessError("cannot look")
        return self._gone

    def heal(self) -> int:
        """Heal, after as many failures as were asked for."""
        self.heals += 1
        if self.heals <= self._heals_that_fail:
            raise OSError(errno.EIO, "not now")
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """Well again."""
        return Proof("healed", holds=True, text="well again")

    def clean_up(self) -> None:
        """Remember it."""
        self.cleaned = True


class Place:
    """All that a timeline needs of a stack."""

    stack_id = "stack-1"
    database_url = None
    toxiproxy_api = service_url = "http://127.0.0.1:9"  # nothing listens there
    links: ClassVar[dict[str, StackLink]] = {
        name: StackLink(name, "127.0.0.1:9", "127.0.0.1:9") for name in ("edge", "database")
    }
    wires: ClassVar[dict[str, Wire]] = {}
    settings, layout, runs_service = StackSettings(), LOCAL, True

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = self.log_dir = state_dir

    beyond = dict[str, str]().get


def walk(
    injector: Breakable,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    full_disk: bool = False,
    heal_s: float = PLANNED.heal_s,
) -> FaultFact | None:
    """Walk one fault to its end; the last fact that could be written down."""
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: injector)
    written: list[FaultFact] = []

    def record(fact: FaultFact) -> None:
        if full_disk:
            raise OSError(errno.ENOSPC, "no space left on device")
        written.append(fact)

    place = Place(folder)
    planned = replace(PLANNED, heal_s=heal_s)
    walked = FaultTimeline(place, (planned,), record, lambda *_: None)  # type: ignore[arg-type]
    walked.start(time.monotonic_ns())
    # What is not written down is not seen; else an end that we ask for would be told as an order.
    deadline = time.monotonic() + heal_s + (0.1 if full_disk else 2.0)
    while time.monotonic() < deadline and not (written and written[-1].heal_returned_ns):
        time.sleep(0.01)
    walked.finish()
    return written[-1] if written else None


def check(injector: Breakable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at one fault's canary before anything is injected."""
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: injector)
    monkeypatch.setattr(timeline_module, "READY_SECONDS_MAX", 0.5)
    place = Place(folder)
    FaultTimeline(place, (PLANNED,), print, lambda *_: None).check()  # type: ignore[arg-type]


def test_a_canary_that_comes_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is busy for a moment ends no run."""
    injector = Breakable(well_after=2)
    check(injector, tmp_path, monkeypatch)

    assert injector.looks == 3


def test_a_canary_that_is_never_well_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is injected."""
    with pytest.raises(HarnessError, match="1-partition cannot be proven, a look"):
        check(Breakable(well_after=1000), tmp_path, monkeypatch)


def test_a_full_disk_does_not_keep_a_fault_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be written down, so nothing is proven; but everything is healed."""
    injector = Breakable()

    assert walk(injector, tmp_path, monkeypatch, full_disk=True) is None
    assert (injector.heals, injector.cleaned) == (1, True)
    assert Journal(tmp_path, "stack-1").open_faults() == []


def test_a_failed_injection_is_healed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have failed half-way; a mistake in lendchaos is named as one."""
    injector = Breakable(inject_fails=KeyError("x"))
    fact = walk(injector, tmp_path, monkeypatch)

    assert injector.heals == 1
    assert fact is not None
    assert fact.error == "injection: internal error in lendchaos: KeyError: 'x'; please report it"


def test_what_is_called_off_while_it_gets_ready_is_not_injected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Healed now, whatever was about to come: the last look is just before the injection."""
    injector = Breakable()
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: injector)
    facts: list[FaultFact] = []
    place = Place(tmp_path)
    record = facts.append
    walked = FaultTimeline(place, (PLANNED,), record, lambda *_: None)  # type: ignore[arg-type]
    injected: list[str] = []
    monkeypatch.setattr(injector, "inject", lambda: injected.append("injected"))
    monkeypatch.setattr(IsolatedProof, "look_before", lambda _: walked.heal_now())
    walked.start(time.monotonic_ns())
    time.sleep(0.3)
    walked.finish()

    assert injected == []
    assert facts[-1].inject_called_ns is None
    assert injector.heals >= 1


def test_a_failed_heal_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong the first time."""
    injector = Breakable(heals_that_fail=2)
    fact = walk(injector, tmp_path, monkeypatch)

    assert injector.heals == 3
    assert fact is not None
    assert fact.heal_returned_ns is not None


def test_a_fault_that_cannot_be_healed_is_left_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the undo file, and the run says that it was never shown to be healed."""
    injector = Breakable(heals_that_fail=99)
    fact = walk(injector, tmp_path, monkeypatch)

    assert fact is not None
    assert fact.heal_returned_ns is None
    assert [left.name for left in Journal(tmp_path, "stack-1").open_faults()] == ["1-partition"]


# --- several, and others who heal ----------------------------------------------------------------


class Slow(Breakable):
    """A fault that is broken for as long as it is not healed, and slow to prove."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.healed_at: list[float] = []

    def read_back(self) -> Proof:
        """In place until it is healed, by whomever."""
        return Proof("control_plane", holds=not self.healed_at, text="as it is")

    def canary(self) -> Proof:
        """Waits for an answer that does not come."""
        time.sleep(1.5)
        return Proof("canary", holds=True, text="broken")

    def heal(self) -> int:
        """Remember when."""
        self.healed_at.append(time.monotonic())
        return super().heal()


@dataclass
class Several:
    """Two faults that are under way for a minute unless somebody heals them."""

    timeline: FaultTimeline
    slow: dict[str, Slow]
    facts: dict[str, FaultFact]
    aborts: list[str]
    journal: Journal

    def all_injected(self) -> bool:
        """Whether both are at work."""
        return all(f.inject_returned_ns for f in self.facts.values()) and len(self.facts) == 2


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    """Both injected."""
    slow: dict[str, Slow] = {}

    def make(planned: PlannedFault, _stack: object) -> Slow:
        return slow.setdefault(planned.name, Slow(planned.name))

    monkeypatch.setattr(walk_module, "injector_for", make)
    faults = (
        planned_fault("1-partition", Partition("edge"), 0.0, 60.0),
        planned_fault("2-partition", Partition("database"), 0.0, 60.0),
    )
    facts: dict[str, FaultFact] = {}
    aborts: list[str] = []
    timeline = FaultTimeline(
        Place(tmp_path),  # type: ignore[arg-type]
        faults,
        lambda fact: facts.__setitem__(fact.name, fact),
        lambda *_: None,
        run_id="run-1",
        aborted=lambda row: aborts.append(row.by),
    )
    found = Several(
        timeline, slow, facts, aborts, Journal(tmp_path, "stack-1", "run-1", "heal command")
    )
    timeline.start(time.monotonic_ns())
    wait_until(found.all_injected)
    yield found
    timeline.finish()


def wait_until(holds: Callable[[], bool]) -> None:
    """Until it holds; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_are_healed_at_once_while_they_are_still_being_proven(several: Several) -> None:
    """Neither waits for the other, nor for a canary that is still waiting for its answer."""
    asked = time.monotonic()
    several.timeline.heal_now()
    wait_until(lambda: all(slow.healed_at for slow in several.slow.values()))

    assert max(slow.healed_at[0] for slow in several.slow.values()) - asked < 1.0


def test_one_is_healed_and_the_other_goes_on(several: Several) -> None:
    """As the page asks for it; a fault that does not exist is refused."""
    several.timeline.heal("2-partition")
    wait_until(lambda: several.facts["2-partition"].healed_by == "conductor")

    assert several.slow["1-partition"].healed_at == []
    assert several.facts["2-partition"].ended_by is EndedBy.ORDER
    with pytest.raises(UsageError, match="there are: 1-partition, 2-partition"):
        several.timeline.heal("3-partition")
    with pytest.raises(UsageError, match="it is injected"):
        several.timeline.inject("1-partition")


def test_what_another_healed_is_theirs(several: Several) -> None:
    """The journal says who and when: that is the instant the run is judged by."""
    several.slow["1-partition"].healed_at.append(time.monotonic())
    healed_ns = time.monotonic_ns()
    fault = {"fault": "1-partition", "tries": 2}
    several.journal.write("healed", by="deadline", healed_ns=healed_ns, **fault)
    wait_until(lambda: several.facts["1-partition"].healed_ns is not None)
    fact = several.facts["1-partition"]

    assert (fact.healed_ns, fact.healed_by, fact.heal_tries) == (healed_ns, "deadline", 2)
    assert several.slow["2-partition"].healed_at == []


def test_what_another_claims_to_have_healed_and_is_still_there_is_healed(several: Several) -> None:
    """A heal that did not last is no heal: ours is, later."""
    claimed_ns = time.monotonic_ns()
    several.journal.write("healed", fault="1-partition", by="guardian", healed_ns=claimed_ns)
    wait_until(lambda: several.facts["1-partition"].healed_ns is not None)
    fact = several.facts["1-partition"]

    assert fact.healed_by == "conductor"
    assert fact.healed_ns is not None
    assert fact.healed_ns > claimed_ns


def test_an_abort_in_the_journal_ends_the_run(several: Several) -> None:
    """From another terminal: everything is healed, and the run is told who asked."""
    several.journal.write("abort")
    wait_until(lambda: all(slow.healed_at for slow in several.slow.values()))
    wait_until(lambda: any(row.event == "stopping" for row in several.journal.rows()))

    assert several.aborts == ["heal command"]


def test_a_fault_that_begins_late_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when its process was stopped at the time: what is left of it is less than planned."""
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: Breakable())
    place: Any = Place(tmp_path)
    facts: list[FaultFact] = []
    for late_ns in (0, 1_500_000_000):
        planned = replace(PLANNED, heal_s=2.0)
        walked = FaultTimeline(place, (planned,), lambda _: None, lambda *_: None)
        walked.start(time.monotonic_ns() - late_ns)
        time.sleep(0.1)
        walked.finish()
        facts += walked.facts()
    on_time, late = facts

    assert on_time.late_s < 1.5 <= late.late_s


def test_what_is_open_in_the_database_before_a_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that somebody left in a transaction: set-up or ledger may have to wait for it."""
    open_one = "session 7 (psql), since 2026-01-01T00:00:00.000Z"
    found = {"idle_in_transaction": [open_one], "locks": []}
    monkeypatch.setattr(timeline_module, "leftovers", lambda _: found)
    told: list[str] = []
    place: Any = Place(tmp_path)
    (remark,) = FaultTimeline(place, (), lambda _: None, lambda *_: None).check(told.append)

    assert told == [remark]
    assert remark.startswith("in the database before the load: ")
    assert remark.endswith(f"transactions left open by idle sessions: {open_one}")

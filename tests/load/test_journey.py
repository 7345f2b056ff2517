"""One arrival's journey and the rows that it leaves behind."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.history.event_writer import EventWriter
from harness.history.events import Ending, Operation, Outcome, Step
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journey, Journeys
from harness.load.sessions import Account, BorrowerSession
from harness.plan.decline import Decline
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.target.classification import Answer, Classification
from harness.target.transport import Transport
from tests.full_disk import files_end_at

OK = Classification(Outcome.OK)
APPROVED = Classification(Outcome.APPROVED, loan_id="loan-1")
UNKNOWN = Classification(Outcome.INDETERMINATE, "timeout", may_retry=True)
BUSY = Classification(Outcome.FAILED, "overloaded", may_retry=True)
PLACE = "tests/load/test_journey.py:"
REFUSED = Classification(Outcome.FAILED, "bad_request")


class Script:
    """Steps whose answers are set; each takes note of the journey it saw."""

    def __init__(
        self, *borrows: Classification, log_in: Classification = OK, line: Classification = OK
    ) -> None:
        self._borrows = list(borrows)
        self._log_in, self._line = log_in, line
        self.keys: list[str] = []
        self.tokens: list[str] = []
        self.during_borrow: Callable[[], None] = lambda: None
        self.see: Callable[[Journey], None] = lambda _: None

    def log_in(self, journey: Journey) -> Classification:
        """As told."""
        return self._answer(journey, self._log_in)

    def read_credit_line(self, journey: Journey) -> Classification:
        """As told."""
        self.tokens.append(journey.token)
        self.see(journey)
        return self._answer(journey, self._line)

    def borrow(self, journey: Journey) -> Classification:
        """The next one as told."""
        self.keys.append(journey.arrival.key)
        self.during_borrow()
        return self._answer(journey, self._borrows.pop(0))

    def _answer(self, journey: Journey, judged: Classification) -> Classification:
        journey.answer = Answer(status=200)
        journey.request = ("GET", "/step")
        return judged


class Load:
    """One load process's journeys, written to a directory of their own."""

    def __init__(self, folder: Path, script: Script, **settings: Any) -> None:
        chosen = Settings(rate=5, baseline_s=1.0, fault_s=0.0, recovery_s=1.0, **settings)
        self.plan: Plan = expand("a", "", Scenario(), chosen)
        self.run = RunDirectory.create(folder, self.plan)
        self.told: list[dict[str, Any]] = []
        self.events = EventWriter(self.run, "load-0")
        self.journeys = Journeys(
            plan=self.plan,
            steps=script,
            accounts={
                b.index: Account(b.phone, "p", BorrowerSession("held")) for b in self.plan.borrowers
            },
            transport=Transport("http://127.0.0.1:1"),
            events=self.events,
            worker="load-0",
            tell_locust=lambda **fields: self.told.append(fields),
        )

    def perform(self, index: int = 0) -> Operation:
        """Walk one journey; its operation as it was written down."""
        self.journeys.perform(self.plan.arrivals[index], 123, 123)
        return self.operation()

    def operation(self) -> Operation:
        """The last operation on disk."""
        (line,) = [row["operation"] for row in self.rows() if "operation" in row][-1:]
        return Operation(**line)

    def rows(self) -> list[dict[str, Any]]:
        """Everything on disk, without the header."""
        text = (self.run.path / "events-load-0.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()[1:]]


@pytest.fixture
def make_load(tmp_path: Path) -> Iterator[Callable[..., Load]]:
    """Makes a load in a folder of this test, and closes its file."""
    made: list[Load] = []

    def make(script: Script, **settings: Any) -> Load:
        made.append(Load(tmp_path, script, **settings))
        return made[-1]

    yield make
    for load in made:
        load.events.close()


def test_a_whole_journey(make_load: Callable[..., Load]) -> None:
    """Three steps at one planned start, one sent row before the borrow, one operation."""
    load = make_load(Script(APPROVED), log_in_share=1.0)

    operation = load.perform()

    kinds = [next(iter(row)) for row in load.rows()]
    assert kinds == ["attempt", "attempt", "sent", "attempt", "operation"]
    attempts = [row["attempt"] for row in load.rows() if "attempt" in row]
    assert [a["step"] for a in attempts] == ["log_in", "credit_line", "borrow"]
    assert {a["intended_ns"] for a in attempts} == {123}
    assert (operation.outcome, operation.ending) == ("approved", "finished")
    assert (operation.attempts, operation.loan_id) == (1, "loan-1")
    assert [told["exception"] for told in load.told] == [None] * 3


def test_what_cannot_be_written_down_is_not_sent(make_load: Callable[..., Load]) -> None:
    """A full disk hides no request that left; the journey ends as one that is cut off."""
    script = Script(APPROVED)
    load = make_load(script)
    with files_end_at((load.run.path / "events-load-0.jsonl").stat().st_size):
        load.journeys.perform(load.plan.arrivals[0], 123, 123)

    assert script.keys == []
    assert load.journeys.bug is None
    assert load.rows() == []


def test_what_a_credit_line_must_show_is_the_limit_less_what_the_run_asks_for(
    make_load: Callable[..., Load],
) -> None:
    """Whoever must be declined may be shown nothing at all."""
    script = Script(*[APPROVED] * 99)
    load = make_load(script, population="mixed")
    least: dict[int, int] = {}
    most: dict[int, int | None] = {}

    def see(journey: Journey) -> None:
        least[journey.arrival.borrower] = journey.truth.least_credit_fen
        most[journey.arrival.borrower] = journey.truth.most_credit_fen

    script.see = see
    for arrival in load.plan.arrivals:
        load.perform(arrival.index)

    for borrower in (load.plan.borrowers[index] for index in least):
        asked = sum(a.amount_fen for a in load.plan.arrivals if a.borrower == borrower.index)
        limit_fen = borrower.account_class.limit_fen
        must_decline = borrower.account_class.expected_decline is not None
        assert least[borrower.index] == (0 if must_decline else max(0, limit_fen - asked))
        assert most[borrower.index] == limit_fen


def test_the_borrow_is_on_disk_before_it_is_sent(make_load: Callable[..., Load]) -> None:
    """No crash of ours can hide a request that left."""
    script = Script(APPROVED)
    load = make_load(script)
    seen: list[str] = []
    script.during_borrow = lambda: seen.extend(next(iter(row)) for row in load.rows())

    load.perform()

    assert "sent" in seen


def test_whoever_holds_no_session_logs_in_first(make_load: Callable[..., Load]) -> None:
    """A borrower who was refused before the load tries again at every arrival."""
    load = make_load(Script(log_in=REFUSED), log_in_share=0.0)
    load.journeys.accounts[load.plan.arrivals[0].borrower].session = BorrowerSession("")

    operation = load.perform()

    assert (operation.blocked_by, operation.attempts) == (Step.LOG_IN, 0)


def test_a_new_session_is_used_from_then_on(make_load: Callable[..., Load]) -> None:
    """Where a log-in ends the sessions before it, the held one would be a false failure."""
    script = Script(APPROVED, log_in=Classification(Outcome.OK, token="fresh"))
    load = make_load(script, log_in_share=1.0)

    load.perform()

    assert script.tokens == ["fresh"]


@pytest.mark.parametrize("step", [Step.LOG_IN, Step.CREDIT_LINE])
def test_a_failed_step_takes_its_borrow_with_it(make_load: Callable[..., Load], step: Step) -> None:
    """The operation is there, failed, without an attempt, and names the step."""
    bad = Classification(Outcome.FAILED, "timeout")
    script = Script(log_in=bad) if step is Step.LOG_IN else Script(line=bad)
    load = make_load(script, log_in_share=1.0)

    operation = load.perform()

    assert (operation.outcome, operation.attempts) == ("failed", 0)
    assert (operation.blocked_by, operation.code) == (step, "timeout")
    assert script.keys == []


@pytest.mark.parametrize("step", [Step.LOG_IN, Step.CREDIT_LINE])
def test_a_decline_before_the_borrow_is_the_decision(
    make_load: Callable[..., Load], step: Step
) -> None:
    """Nothing failed, nothing is blocked, and no borrow is sent."""
    no = Classification(Outcome.DECLINED, "overdue", decline=Decline.BEHAVIOUR)
    script = Script(log_in=no) if step is Step.LOG_IN else Script(line=no)
    load = make_load(script, log_in_share=1.0)

    operation = load.perform()

    assert (operation.outcome, operation.decline) == ("declined", "behaviour")
    assert (operation.attempts, operation.blocked_by, operation.code) == (0, None, "overdue")
    assert script.keys == []


@pytest.mark.parametrize(
    ("answers", "retries", "outcome", "attempts"),
    [
        ([UNKNOWN, APPROVED], 2, "approved", 2),
        ([BUSY, BUSY, BUSY], 2, "failed", 3),
        ([UNKNOWN, BUSY, BUSY], 2, "indeterminate", 3),
        ([REFUSED], 2, "failed", 1),
        ([BUSY], 0, "failed", 1),
    ],
)
def test_retries(
    make_load: Callable[..., Load],
    answers: list[Classification],
    retries: int,
    outcome: str,
    attempts: int,
) -> None:
    """Only where it could help, with the same key; a refusal never undoes what may be applied."""
    script = Script(*answers)
    load = make_load(script, retries=retries)

    operation = load.perform()

    assert (operation.outcome, operation.attempts) == (outcome, attempts)
    assert script.keys == [operation.key] * attempts


def test_approved_although_it_must_be_declined(make_load: Callable[..., Load]) -> None:
    """It stays approved, and is marked."""
    load = make_load(Script(APPROVED))
    index = next(
        a.index
        for a in load.plan.arrivals
        if load.plan.borrowers[a.borrower].account_class.expected_decline is not None
    )

    operation = load.perform(index)

    assert (operation.outcome, operation.wrongly_approved) == ("approved", True)


def test_a_journey_cut_off_in_its_borrow(make_load: Callable[..., Load]) -> None:
    """At the end of the drain what was sent may be applied yet: unfinished, indeterminate."""
    script = Script(APPROVED)
    script.during_borrow = lambda: gevent.sleep(10)
    load = make_load(script)

    journey = gevent.spawn(load.perform)
    gevent.sleep(0.01)
    journey.kill()

    operation = load.operation()
    assert (operation.outcome, operation.ending) == ("indeterminate", Ending.UNFINISHED)
    assert (operation.attempts, operation.ended_ns) == (1, None)


def test_a_bug_in_a_step_is_told(make_load: Callable[..., Load]) -> None:
    """The operation is written all the same, and the run learns of the bug."""
    load = make_load(Script())

    operation = load.perform()

    assert operation.ending == Ending.UNFINISHED
    assert load.journeys.bug is not None
    told = load.journeys.bug
    assert told.startswith("step borrow raised, in tests/load/test_journey.py:")
    assert "IndexError: pop from empty list" in told


def once(journey: Journey, amount_fen: int = 1) -> None:
    """One request, which nobody answers."""
    journey.send("POST", "/loans", {"amount_fen": amount_fen})


def twice(journey: Journey) -> None:
    """A try of its own that is on no record."""
    once(journey)
    once(journey)


def two_requests(journey: Journey) -> None:
    """An API that wants two, at one address, and is asked until they are done."""
    once(journey)
    once(journey, 2)
    for _ in range(2):
        journey.send("GET", "/loans/1")


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize(
    ("sends", "said"),
    [
        (lambda _: None, "sent no request"),
        (twice, "sent the same request twice in one try"),
        (once, None),
        (two_requests, None),
    ],
)
def test_a_step_that_does_not_send_once_is_told(
    make_load: Callable[..., Load], step: Step, sends: Callable[[Journey], None], said: str | None
) -> None:
    """Its outcome is none of the target's; more than one request, each once, is another API."""

    class Sending(Script):
        def _answer(self, journey: Journey, judged: Classification) -> Classification:
            if journey.step is not step:
                return super()._answer(journey, judged)
            sends(journey)
            return judged

    load = make_load(Sending(APPROVED), log_in_share=1.0, population="good")
    load.perform()

    told = str(load.journeys.bug)
    assert told == "None" if said is None else f"step {step} {said}, in {PLACE}" in told


def test_a_limit_of_their_own_in_a_step_is_told(make_load: Callable[..., Load]) -> None:
    """It is no `Exception`, and the operation is written all the same."""
    script = Script(APPROVED)

    def bounded() -> None:
        with gevent.Timeout(0.01):
            gevent.sleep(5)

    script.during_borrow = bounded
    load = make_load(script)

    operation = load.perform()

    assert (operation.outcome, operation.ending) == ("indeterminate", Ending.UNFINISHED)
    told = str(load.journeys.bug)
    assert told.startswith("step borrow raised, in tests/load/test_journey.py:")
    assert told.endswith("Timeout: 0.01 seconds")


def test_a_dropped_arrival_is_written_down(make_load: Callable[..., Load]) -> None:
    """Never started, and no failure of the target: its ending says so."""
    load = make_load(Script())

    load.journeys.drop(load.plan.arrivals[0], 123, "more than 1s late")

    operation = load.operation()
    assert (operation.ending, operation.started_ns) == (Ending.DROPPED, None)
    assert "more than 1s late" in str(load.told[0]["exception"])


def test_response_times_count_from_the_planned_start(make_load: Callable[..., Load]) -> None:
    """Locust's statistics must not leave out the time an arrival waited for us."""
    load = make_load(Script(REFUSED))

    load.perform()

    assert all(told["response_time"] > 1000 for told in load.told)
    assert str(load.told[-1]["exception"]) == "failed: 200 bad_request"


def test_a_code_of_the_target_stays_in_its_line(make_load: Callable[..., Load]) -> None:
    """Locust shows it in a table on the terminal, and the cursor obeys nobody else."""
    code = f"x\n::error::y\x1b[1A\x1b[2Kverdict: pass{'z' * 10_000}"
    load = make_load(Script(Classification(Outcome.FAILED, code)))

    load.perform()

    said = str(load.told[-1]["exception"])
    assert said.startswith("failed: 200 x ::error::y\ufffd[1A\ufffd[2Kverdict: passz")
    assert len(said) < 300

"""One arrival's journey: its steps in order, each attempt written down, one operation at the end.

The rows written here are the truth about a run; Locust's statistics are told the same, as a view.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gevent

from harness.core.foreign_text import clean
from harness.core.http_times import RETRY_AFTER_SECONDS_MAX, retry_after_s
from harness.history.event_writer import EventWriter, UnwrittenError
from harness.history.events import (
    GRANTED,
    Attempt,
    Ending,
    Operation,
    Outcome,
    Sent,
    Step,
    is_decision,
    settle,
)
from harness.load.exception_text import ENDS, message_of, place_of, place_of_class
from harness.load.sessions import Account
from harness.plan.plan import Arrival, Plan, PlannedBorrower
from harness.target.classification import Answer, Classification, GroundTruth, denies_session
from harness.target.transport import Transport, in_json

CODE_LETTERS_MAX = 200
"""Of a problem of the target's, in Locust's tables."""
_HARMLESS = ("GET", "HEAD")
BACKOFF_BASE_SECONDS = 0.05
BACKOFF_TOTAL_SECONDS_MAX = 1.0
"""All waits of one journey together that no answer asked for; `Settings.drain_s` allows for it."""


@dataclass(slots=True)
class Journey:
    """One arrival under way, as the steps of a borrower see it.

    A step sends with `send` and returns what the answer came to.
    """

    arrival: Arrival
    account: Account
    truth: GroundTruth
    """What is true of the borrower, for judging the answers."""
    intended_ns: int
    started_ns: int
    transport: Transport
    timeout_s: float
    tries: Counter[Step] = field(default_factory=Counter)
    further_tries: int = 0
    asked_s: float = 0.0
    """The waits that answers asked for by ``Retry-After``, added up."""
    session_over: bool = False
    """Whether the last answer was a 401 to a session that may have ended rightly."""
    renewed: bool = False
    step: Step | None = None
    deadline_ns: int = 0
    answer: Answer | None = None
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    """What this attempt has sent that may change something: method, path and body."""
    request: tuple[str, str] = ("", "")
    ended_ns: int | None = None
    borrows: list[Attempt] = field(default_factory=list)
    declined: Attempt | None = None
    """A step before the borrow that declined the borrower, rightly."""
    blocked_by: Step | None = None
    code: str | None = None

    def passes(self, step: Step, judged: Classification) -> bool:
        """Whether the journey goes on; if not, its first cause counts, but for a decline."""
        if judged.outcome is Outcome.OK:
            return True
        if self.blocked_by is None and judged.outcome is not Outcome.DECLINED:
            self.blocked_by, self.code = step, judged.code
        return False

    @property
    def token(self) -> str:
        """The session to send as bearer."""
        return self.account.session.token

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request within what is left of this attempt's deadline, once.

        An attempt may send several, but the same one once, unless it only reads.
        """
        left_ms = max(0, (self.deadline_ns - time.monotonic_ns()) // 1_000_000)
        all_headers, content = in_json(body, headers, left_ms)
        if method not in _HARMLESS:
            self.asked.append((method, path, content))
        self.request = (method, path.partition("?")[0])
        self.answer = self.transport.request(method, path, all_headers, content, left_ms / 1000)
        return self.answer


class Steps(Protocol):
    """What a borrower does; `Borrower` speaks the project's own contract."""

    def log_in(self, journey: Journey) -> Classification:
        """Open a session."""

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit."""

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan with the arrival's key."""


_Act = Callable[[Journey], Classification]


class FailedStepError(Exception):
    """What Locust's statistics show for an attempt that did not do what it should."""

    def __repr__(self) -> str:
        """They show this, and the words are enough."""
        return str(self)


@dataclass(kw_only=True, repr=False, eq=False)
class Journeys:
    """All journeys of one load process; ``accounts`` are by the borrower's index.

    ``bug`` is the first exception that came out of a step, or the first step that sent nothing or
    the same twice: a bug in a scenario, or in here.
    """

    plan: Plan
    steps: Steps
    accounts: dict[int, Account]
    transport: Transport
    events: EventWriter
    worker: str
    tell_locust: Callable[..., None]
    bug: str | None = None

    def __post_init__(self) -> None:
        """Add up what each borrower asks for."""
        self._asked_fen: Counter[int] = Counter()
        for arrival in self.plan.arrivals:
            self._asked_fen[arrival.borrower] += arrival.amount_fen

    def perform(self, arrival: Arrival, intended_ns: int, started_ns: int) -> None:
        """Walk one journey to its end and write down what it came to; never raises."""
        journey = Journey(
            arrival=arrival,
            account=self.accounts[arrival.borrower],
            truth=self._truth_of(self.plan.borrowers[arrival.borrower], arrival),
            intended_ns=intended_ns,
            started_ns=started_ns,
            transport=self.transport,
            timeout_s=self.plan.settings.request_timeout_s,
        )
        ending = Ending.UNFINISHED
        try:
            self._walk(journey)
            ending = Ending.FINISHED
        except (gevent.GreenletExit, UnwrittenError):
            pass  # the drain is over; or nothing more can be written down, so nothing more is sent
        except ENDS:
            raise
        except BaseException as error:  # noqa: BLE001  # told as a trouble of the run
            raised = f"in {place_of(error)}, {message_of(error)}"
            self.bug = self.bug or f"step {journey.step} raised, {raised}"
        self._finish(journey, ending)

    def _truth_of(self, borrower: PlannedBorrower, arrival: Arrival) -> GroundTruth:
        """A credit line must show the limit of the borrower, less all that this run asks for."""
        known = borrower.account_class
        least_fen = max(0, known.limit_fen - self._asked_fen[borrower.index])
        return GroundTruth(
            expected_decline=known.expected_decline,
            possible_decline=known.possible_decline,
            # A borrower who must be declined may be told so by their credit line.
            least_credit_fen=least_fen if known.expected_decline is None else 0,
            most_credit_fen=known.limit_fen,
            amount_fen=arrival.amount_fen,
        )

    def drop(self, arrival: Arrival, intended_ns: int, reason: str) -> None:
        """Write down an arrival that is not started at all."""
        self._write(arrival, intended_ns, Outcome.FAILED, Ending.DROPPED)
        self._tell(("ARRIVAL", "(dropped by the load process)"), intended_ns, 0, reason)

    def _walk(self, journey: Journey) -> None:
        # Whoever could not log in before the load has to try now, as they would.
        if (journey.arrival.logs_in or not journey.token) and not self._log_in(journey):
            return
        if journey.arrival.reads_credit_line:
            judged = self._persist(journey, Step.CREDIT_LINE, self.steps.read_credit_line)
            if not journey.passes(Step.CREDIT_LINE, judged):
                return
        self._persist(journey, Step.BORROW, self.steps.borrow)

    def _log_in(self, journey: Journey, waited_s: float = 0.0) -> bool:
        """Open a session; False where that failed, which ends the journey."""
        judged = self._persist(journey, Step.LOG_IN, self._open_session, waited_s)
        return journey.passes(Step.LOG_IN, judged)

    def _open_session(self, journey: Journey) -> Classification:
        with journey.account.logging_in() as log_in:
            judged = self.steps.log_in(journey)
        journey.account.take(log_in, judged, journey.answer)
        return judged

    def _persist(
        self, journey: Journey, step: Step, act: _Act, waited_s: float = 0.0
    ) -> Classification:
        """One step, tried again as its answers ask for and as the settings allow."""
        while True:
            judged = self._in_session(journey, step, act, waited_s)
            wait_s = self._wait_s(journey) if judged.may_retry else None
            if wait_s is None:
                return judged
            gevent.sleep(wait_s)

    def _wait_s(self, journey: Journey) -> float | None:
        """The wait before one more try; None where there is none left, or where the target asks for
        a longer wait than borrowers have patience for: sooner would not be what it asks for.

        Full jitter comes on top, so that borrowers who are sent away together don't return as one.
        """
        settings, answer = self.plan.settings, journey.answer
        asked_s = (retry_after_s(answer.headers) if answer is not None else None) or 0.0
        too_long = journey.asked_s + asked_s > RETRY_AFTER_SECONDS_MAX
        if journey.further_tries >= settings.retries or too_long:
            return None
        journey.further_tries += 1
        journey.asked_s += asked_s
        number = journey.further_tries
        most_s = BACKOFF_TOTAL_SECONDS_MAX / settings.retries
        chance = random.Random(f"{settings.seed}/{journey.arrival.index}/{number}")  # noqa: S311  # reproducible
        return asked_s + chance.uniform(0, min(BACKOFF_BASE_SECONDS * 2 ** (number - 1), most_s))

    def _in_session(
        self, journey: Journey, step: Step, act: _Act, waited_s: float
    ) -> Classification:
        """One try; where the session was over, a log-in as an app does it and then one more.

        Once in a journey, and both tries share one deadline, so that the drain can allow for it;
        so do the wait for a log-in of the borrower's other journey and the log-in.
        """
        held, began_s = journey.account.session, time.monotonic()
        judged = self._attempt(journey, step, act, journey.timeout_s - waited_s)
        if not journey.session_over or journey.renewed:
            return judged
        journey.renewed = True
        tried_s = time.monotonic() - began_s
        waited_s = journey.account.wait_for_log_ins(journey.timeout_s)
        if journey.account.session is held and not self._log_in(journey, waited_s):
            return judged
        return self._attempt(journey, step, act, journey.timeout_s - tried_s)

    def _attempt(self, journey: Journey, step: Step, act: _Act, timeout_s: float) -> Classification:
        arrival, is_borrow = journey.arrival, step is Step.BORROW
        started_ns = time.monotonic_ns()
        journey.step, journey.answer, journey.asked = step, None, []
        journey.deadline_ns = started_ns + round(timeout_s * 1e9)
        journey.tries[step] += 1
        if is_borrow:  # written before it leaves
            key, amount_fen, number = arrival.key, arrival.amount_fen, journey.tries[step]
            sent = Sent(arrival.index, number, key, amount_fen, started_ns, self.worker)
            self.events.sent(sent)
        held = journey.account.session
        judged = act(journey)
        journey.ended_ns = time.monotonic_ns()
        self.bug = self.bug or self._unfaithful(journey)
        answer = journey.answer or Answer(error="other", sent=False)
        in_session = step is not Step.LOG_IN and denies_session(answer, judged)
        journey.session_over = in_session and journey.account.may_have_ended(held)
        if journey.session_over:
            judged = replace(judged, false_declined=False)
        attempt = Attempt(
            arrival=arrival.index,
            step=step,
            attempt=journey.tries[step],
            intended_ns=journey.intended_ns,
            started_ns=started_ns,
            ended_ns=journey.ended_ns,
            outcome=judged.outcome,
            worker=self.worker,
            status=answer.status,
            code=judged.code,
            error=answer.error,
            decline=judged.decline,
            false_declined=judged.false_declined,
            invalid_answer=judged.invalid_answer,
            sent=answer.sent,
            replayed=answer.replayed,
            connection_reused=answer.connection_reused,
            key=arrival.key if is_borrow else None,
            amount_fen=arrival.amount_fen if is_borrow else None,
            loan_id=judged.loan_id,
        )
        self.events.attempt(attempt)
        if is_borrow:
            journey.borrows.append(attempt)
        elif attempt.outcome is Outcome.DECLINED:
            journey.declined = attempt
        journey.step = None
        self._tell(journey.request, journey.intended_ns, len(answer.body), _complaint(attempt))
        return judged

    def _unfaithful(self, journey: Journey) -> str | None:
        """What was never sent, or sent once more off the record, says nothing of the target."""
        twice = len(set(journey.asked)) < len(journey.asked)
        if journey.answer is not None and not twice:
            return None
        sent = "the same request twice in one try" if twice else "no request"
        return f"step {journey.step} sent {sent}, in {place_of_class(type(self.steps))}"

    def _finish(self, journey: Journey, ending: Ending) -> None:
        last = settle(journey.borrows, journey.declined)
        outcome = last.outcome if last is not None else Outcome.FAILED
        decided = last is not None and is_decision(last)
        if journey.step is Step.BORROW and not decided:
            outcome = Outcome.INDETERMINATE  # under way: it may be applied yet
        blocked_by = journey.blocked_by
        if journey.step is not None and journey.step is not Step.BORROW:
            blocked_by = journey.step
        sent_count = journey.tries[Step.BORROW]
        if sent_count:
            blocked_by = None  # a log-in in between failed
        self._write(
            journey.arrival,
            journey.intended_ns,
            outcome,
            ending,
            started_ns=journey.started_ns,
            ended_ns=journey.ended_ns if ending is Ending.FINISHED else None,
            attempts=sent_count,
            blocked_by=blocked_by,
            decline=last.decline if last else None,
            false_declined=bool(last and last.false_declined),
            wrongly_approved=outcome in GRANTED and journey.truth.expected_decline is not None,
            code=last.code if last else journey.code,
            loan_id=last.loan_id if last else None,
        )
        if ending is Ending.UNFINISHED:
            request = ("ARRIVAL", "(unfinished)")
            self._tell(request, journey.intended_ns, 0, "still under way at the end of the drain")

    def _write(
        self, arrival: Arrival, intended_ns: int, outcome: Outcome, ending: Ending, **more: Any
    ) -> None:
        operation = Operation(
            arrival=arrival.index,
            borrower=arrival.borrower,
            account_class=str(self.plan.borrowers[arrival.borrower].account_class),
            key=arrival.key,
            amount_fen=arrival.amount_fen,
            intended_ns=intended_ns,
            outcome=outcome,
            ending=ending,
            worker=self.worker,
            **more,
        )
        self.events.operation(operation)
        self.events.flush()

    def _tell(
        self, request: tuple[str, str], intended_ns: int, length: int, complaint: str | None
    ) -> None:
        """One line of Locust's statistics; response times count from the planned start."""
        elapsed_ns = time.monotonic_ns() - intended_ns
        self.tell_locust(
            request_type=request[0],
            name=request[1],
            response_time=elapsed_ns / 1e6,
            response_length=length,
            exception=FailedStepError(complaint) if complaint else None,
            context={},
            response=None,
            start_time=time.time() - elapsed_ns / 1e9,
            url=request[1],
        )


def _complaint(attempt: Attempt) -> str | None:
    """Why an attempt counts as a failure for Locust; the same words for the same cause."""
    if attempt.outcome not in (Outcome.FAILED, Outcome.INDETERMINATE):
        return None
    kind = "false decline" if attempt.false_declined else str(attempt.outcome)
    code = clean((attempt.code or "")[:CODE_LETTERS_MAX])
    return f"{kind}: {attempt.error or f'{attempt.status} {code}'.strip()}"

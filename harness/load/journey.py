"""One arrival's journey: its steps in order, each attempt written down, one operation at the end.

The rows written here are the truth about a run; Locust's statistics are told the same, as a view.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import gevent

from harness.events import Attempt, Ending, Operation, Outcome, Sent, Step, is_decision, settle
from harness.load.outcomes import Answer, Judged
from harness.load.transport import Transport
from harness.plan import Arrival, Plan
from harness.record import EventWriter

NETWORK_MARGIN_MS = 300
"""How much earlier than ourselves the service has to give up, so that its answer still arrives."""
BACKOFF_BASE_SECONDS = 0.05
BACKOFF_TOTAL_SECONDS_MAX = 1.0
"""All waits between the attempts of one borrow together; the drain allows for as much."""


@dataclass(slots=True)
class Account:
    """A borrower as the target knows them, with the session they hold."""

    phone: str
    password: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(slots=True)
class Journey:
    """One arrival under way, as the steps of a borrower see it.

    A step sends with `send` and returns what the answer came to.
    """

    arrival: Arrival
    account: Account
    account_class: str
    expected_decline: Any
    """The cause for which the borrower must be declined; None for none."""
    intended_ns: int
    transport: Transport
    timeout_s: float
    step: Step | None = None
    deadline_ns: int = 0
    answer: Answer | None = None
    request: tuple[str, str] = ("", "")
    started_ns: int | None = None
    ended_ns: int | None = None
    borrows: list[Attempt] = field(default_factory=list)
    sent_count: int = 0
    blocked_by: Step | None = None
    code: str | None = None
    possible_decline: Any = None
    """A cause for which the borrower may be declined or be served, both rightly."""

    @property
    def token(self) -> str:
        """The session to send as bearer."""
        return self.account.token

    def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request within what is left of this attempt's deadline, once."""
        left_ms = max(0, (self.deadline_ns - time.monotonic_ns()) // 1_000_000)
        service_ms = max(left_ms - NETWORK_MARGIN_MS, left_ms // 2)
        all_headers = {"X-Request-Deadline-Ms": str(service_ms), "Accept": "application/json"}
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        if headers:
            all_headers |= headers
        self.request = (method, path.partition("?")[0])
        self.answer = self.transport.request(method, path, all_headers, content, left_ms / 1000)
        return self.answer


class Steps(Protocol):
    """What a borrower does; `harness.load.borrower.Borrower` speaks the project's own contract."""

    def log_in(self, journey: Journey) -> Judged:
        """Open a session."""

    def read_credit_line(self, journey: Journey) -> Judged:
        """Read the limit."""

    def borrow(self, journey: Journey) -> Judged:
        """Ask for a loan with the arrival's key."""


class FailedStepError(Exception):
    """What Locust's statistics show for an attempt that did not do what it should."""


class Journeys:
    """All journeys of one load process."""

    def __init__(
        self,
        *,
        plan: Plan,
        steps: Steps,
        accounts: dict[int, Account],
        transport: Transport,
        events: EventWriter,
        worker: str,
        tell_locust: Callable[..., None],
    ) -> None:
        self._plan = plan
        self._steps = steps
        self._accounts = accounts
        self._transport = transport
        self._events = events
        self._worker = worker
        self._tell_locust = tell_locust
        self.bug: str | None = None
        """The first exception that came out of a step: a bug in a scenario, or in here."""

    def perform(self, arrival: Arrival, intended_ns: int) -> None:
        """Walk one journey to its end and write down what it came to; never raises."""
        borrower = self._plan.borrowers[arrival.borrower]
        journey = Journey(
            arrival=arrival,
            account=self._accounts[arrival.borrower],
            account_class=str(borrower.account_class),
            expected_decline=borrower.account_class.expected_decline,
            possible_decline=borrower.account_class.possible_decline,
            intended_ns=intended_ns,
            transport=self._transport,
            timeout_s=self._plan.settings.request_timeout_s,
        )
        ending = Ending.UNFINISHED
        try:
            self._walk(journey)
            ending = Ending.FINISHED
        except gevent.GreenletExit:
            pass  # the drain is over
        except Exception as error:  # noqa: BLE001  # told as a trouble of the run
            self.bug = self.bug or f"{type(error).__name__} in step {journey.step}: {error}"
        self._finish(journey, ending)

    def drop(self, arrival: Arrival, intended_ns: int, reason: str) -> None:
        """Write down an arrival that is not started at all."""
        self._events.operation(
            Operation(
                arrival=arrival.index,
                borrower=arrival.borrower,
                account_class=str(self._plan.borrowers[arrival.borrower].account_class),
                key=arrival.key,
                amount_fen=arrival.amount_fen,
                intended_ns=intended_ns,
                outcome=Outcome.FAILED,
                ending=Ending.DROPPED,
                worker=self._worker,
            )
        )
        self._events.flush()
        self._tell(("ARRIVAL", "(dropped by the load process)"), intended_ns, 0, reason)

    def _walk(self, journey: Journey) -> None:
        before = []
        # Whoever could not log in before the load has to try now, as they would.
        if journey.arrival.logs_in or not journey.token:
            before.append((Step.LOG_IN, self._steps.log_in))
        if journey.arrival.reads_credit_line:
            before.append((Step.CREDIT_LINE, self._steps.read_credit_line))
        for step, act in before:
            judged, _ = self._attempt(journey, step, act, 1)
            if judged.outcome is not Outcome.OK:
                journey.blocked_by = step
                journey.code = judged.code
                return
            if judged.token is not None:
                journey.account.token = judged.token
        retries = self._plan.settings.retries
        for number in range(1, retries + 2):
            journey.sent_count = number
            judged, attempt = self._attempt(journey, Step.BORROW, self._steps.borrow, number)
            journey.borrows.append(attempt)
            if not judged.may_retry or number > retries:
                return
            gevent.sleep(
                _backoff_seconds(self._plan.settings.seed, journey.arrival, number, retries)
            )

    def _attempt(
        self, journey: Journey, step: Step, act: Callable[[Journey], Judged], number: int
    ) -> tuple[Judged, Attempt]:
        arrival = journey.arrival
        is_borrow = step is Step.BORROW
        started_ns = time.monotonic_ns()
        journey.started_ns = journey.started_ns or started_ns
        journey.step = step
        journey.answer = None
        journey.deadline_ns = started_ns + round(journey.timeout_s * 1e9)
        if is_borrow:
            self._events.sent(
                Sent(
                    arrival=arrival.index,
                    attempt=number,
                    key=arrival.key,
                    amount_fen=arrival.amount_fen,
                    at_ns=started_ns,
                    worker=self._worker,
                )
            )
        judged = act(journey)
        answer = journey.answer or Answer(error="other", sent=False)
        attempt = Attempt(
            arrival=arrival.index,
            step=step,
            attempt=number,
            intended_ns=journey.intended_ns,
            started_ns=started_ns,
            ended_ns=time.monotonic_ns(),
            outcome=judged.outcome,
            worker=self._worker,
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
        self._events.attempt(attempt)
        journey.step = None
        journey.ended_ns = attempt.ended_ns
        self._tell(journey.request, journey.intended_ns, len(answer.body), _complaint(attempt))
        return judged, attempt

    def _finish(self, journey: Journey, ending: Ending) -> None:
        """The one row of this arrival's operation."""
        arrival = journey.arrival
        last = settle(journey.borrows)
        outcome = last.outcome if last is not None else Outcome.FAILED
        decided = last is not None and is_decision(last)
        if journey.step is Step.BORROW and not decided:
            outcome = Outcome.INDETERMINATE  # under way: it may be applied yet
        blocked_by = journey.blocked_by
        if journey.step is not None and journey.step is not Step.BORROW:
            blocked_by = journey.step
        accepted = outcome in (Outcome.APPROVED, Outcome.REFERRED)
        self._events.operation(
            Operation(
                arrival=arrival.index,
                borrower=arrival.borrower,
                account_class=journey.account_class,
                key=arrival.key,
                amount_fen=arrival.amount_fen,
                intended_ns=journey.intended_ns,
                outcome=outcome,
                ending=ending,
                started_ns=journey.started_ns,
                ended_ns=journey.ended_ns if ending is Ending.FINISHED else None,
                attempts=journey.sent_count,
                blocked_by=blocked_by,
                decline=last.decline if last else None,
                false_declined=bool(last and last.false_declined),
                wrongly_approved=accepted and journey.expected_decline is not None,
                code=last.code if last else journey.code,
                loan_id=last.loan_id if last else None,
                worker=self._worker,
            )
        )
        self._events.flush()
        if ending is Ending.UNFINISHED:
            request = ("ARRIVAL", "(unfinished)")
            self._tell(request, journey.intended_ns, 0, "still under way at the end of the drain")

    def _tell(
        self, request: tuple[str, str], intended_ns: int, length: int, complaint: str | None
    ) -> None:
        """One line of Locust's statistics; response times count from the planned start."""
        elapsed_ns = time.monotonic_ns() - intended_ns
        self._tell_locust(
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
    cause = attempt.error or f"{attempt.status} {attempt.code or ''}".strip()
    return f"{kind}: {cause}"


def _backoff_seconds(seed: int, arrival: Arrival, number: int, retries: int) -> float:
    """Full jitter: anything up to a bound that doubles, the same for the same seed."""
    bound = min(BACKOFF_BASE_SECONDS * 2 ** (number - 1), BACKOFF_TOTAL_SECONDS_MAX / retries)
    chance = random.Random(f"{seed}/{arrival.index}/{number}")  # noqa: S311  # reproducible
    return chance.uniform(0, bound)

"""`lendchaos try`: one journey of one throw-away borrower, each answer shown as it comes.

It goes the way of a run: the borrower is registered as all are, and the scenario's own steps send
with the transport of the load. No fault is injected and nothing is kept.
"""

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gevent.monkey import get_original

from harness.apps.locust.progress import tell_error, write_over_bar
from harness.apps.locust.target_choice import ChosenTarget
from harness.core.errors import HarnessError
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean
from harness.core.started_in import STARTED_IN
from harness.history.event_writer import EventWriter
from harness.history.events import GRANTED, Attempt, Operation, Step
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journeys, Steps
from harness.load.sessions import Account, BorrowerSession
from harness.plan.plan import Plan
from harness.plan.population import AccountClass, trials_of
from harness.run.safety.feasible import require_feasible
from harness.stack.addresses import join_address, split_target
from harness.stack.run_lock import TRY, held_alone
from harness.stack.usable import TOKEN_VARIABLE
from harness.target.account_provisioning import AccountProvisioner, ProvisionedBorrower
from harness.target.classification import Answer, GroundTruth
from harness.target.contract import Contract
from harness.target.declared import lacking
from harness.target.interface import Target
from harness.target.transport import Transport

_METHODS = {Step.CREDIT_LINE: "read_credit_line"}
"""Steps whose method of a `Borrower` is not called like them."""


class _ShownTransport(Transport):
    """Takes note of each request and its answer; of neither a header nor a body."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, get_original("select", "poll"))
        self.rows: list[str] = []
        self.answer = Answer()

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """As for the load."""
        began_s = time.monotonic()
        answer = super().request(method, path, headers, body, timeout_s)
        took_ms = 1000 * (time.monotonic() - began_s)
        asked = clean(f"{method} {path.partition('?')[0]}")
        self.rows.append(f"{asked:<32} {answer.error or answer.status!s:<8} {took_ms:6.0f} ms")
        self.answer = answer
        return answer


class _ShownEvents(EventWriter):
    """Shows each attempt once it is over."""

    def __init__(self, run: RunDirectory, transport: _ShownTransport, target: Target) -> None:
        super().__init__(run, "try")
        self._transport = transport
        self._target = target
        (arrival,) = run.read_plan().arrivals
        self._truth = GroundTruth(amount_fen=arrival.amount_fen)
        self.ended: Operation | None = None

    def attempt(self, fact: Attempt) -> None:
        """With all that was sent for it; the last line says what it came to."""
        super().attempt(fact)
        name = _METHODS.get(fact.step, str(fact.step))
        lacks = ""
        if fact.invalid_answer:
            found = lacking(self._target, fact.step, self._transport.answer, self._truth)
            lacks = f": it has no {', and no '.join(found)}" if found else ""
        self.show(f"{name}: {_came_to(fact)}{lacks}")

    def show(self, text: str) -> None:
        """What was sent since the last time, with this behind it."""
        rows, self._transport.rows = self._transport.rows or ["nothing was sent"], []
        write_over_bar("stdout", "\n".join([*rows[:-1], f"{rows[-1]}   {text}"]) + "\n")

    def operation(self, fact: Operation) -> None:
        """The end of the journey."""
        super().operation(fact)
        self.ended = fact


def show_journey(plan: Plan, steps: Steps, chosen: ChosenTarget, options: Any) -> int:
    """Make one journey on the target, or on the local stack, which is up; the exit code.

    Raises:
        UsageError: the target may not be touched.
        HarnessError: there is no target, or it cannot be set up; or a run uses the local stack.
    """
    state_dir = STARTED_IN / options.state_dir
    host, target = chosen.host, chosen.target
    stack = require_feasible(plan, state_dir, host, options.allow_target, target=target)
    with ExitStack() as held:
        lender: Target
        if host is not None:
            edge_url = f"http://{join_address(*split_target(host))}"
            lender = target or Contract(edge_url, os.environ[TOKEN_VARIABLE])
        elif stack is not None:
            held.enter_context(held_alone(state_dir, TRY, plan.scenario))
            edge_url = stack.edge_url
            lender = Contract(stack.service_url, stack.admin_token)
        else:
            raise HarnessError(f"no local stack is up in {state_dir}: `lendchaos up` starts one")
        plan = _of_one(plan)
        (borrower,) = AccountProvisioner(lender, edge_url, lambda _: None).provision(plan)
        folder = held.enter_context(TemporaryDirectory())
        transport = _ShownTransport(edge_url)
        return _walked(plan, steps, lender, borrower, transport=transport, folder=Path(folder))


def _of_one(plan: Plan) -> Plan:
    """The plan with one good borrower, who goes through all steps, for the least amount of it."""
    (borrower,) = trials_of(plan.borrowers, [AccountClass.GOOD])
    least = min(plan.arrivals, key=lambda arrival: arrival.amount_fen)
    arrival = replace(least, index=0, borrower=borrower.index, logs_in=True, reads_credit_line=True)
    return replace(plan, borrowers=(borrower,), arrivals=(arrival,))


def _walked(
    plan: Plan,
    steps: Steps,
    target: Target,
    borrower: ProvisionedBorrower,
    *,
    transport: _ShownTransport,
    folder: Path,
) -> int:
    session = BorrowerSession(borrower.token, borrower.expires_ns)
    events = _ShownEvents(RunDirectory.create(folder, plan), transport, target)
    journeys = Journeys(
        plan=plan,
        steps=steps,
        target=target,
        accounts={
            borrower.index: Account(borrower.phone, borrower.password, session, borrower.account_id)
        },
        transport=transport,
        events=events,
        worker="try",
        tell_locust=lambda **_: None,
    )
    (arrival,) = plan.arrivals
    now_ns = time.monotonic_ns()
    journeys.perform(arrival, now_ns, now_ns)
    events.close()
    transport.close()
    if broken := journeys.broken or journeys.bug:
        if transport.rows:
            events.show("the step did not come to its end")
        tell_error(broken)
        return ExitCode.USAGE if journeys.broken else ExitCode.INTERNAL
    granted = events.ended is not None and events.ended.outcome in GRANTED
    asked = plan.lender.currency.text(arrival.amount_fen)
    write_over_bar("stdout", f"{'granted' if granted else 'not granted'}: {asked}\n")
    return ExitCode.PASS if granted else ExitCode.FAIL


def _came_to(fact: Attempt) -> str:
    """How an answer was classified."""
    marks = {
        "false decline": fact.false_declined,
        "invalid answer": fact.invalid_answer,
        f"decline {fact.decline}": fact.decline is not None,
        f"code {clean(fact.code or '')[:60]}": bool(fact.code),
    }
    return ", ".join([str(fact.outcome), *(text for text, holds in marks.items() if holds)])

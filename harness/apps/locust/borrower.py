"""The simulated borrower that scenario files subclass; importing this brings Locust, and our
listeners to its events.

A Locust user of this kind sends nothing by itself: each one stands for one arrival a second, and
the arrivals are started by the open loop.
"""

import sys
from functools import partial
from typing import Any, ClassVar

from locust import User, events, task
from locust.runners import WorkerRunner

from harness.apps.locust import background, process_control, web
from harness.apps.locust.leader import RunController
from harness.apps.locust.locust_options import settle_options
from harness.apps.locust.locustfile import refuse_single_user
from harness.apps.locust.planning import add_options
from harness.apps.locust.progress import tell_error
from harness.apps.locust.user_code import UserCode
from harness.history.events import Step
from harness.load.exception_text import ended_by
from harness.load.journey import Journey
from harness.load.load_process import LoadProcess
from harness.load.user_steps import require_planned
from harness.plan.plan import Scenario
from harness.run.given_options import with_places
from harness.target.classification import Classification
from harness.target.request import LoanRequest

_FOREVER_SECONDS = 10_000_000.0


class Borrower(User):  # type: ignore[misc]  # Locust ships no types
    """One simulated borrower a second for each Locust user.

    Subclass it, once for each scenario, and set ``scenario``. The steps ask the target of the run;
    a lender with another API is a class of its own (`harness.Target`). Override `log_in`,
    `read_credit_line` or `borrow` to do something else in one of them; each returns what the answer
    came to, in the words of `harness.target.classification`. A step that the target lacks is left
    out of every journey. One instance in each load process walks all journeys of it, between its
    ``on_start`` and its ``on_stop``; see ``docs/borrowers.md``.
    """

    abstract = True
    scenario: ClassVar[Scenario]
    repayment_method: ClassVar[str] = "daily"

    def wait_time(self) -> float:
        """Locust's own users stay idle."""
        return _FOREVER_SECONDS

    @task  # type: ignore[untyped-decorator]  # Locust ships no types
    def _planned_arrivals(self) -> None:
        """Locust wants a task, and shows its name; the arrivals are the open loop's."""

    def log_in(self, journey: Journey) -> Classification:
        """Open a session, as the target does it."""
        account = journey.account.as_seen(logged_in=False)
        return journey.ask(Step.LOG_IN, journey.target.log_in(account))

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit, as an app does before it offers a loan."""
        return journey.ask(Step.CREDIT_LINE, journey.target.credit_line(journey.account.as_seen()))

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan; a retry sends the same key."""
        arrival, currency = journey.arrival, journey.target.currency
        how = journey.term_days, self.repayment_method, currency
        loan = LoanRequest(journey.account.as_seen(), arrival.key, arrival.amount_fen, *how)
        request = journey.target.borrow(loan)
        require_planned(journey, request.json, made_by=journey.target.borrow)
        return journey.ask(Step.BORROW, request)


def _listen() -> None:
    process_control.refuse_early_end(events)
    process_control.leave_out_address()
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))
    events.init_command_line_parser.add_listener(lambda parser, **_: settle_options(parser))
    ends, user_code = process_control.Endings(), UserCode()
    ends.watch(events)
    user_code.watch(events)
    events.init.add_listener(partial(_on_init, user_code, ends))


def _on_init(
    user_code: UserCode,
    ends: process_control.Endings,
    *,
    environment: Any,
    runner: Any,
    web_ui: Any,
    **_: Any,
) -> None:
    if runner is None:
        environment.events.test_start.add_listener(partial(refuse_single_user, Borrower))
        return
    options = environment.parsed_options
    user_code.is_background = partial(background.raised_it, Borrower)
    if isinstance(runner, WorkerRunner):
        process = LoadProcess(environment)
        user_code.show = process.note_background
        background.aim_at_start(environment, Borrower)
        user_code.begin(environment, process.record_error, process.ask_to_end)
        options.exit_code_on_error = 0  # the leading process has the verdict
        if options.processes:
            process_control.follow_parent()
            environment.events.quitting.add_listener(process_control.only_in_order)
        return
    try:
        leader = RunController(environment, web_ui, Borrower)
        user_code.show = leader.note_background
        user_code.begin(environment, leader.note_user_code, leader.end_run)
        user_code.exits, user_code.quit_early = leader.exits, leader.quit_early
        leader.begin()
        background.aim_at_start(environment, Borrower)  # after the target is known
        if web_ui is not None:
            web.extend(web_ui, leader)
        ends.has_begun, ends.settle = True, leader.exits.settle
        if not hasattr(runner, "clients"):
            LoadProcess(environment)
    except Exception as error:  # noqa: BLE001  # Locust would end with a code of its own
        code, text = ended_by(error)
        tell_error(with_places(text, options.set_elsewhere))
        process_control.end_forked_workers(wait_s=0.0)
        sys.exit(code)


_listen()

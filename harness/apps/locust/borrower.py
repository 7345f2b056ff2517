"""The simulated borrower that scenario files subclass; importing this brings Locust.

A Locust user of this kind sends nothing by itself: each one stands for one arrival a second, and
the arrivals are started by the open loop. A lender whose API differs overrides the three steps.
"""

from typing import ClassVar

from locust import User, task

from harness.apps.locust import plugin
from harness.history.events import Step
from harness.load.journey import Journey
from harness.plan.plan import Scenario
from harness.target.classification import Classification
from harness.target.contract import Contract
from harness.target.interface import LoanRequest, Request

_CONTRACT = Contract()
_FOREVER_SECONDS = 10_000_000.0


class Borrower(User):  # type: ignore[misc]  # Locust ships no types
    """One simulated borrower a second for each Locust user.

    Subclass it, once in a locustfile, and set ``scenario``. Override `log_in`, `read_credit_line`
    or `borrow` for a target with another API; each sends with `Journey.send` and returns what the
    answer came to, in the words of `harness.target.classification`.
    """

    abstract = True
    scenario: ClassVar[Scenario]
    term_days: ClassVar[int] = 30
    repayment_method: ClassVar[str] = "daily"

    def wait_time(self) -> float:
        """Locust's own users stay idle."""
        return _FOREVER_SECONDS

    @task  # type: ignore[untyped-decorator]  # Locust ships no types
    def _planned_arrivals(self) -> None:
        """Locust wants a task, and shows its name; the arrivals are the open loop's."""

    def log_in(self, journey: Journey) -> Classification:
        """Open a session with phone and password."""
        account = journey.account
        return _perform(Step.LOG_IN, journey, _CONTRACT.log_in(account.phone, account.password))

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit, as an app does before it offers a loan."""
        return _perform(Step.CREDIT_LINE, journey, _CONTRACT.credit_line(journey.token))

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan; a retry sends the same key."""
        key, amount_fen = journey.arrival.key, journey.arrival.amount_fen
        loan = LoanRequest(key, amount_fen, self.term_days, self.repayment_method)
        return _perform(Step.BORROW, journey, _CONTRACT.borrow(journey.token, loan))


def _perform(step: Step, journey: Journey, request: Request) -> Classification:
    answer = journey.send(request.method, request.path, request.body, request.headers)
    return _CONTRACT.classify(step, answer, journey.truth)


plugin.install(Borrower)

"""The simulated borrower that scenario files subclass; importing this brings Locust.

A Locust user of this kind sends nothing by itself: each one stands for one arrival a second, and
the arrivals are started by the open loop. A lender whose API differs overrides the three steps.
"""

from typing import ClassVar

from locust import User, task

from harness.apps.locust import plugin
from harness.load import outcomes
from harness.load.journey import Journey
from harness.load.outcomes import Classification
from harness.plan.plan import Scenario

_FOREVER_SECONDS = 10_000_000.0


class Borrower(User):  # type: ignore[misc]  # Locust ships no types
    """One simulated borrower a second for each Locust user.

    Subclass it, once in a locustfile, and set ``scenario``. Override `log_in`, `read_credit_line`
    or `borrow` for a target with another API; each sends with `Journey.send` and returns what the
    answer came to, in the words of `harness.load.outcomes`.
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
        body = {"phone": account.phone, "password": account.password}
        answer = journey.send("POST", "/v1/sessions", body)
        return outcomes.judge_log_in(answer, journey.expected_decline)

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit, as an app does before it offers a loan."""
        headers = {"Authorization": f"Bearer {journey.token}"}
        answer = journey.send("GET", "/v1/credit-line", headers=headers)
        least_fen, most_fen = journey.least_credit_fen, journey.most_credit_fen
        return outcomes.judge_credit_line(answer, least_fen, journey.expected_decline, most_fen)

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan; a retry sends the same key."""
        arrival = journey.arrival
        body = {
            "amount_fen": arrival.amount_fen,
            "term_days": self.term_days,
            "method": self.repayment_method,
        }
        headers = {
            "Authorization": f"Bearer {journey.token}",
            "Idempotency-Key": arrival.key,
        }
        answer = journey.send("POST", "/v1/loans", body, headers)
        return outcomes.judge_borrow(
            answer, journey.expected_decline, arrival.amount_fen, journey.possible_decline
        )


plugin.install(Borrower)

"""Borrowers of a lender's own class are set up for the plan, and by what a status says."""

from collections.abc import Sequence

import pytest

from harness.core.errors import HarnessError
from harness.core.http_messages import Reply
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.population import LIMIT_FEN
from harness.plan.scenario import Load
from harness.target.account_provisioning import AccountProvisioner
from harness.target.answers import Answers, failed
from harness.target.interface import Target
from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
from tests.builders import LOCAL


class Lender(Target):
    """Knows limits, and calls every 4xx a failure."""

    url = "http://127.0.0.1:1"
    classes = ("good", "near_limit")
    answers = Answers([(4, failed)])

    def __init__(self) -> None:
        super().__init__()
        self.limits: set[int] = set()

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
        """From a pool, without a request."""
        self.limits |= {account.limit for account in wanted}
        return []

    def log_in(self, account: BorrowerAccount) -> Request:
        """A session."""
        return Request("POST", "/sessions", {"who": account.id})

    def borrow(self, ask: LoanRequest) -> Request:
        """A loan."""
        return Request("POST", "/loans", {"sum": ask.amount}, key=ask.key)


def plan_for(target: Target) -> Plan:
    """A run for other amounts than the lender's own."""
    load = Load(near_limit_share=0.1, amounts=(1000, 2000))
    settings = Settings(rate=10, baseline_s=10.0, recovery_s=10.0, fault_s=0.0)
    return expand("a", "", Scenario(load=load), settings, lender=target.profile, layout=LOCAL)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_whoever_is_refused_at_log_in_was_refused_in_person(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a rule calls it; and their limits are those of the plan, from the trials on."""
    answer = Reply(status, b"{}")
    monkeypatch.setattr("harness.target.account_provisioning.call", lambda *_, **__: answer)
    target = Lender()
    plan = plan_for(target)
    provisioner = AccountProvisioner(target, target.url, lambda _: None)
    with pytest.raises(HarnessError, match="does not lend to a good borrower"):
        provisioner.confirm_classes(plan)
    assert target.limits == {LIMIT_FEN, plan.lender.near_limit} == {LIMIT_FEN, 240_000}
    with pytest.raises(HarnessError, match=r"/sessions refused (\d+) of \1 registered borrowers"):
        provisioner.provision(plan)

"""Borrowers of a lender's own class are set up for the plan, and by what a status says."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.http_messages import Reply
from harness.core.user_module import UserReference
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.population import LIMIT_FEN
from harness.plan.scenario import Load
from harness.target.account_provisioning import AccountProvisioner
from harness.target.answers import Answers, failed
from harness.target.interface import Target
from harness.target.loading import loaded
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


@pytest.mark.parametrize(
    ("passed", "more", "why"),
    [
        ("url", "self.session, self.loans = object(), {}", ""),
        ("url", "self.log_in = 'a name'", ""),
        ("url", "self.session = print", ".session must be a method of the class"),
        ("url", "self.accounts = {}", ".accounts must be a method of the class"),
        ("url", "self.session = {}; log_in", ".session must be a method of the class"),
        ("url.replace('localhost', '127.0.0.1')", "", ""),
        ("url.replace('localhost', '[::1]') + '/'", "", ""),
        ("url.replace('localhost', '10.0.0.7')", "", ".__init__ must pass its url on"),
        ("url.replace('1', '2')", "", ".__init__ must pass its url on"),
        ("url.replace('localhost', '127.0.0.1') + '/api'", "", "must pass its url on"),
    ],
)
def test_an_init_may_name_this_machine_and_its_own_things_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: str, more: str, why: str
) -> None:
    """What is never asked for hides nothing; what could be called instead of a method does."""
    monkeypatch.delitem(sys.modules, "named", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    own, _, step = more.partition("; ")
    lines = (
        "from harness import Target",
        "class Named(Target):",
        "    def borrow(self, ask): ...",
        f"    {step or 'other'} = borrow",
        "    def __init__(self, url=None):",
        f"        super().__init__({passed})",
        f"        {own}",
    )
    (tmp_path / "named.py").write_text("\n".join(lines) + "\n")
    reference = UserReference("named", "Named", str(tmp_path))
    told: Any = pytest.raises(UsageError, match=why) if why else nullcontext()
    with told:
        loaded(reference, "http://localhost:1")

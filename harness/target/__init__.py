"""What a user's class of a target is written with: docs/targets.md.

`Target` itself is `harness.Target`, too. Exports are lazy, so that who imports one module of this
package does not load all of them. A public name stands in both lists below.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.core.money import Currency as Currency
    from harness.history.ledger_facts import KeyedLoan as KeyedLoan
    from harness.history.ledger_facts import LedgerEntry as LedgerEntry
    from harness.plan.target_parts import Link as Link
    from harness.plan.target_parts import Program as Program
    from harness.target.answers import Answers as Answers
    from harness.target.answers import approved as approved
    from harness.target.answers import declined as declined
    from harness.target.answers import failed as failed
    from harness.target.answers import in_progress as in_progress
    from harness.target.answers import referred as referred
    from harness.target.answers import throttled as throttled
    from harness.target.answers import unknown as unknown
    from harness.target.http_ledger import HttpLedger as HttpLedger
    from harness.target.interface import Target as Target
    from harness.target.ledger import Ledger as Ledger
    from harness.target.request import BorrowerAccount as BorrowerAccount
    from harness.target.request import Header as Header
    from harness.target.request import LoanRequest as LoanRequest
    from harness.target.request import NewAccount as NewAccount
    from harness.target.request import OpenedSession as OpenedSession
    from harness.target.request import Request as Request
    from harness.target.sql_ledger import SqlLedger as SqlLedger
else:  # a type checker that saw this `__getattr__` would take any name for one of ours
    from harness.core.lazy_names import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "Answers": "harness.target.answers",
            "BorrowerAccount": "harness.target.request",
            "Currency": "harness.core.money",
            "Header": "harness.target.request",
            "HttpLedger": "harness.target.http_ledger",
            "KeyedLoan": "harness.history.ledger_facts",
            "Ledger": "harness.target.ledger",
            "LedgerEntry": "harness.history.ledger_facts",
            "Link": "harness.plan.target_parts",
            "LoanRequest": "harness.target.request",
            "NewAccount": "harness.target.request",
            "OpenedSession": "harness.target.request",
            "Program": "harness.plan.target_parts",
            "Request": "harness.target.request",
            "SqlLedger": "harness.target.sql_ledger",
            "Target": "harness.target.interface",
            "approved": "harness.target.answers",
            "declined": "harness.target.answers",
            "failed": "harness.target.answers",
            "in_progress": "harness.target.answers",
            "referred": "harness.target.answers",
            "throttled": "harness.target.answers",
            "unknown": "harness.target.answers",
        },
    )

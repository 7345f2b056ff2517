"""What a user's class of a target is written with: docs/targets.md.

`Target` itself is `harness.Target`, too. Exports are lazy, so that who imports one module of this
package does not load all of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.core.money import Currency
    from harness.history.ledger_facts import KeyedLoan, LedgerEntry
    from harness.plan.target_parts import Link, Program
    from harness.target.answers import (
        Answers,
        approved,
        declined,
        failed,
        in_progress,
        referred,
        throttled,
        unknown,
    )
    from harness.target.http_ledger import HttpLedger
    from harness.target.interface import Header, OpenedSession, Target
    from harness.target.ledger import Ledger
    from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
    from harness.target.sql_ledger import SqlLedger

__all__ = [
    "Answers",
    "BorrowerAccount",
    "Currency",
    "Header",
    "HttpLedger",
    "KeyedLoan",
    "Ledger",
    "LedgerEntry",
    "Link",
    "LoanRequest",
    "NewAccount",
    "OpenedSession",
    "Program",
    "Request",
    "SqlLedger",
    "Target",
    "approved",
    "declined",
    "failed",
    "in_progress",
    "referred",
    "throttled",
    "unknown",
]

_HOMES = {
    "harness.core.money": ("Currency",),
    "harness.history.ledger_facts": ("KeyedLoan", "LedgerEntry"),
    "harness.plan.target_parts": ("Link", "Program"),
    "harness.target.answers": (
        *("Answers", "approved", "declined", "failed"),
        *("in_progress", "referred", "throttled", "unknown"),
    ),
    "harness.target.http_ledger": ("HttpLedger",),
    "harness.target.interface": ("Header", "OpenedSession", "Target"),
    "harness.target.ledger": ("Ledger",),
    "harness.target.request": ("BorrowerAccount", "LoanRequest", "NewAccount", "Request"),
    "harness.target.sql_ledger": ("SqlLedger",),
}


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'harness.target' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(home), name)

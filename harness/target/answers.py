"""What a lender's answers mean, as its class writes it down: rules, the first that matches wins.

What no rule matches is judged by its status alone, by the rules of `harness.target.classification`.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from harness.core.errors import UsageError
from harness.core.http_times import retry_after_s
from harness.history.events import Outcome
from harness.plan.decline import Decline
from harness.target.classification import (
    INVALID_ANSWER,
    Answer,
    Classification,
    GroundTruth,
    failed_step,
    judge_borrow,
)

Kind = Literal["approved", "referred", "declined", "in_progress", "throttled", "unknown", "failed"]
When = int | tuple[int, str, Any]
"""A status, or the first digit of it; with the path of a field of the answer, and its value."""
ABSENT = object()
"""In place of a field that an answer does not have; None may be a value."""
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
FIELD_PATH = re.compile(r"(?!/|\$[.\[]|\$$)(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*")
_FORMS = (
    'a rule is (status, meaning) or ((status, "field.path", value), meaning), as in'
    ' (200, approved(loan="data.id")) or ((400, "code", "NO_FUNDS"), declined("credit"))'
)


# --- fields of an answer --------------------------------------------------------------------------


def json_in(body: bytes) -> Any:
    """The JSON of an answer, its decimals exact; `ABSENT` where it is none."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return ABSENT


def value_at(body: Any, path: str) -> Any:
    """The field at a path like ``data.items[0].id``; `ABSENT` where there is none."""
    for index, name in _PART.findall(path):
        if index and isinstance(body, list) and int(index) < len(body):
            body = body[int(index)]
        elif name and isinstance(body, dict) and name in body:
            body = body[name]
        else:
            return ABSENT
    return body


def text_at(body: Any, path: str) -> str | None:
    """An identifier at a path, text or a whole number, as text; None where there is none."""
    found = value_at(body, path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None


def require_path(path: str) -> str:
    """The path itself; UsageError where it is none."""
    if not isinstance(path, str) or not FIELD_PATH.fullmatch(path):
        raise UsageError(f"{path!r:.80} is no field: write it like data.items[0].id")
    return path


# --- meanings -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer that matches comes to; ``loan`` and ``principal`` are fields of it."""

    kind: Kind
    cause: Decline | None = None
    loan: str = ""
    principal: str = ""


def approved(loan: str = "", principal: str = "") -> Meaning:
    """The loan was paid out. ``principal`` is compared with what was asked for: a lender may answer
    a used key with an old loan.
    """
    return _of_loan("approved", loan, principal)


def referred(loan: str = "", principal: str = "") -> Meaning:
    """The loan waits for a manual review."""
    return _of_loan("referred", loan, principal)


def declined(cause: str) -> Meaning:
    """A business decline, for ``credit``, ``policy`` or ``behaviour``."""
    if cause not in set(Decline):
        raise UsageError(f"declined({cause!r}): a cause must be one of {', '.join(Decline)}")
    return Meaning("declined", Decline(cause))


def _of_loan(kind: Kind, loan: str, principal: str) -> Meaning:
    for path in filter(None, (loan, principal)):
        require_path(path)
    return Meaning(kind, loan=loan, principal=principal)


in_progress = Meaning("in_progress")
"""The same key is being worked on: worth another try."""
throttled = Meaning("throttled")
"""Surely not applied, and worth another try later."""
unknown = Meaning("unknown")
"""May or may not have been applied; the ledger settles it."""
failed = Meaning("failed")
"""Surely not applied, for no reason that lies in the borrower; another try would not help."""


# --- rules ----------------------------------------------------------------------------------------


class Answers:
    """Rules for one lender's answers, each ``(when, meaning)``; UsageError for an invalid rule."""

    def __init__(self, rules: Iterable[tuple[When, Meaning]] = ()) -> None:
        self._rules = tuple(map(_rule, rules))

    def of_borrow(
        self, answer: Answer, truth: GroundTruth, minor: Callable[[Any], int]
    ) -> Classification:
        """What the answer to a borrow means; ``minor`` reads money as this lender writes it."""
        body = json_in(answer.body)
        meaning, code = self._meaning(answer.status, body)
        if meaning is None:
            return judge_borrow(_by_status(answer), truth)
        match meaning.kind:
            case "approved" | "referred":
                return _granted(meaning, body, truth, minor)
            case "declined":
                return _declined(meaning, code, truth)
            case "throttled" | "failed":
                again = meaning.kind == "throttled"
                return Classification(Outcome.FAILED, code, may_retry=again)
        return Classification(Outcome.INDETERMINATE, code, may_retry=True)

    def of_step(self, answer: Answer, truth: GroundTruth) -> Classification:
        """What the answer to a step before the borrow means: any 2xx is well unless a rule says
        otherwise, and nothing about it is indeterminate.
        """
        meaning, code = self._meaning(answer.status, json_in(answer.body))
        if meaning is None or meaning.kind in ("approved", "referred"):
            if answer.status is not None and 200 <= answer.status < 300:  # noqa: PLR2004
                return Classification(Outcome.OK)
            return failed_step(_by_status(answer), truth)
        if meaning.kind == "declined":
            return _declined(meaning, code, truth)
        asked = meaning.kind != "failed" and retry_after_s(answer.headers) is not None
        return Classification(Outcome.FAILED, code, may_retry=asked)

    def lacking(self, answer: Answer, truth: GroundTruth, minor: Callable[[Any], int]) -> list[str]:
        """The fields of a loan that an answer to a borrow does not have, or not as it must."""
        body = json_in(answer.body)
        meaning, _ = self._meaning(answer.status, body)
        return [] if meaning is None else _lacking(meaning, body, truth, minor)

    def _meaning(self, status: int | None, body: Any) -> tuple[Meaning | None, str | None]:
        """Of the first rule that matches, and what the answer says there."""
        for wanted, path, value, meaning in self._rules:
            if status is None or wanted not in (status, status // 100):
                continue
            if not path:
                return meaning, meaning.kind
            found = value_at(body, path)
            # Python takes True for 1, and a lender means something else by it.
            if found == value and isinstance(found, bool) is isinstance(value, bool):
                return meaning, str(value)
        return None, None


def _rule(rule: Any) -> tuple[int, str, Any, Meaning]:
    """Status, path ("" for none), value as `json_in` reads it, and meaning."""
    match rule:
        case (int(status), Meaning() as meaning):
            path, value = "", None
        case ((int(status), str(path), value), Meaning() as meaning):
            require_path(path)
            value = value if isinstance(value, Decimal) else _as_read(value)
        case _:
            raise UsageError(f"answers: {rule!r:.80} is no rule; {_FORMS}")
    if isinstance(status, bool):
        raise UsageError(f"answers: {status} is no status; {_FORMS}")
    if not (1 <= status <= 5 or 100 <= status < 600):  # noqa: PLR2004  # HTTP's words
        raise UsageError(f"answers: {status} is no status, nor the first digit of one; {_FORMS}")
    return status, path, value, meaning


def _as_read(value: Any) -> Any:
    """A value as the JSON of an answer would have it: 0.1 is a decimal, a tuple is a list."""
    try:
        return json_in(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"answers: {value!r:.80} is no value of JSON: {error}") from error


def _by_status(answer: Answer) -> Answer:
    """Without its body, whose fields mean something in our own contract."""
    return replace(answer, body=b"")


def _granted(
    meaning: Meaning, body: Any, truth: GroundTruth, minor: Callable[[Any], int]
) -> Classification:
    """A loan, unless the answer lacks what was declared, or names another amount."""
    loan_id = text_at(body, meaning.loan) if meaning.loan else None
    if not _lacking(meaning, body, truth, minor):
        outcome = Outcome.APPROVED if meaning.kind == "approved" else Outcome.REFERRED
        return Classification(outcome, loan_id=loan_id)
    return Classification(
        Outcome.INDETERMINATE, INVALID_ANSWER, invalid_answer=True, loan_id=loan_id, may_retry=True
    )


def _lacking(
    meaning: Meaning, body: Any, truth: GroundTruth, minor: Callable[[Any], int]
) -> list[str]:
    found = []
    if meaning.loan and text_at(body, meaning.loan) is None:
        found.append(meaning.loan)
    if meaning.principal:
        try:
            shown: int | None = minor(value_at(body, meaning.principal))
        except ValueError:
            shown = None
        if shown != truth.amount_fen:
            found.append(f"{meaning.principal} with the amount asked for")
    return found


def _declined(meaning: Meaning, code: str | None, truth: GroundTruth) -> Classification:
    rightly = meaning.cause in (truth.expected_decline, truth.possible_decline)
    outcome = Outcome.DECLINED if rightly else Outcome.FAILED
    return Classification(outcome, code, meaning.cause, false_declined=not rightly)

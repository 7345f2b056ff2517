"""What a class of a target may declare, and what its methods have to return."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from harness.core.http_messages import unsendable
from harness.core.rows import comparable
from harness.plan.checked import fits, shown, type_problems
from harness.plan.population import AccountClass
from harness.target.answers import FIELD_PATH
from harness.target.classification import Classification
from harness.target.ledger import KEYED_LOANS, read_keyed
from harness.target.request import OpenedSession, Request
from harness.target.user_methods import (
    UNREADABLE,
    Method,
    UnlikeError,
    each,
    kind_of,
    one_of,
    record,
)

_PATH = re.compile(r"/[!-~]*")
_FIELD = re.compile(f"|{FIELD_PATH.pattern}")
_FORMS = {
    "prefix": re.compile(r"(?:/[^\s?#/]+)*"),
    **dict.fromkeys(("health", "ready"), _PATH),
    **dict.fromkeys(("token", "expires_at", "available"), _FIELD),
}
"""How a text has to be written, as far as its type does not say."""
_A_FIELD = 'a field of an answer, like "data.items[0].id", or ""'
_MUST = {
    "url": 'an address, like "http://127.0.0.1:8000"',
    "prefix": 'a path without a / at its end, like "/api", or ""',
    "health": 'a path, like "/health", or None',
    "ready": 'a path, like "/ready", or None',
    "currency": 'a Currency, like Currency("EUR")',
    "decimal": "True or False",
    "amounts": "two whole numbers of minor units in a tuple, like (50_00, 900_00)",
    "unit": "a whole number of minor units",
    "review_from": "a whole number of minor units, or None",
    "classes": f"kinds of borrower in a tuple, of {', '.join(AccountClass)}",
    "links": 'Links by name, like {"database": Link("127.0.0.1:5432")}',
    "processes": 'Programs by name, like {"lender": Program("serve", listens="127.0.0.1:8000")}',
    "database": 'an address, like "postgresql://user@127.0.0.1:5432/name", or None',
    "replayed": 'a Header, like Header("Idempotency-Replayed", "true")',
    **dict.fromkeys(("token", "expires_at", "available"), _A_FIELD),
    "answers": "rules, like Answers([(200, approved())])",
    "ledger": "a ledger, like SqlLedger(...), or None",
}
_SECRET = ("url", "database")


def wrong_attributes(target: Any, base: type) -> Iterator[str]:
    """Every attribute of a target that ``base`` knows and that is not what it must be."""
    for name, declared in get_type_hints(base).items():
        hint = get_args(declared)[0] if get_origin(declared) is ClassVar else declared
        value = getattr(target, name)
        form = _FORMS.get(name)
        if not _fits(hint, value) or (
            form and isinstance(value, str) and not form.fullmatch(value)
        ):
            said = "" if name in _SECRET and isinstance(value, str) else f" {shown(value)}"
            yield f"{name}{said} must be {_MUST[name]}"
        elif name in ("currency", "replayed"):
            yield from (f"{name}: {text}" for text in type_problems(value))
        elif name == "classes":
            yield from (
                f"classes: {shown(one)} must be one of {', '.join(AccountClass)}"
                for one in value
                if one not in list(AccountClass)
            )
    for name in METHODS:
        found = getattr(type(target), name, None)
        if found is not None and not callable(found):
            yield f"{name} {shown(found)} must be a method, or left out"


def _fits(hint: Any, value: Any) -> bool:
    if (kind := get_origin(hint)) in (Collection, Mapping):  # what is in it is told one by one
        return isinstance(value, kind) and not isinstance(value, str)
    return fits(hint, value)


# --- what methods return ------------------------------------------------------------------------


def _request(found: Any) -> Request:
    if not isinstance(found, Request):
        raise UnlikeError(kind_of(found))
    for wrong in found.wrong():
        raise UnlikeError(f"a Request that cannot be sent: {wrong}")
    return found


def _headers(found: Any) -> Mapping[str, str]:
    if not isinstance(found, Mapping):
        raise UnlikeError(kind_of(found))
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UnlikeError(f"{kind_of(value)} as {name!r:.40}")
    for wrong in unsendable(found):
        raise UnlikeError(f"headers that cannot be sent: {wrong.removeprefix('its ')}")
    return found


def _ids(found: Any) -> dict[str, str]:
    """By name, as they are compared; whole numbers become text."""
    if not isinstance(found, Mapping):
        raise UnlikeError(kind_of(found))
    for name, shown_id in found.items():
        if isinstance(shown_id, bool) or not isinstance(shown_id, str | int):
            raise UnlikeError(f"{kind_of(shown_id)} as the id of {name!r:.40}")
    return {str(name): comparable(str(shown_id)) for name, shown_id in found.items()}


_ASKS = Method('a Request, like Request("POST", "/loans", ...)', _request)
METHODS = {
    "accounts": Method("a list of Requests", each(_request)),
    "account_ids": Method(
        "a dict of account ids by name, each a text or a whole number", _ids, may_raise=UNREADABLE
    ),
    "headers": Method("a dict of headers, texts by name", _headers),
    **dict.fromkeys(("log_in", "credit_line", "borrow", "find_by_key"), _ASKS),
    "session": Method('OpenedSession("token")', record(OpenedSession), may_raise=UNREADABLE),
    "grants": Method("True or False", one_of(bool), may_raise=UNREADABLE),
    "classify": Method(
        "a Classification with one of Outcome's as its outcome", record(Classification)
    ),
    "minor": Method("a whole number of minor units", one_of(int), may_raise=(ValueError,)),
    "loans": Method(KEYED_LOANS, each(read_keyed), may_raise=UNREADABLE),
}
"""Methods of a target by name, and what each has to return."""

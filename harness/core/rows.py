"""Facts: how their values are written, compared and refused; the smallest parts of it."""

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_PLAIN_WORDS = {
    "dataclass_type": "Input should be an object",
    "path_type": "Input should be a path",
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def comparable(shown: str) -> str:
    """A UUID in small letters: it is the same in any case (RFC 9562). Any other one as it is."""
    is_uuid = isinstance(shown, str) and _UUID.fullmatch(shown)  # of a class of the user's
    return shown.lower() if is_uuid else shown


def refusal_of(detail: ErrorDetails) -> str:
    """Why a value is refused, without the name of the class that it should become."""
    return _PLAIN_WORDS.get(detail["type"], detail["msg"])


def plain(fact: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary: `dataclasses.asdict` copies deeply, which costs much."""
    return {name: getattr(fact, name) for name in fact.__dataclass_fields__}


def reason_of(error: Exception) -> str:
    """One line without a path, so that a copy elsewhere says the same."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return ": ".join([*(str(part) for part in first["loc"][:1]), refusal_of(first)])
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__

"""How files of facts are written and read, line by line; the smallest parts of it."""

from typing import Any

from pydantic import ValidationError


def plain(fact: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary; `dataclasses.asdict` copies deeply, which costs too
    much.
    """
    return {name: getattr(fact, name) for name in fact.__dataclass_fields__}


def reason_of(error: Exception) -> str:
    """One line without a path, so that a copy elsewhere says the same."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return ": ".join([*(str(part) for part in first["loc"][:1]), first["msg"]])
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__

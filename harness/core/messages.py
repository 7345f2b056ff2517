"""Messages between our own processes: one JSON object a line, whose ``kind`` names a dataclass.

A protocol is a union of frozen dataclasses and the one `Codec` of it, in a module that both ends
import. What is no message of it is refused with the reason, an unknown field too.
"""

import json
from typing import Any, Generic, TypeVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.core.rows import refusal_of

MessageT = TypeVar("MessageT")


class MessageError(ValueError):
    """A line is no message of its protocol."""


class Codec(Generic[MessageT]):
    """The messages of one protocol as lines, and back.

    ``union`` is the union of their classes, or the only class. All that reading and writing take
    is made here, so that nothing of it can fail during a heal.
    """

    def __init__(self, union: Any) -> None:
        # No error shows what was in a field: it may be a password.
        config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        for each in get_args(union) or (union,):
            # In a tuple, because a dataclass alone takes no configuration.
            one: Any = tuple[each]  # type: ignore[valid-type]  # known only here
            self._adapters[each.__name__] = TypeAdapter(one, config=config)

    def encode(self, message: MessageT) -> bytes:
        """The line of one message, with its end; a field at its default is left out."""
        kind = type(message).__name__
        (fields,) = self._adapters[kind].dump_python((message,), mode="json", exclude_defaults=True)
        return json.dumps({"kind": kind, **fields}).encode() + b"\n"

    def decode(self, line: bytes | str) -> MessageT:
        """The message of one line; MessageError where it is none of this protocol."""
        try:
            body: dict[str, Any] = json.loads(line)
            kind = body.pop("kind")
            message: MessageT
            (message,) = self._adapters[kind].validate_python((body,))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"][1:])
            raise MessageError(f"message {kind}, {field}: {refusal_of(first)}") from error
        except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
            known = ", ".join(self._adapters)
            raise MessageError(f"no message of {known}: {line[:80]!r}") from error
        return message

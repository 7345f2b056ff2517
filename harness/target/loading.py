"""The target of a run as the user names it: a class of theirs, imported and made.

Conductor and load processes do so, each for itself. `python -m harness.target.loading` has it make
the request of each step, too, which it does not send, in an interpreter of its own: what a module
brings with it shows only there.
"""

import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.core.errors import UsageError
from harness.core.host_port import is_same_address, join_address
from harness.core.module_look import look_alone, looked_at
from harness.core.places import place_of_class
from harness.core.user_module import UserReference, class_in, imported, raised, reference_of
from harness.target.declared import steps_of
from harness.target.http_ledger import HTTP_PORT
from harness.target.interface import Target
from harness.target.target_rules import METHODS

WHAT = "target"
_ASKED_WITH = {"session": "log_in", "loans": "find_by_key"}
_MAY_LACK = ("log_in", "credit_line", "find_by_key", *_ASKED_WITH)
"""Methods that a target may do without, and by which other one two of them are asked for."""


def target_reference(text: str, *folders: Path) -> UserReference:
    """What ``--target`` or a scenario names; `reference_of` has its forms and errors."""
    return reference_of(text, WHAT, folders)


def loaded(reference: UserReference, url: str | None = None) -> Target:
    """The target itself; ``url`` wins over that of its class. UsageError, in one line, where there
    is none.
    """
    kind = class_in(imported(reference, WHAT), reference, Target, WHAT)
    try:
        made = kind(url)
    except UsageError as error:
        raise UsageError(f"{WHAT} {reference}: {error}") from error
    except Exception as error:
        said = raised(error, file_of(made_by=kind))
        raise UsageError(f"{WHAT} {reference}: {kind.__name__} cannot be made: {said}") from error
    for wrong in _wrong(made, url):
        place = place_of_class(kind)
        raise UsageError(f"{WHAT} {reference}: {place}: {kind.__name__}{wrong}")
    if not made.url:
        text = f"{WHAT} {reference}: {kind.__name__} has no url; set it, like http://127.0.0.1:8000"
        raise UsageError(f"{text}, or give --host")
    return made


def _wrong(made: Target, url: str | None) -> Iterator[str]:
    """What an ``__init__`` of the class did: the load goes to another address than set-up."""
    if not hasattr(made, "is_checked"):
        own = ", which that of a dataclass does not" if is_dataclass(made) else ""
        yield f".__init__ must call super().__init__(url){own}"
    elif url and not _is_same(made.url, url):
        yield ".__init__ must pass its url on: super().__init__(url), and no other one"
    for name in METHODS:
        # One that is not asked for may be the name of something else, like the session of a client.
        asks = _ASKED_WITH.get(name, name)
        is_used = name not in _MAY_LACK or getattr(type(made), asks) is not getattr(Target, asks)
        if name in vars(made) and (is_used or callable(vars(made)[name])):
            yield f".{name} must be a method of the class, not set in __init__"


def _is_same(one: str, other: str) -> bool:
    """Whether two addresses are one: all names of this machine are."""
    if one == other.rstrip("/"):
        return True
    try:
        parts = [urlsplit(str(url).rstrip("/")) for url in (one, other)]
        rest = {part._replace(netloc="") for part in parts}
        users = {part.username for part in parts}
        at = [join_address(part.hostname or "", part.port or HTTP_PORT) for part in parts]
        return len(rest) == len(users) == 1 and is_same_address(*at)
    except (ValueError, UsageError):
        return False


def file_of(made_by: type) -> str | None:
    """The file of the user's that a class is from."""
    return getattr(sys.modules.get(made_by.__module__), "__file__", None)


def require_alone(reference: UserReference) -> None:
    """Refuse, as UsageError, a target whose module cannot be loaded without Locust and gevent, or
    whose steps make no requests.

    In a process of its own, as the load process has both already. HarnessError where that hangs.
    """
    look_alone("harness.target.loading", reference, WHAT)


def _main() -> int:
    # Its address may be given elsewhere.
    return looked_at(lambda reference: steps_of(loaded(reference, "http://127.0.0.1:1")))


if __name__ == "__main__":
    sys.exit(_main())

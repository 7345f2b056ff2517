"""The target of a run as the user names it: a class of theirs, imported and made.

Conductor and load processes do so, each for itself. `python -m harness.target.loading` has it make
the request of each step, too, which it does not send, in an interpreter of its own: what a module
brings with it shows only there.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.own_python import module_command
from harness.core.places import place_of_class
from harness.core.user_module import UserReference, class_in, imported, raised, reference_of
from harness.target.declared import steps_of
from harness.target.interface import Target
from harness.target.target_rules import METHODS

WHAT = "target"
_ALONE_SECONDS_MAX = 60.0
_SAYS = "lendchaos: "
"""Begins our own line among those that a module, or Python, writes."""


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
    elif url and made.url != url.rstrip("/"):
        yield ".__init__ must pass its url on: super().__init__(url), and no other one"
    for name in METHODS:
        if name in vars(made):
            yield f".{name} must be a method of the class, not set in __init__"


def file_of(made_by: type) -> str | None:
    """The file of the user's that a class is from."""
    return getattr(sys.modules.get(made_by.__module__), "__file__", None)


def require_alone(reference: UserReference) -> None:
    """Refuse, as UsageError, a target whose module cannot be loaded without Locust and gevent, or
    whose steps make no requests.

    In a process of its own, as the load process has both already. HarnessError where that hangs.
    """
    words = [*module_command("harness.target.loading"), *_words_of(reference)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_ALONE_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        text = f"{WHAT} {reference}: its module was not loaded within {_ALONE_SECONDS_MAX:g} s"
        raise HarnessError(text) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = [line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)]
        last = (said or lines)[-1:]
        raise UsageError("".join(last) or f"{WHAT} {reference}: its module ends Python")


def _words_of(reference: UserReference) -> list[str]:
    return [reference.module, reference.name, reference.folder]


def _main() -> int:
    module, name, folder = sys.argv[1:]
    sys.dont_write_bytecode = True  # a look at a module leaves nothing beside it
    try:
        # Its address may be given elsewhere.
        steps_of(loaded(UserReference(module, name, folder), "http://127.0.0.1:1"))
    except UsageError as error:
        sys.stderr.write(f"\n{_SAYS}{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_main())

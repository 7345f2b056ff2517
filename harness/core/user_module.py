"""Modules of the user, loaded by the name that was given: classes of targets, kinds of faults.

They are imported in several processes, of which only that of the load has Locust and gevent: those
patch the standard library, so a module that brings them is refused.
"""

import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from harness.core.errors import UsageError
from harness.core.places import is_of_harness

KindT = TypeVar("KindT")
UNWANTED = ("locust", "gevent")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_FORMS = "write it like lender:Lender, lender.py or lender.py:Lender"


@dataclass(frozen=True, slots=True)
class UserReference:
    """A module of the user and a name in it, "" for the only one; plain data, to be sent.

    The module is in ``folder``, or wherever Python finds modules.
    """

    module: str
    name: str
    folder: str

    def __str__(self) -> str:
        """As it is named on the command line."""
        return f"{self.module}:{self.name}" if self.name else self.module


def reference_of(text: str, what: str, folders: Iterable[Path]) -> UserReference:
    """What ``module:Name``, ``module``, ``file.py`` or ``file.py:Name`` names.

    A file is looked for in these folders, in this order, unless its path is absolute; so is a
    module, and then where Python finds modules. ``what`` begins the message of a UsageError.
    """
    folders = [folder.absolute() for folder in folders]
    place, _, name = text.partition(":")
    if place.endswith(".py"):
        found = next((f / place for f in folders if (f / place).is_file()), None)
        if found is None:
            looked = " or ".join(map(str, folders))
            raise UsageError(f"{what} {text!r:.80}: there is no {place} in {looked}")
        place, folders = found.stem, [found.parent]
    if not _NAME.fullmatch(place) or (name and not name.isidentifier()):
        raise UsageError(f"{what} {text!r:.80} names no class: {_FORMS}")
    # Another process of ours may look for modules elsewhere than this one.
    everywhere = [*folders, *(Path(entry).absolute() for entry in sys.path)]
    home = next((f for f in everywhere if _file_in(f, place) is not None), folders[0])
    return UserReference(place, name, str(home))


def reference_to(kind: type) -> UserReference | None:
    """Where a class of the user's is, to be imported elsewhere; None for one of the harness."""
    name = kind.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    if is_of_harness(kind) or file is None:
        return None
    path = Path(file)
    depth = name.count(".") + (path.stem == "__init__")
    return UserReference(name, "", str(path.absolute().parents[depth]))


def imported(reference: UserReference, what: str) -> ModuleType:
    """The module of a reference; UsageError, in one line, where it cannot be imported, is another
    one of that name, or brings Locust or gevent into a process that has neither.
    """
    had = {name for name in UNWANTED if name in sys.modules}
    expected = _file_in(Path(reference.folder), reference.module)
    if reference.folder not in sys.path:
        sys.path.append(reference.folder)
    try:
        module = importlib.import_module(reference.module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{what} {reference}: {raised(error, expected)}") from error
    found = getattr(module, "__file__", None)
    same = os.path.realpath(found or "") == os.path.realpath(expected or "")
    if expected is not None and not same:
        taken = f"{reference.module} is taken by {found or 'Python itself'}"
        raise UsageError(f"{what} {reference}: {taken}, so rename {expected}")
    if brought := [name for name in UNWANTED if name in sys.modules and name not in had]:
        raise UsageError(
            f"{what} {reference}: its module brings in {' and '.join(brought)}, which only the load"
            " may have: keep it apart from the scenario"
        )
    return module


def class_in(
    module: ModuleType, reference: UserReference, base: type[KindT], what: str
) -> type[KindT]:
    """The class that a reference names: a subclass of ``base``; without a name, the only one that
    the module defines. UsageError where there is none, or several.
    """
    if reference.name:
        found = getattr(module, reference.name, None)
        if isinstance(found, type) and issubclass(found, base) and found is not base:
            return found
        known = "is no such class" if found is not None else "is not there"
        raise UsageError(
            f"{what} {reference}: {reference.name} {known}; it must be a subclass of"
            f" {base.__name__}"
        )
    own = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
    ]
    if len(own) == 1:
        return own[0]
    names = ", ".join(sorted(each.__name__ for each in own))
    said = f"several classes ({names}): name one, as {reference}:{own[0].__name__}" if own else ""
    raise UsageError(
        f"{what} {reference}: its module has {said or f'no subclass of {base.__name__}'}"
    )


def raised(error: BaseException, file: Path | str | None) -> str:
    """What was raised, in one line, with the last place of it in a file of the user, if any."""
    kind = "" if type(error) is UsageError else f"{type(error).__name__}: "
    text = f"{kind}{error}".splitlines()[0]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}: {text}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{f.filename}:{f.lineno}" for f in frames if file and f.filename == str(file)]
    return f"{places[-1]}: {text}" if places else text


def _file_in(folder: Path, module: str) -> Path | None:
    """The file of a module in a folder, if it is there."""
    path = folder.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((each for each in candidates if each.is_file()), None)

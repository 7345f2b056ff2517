"""A `Scenario` that a test made, as a scenario file: the load is sent by another process.

The file is plain Python, lies beside the runs and is kept, so that `lendchaos run FILE` runs the
same again. It is written only if what it says is the scenario that was given.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.files import replace_file
from harness.core.places import is_of_harness
from harness.core.user_module import reference_of, reference_to
from harness.plan.plan import Scenario

NAME_LETTERS_MAX = 60
_PUBLIC = ("harness", "harness.faults")
"""Where a scenario file imports from, as far as they have it."""
_PLAIN = (str, int, float, bool, type(None))
_SEVERAL = (tuple, list, set, frozenset)


def write_scenario(
    scenario: Scenario, runs_dir: Path, name: str, origin: str, folder: Path
) -> Path:
    """The file of a scenario that was given as an object; the same object gives the same file.

    ``name`` is what its runs are called, ``origin`` says where the object came from, and
    ``folder`` is where the module of its target is looked for, as if the file were there.

    Raises:
        UsageError: something of it cannot be written as Python, there is no file of its target, or
            the file cannot be written.
    """
    stem = re.sub(r"\W+", "_", name).strip("_")[:NAME_LETTERS_MAX] or "scenario"
    text = source_of(_with_place(scenario, folder), origin)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    # The pytest plugin knows these folders: it lets no test be looked for in them.
    path = runs_dir / f"scenario-{stem}-{digest}" / f"{stem}.py"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _with_place(scenario: Scenario, folder: Path) -> Scenario:
    """The same, with the path of its target's file."""
    if not scenario.target:
        return scenario
    found = reference_of(scenario.target, "target", (folder, Path.cwd()))
    file = Path(found.folder, *found.module.split(".")).with_suffix(".py")
    if "." in found.module or not file.is_file():  # of a package, or nowhere near
        return scenario
    return replace(scenario, target=f"{file}:{found.name}".rstrip(":"))


def source_of(scenario: object, origin: str) -> str:
    """The text of the file; UsageError if it would not say the same as the object."""
    writer = _Writer()
    said = writer.text(scenario)
    try:
        same = eval(said, dict(writer.names)) == scenario  # noqa: S307  # written just now, here
    except Exception as error:
        raise _unwritable(f"{type(error).__name__}: {error}") from error
    if not same:
        raise _unwritable("what would be written differs from it")
    return "\n".join(
        [
            f"# The scenario that chaos_run was given by {' '.join(origin.split())}.",
            *writer.imports(),
            "",
            "",
            "class GivenScenario(Borrower):",
            f"    scenario = {said}",
            "",
        ]
    )


def _unwritable(reason: str) -> UsageError:
    return UsageError(
        f"this Scenario cannot be written as a scenario file ({reason}): write the file yourself"
        " and give chaos_run its path"
    )


class _Writer:
    """Values as Python; ``names`` are what the text needs to be evaluated."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._from: dict[str, set[str]] = {"harness": {"Borrower"}}
        self._whole: dict[str, str] = {}
        self._folders: set[str] = set()

    def imports(self) -> Iterator[str]:
        """The lines that import ``names``, and the base class of every scenario."""
        if self._folders:  # of modules that a test found beside it
            yield from ("import sys", "", f"sys.path += {sorted(self._folders)!r}", "")
        for module, alias in sorted(self._whole.items()):
            yield f"import {module}" + (f" as {alias}" if alias != module else "")
        for module, names in sorted(self._from.items()):
            yield f"from {module} import {', '.join(sorted(names))}"

    def text(self, value: Any) -> str:
        """A value as it is written in the file."""
        if isinstance(value, Enum):
            return f"{self._name(type(value))}.{value.name}"
        if isinstance(value, type):
            return self._name(value)
        if is_dataclass(value):
            given = (f for f in fields(value) if f.init and not _is_default(f, value))
            words = (f"{f.name}={self.text(getattr(value, f.name))}" for f in given)
            return f"{self._name(type(value))}({', '.join(words)})"
        if isinstance(value, timedelta):
            return f"{self._name(timedelta)}(microseconds={value // timedelta(microseconds=1)})"
        return repr(value) if type(value) in _PLAIN else self._several(value)

    def _several(self, values: Any) -> str:
        if type(values) is dict:
            pairs = (f"{self.text(key)}: {self.text(value)}" for key, value in values.items())
            return "{" + ", ".join(pairs) + "}"
        if type(values) not in _SEVERAL:
            raise _unwritable(f"{values!r:.60} is no plain value")
        texts = [self.text(value) for value in values]
        if isinstance(values, set | frozenset):
            texts.sort()  # so that the same object gives the same file
        listed = ", ".join(texts)
        if isinstance(values, tuple):
            return f"({listed},)" if texts else "()"
        return f"[{listed}]" if type(values) is list else f"{type(values).__name__}([{listed}])"

    def _name(self, kind: type) -> str:
        """What a class is called in the file: as `_PUBLIC` has it, else by its own module."""
        # Of ours only: what another class is called may be the name of one that brings Locust.
        name: str = kind.__name__
        for module in _PUBLIC if is_of_harness(kind) else ():
            public = import_module(module)
            if name in dir(public) and getattr(public, name) is kind:
                self._from.setdefault(module, set()).add(name)
                self.names[name] = kind
                return name
        home = sys.modules.get(kind.__module__)
        if kind.__module__ == "__main__" or getattr(home, kind.__qualname__, None) is not kind:
            raise _unwritable(f"no module has {kind.__qualname__} under that name")
        top = kind.__module__.partition(".")[0]
        if top not in sys.stdlib_module_names and (reference := reference_to(kind)):
            self._folders.add(reference.folder)
        alias = kind.__module__.replace(".", "_")
        self._whole[kind.__module__] = alias
        self.names[alias] = home
        return f"{alias}.{kind.__qualname__}"


def _is_default(field: "Field[Any]", owner: Any) -> bool:
    value = getattr(owner, field.name)
    default = field.default
    if default is MISSING and field.default_factory is not MISSING:
        default = field.default_factory()
    return type(value) is type(default) and bool(value == default)

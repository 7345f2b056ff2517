"""What others import: names and signatures as promised, seen by `dir` and by type checkers."""

import ast
import difflib
import subprocess
import sys
import types
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.public_names import MODULES, SNAPSHOT, described

ROOT = Path(__file__).parent.parent
RENEW = "python -m tests.public_names --write"


def differences(promised: str, found: str) -> list[str]:
    """Lines that were promised and are gone, and lines that are new."""
    lines = difflib.unified_diff(promised.splitlines(), found.splitlines(), lineterm="", n=2)
    return list(lines)


def test_public_names_are_as_promised() -> None:
    """One that was changed on purpose is written down, here and in the change log."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.public_names"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert SNAPSHOT.exists(), f"there is no {SNAPSHOT.name}: make it with `{RENEW}`"
    found = differences(SNAPSHOT.read_text(encoding="utf-8"), done.stdout)
    hint = f"public names differ from {SNAPSHOT.name}; where that is meant, `{RENEW}`"
    assert found == [], "\n".join([hint, *found])


@pytest.mark.parametrize("name", ["harness", "harness.target", "harness.testing"])
def test_lazy_names_are_shown(name: str) -> None:
    """By `dir`, and by a type checker, which reads the imports that never run."""
    module = import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (branch,) = (one for one in tree.body if isinstance(one, ast.If))
    typed = {
        alias.asname: str(one.module)
        for one in branch.body
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
        if alias.asname == alias.name
    }
    tables = (one for node in branch.orelse for one in ast.walk(node) if isinstance(one, ast.Dict))
    homes: dict[str, str] = ast.literal_eval(next(tables))

    assert dir(module) == sorted(module.__all__) == sorted(homes)
    assert set(typed) == set(homes)
    for public, home in typed.items():
        assert homes[public] in (home, f"{home}.{public}")
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Nothing'"):
        _ = module.Nothing


def test_each_public_name_is_had() -> None:
    """In a process of its own, since one of them brings Locust."""
    code = (
        "from importlib import import_module\n"
        f"for name in {MODULES!r}:\n"
        "    module = import_module(name)\n"
        "    for public in module.__all__:\n"
        "        named = getattr(getattr(module, public), '__name__', public)\n"
        "        assert named.rpartition('.')[2] == public, public\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_tests_import_brings_no_locust() -> None:
    """Nor does a scenario that a test makes: both are imported into any pytest."""
    code = (
        "import sys, harness.testing as testing\n"
        "from harness import Objectives, Scenario, faults\n"
        "[getattr(testing, name) for name in testing.__all__]\n"
        "print(sorted({'locust', 'gevent', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# --- the snapshot itself -------------------------------------------------------------------------


def module_of(monkeypatch: pytest.MonkeyPatch, **names: Any) -> str:
    """A module with these public names, and its name."""
    made = types.ModuleType("made_up")
    made.__dict__.update(names, __all__=list(names))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made.__name__


@dataclass(frozen=True)
class Made:
    """A class with something of each kind."""

    rate: int | None
    names: list[str] = field(default_factory=list)
    unit: ClassVar[str] = "s"

    @property
    def length(self) -> float:
        """A figure."""
        return 0.0

    @cached_property
    def whole(self) -> "types.ModuleType":
        """A figure that is kept."""
        return types

    def __call__(self, *words: str, fast: bool = False, **more: Any) -> "Made":
        """Do it."""
        return self if fast else Made(len(words) + len(more))

    @classmethod
    def read(cls, path: str | Path) -> "Made":
        """Make one."""
        return cls(len(str(path)))

    def _hidden(self) -> None:
        """Nobody's."""


def do(first: int, /, second: str = "x", *, third: float = 1.5) -> None:
    """A function."""


def test_the_text_has_all_that_others_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each public name with its parameters, types and defaults, and nothing that is private."""
    name = module_of(monkeypatch, Made=Made, do=do, LIMIT=5, sub=types.ModuleType("made_up.sub"))

    assert described([name], ours=f"{__name__}.").splitlines() == [
        "# made_up",
        "",
        "LIMIT = 5",
        "",
        "class Made",
        "    __init__(",
        "        rate: int | None,",
        "        names: list[str] = <factory>,",
        "    )",
        "    classmethod read(path: str | Path) -> Made",
        "    def __call__(*words: str, fast: bool = False, **more: Any) -> Made",
        "    length -> float",
        "    unit: ClassVar[str] = 's'",
        "    whole -> ModuleType",
        "",
        "def do(first: int, /, second: str = 'x', *, third: float = 1.5) -> None",
        "",
        "module sub",
    ]


def test_a_changed_default_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is a name that is gone."""

    def changed(first: int, /, second: str = "y", *, third: float = 1.5) -> None:
        """The same with another default."""

    before = described([module_of(monkeypatch, do=do, Made=Made)])
    after = described([module_of(monkeypatch, do=changed)])
    found = differences(before, after)

    assert "-class Made" in found
    assert "+def do(first: int, /, second: str = 'y', *, third: float = 1.5) -> None" in found

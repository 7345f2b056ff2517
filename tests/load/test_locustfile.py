"""What is read from a scenario file."""

import ast
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.apps.locust.locustfile import hypothesis_of, read_locustfile, require_user
from harness.core.errors import UsageError
from harness.plan.plan import Scenario


class Base:
    """Stands for the borrower that scenarios subclass."""

    host = None
    fixed_count = 0
    tasks: tuple[object, ...] = (print,)


class StopTest(Exception):  # noqa: N818  # as Locust calls its own
    """Stands for Locust's."""


class First(Base):
    """A scenario's borrower."""

    scenario = Scenario()


class Second(Base):
    """Another."""

    scenario = Scenario()


class Bare(Base):
    """Without a scenario."""


class Fixed(First):
    """A borrower with a number of its own."""

    fixed_count = 3


class OldTerm(First):
    """With its term where it was set before."""

    term_days = 90


class Busy(First):
    """With a task, beside those that every borrower has."""

    def look(self) -> None:
        """Of as many users as the rate."""

    tasks = (*Base.tasks, look)


class Stranger:
    """A user of another kind."""

    fixed_count = 0


class Beside:
    """One that runs in the background."""

    fixed_count = 5


def environment_of(*classes: type, shape: Any = None, tags: Any = None, **more: Any) -> Any:
    """As Locust makes it of these classes."""
    options = SimpleNamespace(meaningless=tags)
    fields = {"user_classes": list(classes), "shape_class": shape, "parsed_options": options}
    return SimpleNamespace(**fields, **more)


def read(*classes: type, shape: Any = None, tags: Any = None) -> Any:
    """As Locust would have loaded these classes."""
    return read_locustfile(environment_of(*classes, shape=shape, tags=tags), Base)


def test_name_and_hypothesis_come_from_the_file() -> None:
    """The file's stem and its docstring."""
    found = read(First)

    assert found.name == "test_locustfile"
    assert found.hypothesis == "What is read from a scenario file."
    assert found.scenario is First.scenario


def loaded(path: Path, text: str, parent: type = First) -> tuple[type, Any]:
    """A file as Locust loads it, whose borrower is another file's: its class, and what is read."""
    path.write_text(text)
    module = ModuleType(path.stem, doc=ast.get_docstring(ast.parse(text), clean=False))
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(text, path, "exec"), {**vars(module), "First": parent}, vars(module))  # noqa: S102
    (borrower,) = (value for value in vars(module).values() if isinstance(value, type))
    environment = environment_of(borrower, parsed_locustfiles=[str(path)])
    return borrower, read_locustfile(environment, Base)


@pytest.mark.parametrize("borrower", ["Mine = First", "class Mine(First): pass"])
@pytest.mark.parametrize(
    ("docstring", "hypothesis"),
    [('"""Hypothesis: mine."""', "Hypothesis: mine."), ("", "What is read from a scenario file.")],
)
def test_what_was_named_counts_and_not_where_the_class_comes_from(
    borrower: str, docstring: str, hypothesis: str, tmp_path: Path
) -> None:
    """Name and docstring are the named file's, so that its limits are found; without a docstring
    it says what the file that it takes the scenario from says.
    """
    _, found = loaded(tmp_path / "ours_at_night.py", f"{docstring}\n{borrower}\n")

    assert found.name == "ours_at_night"
    assert found.hypothesis == hypothesis


@pytest.mark.parametrize(
    ("known", "chosen", "name"),
    [
        ([First], "", "test_locustfile"),
        ([First, Beside], "", "test_locustfile"),
        ([First], "First", "test_locustfile.First"),
        ([First, Second], "", "test_locustfile.First"),
    ],
)
def test_one_of_several_scenarios_has_the_name_of_its_class(
    known: list[type], chosen: str, name: str
) -> None:
    """Else their runs and limits could not be told apart; the only one of a file needs none."""
    environment = environment_of(
        First, available_user_classes={each.__name__: each for each in known}
    )
    environment.parsed_options.scenario_class = chosen

    found = read_locustfile(environment, Base)

    assert found is not None
    assert found.name == name


def test_users_of_a_fixed_number_may_stand_beside_the_scenario() -> None:
    """They are no second scenario."""
    assert read(First, Beside).borrower is First


def test_a_class_of_a_module_that_python_does_not_list_is_as_any_other(tmp_path: Path) -> None:
    """As of one that is loaded by its path, with `exec_module`; its docstring is not seen."""
    unlisted = type("Unlisted", (First,), {"__module__": "nowhere"})
    _, found = loaded(tmp_path / "by_path.py", "class Mine(First): pass", unlisted)

    assert (found.name, found.hypothesis) == ("by_path", "What is read from a scenario file.")
    assert read(unlisted).name == "nowhere"


def test_tags_choose_nothing() -> None:
    """The load is planned, whatever tasks there are."""
    with pytest.raises(UsageError, match="--tags"):
        read(First, tags=["--tags chooses among tasks"])


def test_no_borrower_is_no_business_of_ours() -> None:
    """A locustfile that only shares the command line with us."""
    assert read(Stranger) is None


@pytest.mark.parametrize(
    ("classes", "shape", "says"),
    [
        (
            (First, Second),
            None,
            "2 scenarios .First in .*, Second in .*lendchaos run FILE::First`, .* --seed=1 First",
        ),
        (
            (First, Stranger),
            None,
            r"test_locustfile.py:\d+: Stranger is background .*: set `fixed_count = 1` in it",
        ),
        ((OldTerm,), None, r"set in the scenario: .* Scenario\(load=Load\(term_days=90\)\)`"),
        ((Fixed,), None, "Fixed has fixed_count 3, but as many borrow as --rate says"),
        ((Busy,), None, r"test_locustfile.py:\d+: look is a task of Busy, .*`fixed_count = 1`"),
        ((Bare,), None, "Bare has no scenario"),
        ((First,), object(), "load shape object"),
    ],
)
def test_what_cannot_be_run(classes: tuple[type, ...], shape: Any, says: str) -> None:
    """Each is named in the message."""
    with pytest.raises(UsageError, match=says):
        read(*classes, shape=shape)


class Fussy(First):
    """With a constructor that raises."""

    def __init__(self, error: BaseException) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no token"), "ValueError: no token"),
        (StopTest("You must specify the base host."), "StopTest: You must specify the base host"),
        (SystemExit(0), "SystemExit: 0"),
    ],
)
def test_a_user_that_cannot_be_made_is_told_before_anything_is_started(
    error: BaseException, says: str
) -> None:
    """Locust would log it and go on, and the run would wait for its users, or be interrupted."""
    told = rf"Fussy cannot be made: .* raised, in tests/load/test_locustfile.py:\d+, {says}"
    with pytest.raises(UsageError, match=told):
        require_user(read(Fussy), error)


def test_a_run_needs_a_borrower() -> None:
    """None was chosen in the form."""
    with pytest.raises(UsageError, match="choose the scenario's user class"):
        require_user(None, None)


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("A title.\n\nHypothesis: all\n  is well.\n", "A title. Hypothesis: all is well."),
        ("Only a title.\n", "Only a title."),
        (None, ""),
    ],
)
def test_hypothesis(docstring: str | None, expected: str) -> None:
    """The whole text on one line: a hypothesis may refer to what stands before it."""
    assert hypothesis_of(docstring) == expected

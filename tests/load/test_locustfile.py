"""What is read from a scenario file."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import UsageError
from harness.load.locustfile import hypothesis_of, read_locustfile
from harness.plan import Scenario


class Base:
    """Stands for the borrower that scenarios subclass."""

    host = None


class First(Base):
    """A scenario's borrower."""

    scenario = Scenario()


class Second(Base):
    """Another."""

    scenario = Scenario()


class Bare(Base):
    """Without a scenario."""


class Stranger:
    """A user of another kind."""


def read(*classes: type, shape: Any = None) -> Any:
    """As Locust would have loaded these classes."""
    environment = SimpleNamespace(user_classes=list(classes), shape_class=shape)
    return read_locustfile(environment, Base)


def test_name_and_hypothesis_come_from_the_file() -> None:
    """The file's stem and its docstring."""
    found = read(First)

    assert found.name == "test_locustfile"
    assert found.hypothesis == "What is read from a scenario file."
    assert found.scenario is First.scenario


def test_no_borrower_is_no_business_of_ours() -> None:
    """A locustfile that only shares the command line with us."""
    assert read(Stranger) is None


@pytest.mark.parametrize(
    ("classes", "shape", "says"),
    [
        ((First, Second), None, "First, Second"),
        ((First, Stranger), None, "First, Stranger"),
        ((Bare,), None, "Bare has no scenario"),
        ((First,), object(), "load shape object"),
    ],
)
def test_what_cannot_be_run(classes: tuple[type, ...], shape: Any, says: str) -> None:
    """Each is named in the message."""
    with pytest.raises(UsageError, match=says):
        read(*classes, shape=shape)


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("A title.\n\nHypothesis: all\n  is well.\n", "all is well."),
        ("Only a title.\n", "Only a title."),
        (None, ""),
    ],
)
def test_hypothesis(docstring: str | None, expected: str) -> None:
    """On one line, with or without the word."""
    assert hypothesis_of(docstring) == expected

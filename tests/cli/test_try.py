"""`lendchaos try`: what is brought up for one journey, and what is taken down again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.apps.cli import trying
from harness.core.user_module import UserReference
from tests.cli.conftest import Ended
from tests.gameday.days import PREVIEW

LENDER = """from harness import Target
from harness.target import Link, Program, Request


class Bare(Target):
    url = "http://127.0.0.1:1"

    def borrow(self, ask):
        return Request("POST", "/loans", {"sum": ask.decimal}, key=ask.key)


class Linked(Bare):
    links = {"queue": Link("127.0.0.1:2")}


class Started(Bare):
    processes = {"lender": Program("serve", listens="127.0.0.1:1")}
"""


class Machine:
    """What is asked of it, in order; ``running`` is the stack of a target that is up already."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.running: object = None

    @contextmanager
    def shared(self, *_: object) -> Iterator[None]:
        """The local stack."""
        self.asked.append("local stack")
        yield

    def backend(self, _settings: Any, folder: Path, url: str, *, parts: Any, **_: Any) -> Any:
        """One that only says that it was brought up."""
        self.asked.append((url, sorted({**parts.links, **parts.processes})))
        self.folder = folder
        return self

    def bring_up(self, _say: object, _owner: object) -> None:
        """Nothing is started."""
        self.asked.append("up")

    def journey(self, _path: Path, options: list[str]) -> int:
        """Ends as the journey of a loan that was not granted."""
        self.asked.append(options[2:])
        return 1


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Neither a process nor a stack, beside a scenario and a lender."""
    found = Machine()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.py").write_text("")
    (tmp_path / f"{tmp_path.name}.py").write_text(LENDER)  # each is imported
    monkeypatch.setattr(trying, "shared_stack", found.shared)
    monkeypatch.setattr(trying, "backend_for", found.backend)
    monkeypatch.setattr(trying, "load_state", lambda _: found.running)
    monkeypatch.setattr(trying, "down", lambda *_: found.asked.append("down"))
    monkeypatch.setattr(trying, "dry_run", lambda *_: "")
    monkeypatch.setattr(trying, "try_scenario", found.journey)
    return found


@pytest.mark.parametrize(
    ("host", "named", "running", "before", "after"),
    [
        (None, "", False, ["local stack"], []),
        ("http://127.0.0.1:9", "", False, [], []),
        ("http://127.0.0.1:1", "Bare", False, [], []),
        (
            "http://127.0.0.1:1",
            "Started",
            False,
            [("http://127.0.0.1:1", ["lender"]), "up"],
            ["down"],
        ),
        ("http://127.0.0.1:7", "Linked", True, [("http://127.0.0.1:7", ["queue"]), "up"], []),
    ],
    ids=["local", "host", "only an address", "processes", "up already"],
)
def test_what_a_journey_needs_is_brought_up(  # noqa: PLR0917  # one row of a table
    machine: Machine,
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str | None,
    named: str,
    running: bool,
    before: list[Any],
    after: list[Any],
) -> None:
    """By the fields of the dry run, whatever its texts for people say; and down again."""
    reference = UserReference(tmp_path.name, named, str(tmp_path)) if named else None
    shown = replace(PREVIEW, host=host, target_class=reference, target="a name with ://")
    monkeypatch.setattr(trying, "read_preview", lambda *_: shown)
    machine.running = object() if running else None

    done = lendchaos("try", "cut.py", "--target", "lender_tried:X", "--state-dir", "state")

    given = ["--target", "lender_tried:X", "--state-dir", "state"]
    assert (done.exit_code, machine.asked) == (1, [*before, given, *after])

"""A run of hostile people, shown in every way there is: no CI is told anything by it."""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
import typer

from harness.apps.cli import app
from harness.apps.cli.console import tell_error
from harness.apps.gameday.session_store import Event, SessionStore, What
from harness.core import foreign_text
from harness.core.errors import HarnessError, UsageError
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.report import terminal_text
from harness.verdict.stored_verdict import read_verdict
from tests.commands_to_ci import commands_in, hostile, unseen_in
from tests.verdicts import verdict_of

SEED = 14
ROOT = Path(__file__).parent.parent.parent


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts are in a JSON document; of a list, in its first member."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, (*path, name))
    elif isinstance(value, list) and value:
        yield from strings(value[0], (*path, 0))


def put(document: Any, path: tuple[Any, ...], text: str) -> None:
    """Set one of them."""
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = text


def spoil(path: Path, read: Callable[[], Any], chance: random.Random, line: int = 0) -> list[str]:
    """Put a hostile text wherever this line of a file can be read with one; what is said to others.

    Raises:
        AssertionError: it can nowhere.
    """
    lines = path.read_text("utf-8").splitlines()
    document, refusals, taken = json.loads(lines[line]), [], 0
    for where in list(strings(document)):
        before = json.dumps(document)
        put(document, where, hostile(chance).replace("\ud800", ""))
        if said := refusal_of(path, lines, line, json.dumps(document), read):
            refusals.append(said)
            document = json.loads(before)
        else:
            taken += 1
    assert refusal_of(path, lines, line, json.dumps(document), read) == ""
    assert taken, "there is no text in it"
    return refusals


def refusal_of(
    path: Path, lines: list[str], number: int, line: str, read: Callable[[], Any]
) -> str:
    """What is said to a file with another line; nothing if it is read."""
    lines[number] = line
    path.write_text("\n".join(lines) + "\n", "utf-8")
    try:
        found = read()
    except (HarnessError, UsageError) as error:
        return str(error)
    return "; ".join(d for d in getattr(found, "damage", ()) if "no checksums" not in d)


MORE_OF_STATUS = {
    "seals": {},
    "notes": ["a note"],
    "troubles": [{"text": "a trouble"}],
    "audit": [{"kind": "audit", "holds": False, "text": "a constraint is gone"}],
    "workers": ["load-0"],
}
MORE_OF_VERDICT = {"verdict": "inconclusive", "exit_code": 3}
"""A pass of such a record would be shown by nobody."""
MORE = {"status.json": MORE_OF_STATUS, "verdict.json": MORE_OF_VERDICT}
MORE_OF_LEDGER = {"violations": ["a rule"], "says_ok": False, "sql_disagrees": ["a key"]}


@pytest.fixture(scope="module")
def spoilt_run(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run with hostile texts in all its files, in a folder of such a name; and what was said
    where one could not be.
    """
    chance = random.Random(SEED)
    path = tmp_path_factory.mktemp("spoilt") / "run\n::error::folder ##vso[x]"
    shutil.copytree(pristine, path)
    run = RunDirectory(path)
    for name in ("status.json", "plan.json", "verdict.json"):
        body = json.loads((path / name).read_text("utf-8"))
        body |= MORE.get(name, {})
        (path / name).write_text(json.dumps(body), "utf-8")
    ledger = (path / "ledger.jsonl").read_text("utf-8").splitlines()
    header = json.loads(ledger[0])
    header["reading"] |= MORE_OF_LEDGER
    (path / "ledger.jsonl").write_text("\n".join([json.dumps(header), *ledger[1:]]), "utf-8")
    plan = run.read_plan()

    said = spoil(path / "status.json", lambda: read_facts(run, plan), chance)
    for name in ("faults.jsonl", "ledger.jsonl", "events-load-0.jsonl"):
        said += spoil(path / name, lambda: read_facts(run, plan), chance, -1)
    said += spoil(path / "ledger.jsonl", lambda: read_facts(run, plan), chance)
    said += spoil(path / "verdict.json", lambda: read_verdict(run), chance)

    def read_all() -> Any:
        read_verdict(run)
        return read_facts(run, run.read_plan())

    return path, said + spoil(path / "plan.json", read_all, chance)


class Captured:
    """What the other ends of both streams receive."""

    def __init__(self) -> None:
        self._received = io.BytesIO(), io.BytesIO()
        self._streams = [io.TextIOWrapper(r, "utf-8", "backslashreplace") for r in self._received]
        for stream in self._streams:
            foreign_text.guard(stream)

    def __enter__(self) -> Self:
        """From now on it is they that are written to."""
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._streams
        return self

    def __exit__(self, *_: object) -> None:
        """No more."""
        sys.stdout, sys.stderr = self._before
        for stream in self._streams:
            stream.flush()

    @property
    def out(self) -> str:
        """On standard output."""
        return self._received[0].getvalue().decode()

    @property
    def err(self) -> str:
        """On standard error."""
        return self._received[1].getvalue().decode()


def told(*words: str | Path) -> Captured:
    """All that a command says; how it ends is no matter here, but it ends in order."""
    with Captured() as captured, contextlib.suppress(SystemExit, typer.Exit):
        app([str(word) for word in words], standalone_mode=False)
    return captured


def wrong_in(text: str) -> list[str]:
    """What a CI would obey, and what cannot be seen."""
    return [*commands_in(text), *unseen_in(text)]


def test_no_command_of_a_ci_is_in_what_commands_say(
    spoilt_run: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Nor in the files for a CI; each JSON document is one."""
    path, refusals = spoilt_run
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    outputs = {
        "report": told("report", path, "--junitxml", junit, "--summary", summary),
        "compare": told("compare", path, path),
        "judge": told("judge", path),
        "none": told("judge", path / "none\n::error::x"),
        "unknown": told("explain", "x\n::error::y ##[error]"),
    }
    documents = {
        "judge json": told("judge", path, "--json"),
        "compare json": told("compare", path, path, "--json"),
        "report json": told("report", path, "--json"),
    }
    with Captured() as outputs["refusals"]:
        for text in refusals:
            tell_error(text)

    assert len(refusals) > 5
    assert junit.is_file(), outputs["report"].err
    texts = {name: each.out + each.err for name, each in {**outputs, **documents}.items()}
    texts |= {file.name: file.read_text("utf-8") for file in (junit, summary)}
    assert {name: wrong_in(text) for name, text in texts.items() if wrong_in(text)} == {}
    assert all(json.loads(each.out) for each in documents.values())
    assert all("lorem" in texts[name] for name in ("judge", "judge json", "junit.xml", "refusals"))


def test_answers_of_a_game_day_are_no_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its plan, of those who take part, and in notes from beside it."""
    chance = random.Random(SEED)

    def any_text() -> str:
        return hostile(chance).replace("\ud800", "")

    step = {"name": "::error::x ##[y]", "scenario": "baseline", "expect": any_text()}
    plan = {"version": 1, "title": any_text(), "hypothesis": any_text(), "abort_word": "halt"}
    plan |= {"roles": {any_text(): any_text()}, "steps": [{**step, "hand_pulled": any_text()}]}
    wrong = {**plan, "abort_word": any_text(), "steps": [{**step, any_text(): any_text()}]}
    (tmp_path / "wrong.yaml").write_text(json.dumps(wrong))
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    log = SessionStore.create(tmp_path / "day", json.dumps(plan))
    for what in (What.OPENED, What.STEP_STARTED, What.ABORT, What.NOTE):
        log.append(Event(what, "", None, any_text(), any_text()))

    outputs = [
        told("gameday", "status", "day"),
        told("gameday", "note", "day", any_text()),
        told("gameday", "action", "day", any_text(), "--owner", any_text()),
        told("gameday", "run", any_text(), "--rehearse", "--unattended"),
        told("gameday", "run", "wrong.yaml", "--rehearse", "--unattended"),
    ]
    document = told("gameday", "status", "day", "--json")

    texts = [each.out + each.err for each in (*outputs, document)]
    assert [wrong_in(text) for text in texts if wrong_in(text)] == []
    assert document.out, texts
    assert len(json.loads(document.out)["events"]) == 6


def test_a_line_that_is_wrapped_begins_no_command() -> None:
    """Where a command stood in the middle of a text; the guard is what breaks it."""
    sentence = "lorem " * 16 + "::error::planted"
    text = terminal_text.render(
        replace(verdict_of(1), sentence=sentence), "report.html", color=False
    )
    with Captured() as captured:
        sys.stdout.write(text)

    assert commands_in(text) != []
    assert commands_in(captured.out) == []


SCENARIO = '''\
"""A file of someone else.

Hypothesis: {0}
"""
import sys
from harness import Borrower, Scenario, faults
print({0!r})
{1}
class Mine(Borrower):
    scenario = Scenario(faults=[faults.Partition("database")])
'''


@pytest.mark.parametrize(
    ("module", "words", "more"),
    [
        ("harness.apps.locust", ["-f", "mine.py", "--dry-run"], ""),
        ("harness.apps.locust", ["-f", "mine.py", "--dry-run", "--json"], ""),
        ("locust", ["-f", "mine.py", "--dry-run"], "raise ValueError({0!r})"),
        ("harness.apps.cli", ["run", "mine.py", "--dry-run"], "raise ValueError({0!r})"),
    ],
)
def test_a_real_process_says_no_command(
    tmp_path: Path, module: str, words: list[str], more: str
) -> None:
    """Docstrings, exceptions, and what a scenario file prints itself."""
    text = hostile(random.Random(SEED)).encode("utf-8", "replace").decode()
    text = text.replace("\\", "").replace("\x00", "") + "\n::error::docstring\n##vso[x]"
    (tmp_path / "mine.py").write_text(SCENARIO.format(text, more.format(text)), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    said = (done.stdout + done.stderr).decode()

    assert wrong_in(said) == []
    assert "docstring" in said

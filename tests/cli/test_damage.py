"""A stored run of which something is gone: read as far as it is whole, and never a pass."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.history.events import Ending, Outcome
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from tests.builders import CUT, facts, ledger, operations, plan_of, rows
from tests.cli.conftest import Ended
from tests.stored import store

EVIDENCE = (
    *("accounts.json", "arrivals.jsonl", "events-load-0.jsonl", "faults.jsonl"),
    *("health.jsonl", "ledger.jsonl", "plan.json", "status.json"),
)
PIECES = 6
GARBAGE = (
    *(b"\xff\xfe{]\n", b"[1, 2]\n", b"5\n", b"null\n", b'"x"\n', b"{}\n", b"\n", b"\0\0\0\n"),
    *(b"[" * 100_000 + b"\n", b'{"arrival": {"index": 1}}\n', b'{"loan": {}}\n', b'{"sent": 1}\n'),
    *(b'{"schema": "lendchaos.events/9"}\n', b'{"arrival": {"at_s": NaN}}\n', b"9" * 5000 + b"\n"),
)


def cut(body: bytes, chance: random.Random, cuts: int) -> Iterator[bytes]:
    """The file cut at many places, at the ends of lines too."""
    line_ends = [n + 1 for n, byte in enumerate(body[:-1]) if byte == 10]
    places = {0, 1, len(body) - 1, len(body) - 2}
    places |= {chance.randrange(len(body)) for _ in range(cuts)}
    places |= set(chance.sample(line_ends, min(cuts, len(line_ends))))
    for place in sorted(places):
        yield body[:place]


def littered(body: bytes, chance: random.Random) -> Iterator[bytes]:
    """The file with some of the garbage among its lines."""
    lines = body.splitlines(keepends=True)
    for garbage in chance.sample(GARBAGE, PIECES):
        place = chance.randrange(len(lines) + 1)
        yield b"".join([*lines[:place], garbage, *lines[place:]])


def json_of(body: bytes) -> object:
    """What it says as JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@pytest.fixture
def pictureless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others draw the picture of a damaged run; it takes most of the time of a report."""
    monkeypatch.setattr("harness.report.write_report._write_picture", lambda *_: None)


def check_damaged(run: Path, name: str, done: Ended) -> None:
    """Neither a pass nor a failure nor a crash, and the reason is told."""
    if cannot_be_judged(name, done):
        return
    check_verdict(run, (run / "verdict.json").read_text(), done)
    assert (run / "report.html").stat().st_size > 1000


def cannot_be_judged(name: str, done: Ended) -> bool:
    """Whether nothing can be said, which may be only of a run whose plan is gone."""
    if name != "plan.json" or not done.stderr:
        return False
    assert (done.exit_code, done.stdout) == (3, "")
    assert "nothing can be judged" in " ".join(done.stderr.split())
    return True


def check_verdict(run: Path, text: str, done: Ended) -> None:
    """Undecided, for that reason, and without a path of this machine."""
    body = json.loads(text)
    codes = {found["code"] for found in body["findings"]}
    assert (body["verdict"], body["exit_code"], done.exit_code) == ("inconclusive", 3, 3)
    assert "evidence_damaged" in codes
    assert str(run) not in text


@pytest.mark.usefixtures("pictureless")
@pytest.mark.parametrize("name", EVIDENCE)
def test_a_cut_file_is_told(
    name: str, run: Path, pristine: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Wherever it is cut: judged as far as it is whole, with a report."""
    body = (pristine / name).read_bytes()
    for damaged in cut(body, random.Random(name), cuts=2):
        if name == "status.json" and json_of(damaged) == json_of(body):
            continue  # an empty line more says nothing else
        (run / name).write_bytes(damaged)
        for result in ("verdict.json", "report.html"):
            (run / result).unlink(missing_ok=True)
        check_damaged(run, name, lendchaos("judge", run))


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_littered_file_is_told(
    name: str, run: Path, pristine: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Whatever stands in it."""
    body = (pristine / name).read_bytes()
    for damaged in littered(body, random.Random(name)):
        if name == "status.json" and json_of(damaged) == json_of(body):
            continue
        (run / name).write_bytes(damaged)
        done = lendchaos("judge", run, "--json")
        if not cannot_be_judged(name, done):
            check_verdict(run, done.stdout, done)


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_missing_file_is_told(name: str, run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Also where the file at hand could be missing for good reasons."""
    (run / name).unlink()

    check_damaged(run, name, lendchaos("judge", run))


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_folder_in_place_of_a_file_is_told(
    name: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """It cannot even be opened."""
    (run / name).unlink()
    (run / name).mkdir()

    check_damaged(run, name, lendchaos("judge", run))


def test_the_whole_run_passes(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """What the others are compared with: nothing is told of a run that is as it was left."""
    done = lendchaos("judge", run)

    assert done.exit_code == 0, done.stdout
    assert "evidence_damaged" not in (run / "verdict.json").read_text()


def test_a_line_that_was_changed_is_told(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """It can be read as well as any other, so only its seal tells."""
    path = run / "events-load-0.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"outcome": "failed"', b'"outcome": "approve"', 1))
    path.write_bytes(path.read_bytes().replace(b'"approve"', b'"approved"'))
    lendchaos("judge", run)

    assert "events-load-0.jsonl has" in (run / "verdict.json").read_text()


def test_a_loosened_limit_is_told(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """The plan is evidence, too; another limit is what --objectives is for."""
    path = run / "plan.json"
    path.write_text(path.read_text().replace('"recovery_seconds_max": 10.0', _LOOSE))
    lendchaos("judge", run)

    assert "plan.json was changed after the run" in (run / "verdict.json").read_text()


_LOOSE = '"recovery_seconds_max": 99.0'


def test_a_file_that_was_added_is_told(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Events of another run would be counted."""
    shutil.copy(run / "events-load-0.jsonl", run / "events-load-1.jsonl")

    done = lendchaos("judge", run)
    assert done.exit_code == 3
    assert "events-load-1.jsonl was added after the run" in (run / "verdict.json").read_text()


def test_what_is_no_evidence_may_change(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Results, logs and a reader's own notes."""
    for name in ("verdict.json", "report.html", "conductor.log", "notes.txt", "timeline.png"):
        (run / name).write_text("x")

    assert lendchaos("judge", run).exit_code == 0


# --- a damaged record accuses nobody -------------------------------------------------------------


def test_loans_whose_lines_are_gone_are_neither_phantom_nor_orphan(
    run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """The ledger holds them, and who asked for them is no longer written anywhere."""
    for name in ("events-load-0.jsonl", "arrivals.jsonl"):
        body = (run / name).read_bytes()
        (run / name).write_bytes(body[: len(body) // 2])
    lendchaos("judge", run)

    found = json.loads((run / "verdict.json").read_bytes())
    assert found["verdict"] == "inconclusive"
    assert found["reconciliation"]["phantom"] == 0
    assert found["reconciliation"]["orphan"] is None
    assert "orphan" not in found["reconciliation"]["examples"]


def test_operations_without_their_last_line_may_have_been_applied(run: Path) -> None:
    """What is left of them does not say."""
    path = run / "events-load-0.jsonl"
    path.write_bytes(path.read_bytes()[:-40_000])
    directory = RunDirectory(run)
    plan = directory.read_plan()
    lost = [
        o for o in rows(read_facts(directory, plan).operations) if o.ending is not Ending.FINISHED
    ]

    assert lost
    assert Outcome.FAILED not in {o.outcome for o in lost}


def test_a_broken_invariant_stays_broken(tmp_path: Path, lendchaos: Callable[..., Ended]) -> None:
    """A loan that is surely lost is lost, whatever else is gone."""
    plan = plan_of(CUT, rate=20)
    ops = operations(plan)
    gone = ops[40]
    reading = ledger(tuple(o for o in ops if o is not gone), by_key={gone.key: ()})
    run = store(tmp_path, plan, facts(plan, ops, ledger=reading)).path
    path = run / "events-load-0.jsonl"
    path.write_bytes(path.read_bytes()[:-40_001])

    done = lendchaos("judge", run)
    body = json.loads((run / "verdict.json").read_bytes())
    assert (done.exit_code, body["verdict"]) == (1, "fail")
    assert {f["code"] for f in body["findings"] if f["verdict"] == "fail"} == {"lost"}

"""A record is verified; whatever was changed since is found, and its file named."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gameday import recording
from harness.apps.gameday.session import Event, SessionLog, What
from harness.apps.gameday.verify import CheckState, Verification, verify
from tests.cli.conftest import Ended
from tests.gameday.stored_days import contents, run_of


def silent(_: str) -> None:
    """Nobody listens."""


def differing(found: Verification) -> list[str]:
    """Names of what differs."""
    return [check.name for check in found.checks if check.found is CheckState.DIFFERS]


def edit_record(day: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change record.json, written as it was before, and fix up the hash that the page names."""
    path, shown = day / "record.json", day / "record.html"
    before = path.read_bytes()
    body = json.loads(before)
    edit(body)
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    old, new = (hashlib.sha256(b).hexdigest() for b in (before, path.read_bytes()))
    assert old != new
    shown.write_text(shown.read_text().replace(old, new))


# --- as it was left ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["record.json", "record.html", ""])
def test_an_untouched_record_verifies(day: Path, name: str) -> None:
    """By its data, its page or its folder: each file, each verdict, all figures and the page."""
    found = verify(day / name, silent)
    verified = {c.name for c in found.checks if c.found is CheckState.VERIFIED}

    assert (found.found, found.exit_code) == (CheckState.VERIFIED, 0)
    assert {c.found for c in found.checks} == {CheckState.VERIFIED}
    assert verified >= {"plan.yaml", "session.jsonl", "logs/cut-1.log", "record.json"}
    assert "record.html" in verified
    assert {n.rpartition("/")[2] for n in verified} >= {
        *("plan.json", "status.json", "arrivals.jsonl", "events-load-0.jsonl", "ledger.jsonl"),
        *("accounts.json", "faults.jsonl", "health.jsonl", "verdict.json"),
    }


def test_verifying_writes_nothing(day: Path) -> None:
    """Not a byte, and no new file."""
    before = contents(day)
    verify(day, silent)

    assert contents(day) == before


def test_a_copy_elsewhere_verifies(day: Path, tmp_path: Path) -> None:
    """Nothing in it depends on the place."""
    copy = tmp_path / "an" / "archive"
    shutil.copytree(day, copy, symlinks=False)  # as archives do: `latest` becomes a folder
    shutil.rmtree(day)

    assert (copy / "runs" / "latest").is_dir()
    assert not (copy / "runs" / "latest").is_symlink()
    assert verify(copy, silent).found is CheckState.VERIFIED


# --- planted: one changed byte -------------------------------------------------------------------


def raw_files() -> list[str]:
    """Every kind of file that a small day has."""
    of_run = ("accounts.json", "arrivals.jsonl", "events-load-0.jsonl", "faults.jsonl")
    of_run += ("health.jsonl", "ledger.jsonl", "plan.json", "status.json", "verdict.json")
    return ["plan.yaml", "session.jsonl", "logs/cut-1.log", *(f"RUN/{name}" for name in of_run)]


@pytest.mark.parametrize("name", raw_files())
def test_one_changed_byte_is_found_and_its_file_named(day: Path, name: str) -> None:
    """In every kind of file, wherever it stands; the exit code is 1."""
    path = day / name.replace("RUN", f"runs/{run_of(day).name}")
    body = bytearray(path.read_bytes())
    middle = len(body) // 2
    body[middle] ^= 1
    path.write_bytes(bytes(body))
    found = verify(day / "record.html", silent)

    assert path.relative_to(day).as_posix() in differing(found)
    assert found.exit_code == 1


def test_a_page_that_says_something_else_is_found(day: Path) -> None:
    """One letter of it, with line and column."""
    shown = day / "record.html"
    text = shown.read_text()
    place = text.index("It comes back.")
    shown.write_text(text[:place] + "Xt comes back." + text[place + 14 :])
    found = verify(day, silent)

    assert differing(found) == ["record.html"]
    line = text.count("\n", 0, place) + 1
    assert f"line {line}, column " in found.checks[-1].text


# --- planted: figures and lines ------------------------------------------------------------------


def test_a_changed_figure_is_found_though_its_hash_was_fixed_up(day: Path) -> None:
    """It is named by its place, with what the stored run gives."""

    def embellish(body: dict[str, Any]) -> None:
        body["steps"][0]["tries"][0]["run"]["verdict"]["borrow"]["failed"] = 3

    edit_record(day, embellish)
    found = verify(day, silent)
    told = [c.text for c in found.checks if c.found is CheckState.DIFFERS]

    assert told == [
        "steps[0].tries[0].run.verdict.borrow.failed says 3, and what is stored gives 107"
    ]  # fmt: skip
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda b: b.update(outcome="fail"), 'outcome says "fail"'),
        (lambda b: b.update(notes=[]), "notes has 0 entries, and what is stored gives 1"),
        (lambda b: b.update(extra=1), "extra has no counterpart"),
        (lambda b: b.pop("statement"), "statement is missing"),
        (lambda b: b["steps"][0].update(at_s=0.0), "steps[0].at_s says 0.0"),
    ],
    ids=["a word", "a list", "more", "less", "another type"],
)
def test_any_other_change_of_the_data_is_found(
    day: Path, edit: Callable[[dict[str, Any]], None], said: str
) -> None:
    """Whatever its kind."""
    edit_record(day, edit)
    found = verify(day, silent)

    assert next(c.text for c in found.checks if c.found is CheckState.DIFFERS).startswith(said)


def test_a_hash_that_was_changed_in_the_record_is_found(day: Path) -> None:
    """Raw file and hash changed together still differ in what the run is judged."""
    path = run_of(day) / "health.jsonl"
    path.write_text(path.read_text().replace('"status": 200', '"status": 201', 1))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = path.relative_to(day).as_posix()
    edit_record(day, lambda body: body["files"][name].update(sha256=digest))
    found = verify(day, silent)

    assert f"runs/{run_of(day).name}/verdict.json" in differing(found)


def test_only_its_own_page_verifies(day: Path) -> None:
    """A page that names another record.json says nothing of this one."""
    shown = day / "record.html"
    shown.write_text(re.sub(r'(lendchaos-record" content=")[0-9a-f]{8}', r"\g<1>00000000",
                            shown.read_text()))  # fmt: skip
    found = verify(day, silent)

    assert differing(found) == ["record.html"]
    assert found.checks[-1].text == "it was made of another record.json"


def test_data_written_otherwise_are_found(day: Path) -> None:
    """The same figures in other bytes are no record as it was made; line and column are told."""
    (day / "record.html").unlink()
    path = day / "record.json"
    path.write_text(path.read_text().replace('{\n "schema"', '{\n  "schema"', 1))
    found = verify(path, silent)

    assert differing(found) == ["record.json"]
    assert any("line 2, column 2: it is not written as it was made" in c.text for c in found.checks)


def test_an_edited_line_of_the_session_is_found(day: Path) -> None:
    """By its file, and by what it changes in the record."""
    session = day / "session.jsonl"
    session.write_text(session.read_text().replace("all quiet", "all fine!"))
    found = verify(day, silent)
    told = " ".join(c.text for c in found.checks if c.found is CheckState.DIFFERS)

    assert set(differing(found)) == {"session.jsonl", "record.json"}
    assert 'notes[0].text says "all quiet", and what is stored gives "all fine!"' in told


def test_a_note_that_came_later_says_what_to_do(day: Path) -> None:
    """It is a difference all the same."""
    SessionLog(day).append(Event(What.NOTE, "", None, "one more thing"))
    found = verify(day, silent)
    (said,) = [c.text for c in found.checks if c.name == "session.jsonl"]

    assert "`lendchaos gameday record` writes it anew" in said
    assert found.exit_code == 1


@pytest.mark.parametrize("name", ["plan.yaml", "session.jsonl"])
def test_a_session_that_cannot_be_read_any_more_is_a_difference(day: Path, name: str) -> None:
    """Not a usage error: whoever spoiled it would like that better."""
    (day / name).write_text("spoiled: [\n")
    found = verify(day, silent)

    assert name in differing(found)
    assert found.exit_code == 1


# --- planted: runs that are missing, added or beyond judging -------------------------------------


def test_a_missing_run_is_found(day: Path) -> None:
    """Each of its files is named."""
    name = run_of(day).name
    shutil.rmtree(run_of(day))
    found = verify(day, silent)

    assert f"runs/{name}/plan.json" in differing(found)
    assert f"runs/{name}/ledger.jsonl" in differing(found)


def test_a_run_that_was_added_is_found(day: Path) -> None:
    """It stands in no record, and could be taken for one of the day."""
    shutil.copytree(run_of(day), day / "runs" / "added")
    found = verify(day, silent)

    assert {"runs/added/plan.json", "record.json"} < set(differing(found))


def test_another_file_is_told_and_no_more(day: Path) -> None:
    """A report judged by other limits beside the run changes no figure."""
    (run_of(day) / "verdict-strict.json").write_text("{}")
    (day / "photo.jpg").write_bytes(b"jpg")
    found = verify(day, silent)
    told = {c.name for c in found.checks if c.found is CheckState.NOTE}

    assert told == {"photo.jpg", f"runs/{run_of(day).name}/verdict-strict.json"}
    assert found.exit_code == 0


def test_a_run_that_could_never_be_judged_is_no_pass(day: Path) -> None:
    """Exit 3: nothing was changed since, and nothing can be said of it."""
    (run_of(day) / "plan.json").write_text("{")
    recording.write(day, silent, pdf=False)
    found = verify(day, silent)
    (check,) = [c for c in found.checks if c.found is CheckState.NOT_JUDGED]

    assert check.name == f"runs/{run_of(day).name}"
    assert "plan.json" in check.text
    assert (found.found, found.exit_code) == (CheckState.NOT_JUDGED, 3)


def test_a_run_that_was_lost_before_the_record_is_no_pass(day: Path) -> None:
    """The session tells of it, no file of it is left, and the record says so."""
    name = run_of(day).name
    shutil.rmtree(run_of(day))
    recording.write(day, silent, pdf=False)
    found = verify(day, silent)

    assert [c.name for c in found.checks if c.found is CheckState.NOT_JUDGED] == [f"runs/{name}"]
    assert found.exit_code == 3


def test_a_run_without_a_verdict_of_its_own_is_told(day: Path) -> None:
    """Its process was killed; the record was made by judging it."""
    (run_of(day) / "verdict.json").unlink()
    recording.write(day, silent, pdf=False)
    found = verify(day, silent)

    assert found.exit_code == 0
    assert any("it has no verdict.json; judged again, it is: pass" in c.text for c in found.checks)


def test_a_record_of_another_program_is_held_against_the_same_figures(
    day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The versions are told; figures and hashes still have to agree."""
    monkeypatch.setattr("harness.apps.gameday.recording.own_version", lambda: "0.0.9")
    recording.write(day, silent, pdf=False)
    monkeypatch.undo()
    found = verify(day, silent)

    assert found.exit_code == 0
    assert any("made with lendchaos 0.0.9" in c.text for c in found.checks)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_a_line_for_each_thing(
    day: Path, lendchaos: Callable[..., Ended]
) -> None:
    """And what it comes to, last; exit 0, or 1 with the file in a line of its own."""
    good = lendchaos("gameday", "verify", day)
    path = run_of(day) / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b"loan-1", b"loan-2", 1))
    bad = lendchaos("gameday", "verify", day)

    assert good.exit_code == 0, good.stdout
    assert good.stdout.splitlines()[-1] == "the record is what the stored runs say"
    assert "DIFFERS" not in good.stdout
    assert bad.exit_code == 1
    assert f"DIFFERS     runs/{run_of(day).name}/ledger.jsonl: it was changed" in bad.stdout


def test_the_command_prints_json_and_nothing_else(
    day: Path, lendchaos: Callable[..., Ended]
) -> None:
    """For programs; progress goes beside."""
    done = lendchaos("gameday", "verify", day / "record.json", "--json")
    body = json.loads(done.stdout)

    assert (body["schema"], body["found"], body["exit_code"]) == (
        "lendchaos.verification/1", "verified", 0,
    )  # fmt: skip
    assert {"name", "found", "text"} == set(body["checks"][0])

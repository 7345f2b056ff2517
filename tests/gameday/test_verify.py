"""A record is verified; whatever was changed since is found, and its file named."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gameday import render_record
from harness.apps.gameday.day_record import as_written, hash_of
from harness.apps.gameday.session_store import Event, SessionStore, What
from harness.apps.gameday.verify import CheckState, VerificationDocument, verify
from tests.cli.conftest import Ended
from tests.gameday.stored_days import contents, run_of


def silent(_: str) -> None:
    """Nobody listens."""


def differing(found: VerificationDocument) -> list[str]:
    """Names of what differs."""
    return [check.name for check in found.checks if check.found is CheckState.DIFFERS]


def edit_record(day: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change record.json, written as it was before, with the hashes that it and the page have of
    each other put right.
    """
    path, shown = day / "record.json", day / "record.html"
    body = json.loads(path.read_bytes())
    page = body["files"].pop("record.html")
    old = hash_of(as_written(body))
    edit(body)
    shown.write_text(shown.read_text().replace(old, hash_of(as_written(body))))
    page |= {"sha256": hashlib.sha256(shown.read_bytes()).hexdigest()}
    body["files"]["record.html"] = page
    path.write_text(as_written(body))


def test_hashes_that_are_put_right_agree(day: Path) -> None:
    """So that what the tests below find is what they changed."""
    edit_record(day, lambda _: None)

    assert verify(day, silent).found is CheckState.VERIFIED


# --- as it was left ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["record.json", "record.html", ""])
def test_an_untouched_record_verifies(day: Path, name: str) -> None:
    """By its data, its page or its folder: each file, each verdict, and the page."""
    found = verify(day / name, silent)
    verified = {c.name for c in found.checks if c.found is CheckState.VERIFIED}

    assert (found.found, found.exit_code) == (CheckState.VERIFIED, 0)
    assert {c.found for c in found.checks} == {CheckState.VERIFIED}
    assert verified >= {"plan.yaml", "session.jsonl", "logs/cut-1.log", "record.html"}
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


@pytest.mark.parametrize("where", [0.2, 0.5, 0.8])
def test_one_changed_letter_of_the_page_is_found(day: Path, where: float) -> None:
    """The page is named, and no other file."""
    change_letter(day / "record.html", where)
    found = verify(day, silent)

    assert (differing(found), found.exit_code) == (["record.html"], 1)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.7])
def test_one_changed_letter_of_the_data_is_found(day: Path, where: float) -> None:
    """They hold the hashes of all others, and the page holds theirs."""
    change_letter(day / "record.json", where)
    found = verify(day, silent)

    assert set(differing(found)) == {"record.json"}
    assert found.exit_code == 1


def change_letter(path: Path, where: float) -> None:
    """Another letter for the next small one of a text, which stays a text of its kind."""
    text = path.read_text()
    place = re.compile(r"(?<=[a-z ][a-z])[a-df-z](?=[a-z]+ [a-z]+)").search(
        text, round(where * len(text))
    )
    assert place is not None
    path.write_text(f"{text[: place.start()]}e{text[place.end() :]}")


def test_a_record_of_before_has_no_hash_of_its_page(day: Path) -> None:
    """Its page is held against it by the hash that the page names, and that is said."""
    path = day / "record.json"
    body = json.loads(path.read_bytes())
    del body["files"]["record.html"]
    path.write_text(as_written(body))
    good = verify(day, silent)
    path.write_text(as_written(body | {"title": "Another day"}))
    bad = verify(day, silent)

    assert (good.exit_code, differing(good)) == (0, [])
    assert any("which an earlier version made" in check.text for check in good.checks)
    assert differing(bad) == ["record.json"]


# --- planted: figures and lines ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v["borrow"].update(failed=3), "another borrow than"),
        (lambda v: v.update(verdict="fail"), "another verdict than"),
        (lambda v: v.pop("hypothesis"), "another hypothesis than"),
    ],
    ids=["a figure", "a word", "less"],
)
def test_a_changed_verdict_is_found_though_all_hashes_were_put_right(
    day: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """The stored run is judged again, and says otherwise."""
    edit_record(day, lambda body: change(body["steps"][0]["tries"][0]["run"]["verdict"]))
    found = verify(day, silent)
    (told,) = [c.text for c in found.checks if c.found is CheckState.DIFFERS]

    assert differing(found) == ["record.json"]
    assert told.startswith(f"of runs/{run_of(day).name} it shows {said} judging the run again")


def test_a_verdict_that_was_taken_out_is_found(day: Path) -> None:
    """As if the run could not have been judged."""
    edit_record(day, lambda body: body["steps"][0]["tries"][0]["run"].update(verdict=None))

    assert differing(verify(day, silent)) == ["record.json"]


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

    assert set(differing(verify(day, silent))) == {"record.html", "record.json"}


def test_a_page_of_another_name_is_verified_all_the_same(day: Path) -> None:
    """It is held against the hash of the page, though the page itself lies beside it."""
    copy = day / "signed.html"
    shutil.copy(day / "record.html", copy)
    good = verify(copy, silent)
    change_letter(copy, 0.5)
    bad = verify(copy, silent)

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert differing(bad) == ["record.html"]


def test_a_page_that_is_missing_is_found(day: Path) -> None:
    """It is one of the files, and without it nothing shows that the data are as they were made."""
    (day / "record.html").unlink()
    found = verify(day / "record.json", silent)

    assert (differing(found), found.exit_code) == (["record.html"], 1)
    assert any("nothing shows that record.json is as it was made" in c.text for c in found.checks)


def test_data_written_otherwise_are_found(day: Path) -> None:
    """The same figures in other bytes are no record as it was made."""
    path = day / "record.json"
    path.write_text(path.read_text().replace('{\n "schema"', '{\n  "schema"', 1))
    found = verify(path, silent)

    assert differing(found) == ["record.json"]
    assert any("it is not written as it was made" in c.text for c in found.checks)


def test_an_edited_line_of_the_session_is_found(day: Path) -> None:
    """By its file."""
    session = day / "session.jsonl"
    session.write_text(session.read_text().replace("all quiet", "all fine!"))

    assert differing(verify(day, silent)) == ["session.jsonl"]


def test_a_note_that_came_later_says_what_to_do(day: Path) -> None:
    """It is a difference all the same."""
    SessionStore(day).append(Event(What.NOTE, "", None, "one more thing"))
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

    assert "runs/added/plan.json" in differing(found)


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
    render_record.write(day, silent)
    found = verify(day, silent)
    (check,) = [c for c in found.checks if c.found is CheckState.NOT_JUDGED]

    assert check.name == f"runs/{run_of(day).name}"
    assert "plan.json" in check.text
    assert (found.found, found.exit_code) == (CheckState.NOT_JUDGED, 3)


def test_a_run_that_was_lost_before_the_record_is_no_pass(day: Path) -> None:
    """The session and the record tell of it, and no file of it is left."""
    name = run_of(day).name
    shutil.rmtree(run_of(day))
    render_record.write(day, silent)
    found = verify(day, silent)

    assert [c.name for c in found.checks if c.found is CheckState.NOT_JUDGED] == [f"runs/{name}"]
    assert found.exit_code == 3


def test_a_run_without_a_verdict_of_its_own_is_told(day: Path) -> None:
    """Its process was killed; the record was made by judging it."""
    (run_of(day) / "verdict.json").unlink()
    render_record.write(day, silent)
    found = verify(day, silent)

    assert found.exit_code == 0
    assert any("it was never written; judged again: pass" in c.text for c in found.checks)


def test_a_record_of_another_program_is_held_against_the_same_figures(
    day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The versions are told; figures and hashes still have to agree."""
    monkeypatch.setattr("harness.apps.gameday.make_record.own_program", lambda: "0.0.9")
    render_record.write(day, silent)
    monkeypatch.undo()
    found = verify(day, silent)

    assert found.exit_code == 0
    assert any("made with lendchaos 0.0.9" in c.text for c in found.checks)


def test_an_untouched_record_in_other_words_is_no_difference(
    day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told so, as are a page and a print that the version which made them did not hash."""
    monkeypatch.setattr("harness.apps.gameday.make_record.own_program", lambda: "0.1.0")
    monkeypatch.setattr("harness.apps.gameday.make_record.in_words", lambda _: "it happened")
    monkeypatch.setattr("harness.apps.gameday.make_record._observed", lambda *_: "well")
    render_record.write(day, silent)
    monkeypatch.undo()
    body = json.loads((day / "record.json").read_bytes())
    del body["files"]["record.html"]
    (day / "record.json").write_text(as_written(body))
    (day / "record.pdf").write_bytes(b"printed then")
    found = verify(day, silent)
    told = {(c.name, c.text) for c in found.checks if c.found is CheckState.NOTE}

    assert (found.exit_code, differing(found)) == (0, [])
    assert {text for name, text in told if name == "record.json"} > {
        "steps: told in other words by another version",
        "timeline: told in other words by another version",
    }
    unhashed = "its hash is not in the record, which an earlier version made"
    assert told > {("record.html", unhashed), ("record.pdf", unhashed)}


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

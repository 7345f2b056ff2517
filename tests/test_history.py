"""Past verdicts as plain files: kept whole, kept once, and never read wrong."""

import json
import shlex
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.report.archive import SCHEMA, History, Stored, open_history, read_file, read_run
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import from_json, to_json
from tests.builders import cut_run, plan_of
from tests.stored import store
from tests.verdicts import stored_of, verdict_of


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An empty history."""
    return open_history(tmp_path / "history", create=True)


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def only_file(history: History) -> Path:
    """The one verdict that is kept."""
    (path,) = history.root.glob("*/*/*.json")
    return path


# --- keeping -------------------------------------------------------------------------------------


def test_what_is_kept_is_read_back(history: History) -> None:
    """Verdict, settings and label, the oldest first."""
    for number in (3, 1, 2):
        history.save("main", stored_of(number))

    assert history.labels() == ["main"]
    assert history.read("main") == [replace(stored_of(n), label="main") for n in (1, 2, 3)]
    assert history.read("main", "kill") == []
    assert history.read("nightly") == []


def test_a_kept_file_is_a_verdict_by_itself(history: History) -> None:
    """Any program that reads verdict.json reads it; its settings stand beside."""
    path = history.save("main", stored_of(1))
    body = json.loads(path.read_bytes())

    assert path.relative_to(history.root).as_posix() == "main/cut/20261101T080100Z-run0001.json"
    assert from_json(path.read_bytes()) == verdict_of(1)
    assert body["settings"]["service"] == "tuned"
    assert json.loads((history.root / "history.json").read_bytes()) == {"schema": SCHEMA}


def test_kept_twice_is_kept_once(history: History) -> None:
    """The same bytes in the same place, and the file is not even touched."""
    first = history.save("main", stored_of(1))
    before, instant = files(history.root), first.stat().st_mtime_ns
    history.save("main", stored_of(1))

    assert files(history.root) == before
    assert first.stat().st_mtime_ns == instant


def test_a_run_judged_again_takes_its_own_place(history: History) -> None:
    """By other limits: one run is one file."""
    history.save("main", stored_of(1))
    history.save("main", stored_of(1, sentence="Judged again."))
    (found,) = history.read("main")

    assert found.verdict.sentence == "Judged again."


def test_many_writers_do_no_harm(tmp_path: Path) -> None:
    """Eight at once begin one history with the same and with other runs."""
    root, wrong = tmp_path / "history", []

    def write(own: int) -> None:
        try:
            for number in (1, 2, own):
                open_history(root, create=True).save("main", stored_of(number))
        except Exception as error:  # noqa: BLE001  # a thread's own would be lost
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(10 + n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(open_history(root).read("main")) == 10
    assert not [name for name in files(root) if ".part" in name]


def test_a_writer_that_dies_leaves_no_half_verdict(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there stays, and its scrap is taken away or is not read."""
    history.save("main", stored_of(1))

    def die(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.core.files.os.fsync", die)
    with pytest.raises(OSError, match="No space"):
        history.save("main", stored_of(2))
    (history.root / "main" / "cut" / ".x.json.part").write_text("{")

    assert [s.verdict.run_id for s in history.read("main")] == ["run0001"]


# --- hostile names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    ["", ".", "..", "../up", "a/b", "/etc", "-x", ".hidden", "a b", "a\n", "a\x00b", "ä", "x" * 65],
)
def test_a_label_is_a_plain_word(history: History, label: str) -> None:
    """Anything else is refused for reading and for writing, and nothing is written."""
    with pytest.raises(UsageError, match="is no label: it must be 1 to 64 letters"):
        history.save(label, stored_of(1))
    with pytest.raises(UsageError, match="is no label"):
        history.read(label)

    assert not history.root.exists()


@pytest.mark.parametrize("label", ["main", "v1.2", "PR-17", "release_2026+1"])
def test_what_people_call_labels(history: History, label: str) -> None:
    """Branches, tags and numbers."""
    history.save(label, stored_of(1))

    assert history.labels() == [label]


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".x", "a\x00", "x\ny", "c:\\x", "x" * 300])
@pytest.mark.parametrize("field", ["scenario", "run_id"])
def test_a_verdict_cannot_name_a_file_elsewhere(history: History, field: str, name: str) -> None:
    """Its scenario and its run id are foreign text."""
    with pytest.raises(UsageError, match="cannot name a file"):
        history.save("main", stored_of(1, **{field: name}))

    assert not history.root.exists()


@pytest.mark.parametrize("instant", [None, "", "2026-11-01", "../../etc/passwd", "9" * 40])
def test_a_run_without_a_start_is_not_kept(history: History, instant: str | None) -> None:
    """It never got past its warm-up, or somebody made it up."""
    with pytest.raises(UsageError, match="zero_utc"):
        history.save("main", stored_of(1, zero_utc=instant))


def test_a_link_leads_nowhere(history: History, tmp_path: Path) -> None:
    """A label that is a link to another folder is neither written to nor read."""
    history.save("main", stored_of(1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (history.root / "nightly").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="leads elsewhere"):
        history.save("nightly", stored_of(2))

    assert list(elsewhere.iterdir()) == []
    assert history.labels() == ["main"]


# --- bad folders and files -----------------------------------------------------------------------


def test_another_version_is_refused(history: History) -> None:
    """With line and column, before anything in it is read or written."""
    history.save("main", stored_of(1))
    head = history.root / "history.json"
    head.write_text('{\n  "made_by": "a later one",\n  "schema": "lendchaos.history/2"\n}\n')
    before = files(history.root)
    with pytest.raises(UsageError) as caught:
        open_history(history.root, create=True)

    assert str(caught.value) == (
        f"{head}, line 3, column 13: schema 'lendchaos.history/2' is not 'lendchaos.history/1';"
        " this version of lendchaos reads 'lendchaos.history/1' only"
    )
    assert files(history.root) == before


def test_a_foreign_folder_is_no_history(tmp_path: Path) -> None:
    """Nor is a file, nor a folder that is not there, unless one is to be made."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not a history: it holds other files"):
        open_history(tmp_path, create=True)
    with pytest.raises(UsageError, match="is a file"):
        open_history(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="--save LABEL` makes one"):
        open_history(tmp_path / "none")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("kept", [0, 1, 10, 500, -3])
def test_a_cut_file_is_named_with_its_place(history: History, kept: int) -> None:
    """Wherever it was cut: the file, the line and the column."""
    history.save("main", stored_of(1))
    path = only_file(history)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError) as caught:
        history.read("main")

    assert f"{path}, line " in str(caught.value)
    assert ", column " in str(caught.value)
    assert "this is no JSON" in str(caught.value)


def test_every_bad_file_is_named_at_once(history: History) -> None:
    """One run to mend them all."""
    for number in (1, 2, 3):
        history.save("main", stored_of(number))
    paths = sorted(history.root.glob("*/*/*.json"))
    for path in paths[:2]:
        path.write_text("{")
    with pytest.raises(UsageError) as caught:
        history.read("main")

    assert [str(path) in str(caught.value) for path in paths] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", "line 1, column 1: it must be an object"),
        (b"{}", "line 1, column 1: it names no schema"),
        (b'{"schema": 5}', "line 1, column 12: schema 5 is not 'lendchaos.verdict/1'"),
        (b'{\n "schema": "lendchaos.verdict/9"}', "line 2, column 12: schema"),
        (b'{"schema": "lendchaos.verdict/1"}', "episodes must be a list"),
        (b'{"schema": "lendchaos.verdict/1", "episodes": 5}', "line 1, column 47: episodes"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b'{"schema": 1e999}', "1e999 is no number"),
        (b'{"schema": 1e200}', "1e200 is no number"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "is no number"),
        (b"\xff\xfe", "line 1, column 1: it must be text in UTF-8"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_verdict(tmp_path: Path, body: bytes, told: str) -> None:
    """One clear line each."""
    path = tmp_path / "verdict.json"
    path.write_bytes(body)
    with pytest.raises(UsageError) as caught:
        read_file(path)

    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_a_wrong_value_is_named_with_its_place(tmp_path: Path) -> None:
    """Deep inside, its name and where it stands."""
    path = tmp_path / "verdict.json"
    lines = to_json(verdict_of(1)).splitlines()
    (number,) = [n for n, line in enumerate(lines) if '"rate_asked"' in line]
    lines[number] = '    "rate_asked": "fast",'
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError) as caught:
        read_file(path)

    assert f"line {number + 1}, column 19: load.rate_asked: " in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of ours."""
    monkeypatch.setattr("harness.report.archive.BYTES_MAX", 1000)
    path = tmp_path / "verdict.json"
    path.write_text(to_json(verdict_of(1)))
    with pytest.raises(UsageError, match="larger than 1,000 bytes"):
        read_file(path)


# --- run directories -----------------------------------------------------------------------------


def test_a_run_directory_gives_its_settings(tmp_path: Path) -> None:
    """From its plan; the seed is no setting, as every run has its own."""
    run = store(tmp_path, *cut_run(plan_of(rate=20, seed=9)))
    found = read_run(run.path)

    assert found.verdict == read_verdict(run)
    assert found.settings is not None
    assert (found.settings["rate"], found.settings["service"]) == (20, "tuned")
    assert "seed" not in found.settings


def test_a_verdict_alone_is_enough(tmp_path: Path) -> None:
    """As an archive keeps it; its settings are not known then."""
    (tmp_path / "verdict.json").write_text(to_json(verdict_of(1)))

    assert read_run(tmp_path) == Stored(verdict_of(1))


def test_a_run_without_a_verdict_is_told_what_makes_one(tmp_path: Path) -> None:
    """And what is no folder is none."""
    with pytest.raises(UsageError, match="`lendchaos judge"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match="no run directory"):
        read_run(tmp_path / "none")


def test_the_command_that_is_proposed_can_be_copied(tmp_path: Path) -> None:
    """Into a shell, whatever the folder is called."""
    run = tmp_path / "my $run's"
    run.mkdir()
    with pytest.raises(UsageError) as caught:
        read_run(run)

    command = str(caught.value).split("`")[1]
    assert shlex.split(command) == ["lendchaos", "judge", str(run)]

"""Seals: what was changed after a run is told."""

from pathlib import Path

import pytest

from harness.history.manifest import checksum_mismatches, checksums_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files with evidence and some without."""
    for name in ("plan.json", "events-load-0.jsonl", "status.json", "verdict.json", "x.log"):
        (tmp_path / name).write_text("{}\n")
    return tmp_path


def test_only_evidence_is_sealed(folder: Path) -> None:
    """The status holds the checksums, and results may be written anew."""
    assert list(checksums_of(folder)) == ["events-load-0.jsonl", "plan.json"]


def test_what_is_as_it_was_is_whole(folder: Path) -> None:
    """Whatever happens to the rest."""
    checksums = checksums_of(folder)
    (folder / "verdict.json").unlink()
    (folder / "report.html").touch()

    assert checksum_mismatches(folder, checksums) == {}


def test_every_change_is_told(folder: Path) -> None:
    """By size, by content, by absence and by presence."""
    checksums = checksums_of(folder)
    (folder / "plan.json").write_text("[]\n")
    (folder / "events-load-0.jsonl").write_text("{}")
    (folder / "events-load-1.jsonl").touch()

    assert list(checksum_mismatches(folder, checksums).values()) == [
        "events-load-0.jsonl has 2 bytes, and had 3 after the run",
        "plan.json was changed after the run",
        "events-load-1.jsonl was added after the run",
    ]
    (folder / "plan.json").unlink()
    assert "plan.json is missing" in checksum_mismatches(folder, checksums).values()


def test_a_run_without_seals_has_none_to_break(folder: Path) -> None:
    """It was cut short before it could make them."""
    assert checksum_mismatches(folder, {}) == {}


def test_a_file_that_has_grown_beyond_reading_is_told_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size says all: a hole of many gigabytes would be read for minutes."""
    checksums = checksums_of(folder)
    with (folder / "plan.json").open("ab") as file:
        file.truncate(40 << 30)
    monkeypatch.setattr(
        "harness.history.manifest.hashlib.file_digest", lambda *_: pytest.fail("it was read")
    )
    monkeypatch.delitem(checksums, "events-load-0.jsonl")

    assert (
        "plan.json has 42,949,672,960 bytes, and had 3 after the run"
        in checksum_mismatches(folder, checksums).values()
    )

"""The record as PDF: by a Chromium that is there, within a time, or not at all."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday import printing, recording
from tests.gameday.stored_days import small_day

Plant = Callable[[str], None]


@pytest.fixture
def chromium_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a script in the place of Chromium; nothing else is on PATH but the system's tools."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def plant(script: str) -> None:
        path = folder / "chromium"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setattr(
        "harness.apps.gameday.printing.shutil.which",
        lambda name: str(folder / name) if (folder / name).exists() else None,
    )
    return plant


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Something to print."""
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html><title>t</title><p>p")
    return path


_PRINTS = """for word in "$@"; do case $word in --print-to-pdf=*) printf '%%PDF-1.4' \
> "${word#--print-to-pdf=}";; esac; done"""


def test_a_page_is_printed_whole(chromium_is: Plant, page: Path) -> None:
    """Beside the page, and no half of it is ever there."""
    chromium_is(_PRINTS)
    target = page.with_suffix(".pdf")
    printing.to_pdf(page, target)

    assert target.read_bytes() == b"%PDF-1.4"
    assert not list(page.parent.glob("*.part"))


@pytest.mark.parametrize("script", ["exit 0", "exit 1", f"{_PRINTS.replace('%%PDF-1.4', 'x')}"])
def test_nothing_printed_is_said(chromium_is: Plant, page: Path, script: str) -> None:
    """Whatever its exit code; what is no PDF is none."""
    chromium_is(script)
    with pytest.raises(printing.NotPrintedError, match="printed nothing"):
        printing.to_pdf(page, page.with_suffix(".pdf"))

    assert not page.with_suffix(".pdf").exists()


def test_a_browser_that_hangs_is_ended_with_its_helpers(
    chromium_is: Plant, page: Path, tmp_path: Path
) -> None:
    """Within the time it was given; none of its processes is left."""
    chromium_is(f"sleep 60 & echo $! > {tmp_path}/helper; wait")
    began = time.monotonic()
    with pytest.raises(printing.NotPrintedError, match=r"not within 0\.5 s"):
        printing.to_pdf(page, page.with_suffix(".pdf"), seconds_max=0.5)

    assert time.monotonic() - began < 10
    helper = int((tmp_path / "helper").read_text())
    deadline = time.monotonic() + 5
    while _lives(helper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(helper)


def _lives(process: int) -> bool:
    """Whether it still runs; one that only waits to be reaped does not."""
    try:
        os.kill(process, 0)
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_without_a_browser_the_record_says_how_to_print(chromium_is: Plant, tmp_path: Path) -> None:
    """The page is there all the same, and an older print is not left to be taken for it."""
    assert chromium_is is not None
    day = small_day(tmp_path / "day")
    (day / "record.pdf").write_bytes(b"%PDF-old")
    written = recording.write(day, lambda _: None)

    assert written.printed is None
    assert "open the page in any browser and print it on A4" in written.why_not
    assert written.page.exists()
    assert not (day / "record.pdf").exists()


def test_who_insists_on_a_print_is_told(chromium_is: Plant, tmp_path: Path) -> None:
    """`--pdf` without a Chromium is an error of the surroundings."""
    assert chromium_is is not None
    with pytest.raises(printing.NotPrintedError, match="no Chromium"):
        recording.write(small_day(tmp_path / "day"), lambda _: None, pdf=True)

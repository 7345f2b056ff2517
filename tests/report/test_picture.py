"""The chart as a picture: drawn with our own letters, and never at the cost of the report."""

import logging
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.history.run_directory import RunDirectory
from harness.report import picture, timeline_chart
from harness.report import write_report as written
from harness.report.marks import COLOURS, NARROW, WIDE, Layout
from tests.report import pixels, rich, sample

SVG = "http://www.w3.org/2000/svg"
RUNS = [sample.passed, sample.failed, sample.inconclusive, sample.hostile]


def drawn(run: sample.Run) -> str:
    """The SVG document of a run that had a load."""
    svg = picture.drawing(*run)
    assert svg is not None
    return svg


def dots(image: NDArray[np.uint8], kind: str) -> int:
    """How many dots have exactly the colour of this kind of outcome."""
    wanted = np.array([int(COLOURS[kind][i : i + 2], 16) for i in (1, 3, 5)], dtype=np.uint8)
    return int((image[:, :, :3] == wanted).all(axis=2).sum())


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_it_is_a_document_of_its_own(run: sample.Maker) -> None:
    """Well-formed, whatever a target or a scenario is called, and drawn at twice its size."""
    svg = drawn(run())
    root = ET.fromstring(svg)  # noqa: S314  # made by ourselves

    width, height = pixels.size(picture.png(svg))

    assert root.tag == f"{{{SVG}}}svg"
    assert (width, height) == pytest.approx(
        (2 * float(root.get("width", "0")), 2 * float(root.get("height", "0"))), abs=2
    )


def test_verdict_and_sentence_stand_in_it() -> None:
    """Alone in a comment, the picture still says what it is about."""
    svg = drawn(sample.failed())
    said = " ".join("".join(e.itertext()) for e in ET.fromstring(svg).iter() if "text" in e.tag)  # noqa: S314

    assert "FAIL: network_partition" in said
    assert sample.failed()[2].sentence in said


def test_the_colours_of_the_page_are_drawn() -> None:
    """Failed, approved and the pattern of unknown outcomes; a clean run shows no failure."""
    bad = pixels.read(picture.png(drawn(sample.failed()), zoom=1))
    good = pixels.read(picture.png(drawn(sample.passed()), zoom=1))

    # The key of the colours, and the line of the timeout, are there in both. Dark lines cover
    # most of what failed, and the edges of each are mixed.
    assert dots(bad, "failed") > dots(good, "failed") + 1000
    assert dots(bad, "indeterminate") > 2 * dots(good, "indeterminate") > 0
    assert dots(good, "approved") > dots(bad, "approved") > 20_000


@pytest.mark.parametrize("layout", [WIDE, NARROW], ids=lambda layout: layout.name)
def test_no_two_outcomes_look_alike_without_colours(layout: Layout) -> None:
    """In grey, and to who cannot tell red from green: every fill of the key has its own look."""
    chart = ET.fromstring(timeline_chart.svg(*rich.rich(), layout))  # noqa: S314  # made by ourselves
    (patterns,) = chart.findall("defs")
    fills = {e.get("fill", "") for e in chart.findall("rect") if e.get("stroke-width") == "0.5"}
    assert len(fills) >= 5

    def patch(fill: str) -> NDArray[np.uint8]:
        defined = ET.tostring(patterns, encoding="unicode")
        square = f'<rect width="40" height="40" fill="{fill}"/>'
        svg = f'<svg xmlns="{SVG}" width="40" height="40">{defined}{square}</svg>'
        return pixels.read(picture.png(svg))

    assert pixels.alike({fill: patch(fill) for fill in sorted(fills)}) == []


def test_letters_need_no_font_of_the_system() -> None:
    """On a machine without fonts the same picture appears; without our font, no letter would."""
    svg = drawn(sample.failed())

    assert picture.png(svg, system_fonts=False) == picture.png(svg)
    textless = svg.replace("<text", "<g").replace("</text", "</g")
    assert picture.png(textless, system_fonts=False) != picture.png(svg)


def test_a_long_sentence_is_cut() -> None:
    """Ten thousand letters do not make a poster."""
    plan, facts, verdict = sample.failed()
    endless = replace(verdict, scenario="s" * 10_000, sentence="word " * 2_000 + "w" * 10_000)

    _, height = pixels.size(picture.png(drawn((plan, facts, endless))))

    assert height < 1000


def test_a_load_that_never_began_has_no_picture(tmp_path: Path) -> None:
    """Nor is one of an earlier verdict left beside the report."""
    (tmp_path / "timeline.png").write_bytes(b"of an earlier verdict")

    written.write(RunDirectory(tmp_path), *sample.never_began())

    assert not (tmp_path / "timeline.png").exists()
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "ending"), [("", ""), ("strict", "-strict")], ids=["own", "named"]
)
def test_it_is_written_beside_the_report(name: str, ending: str, tmp_path: Path) -> None:
    """Under the name that belongs to the report."""
    written.write(RunDirectory(tmp_path), *sample.failed(), name)

    assert (tmp_path / f"timeline{ending}.png").read_bytes().startswith(pixels.SIGNATURE)


class Panic(BaseException):
    """What a native library raises when it breaks: no Exception."""


@pytest.mark.parametrize("error", [ValueError("bad path"), Panic("index out of bounds")])
def test_a_picture_that_fails_does_not_lose_the_report(
    error: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Verdict and page are there, and the log says what is missing and why."""

    def broken(_: str) -> bytes:
        raise error

    monkeypatch.setattr(picture, "png", broken)
    with caplog.at_level(logging.WARNING):
        path = written.write(RunDirectory(tmp_path), *sample.failed())

    assert path.exists()
    assert (tmp_path / "verdict.json").exists()
    assert not (tmp_path / "timeline.png").exists()
    assert f"timeline.png was not drawn: {type(error).__name__}: {error}" in caplog.text


def test_an_interruption_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl-C means it."""

    def interrupted(_: str) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(picture, "png", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written.write(RunDirectory(tmp_path), *sample.failed())

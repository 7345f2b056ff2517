"""The record of a game day in a real browser: on a desk, on a phone, in the dark, and on paper."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday import make_record, render_record
from harness.apps.gameday.day_record import Record
from tests.browser.chromium import DESKTOP, JENKINS, PHONE, Chromium, Site
from tests.browser.looks import boxes, parted, sheets_of, too_wide, violations
from tests.gameday.stored_days import ATTACK, PLAN, whole_day

pytestmark = pytest.mark.browser

A4 = (595, 842)
PAPER = (703, 1009)
"""A4 upright less its margins, at 96 dots an inch."""
SIZES = {"desktop": DESKTOP, "phone": PHONE}
LONG = "w" * 3000
sizes = pytest.mark.parametrize("size", SIZES)
kinds = pytest.mark.parametrize("kind", ["day", "hostile"])


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """A day as any other, and one whose texts are hostile and endless."""
    folder = tmp_path_factory.mktemp("days")
    hostile = PLAN.replace("Lin Yue", LONG).replace("Nothing at all.", LONG)
    return {
        "day": make_record.made(whole_day(folder / "day"), silent),
        "hostile": make_record.made(whole_day(folder / "hostile", hostile, ATTACK + LONG), silent),
    }


@pytest.fixture(scope="module")
def shown(site: Site, days: dict[str, Record]) -> Callable[..., str]:
    """Serves the page of a record and gives its address."""

    def served(kind: str, policy: str = "") -> str:
        name = f"record-{kind}{'-strict' if policy else ''}.html"
        return site.put(name, render_record.render(days[kind]), policy)

    return served


@sizes
@kinds
def test_nothing_scrolls_sideways(
    chromium: Chromium, shown: Callable[..., str], kind: str, size: str
) -> None:
    """Whatever people wrote; and nothing on the page breaks its own policy."""
    with chromium.open(shown(kind), SIZES[size]) as screen:
        screen.keep(f"record-{kind}-{size}")

        assert too_wide(screen) == []
        assert screen.complaints == []


@sizes
def test_the_first_screen_says_how_the_day_went(
    chromium: Chromium, shown: Callable[..., str], size: str
) -> None:
    """Outcome, hypothesis, and the beginning of expected against observed."""
    with chromium.open(shown("day"), SIZES[size]) as screen:
        head, hypothesis, steps = boxes(screen, "header", ".hypothesis", "#steps")
        charts = screen.ask(
            "Array.from(document.querySelectorAll('svg.chart')).filter(e => e.checkVisibility())"
            ".map(e => e.getAttribute('class'))"
        )

    assert head["top"] < hypothesis["top"] < steps["top"]
    assert steps["bottom"] < SIZES[size][1]
    assert charts == [f"chart {'narrow' if size == 'phone' else 'wide'}"] * 4


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@sizes
def test_it_is_accessible(
    chromium: Chromium, shown: Callable[..., str], axe: str, size: str, dark: bool
) -> None:
    """No violation of WCAG 2.1 A or AA, everything unfolded."""
    with chromium.open(shown("day"), SIZES[size], scripts=True, dark=dark) as screen:
        if dark:
            screen.keep(f"record-{size}-dark")
        screen.ask("document.querySelectorAll('details').forEach(d => d.open = true)")

        assert violations(screen, axe) == []


def test_hostile_strings_do_nothing(chromium: Chromium, shown: Callable[..., str]) -> None:
    """With JavaScript on: no script element, no dialog, no complaint."""
    with chromium.open(shown("hostile"), scripts=True) as screen:
        assert screen.ask("document.querySelectorAll('script, img, iframe').length") == 0
        assert screen.complaints == []


def test_it_is_readable_without_any_style(chromium: Chromium, shown: Callable[..., str]) -> None:
    """As Jenkins shows it: the outcome first, the charts with their colours."""
    with chromium.open(shown("day", JENKINS)) as screen:
        first = screen.ask("document.body.innerText.trim().split(/\\s+/)[0]")
        charts = screen.ask("document.querySelectorAll('svg.wide').length")

        assert (first, charts) == ("FAIL", 4)
        assert all("style" in complaint for complaint in screen.complaints)


@kinds
def test_it_prints_on_a4(
    chromium: Chromium, shown: Callable[..., str], kind: str, tmp_path: Path
) -> None:
    """Upright, with every hash, places to sign, nothing cut off at the side, nothing torn."""
    with chromium.open(shown(kind)) as screen:
        body = screen.page.pdf(path=str(tmp_path / "record.pdf"), prefer_css_page_size=True)
        texts = sheets_of(body)
        screen.page.emulate_media(media="print")
        torn = parted(screen, texts) if kind == "day" else []
        screen.page.set_viewport_size({"width": PAPER[0], "height": PAPER[1]})
        wide = too_wide(screen)
        clipped = screen.ask(
            f"""Array.from(document.querySelectorAll('td, th'))
            .filter(e => e.checkVisibility() && (e.scrollWidth > e.clientWidth + 1
                || e.getBoundingClientRect().right > {PAPER[0]} + 1))
            .map(e => e.textContent.slice(0, 40))"""
        )
        hashes, folded, lines = (
            screen.ask(f"document.querySelector('{what}').checkVisibility()")
            for what in (".print-only td", ".screen-only", ".signature .line")
        )
        screen.keep(f"record-{kind}-print")

    sheets = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", body)
    assert {(round(float(width)), round(float(height))) for width, height in sheets} == {A4}
    assert 6 <= len(sheets) <= 14
    foot = "recordofagameday"
    assert [text for text in texts if f"/{len(texts)}" not in text or foot not in text] == []
    assert torn == []
    assert wide == []
    assert clipped == []
    assert (hashes, folded, lines) == (True, False, True)


def test_the_check_for_clipped_cells_can_fail(chromium: Chromium, site: Site) -> None:
    """A planted word that cannot break is found."""
    planted = f"<!DOCTYPE html><title>w</title><table><tr><td>{'w' * 500}</table>"
    with chromium.open(site.put("clipped.html", planted), PAPER) as screen:
        assert too_wide(screen) != []

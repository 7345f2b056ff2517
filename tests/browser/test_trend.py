"""The trend page in a real browser: at both sizes, in light and dark, without style, on paper."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.report.archive import Stored
from harness.report.trend_page import page
from harness.verdict.types import Judgement, Severity
from tests.browser.chromium import DESKTOP, JENKINS, PHONE, Chromium, Site
from tests.browser.looks import boxes, sheets_of, too_wide, violations
from tests.report.sample import ATTACK
from tests.verdicts import stored_of, with_finding

pytestmark = pytest.mark.browser

SIZES = {"desktop": DESKTOP, "phone": PHONE}
sizes = pytest.mark.parametrize("size", SIZES)
kinds = pytest.mark.parametrize("kind", ["rich", "hostile", "empty"])


def rich() -> list[Stored]:
    """Two scenarios, three labels, every verdict, a loss, a run that never recovered."""
    found = []
    for n in range(26):
        label = ("main", "nightly", "v1.2")[n % 3]
        bad = n > 18
        stored = stored_of(
            n, label=label, day=n + 1, scenario=("network_partition", "server_failure")[n % 2],
            share=0.3 + 0.01 * (n % 5), recovery_s=None if n == 22 else 0.3 + bad * 0.8,
            wait_ms=20.0 + n % 4,
        )  # fmt: skip
        verdict = stored.verdict
        if n == 20:
            lost = replace(verdict.reconciliation, lost=3, duplicated=1)
            verdict = replace(verdict, reconciliation=lost, verdict=Judgement.FAIL)
        if n == 9:
            verdict = with_finding(verdict, "interrupted", Severity.INCONCLUSIVE)
        found.append(replace(stored, verdict=verdict))
    return found


def hostile() -> list[Stored]:
    """Foreign text wherever a file name, a label or a run id stands, and it is long."""
    long = ATTACK + "w" * 500
    return [stored_of(n, label=long, scenario=long, run_id=f"{n}{long}") for n in range(3)]


PAGES: dict[str, Callable[[], list[Stored]]] = {"rich": rich, "hostile": hostile, "empty": list}


@pytest.fixture(scope="module")
def served(site: Site) -> Callable[..., str]:
    """Serves the page of a history and gives its address."""

    def serve(kind: str, policy: str = "") -> str:
        name = f"trend-{kind}{'-strict' if policy else ''}.html"
        return site.put(name, page(PAGES[kind]()), policy)

    return serve


@sizes
@kinds
def test_nothing_scrolls_sideways(
    chromium: Chromium, served: Callable[..., str], kind: str, size: str
) -> None:
    """Whatever the history holds; and nothing on the page breaks its own policy."""
    with chromium.open(served(kind), SIZES[size], scripts=True) as screen:
        screen.keep(f"trend-{kind}-{size}")

        assert too_wide(screen) == []
        assert screen.complaints == []
        assert screen.ask("document.querySelectorAll('script, img, iframe').length") == 0


def test_the_charts_of_a_scenario_fit_one_screen(
    chromium: Chromium, served: Callable[..., str]
) -> None:
    """On a desktop, three in a row; on a phone, one below the other and as wide as it is."""
    with chromium.open(served("rich")) as screen:
        (charts,) = boxes(screen, ".charts")
        assert charts["height"] < DESKTOP[1]
    with chromium.open(served("rich"), PHONE) as screen:
        first, second = boxes(screen, ".charts .chart", ".charts .chart:nth-of-type(2)")
        assert first["width"] > PHONE[0] * 0.8
        assert second["top"] > first["bottom"]


@sizes
@pytest.mark.parametrize("kind", ["rich", "rich dark"])
def test_it_is_accessible(
    chromium: Chromium, served: Callable[..., str], axe: str, kind: str, size: str
) -> None:
    """No violation of WCAG 2.1 A or AA, in light and dark colours, everything unfolded."""
    name, _, dark = kind.partition(" ")
    with chromium.open(served(name), SIZES[size], scripts=True, dark=bool(dark)) as screen:
        if dark:
            screen.keep(f"trend-{name}-{size}-dark")
        screen.ask("document.querySelectorAll('details').forEach(d => d.open = true)")

        assert violations(screen, axe) == []
        assert too_wide(screen) == []


def test_it_is_readable_without_any_style(chromium: Chromium, served: Callable[..., str]) -> None:
    """As Jenkins shows it: the style is blocked and nothing else, and the marks have colours."""
    with chromium.open(served("rich", JENKINS)) as screen:
        screen.keep("trend-rich-strict")
        fills = screen.ask(
            "Array.from(document.querySelectorAll('svg circle')).map(e => getComputedStyle(e).fill)"
        )

        widths = screen.ask(
            "Array.from(document.querySelectorAll('.chart')).map(e => e.clientWidth)"
        )

        assert "rgb(0, 114, 178)" in fills
        assert max(widths) <= PHONE[0]
        assert all("style" in complaint for complaint in screen.complaints)
        assert too_wide(screen) == []


def test_it_prints_on_a4(chromium: Chromium, served: Callable[..., str], tmp_path: Path) -> None:
    """Pages are A4 across, few, and nothing is cut off at their side."""
    with chromium.open(served("rich")) as screen:
        path = tmp_path / "trend.pdf"
        body = screen.page.pdf(path=str(path), prefer_css_page_size=True)
        screen.page.emulate_media(media="print")
        screen.page.set_viewport_size({"width": 1032, "height": 703})
        wide = too_wide(screen)
        screen.keep("trend-rich-print")

    sheets = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", body)
    assert {(round(float(w)), round(float(h))) for w, h in sheets} == {(842, 595)}
    assert 1 <= len(sheets) <= 6
    texts = sheets_of(body)
    assert [text for text in texts if f"/{len(texts)}Trendofpastruns" not in text] == []
    assert wide == []

"""What every kind of page holds: narrow and zoomed windows, other locales, a thousand findings."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import DESKTOP, Chromium, Screen, Site
from tests.browser.kinds import stored_pages
from tests.browser.looks import boxes, too_wide
from tests.browser.test_report import PARTS
from tests.load.made_live import made_leader, served

pytestmark = pytest.mark.browser

SIZES = {"zoom of 200 %": (DESKTOP[0] // 2, DESKTOP[1] // 2), "320 dots wide": (320, 568)}
"""A desk's window has half as many dots at 200 %; 320 are a desk's at 400 % and a small phone's."""
KINDS = (
    "report-rich", "report-never-began", "report-hostile", "report-thousand", "trend-rich",
    "trend-hostile", "trend-empty", "record-day", "record-hostile", "chaos", "door",
)  # fmt: skip
LOCKED = "Failed to load resource: the server responded with a status of 403 (FORBIDDEN)"
"""What a browser says of the door, and soon of the question whether it is still locked."""
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def addresses(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """By kind of page."""
    pages = stored_pages(tmp_path_factory.mktemp("days"))
    found = {name: site.put(f"{name}.html", page) for name, page in pages.items()}
    with served(made_leader()) as (app, unlocked):
        app.add_url_rule("/", "inside", lambda: "inside")
        place = unlocked.partition("#")[0]
        yield {**found, "chaos": unlocked, "door": place.removesuffix("lendchaos/")}


def drawn(screen: Screen, kind: str) -> str:
    """The text of a page, when all of it is there and unfolded."""
    if kind == "chaos":
        expect(screen.page.locator("#chart svg")).to_be_visible()
    screen.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    text: str = screen.ask("document.body.innerText")
    return text


@kinds
def test_it_holds_narrow_windows(chromium: Chromium, addresses: dict[str, str], kind: str) -> None:
    """Nothing scrolls sideways, everything unfolded; the browser complains of nothing."""
    with chromium.open(addresses[kind], scripts=True) as screen:
        drawn(screen, kind)
        for name, (width, height) in SIZES.items():
            screen.page.set_viewport_size({"width": width, "height": height})

            assert too_wide(screen) == [], name
        assert set(screen.complaints) == ({LOCKED} if kind == "door" else set())


def test_figures_of_a_script_are_the_same_everywhere(
    chromium: Chromium, addresses: dict[str, str]
) -> None:
    """The one page that is written by a script has the digits and marks of all others."""
    elsewhere = {"locale": "ar-EG", "timezone_id": "Asia/Kathmandu"}
    with chromium.open(addresses["chaos"], scripts=True, **elsewhere) as screen:
        text = drawn(screen, "chaos")
        assert screen.ask("(1.5).toLocaleString()") == "١٫٥"  # noqa: RUF001  # what is meant

    assert " s of " in text.replace("\N{NO-BREAK SPACE}", " ")
    assert [sign for sign in text if sign.isalnum() and not sign.isascii()] == []


def test_a_thousand_findings_push_nothing_away(
    chromium: Chromium, addresses: dict[str, str]
) -> None:
    """All stand on the page, and its first screen is that of a run with two."""
    tops = []
    for kind in ("report-rich", "report-thousand"):
        with chromium.open(addresses[kind]) as screen:
            tops.append([box["top"] for box in boxes(screen, *PARTS)])
            found = screen.ask(
                "document.querySelectorAll('[aria-labelledby=findings] tbody tr').length"
            )

    assert tops[1] == tops[0]
    assert found == 1000

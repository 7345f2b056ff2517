"""The report in a real browser: at both sizes, without JavaScript, under strict policies."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import html
from tests.browser.chromium import DESKTOP, JENKINS, PHONE, Chromium, Site
from tests.browser.looks import boxes, parted, sheets_of, too_wide, violations
from tests.report import rich, sample

pytestmark = pytest.mark.browser

RUNS: dict[str, Callable[[], sample.Run]] = {
    "rich": rich.rich,
    "passed": sample.passed,
    "inconclusive": sample.inconclusive,
    "censored": rich.censored,
    "hostile": rich.hostile,
    "endless": rich.endless,
    "never-began": sample.never_began,
}
SIZES = {"desktop": DESKTOP, "phone": PHONE}
PARTS = ("header", ".tiles", ".over-time", "[aria-labelledby=objectives]")
OTHERS = ("passed", "inconclusive", "censored", "endless")
"""Of which little looks different: looked at among the long tests."""


def chosen(*names: str) -> list[object]:
    """Names of runs for a parametrised test."""
    of_long = {"marks": pytest.mark.long}
    return [pytest.param(name, **(of_long if name in OTHERS else {})) for name in names]


runs = pytest.mark.parametrize("run", chosen(*RUNS))
sizes = pytest.mark.parametrize("size", SIZES)


@pytest.fixture(scope="module")
def page(site: Site) -> Callable[..., str]:
    """Serves the report of a run and gives its address."""
    made: dict[str, str] = {}

    def served(run: str, policy: str = "") -> str:
        if run not in made:
            made[run] = html.render(*RUNS[run]())
        return site.put(f"{run}{'-strict' if policy else ''}.html", made[run], policy)

    return served


def test_the_first_screen_shows_all_that_decides(
    chromium: Chromium, page: Callable[..., str]
) -> None:
    """Verdict, six tiles, chart and whatever was not met fit 1366 x 768 without scrolling."""
    with chromium.open(page("rich")) as screen:
        screen.keep("first-screen", full=False)
        found = boxes(screen, *PARTS)
        red = boxes(screen, "[aria-labelledby=objectives] tbody tr:nth-child(3)")[0]
        tiles = screen.ask("document.querySelectorAll('.tile').length")
        rows = screen.ask(
            "document.querySelectorAll('[aria-labelledby=objectives] tbody tr').length"
        )

    assert (tiles, rows) == (6, 6)
    assert [box["top"] for box in found] == sorted(box["top"] for box in found)
    assert red["bottom"] <= DESKTOP[1]


def test_on_a_phone_verdict_and_tiles_come_first(
    chromium: Chromium, page: Callable[..., str]
) -> None:
    """A red tile before the others, then the chart, drawn for that width, then the objectives."""
    with chromium.open(page("rich"), PHONE) as screen:
        found = boxes(screen, *PARTS, ".tile:last-child", ".chart.narrow")
        red = boxes(screen, ".tile.fail:not(:first-child)", ".tile:not(.fail)")
        shown = screen.ask("getComputedStyle(document.querySelector('.chart.wide')).display")

    assert [box["top"] for box in found[:4]] == sorted(box["top"] for box in found[:4])
    assert found[4]["bottom"] <= PHONE[1]
    assert red[0]["top"] <= red[1]["top"]
    assert red[0]["left"] <= red[1]["left"]
    assert found[5]["width"] > PHONE[0] * 0.85
    assert shown == "none"


@sizes
@runs
def test_nothing_scrolls_sideways(
    chromium: Chromium, page: Callable[..., str], run: str, size: str
) -> None:
    """Whatever the run holds; and nothing on the page breaks its own policy."""
    with chromium.open(page(run), SIZES[size]) as screen:
        if run != "endless":
            screen.keep(f"{run}-{size}")

        assert too_wide(screen) == []
        assert screen.complaints == []


def test_it_holds_a_zoom_of_200_percent(chromium: Chromium, page: Callable[..., str]) -> None:
    """A desk's window has half as many dots then: nothing scrolls sideways."""
    with chromium.open(page("rich"), (DESKTOP[0] // 2, DESKTOP[1] // 2)) as screen:
        assert too_wide(screen) == []


@pytest.mark.parametrize("size", [(1200, 900), PHONE])
@pytest.mark.parametrize("run", ["rich", "inconclusive"])
def test_no_short_text_of_a_table_is_broken(
    chromium: Chromium, page: Callable[..., str], run: str, size: tuple[int, int]
) -> None:
    """A weight, a name or a figure with its unit stands on one line."""
    with chromium.open(page(run), size) as screen:
        broken = screen.ask(
            """() => [...document.querySelectorAll("td")].map(cell => {
                 const range = document.createRange();
                 range.selectNodeContents(cell.querySelector(":scope > strong") ?? cell.firstChild
                   ?? cell);
                 return [range.toString(), range.getClientRects().length];
               }).filter(([text, lines]) => text.length <= 14 && lines > 1)"""
        )

    assert broken == []


def test_the_check_for_width_can_fail(chromium: Chromium, site: Site) -> None:
    """A planted line that cannot break is found."""
    wide = site.put("wide.html", f"<!DOCTYPE html><title>w</title><p id=p>{'w' * 500}")
    with chromium.open(wide, PHONE) as screen:
        assert too_wide(screen) != []


@runs
def test_it_is_readable_without_any_style(
    chromium: Chromium, page: Callable[..., str], run: str
) -> None:
    """As Jenkins shows it: the style is blocked and nothing else, and the chart has its colours."""
    with chromium.open(page(run, JENKINS)) as screen:
        first = screen.ask("document.body.innerText.trim().split(/\\s+/)[0]")
        styled = screen.ask("getComputedStyle(document.querySelector('h1')).backgroundColor")
        charts = screen.ask(
            """Array.from(document.querySelectorAll('svg.wide, svg.narrow'))
            .filter(e => e.checkVisibility())
            .map(e => getComputedStyle(e.querySelector('path[fill^="#"]')).fill)"""
        )
        small = screen.ask(
            "Array.from(document.querySelectorAll('.chart.small')).map(e => e.clientWidth)"
        )
        tops = [box["top"] for box in boxes(screen, *PARTS)]
        marked = screen.ask(
            """Array.from(document.querySelectorAll('.tile'))
            .map(e => e.matches('.fail') === e.innerText.includes('FAIL'))"""
        )

        assert first in ("PASS", "FAIL", "INCONCLUSIVE")
        assert styled == "rgba(0, 0, 0, 0)"
        assert charts == ([] if run == "never-began" else ["rgb(0, 158, 115)"])
        assert tops == sorted(tops)
        assert all(width <= PHONE[0] for width in small)
        assert all(marked)
        assert all("style" in complaint for complaint in screen.complaints)
        if run != "endless":
            screen.keep(f"{run}-strict")
            assert too_wide(screen) == []


def test_with_the_policy_of_the_docs_it_has_its_style(
    chromium: Chromium, page: Callable[..., str]
) -> None:
    """What docs/ci.md has people set in Jenkins lets the page's own style in."""
    docs = Path("docs/ci.md").read_text(encoding="utf-8")
    (policy,) = re.findall(r'DirectoryBrowserSupport\.CSP="(.*?)"', docs)
    with chromium.open(page("passed", policy)) as screen:
        styled = screen.ask("getComputedStyle(document.querySelector('h1')).backgroundColor")

        assert styled == "rgb(0, 102, 75)"
        assert screen.complaints == []


def test_the_chart_fits_a_phone_without_any_style(
    chromium: Chromium, page: Callable[..., str]
) -> None:
    """The tables may not, but what a reader looks at first does."""
    with chromium.open(page("rich", JENKINS), PHONE) as screen:
        screen.keep("rich-phone-strict")
        (chart,) = boxes(screen, ".chart.wide")

    assert 0 < chart["left"] < chart["right"] <= PHONE[0]
    assert chart["height"] > 50


def test_only_our_own_style_is_let_in(chromium: Chromium, site: Site) -> None:
    """Another style, a style attribute or a script that got into the page stays without effect."""
    page = html.render(*sample.passed())
    planted = page.replace(
        "<main>",
        "<main><style>h1{display:none}</style><p id=p style='color:red'>p</p>"
        "<script>document.title = 'broken in'</script><img src=x onerror=alert(1)>",
    )
    with chromium.open(site.put("planted.html", planted), scripts=True) as screen:
        shown = screen.ask("getComputedStyle(document.querySelector('h1')).display")
        colour = screen.ask("getComputedStyle(document.querySelector('#p')).color")
        title = screen.page.title()
        told = " ".join(screen.complaints)

    assert (shown, colour) == ("flex", "rgb(27, 31, 36)")
    assert title == "PASS: baseline"
    assert "style" in told
    assert "script" in told


@pytest.mark.parametrize("run", ["hostile", "endless"])
def test_hostile_strings_do_nothing(chromium: Chromium, page: Callable[..., str], run: str) -> None:
    """With JavaScript on: no script element, no dialog, no complaint, no broken order."""
    with chromium.open(page(run), scripts=True) as screen:
        assert screen.ask("document.querySelectorAll('script, img, iframe').length") == 0
        assert screen.ask("document.querySelectorAll('.tile').length") == 6
        assert screen.complaints == []


@sizes
@pytest.mark.parametrize(
    "run",
    [*chosen("rich", "rich dark", "never-began"), "passed", "inconclusive", *chosen("censored")],
)
def test_it_is_accessible(
    chromium: Chromium, page: Callable[..., str], axe: str, run: str, size: str
) -> None:
    """No violation of WCAG 2.1 A or AA, in light and dark colours, everything unfolded."""
    name, _, dark = run.partition(" ")
    # The checker waits by timers, which a page without JavaScript does not have.
    with chromium.open(page(name), SIZES[size], scripts=True, dark=bool(dark)) as screen:
        if dark:
            screen.keep(f"{name}-{size}-dark")
        screen.ask("document.querySelectorAll('details').forEach(d => d.open = true)")

        assert violations(screen, axe) == []


def test_the_accessibility_check_can_fail(chromium: Chromium, site: Site, axe: str) -> None:
    """Faint text, a chart without a name and a page without a language are found."""
    page = html.render(*sample.passed()).replace('<html lang="en">', "<html>")
    page = page.replace('role="img" aria-labelledby="wide-title wide-description"', 'role="img"')
    page = page.replace("<title>Borrowing over time</title>", "")
    page = re.sub(r'<title id="wide-title">.*?</title>', "", page)
    page = page.replace("<main>", '<main><p><font color="#dddddd">faint</font></p>')
    with chromium.open(site.put("poor.html", page), scripts=True) as screen:
        found = {violation.split(":")[0] for violation in violations(screen, axe)}

    assert {"html-has-lang", "svg-img-alt", "color-contrast"} <= found


@pytest.mark.parametrize("policy", ["", JENKINS], ids=["ours", "jenkins"])
def test_a_link_unfolds_what_it_points_to(
    chromium: Chromium, page: Callable[..., str], policy: str
) -> None:
    """From the contents and from elsewhere, without a script, its heading still in sight; and the
    page is a good deal shorter with all of it folded.
    """
    address = page("passed", policy)
    with chromium.open(address) as screen:
        height = screen.ask("document.body.scrollHeight")
        folded = screen.ask("document.querySelectorAll('section > details:not([open])').length")
        links = screen.page.locator("nav a")
        seen = []
        for link in links.all():
            link.click()
            name = (link.get_attribute("href") or "")[1:]
            part = screen.page.locator(f"section:has([id='{name}'])")
            heading = (part.locator("h2").bounding_box() or {"y": -9})["y"]
            last = part.locator("> *:not(details), > details > div").last
            # Without any style nothing can keep room for the heading above what it names.
            top = -100 if policy else -1
            seen.append((name, last.is_visible(), top <= heading < DESKTOP[1]))
        longer = screen.ask("document.body.scrollHeight")
    with chromium.open(f"{address}#method") as screen:
        there = screen.page.locator("#method td").first.is_visible()
        elsewhere = screen.page.locator("#timeline td").first.is_visible()

    assert [name for name, *right in seen if not all(right)] == []
    assert folded >= 9
    assert height < 0.7 * longer
    assert (there, elsewhere) == (True, False)


@pytest.mark.parametrize("run", ["rich", "never-began"])
def test_it_prints_on_a4(
    chromium: Chromium, page: Callable[..., str], run: str, tmp_path: Path
) -> None:
    """Pages are A4 across, few, and nothing is cut off at their side."""
    with chromium.open(page(run)) as screen:
        screen.keep(f"{run}-before-print", full=False)
        path = tmp_path / "report.pdf"
        body = screen.page.pdf(path=str(path), prefer_css_page_size=True)
        screen.page.emulate_media(media="print")
        # 297 mm less two margins of 12 mm, at 96 dots an inch.
        screen.page.set_viewport_size({"width": 1032, "height": 703})
        wide = too_wide(screen)

    sheets = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", body)
    sizes = {(round(float(width)), round(float(height))) for width, height in sheets}
    assert sizes == {(842, 595)}
    assert len(sheets) <= 13
    assert wide == []


def test_on_paper_nothing_is_folded_or_torn(chromium: Chromium, page: Callable[..., str]) -> None:
    """What was not met is on the first sheet; the numbers of the chart and the proofs are printed;
    each sheet says of which run it is; no row is split, no head parts from its table.
    """
    with chromium.open(page("rich")) as screen:
        sheets = sheets_of(screen.page.pdf(prefer_css_page_size=True))
        torn = parted(screen, sheets)

    run = rich.rich()[2]
    text = "".join(sheets)
    foot = [f"{run.scenario},run{run.run_id}", *(f"/{len(sheets)}",)]
    assert [sheet for sheet in sheets if not all(said in sheet for said in foot)] == []
    assert "Latencybacktonormalafterthefault" in sheets[0]
    assert "Plannedstartapprovedreferred" in text
    assert "aquerythroughthelinkgotnoanswer" in text
    assert "oneplannedstartofaborrower'sjourney" in text
    assert torn == []

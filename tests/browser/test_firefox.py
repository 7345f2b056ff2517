"""Pages of every kind in a stock Firefox: at the width of a phone, with a policy, on paper."""

import re
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser import provide
from tests.browser.chromium import DESKTOP, JENKINS, PHONE, Site, or_skip
from tests.browser.firefox import Firefox, started
from tests.browser.kinds import stored_pages
from tests.browser.looks import sheets_of, too_wide
from tests.load.made_live import made_leader, served
from tests.report import pixels

pytestmark = [pytest.mark.browser, pytest.mark.long]

CHART = "!!document.querySelector('#chart svg')"
BOX = "document.querySelector('h1').getBoundingClientRect()"
COLOUR = "getComputedStyle(document.querySelector('h1')).backgroundColor"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One headless Firefox."""
    path = or_skip(provide.FIREFOX.path)
    with started(path, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By name."""
    return stored_pages(tmp_path_factory.mktemp("days"))


def wrong(firefox: Firefox) -> list[str]:
    """What is wrong with the page that is shown, which is to be all right on a phone."""
    painted = pixels.read(firefox.picture(firefox.ask(BOX)))[..., :3]
    inside = painted[10:-10, 10:-10]  # without its round corners
    ground = [int(part) for part in re.findall(r"\d+", firefox.ask(COLOUR))[:3]]
    found = {
        "its head is not painted": painted[len(painted) // 2, 3].tolist() != ground,
        "its head says nothing": len(np.unique(inside.reshape(-1, 3), axis=0)) < 10,
    }
    told = [what for what, seen in found.items() if seen]
    return told + too_wide(firefox) + firefox.complaints


def test_every_stored_page_is_whole(firefox: Firefox, site: Site, pages: dict[str, str]) -> None:
    """Painted, as wide as the phone, and the console is empty."""
    found = {}
    for name, page in pages.items():
        firefox.open(site.put(f"{name}.html", page), PHONE)
        found[name] = wrong(firefox)

    assert len(found) > 10
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("<script>document.title = 1</script>", "script"),
        ("<style>h1 { opacity: 0 }</style>", "inline style"),
        (f"<p><code><nobr>{'w' * 500}</nobr></code></p>", "NOBR"),
    ],
    ids=["script", "style", "wide"],
)
def test_what_is_wrong_is_found(
    firefox: Firefox, site: Site, pages: dict[str, str], planted: str, told: str
) -> None:
    """A script and a style that the policy keeps out are told by the console; and a wide line."""
    page = pages["report-passed"].replace("<main>", f"<main>{planted}")
    firefox.open(site.put("planted.html", page), PHONE)

    assert told in " ".join(wrong(firefox))
    assert firefox.ask("document.title") == "PASS: baseline"


def test_without_its_style_the_head_is_not_painted(
    firefox: Firefox, site: Site, pages: dict[str, str]
) -> None:
    """As Jenkins shows it: the check of what is painted can fail, and the words are there."""
    firefox.open(site.put("bare.html", pages["report-passed"], JENKINS), PHONE)

    assert "its head is not painted" in wrong(firefox)
    assert firefox.ask("document.body.innerText.trim().split(/\\s+/)[0]") == "PASS"


def test_the_chaos_page_draws_what_happens(firefox: Firefox) -> None:
    """Its token opens it, its scripts run, and the console is empty."""
    with served(made_leader()) as (_, address):
        firefox.open(address, PHONE)
        until = time.monotonic() + 10
        while not firefox.ask(CHART) and time.monotonic() < until:
            time.sleep(0.1)

        assert firefox.ask(CHART)
        assert firefox.ask("document.querySelector('#word').textContent") == "FAULT ACTIVE"
        assert too_wide(firefox) + firefox.complaints == []
        firefox.open("about:blank", PHONE)


def test_on_paper_nothing_is_folded(firefox: Firefox, site: Site, pages: dict[str, str]) -> None:
    """The numbers of the chart and the proofs are printed, and the first sheet has the verdict."""
    firefox.open(site.put("rich.html", pages["report-rich"]), DESKTOP)
    sheets = sheets_of(firefox.printed())

    assert len(sheets) <= 16
    assert "FAIL" in sheets[0]
    assert "Plannedstartapprovedreferred" in "".join(sheets)
    assert "aquerythroughthelinkgotnoanswer" in "".join(sheets)

"""The banner on Locust's page in a real browser, with a server that says what it is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect

from harness.apps.locust.banner import BANNER
from tests.browser.chromium import DESKTOP, PHONE, Chromium, Screen, Site

pytestmark = pytest.mark.browser

IDLE: dict[str, Any] = {
    **dict.fromkeys(("verdict", "phase", "sentence", "report")),
    "state": "idle",
    "text": "",
    "marks": [],
}
MARKS = [
    {"at": "2026-01-01T00:00:00Z", "text": "1-partition injected", "begins": True},
    {"at": "2026-01-01T00:00:05Z", "text": "1-partition healed", "begins": False},
]
PAGE = """<!doctype html><title>Locust</title><p id="loads"></p>
<script>
  window.templateArgs = {lendchaos: {marks: []}};
  sessionStorage.loads = Number(sessionStorage.loads || 0) + 1;
  document.getElementById("loads").textContent = sessionStorage.loads;
  const wait = window.setTimeout;
  window.setTimeout = (what, ms) => wait(what, ms / 50);
</script>
</body>"""


def say(site: Site, **status: Any) -> None:
    """What the process that leads says from now on."""
    site.put("lendchaos/status", json.dumps({**IDLE, **status}))


@contextmanager
def opened(site: Site, chromium: Chromium, size: tuple[int, int] = DESKTOP) -> Iterator[Screen]:
    """A page with the banner, on which time passes fast."""
    banner = BANNER.replace("{{prefix}}", "").replace("{{own_page}}", "/lendchaos/")
    address = site.put("locust", PAGE.replace("</body>", banner + "</body>"))
    site.put("stats/requests", "{}")
    with chromium.open(address, size, scripts=True) as screen:
        yield screen


def test_it_says_judging_and_offers_what_can_be_done(site: Site, chromium: Chromium) -> None:
    """The last phase has the name verdict, and none is there; what is over takes no orders."""
    say(site, state="load", phase="fault", text="1-partition injected")
    with opened(site, chromium) as screen:
        page = screen.page
        state, text, chaos = (
            page.locator(f"#lendchaos-{name}") for name in ("state", "text", "chaos")
        )
        expect(state).to_have_text("FAULT")
        expect(chaos).to_have_text("Inject, heal, abort")
        say(site, state="load", phase="recovery", text="recovery (6s)")
        expect(state).to_have_text("RECOVERY")
        expect(text).to_have_text("(6s)")
        say(site, state="judging", phase="verdict", text="watching the ledger for 3 s")
        expect(state).to_have_text("JUDGING")
        expect(chaos).to_have_text("Chaos page")
        say(site, state="done", verdict="fail", sentence="44.2 % failed until 10.5 s.")
        expect(state).to_have_text("FAIL")
        expect(chaos).to_have_text("Chaos page")
        assert text.evaluate("e => e.textContent") == "44.2\u00a0% failed until 10.5\u00a0s."


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_marks_of_faults_keep_out_of_the_legend(
    site: Site, chromium: Chromium, size: tuple[int, int]
) -> None:
    """On a phone both are longer than the chart is wide: the marks stand along their lines."""
    say(site, state="load", phase="fault", marks=MARKS)
    with opened(site, chromium, size) as screen:
        expect(screen.page.locator("#lendchaos-state")).to_have_text("FAULT")
        (series,) = screen.ask("window.lendchaosMarks()")
    labels = [point["label"] for point in series["data"]]

    assert [label.get("rotate", 0) for label in labels] == [90 if size == PHONE else 0] * 2
    assert series["name"].partition(" (")[0] == "Faults"
    assert size == DESKTOP or len(series["name"]) < 10


def test_a_window_that_does_not_follow_is_loaded_anew(site: Site, chromium: Chromium) -> None:
    """Once: where a run was started in another window, Locust's page would keep its form."""
    say(site)
    with opened(site, chromium) as screen:
        loads, state = screen.page.locator("#loads"), screen.page.locator("#lendchaos-state")
        screen.page.wait_for_timeout(300)
        expect(loads).to_have_text("1")
        say(site, state="load", phase="fault")
        expect(loads).to_have_text("2")
        expect(state).to_have_text("FAULT")
        screen.page.wait_for_timeout(500)
        expect(loads).to_have_text("2")


def test_a_window_that_follows_is_left_alone(site: Site, chromium: Chromium) -> None:
    """It asks all the time."""
    say(site)
    with opened(site, chromium) as screen:
        screen.ask("void setInterval(() => fetch('/stats/requests'), 30)")
        screen.page.wait_for_timeout(200)
        say(site, state="load", phase="fault")
        expect(screen.page.locator("#lendchaos-state")).to_have_text("FAULT")
        screen.page.wait_for_timeout(800)
        expect(screen.page.locator("#loads")).to_have_text("1")

"""The live page in a real browser, in the middle of a made-up fault."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from harness.apps.locust import chaos_page
from harness.apps.locust.fault_board import EVENTS_MAX, FaultBoard
from harness.apps.locust.live import KINDS, Live
from harness.load.load_protocol import RunJudged
from tests.browser.chromium import DESKTOP, PHONE, Chromium, Screen
from tests.browser.looks import boxes, painted, too_wide, violations
from tests.load.made_live import MadeLeader, MadeRun, made_leader, made_live, served
from tests.report import pixels

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="document.title=1"><script>window.planted = 1</script>'
HEAL = "Heal now: 1-partition"


@contextmanager
def opened(
    chromium: Chromium,
    leader: MadeLeader,
    size: tuple[int, int] = DESKTOP,
    *,
    dark: bool = False,
) -> Iterator[Screen]:
    """The page, unlocked and drawn."""
    with (
        served(leader) as (_, address),
        chromium.open(address, size, scripts=True, dark=dark) as screen,
    ):
        expect(screen.page.locator("#chart svg")).to_be_visible()
        yield screen


def orders(leader: MadeLeader) -> list[tuple[str, str | None, str]]:
    """What was obeyed."""
    assert leader.run is not None
    return leader.run.orders


@pytest.mark.parametrize(
    ("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desktop-light", "phone-dark"]
)
def test_it_reads_at_a_glance(
    chromium: Chromium, axe: str, size: tuple[int, int], dark: bool
) -> None:
    """State, orders, figures and chart on the first screen; accessible; nothing is too wide; no two
    outcomes look alike in grey.
    """
    with opened(chromium, made_leader(), size, dark=dark) as screen:
        screen.keep(f"chaos-{size[0]}-{'dark' if dark else 'light'}")
        head, orders_of_run, chart, faults = boxes(
            screen, "header", "header .orders", "#chart", ".faults li"
        )
        shaded = screen.ask("document.querySelectorAll('#chart .shade').length")
        drawn = {
            kind: screen.ask(f"!!document.querySelector('#chart path.{kind}')")
            for kind in ("approved", "failed", "indeterminate", "waiting", "median")
        }

        cut = screen.ask(
            """Array.from(document.querySelectorAll('#chart svg text'))
            .filter(e => e.getBoundingClientRect().right > chart.getBoundingClientRect().right)
            .map(e => e.textContent)"""
        )
        squares = painted(screen, *KINDS, "waiting")

        assert violations(screen, axe) == []
        assert too_wide(screen) == []
        assert screen.complaints == []
    assert pixels.alike(squares) == []
    assert cut == []
    assert head["top"] < 10
    assert orders_of_run["bottom"] < 200
    assert chart["bottom"] <= size[1]
    assert size == PHONE or faults["bottom"] <= size[1]
    assert shaded == 1
    assert all(drawn.values()), drawn


def test_figures_and_faults_are_those_of_the_run(
    chromium: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands on the page is what was counted, and not all is not 100 %; the planned fault says
    when it comes.
    """
    leader = made_leader()
    with opened(chromium, leader) as screen:
        page = screen.page
        expect(page.locator("#word")).to_have_text("FAULT ACTIVE")
        expect(page.locator("#what")).to_contain_text("bytes vanish on the link database")
        first, second = page.locator(".faults li").all()
        expect(first.locator(".chip")).to_contain_text("ACTIVE")
        expect(second.locator(".chip")).to_contain_text("in ")
        assert leader.run is not None
        totals = leader.run.live.snapshot()["totals"]
        failed = str(totals["failed"] + totals["indeterminate"])
        expect(page.locator("#tile-failed .figure")).to_have_text(failed)
        expect(page.locator("#tile-failing .figure")).to_contain_text("%")
        expect(page.locator("#when")).to_contain_text(
            re.compile(r"phase fault, \d+\.\d\ss of 19.0\ss")
        )
        assert "dashes = timeout, 2 s" in page.locator("#chart svg").inner_html()
        for failed_now, ended, told in ((1999, 2000, "99.95\u00a0%"), (1, 5000, "0.02\u00a0%")):
            recent = {"seconds": 2.0, "ended": ended, "failed": failed_now}
            recent |= {"median_ms": 10.0, "p95_ms": 20.0}
            monkeypatch.setattr(leader.run.live._series, "recent", lambda _, told=recent: told)
            expect(page.locator("#tile-failing .figure")).to_have_text(told)


def test_what_is_over_is_not_shown_as_now(chromium: Chromium) -> None:
    """Neither before the measuring nor after the load does the clock run past its ends, and then
    the figures are those of the end of the load; a number stays with its unit.
    """
    leader = made_leader()
    assert leader.run is not None
    live, progress = leader.run.live, leader.progress
    with opened(chromium, leader, PHONE) as screen:
        when, failing, failed = (
            screen.page.locator(name) for name in ("#when", "#tile-failing", "#tile-failed")
        )
        expect(failing).to_contain_text("Failing now")
        live.zero_ns = time.monotonic_ns() + 60_000_000_000
        progress.phase = "warm-up"
        expect(when).to_contain_text(re.compile(r"^phase warm-up, measuring begins in \d+\.\d\ss,"))
        live.zero_ns = time.monotonic_ns() - 40_000_000_000
        progress.state, progress.phase = "judging", "verdict"
        expect(when).to_have_text("the load has ended, 50 borrowers a second")
        expect(failing).to_contain_text("Failing at the end")
        expect(screen.page.get_by_role("button", name="Abort the run")).to_be_hidden()
        expect(failing).to_contain_text(re.compile(r"in the last 2\ss of the load$"))
        expect(failed).to_contain_text(re.compile(r"of \d+ due in all phases"))
        progress.verdict, progress.sentence = "fail", "From 8.0 s to 10.5 s 45 % failed in 3 ms."
        progress.state = "done"
        expect(screen.page.locator("#what")).to_contain_text("From 8.0")
        sentence = screen.ask("document.querySelector('#what').textContent")

    assert sentence == "From 8.0\u00a0s to 10.5\u00a0s 45\u00a0% failed in 3\u00a0ms."


def test_a_run_without_faults_says_so(chromium: Chromium) -> None:
    """And has nothing to heal."""
    leader = made_leader()
    assert leader.run is not None
    leader.run.live.board = FaultBoard(())
    with opened(chromium, leader) as screen:
        expect(screen.page.get_by_text("Nothing is injected in this run.")).to_be_visible()
        expect(screen.page.get_by_role("button", name="Heal all")).to_be_disabled()
        told = screen.ask("getComputedStyle(document.querySelector('#events'), '::after').content")

    assert told == '"No fault has begun or ended."'


def test_the_token_leaves_no_trace(chromium: Chromium) -> None:
    """Not in the address, the history, the page, its storage, nor within reach of a script."""
    with served(made_leader()) as (_, address):
        token = address.partition("#token=")[2]
        with chromium.open(address, scripts=True) as screen:
            page = screen.page
            expect(page.locator("#unlocked")).to_be_visible()
            kept = screen.ask(
                "[location.href, document.cookie, document.documentElement.outerHTML,"
                " JSON.stringify(localStorage), JSON.stringify(sessionStorage),"
                " JSON.stringify(history.state), document.referrer,"
                " ...performance.getEntries().map(e => e.name)].join()"
            )
            (cookie,) = page.context.cookies()
            page.reload()
            expect(page.locator("#unlocked")).to_be_visible()
            page.go_back()
            before = page.url

    assert "lendchaos/" in kept
    assert token not in kept
    assert token not in before
    assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == (token, True, "Strict")


def test_a_stranger_finds_it_locked(chromium: Chromium, axe: str) -> None:
    """Nothing of the run is shown, a wrong token is told in a line, the right one opens."""
    with served(made_leader()) as (_, address):
        place, _, token = address.partition("#token=")
        with chromium.open(place, scripts=True) as screen:
            page = screen.page
            expect(page.locator("#word")).to_have_text("LOCKED")
            expect(page.locator("#unlocked")).to_be_hidden()
            assert violations(screen, axe) == []
            page.get_by_label("Token").fill("guess")
            page.get_by_role("button", name="Unlock").click()
            expect(page.get_by_role("alert")).to_contain_text("needs the token")
            page.get_by_label("Token").fill(token)
            page.keyboard.press("Enter")
            expect(page.locator("#word")).to_have_text("FAULT ACTIVE")
            expect(page.get_by_role("alert")).to_be_hidden()


def test_healing_by_keyboard(chromium: Chromium) -> None:
    """The order leaves once, the button says that it is done and keeps the focus."""
    leader = made_leader()
    with opened(chromium, leader) as screen:
        button = screen.page.get_by_role("button", name=HEAL)
        expect(button).to_have_attribute("aria-disabled", "false")
        button.focus()
        screen.page.keyboard.press("Enter")
        expect(screen.page.locator(".faults .chip").first).to_have_text("healing…")
        assert leader.run is not None
        leader.run.live.board.tell("1-partition", "healed", leader.run.live.zero_ns or 1)
        expect(button).to_have_attribute("aria-disabled", "true")
        screen.page.keyboard.press("Enter")
        expect(screen.page.get_by_role("status")).to_have_text("1-partition healed")
        focused = screen.ask("document.activeElement.getAttribute('aria-label')")

    assert focused == HEAL
    assert orders(leader) == [("heal", "1-partition", "")]


def test_aborting_asks_first(chromium: Chromium, axe: str) -> None:
    """Escape lets the run go on; with a reason, it goes into the order. What is healed and called
    off is not healed once more.
    """
    leader = made_leader()
    with opened(chromium, leader) as screen:
        page = screen.page
        page.get_by_role("button", name="Abort the run").click()
        assert violations(screen, axe) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert orders(leader) == []
        page.get_by_role("button", name="Abort the run").click()
        page.get_by_label("Reason").fill("enough")
        page.get_by_role("button", name="Abort and heal").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.wait_for_timeout(100)
        page.get_by_role("button", name="Heal all").click()
        expect(page.locator(".faults .chip").nth(1)).to_have_text("called off")
        assert leader.run is not None
        leader.run.live.board.tell("1-partition", "healed", 1)
        expect(page.get_by_role("button", name="Heal all")).to_be_disabled()

    assert orders(leader) == [("abort", None, "enough"), ("heal", None, "")]


def test_foreign_text_stays_text(chromium: Chromium) -> None:
    """Whatever a target or a person says cannot become part of the page."""
    leader = made_leader()
    assert leader.run is not None
    leader.run.live.board.note(HOSTILE)
    leader.run.live.board.tell("1-partition", HOSTILE, 1)
    leader.progress.scenario, leader.progress.text = HOSTILE, HOSTILE
    with opened(chromium, leader, PHONE) as screen:
        made = screen.ask("document.querySelectorAll('body img, body script').length")
        planted = screen.ask("window.planted")
        assert too_wide(screen) == []
        assert screen.complaints == []

    assert (made, planted) == (0, None)


def test_a_script_in_the_page_would_be_stopped_and_noticed(
    chromium: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted inline script and style break the policy: they do nothing, and are told."""
    real = chaos_page.page_file
    planted = b"<script>window.planted = 1</script><style>body { color: red }</style></body>"

    def with_planted(name: str):
        answer = real(name)
        answer.set_data(answer.get_data().replace(b"</body>", planted))
        return answer

    monkeypatch.setattr(chaos_page, "page_file", with_planted)
    with opened(chromium, made_leader()) as screen:
        ran = screen.ask("window.planted")

    assert ran is None
    said = [text for text in screen.complaints if "Content Security Policy" in text]
    assert [w for w in ("inline script", "inline style") if not any(w in t for t in said)] == []


def test_a_lost_connection_is_told(chromium: Chromium) -> None:
    """What is shown may be old: it says so, and takes no orders."""
    with served(made_leader()) as (_, address), chromium.open(address, scripts=True) as screen:
        page = screen.page
        expect(page.locator("#word")).to_have_text("FAULT ACTIVE")
        page.context.set_offline(True)
        expect(page.locator("#word")).to_have_text("NO CONNECTION")
        expect(page.get_by_role("button", name="Heal all")).to_be_disabled()
        page.context.set_offline(False)
        expect(page.locator("#word")).to_have_text("FAULT ACTIVE")


def test_a_verdict_outlives_the_connection(chromium: Chromium) -> None:
    """Ctrl-C ends Locust and its page, not the verdict; the report is served no more."""
    leader = made_leader()
    leader.progress.finish(RunJudged("fail", 1, "All failed.", "", "runs/1/report.html", "runs/1"))
    with opened(chromium, leader) as screen:
        page = screen.page
        page.context.set_offline(True)
        expect(page.locator("#when")).to_contain_text("No connection to Locust")
        expect(page.locator("#word")).to_have_text("FAIL")
        expect(page.locator("#what")).to_have_text("All failed.")
        expect(page.get_by_role("link", name="Open the report")).to_be_hidden()
        page.context.set_offline(False)
        expect(page.get_by_role("link", name="Open the report")).to_be_visible()


def test_nothing_of_what_is_over_stays_on_the_page(
    chromium: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list of events goes on; a run that broke off has its reason instead of an active
    fault; of the run before nothing is left, not even where both have as many events.
    """
    leader = made_leader()
    assert leader.run is not None
    with opened(chromium, leader) as screen:
        page, board = screen.page, leader.run.live.board
        events, first = page.locator("#events li"), page.locator("#events li").first
        for number in range(EVENTS_MAX):
            board.note(f"event {number}")
        expect(events).to_have_count(EVENTS_MAX)
        board.note("one more")
        expect(first).to_contain_text("one more")
        expect(page.locator("#spoken")).to_have_text("one more")

        monkeypatch.setattr(leader.run, "order", lambda *_: "It cannot be.")
        page.get_by_role("button", name=HEAL).click()
        expect(page.get_by_role("alert")).to_have_text("It cannot be.")
        board.end(broken_off=True)
        leader.progress.fail("the conductor died without a verdict", 70)
        expect(page.locator("#word")).to_have_text("NO VERDICT")
        expect(page.locator("#what")).to_have_text("the conductor died without a verdict")
        expect(page.locator(".faults .chip")).to_have_text(["heal not seen", "not injected"])
        expect(page.locator("#tile-failing")).to_contain_text("Failing at the end")
        expect(page.locator("#chart .now")).to_have_count(0)

        leader.run = MadeRun(Live(made_live().plan))
        for number in range(EVENTS_MAX):
            leader.run.live.board.note(f"another {number}")
        leader.progress.begin("the next")
        leader.progress.run_dir = "runs/2"
        expect(first).to_contain_text("another 99")
        expect(page.locator("#tile-failing")).to_have_text("Failing now \N{EN DASH}")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.locator("#tile-failed")).to_have_text("Failed so far \N{EN DASH}")
        assert screen.ask("document.querySelectorAll('.tile.bad, .tile.good').length") == 0


def test_before_during_and_after(chromium: Chromium) -> None:
    """No run yet, setting up, and the verdict with its report, each on the same page."""
    leader = MadeLeader(None)
    with served(leader) as (_, address), chromium.open(address, scripts=True) as screen:
        page = screen.page
        expect(page.locator("#word")).to_have_text("READY")
        expect(page.locator("#run")).to_be_hidden()
        leader.run = MadeRun(made_live())
        leader.run.live.zero_ns = None
        leader.progress.begin("game_day")
        leader.progress.run_dir = "runs/1"
        expect(page.locator("#word")).to_have_text("FAULT ACTIVE")
        expect(page.get_by_role("button", name="Heal all")).to_be_disabled()
        expect(page.get_by_role("button", name="Abort the run")).to_be_enabled()
        leader.progress.finish(RunJudged("fail", 1, "All failed.", "", "r/report.html", "r"))
        expect(page.locator("#word")).to_have_text("FAIL")
        expect(page.get_by_role("link", name="Open the report")).to_be_visible()
        for name in ("Abort the run", HEAL, "Inject now: 1-partition"):
            expect(page.get_by_role("button", name=name)).to_be_hidden()
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        leader.progress.verdict = "inconclusive"
        expect(page.locator("#word")).to_have_text("INCONCLUSIVE")
        (word,) = boxes(screen, "#word")
        assert word["height"] < 40  # in one line
        screen.ask("window.scrollTo(0, 200)")
        (head,) = boxes(screen, "header")
        assert head["top"] < 0  # a long sentence does not cover what is scrolled to
        assert screen.complaints == []

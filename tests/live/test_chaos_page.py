"""Locust's page and the page that gives orders, in a real browser, against a real stack.

One Locust with two load processes serves both, and three runs: the first is healed by hand, the
second aborted, the third stopped. Locust's page is opened once and follows all of them.
"""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from harness.core.ports import choose_ports
from harness.history.run_directory import RunDirectory
from harness.stack import Stack
from harness.verdict import judge
from tests.browser.chromium import DESKTOP, PHONE, Chromium, Screen
from tests.browser.locust_front import Front
from tests.browser.looks import boxes, too_wide, violations
from tests.builders import rows
from tests.live.conftest import RATE, Run, Runner

pytestmark = [pytest.mark.live, pytest.mark.browser]

FAULT = "1-partition"
FAULT_SECONDS = 10.0
PHASES = (
    *(f"--rate={RATE}", "--warm-up=500ms", "--baseline=5s", f"--fault={FAULT_SECONDS}s"),
    *("--recovery=3s", "--ledger-settle=1s", "--seed=7", "--processes=2"),
)
WAIT_SECONDS_MAX = 40
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL answers it by one byte


class Game:
    """Locust with its pages, and all that it printed."""

    def __init__(self, runner: Runner) -> None:
        (port,) = choose_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.runner = runner
        command = runner.command("network_partition", *PHASES, f"--web-port={port}")
        command.remove("--headless")
        command.remove("--only-summary")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.address = self._wait_for(r"lendchaos: chaos page: (\S+)")
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        self.token = self.address.partition("#token=")[2]
        self.cookie = {"Cookie": f"lendchaos-{port}={self.token}"}
        self.header = {"X-Lendchaos-Token": self.token}

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.append(line)  # one by one, as they come

    @property
    def output(self) -> str:
        """What was printed so far."""
        return "".join(self._lines)

    def _wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while (found := re.search(pattern, self.output)) is None:
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)
        return found[1]

    def wait_for_processes(self) -> None:
        """Until both load processes are there."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while self.get("/worker-count").json()["worker_count"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def get(self, path: str) -> requests.Response:
        """A page, as a script with the token gets it."""
        return requests.get(self.url + path, headers=self.header, timeout=5)

    def live(self) -> dict[str, Any]:
        """What the page asks for."""
        return dict(self.get("/lendchaos/live").json())

    def fault(self) -> dict[str, Any]:
        """The fault as the page has it."""
        return dict(self.live()["live"]["faults"][0])

    def command(self, method: str = "POST", **headers: str) -> requests.Response:
        """An order to heal, with these headers."""
        order = {"do": "heal", "fault": FAULT}
        path = f"{self.url}/lendchaos/command"
        return requests.request(method, path, json=order, headers=headers, timeout=5)

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Close it, as somebody at the terminal would."""
        self.process.send_signal(how)
        self.process.wait(WAIT_SECONDS_MAX)
        self._reader.join()
        return self.process.returncode

    def run(self) -> Run:
        """The newest run, as far as it has come."""
        path = self.runner.newest()
        return Run(json.loads((path / "verdict.json").read_bytes())["exit_code"], "", path)


@pytest.fixture(scope="module")
def game(stack: Stack, state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Game]:
    """One Locust with two load processes for all tests here, which need each other's order."""
    assert stack.state_dir == state_dir
    game = Game(Runner(tmp_path_factory.mktemp("chaos-page"), state_dir))
    yield game
    if game.process.poll() is None:
        game.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def front(game: Game, chromium: Chromium) -> Iterator[Front]:
    """Locust's page for all tests here, which need each other's order."""
    game.wait_for_processes()
    address = game.address.replace("/lendchaos/#", "/#")
    with chromium.open(address, scripts=True) as screen:
        yield Front.watched(screen.page)


def is_cut(stack: Stack) -> bool:
    """A canary of our own through the database's link: is there an answer within a second?"""
    host, _, port = stack.links["database"].listen.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=1.0) as connection:
        connection.sendall(_SSL_REQUEST)
        try:
            return connection.recv(1) not in (b"S", b"N")
        except (TimeoutError, ConnectionError):
            return True


def wait_until_active(page: Page) -> None:
    """The fault is shown as active."""
    chip = page.locator(".faults .chip").first
    expect(chip).to_contain_text("ACTIVE", timeout=WAIT_SECONDS_MAX * 1000)


def look_at_both(page: Page, tab: Page) -> list[str]:
    """Keep what both pages look like in mid-fault, at both sizes; what the tab's row lacks."""
    expect(tab.get_by_role("cell", name="ACTIVE for")).to_be_visible()
    expect(tab.get_by_role("row").filter(has_text=FAULT)).to_contain_text("█")
    for width, height in (PHONE, DESKTOP):
        for name, shown in (("chaos-live", page), ("chaos-tab", tab)):
            shown.set_viewport_size({"width": width, "height": height})
            Screen(shown, []).keep(f"{name}-{width}", full=False)
        (banner,) = boxes(Screen(tab, []), "#lendchaos")
        assert banner["height"] < height / 10
    row = tab.get_by_role("row").filter(has_text=FAULT).inner_text()
    return [part for part in ("database", "5.0 to 15.0", "█", "░") if part not in row]


def test_the_form_says_what_a_run_would_do(front: Front) -> None:
    """Before Start: the hypothesis, the planned faults, and what the fields do here."""
    page = front.page
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Hypothesis: borrowers get an answer within their deadline")
    expect(told).to_contain_text(f"Planned fault {FAULT}: bytes vanish on the link database")
    expect(told).to_contain_text("from 5 s to 15 s after the warm-up, as preset")
    expect(told).to_have_count(1)  # nothing asks for a host
    expect(page.locator("header").get_by_text("the local stack")).to_be_visible()
    for label in ("Arrivals per second", "Ramp up (no effect", "Host (empty: the local stack)"):
        expect(page.get_by_label(label)).to_be_visible()
    fields = page.locator("form input[type=text], form select").evaluate_all(
        "(all) => all.map((field) => field.labels[0]?.textContent)"
    )
    first, *_ = own = [text for text in fields if text and text.endswith(")")][-11:]

    assert first.startswith("Warm Up (load before anything is measured")
    names = [text.split(" (")[0] for text in own]
    assert names[:5] == ["Warm Up", "Baseline", "Fault", "Recovery", "Population"]
    assert names[-1] == "Seed"
    assert [text for text in own if text.endswith("))")] == []
    for width, height in (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        Screen(page, []).keep(f"locust-form-{width}")


def test_a_start_that_cannot_be_stays_in_the_form(front: Front) -> None:
    """With what is wrong; Locust would leave the form, and nothing would run."""
    front.press_start(Baseline="soon")

    expect(front.page.get_by_role("alert")).to_contain_text("--baseline soon must be a duration")
    front.page.get_by_label(re.compile("^Baseline ")).fill("5s")
    assert front.seen == ["form"]


def test_a_fault_is_healed_by_hand(
    game: Game, front: Front, stack: Stack, chromium: Chromium, axe: str
) -> None:
    """Strangers are refused in mid-fault; one click heals the link, and facts and report say so."""
    front.start()
    with chromium.open(game.address, scripts=True) as screen:
        tab = front.page
        wait_until_active(screen.page)
        front.tab("Chaos")
        expect(front.stop).to_be_visible()
        expect(front.page.get_by_role("button", name="Edit", exact=True)).to_be_disabled()
        refused = [
            game.command().status_code,
            game.command(Origin=game.url).status_code,
            game.command(Origin="http://evil.example", **game.cookie).status_code,
            game.command(**game.cookie).status_code,
            game.command("GET", Origin=game.url, **game.cookie).status_code,
            requests.get(f"{game.url}/lendchaos/live", timeout=5).status_code,
        ]
        before = game.fault()
        cut_before = is_cut(stack)
        lacking = look_at_both(screen.page, tab)
        screen.page.get_by_role("button", name=f"Heal now: {FAULT}").click()
        expect(screen.page.locator(".faults .chip").first).to_have_text("healed", timeout=20_000)
        cut_after = is_cut(stack)
        wrong = [*too_wide(screen), *violations(screen, axe), *screen.complaints]
        word = screen.page.locator("#word")
        expect(word).to_have_text(re.compile("PASS|FAIL|INCONCLUSIVE"), timeout=60_000)
        screen.keep("chaos-live-verdict", full=False)
        totals = game.live()["live"]["totals"]

    front.check_verdict(lambda: game.run().verdict)
    front.tab("Failures")
    expect(front.page.get_by_role("cell", name=re.compile("^failed: 503 ")).first).to_be_visible()
    front.tab("Charts")
    Screen(front.page, []).keep("locust-charts")
    assert front.drawn(FAULT) == [f"{FAULT} healed", f"{FAULT} injected"]
    assert front.seen == ["form", "runs", "ended"]
    assert refused == [403, 403, 403, 403, 405, 403]
    assert (before["state"], before["ordered"]) == ("injected", None)
    assert (cut_before, cut_after) == (True, False)
    assert (lacking, wrong) == ([], [])
    check_healed_by_hand(game, totals)


def check_healed_by_hand(game: Game, totals: dict[str, int]) -> None:
    """The true heal is in the facts, recovery counts from it, and the page counted right."""
    run = game.run()
    facts, verdict = run.facts(), run.verdict
    (fault,) = facts.faults
    healed_s = facts.status.clock.seconds(fault.healed_ns)
    assert 5.0 < healed_s < 5.0 + FAULT_SECONDS - 0.5
    assert [proof.holds for proof in fault.proofs if proof.kind == "healed"][-1]
    assert verdict["faults"][0]["healed_s"] == pytest.approx(healed_s, abs=0.01)
    later = replace(fault, healed_ns=fault.healed_ns + 1_000_000_000)
    plan = RunDirectory(run.path).read_plan()
    shifted = judge.judge(plan, replace(facts, faults=(later,))).recovery
    assert shifted.from_heal_s is not None
    assert shifted.from_heal_s == pytest.approx(verdict["recovery"]["from_heal_s"] - 1, abs=0.2)
    remark = f"{FAULT} was healed by hand at"
    assert any(remark in note and "web page" in note for note in facts.status.notes)
    assert remark in (run.path / "report.html").read_text()

    outcomes = [str(operation.outcome) for operation in rows(facts.operations)]
    assert totals["waiting"] == 0
    assert totals["due"] == len(outcomes)
    for kind in ("approved", "referred", "declined", "failed", "indeterminate"):
        assert totals[kind] == outcomes.count(kind), kind


def test_a_fault_is_injected_by_hand_and_the_run_aborted(
    game: Game, front: Front, stack: Stack, chromium: Chromium
) -> None:
    """Long before its time; then everything is healed, and the run was interrupted."""
    front.start(Baseline="60s")
    with chromium.open(game.address, scripts=True) as screen:
        page = screen.page
        button = page.get_by_role("button", name=f"Inject now: {FAULT}")
        expect(button).to_be_enabled(timeout=WAIT_SECONDS_MAX * 1000)
        button.click()
        wait_until_active(page)
        cut_before = is_cut(stack)
        page.get_by_role("button", name="Abort the run").click()
        page.get_by_label("Reason").fill("enough seen")
        page.get_by_role("button", name="Abort and heal").click()
        expect(page.locator("#word")).to_have_text("INCONCLUSIVE", timeout=60_000)
    front.check_verdict(lambda: game.run().verdict)
    run = game.run()
    facts = run.facts()
    (fault,) = facts.faults

    assert front.seen == ["form", *["runs", "ended"] * 2]
    assert cut_before
    assert not is_cut(stack)
    assert run.exit_code == 130
    assert facts.status.interrupted
    assert facts.status.clock.seconds(fault.inject_called_ns) < 55
    assert fault.healed_ns is not None
    assert [proof.holds for proof in fault.proofs if proof.kind == "healed"][-1]
    notes = "; ".join(facts.status.notes)
    assert f"{FAULT} was injected by hand at" in notes
    assert "the run was aborted by hand at" in notes
    assert "from the web page: enough seen" in notes


def test_stop_on_locusts_page_heals_and_ends_the_run(
    game: Game, front: Front, stack: Stack
) -> None:
    """In mid-fault, in the page that has shown two runs; it says so until the verdict is there."""
    front.start(Baseline="1s")
    front.tab("Chaos")
    expect(front.page.get_by_role("cell", name="ACTIVE for")).to_be_visible(
        timeout=WAIT_SECONDS_MAX * 1000
    )
    cut_before = is_cut(stack)
    front.stop.click()
    expect(front.page.get_by_role("cell", name="healed", exact=True)).to_be_visible(
        timeout=WAIT_SECONDS_MAX * 1000
    )
    cut_after = is_cut(stack)
    front.check_verdict(lambda: game.run().verdict)
    run = game.run()

    assert (cut_before, cut_after) == (True, False)
    assert (run.exit_code, run.verdict["verdict"]) == (130, "inconclusive")
    assert front.seen == ["form", *["runs", "ended"] * 3]
    verdicts = [json.loads(p.read_bytes()) for p in game.runner.runs_dir.glob("*-*/verdict.json")]
    assert [verdict["target"] for verdict in verdicts] == [run.verdict["target"]] * 3
    assert run.verdict["target"].startswith("local stack")


def test_the_token_is_told_once_and_kept_nowhere(game: Game, front: Front) -> None:
    """Not on Locust's page, not in its log, not in any file of a run; closing it ends with 130.

    The page that stays open keeps the verdict, and offers nothing that cannot be done any more.
    """
    paths = ("/", "/logs", "/stats/requests", "/lendchaos/status", "/lendchaos/")
    pages = {path: game.get(path).text for path in paths}
    code = game.end()
    files = [path for path in game.runner.runs_dir.rglob("*") if path.is_file()]

    assert [path for path, text in pages.items() if game.token in text] == []
    assert len(files) > 10
    assert [path for path in files if game.token.encode() in path.read_bytes()] == []
    assert game.output.count(game.token) == 1
    assert code == 130
    expect(front.page.locator("#lendchaos-state")).to_have_text("NO CONNECTION")
    expect(front.page.locator("#lendchaos-text")).to_have_text(game.run().verdict["sentence"])
    expect(front.page.locator("#lendchaos a:visible")).to_have_count(0)

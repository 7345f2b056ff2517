"""Every kind of page that is written, made once from made-up runs: whatever checks all of them."""

from dataclasses import replace
from pathlib import Path

from harness.apps.gameday import make_record, render_record
from harness.apps.locust.chaos_page import PAGE_FILES
from harness.report import html
from harness.report.trend_page import page as trend_page
from tests.browser.test_report import RUNS
from tests.browser.test_trend import PAGES
from tests.gameday.stored_days import ATTACK, PLAN, whole_day

LOAD = Path("harness/apps/locust/page")


def thousand() -> str:
    """The report of a run with a thousand findings."""
    plan, facts, verdict = RUNS["rich"]()
    return html.render(plan, facts, replace(verdict, findings=verdict.findings * 500))


def stored_pages(folder: Path) -> dict[str, str]:
    """By name, what stands in files: reports of every verdict, with a thousand findings and of a
    load that never began, trends, and records of game days; hostile texts are in one of each.
    ``folder`` is for what the records are made from.
    """
    pages = {f"report-{name}": html.render(*run()) for name, run in RUNS.items()}
    pages["report-thousand"] = thousand()
    pages |= {f"trend-{name}": trend_page(runs()) for name, runs in PAGES.items()}
    for name, plan, text in (("day", PLAN, "slow"), ("hostile", PLAN, ATTACK + "w" * 3000)):
        day = whole_day(folder / name, plan, text)
        pages[f"record-{name}"] = render_record.render(make_record.made(day, lambda _: None))
    return pages


def live_pages() -> dict[str, str]:
    """By name, what a server sends while a run goes on: the Chaos page and its door."""
    names = [name for name in (*PAGE_FILES, "door.html") if name.endswith(".html")]
    return {name.removesuffix(".html"): (LOAD / name).read_text("utf-8") for name in names}

"""Every kind of page that is written is valid HTML, whatever it holds."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from harness.compare.trend import page as trend_page
from harness.gameday import page as record_page
from harness.gameday import recording
from harness.load.chaos_page import PAGE_FILES
from harness.report import html
from tests.browser import provide
from tests.browser.chromium import or_skip
from tests.browser.test_report import RUNS
from tests.browser.test_trend import PAGES
from tests.gameday.stored_days import ATTACK, PLAN, whole_day

LOAD = Path("harness/load/page")


def problems(folder: Path) -> dict[str, list[str]]:
    """What the validator finds in each page of a folder; pages without a finding are left out."""
    script = or_skip(provide.html_validate)
    config = folder / "rules.json"
    config.write_text('{"root": true, "extends": ["html-validate:standard"]}')
    pages = sorted(folder.glob("*.html"))
    told = folder / "told.json"
    # Into a file: the validator ends before a long answer is through a pipe.
    with told.open("w") as out:
        command = ["node", script, "--config", config, "--formatter", "json", *pages]
        done = subprocess.run(command, stdout=out, timeout=60, check=False)
    assert done.returncode in (0, 1)
    return {
        Path(found["filePath"]).stem: [message["ruleId"] for message in found["messages"]]
        for found in json.loads(told.read_text())
    }


def test_every_page_is_valid_html(tmp_path: Path) -> None:
    """Reports of every verdict, with a thousand findings and of a load that never began, the trend,
    the record of a game day, the Chaos page and its door; what a planted page does wrong is found.
    """
    day = whole_day(tmp_path / "day", PLAN, ATTACK)
    pages = {f"report-{name}": html.render(*run()) for name, run in RUNS.items()}
    plan, facts, verdict = RUNS["rich"]()
    many = replace(verdict, findings=verdict.findings * 500)
    pages["report-thousand"] = html.render(plan, facts, many)
    pages |= {f"trend-{name}": trend_page(runs()) for name, runs in PAGES.items()}
    pages["record"] = record_page.render(*recording.made(day, lambda _: None))
    names = [*PAGE_FILES, "door.html"]
    pages |= {name[:-5]: (LOAD / name).read_text() for name in names if name.endswith(".html")}
    pages["planted"] = pages["report-passed"].replace("<main>", "<main><ul><p id=tested>p</p></ul>")
    for name, page in pages.items():
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")

    found = problems(tmp_path)

    assert found.keys() == {"planted"}, found
    assert {"element-permitted-content", "no-dup-id"} <= set(found["planted"])
    assert len(pages) >= 15

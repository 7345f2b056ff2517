"""The report of a real run in a real browser."""

import pytest

from tests.browser.chromium import DESKTOP, JENKINS, PHONE, Chromium, Site
from tests.browser.looks import boxes, too_wide, violations
from tests.live.conftest import Run
from tests.report import pixels

pytestmark = [pytest.mark.live, pytest.mark.browser]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_real_report_is_whole_and_accessible(
    partition_run: Run, chromium: Chromium, site: Site, axe: str, size: tuple[int, int]
) -> None:
    """Its first screen fits, nothing scrolls sideways, the checker finds nothing."""
    page = (partition_run.path / "report.html").read_text(encoding="utf-8")
    with chromium.open(site.put("real.html", page), size, scripts=True) as screen:
        screen.keep(f"real-{size[0]}")
        objectives = boxes(screen, "[aria-labelledby=objectives]")[0]

        assert too_wide(screen) == []
        assert screen.complaints == []
        assert violations(screen, axe) == []
        assert size == PHONE or objectives["bottom"] <= DESKTOP[1]


def test_a_real_report_has_every_measured_section(
    partition_run: Run, chromium: Chromium, site: Site
) -> None:
    """Under the strictest policy, too; and its picture lies beside it."""
    page = (partition_run.path / "report.html").read_text(encoding="utf-8")
    with chromium.open(site.put("real-strict.html", page, JENKINS)) as screen:
        screen.keep("real-strict")
        found = screen.ask(
            "Array.from(document.querySelectorAll('nav a')).map(e => e.hash.slice(1))"
        )
    width, _ = pixels.size((partition_run.path / "timeline.png").read_bytes())

    assert {"affected", "worst", "closed-loop", "health", "retries", "decisions"} <= set(found)
    assert width > 2000

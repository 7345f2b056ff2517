"""Every kind of page that is written is valid HTML, whatever it holds."""

import json
import subprocess
from pathlib import Path

import html5lib
import pytest

from tests.browser import provide
from tests.browser.chromium import or_skip
from tests.browser.kinds import live_pages, stored_pages


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


def parse_errors(page: str) -> set[str]:
    """What the parser of the HTML standard complains of, whatever it makes of it."""
    parser = html5lib.HTMLParser()
    parser.parse(page)
    return {kind for _, kind, _ in parser.errors}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of page, by name."""
    return {**stored_pages(tmp_path_factory.mktemp("days")), **live_pages()}


def test_every_page_is_valid_html(pages: dict[str, str], tmp_path: Path) -> None:
    """Reports of every verdict, with a thousand findings and of a load that never began, the trend,
    the record of a game day, the Chaos page and its door; what a planted page does wrong is found.
    """
    tested = pages["report-passed"].replace("<main>", "<main><ul><p id=tested>p</p></ul>")
    for name, page in {**pages, "planted": tested}.items():
        (tmp_path / f"{name}.html").write_text(page, encoding="utf-8")

    found = problems(tmp_path)

    assert found.keys() == {"planted"}, found
    assert {"element-permitted-content", "no-dup-id"} <= set(found["planted"])
    assert len(pages) >= 14


def test_every_page_is_parsed_without_an_error(pages: dict[str, str]) -> None:
    """Nor is there a character that no page may have, which the validator does not look for."""
    found = {name: parse_errors(page) for name, page in pages.items()}

    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.mark.parametrize(
    "planted",
    ["\x1b", "\0", "&#xd800;", "&copy=1", "<div/>", "<p id=a id=b>"],
)
def test_a_parse_error_is_found(pages: dict[str, str], planted: str) -> None:
    """One for each kind that foreign text could bring in, were it taken for markup."""
    assert parse_errors(pages["report-passed"].replace("<main>", f"<main>{planted}")) != set()

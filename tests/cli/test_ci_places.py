"""Paths and addresses as the CI that runs us takes them."""

import os
from pathlib import Path

import pytest

from harness.apps.cli.ci_places import (
    artifacts_page,
    from_checkout,
    in_repository,
    is_address,
    report_address,
)

GITHUB = {
    "GITHUB_SERVER_URL": "https://git.test",
    "GITHUB_REPOSITORY": "us/ours",
    "GITHUB_RUN_ID": "7",
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a checkout, in no CI."""
    for name in os.environ:
        if name.startswith(("GITHUB_", "CI_", "BUILD_", "WORKSPACE")):
            monkeypatch.delenv(name)
    (tmp_path / "service").mkdir()
    monkeypatch.chdir(tmp_path / "service")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "WORKSPACE"]
)
def test_a_path_counts_from_the_root_of_the_checkout(
    name: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever folder a command is called in."""
    assert from_checkout(Path("scenarios/cut.py")) == "scenarios/cut.py"
    monkeypatch.setenv(name, str(nowhere))

    assert from_checkout(Path("scenarios/cut.py")) == "service/scenarios/cut.py"
    assert from_checkout(Path("../cut.py")) == "cut.py"
    assert from_checkout(Path("/elsewhere/cut.py")) == "/elsewhere/cut.py"


@pytest.mark.parametrize("root", ["", ".", "/elsewhere"])
def test_a_checkout_that_it_is_not_in_changes_nothing(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it counts from the working folder."""
    monkeypatch.setenv("GITHUB_WORKSPACE", root)

    assert from_checkout(Path("scenarios/cut.py")) == "scenarios/cut.py"


def test_a_checkout_may_be_named_by_a_link(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the working folder is known by where it leads."""
    (nowhere / "link").symlink_to(nowhere, target_is_directory=True)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(nowhere / "link"))

    assert from_checkout(Path("scenarios/cut.py")) == "service/scenarios/cut.py"


@pytest.mark.parametrize(
    ("repositories", "expected"),
    [
        (["service"], "scenarios/cut.py"),
        (["service", "service/scenarios"], "scenarios/cut.py"),  # with a submodule
        ([".", "service"], "service/scenarios/cut.py"),
        ([".."], "service/scenarios/cut.py"),  # somebody's, around the checkout
    ],
)
def test_a_file_counts_from_the_root_of_its_repository(
    repositories: list[str], expected: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may have been put into a folder of the checkout."""
    root = nowhere / "root"
    (root / "service/scenarios").mkdir(parents=True)
    for folder in repositories:
        (root / folder / ".git").mkdir()
    monkeypatch.chdir(root / "service")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(root))

    assert in_repository(Path("scenarios/cut.py")) == expected
    assert from_checkout(Path("scenarios/cut.py")) == "service/scenarios/cut.py"


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "../runs/a%28b%29%20%3E/report.html"),
        (
            {"CI_JOB_URL": "https://git.test/-/jobs/7", "CI_PROJECT_DIR": "."},
            "https://git.test/-/jobs/7/artifacts/file/runs/a%28b%29%20%3E/report.html",
        ),
        (
            {"BUILD_URL": "https://ci.test/job/a/7/"},
            "https://ci.test/job/a/7/artifact/runs/a%28b%29%20%3E/report.html",
        ),
        ({"BUILD_URL": "javascript:alert(1)//x"}, "../runs/a%28b%29%20%3E/report.html"),
        (GITHUB, ""),
    ],
    ids=str,
)
def test_where_a_report_is(
    variables: dict[str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the address of its artifact, if the CI has one; else seen from the summary."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert report_address(Path("runs/a(b) >/report.html"), Path("out/gate.md")) == address


def test_a_report_of_no_known_address() -> None:
    """No page of a CI knows the way from a file; a name may be no text."""
    assert report_address(Path("runs/a/report.html"), None) == ""
    assert report_address(Path("runs/\udcff/x"), Path("gate.md")) == "runs/%FF/x"


def test_the_page_of_the_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where GitHub tells all of it."""
    assert artifacts_page() == ""
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    assert artifacts_page() == "https://git.test/us/ours/actions/runs/7#artifacts"
    monkeypatch.setenv("GITHUB_SERVER_URL", "file://x")
    assert artifacts_page() == ""


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("https://ci/x/timeline.png", True),
        ("https://[x", False),
        ("https://ci/a>b", False),
        ("https://ci/a b", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_what_is_an_address(text: str, good: bool) -> None:
    """It must not end a link before its end."""
    assert is_address(text) is good

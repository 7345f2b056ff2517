"""Getting what browser tests need: what is missing is said, and what is wrong is not used."""

import json
from pathlib import Path

import pytest

from tests.browser import provide
from tests.browser.chromium import or_skip


def test_every_package_of_npm_is_pinned_by_its_hash() -> None:
    """Npm refuses what has another; and no address of a registry is written down."""
    lock = json.loads((provide.PACKAGES / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert {"node_modules/axe-core", "node_modules/html-validate"} <= packages.keys()
    assert [n for n, p in packages.items() if not p["integrity"].startswith("sha512-")] == []
    assert [n for n, p in packages.items() if "resolved" in p] == []


def test_without_browsers_and_npm_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and no failure: the tests are skipped then."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    provide.main()

    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert "make browser" in said[0]
    assert "npm is not on PATH" in said[1]

    provide.main("firefox")

    (line,) = capsys.readouterr().out.splitlines()
    assert "make firefox" in line


@pytest.mark.parametrize(
    ("ci", "ending"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_what_is_missing_skips_here_and_fails_on_a_build_server(
    ci: str, ending: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build server that lacks a browser must not pass for one that has looked."""
    monkeypatch.setenv("CI", ci)

    def missing() -> str:
        raise provide.MissingError("no browser")

    with pytest.raises(ending, match="no browser"):
        or_skip(missing)

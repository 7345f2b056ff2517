"""Where a CI keeps what a run leaves: paths from the root of its checkout, addresses of artifacts.

Each says so by variables: GitHub, Gitea and Forgejo Actions, GitLab, Azure Pipelines, Jenkins.
"""

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from harness.core.files import real

_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "WORKSPACE")
_ARTIFACTS = {"CI_JOB_URL": "artifacts/file", "BUILD_URL": "artifact"}
"""Address of the job, and what stands between it and the path of an artifact."""
_RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


def from_here(path: Path) -> str:
    """A path as people of this folder can use it: from the working folder, if it is in it."""
    return _below([Path.cwd()], path) or str(path)


def from_checkout(path: Path) -> str:
    """A path as a CI takes it: from the root of the checkout, if it lies there, else `from_here`.

    It takes no path from the folder that a command was called in.
    """
    return _below(_checkouts(), path) or from_here(path)


def in_repository(path: Path) -> str:
    """A file as a CI knows it beside the code: as `from_checkout`, but from the root of the
    repository, where that was put into a folder of the checkout (``path`` of actions/checkout).
    """
    roots = [real(root) for root in _checkouts()]
    repositories = [
        folder
        for folder in reversed((real(path.parent) / path.name).parents)  # no submodule's
        if any(folder.is_relative_to(root) for root in roots) and (folder / ".git").exists()
    ]
    return _below(repositories, path) or from_checkout(path)


def _checkouts() -> list[Path]:
    named = [Path(os.environ.get(name, "")) for name in _CHECKOUTS]
    return [root for root in named if root.is_absolute()]


def _below(roots: list[Path], path: Path) -> str:
    """The path from the first of the folders that it lies in, by its name or where links lead."""
    full = Path(os.path.abspath(path))  # noqa: PTH100  # links are part of the name people know
    for root in roots:
        for place, folder in ((full, root), (real(full.parent) / full.name, real(root))):
            if place.is_relative_to(folder):
                return place.relative_to(folder).as_posix()
    return ""


def artifacts_page() -> str:
    """Address of the page that lists the artifacts, where none has an address of its own."""
    server, repository, run = (os.environ.get(name, "") for name in _RUN)
    address = f"{server}/{quote(repository)}/actions/runs/{quote(run)}#artifacts"
    return address if repository and run and is_address(address) else ""


def report_address(report: Path, summary: Path | None) -> str:
    """Where a summary links a report to; empty where that is not known.

    In a CI that serves artifacts it is the address there; else the way from the ``summary``.
    """
    named = from_checkout(report)
    for name, between in _ARTIFACTS.items():
        job = os.environ.get(name, "").rstrip("/")
        if is_address(job) and not Path(named).is_absolute():
            return f"{job}/{between}/{_quoted(named)}"
    if summary is None or artifacts_page():
        return ""
    return _quoted(os.path.relpath(real(report.parent) / report.name, real(summary.parent)))


def _quoted(path: str) -> str:
    """As part of an address; a name may be no text."""
    return quote(os.fsencode(path))


def is_address(text: str) -> bool:
    """Whether it is the address of a page, which ends no link in Markdown before its end."""
    try:
        parts = urlsplit(text)
    except ValueError:  # half an address of IPv6
        return False
    odd = any(letter in text for letter in '<>"\\ ') or not text.isprintable()
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not odd

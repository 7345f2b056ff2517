"""The example workflows as a runner of CI sees them: jobs, variables and shell steps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "ci"


@dataclass(frozen=True)
class Job:
    """A job; ``scripts`` are its shell steps in order, ``artifacts`` what is kept of it.

    ``cache`` is the key and the path of what later jobs find again.
    """

    name: str
    environment: dict[str, str]
    scripts: tuple[str, ...]
    artifacts: tuple[str, ...]
    always: bool
    cache: tuple[str, str]


def parsed(name: str) -> dict[Any, Any]:
    """One file of the examples."""
    return dict(yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))


def github() -> dict[str, Job]:
    """Jobs of the workflow for GitHub Actions."""
    body = parsed("github-actions.yml")
    return {name: _github_job(name, body, job) for name, job in body["jobs"].items()}


def _github_job(name: str, body: dict[Any, Any], job: dict[str, Any]) -> Job:
    uses = {step["uses"].partition("@")[0]: step for step in job["steps"] if "uses" in step}
    upload, cache = uses["actions/upload-artifact"], uses["actions/cache"]["with"]
    return Job(
        name,
        {key: str(value) for key, value in {**body["env"], **job.get("env", {})}.items()},
        tuple(step["run"] for step in job["steps"] if "run" in step),
        tuple(upload["with"]["path"].split()),
        always=upload.get("if") == "always()",
        cache=(cache["key"], cache["path"]),
    )


def gitlab() -> dict[str, Job]:
    """Jobs of the pipeline for GitLab; all extend the hidden one."""
    body = parsed("gitlab-ci.yml")
    base = body[".resilience"]
    return {
        name: _gitlab_job(name, body["variables"], {**base, **job})
        for name, job in body.items()
        if isinstance(job, dict) and job.get("extends") == ".resilience"
    }


def _gitlab_job(name: str, variables: dict[str, Any], job: dict[str, Any]) -> Job:
    chosen = {**variables, **job.get("variables", {})}
    kept = job["artifacts"]
    assert kept["reports"]["junit"] in kept["paths"]
    return Job(
        name,
        {key: str(value) for key, value in chosen.items()},
        ("\n".join([*job["before_script"], *job["script"]]),),
        tuple(kept["paths"]),
        always=kept["when"] == "always",
        cache=(job["cache"]["key"], *job["cache"]["paths"]),
    )

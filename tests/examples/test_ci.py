"""The example workflows: what they name is there, and what they leave is kept."""

import re
import shlex
from pathlib import Path

import pytest

from harness.plan import resilience
from harness.stack.programs import VERSION, cached_path
from tests.examples.workflows import FOLDER, ROOT, Job, github, gitlab, parsed

JOBS = [*github().values(), *gitlab().values()]
GATES = [job for job in JOBS if "selftest" not in job.name]

OPTIONS = frozenset(
    ("--objectives", "--junitxml", "--summary", "--baseline", "--fault", "--recovery")
)


def command(job: Job) -> list[str]:
    """The words of its `lendchaos run`, variables as they are set."""
    (text,) = re.findall(r"lendchaos run .*", "\n".join(job.scripts).replace("\\\n", " "))
    for name, value in job.environment.items():
        text = text.replace(f'"${name}"', value).replace(f"${name}", value)
    return shlex.split(text)


@pytest.mark.parametrize("job", GATES, ids=lambda job: job.name)
def test_a_gate_names_what_there_is(job: Job) -> None:
    """Its scenarios lie here, its objectives are read for them, its options are known."""
    words = command(job)
    paths = [ROOT / word for word in words if word.startswith("scenarios/")]
    file = FOLDER / Path(words[words.index("--objectives") + 1]).name
    read = resilience.read(file, [path.stem for path in paths])

    assert len(paths) == 3
    assert [path for path in paths if not path.is_file()] == []
    assert read.runs == (7 if "nightly" in job.name else 3)
    assert "$" not in " ".join(words)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= OPTIONS


@pytest.mark.parametrize("job", GATES, ids=lambda job: job.name)
def test_what_a_gate_leaves_is_kept(job: Job) -> None:
    """Whatever became of it: a red gate whose report is gone helps nobody."""
    words = command(job)
    left = [words[words.index(option) + 1] for option in ("--junitxml", "--summary")]

    assert job.always is True
    assert {*left, "runs/"} <= set(job.artifacts)
    assert left[0].endswith(".xml")  # GitLab reads no other


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_log_has_results_and_errors_alone(job: Job) -> None:
    """Twenty-five lines of tables for each of nine runs hide the one that matters."""
    commands = re.findall(r"lendchaos (?:run|gate-selftest) .*", "\n".join(job.scripts))

    assert commands
    assert [text for text in commands if text.split()[2] != "-q"] == []


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_toxiproxy_is_built_once(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where lendchaos looks for it; another version has another key."""
    key, path = job.cache
    home = job.environment.get("XDG_CACHE_HOME", "/root/.cache").replace("$CI_PROJECT_DIR", "/it")
    kept = path.replace("~", "/root") if path.startswith("~") else f"/it/{path}"

    monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert f"-{VERSION}" in key
    assert cached_path().is_relative_to(kept)


@pytest.mark.parametrize("jobs", [github(), gitlab()], ids=["github", "gitlab"])
def test_every_night_the_gate_itself_is_tested(jobs: dict[str, Job]) -> None:
    """On both."""
    assert [name for name, job in jobs.items() if "gate-selftest" in "\n".join(job.scripts)]


def test_nothing_foreign_is_put_into_a_shell() -> None:
    """A branch can have any name: an expression in a step would be run."""
    for job in github().values():
        assert "${{" not in "\n".join(job.scripts)
    assert parsed("github-actions.yml")["permissions"] == {"contents": "read"}


def test_the_nightly_phases_are_long_enough_for_its_objectives() -> None:
    """A baseline shorter than the least would be refused every night."""
    file = resilience.read(FOLDER / "resilience-nightly.yaml")

    for jobs in (github(), gitlab()):
        (night,) = [job for name, job in jobs.items() if name.endswith("nightly")]
        options = dict(word.split("=") for word in night.environment["GATE_OPTIONS"].split())
        assert float(options["--baseline"].removesuffix("s")) >= file.steady_state.min_baseline_s

"""A run directory from somebody else: it harms nobody who judges, reports or compares it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.run.result import RunResult
from tests.cli.conftest import Ended
from tests.cli.processes import environment

EVIDENCE = (
    *("accounts.json", "arrivals.jsonl", "events-load-0.jsonl", "faults.jsonl"),
    *("health.jsonl", "ledger.jsonl", "plan.json", "status.json"),
)
WRITTEN = ("verdict.json", "report.html", "timeline.png")


def fifo(path: Path) -> None:
    """Nobody writes to it, ever."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """A link to what never ends."""
    path.symlink_to("/dev/zero")


def elsewhere(path: Path) -> None:
    """A link to the file itself, which lies beside the run."""
    path.symlink_to(Path("..") / "moved")


def circle(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


@pytest.mark.parametrize("odd", [fifo, device, elsewhere, circle])
@pytest.mark.parametrize("name", EVIDENCE)
def test_what_is_no_regular_file_is_damage(
    name: str, odd: Callable[[Path], None], run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """It is neither waited for, nor read to the end of all memory, nor followed."""
    (run / name).rename(run.parent / "moved")
    odd(run / name)
    done = lendchaos("judge", run, "--json")

    assert done.exit_code == 3
    if name == "plan.json":
        assert "nothing can be judged" in " ".join(done.stderr.split())
    else:
        assert "evidence_damaged" in done.stdout


@pytest.mark.parametrize("odd", [fifo, device, elsewhere, circle])
def test_what_was_put_beside_the_evidence_is_told(
    odd: Callable[[Path], None], run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Whether it can be read or not."""
    shutil.copy(run / "events-load-0.jsonl", run.parent / "moved")
    odd(run / "events-load-1.jsonl")
    done = lendchaos("judge", run, "--json")

    assert done.exit_code == 3
    assert "events-load-1.jsonl was added after the run" in done.stdout


@pytest.mark.parametrize("command", ["judge", "report"])
def test_nothing_is_written_through_a_link(
    command: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Neither of a result nor of the name that it once had until it was whole."""
    (run.parent / "victim").write_text("theirs\n")
    for name in WRITTEN:
        (run / f"{name}.part").symlink_to(Path("..") / "victim")
        if (command, name) != ("report", "verdict.json"):
            (run / name).unlink(missing_ok=True)
            (run / name).symlink_to(Path("..") / "victim")
    done = lendchaos(command, run)

    assert done.exit_code == 0, done.stderr
    assert (run.parent / "victim").read_text() == "theirs\n"
    for name in WRITTEN:
        assert (run / name).is_file()
        assert not (run / name).is_symlink()
        assert (run / name).stat().st_mode & 0o077 == 0o044


def test_a_run_directory_may_be_named_by_a_link(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """As ``runs/latest`` is one."""
    (run.parent / "latest").symlink_to(run.name)

    for command in ("judge", "report", "compare"):
        assert lendchaos(command, run.parent / "latest").exit_code == 0


def test_a_verdict_that_is_a_link_is_not_shown(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Nor compared: it may be anybody's."""
    (run / "verdict.json").rename(run.parent / "moved")
    (run / "verdict.json").symlink_to(Path("..") / "moved")

    for command in ("report", "compare"):
        done = lendchaos(command, run)
        assert done.exit_code == 2
        assert "it is a link" in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", ["judge", "report", "compare", "run"])
@pytest.mark.parametrize("name", ["x" * 300, "x/" * 2100, "circle", "circle/run"])
def test_a_path_that_cannot_be_is_refused(
    command: str, name: str, tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Too long, or leading round in a circle."""
    (tmp_path / "circle").symlink_to("circle")
    done = lendchaos(command, tmp_path / name)

    assert done.exit_code == 2
    assert "bug" not in done.stderr


@pytest.mark.parametrize("option", ["--junitxml", "--summary"])
def test_an_output_whose_path_cannot_be_is_refused(
    option: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Before anything is written."""
    (run / "report.html").unlink(missing_ok=True)

    assert lendchaos("report", run, option, run.parent / ("x" * 300)).exit_code == 2
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("exit_code", "verdict"), [(99, "pass"), (1, "pass"), (0, "fail"), (-1, "pass"), (True, "pass")]
)
def test_a_verdict_that_contradicts_itself_is_none(
    exit_code: int, verdict: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """No run ends so."""
    body = json.loads((run / "verdict.json").read_bytes())
    body |= {"exit_code": exit_code, "verdict": verdict}
    (run / "verdict.json").write_text(json.dumps(body))

    for command in ("report", "compare"):
        done = lendchaos(command, run)
        assert done.exit_code == 2
        assert "exit_code" in done.stderr


def unsealed(run: Path) -> None:
    """Its status as it was before it was sealed."""
    body = json.loads((run / "status.json").read_bytes())
    (run / "status.json").write_text(json.dumps(body | {"seals": {}}))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "events-load-0.jsonl has 60,000 bytes": lambda run: os.truncate(
        run / "events-load-0.jsonl", 60_000
    ),
    "ledger.jsonl is missing": lambda run: (run / "ledger.jsonl").unlink(),
    "plan.json is missing": lambda run: (run / "plan.json").unlink(),
    "x.jsonl was added after the run": lambda run: (run / "x.jsonl").touch(),
    "status.json is not readable": lambda run: (run / "status.json").unlink(),
    "status.json has no checksums": unsealed,
}


@pytest.mark.parametrize(("said", "damage"), DAMAGE.items(), ids=list(DAMAGE))
def test_a_pass_whose_record_is_damaged_since_is_none(
    said: str, damage: Callable[[Path], object], run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """For whoever reads its verdict; once it is judged again it can be shown, and is left out."""
    damage(run)
    junit = run.parent / "junit.xml"

    for words in (("report", run, "--junitxml", junit), ("compare", run)):
        done = lendchaos(*words)
        assert done.exit_code == 3
        told = " ".join(done.stderr.split())
        if (words[0], said) != ("report", "plan.json is missing"):  # it needs the plan itself
            assert said in told
            assert "lendchaos judge" in told
    assert not junit.exists()
    with pytest.raises(HarnessError, match="is damaged since"):
        RunResult.read(run)
    if "plan.json" not in said:
        assert lendchaos("judge", run).exit_code == 3
        assert [lendchaos(command, run).exit_code for command in ("report", "compare")] == [0, 0]


@pytest.mark.parametrize(("code", "verdict"), [(1, "fail"), (3, "inconclusive")])
def test_what_was_no_pass_is_shown_as_before(
    code: int, verdict: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Whatever became of its record: nobody takes it for more than it was."""
    body = json.loads((run / "verdict.json").read_bytes())
    (run / "verdict.json").write_text(json.dumps(body | {"exit_code": code, "verdict": verdict}))
    (run / "ledger.jsonl").unlink()

    assert [lendchaos(command, run).exit_code for command in ("report", "compare")] == [0, 0]
    assert RunResult.read(run).exit_code == code


@pytest.mark.parametrize(
    ("command", "file", "change", "said"),
    [
        ("judge", "plan.json", {"borrowers": ["x"]}, "borrowers: Input should be an object"),
        ("judge", "status.json", {"clock": 1}, "clock: Input should be an object"),
        ("report", "verdict.json", {"log_in": 1}, "log_in: Input should be an object"),
        ("compare", "verdict.json", {"log_in": 1}, "log_in: Input should be an object"),
    ],
)
def test_what_is_no_object_is_told_in_plain_words(
    *,
    command: str,
    file: str,
    change: dict[str, object],
    said: str,
    run: Path,
    lendchaos: Callable[..., Ended],
) -> None:
    """No class of ours has a meaning for whoever reads the message."""
    path = run / file
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    done = lendchaos(command, run)

    assert done.exit_code in (2, 3)
    assert said in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("load_ended_ns", [9 * 10**18, 10**15])
def test_absurd_numbers_take_neither_time_nor_memory(load_ended_ns: int, run: Path) -> None:
    """In a process that may have little of both."""
    status = run / "status.json"
    body = json.loads(status.read_bytes())
    body |= {"load_ended_ns": load_ended_ns, "seals": {}}
    status.write_text(json.dumps(body))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30));"
        "from harness.apps.cli import app; app(['judge', sys.argv[1], '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )

    assert done.returncode == 3, done.stderr
    assert "status.json is not readable: " in done.stdout


@pytest.mark.parametrize("name", ["plan.json", "verdict.json", "report.html", "events-x.jsonl"])
def test_no_output_takes_the_place_of_a_file_of_the_run(
    name: str, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """One of the user's own may lie beside them."""
    before = (run / "plan.json").read_bytes()
    for option in ("--junitxml", "--summary"):
        done = lendchaos("report", run, option, run / name)
        assert done.exit_code == 2
        assert "is a file of a run" in " ".join(done.stderr.split())

    assert (run / "plan.json").read_bytes() == before
    assert lendchaos("report", run, "--summary", run / "summary.md").exit_code == 0


def test_the_files_of_a_ci_are_written_where_the_run_itself_takes_none(
    run: Path, tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """As of an artefact that is read-only."""
    (run / "report.html").unlink(missing_ok=True)
    (run / "report.html").mkdir()
    files = tmp_path / "summary.md", tmp_path / "junit.xml"
    done = lendchaos("report", run, "--summary", files[0], "--junitxml", files[1])

    assert done.exit_code == 3
    assert "nothing can be written into" in done.stderr
    assert all(path.stat().st_size for path in files)

"""What is counted, printed, failed and excused where real runs are not sent on time."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import faithful
from tests.faithful import Runs, Used, excuse, spoiled

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
SPOILED = {
    "verdict": "inconclusive",
    "findings": [{"code": "load_unfaithful", "verdict": "inconclusive"}],
}
FAILED = {"verdict": "fail", "findings": [{"code": "corrupt", "verdict": "fail"}]}
FAILED_AND_LATE = {**SPOILED, "verdict": "fail"}
OTHERWISE = {
    "verdict": "inconclusive",
    "findings": [{"code": "fault_did_not_bite", "verdict": "inconclusive"}],
}
CONFTEST = """
from tests.faithful import Plugin

def pytest_configure(config):
    config.pluginmanager.register(Plugin(config, lambda: {others}))
"""
TESTS = """
import json
from tests.faithful import HERE

def test_one_thing(tmp_path):
    HERE.made += 30
    HERE.repeated += {first}

def test_another(tmp_path):
    HERE.made += 30
    HERE.repeated += {second}
"""
UNDECIDED = """
def test_undecided(tmp_path):
    (tmp_path / "verdict.json").write_text(json.dumps({verdict}))
    assert {wrong}
"""


@dataclass(frozen=True)
class Made:
    """What a fixture gives."""

    path: Path


def judged(folder: Path, verdict: dict[str, object]) -> Path:
    """A run directory of which only the verdict is there."""
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return folder


@pytest.mark.parametrize(
    ("verdicts", "disturbed", "times"),
    [
        ([SPOILED, FAILED], False, 2),
        ([FAILED, SPOILED], False, 1),
        ([SPOILED, SPOILED], False, 2),
        ([SPOILED, FAILED], True, 1),
    ],
)
def test_a_command_line_is_done_again_once(
    verdicts: list[dict[str, object]],
    *,
    disturbed: bool,
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a run of it was spoiled; what it comes to then stands, and it is counted."""
    here = Runs()
    monkeypatch.setattr(faithful, "HERE", here)
    done: list[int] = []

    def act() -> int:
        judged(tmp_path / f"baseline-{len(done)}", verdicts[len(done)])
        done.append(len(done))
        return len(done)

    assert faithful.once_more(act, tmp_path, disturbed=disturbed) == times == len(done)
    assert (here.made, len(here.repeated)) == (1, times - 1)


@pytest.mark.parametrize(("made", "repeated", "too_many"), [(0, 0, False), (60, 3, False)])
def test_up_to_one_in_twenty_may_be_repeated(made: int, repeated: int, too_many: bool) -> None:
    """One more fails; a run alone may not be repeated either."""
    assert Runs(made, ["baseline"] * repeated).too_many_repeated is too_many
    assert Runs(made, ["baseline"] * (repeated + 1)).too_many_repeated


def test_what_others_use_is_what_is_used_without_us() -> None:
    """Of all processors; ours are this process and all below it."""
    before = Used(whole=1000.0, used=500.0, own=20.0)

    assert before.others_until(Used(1010.0, 506.0, 21.0)) == pytest.approx(0.5)
    assert before.others_until(Used(1010.0, 506.0, 27.0)) == 0.0


def test_a_child_that_works_is_ours() -> None:
    """Its seconds count while it lives, and once it is gone."""
    before = Used.now()
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", work], **pipes) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = Used.now()
        child.communicate(b"\n")
    gone = Used.now()

    assert alive.own - before.own > 0.25
    assert gone.own - before.own > 0.25
    assert gone.used - before.used > 0.25


def test_only_what_is_undecided_is_an_excuse(tmp_path: Path) -> None:
    """Where others kept the machine busy: all of a run, or one finding of it; never a failure."""
    late = Made(judged(tmp_path / "late", SPOILED))
    values: dict[str, object] = {"chance": 7, "run": late}

    assert "machine busy (30%" in str(excuse(0.3, values, time.time() + 60))
    assert excuse(0.25, values, 0.0) is None
    for verdict in (FAILED, FAILED_AND_LATE, OTHERWISE):
        run = judged(tmp_path / f"other-{len(list(tmp_path.iterdir()))}", verdict)
        assert not spoiled(run), "no such run is made a second time"
        assert (excuse(0.3, {"run": Made(run)}, 0.0) is None) is (verdict is FAILED)


def test_below_a_folder_only_what_the_test_made_counts(tmp_path: Path) -> None:
    """Another test may have left runs in a folder that several share."""
    judged(tmp_path / "runs" / "late", SPOILED)

    assert excuse(0.3, {"folder": tmp_path}, time.time() - 60) is not None
    assert excuse(0.3, {"folder": tmp_path}, time.time() + 60) is None


@dataclass(frozen=True)
class Case:
    """Repeats of two tests with thirty runs each, what others use, and what comes of it."""

    first: int
    second: int
    others: float
    code: int
    processes: int = 0


@pytest.mark.parametrize(
    "case",
    [Case(2, 1, 0.0, 0), Case(2, 2, 0.0, 1), Case(2, 2, 0.3, 0), Case(2, 2, 0.0, 1, processes=2)],
    ids=["few", "many", "many on a busy machine", "many in two processes"],
)
def test_they_are_counted_over_all_processes(case: Case, pytester: pytest.Pytester) -> None:
    """Of sixty runs three may be repeated; the counts and the others' share are printed."""
    lists = [["baseline --rate=30"] * count for count in (case.first, case.second)]
    text = TESTS.format(first=lists[0], second=lists[1])
    done = tried(pytester, text, case.others, f"-n{case.processes}")
    repeated = case.first + case.second

    assert done.ret == case.code
    done.stdout.fnmatch_lines(
        [
            f"{repeated} of 60 runs repeated ({repeated / 60:.1%}, at most 5%)*",
            "  baseline --rate=30",
            f"others used {case.others:.1%} of the processors in the 5 s before the first test*",
        ]
    )
    assert ("too many runs were repeated" in done.stdout.str()) is bool(case.code)


@pytest.mark.parametrize(
    ("verdict", "wrong", "others", "outcome"),
    [
        (SPOILED, "False", 0.3, "skipped"),
        (SPOILED, "False", 0.2, "failed"),
        (FAILED, "False", 0.3, "failed"),
        (FAILED_AND_LATE, "False", 0.3, "skipped"),
        (OTHERWISE, "False", 0.3, "skipped"),
        (OTHERWISE, "False", 0.2, "failed"),
        (SPOILED, "True", 0.3, "passed"),
    ],
)
def test_a_test_of_an_undecided_run_is_skipped_where_others_work(
    verdict: dict[str, object], wrong: str, others: float, outcome: str, pytester: pytest.Pytester
) -> None:
    """And only there; what passes all the same has passed."""
    text = TESTS.format(first=[], second=[]) + UNDECIDED.format(verdict=verdict, wrong=wrong)
    done = tried(pytester, text, others, "-n0", "-k", "undecided", "-rs")

    done.assert_outcomes(**{outcome: 1}, deselected=2)
    assert ("inconclusive: machine busy" in done.stdout.str()) is (outcome == "skipped")


def tried(pytester: pytest.Pytester, text: str, others: float, *words: str) -> pytest.RunResult:
    """Tests of their own, with counts of their own, on a machine that others use so much."""
    pytester.makeconftest(CONFTEST.format(others=others))
    pytester.mkdir("live").joinpath("test_real.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setattr("tests.faithful.HERE", Runs())
        return pytester.runpytest_inprocess(
            *("-p", "no:lendchaos", "-p", "no:locust", "-p", "no:cacheprovider"), *words
        )

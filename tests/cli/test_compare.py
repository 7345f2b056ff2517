"""`lendchaos compare` as people call it: exit codes, the history, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.archive import Stored, open_history
from harness.verdict.series import run_of, series_of
from harness.verdict.series import to_json as series_json
from harness.verdict.types import Severity, Verdict, to_json
from tests.cli.conftest import Ended
from tests.verdicts import stored_of, verdict_of, with_finding

Compare = Callable[..., Ended]


@pytest.fixture
def compare(
    lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Compare:
    """The command, started in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: lendchaos("compare", *words)


def put(number: int, recovery_s: float = 0.3, folder: str = "runs", **changes: Any) -> str:
    """A run directory with a verdict alone."""
    path = Path(folder) / f"cut-{number}"
    path.mkdir(parents=True)
    (path / "verdict.json").write_text(
        to_json(verdict_of(number, recovery_s=recovery_s + number / 1000, **changes))
    )
    return str(path)


def keep(count: int, label: str = "main", first: int = 0, **changes: Any) -> None:
    """So many past runs in ./history."""
    history = open_history(Path("history"), create=True)
    for n in range(first, first + count):
        stored = stored_of(n, recovery_s=0.3 + n / 1000, **changes)
        history.save(label, replace(stored, settings=None))


def contents() -> dict[str, bytes]:
    """Every file here."""
    return {str(p): p.read_bytes() for p in sorted(Path().rglob("*")) if p.is_file()}


def said(done: Ended) -> str:
    """What a command said, without its line ends."""
    return " ".join((done.stdout + done.stderr).split())


MAIN = ("--baseline", "main", "--history", "history")


def test_a_regression_warns(compare: Compare) -> None:
    """And does not block, unless asked to."""
    keep(10)
    slow = [put(n, 2.0) for n in range(20, 25)]
    warned = compare(*slow, *MAIN)
    blocked = compare(*slow, *MAIN, "--fail-on-regression")

    assert (warned.exit_code, blocked.exit_code) == (0, 1)
    assert "warning: REGRESSION of recovered after the heal: shift +1.7 s" in said(warned)
    assert "cut: 5 runs against 10 of main" in warned.stdout


def test_alike_runs_pass_the_gate(compare: Compare) -> None:
    """With evidence: five against ten, and nothing is worse."""
    keep(10)
    done = compare(*(put(n, 0.28) for n in range(20, 25)), *MAIN, "--fail-on-regression")

    assert done.exit_code == 0
    assert "REGRESSION" not in said(done)


def test_too_few_runs_do_not_pass_a_gate(compare: Compare) -> None:
    """They show nothing, so the gate is not green; without the gate they are only shown."""
    keep(10)
    few = [put(n, 9.0) for n in range(20, 24)]

    assert compare(*few, *MAIN).exit_code == 0
    done = compare(*few, *MAIN, "--fail-on-regression")
    assert done.exit_code == 3
    assert "4 against 10 runs: too few for a conclusion" in said(done)


def test_an_empty_label_is_no_baseline(compare: Compare) -> None:
    """A gate against nothing is not green, and says why."""
    keep(3, scenario="kill")
    done = compare(*(put(n) for n in range(20, 25)), *MAIN, "--fail-on-regression")

    assert done.exit_code == 3
    assert "main has no run of cut yet" in said(done)


def test_lost_money_fails_the_gate(compare: Compare) -> None:
    """Of however few runs: there is nothing to compare."""
    keep(2)
    verdict = verdict_of(20)
    lost = replace(verdict, reconciliation=replace(verdict.reconciliation, lost=1))
    path = Path(put(20))
    (path / "verdict.json").write_text(to_json(lost))

    assert compare(path, *MAIN, "--fail-on-regression").exit_code == 1
    assert "warning: MONEY: 1 lost in run0020" in said(compare(path, *MAIN))


@pytest.mark.parametrize("how", ["ledger_unread", "ledger_incomplete", "left out"])
def test_a_ledger_that_was_not_read_passes_no_gate(compare: Compare, how: str) -> None:
    """One of five is enough, or one more that does not count: its money is not known."""
    keep(10)
    paths = [put(n, 0.28) for n in range(20, 26)]
    verdict = verdict_of(25)
    unread = replace(verdict.reconciliation, ledger_read=how == "ledger_incomplete")
    code = "interrupted" if how == "left out" else how
    found = with_finding(replace(verdict, reconciliation=unread), code, Severity.INCONCLUSIVE)
    (Path(paths[-1]) / "verdict.json").write_text(to_json(replace(found, exit_code=3)))
    done = compare(*paths, *MAIN, "--fail-on-regression")

    assert done.exit_code == 3
    assert "the ledger of run0025 was not read in full" in said(done)
    assert compare(*paths[:-1], *MAIN, "--fail-on-regression").exit_code == 0
    assert compare(*paths, *MAIN).exit_code == 0


def test_a_verdict_of_another_run_is_not_compared(compare: Compare) -> None:
    """By its id or by its scenario, as `report` refuses it."""
    path = Path(put(1))
    for plan in ({"run_id": "other"}, {"run_id": "run0001", "scenario": "other"}):
        (path / "plan.json").write_text(json.dumps(plan))
        done = compare(path)
        assert done.exit_code == 2
        assert "it is of another run" in said(done)


def test_the_newest_of_a_label_are_taken(compare: Compare) -> None:
    """As many as asked for, of the same conditions, without the runs that are compared."""
    keep(12)
    keep(1, load=replace(verdict_of(1).load, rate_asked=9.0), run_id="other")
    done = compare(put(3), *MAIN, "--last", "6", "--json")
    body = json.loads(done.stdout)

    kept = [run["run_id"] for run in body["baseline"]["runs"]]
    assert kept == [f"run{n:04}" for n in range(6, 12)]
    assert "1 run of main under other conditions are not taken" in body["notes"]
    assert "of main the newest 6 of 11 runs are taken (--last)" in body["notes"]


def test_a_run_is_not_compared_with_itself(compare: Compare) -> None:
    """Named on both sides it counts on one, and twice on one side it counts once."""
    path, other = put(1), put(2)
    done = compare(path, path, "--baseline", path, "--baseline", other)

    assert "run0001 is named twice and counted once" in said(done)
    assert "left out of the baseline, as it is compared with it: run0001" in said(done)
    assert "cut: 1 run against 1 of" in said(done)


def test_a_series_is_all_of_its_runs(compare: Compare) -> None:
    """By its folder or its file; a run without a verdict is told."""
    folders = [put(n) for n in (1, 2)]
    whole = series_of("cut", 3, (
        *(run_of(n, n, 0, Path(f).name, _verdict(f)) for n, f in enumerate(folders, 1)),
        replace(run_of(3, 3, 3, "x", verdict_of(3)), directory=None, verdict=None),
    ), None)  # fmt: skip
    series = Path("runs/series-cut-1")
    series.mkdir()
    (series / "series.json").write_text(series_json(whole))
    done = compare(series)

    assert "cut: 2 runs side by side" in said(done)
    assert "run 3 of series-cut-1 ended without a verdict" in said(done)
    assert compare(series / "series.json").stdout == done.stdout


def _verdict(folder: str) -> Verdict:
    return verdict_of(int(folder.rpartition("-")[2]))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"schema": "lendchaos.series/2"}', "line 1, column 12: schema 'lendchaos.series/2'"),
        ('{"schema": "lendchaos.series/1", "runs": 5}', "line 1, column 42: runs must be a list"),
        ('{"schema": "lendchaos.series/1",\n "runs": [4]}', "line 2, column 11: a run must be"),
        (
            '{"schema": "lendchaos.series/1",\n "runs": [{"directory": "../../etc"}]}',
            "line 2, column 25: '../../etc' is no name of a folder beside the series",
        ),
    ],
)
def test_a_bad_series_is_refused(compare: Compare, body: str, told: str) -> None:
    """With line and column; a name that leads elsewhere is no name."""
    Path("series").mkdir()
    Path("series/series.json").write_text(body)
    done = compare("series")

    assert done.exit_code == 2
    assert told in said(done)


def test_keeping_and_the_trend(compare: Compare) -> None:
    """A run is kept under a label after it was compared, and the page shows it already."""
    keep(2)
    path = put(20)
    done = compare(path, *MAIN, "--save", "main", "--trend", "history/trend.html")

    assert done.exit_code == 0
    assert "against 2 of main" in said(done)
    assert "kept 1 under main" in said(done)
    assert "run0020" in Path("history/trend.html").read_text()
    assert [s.verdict.run_id for s in open_history(Path("history")).read("main")][-1] == "run0020"
    before = contents()
    compare(path, "--history", "history", "--save", "main", "--trend", "history/trend.html")
    assert contents() == before


def test_the_first_run_makes_the_history(compare: Compare) -> None:
    """Folder, version and page; nothing else is written."""
    done = compare(put(1), "--history", "h", "--save", "main", "--trend", "h/trend.html")

    assert done.exit_code == 0
    assert {p for p in contents() if p.startswith("h/")} == {
        "h/history.json", "h/main/cut/20261101T080100Z-run0001.json", "h/trend.html",
    }  # fmt: skip


def test_a_label_is_compared_with_a_label(compare: Compare) -> None:
    """Both from the history; a folder of that name is meant by ./."""
    keep(5)
    keep(5, "nightly", 30, share=0.5)
    put(1, folder="nightly")
    done = compare("nightly", *MAIN)

    assert "cut: 5 runs against 5 of main" in said(done)
    assert compare("./nightly/cut-1", *MAIN).stdout.startswith("cut: 1 run against")


def test_a_label_of_several_scenarios_needs_one(compare: Compare) -> None:
    """They are named, and --scenario chooses."""
    keep(1)
    keep(1, scenario="kill")
    done = compare("main", "--history", "history")

    assert done.exit_code == 2
    assert "cut, kill; name runs of one, or choose it with --scenario" in said(done)
    assert compare("main", "--history", "history", "--scenario", "kill").exit_code == 0
    assert compare("main", "--history", "history", "--scenario", "none").exit_code == 2


def test_json_alone_is_on_standard_output(compare: Compare) -> None:
    """Warnings go beside it."""
    keep(10)
    done = compare(*(put(n, 2.0) for n in range(20, 25)), *MAIN, "--json")

    assert json.loads(done.stdout)["regressions"] == ["recovery_s"]
    assert "warning: REGRESSION" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no runs are named"),
        (("none",), "there is no run none; to name a label of a history, give --history DIR"),
        (("none", "--history", "history"), "the history has no such label; it has: main"),
        (("runs/cut-1", "--baseline", "main"), "to name a label of a history, give --history"),
        (("runs/cut-1", "--save", "main"), "--save needs the folder of past verdicts"),
        (("runs/cut-1", "--trend", "x.html"), "--trend needs the folder of past verdicts"),
        (("runs/cut-1", "--history", "history", "--save", "../up"), "'../up' is no label"),
        (("runs/cut-1", "--history", "runs", "--save", "main"), "runs is not a history"),
        (("runs/cut-1", "--history", "new"), "new is not a history yet"),
        (("--history", "history", "--trend", "history/history.json"), "must name a file that ends"),
        (("--history", "history", "--trend", "no/where.html"), "there is no folder no"),
        (("--history", "history", "--trend", "t.html", "--save", "main"), "need runs to look at"),
        (("runs/cut-1", "--fail-on-regression"), "needs a --baseline"),
        (("runs/cut-1/verdict.json",), "is a file: name its run directory"),
        (("runs",), "has no verdict.json"),
        (("runs/cut-1", "runs/kill-2"), "runs of several scenarios cannot be compared: cut, kill"),
        (("runs/cut-1", "runs/cut-3", "--baseline", "runs/broken"), "line 1, column 2"),
    ],
)
def test_what_makes_no_sense_touches_nothing(
    compare: Compare, words: tuple[str, ...], told: str
) -> None:
    """One clear error, exit 2, and every file as it was."""
    keep(1)
    put(1)
    put(3)
    other = Path("runs/kill-2")
    other.mkdir()
    (other / "verdict.json").write_text(to_json(verdict_of(2, scenario="kill")))
    broken = Path("runs/broken")
    broken.mkdir()
    (broken / "verdict.json").write_text("{")
    before = contents()
    done = compare(*words)

    assert done.exit_code == 2
    assert told in said(done)
    assert contents() == before


def test_another_version_is_refused_before_anything_is_written(compare: Compare) -> None:
    """Of the history and of one verdict in it, with line and column."""
    keep(2)
    path = put(20)
    head = Path("history/history.json")
    head.write_text('{"schema": "lendchaos.history/7"}')
    before = contents()
    done = compare(path, *MAIN, "--save", "main", "--trend", "t.html")

    assert done.exit_code == 2
    assert "history/history.json, line 1, column 12: schema 'lendchaos.history/7'" in said(done)
    assert contents() == before

    head.write_text('{"schema": "lendchaos.history/1"}')
    one = next(Path("history/main/cut").iterdir())
    one.write_text(one.read_text().replace("verdict/1", "verdict/2"))
    before = contents()
    done = compare(path, "--history", "history", "--save", "main", "--trend", "t.html")
    assert done.exit_code == 2
    assert "line 2, column 13: schema 'lendchaos.verdict/2'" in said(done)
    assert contents() == before


def test_a_run_that_never_began_is_not_kept(compare: Compare) -> None:
    """It has nothing to keep; the others are."""
    empty = Path(put(1))
    (empty / "verdict.json").write_text(to_json(verdict_of(1, zero_utc=None)))
    done = compare(empty, put(2), "--history", "h", "--save", "main")

    assert done.exit_code == 0
    assert "run0001 is not kept: it never got past its warm-up" in said(done)
    assert open_history(Path("h")).read("main") == [Stored(_kept(2), None, "main")]


def _kept(number: int) -> Verdict:
    return verdict_of(number, recovery_s=0.3 + number / 1000)

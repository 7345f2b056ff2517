"""Documents as the program writes them, several of each kind, so that every field has a value."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from harness.apps.cli import app
from harness.apps.cli.gating import _document
from harness.apps.cli.outcome_text import RunDocument, _end
from harness.apps.gameday import render_record
from harness.apps.gameday.verify import verify
from harness.apps.gate.selftest import self_test
from harness.core.documents import text_of
from harness.core.user_module import UserReference
from harness.faults import (
    BlockingMigration,
    CommitLost,
    Flap,
    Freeze,
    Kill,
    Latency,
    PacketDrop,
    Partition,
    Refuse,
    Reset,
    Restart,
    Throttle,
)
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Objectives, Plan, Scenario, Settings, expand
from harness.plan.stop_conditions import StopConditions
from harness.report.compare.comparison import compare
from harness.report.compare.comparison_text import to_json as comparison_json
from harness.run.preview import preview_json
from harness.run.result import RunResult
from harness.run.shrink import ShrinkTrial, shrink
from harness.verdict.judge import judge
from harness.verdict.series import SeriesRun, run_of, series_of
from harness.verdict.series import to_json as series_json
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Severity, Verdict
from harness.verdict.types import to_json as verdict_json
from tests.builders import CUT, LOCAL, during, facts, operations, over, plan_of
from tests.gameday.stored_days import refused_day, whole_day
from tests.gates.made import verdict_of as gate_verdict
from tests.gates.made import with_finding
from tests.report import rich, sample
from tests.schemas.make import DOCS
from tests.test_verdict import runs
from tests.verdicts import stored_of

EVERY_FAULT = (
    (Partition("edge"), Refuse("edge"), Latency("edge", 200, jitter=10), Throttle("edge", 100)),
    (Reset("edge"), Kill(), CommitLost(), PacketDrop("edge"), BlockingMigration()),
    (Flap("edge"), Freeze()),
    (Restart(),),
)
"""Those that may overlap together."""


def silent(_: str) -> None:
    """Nobody listens."""


def _verdicts() -> list[Verdict]:
    """What was measured in full, what overlapped, what was quiet, and what never began."""
    two = plan_of(BlockingMigration(), over(0.2, 0.6, Partition("database")))
    made = [(two, facts(two, operations(two, during(8, 13.4)))), *runs()]
    stored = [run[2] for run in (rich.rich(), rich.censored(), sample.never_began())]
    return [*(judge(*run) for run in made), *stored, sample.passed()[2], sample.inconclusive()[2]]


def _plan(*faults: Any) -> Plan:
    limits = Objectives(recovery_seconds_max=5, impaired_episodes_max=1)
    stop = StopConditions(failed_budget=500, failed_surge=True, principal_at_risk_fen="off")
    scenario = Scenario(faults=list(faults), objectives=limits, stop=stop)
    return expand("every", "It comes back.", scenario, Settings(), layout=LOCAL)


def _series() -> Any:
    verdicts = [sample.failed()[2], rich.censored()[2]]
    runs = [run_of(n, n, v.exit_code, f"run-{n}", v) for n, v in enumerate(verdicts, 1)]
    return series_of("cut", 4, (*runs, SeriesRun(3, 3, 130)), "it was interrupted")


def _shrunk(*codes: str) -> Any:
    def run(kept: tuple[str, ...] | None) -> ShrinkTrial:
        faults = ("1-partition", "2-kill") if kept is None else kept
        failed = "1-partition" in faults and bool(codes)
        return ShrinkTrial(
            faults, 1 if failed else 0, "cut-1", codes if failed else (), "It failed."
        )

    return shrink("cut", 1, run, 20)


def _run_documents() -> list[str]:
    last = {"verdict": "fail", "sentence": "It failed.", "report": "/srv/runs/cut-1/report.html"}
    ends = [RunResult(1, last), RunResult(1, last, _series()), RunResult(2)]
    ended = tuple(_end(Path(f"{n}/cut.py"), end) for n, end in zip("abc", ends, strict=True))
    left_out = {"not_run": ("cut", "given_faults"), "not_run_files": ("d/cut.py", None)}
    return [
        text_of(RunDocument(exit_code=4, scenarios=ended, **left_out)),
        text_of(RunDocument(exit_code=1, shrink_file="shrink.json", shrink=_shrunk("lost"))),
    ]


def _comparisons() -> list[str]:
    def alike(count: int, share: float, recovery_s: float | None) -> list[Any]:
        return [
            stored_of(n, share=share + n / 1000, recovery_s=recovery_s and recovery_s + n / 1000)
            for n in range(count)
        ]

    money = stored_of(90, reconciliation=sample.failed()[2].reconciliation)
    return [
        comparison_json(compare([*alike(5, 0.4, 2.0), money], alike(5, 0.2, 0.3), "main")),
        comparison_json(compare(alike(3, 0.2, None))),
    ]


def _selftests() -> list[str]:
    found = EndedRun(None, 1, with_finding(gate_verdict(), "corrupt", Severity.FAIL))
    clean = EndedRun(Path("runs/a"), 0, gate_verdict())
    trials: list[Callable[[str], EndedRun]] = [
        lambda defect: found if defect else clean,
        lambda _: EndedRun(None, 130),
    ]
    made = [self_test("baseline", "amount_truncated", trial) for trial in trials]
    return [text_of(_document(result)) for result in made]


def _examples() -> dict[str, list[Any]]:
    """Those of the docs, by the name of their schema."""
    found: dict[str, list[Any]] = {}
    for block in re.findall(r"```json\n(.*?)```", (DOCS / "commands.md").read_text(), re.DOTALL):
        body = json.loads(block)
        for stack in [body, *body.get("stacks", ())]:
            if "wires" in stack:
                stack["wires"] = [{"name": "database", "address": "10.77.0.2:5432"}]
        name = body["schema"].removeprefix("lendchaos.").partition("/")[0]
        found.setdefault(name, []).append(body)
    return found


def _of_a_day(session: Path) -> dict[str, list[Any]]:
    """Session, status, record and verification of one day."""
    told = CliRunner().invoke(app, ["gameday", "status", str(session), "--json"])
    render_record.write(session, silent)
    lines = (session / "session.jsonl").read_text().splitlines()
    return {
        "gameday": [json.loads(told.stdout)],
        "session": [json.loads(line) for line in lines],
        "record": [json.loads((session / "record.json").read_text())],
        "verification": [json.loads(text_of(verify(session, silent)))],
    }


def documents(folder: Path) -> dict[str, list[Any]]:
    """All kinds, by the name of their schema; ``folder`` is for what needs one."""
    plans = [RunDirectory.create(folder / "runs", _plan(*faults)).path for faults in EVERY_FAULT]
    planned = ((_plan(CUT), UserReference("lender", "Lender", "/home/me")), (plan_of(), None))
    previews = [preview_json(p, folder, None, (), reference=named) for p, named in planned]
    texts = {
        "verdict": [verdict_json(verdict) for verdict in _verdicts()],
        "plan": [(path / "plan.json").read_text() for path in plans],
        "series": [series_json(_series())],
        "shrink": [text_of(_shrunk("lost")), text_of(_shrunk())],
        "run": _run_documents(),
        "preview": previews,
        "comparison": _comparisons(),
        "gate_selftest": _selftests(),
    }
    made = {name: [json.loads(text) for text in each] for name, each in texts.items()}
    examples = _examples()
    whole = {name: [*made.get(name, ()), *examples.get(name, ())] for name in {*made, *examples}}
    days = [_of_a_day(whole_day(folder / "day")), _of_a_day(refused_day(folder / "refused"))]
    return {**whole, **{kind: days[0][kind] + days[1][kind] for kind in days[0]}}

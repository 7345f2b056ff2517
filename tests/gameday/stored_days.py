"""A game day made by hand and stored: three steps, one hand-pulled, one aborted and repeated."""

from pathlib import Path
from typing import Any

from harness.apps.gameday.session_store import (
    RUNS_FOLDER,
    STAYS,
    Event,
    SessionStore,
    StepState,
    What,
)
from harness.history.events import Clock, Operation
from harness.plan.plan import Plan
from tests.builders import CUT, ZERO_NS, during, facts, operations, plan_of, status
from tests.stored import store

ATTACK = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
PLAN = """\
version: 1
title: Before the release of the ninth
hypothesis: Borrowing comes back within five seconds of whatever we break, and no yuan is lost.
abort_word: halt
roles:
  lead: Lin Yue
  safety: Zhao Ming
options: {rate: 20}
steps:
  - name: cut
    scenario: network_partition
    expect: Borrowing stops for five seconds and comes back on its own.
    at: 0s
    for: 5m
  - name: plug
    scenario: baseline
    hand_pulled: Zhao Ming stops both replicas for five seconds.
    expect: The harness sees the outage within a second.
    at: 5m
    for: 5m
  - name: quiet
    scenario: baseline
    expect: Nothing at all.
    at: 10m
    for: 150s
"""
VERSIONS = {
    "lendchaos": "0.1.0",
    "locust": "2.47.0",
    "python": "3.11.7",
    "postgresql": "18.4",
    "toxiproxy": "2.12.0",
    "seed": "1",
}
ZERO = "2027-01-15T08:00:00.000Z"  # of every run made by `tests.builders`


def at(seconds: float) -> str:
    """An instant of the made-up day, ``seconds`` after the zero of its runs."""
    minutes, rest = divmod(round(seconds * 1000) + 8 * 3_600_000, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"2027-01-15T{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}Z"


def run_in(session: Path, zero_s: float, plan: Plan, ops: tuple[Operation, ...], **how: Any) -> str:
    """Store a run whose measuring begins ``zero_s`` into the day; the name of its folder."""
    wall_ns = 1_800_000_000 * 10**9 + round(zero_s * 1e9)
    state = status(plan, clock=Clock(ZERO_NS, ZERO_NS, wall_ns), **how)
    known = facts(plan, ops, status=state)
    return store(session / RUNS_FOLDER, plan, known).path.name


def stored_runs(session: Path) -> list[str]:
    """An aborted run with a fault, the same again, one broken by hand, one in which all is well."""
    broken = during(8, 13.3)
    short, cut = plan_of(CUT, rate=20), plan_of(CUT, rate=20)
    plug, quiet = plan_of(rate=20), plan_of(rate=20)
    return [
        run_in(session, 0, short, operations(short, broken), interrupted=True),
        run_in(session, 120, cut, operations(cut, broken)),
        run_in(session, 300, plug, operations(plug, broken)),
        run_in(session, 600, quiet, operations(quiet)),
    ]


def ran(step: str, directory: str, ended_s: float, verdict: str, code: int) -> Event:
    """That a run ended, as the session is told."""
    return Event(What.RUN_ENDED, at(ended_s), step, directory=directory, verdict=verdict,
                 exit_code=code)  # fmt: skip


def whole_day(folder: Path, plan: str = PLAN, text: str = "the queue is long") -> Path:
    """A session that went to its end; ``text`` stands wherever people write."""
    log = SessionStore.create(folder, plan)
    short, cut, hand, quiet = stored_runs(folder)
    by = "Lin Yue"
    for event in (
        Event(What.OPENED, at(-60), text="supervised", by=by, details=VERSIONS),
        Event(What.GO, at(-5), "cut", by=by),
        Event(What.STEP_STARTED, at(-4), "cut"),
        Event(What.ABORT, at(11), "cut", "key", by),
        ran("cut", short, 14, "inconclusive", 130),
        Event(What.STEP_ENDED, at(14.2), "cut", "aborted"),
        Event(What.PAUSED, at(20), by=by),
        Event(What.RESUMED, at(110), by=by),
        Event(What.GO, at(115), "cut", by=by),
        Event(What.STEP_STARTED, at(116), "cut"),
        Event(What.NOTE, at(131), "cut", text, by),
        ran("cut", cut, 150, "pass", 0),
        Event(What.STEP_ENDED, at(150.1), "cut", "done"),
        Event(What.GO, at(290), "plug", by=by),
        Event(What.STEP_STARTED, at(296), "plug"),
        Event(What.INJECTED, at(308.4), "plug", "both replicas", "Zhao Ming"),
        Event(What.RESTORED, at(312.9), "plug", by="Zhao Ming"),
        ran("plug", hand, 330, "fail", 1),
        Event(What.STEP_ENDED, at(330.2), "plug", "done"),
        Event(What.STEP_STARTED, at(595), "quiet"),
        ran("quiet", quiet, 630, "pass", 0),
        Event(What.STEP_ENDED, at(630.2), "quiet", "done"),
        Event(What.NOTE, at(640), None, f"all in all: {text}", by),
        Event(What.ACTION, at(650), "plug", f"raise the alarm earlier, as {text}", "Zhao Ming"),
        Event(What.ACTION, at(651), None, "write the runbook down"),
        Event(What.CLOSED, at(660), by=by),
    ):
        log.append(event)
    return folder


SMALL = """\
version: 1
title: A small day
hypothesis: Nothing happens.
abort_word: halt
steps:
  - {name: cut, scenario: network_partition, expect: It comes back.}
"""


def small_day(folder: Path) -> Path:
    """A session of one step, with one run of one fault, that passes."""
    log = SessionStore.create(folder, SMALL)
    plan = plan_of(CUT, rate=20, recovery_s=8.0)
    name = run_in(folder, 0, plan, operations(plan, during(8, 13.3)))
    for event in (
        Event(What.OPENED, at(-9), by="Lin Yue", details=VERSIONS),
        Event(What.STEP_STARTED, at(-4), "cut"),
        Event(What.NOTE, at(5), "cut", "all quiet"),
        ran("cut", name, 40, "pass", 0),
        Event(What.STEP_ENDED, at(41), "cut", "done"),
        Event(What.CLOSED, at(50)),
    ):
        log.append(event)
    return folder


def failed_before(small: Path) -> Path:
    """Put a try of the small day's step that failed before the one that passes; its run."""
    plan = plan_of(rate=20)
    name = run_in(small, 100, plan, operations(plan, during(8, 13.3)))
    path = small / "session.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text(first)
    for event in (
        Event(What.STEP_STARTED, at(-90), "cut"),
        ran("cut", name, -60, "fail", 1),
        Event(What.STEP_ENDED, at(-59), "cut", "aborted"),
    ):
        SessionStore(small).append(event)
    with path.open("a") as file:
        file.writelines(others)
    return small / "runs" / name


def refused_day(folder: Path) -> Path:
    """A session whose only run could not begin."""
    log = SessionStore.create(folder, SMALL)
    why = "refused: another run uses the stack"
    for event in (
        Event(What.OPENED, at(-9), by="Lin Yue", details=VERSIONS),
        Event(What.STEP_STARTED, at(-4), "cut"),
        Event(What.RUN_ENDED, at(-3), "cut", why, exit_code=3),
        Event(What.STEP_ENDED, at(-3), "cut", "refused"),
        Event(What.NO_GO, at(-2), "cut", STAYS[StepState.REFUSED]),
        Event(What.CLOSED, at(-1)),
    ):
        log.append(event)
    return folder


def run_of(session: Path) -> Path:
    """The only run of a small day."""
    (found,) = [path for path in (session / RUNS_FOLDER).iterdir() if not path.is_symlink()]
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

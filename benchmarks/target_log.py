"""The scripted target's own log, read as truth, and its failures beside those of a run."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outage_script import Fate, Stretch, script_of
from benchmarks.truth import TIMEOUT_SECONDS
from harness.history.events import Clock, Step
from harness.history.reader import Facts

LAST_MOMENT_SECONDS = 0.1
"""The hundreds of answers that a stall holds back all come at once, and take their clients long."""

Failure = tuple[str, str]
"""The step, and what names the request: a borrow's key, else the borrower's account."""


@dataclass(frozen=True, slots=True)
class TargetLog:
    """Everything that a target wrote down."""

    stretches: tuple[Stretch, ...]
    t0_ns: int
    requests: tuple[dict[str, Any], ...]
    answered: tuple[dict[str, Any], ...]
    """Requests that were held, when their time came."""

    def failures(self) -> Counter[Failure]:
        """Every request that did not get its answer from here, as often as it did not.

        A held request got it unless its client had gone by then.
        """
        lost = [r for r in self.requests if r["fate"] in (Fate.REFUSE, Fate.RESET, Fate.NEVER)]
        return Counter(_named(row) for row in (*lost, *(a for a in self.answered if a["gone"])))

    def last_moment(self) -> Counter[Failure]:
        """Held requests whose time came within a moment of their client's timeout."""
        received_ns = {_named(r): r["received_ns"] for r in self.requests if r["fate"] == Fate.HOLD}
        return Counter(
            _named(row)
            for row in self.answered
            if abs((row["at_ns"] - received_ns[_named(row)]) / 1e9 - TIMEOUT_SECONDS)
            < LAST_MOMENT_SECONDS
        )

    def received_ns(self) -> dict[str, int]:
        """When each borrow was received, by its key."""
        return {r["key"]: r["received_ns"] for r in self.requests if r["step"] == Step.BORROW}


def _named(row: dict[str, Any]) -> Failure:
    return row["step"], row["key"] if row["step"] == Step.BORROW else row["account"]


def read_log(path: Path) -> TargetLog:
    """Read a target's log.

    Raises:
        ValueError: no script was started, so there is no truth in it.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    started = [row for row in rows if row["kind"] == "script"]
    if not started:
        raise ValueError(f"{path} holds no script")
    return TargetLog(
        stretches=script_of(started[-1]["script"], int(started[-1]["t0_ns"])).stretches,
        t0_ns=int(started[-1]["t0_ns"]),
        requests=tuple(row for row in rows if row["kind"] == "request"),
        answered=tuple(row for row in rows if row["kind"] == "answered"),
    )


@dataclass(frozen=True, slots=True)
class Count:
    """Failed operations of one run: by its verdict, by the target's log, by Locust's statistics.

    ``only_run`` failed for the borrower although the target knows of no failure (it never received
    the request, say); ``only_target`` the other way round. ``last_moment`` are requests that the
    target held and answered just when their client gave up: who was first, its log cannot tell, so
    they are compared in neither direction.
    """

    run: int
    target: int
    only_run: int
    only_target: int
    last_moment: int
    locust: int | None

    @property
    def exact(self) -> bool:
        """Whether run and target name the same failures, each one of them."""
        return not self.only_run and not self.only_target


def count_failures(log: TargetLog, facts: Facts, locust: int | None) -> Count:
    """Compare key by key (account by account for a step before the borrow)."""
    run = Counter(_failures(facts))
    target = log.failures()
    unclear = log.last_moment()
    only_run, only_target = (run - target) - unclear, (target - run) - unclear
    return Count(
        run=run.total(),
        target=target.total(),
        only_run=only_run.total(),
        only_target=only_target.total(),
        last_moment=unclear.total(),
        locust=locust,
    )


def _failures(facts: Facts) -> Iterator[Failure]:
    failed = facts.operations.take(facts.operations.failed)
    told = failed.blocked_by.texts, failed.key, failed.borrower.tolist()
    for step, key, borrower in zip(*told, strict=True):
        yield str(step or Step.BORROW), facts.account_of.get(borrower, "") if step else key


def travel_s(log: TargetLog, facts: Facts) -> tuple[float, float]:
    """How long borrows were under way to the target: median and 95th percentile, in seconds."""
    received_ns = log.received_ns()
    took_s = [
        (received_ns[key] - started_ns) / 1e9
        for key, started_ns in zip(facts.attempts.key, facts.attempts.started_ns, strict=True)
        if key in received_ns
    ]
    if not took_s:
        return float("nan"), float("nan")
    return float(np.median(took_s)), float(np.quantile(took_s, 0.95))


def on_clock(log: TargetLog, clock: Clock) -> list[Stretch]:
    """The script's stretches in seconds on the clock of a run."""
    shift_s = clock.seconds(log.t0_ns)
    return [
        Stretch(
            kind=s.kind,
            start_s=s.start_s + shift_s,
            end_s=s.end_s + shift_s,
            share=s.share,
            delay_s=s.delay_s,
            steps=s.steps,
            label=s.label,
        )
        for s in log.stretches
    ]

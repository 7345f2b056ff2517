"""When borrowing was impaired, how it came back, and what the borrowers were told meanwhile."""

from collections import Counter

from harness.events import Ending, Facts
from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.report.tiles import after_heal, heal_interval
from harness.verdict import Verdict

_ANSWERS_MAX = 12


def episodes(verdict: Verdict) -> Table:
    """Stretches in which borrowing was impaired, found from the answers alone."""
    return Table(
        headers=("Kind", "Began", "Recovered", "Length", "Failed", "Confirmed"),
        rows=tuple(
            row(
                Cell(words.EPISODE.get(e.class_, words.spaced(e.class_))),
                Cell(
                    words.seconds(e.onset_s),
                    note=words.interval(e.onset_s_low, e.onset_s_high, words.seconds),
                ),
                Cell(
                    "not in this run" if e.recovered_s is None else words.seconds(e.recovered_s),
                    note=words.interval(e.recovered_s_low, e.recovered_s_high, words.seconds),
                    tone="fail" if e.recovered_s is None else "",
                ),
                "still going on" if e.recovered_s is None
                else words.seconds(e.recovered_s - e.onset_s),
                words.count(e.failed),
                "yes" if e.confirmed else "no: too little evidence after it",
            )
            for e in verdict.episodes
        ),
        empty="None: borrowing was never impaired.",
        lead=f"Found from the borrowers' answers alone. Times count from {words.START}, by the"
        " planned start of the requests; under each is its 95 % interval.",
    )  # fmt: skip


def recovery(verdict: Verdict) -> Table:
    """How borrowing came back, at several thresholds of "back"."""
    seen = verdict.recovery
    rows = []
    if seen.first_failure_s is not None:
        rows.append(
            row(
                "first failed request",
                f"{words.seconds(seen.first_failure_s)} after the injection",
                "",
                "",
            )
        )
    if seen.first_success_s is not None:
        rows.append(
            row("first granted request after the heal", after_heal(seen.first_success_s), "", "")
        )
    for crossing in seen.crossings:
        between = heal_interval(crossing.from_heal_s_low, crossing.from_heal_s_high)
        if not crossing.resolvable:
            confirmed = "cannot be told at this rate and length of run"
        else:
            confirmed = "yes" if crossing.confirmed else "no: too little evidence after it"
        name = f"fewer than {words.share(crossing.failed_share)} of requests fail, for good"
        rows.append(row(name, after_heal(crossing.from_heal_s), between, confirmed))
    if seen.from_heal_s is not None:
        between = heal_interval(seen.from_heal_s_low, seen.from_heal_s_high)
        confirmed = "yes" if seen.confirmed else "no: too little evidence after it"
        rows.append(
            row(
                Cell("normal again: time to recover", note="what the objective is about"),
                after_heal(seen.from_heal_s),
                between,
                confirmed,
            )
        )
    if seen.from_injection_s is not None:
        rows.append(
            row(
                "normal again, from the injection",
                f"{words.seconds(seen.from_injection_s)} after the injection",
                "",
                "",
            )
        )
    return Table(
        headers=("What", "When", "95 % interval", "Confirmed"),
        rows=tuple(rows),
        empty="Nothing had to recover, or no recovery was seen.",
    )


def phases_failed(verdict: Verdict) -> Table:
    """Failures by the phase in which the borrower arrived."""
    length = {p.name: p.end_s - p.start_s for p in verdict.phases}
    return Table(
        headers=("Phase", "Length", "Failed"),
        rows=tuple(
            row(name, words.seconds(length[name]) if name in length else "", words.count(number))
            for name, number in verdict.borrow.failed_by_phase.items()
        ),
        empty="No phase was measured.",
    )


def answers(facts: Facts) -> Table:
    """What the borrowers who failed were told, most frequent first."""
    clock = facts.status.clock
    seen: Counter[tuple[str, str, str]] = Counter()
    for operation in facts.operations:
        counted = clock is not None and operation.intended_ns >= clock.zero_ns
        if not counted or not operation.failed or operation.ending is Ending.DROPPED:
            continue
        step = operation.blocked_by.value if operation.blocked_by else "borrow"
        told = operation.code or "no answer"
        seen[(step, told, operation.outcome.value)] += 1
    ranked = seen.most_common()
    rows = [
        row(words.spaced(step), told, outcome, words.count(number))
        for (step, told, outcome), number in ranked[:_ANSWERS_MAX]
    ]
    if rest := sum(number for _, number in ranked[_ANSWERS_MAX:]):
        rows.append(row("", "other answers", "", words.count(rest)))
    return Table(
        headers=("Step that failed", "Answer", "Outcome", "Requests"),
        rows=tuple(rows),
        empty="No borrow request failed after the warm-up.",
    )

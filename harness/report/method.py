"""The order of events, and how the figures of a report were measured."""

import platform
from importlib import metadata

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.figures import SentLoad
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE
from harness.verdict.types import Verdict
from harness.verdict.visible import least_seen

FILES = (
    ("verdict.json", "all figures of this page, for programs"),
    ("timeline.png", "the chart as a picture, where it could be drawn"),
    ("plan.json", "what was to happen"),
    ("arrivals.jsonl", "every planned arrival"),
    ("faults.jsonl", "what was injected, healed and proven"),
    ("ledger.jsonl", "the target's ledger as it was read"),
    ("accounts.json", "which account each simulated borrower had"),
    ("status.json", "how the run as a whole went"),
)
"""Raw files beside the report that have one fixed name."""


def timeline(facts: Facts, verdict: Verdict) -> Table:
    """Everything that happened, in order; what the answers show to no more than its interval."""
    known = [(p.start_s, f"phase {words.spaced(p.name)} begins") for p in verdict.phases]
    status = facts.status
    instants: list[tuple[int | None, str]] = []
    for fault in facts.faults:
        name = f"fault {words.clean(fault.name)}"
        instants += [
            (fault.inject_called_ns, f"{name}: injection ordered"),
            (fault.inject_returned_ns, f"{name}: injection read back"),
            (fault.heal_called_ns, f"{name}: heal ordered"),
            (fault.healed_ns, f"{name}: healed"),
            (fault.heal_returned_ns, f"{name}: heal read back"),
        ]
    instants += [(status.load_ended_ns, "last arrival"), (status.drained_ns, "drained")]
    if (clock := status.clock) is not None:
        known += [(clock.seconds(at_ns), what) for at_ns, what in instants if at_ns is not None]
    happened = [(at_s, f"{at_s:.3f} s", what) for at_s, what in known] + _seen(verdict)
    return Table(
        headers=("Time", "What happened"),
        rows=tuple(row(at, what) for _, at, what in sorted(happened, key=lambda one: one[0])),
        empty="Nothing: the load never began.",
        digest=words.plural(len(happened), "event"),
        lead=f"Seconds after {words.START}, which was {words.date(verdict.zero_utc)}.",
    )


def _seen(verdict: Verdict) -> list[tuple[float, str, str]]:
    """Where episodes begin and end: instant, the same in words, and what it is."""
    found = []
    for one in verdict.episodes:
        kind = words.EPISODE.get(one.class_, words.spaced(one.class_)).split(":")[0]
        edges = (
            ("begins", one.onset_s, one.onset_s_low, one.onset_s_high),
            ("recovered", one.recovered_s, one.recovered_s_low, one.recovered_s_high),
        )
        for what, at_s, *ends in edges:
            if at_s is not None:
                within = f"{kind}: {what}, as the answers show, {words.between(*ends)}"
                found.append((at_s, words.seconds_within(at_s, *ends), within))
    return found


def measured(plan: Plan, facts: Facts, verdict: Verdict) -> Table:
    """What must be known to trust, or doubt, the figures."""
    load, borrow, retries = verdict.load, verdict.borrow, plan.settings.retries
    window = "from the first injection to the end of load"
    window = window if words.injected(verdict) else "after the baseline"
    bounds = f"{words.at(borrow.window.start_s)} to {words.at(borrow.window.end_s)}"
    judged_by = words.clean(verdict.judged_by) or "of unknown version"
    asked = "not asked"
    if seen := verdict.health:
        path = words.clean(seen.path)
        asked = f"{path} was asked {seen.asked_per_s:g} times a second, from outside"
    shown = {
        "Arrivals": _arrivals(load),
        "Sent late": f"99 % within {words.milliseconds(load.send_lag_ms_p99)}",
        "Request timeout": f"{load.request_timeout_s:g} s",
        "Retries": f"{words.plural(retries, 'retry', 'retries')} of a failed borrow",
        "Borrowers": _borrowers(verdict, facts),
        "Counted as failed": _FAILED,
        "Counted as outcome unknown": _INDETERMINATE,
        "Window of the shares": f"{window}: {bounds}",
        "Left out": f"{words.plural(load.warm_up_arrivals, 'arrival')} of the warm-up and"
        f" {words.count(load.dropped)} that the load generator never started",
        "Intervals": _INTERVALS,
        "Thresholds": _thresholds(plan, verdict),
        "Edges": _EDGES,
        "Recovery": _RECOVERY,
        "What it can see": least_seen(verdict.visible),
        "Health": asked,
        "Ledger read from": words.clean(facts.ledger.source),
        "Seed": str(verdict.seed),
        "Run": words.clean(verdict.run_id),
        "Exit code": str(verdict.exit_code),
        "Judged by": f"lendchaos {judged_by}",
        "Made with": _versions(),
    }
    rows = [row(name, Cell(text, note=_NOTES.get(name, ""))) for name, text in shown.items()]
    notes = [words.clean(note) for note in facts.status.notes]
    if notes:
        rows.append(row("Remarks", Cell(notes[0], folded=tuple(notes[1:]))))
    troubles = [trouble.text for trouble in facts.status.troubles]
    trouble = [words.clean(text) for text in (*troubles, *facts.damage)]
    if trouble:
        cell = Cell(trouble[0], folded=tuple(trouble[1:]), tone="inconclusive")
        rows.append(row("Troubles", cell))
    return Table(headers=("What", "How"), rows=tuple(rows))


_NOTES = {
    "Arrivals": "Arrivals do not wait for answers, as real borrowers do not. One arrival is one"
    " borrow request, whatever becomes of it.",
    "Sent late": "from the planned to the true start of a journey",
    "Request timeout": "A request without an answer by then has failed; waits cannot be resolved"
    " more finely than this.",
    "Borrowers": "Some borrowers must be declined (low score, forbidden region, overdue, isolated),"
    " so that a wrong answer can be told from a right one.",
    "Left out": "They are in the raw files, and no figure of borrowing counts them.",
    "What it can see": "The least that nine of ten runs of this rate and length show, with so many"
    " failures outside every impaired stretch. What is smaller may have been there.",
    "Seed": "the same seed gives the same arrivals",
}
"""What stands below each of these."""
_FAILED = (
    "Every request that ended without the answer the borrower was entitled to: errors,"
    " timeouts, refusals for overload, false declines, and requests blocked by a failed earlier"
    " step. Rightful declines and referrals are not failures."
)
_INDETERMINATE = (
    "The request was sent, and there was no answer in time, half an answer, a success that breaks"
    " the contract, a 3xx, 408, 409, 425, 504, or another server error that does not say “not"
    " applied”. They are part of the failed ones."
)
_INTERVALS = (
    "95 %. Shares: exact binomial (Clopper-Pearson). Edges of episodes: likelihood of"
    " the change point. Recovery: likelihood of a falling share of failures. They describe this"
    " run; another run will differ by more."
)
_RECOVERY = (
    "Counted from the heal of a fault (the last heal of faults that overlap) to the moment from"
    " which the share of failures stays below the threshold, by when requests met the service. Each"
    " heal is judged, by the interval; of several the one that decides is shown."
)
_EDGES = (
    "The moment at which a request met the service lies between sending and answering, and only the"
    " service knows where. So an edge is dated for a service that decides as a request comes, for"
    " one that decides as it answers, and between. The interval holds all of these that fit the"
    " answers; the instant shown lies midway between the first and the last."
)


def _thresholds(plan: Plan, verdict: Verdict) -> str:
    latency = verdict.recovery.latency
    slow = "" if latency is None or latency.limit_ms is None else (
        f"; an answer is slow from {words.milliseconds(latency.limit_ms)} on, 1.5 times the 95th"
        " percentile of the baseline and at least 100 ms"
    )  # fmt: skip
    steady = f"{100 * plan.steady_state.failed_share_max:g} %"
    return (
        f"Borrowing is normal while fewer than {100 * RECOVERED_BELOW_SHARE:g} % of requests"
        f" fail{slow}. The baseline counts as steady when surely fewer than {steady} of its"
        " requests failed."
    )


def _versions() -> str:
    """What this page was made with, which may be later than the run itself."""
    found = []
    for name in ("lendchaos", "locust", "numpy", "scipy"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} of unknown version")
    return f"{', '.join(found)}, Python {platform.python_version()}"


def _arrivals(load: SentLoad) -> str:
    achieved = f"{load.rate_achieved:.1f} a second" if load.rate_achieved is not None else ""
    return (
        f"{load.rate_asked:g} a second asked, {achieved or words.NOT_MEASURED} achieved;"
        f" {words.plural(load.arrivals, 'arrival')}, {words.count(load.warm_up_arrivals)} of them"
        f" in the warm-up; {words.count(load.dropped)} never started by the load generator,"
        f" {words.count(load.unfinished)} unfinished at the end"
    )


def _borrowers(verdict: Verdict, facts: Facts) -> str:
    classes = ", ".join(words.spaced(c) for c in facts.status.account_classes) or "none confirmed"
    borrow = verdict.borrow
    return (
        f"{words.count(borrow.affected_borrowers)} of {words.count(borrow.borrowers)} had at least"
        f" one failed request; kinds confirmed with the target: {classes}"
    )


def waits(verdict: Verdict) -> Table:
    """Percentiles of the wait of answered requests, a row for each phase."""
    found: dict[str, dict[str, float | None]] = {}
    for name, value in verdict.borrow.latency_ms.items():
        phase, _, percentile = name.rpartition("_")
        found.setdefault(phase or "all", {})[percentile] = value
    names = list(dict.fromkeys(p for percentiles in found.values() for p in percentiles))
    rows, medians = [], []
    for phase, values in found.items():
        known = {name: words.milliseconds(ms) for name, ms in values.items() if ms is not None}
        rows.append(row(words.spaced(phase), *(known.get(n, "too few answers") for n in names)))
        if "p50" in known:
            medians.append(f"{known['p50']} in {words.spaced(phase)}")
    return Table(
        headers=("Phase", *names),
        rows=tuple(rows),
        empty="No wait was measured.",
        digest=f"median {', '.join(medians)}" if medians else "",
        lead="Answered requests, from the planned start. p50 is the median; p99 is the time within"
        " which 99 % of the answers came.",
    )


def phases(verdict: Verdict) -> Table:
    """The named windows of the run."""
    meaning = {
        "warm-up": "connections and caches fill; not counted",
        "baseline": "normal borrowing, measured for comparison",
        "fault": "faults are active",
        "recovery": "faults are healed; borrowing should return to normal",
        "observation": "nothing is injected; one long look",
        "drain": "no new arrivals; answers still come in",
    }
    return Table(
        headers=("Phase", "From", "To", "What happens"),
        rows=tuple(
            row(p.name, words.seconds(p.start_s), words.seconds(p.end_s), meaning.get(p.name, ""))
            for p in verdict.phases
        ),
        empty="The run ended before its first phase.",
    )


GLOSSARY = (
    ("arrival", "one planned start of a borrower's journey: log in, read the limit, borrow"),
    ("acknowledged", "the borrower was told that the loan is granted"),
    ("failed", "the borrower did not get the answer they were entitled to"),
    ("outcome unknown", "failed, and may or may not have been applied; the ledger settles it"),
    ("declined", "refused for a business reason (credit, policy, behaviour): not a failure"),
    ("referred", "accepted for manual review"),
    ("fault", "a reversible change to the environment, injected and healed on purpose"),
    ("heal", "the fault is undone, and that is read back"),
    ("episode", "a stretch in which borrowing was impaired: an outage, or degraded"),
    ("lost service", "failed requests divided by arrivals a second"),
    ("95 % interval", "the range that the true value lies in, with 95 % confidence"),
)

"""When borrowing was impaired, how it came back, and what the borrowers were told meanwhile."""

from collections import Counter

import numpy as np

from harness.history.columns import NONE
from harness.history.events import Step
from harness.history.reader import Facts
from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.report.tiles import after_heal, beside_heal, heal_interval, never_seen
from harness.verdict.measure.counts import by_phase
from harness.verdict.measure.samples import samples_of
from harness.verdict.spans import began, quiet_end, starts_open
from harness.verdict.types import Crossing, Episode, Recovery, Verdict
from harness.verdict.visible import shows_any

_ANSWERS_MAX = 12
_UNCONFIRMED = "no: too little evidence after it"
_CUT = "the load ended, or the next fault came, before it could be seen"


def episodes(verdict: Verdict) -> Table:
    """Stretches in which borrowing was impaired, found from the answers alone."""
    timeout = f"{verdict.load.request_timeout_s:g} s"
    return Table(
        headers=("Kind", "Began", "Recovered", "Length", "Failed", "Confirmed"),
        rows=tuple(_episode(e) for e in verdict.episodes),
        empty=f"None: {never_seen(verdict)}.",
        digest=_of_each_kind(verdict),
        lead=f"Found from the borrowers' answers alone. Times count from {words.START} to the"
        " moment at which a request met the service, which lies between its sending and its answer:"
        " so it is known to within an interval (95 %). A request waits for its"
        f" answer for up to {timeout} (the request timeout).",
    )


def _of_each_kind(verdict: Verdict) -> str:
    kinds = Counter(episode.class_ for episode in verdict.episodes)
    named = (
        words.plural(number, kind if kind == "outage" else f"{words.spaced(kind)} stretch",
                     "outages" if kind == "outage" else f"{words.spaced(kind)} stretches")
        for kind, number in kinds.items()
    )  # fmt: skip
    none = "none" if shows_any(verdict.visible) else words.NOT_MEASURED
    return ", ".join(named) or none


def _episode(episode: Episode) -> tuple[Cell, ...]:
    ended = episode.recovered_s
    onset = episode.onset_s_low, episode.onset_s_high
    recovered = episode.recovered_s_low, episode.recovered_s_high
    open_end = words.NOT_SEEN if quiet_end(episode) else "to the end of the run"
    return row(
        Cell(words.episode(episode.class_, episode.failed)),
        Cell(
            began(episode)
            if starts_open(episode)
            else words.seconds_within(episode.onset_s, *onset),
            note=words.between(*onset),
        ),
        Cell(
            open_end if ended is None else words.seconds_within(ended, *recovered),
            note=quiet_end(episode) or words.between(*recovered),
            tone="fail" if ended is None else "",
        ),
        _length(episode),
        Cell(words.count(episode.failed), note=_within(episode)),
        "yes" if episode.confirmed else _UNCONFIRMED,
    )


def _length(episode: Episode) -> str:
    """How long it lasted, or surely did where one of its ends is open."""
    ends_s = (episode.recovered_s, episode.recovered_s_low)
    last_s = next((end_s for end_s in ends_s if end_s is not None), None)
    if last_s is None:
        return words.NOT_MEASURED
    length = words.seconds_within(max(0.0, last_s - episode.onset_s), *_lengths(episode))
    open_ended = episode.recovered_s is None or starts_open(episode)
    return f"{length} or more" if open_ended else length


def _lengths(episode: Episode) -> tuple[float | None, float | None]:
    """How long it may have lasted, by the intervals of both edges."""
    ends = (episode.onset_s_low, episode.onset_s_high)
    stops = (episode.recovered_s_low, episode.recovered_s_high)
    if None in (*ends, *stops):
        return None, None
    return (stops[0] or 0.0) - (ends[1] or 0.0), (stops[1] or 0.0) - (ends[0] or 0.0)


def _within(episode: Episode) -> str:
    """Among how many, of whom, and what the edges touched."""
    said = []
    if episode.operations:
        said.append(f"of {words.plural(episode.operations, 'request')}")
    if episode.affected_borrowers:
        said.append(f"{words.plural(episode.affected_borrowers, 'borrower')} affected")
    if episode.in_flight:
        said.append(f"{words.count(episode.in_flight)} under way when it began")
    if episode.queued:
        said.append(f"{words.count(episode.queued)} waited in it for a late answer")
    return "; ".join(said)


def recovery(verdict: Verdict) -> Table:
    """How borrowing came back: every meaning of "back" on its own."""
    seen = verdict.recovery
    return Table(
        headers=("What", "When", "95 % interval", "Confirmed"),
        rows=(*_edges(verdict), *map(_crossing, seen.crossings), *_recovered(seen),
              *_answers_quick(seen)),
        empty="Nothing had to recover, or no recovery was seen."
        if any(fault.injected_s is not None for fault in verdict.faults)
        else "No fault was injected. The table above says when borrowing was normal again.",
    )  # fmt: skip


def _edges(verdict: Verdict) -> list[tuple[Cell, ...]]:
    """Single instants around the recovery, in the order in which they usually come."""
    seen, rows = verdict.recovery, []
    if seen.first_failure_s is not None:
        after = f"{words.seconds(seen.first_failure_s)} after the injection"
        rows.append(row("first failed request", after, "", ""))
    if seen.answering_again_s is not None:
        note = "whenever its request was sent; requests that queued are answered first"
        name = Cell("first good answer", note=note)
        rows.append(row(name, beside_heal(seen.answering_again_s), "", ""))
    if seen.first_success_s is not None:
        name = Cell("first request sent after the heal that was granted", note="when it was sent")
        rows.append(row(name, beside_heal(seen.first_success_s), "", ""))
    if seen.last_failure_start_s is not None:
        name = Cell("last request that failed", note="when it was sent")
        rows.append(row(name, beside_heal(seen.last_failure_start_s), "", ""))
    if seen.last_impact_end_s is not None:
        note = f"a request waits up to its timeout of {verdict.load.request_timeout_s:g} s"
        name = Cell("last borrower had stopped waiting in vain", note=note)
        rows.append(row(name, beside_heal(seen.last_impact_end_s), "", ""))
    return rows


def _crossing(crossing: Crossing) -> tuple[Cell, ...]:
    ends = crossing.from_heal_s_low, crossing.from_heal_s_high
    confirmed = "yes" if crossing.confirmed else _UNCONFIRMED
    if not crossing.resolvable:
        confirmed = "cannot be told at this rate and length of run"
    part = f"{100 * crossing.failed_share:g} %"
    name = f"new requests succeed: fewer than {part} fail, for good"
    return row(name, after_heal(crossing.from_heal_s, *ends), heal_interval(*ends), confirmed)


def _recovered(seen: Recovery) -> list[tuple[Cell, ...]]:
    name = Cell(
        "normal again: time to recover", note="what the objective is about; dated more finely"
    )
    if seen.censored:
        between = heal_interval(seen.from_heal_s_low, None)
        return [row(name, Cell(words.NOT_SEEN, note=_CUT, tone="fail"), between, _UNCONFIRMED)]
    rows = []
    if seen.from_heal_s is not None:
        ends = seen.from_heal_s_low, seen.from_heal_s_high
        confirmed = "yes" if seen.confirmed else _UNCONFIRMED
        rows.append(row(name, after_heal(seen.from_heal_s, *ends), heal_interval(*ends), confirmed))
    if seen.from_injection_s is not None:
        after = f"{words.seconds(seen.from_injection_s)} after the injection"
        rows.append(row("normal again, from the injection", after, "", ""))
    return rows


def _answers_quick(seen: Recovery) -> list[tuple[Cell, ...]]:
    """Back to answers as quick as before, which may come long after they succeed again."""
    latency = seen.latency
    if latency is None or latency.limit_ms is None:
        return []
    note = f"fewer than 5 % take longer than {words.milliseconds(latency.limit_ms)}"
    name = Cell("answers as quick as before", note=note)
    confirmed = "yes" if latency.confirmed else _UNCONFIRMED
    if latency.censored:
        between = heal_interval(latency.from_heal_s_low, None)
        return [row(name, Cell(words.NOT_SEEN, note=_CUT, tone="fail"), between, _UNCONFIRMED)]
    if latency.from_heal_s is None:
        return [row(name, "they never were slow", "", confirmed)]
    ends = latency.from_heal_s_low, latency.from_heal_s_high
    return [row(name, after_heal(latency.from_heal_s, *ends), heal_interval(*ends), confirmed)]


def phases_failed(facts: Facts, verdict: Verdict) -> Table:
    """Failures by the phase in which the borrower arrived, and of how many."""
    length = {p.name: p.end_s - p.start_s for p in verdict.phases}
    samples = samples_of(facts)
    whole = {p.name: int(inside.sum()) for p, inside in by_phase(samples, verdict.phases)}
    return Table(
        headers=("Phase", "Length", "Failed", "Requests"),
        rows=tuple(
            row(
                name,
                words.seconds(length[name]) if name in length else "",
                words.count(number),
                words.count(whole.get(name, 0)),
            )
            for name, number in verdict.borrow.failed_by_phase.items()
            if number or name in length
        ),
        empty="No phase was measured.",
        lead="Borrow requests after the warm-up, by their planned start.",
    )


def answers(facts: Facts) -> Table:
    """What the borrowers who failed were told, most frequent first."""
    operations, attempts, clock = facts.operations, facts.attempts, facts.status.clock
    status = np.full(len(operations), None, dtype=object)
    place = attempts.places_in(operations)
    tried = attempts.take((place >= 0) & ~np.isin(attempts.status, (NONE, 0)))
    place = tried.places_in(operations)
    same = tried.code.within(operations.code) == operations.code.codes[place]
    status[place[same]] = tried.status[same].tolist()  # of several, the last one stays
    counted = operations.failed & ~operations.dropped
    counted &= clock is not None and operations.intended_ns >= clock.zero_ns
    failed = operations.take(counted)
    told = (
        " ".join(str(part) for part in answer if part) or "no answer"
        for answer in zip(status[counted], failed.code.texts, strict=True)
    )
    steps = (str(step or Step.BORROW) for step in failed.blocked_by.texts)
    seen = Counter(zip(steps, told, map(str, failed.outcome.texts), strict=True))
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

"""When borrowing was impaired, how it came back, and what the borrowers were told meanwhile.

Last the worst seconds of a run: one long outage told from many blips.
"""

from collections import Counter

import numpy as np
from markupsafe import Markup

from harness.history.columns import NONE
from harness.history.events import Step
from harness.history.reader import Facts
from harness.report import marks, words
from harness.report.marks import box, label
from harness.report.tables import Cell, Table, row
from harness.report.tiles import after_heal, beside_heal, heal_interval, never_seen
from harness.verdict.figures import WorstWindow
from harness.verdict.measure.counts import by_phase
from harness.verdict.measure.samples import samples_of
from harness.verdict.spans import began, quiet_end, starts_open
from harness.verdict.types import Crossing, Episode, LatencyRecovery, Recovery, Verdict
from harness.verdict.visible import shows_any

_ANSWERS_MAX = 12
_WIDTH, _LEFT, _RIGHT, _ROW, _FONT = 360.0, 44.0, 60.0, 20.0, 11.5
_UNCONFIRMED = "no: too little evidence after it"


def episodes(verdict: Verdict) -> Table:
    """Stretches in which borrowing was impaired, found from the answers alone."""
    timeout = f"{verdict.load.request_timeout_s:g} s"
    kinds = Counter(episode.class_ for episode in verdict.episodes)
    names = {k: (f"{words.spaced(k)} stretch", f"{words.spaced(k)} stretches") for k in kinds}
    names |= {"outage": ("outage", "outages")}
    named = ", ".join(words.plural(number, *names[kind]) for kind, number in kinds.items())
    none = "none" if shows_any(verdict.visible) else words.NOT_MEASURED
    return Table(
        headers=("Kind", "Began", "Recovered", "Length", "Failed", "Confirmed"),
        rows=tuple(_episode(e) for e in verdict.episodes),
        empty=f"None: {never_seen(verdict)}.",
        digest=named or none,
        lead=f"Found from the borrowers' answers alone. Times count from {words.START} to the"
        " moment at which a request met the service, which lies between its sending and its answer:"
        " so it is known to within an interval (95 %). A request waits for its"
        f" answer for up to {timeout} (the request timeout).",
    )


def _episode(episode: Episode) -> tuple[Cell, ...]:
    open_ = episode.recovered_s is None
    onset = episode.onset_s_low, episode.onset_s_high
    recovered = episode.recovered_s_low, episode.recovered_s_high
    first = words.seconds_within(episode.onset_s, *onset)
    first = began(episode) if starts_open(episode) else first
    last = words.NOT_SEEN if quiet_end(episode) else "to the end of the run"
    last = last if open_ else words.seconds_within(episode.recovered_s, *recovered)
    until = quiet_end(episode) or words.between(*recovered)
    return row(
        Cell(words.episode(episode)),
        Cell(first, note=words.between(*onset)),
        Cell(last, note=until, tone="fail" if open_ else ""),
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
    shortest = longest = None  # by the intervals of both edges
    ends = (episode.onset_s_low, episode.onset_s_high)
    stops = (episode.recovered_s_low, episode.recovered_s_high)
    if None not in (*ends, *stops):
        shortest, longest = (
            (stops[0] or 0.0) - (ends[1] or 0.0),
            (stops[1] or 0.0) - (ends[0] or 0.0),
        )
    length = words.seconds_within(max(0.0, last_s - episode.onset_s), shortest, longest)
    open_ended = episode.recovered_s is None or starts_open(episode)
    return f"{length} or more" if open_ended else length


def _within(episode: Episode) -> str:
    """Among how many, of whom, and what the edges touched."""
    said = (
        (episode.operations, f"of {words.plural(episode.operations, 'request')}"),
        (episode.affected_borrowers,
         f"{words.plural(episode.affected_borrowers, 'borrower')} affected"),
        (episode.in_flight, f"{words.count(episode.in_flight)} under way when it began"),
        (episode.queued, f"{words.count(episode.queued)} waited in it for a late answer"),
    )  # fmt: skip
    return "; ".join(text for number, text in said if number)


def recovery(verdict: Verdict) -> Table:
    """How borrowing came back: every meaning of "back" on its own."""
    seen = verdict.recovery
    return Table(
        headers=("What", "When", "95 % interval", "Confirmed"),
        rows=(*_edges(verdict), *map(_crossing, seen.crossings), *_recovered(seen),
              *_answers_quick(seen)),
        empty="Nothing had to recover, or no recovery was seen." if words.injected(verdict)
        else "No fault was injected. The table above says when borrowing was normal again.",
    )  # fmt: skip


def _edges(verdict: Verdict) -> list[tuple[Cell, ...]]:
    """Single instants around the recovery, in the order in which they usually come."""
    seen, rows = verdict.recovery, []
    if seen.first_failure_s is not None:
        after = f"{words.seconds(seen.first_failure_s)} after the injection"
        rows.append(row("first failed request", after, "", ""))
    queued = "whenever its request was sent; requests that queued are answered first"
    granted = "first request sent after the heal that was granted"
    timeout = f"a request waits up to its timeout of {verdict.load.request_timeout_s:g} s"
    instants = (
        (seen.answering_again_s, "first good answer", queued),
        (seen.first_success_s, granted, "when it was sent"),
        (seen.last_failure_start_s, "last request that failed", "when it was sent"),
        (seen.last_impact_end_s, "last borrower had stopped waiting in vain", timeout),
    )
    rows += [
        row(Cell(name, note=note), beside_heal(at_s), "", "")
        for at_s, name, note in instants
        if at_s is not None
    ]
    return rows


def _crossing(crossing: Crossing) -> tuple[Cell, ...]:
    part = f"{100 * crossing.failed_share:g} %"
    name = Cell(f"new requests succeed: fewer than {part} fail, for good")
    untold = "" if crossing.resolvable else "cannot be measured at this rate and length of run"
    return _back(name, crossing, untold)


def _back(
    name: Cell, seen: Crossing | Recovery | LatencyRecovery, confirmed: str = ""
) -> tuple[Cell, ...]:
    """When it was as before, with the interval."""
    ends = seen.from_heal_s_low, seen.from_heal_s_high
    confirmed = confirmed or ("yes" if seen.confirmed else _UNCONFIRMED)
    return row(name, after_heal(seen.from_heal_s, *ends), heal_interval(*ends), confirmed)


def _not_back(name: Cell, seen: Recovery | LatencyRecovery) -> tuple[Cell, ...]:
    cut = "the load ended, or the next fault came, before it could be seen"
    between = heal_interval(seen.from_heal_s_low, None)
    return row(name, Cell(words.NOT_SEEN, note=cut, tone="fail"), between, _UNCONFIRMED)


def _recovered(seen: Recovery) -> list[tuple[Cell, ...]]:
    note = "what the objective is about; dated more finely"
    name, rows = Cell("normal again: time to recover", note=note), []
    if seen.censored:
        return [_not_back(name, seen)]
    if seen.from_heal_s is not None:
        rows.append(_back(name, seen))
    if seen.from_injection_s is not None:
        after = f"{words.seconds(seen.from_injection_s)} after the injection"
        rows.append(row("normal again, from the injection", after, "", ""))
    return rows


def _answers_quick(seen: Recovery) -> list[tuple[Cell, ...]]:
    """When the latency was as before again, which may be long after requests succeed again."""
    latency = seen.latency
    if latency is None or latency.limit_ms is None:
        return []
    note = f"fewer than 5 % take longer than {words.milliseconds(latency.limit_ms)}"
    name = Cell("latency back to normal", note=note)
    if latency.censored:
        return [_not_back(name, latency)]
    if latency.from_heal_s is not None:
        return [_back(name, latency)]
    return [row(name, "never slow", "", "yes" if latency.confirmed else _UNCONFIRMED)]


def phases_failed(facts: Facts, verdict: Verdict) -> Table:
    """Failures by the phase in which the borrower arrived, and of how many."""
    length = {p.name: p.end_s - p.start_s for p in verdict.phases}
    inside = by_phase(samples_of(facts), verdict.phases)
    whole = {phase.name: int(which.sum()) for phase, which in inside}
    rows = []
    for name, number in verdict.borrow.failed_by_phase.items():
        if number or name in length:
            lasted = words.seconds(length[name]) if name in length else ""
            rows.append(row(name, lasted, words.count(number), words.count(whole.get(name, 0))))
    return Table(
        headers=("Phase", "Length", "Failed", "Requests"),
        rows=tuple(rows),
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


# --- the worst stretches --------------------------------------------------------------------------


def windows(verdict: Verdict) -> Table:
    """For each length, the stretch of that length with the largest share of failures."""
    shortest = verdict.worst_windows[0]
    worst = f"{words.share(_share(shortest))} failed within {words.length(shortest.window_s)}"
    return Table(
        headers=("Length", "Begins", "Requests", "Failed", "Share"),
        rows=tuple(
            row(words.length(w.window_s), words.at(w.start_s), words.count(w.operations),
                words.count(w.failed), words.share(_share(w)))
            for w in verdict.worst_windows
        ),
        digest=worst,
        lead="The stretch of each length in which the largest share of requests failed. A share"
        " that stays high in long stretches is one long outage; one that falls quickly is a blip.",
    )  # fmt: skip


def worst_chart(verdict: Verdict) -> Markup:
    """The same as bars."""
    found = verdict.worst_windows
    described = "; ".join(f"{words.length(w.window_s)}: {words.share(_share(w))}" for w in found)
    return marks.chart(
        "Worst stretches",
        f"Largest share of failures by length of stretch. {described}.",
        ("worst-title", "worst-description"),
        (_WIDTH, _ROW * len(found) + 4),
        *(_bar(window, index * _ROW) for index, window in enumerate(found)),
        class_="chart small",
    )


def _share(window: WorstWindow) -> float:
    return window.failed / window.operations if window.operations else 0.0


def _bar(window: WorstWindow, y: float) -> Markup:
    inside, share = _WIDTH - _LEFT - _RIGHT, _share(window)
    return marks.joined(
        label(_LEFT - 8, y + 15, words.length(window.window_s), size=_FONT, anchor="end"),
        box(_LEFT, y + 4, inside, _ROW - 8, fill="none", stroke=marks.GRID, class_="grid"),
        box(_LEFT, y + 4, inside * share, _ROW - 8, fill=marks.COLOURS["failed"]),
        label(_WIDTH - _RIGHT + 8, y + 15, words.share(share), size=_FONT),
    )

"""The timeline of a whole game day: the session's words between what the runs show. Pure."""

from collections.abc import Iterable

from harness.apps.gameday import instants
from harness.apps.gameday.day_record import Moment, RecordedStep, RecordSource
from harness.apps.gameday.session import STAYS, Event, What
from harness.report import words
from harness.verdict.types import Verdict

_SAID = {
    What.OPENED: "the session was opened",
    What.GO: "go",
    What.NO_GO: "no go: the step is left out",
    What.STEP_STARTED: "the step was begun",
    What.RUN_ENDED: "its run ended",
    What.STEP_ENDED: "the step ended",
    What.NOTE: "note",
    What.PULLED: "said: the plug is pulled",
    What.RESTORED: "said: the plug is back",
    What.ABORT: "abort",
    What.PAUSED: "paused",
    What.RESUMED: "resumed",
    What.ACTION: "open action",
    What.CLOSED: "the session was closed",
}


def timeline(events: Iterable[Event], steps: Iterable[RecordedStep]) -> tuple[Moment, ...]:
    """Everything in order of time; what was said comes before what was seen at the same moment."""
    found = [_said(event) for event in events]
    for step in steps:
        for one in step.tries:
            if one.verdict is not None:
                found += [*_done(step.name, one.verdict), *_seen(step.name, one.verdict)]
    return tuple(sorted(found, key=lambda moment: moment.at_utc))  # a stable sort


def _said(event: Event) -> Moment:
    text = _SAID[event.what]
    if event.what is What.NO_GO and event.text in STAYS.values():
        text = f"no go: it {event.text}"
        return Moment(event.at_utc, RecordSource.SESSION, text, event.step, event.by)
    if event.what is What.RUN_ENDED:
        text += f": {event.verdict}" if event.verdict else ""
        text += "" if event.exit_code is None else f", exit code {event.exit_code}"
    # The sentence of a verdict stands with its step.
    if event.text and not event.verdict:
        text += f": {event.text}"
    return Moment(event.at_utc, RecordSource.SESSION, text, event.step, event.by)


def _done(step: str, verdict: Verdict) -> Iterable[Moment]:
    for fault in verdict.faults:
        for at_s, what in ((fault.injected_s, "injected"), (fault.healed_s, "healed")):
            at_utc = instants.after(verdict.zero_utc, at_s)
            if at_utc is not None:
                yield Moment(at_utc, RecordSource.HARNESS, f"fault {fault.name} {what}", step)


def _seen(step: str, verdict: Verdict) -> Iterable[Moment]:
    for episode in verdict.episodes:
        kind = words.spaced(episode.class_)
        for at_s, what in ((episode.onset_s, "begins"), (episode.recovered_s, "is over")):
            at_utc = instants.after(verdict.zero_utc, at_s)
            if at_utc is not None:
                yield Moment(at_utc, RecordSource.DATA, f"{kind} {what}", step)

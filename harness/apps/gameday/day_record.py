"""The record of a game day: everything that its page shows, as types and as ``record.json``.

It follows from the stored session alone (the plan, the events, the runs judged again and the files'
hashes), so that it can be made again, and verified, by anybody who has the folder.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

import harness
from harness.apps.gameday.session_store import Event, StepState, What, after, between, clock
from harness.core.numbers import Exit, Length, Seconds
from harness.history.events import FileChecksum
from harness.verdict.types import Episode, Judgement, Verdict
from harness.verdict.types import to_json as verdict_to_json

SCHEMA = "lendchaos.record/1"
RECORD_FILE = "record.json"
PAGE_FILE = "record.html"
NOT_FOUND = "not found"
REACH_SECONDS = 10.0
"""How far off what is said of a manual fault may be: people press a key sooner or later than
something breaks.
"""


class RecordSource(StrEnum):
    """Whose word an entry of the timeline is."""

    SESSION = "session"
    """Someone said or did it, and the session wrote it down."""
    HARNESS = "harness"
    """The harness did it: a fault was injected or healed."""
    DATA = "data"
    """The borrowers' answers show it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the day's timeline. ``at_utc`` is RFC 3339 with milliseconds."""

    at_utc: str
    source: RecordSource
    text: str
    step: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What someone wrote down while it ran."""

    at_utc: str
    text: str
    step: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is to be done after the day, and by whom."""

    at_utc: str
    text: str
    owner: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class ManualFault:
    """A manual fault of which someone said that it was injected, or restored.

    ``seen_utc`` is when the borrowers' answers show it, ``seen_after_s`` the seconds from what was
    said to what was seen (negative: seen first); both None where the answers show nothing.
    """

    restored: bool
    said_utc: str
    by: str
    text: str
    seen_utc: str | None
    seen_after_s: Seconds | None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A stored run and its verdict, judged again for the record.

    ``verdict`` is None where it cannot be judged, and then ``trouble`` says why.
    """

    directory: str
    verdict: Verdict | None
    trouble: str = ""
    plan: Annotated[Any, Field(exclude=True)] = None
    """What it was judged by, a `Plan` and `Facts`: for the page, and not in ``record.json``."""
    facts: Annotated[Any, Field(exclude=True)] = None


Runs = dict[str, RecordedRun]
"""By the name of their folder below ``runs/``."""


@dataclass(frozen=True, slots=True)
class Try:
    """A step from its start to its end; a step that is begun again has several.

    ``ended`` is ``done``, ``aborted``, ``refused``, or empty where nothing says how it ended.
    ``said``, ``said_verdict`` and ``said_exit_code`` are what the session was told when the run
    ended.
    """

    started_utc: str
    ended_utc: str | None
    ended: str
    aborts: tuple[str, ...]
    run: RecordedRun | None
    said: str
    said_verdict: str | None
    said_exit_code: Exit | None
    plugs: tuple[ManualFault, ...]
    unseen: str = ""
    """Why it shows nothing of a manual fault that was said to be injected."""

    @property
    def verdict(self) -> Verdict | None:
        """Of its run, if that could be judged."""
        return None if self.run is None else self.run.verdict

    @property
    def outcome(self) -> Judgement | None:
        """What it came to; nothing passes whose manual fault left no trace."""
        return None if self.verdict is None else judged(self.verdict, self.unseen)[0]


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step as it was planned and what came of it. Times in seconds after the session's start.

    ``outcome`` is that of its last try, but a failure in any of them is one of the step; None where
    it was left out or never begun.
    """

    name: str
    scenario: str
    expect: str
    hand_pulled: str | None
    options: tuple[str, ...]
    at_s: Seconds | None
    length_s: Length | None
    state: StepState
    outcome: Judgement | None
    observed: str
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A whole game day. ``remarks`` are reasons to doubt it; ``files`` are hashes by path."""

    title: str
    hypothesis: str
    outcome: Judgement
    statement: str
    started_utc: str | None
    ended_utc: str | None
    closed: bool
    target: str | None
    abort_word: str
    roles: dict[str, str]
    steps: tuple[RecordedStep, ...]
    timeline: tuple[Moment, ...]
    notes: tuple[Note, ...]
    actions: tuple[Action, ...]
    versions: dict[str, str]
    """And whatever else was noted when the session was opened."""
    remarks: tuple[str, ...] = ()
    files: dict[str, FileChecksum] = field(default_factory=dict)
    recorded_with: str = ""
    """The version of lendchaos that made the record: the only thing not found in the session."""
    schema: str = SCHEMA


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def to_json(record: Record) -> str:
    """``record.json``: stable order, each verdict spelled as in its ``verdict.json``."""
    body = _RECORD.dump_python(record, mode="json")
    for step, written in zip(record.steps, body["steps"], strict=True):
        for one, written_try in zip(step.tries, written["tries"], strict=True):
            if one.verdict is not None:
                written_try["run"]["verdict"] = json.loads(verdict_to_json(one.verdict))
    return as_written({"schema": body.pop("schema"), **body})


def as_written(body: dict[str, Any]) -> str:
    """The text of a ``record.json`` that says this."""
    text = json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A target can answer with half a surrogate pair, which no file in UTF-8 can hold.
    return text.encode("utf-8", "replace").decode()


def hash_of(text: str) -> str:
    """SHA-256 of a file with this text."""
    return sha256(text.encode()).hexdigest()


def own_version(name: str = "lendchaos") -> str:
    """The version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return NOT_FOUND


@cache
def own_program() -> str:
    """The version of lendchaos and, behind a +, a hash of its own files: what the same words and
    the same page come from, which a version alone does not say.
    """
    root, own = Path(harness.__file__).parent, sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".j2", ".css"):
            own.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return f"{own_version()}+{own.hexdigest()[:12]}"


# --- whether a manual fault shows in the answers -------------------------------------------------


def manual_faults(events: Iterable[Event], verdict: Verdict | None) -> Iterator[ManualFault]:
    """What was said of each, beside what the answers show nearest to it: of stretches that began
    while it was there, or `REACH_SECONDS` around that; of slow ones only where nothing failed.
    """
    said = [event for event in events if event.what in (What.INJECTED, What.RESTORED)]
    near: list[Episode] = [] if verdict is None else list(verdict.episodes)
    zero_utc = None if verdict is None else verdict.zero_utc
    for event, later in zip_longest(said, said[1:]):
        restored = event.what is What.RESTORED
        if not restored and verdict is not None:
            lasts_s = None if later is None else between(event.at_utc, later.at_utc)
            latest_s = math.inf if lasts_s is None else lasts_s + REACH_SECONDS
            begun = [
                (between(event.at_utc, after(zero_utc, e.onset_s)), e) for e in verdict.episodes
            ]
            seen = [e for s, e in begun if s is not None and -REACH_SECONDS <= s <= latest_s]
            near = [e for e in seen if e.class_ in ("outage", "degraded")] or seen
        edges = [after(zero_utc, e.recovered_s if restored else e.onset_s) for e in near]
        lates = [(late_s, at) for at in edges if (late_s := between(event.at_utc, at)) is not None]
        late_s, seen_utc = min(lates, key=lambda one: abs(one[0]), default=(None, None))
        rounded_s = None if late_s is None else round(late_s, 3)
        yield ManualFault(restored, event.at_utc, event.by, event.text, seen_utc, rounded_s)


def unseen(faults: Iterable[ManualFault]) -> str:
    """Why a step with a manual fault shows nothing; empty where it shows each, or none was said to
    be injected.
    """
    for fault in faults:
        if not fault.restored and fault.seen_utc is None:
            said = f"the manual fault was said to be injected at {clock(fault.said_utc)} UTC"
            return f"{said}, and nothing in the borrowers' answers shows it"
    return ""


def judged(verdict: Verdict, why: str) -> tuple[Judgement, str]:
    """What a run came to, and its sentence. ``why`` says that a manual fault left no trace: with
    one, nothing passes.
    """
    if not why:
        return verdict.verdict, verdict.sentence
    passed = verdict.verdict is Judgement.PASS
    outcome = Judgement.INCONCLUSIVE if passed else verdict.verdict
    return outcome, f"{why[0].upper()}{why[1:]}. {verdict.sentence}"

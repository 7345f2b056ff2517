"""What a scripted target does wrong, and when: a known script, so that it can serve as truth.

A script is a list of stretches, in seconds after one instant T0. The fate of a request is a
function of one instant: that at which it was received or, for a service that decides at the end of
its work, of the instant a step's latency after it. So an edge takes effect at exactly the scripted
nanosecond: no timer is in between. Nothing here has an effect, and nothing knows the harness.
"""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

STEPS = ("log_in", "credit_line", "borrow")
SECOND_NS = 1_000_000_000


class Kind(StrEnum):
    """How a stretch goes wrong."""

    REFUSE = "refuse"
    """A share of the requests gets 503 at once: 1 is a hard outage, less is a brownout."""
    RESET = "reset"
    """A share of the requests gets its connection reset."""
    BLACK_HOLE = "black_hole"
    """Requests are never answered."""
    STALL = "stall"
    """Requests are held, and all answered at the end of the stretch."""
    RAMP = "ramp"
    """503 for a share that falls linearly from ``share`` to nothing."""
    SILENT = "silent"
    """A fixed share of the accounts gets 503, whenever they ask."""
    SLOW = "slow"
    """Answers are right, but ``delay_s`` late."""
    FORGET = "forget"
    """A share of the loans is granted and acknowledged, and not kept."""


class Decides(StrEnum):
    """When a service that takes its time meets the trouble that a script has for it."""

    ARRIVAL = "arrival"
    """As a request comes: what fails does so at once."""
    END = "end"
    """When the work is done: what fails has taken as long as what succeeds."""


class Fate(StrEnum):
    """What becomes of one request."""

    SERVE = "serve"
    REFUSE = "refuse"
    RESET = "reset"
    NEVER = "never"
    HOLD = "hold"
    """Answered at `Decision.until_ns`."""
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch, ``start_s`` to ``end_s`` after T0; ``label`` names the trouble it belongs to.

    ``steps`` are the steps it touches, all of them by default. ``delay_s`` is for `Kind.SLOW`.
    ``accounts`` are those that `Kind.SILENT` hits, instead of a share.
    """

    kind: Kind
    start_s: float
    end_s: float
    share: float = 1.0
    delay_s: float = 0.0
    steps: tuple[str, ...] = STEPS
    label: str = ""
    accounts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: saying what.
        """
        if not 0 <= self.start_s < self.end_s:
            raise ValueError(f"a stretch from {self.start_s} s to {self.end_s} s is none")
        if not 0 < self.share <= 1:
            raise ValueError(f"share {self.share} must be above 0 and at most 1")
        if self.kind is Kind.SLOW and self.delay_s <= 0:
            raise ValueError("a slow stretch needs a delay_s above 0")
        if unknown := set(self.steps) - set(STEPS):
            raise ValueError(f"unknown steps {sorted(unknown)}; there are {', '.join(STEPS)}")


@dataclass(frozen=True, slots=True)
class Decision:
    """The fate of one request, why, and when it is answered (`Fate.HOLD`)."""

    fate: Fate
    label: str = ""
    until_ns: int = 0


SERVED = Decision(Fate.SERVE)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the work of each step takes, in seconds (none named: no time), and when it is
    decided.
    """

    latency_s: dict[str, float] = field(default_factory=dict)
    decides: Decides = Decides.ARRIVAL

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: saying what.
        """
        if unknown := set(self.latency_s) - set(STEPS):
            raise ValueError(f"unknown steps {sorted(unknown)}; there are {', '.join(STEPS)}")
        if any(latency_s < 0 for latency_s in self.latency_s.values()):
            raise ValueError(f"a latency in {self.latency_s} is below 0")

    def latency_ns(self, step: str) -> int:
        """How long the work of a step takes, in nanoseconds."""
        return round(self.latency_s.get(step, 0.0) * SECOND_NS)

    def decided_ns(self, received_ns: int, step: str) -> int:
        """The instant that decides the fate of a request received at ``received_ns``."""
        return received_ns + (self.latency_ns(step) if self.decides is Decides.END else 0)


class Script:
    """Stretches tied to one instant; asked once for every request."""

    def __init__(
        self, stretches: Iterable[Stretch], t0_ns: int, seed: int, pace: Pace | None = None
    ) -> None:
        self.stretches = tuple(sorted(stretches, key=lambda stretch: stretch.start_s))
        self.t0_ns = t0_ns
        self.pace = pace or Pace()
        self._seed = seed
        self._chance = random.Random(seed)

    def decide(self, at_ns: int, step: str, account: str) -> Decision:
        """The fate of a request of ``account`` that is decided at ``at_ns`` (monotonic)."""
        for stretch in self.stretches:
            start_ns, end_ns = self._at_ns(stretch.start_s), self._at_ns(stretch.end_s)
            if start_ns <= at_ns < end_ns and step in stretch.steps:
                passed = (at_ns - start_ns) / (end_ns - start_ns)
                if self._hits(stretch, passed, account):
                    return _decision(stretch, at_ns, end_ns)
        return SERVED

    def edges(self) -> list[tuple[int, str, str, str]]:
        """Every edge as (monotonic ns, ``begin`` or ``end``, kind, label), in order."""
        found = []
        for stretch in self.stretches:
            for at_s, which in ((stretch.start_s, "begin"), (stretch.end_s, "end")):
                found.append((self._at_ns(at_s), which, str(stretch.kind), stretch.label))
        return sorted(found)

    def as_json(self) -> dict[str, Any]:
        """What `script_of` reads."""
        stretches = [asdict(stretch) for stretch in self.stretches]
        return {"seed": self._seed, "pace": asdict(self.pace), "stretches": stretches}

    def _at_ns(self, at_s: float) -> int:
        return self.t0_ns + round(at_s * SECOND_NS)

    def _hits(self, stretch: Stretch, passed: float, account: str) -> bool:
        """Whether this request meets it, ``passed`` (0..1) being how much of it is over."""
        match stretch.kind:
            case Kind.SILENT:
                if stretch.accounts:
                    return account in stretch.accounts
                return is_chosen(account, stretch.share, self._seed)
            case Kind.RAMP:
                return self._chance.random() < stretch.share * (1 - passed)
        return stretch.share >= 1 or self._chance.random() < stretch.share


def is_chosen(account: str, share: float, seed: int) -> bool:
    """Whether an account is among the fixed ``share`` of all: always the same ones for a seed."""
    digest = hashlib.blake2b(f"{seed}/{account}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def _decision(stretch: Stretch, at_ns: int, end_ns: int) -> Decision:
    match stretch.kind:
        case Kind.RESET:
            return Decision(Fate.RESET, stretch.label)
        case Kind.BLACK_HOLE:
            return Decision(Fate.NEVER, stretch.label)
        case Kind.FORGET:
            return Decision(Fate.FORGET, stretch.label)
        case Kind.STALL:
            return Decision(Fate.HOLD, stretch.label, end_ns)
        case Kind.SLOW:
            later_ns = at_ns + round(stretch.delay_s * SECOND_NS)
            return Decision(Fate.HOLD, stretch.label, later_ns)
    return Decision(Fate.REFUSE, stretch.label)


def script_of(script: dict[str, Any], t0_ns: int) -> Script:
    """A parsed script file, ``{"seed": 1, "pace": {...}, "stretches": [{...}]}``, tied to T0.

    Raises:
        ValueError, TypeError, KeyError: it is not a script.
    """
    rows = [dict(row) for row in script["stretches"]]
    for row in rows:
        row["kind"] = Kind(row["kind"])
        row["steps"] = tuple(row.get("steps", STEPS))
        row["accounts"] = tuple(row.get("accounts", ()))
    pace = dict(script.get("pace", {}))
    pace["decides"] = Decides(pace.get("decides", Decides.ARRIVAL))
    stretches = tuple(Stretch(**row) for row in rows)
    return Script(stretches, t0_ns, int(script.get("seed", 1)), Pace(**pace))

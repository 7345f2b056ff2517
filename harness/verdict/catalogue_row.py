"""One row of the catalogue of codes. Pure data: `harness.verdict.catalogue` has them all."""

from dataclasses import dataclass
from enum import StrEnum

from harness.verdict.types import Severity

NEVER, ALWAYS = "none ever allowed", "always needed"
"""What is required of every run, as the limit in a table."""
_EFFECTS = {
    Severity.FAIL: "Fails the run.",
    Severity.INCONCLUSIVE: "Leaves the run open, unless something else already fails it.",
    Severity.NOTE: "A note: it changes nothing by itself.",
}


class EntryKind(StrEnum):
    """What a code is the name of."""

    INVARIANT = "invariant"
    FINDING = "finding"
    OBJECTIVE = "objective"
    STOP = "stop condition"
    CHECK = "line of a gate"
    EXIT = "exit code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """What there is to know of one code.

    ``title`` is its phrase in every report; of an objective and of a line of a gate it says what
    is asked for, of an invariant ``requires`` does. ``decided``, ``causes`` and ``more`` are
    sentences: how it is decided, usual causes, what to do next. ``advice`` completes the sentence
    "To decide it: …". ``severity`` is the most that it does to a verdict, None for an exit code;
    ``effect`` says it in words where those of the severity are not enough. ``is_money`` holds
    where money is wrong, or may be. ``docs`` names the page that has more.

    What is required of every run has a row in the table of objectives: ``rule`` is its name there,
    ``limit`` its limit, and ``figure`` the part of a finding's evidence that is shown.
    """

    title: str
    decided: str
    causes: str
    more: str
    kind: EntryKind = EntryKind.FINDING
    severity: Severity | None = Severity.FAIL
    effect: str = ""
    advice: str = ""
    docs: str | None = None
    is_money: bool = False
    requires: str = ""
    rule: str = ""
    limit: str = NEVER
    figure: str = ""

    @property
    def weight(self) -> str:
        """What it does to a verdict, in sentences."""
        return self.effect or (_EFFECTS[self.severity] if self.severity else "")

    @property
    def next_step(self) -> str:
        """What to do next, in sentences."""
        return self.more + (f" To decide it: {self.advice}." if self.advice else "")

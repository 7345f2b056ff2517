"""What every code means that this program can write down, or end with.

Pure data. Each entry says what the code means, how it is decided, what usually causes it, and what
to do next.
"""

import difflib

from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.report.explain.borrowing_entries import BORROWING
from harness.report.explain.entry import Entry, EntryKind
from harness.report.explain.evidence_entries import EVIDENCE
from harness.report.explain.exit_entries import CHECKS, EXITS
from harness.report.explain.invariant_entries import INVARIANTS
from harness.report.explain.limit_entries import OBJECTIVES, STOPS

__all__ = ["ENTRIES", "FINDINGS", "Entry", "EntryKind", "find"]

FINDINGS: tuple[Entry, ...] = (*INVARIANTS, *BORROWING, *EVIDENCE)
"""Every code that a finding of a verdict can have."""
ENTRIES: dict[str, Entry] = {
    entry.code: entry for entry in (*FINDINGS, *OBJECTIVES, *STOPS, *CHECKS, *EXITS)
}
"""By code, in the order in which they are listed."""
_WORDS = {
    "recovery": "recovery_seconds_max",
    **dict.fromkeys(("pass", "passed"), str(int(ExitCode.PASS))),
    **dict.fromkeys(("fail", "failed"), str(int(ExitCode.FAIL))),
    "usage": str(int(ExitCode.USAGE)),
    "inconclusive": str(int(ExitCode.INCONCLUSIVE)),
}
"""Words that reports use and that are no codes."""


def find(code: str) -> Entry:
    """The entry of a code, written as anyone might: in capitals, with dashes, or as reports say it.

    Raises:
        UsageError: there is none; the message names those that are near.
    """
    asked = code.strip().lower().replace("-", "_").removeprefix("exit_")
    asked = _WORDS.get(asked, asked)
    if asked in ENTRIES:
        return ENTRIES[asked]
    near = [name for name in ENTRIES if asked and name.startswith(asked)]
    near += [n for n in difflib.get_close_matches(asked, ENTRIES, n=3, cutoff=0.5) if n not in near]
    near += [name for name in ENTRIES if len(asked) > 2 and asked in name and name not in near]  # noqa: PLR2004  # fewer letters are in nearly all
    hint = f"did you mean {' or '.join(near[:3])}?" if near else "no code is like it;"
    raise UsageError(f"no code {code!r}: {hint} `lendchaos explain` lists all")

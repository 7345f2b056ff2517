"""``verdict.json`` of a run directory, read back, and the run that it is of."""

from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_regular
from harness.core.rows import reason_of
from harness.history.manifest import STATUS_FILE, checksum_mismatches, missing_checksums
from harness.history.run_directory import RunDirectory
from harness.verdict.types import Judgement, Severity, Verdict, from_json


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that ended: its directory, what its process ended with, and its verdict.

    ``path`` is None where there is no directory with a verdict, ``verdict`` where it came to none.
    ``why`` is the error that it ended with instead, or empty.
    """

    path: Path | None
    exit_code: int
    verdict: Verdict | None = None
    why: str = ""

    @property
    def failures(self) -> list[str]:
        """Codes of the findings that fail it, in their order."""
        found = self.verdict.findings if self.verdict is not None else []
        return list(dict.fromkeys(f.code for f in found if f.verdict is Severity.FAIL))


def read_verdict(run: RunDirectory) -> Verdict:
    """The stored verdict.

    Raises:
        UsageError: there is none that can be read, or it is of another run; judging the run
            makes one.
        HarnessError: as `require_own`.
    """
    try:
        verdict = from_json(read_regular(run.path / "verdict.json"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _none(run, reason_of(error)) from error
    require_own(run, verdict)
    return verdict


def require_own(run: RunDirectory, verdict: Verdict) -> None:
    """Whether a verdict that lies in a run directory is what its record came to.

    Where only the verdict is left, nothing can be compared.

    Raises:
        UsageError: it is of another run.
        HarnessError: it is a pass, and the record is not the one that was judged: judged again it
            would not pass.
    """
    for name, planned in run.of_plan().items():
        if (said := getattr(verdict, name)) != planned:
            raise _none(run, f"it is of another run: its {name} is {said}, the plan's {planned}")
    left = any((run.path / name).exists() for name in ("plan.json", STATUS_FILE))
    if verdict.verdict is not Judgement.PASS or not left:
        return
    damage: list[str] = []
    status = run.read_status(damage)
    damage += (*checksum_mismatches(run.path, status.seals).values(), *missing_checksums(status))
    if damage:
        raise HarnessError(
            f"{run.path} passed, and its record is damaged since: {damage[0]};"
            " `lendchaos judge` judges it as it is now"
        )


def _none(run: RunDirectory, reason: str) -> UsageError:
    return UsageError(
        f"{run.path} has no readable verdict.json ({reason}): `lendchaos judge` makes one"
    )

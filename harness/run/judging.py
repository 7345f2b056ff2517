"""What a run came to: judged from what is stored, as anyone can again later, and written down."""

from contextlib import suppress

from harness.history.kept_record import KeptRecord
from harness.history.reader import RunReader
from harness.report import write
from harness.verdict.judge import judge
from harness.verdict.types import Verdict


def judged(run: KeptRecord, reader: RunReader) -> tuple[Verdict, str]:
    """The verdict and its page's path; without a path the disk did not take it.

    Half a result is none: `lendchaos judge` can make it of the record later.
    """
    plan = run.read_plan()
    facts = reader.facts(plan)
    verdict = judge(plan, facts)
    try:
        return verdict, str(write(run, plan, facts, verdict))
    except OSError as error:
        run.note(error)
    with suppress(OSError):
        (run.path / "verdict.json").unlink()
    return judge(plan, reader.facts(plan)), ""

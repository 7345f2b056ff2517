"""How a process of ours can end, and the two lines of a gate that are no code of a finding."""

from harness.core.exit_codes import ExitCode
from harness.report.explain.entry import Entry, EntryKind

_EXITS: dict[ExitCode, tuple[str, str, str, str]] = {
    ExitCode.PASS: (
        "Pass: every objective met, every invariant held, all of it with evidence",
        "No finding fails the run or leaves it open. For commands that give no verdict: it worked.",
        "Nothing to do.",
        "Keep the run directory: it can be judged again without running it.",
    ),
    ExitCode.FAIL: (
        "Fail: an objective missed or an invariant broken",
        (
            "At least one finding has the verdict fail; fail beats inconclusive. Where"
            " resilience.yaml says `on_inconclusive: fail`, an open run ends like this, too."
        ),
        "See the findings: each has its code.",
        "`lendchaos explain` with the code of the finding.",
    ),
    ExitCode.USAGE: (
        "Usage: the request makes no sense; the line says what would",
        (
            "Found before anything was started or changed: a wrong option, a scenario that there is"
            " not, a file with mistakes, a target that lacks what the scenario breaks."
        ),
        "A typing error, or a file of another version.",
        "Do what the line says; files are named with line and column.",
    ),
    ExitCode.INCONCLUSIVE: (
        "Inconclusive: the run or its surroundings do not allow a verdict",
        (
            "Nothing failed for sure, and something keeps the run from passing: too little"
            " evidence, a program that is missing, a target that is down, a run that holds the"
            " stack."
        ),
        "See the findings, or the error line.",
        (
            "`lendchaos doctor` says what the machine lacks; `lendchaos explain` with the finding's"
            " code."
        ),
    ),
    ExitCode.SAFETY_STOP: (
        "Stopped for safety: a stop condition tripped, everything was healed at once",
        "More harm was done than the run was allowed to do; the finding `safety_stop` says how.",
        "See the stop condition's own entry.",
        "Look at the target before anything is run again.",
    ),
    ExitCode.INTERNAL: (
        "A bug of ours",
        "Something in this program raised that nobody expected; everything was healed.",
        "A case that was not thought of.",
        "Report the line, with the run directory if there is one.",
    ),
    ExitCode.INTERRUPTED: (
        "Interrupted; everything was healed",
        (
            "Ctrl-C, a signal, a closed terminal or an abort. The verdict is fail if an invariant"
            " broke, else inconclusive."
        ),
        "Somebody ended it, or whoever read its output went away.",
        "Run it again; `lendchaos status` shows what is up.",
    ),
}


def _exit(code: ExitCode) -> Entry:
    meaning, decided, causes, next_step = _EXITS[code]
    weight = "The exit code of the process; of several runs the worst one's."
    return Entry(
        str(int(code)),
        EntryKind.EXIT,
        meaning,
        weight,
        decided,
        causes,
        next_step,
        "docs/commands.md",
    )


EXITS = tuple(_exit(code) for code in ExitCode)

CHECKS = (
    Entry(
        "other_findings",
        EntryKind.CHECK,
        "Nothing else fails the run",
        "Red when a finding fails the run that is neither an objective nor an invariant.",
        "All such findings together are one line of a gate; its message has their codes.",
        "An outage that no fault accounts for, borrowers who are shut out, a safety stop.",
        "`lendchaos explain` with the code in the message.",
        "docs/objectives.md",
    ),
    Entry(
        "evidence",
        EntryKind.CHECK,
        "There is evidence enough for a verdict",
        "An error, not a failure, when a finding leaves the run open.",
        "All such findings together are one line of a gate; its message has their codes.",
        "A load that was not sent on time, a baseline that is not steady, a ledger not read.",
        "`lendchaos explain` with the code in the message.",
        "docs/objectives.md",
    ),
)

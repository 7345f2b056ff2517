"""Findings about the evidence itself. They leave a run open: nothing passes without evidence."""

from harness.report import words
from harness.report.explain.entry import Entry, EntryKind

_OPEN = "Leaves the run open, unless something else already fails it."


def _finding(
    code: str,
    *,
    decided: str,
    causes: str,
    next_step: str,
    weight: str = _OPEN,
    docs: str | None = None,
) -> Entry:
    meaning = words.finding(code)
    return Entry(code, EntryKind.FINDING, meaning, weight, decided, causes, next_step, docs)


EVIDENCE = (
    _finding(
        "safety_stop",
        weight="Fails the run, with exit code 4; if the watch itself failed, it leaves it open.",
        decided="A stop condition tripped while the load lasted; everything was healed at once and"
        " the load ended. The message says which, when and by how much.",
        causes="More harm than the scenario accepts by plan, or a loan that was paid out twice.",
        next_step="`lendchaos explain` with the condition's name; do not raise the limit before you"
        " know what failed.",
        docs="docs/safety.md",
    ),
    _finding(
        "interrupted",
        decided="Somebody ended the run early; what had been planned for later never came.",
        causes="Ctrl-C, a signal, a closed terminal, an abort by hand, a load process that died.",
        next_step="Run it again. Everything was healed; `lendchaos heal` shows that it is.",
        docs="docs/healing.md",
    ),
    _finding(
        "no_evidence",
        decided="No borrow request was measured after the baseline.",
        causes="The load ended too soon, or never began.",
        next_step="See the run's other findings, and conductor.log in its directory.",
    ),
    _finding(
        "load_unfaithful",
        decided="Planned arrivals were never started, one in a hundred was sent more than 100 ms"
        " late (less, where a limit on latency is tight), a load process did not run for a while,"
        " or it says that it failed. What is missed without all that fails the run nevertheless.",
        causes="The machine was paused, or is too slow for target, database and load together;"
        " something else runs beside; the rate is too high for one process.",
        next_step="Lower --rate, spread the load with --processes, or free the machine.",
    ),
    _finding(
        "evidence_damaged",
        decided="A file of the run directory is cut, missing, changed or added since the run ended"
        " (sizes and SHA-256 were noted then), is of another run, or cannot be read; or those notes"
        " are missing.",
        causes="A full disk, an interrupted copy, an editor, two runs copied into one folder.",
        next_step="The message names the file. Take the directory from where it is whole; a run"
        " without it never passes.",
        docs="docs/objectives.md",
    ),
    _finding(
        "baseline_not_steady",
        decided="In the baseline too many requests failed, too few were over, the two halves"
        " disagree, or not all of the load was started.",
        causes="The target was still warming up or is not well; the baseline is too short for the"
        " rate (it takes 221 requests where 0.1 % fail, and 348 where 0.5 % do).",
        next_step="A longer --warm-up or --baseline, or a higher --rate, unless evidence.more_helps"
        " is false; `baseline` alone shows whether the target is well.",
        docs="docs/measurement.md",
    ),
    _finding(
        "fault_did_not_bite",
        decided="Of three proofs one is missing: the fault was read back from where it was set, a"
        " canary felt it, and, where it is expected, borrowers noticed. Or it ended more than half"
        " a second and more than a tenth of its length before its plan, by nobody's order.",
        causes="The target does not use what was broken; a short fault at a low rate; a copy"
        " elsewhere that serves meanwhile. That may be good news: say so with"
        " expects_impact=False. An early end: somebody else changed Toxiproxy, woke a process or"
        " ended a session of ours.",
        next_step="evidence.injected says whether it began, evidence.missing which proof;"
        " docs/faults.md has them for every fault.",
        docs="docs/faults.md",
    ),
    _finding(
        "not_healed",
        decided="A fault was injected, and no canary through what was broken showed it gone.",
        causes="Something else is broken besides; a process did not come back; a control API"
        " hangs.",
        next_step="`lendchaos heal`, as often as you like; it says what is still wrong.",
        docs="docs/healing.md",
    ),
    _finding(
        "unclean_recovery",
        decided="After everything was healed, PostgreSQL still has waiting locks, sessions or"
        " transactions left open, invalid indexes, or replication that is behind.",
        causes="A migration that was cancelled half way; a client that died inside a transaction.",
        next_step="evidence.found lists it. It would be part of the next run: remove it, or take"
        " the stack down and up.",
        docs="docs/healing.md",
    ),
    _finding(
        "healed_otherwise",
        weight="A note: it changes nothing by itself.",
        decided="A fault was healed by somebody else than the run's conductor, or not at its first"
        " try. Its true instant counts.",
        causes="The conductor died or hung; a heal by hand; a control API that did not answer.",
        next_step="Nothing, if it was you. Else see conductor.log and guardian.log of the run.",
        docs="docs/healing.md",
    ),
    _finding(
        "foreign_change",
        decided="During the run the stack's own Toxiproxy had a toxic, a proxy or a switched-off"
        " link that is not of this run, or was stopped, or somebody else's session held a lock in"
        " the stack's own database that the service waited for. What borrowers saw then was not"
        " the target's doing.",
        causes="A toxic set by hand, or by another tool, on the same control interface; a psql left"
        " open in a transaction, or a dump.",
        next_step="A change at Toxiproxy was put right at the end of the run, with a remark; end"
        " the session by its process id. To measure what you break by hand, run the scenario named"
        " watch.",
        docs="docs/faults.md",
    ),
    _finding(
        "ended_early",
        weight="A note: it changes nothing by itself.",
        decided="A fault ended more than half a second and more than a tenth of its length before"
        " its plan, and that was due: its own work was done, or the target started again what was"
        " killed. Its true end counts.",
        causes="A time-out of the database's own ended the transaction that a migration waited for;"
        " a process was started again before its time.",
        next_step="Nothing, if that is how your target protects itself.",
        docs="docs/faults.md",
    ),
    _finding(
        "lock_held",
        weight="A note: it changes nothing by itself.",
        decided="A migration was healed while a session of somebody else held a lock on its table."
        " The ALTER was cancelled after half a second, so that borrowers do not wait for it.",
        causes="A psql left open in a transaction; a dump; a report that runs for long.",
        next_step="Look for the session by its process id in pg_stat_activity, and end it.",
        docs="docs/healing.md",
    ),
    _finding(
        "ledger_unread",
        decided="The target's ledger could not be read after the load, or never came to rest; so"
        " nothing is known of lost or duplicated loans.",
        causes="The target is still down; the audit call is refused (token); transactions that"
        " never end.",
        next_step="Try the audit call by hand (docs/contract.md). A target that has not recovered"
        " needs a longer --recovery.",
        docs="docs/contract.md",
    ),
    _finding(
        "ledger_incomplete",
        decided="The listing ended early; or lacks loans that the target knows by key; or the"
        " target gave no clear answer about a key that is not in it, or about any that is; or,"
        " asked for one key, it shows loans of others, or otherwise than listed; or the listing"
        " has rows that are alike, so that one row for each payment can't be told from a listing"
        " that repeats itself; or the tables say otherwise.",
        causes="Paging that skips rows while others are written, or of the same instant; a read"
        " replica that is behind; a listing that joins payments; a service that ignores the filter"
        " idempotency_key.",
        next_step="Compare keys in the finding's evidence with the audit call, and with GET"
        " /v1/loans?idempotency_key=...",
        docs="docs/money.md",
    ),
    _finding(
        "ledger_sampled",
        weight="A note: it changes nothing by itself.",
        decided="Only a random sample of requests was asked for by key: of those that are listed"
        " (up to 200, for a second loan that the listing lacks), or of those without a granted loan"
        " that are not (up to 2,000). The message says how many of the others may have a loan that"
        " nobody showed.",
        causes="More requests than are asked for: nearly every run. Many that failed or were"
        " declined, as under a long outage.",
        next_step="Nothing, if the bound is low enough for you. Else a lower --rate leaves fewer"
        " keys to ask for.",
        docs="docs/money.md",
    ),
    _finding(
        "internal_check_error",
        decided="A check of this program raised; the others were made.",
        causes="A bug of ours.",
        next_step="Keep the run directory and report it with the message; `lendchaos judge RUN`"
        " repeats it.",
    ),
)

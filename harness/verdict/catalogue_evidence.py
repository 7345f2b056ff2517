"""Findings that leave a run open, the worst first, and findings that change nothing."""

from functools import partial

from harness.verdict.catalogue_row import ALWAYS, CatalogueRow
from harness.verdict.types import Severity

_open = partial(CatalogueRow, severity=Severity.INCONCLUSIVE, limit=ALWAYS)
_note = partial(CatalogueRow, severity=Severity.NOTE)

EVIDENCE = {
    "interrupted": _open(
        title="The run was interrupted",
        rule="A run to its planned end",
        decided="The run was ended early; what was planned for later never came.",
        causes="Ctrl-C, a signal, a closed terminal, an abort by hand, a load process that died.",
        more="Everything was healed; `lendchaos heal` shows that it is.",
        advice="run it again, to its end",
        docs="docs/healing.md",
    ),
    "no_evidence": _open(
        title="There is too little to judge",
        rule="Borrow requests after the baseline",
        decided="No borrow request was measured after the baseline.",
        causes="The load ended too soon, or never began.",
        more="See the run's other findings.",
        advice="run it again; conductor.log says what ended the load",
    ),
    "evidence_damaged": _open(
        title="The stored run is damaged or not complete",
        rule="A record without damage",
        decided="A file of the run directory is cut, missing, changed or added since the run ended"
        " (sizes and SHA-256 were noted then), is of another run, or cannot be read; or those notes"
        " are missing.",
        causes="A full disk, an interrupted copy, an editor, two runs copied into one folder.",
        more="The message names the file. A run without it never passes.",
        advice="judge an undamaged copy of the run, or run it again",
        docs="docs/objectives.md",
    ),
    "ledger_unread": _open(
        title="The ledger could not be read",
        rule="A ledger that can be read",
        decided="The target's ledger could not be read after the load, or never came to rest."
        " Whether loans were lost or duplicated is not known.",
        causes="The target is still down; the audit call is refused; transactions never end.",
        more="Try the audit call by hand. A target that is still down needs a longer --recovery.",
        advice="make the ledger readable and run it again",
        docs="docs/contract.md",
    ),
    "ledger_incomplete": _open(
        title="The ledger listing is not complete",
        rule="A complete listing of the ledger",
        decided="The listing ended early, lacks loans that the target knows by key, has the same"
        " row twice, or differs from the tables; or the target, asked by key, gave no clear answer,"
        " showed loans of other keys, or showed a loan differently from the listing; or the"
        " accounts of the run are not known.",
        causes="Paging that skips rows; a replica that is behind; a filter that is ignored.",
        more="Compare the keys in the evidence with the audit call and with the answers by key.",
        advice="make the ledger list every loan and run it again",
        docs="docs/money.md",
    ),
    "load_unfaithful": _open(
        title="The load was not sent as planned",
        rule="A load that is sent as planned",
        decided="Planned arrivals never started, or one in a hundred was sent more than 100 ms late"
        " (less, where a limit on latency is tight); or a load process did not run for a while,"
        " lacked ports, files or memory, or reported a failure. What is missed without all that"
        " fails the run nevertheless. Or a step of the scenario raised, returned no Classification"
        " or asked for another amount than planned: that ends the run, and the message names the"
        " place.",
        causes="The machine was paused, is busy or too slow; the rate is too high for one process;"
        " a mistake in the scenario file.",
        more="--processes spreads the load. `lendchaos try FILE` shows one journey of a scenario.",
        advice="lower the rate or free the machine, and run it again",
        docs="docs/objectives.md",
    ),
    "baseline_not_steady": _open(
        title="Borrowing was not normal in the baseline",
        rule="A steady baseline, long enough",
        decided="In the baseline too many requests failed, too few were over, its halves disagree,"
        " not all of the load was started, or it was shorter than was asked.",
        causes="The target is still warming up, or not well; the baseline is short for the rate.",
        more="A bound of 2.5 % takes 221 requests where 0.1 % fail, 348 where 0.5 % fail. More of"
        " them help only where evidence.more_helps is true.",
        advice="raise the rate, or lengthen warm-up and baseline",
        docs="docs/measurement.md",
    ),
    "fault_did_not_bite": _open(
        title="Nothing shows that the fault took effect",
        rule="Proof that each fault took effect",
        decided="One of three proofs is missing: the fault was read back from where it was set, a"
        " canary met it, and, where it is expected, borrowers noticed. Or the fault ended more than"
        " half a second and a tenth of its length before its plan, by no order of the run; or it"
        " began more than a second and a quarter of its length after its plan.",
        causes="The target does not use what was broken; a short fault at a low rate; a copy serves"
        " meanwhile (good news: say so with expects_impact=False); another program ended it.",
        more="evidence.injected says whether it began, evidence.missing which proof is missing.",
        advice="lengthen the fault, or check that the target uses what it acts on",
        docs="docs/faults.md",
    ),
    "not_healed": _open(
        title="A fault could not be undone",
        rule="Proof that each fault is healed",
        decided="A fault was injected, and no canary through what was broken showed it gone.",
        causes="Something else is broken, too; a process did not come back; a control API hangs.",
        more="`lendchaos heal` may be repeated; it says what is still wrong.",
        advice="heal it with `lendchaos heal` and run it again",
        docs="docs/healing.md",
    ),
    "foreign_change": _open(
        title="Something else changed the stack during the run",
        rule="No one else changes the stack",
        effect="Leaves the run open, unless something else already fails it. It is a note in a run"
        " that waits for such a change, as the scenario named watch does.",
        decided="During the run the stack's own Toxiproxy had a toxic, a proxy or a switched-off"
        " link that is not of this run, or was stopped; or a session of another client held a lock"
        " in the stack's own database that the service waited for.",
        causes="A toxic set by hand or by another tool; a psql left open in a transaction; a dump.",
        more="What changed at Toxiproxy was undone after the run; end a session by its process id.",
        advice="keep others off the stack and run it again",
        docs="docs/faults.md",
    ),
    "unclean_recovery": _open(
        title="Something was left behind after the fault",
        rule="Nothing left behind by a fault",
        decided="After everything was healed, something of a fault was left; or PostgreSQL still"
        " has waiting locks, sessions or transactions left open, invalid indexes, or replication"
        " that is behind.",
        causes="A migration that was cancelled half way; a client that died inside a transaction.",
        more="The message lists it. It would be part of the next run; a new stack has none of it.",
        advice="remove what was left behind and run it again",
        docs="docs/healing.md",
    ),
    "internal_check_error": _open(
        title="Internal error in lendchaos: please report it",
        rule="Checks that run without an error",
        decided="A check of lendchaos raised an exception; the other checks were made.",
        causes="A bug in lendchaos.",
        more="Keep the run directory; `lendchaos judge RUN` repeats the error.",
        advice="report it, it is a bug in lendchaos",
    ),
    "objective_undecided": _open(
        title="There is too little evidence to decide an objective",
        rule="Evidence that decides each objective",
        decided="The interval of what was observed lies on both sides of the limit, or it could not"
        " be measured; the message has the reason.",
        causes="Too few requests: a short phase, a low rate. Or no fault that it could be about.",
        more="A higher --rate or a longer --baseline and --recovery narrow the interval, unless"
        " evidence.more_helps is false. Where evidence.recoveries is 0, inject a fault; where"
        " evidence.faults_too_close is true, leave more time between the faults.",
        docs="docs/objectives.md",
    ),
}

NOTES = {
    "slow": _note(
        title="Answers came late",
        decided="A stretch in which 5 % of the answers or more (more, where a share of them is"
        " always late) took the target over 0.1 s and over one and a half times the baseline's 95th"
        " percentile. What the load itself added does not count, nor do requests that failed.",
        causes="Queues behind a slow dependency; cold caches; a query plan that changed.",
        more="Set `latency_ms_p99_max` or `slow_episodes_max` to make it count.",
        docs="docs/measurement.md",
    ),
    "attributed_to_fault": _note(
        title="Another fault explains a late recovery",
        decided="Borrowing stayed impaired after a heal for longer than recovery may take, while"
        " another fault explains it: by its nature it leaves no borrower served, or alone it made"
        " about as many requests fail, or its heal visibly changed how many did.",
        causes="Faults that overlap.",
        more="Run the faults one after the other to see the recovery from each.",
        docs="docs/faults.md",
    ),
    "failures_in_a_row": _note(
        title="A few requests in a row failed, too few to call it an outage",
        decided="Two, three or four borrow requests in a row failed, which a run of this length"
        " with this share of failures hardly shows by chance. From five on it is an outage.",
        causes="An outage too short for this rate to show; two or three failures with one cause.",
        more="A higher --rate shows shorter outages; the report says how short.",
        docs="docs/measurement.md",
    ),
    "grey_failure": _note(
        title="Health checks stayed green while borrowing failed",
        decided="The health address answered green for more than 1.5 s while borrowing was down or"
        " degraded. Faults on the edge link and the time to recover from them do not count: health"
        " is asked around that link.",
        causes="The health check does not ask the database, or answers from a cache.",
        more="Ask in readiness what borrowing needs. `grey_failure_seconds_max` makes it count.",
    ),
    "herd": _note(
        title="The load came back all at once after the heal",
        decided="In the ten seconds after the last heal, one second had three times as many"
        " requests as a usual one, more than chance explains.",
        causes="Clients retry without jitter, or wait for the same moment.",
        more="Give retries a random, growing pause. `--retries` is how often borrowers ask again.",
    ),
    "decision_drift": _note(
        title="The mix of approvals and declines moved away from the baseline",
        decided="Among answered requests the share of a kind of decision moved from the baseline by"
        " more than chance explains (p below 0.001, all kinds together).",
        causes="A risk source was unavailable and a default stood in; scores are out of date.",
        more="See which source decides the kind that moved. `decision_shift_share_max` makes it"
        " count.",
    ),
    "healed_otherwise": _note(
        title="A fault was healed by another process, or not at the first try",
        decided="A fault was healed by another process than the run's conductor, or not at its"
        " first try. Its true instant counts.",
        causes="The conductor died or hung; a heal by hand; a control API that did not answer.",
        more="Nothing, if it was you. Else see conductor.log and guardian.log of the run.",
        docs="docs/healing.md",
    ),
    "ended_early": _note(
        title="A fault was over before its plan, as it may be",
        decided="A fault ended more than half a second and a tenth of its length before its plan,"
        " and that was due: its own work was done, or the target started again what was killed. Its"
        " true end counts.",
        causes="The database ended a transaction by a time-out; a process was started again.",
        more="Nothing, if that is how your target protects itself.",
        docs="docs/faults.md",
    ),
    "lock_held": _note(
        title="Another session held a lock during a heal",
        decided="A migration was healed while a session of another client held a lock on its table."
        " The ALTER was cancelled after half a second, so that borrowers do not wait for it.",
        causes="A psql left open in a transaction; a dump; a report that runs for long.",
        more="Find the session by its process id in pg_stat_activity, and end it.",
        docs="docs/healing.md",
    ),
    "ledger_sampled": _note(
        title="Not every request was asked for by key",
        decided="Only a random sample of requests was asked for by key: up to 200 of those that are"
        " listed, up to 2,000 of those without a granted loan that are not. The message bounds how"
        " many of the others may have a loan that nothing shows.",
        causes="More requests than are asked for: nearly every run.",
        more="Nothing, if the bound is low enough for you. A lower --rate leaves fewer keys.",
        docs="docs/money.md",
    ),
    "remark": _note(
        title="A remark",
        decided="The run itself had something to say: a planted defect is on, a class of borrowers"
        " was left out, it was judged by another file.",
        causes="The text says it.",
        more="Read it before you compare this run with another.",
    ),
}

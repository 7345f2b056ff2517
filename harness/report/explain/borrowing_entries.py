"""Findings of what borrowers met: impairments, missed objectives, patterns, remarks."""

from harness.report import words
from harness.report.explain.entry import Entry, EntryKind

_NOTE = "A note: it changes nothing by itself."


def _finding(
    code: str, *, weight: str, decided: str, causes: str, next_step: str, docs: str | None = None
) -> Entry:
    meaning = words.finding(code)
    return Entry(code, EntryKind.FINDING, meaning, weight, decided, causes, next_step, docs)


_SPOILT = (
    " Where something of ours failed (the run was cut short, a load process was paused or died, a"
    " fault outlasted its plan) it leaves the run open, unless it would be so without that, too."
)
_EPISODE = (
    "A note where a fault of ours may account for it (it began between the injection and the end of"
    " the time allowed to recover) or an objective allows it; else it fails the run." + _SPOILT
)

BORROWING = (
    _finding(
        "outage",
        weight=_EPISODE,
        decided="A stretch in which at least 95 % of the borrow requests failed and surely more"
        " than 78 %, or all of them, five or more. Found from the answers alone, whoever caused it;"
        " what counts is when a request met the service, not when it was due.",
        causes="What the run broke; without that, a deployment, a restart, a lock, an overloaded"
        " machine, an expired certificate.",
        next_step="Compare onset and end in the report with the faults and with the target's own"
        " logs of that minute.",
        docs="docs/measurement.md",
    ),
    _finding(
        "degraded",
        weight=_EPISODE,
        decided="A stretch in which clearly more requests failed than in the baseline and outside"
        " all stretches (from some 3 % on), and fewer than in an outage.",
        causes="One of several replicas is down or hangs; a pool that is too small; a retry that"
        " only some requests survive.",
        next_step="See in the report whether it hit everybody a little, or some again and again.",
        docs="docs/measurement.md",
    ),
    _finding(
        "slow",
        weight=_NOTE + " `slow_episodes_max` makes it count.",
        decided="A stretch in which 5 % or more of the answers took the target much longer than in"
        " the baseline, and at least 0.1 s; more, where a share of them is late all the time. What"
        " the load itself added to a wait does not count. Requests that failed are no answers, but"
        " those that an outage held up and answered late are.",
        causes="Queues behind a slow dependency; cold caches after a restart; a plan of the"
        " database that changed with a migration.",
        next_step="Set `latency_ms_p99_max` or `slow_episodes_max` if it must not be.",
        docs="docs/measurement.md",
    ),
    _finding(
        "not_recovered",
        weight="Fails the run when borrowing was surely impaired for longer than recovery may take"
        " (10 s where no limit is set), after its heal or, without a fault, after its onset; leaves"
        " it open when that is not known." + _SPOILT,
        decided="Borrowing was still impaired when the load ended or the next fault came, or came"
        " back too late to show that it lasts; or the very last requests failed, which chance"
        " hardly explains; or a step before it (log-in, credit line) fails where it did not"
        " before. No number of allowed stretches tolerates it. It is open, too, when it stayed"
        " impaired for too long after a heal with other faults in place, and nothing shows that one"
        " of them is the cause.",
        causes="Connections of a pool that died with the fault are never replaced; a breaker that"
        " does not close; clients that all retry at once. Open: `--recovery` is too short, or two"
        " faults follow each other too soon.",
        next_step="Run it with a longer --recovery to see whether it ever recovers; then look at"
        " pools, breakers and back-off of the service.",
        docs="docs/measurement.md",
    ),
    _finding(
        "attributed_to_fault",
        weight=_NOTE,
        decided="Borrowing stayed impaired after a heal for longer than recovery may take, while"
        " another fault was in place that explains it: by its nature it leaves nobody served, or"
        " alone it made about as many requests fail, or the heal visibly changed how many did.",
        causes="Faults that overlap.",
        next_step="Run the faults one after the other to see the recovery from each.",
        docs="docs/faults.md",
    ),
    _finding(
        "objective_missed",
        weight="Fails the run." + _SPOILT,
        decided="A limit was set, and what was observed is over it by the rule for its kind: with"
        " its 95 % interval where it is an estimate. The message has value, interval and limit.",
        causes="The target is not as good as was asked; or the limit is tighter than what this"
        " machine can show.",
        next_step="`lendchaos explain` with the objective's own name says how that one is measured;"
        " `lendchaos judge RUN --objectives FILE` judges the same run by other limits.",
        docs="docs/objectives.md",
    ),
    _finding(
        "objective_undecided",
        weight="Leaves the run open.",
        decided="The interval of what was observed lies on both sides of the limit, or it could not"
        " be measured at all; the message has the reason.",
        causes="Too few requests: a short phase, or a low rate. Or the scenario breaks nothing that"
        " the objective could be about.",
        next_step="A higher --rate or longer --baseline and --recovery narrow the interval, unless"
        " evidence.more_helps is false. Where evidence.recoveries is 0, inject a fault.",
        docs="docs/objectives.md",
    ),
    _finding(
        "failures_in_a_row",
        weight=_NOTE,
        decided="Two, three or four borrow requests in a row failed, without a success between"
        " them, which a run of this length with this share of failures hardly shows by chance. From"
        " five on it would be an outage.",
        causes="An outage too short for this rate to show; or two or three failures that had one"
        " cause.",
        next_step="A higher --rate shows shorter outages; the report says how short.",
        docs="docs/measurement.md",
    ),
    _finding(
        "borrowers_shut_out",
        weight="Fails the run if it lasts beyond the faults, else a note.",
        decided="Failures come back to the same borrowers far more often than chance allows while"
        " others are served (p below 0.001, each failure compared with its neighbours in time).",
        causes="A migration left some accounts unable to log in; sessions or caches pinned to a"
        " replica that is gone; a shard that is down.",
        next_step="evidence.examples names borrowers: find what they have in common.",
    ),
    _finding(
        "grey_failure",
        weight=_NOTE + " `grey_failure_seconds_max` makes it count.",
        decided="The health address answered green for more than 1.5 s while borrowing was down or"
        " degraded.",
        causes="The health check does not ask the database, or answers from a cache.",
        next_step="Let readiness depend on what borrowing needs, with a deadline of its own.",
    ),
    _finding(
        "herd",
        weight=_NOTE,
        decided="In the ten seconds after the heal one second had three times as many requests as a"
        " usual one, more than chance explains.",
        causes="Clients retry without jitter, or wait for the same moment.",
        next_step="Give retries a random, growing pause. `--retries` sets how often our own"
        " borrowers ask again.",
    ),
    _finding(
        "decision_drift",
        weight=_NOTE + " `decision_shift_share_max` makes it count.",
        decided="Among answered requests the share of a kind of decision moved from the baseline by"
        " more than chance explains (p below 0.001, all kinds together).",
        causes="A risk source was unavailable and a default stood in; scores were read from another"
        " place, or are out of date.",
        next_step="See which kind moved, and when; then which source decides it.",
    ),
    _finding(
        "remark",
        weight=_NOTE,
        decided="The run itself had something to say: a planted defect is on, a class of borrowers"
        " was left out, it was judged by another file.",
        causes="Whatever the text says.",
        next_step="Read it before comparing this run with another.",
    ),
)

"""Findings that fail a run, the worst first: invariants, and what borrowers met."""

from functools import partial

from harness.verdict.catalogue_row import ALWAYS, CatalogueRow, EntryKind

_KEY = "Look up one key (evidence.examples names some)"
_INVALIDATED_BY = (
    " Where lendchaos itself may be the cause (the run was cut short, a load process paused or"
    " died, a fault outlasted its plan) it leaves the run open, unless it would be so even then."
)
_EPISODE = (
    "Fails the run. It is a note where an objective allows it, or where it began between the"
    " injection of a fault that borrowers may notice and the end of the time allowed to recover."
    + _INVALIDATED_BY
)

_invariant = partial(
    CatalogueRow,
    kind=EntryKind.INVARIANT,
    effect="One is enough to fail the run, also one that was cut short. It has no limit to set.",
    figure="count",
    docs="docs/objectives.md",
)
_loan = partial(_invariant, docs="docs/money.md", is_money=True)
_finding = partial(CatalogueRow, docs="docs/measurement.md")

OF_LOANS = {
    "lost": _loan(
        title="Loans that borrowers were told they had are missing from the ledger",
        requires="No loan that was acknowledged to a borrower is missing from the ledger",
        rule="Loans missing from the ledger",
        decided="A loan was acknowledged, the ledger's listing lacks it once it has come to rest,"
        " and the target does not know it when asked for its key.",
        causes="An answer before the commit, and a crash in between; a standby that was behind.",
        more=f"{_KEY}: the run's events have the answer, the service's log the transaction.",
    ),
    "duplicated": _loan(
        title="A borrower asked once and was lent money more than once",
        requires="No one is lent money twice for one request",
        rule="Loans paid out more than once",
        decided="One key has more than one loan in the ledger, or a loan that was paid out twice.",
        causes="A retry meets a replica without the key; a payout is repeated after a crash.",
        more=f"{_KEY}. A unique constraint on account and key stops a second loan.",
    ),
    "phantom": _loan(
        title="Money was lent or reserved although the borrower was refused",
        requires="No money is lent to, or reserved for, a borrower who was refused",
        rule="Loans paid out or reserved though refused",
        decided="A request that was refused, declined or never sent was paid out, or is reserved"
        " (status under_review or approved). docs/money.md has the whole table.",
        causes="A failure after the commit is answered as a refusal; a later step pays out anyway.",
        more=f"{_KEY}. Where the service does not know the outcome, it answers 5xx without"
        " `outcome: not_applied`.",
    ),
    "corrupt": _loan(
        title="A loan was booked with other data than requested or confirmed",
        requires="Every loan is as it was asked for and told",
        rule="Loans not as asked for or told",
        decided="A loan has another amount, account, loan id or status than was asked for and"
        " answered, or its loan id stands under two keys. docs/money.md has the whole table.",
        causes="Rounding; yuan for fen; a variable that two requests share; a silent cancellation.",
        more=f"{_KEY} and compare the loan with its request.",
    ),
    "orphan": _loan(
        title="The ledger holds loans that no request asked for",
        requires="The ledger holds no loan that no one asked for",
        rule="Loans that no one asked for",
        decided="A loan is on an account of this run under a key that the run did not use. It is"
        " not judged where the run's own record is damaged.",
        causes="The service makes keys of its own for a retry; another client uses the accounts.",
        more=f"{_KEY} and compare it with arrivals.jsonl of the run.",
    ),
    "unbalanced": _loan(
        title="A loan's ledger balance differs from its principal",
        requires="Every loan's ledger balance agrees with its principal",
        rule="Loans with a wrong balance",
        decided="The balance of a loan that was paid out differs from its principal, or a loan that"
        " was not paid out has a balance. No run repays a loan.",
        causes="A payout is booked on one side only, or in two transactions of which one failed.",
        more=f"{_KEY} and add up its entries. A constraint that they sum to zero stops this.",
    ),
}
"""What can be wrong with a loan; `Reconciliation` counts each."""

OF_ANSWERS = {
    "invariant_violated": _invariant(
        title="The target reports that one of its own rules is broken",
        requires="The target keeps its own rules, and no one is lent to who must not be",
        rule="Violations of the rules of lending",
        figure="",
        is_money=True,
        decided="The target's own audit names a violation; or a borrower who must be declined was"
        " lent, reserved or promised a loan; or a borrower got more than their credit limit.",
        causes="Risk data that could not be read counts for the borrower; a limit without a lock.",
        more="The message says which of the three it is. When in doubt a service refuses for now.",
    ),
    "false_decline": _invariant(
        title="A borrower who was entitled to a loan was refused",
        requires="No one is refused who is entitled to a loan",
        rule="Entitled borrowers refused",
        decided="A borrower who is entitled to a loan, or to log in, was declined, or answered 401,"
        " 403, 404, 410, 423 or 451. A 401 to a session that had ended rightly is none, nor is a"
        " decline near the limit if another request of the borrower may have taken it.",
        causes="An outage told as a business decision; sessions lost with a replica; a migration.",
        more="evidence.kinds counts step, status and code. A failure is answered 503, no decline.",
    ),
    "invalid_answer": _invariant(
        title="Successful answers broke the agreed format",
        requires="Every successful answer keeps to the agreed format",
        rule="Answers that break the contract",
        decided="A successful answer (2xx) lacks a field of the contract or has one of the wrong"
        " kind; or a credit line is impossible: more than was registered, or below 0.",
        causes="An error body with status 200; a proxy or cache that answers; half an answer.",
        more="evidence.kinds names step, status and code; docs/contract.md has the contract.",
    ),
    "replay_unstable": _invariant(
        title="Repeating a request gave a different answer",
        requires="Asking again under the same key names the same loan",
        rule="Repeated requests with another outcome",
        docs="docs/money.md",
        is_money=True,
        decided="A borrow that was repeated under its key was granted as another loan than before,"
        " or got another decision (201, 202, a decline).",
        causes="The answer is made anew; the key is scoped to a replica or a session.",
        more=f"{_KEY}. If the ledger has both loans, `duplicated` is found, too.",
    ),
}
"""The other invariants."""

OF_RUNS = {
    "safety_stop": _finding(
        title="The run was stopped by its safety condition",
        rule="Stops for safety",
        effect="Fails the run, with exit code 4. With the same exit code it leaves the run open"
        " where the watch itself failed, or lendchaos may have caused the failures that count.",
        decided="A stop condition tripped while the load lasted; everything was healed at once and"
        " the load ended. The message says which condition, when and by how much.",
        causes="More harm than the scenario accepts by plan; a loan that was paid out twice.",
        more="`lendchaos explain` with its name. Find out what failed before you raise the limit.",
        docs="docs/safety.md",
    ),
    "outage": _finding(
        title="Borrowing was down",
        rule="Failed requests in outages that no fault accounts for",
        figure="failed",
        effect=_EPISODE,
        decided="A stretch in which at least 95 % of the borrow requests failed and surely more"
        " than 78 %, or all of them, five or more. It is found from the answers alone.",
        causes="A fault. Without one: a deployment, a restart, a lock, an overload, a certificate.",
        more="Compare onset and end with the faults and with the target's logs of that minute.",
    ),
    "degraded": _finding(
        title="Some borrowers could not borrow",
        rule="Failed requests in degraded stretches without a fault",
        figure="failed",
        effect=_EPISODE,
        decided="A stretch in which clearly more requests failed than in the baseline and outside"
        " all stretches (from some 3 % on), and fewer than in an outage. Also log-ins, or reads of"
        " the credit line, of which over 5 % fail, more than at other times, before any heal.",
        causes="One of several replicas is down; a pool is too small; only some retries succeed.",
        more="See in the report whether it hit everybody a little, or some again and again.",
    ),
    "objective_missed": _finding(
        title="An objective was missed",
        rule="Objectives of the scenario",
        limit="the limit of each",
        effect="Fails the run." + _INVALIDATED_BY,
        decided="What was observed is over the limit by the rule for its kind: with its 95 %"
        " interval where it is an estimate. The message has value, interval and limit.",
        causes="The target is worse than was asked; the limit is too tight for this machine.",
        more="`lendchaos explain` with the objective's name says how it is measured;"
        " `lendchaos judge RUN --objectives FILE` judges the same run by other limits.",
        docs="docs/objectives.md",
    ),
    "not_recovered": _finding(
        title="Borrowing was not seen to recover",
        rule="Borrowing is seen to recover",
        limit=ALWAYS,
        effect="Fails the run when borrowing was surely impaired for longer than recovery may take"
        " (10 s where no limit is set), after the heal or, without a fault, after its onset. Leaves"
        " it open when that is not known." + _INVALIDATED_BY,
        decided="Borrowing was still impaired when the load ended or the next fault came, or came"
        " back too late to show that it lasts; or the very last requests failed, which chance"
        " hardly explains; or log-ins, or reads of the credit line, fail after a heal and did not"
        " before. It is open, too, when borrowing stayed impaired after a heal with other faults in"
        " place that nothing shows to be the cause. No number of allowed stretches tolerates it.",
        causes="Dead connections stay in a pool; a breaker does not close; all retry at once.",
        more="See whether it ever recovers; then look at pools, breakers and back-off.",
        advice="lengthen the recovery phase or raise the rate",
    ),
    "borrowers_shut_out": _finding(
        title="Some borrowers fail every time, the others hardly at all",
        rule="Borrowers shut out for good",
        effect="Fails the run if it lasts beyond the faults, else a note." + _INVALIDATED_BY,
        decided="Failures come back to the same borrowers far more often than chance allows (p"
        " below 0.001), while others are served. Neighbours in time are compared.",
        causes="A migration left accounts unable to log in; sessions pinned to a lost replica.",
        more="evidence.examples has their places in plan.json: find what they have in common.",
    ),
}
"""What else fails a run."""

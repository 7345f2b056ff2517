"""What holds always, with zero tolerance: one of these fails a run, an interrupted one too."""

from harness.core.codes import LOANS
from harness.report import words
from harness.report.explain.entry import Entry, EntryKind

_WEIGHT = "One is enough to fail the run, also one that was cut short. It has no limit to set."
_KEYS = "evidence.examples of the finding names idempotency keys"


def _invariant(code: str, *, decided: str, causes: str, next_step: str) -> Entry:
    return Entry(
        code,
        EntryKind.INVARIANT,
        words.finding(code),
        _WEIGHT,
        decided,
        causes,
        next_step,
        "docs/money.md" if code in (*LOANS, "replay_unstable") else "docs/objectives.md",
    )


INVARIANTS = (
    _invariant(
        "lost",
        decided="After the load the target's ledger is read around the proxies and compared, key by"
        " key, with what borrowers were told. A loan that was acknowledged, is not in the listing"
        " once the ledger has come to rest, and is not known to the target when it is asked for by"
        " its key, is lost.",
        causes="An answer is sent before the commit, and the process or its connection died in"
        " between; a standby that was behind was promoted; a decline is answered like a loan.",
        next_step=f"Look one key up: {_KEYS}, the run's events have the answer with its time. Then"
        " find in the service's log what became of that transaction.",
    ),
    _invariant(
        "duplicated",
        decided="One idempotency key has more than one loan in the ledger, or a loan that was paid"
        " out more than once.",
        causes="The key is not checked, or checked outside the transaction that lends; a retry"
        " after a timeout meets a replica that does not know of the first try; a payout is"
        " repeated after a crash.",
        next_step=f"Look one key up: {_KEYS}. A unique constraint on account and key stops this in"
        " the database, whatever the code does.",
    ),
    _invariant(
        "phantom",
        decided="A request that was refused or declined to the borrower, or never sent, was paid"
        " out, or is reserved to be (status under_review or approved). docs/money.md has the whole"
        " table of what was told against what the ledger holds.",
        causes="A failure after the commit is answered as a refusal; a declined application is"
        " paid out by a later step; an error handler undoes the answer, but not the loan.",
        next_step=f"Look one key up: {_KEYS}. If the outcome was unknown to the service, it has to"
        " answer so (5xx without `outcome: not_applied`), never that nothing happened.",
    ),
    _invariant(
        "corrupt",
        decided="A loan in the ledger has another amount, account, loan id or status than was asked"
        " for and answered (told 201: disbursed and paid out once; told 202: under_review); or one"
        " loan id stands under two keys, or a number of payouts is negative. docs/money.md has the"
        " whole table.",
        causes="Rounding, units (yuan for fen), two requests that share a variable; a later step"
        " that cancels what was promised, or decides a review, without telling the borrower.",
        next_step=f"Compare one loan with its request: {_KEYS}.",
    ),
    _invariant(
        "orphan",
        decided="The ledger has a loan on an account of this run under a key that no borrower of"
        " the run used. Where the run's own record is damaged, this is not judged.",
        causes="The service makes keys of its own for a retry; keys are cut or changed on their"
        " way; somebody else uses the same accounts.",
        next_step=f"See whose key it is: {_KEYS}; compare it with arrivals.jsonl of the run.",
    ),
    _invariant(
        "unbalanced",
        decided="The ledger's balance of a loan that was paid out differs from its principal, or a"
        " loan that was not paid out has one. No run repays a loan.",
        causes="A payout is booked on one side only, or in two transactions of which one failed.",
        next_step=f"Add up the entries of one loan: {_KEYS}. A constraint that a booking sums to"
        " zero stops this in the database.",
    ),
    _invariant(
        "invariant_violated",
        decided="The target's own audit names a violation; or a loan for a borrower who must be"
        " declined was paid out, reserved or promised, whatever the borrower was told in the end;"
        " or a borrower got more than their credit limit, by our own sum of what was"
        " acknowledged and what stands in the ledger.",
        causes="Risk data that could not be read counts as nothing against the borrower (fail"
        " open); the limit is checked on a read that holds no lock, so that two loans at once"
        " pass.",
        next_step="The message says which of the three it is. Decide what the service does when it"
        " does not know: refuse for now, and say so.",
    ),
    _invariant(
        "false_decline",
        decided="A borrower who is entitled to a loan, or to log in, by the known truth of that"
        " borrower, was declined, or answered 401, 403, 404, 410, 423 or 451. A 401 to a session"
        " that had ended rightly, by its lifetime or by a log-in of ours, is none: the borrower"
        " logs in again. A decline near the limit is one where no other request of the borrower can"
        " have taken it.",
        causes="A technical failure is told as a business decision (an unavailable database as a"
        " low score); sessions are lost with a replica; a migration left some users without a"
        " login; a refused request still holds a part of the limit.",
        next_step="evidence.kinds counts step, status and code; evidence.classes says which"
        " borrowers. A failure has to be answered as one: 503, never a decline.",
    ),
    _invariant(
        "invalid_answer",
        decided="A successful answer (2xx) lacks a field of the contract or has one of the wrong"
        " kind; or a credit line shows more than the borrower was registered with, or a limit or a"
        " use of it below 0 (credit_line_impossible).",
        causes="An error page or problem body with status 200; a proxy or cache that answers in the"
        " service's place; half an answer; the credit line of another borrower.",
        next_step="evidence.kinds names step, status and code; the contract is docs/contract.md.",
    ),
    _invariant(
        "replay_unstable",
        decided="A borrow that was repeated under its key was granted as another loan than before,"
        " or got another decision (201, 202, a decline).",
        causes="The answer is made anew instead of being read back; the key is scoped to a replica"
        " or a session.",
        next_step=f"Look one key up: {_KEYS}. If the ledger has both loans, `duplicated` is told,"
        " too.",
    ),
)

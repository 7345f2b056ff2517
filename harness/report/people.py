"""Who was affected, how often, and how many a test that waits for its answers would have missed."""

from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.figures import Affected, Borrow, ClosedLoop
from harness.verdict.types import Verdict


def wider(borrow: Borrow) -> tuple[float | None, float | None]:
    """The interval of the failed share that claims less: of the exact one and that by worker."""
    lows = (borrow.failed_share_low, borrow.failed_share_low_by_worker)
    highs = (borrow.failed_share_high, borrow.failed_share_high_by_worker)
    low = min((low for low in lows if low is not None), default=None)
    return low, max((high for high in highs if high is not None), default=None)


def failed_share(verdict: Verdict) -> Table:
    """The failed share's two intervals side by side; no rows where it has only one, or none."""
    borrow = verdict.borrow
    low, high = borrow.failed_share_low_by_worker, borrow.failed_share_high_by_worker
    if borrow.failed_share is None or low is None or high is None:
        return Table()
    share = words.share(borrow.failed_share)
    plain = words.interval(borrow.failed_share_low, borrow.failed_share_high, words.share)
    by_worker = words.interval(low, high, words.share)
    return Table(
        headers=("Share of failures", "95 % interval", "Takes the failures to come"),
        rows=(
            row(share, plain, "each on its own (exact binomial)"),
            row(share, by_worker, "in clusters, by load worker (bootstrap)"),
        ),
        lead="Failures cluster: what breaks one connection breaks its neighbours. The wider of the"
        " two intervals stands above.",
    )


def affected(verdict: Verdict) -> Table:
    """All borrowers a little, or some of them again and again: log-in and borrowing apart."""
    seen = (("log in", verdict.log_in.affected), ("borrow", verdict.borrow.affected))
    known = [(deed, who) for deed, who in seen if who is not None and who.borrowers]
    return Table(
        headers=("Could not", "Borrowers", "Affected", "95 % interval", "Locked out", "p-value"),
        rows=tuple(_row(deed, who) for deed, who in known),
        empty="Who was affected was not measured.",
        lead=" ".join([*(_sentence(deed, who) for deed, who in known), words.SMALL_P]),
    )


def _row(deed: str, who: Affected) -> tuple[Cell, ...]:
    affected = f"{words.count(who.affected)} ({words.share(who.affected_share)})"
    between = words.interval(who.affected_share_low, who.affected_share_high, words.share)
    shut_out = Cell(words.count(who.shut_out), tone="fail" if who.shut_out else "")
    p = words.chance(who.shut_out_p) if who.affected else ""
    return row(deed, words.count(who.borrowers), affected, between, shut_out, p)


def _sentence(deed: str, who: Affected) -> str:
    if not who.affected:
        return f"No one failed to {deed}."
    borrowers, part = words.plural(who.borrowers, "borrower"), words.share(who.affected_share)
    among = f"{words.count(who.affected)} of {borrowers} ({part}) could not {deed} at least once"
    if who.affected == who.borrowers:
        among = f"Every one of {borrowers} failed to {deed} at least once"
    if not who.shut_out:
        return f"{among}; no sign that anyone was locked out."
    return f"{among}; {words.count(who.shut_out)} of them failed every time from some moment on."


def closed_loop(verdict: Verdict) -> Table:
    """The comparison with a test whose users wait for their answers."""
    loops, borrow = verdict.closed_loop, verdict.borrow
    if not loops:
        return Table(empty="It was not computed: the run sent no load.")
    users, shown = words.plural(loops[0].users, "user"), words.plural(loops[0].failed, "failure")
    said = (
        f"A closed-loop test of {users} would have shown {shown}; in this run"
        f" {words.plural(borrow.failed, 'borrow request')} failed after the warm-up."
    )
    if borrow.failed == 0:
        said = "Nothing failed, so a closed-loop test would have shown nothing else."
    own = Cell("this run", note="open: borrowers come whether or not others wait")
    return Table(
        headers=("Test", "Requests", "Failures", "Share"),
        rows=(
            *(_test(f"closed loop, {words.plural(loop.users, 'user')}", loop) for loop in loops),
            _test(own, borrow),
        ),
        digest=f"{shown} with {users}, {borrow.failed:,} in this run",
        lead=f"{said} Its users wait for their answers: while the service hangs they hang with it,"
        " and the borrowers who would have come meanwhile are never sent. It would take"
        f" {words.plural(loops[-1].users, 'user')} to miss none. Replayed from this run at the same"
        " rate, each request meeting what a borrower of that moment met.",
    )


def _test(name: Cell | str, seen: ClosedLoop | Borrow) -> tuple[Cell, ...]:
    part = words.share(seen.failed / seen.operations) if seen.operations else ""
    return row(name, words.count(seen.operations), words.count(seen.failed), part)

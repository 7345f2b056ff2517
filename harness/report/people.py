"""Who was affected, how often, and how many a test that waits for its answers would have missed."""

from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.figures import Affected, Borrow, ClosedLoop
from harness.verdict.types import Verdict


def wider(borrow: Borrow) -> tuple[float | None, float | None]:
    """The interval of the failed share that claims less: of the exact one and that by worker."""
    lows = (borrow.failed_share_low, borrow.failed_share_low_by_worker)
    highs = (borrow.failed_share_high, borrow.failed_share_high_by_worker)
    return (
        min((low for low in lows if low is not None), default=None),
        max((high for high in highs if high is not None), default=None),
    )


def failed_share(verdict: Verdict) -> Table:
    """The failed share's two intervals side by side; no rows where it has only one, or none."""
    borrow = verdict.borrow
    low, high = borrow.failed_share_low_by_worker, borrow.failed_share_high_by_worker
    if borrow.failed_share is None or low is None or high is None:
        return Table(headers=(), rows=())
    plain = words.interval(borrow.failed_share_low, borrow.failed_share_high, words.share)
    return Table(
        headers=("Share of failures", "95 % interval", "Takes the failures to come"),
        rows=(
            row(words.share(borrow.failed_share), plain, "each on its own (exact binomial)"),
            row(
                words.share(borrow.failed_share),
                words.interval(low, high, words.share),
                "in clusters, by load worker (bootstrap)",
            ),
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
    low_to_high = words.interval(who.affected_share_low, who.affected_share_high, words.share)
    return row(
        deed,
        words.count(who.borrowers),
        f"{words.count(who.affected)} ({words.share(who.affected_share)})",
        low_to_high,
        Cell(words.count(who.shut_out), tone="fail" if who.shut_out else ""),
        words.chance(who.shut_out_p) if who.affected else "",
    )


def _sentence(deed: str, who: Affected) -> str:
    if not who.affected:
        return f"Nobody failed to {deed}."
    among = (
        f"{words.count(who.affected)} of {words.plural(who.borrowers, 'borrower')}"
        f" ({words.share(who.affected_share)}) could not {deed} at least once"
    )
    if who.affected == who.borrowers:
        among = f"Every one of {words.plural(who.borrowers, 'borrower')} failed to {deed} at least"
        among += " once"
    if not who.shut_out:
        return f"{among}; no sign that anyone was locked out."
    return f"{among}; {words.count(who.shut_out)} of them failed every time from some moment on."


def closed_loop(verdict: Verdict) -> Table:
    """The comparison with a test whose users wait for their answers."""
    loops, failed = verdict.closed_loop, verdict.borrow.failed
    total = verdict.borrow.operations
    rows = [
        row(
            f"closed loop, {words.plural(loop.users, 'user')}",
            words.count(loop.operations),
            words.count(loop.failed),
            words.share(loop.failed / loop.operations) if loop.operations else "",
        )
        for loop in loops
    ]
    share = words.share(failed / total) if total else ""
    rows.append(
        row(
            Cell("this run", note="open: borrowers come whether or not others wait"),
            words.count(total),
            words.count(failed),
            share,
        )
    )
    return Table(
        headers=("Test", "Requests", "Failures", "Share"),
        rows=tuple(rows) if loops else (),
        digest=_seen_by(loops[0], failed) if loops else "",
        empty="It was not computed: the run sent no load.",
        lead=_closed_loop_sentence(verdict),
    )


def _seen_by(fewest: ClosedLoop, failed: int) -> str:
    shown, users = words.plural(fewest.failed, "failure"), words.plural(fewest.users, "user")
    return f"{shown} with {users}, {failed:,} in this run"


def _closed_loop_sentence(verdict: Verdict) -> str:
    if not verdict.closed_loop:
        return ""
    fewest, most = verdict.closed_loop[0], verdict.closed_loop[-1]
    failed = verdict.borrow.failed
    said = (
        f"A closed-loop test of {words.plural(fewest.users, 'user')} would have shown"
        f" {words.plural(fewest.failed, 'failure')}; in this run"
        f" {words.plural(failed, 'borrow request')} failed after the warm-up."
    )
    if failed == 0:
        said = "Nothing failed, so a closed-loop test would have shown nothing else."
    return (
        f"{said} Its users wait for their answers: while the service hangs they hang with it, and"
        " the borrowers who would have come meanwhile are never sent. It would take"
        f" {words.plural(most.users, 'user')} to miss none. Replayed from this run at the same"
        " rate, each request meeting what a borrower of that moment met."
    )

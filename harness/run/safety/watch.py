"""Watches a run while its load lasts and says at once when a stop condition trips.

Two threads of the conductor: one reads what the load processes write down, ten times a second, the
other asks the target's ledger, about once a second, at the service itself and never through our
edge link. Neither can hold up a heal, and neither raises.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from harness.core.errors import HarnessError, PutOffError
from harness.history.event_tail import EndedOperation, EventTail
from harness.history.events import Clock, FaultFact, SafetyStop
from harness.history.ledger_facts import LedgerEntry
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan, accepted, allowance_s
from harness.plan.stop_conditions import StopConditions
from harness.run.safety.detectors import FailureCusum, Payouts
from harness.target.ledger import PUT_OFF_SECONDS_MAX, Ledger, UnclearEntry

READ_EVERY_SECONDS = 0.1
"""How long a failure may go unseen; a tenth of the second in which everything has to be healed."""
ASK_EVERY_SECONDS = 1.0
ASK_TIMEOUT_SECONDS = 2.0
ASK_PAUSE_SECONDS_MAX = 8.0
"""Between tries while the ledger does not answer: a target that is down keeps each try waiting in
one of its own connections, which it will need when it comes back."""
AGAIN_SECONDS = 6.0
"""For which a loan is read again and again: it may be paid out anew after it was first listed."""
AGAIN_ENTRIES_MAX = 1000
ENTRIES_MAX = 5000
PAGES_MAX = 100
"""A lender may list fewer at once than it is asked for; an end that never comes ends a look."""
JOIN_SECONDS_MAX = 3.0

_log = logging.getLogger("lendchaos.safety")


class SafetyWatch:
    """The stop conditions of one run; ``trip`` is called once, from a thread, with the first stop.

    ``faults`` are those of the run as they stand, to know when borrowing may fail.
    Nothing is asked of the target unless a condition needs its ledger.
    """

    def __init__(
        self,
        run: RunDirectory,
        plan: Plan,
        ledger: "LedgerTail",
        trip: Callable[[SafetyStop], None],
        faults: Callable[[], Iterable[FaultFact]] = tuple,
    ) -> None:
        self._stop_if: StopConditions = plan.stop
        self._currency = plan.lender.currency
        self._tail = EventTail(run.path)
        self._ledger = ledger
        self._trip = trip
        self._accepted = accepted(plan)
        self._allowance_s = allowance_s(plan)
        self._faults = faults
        self._cusum = FailureCusum(plan.settings.rate)
        self._failed = 0
        self._unacknowledged: set[str] = set()
        self._clock: Clock | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.tripped: SafetyStop | None = None

    def start(self, clock: Clock) -> None:
        """Begin to watch; returns at once."""
        self._clock = clock
        watches = [("safety-answers", self._watch_answers)]
        stop_if = self._stop_if
        wanted = stop_if.double_disbursement or isinstance(stop_if.principal_at_risk_fen, int)
        if wanted and self._ledger.ledger is not None:
            watches.append(("safety-ledger", self._watch_ledger))
        for name, watch in watches:
            thread = threading.Thread(target=self._guard, args=(watch,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End; does nothing if it was never started."""
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS_MAX)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the watch itself."""
        seen = self._ledger
        if seen.asked and not seen.answered:
            return ("the ledger could not be read during the load: payments were not watched",)
        return ()

    def _guard(self, watch: Callable[[], None]) -> None:
        """An error of lendchaos must not look like a run without harm: unwatched, a run ends."""
        try:
            watch()
        except Exception as error:  # noqa: BLE001
            _log.exception("a watch ended")
            self._stop_for("watch_failed", f"the watch itself failed: {error!r}", 1, 0)

    # --- what borrowers were told ----------------------------------------------------------------

    def _watch_answers(self) -> None:
        while not self._over.wait(READ_EVERY_SECONDS):
            for operation in self._tail.new():
                self._take(operation)

    def _take(self, operation: EndedOperation) -> None:
        if not operation.acknowledged:
            self._unacknowledged.add(operation.key)
        self._failed += operation.failed
        budget = self._stop_if.failed_budget
        if isinstance(budget, int) and self._failed > budget:
            text = f"{self._failed:,} borrow requests had failed, {budget:,} were allowed"
            self._stop_for("failed_budget", text, self._failed, budget)
        clock = self._clock
        if not self._stop_if.failed_surge or clock is None or operation.intended_ns < clock.zero_ns:
            return
        ended_ns = operation.ended_ns or time.monotonic_ns()
        at_s, ended_s = clock.seconds(operation.intended_ns), clock.seconds(ended_ns)
        # What was under way when a fault came may have met it.
        spans = (*self._accepted, *self._real(clock))
        if any(at_s <= end_s and ended_s >= start_s for start_s, end_s in spans):
            return
        if self._cusum.feed(failed=operation.failed):
            self._stop_for(
                "failed_surge", str(self._cusum), self._cusum.score, self._cusum.threshold
            )

    def _real(self, clock: Clock) -> Iterator[tuple[float, float]]:
        """The same of the faults as they really were: injected by hand, or healed late."""
        for fact in self._faults():
            if fact.expects_impact and fact.inject_called_ns is not None:
                healed_ns = fact.healed_ns
                end_s = math.inf if healed_ns is None else clock.seconds(healed_ns)
                yield clock.seconds(fact.inject_called_ns), end_s + self._allowance_s

    # --- what was paid out -----------------------------------------------------------------------

    def _watch_ledger(self) -> None:
        pause_s = ASK_EVERY_SECONDS
        payouts = Payouts(self._ledger.account_ids)
        while not self._over.wait(pause_s):
            try:
                entries = self._ledger.new()
            except HarnessError as error:
                _log.info("the ledger does not answer the safety watch: %s", error)
                pause_s = min(2 * pause_s, ASK_PAUSE_SECONDS_MAX)
                if isinstance(error, PutOffError):
                    pause_s = max(pause_s, min(error.wait_s, PUT_OFF_SECONDS_MAX))
                continue
            pause_s = ASK_EVERY_SECONDS
            # What is not clear is told when the ledger is read at the end.
            known = [entry for entry in entries if not isinstance(entry, UnclearEntry)]
            self._look_at(payouts, payouts.feed(known))

    def _look_at(self, payouts: Payouts, doubled: list[str]) -> None:
        if doubled and self._stop_if.double_disbursement:
            text = f"the ledger shows {doubled[0]} paid out more than once"
            self._stop_for("double_disbursement", text, len(doubled), 0)
        limit_fen = self._stop_if.principal_at_risk_fen
        if isinstance(limit_fen, int):
            at_risk_fen = payouts.at_risk_fen(self._unacknowledged.copy())
            if at_risk_fen > limit_fen:
                text = (
                    f"{self._currency.text(at_risk_fen)} were paid out unacknowledged, or twice,"
                    f" {self._currency.number(limit_fen)} were allowed"
                )
                self._stop_for("principal_at_risk_fen", text, at_risk_fen, limit_fen)

    def _stop_for(self, condition: str, text: str, observed: float, limit: float) -> None:
        with self._lock:
            if self.tripped is not None or self._over.is_set():
                return
            self.tripped = SafetyStop(condition, text, time.monotonic_ns(), observed, limit)
        _log.warning("stop condition %s: %s", condition, text)
        self._trip(self.tripped)


@dataclass(slots=True)
class LedgerTail:
    """The end of the target's audit listing, from a cursor on.

    The newest entries are read again for `AGAIN_SECONDS`, as their payments may change. Without a
    ledger there is nothing to read.
    """

    ledger: Ledger | None
    cursor: int | str
    account_ids: frozenset[str]
    asked: int = 0
    answered: int = 0
    _marks: deque[tuple[float, int | str, int]] = field(default_factory=deque)

    def new(self) -> list[LedgerEntry]:
        """Everything behind the cursor, and what was behind it a moment ago; HarnessError where the
        target does not answer in time, or not as agreed.
        """
        self.asked += 1
        now = time.monotonic()
        after = self._marks[0][1] if self._marks else self.cursor
        found: list[LedgerEntry] = []
        for _ in range(PAGES_MAX):
            page = [] if self.ledger is None else self.ledger.page(after, ASK_TIMEOUT_SECONDS)
            found += page
            if not page or len(found) >= ENTRIES_MAX:
                break
            after = page[-1].cursor
        self.answered += 1
        if found and found[-1].cursor != self.cursor:
            fresh = list(takewhile(lambda e: e.cursor != self.cursor, reversed(found)))
            self._marks.append((now, self.cursor, len(fresh)))
            self.cursor = found[-1].cursor
        self._forget(now)
        return found

    def _forget(self, now: float) -> None:
        """Move the mark on, from which everything is read again."""
        while self._marks and (
            now - self._marks[0][0] > AGAIN_SECONDS
            or sum(count for *_, count in self._marks) > AGAIN_ENTRIES_MAX
        ):
            self._marks.popleft()

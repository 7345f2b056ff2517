"""`Flap`: a partition that comes and goes, beaten by a thread of the process that injected it.

A cut is a `timeout` toxic, as for a partition. Its removal closes the connections that were open
through the cut. That is wanted: no network gives a stream with a hole in it.

The thread never outlasts the planned length of its fault, so that a process which was stopped and
goes on later does not cut what someone else has healed. A cut that it leaves behind when it dies
is a toxic of a known name, which any injector of the same fault removes.
"""

import itertools
import threading
import time
from dataclasses import dataclass

from harness.core.errors import HarnessError, ProxyApiHangs
from harness.faults.base import Gone
from harness.faults.network.link_fault import LinkFault
from harness.faults.network.partition import PartitionInjector
from harness.faults.probes import CANARY_TIMEOUT_SECONDS
from harness.faults.proxy_control import CALL_TIMEOUT_SECONDS, Proxy
from harness.faults.registry import register
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault import Direction, FaultPage, Phrase, PlannedFault
from harness.stack.state import Stack

PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX = 0.1, 60.0
LATE_PERIODS_MAX = 1.0
_JOIN_SECONDS_MAX = 4 * CALL_TIMEOUT_SECONDS
"""A cut is two toxics; of the calls for one, the first that hangs ends the thread."""


@dataclass(frozen=True, slots=True)
class Flap(LinkFault):
    """A partition that comes and goes: cut for ``duty`` of every ``period`` seconds.

    Each period begins with the cut. In a cut connections stay open and bytes vanish; its end closes
    those connections, because no network gives a stream with a hole in it.
    """

    period: float = 1.0
    duty: float = 0.5
    direction: Direction = "both"
    kind = "flap"
    phrase = Phrase("the {target} link came and went", "end of the flapping")
    page = FaultPage(
        effect=(
            "a partition that comes and goes: cut for `duty` of every `period` seconds, each "
            "period "
            "begins with the cut"
        ),
        canary="of questions over one period some get no answer",
        heal="the beat ends, then the cut",
        example="`lendchaos run --inject 'Flap(\"database\", period=1, duty=0.5)'`",
    )

    def objections(self) -> list[str]:
        """A period out of bounds, or a cut that is none or never ends."""
        found = []
        least, most = PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX
        if not least <= self.period <= most:
            found.append(f"period {self.period:g} must be from {least:g} to {most:g} seconds")
        if not 0 < self.duty < 1:
            found.append(f"duty {self.duty:g} must be a share between 0 and 1, both excluded")
        return found

    @property
    def description(self) -> str:
        """One line for the report."""
        return (
            f"the link {self.link} is cut for {100 * self.duty:.0f} % of every {self.period:g} s;"
            " what was open in a cut is closed at its end"
        )


class FlapInjector(PartitionInjector):
    """`Flap`: cut for ``duty`` of every ``period`` seconds, from the injection on."""

    def __init__(self, planned: PlannedFault, spec: Flap, stack: Stack) -> None:
        super().__init__(planned, spec, stack)
        self._spec = spec
        self._lasts_s = planned.lasts_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: HarnessError | None = None
        self._in_cut = False
        """From after its toxics are there until before they are removed."""
        self.cuts: list[tuple[int, int | None]] = []
        """Begin and end of each, in order, in monotonic nanoseconds; no end while it lasts."""

    def inject(self) -> None:
        """Make the first cut, then leave the beat to a thread."""
        start = time.monotonic()
        self._cut()
        self._thread = threading.Thread(
            target=self._beat, args=(start,), name=f"flap-{self._link.name}", daemon=True
        )
        self._thread.start()

    def _cut(self) -> None:
        super().inject()
        self.cuts.append((time.monotonic_ns(), None))
        self._in_cut = True

    def _take_back(self) -> None:
        self._in_cut = False
        super()._take_back()
        if self.cuts and self.cuts[-1][1] is None:
            self.cuts[-1] = (self.cuts[-1][0], time.monotonic_ns())

    def _end_cut(self) -> None:
        """`HarnessError` if it was no more there: what someone else healed is not cut again."""
        toxics = {toxic.name for toxic in self._control.proxy(self._link.name).toxics}
        missing = not self._stop.is_set() and not self._names <= toxics
        self._take_back()
        if missing:
            raise HarnessError("someone else ended a cut")

    def _beat(self, start: float) -> None:
        """Change at fixed instants, counted from the start so that no delay adds up."""
        duty, period = self._spec.duty, self._spec.period
        try:
            for turn in itertools.count():
                if self._stopped(start, (turn + duty) * period):
                    return
                self._end_cut()
                if self._stopped(start, (turn + 1) * period):
                    return
                self._cut()
        except HarnessError as error:
            self._failure = error

    def _stopped(self, start: float, at_s: float) -> bool:
        """Wait until an instant of the beat; True when the beat is over before it.

        It is over when the heal asks, at the fault's planned end, and when the instant was missed
        by more than `LATE_PERIODS_MAX`, which is how a process finds out that it was stopped.
        """
        if at_s >= self._lasts_s or self._stop.wait(max(0.0, start + at_s - time.monotonic())):
            return True
        late_s = time.monotonic() - start - at_s
        if start + self._lasts_s < time.monotonic():
            return True
        if late_s > LATE_PERIODS_MAX * self._spec.period:
            self._failure = HarnessError(f"the beat was held up for {late_s:.1f} s and ended")
            return True
        return False

    def _in_place(self, proxy: Proxy) -> tuple[bool, str]:
        """Whether it is enabled, the first cut was made and the beat goes on."""
        state = "enabled" if proxy.enabled else "disabled"
        in_place = proxy.enabled and self._beats() and bool(self.cuts)
        return in_place, f"{state}; {self._told()}"

    def _beats(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def gone(self) -> Gone | None:
        """Whether the beat failed, the proxy is disabled or removed, or a cut ended unbidden."""
        if self._failure is not None:
            return Gone(EndedBy.NOBODY, f"the beat failed: {self._failure}")
        before = (self._in_cut, len(self.cuts))
        proxy = self._control.find(self._link.name)
        if proxy is None or not proxy.enabled:
            state = "gone" if proxy is None else "disabled"
            return Gone(EndedBy.NOBODY, f"proxy {self._link.name} is {state}")
        missing = self._names - {toxic.name for toxic in proxy.toxics}
        # In the same cut of its beat before and after that look, it did not end the cut itself.
        same_cut = self._beats() and self._in_cut and before == (True, len(self.cuts))
        if missing and same_cut:
            return Gone(EndedBy.NOBODY, f"in a cut, toxics missing: {', '.join(sorted(missing))}")
        return None

    def canary(self) -> Proof:
        """Of questions asked through the link over one period, some find no answer."""
        period, limit = self._spec.period, CANARY_TIMEOUT_SECONDS
        seconds = min(limit, self._spec.duty * period / 2)
        deadline = time.monotonic() + min(period, 5.0)
        answers: list[bool] = []
        while not answers or (time.monotonic() < deadline and len(set(answers)) == 1):
            answers.append(not self._probe.is_cut(seconds))
            self._stop.wait(0.02)
        lost = answers.count(False)
        text = f"during: {lost} of {len(answers)} questions through {self._link.name} unanswered"
        return Proof("canary", lost > 0, text)

    def heal(self) -> int:
        """End the cut, then the beat, and what it may just have cut again.

        Raises as long as the beat cannot be ended. Who uses the link does not wait for that.
        """
        self._stop.set()
        super().heal()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS_MAX)
            if self._thread.is_alive():
                raise ProxyApiHangs(f"a cut of {self._link.name} is still being made or ended")
            super().heal()
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """The beat is over, no toxic of this fault is left and the far side answers."""
        proof, beats = super().healed(), self._beats()
        text = f"{proof.text}; {self._told()}" if self.cuts else proof.text
        return Proof("healed", proof.holds and not beats, f"{text}; goes on" if beats else text)

    def _told(self) -> str:
        now_ns = time.monotonic_ns()
        seconds = sum((end_ns or now_ns) - start_ns for start_ns, end_ns in self.cuts) / 1e9
        times = "once" if len(self.cuts) == 1 else f"{len(self.cuts)} times"
        text = f"cut {times} so far, for {seconds:.1f} s in all"
        return f"{text}; the beat failed: {self._failure}" if self._failure else text


register(Flap, FlapInjector)

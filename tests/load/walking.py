"""One load process's journeys in a test, with steps whose answers are set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.history.event_writer import EventWriter
from harness.history.events import Operation, Outcome
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journey, Journeys
from harness.load.sessions import Account, BorrowerSession
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.target.classification import Answer, Classification
from harness.target.transport import Transport
from tests.builders import LOCAL

OK = Classification(Outcome.OK)
APPROVED = Classification(Outcome.APPROVED, loan_id="loan-1")
UNKNOWN = Classification(Outcome.INDETERMINATE, "timeout", may_retry=True)
BUSY = Classification(Outcome.FAILED, "overloaded", may_retry=True)
REFUSED = Classification(Outcome.FAILED, "bad_request")


class Script:
    """Steps whose answers are set; each takes note of the journey it saw."""

    def __init__(
        self, *borrows: Classification, log_in: Classification = OK, line: Classification = OK
    ) -> None:
        self._borrows = list(borrows)
        self._log_in, self._line = log_in, line
        self.keys: list[str] = []
        self.tokens: list[str] = []
        self.during_borrow: Callable[[], None] = lambda: None
        self.see: Callable[[Journey], None] = lambda _: None

    def log_in(self, journey: Journey) -> Classification:
        """As told."""
        return self._answer(journey, self._log_in)

    def read_credit_line(self, journey: Journey) -> Classification:
        """As told."""
        self.tokens.append(journey.token)
        self.see(journey)
        return self._answer(journey, self._line)

    def borrow(self, journey: Journey) -> Classification:
        """The next one as told."""
        self.keys.append(journey.arrival.key)
        self.during_borrow()
        return self._answer(journey, self._borrows.pop(0))

    def _answer(self, journey: Journey, judged: Classification) -> Classification:
        journey.answer = Answer(status=200)
        journey.request = ("GET", "/step")
        return judged


class Load:
    """One load process's journeys, written to a directory of their own."""

    def __init__(self, folder: Path, script: Script, **settings: Any) -> None:
        chosen = Settings(rate=5, baseline_s=1.0, fault_s=0.0, recovery_s=1.0, **settings)
        self.plan: Plan = expand("a", "", Scenario(), chosen, layout=LOCAL)
        self.run = RunDirectory.create(folder, self.plan)
        self.told: list[dict[str, Any]] = []
        self.broken: list[str] = []
        self.events = EventWriter(self.run, "load-0")
        self.journeys = Journeys(
            plan=self.plan,
            steps=script,
            accounts={
                b.index: Account(b.phone, "p", BorrowerSession("held")) for b in self.plan.borrowers
            },
            transport=Transport("http://127.0.0.1:1"),
            events=self.events,
            worker="load-0",
            tell_locust=lambda **fields: self.told.append(fields),
            tell_broken=self.broken.append,
        )

    def perform(self, index: int = 0) -> Operation:
        """Walk one journey; its operation as it was written down."""
        self.journeys.perform(self.plan.arrivals[index], 123, 123)
        return self.operation()

    def operation(self) -> Operation:
        """The last operation on disk."""
        (line,) = [row["operation"] for row in self.rows() if "operation" in row][-1:]
        return Operation(**line)

    def rows(self) -> list[dict[str, Any]]:
        """Everything on disk, without the header."""
        text = (self.run.path / "events-load-0.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()[1:]]

"""The steps of a scenario in real load processes: their mistakes, their life, their company."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.load_process import PHASES, RATE, LoadProcesses
from tests.load.target import running_target

pytestmark = pytest.mark.live

SCENARIO = '''"""Hypothesis: all is well."""

from harness import Borrower, Scenario


class Calm(Borrower):
    scenario = Scenario()
'''
STEPS = {
    "returns nothing": (
        "        super().borrow(journey)\n",
        "borrow returned None; it must return",
    ),
    "raises": ("        raise KeyError('id')\n", "borrow raised KeyError: 'id'"),
    "asks for more": (
        "        journey.send('POST', '/v1/loans', {'amount': 7})\n",
        "borrow asks for amount=7, and ",
    ),
}
LIFE = '''"""Hypothesis: all is well."""

import os
from pathlib import Path

from locust import events

from harness import Borrower, Scenario

LOG = Path(__file__).with_name("life.txt")


def note(what, of=None):
    with LOG.open("a") as log:
        log.write(f"{what} {os.getpid()} {id(of)}\\n")


events.test_start.add_listener(lambda **_: note("test_start"))
events.test_stop.add_listener(lambda **_: note("test_stop"))


class Calm(Borrower):
    scenario = Scenario()

    def __init__(self, environment):
        super().__init__(environment)
        note("made", self)

    def on_start(self):
        self.key = "secret"
        note("on_start", self)

    def on_stop(self):
        note("on_stop", self)

    def borrow(self, journey):
        assert self.key == "secret"
        note("borrow", self)
        return super().borrow(journey)
'''
BESIDE = """

from locust import HttpUser, constant, task


class Browser(HttpUser):
    fixed_count = 3
    wait_time = constant(0.2)

    @task
    def read(self):
        self.client.get("/healthz")
        raise RuntimeError("beside")
"""
PROCESSES = pytest.mark.parametrize(
    "options",
    [pytest.param((), id="one"), pytest.param(["--processes=2"], marks=pytest.mark.long, id="two")],
)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[LoadProcesses]:
    """Load processes, and a target that lives as long as they do."""
    with running_target() as target:
        yield LoadProcesses(tmp_path, target)


def run(load: LoadProcesses, scenario: str, *options: str) -> tuple[int, str]:
    """One short run of this scenario file."""
    return load.run(*PHASES, f"--rate={RATE}", *options, scenario=scenario)


@PROCESSES
@pytest.mark.parametrize(("body", "said"), STEPS.values(), ids=STEPS)
def test_a_wrong_step_ends_the_run(
    load: LoadProcesses, body: str, said: str, options: tuple[str, ...]
) -> None:
    """Told once with its place, long before the planned end."""
    scenario = f"{SCENARIO}\n    def borrow(self, journey):\n{body}"
    _, output = run(load, scenario, *options)

    drained = load.received()[-1]
    assert drained.ended_by == "step"
    text = drained.troubles[0].text
    assert re.match(rf"calm\.py:(9|10): {re.escape(said)}", text), output
    assert (drained.troubles[0].of_step, drained.troubles[0].begin_ns) == (True, None)
    assert text in output
    operations = load.rows("operation")
    assert 0 < len(operations) < load.planned() / 2
    assert {o["ending"] for o in operations} <= {"broken", "finished"}


@PROCESSES
def test_the_life_of_a_borrower(load: LoadProcesses, options: tuple[str, ...]) -> None:
    """As docs/borrowers.md says: one instance a process walks all journeys, between its
    ``on_start`` and its ``on_stop``; Locust's users walk none.
    """
    code, output = run(load, LIFE, *options)

    assert code == 0, output
    rows = [line.split() for line in (load.folder / "life.txt").read_text().splitlines()]
    walkers = {(pid, who) for what, pid, who in rows if what == "borrow"}
    assert len({pid for pid, _ in walkers}) == len(walkers) == (2 if options else 1)
    for pid, who in walkers:
        own = [what for what, *of in rows if of == [pid, who]]
        assert own[-1] == "on_stop"
        borrows = [i for i, what in enumerate(own) if what == "borrow"]
        assert own[borrows[0] - 1] == "on_start"
        assert set(own[borrows[0] : borrows[-1] + 1]) == {"borrow"}
    counts = Counter(what for what, *_ in rows)
    assert counts["on_start"] == counts["on_stop"] == RATE + len(walkers)
    assert counts["made"] >= RATE + len(walkers) + 1  # one is made to see that it works
    assert counts["borrow"] == load.planned()
    assert counts["test_start"] == counts["test_stop"] == (3 if options else 1)


@PROCESSES
def test_background_load_runs_beside_the_rate(
    load: LoadProcesses, options: tuple[str, ...]
) -> None:
    """It reaches the target, is noted, and neither it nor what it raises is a trouble."""
    code, output = run(load, SCENARIO + BESIDE, *options)

    assert code == 0, output
    drained = load.received()[-1]
    assert (drained.ended_by, drained.troubles) == (None, ())
    assert len(load.rows("operation")) == load.planned()
    assert load.target.calls["GET /healthz"] >= 3
    beside, raised = drained.notes
    assert beside.startswith("background load beside the rate: 3 of Browser (calm.py:")
    assert re.search(r"background load: .* raised, in calm\.py:\d+, RuntimeError: beside", raised)
    assert raised in output


def test_background_load_needs_a_number(load: LoadProcesses) -> None:
    """Else Locust would take it out of the users that stand for the rate."""
    code, output = run(load, SCENARIO + BESIDE.replace("fixed_count = 3", "weight = 3"))

    assert code == 2
    assert "Browser is background load beside the scenario" in output
    assert "set `fixed_count = 1` in it, or more" in output

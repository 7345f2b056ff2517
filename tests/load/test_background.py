"""Plain users beside a scenario: how many there are, and whose exceptions are theirs.

In a process of its own, as it brings Locust.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import json
from types import SimpleNamespace
from locust import User, task
from locust.runners import WorkerNode
from harness.apps.locust import background


class Borrower(User):
    abstract = True


class Mine(Borrower):
    @task
    def none(self): pass


class Beside(User):
    fixed_count = 3
    host = None

    @task
    def fail(self): raise RuntimeError("beside")


class Own(Beside):
    fixed_count = 1
    host = "http://own"


class Heir(Beside):
    fixed_count = 2


def spawned(workers, *classes):
    nodes = [WorkerNode(f"w_{n}") for n in range(workers)]
    made = background.dispatcher_for(Borrower)(nodes, list(classes))
    made.new_dispatch(10, 100)
    last = list(made)[-1]
    return {c.__name__: sum(node[c.__name__] for node in last.values()) for c in classes}


def raised(user):
    try:
        user.tasks[0](user)
    except RuntimeError as error:
        return background.raised_it(Borrower, error)


class Journeys:
    def perform(self, user):
        try:
            user.boom()
        except RuntimeError as error:
            return background.raised_it(Borrower, error)


class Booms(Mine):
    def boom(self): raise RuntimeError("mine")


listeners = []
options = SimpleNamespace(background_host="http://edge")
environment = SimpleNamespace(
    user_classes=[Mine, Beside, Own, Heir],
    parsed_options=options,
    events=SimpleNamespace(test_start=SimpleNamespace(add_listener=listeners.append)),
)
background.aim_at_start(environment, Borrower)
hosts = []
for host in ("http://edge", "http://second"):
    options.background_host = host
    listeners[0]()
    hosts.append([Beside.host, Heir.host, Own.host, Mine.host])
print(json.dumps({
    "one": spawned(1, Mine, Beside, Own),
    "three": spawned(3, Mine, Beside, Own),
    "alone": spawned(1, Mine),
    "no scenario": spawned(1, Beside),
    "beside raised": raised(Beside(None)),
    "mine raised": Journeys().perform(Booms(None)),
    "hosts": hosts,
    "told": background.told(background.classes_of(environment.user_classes, Borrower)),
}))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("workers", ["one", "three"])
def test_background_load_comes_on_top_of_the_rate(workers: str, found: dict[str, Any]) -> None:
    """Locust alone would take it out of the number of users."""
    assert found[workers] == {"Mine": 10, "Beside": 3, "Own": 1}


def test_where_there_is_none_nothing_changes(found: dict[str, Any]) -> None:
    """Nor where there is no scenario: then the users are Locust's own business."""
    assert (found["alone"], found["no scenario"]) == ({"Mine": 10}, {"Beside": 3})


def test_what_background_load_raises_is_told_from_the_scenarios(found: dict[str, Any]) -> None:
    """By the users among its callers."""
    assert (found["beside raised"], found["mine raised"]) == (True, False)


def test_background_load_goes_where_the_borrowers_go(found: dict[str, Any]) -> None:
    """In each run anew; one with a host of its own keeps it."""
    assert found["hosts"] == [
        ["http://edge", "http://edge", "http://own", None],
        ["http://second", "http://second", "http://own", None],
    ]


def test_the_notes_name_background_load(found: dict[str, Any]) -> None:
    """Each class, how many there are, and that it is not judged."""
    first, second, _ = found["told"]

    assert first.startswith("background load beside the rate: 3 of Beside (")
    assert first.endswith("; what it sent is neither counted nor judged")
    assert ": 1 of Own (" in second

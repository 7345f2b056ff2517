"""A mistake in a user's own fault: named with its place, and it keeps nothing from being healed."""

import asyncio
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.faults import fault_walk as walk_module
from harness.faults.base import Gone, Injector
from harness.faults.guarded import GuardedInjector, InjectorMistake, guarded, wrong_injector
from harness.faults.heal.healing import heal_fault
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy, LockHolder
from harness.history.journal import Journal
from tests.faults.test_timeline import PLANNED, Breakable, Place

HERE = r"^tests/faults/test_guarded\.py:\d+: "
UNTYPED: Any = Proof
AFTER_NS = 10**9


def having(**methods: Any) -> Any:
    """An injector of the user's whose class has these methods."""
    return GuardedInjector(type("Own", (Breakable,), methods)())


def fails(_self: Any) -> Any:
    """A mistake."""
    return {}["name"]


def leaves(_self: Any) -> Any:
    """No way to end a run."""
    sys.exit("no root")


def cancelled(_self: Any) -> Any:
    """No `Exception`, and none of ours."""
    raise asyncio.CancelledError


async def wait(_self: Any) -> None:
    """A method that cannot be called as it is."""


def raising(error: BaseException) -> Callable[[Any], Any]:
    """A method that raises it."""

    def method(_self: Any) -> Any:
        raise error

    return method


def then(*methods: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method that is each of them in turn, at last the last."""
    left = [*methods]

    def method(self: Any) -> Any:
        return (left.pop(0) if left[1:] else left[0])(self)

    return method


def returning(value: Any) -> Callable[[Any], Any]:
    """A method that returns it."""
    return lambda _self: value() if callable(value) else value


def returning_it(value: Any) -> Callable[[Any], Any]:
    """The same of what can be called itself."""
    return lambda _self: value


@pytest.mark.parametrize(
    ("name", "method", "why"),
    [
        ("inject", fails, "Own.inject raised KeyError: 'name'"),
        ("inject", leaves, "Own.inject raised SystemExit: no root"),
        ("inject", cancelled, "Own.inject raised CancelledError"),
        ("inject", lambda self: map(self.heal, ()), "Own.inject returned a value of type map, wh"),
        ("heal", fails, "Own.heal raised KeyError: 'name'"),
        ("canary", returning(3), 'Own.canary returned 3; it must return Proof("canary"'),
        ("healed", returning(None), 'Own.healed returned None; it must return Proof("healed"'),
        (
            "read_back",
            returning(UNTYPED("control_plane", 1, "1")),
            "Own.read_back returned a value of type Proof, whose holds",
        ),
        (
            "gone",
            returning("no"),
            "Own.gone returned a value of type str; it must return None, or Gone",
        ),
        (
            "gone",
            returning(Gone(EndedBy.NOBODY, "it", 2**62)),
            "Own.gone returned a value of type Gone;",
        ),
    ],
)
def test_a_mistake_names_class_method_file_and_line(
    name: str, method: Callable[[Any], Any], why: str
) -> None:
    """Of what it raises, and of what it returns."""
    injector = having(**{name: method})
    with pytest.raises(InjectorMistake) as caught:
        getattr(injector, name)()

    assert re.match(HERE + re.escape(why), str(caught.value))
    assert injector.mistakes == (str(caught.value),)


@pytest.mark.parametrize("error", [HarnessError("the disk is gone"), OSError("no route")])
def test_what_an_injector_says_itself_is_no_mistake(error: Exception) -> None:
    """The environment is not as it has to be."""

    def heal(_self: Any) -> int:
        raise error

    injector = having(heal=heal)
    with pytest.raises(type(error), match=str(error)):
        injector.heal()

    assert injector.mistakes == ()


@pytest.mark.parametrize(
    "instant",
    [
        None,
        True,
        time.time_ns,
        time.monotonic,
        lambda: time.monotonic_ns() - AFTER_NS,
        lambda: 10**5000,
    ],
)
def test_an_instant_of_healing_that_cannot_be_is_that_of_its_return(
    instant: Any, tmp_path: Path
) -> None:
    """The change is undone: it is not undone again, and the mistake is told."""
    injector = having(heal=returning(instant))
    injector.inject()
    journal = Journal(tmp_path, "stack-1", "run", "conductor")
    place: Any = Place(tmp_path)
    result = heal_fault(PLANNED, place, journal, injector=injector)

    assert result.tries == 1
    assert result.healed_ns is not None
    assert result.called_ns <= result.healed_ns <= (result.returned_ns or 0)
    assert "Own.heal returned" in injector.mistakes[0]
    assert "it must return time.monotonic_ns() at the instant" in injector.mistakes[0]


@pytest.mark.parametrize(
    "unrun", [wait, lambda _: (x for x in ()), lambda _: map(str, ()), lambda self: self.clean_up]
)
def test_a_heal_that_hands_back_its_work_has_not_healed(unrun: Any, tmp_path: Path) -> None:
    """Nothing of it was run: it is tried again, and not announced as healed before it is."""
    made = unrun(Breakable())
    injector = having(heal=then(returning_it(made), Breakable.heal))
    journal = Journal(tmp_path, "stack-1", "run", "conductor")
    place: Any = Place(tmp_path)
    with pytest.raises(InjectorMistake, match="it must do its work before it returns"):
        having(heal=returning_it(made)).heal()
    result = heal_fault(PLANNED, place, journal, injector=injector)
    getattr(made, "close", dict)()

    assert result.tries == 2
    assert injector._own.heals == 1
    assert injector.mistakes == ()


@pytest.mark.parametrize("error", [None, HarnessError("not now"), KeyError("x")])
@pytest.mark.parametrize(
    ("holders", "told"),
    [
        (lambda one: property(returning((one,))), 1),
        (lambda one: [one], 1),
        (lambda _: property(raising(KeyError("x"))), 0),
        (lambda _: property(raising(SystemExit())), 0),
        (lambda _: 3, 0),
        (lambda _: ("a lock",), 0),
    ],
)
def test_who_held_up_a_heal_is_told_and_hides_no_heal(
    holders: Any, told: int, error: Exception | None
) -> None:
    """Whatever stands there, the heal is what it was."""
    one = LockHolder(1, "app", "idle", "2026-11-30T00:00:00Z")
    heal = raising(error) if error else Breakable.heal
    injector = having(held_up_by=holders(one), heal=heal)
    if error is None:
        assert injector.heal() > 0
    else:
        with pytest.raises((HarnessError, InjectorMistake)):
            injector.heal()

    assert injector.held_up_by == (one,) * told


@pytest.mark.parametrize("name", ["ready", "inject", "canary", "gone", "heal", "healed"])
def test_what_a_method_did_wrong_is_forgotten_once_it_does_well(name: str) -> None:
    """A wait for an answer may meet what is no answer."""
    injector = having(**{name: then(fails, getattr(Breakable, name))})
    with pytest.raises(InjectorMistake):
        getattr(injector, name)()
    assert len(injector.mistakes) == 1
    getattr(injector, name)()

    assert injector.mistakes == ()


@pytest.mark.parametrize(
    ("name", "told"), [("canary", 0), ("read_back", 0), ("gone", 0), ("healed", 1), ("clean_up", 1)]
)
def test_what_the_heal_cuts_off_is_no_mistake(name: str, told: int) -> None:
    """As a proof that does not hold by then is none; what comes after the heal has to do well."""
    injector = having(**{name: lambda _: fails(injector.heal())})
    with pytest.raises(InjectorMistake):
        getattr(injector, name)()

    assert len(injector.mistakes) == told


def test_a_proof_of_another_kind_is_understood_and_told() -> None:
    """That it is healed is not doubted for that."""
    injector = having(healed=returning(Proof("canary", holds=True, text="well")))

    assert injector.healed() == Proof("healed", holds=True, text="well")
    assert 'it must return Proof("healed"' in injector.mistakes[0]


@pytest.mark.parametrize(
    ("method", "heals"),
    [("inject", 1), ("read_back", 1), ("canary", 1), ("gone", 1), ("healed", 1), ("clean_up", 1)],
)
def test_a_run_with_a_mistake_heals_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, heals: int
) -> None:
    """Whichever method it is in: the fault is healed, and the run has a reason not to be judged."""
    monkeypatch.setattr(walk_module, "STILL_THERE_SECONDS", 0.02)
    monkeypatch.setattr("harness.faults.heal.healing.HEALED_SECONDS_MAX", 0.1)
    injector = having(**{method: fails})
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: injector)
    facts: list[FaultFact] = []
    place: Any = Place(tmp_path)
    walked = FaultTimeline(place, (PLANNED,), facts.append, lambda *_: None)
    walked.start(time.monotonic_ns())
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline and not (facts and facts[-1].heal_returned_ns):
        time.sleep(0.01)
    walked.finish()

    assert injector._own.heals == heals
    assert facts[-1].healed_ns is not None
    (told,) = walked.errors
    assert told.of_step
    assert re.match(rf"{HERE}Own\.{method} raised KeyError: 'name' \(1-partition\)$", told.text)


def test_only_a_users_own_is_looked_at() -> None:
    """A mistake in one of ours is none of theirs."""
    ours = type("Ours", (Breakable,), {"__module__": "harness.faults.x"})()

    assert guarded(lambda: ours, "Ours") is ours
    assert isinstance(guarded(Breakable, "Breakable"), GuardedInjector)
    with pytest.raises(InjectorMistake, match="Own returned None; it must return an Injector"):
        guarded(lambda: None, "Own")
    with pytest.raises(InjectorMistake, match=f"{HERE}Own raised KeyError: 'name'"):
        guarded(lambda: fails(None), "Own")
    with pytest.raises(InjectorMistake, match=f"{HERE}Own raised CancelledError"):
        guarded(lambda: cancelled(None), "Own")


def makes(planned: Any, spec: Any, stack: Any) -> Injector:
    """A function makes one as well."""
    return Made(planned, spec, stack)


class Made(Breakable):
    """One that is made as it has to be."""

    def __init__(self, planned: Any, spec: Any, stack: Any) -> None:
        super().__init__()
        del planned, spec, stack


@pytest.mark.parametrize(
    ("injector", "wrong"),
    [
        (Made, []),
        (makes, []),
        (lambda planned: planned, ["must be made of the planned fault, its specification and"]),
        (Breakable, ["must be made of the planned fault, its specification and"]),
        (type("Own", (Injector,), {}), ["Own lacks canary() and heal() and healed() and inject()"]),
        (type("Own", (Made,), {"heal": wait}), ["Own.heal must not be async"]),
        (type("Own", (Made,), {"gone": lambda _s, _x: None}), ["Own.gone must be a method that"]),
        (type("Own", (Made,), {"gone": staticmethod(lambda: None)}), []),
        (type("Own", (Made,), {"gone": 3}), ["Own.gone must be a method that takes nothing"]),
        (int, ["int must be a subclass of Injector"]),
        (3, ["3 makes no injector"]),
    ],
)
def test_what_makes_no_injector_is_refused_before_a_run(injector: Any, wrong: list[str]) -> None:
    """It is met where it is registered."""
    found = list(wrong_injector(injector))

    assert len(found[:1]) == len(wrong)
    assert all(text in found[0] for text in wrong)

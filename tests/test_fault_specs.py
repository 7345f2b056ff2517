"""Specifications of faults: what cannot be is said before anything starts."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.faults import CommitLost, Flap, Latency, Partition, Refuse, Reset, Throttle
from harness.faults.network.link_fault import LinkFault
from harness.faults.network.partition import PartitionInjector
from harness.faults.registry import register, require_alone
from harness.history.stored_faults import dumped_fault
from harness.history.stored_faults import planned_fault as planned_fault_of
from harness.plan import fault_registry
from harness.plan.fault import FaultSpec, Phrase
from harness.plan.fault_registry import spec_from
from harness.plan.fault_text import parse_fault
from harness.plan.layout import Need
from harness.plan.schedule import scheduled
from tests.builders import LOCAL, planned_fault

SOUND: list[FaultSpec] = [
    Partition("edge"),
    Refuse("edge"),
    Reset("edge"),
    Latency("edge", 1),
    Latency("edge", 60_000, jitter=60_000, direction="both"),
    Throttle("edge", 1, direction="upstream"),
    Flap("edge", period=0.1, duty=0.01),
    Flap("edge", period=60.0, duty=0.99),
    CommitLost(),
]
WRONG: list[tuple[Callable[[], FaultSpec], str]] = [
    (lambda: Latency("edge", 0), "milliseconds 0 must be a whole number from 1 to 60000"),
    (lambda: Latency("edge", 60_001), "milliseconds 60001 must"),
    (lambda: Latency("edge", 10, jitter=11), "jitter 11 must be a whole number from 0 to"),
    (lambda: Latency("edge", 10, jitter=-1), "jitter -1 must"),
    (lambda: Throttle("edge", 0), "kilobytes_per_second 0 must be a whole number from 1"),
    (lambda: Flap("edge", period=0.05), "period 0.05 must be from 0.1 to 60 seconds"),
    (lambda: Flap("edge", period=61), "period 61 must"),
    (lambda: Flap("edge", duty=0.0), "duty 0 must be a share between 0 and 1, both excluded"),
    (lambda: Flap("edge", duty=1.0), "duty 1 must"),
    (lambda: Flap("edge", period=float("nan")), "period nan must"),
]


@pytest.mark.parametrize("spec", SOUND, ids=str)
def test_a_sound_fault_survives_being_planned_and_written(spec: FaultSpec) -> None:
    """Also at the ends of what is allowed; the plan holds it as JSON, and makes it again."""
    fault = planned_fault("1-x", replace(spec, at="1s", lasts="2s"), 9.0, 11.0)

    again = planned_fault_of(json.loads(json.dumps(dumped_fault(fault))))

    assert again == fault
    assert spec_from(again) == replace(spec, at=0.0, lasts=5.0)
    assert spec.target in spec.description


@pytest.mark.parametrize(("make", "problem"), WRONG, ids=[problem[:30] for _, problem in WRONG])
def test_each_wrong_value_is_named_with_what_is_valid(
    make: Callable[[], FaultSpec], problem: str
) -> None:
    """One line for each value."""
    with pytest.raises(UsageError) as caught:
        make()

    assert str(caught.value).partition(": ")[2].startswith(problem)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('Latency("edge", milliseconds={})', "milliseconds"),
        ('Throttle("edge", kilobytes_per_second={})', "kilobytes_per_second"),
        ('Flap("edge", period={})', "period"),
    ],
)
def test_the_bounds_that_a_message_names_are_taken(text: str, field: str) -> None:
    """Both ends, as they stand there."""
    (told,) = parse_problems(text.format(0))
    (bounds,) = re.findall(r"from (\S+) to (\S+?)(?: seconds)?$", told)

    assert told.startswith(f"{field} 0 must be")
    assert [parse_problems(text.format(bound)) for bound in bounds] == [[], []]


def parse_problems(text: str) -> list[str]:
    """What cannot be of a fault as a command line has it."""
    try:
        return parse_fault(text).problems
    except UsageError as error:
        return [str(error).removeprefix(f"{text}: ").partition("; it is ")[0]]


def fog(name: str = "Fog", **said: Any) -> Any:
    """A class of faults of a user's own, and what it says of itself."""
    told = {"kind": "fog", "told": "fog on {0.link}", "__module__": __name__, **said}
    return dataclass(frozen=True, slots=True)(type(LinkFault)(name, (LinkFault,), told))


@pytest.mark.parametrize(
    ("spec", "injector", "wrong"),
    [
        (fog(kind="Fog It!/.."), PartitionInjector, "Fog.kind must be a word in lower case"),
        (fog(kind=3), PartitionInjector, "Fog.kind must be a word in lower case"),
        (fog(kind="latency"), PartitionInjector, "Fog.kind 'latency' is that of Latency (harness/"),
        (fog("Latency"), PartitionInjector, "Latency is also a fault of harness.faults.network"),
        (fog(told="{0.lnk} is slow"), PartitionInjector, "Fog.told names {0.lnk}, which the fault"),
        (fog(told="{link} is slow"), PartitionInjector, "does not have; there are {0.link}"),
        (fog(told="{0.link is slow"), PartitionInjector, "Fog.told must be a text like"),
        (fog(told=None), PartitionInjector, "Fog.told must be a text like"),
        (fog(phrase="fog"), PartitionInjector, "Fog.phrase must be Phrase("),
        (fog(phrase=Phrase("the {link}")), PartitionInjector, "Fog.phrase has {link}, and only"),
        (fog(phrase=Phrase("fog", "{was}")), PartitionInjector, "Fog.phrase names its end"),
        (PartitionInjector, fog(), "register(PartitionInjector, Fog): write the fault first"),
        (fog, PartitionInjector, "register(fog, PartitionInjector): fog is no fault"),
        (fog(), object, "register(Fog, object): object must be a subclass of Injector"),
    ],
)
def test_what_a_fault_cannot_say_of_itself_is_refused_where_it_is_registered(
    spec: Any, injector: Any, wrong: str
) -> None:
    """Before a plan is made; one that ships is known by then, loaded or not."""
    with pytest.raises(UsageError) as caught:
        register(spec, injector)

    assert wrong in str(caught.value)
    assert "fog" not in fault_registry._SPECS


def fails(_spec: Any) -> Any:
    """A mistake."""
    return 1 / 0


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"needs": property(lambda _: "edge")}, "Fog.needs must be a tuple like (Need(Thing.LINK,"),
        ({"resets": property(lambda _: ["edge"])}, "Fog.resets must be a tuple like (Need"),
        ({"target": property(fails)}, "Fog.target raised ZeroDivisionError"),
        ({"target": property(lambda _: None)}, "Fog.target must be a text, not None"),
        ({"description": property(fails)}, "Fog.description raised ZeroDivisionError"),
        (
            {"__annotations__": {"of": frozenset}, "of": frozenset({3})},
            "as JSON, which does not give them back (Object of type frozenset is not JSON",
        ),
    ],
)
def test_a_fault_that_cannot_be_carried_out_as_planned_is_not_planned(
    said: dict[str, Any], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its properties say is known only of a fault that was made."""
    kind = fog(**said)
    monkeypatch.setitem(fault_registry._SPECS, "fog", kind)
    with pytest.raises(UsageError) as caught:
        scheduled({"1-fog": kind("edge")}, 1.0, 1.0, None, LOCAL)

    assert wrong in str(caught.value)


@pytest.mark.parametrize("kind", [fog(), type(LinkFault)("Fog", (LinkFault,), {})])
def test_a_fault_that_was_not_registered_is_not_planned(kind: Any) -> None:
    """The message has the line that is missing."""
    with pytest.raises(UsageError, match=r"Fog is not registered: end .* with register\(Fog, "):
        scheduled({"1-fog": kind("edge")}, 1.0, 1.0, None, LOCAL)


def test_what_a_class_says_of_itself_may_have_a_type() -> None:
    """It makes no field of it."""
    typed = {"kind": str, "phrase": Phrase, "needs": tuple[Need, ...]}
    said = {"__annotations__": typed, "needs": ()}
    plain = type(LinkFault)("Fog", (LinkFault,), {"kind": "fog", "told": "fog", **said})
    assert list(fault_registry._wrong(plain)) == []

    plain.__annotations__["depth"] = int
    assert next(fault_registry._wrong(plain)).startswith(" has the field depth, so write @data")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (lambda texts: texts, "Fog: it must be even"),
        (lambda texts: (text for text in texts), "Fog: it must be even"),
        (dict.fromkeys, "Fog: it must be even"),
        (lambda _: (x for x in ()), ""),
        (lambda _: set(), ""),
        (lambda _: "", ""),
    ],
)
def test_objections_may_be_whatever_holds_texts(found: Any, wrong: str) -> None:
    """Also for those who heal what is left over of such a fault."""
    kind = fog(objections=lambda _: found(["it must be even"]))
    if not wrong:
        assert kind("edge").problems == []
        return
    with pytest.raises(UsageError, match=f"^{wrong}$"):
        kind("edge")


@pytest.mark.parametrize("found", ["it must be even", None, [3], 3])
def test_objections_are_a_list_of_texts(found: Any) -> None:
    """A text is not read letter by letter."""
    kind = fog(objections=lambda _: found)
    with pytest.raises(UsageError, match=r"Fog: objections must return a list of texts, .*\.py:"):
        kind("edge")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("import gevent", "brings in gevent, which only the load may have"),
        ("1 / 0", "line 1|fog_alone.py:1: ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_the_conductor_cannot_load_is_refused_before_a_run(
    tmp_path: Path, text: str, wrong: str
) -> None:
    """There it would have replaced the standard library before it could be refused."""
    (tmp_path / "fog_alone.py").write_text(text)
    kind: Any = type("Fog", (), {"__module__": "fog_alone"})
    sys.modules["fog_alone"] = module = ModuleType("fog_alone")
    module.__file__ = str(tmp_path / "fog_alone.py")
    try:
        with pytest.raises(UsageError, match=f"fault module fog_alone: .*({wrong})"):
            require_alone(kind)
    finally:
        del sys.modules["fog_alone"]
    require_alone(Partition)


def test_a_module_is_looked_at_once_however_many_faults_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look starts an interpreter."""
    looks: list[Any] = []
    monkeypatch.setattr("harness.faults.registry.look_alone", lambda *words: looks.append(words))
    module = ModuleType("fog_once")
    module.__file__ = str(tmp_path / "fog_once.py")
    monkeypatch.setitem(sys.modules, "fog_once", module)
    for name in ("Fog", "Mist", "Rain"):
        require_alone(fog(name, __module__="fog_once"))

    assert len(looks) == 1

"""Which faults there are, by kind. A file that defines one registers it when it is imported.

Those that ship are imported as soon as one is asked for, so that most programs never load them; a
user's own come with the scenario.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from string import Formatter
from typing import Any

from harness.core.errors import UsageError
from harness.core.places import is_of_harness, message_of, place_of_class
from harness.plan.checked import shown
from harness.plan.fault import OWN_FIELDS, FaultSpec, Phrase, PlannedFault
from harness.plan.layout import Need

_SHIPPED = "harness.faults.registry"
"""By name: this room knows that there are faults, and none of them."""
_SPECS: dict[str, type[FaultSpec]] = {}
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_IN_PHRASES = ("target", "was")
_OF_NEEDS = ("needs", "takes_away", "canary_needs", "rests_on", "resets", "switches")


def _filled() -> dict[str, type[FaultSpec]]:
    import_module(_SHIPPED).load_specs()
    return _SPECS


def add_spec(spec: type[FaultSpec]) -> None:
    """Add a class of faults; UsageError where what it says of itself cannot be, or where another
    one has its kind or its name.
    """
    if wrong := next(_wrong(spec), ""):
        raise UsageError(f"{spec.__name__}{wrong}")
    # One that ships is known here before a user's own can take its name.
    known = _SPECS if is_of_harness(spec) else _filled()
    for other in known.values():
        if _same(other, spec):
            continue
        if other.kind == spec.kind:
            taken = f".kind {spec.kind!r} is that of {other.__name__}"
            raise UsageError(f"{spec.__name__}{taken} ({place_of_class(other)}): choose another")
        if other.__name__ == spec.__name__:
            raise UsageError(f"{spec.__name__} is also a fault of {other.__module__}: rename it")
    _SPECS[spec.kind] = spec


def _same(one: type, other: type) -> bool:
    """Whether two are one class, which may have been imported twice."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _is_field(spec: type[FaultSpec], name: str, hint: Any) -> bool:
    """Whether an annotation is meant as a field: it is none of what every fault says of itself."""
    given = isinstance(vars(FaultSpec).get(name), property) and name in vars(spec)
    said = inspect.get_annotations(FaultSpec).keys() - OWN_FIELDS
    return not (given or name in said or "ClassVar" in str(hint))


def _wrong(spec: type[FaultSpec]) -> Iterator[str]:
    """Every statement of a class about itself that is invalid, and what would be valid."""
    own = [n for n, hint in inspect.get_annotations(spec).items() if _is_field(spec, n, hint)]
    if own and "__dataclass_fields__" not in vars(spec):
        yield f" has the field {own[0]}, so write @dataclass(frozen=True, slots=True) above it"
    kind: Any = getattr(spec, "kind", None)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        valid = 'a word in lower case, of letters, digits, - and _, like "slow_disk"'
        yield f".kind must be {valid}" + ("" if kind is None else f", not {shown(kind)}")
    told: Any = spec.told
    try:
        placed = [field for _, field, _, _ in Formatter().parse(told) if field is not None]
    except (TypeError, ValueError):
        yield f'.told must be a text like "{{0.link}} is slow", not {shown(told)}'
        return
    names = [field.name for field in fields(spec)]
    for field in placed:
        name = re.split(r"[.\[]", field.removeprefix("0."))[0]
        if not field.startswith("0.") or not (hasattr(spec, name) or name in names):
            there = ", ".join(f"{{0.{each}}}" for each in names if each not in OWN_FIELDS)
            yield f".told names {{{field}}}, which the fault does not have; there are {there}"
    phrase: Any = spec.phrase
    if not isinstance(phrase, Phrase) or not all(isinstance(part, str) for part in phrase):
        yield f'.phrase must be Phrase("the {{target}} link {{was}} slow"), not {shown(phrase)}'
        return
    for name in re.findall(r"\{(.*?)\}", phrase.did):
        if name not in _IN_PHRASES:
            yield f".phrase has {{{name}}}, and only {{target}} and {{was}} are replaced there"
    if "{" in phrase.ended:
        yield f".phrase names its end {phrase.ended!r}, in which nothing is replaced"


def require_sound(spec: FaultSpec) -> None:
    """Refuse, as UsageError with its place, a fault that could be planned and not be carried out.

    It is not registered, does not say what is planned of it, or is another one once it was stored.
    """
    if wrong := next(_unsound(spec), ""):
        kind = type(spec)
        raise UsageError(f"{place_of_class(kind)}: {kind.__name__}{wrong}")


def _unsound(spec: FaultSpec) -> Iterator[str]:
    kind = type(spec)
    known = _SPECS.get(getattr(kind, "kind", ""))
    if known is None or not _same(known, kind):
        guess = f"{kind.__name__}Injector"
        module = sys.modules.get(kind.__module__)
        injector = guess if hasattr(module, guess) else "its injector"
        file = place_of_class(kind).rpartition(":")[0] or kind.__module__
        yield f" is not registered: end {file} with register({kind.__name__}, {injector})"
    for name in ("target", "description", *_OF_NEEDS):
        try:
            found: Any = getattr(spec, name)
        except NotImplementedError:
            yield f".{name} is missing: say it, as the property of that name"
            return
        except Exception as error:  # noqa: BLE001  # told with the class and its place
            yield f".{name} raised {message_of(error)}"
            return
        if name not in _OF_NEEDS:
            if not isinstance(found, str):
                yield f".{name} must be a text, not {shown(found)}"
        elif not isinstance(found, tuple) or not all(isinstance(each, Need) for each in found):
            valid = 'a tuple like (Need(Thing.LINK, "database"),)'
            yield f".{name} must be {valid}, not {shown(found)}"
    try:
        again = kind(**json.loads(json.dumps(spec.parameters)))
        why = "" if again.parameters == spec.parameters else "they are others then"
    except (TypeError, ValueError, UsageError) as error:
        why = str(error).removeprefix(f"{kind.__name__}: ")
    if why:
        valid = "let each field be a text, a number, True or False, or a tuple of them"
        yield f": a plan keeps its values as JSON, which does not give them back ({why}); {valid}"


def specs() -> dict[str, type[FaultSpec]]:
    """Every class of faults that is loaded, by its name, in the order of the alphabet."""
    return {spec.__name__: spec for spec in sorted(_filled().values(), key=lambda s: s.__name__)}


def spec_of(kind: str) -> type[FaultSpec]:
    """The class of faults of a kind; UsageError where none is loaded."""
    if kind not in _filled():
        known = ", ".join(sorted(_SPECS))
        raise UsageError(
            f"no fault of kind {kind!r} is known here; there are {known}. If it is one of your"
            " own, name its module with --fault-module"
        )
    return _SPECS[kind]


def spec_from(planned: PlannedFault) -> FaultSpec:
    """The fault that was planned, to be carried out or undone; UsageError where it is none."""
    values: dict[str, Any] = {**planned.parameters}
    return spec_of(planned.kind)(**values, expects_impact=planned.expects_impact)

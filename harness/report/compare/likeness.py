"""Whether runs can be compared at all: what they were made under, and what was tested.

Under other conditions of measuring every figure means something else, and no claim is made. What
was tested may differ: to see what that does is what a comparison is for. Both are told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.plan.options import RUN_OPTIONS, Use
from harness.report import words
from harness.report.archive import Stored
from harness.verdict.types import Weight

NO_EVIDENCE = {
    "interrupted": "it was interrupted",
    "safety_stop": "it was stopped for safety",
    "no_evidence": "there is next to nothing to judge",
    "evidence_damaged": "its record is damaged",
    "load_unfaithful": "its load was not sent as planned",
    "baseline_not_steady": "its baseline was not steady",
    "fault_did_not_bite": "its fault did not take effect",
}
"""Findings of a run whose figures are no evidence, unlike a run that failed."""
_LOCAL = "local stack"


def left_out(stored: Stored) -> str:
    """Why a run is shown and not compared; empty when it is."""
    for found in stored.verdict.findings:
        if found.code in NO_EVIDENCE and found.verdict is not Weight.NOTE:
            return NO_EVIDENCE[found.code]
    return ""


def conditions(stored: Stored) -> dict[str, str]:
    """Under which a run was made, as far as it is known."""
    verdict, settings = stored.verdict, stored.settings or {}
    faults = ", ".join(sorted(f.description or f.name for f in verdict.faults)) or "none"
    found = {
        "rate": f"{verdict.load.rate_asked:g} arrivals/s",
        "request timeout": f"{verdict.load.request_timeout_s:g} s",
        "faults": words.cut(faults, 300),
    }
    if verdict.phases and not settings:
        length_s = verdict.phases[-1].end_s - verdict.phases[0].start_s
        found["length of the load"] = f"{length_s:.0f} s"
    return found | _given(settings, Use.CONDITION)


def tested(stored: Stored) -> dict[str, str]:
    """What a run tested, and what was asked of it."""
    target = stored.verdict.target
    limits = ", ".join(f"{o.id} {o.limit:g}" for o in stored.verdict.objectives)
    # Every local stack has a number of its own, which says nothing.
    found = {"target": _LOCAL if target.startswith(_LOCAL) else words.cut(target, 100)}
    found |= _given(stored.settings or {}, Use.TESTED)
    return {**found, "objectives": words.cut(limits or "none", 500)}


def _given(settings: Mapping[str, object], use: Use) -> dict[str, str]:
    """The options of one use, as a stored run has them."""
    return {
        each.name: f"{_shown(settings[each.setting])} {each.type.unit}".rstrip()
        for each in RUN_OPTIONS
        if use in each.uses and each.setting in settings
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}"
    return words.cut(str(value), 100) or "none"


def same(first: Stored, second: Stored) -> bool:
    """Whether two runs were made under the same conditions, as far as both are known."""
    one, two = conditions(first), conditions(second)
    return all(one[name] == two[name] for name in one.keys() & two.keys())


def differences(
    read: Callable[[Stored], dict[str, str]], groups: Mapping[str, Sequence[Stored]]
) -> list[str]:
    """Everything in which runs differ, with the values of each group."""
    per_group = {name: [read(stored) for stored in runs] for name, runs in groups.items() if runs}
    names = dict.fromkeys(key for runs in per_group.values() for run in runs for key in run)
    found = []
    for key in names:
        values = {g: _values(run.get(key) for run in runs) for g, runs in per_group.items()}
        if len({value for group in values.values() for value in group}) > 1:
            told = "; ".join(f"{' and '.join(v)} in {g}" for g, v in values.items() if v)
            found.append(f"{key}: {told}")
    return found


def _values(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value is not None))

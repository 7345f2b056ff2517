"""What a run would do, told before anything is done: ``--dry-run``, for people or as JSON.

Reads no more than the plan and, where a stack is up, its state file.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.core.documents import text_of
from harness.core.errors import UsageError
from harness.core.foreign_text import clean
from harness.core.money import YUAN, Currency
from harness.core.numbers import Count, Fen, Figure, Seconds
from harness.core.rows import reason_of
from harness.core.user_module import UserReference
from harness.history.journal import DEADLINE_MARGIN_SECONDS
from harness.history.run_facts import BlastRadius
from harness.plan.fault import PlannedFault
from harness.plan.objectives import OnInconclusive
from harness.plan.plan import Plan, PlannedPhase, Settings, SteadyState, accepted
from harness.plan.stop_conditions import Off, in_words
from harness.run.safety.feasible import layout_for, require_feasible
from harness.run.safety.radius import radius_of
from harness.stack import Stack
from harness.target.contract import Contract
from harness.target.declared import declared
from harness.target.interface import Target
from harness.verdict.visible import Visible, least_seen

SCHEMA = "lendchaos.preview/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLoad:
    """How much a run would ask for."""

    arrivals: Count
    accounts: Count
    amount_fen: Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFault:
    """A fault with its place on the timeline, and what it would break."""

    name: str
    kind: str
    link_or_target: str
    description: str
    expects_impact: bool
    inject_s: Seconds
    heal_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewDocument:
    """What `lendchaos run --dry-run --json` prints: the plan without its arrivals and borrowers.

    Instants are seconds after the warm-up. Only what is set stands in ``objectives`` and ``stop``.
    ``requests`` are all that a target which is not the local stack would be asked, and where.
    ``host`` is the address of the target, None for the local stack; ``target_class`` the user's
    class of it, None where our contract is spoken.
    """

    scenario: str
    hypothesis: str
    target: str
    settings: Settings
    load: PreviewLoad
    visible: Visible
    phases: tuple[PlannedPhase, ...]
    faults: tuple[PreviewFault, ...]
    watches: bool
    objectives: dict[str, Figure]
    objective_sources: dict[str, str]
    steady_state: SteadyState
    on_inconclusive: OnInconclusive
    stop: dict[str, Count | bool | Off]
    stop_sources: dict[str, str]
    blast_radius: BlastRadius
    requests: tuple[str, ...] = ()
    currency: Currency = YUAN
    host: str | None = None
    target_class: UserReference | None = None
    schema: str = SCHEMA


def preview(
    plan: Plan,
    state_dir: Path,
    host: str | None,
    allow_targets: Collection[str],
    target: Target | None = None,
) -> str:
    """Everything that is planned, in lines; raises what `require_feasible` does.

    ``target`` is the user's class of it; None for one that speaks our contract.
    """
    stack = require_feasible(plan, state_dir, host, allow_targets, look_up=False, target=target)
    lines = [f"dry run of {clean(plan.scenario)}, seed {plan.settings.seed}"]
    lines += [f"target   {_target(stack, host)}", "", "load", *_load(plan)]
    lines += [f"  {text}" for text in told_before(plan)]
    lines += ["", "timeline, seconds after the warm-up", *_timeline(plan)]
    lines += ["", "blast radius", *_radius(plan, stack, host, target)]
    if requests := _requests(host, target):
        lines += ["", "all that the target would be asked, and where"]
        lines += [f"  {clean(text)}" for text in requests]
    lines += ["", "the run ends at once, healed, with exit code 4, if", *_stops(plan)]
    lines += ["", "nothing was touched: no stack, no run directory, no connection"]
    return "\n".join(lines) + "\n"


def preview_json(
    plan: Plan,
    state_dir: Path,
    host: str | None,
    allow_targets: Collection[str],
    target: Target | None = None,
    *,
    reference: UserReference | None = None,
) -> str:
    """The same for programs, as `PreviewDocument`; ``reference`` names the class of ``target``."""
    stack = require_feasible(plan, state_dir, host, allow_targets, look_up=False, target=target)
    return text_of(
        PreviewDocument(
            scenario=plan.scenario,
            hypothesis=plan.hypothesis,
            target=_target(stack, host),
            settings=plan.settings,
            load=PreviewLoad(
                arrivals=len(plan.arrivals),
                accounts=len(plan.borrowers),
                amount_fen=sum(arrival.amount_fen for arrival in plan.arrivals),
            ),
            visible=shown(plan),
            phases=plan.phases,
            faults=tuple(map(_fault, plan.faults)),
            watches=plan.observe,
            objectives=_set(plan.objectives),
            objective_sources=plan.objective_sources,
            steady_state=plan.steady_state,
            on_inconclusive=plan.on_inconclusive,
            stop=_set(plan.stop),
            stop_sources=plan.stop_sources,
            blast_radius=radius_of(plan, layout_for(plan.settings, stack, host, target)),
            requests=_requests(host, target),
            currency=plan.lender.currency,
            host=host,
            target_class=reference,
        )
    )


def read_preview(text: str, path: Path) -> PreviewDocument:
    """What ``--dry-run --json`` printed; a scenario file may have written something before it.
    UsageError where there is none, as the file has no lendchaos scenario, or none that can be read.
    """
    begin = text.find(f'{{\n  "schema": "{SCHEMA}"')
    if begin < 0:
        raise UsageError(f"{path} has no scenario: it needs a class that is a harness.Borrower")
    try:
        body = json.JSONDecoder().raw_decode(text[begin:])[0]
        return TypeAdapter(PreviewDocument).validate_python(body)
    except ValueError as error:
        raise UsageError(f"{path}: its preview cannot be read: {reason_of(error)}") from error


def _fault(planned: PlannedFault) -> PreviewFault:
    return PreviewFault(
        name=planned.name,
        kind=planned.kind,
        link_or_target=planned.target,
        description=planned.description,
        expects_impact=planned.expects_impact,
        inject_s=planned.inject_s,
        heal_s=planned.heal_s,
    )


def _set(limits: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(limits).items() if value is not None}


def _target(stack: Stack | None, host: str | None) -> str:
    to_be = "to be started on this machine, at ports chosen then"
    return host or f"the local stack, {'which is up' if stack else to_be}"


def _load(plan: Plan) -> list[str]:
    settings = plan.settings
    amount_fen = sum(arrival.amount_fen for arrival in plan.arrivals)
    tries = f"at most {1 + settings.retries} times" if settings.retries else "once"
    asked = f"{len(plan.arrivals):,} borrow requests worth {plan.lender.currency.text(amount_fen)}"
    return [
        f"  {settings.rate} arrivals a second for {settings.load_s:g} s",
        f"  {asked}, each sent {tries}",
        f"  {len(plan.borrowers):,} accounts are opened for them",
    ]


def shown(plan: Plan) -> Visible:
    """The least impairment that nine of ten such runs show, of a service that is well otherwise."""
    from harness.verdict.measure.visibility import visible_in_preview  # noqa: PLC0415  # a load process needs no statistics

    return visible_in_preview(plan)


def told_before(plan: Plan) -> list[str]:
    """What such a run shows, in words, and whether its baseline will hardly do."""
    from harness.verdict.measure.baseline import too_short_a_baseline  # noqa: PLC0415  # see above

    told = [f"nine of ten such runs show {least_seen(shown(plan))}", too_short_a_baseline(plan)]
    return [text for text in told if text]


def _timeline(plan: Plan) -> list[str]:
    """Phases and faults in the order of their begin."""
    rows = [
        (phase.start_s, 0, f"{phase.start_s:8.1f} to {phase.end_s:6.1f}   phase {phase.name}")
        for phase in plan.phases
    ]
    for fault in plan.faults:
        quiet = "" if fault.expects_impact else "; borrowers should not notice it"
        gone_by_s = fault.heal_s + DEADLINE_MARGIN_SECONDS
        text = (
            f"{fault.inject_s:8.1f} to {fault.heal_s:6.1f}   fault {fault.name}:"
            f" {fault.description}{quiet}; healed by {gone_by_s:.1f} s at the latest"
        )
        rows.append((fault.inject_s, 1, text))
    return [text for *_, text in sorted(rows)]


def _requests(host: str | None, target: Target | None) -> tuple[str, ...]:
    """Nothing of the local stack, which is ours."""
    if host is None:
        return ()
    return tuple(declared(target or Contract(host)))


def _radius(plan: Plan, stack: Stack | None, host: str | None, target: Target | None) -> list[str]:
    radius = radius_of(plan, layout_for(plan.settings, stack, host, target))
    lines = [f"  {name} touches {', '.join(what)}" for name, what in radius.touched.items()]
    if not plan.faults:
        lines.append("  no fault: nothing is injected")
    if radius.untouched:
        lines.append(f"  not touched: {', '.join(radius.untouched)}")
    return lines


def _stops(plan: Plan) -> list[str]:
    lines = [f"  {text}" for text in in_words(plan.stop, plan.lender.currency)] or [
        "  (nothing: all conditions are off)"
    ]
    if plan.stop.failed_surge:
        spans = [f"{start_s:.1f} to {end_s:.1f}" for start_s, end_s in accepted(plan)]
        lines.append(f"  where failures are expected: {', '.join(spans) or 'nowhere'}")
    return lines

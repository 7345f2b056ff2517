"""Sections that few readers need are folded, and never one in which something is wrong."""

import re
from dataclasses import replace

import pytest

from harness.report import html, signals
from harness.verdict.figures import Health, Retries
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity, Verdict
from tests.report import rich, sample

LATER = [
    *("log-in", "reconciliation", "episodes", "worst", "closed-loop", "health", "retries"),
    *("decisions", "waits", "timeline", "phases", "method", "words", "files"),
]


def sections(run: sample.Run) -> dict[str, tuple[bool, str]]:
    """Of each section that can be folded, by its anchor: whether it is open, and its heading."""
    found = re.findall(
        r'<section aria-labelledby="([a-z-]+)-heading">\s*<details( open)?>\s*'
        r'<summary>(.*?)</summary>\s*<div id="\1">',
        html.render(*run),
        re.DOTALL,
    )
    plain = {name: " ".join(re.sub("<.*?>", " ", told).split()) for name, _, told in found}
    return {name: (bool(state), plain[name]) for name, state, _ in found}


def quiet() -> sample.Run:
    """A run with every figure in which nothing went wrong."""
    plan, facts, verdict = sample.passed()
    other = rich.rich()[2]
    return plan, facts, replace(
        verdict,
        retries=other.retries,
        closed_loop=other.closed_loop,
        worst_windows=other.worst_windows,
        decisions=[replace(kind, p=0.5) for kind in other.decisions],
        health=Health("/healthz", 10, 300, 300, 0.0, 0.0, None, None),
    )  # fmt: skip


def opened(verdict: Verdict) -> set[str]:
    """The sections that stay open."""
    plan, facts, _ = quiet()
    return {name for name, (open_, _) in sections((plan, facts, verdict)).items() if open_}


def test_from_the_log_in_on_all_is_folded() -> None:
    """With nothing wrong, closed; the heading stands in the summary."""
    found = sections(quiet())

    assert list(found) == LATER
    assert not any(open_ for open_, _ in found.values())


def test_the_heading_says_whether_to_open_it() -> None:
    """One figure, where one tells it; those of the first table."""
    found = {name: told for name, (_, told) in sections(rich.rich()).items()}
    calm = {name: told for name, (_, told) in sections(quiet()).items()}
    log_in = rich.rich()[2].log_in

    assert found["log-in"] == f"Log-in {log_in.failed:,} of {log_in.operations:,} failed"
    assert found["reconciliation"].endswith("ledger 1 wrong")
    assert found["episodes"].endswith("1 outage, 1 degraded stretch")
    assert found["worst"] == "Worst stretches 100 % failed within 1 s"
    assert found["closed-loop"].endswith("30 failures with 10 users, 294 in this run")
    assert found["health"] == "Health checks green for 2.1 s while borrowing failed"
    assert found["retries"] == "Retries up to 2.31 attempts for each borrow"
    assert found["decisions"] == "Mix of decisions shifted: approved"
    assert found["waits"] == "Latency median 13 ms in baseline"
    assert re.fullmatch(r"Timeline of events \d+ events", found["timeline"])
    assert calm["episodes"].endswith("borrowing none")
    assert calm["health"] == "Health checks 300 of 300 answers green"
    assert calm["decisions"].endswith("no significant shift")


def test_what_is_marked_red_or_undecided_is_not_hidden() -> None:
    """Loans that are wrong, a shift of the mix, a health check that stayed green."""
    plan, facts, verdict = rich.rich()
    wrong = {name for name, (open_, _) in sections((plan, facts, verdict)).items() if open_}

    assert {"reconciliation", "health", "decisions"} <= wrong
    assert not {"timeline", "phases", "words", "files"} & wrong
    refused = replace(quiet()[2], log_in=replace(verdict.log_in, false_declined=1))
    assert opened(refused) == {"log-in"}


@pytest.mark.parametrize("severity", [Severity.FAIL, Severity.INCONCLUSIVE])
@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("replay_unstable", "reconciliation"),
        ("ledger_unread", "reconciliation"),
        ("ledger_incomplete", "reconciliation"),
        ("outage", "episodes"),
        ("degraded", "episodes"),
        ("not_recovered", "episodes"),
        ("load_unfaithful", "method"),
        ("evidence_damaged", "method"),
        ("interrupted", "method"),
        ("no_evidence", "method"),
    ],
)
def test_the_section_of_a_finding_stays_open(code: str, where: str, severity: Severity) -> None:
    """A note opens nothing."""
    found = Finding(code, severity, "as planted", {})
    note = replace(found, verdict=Severity.NOTE)

    assert opened(replace(quiet()[2], findings=[found])) == {where}
    assert opened(replace(quiet()[2], findings=[note])) == set()


@pytest.mark.parametrize("judged", [Judgement.FAIL, Judgement.INCONCLUSIVE])
@pytest.mark.parametrize(
    ("identifier", "where"),
    [
        ("recovery_seconds_max", "episodes"),
        ("latency_recovery_seconds_max", "episodes"),
        ("lost_service_seconds_max", "episodes"),
        ("slow_episodes_max", "episodes"),
        ("latency_ms_p99_max", "waits"),
        ("grey_failure_seconds_max", "health"),
        ("attempts_per_operation_max", "retries"),
        ("decision_shift_share_max", "decisions"),
    ],
)
def test_the_section_of_an_objective_that_was_not_met_stays_open(
    identifier: str, where: str, judged: Judgement
) -> None:
    """Missed or not decided; one that was met opens nothing."""
    result = ObjectiveResult(identifier, 1, 2, 1.5, 2.5, judged)
    met = replace(result, verdict=Judgement.PASS)

    assert opened(replace(quiet()[2], objectives=[result])) == {where}
    assert opened(replace(quiet()[2], objectives=[met])) == set()


def test_a_heading_claims_nothing_that_was_not_seen() -> None:
    """No share of more than there is, no "0 of 0", no calm of what could not be measured."""
    run, full = quiet(), rich.rich()[2]
    unknown = [replace(kind, p=None) for kind in full.decisions]
    none = replace(full.log_in, operations=0, failed=0)
    one = Retries({"baseline": 1.0})
    verdict = replace(run[2], decisions=unknown, log_in=none, retries=one)
    told = {name: said for name, (_, said) in sections((*run[:2], verdict)).items()}

    assert told["decisions"] == "Mix of decisions not measured"
    assert told["log-in"] == "Log-in none sent"
    assert told["retries"] == "Retries none"
    assert signals.retries(replace(verdict, retries=Retries({"fault": 1.002}))).digest == (
        "up to 1.002 attempts for each borrow"
    )
    assert told["closed-loop"].endswith("shown 30 failures with 10 users, 0 in this run")

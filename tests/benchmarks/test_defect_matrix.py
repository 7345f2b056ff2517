"""The matrix of planted defects itself: what it counts, and what it would not let pass."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.defects import __main__ as matrix
from benchmarks.defects import plan, trial
from benchmarks.defects.acts import (
    ANSWERS,
    GREEN,
    LATE,
    MONEY,
    PATIENCE,
    SLOW,
    Act,
    Circumstances,
    Rule,
    read_acts,
)
from benchmarks.defects.plan import PAIRS, PAIRS_MAX, Pair, Trial
from benchmarks.defects.trial import Result, Ruling, ruling_of
from benchmarks.real_runs import ROOT, BenchmarkError
from harness.apps.gate.selftest import FOUND_BY
from harness.faults import Partition
from harness.verdict.types import Judgement
from target_service.defects import DEFECTS, check
from tests import builders
from tests.verdicts import judged

ZERO = 1_800_000_000.0
AROUND = Circumstances(
    load_end_s=20.0,
    rate=30,
    faults=((6.0, 9.0),),
    refusable=frozenset({"overdue"}),
    refusable_keys=frozenset({"key of overdue"}),
)
LIMITS = {
    "recovery_seconds_max": 2.0,
    "latency_ms_p99_max": 500,
    "indeterminate_share_max": 0.1,
    "grey_failure_seconds_max": 1.5,
    "request_timeout_s": 2.0,
}
MET = Pair("amount_truncated", plan.QUIET)


def acts(*times: float, **what: Any) -> list[Act]:
    """Acts of some defect at these seconds."""
    return [Act("any", at_s, what) for at_s in times]


def count(rule: Rule, found: list[Act]) -> int:
    """The harm."""
    return rule.count(found, AROUND, LIMITS)


def line(event: str = "harm", at_s: float = 1.0, **fields: Any) -> str:
    """A line of a replica's log."""
    at = datetime.fromtimestamp(ZERO + at_s, UTC).isoformat().replace("+00:00", "Z")
    told = {"defect": "d", "kind": "row", "key": "k"} | fields
    return json.dumps({"event": event, "ts": at, **told})


# --- reading -------------------------------------------------------------------------------------


def test_acts_of_all_replicas_are_read_on_the_clock_of_the_run() -> None:
    """In the order of time; other lines and half a line tell of nothing."""
    other = json.dumps({"event": "request", "ts": "2026-01-01T00:00:00Z", "status": 200})
    texts = [f"{line(at_s=3.0)}\n{other}\nnot json\n", f"{line(at_s=2.0)}\n{line()[:40]}"]

    assert [round(act.at_s, 3) for act in read_acts(texts, ZERO, {})] == [2.0, 3.0]


def test_what_was_averted_is_no_harm() -> None:
    """One line takes one act back, of its own key, whichever replica told it."""
    told = [line(key="kept"), line(key="lost"), line("harm_averted", 1.1, key="kept")]

    assert [act.what["key"] for act in read_acts(["\n".join(told)], ZERO, {})] == ["lost"]


@pytest.mark.parametrize(
    ("if_loans", "harmful"), [(0, {"none"}), (1, {"one", "two"}), (2, {"two"})]
)
def test_what_may_have_been_rolled_back_is_settled_by_the_database(
    if_loans: int, harmful: set[str]
) -> None:
    """So many loans of the key or more; none at all where an answer was given before."""
    told = [line(key=key, if_loans=if_loans) for key in ("none", "one", "two")]
    found = read_acts(["\n".join(told)], ZERO, {"one": 1, "two": 2})

    assert {act.what["key"] for act in found} == harmful


def test_an_averted_act_in_doubt_is_settled_all_the_same() -> None:
    """Taken back when nobody knew any more; then the database decides."""
    told = "\n".join([line(), line("harm_averted", 1.1), line(at_s=1.1, if_loans=0)])

    assert len(read_acts([told], ZERO, {})) == 1
    assert read_acts([told], ZERO, {"k": 1}) == []


# --- counting ------------------------------------------------------------------------------------


def test_money_counts_whenever_it_is() -> None:
    """Warm-up, fault and after the load: a wrong row stays wrong."""
    assert count(MONEY, acts(-0.3, 7.0, 40.0)) == 3


def test_a_loan_decided_blindly_is_harm_only_to_whom_it_must_not_go() -> None:
    """Most borrowers are good: what was not read would have said so."""
    blind = acts(7.0, 7.1, unless_good=True, account_id="good")
    blind += acts(7.2, unless_good=True, account_id="overdue")

    assert count(MONEY, blind) == 1


def test_an_id_is_harm_once_another_has_it() -> None:
    """Both loans are, and none that is alone with its id."""
    assert count(MONEY, [*acts(1, 2, shared="a"), *acts(3, shared="b")]) == 2


def test_wrong_answers_count_under_load() -> None:
    """Not those of set-up and audit; nor a decline of somebody who must be declined."""
    answers = acts(-3.0, 1.0, 19.0, 25.0)
    answers += acts(2.0, unless_refusable=True, key="key of overdue")
    answers += acts(2.0, unless_refusable=True, key="key of somebody good")

    assert count(ANSWERS, answers) == 3


def test_refusals_count_once_the_time_to_recover_is_over() -> None:
    """Under the fault they are the fault's, for 2 s more the recovery's."""
    assert count(LATE, acts(7.0, 10.9, 11.1, 19.0, 21.0)) == 2


def test_waits_count_beyond_one_in_a_hundred() -> None:
    """Six of six hundred may wait, the seventh may not; short waits and faults don't count."""
    few = acts(*[15.0] * 6, seconds=0.6)
    ours = [*acts(*[7.0] * 9, seconds=0.6), *acts(*[15.0] * 9, seconds=0.4)]

    assert count(SLOW, few + ours) == 0
    assert count(SLOW, [*few, *ours, *acts(16.0, seconds=0.6)]) == 1


def test_whoever_is_left_waiting_counts_beyond_the_share() -> None:
    """Of ninety under the fault nine may be."""
    assert count(PATIENCE, [*acts(*[9.0] * 9, seconds=3.0), *acts(9.0, seconds=1.9)]) == 0
    assert count(PATIENCE, acts(*[9.0] * 12, seconds=3.0)) == 3


def test_green_counts_beyond_its_limit() -> None:
    """A short stretch is allowed, whatever else was green at another time."""
    short, long = [1.0, 1.5, 2.5], [6.0, 7.5, 9.0]

    assert count(GREEN, acts(*short)) == 0
    assert count(GREEN, acts(*short, *long)) == 3


# --- deciding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "judgement", "codes", "ruling"),
    [
        (1, Judgement.PASS, (), Ruling.FALSE_PASS),
        (0, Judgement.PASS, (), Ruling.HARMLESS),
        (1, Judgement.INCONCLUSIVE, (), Ruling.UNDECIDED),
        (0, Judgement.INCONCLUSIVE, (), Ruling.OPEN),
        (1, Judgement.FAIL, ("corrupt",), Ruling.FOUND),
        (1, Judgement.FAIL, ("outage",), Ruling.OTHERWISE),
        (1, Judgement.FAIL, ("objective_missed",), Ruling.OTHERWISE),
        (0, Judgement.FAIL, ("corrupt",), Ruling.FALSE_FAIL),
        (0, "", (), Ruling.BROKEN),
    ],
)
def test_what_a_verdict_is_worth(
    harm: int, judgement: str, codes: tuple[str, ...], ruling: Ruling
) -> None:
    """A pass beside harm is false, and so is the benchmark's own exit code then."""
    assert ruling_of(MET, harm, judgement, codes) is ruling


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """The benchmark over runs that are made up: exit code and page."""
    page = tmp_path / "defects.md"
    page.write_text(f"before\n{matrix.BEGIN}\n{matrix.END}\nafter\n")
    monkeypatch.setattr(matrix, "PAGE", page)

    def over(verdicts: dict[Pair, tuple[int, str]], *options: str) -> tuple[int, str]:
        def made_up(pair: Pair, _: Path, __: int) -> Result:
            if pair not in verdicts:
                raise BenchmarkError("no verdict here")
            harm, judgement = verdicts[pair]
            codes = FOUND_BY[pair.name] if judgement == Judgement.FAIL else ()
            return Result(
                pair, ruling_of(pair, harm, judgement, codes), harm, 1, judgement, codes, "said"
            )

        monkeypatch.setattr(matrix, "run_pair", made_up)
        monkeypatch.setattr("sys.argv", ["defects", "--seed=1", *options])
        return matrix.main(), page.read_text()

    return over


FOUND = dict.fromkeys(PAIRS, (2, "fail"))


def test_no_empty_folder_is_left(
    run: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pairs that wrote nothing down."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    run(FOUND)

    assert list(folder.iterdir()) == []


def test_all_found_is_well_and_stands_on_the_page(run: Callable[..., tuple[int, str]]) -> None:
    """Every pair has its row, between the marks."""
    code, page = run(FOUND)
    lines = page.splitlines()

    rows = {
        (cells[1].strip(), cells[2].strip()) for one in lines if len(cells := one.split("|")) > 6
    }

    assert code == 0
    assert {(pair.trial.name, f"`{pair.defect}`") for pair in PAIRS} <= rows
    assert (lines[0], lines[-1]) == ("before", "after")
    assert f"{len(PAIRS)} found" in page


@pytest.mark.parametrize("pair", [PAIRS[0], PAIRS[-1]], ids=str)
def test_one_pass_with_harm_fails_the_benchmark(
    run: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str], pair: Pair
) -> None:
    """A planted wrong verdict: exit 1, and the pair is named last."""
    code, page = run({**FOUND, pair: (1, "pass")})

    assert code == 1
    assert f"FALSE PASS: {pair}: harm 1" in capsys.readouterr().out.splitlines()[-1]
    assert "1 FALSE PASS" in page


def test_a_run_without_a_verdict_fails_it_as_well(run: Callable[..., tuple[int, str]]) -> None:
    """What did not come to an end has shown nothing."""
    code, page = run({pair: told for pair, told in FOUND.items() if pair != PAIRS[3]})

    assert code == 1
    assert "1 no verdict" in page


def test_what_harms_nobody_may_pass_and_what_is_open_is_told(
    run: Callable[..., tuple[int, str]],
) -> None:
    """Neither fails the benchmark; both are counted by name."""
    some = {PAIRS[0]: (0, "pass"), PAIRS[1]: (3, "inconclusive")}
    code, page = run(FOUND | some)

    assert code == 0
    assert "1 inconclusive with harm, 1 no harm, passed" in page


def test_a_part_of_it_leaves_the_page_alone(
    run: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--only` runs what matches, `--list` nothing; a pattern without a match is a mistake."""
    code, page = run(FOUND, "--only=retry_storm")
    listed, _ = run({}, "--list")

    assert (code, listed) == (0, 0)
    assert page == f"before\n{matrix.BEGIN}\n{matrix.END}\nafter\n"
    assert str(PAIRS[5]) in capsys.readouterr().out
    assert run({}, "--only=no such pair")[0] == 2


def test_an_objective_that_the_defect_is_measured_by_finds_it() -> None:
    """Green health too long is an objective missed, and that one, not any."""
    green = Pair("health_green_while_dead", plan.DATABASE_CUT)

    assert ruling_of(green, 1, "fail", ("grey_failure_seconds_max",)) is Ruling.FOUND
    assert ruling_of(green, 1, "fail", ("latency_ms_p99_max",)) is Ruling.OTHERWISE


# --- the list ------------------------------------------------------------------------------------


def test_the_list_is_bounded_and_meets_every_defect() -> None:
    """At most 75 pairs, none twice, all valid, and no defect without a scenario that meets it."""
    check(tuple(pair.defect for pair in PAIRS))

    assert len({str(pair) for pair in PAIRS}) == len(PAIRS) <= PAIRS_MAX
    assert {pair.name for pair in PAIRS} == set(DEFECTS)
    assert set(plan.RULES) <= set(DEFECTS)


def test_a_pair_without_the_objective_it_is_measured_by_is_refused() -> None:
    """Nothing would be harm, so everything would pass."""
    with pytest.raises(ValueError, match="grey_failure_seconds_max"):
        Pair("health_green_while_dead", Trial("x", objectives={"recovery_seconds_max": 2}))


def test_a_late_booking_comes_while_the_ledger_is_watched() -> None:
    """Its delay is shorter than what the ledger is watched for, or the load that is left."""
    late = [pair for pair in PAIRS if DEFECTS[pair.name].delay_s is not None]

    assert late
    for pair in late:
        delay_s = float(pair.defect.partition("=")[2])
        assert delay_s < pair.settle_s + pair.trial.recovery_s


@pytest.mark.parametrize("one", sorted({pair.trial.name: pair.trial for pair in PAIRS}))
def test_every_scenario_can_be_read(one: str, tmp_path: Path) -> None:
    """Its file is Python, with the faults and limits that it names."""
    (found,) = {pair.trial.name: pair.trial for pair in PAIRS if pair.trial.name == one}.values()
    names = compile(found.source, str(tmp_path), "exec").co_names

    assert {"Borrower", "Objectives", "Scenario"} <= set(names)
    assert f"faults=[{found.faults}]" in found.source


def test_a_pair_that_passed_falsely_is_known_by_its_acts() -> None:
    """From log to ruling: the run says pass, one act of the defect says otherwise."""
    verdict = replace(judged(), verdict=Judgement.PASS, findings=[])
    own = [Act("amount_truncated", 3.0, {})]
    others = [Act("retry_storm", 3.0, {"seconds": 9})]

    assert trial.ruled(MET, verdict, own, AROUND).ruling is Ruling.FALSE_PASS
    assert trial.ruled(MET, verdict, others, AROUND).ruling is Ruling.HARMLESS


def test_circumstances_are_those_of_the_run() -> None:
    """Its load, its faults and whoever must be declined, by account and by key."""
    planned = builders.plan_of(Partition("database"), population="mixed")
    facts = builders.facts(planned)
    around = trial.circumstances(planned, facts)
    refusable = {b.index for b in planned.borrowers if b.account_class.expected_decline}
    (start_s, end_s), *more = around.faults

    assert around.load_end_s == pytest.approx(planned.load_end_s, abs=0.1)
    assert not more
    assert 0 < start_s < end_s < around.load_end_s
    assert around.refusable_keys == {
        op.key for op in builders.rows(facts.operations) if op.borrower in refusable
    }
    assert len(around.refusable) == len(refusable) > 0


def test_the_page_has_every_pair_of_the_list() -> None:
    """Its table was made with the list as it is, and no pass in it stands beside harm."""
    page = (ROOT / "docs" / "defects.md").read_text(encoding="utf-8")
    table = page.partition(matrix.BEGIN)[2].partition(matrix.END)[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line] for line in lines if len(line) == 6][1:]

    assert [(row[0], row[1]) for row in rows] == [(p.trial.name, f"`{p.defect}`") for p in PAIRS]
    assert [row for row in rows if row[4].startswith("pass") and row[3] != "0"] == []

"""What the one sentence says of stretches: no more than was seen, and all that was."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from harness.faults import Kill, Partition
from harness.history.events import Operation, Outcome
from harness.plan.plan import Plan
from harness.report.html import render
from harness.verdict.judge import judge
from harness.verdict.spans import span
from harness.verdict.types import Judgement
from harness.verdict.visible import Visible, least_seen, never_longer
from tests.builders import CUT, at_ns, cut_run, during, facts, operations, over, plan_of


def strays(plan: Plan, *instants_s: float) -> Callable[[float], bool]:
    """The first request after each of these instants."""
    after = (next(a.at_s for a in plan.arrivals if a.at_s >= at_s) for at_s in instants_s)
    return set(after).__contains__


def slow(plan: Plan, start_s: float, end_s: float) -> tuple[Operation, ...]:
    """Every answer to a request of this time takes half a second."""
    return tuple(
        replace(op, ended_ns=op.intended_ns + 500_000_000)
        if start_s <= plan.arrivals[op.arrival].at_s < end_s
        else op
        for op in operations(plan)
    )


def test_without_an_impairment_the_sentence_says_what_could_be_seen() -> None:
    """Five failures in a row are the least that is called one: 0.11 s at 50/s."""
    plan = plan_of()

    assert "; no impairment longer than 0.11 s was seen;" in judge(plan, facts(plan)).sentence


def test_failures_of_no_stretch_are_told_with_their_number() -> None:
    """Scattered ones, with and without an impaired stretch beside them."""
    calm, broken, down = plan_of(), plan_of(CUT), during(8.0, 13.3)
    alone = judge(calm, facts(calm, operations(calm, strays(calm, 11.0, 20.0))))
    late = strays(broken, 22.0)
    beside = judge(broken, facts(broken, operations(broken, lambda t: down(t) or late(t))))

    assert "was seen, beside 2 failures too few or too scattered for one;" in alone.sentence
    assert "1 failure lies outside every impaired stretch" in beside.sentence


def test_an_impaired_run_without_strays_tells_of_none() -> None:
    """Every failure is of the outage."""
    assert "outside every" not in judge(*cut_run()).sentence


@pytest.mark.parametrize("faults", [(), (Kill("replica-1", expects_impact=False),)])
def test_slow_answers_are_in_the_headline(faults: tuple[Kill, ...]) -> None:
    """Nobody failed, and still it was not as if nothing had been."""
    plan = plan_of(*faults)
    verdict = judge(plan, facts(plan, slow(plan, 10.0, 15.0)))

    assert any(episode.class_ == "slow" for episode in verdict.episodes)
    assert "answers were slow from 10.0 s to 15.0 s" in verdict.sentence
    if not faults:
        assert verdict.sentence.startswith("Nothing was injected, yet answers were slow: ")


def test_a_run_without_a_fault_says_nothing_of_one() -> None:
    """Neither in a finding, nor in the sentence, nor on the page."""
    plan = plan_of(baseline_s=2.0)
    known = facts(plan, operations(plan, strays(plan, 0.5)))
    verdict = judge(plan, known)

    assert "the baseline is too short: 100 borrow requests (1 failed)" in str(asdict(verdict))
    assert "before the fault" not in str(asdict(verdict))
    assert "before the fault" not in render(plan, known, verdict)


def test_open_ends_are_in_words() -> None:
    """From the start; to the end; an instant where it is known."""
    (known,) = judge(*cut_run()).episodes
    endless = replace(known, recovered_s=None, recovered_s_high=None)
    first = replace(known, onset_s=0.02, onset_s_low=None)
    early = replace(known, onset_s=2.3, onset_s_low=None)

    assert span(known) == "from 8.0 s to 13.3 s"
    assert span(endless) == "from 8.0 s to the end"
    assert span(first) == "from the start to 13.3 s"
    assert span(early) == "from 2.3 s or earlier to 13.3 s"
    short = replace(known, recovered_s=8.214, recovered_s_low=8.2, recovered_s_high=8.24)
    assert span(short).endswith("s to 8.21 s")


@pytest.mark.parametrize(
    ("heal_s", "told"),
    [
        (13.3, "recovered at once, by the heal"),
        (13.2, "recovered 0.1 s after the heal"),
        (12.6, "recovered 0.7 s after the heal"),
    ],
)
def test_no_instant_after_the_heal_has_a_sign(heal_s: float, told: str) -> None:
    """An interval that begins at the heal, or before it, is told without a minus."""
    plan, known = cut_run()
    (fact,) = known.faults
    healed = replace(fact, healed_ns=at_ns(heal_s))
    sentence = judge(plan, replace(known, faults=(healed,))).sentence

    assert told in sentence
    assert "-0" not in sentence


def test_a_run_that_cannot_show_anything_says_so() -> None:
    """None in place of a length or of a share."""
    short, no_brownout = Visible(None, None, 10.0), Visible(0.104, None, 10.0)

    assert never_longer(short) == "no impairment was seen, in a run too short to show one"
    assert "no impairment at all" in least_seen(short)
    assert least_seen(no_brownout) == "an outage of 0.11 s, and no brownout of 10 s"
    assert "in which 6.3 % fail" in least_seen(Visible(0.104, 0.0621, 10.0))
    assert never_longer(Visible(5.2, 0.1, 10.0)) == "no impairment longer than 5.2 s was seen"


def test_rounding_hides_no_miss_of_the_limit() -> None:
    """With a limit just below, and just above, the recovery reads longer and shorter than it."""
    plan, known = cut_run()
    took_s = judge(plan, known).recovery.from_heal_s
    assert took_s is not None

    for off_s in (-0.001, 0.001):
        limited = replace(plan.objectives, recovery_seconds_max=took_s + off_s)
        sentence = judge(replace(plan, objectives=limited), known).sentence
        told_s = re.search(r"recovered ([0-9.]+) s after", sentence)
        assert told_s is not None, sentence
        assert (float(told_s[1]) > took_s + off_s) == (off_s < 0)


# --- what failed, and why that is a pass -------------------------------------------------------


def shaky(plan: Plan, *more: Callable[[float], bool], **changes: Any) -> str:
    """The sentence of a run that failed under its fault, and at some other instants."""
    bad = [during(8.0, 12.9), *more]
    ops = operations(plan, lambda at_s: any(one(at_s) for one in bad))
    verdict = judge(plan, facts(plan, ops, **changes))
    assert verdict.verdict is Judgement.PASS
    return verdict.sentence


def test_a_pass_over_failures_says_why() -> None:
    """And only what is true of its figures."""
    plan = plan_of(CUT)
    late, later = strays(plan, 14.0), strays(plan, 14.0, 25.0)

    assert shaky(plan).endswith(
        " Failures while the fault is active are expected; after it none failed."
    )
    assert "after it none failed" not in shaky(plan, late)
    assert re.search(
        r"outside it and the 10 s allowed to recover, none of \d+ failed\.$", shaky(plan, late)
    )
    assert re.search(r"allowed to recover, 1 of \d+ failed \(0\.\d+ %\)\.$", shaky(plan, later))


def test_a_pass_without_a_fault_over_failures_names_the_limit() -> None:
    """Where nothing failed there is nothing to explain."""
    plan = plan_of()
    one = judge(plan, facts(plan, operations(plan, strays(plan, 20.0))))
    none = judge(plan, facts(plan))

    assert one.verdict is Judgement.PASS
    assert one.sentence.endswith(" The failures are within the limit of 0.5 %.")
    assert none.sentence.endswith("no loan was lost, none lent twice.")


def test_what_failed_before_the_injection_is_told_apart() -> None:
    """Each count with its base, and those of unknown outcome among all of them."""
    plan = plan_of(CUT)
    ops = operations(plan, during(7.98, 13.0), outcome=Outcome.INDETERMINATE)
    verdict = judge(plan, facts(plan, ops))
    window = verdict.borrow.window

    assert (verdict.borrow.failed, window.failed) == (251, 250)
    assert (
        "251 borrow requests failed, 251 with unknown outcome: 250 of the 1,000 after the"
        " injection (25.0 %) and 1 before it; "
    ) in verdict.sentence


@pytest.mark.parametrize("lasts", [0.5, 3.0], ids=["one by one", "at the same time"])
def test_many_faults_leave_room_for_what_came_of_them(lasts: float) -> None:
    """Three are told, and how many more: what borrowers lost is not cut off behind them."""
    when = [(number / 60, (number + lasts) / 60) for number in range(57)]
    plan = plan_of(*(over(*one, Partition("database")) for one in when), fault_s=60, rate=5)
    told = judge(plan, facts(plan, operations(plan, during(8, 68.2)))).sentence

    assert told.count("bytes vanished") + told.count("Bytes vanished") == 3
    assert "and 54 more faults: " in told
    assert "borrow requests after the injection failed" in told.partition("54 more faults")[2]
    assert len(told) < 800

"""What a step will do, as a dry run tells it: understood from the real text of one."""

from pathlib import Path

import pytest

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.foresee import foresee, seed_of, understood
from harness.core.errors import UsageError
from harness.run.preview import preview
from harness.stack.run_lock import held_alone
from tests.builders import CUT, plan_of

ROOT = Path(__file__).parent.parent.parent


def day(*steps: GameDayStep) -> GameDayPlan:
    """A plan of these steps."""
    return GameDayPlan(title="t", abort_word="halt", hypothesis="h", steps=steps)


def test_the_timeline_is_that_of_the_plan(tmp_path: Path) -> None:
    """Phases and faults with their instants; what is touched, and what ends it."""
    plan = plan_of(CUT, rate=20)

    seen = understood(preview(plan, tmp_path, None, ()))

    phases = [(span.name, span.start_s, span.end_s) for span in seen.phases]
    assert phases == [(p.name, p.start_s, p.end_s) for p in plan.phases]
    (fault,) = seen.faults
    assert (fault.name, fault.start_s) == (plan.faults[0].name, plan.faults[0].inject_s)
    assert "touches link database" in seen.radius[0]
    assert seen.stops == ("a loan is paid out twice",)
    assert seen.load[0].startswith("20 arrivals a second")
    assert seen.load_s == plan.load_end_s - plan.phases[0].start_s


def test_another_text_is_no_timeline() -> None:
    """A locustfile that is no scenario of ours says nothing of what it would do."""
    with pytest.raises(UsageError, match="does not say what it would do"):
        understood("Starting Locust\n")


def test_what_a_day_would_do_is_told_while_it_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal touches nothing, and a day that goes on waits for the run that was left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/version")
    step = GameDayStep(name="a", scenario=str(ROOT / "scenarios" / "network_partition.py"))

    with held_alone(tmp_path / "state", "abc", "baseline"):
        seen = foresee(day(step), tmp_path, 7, tmp_path / "state", lambda _: None)

    assert [fault.name for fault in seen["a"].faults] == ["1-partition"]


def test_steps_count_up_from_the_seed_of_the_day() -> None:
    """The same seed foresees and runs it; one of its own wins."""
    own = GameDayStep(name="b", scenario="baseline", options=("--seed=4",))
    plan = day(GameDayStep(name="a", scenario="baseline"), own)

    assert [seed_of(plan, step, 7) for step in plan.steps] == [["--seed", "7"], []]


def test_what_cannot_be_run_is_told_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options that make no sense, a plug that pulls itself or too soon, too little time: all with
    a place.
    """
    monkeypatch.chdir(ROOT)
    plan = day(
        GameDayStep(name="a", scenario="baseline", options=("--rate=x",), place=(3, 5)),
        GameDayStep(name="b", scenario="network_partition", hand_pulled="Zhao", place=(7, 5)),
        GameDayStep(name="c", scenario="baseline", at_s=0.0, length_s=20.0, place=(9, 5)),
        GameDayStep(
            name="d", scenario="baseline", hand_pulled="Zhao", pull_after_s=9.9, place=(11, 5)
        ),
    )

    with pytest.raises(UsageError) as error:
        foresee(plan, tmp_path / "plan.yaml", 7, tmp_path / "state", lambda _: None)

    first, second, third, fourth = str(error.value).splitlines()[1:]
    assert "line 3, column 5: a: --rate x must be a whole number" in first
    assert "line 7, column 5: b: the plug is to be pulled by hand, but" in second
    assert "line 9, column 5: c: its load alone takes 30s, and `for` leaves it 20s" in third
    too_soon = "line 11, column 5: d: pull_after is 9.9s after the load begins, and warm-up and"
    assert f"{too_soon} baseline take 10s: pull the plug later" in fourth
    assert list(tmp_path.iterdir()) == []

"""What a step will do, as the JSON of a dry run tells it."""

from pathlib import Path

import pytest

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.view import baseline_end_s, preview_steps
from harness.core.errors import UsageError
from harness.run.preview import preview_json, read_preview
from harness.stack.run_lock import held_alone
from tests.builders import CUT, plan_of

ROOT = Path(__file__).parent.parent.parent


def day(*steps: GameDayStep) -> GameDayPlan:
    """A plan of these steps."""
    return GameDayPlan(title="t", abort_word="halt", hypothesis="h", steps=steps)


def test_the_timeline_is_that_of_the_plan(tmp_path: Path) -> None:
    """Phases and faults with their instants, settings, what is touched, and what ends it: whatever
    the scenario file printed before it.
    """
    plan = plan_of(CUT, rate=20)
    text = preview_json(plan, tmp_path, None, ())

    seen = read_preview(f'{{"hello": "there"}}\n{text}', tmp_path)

    assert seen.phases == plan.phases
    assert seen.settings == plan.settings
    (fault,) = seen.faults
    assert (fault.name, fault.inject_s) == (plan.faults[0].name, plan.faults[0].inject_s)
    assert "link database" in seen.blast_radius.touched[fault.name][0]
    assert seen.stop["double_disbursement"] is True
    assert baseline_end_s(seen) == plan.settings.baseline_s


@pytest.mark.parametrize("said", ["Starting Locust\n", '{"schema": "lendchaos.plan/1"}'])
def test_another_text_is_no_timeline(said: str, tmp_path: Path) -> None:
    """A locustfile that is no scenario of ours says nothing of what it would do."""
    with pytest.raises(UsageError, match="has no scenario: it needs a class"):
        read_preview(said, tmp_path / "mine.py")


def test_what_a_day_would_do_is_told_while_it_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal touches nothing, and a day that goes on waits for the run that was left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/version")
    step = GameDayStep(name="a", scenario=str(ROOT / "scenarios" / "network_partition.py"))

    with held_alone(tmp_path / "state", "abc", "baseline"):
        seen = preview_steps(day(step), tmp_path, 7, tmp_path / "state", lambda _: None)

    assert [fault.name for fault in seen["a"].faults] == ["1-partition"]


def test_steps_count_up_from_the_seed_of_the_day() -> None:
    """The same seed previews and runs it; one of its own wins."""
    own = GameDayStep(name="b", scenario="baseline", options=("--seed=4",))
    plan = day(GameDayStep(name="a", scenario="baseline"), own)

    words = [["--seed", "7"], ["--seed=4"]]
    assert [plan.options_of(step, 7) for step in plan.steps] == words


def test_what_cannot_be_run_is_told_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options that make no sense, a manual fault beside another one, or too soon: with a place."""
    monkeypatch.chdir(ROOT)
    plan = day(
        GameDayStep(name="a", scenario="baseline", options=("--rate=x",), place=(3, 5)),
        GameDayStep(name="b", scenario="network_partition", manual_fault="Zhao", place=(7, 5)),
        GameDayStep(name="c", scenario="baseline", length_s=20.0, place=(9, 5)),
        GameDayStep(
            name="d", scenario="baseline", manual_fault="Zhao", inject_after_s=9.9, place=(11, 5)
        ),
    )

    with pytest.raises(UsageError) as error:
        preview_steps(plan, tmp_path / "plan.yaml", 7, tmp_path / "state", lambda _: None)

    first, second, third, fourth = str(error.value).splitlines()[1:]
    assert "line 3, column 5: a: --rate x must be a whole number" in first
    assert "line 7, column 5: b: its fault is a manual one, but" in second
    assert "line 9, column 5: c: its load alone takes 30s, and `for` leaves it 20s" in third
    too_soon = "line 11, column 5: d: pull_after is 9.9s after the load begins, and warm-up and"
    assert f"{too_soon} baseline take 10s: inject the fault later" in fourth
    assert list(tmp_path.iterdir()) == []

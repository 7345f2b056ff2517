"""From the command line to settings, and every mistake in one line."""

import argparse
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.apps.locust.planning import (
    add_options,
    composed,
    rate_from,
    run_time,
    settings_from,
    state,
)
from harness.core.errors import UsageError
from harness.faults import Kill, Partition
from harness.plan.plan import Load, Scenario, Settings
from harness.plan.scenario import settings_of
from harness.plan.schedule import Choice
from harness.run.given_options import OptionElsewhere

CALM = Scenario()
BROKEN = Scenario(faults=[Partition("database")])


class Parser(argparse.ArgumentParser):
    """Takes options as Locust's parser takes them."""

    def add_argument(self, *words: str, include_in_web_ui: bool = True, **details: Any) -> Any:
        """Only Locust knows of a start form."""
        action: Any = super().add_argument(*words, **details)
        action.include_in_web_ui = include_in_web_ui
        return action


def options(**changes: str) -> dict[str, Any]:
    """The defaults, changed."""
    parser = Parser()
    add_options(parser)
    return {**vars(parser.parse_args([])), **changes}


def test_defaults_are_those_of_the_plan() -> None:
    """The command line and `Settings` agree on every default."""
    found = settings_from(options(seed="1"), 50, None, BROKEN)

    assert found == Settings(seed=1)


@pytest.mark.parametrize(
    "load",
    [Load(log_in_share=0.00001), Load(baseline=0.1 + 0.2 + 8, warm_up=1e-6), Load(recovery=8e4)],
    ids=str,
)
def test_what_a_scenario_states_is_read_again_as_it_is(load: Load) -> None:
    """Through the words of options and the fields of the form, which know no exponent."""
    scenario = Scenario(load=load, faults=[Partition("database", at=0.1 + 0.2, lasts=12.3456789)])
    filled = argparse.Namespace(**options(seed="1"))
    state(filled, scenario)

    found, stated = settings_from(vars(filled), 50, None, scenario), settings_of(scenario)
    for name in ("log_in_share", "warm_up_s", "baseline_s", "fault_s", "recovery_s"):
        assert getattr(found, name) == pytest.approx(getattr(stated, name), abs=1e-9)


def test_the_start_form_has_what_changes_a_run_from_one_to_the_next() -> None:
    """Neither folders nor what is for safety, which the command line alone sets."""
    parser = Parser()
    add_options(parser)
    shown = {a.dest for a in parser._actions if getattr(a, "include_in_web_ui", False)}

    assert {"warm_up", "seed", "service"} <= shown - {"help"}
    assert {"runs_dir", "allow_target", "rate", "inject"} & shown == set()


def test_an_empty_field_is_a_mistake_unless_it_is_the_seeds() -> None:
    """It is no length of time, and no default in disguise."""
    with pytest.raises(UsageError, match="--recovery  must be a duration"):
        settings_from(options(recovery="", seed=""), 50, None, BROKEN)


def test_a_population_is_one_of_those_there_are() -> None:
    """The parser refuses all other words."""
    parser = Parser(exit_on_error=False)
    add_options(parser)

    assert parser.parse_args(["--population", "good"]).population == "good"
    with pytest.raises(argparse.ArgumentError, match="invalid choice: 'bad'"):
        parser.parse_args(["--population", "bad"])


def test_the_web_page_is_this_machines_own() -> None:
    """Locust would listen on all interfaces."""
    assert options()["web_host"] == "127.0.0.1"


def test_everything_wrong_is_told_at_once() -> None:
    """One line names each mistake and what would be valid."""
    bad = options(baseline="soon", retries="many", log_in_share="2", seed="x")

    with pytest.raises(UsageError) as caught:
        settings_from(bad, 0, None, CALM)

    line = str(caught.value)
    assert "\n" not in line
    for words in ("--baseline soon", "--retries many", "log-in share 2", "--seed x", "rate 0"):
        assert words in line


def test_a_seed_is_random_unless_given() -> None:
    """Two runs differ; the start form sends an empty field."""
    seeds = {settings_from(options(seed=""), 50, None, CALM).seed for _ in range(3)}

    assert len(seeds) == 3


@pytest.mark.parametrize(
    ("rate", "users", "expected"),
    [(None, None, 50), ("7", None, 7), (None, 9, 9), ("7", 7, 7)],
)
def test_one_user_is_one_arrival_a_second(
    rate: str | None, users: int | None, expected: int
) -> None:
    """``-u`` and ``--rate`` are two words for one thing."""
    assert rate_from(SimpleNamespace(rate=rate, num_users=users, set_elsewhere=()), 50) == expected


@pytest.mark.parametrize(("rate", "users"), [("7", 8), ("fast", None), ("1.5", None)])
def test_a_rate_that_cannot_be(rate: str, users: int | None) -> None:
    """A contradiction, or no whole number."""
    with pytest.raises(UsageError, match="rate"):
        rate_from(SimpleNamespace(rate=rate, num_users=users, set_elsewhere=()), 50)


@pytest.mark.parametrize(("elsewhere", "expected"), [("num_users", 20), ("rate", 100)])
def test_the_command_line_counts_more_than_a_file(elsewhere: str, expected: int) -> None:
    """A file that is there for other tests says how many users those have."""
    set_there = [OptionElsewhere(elsewhere, (), "key", "locust.conf", "")]
    options = SimpleNamespace(rate="20", num_users=100, set_elsewhere=set_there)

    assert rate_from(options, 50) == expected


@pytest.mark.parametrize(("run_time_s", "recovery_s"), [(18.0, 3.0), (60.0, 45.0)])
def test_run_time_changes_the_recovery_only(run_time_s: float, recovery_s: float) -> None:
    """The whole load lasts as long as asked, and the other phases keep their lengths."""
    found = settings_from(options(seed="1"), 50, run_time_s, BROKEN)

    assert found == Settings(seed=1, recovery_s=recovery_s)
    assert found.load_s == run_time_s


def test_run_time_too_short_to_recover() -> None:
    """It says what the least is."""
    with pytest.raises(UsageError, match=r"-t 17s is too short.*at least 18s$"):
        settings_from(options(), 50, 17.0, BROKEN)


@pytest.mark.parametrize("baseline", ["5.5s", "5s", "1.234567s", "4.0001s"])
def test_the_run_time_that_is_proposed_will_do_and_is_the_least(baseline: str) -> None:
    """To the millisecond."""
    asked = options(baseline=baseline)
    with pytest.raises(UsageError) as caught:
        settings_from(asked, 50, 10.0, BROKEN)

    (proposed,) = re.findall(r"at least (\S+)$", str(caught.value))
    assert settings_from(asked, 50, run_time(proposed), BROKEN).recovery_s >= 3
    with pytest.raises(UsageError):
        settings_from(asked, 50, run_time(proposed) - 0.001, BROKEN)


@pytest.mark.parametrize("timeout", ["2.0004s", "1.2345678s", "59.99999s", "100ms"])
def test_the_recovery_that_is_proposed_will_do(timeout: str) -> None:
    """However long the request timeout is."""
    asked = options(request_timeout=timeout, recovery="600ms")
    with pytest.raises(UsageError) as caught:
        settings_from(asked, 50, None, BROKEN)

    (proposed,) = re.findall(r"recovery .* at least (\S+) \(request", str(caught.value))
    assert settings_from({**asked, "recovery": proposed}, 50, None, BROKEN)


@pytest.mark.parametrize("asked", [{}, {"baseline": "4s"}, {"baseline": "9s"}, {"rate": "5"}])
def test_run_time_too_short_for_a_fault_that_does_not_come(asked: dict[str, str]) -> None:
    """Where nothing is broken it names shorter phases, and those do."""
    with pytest.raises(UsageError, match=r"-t 10s is too short.*--fault 0s") as caught:
        settings_from(options(**asked), 50, 10.0, CALM)

    named = re.findall(r"--(\w+) ([\d.]+s)", str(caught.value))
    found = settings_from(options(**{**asked, **dict(named)}), 50, 10.0, CALM)
    assert (found.load_s, found.fault_s) == (10.0, 0.0)


def test_run_time_too_short_for_anything() -> None:
    """Not even the warm-up fits, or there is a fault: no shorter fault would do."""
    for run_time_s, scenario in ((2.5, CALM), (10.0, BROKEN)):
        with pytest.raises(UsageError) as caught:
            settings_from(options(), 50, run_time_s, scenario)
        assert "--fault 0s" not in str(caught.value)


def test_a_defect_is_planted_only_when_named() -> None:
    """Its name goes to the stack as it is; none by default."""
    assert settings_from(options(), 50, None, CALM).defect == ""
    assert settings_from(options(defect="retry_storm"), 50, None, CALM).defect == "retry_storm"


def test_namespaces_are_asked_for_by_name() -> None:
    """Off unless given, as they need root."""
    assert settings_from(options(), 50, None, CALM).namespaces is False
    assert settings_from({**options(), "namespaces": True}, 50, None, CALM).namespaces is True


def test_faults_are_added_chosen_and_explored_by_option() -> None:
    """What was asked for stands in the settings, and so in the plan."""
    found = settings_from(
        options(
            seed="1",
            explore=True,  # type: ignore[arg-type]
            only_faults=["1-partition, 2-kill", "2-kill"],  # type: ignore[arg-type]
            without_fault=["1-partition"],  # type: ignore[arg-type]
            inject=["Kill()"],  # type: ignore[arg-type]
        ),
        50,
        None,
        Scenario(faults=[Partition("database"), Kill()]),
    )

    assert found.explore
    assert found.choice == Choice(only=("1-partition", "2-kill"), without=("1-partition",))
    assert found.added_faults == ("Kill()",)


def test_added_faults_follow_those_of_the_scenario() -> None:
    """Both kinds take part, and everything that cannot be read is told at once."""
    given = SimpleNamespace(inject=["Kill()", 'Partition("edge")'], fault_module=[])
    found = composed(BROKEN, given, Path())  # type: ignore[arg-type]

    assert found.faults == (Partition("database"), Kill(), Partition("edge"))
    wrong = SimpleNamespace(inject=["Kil()", "Partition(1)"], fault_module=[])
    with pytest.raises(UsageError) as caught:
        composed(BROKEN, wrong, Path())  # type: ignore[arg-type]
    assert "--inject 'Kil()'" in str(caught.value)
    assert "--inject Partition(1)" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        *(("request_timeout", wrong) for wrong in ("0s", "2m")),
        *(("ledger_settle", wrong) for wrong in ("6m", "1h")),
        *(("log_in_share", wrong) for wrong in ("2", "1.01")),
        *(("retries", wrong) for wrong in ("11", "-1")),
        *(("baseline", wrong) for wrong in ("1ms", "25h")),
        *(("warm_up", "25h"), ("recovery", "25h"), ("fault", "0s")),
    ],
)
def test_the_bounds_that_a_message_names_are_taken(option: str, wrong: str) -> None:
    """Both ends, in the very words of the message."""
    with pytest.raises(UsageError) as caught:
        settings_from(options(**{option: wrong}), 50, None, BROKEN)
    name = option.replace("_", "[- ]")
    ((least, most),) = re.findall(rf"{name} \S+ must be from (\S+) to (\w+)", str(caught.value))

    for bound in (least, most):
        try:
            settings_from(options(**{option: bound}), 50, None, BROKEN)
        except UsageError as error:  # a long request timeout asks for a longer recovery
            assert f"{bound} must be" not in str(error)  # noqa: PT017  # it may be about another


def test_the_rates_that_a_message_names_are_taken() -> None:
    """Both ends."""
    with pytest.raises(UsageError) as caught:
        settings_from(options(), 0, None, BROKEN)
    (bounds,) = re.findall(r"rate 0 must be from (\d+) to (\d+)", str(caught.value))

    for bound in bounds:
        assert settings_from(options(), int(bound), None, BROKEN).rate == int(bound)

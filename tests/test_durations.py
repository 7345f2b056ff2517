"""A duration is written alike wherever one is taken, and refused in one text."""

import json
import re
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from flask import Flask

from harness.apps.gameday.day_plan import read_plan
from harness.apps.locust import web
from harness.apps.locust.planning import run_time, settings_from
from harness.core import durations
from harness.core.errors import UsageError
from harness.core.numbers import decimal, decimal_text
from harness.plan.objectives import KINDS
from harness.plan.plan import Scenario
from harness.plan.resilience import read, schema_text
from harness.plan.run_options import DURATION, RUN_OPTIONS
from harness.run.run_frames import _window_s
from tests.gameday.test_format import GOOD
from tests.load.test_options import options

RIGHT: list[tuple[Any, float]] = [
    *(("500ms", 0.5), ("2s", 2.0), ("1m", 60.0), ("1.5s", 1.5), (" 4 s ", 4.0), (".5m", 30.0)),
    *(("1m30s", 90.0), ("0h 1m 2s", 62.0), ("3", 3.0), (3, 3.0), (2.5, 2.5), ("0.25", 0.25)),
]
"""What may be written, and the seconds that it is; numbers as YAML and Python have them."""
WRONG: list[Any] = [
    *("soon", "5x", "5min", "-3s", "1e3", "10:00", "5s1m", "1m30", "\u0663s", "nan", "inf"),
    *(f"{'9' * 10}s", "5.s", "5 000s", -1),
]
ONLY_SECONDS = [name for name, kind in KINDS.items() if kind == "seconds"]
GAME_DAY = ("at: 0m", "for: 5m", "pull_after: 8s", "restore_after: 10s")


def by_option(name: str, value: Any, _: Path) -> float:
    """On the command line, by a variable, in a file of Locust's; other checks come after it."""
    try:
        settings = settings_from(options(**{name: f"{value}"}), 50, None, Scenario())
    except UsageError as error:
        if durations.VALID in str(error):
            raise
        return float(durations.seconds(f"{value}"))
    return float(getattr(settings, f"{name}_s"))


def by_run_time(value: Any, _: Path) -> float:
    """By ``-t``, which is Locust's own option."""
    return run_time(f"{value}")


def by_form(value: Any, _: Path) -> float:
    """By the field of Locust's page."""
    leader = SimpleNamespace(run_time_s=None, preset_run_time_s=60.0)
    app = Flask(__name__)
    with app.test_request_context("/swarm", method="POST", data={"run_time": f"{value}"}):
        refused = web._take_run_time(leader)
        if refused is not None:
            raise UsageError(refused)
    return float(str(leader.run_time_s))


def by_window(value: Any, _: Path) -> float:
    """In Python."""
    return _window_s(value)


def by_objective(name: str, value: Any, folder: Path) -> float:
    """In `resilience.yaml`."""
    path = folder / "resilience.yaml"
    path.write_text(f"version: 1\nobjectives:\n  {name}: {json.dumps(value)}\n", encoding="utf-8")
    return float(getattr(read(path).objectives, name))


def by_baseline(value: Any, folder: Path) -> float:
    """In `resilience.yaml`, too."""
    path = folder / "resilience.yaml"
    text = f"version: 1\nsteady_state:\n  min_baseline: {json.dumps(value)}\n"
    path.write_text(text, encoding="utf-8")
    return read(path).steady_state.min_baseline_s


def by_game_day(place: str, value: Any, folder: Path) -> float:
    """In the plan of a game day; what it says to other times is told in other words."""
    key = place.partition(":")[0]
    path = folder / "plan.yaml"
    path.write_text(GOOD.replace(place, f"{key}: {json.dumps(value)}", 1), encoding="utf-8")
    try:
        step = read_plan(path, scenarios=False).steps[1 if "after" in key else 0]
    except UsageError as error:
        if durations.VALID in str(error):
            raise
        return float(durations.seconds(value))
    names = {"at": "at_s", "for": "length_s", "pull_after": "inject_after_s"}
    return float(getattr(step, names.get(key, f"{key}_s")))


PLACES: dict[str, Callable[[Any, Path], float]] = {
    **{o.word: partial(by_option, o.field) for o in RUN_OPTIONS if o.type is DURATION},
    **{name: partial(by_objective, name) for name in ONLY_SECONDS},
    **{key: partial(by_game_day, key) for key in GAME_DAY},
    "-t": by_run_time,
    "run time of a form": by_form,
    "windows": by_window,
    "min_baseline": by_baseline,
}
REFUSALS = (UsageError, ValueError, ArgumentTypeError)


@pytest.mark.parametrize("name", PLACES)
def test_a_duration_is_the_same_in_every_place(name: str, tmp_path: Path) -> None:
    """With a unit or several, or as a number of seconds; whatever else is told in one text."""
    for value, seconds in RIGHT:
        assert PLACES[name](value, tmp_path) == seconds, value
    for value in WRONG:
        with pytest.raises(REFUSALS, match=re.escape(f" must be {durations.VALID}")):
            PLACES[name](value, tmp_path)


def test_a_run_time_of_nothing_is_no_empty_field() -> None:
    """In the form, too, it is one that is too short; an empty field is that of -t."""
    found = {text: by_form(text, Path()) for text in ("0", "0s", "", " ")}
    assert found == {"0": 0.0, "0s": 0.0, "": 60.0, " ": 60.0}


def test_a_limit_in_milliseconds_takes_no_number_alone(tmp_path: Path) -> None:
    """300 could be either: its name says milliseconds, and a number alone is seconds."""
    name = "latency_ms_p99_max"
    for value in (300, "300", 0.5):
        with pytest.raises(UsageError, match=re.escape(durations.VALID_WITH_UNIT)):
            by_objective(name, value, tmp_path)
    for value, seconds in RIGHT:
        if isinstance(value, str) and not value[-1].isdigit():
            assert by_objective(name, value, tmp_path) == 1000 * seconds


def test_python_takes_what_its_library_has_for_it() -> None:
    """A `timedelta`, unless it is negative; no truth value, and nothing at all."""
    assert _window_s(timedelta(milliseconds=1500)) == 1.5
    for number in (np.int64(2), np.float32(2), Fraction(2)):
        assert _window_s(number) == 2.0  # type: ignore[arg-type]  # as a column of a frame has them
    odd = (*(timedelta(seconds=-1), True, None, "", b"5s", float("nan"), float("inf")),
           *(np.True_, 2j, Fraction(-1, 3), 10**400))  # fmt: skip
    for value in odd:
        with pytest.raises(ValueError, match=durations.VALID):
            durations.seconds(value)


def test_a_long_text_is_refused_at_once() -> None:
    """Here and by the published pattern in an editor: a form is read while a load is sent."""
    text, began_s = f"1h{700 * ' '}1m{700 * ' '}x", time.process_time()
    with pytest.raises(ValueError, match=durations.VALID):
        durations.seconds(text)
    assert not re.fullmatch(durations.pattern(), text)
    assert time.process_time() - began_s < 0.5


def test_the_published_pattern_says_the_same() -> None:
    """To editors; the program also takes spaces around it."""
    part = json.loads(schema_text())["definitions"]["Objectives"]["properties"]
    of_seconds = jsonschema_rs.validator_for(part["recovery_seconds_max"])
    of_milliseconds = jsonschema_rs.validator_for(part["latency_ms_p99_max"])

    for value, _ in RIGHT:
        text = value.strip() if isinstance(value, str) else value
        assert of_seconds.is_valid(text), value
        with_unit = isinstance(text, str) and not text[-1].isdigit()
        assert of_milliseconds.is_valid(text) is with_unit, value
    for value in [*WRONG, "", " ", "  ", True, None]:
        assert not of_seconds.is_valid(value), value
        assert not of_milliseconds.is_valid(value), value


def test_a_number_as_text_is_read_back_or_refused() -> None:
    """One that is none, or has too many digits, is refused by who reads it."""
    for number in (0.00001, 1 / 3, 0.1 + 0.2, 999_999_999_999.5, 0.0):
        assert decimal(decimal_text(number)) == pytest.approx(number, abs=1e-15)
    for number in (float("inf"), float("nan"), 1e14, 1e300):
        assert decimal_text(number) == str(number)

"""Commands and their files in other locales and time zones: the same, to the last byte."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import facts, operations, plan_of
from tests.cli.processes import SECONDS_MAX, environment
from tests.gameday.stored_days import contents, small_day
from tests.locales import CHINESE, TURKISH, made
from tests.stored import store

NUMBER = {TURKISH: "1.234,5", CHINESE: "1,234.5"}
"""How each locale writes a number: that shows that it was in force."""
ZONE = {TURKISH: "Asia/Kathmandu", CHINESE: "<-1130>11:30"}


@dataclass(frozen=True)
class Left:
    """What the commands printed, and every file that is there afterwards."""

    printed: bytes
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def commands(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Left]:
    """Runs them in one place, always from the same start."""
    locales = made(tmp_path_factory.mktemp("locales"), *NUMBER)
    start, place = tmp_path_factory.mktemp("start"), tmp_path_factory.mktemp("there") / "place"
    plan = plan_of(rate=20)
    shutil.copytree(pristine, start / "run")
    shutil.copytree(store(start, plan, facts(plan, operations(plan))).path, start / "other")
    small_day(start / "day")

    def run(**where: str) -> Left:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(start, place)
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.in_locale"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_MAX,
            check=True,
            env=environment(**locales, **where),
        )
        return Left(
            done.stdout,
            {path.removeprefix(f"{place}/"): body for path, body in contents(place).items()},
        )

    return run


@pytest.fixture(scope="module")
def here(commands: Callable[..., Left]) -> Left:
    """In no locale and no time zone."""
    return commands(LC_ALL="C.UTF-8", TZ="UTC")


@pytest.mark.parametrize("name", NUMBER)
def test_locale_and_time_zone_change_nothing(
    name: str, commands: Callable[..., Left], here: Left
) -> None:
    """A decimal comma, a dotless i, letters of two bytes: only the encoding of words differs."""
    there = commands(LC_ALL=name, TZ=ZONE[name])
    sample, codes = there.files.pop("sample.txt"), json.loads(here.files["codes.json"])
    expected = {path: body for path, body in here.files.items() if path != "sample.txt"}

    assert sample.decode() == NUMBER[name]
    assert codes == [0, 0, 0, 0, 0, 0, 2]
    assert [path for path, body in expected.items() if there.files.get(path) != body] == []
    assert there.files.keys() == expected.keys()
    letters = name.partition(".")[2]
    assert there.printed == here.printed.decode().encode(letters, "backslashreplace")

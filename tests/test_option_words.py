"""Options of a run by name: the words that Locust reads, or one line that says what would be."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.plan.run_options import SHOWN_OPTIONS
from harness.run.given_options import given
from harness.run.option_words import given_by, option_words, without


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 50, "baseline": "8s"}, ["--rate=50", "--baseline=8s"]),
        ({"warm_up": 1.5, "fault": timedelta(milliseconds=250)}, "--warm-up=1.5 --fault=250.000ms"),
        ({"explore": True, "namespaces": False}, ["--explore"]),
        ({"seed": None}, []),
        ({"seed": -3, "processes": -1}, ["--seed=-3", "--processes=-1"]),
        ({"log_in_share": 0}, ["--log-in-share=0"]),
        ({"log_in_share": 0.00001, "fault": 1e-3}, "--log-in-share=0.00001 --fault=0.001"),
        ({"stop_failed_surge": False, "stop_failed_budget": 9}, None),
        ({"population": "good"}, ["--population=good"]),
        ({"csv": Path("a b")}, ["--csv=a b"]),
        (
            {"inject": ['Partition("database")', 'Kill("postgres")']},
            ['--inject=Partition("database")', '--inject=Kill("postgres")'],
        ),
        ({"only_faults": "1-partition"}, ["--only-faults=1-partition"]),
    ],
    ids=str,
)
def test_values_become_words(options: dict[str, Any], words: list[str] | str | None) -> None:
    """In the order in which they are given, each with its value in one word."""
    if words is None:
        words = ["--stop-failed-surge=off", "--stop-failed-budget=9"]
    elif isinstance(words, str):
        words = words.split()

    assert option_words(options) == words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ratte": 5}, "a run has no option 'ratte', did you mean rate?"),
        ({"warm-up": 5}, "a run has no option 'warm-up', did you mean warm_up?"),
        ({"conductor_module": "x"}, "a run has no option 'conductor_module'"),
        ({"rate": "many"}, "--rate many must be a whole number of arrivals a second"),
        ({"rate": 2.5}, "--rate 2.5 must be a whole number of arrivals a second"),
        ({"rate": True}, "rate=True must be a whole number of arrivals a second"),
        ({"rate": [1, 2]}, "rate=[1, 2] must be one value, not several"),
        ({"baseline": "long"}, "--baseline long must be a duration like 250ms, 10s or 2m"),
        ({"baseline": timedelta(seconds=-1)}, "--baseline -1000.000ms must be a duration"),
        ({"explore": "yes"}, "explore=yes must be True or False"),
        ({"population": "rich"}, "population='rich' must be one of mixed, good"),
        ({"stop_failed_budget": True}, "stop_failed_budget=True must be a whole number from 0"),
        ({"inject": [object]}, "inject=<class 'object'> must be what --inject takes (FAULT)"),
    ],
    ids=str,
)
def test_what_makes_no_sense_says_what_would(options: dict[str, Any], said: str) -> None:
    """One line, with the name as it was written."""
    with pytest.raises(UsageError) as raised:
        option_words(options)

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "values", "left"),
    [
        ((), {"explore": False}, "--rate=30 -u 40 --inject=A --inject B --seed=1"),
        ((), {"inject": []}, "--rate=30 -u 40 --explore --seed=1"),
        ((), {"rate": 50}, "--explore --inject=A --inject B --seed=1"),
        (("-u30",), {}, "--explore --inject=A --inject B --seed=1"),
        (("--users", "30"), {}, "--explore --inject=A --inject B --seed=1"),
        (("--seed=-3",), {"rate": None}, "--rate=30 -u 40 --explore --inject=A --inject B"),
        (("--unknown=1",), {"only_faults": "x"}, None),
    ],
    ids=str,
)
def test_what_is_given_anew_takes_the_place_of_the_same_option(
    words: tuple[str, ...], values: dict[str, Any], left: str | None
) -> None:
    """Also where it says that there is none, or says the same in another word."""
    before = ["--rate=30", "-u", "40", "--explore", "--inject=A", "--inject", "B", "--seed=1"]

    assert without(before, given_by(words, values)) == (before if left is None else left.split())


def test_every_option_that_is_shown_has_its_name() -> None:
    """The names are those of the one table."""
    for option in SHOWN_OPTIONS:
        assert option.field.isidentifier()
        assert option_words({option.field: None}) == []


def test_the_words_are_read_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the parser that looks where Locust's does."""
    monkeypatch.chdir(tmp_path)
    known = given(option_words({"seed": -3, "host": "http://127.0.0.1:9", "service": "naive"}))

    assert (known.seed, known.host, known.service) == ("-3", "http://127.0.0.1:9", "naive")

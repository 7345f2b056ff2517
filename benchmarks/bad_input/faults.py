"""Faults on the command line, each class with each of its fields, with values that cannot be."""

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

from benchmarks.bad_input.case import PERHAPS, REFUSED, Case
from benchmarks.bad_input.inventory import Parameter
from harness import faults as specs

_SPECS: tuple[Any, ...] = tuple(getattr(specs, name) for name in specs.__all__)
"""A new fault is among them without an edit here."""
_NEEDED = {"link": '"database"', "milliseconds": "200", "kilobytes_per_second": "5"}
_BAD: dict[str, tuple[str, ...]] = {
    "link": ('"nope"', '""', "5", "None", "[1]", '"data\\x00base"', '"\\ud800"', "b'database'"),
    "target": ('"replica-99"', '""', '"/etc/passwd"', '["replica-1"]', '"supervisor"', "None"),
    "table": ('"nope"', '"loan; drop table loan"', '"pg_class"', '"\'"', '""', "5", '"a" * 9'),
    "direction": ('"sideways"', "None", "1", '""', '"BOTH"'),
    "during": ("(0.5, 0.2)", "(0, 2)", "(0.1,)", '"ab"', "(1e999, 1e999)", "()", "None", "(-1, 1)"),
    "expects_impact": ('"no"', "2", "None", "[]"),
    "milliseconds": ("-1", "86400001", "0x" + "f" * 5000),
    "kilobytes_per_second": ("0", "-3", "0x" + "f" * 5000),
    "period": ("0", "-1", "1e999", "1e-9"),
    "duty": ("2", "-1", "0", "1e999"),
    "jitter": ("-1", "0x" + "f" * 5000),
}
_OF_ANY = (
    *('"200"', "True", "None", "1e999", "(lambda: 5)()", '__import__("os").system("touch pwned")'),
    *(
        'f"{1}"',
        "...",
        "1+2j",
        "{1: 2}",
        "{(1, 2): 3}",
        "-" * 3000 + "1",
        "9" * 5000,
        "nan",
        "*[1]",
    ),
    *(
        "[" * 150 + "]" * 150,
        "1" + "+1" * 3000,
        "1." + "0" * 4000,
        "not 1",
        "x",
        "**{}",
        "(" * 9000,
    ),
)
_WHOLE = (
    *("", "   ", "#", "Latency", "Latency(", "Nope()", "Kill(); Kill()", "5", "None", "Scenario()"),
    *('Partition("database") or Kill()', 'Partition("a" "b")', "Partition(" + '"a"' * 2000 + ")"),
    *(
        "(" * 100_000,
        "Latency(" * 3000,
        'Partition("database").heal()',
        'Par\u0131tion("database")',
    ),
    *('Partition("database", "both", "both", "both")', 'Partition(link="database", link="edge")'),
    *('lambda: Partition("database")', '[Partition("database")]', 'Partition("database")\nKill()'),
    *('print("x")', 'Partition(**{"link": "database"})', "\x1b[31m", "\udcff", 'Kill("toxiproxy")'),
    *('CommitLost("edge")', 'Freeze("toxiproxy")', 'Partition("database", during=(1, 0))'),
)


def faults(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """One fault with one value that it cannot have, each class and field in turn."""
    del known
    fields = [(spec, field) for spec in _SPECS for field in dataclasses.fields(spec)]
    if turn % 3 == 0:
        text = chance.choice(_WHOLE)
        ends = REFUSED
    else:
        spec, field = fields[(turn - turn // 3 - 1) % len(fields)]
        certain = _BAD.get(field.name)
        bad = certain if certain and chance.random() < 0.7 else _OF_ANY
        text = _call(spec, field.name, chance.choice(bad))
        # Some take a true number for a whole one, and a kind is not given at all.
        ends = REFUSED if bad is certain else PERHAPS
    more = _others(chance)
    return Case(kind="faults", words=("run", "--dry-run", "--inject", text, *more), ends=ends)


def _call(spec: Any, name: str, value: str) -> str:
    """The call that would be valid but for one value."""
    needed = [field.name for field in dataclasses.fields(spec) if field.name in _NEEDED]
    given = {each: _NEEDED[each] for each in needed if _has_no_default(spec, each)}
    return f"{spec.__name__}({', '.join(f'{n}={v}' for n, v in {**given, name: value}.items())})"


def _has_no_default(spec: Any, name: str) -> bool:
    field = next(each for each in dataclasses.fields(spec) if each.name == name)
    return field.default is dataclasses.MISSING


def _others(chance: random.Random) -> tuple[str, ...]:
    """Now and then good ones beside it."""
    if chance.random() < 0.85:
        return ()
    return ("--inject", 'Latency("database", milliseconds=5)') * chance.choice((1, 300))

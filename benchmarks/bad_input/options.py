"""Every option and argument of every command with words that it cannot take."""

import random
from collections.abc import Iterable, Sequence

from benchmarks.bad_input import values
from benchmarks.bad_input.case import (
    JUDGED,
    NOT_DONE,
    PERHAPS,
    REFUSED,
    Case,
    as_run,
    loading,
    prepared,
    written,
)
from benchmarks.bad_input.inventory import LOAD, Parameter
from benchmarks.bad_input.sandbox import RUN
from benchmarks.bad_input.surroundings import strange_files

GAMEDAY = """\
version: 1
title: A day
hypothesis: It holds.
abort_word: halt
roles: {lead: L}
steps:
  - {name: a, scenario: baseline}
"""
_BASES: dict[str, tuple[str, ...]] = {
    "run": ("run", "baseline", "--dry-run"),
    "judge": ("judge", RUN),
    "report": ("report", RUN),
    "compare": ("compare", RUN),
    "gameday run": ("gameday", "run", "day.yaml", "--rehearse", "--unattended"),
    "gameday note": ("gameday", "note", "session", "a note"),
    "gameday action": ("gameday", "action", "session", "do it", "--owner", "L"),
    "gameday status": ("gameday", "status", "session"),
    "gameday record": ("gameday", "record", "session"),
    "gameday verify": ("gameday", "verify", "session"),
    "gate-selftest": ("gate-selftest", "baseline"),
    "explain": ("explain", "lost"),
}
"""A request that is valid and starts nothing; of other commands, their name alone."""
_ARGUMENTS = {"gameday action": ("--owner", "L"), "run": ("--dry-run",)}
"""What stands beside an argument of theirs that is none."""
_WRITES = ("*", "~/.local*")
_NOT_GIVEN = frozenset({"--provide", "--help", "--version", "-h", "-V"})
_CERTAIN: dict[str, Sequence[str]] = {
    **dict.fromkeys(
        ("warm_up", "baseline", "fault", "recovery", "request_timeout", "ledger_settle"),
        values.NO_DURATIONS,
    ),
    **dict.fromkeys(("log_in_share",), values.NO_SHARES),
    **dict.fromkeys(
        ("rate", "retries", "runs", "shrink_runs_max", "last"),
        (*values.NO_WHOLE_NUMBERS, *values.OTHER_DIGITS, "-1"),
    ),
    **dict.fromkeys(
        ("stop_failed_budget", "stop_principal_at_risk_fen"),
        (*values.NO_WHOLE_NUMBERS, *values.OTHER_DIGITS, "-1", "yes", "on"),
    ),
    **dict.fromkeys(("stop_failed_surge", "stop_double_disbursement"), ("yes", "1", "", "ON", "é")),
    **dict.fromkeys(("edge_port", "service_port", "web_port"), values.NO_PORTS),
    "host": values.NO_HOSTS,
    "defect": ("nope", ",", "amount_truncated,,", "AMOUNT_TRUNCATED", " ", "x" * 100_000, "é"),
    "only_faults": ("9-kill", "zzz", ",", "\x1b[31m", "x" * 100_000),
    "without_fault": ("zzz", "\x1b[31m", "x" * 100_000),
    "run_time": ("abc", "-5s", "nan", "", "1d", "٣s"),
    "tags": ("x",),
    "exclude_tags": ("x",),
    "objectives": (*values.NO_PATHS, "f.txt", ".", "/dev/null", "/dev/zero", "fifo"),
    "resume": (*values.NO_PATHS, "f.txt", "empty"),
    "junitxml": ("", values.LONG, "loop/x", "f.txt/x", "empty", ".", "/dev/null/x"),
    "summary": ("", values.LONG, "loop/x", "f.txt/x", "empty", ".", "/dev/null/x"),
    "trend": ("f.txt", "no/such/x.html", "", f"{values.LONG}.html"),
    "summary_picture": ("javascript:alert(1)", "\x1b[31m", "x y", "data:text/html,x"),
    "service": ("quick", "", "TUNED", "é"),
}
"""By name, what cannot be meant, whatever the command; others are judged by their type alone."""
_TYPED: dict[str, Sequence[str]] = {
    "int": values.NO_WHOLE_NUMBERS,
    "float": values.NO_NUMBERS,
    "choice": ("nope", "", "\x1b[31m", "é", "x" * 100_000),
}
_EMPTY_MEANS_NONE = frozenset({"seed", "defect", "only_faults", "without_fault", "state_dir"})


def option(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """One option or argument, in turn: each is met before any comes twice."""
    parameter = known[turn % len(known)]
    if parameter.command == LOAD:
        # What these two name is looked at by the command line.
        share = 1.0 if parameter.name in ("config", "locustfile") else 0.12
        return as_run(_of_load(parameter, chance), chance, share)
    if not parameter.words:
        return _argument(parameter, chance)
    word = chance.choice(parameter.words)
    value, ends = _value(parameter, chance)
    words = (*_base(parameter.command), *_joined(word, value, chance))
    if parameter.kind == "flag":
        ends = REFUSED
    return _of_command(parameter.command, words, ends)


def _of_load(parameter: Parameter, chance: random.Random) -> Case:
    value, ends = _value(parameter, chance)
    if not parameter.words:
        # Alone, -- says that no more options come: that is no mistake.
        wrong = value.startswith("-") and value != "--"
        return _load((value or "nope",), NOT_DONE if wrong else PERHAPS)
    word = chance.choice(parameter.words)
    if parameter.kind == "flag":
        ends = REFUSED if word.startswith("--") else PERHAPS
    if (parameter.name, value) == ("web_port", "0"):
        ends = PERHAPS  # any port that is free
    return _load(_joined(word, value, chance), ends)


def _load(words: Iterable[str], ends: frozenset[int]) -> Case:
    return Case(
        kind="option",
        words=loading(tuple(words)),
        ends=ends,
        entry="load",
        prepare=strange_files,
        may_write=_WRITES,
    )


def _argument(parameter: Parameter, chance: random.Random) -> Case:
    """In the place of the first argument, and of all others."""
    command = parameter.command
    bad = values.NO_PATHS if parameter.kind == "path" else values.TEXTS
    value = chance.choice(bad)
    words = (*command.split(), *_ARGUMENTS.get(command, ()), "--", value)
    ends = NOT_DONE if parameter.kind == "path" else PERHAPS
    if command in ("gameday note", "gameday action"):
        # Of two arguments; a strange note is as good as any.
        words, ends = (*words, "x"), NOT_DONE
    return _of_command(command, words, ends)


def _of_command(command: str, words: Iterable[str], ends: frozenset[int]) -> Case:
    stored = command in ("judge", "report", "compare", "gameday verify")
    return Case(
        kind="option",
        words=tuple(words),
        ends=ends | JUDGED if stored and 0 in ends else ends,
        prepare=prepared(strange_files, written("day.yaml", GAMEDAY)),
        may_write=_WRITES,
    )


def _base(command: str) -> tuple[str, ...]:
    return _BASES.get(command, tuple(command.split()))


def _value(parameter: Parameter, chance: random.Random) -> tuple[str, frozenset[int]]:
    """A word for it, and how that may end."""
    certain = _CERTAIN.get(parameter.name) or _TYPED.get(parameter.kind)
    if parameter.kind == "flag":
        return chance.choice(("x", "yes", "no", "1", "\x1b[31m")), REFUSED
    if certain and chance.random() < 0.85:
        value = chance.choice(certain)
        if not (value == "" and parameter.name in _EMPTY_MEANS_NONE):
            return value, NOT_DONE if parameter.name in (
                "host",
                "objectives",
                "resume",
            ) else REFUSED
    if parameter.name == "state_dir":
        return chance.choice(values.NO_PATHS[1:]), PERHAPS
    everything = values.STRANGE_PATHS if parameter.kind == "path" else values.TEXTS
    return chance.choice(everything), PERHAPS


def _joined(word: str, value: str, chance: random.Random) -> tuple[str, ...]:
    """As one word or as two; what looks like an option needs to be one."""
    if word.startswith("--") and (value.startswith("-") or chance.random() < 0.7):
        return (f"{word}={value}",)
    return (word, value) if word.startswith("--") else (f"{word}{value}",)


# --- words that are no request -------------------------------------------------------------------


def words(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Abbreviations, unknown options and commands, options without their value, too many words."""
    makers = (_abbreviation, _abbreviation, _no_value, _unknown, _too_many, _no_command)
    return as_run(makers[turn % len(makers)](chance, known), chance, 0.25)


def _some_command(chance: random.Random, known: Sequence[Parameter]) -> str:
    return chance.choice(sorted({each.command for each in known} - {LOAD}))


def _no_value(chance: random.Random, known: Sequence[Parameter]) -> Case:
    each = chance.choice([each for each in known if each.words and each.kind != "flag"])
    word = max(each.words, key=len)
    if each.command == LOAD:
        return _load((word,), REFUSED if not each.many else PERHAPS)
    return _of_command(each.command, (*_base(each.command), word), REFUSED)


def _unknown(chance: random.Random, known: Sequence[Parameter]) -> Case:
    command = _some_command(chance, known)
    bad = chance.choice(("--nope", "--no-such=1", "-Z", "--é", f"--{values.LONG}", "---"))
    return _of_command(command, (*_base(command), bad), REFUSED)


def _too_many(chance: random.Random, known: Sequence[Parameter]) -> Case:
    command = _some_command(chance, known)
    if command in ("run", "compare"):
        bad = chance.choice((*values.NO_PATHS[1:], "nope", "..\\x", "baseline.txt"))
        words = (command, "baseline", bad, *_ARGUMENTS.get(command, ()))
    else:
        more = [chance.choice(values.TEXTS[1:]) for _ in range(chance.randint(1, 40))]
        words = (*_base(command), "--", *more)
    return _of_command(command, words, REFUSED)


def _no_command(chance: random.Random, known: Sequence[Parameter]) -> Case:
    del known
    bad = (*values.TEXTS[2:], "rum", "Run", "gameday nope", "run ", "--nope", "-x")
    return Case(kind="words", words=(chance.choice(bad),), ends=REFUSED)


def _abbreviation(chance: random.Random, known: Sequence[Parameter]) -> Case:
    """A long option that lacks its last letters, unless that is another one."""
    options = [each for each in known if each.words and each.words[-1].startswith("--")]
    parameter = chance.choice(options)
    whole = max(parameter.words, key=len)
    with_load = {parameter.command, LOAD} if parameter.command == "run" else {parameter.command}
    taken = {w for each in known if each.command in with_load for w in each.words} | _NOT_GIVEN
    short = [whole[:n] for n in range(4, len(whole)) if whole[:n] not in taken] or ["--zz"]
    word = chance.choice(short)
    given = (word,) if parameter.kind == "flag" else (word, "1")
    if parameter.command == LOAD:
        return _load(given, REFUSED)
    return _of_command(parameter.command, (*_base(parameter.command), *given), REFUSED)

"""resilience.yaml and plans of game days with mistakes in them."""

# ruff: noqa: RUF001  # digits and letters that look like others are what is tried

import random
from collections.abc import Sequence

from benchmarks.bad_input import values
from benchmarks.bad_input.case import PERHAPS, REFUSED, Case, written
from benchmarks.bad_input.inventory import Parameter
from benchmarks.bad_input.sandbox import ROOT, RUN
from harness.plan.objectives import KINDS

_HEAD = "version: 1\n"
_WHOLE: tuple[str | bytes, ...] = (
    *("", "null", "- 1", "5", "objectives: {}", "version: 2", "version: 1.5", "version: true"),
    *(
        "version: '1'",
        f"{_HEAD}{_HEAD}",
        f"{_HEAD}\tx: 1",
        f"{_HEAD}foo: 1",
        f"{_HEAD}---\n{_HEAD}",
    ),
    *(f"{_HEAD}objectives: {{<<: {{recovery_seconds_max: 5s}}}}", "!!python/name:os.system "),
    *(f"{_HEAD}objectives: !!python/object/apply:os.system ['touch pwned']", "\r\r\r", "[" * 900),
    *(
        f"{_HEAD}objectives: !!binary aGk=",
        f"{_HEAD}objectives: !!set {{a, b}}",
        f"{_HEAD}? [a]\n: 1",
    ),
    *(f"{_HEAD}objectives: {'{a: ' * 3000}1{'}' * 3000}", f"{_HEAD}objectives: {'[' * 9000}"),
    *(
        f"{_HEAD}objectives: \x00",
        f"{_HEAD}objectives: {{\x1b[31m: 1}}",
        f"{_HEAD}{'k' * 500_000}: 1\n",
    ),
    *(f"{_HEAD}#{'x' * 1_100_000}", _HEAD + "".join(f"k{i}: 1\n" for i in range(5000)), "&a [*a]"),
    f"{_HEAD}defaults: {{runs: {'9' * 5000}}}",
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b]\n",
    b"version: 1\nobjectives: {\xff: 1}",
    b"\xff\xfe\x00\x00",
)
_SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "steady_state",
        ("{max_bad: 50%}", "{max_bad: 0%}", "{min_started: 0%}", "{min_baseline: -1s}"),
    ),
    ("steady_state", ("5", "[]", "{max_bad: .nan}", "{nope: 1}", "{min_baseline: x}", "null: 1")),
    (
        "defaults",
        ("{on_inconclusive: pass}", "{runs: 0}", "{runs: -1}", "{runs: 1.5}", "{runs: 1e9}"),
    ),
    ("defaults", ("{on_inconclusive: true}", "{runs: '1'}", "{runs: null}", "[]", "{runs: .inf}")),
    ("stop", ("{failed_budget: -1}", "{failed_budget: on}", "{failed_surge: 5.5}", "{nope: on}")),
    ("stop", ("{double_disbursement: maybe}", "{double_disbursement: 0}", "[]", "5")),
    ("scenarios", ("{nope: {}}", "{network_partition: 5}", "{'': {}}", "{1: {}}", "{'../x': {}}")),
    ("scenarios", ("{network_partition: {objectives: {lost: 1}}}", "[]", "{[a]: 1}", "{~: ~}")),
    ("objectives", ("5", "[]", "{lost_max: 0}", "{duplicated_max: 5}", "{money: off}", "{1: 1}")),
)
_BAD_LIMITS = (
    *("-1", ".inf", ".nan", "'NaN s'", "1e999", "''", "[]", "{}", "true", "10sec", "0x1s", "１s"),
    *("'10s\\n'", "abc", "101%%", "-1%", "'nan%'", "!!float x", "'9e9999s'", "9" * 5000 + "s"),
)
_BESIDE = (
    *("at: 0m, for: 0s", "for: -1s", "at: x", "expect: [1]", "nope: 1", "pull: 'ls'", "at: .nan"),
    *("options: {web-host: 0.0.0.0}", "options: [--headless]", "options: {rate: abc}"),
    *("options: {rate: 0}", "options: {rate: -5}", "options: {retries: 99}", "options: 5"),
    *("options: {inject: 'Nope()'}", "options: {processes: -3}", "options: {seed: 'x y'}"),
    *("options: {'rate --web-host': 1}", "options: {rate: ５}", "options: {nope: 1}"),
    f"options: {{seed: {'9' * 5000}}}",
    "hand_pulled: x, pull: 'ls \"', pull_after: 1s, restore: ls, restore_after: 2s",
    "hand_pulled: x, pull: ls, pull_after: 3s, restore: ls, restore_after: 2s",
)
_STEPS = (
    *("x", "[]", "null", "[5]", "[{}]", "[[a]]", "{a: 1}", "[{name: a}]", "[{scenario: baseline}]"),
    *("[{name: a, scenario: nope}]", "[{name: a, scenario: [a]}]"),
    "[{name: '', scenario: observe}]",
    *("[{name: a, scenario: ../../../etc/passwd}]", "[{name: 5, scenario: baseline}]"),
    "[{name: a, scenario: baseline}, {name: a, scenario: baseline}]",
    "[{name: a, scenario: baseline, at: 0m, for: 5m}, {name: b, scenario: baseline, at: 1m}]",
    *(f"[{{name: a, scenario: baseline, {more}}}]" for more in _BESIDE),
)
_PLAN = {
    "version": "1",
    "title": "T",
    "hypothesis": "H",
    "abort_word": "halt",
    "roles": "{lead: L}",
    "steps": "[{name: a, scenario: baseline}]",
}
_BAD_PLAN: tuple[tuple[str, str], ...] = (
    *(("abort_word", word) for word in ("yes", "a b", "5", "''", "[x]", "null")),
    *(("roles", word) for word in ("x", "5", "[a]", "{lead: [1]}")),
    *(("version", word) for word in ("2", "'1'", "null", "[]")),
    *(("title", word) for word in ("[]", "null", "{}")),
    *(("host", word) for word in ("http://8.8.8.8", "5", "[]", "nonsense")),
    *(("objectives", word) for word in ("nope.yaml", "5", ".")),
    *(("allow_targets", word) for word in ("x", "5", "{}")),
    *(
        ("options", word)
        for word in ("[5]", "x", "{rate: abc}", "{web_host: 0.0.0.0}", "{a: {b: 1}}")
    ),
    ("nope", "1"),
)


def resilience(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """The file of objectives, for a run and for judging again."""
    del known
    how, ends = turn % 5, REFUSED
    text: str | bytes
    if how == 0:
        text = chance.choice(_WHOLE)
    elif how == 1:
        section, bad = chance.choice(_SECTIONS)
        text = f"{_HEAD}{section}: {chance.choice(bad)}\n"
    elif how < 4:
        name = sorted(KINDS)[(turn // 5 * 2 + how) % len(KINDS)]
        text = f"{_HEAD}objectives: {{{name}: {chance.choice(_BAD_LIMITS)}}}\n"
    else:
        text = values.spoilt((ROOT / "resilience.yaml").read_text().replace("\n# ", "\n"), chance)
        ends = PERHAPS
    words: tuple[str, ...]
    name, words = "r.yaml", ("judge", RUN, "--objectives", "r.yaml")
    if turn % 3:
        words = ("run", "network_partition", "--dry-run", "--objectives", "r.yaml")
    if turn % 3 == 1:
        name, words = "resilience.yaml", words[:3]
    return Case(
        kind="resilience.yaml",
        words=words,
        ends=ends | {1, 3} if 0 in ends else ends,
        prepare=written(name, text),
        may_write=(f"{RUN}/*",),
        note=ascii(text[:70]),
    )


def game_days(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """The plan of a game day, walked through: nothing is started."""
    del known
    how, ends = turn % 4, REFUSED
    text: str | bytes
    if how == 0:
        text = chance.choice(_WHOLE)
    elif how == 1:
        text = _as_yaml({**_PLAN, "steps": chance.choice(_STEPS)})
    elif how == 2:
        name, bad = chance.choice(_BAD_PLAN)
        text = _as_yaml({**_PLAN, name: bad})
    else:
        text, ends = values.spoilt(_as_yaml(_PLAN), chance), PERHAPS
    return Case(
        kind="gameday.yaml",
        words=("gameday", "day.yaml", "--rehearse", "--unattended"),
        ends=ends,
        prepare=written("day.yaml", text),
        note=ascii(text[-70:]),
    )


def _as_yaml(plan: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in plan.items())

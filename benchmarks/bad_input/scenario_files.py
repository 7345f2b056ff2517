"""Scenario files that cannot be loaded, or say what cannot be meant."""

import random
from collections.abc import Sequence

from benchmarks.bad_input import values
from benchmarks.bad_input.case import PERHAPS, REFUSED, Case, as_run, loading, written
from benchmarks.bad_input.inventory import Parameter

_HEAD = (
    '"""H."""\nfrom harness import Borrower, Load, Objectives, Scenario, StopConditions\n'
    "from harness.faults import *\n"
)
_GOOD = (
    f"{_HEAD}\n\nclass Mine(Borrower):\n    scenario = Scenario(\n"
    '        faults=[Partition("database")],\n        load=Load(credit_line_share=0.5),\n'
    "        objectives=Objectives(recovery_seconds_max=5, failed_share_max=0.5),\n    )\n"
)
_CALLS = (
    *("None", "'x'", "5", "[]", "Scenario", "object()", "Scenario(nope=1)", "Scenario(1)"),
    *("Scenario(faults=None)", "Scenario(faults='Partition')", "Scenario(faults=[Partition])"),
    *("Scenario(faults=[5])", "Scenario(faults=[Partition('nope')])", "Scenario(faults={1: 2})"),
    *("Scenario(faults=[Partition('database', during=(0, 1))])", "Scenario(faults=[[Kill()]])"),
    *("Scenario(faults=[Partition('database', at=float('nan'))])", "Scenario(faults=5)"),
    *("Scenario(faults=[Latency('database', milliseconds=float('nan'))])", "Scenario(stop=5)"),
    *("Scenario(faults=[Latency('database', milliseconds='x')])", "Scenario(stop='off')"),
    *("Scenario(faults=[Latency('database', milliseconds=10 ** 5000)])", "Scenario(faults=Kill())"),
    *("Scenario(faults=[Kill('replica-1'), Freeze('replica-1')])", "Scenario(objectives=5)"),
    *("Scenario(faults=[BlockingMigration('nope')])", "Scenario(faults=[CommitLost('edge')])"),
    *("Scenario(load=Load(rate=float('nan')))", "Scenario(load=Load(credit_line_share=2))"),
    *("Scenario(credit_line_share='x')", "Scenario(load=Load(log_in_share=float('nan')))"),
    *(
        "Scenario(load={'rate': 5})",
        "Scenario(load=Load(near_limit_share=-1))",
        "Scenario(faults=Ellipsis)",
    ),
    *("Scenario(objectives={'failed_share_max': 1})", "Scenario(objectives=Objectives)"),
)
_OBJECTIVES = (
    *("lost_max=1", "5", "recovery_seconds_max=float('nan')", "recovery_seconds_max=float('inf')"),
    *("failed_share_max=-1", "failed_share_max='1%'", "failed_share_max=2", "failed_share_max=[]"),
    *("impaired_episodes_max=True", "impaired_episodes_max=1.5", "impaired_episodes_max=10**6"),
    *("recovery_seconds_max=-1", "recovery_seconds_max=10**5000", "recovery_seconds_max='5s'"),
    *(
        "attempts_per_operation_max=0.5",
        "latency_ms_p99_max=-1",
        "**{'a b': 1}",
        "recovery_seconds_max=1j",
    ),
)
_TOPS = (
    *("", "def", "import nonexistent_module_x\n", "from harness.faults import Nope\n", _HEAD),
    *(f"{_HEAD}raise ValueError('x')\n", "raise KeyError\n", "1 / 0\n", "assert False\n"),
    *("raise SystemExit('x')\n", "import sys\nsys.exit(0)\n", "import sys\nsys.exit(70)\n"),
    *("raise BaseException('x')\n", "raise GeneratorExit\n", "def f():\n    f()\nf()\n"),
    *(
        "x = '\ud800'\n",
        "\0",
        "\ufeff\ufeffx",
        "# -*- coding: nope -*-\n",
        "print('x' * 10 ** 6)\n",
    ),
    *(
        "(" * 300,
        "x = " + "-" * 5000 + "1\n",
        "if 1:\n\tx=1\n        y=2\n",
        "class S(Borrower): pass\n",
    ),
    *(
        "x = " + "9" * 5000 + "\n",
        "raise ExceptionGroup('a', [ValueError(1)])\n",
        f"{_HEAD}{_HEAD}",
    ),
    *(
        "raise Exception('\\x1b[31m\\n::error::x')\n",
        "raise UnicodeDecodeError('u', b'', 0, 1, 'x')\n",
    ),
    *("import harness.nope\n", "from harness import Nope\n", "raise Exception('x' * 10 ** 6)\n"),
    "from locust import HttpUser\nclass U(HttpUser):\n    host = 'http://127.0.0.1:1'\n",
    f"{_HEAD}class A(Borrower):\n    scenario = Scenario()\n    host = 'http://8.8.8.8'\n",
    f"{_HEAD}class A(Borrower):\n    scenario = Scenario()\nclass C(A):\n    pass\n",
    f"{_HEAD}class S(Borrower):\n    pass\n",
    f"{_HEAD}class S(Borrower):\n    scenario = Scenario()\n    def __init__(self): pass\n",
    "class B(Exception):\n    def __str__(self):\n        raise ValueError\nraise B\n",
)
_NAMES = (
    *("s.txt", "a b.py", "1.py", "é.py", "json.py", "locust.py", "harness.py", "-x.py", "a\nb.py"),
    *("class.py", "s", ".py", "\x1b[31m.py", f"{'n' * 200}.py", "s.py.py", "__init__.py", "a'b.py"),
    *("locustfile.py", "queue.py", "pandas.py", "scipy.py", "\udcff.py", "a.b.py", "$(x).py"),
)


def scenario_files(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A file with a mistake, known or made by chance, or with a name that is none of a module."""
    del known
    how, name, ends = turn % 5, "s.py", REFUSED
    if how == 0:
        body = chance.choice(_TOPS)
    elif how == 1:
        body = f"{_HEAD}class S(Borrower):\n    scenario = {chance.choice(_CALLS)}\n"
    elif how == 2:
        call = f"Scenario(objectives=Objectives({chance.choice(_OBJECTIVES)}))"
        body = f"{_HEAD}class S(Borrower):\n    scenario = {call}\n"
    elif how == 3:
        body, ends = values.spoilt(_GOOD, chance), PERHAPS
    else:
        body, name, ends = _GOOD, chance.choice(_NAMES), PERHAPS
    path = name if chance.random() < 0.5 else f"sub/{name}"
    case = Case(
        kind="scenario files",
        words=loading((), f"./{path}" if path.startswith("-") else path),
        ends=ends,
        entry="load",
        prepare=written(path, body.encode("utf-8", "surrogatepass"))
        if how < 4
        else written(path, body),
        note=ascii(body[-60:]) if how < 4 else name,
    )
    # Names are looked at by the command line.
    return as_run(case, chance, 0.25 if how < 4 else 1.0)

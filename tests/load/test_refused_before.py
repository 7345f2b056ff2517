"""What cannot be run is refused before it is started, and by ``--dry-run`` in the same words."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.core.processes import identify
from harness.stack import Stack, StackSettings
from harness.stack.run_lock import held_alone
from harness.stack.state import StackLink, save_state

ROOT = Path(__file__).parent.parent.parent
HEAD = (
    "from harness import Borrower, Load, Objectives, Scenario, StopConditions\n"
    "from harness.faults import *\n"
)
MINE = HEAD + "class Mine(Borrower):\n    scenario = Scenario({})\n"
LENDER = (
    "from harness import Target\n"
    "from harness.target import Request\n"
    "class Bare(Target):\n"
    "    def borrow(self, ask): return Request('POST', '/loans', {'sum': ask.amount})\n"
)
FIVES = "\uff15\uff10"  # 50, in digits that Python takes, too
LONG = "x" * 300
HUGE = "9" * 5000

WORDS: dict[str, tuple[list[str], str]] = {
    "rate, other digits": ([f"--rate={FIVES}"], "must be a whole number"),
    "rate, a power": (["--rate=1e3"], "must be a whole number"),
    "rate, none": (["--rate=0"], "must be from 1 to 2000"),
    "rate, huge": ([f"--rate={HUGE}"], "--rate 99999"),
    "users, other digits": (["-u", FIVES], "invalid int value"),
    "users, huge": (["-u", HUGE], "invalid"),
    "run time, other digits": (["-t", f"{FIVES}s"], "argument -t/--run-time"),
    "run time, huge": (["-t", f"{HUGE}s"], "argument -t/--run-time"),
    "run time, too short": (["-t", "3s"], "-t 3s is too short"),
    "web port": (["--web-port=70000"], "--web-port/-P is of Locust's page, and a headless run has"),
    "users and rate": (["-u", "20", "--rate=10"], "-u 20 and --rate 10 disagree"),
    "recovery, too short": (
        ["--inject=Partition('database')", "--recovery=1s"],
        "recovery 1s is too short to heal and confirm",
    ),
    "fault, below none": (["--fault=-1s"], "--fault"),
    "spawn rate, other digits": (["-r", FIVES], "argument -r/--spawn-rate"),
    "processes, other digits": ([f"--processes={FIVES}"], "argument --processes"),
    "duration, other digits": (["--baseline=\u0663s"], "must be a duration like 250ms, 10s"),
    "duration, no unit": (["--fault=5x"], "must be a duration"),
    "duration, not a number": (["--recovery=nans"], "must be a duration"),
    "duration, huge": ([f"--warm-up={HUGE}s"], "must be a duration"),
    "duration, too long": (["--ledger-settle=999999999h"], "must be from 0s to 5m"),
    "share, not a number": (["--log-in-share=nan"], "must be 0 to 1"),
    "share, other digits": (["--log-in-share=\uff10.\uff13"], "must be 0 to 1"),
    "retries, other digits": (["--retries=\u0663"], "must be a whole number"),
    "retries, underscores": (["--retries=1_0"], "must be a whole number"),
    "seed, other digits": (["--seed=\u0663"], "must be a whole number"),
    "seed, huge": ([f"--seed={HUGE}"], "must be a whole number"),
    "budget, other digits": (["--stop-failed-budget=\u0663"], "must be a whole number"),
    "switch": (["--stop-failed-surge=maybe"], "must be on or off"),
    "defect": (["--defect=nope"], "no such defect: 'nope'; there are: no_idempotency_check, "),
    "no defect": (["--defect=,"], "no such defect: '', ''"),
    "defect and none": (["--defect=amount_truncated,"], "no such defect: ''"),
    "defect, long": ([f"--defect={LONG}"], "no such defect: 'xxx"),
    "delay of one that has none": (["--defect=amount_truncated=3"], "take a delay"),
    "delay, other digits": (["--defect=paid_twice_later=\u0663"], "of 0 to 60 seconds"),
    "delay, too long": (["--defect=paid_twice_later=61"], "of 0 to 60 seconds"),
    "link": (["--inject=Partition('nope')"], "it has link bureau, link database, link edge"),
    "link, long": ([f"--inject=Refuse({LONG!r})"], "needs link xxx"),
    "part": (["--inject=Kill('nope')"], "process bureau, process postgres, process primary, "),
    "part that we have not": (["--inject=Freeze('replica-3')"], "process replica-3"),
    "table": (
        ["--inject=BlockingMigration('nope')"],
        "needs table nope, which this target lacks; there are",
    ),
    "commits elsewhere": (["--inject=CommitLost('edge')"], "edge leads elsewhere: use database"),
    "packets": (["--inject=PacketDrop('database')"], "start the stack with --namespaces"),
    "no proxy": (
        ["--namespaces", "--inject=Reset('database')"],
        "there is no proxy on it: leave out --namespaces",
    ),
    "fault, huge": ([f"--inject=Latency('database', 0x{'f' * 5000})"], "longer than 400 letters"),
    "fault, large": ([f"--inject=Latency('database', 0x{'f' * 300})"], "milliseconds"),
    "fault, negative": ([f"--inject=Latency('database', -(-0x{'f' * 300}))"], "no plain value"),
    "fault, deep": ([f"--inject=Latency({'(' * 300}1{')' * 300})"], "is no fault"),
    "fault, none": (["--inject=print(1)"], "is no fault"),
    "fault of none": (["--only-faults=7-kill"], "--only-faults 7-kill: the scenario has no faults"),
    "no fault": (["--only-faults=,"], "--only-faults '': the scenario has no faults"),
    "fault left out": (["--without-fault=7-kill"], "--without-fault 7-kill"),
    "foreign host": (["--host=http://10.0.0.7"], "name it with --allow-target 10.0.0.7"),
    "secure host": (["--host=https://127.0.0.1"], "is https"),
    "no host": (["--host=ftp://127.0.0.1"], "is not a target"),
    "host, long": ([f"--host=http://{LONG}"], "is not a target: use http://host"),
    "target without an address": (["--target=lender.py"], "Bare has no url; set it, like http://"),
    "target at a foreign host": (
        ["--target=lender.py", "--host=http://10.0.0.7"],
        "name it with --allow-target 10.0.0.7",
    ),
    "no token": (["--host=http://127.0.0.1:9"], "LENDING_ADMIN_TOKEN must hold the admin token"),
    "defect elsewhere": (
        ["--host=http://127.0.0.1:9", "--defect=amount_truncated"],
        "--defect is for the local stack's service",
    ),
    "service elsewhere": (
        ["--host=http://127.0.0.1:9", "--service=naive"],
        "--service is for the local stack's service",
    ),
    "namespaces elsewhere": (
        ["--host=http://127.0.0.1:9", "--namespaces"],
        "--namespaces is for the local stack",
    ),
    "database elsewhere": (
        ["--host=http://127.0.0.1:9", "--inject=BlockingMigration()"],
        "run it on the local stack, without --host",
    ),
    "objectives": (["--objectives=nowhere.yaml"], "nowhere.yaml cannot be read"),
    "objectives, long": ([f"--objectives={LONG}"], "File name too long"),
    "objectives, other digits": (["--objectives=digits.yaml"], "must be a duration like"),
    "runs, long": ([f"--runs-dir={LONG}"], "File name too long"),
    "state, long": ([f"--state-dir={LONG}"], "File name too long"),
    "state, a file": (["--state-dir=digits.yaml"], "digits.yaml is no folder"),
    "state, below a file": (["--state-dir=digits.yaml/x"], "digits.yaml/x cannot be"),
    "users, lost": (["-u--"], "argument -u"),
    "stop, lost": (["-s--"], "argument -s"),
    "run time, lost": (["-t--"], "argument -t"),
    "host, lost": (["-H--"], "argument -H"),
    "rate, lost": (["--rate=--"], "--rate"),
    "fault, lost": (["--inject=--"], "--inject"),
    "state, lost": (["--state-dir=--"], "--state-dir"),
    "abbreviation": (["--rat=5"], "unrecognized arguments: --rat=5"),
    "abbreviation in a file": (["--config=rat.conf"], "unrecognized arguments: --rat=5"),
    "abbreviated dry run": (["--dry"], "unrecognized arguments: --dry"),
    "population": (["--population=x"], "invalid choice: 'x'"),
    "service": (["--service=x"], "invalid choice: 'x'"),
    "tags": (["--tags=x"], "--tags"),
    "spawn rate": (["-r", "5"], "--spawn-rate has no effect: arrivals come at --rate from the fi"),
    "resetting": (["--reset-stats"], "--reset-stats has no effect: nothing is counted before"),
}
FILES: dict[str, tuple[str, str]] = {
    "syntax": ("def broken(:\n    pass\n", "syntax.py:1: SyntaxError"),
    "no_module": ("import json\nimport no_such_thing\n", "no_module.py:2: ModuleNotFoundError"),
    "raises": ("raise ValueError('no\\ntoken')\n", "raises.py:1: ValueError: no token"),
    "imports": (
        "import json\nimport fails_itself\n",
        "fails_itself.py:3 (imported in imports.py:2): ZeroDivisionError: division by zero",
    ),
    "imports_syntax": (
        "import fails_to_parse\n",
        "fails_to_parse.py:2 (imported in imports_syntax.py:1): SyntaxError",
    ),
    "ends": ("import sys\nsys.exit(0)\n", "ends.py:2: it calls sys.exit(0)"),
    "no_class": (HEAD, "no_class.py:1: no scenario in it"),
    "two": (
        MINE.format("") + "class Other(Mine): pass\n",
        "two.py::Mine`, or to `locust` behind all options, as in --seed=1 Mine",
    ),
    "no_scenario": (
        HEAD + "class Mine(Borrower): pass\n",
        "no_scenario.py:3: Mine has no scenario",
    ),
    "typo": (
        MINE.format("objectives=Objectives(lost_max=1)"),
        "typo.py:4: Objectives: there is no lost_max=;",
    ),
    "field": (
        MINE.format("fault=[]"),
        "field.py:4: Scenario: there is no fault=; did you mean faults?",
    ),
    "objectives": (
        MINE.format("objectives={}"),
        "objectives.py:4: Scenario: objectives {}: input should be",
    ),
    "limit": (
        MINE.format("objectives=Objectives(failed_share_max='x')"),
        "failed_share_max 'x' must be a share from 0 to 1",
    ),
    "stop": (MINE.format("stop=5"), "stop.py:4: Scenario: stop 5: input should be an inst"),
    "condition": (
        MINE.format("stop=StopConditions(failed_budget='x')"),
        "stop failed_budget 'x' must be a whole number",
    ),
    "no_faults": (
        MINE.format("faults=None"),
        "no_faults.py:4: Scenario: faults None must be a list",
    ),
    "text": (MINE.format("faults='x'"), "text.py:4: Scenario: faults 'x' must be a list"),
    "number": (MINE.format("faults=[5]"), "number.py:4: Scenario: faults: 5 is no fault"),
    "class_of_fault": (MINE.format("faults=[Partition]"), "faults: the class Partition is no"),
    "share": (
        MINE.format("load=Load(near_limit_share='x')"),
        "share.py:4: Load: near_limit_share 'x': input should be a valid number",
    ),
    "old_share": (MINE.format("near_limit_share=0.1"), "in load=Load(near_limit_share=…)"),
    "watching": (MINE.format("watches=True"), "watching.py:4: Scenario: watches= is no longer"),
    "observing": (MINE.format("observe='x'"), "observing.py:4: Scenario: observe 'x': input"),
    "during": (MINE.format("faults=[Partition('edge', during=(0, 1))]"), "during.py:4: Partition"),
    "host": (MINE.format("") + "    host = 5\n", "host.py:3: host 5 must be text"),
    "huge": (
        MINE.format("faults=[Latency('edge', milliseconds=10**5000)]"),
        "huge.py:4: Latency: milliseconds has more than 18 digits",
    ),
    "huge_share": (
        MINE.format("load=Load(credit_line_share=10**5000)"),
        "credit_line_share has more than 18",
    ),
    "huge_limit": (
        MINE.format("objectives=Objectives(impaired_episodes_max=10**5000)"),
        "impaired_episodes_max has more than 18 digits",
    ),
    "huge_budget": (
        MINE.format("stop=StopConditions(failed_budget=10**5000)"),
        "StopConditions: failed_budget has more than 18 digits",
    ),
    "link": (MINE.format("faults=[Partition('nope')]"), "needs link nope, which this target lacks"),
    "commits": (MINE.format("faults=[CommitLost('edge')]"), "edge leads elsewhere: use database"),
    "table": (
        MINE.format("faults=[BlockingMigration('nope')]"),
        "this target lacks; there are acc",
    ),
    "part": (MINE.format("faults=[Kill('nope')]"), "needs process nope that can be killed"),
}
VARIABLES: dict[str, tuple[dict[str, str], str]] = {
    "ports": ({"LENDCHAOS_PORTS": "x"}, "LENDCHAOS_PORTS is 'x': it must be LOWEST-HIGHEST"),
    "ports, other digits": ({"LENDCHAOS_PORTS": f"{FIVES}00-{FIVES}99"}, "must be LOWEST-HIGHEST"),
    "users, other digits": ({"LOCUST_USERS": FIVES}, "invalid int value"),
    "run time, other digits": ({"LOCUST_RUN_TIME": f"{FIVES}s"}, "argument -t/--run-time"),
    "foreign host": ({"LOCUST_HOST": "http://10.0.0.7"}, "name it with --allow-target 10.0.0.7"),
    "an option that has none": ({"LOCUST_RATE": "5"}, "LOCUST_RATE has no effect: use --rate"),
}
EDGE_PORT = 12_345
SET_UP: dict[str, tuple[list[str], dict[str, str], int, str]] = {
    "own link": (
        ["--state-dir=up", f"--host=http://localhost:{EDGE_PORT}"],
        {"LENDING_ADMIN_TOKEN": "token"},
        2,
        f"port {EDGE_PORT} is our own link 'edge': a target behind it would be broken twice; the",
    ),
    "own folder": (["--state-dir=own"], {}, 2, "own has a folder 'logs' that no stack made"),
    "own folder, attached": (
        ["--state-dir=attaching", "--host=http://127.0.0.1:9"],
        {"LENDING_ADMIN_TOKEN": "token"},
        2,
        "attaching/attached has a folder 'logs' that no stack made",
    ),
    "other service": (
        ["--state-dir=up", "--service=naive"],
        {},
        3,
        "(service tuned, 2 replicas, password_cost 5; wanted: service naive, 2 replicas, ",
    ),
    "other defect": (
        ["--state-dir=up", "--defect=amount_truncated"],
        {},
        3,
        "wanted: service tuned, 2 replicas, password_cost 5, planted defect amount_truncated): ",
    ),
    "other namespaces": (
        ["--state-dir=up", "--namespaces"],
        {},
        3,
        "wanted: service tuned, 2 replicas, password_cost 5, in network namespaces): ",
    ),
    "other target": (
        ["--state-dir=attaching-up", "--host=http://127.0.0.1:9"],
        {"LENDING_ADMIN_TOKEN": "token"},
        3,
        "a proxy for http://127.0.0.1:2 is up in ",
    ),
    "in use": (["--state-dir=used"], {}, 3, "another run uses the stack in "),
    "no register": (
        ["--state-dir=new"],
        {"XDG_STATE_HOME": "/proc/version"},
        3,
        "/proc/version/lendchaos cannot be made: name a folder of your own with XDG_STATE_HOME",
    ),
}
"""What a run's set-up is refused for: words, variables, exit code and what is told."""
CASES = {
    **{f"word: {name}": ["-f", "mine.py", *words] for name, (words, _) in WORDS.items()},
    **{f"file: {name}": ["-f", f"{name}.py"] for name in FILES},
    **{f"variable: {name}": ["-f", "mine.py"] for name in VARIABLES},
    **{f"set-up: {name}": ["-f", "mine.py", *words] for name, (words, *_) in SET_UP.items()},
}
CODES = {f"set-up: {name}": code for name, (_, _, code, _) in SET_UP.items()}
"""The others end with 2."""
TOLD = {
    **{f"set-up: {name}": told for name, (*_, told) in SET_UP.items()},
    **{f"word: {name}": told for name, (_, told) in WORDS.items()},
    **{f"file: {name}": told for name, (_, told) in FILES.items()},
    **{f"variable: {name}": told for name, (_, told) in VARIABLES.items()},
}


def stacks_in(folder: Path) -> None:
    """State folders as stacks that are up would have them, supervised by this process."""
    edge = {"edge": StackLink("edge", f"127.0.0.1:{EDGE_PORT}", "127.0.0.1:2")}
    for name, settings in (("up", StackSettings()), ("attaching-up/attached", None)):
        place = folder / name
        place.mkdir(parents=True)
        save_state(
            Stack(
                kind="local" if settings else "attached",
                stack_id=name,
                state_dir=place,
                log_dir=place / "logs",
                socket_path=place / "socket",
                links=edge,
                toxiproxy_api="http://127.0.0.1:5",
                service_url="http://127.0.0.1:2",
                edge_url=f"http://127.0.0.1:{EDGE_PORT}",
                admin_token="token",
                settings=settings,
                supervisor=identify(os.getpid()),
                ready=True,
            )
        )
    (folder / "own" / "logs").mkdir(parents=True)
    (folder / "attaching" / "attached" / "logs").mkdir(parents=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """By case: what became of it as a run, and as a dry run."""
    folder = tmp_path_factory.mktemp("start")
    for name, (text, _) in FILES.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "mine.py").write_text(MINE.format(""))
    (folder / "lender.py").write_text(LENDER)
    (folder / "fails_itself.py").write_text("import json\n\n1 / 0\n")
    (folder / "fails_to_parse.py").write_text("import json\ndef broken(:\n")
    (folder / "rat.conf").write_text("rat = 5\n")
    (folder / "runs" / "older").mkdir(parents=True)
    (folder / "runs" / "older" / "verdict.json").write_text("{}")
    (folder / "runs" / "latest").symlink_to("older")
    text = "version: 1\nobjectives:\n  recovery_seconds_max: \u0663s\n"
    (folder / "digits.yaml").write_text(text)
    usual = ["--headless", "--loglevel=WARNING", "--only-summary"]
    sets = {f"variable: {name}": variables for name, (variables, _) in VARIABLES.items()}
    sets |= {f"set-up: {name}": variables for name, (_, variables, *_) in SET_UP.items()}
    cases = [
        ([*words, *usual, *dry], sets.get(name, {}))
        for dry in ([], ["--dry-run"])
        for name, words in CASES.items()
    ]
    kept = {name: value for name, value in os.environ.items() if name != "LENDING_ADMIN_TOKEN"}
    stacks_in(folder)
    with held_alone(folder / "used", "run-1", "a_scenario"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.load.many_under_locust"],
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
            timeout=150,
        )
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    return dict(zip(CASES, zip(ends[: len(CASES)], ends[len(CASES) :], strict=True), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_refused_in_one_line_and_leaves_nothing(case: str, found: Any) -> None:
    """With its exit code and what would be valid; no table of Locust's, and no run directory.

    The latest run stays what it was, and so does the link to it.
    """
    run, _ = found[case]

    assert run["code"] == CODES.get(case, 2), run
    assert run["left"] == []
    assert run["out"] == ""
    line, *more = run["err"].splitlines()
    assert line.startswith("error: ")
    assert all(detail.startswith("  line ") for detail in more)  # of resilience.yaml
    assert TOLD[case] in run["err"]
    assert len(line) < 1000


@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_refuses_the_same(case: str, found: Any) -> None:
    """In the same words: who has seen it pass need not wait for the run."""
    run, dry = found[case]
    said = [re.sub(r", for \d+ (s|min) ", ", for a while ", end["err"]) for end in (run, dry)]

    assert (dry["code"], said[1], dry["left"]) == (CODES.get(case, 2), said[0], [])

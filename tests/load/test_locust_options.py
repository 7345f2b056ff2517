"""Locust's own options with a scenario: each works as its users expect, or is one error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.plan.run_options import LOCUST_OPTIONS, RunOption, Use

ROOT = Path(__file__).parent.parent.parent
FILES = ["--csv=out/run", "--html=run.html", "--json-file=run", "--logfile=run.log"]
BARE = "bare"
DEEP = "/".join(["d" * 250] * 16)
"""Short enough for the kernel, but not with what a run writes into it."""
REFUSED: dict[str, tuple[list[str], dict[str, str], str, str]] = {
    "abbreviation": (["--dry"], {}, "", "unrecognized arguments: --dry Did you mean '--dry-run'"),
    "another's abbreviation": (["--runs", "3"], {}, BARE, "unrecognized arguments: --runs"),
    "variable of ours": ([], {"LOCUST_DRY_RUN": "1"}, BARE, "LOCUST_DRY_RUN has no effect"),
    "variable of Locust's": ([], {"LOCUST_LIST": "1"}, "", "LOCUST_LIST has no effect"),
    "list in a file": (["--config=list.conf"], {}, "", "--list runs nothing: give it on the"),
    "dry run in a file": (["--config=dry.conf"], {}, "", "--dry-run runs nothing: give it"),
    "worker": (["--worker"], {}, "", "use `locust -f FILE --worker`"),
    "worker by variable": ([], {"LOCUST_MODE_WORKER": "1"}, "", "use `locust -f FILE --worker`"),
    "a page": (["--headful"], {}, "", "--headful serves a page: use `locust -f FILE`"),
    "master and worker": (["--master", "--worker"], {}, BARE, "exclude each other"),
    "no workers": (["--expect-workers=0"], {}, BARE, "must be a positive number"),
    "processes": (["--processes=-5", "--dry-run"], {}, BARE, "--processes -5 must be"),
    "autoquit": (["--autoquit=3", "--dry-run"], {}, BARE, "--autoquit goes with --autostart only"),
    "history": (["--csv-full-history", "--dry-run"], {}, BARE, "goes with --csv only"),
    "folder": (["--html=.", "--dry-run"], {}, BARE, "--html . cannot be written: it is a folder"),
    "one file": (
        ["--html=x", "--json-file=./x", "--dry-run"],
        {},
        BARE,
        "--html and --json-file are one file, ./x: name two",
    ),
    "one file, with its ending": (
        ["--csv=x", "--logfile=x_stats.csv"],
        {},
        BARE,
        "--csv and --logfile are one file, x_stats.csv: name two",
    ),
    "no folder": (["--csv=a.conf/b"], {}, BARE, "--csv a.conf/b cannot be written: "),
    "runs": (["--runs-dir=a.conf", "--dry-run"], {}, BARE, "--runs-dir a.conf cannot be written: "),
    "a value in a file": (
        ["--config=bad.conf"],
        {},
        BARE,
        "invalid int value: 'many' (--users is set by users in bad.conf)",
    ),
    "a value of a variable": (
        [],
        {"LOCUST_WEB_PORT": "x"},
        "",
        "invalid int value: 'x' (--web-port is set by LOCUST_WEB_PORT in the environment)",
    ),
    "a list": (["--config=l.conf"], {}, BARE, "headless in a file of configuration takes no list"),
    "deep": (["--runs-dir", DEEP, "--dry-run"], {}, BARE, "cannot be written: File name too long"),
    "long scenario": (
        ["-f", f"{'ü' * 118}.py", "--dry-run"],
        {},
        BARE,
        f"scenario {'ü' * 118}… has 236 bytes, and the folder of a run is named after it: rename",
    ),
    "long name": ([f"--logfile={'x' * 300}"], {}, BARE, "cannot be written: File name too long"),
}
TAKEN: dict[str, tuple[list[str], dict[str, str], str, dict[str, Any]]] = {
    "list": (["--list"], {}, "", {}),
    "the longest name of a scenario": (["-f", f"{'s' * 235}.py", "--dry-run"], {}, BARE, {}),
    "list without a place for runs": (["--list", "--runs-dir=a.conf"], {}, "", {}),
    "version of an image": ([], {"LOCUST_VERSION": "2"}, "", {}),
    "dry": (["--dry-run", "--csv=x", "--csv-full-history"], {}, "", {"csv_prefix": None}),
    "dry run of Locust": (["--config=dry.conf"], {}, BARE, {"dry_run": True, "headless": True}),
    "configuration at the start": ([], {}, "", {"rate": "7"}),
    "variables of other tests": (
        ["--headless"],
        {
            "LOCUST_EXIT_CODE_ON_ERROR": "0",
            "LOCUST_TAGS": "smoke",
            "LOCUST_SPAWN_RATE": "5",
            "LOCUST_WEB_PORT": "9",
            "LOCUST_EXPECT_WORKERS": "3",
        },
        BARE,
        {
            "meaningless": [],
            "tags": None,
            "exit_code_on_error": 1,
            "spawn_rate": None,
            "web_port": 8089,
            "expect_workers": 1,
        },
    ),
    "a file of other tests": (
        ["--config=slow.conf"],
        {},
        "",
        {"meaningless": [], "spawn_rate": None, "print_stats": False},
    ),
}
PAGE = "is of Locust's page, and with --headless there is none"
NO_PAGE = "is of Locust's page, and a headless run has none"
MASTER = "goes with --master or --processes only"
WORKER = "goes with --worker or --processes only"
MEANINGLESS: dict[str, tuple[str, str, list[str]]] = {
    "--tags": ("x", "chooses among tasks, and a scenario's load has none", []),
    "--exclude-tags": ("x", "chooses among tasks, and a scenario's load has none", []),
    "--exit-code-on-error": ("0", "has no effect: the verdict is the exit code", []),
    "--enable-rebalancing": ("", "has no effect: each arrival has its worker", []),
    "--spawn-rate": ("5", "has no effect: arrivals come at --rate from the first second", []),
    "--reset-stats": ("", "has no effect: nothing is counted before the load begins", []),
    "--equal-weights": ("", "has no effect: a run has one user class", []),
    "--stop-timeout": (
        *("9s", "has no effect: what is under way at the end has its --request-timeout"),
        [],
    ),
}
"""With no scenario: a value, why, and nothing with which it would have an effect."""
SOMETIMES: dict[str, tuple[str, str, list[str]]] = {
    "--web-host": ("127.0.0.2", PAGE, []),
    "--web-host-display-name": ("x", PAGE, []),
    "-P": ("9", PAGE, []),
    "--web-base-path": ("/x", PAGE, []),
    "--web-login": ("", PAGE, []),
    "--tls-cert": ("x", PAGE, []),
    "--tls-key": ("x", PAGE, []),
    "--class-picker": ("", PAGE, []),
    "--build-path": ("x", PAGE, []),
    "--autostart": ("", PAGE, []),
    "--master-bind-host": ("127.0.0.2", MASTER, ["--master"]),
    "--master-bind-port": ("9", MASTER, ["--processes=2"]),
    "--expect-workers-max-wait": ("9", MASTER, ["--processes=2"]),
    "--expect-workers": ("2", "goes with --master only", ["--master"]),
    "--master-host": ("127.0.0.2", WORKER, ["--worker"]),
    "--master-port": ("9", WORKER, ["--processes=2"]),
}
"""A value, why there is none without a page, a master or a worker, and with which it has one."""


WORKS = {
    *("--help", "--locustfile", "--config", "--host", "--users", "--run-time", "--list"),
    *("--config-users", "--headless", "--autoquit", "--headful", "--master", "--worker"),
    *("--processes", "--csv", "--csv-full-history", "--print-stats", "--only-summary", "--html"),
    *("--json", "--json-file", "--skip-log-setup", "-L", "--logfile", "--show-task-ratio"),
    *("--show-task-ratio-json", "-V", "--profile", "--otel"),
}
"""Options of Locust that mean with a scenario what they mean without."""
OF_LOCUSTS_PAST = {"--web-auth", "--legacy-ui", "--expect-slaves", "--slave"}
"""Locust itself refuses them with 2."""


def words_of(option: str, value: str) -> list[str]:
    """The option with its value, if it takes one."""
    return [option, value] if value else [option]


BOTH = {
    "-P": "--web-port/-P",
    "--tags": "-T/--tags",
    "--exclude-tags": "-E/--exclude-tags",
    "--spawn-rate": "-r/--spawn-rate",
    "--stop-timeout": "-s/--stop-timeout",
}
"""Options that are named by both their words, as the user may have written either."""
IN_VAIN: dict[str, tuple[list[str], dict[str, str], str, list[str]]] = {
    **{
        f"{option}, in vain": (
            [*words_of(option, value), "--headless"],
            *({}, BARE, [f"{BOTH.get(option, option)} {why}"]),
        )
        for option, (value, why, _) in {**MEANINGLESS, **SOMETIMES}.items()
    },
    **{
        f"{option} with what it needs": ([*words_of(option, value), *more], {}, BARE, [])
        for option, (value, _, more) in SOMETIMES.items()
    },
    "-r 5": (["-r", "5"], {}, "", [f"-r/--spawn-rate {MEANINGLESS['--spawn-rate'][1]}"]),
    "a page of a dry run": (["-P", "9", "--dry-run"], {}, "", [f"--web-port/-P {NO_PAGE}"]),
    "the end of a page": (["--autoquit=3", "--headless"], {}, "", [f"--autoquit {NO_PAGE}"]),
    "a page in spite of a file": (
        ["--autostart", "--autoquit=0", "-P", "9", "--config=h.conf"],
        *({"LOCUST_HEADLESS": "false"}, "", []),
    ),
    "tables in between": (
        *(["--print-stats"], {}, ""),
        ["--print-stats has no effect: the tables of `lendchaos run` come at its end"],
    ),
    "a log without a set-up": (
        *(["--skip-log-setup", "--logfile=x"], {}, BARE),
        ["--logfile has no effect with --skip-log-setup"],
    ),
}
"""What a scenario refuses then, as it has no effect."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """By case: what became of it, and the folder of the start."""
    folder = tmp_path_factory.mktemp("start")
    for name, text in {"list": "list", "dry": "dry-run", "a": "autostart"}.items():
        (folder / f"{name}.conf").write_text(f"{text} = true\n")
    (folder / "slow.conf").write_text("spawn-rate = 5\nprint-stats = true\n")
    (folder / "h.conf").write_text("headless = true\n")
    (folder / "l.conf").write_text("headless = [true]\n")
    (folder / "locust.conf").write_text("rate = 7\n")
    (folder / "bad.conf").write_text("users = many\n")
    cases = {**REFUSED, **TAKEN, **IN_VAIN, "files": (FILES, {}, "", {})}
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.options_under_locust"],
        input=json.dumps([(words, env, mode == BARE) for words, env, mode, _ in cases.values()]),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    results = dict(zip(cases, said["results"], strict=True))
    return {**results, "start": folder, **{name: said[name] for name in ("options", "described")}}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_something_else_of_a_run_is_one_error(case: str, found: Any) -> None:
    """With exit code 2, also where Locust would say 1, or nothing."""
    assert found[case]["code"] == 2
    assert REFUSED[case][3] in found[case]["said"]


@pytest.mark.parametrize("case", TAKEN)
def test_what_locust_users_expect_works(case: str, found: Any) -> None:
    """Read from where the user stood at the start."""
    assert found[case]["code"] is None, found[case]
    assert TAKEN[case][3].items() <= found[case].items()


@pytest.mark.parametrize("case", IN_VAIN)
def test_what_has_no_effect_is_named_with_its_reason(case: str, found: Any) -> None:
    """A scenario then refuses it; locustfiles without one go on."""
    assert found[case]["meaningless"] == IN_VAIN[case][3], found[case]


def test_files_lie_where_the_user_stood_at_the_start(found: Any) -> None:
    """Wherever the scenario file goes."""
    start = found["start"]
    names = {"csv_prefix": "out/run", "html_file": "run.html", "json_file": "run"}
    expected = {**names, "logfile": "run.log"}

    assert {n: found["files"][n] for n in expected} == {
        name: str(start / path) for name, path in expected.items()
    }
    assert not (start / "out").exists()


def test_every_option_of_locust_works_or_is_refused(found: Any) -> None:
    """A new version may have others, and each is looked at."""
    known = [WORKS, MEANINGLESS, SOMETIMES, OF_LOCUSTS_PAST]

    assert sorted(found["options"]) == sorted(option for kind in known for option in kind)


@pytest.mark.parametrize("option", LOCUST_OPTIONS, ids=lambda option: option.name)
def test_locusts_own_options_are_listed_as_locust_has_them(option: RunOption, found: Any) -> None:
    """Help, completion and what starts a run know them without loading Locust."""
    (own,) = [one for one in found["described"] if option.word in one["words"]]

    assert list(option.words) == own["words"]
    assert list(option.type.choices) == own["choices"]
    if option.help[0].isupper():  # the beginning of what Locust says itself
        assert own["help"].startswith(option.help)
    if Use.OUTSIDE in option.uses:
        assert (option.variable or None) == own["variable"]

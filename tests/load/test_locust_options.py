"""Locust's own options with a scenario: each works as its users expect, or is one error."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    "long name": ([f"--logfile={'x' * 300}"], {}, BARE, "cannot be written: File name too long"),
}
TAKEN: dict[str, tuple[list[str], dict[str, str], str, dict[str, Any]]] = {
    "list": (["--list"], {}, "", {}),
    "list without a place for runs": (["--list", "--runs-dir=a.conf"], {}, "", {}),
    "version of an image": ([], {"LOCUST_VERSION": "2"}, "", {}),
    "dry": (["--dry-run", "--csv=x", "--csv-full-history"], {}, "", {"csv_prefix": None}),
    "dry run of Locust": (["--config=dry.conf"], {}, BARE, {"dry_run": True, "headless": True}),
    "configuration at the start": ([], {}, "", {"rate": "7"}),
    "variables of other tests": (
        [],
        {"LOCUST_EXIT_CODE_ON_ERROR": "0", "LOCUST_TAGS": "smoke"},
        BARE,
        {"meaningless": [], "tags": None, "exit_code_on_error": 1},
    ),
    **{
        " ".join(words): (words, {}, BARE, {"meaningless": [told]})
        for words, told in (
            (["--tags", "x"], "--tags chooses among tasks, and a scenario's load has none"),
            (["-E", "x"], "--exclude-tags chooses among tasks, and a scenario's load has none"),
            (
                ["--exit-code-on-error=0"],
                "--exit-code-on-error has no effect: the verdict is the exit code",
            ),
            (
                ["--enable-rebalancing"],
                "--enable-rebalancing has no effect: each arrival has its worker",
            ),
        )
    },
}


WORKS = {
    *("--help", "--locustfile", "--config", "--host", "--users", "--spawn-rate", "--run-time"),
    *("--list", "--config-users", "--web-host", "--web-host-display-name", "-P", "--headless"),
    *("--autostart", "--autoquit", "--headful", "--web-login", "--tls-cert", "--tls-key"),
    *("--class-picker", "--build-path", "--master", "--master-bind-host", "--master-bind-port"),
    *("--expect-workers", "--expect-workers-max-wait", "--worker", "--processes"),
    *("--master-host", "--master-port", "--web-base-path", "--csv", "--csv-full-history"),
    *("--print-stats", "--only-summary", "--reset-stats", "--html", "--json", "--json-file"),
    *("--skip-log-setup", "-L", "--logfile", "--show-task-ratio", "--show-task-ratio-json"),
    *("-V", "--stop-timeout", "--equal-weights", "--profile", "--otel"),
}
"""Options of Locust that mean with a scenario what they mean without."""
MEANINGLESS = {"--tags", "--exclude-tags", "--exit-code-on-error", "--enable-rebalancing"}
OF_LOCUSTS_PAST = {"--web-auth", "--legacy-ui", "--expect-slaves", "--slave"}
"""Locust itself refuses them with 2."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """By case: what became of it, and the folder of the start."""
    folder = tmp_path_factory.mktemp("start")
    for name, text in {"list": "list", "dry": "dry-run", "a": "autostart"}.items():
        (folder / f"{name}.conf").write_text(f"{text} = true\n")
    (folder / "l.conf").write_text("headless = [true]\n")
    (folder / "locust.conf").write_text("rate = 7\n")
    (folder / "bad.conf").write_text("users = many\n")
    cases = {**REFUSED, **TAKEN, "files": (FILES, {}, "", {})}
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
    return {**results, "start": folder, "options": said["options"]}


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
    known = [WORKS, MEANINGLESS, OF_LOCUSTS_PAST]

    assert sorted(found["options"]) == sorted(option for kind in known for option in kind)

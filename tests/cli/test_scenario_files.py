"""A scenario file that cannot be used: one line that names the place, and exit code 2."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import environment, lendchaos

HEAD = "from harness import Borrower, Objectives, Scenario\nfrom harness.faults import Partition\n"
MINE = HEAD + "class Mine(Borrower):\n    scenario = Scenario({})\n"
BROKEN = {
    "syntax": ("def broken(:\n    pass\n", "mine.py:1: SyntaxError"),
    "import": ("import json\nimport no_such_thing\n", "mine.py:2: ModuleNotFoundError"),
    "moved": ("import harness.gone\n", "'harness.gone': if it was there before, it moved. Import "),
    "typo": (
        MINE.format("objectives=Objectives(lost_max=1)"),
        "there is no lost_max=; it takes recovery_seconds_max, ",
    ),
    "typo of a fault": (
        MINE.format("faults=[Partition(on='x')]"),
        "there is no on=; it takes link, direction, at, ",
    ),
    "generator": (MINE.format("faults=(1 / n for n in [0])"), "mine.py:4: ZeroDivisionError"),
    "exit": ("import sys\nsys.exit(0)\n", "mine.py:2: it calls sys.exit(0)"),
    "exit by force": ("import os\nos._exit(0)\n", "mine.py:2: it calls os._exit(0)"),
    "Ctrl-C": ("\nraise KeyboardInterrupt\n", "mine.py:2: KeyboardInterrupt"),
    "NUL": ("x = 1\n\0\n", "mine.py:1: SyntaxError: source code string cannot contain null"),
    "no such encoding": ("# coding: klingon\n", "mine.py:1: SyntaxError: unknown encoding"),
    "no text": (
        "class Odd(Exception):\n    __str__ = None\nraise Odd\n",
        "mine.py:3: Odd: (its text raised TypeError)",
    ),
    "long": ("raise ValueError('x' * 9000)\n", f"mine.py:1: ValueError: {'x' * 2000}…"),
    "a limit": ("import gevent\nraise gevent.Timeout(1)\n", "mine.py:2: Timeout: 1 second"),
    "no class": (HEAD, "mine.py:1: no scenario in it; it needs a class like"),
    "a plain user": ("from locust import HttpUser\nclass Plain(HttpUser): pass\n", "no scenario"),
    "types": (
        MINE.format("faults=None, stop=5"),
        "Scenario: faults None must be a list, like [Partition(",
    ),
    "closed": ("import sys\nsys.stderr.close()\n1 / 0\n", "mine.py:3: ZeroDivisionError"),
    "taken apart": ("import sys\nsys.stderr.detach()\n1 / 0\n", "mine.py:3: ZeroDivisionError"),
}
WITHOUT_STREAMS = {
    "both closed": "sys.stdout.close(); sys.stderr.close()",
    "none there": "sys.stdout = sys.stderr = None",
    "no streams": "sys.stdout = sys.stderr = object()",
    "others": "sys.stdout = sys.stderr = io.StringIO()",
    "both taken apart": "sys.stdout.detach(); sys.stderr.detach()",
}


REFUSED = {
    "Nobody": "error: Unknown User(s): Nobody",
    "--runs-dir=--": "error: argument --runs-dir: expected one argument",
    "--worker=1": "error: argument --worker: ignored explicit argument '1'",
    "-f no.py": "error: -f no.py is another scenario: name it after `lendchaos run`",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How the load process ended with each of these files, and with each word that is refused."""
    folder = tmp_path_factory.mktemp("files")
    texts = {**{name: text for name, (text, _) in BROKEN.items()}, "good": MINE.format("")}
    for name, what in WITHOUT_STREAMS.items():
        texts[name] = f"import io, sys\n{MINE.format('')}{what}\n"
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "mine.py").write_text(text)
    (folder / "no class" / "conftest.py").write_text("1 / 0\n")  # of other tests beside it
    usual = ["--headless", "--loglevel=WARNING", "--only-summary"]  # as `lendchaos run` has them
    words = {name: ["-f", f"{name}/mine.py", *usual] for name in BROKEN}
    words |= {name: ["-f", f"{name}/mine.py", *usual, "--dry-run"] for name in WITHOUT_STREAMS}
    good = ["-f", "good/mine.py", *usual, "--dry-run"]
    words |= {refused: [*good, *refused.split()] for refused in REFUSED}
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.many_under_locust"],
        input=json.dumps([[each, {}] for each in words.values()]),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(LENDCHAOS_STATE=str(folder / "state")),
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(words, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_loaded_is_one_line(name: str, ended: dict[str, dict[str, Any]]) -> None:
    """With the file, the line, and what is wrong there."""
    done, (_, told) = ended[name], BROKEN[name]

    assert done["code"] == 2, done
    assert (done["out"], done["left"]) == ("", [])
    (line,) = done["err"].splitlines()
    assert line.startswith("error: ")
    assert told in line


@pytest.mark.parametrize("name", WITHOUT_STREAMS)
def test_the_plan_is_told_without_the_streams_of_a_file(
    name: str, ended: dict[str, dict[str, Any]]
) -> None:
    """Whatever the file does to standard output and standard error."""
    assert (ended[name]["code"], ended[name]["err"]) == (0, ""), ended[name]
    assert ended[name]["out"].startswith("dry run of mine, ")


@pytest.mark.parametrize("words", REFUSED)
def test_what_locust_itself_refuses_is_told_as_all_else(
    words: str, ended: dict[str, dict[str, Any]]
) -> None:
    """One line that begins with ``error:``, neither a line of a log nor a traceback."""
    assert (ended[words]["code"], ended[words]["err"].splitlines()) == (2, [REFUSED[words]])


@pytest.mark.parametrize(
    "words",
    [
        ("run", "mine.py"),
        ("run", "mine.py", "--runs", "3"),
        ("run", "mine.py", "--shrink"),
        ("gate-selftest", "mine.py"),
    ],
    ids=str,
)
def test_one_run_or_several_of_it_bring_no_stack_up(words: tuple[str, ...], tmp_path: Path) -> None:
    """It is tried before anything is started, and told once."""
    (tmp_path / "mine.py").write_text("import no_such_thing\n")

    # What Python itself writes beside a file that it loads is not meant.
    done = lendchaos(*words, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1")

    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line == "error: mine.py:1: ModuleNotFoundError: No module named 'no_such_thing'"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_user_classes_of_other_tests_are_named(tmp_path: Path) -> None:
    """Locust takes them from a variable that is no option of its own."""
    (tmp_path / "mine.py").write_text(MINE.format(""))

    done = lendchaos("-q", "run", "mine.py", "--dry-run", cwd=tmp_path, LOCUST_USER_CLASSES="Web")

    told = "error: Unknown User(s): Web (LOCUST_USER_CLASSES in the environment is Web)"
    assert (done.returncode, done.stderr.splitlines()) == (2, [told])


@pytest.mark.parametrize("more", [[], ["--runs", "3"]], ids=str)
def test_a_file_that_is_killed_is_no_bug_of_ours(more: list[str], tmp_path: Path) -> None:
    """By the kernel, say, which has no more memory; nothing was started."""
    (tmp_path / "mine.py").write_text("import os\nos.kill(os.getpid(), 9)\n")

    done = lendchaos("--quiet", "run", "mine.py", *more, cwd=tmp_path)

    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: mine.py was ended by SIGKILL while it was loaded")


def test_what_a_file_prints_stands_beside_the_document(tmp_path: Path) -> None:
    """Programs of its own as well; what it forks ends as ever."""
    (tmp_path / "mine.py").write_text(
        "import os\nprint('hello')\nos.system('echo there')\nif os.fork() == 0:\n    os._exit(3)\n"
        f"assert os.waitstatus_to_exitcode(os.wait()[1]) == 3\n{MINE.format('')}"
    )

    done = lendchaos("run", "mine.py", "--dry-run", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scenario"] == "mine"
    assert {"hello", "there"} <= set(done.stderr.splitlines())


def test_options_from_the_environment_and_from_files_are_named(tmp_path: Path) -> None:
    """They are the user's choice, and the run says which there are."""
    (tmp_path / "mine.py").write_text(MINE.format(""))
    (tmp_path / "locust.conf").write_text("retries = 2\n")

    done = lendchaos("run", "mine.py", "--dry-run", cwd=tmp_path, LOCUST_USERS="7")

    assert done.returncode == 0, done.stderr
    assert "LOCUST_USERS from the environment: 7" in done.stderr
    assert "retries from locust.conf: 2" in done.stderr.replace(f"{tmp_path}/", "")
    assert "7 arrivals a second" in done.stdout


def bare_locust(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Locust as it is, with ``mine.py`` of the folder."""
    return subprocess.run(
        [sys.executable, "-m", "locust", "-f", "mine.py", "--headless"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(),
    )


def test_bare_locust_stays_itself(tmp_path: Path) -> None:
    """What it cannot load is its own to tell, in its own way."""
    (tmp_path / "mine.py").write_text("import no_such_thing\n")

    done = bare_locust(tmp_path)

    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_a_file_that_ends_bare_locust_while_it_is_loaded_is_no_pass(
    end: str, tmp_path: Path
) -> None:
    """Nothing was run, and Locust would end with the 0 of the file; it may have closed streams."""
    text = f"{HEAD}import os, sys\nprint('hello')\n{WITHOUT_STREAMS['both closed']}\n{end}\n"
    (tmp_path / "mine.py").write_text(text)

    done = bare_locust(tmp_path)

    told = "error: the locustfile ends the process while it is loaded, so nothing was run"
    assert (done.returncode, done.stderr.splitlines()) == (2, [told])
    assert done.stdout == "hello\n"


UNMADE = MINE.format("") + "    def __init__(self, environment): raise ValueError('no token')\n"
HTTP = "from locust import HttpUser\n" + MINE.format("").replace(
    "(Borrower)", "(Borrower, HttpUser)"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (UNMADE, "Mine cannot be made: its constructor raised, in mine.py:5, ValueError: no token"),
        (HTTP, "StopTest: You must specify the base host."),
    ],
    ids=["its own", "Locust's"],
)
def test_a_user_that_cannot_be_made_starts_nothing(text: str, told: str, tmp_path: Path) -> None:
    """It is told at once, with what Locust, or the constructor, says."""
    (tmp_path / "mine.py").write_text(text)

    done = lendchaos("run", "mine.py", cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stdout == ""  # no empty tables of Locust's
    assert not (tmp_path / "runs").exists()


QUITS = (
    "from locust import events\n@events.test_start.add_listener\n"
    "def go(environment, **_): environment.runner.quit()\n" + MINE.format("")
)


def test_a_file_that_ends_locust_before_the_run_is_told(tmp_path: Path) -> None:
    """Locust would wait for ever for a start that it has ended itself."""
    (tmp_path / "mine.py").write_text(QUITS)

    done = lendchaos("run", "mine.py", cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert "mine.py:3: the scenario's code ends Locust before the run" in done.stderr
    assert not (tmp_path / "runs").exists()


CHDIR_IMPORT = "import os\nos.chdir('elsewhere')\n" + MINE.format("")
CHDIR_INIT = (
    "import os\nfrom locust import events\n@events.init.add_listener\n"
    "def go(**_): os.chdir('elsewhere')\n" + MINE.format("")
)


@pytest.mark.parametrize("text", [CHDIR_IMPORT, CHDIR_INIT], ids=["import", "init"])
def test_a_file_that_goes_elsewhere_is_held_to_the_same_objectives(
    text: str, tmp_path: Path
) -> None:
    """What is named relative to the folder of the start is looked for there."""
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "resilience.yaml").write_text(
        "version: 1\nobjectives:\n  recovery_seconds_max: 1250ms\n"
    )

    done = lendchaos("run", "mine.py", "--dry-run", cwd=tmp_path)
    named = lendchaos("run", "mine.py", "--dry-run", "--objectives=resilience.yaml", cwd=tmp_path)

    assert (done.returncode, named.returncode) == (0, 0), done.stderr + named.stderr
    assert "mine: objectives: resilience.yaml" in done.stderr
    assert "mine: objectives: resilience.yaml" in named.stderr


def locust_says(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`lendchaos`, as it is installed: its own folder is not looked through first."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "harness.apps.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
        env=environment(LENDCHAOS_STATE=str(tmp_path / "state")),
    )


def test_a_file_of_the_user_is_not_taken_for_one_of_pythons(tmp_path: Path) -> None:
    """It lies in the current folder, as user code does; a package there is not ours either."""
    (tmp_path / "mine.py").write_text(MINE.format(""))
    (tmp_path / "harness").mkdir()
    for name in ("queue", "email", "signal", "selectors", "types", "numpy", "harness/__init__"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)\n")

    done = locust_says(tmp_path, "run", "mine.py", "--dry-run")

    assert done.returncode == 0, done.stderr


def test_a_class_that_is_not_there_is_a_mistake_and_no_verdict(tmp_path: Path) -> None:
    """Locust would say 1, which is our word for a missed objective."""
    (tmp_path / "mine.py").write_text(MINE.format(""))
    (tmp_path / "a,b.py").write_text(MINE.format(""))

    assert locust_says(tmp_path, "run", "mine.py", "Nobody").returncode == 2
    assert locust_says(tmp_path, "run", "mine.py", "--headless", "Nobody").returncode == 2
    assert locust_says(tmp_path, "run", "a,b.py").returncode == 2


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    """Python cannot even say where it is."""
    (tmp_path / "mine.py").write_text(MINE.format(""))
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone; exec {sys.executable} -P -m harness.apps.cli -q run"

    done = subprocess.run(
        ["bash", "-c", f"{command} {tmp_path}/mine.py --dry-run"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path / "gone",
        timeout=60,
        env=environment(),
    )

    assert done.returncode == 2
    assert "the current folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_locusts_questions_are_answered(tmp_path: Path) -> None:
    """Nothing is run, and no verdict is missed."""
    (tmp_path / "mine.py").write_text(MINE.format(""))

    asked = lendchaos("run", "mine.py", "--show-task-ratio", cwd=tmp_path)
    version = lendchaos("run", "mine.py", "-lV", cwd=tmp_path)

    assert asked.returncode == 0, asked.stderr
    assert "Mine" in asked.stdout
    assert version.returncode == 0, version.stderr
    assert "locust 2" in version.stdout


@pytest.mark.parametrize(
    ("base", "code", "told"),
    [("Borrower", 2, "run_single_user cannot run a scenario"), ("User", 0, "")],
)
def test_a_single_user_is_no_run(base: str, code: int, told: str, tmp_path: Path) -> None:
    """Locust's way to debug: one line says how a scenario is debugged; other users stay theirs."""
    (tmp_path / "single.py").write_text(
        "from harness import Borrower, Scenario\n"
        "from locust import User, run_single_user, task\n"
        "from locust.exception import StopUser\n"
        f"class Mine({base}):\n"
        "    scenario = Scenario()\n"
        "    @task\n"
        "    def end(self): raise StopUser\n"
        "run_single_user(Mine)\n"
    )

    done = subprocess.run(
        [sys.executable, "single.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
        env=environment(),
    )

    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == (code != 0)

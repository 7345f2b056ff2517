"""Where and under what it is started: strange files, folders, streams, variables."""

# ruff: noqa: RUF001  # digits and letters that look like others are what is tried

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.bad_input import values
from benchmarks.bad_input.case import (
    JUDGED,
    NOT_DONE,
    PERHAPS,
    REFUSED,
    Case,
    Prepare,
    as_run,
    loading,
    prepared,
    written,
)
from benchmarks.bad_input.inventory import LOAD, Parameter
from benchmarks.bad_input.sandbox import RUN

_PASS = frozenset({0})
_OURS = (
    *("queue", "platform", "json", "random", "types", "socket", "select", "string", "token"),
    *("typing", "enum", "yaml", "typer", "rich", "locust", "gevent", "numpy", "pandas", "click"),
)
_TRAP = "open('pwned', 'w').close()\nraise SystemExit('the wrong file was imported')\n"
_QUIET_COMMANDS: tuple[tuple[tuple[str, ...], frozenset[int]], ...] = (
    (("explain",), _PASS),
    (("explain", "lost", "--json"), _PASS),
    (("--help",), _PASS),
    (("judge", RUN), _PASS),
    (("judge", RUN, "--json"), _PASS),
    (("report", RUN), _PASS),
    (("compare", RUN), _PASS),
    (("status",), _PASS),
    (("doctor",), frozenset({3})),
    (("run", "baseline", "--dry-run"), _PASS),
)
"""With how they end where everything is as it should be (and no stack can be had)."""


def strange_files(folder: Path) -> None:
    """What the strange paths of `values` name."""
    (folder / "f.txt").write_text("x\n")
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "fifo")


# --- standard streams ----------------------------------------------------------------------------


def streams(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Closed, full, broken, or in an encoding that lacks letters: the exit code stays the same."""
    del known
    words, ends = _QUIET_COMMANDS[turn % len(_QUIET_COMMANDS)]
    how = chance.choice(("closed", "/dev/full", "broken", "encoding", "all", "stdin", "stderr"))
    given: dict[str, tuple[str | None, str | None, str | None]] = {
        "closed": (None, "closed", None),
        "/dev/full": (None, "/dev/full", None),
        "broken": (None, "broken", None),
        "all": ("closed", "closed", "closed"),
        "stdin": ("closed", None, None),
        "stderr": (None, None, chance.choice(("closed", "/dev/full", "broken"))),
    }
    environment = chance.choice(_ENCODINGS) if how == "encoding" else {}
    if words[0] != "judge":
        ends |= {3}  # words that are all a command is for were lost; a verdict is not
    if how == "broken" or given.get(how, ("",) * 3)[2] == "broken":
        ends |= {130}  # documented: whoever reads the output went away
    return Case(
        kind="streams",
        words=words,
        ends=ends,
        real=True,
        streams=given.get(how, (None, None, None)),
        environment=environment,
        may_write=(f"{RUN}/*", "fifo"),
        note=how,
    )


_ENCODINGS: tuple[dict[str, str | None], ...] = (
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "utf-16"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "LANG": "no_SUCH.locale", "PYTHONUTF8": "0"},
)


# --- folders -------------------------------------------------------------------------------------


def places(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A working folder with files that are named like modules, a deep one, a deleted one."""
    del known
    words, ends = _QUIET_COMMANDS[chance.randrange(len(_QUIET_COMMANDS))]
    how = ("module", "package", "deep", "removed", "named", "module", "locked")[turn % 7]
    steps: list[Prepare] = []
    folder, removed = ".", False
    if how == "module":
        steps = [written(f"{chance.choice(_OURS)}.py", _TRAP) for _ in range(3)]
    elif how == "package":
        name = chance.choice(("harness", "target_service", "benchmarks", *_OURS))
        steps = [written(f"{name}/__init__.py", _TRAP)]
    elif how == "removed":
        folder, removed, ends = "gone", True, PERHAPS
        steps = [lambda work: (work / "gone").mkdir()]
    elif how == "locked":
        folder, ends = "locked", PERHAPS
        steps = [lambda work: (work / "locked").mkdir(mode=0o000)]
    else:
        deep = "/".join(["d" * 200] * chance.randint(1, 15))
        folder = deep if how == "deep" else chance.choice(("a b", "é'\"", "\x1b[31m", "a\nb", "$x"))
        ends = PERHAPS
        steps = [lambda work: (work / folder).mkdir(parents=True)]
    return Case(
        kind="places",
        words=words,
        ends=ends | {3},
        real=True,
        prepare=prepared(*steps),
        folder=folder,
        removed=removed,
        may_write=(f"{RUN}/*",),
        note=how,
    )


# --- variables and Locust's configuration --------------------------------------------------------


def variables(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Variables of ours, of Locust's options, and of the surroundings, with bad values."""
    of_locust = [each for each in known if each.variable]
    if turn % 2:
        each = of_locust[turn // 2 % len(of_locust)]
        bad = values.NO_WHOLE_NUMBERS if each.kind in ("int", "float") else values.TEXTS[2:]
        value = chance.choice([word for word in bad if "\0" not in word and word])
        ends = REFUSED if each.kind in ("int", "float") else PERHAPS
        case = Case(
            kind="variables",
            words=loading(()),
            ends=ends,
            entry="load",
            environment={each.variable: value},
            may_write=("*",),
        )
        return as_run(case, chance)
    name, given, more = chance.choice(_VARIABLES)
    words, usual = chance.choice(_QUIET_COMMANDS)
    return Case(
        kind="variables",
        words=words,
        ends=usual | (more or frozenset()),
        real=True,
        environment={name: chance.choice(given)},
        may_write=("*",),
    )


_VARIABLES: tuple[tuple[str, tuple[str | None, ...], frozenset[int] | None], ...] = (
    ("LENDCHAOS_STATE", ("/dev/null/x", values.LONG, "f.txt", "\x1b[31m", "/proc/x"), NOT_DONE),
    ("LENDCHAOS_PORTS", ("abc", "5-1", "70000-80000", "20000-20003", "", "-", "１-２"), NOT_DONE),
    ("TOXIPROXY_SERVER", ("/bin/true", "/", "", "\x1b[31m"), NOT_DONE),
    ("PG_BIN_DIR", ("/bin", "/dev/null", "", "\x1b[31m"), NOT_DONE),
    ("COLUMNS", ("0", "-1", "abc", "99999999999", "1"), None),
    ("LINES", ("0", "abc"), None),
    ("TERM", ("", "dumb", "\x1b[31m", "no-such"), None),
    ("NO_COLOR", ("1", ""), None),
    ("FORCE_COLOR", ("1",), None),
    ("TZ", ("Mars/Phobos", "\x1b[31m", ":/etc/passwd"), None),
    ("HOME", ("", "/nonexistent", "/dev/null", None), NOT_DONE),
    ("TMPDIR", ("/nonexistent", "", "/dev/null"), NOT_DONE),
    ("XDG_CACHE_HOME", ("/dev/null", "", "/nonexistent/x"), NOT_DONE),
    ("XDG_STATE_HOME", ("/dev/null", "", "/nonexistent/x", "relative"), NOT_DONE),
    ("PYTHONOPTIMIZE", ("2",), None),
    ("PYTHONDONTWRITEBYTECODE", ("1",), None),
    ("PATH", ("", "/nonexistent"), NOT_DONE),
    ("LENDING_ADMIN_TOKEN", ("", "\x1b[31m", "é", "x" * 100_000), None),
    ("GITHUB_ACTIONS", ("true",), None),
    ("GITHUB_STEP_SUMMARY", ("/dev/null/x", "f.txt/x", ""), NOT_DONE),
    ("http_proxy", ("http://127.0.0.1:9", "nonsense"), None),
)
"""Name, values, and how else it may end than usually; None: not at all."""


def configuration(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Files that Locust reads by itself, and those that --config names."""
    typed = [each for each in known if each.command == LOAD and each.kind in ("int", "float")]
    makers: Sequence[Callable[[], tuple[str | bytes, frozenset[int]]]] = (
        lambda: (
            f"{chance.choice(typed).words[-1][2:]} = {chance.choice(('abc', '1.5'))}\n",
            REFUSED,
        ),
        lambda: (
            f"{chance.choice(('rate', 'retries'))} = {chance.choice(('abc', '-1', '５'))}\n",
            REFUSED,
        ),
        lambda: (f"baseline = {chance.choice(values.NO_DURATIONS[2:10])}\n", REFUSED),
        lambda: ("\0\0\0\n", PERHAPS),
        lambda: (b"\xff\xfe rate = 5\n", PERHAPS),
        lambda: ("no_such_option = 5\n", PERHAPS),
        lambda: (
            values.spoilt("rate = 20\nseed = 5\nbaseline = 8s\n[x]\ny = 1\n", chance),
            PERHAPS,
        ),
        lambda: ("rate = 20\n" * 20_000, PERHAPS),
        lambda: ("[" * 100_000, PERHAPS),
    )
    body, ends = makers[turn % len(makers)]()
    name = chance.choice(("locust.conf", "named.conf", "../home/.locust.conf", "pyproject.toml"))
    more = ("--config", name) if name == "named.conf" else ()
    words = ("run", "baseline", "--dry-run", *more)
    if name == "pyproject.toml":
        ends = PERHAPS
        if isinstance(body, str):
            body = f"[tool.locust]\n{body}"
    return Case(
        kind="configuration",
        words=words,
        ends=ends,
        prepare=written(name, body),
        note=f"{name} {body[:60]!a}",
    )


# --- where results are to be written -------------------------------------------------------------


def outputs(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """Places where nothing can be written, or where something else lies."""
    del known
    bad = ("", "empty", ".", values.LONG, "f.txt/x", "loop/x", "/dev/null/x")
    place = chance.choice(bad)
    twice = chance.choice(("same", "./same", "empty/../same"))
    words, ends = (
        (("run", "network_partition", "--junitxml", place), REFUSED),
        (("run", "network_partition", "--summary", place), REFUSED),
        (("run", "network_partition", "--junitxml", twice, "--summary", "same"), REFUSED),
        (
            (
                "run",
                "network_partition",
                "--runs-dir",
                chance.choice((*bad[3:], "loop", "f.txt", "dangling")),
            ),
            REFUSED,
        ),
        (("run", "network_partition", "--csv", chance.choice(bad[3:])), REFUSED),
        (("run", "network_partition", "--html", place or "."), REFUSED),
        (("report", RUN, "--junitxml", place), REFUSED),
        (("report", RUN, "--summary", place), REFUSED),
        (("report", RUN, "--junitxml", "same", "--summary", twice), REFUSED),
        (
            (
                "compare",
                RUN,
                "--history",
                chance.choice((*bad[3:], "loop", "f.txt")),
                "--save",
                "main",
            ),
            NOT_DONE,
        ),
        (("compare", RUN, "--history", "h", "--save", chance.choice(values.TEXTS)), JUDGED),
        (("compare", RUN, "--history", "empty", "--trend", chance.choice(bad)), REFUSED),
        (("gameday", "run", "day.yaml", "--unattended", "--session", chance.choice(bad)), NOT_DONE),
        (("run", "network_partition", "--summary-picture", "javascript:alert(1)"), REFUSED),
    )[turn % 14]
    return Case(
        kind="outputs",
        words=words,
        ends=ends,
        prepare=strange_files,
        may_write=("h/*", "h"),
    )


def hard_places(chance: random.Random, turn: int, known: Sequence[Parameter]) -> Case:
    """A stored run that cannot be written to: a link, a FIFO or a folder where a result goes."""
    del known
    name = ("verdict.json", "report.html", "verdict.json.part", "report.html.part")[turn % 4]
    how = chance.choice(("link", "fifo", "folder", "device"))

    def prepare(folder: Path) -> None:
        path = folder / RUN / name
        path.unlink(missing_ok=True)
        if how == "link":
            path.symlink_to(folder.parent / "home" / "precious" / "letter.txt")
        elif how == "fifo":
            os.mkfifo(path)
        elif how == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")

    words = chance.choice((("judge", RUN), ("report", RUN), ("judge", RUN, "--json")))
    writes = () if "--json" in words else (f"{RUN}/*",)
    return Case(
        kind="hard places", words=words, ends=JUDGED, prepare=prepare, may_write=writes, note=how
    )

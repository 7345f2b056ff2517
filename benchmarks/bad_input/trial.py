"""One case is run and looked at: how it ended, what it said, and what it left."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.bad_input import sandbox
from benchmarks.bad_input.case import Case
from benchmarks.bad_input.sandbox import BYSTANDER, Sandbox
from harness.core.exit_codes import ExitCode
from harness.core.processes import ProcessRef, identify

MEMORY_BYTES_MAX = 4 << 30
SECONDS_MAX = 60.0
_ROLES = ("bare", "cli", "load")
_PREFIX = re.compile(r"error: ")
_BESIDE = re.compile(r"  |\w+: (faults|target|objectives|starting|\S+ from )")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^Exception ignored in", re.MULTILINE)
_TABLE = re.compile(r"^Type +Name +# reqs", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
_WORD_OF = {1: "fail|differs|regression", int(ExitCode.SAFETY_STOP): "fail|inconclusive"}
_LEFT_SHOWN = 3
"""What is left comes in heaps."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a case ended."""

    code: int
    hung: bool
    seconds: float
    left: tuple[str, ...]
    memory: tuple[str, ...]
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Result:
    """A case, how it ended, and what is wrong with that: a kind and a sentence each."""

    case: Case
    done: Done
    wrong: tuple[tuple[str, str], ...]


class Launchers:
    """The processes that start cases: one for each role, begun when it is first needed."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._bystander: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """For ``with``: they end with it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End them."""
        for process in (*self._running.values(), self._bystander):
            if process is not None:
                process.kill()
                process.communicate()

    def bystander(self) -> ProcessRef:
        """A process that has nothing to do with any case, in a group of its own."""
        if self._bystander is None or self._bystander.poll() is not None:
            if self._bystander is not None:
                self._bystander.communicate()
            # It ends with us, however we end: nobody is left who could write to it.
            self._bystander = subprocess.Popen(
                ["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
        found = identify(self._bystander.pid)
        assert found is not None  # noqa: S101  # it was just looked at
        return found

    def run(self, role: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Start a case and wait for its end."""
        if role not in self._running:
            program = str(Path(__file__).with_name("launcher.py"))
            self._running[role] = subprocess.Popen(
                [sys.executable, "-P", program, role],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd="/",
            )
        process = self._running[role]
        assert process.stdin is not None  # noqa: S101  # pipes were asked for
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer


def run_case(
    case: Case, launchers: Launchers, root: Path, template: Path, seconds: float = SECONDS_MAX
) -> Result:
    """Run one case in a little world of its own, which is gone afterwards."""
    world, bystander = sandbox.make(root, template), launchers.bystander()
    (world.root / BYSTANDER).write_text(json.dumps(asdict(bystander)))
    try:
        if case.prepare is not None:
            case.prepare(world.work)
        before = sandbox.look(world.root)
        done = _run(case, launchers, world, seconds)
        wrong = _wrong_end(case, done)
        if not done.hung:
            wrong += _wrong_words(case, done)
            may_write = () if done.code == ExitCode.USAGE else case.may_write
            after = sandbox.look(world.root)
            removed = (case.folder,) if case.removed else ()
            left = sandbox.differences(before, after, (*may_write, *removed))
            wrong += [("left", text) for text in left[:_LEFT_SHOWN]]
        if launchers.bystander() != bystander:
            wrong.append(("killed a stranger", "a process that a foreign state file names"))
        return Result(case, done, tuple(wrong))
    finally:
        world.remove()


def _run(case: Case, launchers: Launchers, world: Sandbox, seconds: float) -> Done:
    program = case.program
    if program is None and case.real:
        program = real_program(case.entry)
    names = ("stdin", "stdout", "stderr")
    files = [str(world.said / name) for name in names]
    request = {
        "words": case.words,
        "entry": case.entry,
        "program": program,
        "environment": world.environment(case.environment),
        "folder": str(world.work / case.folder),
        "removed": case.removed,
        "streams": [given or file for given, file in zip(case.streams, files, strict=True)],
        "memory": MEMORY_BYTES_MAX,
        "seconds": seconds,
    }
    answer = launchers.run("bare" if program else case.entry, request)
    out, err = (_text(Path(file)) for file in files[1:])
    left, memory = tuple(answer["left"]), tuple(answer["memory"])
    return Done(answer["code"], answer["hung"], answer["seconds"], left, memory, out, err)


def real_program(entry: str) -> tuple[str, ...]:
    """What users start; for the load process, what `lendchaos run` starts."""
    if entry == "load":
        return (sys.executable, "-P", "-m", "harness.apps.locust")
    installed = Path(sys.executable).with_name("lendchaos")
    return (sys.executable, "-P", str(installed))


def _text(path: Path) -> str:
    """What was said; a flood is cut."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return file.read(2_000_000).decode(errors="backslashreplace")


# --- what is wrong -------------------------------------------------------------------------------


def _wrong_end(case: Case, done: Done) -> list[tuple[str, str]]:
    """An end that no bad input may have, or this one may not."""
    if done.hung:
        return [("hang", f"not over after {done.seconds:.0f} s")]
    wrong = [("process", command) for command in done.left]
    wrong += [("shared memory", name) for name in done.memory]
    expected = ", ".join(map(str, sorted(case.ends)))
    if done.code == ExitCode.INTERNAL:
        wrong.append(("internal error", _last(done)))
    elif done.code < 0:
        wrong.append(("killed", f"by signal {-done.code}"))
    elif done.code not in case.ends:
        kind = "accepted" if done.code == 0 else "exit code"
        wrong.append((kind, f"{done.code}, expected {expected}: {_last(done)}"))
    elif (word := _WORD_OF.get(done.code)) and not re.search(word, done.out, re.IGNORECASE):
        wrong.append(("exit code", f"{done.code} without such a verdict: {_last(done)}"))
    return wrong


def _wrong_words(case: Case, done: Done) -> list[tuple[str, str]]:
    """A traceback; an error that is not one line with the one prefix, and nothing beside."""
    both = f"{done.out}\n{done.err}"
    wrong = []
    if found := _TRACEBACK.search(both):
        wrong.append(("traceback", both[found.start() :].strip().rpartition("\n")[2]))
    if _TABLE.search(both):
        wrong.append(("tables", "empty tables of Locust after an error"))
    found = None if "FORCE_COLOR" in case.environment else _CONTROL.search(both)
    if found:
        wrong.append(("control letters", repr(both[max(0, found.start() - 30) : found.end() + 9])))
    if done.code == ExitCode.USAGE and case.streams[2] is None:
        said = [line for line in done.err.splitlines() if line.strip()]
        errors = [line for line in said if _PREFIX.match(line)]
        # Below it stand further mistakes of one file, and progress that another process tells.
        after = said[said.index(errors[0]) + 1 :] if errors else []
        if len(errors) != 1 or not all(map(_BESIDE.match, after)):
            wrong.append(("not one line", f"{len(errors)} errors; last line: {_last(done)}"))
    return wrong


def _last(done: Done) -> str:
    lines = [line for line in (done.err.strip() or done.out.strip()).splitlines() if line.strip()]
    return ascii(lines[-1][:200])[1:-1] if lines else "nothing was said"


def in_shell(case: Case) -> str:
    """What was started, for people."""
    words = shlex.join(word if len(word) <= 100 else f"{word[:90]}…" for word in case.words)
    given = case.environment.items()
    more = "".join(f"{name}={shlex.quote((value or '')[:100])} " for name, value in given)
    name = "harness.apps.locust" if case.entry == "load" else "lendchaos"
    said = ascii(f"{more}{name if case.program is None else case.program[0]} {words}")[1:-1]
    return f"{said}{f' · {case.note}' if case.note else ''}"

"""What a game day runs for real: one stack for all steps, and Locust for each of them."""

import json
import os
import platform
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.day_record import NOT_FOUND, own_version
from harness.apps.gameday.session_store import LOGS_FOLDER, RUNS_FOLDER, Event, What, read_session
from harness.apps.gameday.view import Post, Runner
from harness.core.disk import ROOM_BYTES_MIN, require_rooms
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.files import FILE_BYTES_MAX, open_append, read_regular
from harness.core.forwarding import interrupt_under_way
from harness.core.own_python import module_command
from harness.history.run_directory import RunDirectory
from harness.run.given_options import given
from harness.run.locust_process import Tell, find_scenario, run_scenario
from harness.run.progress_messages import GAME_DAY_VARIABLE
from harness.run.result import RunResult
from harness.run.room_watch import DATABASE_BYTES_MIN
from harness.run.scenario_path import names_target
from harness.stack import StackSettings, down, load_state, up
from harness.stack.folder import ATTACHED
from harness.stack.programs import find_postgres, find_toxiproxy
from harness.stack.run_lock import holder
from harness.stack.state import read_state
from harness.stack.usable import STACK_BYTES_MIN
from harness.verdict.stored_verdict import read_verdict

STACK = "stack"
"""The detail of an event that names the stack that was brought up for the session."""
START_SECONDS_MAX = 10.0
"""For Locust to start, so that it can receive the command to end."""
JUDGED_SECONDS_MAX = 20.0
"""For a process that survived to judge a run whose other processes were killed."""
HEAL_SECONDS_MAX = 60.0


class LocustRunner(Runner):
    """Runs the steps of the session in ``folder`` on the stack of ``state_dir``, or on its host.

    With ``web_port`` each run has its page there. The stack stays up through a pause; `close`
    takes it down, if the session brought it up.
    """

    def __init__(
        self,
        plan: GameDayPlan,
        folder: Path,
        seed: int,
        state_dir: Path,
        web_port: int | None = None,
    ) -> None:
        self._plan, self._folder, self._seed, self._web_port = plan, folder, seed, web_port
        self._state_dir = state_dir.absolute()
        host = plan.host or given(list(plan.options)).host
        self._elsewhere = host is not None or all(map(_names_target, plan.steps))
        """Whether no step needs the local stack."""

    def require_room(self, steps: int) -> None:
        """Room for the runs of so many steps, and for the stack, up or still to be."""
        places = [(self._folder, steps * ROOM_BYTES_MIN), (self._state_dir, ROOM_BYTES_MIN)]
        running = None if self._elsewhere else read_state(self._state_dir)
        if running is not None and running.data_dir is not None:
            places.append((running.data_dir, DATABASE_BYTES_MIN))
        elif running is None and not self._elsewhere:
            places.append((self._state_dir, STACK_BYTES_MIN + DATABASE_BYTES_MIN))
        require_rooms(places)

    def open(self, tell: Tell) -> dict[str, str]:
        """Bring the local stack up, unless one is; its id, where it is ours to take down. Raises
        as `harness.stack.up`, and a UsageError where its settings are invalid.
        """
        if self._elsewhere:
            return {}
        running = load_state(self._state_dir)
        if running is not None:
            return {STACK: running.stack_id} if running.stack_id in self._our_stacks() else {}
        it = given(list(self._plan.options))
        settings = StackSettings.asked(it.service, defect=it.defect, namespaces=it.namespaces)
        return {STACK: up(settings, self._state_dir, tell).stack_id}

    def run(self, step: GameDayStep, attempt: int, post: Post) -> RunResult:
        """Run a step; what Locust writes goes to a log of the session."""
        number = self._plan.steps.index(step) + 1
        path = self._folder / LOGS_FOLDER / f"step-{number}-attempt-{attempt}.log"
        path.parent.mkdir(exist_ok=True)
        told = {"title": self._plan.title, "step": step.name, "abort_word": self._plan.abort_word}
        told |= {"watches": "yes"} if step.manual_fault else {}
        options = self._plan.options_of(step, self._seed)
        options += ["--runs-dir", str(self._folder / RUNS_FOLDER)]
        options += ["--state-dir", str(self._state_dir)]
        with open_append(path) as log:

            def tell(text: str) -> None:
                with suppress(OSError):  # what a disk does not take ends no run
                    os.write(log.fileno(), f"lendchaos: {text}\n".encode())

            ended = run_scenario(
                find_scenario(step.scenario),
                options,
                post,
                tell,
                output=log.fileno(),
                web_port=self._web_port,
                environment={GAME_DAY_VARIABLE: json.dumps(told)},
            )
        if ended.path is not None:
            return ended
        text = "it had not begun"
        if ended.exit_code != ExitCode.INTERRUPTED:
            text = ended.why(read_regular(path, FILE_BYTES_MAX).decode(errors="replace"))
        return RunResult(ended.exit_code, {**ended.last, "text": text})

    def abort(self) -> None:
        """Tell Locust to end in order, as soon as it is there to hear it."""
        run = self._thread

        def interrupt() -> None:
            deadline = time.monotonic() + START_SECONDS_MAX
            while run.is_alive() and not interrupt_under_way() and time.monotonic() < deadline:
                time.sleep(0.05)

        threading.Thread(target=interrupt, daemon=True).start()

    def still_running(self) -> str | None:
        """The run of this session that uses the stack right now, in words."""
        folders = (self._state_dir, self._state_dir / ATTACHED)
        if (whose := next(filter(None, map(holder, folders)), None)) is None:
            return None
        ours = any(path.name.endswith(f"-{whose.run_id}") for path in self._runs())
        return whose.in_words() if ours else None

    def end_it(self) -> None:
        """Order from outside that everything is healed, upon which the run ends."""
        command = [*module_command("harness.apps.cli"), "heal", "--state-dir", str(self._state_dir)]
        nowhere: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.call(command, timeout=HEAL_SECONDS_MAX, **nowhere)

    def left_behind(self, known: set[str]) -> list[Event]:
        """The end of each run that no event reports: its verdict, or why it has none."""
        return [_end_of(path) for path in self._runs() if path.name not in known]

    def close(self) -> None:
        """Take the stack down that was brought up for this session, by whichever process."""
        running = None if self._elsewhere else load_state(self._state_dir)
        if running is not None and running.stack_id in self._our_stacks():
            down(self._state_dir)

    def _runs(self) -> list[Path]:
        found = (self._folder / RUNS_FOLDER).glob("*-*")
        return sorted(path for path in found if path.is_dir() and not path.is_symlink())

    def _our_stacks(self) -> set[str]:
        events = read_session(self._folder).events
        return {event.details[STACK] for event in events if STACK in event.details}


def _names_target(step: GameDayStep) -> bool:
    with suppress(UsageError):  # what is wrong with a step is told when it is its turn
        return names_target(find_scenario(step.scenario))
    return False


def versions() -> dict[str, str]:
    """What a game day is run with, by name; the database and the proxy are those of a local stack.

    Nothing is built or fetched for it; what is not there yet is `NOT_FOUND`.
    """
    found = {name: own_version(name) for name in ("lendchaos", "locust", "numpy", "scipy")}
    found |= {"python": platform.python_version(), "postgresql": NOT_FOUND, "toxiproxy": NOT_FOUND}
    with suppress(HarnessError):
        found["postgresql"] = find_postgres().version
    with suppress(HarnessError):
        proxy = find_toxiproxy()
        found["toxiproxy"] = NOT_FOUND if proxy is None else proxy.version
    return found


def _end_of(path: Path) -> Event:
    """How a run ended without us; it may still be about to be judged."""
    deadline = time.monotonic() + JUDGED_SECONDS_MAX
    while True:
        with suppress(HarnessError, UsageError):
            verdict = read_verdict(RunDirectory(path))
            how = int(verdict.exit_code), str(verdict.verdict)
            return Event(What.RUN_ENDED, "", None, verdict.sentence, "", path.name, *how)
        if time.monotonic() > deadline:
            said = "no verdict: no one judged it; `lendchaos judge` does"
            code = int(ExitCode.INCONCLUSIVE)
            return Event(What.RUN_ENDED, "", None, said, "", path.name, code)
        time.sleep(0.2)

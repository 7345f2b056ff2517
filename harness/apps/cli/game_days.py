"""`lendchaos gameday`: several scenarios in one supervised session."""

import getpass
import os
import queue
import random
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import sessions
from harness.apps.cli.console import StateDir, console, exit_codes, number, say, show_json
from harness.apps.cli.lazy_commands import WholeGroup
from harness.apps.cli.written_record import at_the_end
from harness.apps.gameday import screen_words
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan
from harness.apps.gameday.diary import DiskDiary, MemoryDiary, is_conducted
from harness.apps.gameday.foresee import Foreseen, foresee
from harness.apps.gameday.keyboard import Terminal, signals_as_orders
from harness.apps.gameday.locust_runner import LocustRunner
from harness.apps.gameday.plan_format import read_plan
from harness.apps.gameday.rehearse import Rehearsal, speed_of
from harness.apps.gameday.screen import Screen
from harness.apps.gameday.session import (
    PLAN_FILE,
    Event,
    Session,
    SessionLog,
    StepState,
    What,
    read_session,
)
from harness.apps.gameday.unattended import Unattended
from harness.apps.gameday.versions import versions
from harness.apps.gameday.view import Message, Show
from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.report.words import clean
from harness.stack import default_state_dir

SESSIONS_FOLDER = Path("gamedays")
SEED = "seed"
PORT_MAX = 65_535
_DEFAULT = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayDocument:
    """What `lendchaos gameday status --json` prints; ``damage`` are lines that are not readable."""

    state: Literal["closed", "paused", "under way"]
    steps: dict[str, StepState]
    events: tuple[Event, ...]
    damage: tuple[str, ...]
    schema: str = "lendchaos.gameday/1"


class _RunsByDefault(WholeGroup):
    """`lendchaos gameday PLAN` is short for `lendchaos gameday run PLAN`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the word in that was left out."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Of the word that was left out, too."""
        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            items += self.commands[_DEFAULT].shell_complete(ctx, incomplete)
        return items


gameday_app = typer.Typer(
    cls=_RunsByDefault,
    subcommand_metavar="COMMAND [ARGS...]",
    no_args_is_help=True,
    help="Several scenarios in one supervised session, with a record.\n\n"
    "`lendchaos gameday PLAN` is short for `lendchaos gameday run PLAN`.",
)
app.add_typer(gameday_app, name="gameday")

SessionPath = Annotated[
    Path,
    typer.Argument(metavar="SESSION", help="The session's folder.", autocompletion=sessions),
]


NewSession = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder to be made for the session.",
        show_default="gamedays/TIME-PLAN",
    ),
]
Resumed = Annotated[
    Path | None,
    typer.Option(metavar="SESSION", help="Go on with a paused session.", autocompletion=sessions),
]
Rehearse = Annotated[
    bool, typer.Option("--rehearse", help="Walk through it; nothing is touched or written.")
]
IsUnattended = Annotated[
    bool, typer.Option("--unattended", help="For CI: every go is given, nothing is asked.")
]
WebPort = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        parser=number(),
        help="Serve each run's page, with its abort button, there.",
        show_default="no page",
    ),
]


@gameday_app.command(_DEFAULT)
def run(
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="The plan, like examples/gameday.yaml.")
    ] = None,
    *,
    session: NewSession = None,
    resume: Resumed = None,
    rehearse: Rehearse = False,
    unattended: IsUnattended = False,
    web_port: WebPort = None,
    state_dir: StateDir = None,
) -> None:
    """Run a game day, or go on with one; the exit code is the worst of its steps."""
    with exit_codes():
        _require_sense(plan, resume, session, rehearse=rehearse, unattended=unattended)
        if web_port is not None:
            _require_free(web_port)
        folder = (state_dir or default_state_dir()).absolute()
        if resume is not None:
            diary = DiskDiary.resume(resume)
            path, seed = resume / PLAN_FILE, _seed_of(diary.read())
        elif plan is not None:
            path, seed = plan, random.SystemRandom().getrandbits(31)
            diary = DiskDiary.new(session or _folder_for(plan))
        day = read_plan(path)
        foreseen = foresee(day, path, seed, folder, say)
        if rehearse:
            raise typer.Exit(_rehearse(day, foreseen, unattended=unattended))
        runner = LocustRunner(day, diary.path, seed, folder, web_port)
        details = {**versions(), SEED: str(seed)}
        with diary:
            code = _conduct(day, foreseen, diary, runner, details, unattended=unattended)
        raise typer.Exit(code)


def _conduct(
    day: GameDayPlan,
    foreseen: Mapping[str, Foreseen],
    diary: DiskDiary,
    runner: LocustRunner,
    details: Mapping[str, str],
    *,
    unattended: bool,
) -> int:
    """A game day for real."""
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    show, front = _front(day, inbox, time.monotonic, unattended=unattended, rehearsal=False)
    game = GameDay(
        *(day, foreseen, diary, runner), inbox=inbox, show=show, by=_user(), details=details
    )
    try:
        with front:
            code = game.conduct()
    except OSError as error:
        if refusal(error) and diary.read().events:
            _tell_end(diary.read())
        raise
    finally:
        runner.end()
    session = diary.read()
    recorded = not session.events or _tell_end(session)
    return code if recorded else code or ExitCode.INCONCLUSIVE


def _rehearse(day: GameDayPlan, foreseen: Mapping[str, Foreseen], *, unattended: bool) -> int:
    """A game day that touches nothing."""
    speed = speed_of(foreseen)

    def clock() -> float:
        return time.monotonic() * speed

    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    show, front = _front(day, inbox, clock, unattended=unattended, rehearsal=True)
    runner, diary = Rehearsal(foreseen, speed), MemoryDiary()
    game = GameDay(
        *(day, foreseen, diary, runner),
        inbox=inbox,
        show=show,
        by=_user(),
        rehearsal=True,
        clock=clock,
    )
    with front:
        code = game.conduct()
    console.print("rehearsed: nothing was started, broken or written")
    return code


def _front(
    day: GameDayPlan,
    inbox: "queue.SimpleQueue[Message]",
    clock: Callable[[], float],
    *,
    unattended: bool,
    rehearsal: bool,
) -> tuple[Show, AbstractContextManager[None]]:
    """Who shows and who answers: people at a terminal, or nobody."""
    if unattended:

        def tell(text: str) -> None:
            console.print(text, markup=False, highlight=False, soft_wrap=True)

        nobody = Unattended(inbox.put, tell, clock, rehearsal=rehearsal)
        return nobody.show, signals_as_orders(inbox.put, attended=False)
    terminal = Terminal(console, day.abort_word, inbox.put, Screen(clock))
    return terminal.show, terminal.shown()


def _tell_end(session: Session) -> bool:
    """How each step ended, and what can be done next; False where a record is due and missing."""
    day = read_plan(session.path / PLAN_FILE, scenarios=False)
    for line in screen_words.summary(day, session):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if session.closed:
        console.print(f"session {session.path}", markup=False, highlight=False, soft_wrap=True)
        return at_the_end(session.path)
    said = f"paused; go on with: lendchaos gameday --resume {session.path}"
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    return True


# --- beside a game day, from any terminal --------------------------------------------------------


@gameday_app.command()
def note(
    session: SessionPath,
    text: Annotated[str, typer.Argument(help="What is to be kept, with the time of now.")],
) -> None:
    """Add a note to a session, under way or over."""
    with exit_codes():
        _add(session, What.NOTE, text, _user())


@gameday_app.command()
def action(
    session: SessionPath,
    text: Annotated[str, typer.Argument(help="What is to be done.")],
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who does it.")],
) -> None:
    """Add an open action and its owner to a session."""
    with exit_codes():
        if not owner.strip():
            raise UsageError("--owner: name who does it")
        _add(session, What.ACTION, text, owner.strip())


@gameday_app.command()
def status(
    session: SessionPath,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say how a session stands; changes nothing."""
    with exit_codes():
        found = read_session(session)
        day = read_plan(session / PLAN_FILE, scenarios=False)
        state: Literal["closed", "paused", "under way"]
        state = "closed" if found.closed else "paused"
        state = "under way" if is_conducted(session) else state
        if json:
            steps = {step.name: found.state_of(step.name) for step in day.steps}
            told: dict[str, Any] = {"steps": steps, "events": found.events, "damage": found.damage}
            show_json(GameDayDocument(state=state, **told))
            return
        for line in (f"{day.title}: {state}", *screen_words.summary(day, found), *found.damage):
            console.print(clean(line), markup=False, highlight=False, soft_wrap=True)


def _add(path: Path, what: What, text: str, by: str) -> None:
    """Append one event of somebody beside.

    Raises:
        UsageError: this is no session, or there is nothing in the text.
    """
    said = " ".join(text.split())
    if not said:
        raise UsageError("there is nothing in the text")
    found = read_session(path)
    day = read_plan(path / PLAN_FILE, scenarios=False)
    going = [s.name for s in day.steps if found.state_of(s.name) is StepState.GOING]
    step = going[0] if going and what is What.NOTE else None
    event = SessionLog(path).append(Event(what, "", step, said, by))
    console.print(f"{screen_words.clock_time(event)}  {screen_words.happened(event)}", markup=False)


def _require_sense(
    plan: Path | None,
    resume: Path | None,
    session: Path | None,
    *,
    rehearse: bool,
    unattended: bool,
) -> None:
    """Whether what was asked for goes together, and somebody can be asked.

    Raises:
        UsageError: it does not; the message says what would.
    """
    if (plan is None) == (resume is None):
        raise UsageError("name a plan, or a session to go on with: --resume SESSION")
    if resume is not None and (rehearse or session is not None):
        raise UsageError("--resume goes on with a session as it is: it is the only folder")
    if not unattended and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "a game day asks before each step, and this is no terminal: --unattended gives"
            " every go by itself"
        )


def _require_free(port: int) -> None:
    """Whether the page can be served on a port of this machine.

    Raises:
        UsageError: that is none.
        HarnessError: it is taken.
    """
    if not 0 < port <= PORT_MAX:
        raise UsageError(f"--web-port {port} must be from 1 to {PORT_MAX}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise HarnessError(f"--web-port {port} cannot be used: {error.strerror}") from error


def _seed_of(session: Session) -> int:
    """The seed that the day began with."""
    for event in session.events:
        if SEED in event.details:
            return int(event.details[SEED])
    return random.SystemRandom().getrandbits(31)


def _folder_for(plan: Path) -> Path:
    """A folder of its own for each day."""
    return SESSIONS_FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-{plan.stem}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may know its users by number only
        return str(os.getuid())

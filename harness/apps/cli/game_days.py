"""`lendchaos gameday`: several scenarios in one supervised session, and its record.

What judges and draws is loaded by the commands themselves: it takes a second or two.
"""

import getpass
import os
import random
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from harness.apps.cli.app import app
from harness.apps.cli.completing import sessions
from harness.apps.cli.console import (
    Json,
    StateDir,
    console,
    exit_codes,
    number,
    say,
    show,
    show_json,
    tell_error,
)
from harness.apps.cli.lazy_commands import WholeGroup
from harness.apps.gameday.attended import attend
from harness.apps.gameday.day_plan import GameDayPlan, read_plan
from harness.apps.gameday.day_record import PAGE_FILE, RECORD_FILE
from harness.apps.gameday.locust_runner import LocustRunner, versions
from harness.apps.gameday.screen import happened, summary
from harness.apps.gameday.session_store import (
    PLAN_FILE,
    Event,
    Session,
    SessionStore,
    StepState,
    What,
    is_conducted,
    read_session,
)
from harness.apps.gameday.view import Previews, Rehearsal, preview_steps
from harness.core.disk import refusal
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.ports import require_free
from harness.report.words import clean
from harness.stack import default_state_dir

State = Literal["closed", "paused", "under way"]
SEED = "seed"
PORT_MAX = 65_535
_DEFAULT = "run"
_STYLES = {"differs": "bold red", "not judged": "yellow", "note": "dim"}
_RESULT = {
    "verified": "the record is what the stored runs say",
    "differs": "the record is not what is stored: see the lines that begin with DIFFERS",
    "not judged": "nothing was changed, but a stored run cannot be judged",
}
"""By what was found, in the words of `harness.apps.gameday.verify.CheckState`."""


@dataclass(frozen=True, slots=True)
class GameDayDocument:
    """What `lendchaos gameday status --json` prints; ``damage`` are lines that are not readable."""

    state: State
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
    Path, typer.Argument(metavar="SESSION", help="The session's folder.", autocompletion=sessions)
]


@gameday_app.command(_DEFAULT)
def run(
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="The plan, like examples/gameday.yaml.")
    ] = None,
    *,
    session: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to be made for the session.",
            show_default="gamedays/TIME-PLAN",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="SESSION", help="Go on with a paused session.", autocompletion=sessions
        ),
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Walk through it; nothing is touched or written.")
    ] = False,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="For CI: every go is given, nothing is asked.")
    ] = False,
    web_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            parser=number(1),
            help="Serve each run's page, with its abort button, there.",
            show_default="no page",
        ),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Run a game day, or go on with one; the exit code is the worst of its steps."""
    with exit_codes():
        if (plan is None) == (resume is None):
            raise UsageError("name a plan, or a session to go on with: --resume SESSION")
        if resume is not None and (rehearse or session is not None):
            raise UsageError("--resume goes on with a session as it is: it is the only folder")
        _require_terminal(unattended=unattended)
        if web_port is not None:
            _require_port(web_port)
        store = _new_store(session, plan) if resume is None else SessionStore.resume(resume)
        folder = (state_dir or default_state_dir()).absolute()
        path = plan or store.path / PLAN_FILE
        attended = None if unattended else console
        raise typer.Exit(_attend(path, store, folder, attended, rehearse=rehearse, port=web_port))


def _require_terminal(*, unattended: bool) -> None:
    if not unattended and not (sys.stdin.isatty() and sys.stdout.isatty()):
        said = "a game day asks before each step, and this is no terminal: --unattended"
        raise UsageError(f"{said} gives every go by itself")


def _require_port(port: int) -> None:
    if port > PORT_MAX:
        raise UsageError(f"--web-port {port} must be from 1 to {PORT_MAX}")
    require_free(port, "--web-port")


def _new_store(session: Path | None, plan: Path | None) -> SessionStore:
    """A folder of its own for each day."""
    name = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-{(plan or Path(PLAN_FILE)).stem}"
    fresh = session or Path("gamedays") / name
    if fresh.exists():
        raise UsageError(f"{fresh} exists already: name another folder")
    return SessionStore(fresh)


def _attend(
    path: Path,
    store: SessionStore,
    folder: Path,
    attended: Console | None,
    *,
    rehearse: bool,
    port: int | None,
) -> int:
    """The exit code of a game day, or of its rehearsal."""
    seeds = [int(e.details[SEED]) for e in store.read().events if SEED in e.details]
    seed = seeds[0] if seeds else random.SystemRandom().getrandbits(31)
    day = read_plan(path)
    previews = preview_steps(day, path, seed, folder, say)
    how: dict[str, Any] = {"console": attended, "tell": show, "by": _user()}
    if rehearse:
        code = attend(day, previews, SessionStore(None), Rehearsal(previews), **how)
        show("rehearsed: nothing was started, broken or written")
        return code
    runner = LocustRunner(day, store.path, seed, folder, port)
    how["details"] = {**versions(), SEED: str(seed)}
    with store:
        return _conduct(day, previews, store, runner, how)


def _conduct(
    day: GameDayPlan,
    previews: Previews,
    store: SessionStore,
    runner: LocustRunner,
    how: dict[str, Any],
) -> int:
    """A game day for real."""
    try:
        code = attend(day, previews, store, runner, **how)
    except OSError as error:
        if refusal(error) and store.read().events:
            _tell_end(day, store.read())
        raise
    finally:
        runner.end()
    session = store.read()
    recorded = not session.events or _tell_end(day, session)
    return code if recorded else code or ExitCode.INCONCLUSIVE


def _tell_end(day: GameDayPlan, session: Session) -> bool:
    """How each step ended, and what can be done next; False where a record is due and missing."""
    for line in summary(day, session):
        show(line)
    if not session.closed:
        show(f"paused; go on with: lendchaos gameday --resume {session.path}")
        return True
    show(f"session {session.path}")
    try:
        _write_record(session.path)
    except (UsageError, HarnessError) as error:
        again = f"lendchaos gameday record {shlex.quote(str(session.path))}"
        tell_error(f"no record was written: {error}; `{again}` tries again")
        return False
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


def _add(path: Path, what: What, text: str, by: str) -> None:
    """Append one event of someone beside."""
    said = " ".join(text.split())
    if not said:
        raise UsageError("there is nothing in the text")
    found = read_session(path)
    day = read_plan(path / PLAN_FILE, scenarios=False)
    going = [s.name for s in day.steps if found.state_of(s.name) is StepState.GOING]
    step = going[0] if going and what is What.NOTE else None
    show(happened(SessionStore(path).append(Event(what, "", step, said, by))))


@gameday_app.command()
def status(session: SessionPath, *, json: Json = False) -> None:
    """Say how a session stands; changes nothing."""
    with exit_codes():
        found = read_session(session)
        day = read_plan(session / PLAN_FILE, scenarios=False)
        state: State = "closed" if found.closed else "paused"
        state = "under way" if is_conducted(session) else state
        if json:
            steps = {step.name: found.state_of(step.name) for step in day.steps}
            show_json(GameDayDocument(state, steps, found.events, found.damage))
            return
        for line in (f"{day.title}: {state}", *summary(day, found), *found.damage):
            show(clean(line))


@gameday_app.command()
def record(session: SessionPath) -> None:
    """Write the record of a session into its folder, anew if it is there already."""
    with exit_codes():
        _write_record(session)


def _write_record(session: Path) -> None:
    from harness.apps.gameday import render_record  # noqa: PLC0415

    written = render_record.write(session, say)
    for name in (RECORD_FILE, PAGE_FILE):
        show(str(session / name))
    for remark in written.remarks:
        say(f"remarked: {clean(remark)}")


@gameday_app.command()
def verify(
    record: Annotated[
        Path,
        typer.Argument(
            metavar="RECORD",
            help="record.json or record.html beside the runs, or their folder.",
            autocompletion=sessions,
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Compute the hashes of a record again, and judge its stored runs again; writes nothing.

    Exit code 0: all is as recorded; 1: something differs; 3: a stored run cannot be judged.
    """
    with exit_codes():
        from harness.apps.gameday.verify import verify as verified  # noqa: PLC0415

        found = verified(record, say)
        if json:
            show_json(found)
        else:
            for check in found.checks:
                word = check.found.upper() if check.found == "differs" else str(check.found)
                line = f"{word:<10}  {clean(check.name)}: {clean(check.text)}"
                style = _STYLES.get(check.found)
                console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
            show(_RESULT[found.found])
        raise typer.Exit(found.exit_code)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may know its users by number only
        return str(os.getuid())

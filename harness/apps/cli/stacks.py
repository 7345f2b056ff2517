"""The local stack: `up`, `down`, `status`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import defects, services
from harness.apps.cli.console import (
    Json,
    SlowNotice,
    StateDir,
    exit_codes,
    number,
    say,
    show,
    show_json,
)
from harness.apps.cli.run_help import own_option
from harness.core.errors import HarnessError, UsageError
from harness.core.numbers import Count, Exit
from harness.core.processes import is_alive
from harness.stack.client import StackClient
from harness.stack.folder import ATTACHED, checked, default_state_dir, has_been_used
from harness.stack.run_lock import TRY, Owner, holder, is_held
from harness.stack.state import (
    ForeignStateError,
    Stack,
    StackLink,
    StackSettings,
    load_state,
    read_state,
)
from harness.stack.supervisor_messages import ProcessStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WireStatus:
    """A link in the kernel, where packets can be dropped."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a stack; ``last_exit`` is the code of its last end, negative for a signal."""

    name: str
    pid: Count | None
    alive: bool
    frozen: bool
    restarts: Count
    last_exit: Exit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackBody:
    """Where a stack is and how it is reached; none of its secrets."""

    stack_id: str
    kind: str
    state_dir: str
    edge_url: str
    service_url: str
    links: tuple[StackLink, ...]
    wires: tuple[WireStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus(StackBody):
    """A stack that is up; ``used_by`` is None where no run uses it."""

    processes: tuple[Process, ...]
    used_by: Owner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpDocument(StackBody):
    """What `lendchaos up --json` prints; ``healed`` are faults that a dead run had left."""

    logs: dict[str, str]
    healed: tuple[str, ...]
    schema: str = "lendchaos.up/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DownDocument:
    """What `lendchaos down --json` prints; ``healed`` are faults that a dead run had left."""

    was_up: bool
    healed: tuple[str, ...]
    schema: str = "lendchaos.down/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDocument:
    """What `lendchaos status --json` prints: every stack that is up, the local one first."""

    stacks: tuple[StackStatus, ...]
    schema: str = "lendchaos.status/1"


def _port(text: str) -> Any:
    free = "any that is free"
    return typer.Option(metavar="PORT", parser=number(), help=text, show_default=free)


Service = Annotated[str, own_option("service", autocompletion=services)]
Defect = Annotated[str, own_option("defect", autocompletion=defects)]


@app.command()
def up(
    service: Service = "tuned",
    edge_port: Annotated[int | None, _port("Port of the edge link.")] = None,
    service_port: Annotated[int | None, _port("Port of the service itself.")] = None,
    defect: Defect = "",
    *,
    namespaces: Annotated[bool, own_option("namespaces")] = False,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Bring the local stack up: database, proxies, two replicas.

    PostgreSQL, Toxiproxy, a credit bureau and a supervisor, all on this machine.
    """
    with exit_codes():
        ports = {"edge_port": edge_port, "service_port": service_port}
        settings = StackSettings.asked(service, **ports, defect=defect, namespaces=namespaces)
        folder = state_dir or default_state_dir()
        from harness.stack.bring_up import up as bring_up  # noqa: PLC0415  # with all that it starts

        stack = bring_up(settings, folder, say)
        healed: list[str] = []
        if is_held(folder):
            say("a run uses this stack: its faults are its own to heal")
        else:
            healed = _heal_left_over(stack)
        for name in healed:
            say(f"healed {name}, left by a run that died")
        if json:
            logs = {name: str(path) for name, path in stack.service_logs.items()}
            show_json(UpDocument(**_body(stack), logs=logs, healed=tuple(healed)))
            return
        show(f"stack {stack.stack_id} is up")
        show(f"  borrowers  {stack.edge_url}   (link edge)")
        show(f"  service    {stack.service_url}")
        for line in link_lines(stack):
            show(line)
        for name, path in stack.service_logs.items():
            show(f"  log {name}: {path}")


@app.command()
def down(state_dir: StateDir = None, json: Json = False) -> None:
    """Heal what is broken and take the local stack down.

    It is fine when none is up.
    """
    with exit_codes():
        folder = checked(state_dir or default_state_dir())
        if whose := holder(folder) or holder(folder / ATTACHED):
            raise HarnessError(
                f"a run uses the stack in {folder}: {whose.in_words()}; end it first (Ctrl-C)"
            )
        from harness.stack.launch import down as take_down  # noqa: PLC0415

        healed: list[str] = []
        try:
            stack = load_state(folder)
            if stack is not None:
                with SlowNotice("healing what a run left"):
                    healed = _heal_left_over(stack)
        except ForeignStateError:
            pass  # told below, once what is ours is down
        except (HarnessError, UsageError) as error:
            say(f"{error}; taking the stack down all the same")
        was_up, foreign = False, []
        for place in (folder / ATTACHED, folder):
            try:
                was_up = take_down(place, say)
            except ForeignStateError as error:
                foreign.append(str(error))
        if foreign:
            raise HarnessError("; ".join(foreign))
        if has_been_used(folder):
            from harness.history.journal import Journal  # noqa: PLC0415

            Journal(folder, "").forget()
        if json:
            show_json(DownDocument(was_up=was_up, healed=tuple(healed)))
        else:
            show("stack is down" if was_up else "no stack was up")


def _heal_left_over(stack: Stack) -> list[str]:
    """Names of the faults that were left open and are healed now.

    What heals brings drivers: where the journal says that nothing is injected, it is not loaded.
    """
    from harness.history.journal import Journal  # noqa: PLC0415

    if not Journal(stack.state_dir, stack.stack_id).open_faults():
        return []
    from harness.faults.heal.healing import heal_left_over  # noqa: PLC0415

    return list(heal_left_over(stack))


@app.command()
def status(state_dir: StateDir = None, json: Json = False) -> None:
    """Say what is up and which run uses it; changes nothing."""
    with exit_codes():
        stacks, foreign = stacks_in(state_dir or default_state_dir(), read_state)
        with SlowNotice("asking the stack's supervisor"):
            found = [
                (stack, StackClient(stack).status(), holder(stack.state_dir))
                for stack in stacks
                if is_alive(stack.supervisor)
            ]
        if json:
            show_json(StatusDocument(stacks=tuple(_status(*parts) for parts in found)))
        else:
            for stack, processes, whose in found:
                _show_status(stack, processes, whose)
            if not found and not foreign:
                show("no stack is up")
        if foreign:
            raise HarnessError("; ".join(foreign))


def stacks_in(folder: Path, read: Callable[[Path], Stack | None]) -> tuple[list[Stack], list[str]]:
    """Both stacks of a state folder, as far as they are there and ours; why the others are not."""
    stacks, foreign = [], []
    for place in (folder, folder / ATTACHED):
        try:
            stack = read(place)
        except ForeignStateError as error:
            foreign.append(str(error))
        else:
            stacks += [] if stack is None else [stack]
    return stacks, foreign


def _show_status(stack: Stack, processes: tuple[ProcessStatus, ...], whose: Owner | None) -> None:
    show(f"{stack_name(stack)} is up")
    for line in link_lines(stack):
        show(line)
    for process in processes:
        state = f"process {process.pid}" if process.alive else "not running"
        show(f"  {process.name}: {state}")
    show(f"  used by {whose.in_words()}" if whose else "  used by no run")
    if whose and whose.pid and whose.run_id != TRY:
        show(f"  conductor: process {whose.pid}")


def _status(stack: Stack, processes: tuple[ProcessStatus, ...], whose: Owner | None) -> StackStatus:
    names = [field.name for field in fields(Process)]
    shown = (Process(**{name: getattr(process, name) for name in names}) for process in processes)
    return StackStatus(**_body(stack), processes=tuple(shown), used_by=whose)


# --- what is told of a stack ---------------------------------------------------------------------


def stack_name(stack: Stack) -> str:
    """Which of the two kinds it is, and its id."""
    what = "local stack" if stack.runs_service else f"proxy for {stack.service_url}"
    return f"{what} {stack.stack_id}"


def link_lines(stack: Stack) -> list[str]:
    """A line for each link, those in the kernel included."""
    links = {link.name: f"{link.listen} → {link.upstream}" for link in stack.links.values()}
    wires = stack.wires.items()
    links |= {name: f"{wire.address}, where packets can be dropped" for name, wire in wires}
    return [f"  link {name}: {where}" for name, where in links.items()]


def _body(stack: Stack) -> dict[str, Any]:
    """The fields of `StackBody`."""
    same = {name: getattr(stack, name) for name in ("stack_id", "kind", "edge_url", "service_url")}
    wires = stack.wires.items()
    return same | {
        "state_dir": str(stack.state_dir),
        "links": tuple(stack.links.values()),
        "wires": tuple(WireStatus(name=name, address=wire.address) for name, wire in wires),
    }

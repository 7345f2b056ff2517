"""The command line: `lendchaos run · up · down · doctor · judge · report`; exits only here."""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from harness import judge as judging
from harness import report as reporting
from harness.conductor import ATTACHED, is_held
from harness.errors import HarnessError, UsageError
from harness.faults.undo import UndoFile, heal_left_over
from harness.record import RunDirectory
from harness.report import terminal
from harness.stack import (
    StackSettings,
    default_state_dir,
    diagnose,
    load_state,
    provision_all,
)
from harness.stack import down as take_down
from harness.stack import up as bring_up
from harness.verdict import ExitCode

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Breaks a lending service on purpose and says truthfully what borrowers lost.",
)
_console = Console()
_errors = Console(stderr=True)

StateDir = Annotated[
    Path | None, typer.Option(help="Where the local stack is kept [default: .lendchaos].")
]
RunPath = Annotated[Path, typer.Argument(help="A run directory, for example runs/latest.")]


@contextmanager
def _exit_codes() -> Iterator[None]:
    """One clear line and the right exit code for every error a user can cause or meet."""
    try:
        yield
    except UsageError as error:
        _errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.USAGE) from error
    except HarnessError as error:
        _errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.INCONCLUSIVE) from error
    except (typer.Exit, click.ClickException, click.Abort):
        raise
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except Exception as error:
        text = f"our bug, {type(error).__name__}: {error}"
        _errors.print(f"error: {text}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.INTERNAL) from error


def _terminated(*_: object) -> None:
    """End in order on SIGTERM: what was started here is taken down on the way out."""
    raise typer.Exit(ExitCode.INTERRUPTED)


def _say(text: str) -> None:
    _errors.print(text, style="dim", markup=False, soft_wrap=True)


# --- run -----------------------------------------------------------------------------------------


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def run(context: typer.Context, scenario: str) -> None:
    """Run scenarios headless, one after the other; the exit code is the worst verdict's.

    SCENARIO is a name under scenarios/ or a path; more may follow. All options are those of
    `locust -f SCENARIO`: --rate, --baseline, --fault, --host, …
    """
    with _exit_codes():
        signal.signal(signal.SIGTERM, _terminated)
        more = list(itertools.takewhile(lambda word: not word.startswith("-"), context.args))
        options = context.args[len(more) :]
        paths = [_find_scenario(name) for name in (scenario, *more)]
        with _shared_stack(options) if len(paths) > 1 else nullcontext():
            ends = _run_all(paths, options)
        if len(paths) > 1:
            _print_ends(paths, ends)
        raise typer.Exit(_worst([end.exit_code for end in ends]))


@dataclass(frozen=True, slots=True)
class _End:
    """How one run ended; ``last`` is the last thing it said."""

    exit_code: int
    last: dict[str, Any]


def _run_all(paths: list[Path], options: list[str]) -> list[_End]:
    """Run after run; an interruption ends the series, not only the run it fell into."""
    ends: list[_End] = []
    for path in paths:
        ends.append(_run_locust(path, options))
        if ends[-1].exit_code == ExitCode.INTERRUPTED:
            break
    return ends


def _print_ends(paths: list[Path], ends: list[_End]) -> None:
    """The verdicts of several runs together, where the eye is when they are over."""
    for path in paths[len(ends) :]:
        _console.print(f"\nnot run  {path.stem}", style="dim", markup=False)
    for path, end in zip(paths, ends, strict=False):
        verdict = end.last.get("verdict") or f"no verdict (exit code {end.exit_code})"
        _console.print(f"\n{verdict.upper()}  {path.stem}", style="bold", markup=False)
        if end.last.get("verdict"):
            _console.print(str(end.last["sentence"]), markup=False, highlight=False)
            _console.print(f"report {end.last['report']}", markup=False, soft_wrap=True)


def _worst(codes: list[int]) -> int:
    """The exit code for several runs: a failure first, then whatever else is not a pass."""
    return ExitCode.FAIL if ExitCode.FAIL in codes else max(codes)


@contextmanager
def _shared_stack(options: list[str]) -> Iterator[None]:
    """One local stack for several runs, unless they go to another target or one is up already."""
    given = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    given.add_argument("--state-dir", type=Path, default=default_state_dir())
    given.add_argument("--service", default="tuned")
    given.add_argument("--host", "-H", default=os.environ.get("LOCUST_HOST"))
    known, _ = given.parse_known_args(options)
    if known.host or load_state(known.state_dir) is not None:
        yield
        return
    bring_up(_stack_settings(known.service), known.state_dir, _say)
    try:
        yield
    finally:
        take_down(known.state_dir)


def _stack_settings(
    service: str, edge_port: int | None = None, service_port: int | None = None
) -> StackSettings:
    if service not in ("tuned", "naive"):
        raise UsageError(f"service {service!r} must be one of tuned, naive")
    kind: Literal["tuned", "naive"] = "naive" if service == "naive" else "tuned"
    return StackSettings(service=kind, edge_port=edge_port, service_port=service_port)


def _find_scenario(name: str) -> Path:
    folder = Path("scenarios")
    candidates = [Path(name), folder / name, folder / f"{name}.py"]
    for path in candidates:
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in folder.glob("[!_]*.py"))) or "none in ./scenarios"
    raise UsageError(f"no scenario {name!r}; there are: {known}")


def _run_locust(path: Path, options: list[str]) -> _End:
    """Locust in a process of its own, with its progress shown here.

    Locust's periodic tables are left out, its warnings are not.
    """
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "locust", "-f", str(path), "--headless", "--only-summary"]
    if not any(option.startswith(("-L", "--loglevel")) for option in options):
        command += ["--loglevel", "WARNING"]
    environment = {**os.environ, "LENDCHAOS_PROGRESS_FD": str(write_end)}
    process = subprocess.Popen(
        [*command, *options], env=environment, pass_fds=[write_end], stdin=subprocess.DEVNULL
    )
    os.close(write_end)
    last: dict[str, Any] = {}
    with os.fdopen(read_end, encoding="utf-8") as messages:
        while True:
            try:
                last = _show_progress(path.stem, messages) or last
                return _End(_honest(process.wait(), last, options), last)
            except KeyboardInterrupt:
                # Ctrl-C reached Locust too: it heals, drains and judges; we wait for it.
                _say("interrupted: healing, draining and judging")
            except BaseException:
                process.terminate()  # Locust heals and judges on SIGTERM
                process.wait()
                raise


def _honest(code: int, last: dict[str, Any], options: list[str]) -> int:
    """The exit code of a run; 0 only where there is a verdict that says pass.

    A locustfile without a borrower of ours, and a Locust that was killed, give none.
    """
    asks_only = {"--help", "-h", "--version", "-V", "--list", "-l"} & set(options)
    if code < 0 or (code == ExitCode.PASS and not asks_only and last.get("verdict") != "pass"):
        _errors.print("error: the run ended without a verdict", style="red")
        return ExitCode.INTERNAL
    return code


def _show_progress(name: str, messages: TextIO) -> dict[str, Any]:
    """Show what a run says until it says no more; its last words."""
    message: dict[str, Any] = {}
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.fields[scenario]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_errors, transient=True) as progress:
        task = progress.add_task("starting", total=None, scenario=name)
        for line in messages:
            message = json.loads(line)
            progress.update(task, description=message["text"])
            if message.get("until_s") is not None:
                progress.update(task, total=message["until_s"], completed=message["at_s"])
            if not _errors.is_terminal:
                _say(f"{name}: {message['text']}")
    return message


# --- stack ---------------------------------------------------------------------------------------


@app.command()
def up(
    service: Annotated[str, typer.Option(help="Client settings: tuned or naive.")] = "tuned",
    edge_port: Annotated[int | None, typer.Option(help="Port of the edge link.")] = None,
    service_port: Annotated[int | None, typer.Option(help="Port of the service itself.")] = None,
    state_dir: StateDir = None,
) -> None:
    """Bring the local stack up: PostgreSQL, Toxiproxy, two replicas, a supervisor."""
    with _exit_codes():
        settings = _stack_settings(service, edge_port, service_port)
        folder = state_dir or default_state_dir()
        stack = bring_up(settings, folder, _say)
        if is_held(folder):
            _say("a run uses this stack: its faults are its own to heal")
        else:
            for name in heal_left_over(stack):
                _say(f"healed {name}, left by a run that died")
        _console.print(f"stack {stack.stack_id} is up")
        _console.print(f"  borrowers  {stack.edge_url}   (link edge)")
        _console.print(f"  service    {stack.service_url}")
        for link in stack.links.values():
            _console.print(f"  link {link.name}: {link.listen} → {link.upstream}")
        for name, path in stack.service_logs.items():
            _console.print(f"  log {name}: {path}", soft_wrap=True)


@app.command()
def down(state_dir: StateDir = None) -> None:
    """Heal what is broken and take the local stack down; fine when none is up."""
    folder = state_dir or default_state_dir()
    with _exit_codes():
        if is_held(folder) or is_held(folder / ATTACHED):
            raise HarnessError(f"a run uses the stack in {folder}: end it first (Ctrl-C)")
        try:
            stack = load_state(folder)
            if stack is not None:
                heal_left_over(stack)
        except (HarnessError, UsageError) as error:
            _say(f"{error}; taking the stack down all the same")
        was_up = take_down(folder)
        take_down(folder / ATTACHED)
        UndoFile(folder).forget()
        _console.print("stack is down" if was_up else "no stack was up")


@app.command()
def doctor(
    provide: Annotated[
        bool, typer.Option("--provide", help="First find or build PostgreSQL and Toxiproxy.")
    ] = False,
    state_dir: StateDir = None,
) -> None:
    """Say what is found, what is missing and how to get it."""
    if provide:
        with _exit_codes():
            provision_all(_say)
    table = Table("", "what", "found", "how to get it", box=None, pad_edge=False)
    checks = diagnose(state_dir or default_state_dir())
    for check in checks:
        table.add_row("ok" if check.ok else "--", check.name, check.found, check.how_to_get)
    _console.print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(ExitCode.INCONCLUSIVE)


# --- stored runs ---------------------------------------------------------------------------------


@app.command()
def judge(run: RunPath) -> None:
    """Judge a stored run again: verdict.json and report.html are written anew."""
    with _exit_codes():
        directory = RunDirectory(run.resolve())
        plan = directory.read_plan()
        facts = directory.read_facts(plan)
        verdict = judging.judge(plan, facts)
        path = reporting.write(directory, plan, facts, verdict)
        color = _console.is_terminal and "NO_COLOR" not in os.environ
        sys.stdout.write(terminal.render(verdict, str(path), color=color))
        raise typer.Exit(verdict.exit_code)


@app.command()
def report(run: RunPath) -> None:
    """Write the report of a stored run anew from its stored verdict and print its path."""
    with _exit_codes():
        directory = RunDirectory(run.resolve())
        plan = directory.read_plan()
        verdict = directory.read_verdict()
        path = reporting.write(directory, plan, directory.read_facts(plan), verdict)
        _console.print(str(path), soft_wrap=True)


if __name__ == "__main__":
    app()

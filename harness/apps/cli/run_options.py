"""The options of a run that Locust reads, as `--help` and completion show them beside our own.

Locust's own parser says what they are, in a process of its own: loading Locust takes time, and
changes the process that does it.
"""

import inspect
import json
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from harness.core.errors import HarnessError
from harness.core.own_python import module_command

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_MAX = 30.0
LOAD, TARGET, FAULTS, LIMITS, OUTPUT = "Load", "Target", "Faults", "Limits and safety", "Output"
"""Groups in which our own options stand among them."""
HANDS_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": ["--help"],  # a lone -h is heard before
}
"""Settings of a command that hands options that it does not know on to Locust."""


@dataclass(frozen=True, slots=True)
class RunOption:
    """One option, as `harness.apps.locust.described` says it; a switch has no ``metavar``."""

    words: list[str]
    metavar: str | None
    choices: list[str]
    default: str
    help: str
    group: str


def run_options() -> list[RunOption]:
    """All options that a run takes from Locust, in order of their groups.

    Raises:
        HarnessError: Locust does not say it.
    """
    try:
        said = subprocess.run(
            module_command("harness.apps.locust.described"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=True,
        ).stdout
        return [RunOption(**one) for one in json.loads(said)]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise HarnessError(f"Locust does not say which options it has: {error}") from error


class RunCommand(TyperCommand):
    """A command that hands unknown options on to Locust; its help and completion know them."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Ours and Locust's, in groups."""
        with self._knowing(run_options()):
            super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Where there are no boxes, a section for each group."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            kind = f"{parameter.param_type_name.capitalize()}s"
            if record is not None:
                section = getattr(parameter, "rich_help_panel", None) or kind
                sections.setdefault(section, []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names of options, where a word begins with a dash."""
        found: list[RunOption] = []
        if incomplete.startswith("-"):
            with suppress(HarnessError):
                found = run_options()
        with self._knowing(found):
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _knowing(self, options: list[RunOption]) -> "Iterator[None]":
        """For as long as they are only shown: what reads the command line takes them all as is."""
        own = self.params
        taken = {word for parameter in own for word in parameter.opts}
        groups = list(dict.fromkeys(option.group for option in options))
        more = _as_parameters([option for option in options if taken.isdisjoint(option.words)])
        self.params = sorted([*own, *more], key=lambda one: _place(one, groups))
        try:
            yield
        finally:
            self.params = own


def _place(parameter: Any, groups: list[str]) -> int:
    """Arguments first, then group after group, then what is in none."""
    if parameter.param_type_name == "argument":
        return -1
    panel = getattr(parameter, "rich_help_panel", None)
    return groups.index(panel) if panel in groups else len(groups)


def _as_parameters(options: list[RunOption]) -> list[Any]:
    """Made by Typer itself, of a command that is never called."""

    def never(**_: Any) -> None:
        """Lend its options."""

    never.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # Python reads it there
        [
            inspect.Parameter(
                f"option_{number}",
                inspect.Parameter.KEYWORD_ONLY,
                default=False if one.metavar is None else one.default or None,
                annotation=Annotated[
                    bool if one.metavar is None else str | None,
                    typer.Option(
                        *one.words, metavar=one.metavar, help=one.help, rich_help_panel=one.group
                    ),
                ],
            )
            for number, one in enumerate(options)
        ]
    )
    lone = typer.Typer(add_completion=False)
    lone.command()(never)
    command: Any = typer.main.get_command(lone)
    return list(command.params)

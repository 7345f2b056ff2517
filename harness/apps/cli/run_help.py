"""Help and completion of the commands that hand options of a run on to Locust."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from harness.plan.run_options import GROUPS, SHOWN_OPTIONS, SWITCH, RunOption, option

HANDS_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": ["--help"],  # a lone -h is heard before
}
"""Settings of a command that hands options that it does not know on to Locust."""

SCENARIO_HELP = "A name under scenarios/, or a path; FILE::CLASS is one of several in a file."


def own_option(name: str, **details: Any) -> Any:
    """An option of a run that a command reads itself; ``details`` are Typer's."""
    one = option(name)
    details = {"help": one.sentence, "show_default": one.default_text or True, **details}
    return typer.Option(*one.words, metavar=one.type.placeholder or None, **details)


class RunCommand(TyperCommand):
    """A command whose help and completion know the options that it hands on."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Its own options and those of a run, in groups."""
        with self._knowing():
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
        with self._knowing():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _knowing(self) -> Iterator[None]:
        """For as long as they are only shown: what reads the command line takes them all as is."""
        own = self.params
        taken = {word for parameter in own for word in parameter.opts}
        more = _as_parameters([one for one in SHOWN_OPTIONS if taken.isdisjoint(one.words)])
        self.params = sorted([*own, *more], key=_place)
        try:
            yield
        finally:
            self.params = own


def _place(parameter: Any) -> int:
    """Arguments first, then group after group, then what is in none."""
    if parameter.param_type_name == "argument":
        return -1
    panel = getattr(parameter, "rich_help_panel", None)
    return GROUPS.index(panel) if panel in GROUPS else len(GROUPS)


def _as_parameters(options: list[RunOption]) -> list[Any]:
    """Made by Typer itself, of a command that is never called."""

    def never(**_: Any) -> None:
        """Lend its options."""

    never.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # Python reads it there
        [
            inspect.Parameter(
                f"option_{number}",
                inspect.Parameter.KEYWORD_ONLY,
                default=False if one.type is SWITCH else one.shown_default or None,
                annotation=Annotated[
                    bool if one.type is SWITCH else str | None,
                    own_option(one.name, rich_help_panel=one.group, show_default=True),
                ],
            )
            for number, one in enumerate(options)
        ]
    )
    lone = typer.Typer(add_completion=False)
    lone.command()(never)
    command: Any = typer.main.get_command(lone)
    return list(command.params)

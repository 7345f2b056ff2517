"""The commands by name, each loaded when it is called for.

What a command needs can take a second to load (statistics, database drivers); listing commands,
completing a word or asking for the status must not wait for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from harness.apps.cli.console import tell_error

LATER: dict[str, tuple[str, str]] = {
    "run": ("run_command", "Run scenarios headless; the exit code is that of the worst verdict."),
    "try": ("trying", "Make one journey of one throw-away borrower, and show every answer."),
    "judge": ("stored", "Judge a stored run again, by its own limits or others."),
    "report": ("stored", "Write the report of a stored run anew and print its path."),
    "compare": ("comparing", "Put RUNs of one scenario side by side, or against others."),
    "gameday": ("game_days", "Several scenarios in one supervised session, with a record."),
    "gate-selftest": ("gating", "Show that a gate detects a planted defect."),
    "explain": ("explaining", "Say what a finding, an objective or an exit code means."),
    "up": ("stacks", "Bring the local stack up: database, proxies, two replicas."),
    "down": ("stacks", "Heal what is broken and take the local stack down."),
    "status": ("stacks", "Say what is up and which run uses it; changes nothing."),
    "heal": ("heal_command", "Heal everything that is broken, and try every link."),
    "doctor": ("diagnosing", "Say what is found, what is missing and how to get it."),
    "help": ("app", "Show the help of a command, or this list."),
}
"""Name, module under ``harness.apps.cli``, first sentence of its help; in order of `--help`."""
_QUIET = ("-q", "--quiet")
_MISTAKE: Any = typer.BadParameter.__base__  # Typer has a Click of its own, which has no name


class Later(TyperCommand):
    """Stands for a command until it is called; knows its name and what it is for."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Load the real command, and be it from here on."""
        real = load(str(self.name))
        words = _with_long_help(args) if _hands_on(real) else args
        return real.make_context(info_name, words, parent=parent, **extra)


@contextmanager
def _one_line() -> Iterator[None]:
    """Report a mistake on the command line like every other error, and end with 2."""
    try:
        yield
    except _MISTAKE as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise

        message = " ".join(error.format_message().split()).removesuffix(".")
        path = error.ctx.command_path if error.ctx is not None else "lendchaos COMMAND"
        tell_error(f"{message}; see `{path} --help`")
        raise typer.Exit(error.exit_code) from error


class WholeGroup(TyperGroup):
    """A group whose help cuts no sentence."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Without types."""
        return _without_types(super().get_params, ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each with the first paragraph of its help, which is wrapped where it is long."""
        rows = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_paragraph(one.help)) for name, one in rows if one])


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


class Commands(WholeGroup):
    """All commands: those that are loaded later, then those that were registered at import."""

    def make_context(self, *args: Any, **fields: Any) -> Any:
        """Read what stands before the command."""
        with _one_line():
            return super().make_context(*args, **fields)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As if ``-q`` or ``--quiet`` stood first, wherever it stands before ``--``."""
        end = args.index("--") if "--" in args else len(args)
        words = [word for word in args[:end] if word not in _QUIET]
        quiet = _QUIET[:1] if len(words) < end else ()
        return super().parse_args(ctx, [*quiet, *words, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        """Find the command, read what is for it, and do it."""
        with _one_line():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the help."""
        return [*LATER, *(name for name in super().list_commands(ctx) if name not in LATER)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or who stands for it."""
        if cmd_name in LATER:
            return Later(name=cmd_name, help=LATER[cmd_name][1], callback=None)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As always, with all names at hand for a suggestion."""
        for name in LATER:
            self.commands.setdefault(name, Later(name=name, callback=None))
        # Who wants help must not be led to what ends a run under way.
        if "help" in get_close_matches(args[0], self.commands) and not args[0].startswith("hea"):
            self.commands.pop("heal", None)
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """The real command of a name in `LATER`."""
    module = import_module(f"harness.apps.cli.{LATER[name][0]}")
    group: Any = typer.main.get_command(module.app)
    (quiet,) = (option for option in group.params if option.name == "quiet")
    return _plainly(group.commands[name], quiet)


def _hands_on(command: Any) -> bool:
    """Whether it hands options on that it does not know: words like ``-Hhttp://queue`` are not
    ours, and the parser would take letters out of them.
    """
    return bool(command.context_settings.get("ignore_unknown_options"))


def _with_long_help(words: list[str]) -> list[str]:
    """The words with ``--help`` in place of a lone ``-h``."""
    end = words.index("--") if "--" in words else len(words)
    return ["--help" if word == "-h" else word for word in words[:end]] + words[end:]


def _plainly(command: Any, quiet: Any) -> Any:
    """The command with one kind of placeholder in its help: words in capitals.

    Its help shows ``quiet``, too; `Commands` has taken it from its words.
    """
    inner = getattr(command, "commands", None)
    for one in (inner or {}).values():
        _plainly(one, quiet)
    if inner is None:
        listed = copy(quiet)
        listed.help, listed.expose_value = "Only results and errors (-q).", False
        # A parser that leaves options alone would still look for a letter in their values.
        listed.opts = ["--quiet"] if _hands_on(command) else quiet.opts
        command.params.append(listed)
    for parameter in command.params:
        if not getattr(parameter, "is_flag", False):
            parameter.metavar = parameter.metavar or parameter.name.upper()
        if isinstance(said := getattr(parameter, "show_default", None), str):
            # Of a default in words Typer makes "(words)", of the same as a value "words".
            parameter._get_default_string = lambda said=said, **_: said  # noqa: SLF001  # no other way
        if parameter.param_type_name == "argument":
            name = f"{parameter.metavar}{'...' if parameter.nargs != 1 else ''}"
            name = name if parameter.required else f"[{name}]"
            parameter.get_usage_pieces = lambda _, name=name: [name]
            parameter.display_type_rich = lambda ctx: None  # noqa: ARG005  # it is called by name
    command.get_params = partial(_without_types, command.get_params)
    return command


def _without_types(get: Callable[[Any], list[Any]], context: Any) -> list[Any]:
    """The parameters of a command; beside a switch a box of the terminal would say its type."""
    found = get(context)
    for parameter in found:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return found

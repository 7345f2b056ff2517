"""Every command and option there is, as the command line and Locust's parser know them.

A new command or option is in it without an edit here. Each of the two is asked in a process of its
own, because Locust patches the standard library at import.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["flag", "int", "float", "choice", "path", "text"]
LOAD = "load"
"""The command of the options that Locust's parser reads."""
_KINDS: dict[Any, Kind] = {int: "int", float: "float", bool: "flag"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option or an argument; ``command`` is ``gameday note`` or, of Locust's parser, ``load``.

    ``words`` are its spellings, none for an argument. ``variable`` is one that sets it, too.
    """

    command: str
    name: str
    words: tuple[str, ...]
    kind: Kind
    many: bool = False
    variable: str = ""


def read() -> tuple[Parameter, ...]:
    """All of them, in a steady order."""
    asked = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bad_input.inventory", what], stdout=subprocess.PIPE
        )
        for what in ("cli", LOAD)
    ]
    found: list[Parameter] = []
    for process in asked:
        told = json.loads(process.communicate()[0])
        found += [Parameter(**{**each, "words": tuple(each["words"])}) for each in told]
    return tuple(found)


def _of_cli() -> Iterator[Parameter]:
    from typer.main import get_command  # noqa: PLC0415  # see above

    from harness.apps.cli.app import app  # noqa: PLC0415
    from harness.apps.cli.lazy_commands import load  # noqa: PLC0415

    group: Any = get_command(app)
    for name in group.list_commands(None):
        try:
            command = load(name)
        except KeyError:  # registered at import, not later
            command = group.commands[name]
        yield from _of_command(name, command)


def _of_command(path: str, command: Any) -> Iterator[Parameter]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _of_command(f"{path} {name}", inner)
    for each in () if hasattr(command, "commands") else command.params:
        argument = each.param_type_name == "argument"
        words = () if argument else (*each.opts, *each.secondary_opts)
        kind = "flag" if getattr(each, "is_flag", False) else _kind_of(each)
        many = each.nargs == -1
        yield Parameter(path, each.name, words, kind, many=many, variable=each.envvar or "")


def _kind_of(parameter: Any) -> Kind:
    """By the type that the command's function says."""
    described = getattr(parameter, "type_descriptor", None)
    annotation = getattr(described, "annotation", None)
    known = _KINDS.get(annotation)
    return known or ("path" if "Path" in str(annotation) else "text")


def _of_locust() -> Iterator[Parameter]:
    from locust.argument_parser import get_parser  # noqa: PLC0415

    import harness.apps.locust.borrower  # noqa: F401, PLC0415  # adds our options

    parser: Any = get_parser()
    for action in parser._actions:  # noqa: SLF001  # argparse lists them nowhere else
        if isinstance(action, argparse._HelpAction | argparse._VersionAction):  # noqa: SLF001
            continue
        kind: Kind = _KINDS.get(action.type, "text")
        if action.nargs == 0:
            kind = "flag"
        elif action.choices:
            kind = "choice"
        words, variable = tuple(action.option_strings), getattr(action, "env_var", None) or ""
        many = action.nargs in ("*", "+")
        yield Parameter(LOAD, action.dest, words, kind, many=many, variable=variable)


if __name__ == "__main__":
    listed = _of_cli() if sys.argv[1] == "cli" else _of_locust()
    sys.stdout.write(json.dumps([asdict(each) for each in listed]))

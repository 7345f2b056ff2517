"""Locust's options that matter to the process that starts it, too, wherever they are set.

Locust reads them from the command line, from variables and from its files of configuration. Here
they are read the same way and from the same places, without Locust.
"""

import argparse
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO
from urllib.parse import urlsplit

from harness.core.errors import UsageError
from harness.core.files import text_of
from harness.plan.run_options import ALL_OPTIONS, DIRECTORY, FILE, LOCUST_OPTIONS, Use, option
from harness.stack import default_state_dir

FILES = ("~/.locust.conf", "locust.conf", "pyproject.toml")
"""Locust's files of configuration; a later one wins."""
SECTION = "tool.locust"
_OUTSIDE = [each for each in ALL_OPTIONS if Use.OUTSIDE in each.uses]
LOCUST_FILES = [e.word for e in _OUTSIDE if e in LOCUST_OPTIONS and e.type is FILE]
"""Options that name a file which Locust writes."""
_SAME = {"--users": "--rate"}
"""One Locust user is one arrival a second, and messages speak of the rate."""
_TELLING = 5
"""Letters of a value that is hardly another's."""


class OptionElsewhere(NamedTuple):
    """An option that neither the command line nor a default sets; Locust sends it to workers.

    ``name`` is its field, ``options`` are its words on the command line, ``key`` is what it is
    called in ``place``: a file, or the environment.
    """

    name: str
    options: tuple[str, ...]
    key: str
    place: str
    value: str

    def __str__(self) -> str:
        """As a run names it."""
        return f"{self.key} from {self.place}: {self.value}"

    @property
    def word(self) -> str:
        """What it is called on the command line."""
        return next((o for o in self.options if o.startswith("--")), self.options[0])

    def concerns(self, text: str) -> bool:
        """Whether a message is about this option: its word stands there, name and value, or a
        value that is nothing else's.
        """
        parts = [re.escape(option) for option in self.options]
        names = [_SAME.get(o, o)[2:] for o in self.options if o.startswith("--")]
        parts += [rf"{name.replace('-', '[-_ ]')} ['\"]?-?\d[\w.]*" for name in names]
        if len(self.value) >= _TELLING and self.value not in ("true", "True", "(secret)"):
            parts += [re.escape(self.value), re.escape(urlsplit(self.value).hostname or self.value)]
        return re.search(rf"(?<![\w-])(?:{'|'.join(parts)})(?![\w-])", text) is not None


def with_places(text: str, elsewhere: Iterable[OptionElsewhere]) -> str:
    """A message about options, and where those were set that are not on the command line."""
    concerned = [one for one in map(OptionElsewhere._make, elsewhere) if one.concerns(text)]
    found = [f"{one.word} is set by {one.key} in {one.place}" for one in concerned]
    found = [place for place in found if place not in text]
    return f"{text} ({'; '.join(found)})" if found else text


def refuse_lists(parser: Any) -> Any:
    """The same parser of `configargparse`, which would fail at a list in place of yes or no."""
    convert = parser.convert_item_to_command_line_arg

    def converted(action: Any, key: str, value: Any) -> Any:
        try:
            return convert(action, key, value)
        except (AssertionError, AttributeError):  # the second where Python leaves checks out
            parser.error(f"{key} in a file of configuration takes no list, and is {value!s:.60}")

    parser.convert_item_to_command_line_arg = converted
    return parser


@contextmanager
def naming_places(options: list[str]) -> Iterator[None]:
    """Usage errors that are raised in here name where a value was set."""
    elsewhere = given(options).elsewhere
    try:
        yield
    except UsageError as error:
        raise UsageError(with_places(str(error), elsewhere)) from error


def set_elsewhere(parser: Any) -> list[OptionElsewhere]:
    """What a parser of `configargparse` has just found in the environment and in files."""
    found = []
    for source, settings in parser.get_source_to_settings_dict().items():
        kind, _, path = source.partition("|")
        place = {"environment_variables": "the environment", "config_file": path}.get(kind)
        for key, (action, value) in settings.items() if place else ():
            options = tuple(getattr(action, "option_strings", None) or (f"--{key}",))
            shown = "(secret)" if getattr(action, "is_secret", False) else f"{value}"
            found.append(
                OptionElsewhere(getattr(action, "dest", key), options, key, f"{place}", shown)
            )
    return found


def without_value(parser: Any, options: Any) -> Iterator[str]:
    """Options that were given ``--`` as their value, of which argparse leaves an empty list."""
    for action in parser._actions:  # noqa: SLF001  # argparse lists them nowhere else
        value = getattr(options, action.dest, None)
        of_many = isinstance(value, list) and [] in value
        if of_many or (action.nargs is None and value == [] != action.default):
            yield f"argument {'/'.join(action.option_strings)}: expected one argument"


def given(options: list[str]) -> argparse.Namespace:
    """The options that matter outside a run; ``elsewhere`` are those of the environment and files.

    Raises:
        UsageError: a file of configuration cannot be read, an option has no value, or there is no
            current folder.
    """
    try:
        state_dir = default_state_dir()
    except FileNotFoundError as error:
        said = "the current folder was deleted: change to one that is there"
        raise UsageError(said) from error
    parser = _parser()
    parser.add_argument(option("config").word, is_config_file_arg=True)
    for each in _OUTSIDE:
        details = {**each.parsing, "env_var": each.variable or None}
        if each.type in (DIRECTORY, FILE):
            details["type"] = Path
        parser.add_argument(*reversed(each.words), **details)
    parser.set_defaults(state_dir=state_dir)
    known, _ = parser.parse_known_args(options)
    known.elsewhere = set_elsewhere(parser)
    if lost := next(without_value(parser, known), None):
        raise UsageError(with_places(lost, known.elsewhere))
    return argparse.Namespace(**vars(known))


def first_seed(options: list[str]) -> int:
    """The seed of the first run, from which the others count up; UsageError where it is none."""
    seed = given(options).seed
    if seed is None:
        return random.SystemRandom().getrandbits(31)
    with naming_places(options):
        return int(option("seed").read(seed))


def _parser() -> Any:
    """A parser that looks where Locust's does."""
    import configargparse  # noqa: PLC0415  # not before it is needed

    class Parser(configargparse.ArgumentParser):  # type: ignore[misc]  # it ships no types
        def error(self, message: str) -> NoReturn:
            raise UsageError(message)

    class Files(configargparse.ConfigFileParser):  # type: ignore[misc]  # as above
        def parse(self, stream: TextIO) -> Any:
            toml = configargparse.TomlConfigParser([SECTION])
            is_toml = stream.name.endswith(".toml")
            try:
                return (toml if is_toml else configargparse.DefaultConfigFileParser()).parse(stream)
            except configargparse.ConfigFileParserException as error:
                raise UsageError(f"{stream.name} cannot be read: {error}") from error

    def opened(path: str) -> TextIO:
        stream = StringIO(text_of(Path(path), "configuration of Locust"))
        stream.name = path
        return stream

    parser = Parser(
        config_file_open_func=opened,
        add_help=False,
        allow_abbrev=False,
        default_config_files=FILES,
        config_file_parser_class=Files,
        add_env_var_help=False,
        add_config_file_help=False,
    )
    return refuse_lists(parser)

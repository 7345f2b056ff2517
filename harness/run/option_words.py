"""Options of a run as Python writes them, as the words of a command line.

``rate=50, baseline="8s"`` becomes ``--rate=50 --baseline=8s``. The names are those of the one
table, `harness.plan.run_options`, with ``_`` for ``-``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from os import PathLike, fspath

from harness.core.errors import UsageError
from harness.core.numbers import decimal_text
from harness.plan.run_options import (
    ALL_OPTIONS,
    DURATION,
    ON_OR_OFF,
    SHOWN_OPTIONS,
    SWITCH,
    RunOption,
    brief,
)

OneValue = str | float | timedelta | PathLike[str]
OptionValue = OneValue | Sequence[OneValue] | None
"""What an option takes: None leaves it as it is, an option that can be repeated takes a list."""
_BY_FIELD = {each.field: each for each in SHOWN_OPTIONS}
_BY_WORD = {word: each for each in ALL_OPTIONS for word in each.words}
_SAME = ({"--rate", "--users", "-u"},)
"""Options that say one thing: where one is given anew, so is the other."""


def option_words(values: Mapping[str, OptionValue]) -> list[str]:
    """The same as words for Locust, in their order.

    Raises:
        UsageError: there is no such option, or it cannot have that value; the message says what
            would be valid.
    """
    words: list[str] = []
    for name, value in values.items():
        option = _BY_FIELD.get(name)
        if option is None:
            from harness.core.yaml_models import choices  # noqa: PLC0415  # brings pydantic

            raise UsageError(f"a run has no option {name!r}{choices(name, _BY_FIELD)}")
        each: list[OneValue | None]
        if isinstance(value, Sequence) and not isinstance(value, str):
            if not option.repeatable:
                raise UsageError(f"{name}={brief(value)} must be one value, not several")
            each = list(value)
        else:
            each = [value]
        for one in each:
            words += _words(option, one)
    return words


def _words(option: RunOption, value: OneValue | None) -> list[str]:
    if value is None:
        return []
    if option.type is SWITCH:
        if not isinstance(value, bool):
            raise UsageError(f"{option.field}={brief(value)} must be True or False")
        return [option.word] if value else []
    text = _text(option, value)
    option.read(text)
    words = option.type.choices
    if words and not option.type.must_be and text not in words:
        raise UsageError(f"{option.field}={brief(repr(text))} must be one of {', '.join(words)}")
    return [f"{option.word}={text}"]  # as one word: a value may begin with a hyphen


def _text(option: RunOption, value: OneValue) -> str:
    if option.type is ON_OR_OFF and isinstance(value, bool):
        return "on" if value else "off"
    if option.type is DURATION and isinstance(value, timedelta):
        return f"{value / timedelta(milliseconds=1):.3f}ms"
    if isinstance(value, str | PathLike):
        return fspath(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return decimal_text(value) if isinstance(value, float) else str(value)
    valid = option.type.must_be or f"what {option.word} takes ({option.type.placeholder})"
    raise UsageError(f"{option.field}={brief(repr(value))} must be {valid}")


# --- words that give way --------------------------------------------------------------------------


def given_by(words: Iterable[str], values: Mapping[str, OptionValue]) -> set[str]:
    """Every word for an option that is given here: by words of a command line, or by name.

    None gives nothing; False and an empty list do.
    """
    found = {_BY_WORD[name] for word in words if (name := _name_in(word)) in _BY_WORD}
    found |= {_BY_FIELD[n] for n, value in values.items() if value is not None and n in _BY_FIELD}
    names = {word for option in found for word in option.words}
    return names.union(*(same for same in _SAME if same & names))


def without(words: Iterable[str], names: Collection[str]) -> list[str]:
    """Words of a command line but for these options, each with its value."""
    kept: list[str] = []
    name, value_follows = "", False
    for word in words:
        if not value_follows:
            name = _name_in(word)
        value_follows = not value_follows and word == name and _takes_value(name)
        if name not in names:
            kept.append(word)
    return kept


def _name_in(word: str) -> str:
    """The option that a word is or begins with: ``--rate``, ``--rate=30``, ``-u``, ``-u30``."""
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    return name if name.startswith("-") else ""


def _takes_value(name: str) -> bool:
    return name in _BY_WORD and _BY_WORD[name].type is not SWITCH

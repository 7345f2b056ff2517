"""Options of a run as Python writes them, as the words of a command line.

``rate=50, baseline="8s"`` becomes ``--rate=50 --baseline=8s``. The names are those of the one
table, `harness.plan.run_options`, with ``_`` for ``-``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from os import PathLike, fspath

from harness.core.errors import UsageError
from harness.plan.run_options import (
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
        return str(value)
    valid = option.type.must_be or f"what {option.word} takes ({option.type.placeholder})"
    raise UsageError(f"{option.field}={brief(repr(value))} must be {valid}")

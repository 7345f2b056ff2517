"""What a command says of itself: every option with its default, in one kind of words."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.cli.lazy_commands import LATER, load
from harness.plan.run_options import ALL_OPTIONS, GROUPS
from harness.report.junit import to_xml
from tests.cli.conftest import Ended
from tests.cli.processes import in_terminal

SUBCOMMANDS = ("run", "note", "action", "status", "record", "verify")
COMMANDS = [(name,) for name in LATER] + [("gameday", name) for name in SUBCOMMANDS]
PLACEHOLDER = re.compile(r"[A-Z][A-Z.:|a-z]*|[a-z]+(\|[a-z]+)+")


def test_help_of_a_run_has_every_option_in_groups_with_its_default(
    lendchaos: Callable[..., Ended],
) -> None:
    """Those that Locust reads, too: it cannot show them itself."""
    said = lendchaos("run", "--help").stdout
    text = "".join(said.split())

    assert re.findall(r"^(\w.*):$", said, re.MULTILINE)[1:] == [*GROUPS, "Options"]
    for option in ALL_OPTIONS:
        if not option.help:
            assert option.word not in text
            continue
        shown = f"{option.word}{option.type.placeholder}{option.sentence}".replace(" ", "")
        assert shown in text, option.word
        if option.shown_default:
            default = text.partition(shown)[2].partition("[default:")[2]
            assert default.startswith(option.shown_default.replace(" ", "")), option.word
    for of_locust in ("-u,--usersN", "-t,--run-timeTIME", "--processesN", "--htmlFILE"):
        assert of_locust in text


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_one_kind_of_placeholder_and_cuts_nothing(
    words: tuple[str, ...], lendchaos: Callable[..., Ended]
) -> None:
    """Words in capitals, or the words to choose from; so are defaults, whoever reads the option."""
    if words[0] == "help":
        words = ("help", "help")
    said = lendchaos(*words, "--help").stdout

    assert said == lendchaos(*words, "-h").stdout == lendchaos("help", *words).stdout
    assert "..." not in said.replace("...]", "")
    assert re.search(r"<\w|\{[^r]|default:\s+\(", said) is None
    command: Any = load(words[0])
    for name in words[1:] if words[0] == "gameday" else ():
        command = command.commands[name]
    for parameter in command.params:
        if not getattr(parameter, "is_flag", False):
            assert PLACEHOLDER.fullmatch(parameter.metavar), parameter.name


@pytest.mark.parametrize("words", [(), ("run",), ("gameday",), ("gameday", "run"), ("up",)])
def test_boxes_of_a_terminal_say_no_types_either(words: tuple[str, ...], tmp_path: Path) -> None:
    """Beside a switch there is nothing to be put in."""
    said = in_terminal(*words, "--help", cwd=tmp_path).decode()

    assert ("╭" in said, "<" in said, "[default: (" in said) == (True, False, False)


def test_a_value_keeps_its_letters_where_help_is_near(lendchaos: Callable[..., Ended]) -> None:
    """`-Hhost` is Locust's: neither its H nor its h asks for help."""
    done = lendchaos("run", "no-such-scenario", "-Hhttp://here")

    assert done.exit_code == 2
    assert "no scenario 'no-such-scenario'" in done.stderr


@pytest.mark.usefixtures("quick_locust")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        *[(("run", "baseline", word), 0) for word in ("--help", "-h", "--dry-run", "-lV", "-l")],
        (("run", "--help"), 0),
        (("run", "none", "--dry-run"), 2),
        *[(("report", *more), 0) for more in (("--help",), ("-h",), ("none", "--help"))],
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [True, False])
def test_who_only_asks_loses_no_result(
    words: tuple[str, ...], code: int, first: bool, lendchaos: Callable[..., Ended]
) -> None:
    """Help and a dry run promise that nothing is touched, wherever the files of CI are named."""
    old = {"a.xml": to_xml([]), "a.md": "### 🟢 PASS"}
    for name, text in old.items():
        Path(name).write_text(text)
    files = ("--junitxml=a.xml", "--summary", "a.md")
    done = lendchaos(words[0], *(*files, *words[1:]) if first else (*words[1:], *files))

    assert done.exit_code == code, done.stderr
    assert {name: Path(name).read_text() for name in old if Path(name).exists()} == old
    lendchaos("run", "none", *files)
    assert not any(Path(name).exists() for name in old)


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_the_version_is_told(word: str, lendchaos: Callable[..., Ended]) -> None:
    """As every tool of this kind does."""
    done = lendchaos(word)

    assert (done.exit_code, done.stderr) == (0, "")
    assert re.fullmatch(r"lendchaos \d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("baselin", "baseline"), ("networkpartition", "network_partition"), ("Baseline", "baseline")],
)
def test_a_scenario_that_is_nearly_right_is_suggested(
    typed: str, meant: str, lendchaos: Callable[..., Ended]
) -> None:
    """Before all those that there are."""
    done = lendchaos("run", typed)

    assert done.exit_code == 2
    assert f"did you mean {meant}? There are: " in done.stderr


def test_what_is_like_none_is_not_guessed(lendchaos: Callable[..., Ended]) -> None:
    """The list alone."""
    assert "did you mean" not in lendchaos("run", "zzz").stderr


@pytest.mark.parametrize("typed", ["hepl", "hel", "helpp"])
def test_who_asks_for_help_is_not_led_to_heal(typed: str, lendchaos: Callable[..., Ended]) -> None:
    """It would end a run that is under way."""
    done = lendchaos(typed)

    assert "Did you mean 'help'?" in done.stderr
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("asked", "first"),
    [("recovery", "recovery_seconds_max"), ("Recovery", "recovery_seconds_max"), ("pass", "0"),
     ("fail", "1"), ("failed", "1"), ("inconclusive", "3"), ("usage", "2")],
)  # fmt: skip
def test_words_of_a_report_lead_somewhere(
    asked: str, first: str, lendchaos: Callable[..., Ended]
) -> None:
    """What a reader would look up, without knowing the code."""
    done = lendchaos("explain", asked)

    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{first} (")

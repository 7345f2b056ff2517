"""Foreign text stays text, however it is cut into lines and writes."""

import io
import json
import random
import sys

import pytest

from harness.core import foreign_text
from harness.core.foreign_text import break_commands, clean, printable_json
from tests.commands_to_ci import commands_in, hostile, unseen_in

SEEDS = range(400)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n\tc", "a b c"),
        ("one: two::three", "one: two::three"),
        ("\n::error::x", " : :error::x"),
        ("##vso[task.complete]", "##vso [task.complete]"),
        ("##[error]", "## [error]"),
        ("# heading [x]", "# heading [x]"),
        ("\x00\x1b[31m\u202e\ud800", "\ufffd\ufffd[31m\ufffd\ufffd"),
        ("Zoë: 10 €, 界", "Zoë: 10 €, 界"),
        ("می\u200cشود 👩\u200d💻", "می\u200cشود 👩\u200d💻"),
        ("L\u200d1 ::\u200c", "L\ufffd1 ::\ufffd"),
    ],
)
def test_one_clean_line(text: str, shown: str) -> None:
    """It reads as before; what would be obeyed has one blank more."""
    assert clean(text) == shown


def test_no_text_becomes_a_command() -> None:
    """Of many made at random; all are commands before."""
    texts = [hostile(random.Random(seed)) for seed in SEEDS]

    assert sum(bool(commands_in(text)) for text in texts) > len(texts) / 2
    assert [text for text in texts if commands_in(clean(text)) or unseen_in(clean(text))] == []
    assert [text for text in texts if len(clean(text).splitlines()) != 1] == []
    assert [text for text in texts if commands_in(break_commands(text))] == []


class Terminal(io.TextIOWrapper):
    """It says that it is one."""

    def isatty(self) -> bool:
        """It does."""
        return True


def guarded() -> tuple[io.TextIOWrapper, io.BytesIO]:
    """A stream that is guarded, and what reaches the other end."""
    received = io.BytesIO()
    stream = io.TextIOWrapper(received, encoding="utf-8", errors="backslashreplace")
    foreign_text.guard(stream)
    return stream, received


def test_no_stream_lets_a_command_out() -> None:
    """Written whole, in lines, or in the smallest pieces, by print or by an exception."""
    for seed in SEEDS:
        chance = random.Random(seed)
        text = hostile(chance)
        stream, received = guarded()
        at = 0
        while at < len(text):
            size = chance.choice((1, 1, 2, 7, 400))
            assert stream.write(text[at : at + size]) == len(text[at : at + size])
            at += size
        print(text, file=stream)
        stream.writelines([text, "\n"])
        stream.flush()
        out = received.getvalue().decode()
        assert (commands_in(out), unseen_in(out)) == ([], []), text


def test_what_is_ours_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours, the cursor, lines and blanks as they are; commands by the one way there is."""
    monkeypatch.setattr(io, "TextIOWrapper", Terminal)
    stream, received = guarded()
    text = "\x1b[1;31merror\x1b[0m a::b\n\x1b[2K\r\x1b[1A  progress: 界\n"
    stream.write(text)
    monkeypatch.setattr(sys, "stderr", stream)
    foreign_text.write_commands(["::error title=a::b", "::warning::c"])
    foreign_text.guard(stream)  # a second time changes nothing
    stream.write("::error::d\n")
    stream.flush()

    ours = "::error title=a::b\n::warning::c\n"
    assert received.getvalue().decode() == f"{text}{ours}: :error::d\n"


def test_words_of_every_language_go_through() -> None:
    """Letters of Persian, Hindi and emoji are joined, or not, by what cannot be seen."""
    text = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f4bb\n"
    stream, received = guarded()
    stream.write(text)
    stream.flush()

    assert received.getvalue().decode() == text


def test_our_commands_begin_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a line that was not ended, they would not be obeyed."""
    stream, received = guarded()
    monkeypatch.setattr(sys, "stderr", stream)
    stream.write("half a line")
    foreign_text.write_commands(["::error::x"])
    stream.flush()

    assert received.getvalue().decode() == "half a line\n::error::x\n"


def test_what_is_no_text_is_told_as_ever() -> None:
    """Code for two versions of Python tries bytes first."""
    with pytest.raises(TypeError):
        guarded()[0].write(b"bytes")  # type: ignore[arg-type]


def test_json_says_the_same() -> None:
    """A reader gets every letter; a log has no command and nothing that cannot be seen."""
    for seed in SEEDS:
        text = hostile(random.Random(seed)).replace("\ud800", "\U000e0001")
        document = printable_json(json.dumps({"a": [text]}, indent=2, ensure_ascii=False))
        stream, received = guarded()
        stream.write(document)
        stream.flush()
        assert received.getvalue().decode() == document
        assert json.loads(document) == {"a": [text]}
        assert (commands_in(document), unseen_in(document)) == ([], [])
    assert json.loads(printable_json('["\ud800"]')) == ["\ufffd"]

"""The screen and the keys of a game day: what fits, what is told, what a key does."""

import unicodedata
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console, RenderableType

from harness.apps.gameday.attended import WORD_SECONDS_MAX, Attended, Keyboard
from harness.apps.gameday.screen import live, texts
from harness.apps.gameday.session_store import Event, Session, What, command
from harness.apps.gameday.view import Message, Stage, UnderWay, View, too_soon
from tests.gameday.days import ABORT, GO, NO_GO, PAUSE, PLAN, PREVIEWS

CUT, KILLED, BY_HAND = PLAN.steps
STARTED = Event(What.STEP_STARTED, "2026-11-27T09:00:00.000Z", "cut")
ENDED = Event(What.STEP_ENDED, "2026-11-27T09:01:00.000Z", "cut", "done")
SENTENCE = "4 of 9 borrow requests failed."
RAN = Event(What.RUN_ENDED, "2026-11-27T09:01:00.000Z", "cut", SENTENCE, "", "cut-1", 1, "fail")
VIEW = View(stage=Stage.BRIEFING, plan=PLAN, previews=PREVIEWS, session=Session(Path("day"), ()))
GOING = replace(
    VIEW,
    stage=Stage.GOING,
    step=CUT,
    session=Session(Path("day"), (STARTED,)),
    under_way=UnderWay(CUT, 1, began_s=90.0, zero_s=100.0, phase="baseline", until_s=4.0),
)


def printed(*shown: RenderableType, width: int = 200) -> list[str]:
    """The lines that a terminal shows."""
    out = StringIO()
    Console(file=out, width=width, force_terminal=False).print(*shown)
    return out.getvalue().splitlines()


def drawn(view: View, typing: str | None = None, width: int = 80) -> list[str]:
    """The lines that live, a second after the end of the warm-up."""
    return printed(live(view, typing, 101.0), width=width)


def told(view: View) -> str:
    """What stays on the terminal when a view is shown first, as one text."""
    return " ".join(" ".join(printed(*texts(view))).split())


@pytest.mark.parametrize(("width", "height"), [(80, 12), (200, 12), (40, 16)])
@pytest.mark.parametrize("stage", list(Stage))
def test_what_lives_fits(stage: Stage, width: int, height: int) -> None:
    """Few lines, none wider than the terminal; abort word and keys always stand."""
    view = replace(GOING, stage=stage, said="just now")
    lines = drawn(view, width=width)

    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width
    assert "abort word: halt" in lines[0]


def test_the_briefing_says_what_will_happen() -> None:
    """Hypothesis, roles, abort word, every step with its blast radius and what ends it."""
    text = told(VIEW)

    for said in (
        "It comes back by itself.",
        "lead Lin",
        "halt: anyone who says or types it",
        *("1. cut", "2. killed", "3. by hand", "Zhao pulls a plug", "back within 5 s"),
        "30 arrivals a second for 10 s; warm-up 2 s, baseline 4 s",
        "1-partition, 4 s to 6 s: bytes vanish",
        "1-partition touches link database",
        "a loan is paid out twice",
    ):
        assert said in text


def test_a_countdown_to_what_comes_next() -> None:
    """Phase, fault, heal and end, each with the seconds that are left."""
    text = "\n".join(lines := drawn(GOING))

    assert "cut: baseline, 3 s left; 7 s to the end of the load" in text
    for said in ("3 s  1-partition breaks", "5 s  1-partition heals", "5 s  recovery begins"):
        assert said in text
    assert "a ABORT" in lines[-1]


def test_expected_stands_beside_observed() -> None:
    """Of the step that is over, when the next one is asked for, and of all of them at the close."""
    view = replace(
        VIEW,
        stage=Stage.ASKING,
        step=KILLED,
        session=Session(Path("day"), (STARTED, RAN, ENDED)),
    )

    assert "Go or no-go? 2. killed" in drawn(view)[1]
    for text in (told(view), told(replace(view, stage=Stage.CLOSING, step=None))):
        assert "expected back within 5 s observed FAIL 4 of 9 borrow requests failed." in text


def test_what_happens_is_told_once_and_what_is_typed_is_seen() -> None:
    """With the time of day; foreign text drives no terminal."""
    note = Event(What.NOTE, "2026-11-27T09:00:07.000Z", "cut", "queue\x1b[2J grows")
    view = replace(GOING, session=Session(Path("day"), (STARTED, note)))
    out = StringIO()
    people = Attended(Console(file=out, width=80), "halt", lambda _: None, lambda: 101.0)
    for _ in range(2):
        people.show(view)

    lines = out.getvalue().splitlines()
    assert lines == ["09:00:00  [cut] step started", "09:00:07  [cut] note: queue\ufffd[2J grows"]
    assert "note> half a no" in drawn(view, "half a no")[-1]


def test_a_terminal_that_is_gone_ends_no_day() -> None:
    """What cannot be told there is lost, and the run goes on to its end."""

    class Gone(StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    people = Attended(Console(file=Gone(), width=80), "halt", lambda _: None, lambda: 101.0)
    people.show(GOING)
    people.show(VIEW)


def test_a_fault_is_injected_by_hand_only_where_one_is() -> None:
    """The keys are told for that step alone."""
    by_hand = replace(GOING, step=BY_HAND, under_way=UnderWay(BY_HAND, 1, 90.0))

    assert "x fault injected" in drawn(by_hand)[-1]
    assert "x fault injected" not in drawn(GOING)[-1]
    assert "by hand Zhao pulls a plug" in told(replace(by_hand, stage=Stage.ASKING))


def test_no_fault_is_injected_by_hand_before_the_load() -> None:
    """Nor before its baseline is over; other steps have none."""
    by_hand = replace(GOING, step=BY_HAND, under_way=UnderWay(BY_HAND, 1, 90.0))

    said = "the manual fault may not be injected yet: the load has not begun"
    assert too_soon(by_hand, 100.0) == said
    assert too_soon(GOING, 100.0) == ""


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["h\u00e9la", "he\u0301la", "\u0958\u0932\u092e"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_one_however_it_is_encoded(word: str, form: Literal["NFC", "NFD"]) -> None:
    """An editor and a keyboard may differ in that, unseen."""
    heard: list[Message] = []
    for typed in (word, f"t{word}\r"):
        Keyboard(word, heard.append).press(unicodedata.normalize(form, typed))

    assert heard == 2 * [command(What.ABORT, "word")]


class Typist:
    """Presses keys at a time of its own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.heard: list[Message] = []
        self.keyboard = Keyboard("halt", self.heard.append, clock=lambda: self.now_s)

    def types(self, keys: str, every_s: float = 0.1) -> list[Message]:
        """One key after the other; all that was ordered so far."""
        for key in keys:
            self.now_s += every_s
            self.keyboard.press(key)
        return self.heard


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        *(("g", [GO]), ("n", [NO_GO]), ("a", [ABORT]), ("p", [PAUSE]), ("q", [PAUSE])),
        ("x", [command(What.INJECTED)]),
        ("r", [command(What.RESTORED)]),
        *(("z", []), ("j", []), ("\x1b", [])),
        ("tit is slow\n", [command(What.NOTE, "it is slow")]),
        (":  two   words \r", [command(What.NOTE, "two words")]),
        ("tabx\x7fc\n", [command(What.NOTE, "abc")]),
        ("tgone\x1bg", [GO]),
        ("t\n", []),
        ("t@bob raise it\n", [command(What.ACTION, "raise it", "bob")]),
        ("t@bob\n", [command(What.NOTE, "@bob")]),
        ("tplease halt it\n", [command(What.NOTE, "please halt it")]),
        ("tHalt", [command(What.ABORT, "word")]),
        (":halt\n", [command(What.ABORT, "word")]),
        ("tx\x7fhalt\n", [command(What.ABORT, "word")]),
    ],
)
def test_what_keys_order(keys: str, orders: list[Message]) -> None:
    """One key is enough to abort; the abort word is, too, but not within a note."""
    assert Typist().types(keys) == orders


def test_the_abort_word_is_heard_without_a_key_before_it() -> None:
    """Some of its letters are keys: the word is what ends it, or already its `a`."""
    assert Typist().types("halt")[-1] == command(What.ABORT, "word")
    assert Typist().types("HALT") == [command(What.ABORT, "word")]


def test_letters_far_apart_are_no_word() -> None:
    """Two people at one keyboard type no abort word together."""
    typist = Typist()
    typist.types("HAL")
    typist.now_s += WORD_SECONDS_MAX + 1

    assert typist.types("T") == []


def test_arrows_and_pasted_escapes_order_nothing() -> None:
    """Nor is any of their letters a key."""
    typist = Typist()
    for keys in ("\x1b[B", "\x1b[B", "\x1b[A", "\x1b[15~", "\x1bOP"):
        typist.keyboard.press(keys)

    assert typist.heard == []

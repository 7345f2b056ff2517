"""The screens and keys of a game day: what fits, what is shown, what a key does."""

import unicodedata
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from harness.apps.gameday.keyboard import WORD_SECONDS_MAX, Keyboard
from harness.apps.gameday.screen import Looking, Screen
from harness.apps.gameday.session import Event, Session, What
from harness.apps.gameday.view import (
    Command,
    Message,
    Order,
    Stage,
    StepOutcome,
    UnderWay,
    View,
    too_soon,
)
from harness.report.tables import Tile
from tests.gameday.days import ABORT, FORESEEN, GO, NO_GO, PAUSE, PLAN

CUT, KILLED, BY_HAND = PLAN.steps
STARTED = Event(What.STEP_STARTED, "2026-11-27T09:00:00.000Z", "cut")
OUTCOME = StepOutcome("fail", "4 of 9 borrow requests failed.", (Tile("Lent twice", "1", ()),))
VIEW = View(stage=Stage.BRIEFING, plan=PLAN, foreseen=FORESEEN, session=Session(Path("day"), ()))
GOING = replace(
    VIEW,
    stage=Stage.GOING,
    step=CUT,
    session=Session(Path("day"), (STARTED,)),
    under_way=UnderWay(CUT, 1, began_s=90.0, zero_s=100.0, phase="baseline", until_s=4.0),
)


def drawn(
    view: View, now_s: float = 101.0, size: tuple[int, int] = (80, 24), **looks: object
) -> list[str]:
    """The lines of one screen."""
    screen = Screen(lambda: now_s, Looking(**looks), view)  # type: ignore[arg-type]
    out = StringIO()
    console = Console(file=out, width=size[0], height=size[1], force_terminal=False)
    console.print(screen, height=size[1], end="")
    return out.getvalue().splitlines()


def everything(view: View) -> str:
    """All that can be seen by scrolling, as one text."""
    return " ".join(" ".join(drawn(view, size=(200, 200))).split())


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 12)])
@pytest.mark.parametrize("stage", list(Stage))
def test_every_screen_fits(stage: Stage, size: tuple[int, int]) -> None:
    """As many lines as the terminal has, none wider; title and keys always stand."""
    lines = drawn(replace(GOING, stage=stage, said="just now"), size=size)

    assert len(lines) == size[1]
    assert max(len(line) for line in lines) <= size[0]
    assert "abort word: halt" in lines[0]


def test_the_briefing_says_what_will_happen() -> None:
    """Hypothesis, roles, abort word, every step with its blast radius and what ends it."""
    text = everything(VIEW)

    for said in (
        "It comes back by itself.",
        "lead Lin",
        "halt: whoever says or types it",
        *("1. cut", "2. killed", "3. by hand", "Zhao pulls a plug", "back within 5 s"),
        "1-partition, 4 s to 6 s: bytes vanish",
        "1-partition touches link database; not touched: link edge",
        "a loan is paid out twice",
    ):
        assert said in text
    assert "127.0.0.1" not in text


def test_what_does_not_fit_is_told_and_can_be_scrolled_to() -> None:
    """The last step is on no first screen of 24 lines, and on the last one."""
    first, last = "\n".join(drawn(VIEW)), "\n".join(drawn(VIEW, scrolled=500))

    assert "more lines: space" in first
    assert "3. by hand" not in first
    assert "3. by hand" in last
    assert "more lines" not in last


def test_a_countdown_to_what_comes_next() -> None:
    """Phase, fault, heal and end, each with the seconds that are left."""
    lines = drawn(GOING, now_s=101.0)

    text = "\n".join(lines)
    assert "baseline, 3 s left" in text
    for said in ("3 s  1-partition breaks", "5 s  1-partition heals", "5 s  recovery begins"):
        assert said in text
    assert "7 s to the end of the load" in text
    assert "a ABORT" in lines[-1]


def test_expected_stands_beside_observed() -> None:
    """For every step that is over, when the next one is asked for."""
    ended = Event(What.STEP_ENDED, "2026-11-27T09:01:00.000Z", "cut", "done")
    view = replace(
        VIEW,
        stage=Stage.ASKING,
        step=KILLED,
        session=Session(Path("day"), (STARTED, ended)),
        outcomes={"cut": OUTCOME},
    )

    text = everything(view)
    assert "Go or no-go? 2. killed" in text
    assert "expected back within 5 s observed FAIL 4 of 9 borrow requests failed." in text
    assert "lent twice 1" in text


def test_notes_and_what_is_typed_are_seen() -> None:
    """With the time of day; foreign text drives no terminal."""
    note = Event(What.NOTE, "2026-11-27T09:00:07.000Z", "cut", "queue\x1b[2J grows")
    view = replace(GOING, session=Session(Path("day"), (STARTED, note)))

    lines = drawn(view, typing="half a no")
    assert any("09:00:07  [cut] note: queue\ufffd[2J grows" in line for line in lines)
    assert "note> half a no" in lines[-1]


def test_a_plug_is_pulled_by_hand_only_where_one_is() -> None:
    """The keys are told for that step alone."""
    by_hand = replace(GOING, step=BY_HAND, under_way=UnderWay(BY_HAND, 1, 90.0))

    assert "x plug pulled" in drawn(by_hand)[-1]
    assert "x plug pulled" not in drawn(GOING)[-1]
    assert "by hand: Zhao pulls a plug" in everything(by_hand)


def test_no_plug_is_pulled_before_the_load() -> None:
    """Nor before its baseline is over; other steps have none."""
    by_hand = replace(GOING, step=BY_HAND, under_way=UnderWay(BY_HAND, 1, 90.0))

    assert too_soon(by_hand, 100.0) == "the plug may not be pulled yet: the load has not begun"
    assert too_soon(GOING, 100.0) == ""


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["h\u00e9la", "he\u0301la", "\u0958\u0932\u092e"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_one_however_it_is_encoded(word: str, form: Literal["NFC", "NFD"]) -> None:
    """An editor and a keyboard may differ in that, unseen."""
    heard: list[Message] = []
    for typed in (word, f"t{word}\r"):
        Keyboard(word, heard.append).press(unicodedata.normalize(form, typed))

    assert heard == 2 * [Command(Order.ABORT, "word")]


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
        ("x", [Command(Order.PULLED)]),
        ("r", [Command(Order.RESTORED)]),
        *(("z", []), ("j", []), ("\x1b", [])),
        ("tit is slow\n", [Command(Order.NOTE, "it is slow")]),
        (":  two   words \r", [Command(Order.NOTE, "two words")]),
        ("tabx\x7fc\n", [Command(Order.NOTE, "abc")]),
        ("tgone\x1bg", [GO]),
        ("t\n", []),
        ("t@bob raise it\n", [Command(Order.ACTION, "raise it", "bob")]),
        ("t@bob\n", [Command(Order.NOTE, "@bob")]),
        ("tplease halt it\n", [Command(Order.NOTE, "please halt it")]),
        ("tHalt", [Command(Order.ABORT, "word")]),
        (":halt\n", [Command(Order.ABORT, "word")]),
        ("tx\x7fhalt\n", [Command(Order.ABORT, "word")]),
    ],
)
def test_what_keys_order(keys: str, orders: list[Message]) -> None:
    """One key is enough to abort; the abort word is, too, but not within a note."""
    assert Typist().types(keys) == orders


def test_the_abort_word_is_heard_without_a_key_before_it() -> None:
    """Some of its letters are keys: the word is what ends it, or already its `a`."""
    assert Typist().types("halt")[-1] == Command(Order.ABORT, "word")
    assert Typist().types("HALT") == [Command(Order.ABORT, "word")]


def test_letters_far_apart_are_no_word() -> None:
    """Two people at one keyboard type no abort word together."""
    typist = Typist()
    typist.types("HAL")
    typist.now_s += WORD_SECONDS_MAX + 1

    assert typist.types("T") == []


def test_arrows_and_pasted_escapes_order_nothing() -> None:
    """They scroll, or do nothing."""
    typist = Typist()
    for keys in ("\x1b[B", "\x1b[B", "\x1b[A", "\x1b[15~", "\x1bOP"):
        typist.keyboard.press(keys)

    assert typist.heard == []
    assert typist.keyboard.looking.scrolled == 1

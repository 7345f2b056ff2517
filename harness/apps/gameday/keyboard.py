"""The terminal of a game day: keys become orders, and views become screens.

Keys are read one by one, without a line to be sent off, and are not shown; a note is typed at the
foot of the screen. Signals become orders, too: whoever closes the terminal pauses the day.
"""

import codecs
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live

from harness.apps.gameday.screen import Looking, Screen
from harness.apps.gameday.view import Command, Message, Order, View
from harness.core.terminal import let_go_of_terminal

LOST = "lost terminal"
WORD_SECONDS_MAX = 2.0
"""Longer between two letters, and they are no longer one word."""
NOTE_LETTERS_MAX = 500
_ESCAPE, _ENTER, _BACK = "\x1b", ("\r", "\n"), ("\x7f", "\b")
_KEYS = {
    "g": Command(Order.GO),
    "n": Command(Order.NO_GO),
    "s": Command(Order.NO_GO),
    "a": Command(Order.ABORT, "key"),
    "p": Command(Order.PAUSE),
    "q": Command(Order.PAUSE),
    "x": Command(Order.PULLED),
    "r": Command(Order.RESTORED),
}
_SCROLL = {" ": 10, "b": -10, "j": 1, "k": -1}
_ARROWS = {"[A": "k", "[B": "j", "[5~": "b", "[6~": " ", "OA": "k", "OB": "j"}


def _alike(text: str) -> str:
    """The same for all ways to write a word: capitals, and accents that stand for themselves."""
    return unicodedata.normalize("NFC", text.casefold())


@dataclass(slots=True)
class Keyboard:
    """Makes orders of what is typed."""

    abort_word: str
    post: Callable[[Message], None]
    looking: Looking = field(default_factory=Looking)
    clock: Callable[[], float] = time.monotonic
    _letters: str = ""
    _last_s: float = 0.0

    def press(self, keys: str) -> None:
        """What was read at once: one key, an escape sequence, or a pasted text."""
        if keys.startswith(_ESCAPE) and len(keys) > 1:
            keys = _ARROWS.get(keys[1:], "")
        for key in keys:
            self._press(key)

    def _press(self, key: str) -> None:
        if self._completes_abort_word(key):
            self.looking.typing = None
            self.post(Command(Order.ABORT, "word"))
        elif self.looking.typing is not None:
            self._type(key)
        elif key in ("t", ":"):
            self.looking.typing = ""
        elif key in _SCROLL:
            self.looking.scrolled += _SCROLL[key]
        elif key in _KEYS:
            self.looking.scrolled = 0
            self.post(_KEYS[key])

    def _completes_abort_word(self, key: str) -> bool:
        """Whether the abort word was typed, alone and in one go, whatever its letters mean."""
        now_s = self.clock()
        if now_s - self._last_s > WORD_SECONDS_MAX and self.looking.typing is None:
            self._letters = ""
        self._last_s = now_s
        word = _alike(self.abort_word)
        ends = key in (*_ENTER, _ESCAPE) or (key == " " and self.looking.typing is None)
        self._letters = "" if ends else _alike(self._letters + key)
        if self._letters not in (word, f"t{word}", f":{word}"):
            return False
        self._letters = ""
        return True

    def _type(self, key: str) -> None:
        text = self.looking.typing or ""
        if key in _ENTER:
            self.looking.typing = None
            self._keep(" ".join(text.split()))
        elif key == _ESCAPE:
            self.looking.typing = None
        elif key in _BACK:
            self.looking.typing = text[:-1]
        elif key.isprintable() and len(text) < NOTE_LETTERS_MAX:
            self.looking.typing = text + key

    def _keep(self, text: str) -> None:
        if text.startswith("@"):
            who, _, what = text[1:].partition(" ")
            if who and what:
                self.post(Command(Order.ACTION, what, who))
                return
        if _alike(text) == _alike(self.abort_word):
            self.post(Command(Order.ABORT, "word"))
        elif text:
            self.post(Command(Order.NOTE, text))


class Terminal:
    """Shows views on a whole screen and reads keys, until it is left."""

    def __init__(
        self, console: Console, abort_word: str, post: Callable[[Message], None], screen: Screen
    ) -> None:
        self._post, self._screen = post, screen
        self._keyboard = Keyboard(abort_word, post, screen.looking)
        self._live = Live(
            screen, console=console, screen=True, refresh_per_second=5, transient=False
        )
        self._left = threading.Event()

    def show(self, view: View) -> None:
        """Draw this view from now on."""
        self._screen.view = view

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts, the terminal is ours."""
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        reader = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        with signals_as_orders(self._post):
            tty.setcbreak(descriptor)
            # What was typed before there was a question is no answer to it.
            termios.tcflush(descriptor, termios.TCIFLUSH)
            reader.start()
            try:
                with self._live:
                    yield
            finally:
                self._left.set()
                with suppress(termios.error):  # the terminal may be gone
                    termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _read(self, descriptor: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not self._left.is_set():
            try:
                if not select.select([descriptor], [], [], 0.2)[0]:
                    continue
                body = os.read(descriptor, 1024)
            except OSError:
                body = b""
            if not body:
                self._lose()
                return
            self._keyboard.press(decoder.decode(body))

    def _lose(self) -> None:
        lose(self._post)


def lose(post: Callable[[Message], None]) -> None:
    """Nobody sees or says anything any more: what is under way ends, and the day is paused."""
    post(Command(Order.ABORT, LOST))
    post(Command(Order.PAUSE, LOST))


@contextmanager
def signals_as_orders(post: Callable[[Message], None], *, attended: bool = True) -> Iterator[None]:
    """Signals that end a program become orders; stopping it would leave a run without anybody.

    A Ctrl-C ends what is under way; where nobody is asked afterwards, it ends the day, too.
    """

    def heard(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
            lose(post)
        elif number == signal.SIGINT and attended:
            post(Command(Order.ABORT, "key"))
        else:
            post(Command(Order.ABORT, "signal"))
            post(Command(Order.PAUSE, LOST))

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
        numbers.append(signal.SIGHUP)
    before: dict[int, Any] = {number: signal.signal(number, heard) for number in numbers}
    if attended:
        before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

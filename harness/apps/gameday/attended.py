"""Who attends a game day: people at a terminal, or nobody.

What happens is told in lines that stay; below them a few lines live. Keys are read one by one,
without a line to be sent off; a note is typed in the last line. Signals become commands, too:
whoever closes the terminal pauses the day.
"""

import codecs
import os
import queue
import select
import signal
import sys
import termios
import threading
import time
import tty
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from harness.apps.gameday import screen
from harness.apps.gameday.conduct import GameDay
from harness.apps.gameday.day_plan import GameDayPlan
from harness.apps.gameday.running import Runner
from harness.apps.gameday.session_store import LOST, SessionStore, What, command
from harness.apps.gameday.unattended import Unattended
from harness.apps.gameday.view import Message, Stage, View
from harness.core.standard_streams import let_go_of_terminal
from harness.run.preview import PreviewDocument

WORD_SECONDS_MAX = 2.0
"""Longer between two letters, and they are no longer one word."""
NOTE_LETTERS_MAX = 500
_ESCAPE, _ENTER, _BACK = "\x1b", ("\r", "\n"), ("\x7f", "\b")
KEYS = {
    "g": command(What.GO),
    "n": command(What.NO_GO),
    "s": command(What.NO_GO),
    "a": command(What.ABORT, "key"),
    "p": command(What.PAUSED),
    "q": command(What.PAUSED),
    "x": command(What.INJECTED),
    "r": command(What.RESTORED),
}
Post = Callable[[Message], None]


def _alike(text: str) -> str:
    """The same for all ways to write a word: capitals, and accents that stand for themselves."""
    return unicodedata.normalize("NFC", text.casefold())


class Keyboard:
    """Makes commands of what is typed; ``typing`` is the note that is being written."""

    def __init__(
        self, abort_word: str, post: Post, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.typing: str | None = None
        self._word, self._post, self._clock = _alike(abort_word), post, clock
        self._letters, self._last_s = "", 0.0

    def press(self, keys: str) -> None:
        """What was read at once: one key, or a pasted text; arrows and the like do nothing."""
        if not keys.startswith(_ESCAPE) or keys == _ESCAPE:
            for key in keys:
                self._press(key)

    def _press(self, key: str) -> None:
        if self._completes_abort_word(key):
            self.typing = None
            self._post(command(What.ABORT, "word"))
        elif self.typing is not None:
            self._type(key, self.typing)
        elif key in ("t", ":"):
            self.typing = ""
        elif key in KEYS:
            self._post(KEYS[key])

    def _completes_abort_word(self, key: str) -> bool:
        """Whether the abort word was typed, alone and in one go, whatever its letters mean."""
        late = self._clock() - self._last_s > WORD_SECONDS_MAX
        self._last_s = self._clock()
        before = "" if late and self.typing is None else self._letters
        ends = key in (*_ENTER, _ESCAPE) or (key == " " and self.typing is None)
        self._letters = "" if ends else _alike(before + key)
        found = self._letters in (self._word, f"t{self._word}", f":{self._word}")
        self._letters = "" if found else self._letters
        return found

    def _type(self, key: str, text: str) -> None:
        if key in _ENTER:
            self.typing = None
            self._keep(" ".join(text.split()))
        elif key == _ESCAPE:
            self.typing = None
        elif key in _BACK:
            self.typing = text[:-1]
        elif key.isprintable() and len(text) < NOTE_LETTERS_MAX:
            self.typing = text + key

    def _keep(self, text: str) -> None:
        who, _, what = text.removeprefix("@").partition(" ")
        if text.startswith("@") and who and what:
            self._post(command(What.ACTION, what, who))
        elif _alike(text) == self._word:
            self._post(command(What.ABORT, "word"))
        elif text:
            self._post(command(What.NOTE, text))


class Attended:
    """Shows views on a terminal and reads keys, until it is left."""

    def __init__(
        self, console: Console, abort_word: str, post: Post, clock: Callable[[], float]
    ) -> None:
        self._console, self._post, self._clock = console, post, clock
        self._keyboard = Keyboard(abort_word, post)
        self._teller = screen.Teller(self._print)
        self._view: View | None = None
        self._asked: tuple[Stage, str] | None = None
        self._live = Live(get_renderable=self._lines, console=console, transient=True)
        self._left = threading.Event()

    def show(self, view: View) -> None:
        """Tell what is new, and show this view from now on."""
        self._teller.tell_news(view)
        asked = (view.stage, "" if view.step is None else view.step.name)
        if asked != self._asked:
            for text in screen.texts(view):
                self._print(text)
        self._asked, self._view = asked, view

    def _print(self, text: RenderableType) -> None:
        with suppress(OSError):  # a terminal that has just been closed must not end a run
            self._console.print(text, markup=False, highlight=False)

    def _lines(self) -> RenderableType:
        if self._view is None:
            return ""
        return screen.live(self._view, self._keyboard.typing, self._clock())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts, the terminal is ours."""
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        reader = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        with signals_as_commands(self._post):
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
                lose(self._post)
                return
            self._keyboard.press(decoder.decode(body))


def attend(
    plan: GameDayPlan,
    previews: Mapping[str, PreviewDocument],
    store: SessionStore,
    runner: Runner,
    *,
    console: Console | None,
    tell: Callable[[str], None],
    by: str,
    details: Mapping[str, str] | None = None,
    speed: float | None = None,
) -> int:
    """Conduct a day with people at a ``console``, or with nobody, who is told in lines; its exit
    code. ``speed`` is that of a rehearsal.
    """
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    post, rehearsal = inbox.put, speed is not None

    def clock() -> float:
        return time.monotonic() * (speed or 1.0)

    front: Attended | Unattended
    if console is None:
        front = Unattended(post, tell, clock, rehearsal=rehearsal)
        shown = signals_as_commands(post, attended=False)
    else:
        front = Attended(console, plan.abort_word, post, clock)
        shown = front.shown()
    how: dict[str, Any] = {"by": by, "details": details, "clock": clock, "rehearsal": rehearsal}
    with shown:
        return GameDay(plan, previews, store, runner, inbox=inbox, show=front.show, **how).conduct()


def lose(post: Post) -> None:
    """Nobody sees or says anything any more: what is under way ends, and the day is paused."""
    post(command(What.ABORT, LOST))
    post(command(What.PAUSED, LOST))


@contextmanager
def signals_as_commands(post: Post, *, attended: bool = True) -> Iterator[None]:
    """Signals that end a program become commands; stopping it would leave a run without anybody.

    A Ctrl-C ends what is under way; where nobody is asked afterwards, it ends the day, too.
    """

    def heard(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
            lose(post)
        elif number == signal.SIGINT and attended:
            post(command(What.ABORT, "key"))
        else:
            post(command(What.ABORT, "signal"))
            post(command(What.PAUSED, LOST))

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

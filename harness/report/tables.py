"""The parts that the sections of a report are made of."""

from dataclasses import dataclass

from harness.report import words

_BRIEF_MAX = 14
"""Letters; so few fit into a column of any table, on any screen."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a text, a remark under it, and long evidence that is folded away.

    ``tone`` (``pass``, ``fail``, ``inconclusive`` or none) only adds colour to what the text says.
    """

    text: str
    note: str = ""
    tone: str = ""
    folded: tuple[str, ...] = ()

    @property
    def wrapping(self) -> str:
        """How its text may be cut: ``brief`` not at all, ``words`` only between its words. What
        holds a longer word, a key say, may be cut anywhere.
        """
        if len(self.text) <= _BRIEF_MAX:
            return "brief"
        longest = max(map(len, self.text.split()), default=0)
        return "words" if longest <= _BRIEF_MAX else ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers; ``lead`` explains it and ``empty`` stands where there are no rows.

    ``digest`` is the figure that its heading shows while it is folded.
    """

    headers: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    empty: str = ""
    lead: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure of the first screen."""

    name: str
    figure: str
    notes: tuple[str, ...]
    tone: str = ""


def row(*cells: Cell | str) -> tuple[Cell, ...]:
    """A row in which plain texts are cells without more."""
    return tuple(Cell(words.clean(c)) if isinstance(c, str) else c for c in cells)

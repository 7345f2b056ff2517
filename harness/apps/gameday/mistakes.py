"""What would be valid, for a word of a plan that is not known."""

import difflib
from collections.abc import Iterable


def choices(word: str, known: Iterable[str]) -> str:
    """What may have been meant, or all there is."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else f"; valid are: {', '.join(words)}"

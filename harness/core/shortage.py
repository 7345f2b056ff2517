"""What this machine lacks when it can't make a connection: our own trouble, never the target's."""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass

_APART_SECONDS = 2.0
"""Shortages with less between them are of one stretch; a log may date them by whole seconds."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """One thing that a machine may lack; ``code`` is what an attempt shows as its error."""

    code: str
    text: str
    numbers: tuple[int, ...]


_SHORTAGES = (
    Shortage(
        "no_local_port",
        "no local port was left for a connection (more ports: sysctl net.ipv4.ip_local_port_range;"
        " fewer are used by a target that keeps connections open)",
        (errno.EADDRNOTAVAIL,),
    ),
    Shortage(
        "no_open_file",
        "too many files were open for another connection (more: `ulimit -n`)",
        (errno.EMFILE, errno.ENFILE),
    ),
    Shortage(
        "no_memory",
        "this machine had no memory left for a connection (a lower --rate needs less)",
        (errno.ENOBUFS, errno.ENOMEM),
    ),
    Shortage(
        "forbidden_here",
        "this machine forbade a connection (look at its firewall and its routes)",
        (errno.EPERM, errno.EACCES),
    ),
)
_BY_NUMBER = {number: shortage for shortage in _SHORTAGES for number in shortage.numbers}
_BY_WORDS = {f": {os.strerror(number).lower()}": found for number, found in _BY_NUMBER.items()}
_BY_CODE = {shortage.code: shortage for shortage in _SHORTAGES}


def shortage_of(error: BaseException | None) -> Shortage | None:
    """What a call to the system failed for lack of; None where it was not for such a thing."""
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None


def shortage_in(text: str) -> Shortage | None:
    """The same of an error that ends in the system's own words, as a program in Go tells it."""
    return next((found for words, found in _BY_WORDS.items() if text.endswith(words)), None)


def shortage_by_code(code: str | None) -> Shortage | None:
    """The same of an attempt's error."""
    return _BY_CODE.get(code or "")


def stretches(instants_s: Iterable[float]) -> list[tuple[float, float, int]]:
    """Instants in seconds as stretches: their first, their last, how many."""
    found: list[tuple[float, float, int]] = []
    for at_s in sorted(instants_s):
        if found and at_s - found[-1][1] <= _APART_SECONDS:
            begin_s, _, count = found.pop()
            found.append((begin_s, at_s, count + 1))
        else:
            found.append((at_s, at_s, 1))
    return found


def in_words(who: str, shortage: Shortage, begin_s: float, end_s: float, count: int) -> str:
    """One stretch, in seconds after zero; ``who`` wanted the connections."""
    times = f"{count:,} times from {begin_s:.1f} s to {end_s:.1f} s"
    if count == 1:
        times = f"once, at {begin_s:.1f} s"
    return f"our own machine, {times}, for {who}: {shortage.text}"

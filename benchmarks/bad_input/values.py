"""Bad words: numbers that are none, names that no file can have, texts that mean harm."""

# ruff: noqa: RUF001  # digits and letters that look like others are what is tried

import random
from typing import Any

ESCAPE = "\x1b]0;owned\x07\x1b[31m<script>alert(1)</script>\u202e"
COMMAND = "ok\n::error title=x::forged\n##vso[task.complete result=Succeeded;]\n\x1b[2J"
NO_WHOLE_NUMBERS = (
    *("abc", "", "1.5", "1e3", "0x10", "5_0x", "nan", "inf", "--", "１e", "⁵", "²"),
    *("9" * 5000, "-" + "9" * 5000, "12a", "1,5", "[1]", "\x1b[31m", "0" * 70 + "x"),
)
"""No option takes these for a number of anything."""
OTHER_DIGITS = ("５０", "٣", "１１", "৯", "𝟗")
"""Digits, but not ASCII."""
NO_NUMBERS = ("abc", "", "nan", "inf", "-inf", "1e400", "0,5", "5%", "0x1", "１", "9" * 5000)
NO_DURATIONS = (
    *("abc", "", "-1s", "999999h", "nan", "inf", "1d", "1..2s", "1e9s", "٣s", "５s", "1s2"),
    *("s", "1 0s", "9" * 5000 + "s", "1m-", "1S", "∞", "0x1s", "1h1"),
)
NO_SHARES = ("-0.1", "1.1", "nan", "inf", "abc", "0,5", "1e400", "", "٠.5", "5%", "-1e-9")
NO_PORTS = ("0", "-1", "65536", "70000", "abc", "1.5", "", "８０", "9" * 30, "0x50")
NO_HOSTS = (
    *("http://", "http://x", "https://127.0.0.1", "ftp://127.0.0.1", "127.0.0.1:80"),
    *("http://127.0.0.1:99999", "http://127.0.0.1:0", "http://127.0.0.1/path", "nonsense"),
    *("http://user:pw@127.0.0.1", "http://8.8.8.8", "http://localhost.evil.com", "http://[::1"),
    *("http://127.0.0.1.nip.io", "http://127.0.0.1:80?x=1", "http://[::ffff:8.8.8.8]:80"),
    *("http://１２７.0.0.1", "http://127.0.0.1:8０", "http://127.0.0.1\n.evil:80", "file:///"),
    *("http://%31%32%37.0.0.1", "http://" + "a" * 5000, "http://127.0.0.1:" + "9" * 5000),
    *("javascript:alert(1)", "http://\x1b[31m", "http://-", "http://..", "http://a b", "//"),
)
LONG = "a" * 300
NO_PATHS = (
    *(
        "",
        LONG,
        f"{LONG}/x",
        "loop",
        "loop/x",
        "f.txt/x",
        "/dev/null/x",
        "/proc/x/y",
        "\udcff\udcfe/x",
    ),
    *(
        "no/such/folder/x",
        "a\nb/x",
        f"{ESCAPE}/x",
        "dangling/x",
        "../" * 40 + "no/x",
        "/proc/self/mem",
    ),
)
"""Names under which nothing can be read, whatever it would be."""
STRANGE_PATHS = (
    *NO_PATHS,
    ".",
    "/",
    "f.txt",
    "empty",
    "fifo",
    "/dev/null",
    "/dev/zero",
    "-",
    "runs",
)
TEXTS = (
    *(
        "",
        " ",
        "nope",
        ",",
        ",,",
        LONG,
        ESCAPE,
        COMMAND,
        "\udcff",
        "-",
        "--",
        "é",
        "a b",
        "../x",
        "/",
    ),
    *("%s%n", "{0}", "$(touch pwned)", "`touch pwned`", "'; drop table loan; --", "x" * 100_000),
    *("None", "True", "[bold]x[/]", "[/]", "\u2028", "\ud7ff", "𝒳", "a\tb", "=", "null", "0"),
)
NUMBERS = (
    *(0, -1, 1, 5, 10**9, -(10**9), 9 * 10**18, -9 * 10**18, 2**63, 2**64, 10**21, 10**40, 10**400),
    *(0.5, -0.5, 1e-300, 1e300, -1e300, 1e18, 5e-324),
)
"""Numbers that no run has; not JSON's alone, see `ABSURD_TEXTS`."""
ABSURD_TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "1." + "0" * 5000)
OTHER_THINGS: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x",
    ESCAPE,
    COMMAND,
    [],
    {},
    [[]],
    {"a": 1},
    [None] * 3,
)


def spoilt(text: str, chance: random.Random) -> str:
    """A text with one to three small mistakes in it, as fingers and tools make them."""
    for _ in range(chance.randint(1, 3)):
        text = _spoil(text, chance)
    return text


def _spoil(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    place, line = chance.randrange(len(text) + 1), chance.randrange(len(lines))
    odd = chance.choice([*"{}[]:,\"'\\#-\t\n ()*&!|>%@`", "\x00", "\x1b", "\ufeff", "é", "\u2028"])
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice([*NO_DURATIONS[:8], *TEXTS[:10]])
    return chance.choice(
        (
            text[:place],
            text[:place] + odd + text[place:],
            text[:place] + text[place + chance.randint(1, 12) :],
            "".join([*lines[:line], *lines[line + 1 :]]),
            "".join([*lines[: line + 1], *lines[line:]]),
            "".join([*lines[:line], " " * chance.randint(1, 5), *lines[line:]]),
            " ".join(words),
        )
    )

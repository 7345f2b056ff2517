"""A reader of PNG files, so that a test can see what was drawn."""

import struct
import zlib
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))
    return near[2]


def size(png: bytes) -> tuple[int, int]:
    """Width and height."""
    assert png.startswith(SIGNATURE)
    width, height = struct.unpack(">II", next(_chunks(png))[1][:8])
    return int(width), int(height)


def read(png: bytes) -> NDArray[np.uint8]:
    """Shape (height, width, 3 or 4): red, green, blue, and opacity where it has it, of 8 bits each.

    Slow: for small ones.
    """
    width, height = size(png)
    deep = {b"\x08\x02": 3, b"\x08\x06": 4}[next(_chunks(png))[1][8:10]]
    packed = b"".join(body for name, body in _chunks(png) if name == b"IDAT")
    data, stride = zlib.decompress(packed), deep * width
    before, rows = bytearray(stride), []
    for y in range(height):
        kind, *line = data[y * (stride + 1) : (y + 1) * (stride + 1)]
        for x in range(stride):
            left = line[x - deep] if x >= deep else 0
            above, corner = before[x], before[x - deep] if x >= deep else 0
            guess = (0, left, above, (left + above) // 2, _paeth(left, above, corner))[kind]
            line[x] = (line[x] + guess) % 256
        before = bytearray(line)
        rows.append(before)
    return np.array(rows, dtype=np.uint8).reshape(height, width, deep)


# --- without colours -------------------------------------------------------------------------

_GREY = np.array([0.2126, 0.7152, 0.0722])
_DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear red, green and blue."""


def luminance(dots: NDArray[np.uint8], *, deuteranopia: bool = False) -> NDArray[np.float64]:
    """WCAG 2's relative luminance, 0 to 1, of dots as ``read`` gives them."""
    part = dots[..., :3] / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    if deuteranopia:
        linear = np.clip(linear @ _DEUTERANOPIA.T, 0, 1)
    return np.asarray(linear @ _GREY)


def contrast(one: float, other: float) -> float:
    """WCAG 2's contrast of two luminances, 1 to 21."""
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


def texture(grey: NDArray[np.float64]) -> tuple[str, str]:
    """How a patch is hatched: which way its lines run, and whether they are dark or light."""
    low, high = np.quantile(grey, (0.1, 0.9))
    if contrast(low, high) < 3:
        return "plain", ""
    down, across = np.gradient(grey)
    xx, yy, xy = (across**2).mean(), (down**2).mean(), (across * down).mean()
    marks = "dark marks" if grey.mean() > (low + high) / 2 else "light marks"
    if np.hypot(xx - yy, 2 * xy) < 0.5 * (xx + yy):
        return "dotted", marks
    turn = round(np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 / 45) % 4
    return ("upright", "falling", "level", "rising")[turn], marks


def alike(patches: dict[str, NDArray[np.uint8]]) -> list[str]:
    """Which two of these cannot be told apart in grey or with deuteranopia.

    They can by a pattern that only one has, or by a contrast of at least 3 : 1.
    """
    found = []
    for deuteranopia in (False, True):
        grey = {name: luminance(dots, deuteranopia=deuteranopia) for name, dots in patches.items()}
        found += [
            f"{one} and {other}"
            for one, other in combinations(patches, 2)
            if texture(grey[one]) == texture(grey[other])
            and contrast(grey[one].mean(), grey[other].mean()) < 3
        ]
    return found

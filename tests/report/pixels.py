"""A reader of PNG files, so that a test can see what was drawn."""

import struct
import zlib
from collections.abc import Iterator

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
    """Shape (height, width, 4): red, green, blue, opacity of 8 bits each. Slow: for small ones."""
    width, height = size(png)
    assert next(_chunks(png))[1][8:10] == b"\x08\x06"
    packed = b"".join(body for name, body in _chunks(png) if name == b"IDAT")
    data, stride = zlib.decompress(packed), 4 * width
    before, rows = bytearray(stride), []
    for y in range(height):
        kind, *line = data[y * (stride + 1) : (y + 1) * (stride + 1)]
        for x in range(stride):
            left = line[x - 4] if x >= 4 else 0
            above, corner = before[x], before[x - 4] if x >= 4 else 0
            guess = (0, left, above, (left + above) // 2, _paeth(left, above, corner))[kind]
            line[x] = (line[x] + guess) % 256
        before = bytearray(line)
        rows.append(before)
    return np.array(rows, dtype=np.uint8).reshape(height, width, 4)

"""Packed bodies, and what only looks like one."""

import functools
import gzip
import time
import zlib

import pytest

from harness.core.http_messages import decode

pack = functools.partial(gzip.compress, mtime=0)
"""Without the time of day, which would name a test anew in each test process."""
BODY = b'{"token": "t"}' * 10
SIZE_MAX = 1_000_000


def raw_deflate(body: bytes) -> bytes:
    """A bare stream, without zlib's head and check sum."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (pack(BODY), "gzip"),
        (pack(BODY), " X-GZIP "),
        (pack(BODY[:5]) + pack(BODY[5:]), "gzip"),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "Deflate"),
        (pack(pack(BODY)), "gzip, gzip"),
        (pack(zlib.compress(BODY)), "deflate, identity,, gzip"),
    ],
)
def test_a_packed_body(body: bytes, encoding: str) -> None:
    """The last coding is taken off first."""
    assert decode(body, encoding, SIZE_MAX) == BODY


def test_nothing_packed_is_nothing() -> None:
    """Answers without a body keep the header now and then."""
    assert decode(b"", "gzip", SIZE_MAX) == b""


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, "gzip"),
        (BODY, "deflate"),
        (BODY, "br"),
        (pack(BODY), "gzip, br"),
        (pack(BODY)[:-4], "gzip"),
        (pack(BODY)[:-8] + b"\0" * 8, "gzip"),
        (pack(BODY) + b"more", "gzip"),
        (zlib.compress(BODY)[:-4], "deflate"),
        (zlib.compress(BODY) + b"more", "deflate"),
        (raw_deflate(BODY)[:-2], "deflate"),
        (pack(b""), "gzip, gzip, gzip, gzip"),
        (pack(b"") * 100, "gzip"),
    ],
)
def test_a_broken_body(body: bytes, encoding: str) -> None:
    """Unknown, cut off, damaged, followed by other bytes, or packed too often."""
    with pytest.raises(ValueError, match=r"."):
        decode(body, encoding, SIZE_MAX)


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_costs_no_more_than_the_bound(times: int) -> None:
    """Of 200 MB of zeros no more is unpacked than what shows that it is too much."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    for _ in range(times - 1):
        bomb = pack(bomb)
    began = time.process_time()
    with pytest.raises(ValueError, match="more than"):
        decode(bomb, ", ".join(["gzip"] * times), SIZE_MAX)

    assert time.process_time() - began < 0.5


def test_the_bound_itself_is_allowed() -> None:
    """One byte more is too much, in one member or in two."""
    assert decode(pack(BODY), "gzip", len(BODY)) == BODY
    for packed in (pack(BODY), pack(BODY[:5]) + pack(BODY[5:])):
        with pytest.raises(ValueError, match="more than"):
            decode(packed, "gzip", len(BODY) - 1)

"""Decodes the body of an answer; bounded, whatever was packed into it. Pure."""

import zlib

CODINGS_MAX = 3
"""Applied one after the other; more of them serve no purpose but to hide a bomb."""
MEMBERS_MAX = 16
"""Of one gzip stream: each one costs a copy of all that follow it."""
_GZIP_BITS = 16 + zlib.MAX_WBITS


def decode(body: bytes, content_encoding: str, size_max: int) -> bytes:
    """The body without its codings (``gzip``, ``deflate`` as zlib or raw), the last one first.

    Raises:
        ValueError: a coding is unknown, the stream is broken or ends early, or a coding makes more
            than ``size_max`` bytes of it.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [name for name in names if name not in ("", "identity")]
    if len(codings) > CODINGS_MAX:
        raise ValueError(f"{len(codings)} codings in a row")
    for coding in reversed(codings if body else []):
        body = _decoded(body, coding, size_max)
    return body


def _decoded(body: bytes, coding: str, size_max: int) -> bytes:
    try:
        if coding in ("gzip", "x-gzip"):
            return _gunzipped(body, size_max)
        if coding == "deflate":
            return _inflated(body, size_max)
    except zlib.error as error:
        raise ValueError(f"{coding}: {error}") from error
    raise ValueError(f"unknown coding {coding}")


def _gunzipped(body: bytes, size_max: int) -> bytes:
    """All members of a gzip file, which may be several."""
    found, members = b"", 0
    while body:
        if (members := members + 1) > MEMBERS_MAX:
            raise ValueError(f"more than {MEMBERS_MAX} members")
        part, body = _expanded(body, _GZIP_BITS, size_max - len(found))
        found += part
    return found


def _inflated(body: bytes, size_max: int) -> bytes:
    """The standard asks for the zlib format; some servers send the bare stream."""
    try:
        found, rest = _expanded(body, zlib.MAX_WBITS, size_max)
    except zlib.error:
        found, rest = _expanded(body, -zlib.MAX_WBITS, size_max)
    if rest:
        raise ValueError("bytes follow the stream")
    return found


def _expanded(body: bytes, window_bits: int, size_max: int) -> tuple[bytes, bytes]:
    """One whole stream, and what follows it."""
    stream = zlib.decompressobj(window_bits)
    found = stream.decompress(body, size_max + 1)  # 0 would mean without a bound
    if len(found) > size_max:
        raise ValueError(f"it is too large, more than {size_max} bytes")
    if not stream.eof:
        raise ValueError("the stream ends early")
    return found, stream.unused_data

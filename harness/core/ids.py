"""Identifiers as they are compared. Pure."""

import re

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def comparable(shown: str) -> str:
    """A UUID in small letters: it is the same in any case (RFC 9562). Any other one as it is."""
    return shown.lower() if _UUID.fullmatch(shown) else shown

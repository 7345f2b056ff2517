"""One GET over a connection of its own, for asking a program whether it is there."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

from harness.core.final_response import FinalResponse


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """An answered request: HTTP status and the body, which may be anything."""

    status: int
    body: bytes

    def field(self, name: str) -> Any:
        """A member of a JSON body; None if there is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return None
        return content.get(name) if isinstance(content, dict) else None


def get(url: str, timeout_seconds: float = 1.0) -> ProbeAnswer | None:
    """The answer to a GET on a fresh connection; None if there was none in time.

    Never through a proxy from the environment, and without following redirects.
    """
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=timeout_seconds
    )
    connection.response_class = FinalResponse
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        response = connection.getresponse()
        return ProbeAnswer(response.status, response.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()

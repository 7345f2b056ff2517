"""Network faults through Toxiproxy, and the only home of toxiproxy-python.

The library keeps host and port on a class, sets no timeouts and lets a 500 pass: `ProxyControl`
adds what is missing. A partition is a `timeout` toxic of 0 on one or both streams: bytes vanish,
connects and FIN still pass, and removing it closes the connections it held, so that a heal is
followed by a short burst of errors that belongs to the recovery.
"""

import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from harness.errors import HarnessError
from harness.events import Proof
from harness.fault_specs import Partition
from harness.stack.state import Link, Stack

CALL_TIMEOUT_SECONDS = 3.0
CANARY_TIMEOUT_SECONDS = 0.5
"""On loopback an answer takes milliseconds; half a second of silence is a cut, not a delay."""

_POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # answered by one byte, S or N
_STREAMS = {
    "both": ("upstream", "downstream"),
    "upstream": ("upstream",),
    "downstream": ("downstream",),
}


class ProxyControl:
    """Toxiproxy's control API with a timeout, a status check and a read-back on every call."""

    _library_is_global = threading.Lock()

    def __init__(self, api_url: str) -> None:
        parts = urlsplit(api_url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 8474)

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        with self._library_is_global:
            APIConsumer.host, APIConsumer.port = self._address
            try:
                call = getattr(APIConsumer, method)
                answer = call(path, timeout=CALL_TIMEOUT_SECONDS, **kwargs)
            except (requests.RequestException, InvalidToxic, NotFound, ProxyExists) as error:
                raise HarnessError(f"Toxiproxy, {method} {path}: {error}") from error
        if not answer.ok:
            raise HarnessError(f"Toxiproxy, {method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def proxy(self, name: str) -> dict[str, Any]:
        """The proxy as Toxiproxy describes it: ``enabled``, ``toxics``, ``listen``,
        ``upstream``.
        """
        found: dict[str, Any] = self._call("get", f"/proxies/{name}")
        return found

    def add_toxic(self, proxy: str, name: str, kind: str, stream: str, **attributes: int) -> None:
        """Add one toxic, with toxicity 1: chance belongs into the plan, where a seed rules it."""
        body = {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        self._call("post", f"/proxies/{proxy}/toxics", json={"toxicity": 1.0, **body})

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Remove one toxic; fine when it is not there."""
        if any(toxic["name"] == name for toxic in self.proxy(proxy)["toxics"]):
            self._call("delete", f"/proxies/{proxy}/toxics/{name}")


def link_answers(link: Link, *, speaks_postgres: bool) -> bool:
    """Whether the far side of a link answers a first question within the canary's time.

    Connecting proves nothing: Toxiproxy accepts by itself, whatever became of the far side.
    """
    host, _, port = link.listen.rpartition(":")
    question = _POSTGRES_SSL_REQUEST if speaks_postgres else _http_question(link)
    try:
        address = (host, int(port))
        with socket.create_connection(address, timeout=CANARY_TIMEOUT_SECONDS) as connection:
            connection.settimeout(CANARY_TIMEOUT_SECONDS)
            connection.sendall(question)
            return bool(connection.recv(1))
    except OSError:
        return False


def _http_question(link: Link) -> bytes:
    return f"GET /healthz HTTP/1.1\r\nHost: {link.upstream}\r\nConnection: close\r\n\r\n".encode()


class PartitionInjector:
    """`Partition`: bytes vanish on a link."""

    def __init__(self, name: str, spec: Partition, stack: Stack) -> None:
        self._link = stack.links[spec.link]
        self._streams = _STREAMS[spec.direction]
        self._toxics = {stream: f"lendchaos-{name}-{stream}" for stream in self._streams}
        self._control = ProxyControl(stack.toxiproxy_api)
        database = urlsplit(stack.database_url or "")
        self._speaks_postgres = self._link.upstream == f"{database.hostname}:{database.port}"

    def ready(self) -> Proof:
        """The far side answers through the link."""
        well = self._answers()
        return Proof("canary", well, f"before: {self._answer_text(answers=well)}")

    def inject(self) -> None:
        """Make bytes vanish, one toxic for each stream."""
        for stream, toxic in self._toxics.items():
            self._control.add_toxic(self._link.name, toxic, "timeout", stream, timeout=0)

    def read_back(self) -> Proof:
        """The proxy is enabled (a disabled one takes toxics and does nothing) and holds ours."""
        proxy = self._control.proxy(self._link.name)
        present = {toxic["name"] for toxic in proxy["toxics"]}
        missing = set(self._toxics.values()) - present
        holds = bool(proxy["enabled"]) and not missing
        state = "enabled" if proxy["enabled"] else "disabled, so its toxics do nothing"
        streams = "missing on " + ", ".join(sorted(missing)) if missing else "in place"
        return Proof(
            "control_plane",
            holds,
            f"proxy {self._link.name} is {state}; toxics ({', '.join(self._streams)}) {streams}",
        )

    def canary(self) -> Proof:
        """Nothing answers through the link."""
        answers = self._answers()
        return Proof("canary", not answers, f"during: {self._answer_text(answers=answers)}")

    def heal(self) -> int:
        """Remove our toxics, all of them even if one fails."""
        failures = []
        for toxic in self._toxics.values():
            try:
                self._control.remove_toxic(self._link.name, toxic)
            except HarnessError as error:
                failures.append(str(error))
        if failures:
            raise HarnessError("; ".join(failures))
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """No toxic of ours is left and the far side answers again."""
        present = {toxic["name"] for toxic in self._control.proxy(self._link.name)["toxics"]}
        left = present & set(self._toxics.values())
        answers = self._answers()
        toxics = f"toxics left: {', '.join(sorted(left))}" if left else "no toxic left"
        text = f"after: {toxics}; {self._answer_text(answers=answers)}"
        return Proof("healed", not left and answers, text)

    def clean_up(self) -> None:
        """Nothing stays behind once healed."""

    def _answers(self) -> bool:
        return link_answers(self._link, speaks_postgres=self._speaks_postgres)

    def _answer_text(self, *, answers: bool) -> str:
        verb = "answers" if answers else f"does not answer within {CANARY_TIMEOUT_SECONDS:g} s"
        return f"the far side of {self._link.name} {verb} through the link"

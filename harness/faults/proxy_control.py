"""Toxiproxy's control API behind one adapter, and the only home of toxiproxy-python.

The library keeps host and port on a class, sets no timeouts, takes a proxy from the environment,
lets a 500 pass and cannot change a toxic or an upstream: only its reading of refusals is used. Here
every server has an address of its own, every call ends in bounded time, every answer is checked,
and every change is read back.

No lock is held during a call: one server that hangs delays no call to another, and a call that
hangs delays no other thread's call to the same server.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

from harness.core.errors import HarnessError, ProxyApiHangs
from harness.core.http_calls import exchange
from harness.core.http_messages import BrokenConnectionError
from harness.plan.fault import Direction
from harness.stack.state import StackLink

CALL_TIMEOUT_SECONDS = 1.5
"""A call takes a few milliseconds on loopback; the rest is for a machine that is busy."""

STREAMS: dict[Direction, tuple[str, ...]] = {
    "both": ("upstream", "downstream"),
    "upstream": ("upstream",),
    "downstream": ("downstream",),
}
OURS = "lendchaos-"
"""What the name of every toxic of a fault begins with."""
_NUMBER = re.compile(r"(?<=stream)-[0-9]+\Z")


def toxic_names(fault: str, streams: tuple[str, ...] = STREAMS["both"]) -> list[str]:
    """The names that the toxics of a fault have, so that a process that heals it finds them.

    A fault that has several on one stream numbers them: ``downstream-0``. Any other name is that of
    a stranger's toxic, and makes a run inconclusive.
    """
    return [f"{OURS}{fault}-{stream}" for stream in streams]


def without_number(name: str) -> str:
    """The name of a toxic, without the number of one of several on a stream."""
    return _NUMBER.sub("", name)


@dataclass(frozen=True, slots=True)
class Toxic:
    """One toxic as Toxiproxy describes it."""

    name: str
    kind: str
    stream: str
    toxicity: float
    attributes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy as Toxiproxy describes it; a disabled one holds toxics and does nothing."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[Toxic, ...] = ()

    def toxic(self, name: str) -> Toxic | None:
        """The toxic of that name, None if there is none."""
        return next((toxic for toxic in self.toxics if toxic.name == name), None)


class NotThereError(HarnessError):
    """Toxiproxy answered, and does not know the proxy or toxic that was named."""


class ProxyControl:
    """The proxies of one Toxiproxy server.

    Every method may be called from several threads, and raises

    * `ProxyApiHangs` when the server does not answer in time: nothing is known then, the change may
      still come; there is no point in asking again, but the server can be restarted. The same
      when no one is there;
    * `HarnessError` when it refuses, or does not show what was just asked of it.
    """

    def __init__(self, api_url: str, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        parts = urlsplit(api_url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 8474
        self._where = f"Toxiproxy at {host}:{port}"
        self._timeout_seconds = timeout_seconds
        self._base = f"http://{host}:{port}"

    def _call(self, method: str, path: str, content: Any = None) -> Any:
        # Here, as a specification of a fault loads no driver; who heals has loaded it at its start.
        from toxiproxy.api import validate_response
        from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

        what = f"{self._where}, {method} {path}"
        try:
            # Another program may have given a toxic any name.
            url, seconds = self._base + quote(path), self._timeout_seconds
            answer = exchange(method.upper(), url, seconds, content)
            validate_response(SimpleNamespace(status_code=answer.status, content=answer.body))
            fine = answer.status < HTTPStatus.BAD_REQUEST
            found = json.loads(answer.body) if fine and answer.body else None
        except TimeoutError as error:
            raise ProxyApiHangs(f"{what}: no answer within {self._timeout_seconds:g} s") from error
        except NotFound as error:
            raise NotThereError(f"{what}: {_words(error)}") from error
        except (InvalidToxic, ProxyExists) as error:
            raise HarnessError(f"{what}: {_words(error)}") from error
        except (OSError, BrokenConnectionError) as error:
            raise ProxyApiHangs(f"{what}: no one answers") from error
        except ValueError as error:
            raise HarnessError(f"{what}: this is no JSON: {error}") from error
        if not fine:
            raise HarnessError(f"{what}: {answer.status} {_text(answer.body)}")
        return found

    def proxies(self) -> dict[str, Proxy]:
        """Every proxy of the server, by name."""
        found = self._call("get", "/proxies") or {}
        return {name: _proxy(body) for name, body in found.items()}

    def find(self, name: str) -> Proxy | None:
        """One proxy; None if there is none of that name."""
        try:
            return self.proxy(name)
        except NotThereError:
            return None

    def proxy(self, name: str) -> Proxy:
        """One proxy; `NotThereError` if there is none of that name."""
        body = self._call("get", f"/proxies/{name}")
        try:
            return _proxy(body)
        except (KeyError, TypeError, ValueError) as error:
            raise HarnessError(f"{self._where}: proxy {name} is described as {body!r}") from error

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Let a proxy listen, or end its connections and refuse new ones; as it is: no change."""
        self._set(name, {"enabled": enabled}, f"enabled={enabled}")

    def set_upstream(self, name: str, upstream: str) -> None:
        """Lead an enabled proxy there, which ends its connections; as it is already: no change.

        Toxiproxy stops a proxy to lead it elsewhere, and takes what a call leaves out from the
        proxy as it is: a call in that moment that does not say "enabled" would leave it stopped.
        """
        wanted = {"upstream": upstream, "enabled": True}
        self._set(name, wanted, f"{wanted}")

    def _set(self, name: str, wanted: dict[str, Any], said: str) -> None:
        def is_so(proxy: Proxy) -> bool:
            return all(getattr(proxy, field) == value for field, value in wanted.items())

        if not is_so(self.proxy(name)):
            self._call("post", f"/proxies/{name}", wanted)
            self._confirm(name, said, is_so)

    def lay(self, link: StackLink) -> None:
        """The proxy of a link as the link says, and enabled; made if there is none."""
        wanted = {"listen": link.listen, "upstream": link.upstream, "enabled": True}
        if link.name not in self.proxies():
            self._call("post", "/proxies", {"name": link.name, **wanted})
        self._set(link.name, wanted, f"{wanted}")

    def remove_proxy(self, name: str) -> None:
        """Remove a proxy, which ends its connections; fine when it is not there."""
        if name in self.proxies():
            self._call("delete", f"/proxies/{name}")
        if name in self.proxies():
            raise HarnessError(f"{self._where}: proxy {name} is still there after its removal")

    def add_toxic(self, proxy: str, name: str, kind: str, stream: str, **attributes: int) -> None:
        """Add one toxic, with toxicity 1: chance belongs into the plan, where a seed rules it.

        One that is there already as it should be is left alone, so that a second try is fine.
        """
        wanted = Toxic(name, kind, stream, 1.0, attributes)
        if self.proxy(proxy).toxic(name) == wanted:
            return
        body = {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        self._call("post", f"/proxies/{proxy}/toxics", {"toxicity": 1.0, **body})
        self._confirm(proxy, f"toxic {wanted}", lambda found: found.toxic(name) == wanted)

    def change_toxic(self, proxy: str, name: str, **attributes: int) -> None:
        """Change a toxic in its place; `NotThereError` if there is none of that name.

        Toxiproxy lets go at once of what a latency toxic holds when that one is changed or removed,
        and when another is added behind it.
        """
        self._call("post", f"/proxies/{proxy}/toxics/{name}", {"attributes": attributes})

        def is_so(found: Proxy) -> bool:
            toxic = found.toxic(name)
            return toxic is not None and toxic.attributes.items() >= attributes.items()

        self._confirm(proxy, f"toxic {name} with {attributes}", is_so)

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Remove one toxic; fine when it is not there."""
        if self.proxy(proxy).toxic(name) is not None:
            self._call("delete", f"/proxies/{proxy}/toxics/{name}")
            self._confirm(proxy, f"no toxic {name}", lambda found: found.toxic(name) is None)

    def _confirm(self, name: str, wanted: str, holds: Callable[[Proxy], bool]) -> None:
        found = self.proxy(name)
        if not holds(found):
            raise HarnessError(
                f"{self._where}: proxy {name} was to have {wanted}, and this was found: {found}"
            )


def _proxy(body: dict[str, Any]) -> Proxy:
    toxics = tuple(
        Toxic(t["name"], t["type"], t["stream"], float(t["toxicity"]), dict(t["attributes"]))
        for t in body["toxics"] or ()
    )
    return Proxy(body["name"], body["listen"], body["upstream"], bool(body["enabled"]), toxics)


def _words(error: Exception) -> str:
    """What the library's errors carry: the raw body of the answer."""
    body = error.args[0] if error.args else ""
    return _text(body) if isinstance(body, bytes) else str(body)


def _text(body: bytes) -> str:
    return body.decode(errors="replace").strip()

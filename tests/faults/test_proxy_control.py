"""The adapter around toxiproxy-python: what is refused, what hangs, and what only looks well."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest

from harness.core.errors import HarnessError, ProxyApiHangs
from harness.core.ports import LOOPBACK, choose_ports
from harness.faults.probes import LinkProbe
from harness.faults.proxy_control import NotThereError, ProxyControl, Toxic
from tests.faults.toxiproxy import Rig, serving

TIMEOUT_SECONDS = 0.4


class Scripted(http.server.BaseHTTPRequestHandler):
    """A control API that answers as it is told, whatever was asked of it."""

    proxy: ClassVar[dict[str, Any]] = {}
    status_of_changes = 200

    def _answer(self, status: int) -> None:
        body = json.dumps(self.proxy).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """The proxy as it is."""
        self._answer(200)

    def do_POST(self) -> None:
        """A change that is not made."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.status_of_changes)

    def do_DELETE(self) -> None:
        """A removal that is not made."""
        self._answer(self.status_of_changes)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def scripted(**changes: Any) -> type[Scripted]:
    """Such an API; ``status`` is that of changes, all else belongs to the proxy."""
    toxic = {"name": "slow", "type": "latency", "stream": "upstream", "toxicity": 1}
    proxy = {"name": "edge", "listen": "a:1", "upstream": "b:2", "enabled": True}
    proxy |= {"toxics": [{**toxic, "attributes": {"latency": 5, "jitter": 0}}]}
    status = changes.pop("status", 200)
    return type("Told", (Scripted,), {"proxy": {**proxy, **changes}, "status_of_changes": status})


def control_of(server: http.server.ThreadingHTTPServer) -> ProxyControl:
    """The adapter for a server of the tests."""
    return ProxyControl(f"http://{LOOPBACK}:{server.server_address[1]}", TIMEOUT_SECONDS)


@pytest.fixture
def silent() -> Iterator[ProxyControl]:
    """A server that accepts and never answers."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        yield ProxyControl(f"http://{LOOPBACK}:{port}", TIMEOUT_SECONDS)


CHANGES = {
    "set_enabled": lambda control: control.set_enabled("edge", enabled=False),
    "set_upstream": lambda control: control.set_upstream("edge", "c:3"),
    "add_toxic": lambda control: control.add_toxic("edge", "t", "timeout", "upstream", timeout=0),
    "change_toxic": lambda control: control.change_toxic("edge", "slow", latency=9, jitter=0),
    "remove_toxic": lambda control: control.remove_toxic("edge", "slow"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_did_not_come_about_is_noticed(name: str) -> None:
    """The server says 200 and shows the old state: the error names proxy, wish and finding."""
    with serving(scripted()) as server, pytest.raises(HarnessError) as caught:
        CHANGES[name](control_of(server))

    assert "proxy edge was to have" in str(caught.value)
    assert "upstream='b:2'" in str(caught.value)


@pytest.mark.parametrize("name", CHANGES)
def test_a_failed_change_is_an_error(name: str) -> None:
    """A 500 with a JSON body, which the library lets pass."""
    with serving(scripted(status=500)) as server, pytest.raises(HarnessError, match="500"):
        CHANGES[name](control_of(server))


@pytest.mark.parametrize("name", CHANGES)
def test_a_silent_server_is_told_apart(silent: ProxyControl, name: str) -> None:
    """Every change ends in time, with the error that a restart of the server can cure."""
    start = time.monotonic()
    with pytest.raises(ProxyApiHangs, match="no answer within"):
        CHANGES[name](silent)

    assert time.monotonic() - start < TIMEOUT_SECONDS + 1


def test_a_server_that_is_not_there_is_known_at_once() -> None:
    """The same remedy, a restart; but nobody waits for the timeout."""
    (port,) = choose_ports(1)
    start = time.monotonic()
    with pytest.raises(ProxyApiHangs, match="no one answers"):
        ProxyControl(f"http://{LOOPBACK}:{port}", timeout_seconds=5.0).proxies()

    assert time.monotonic() - start < 4


def test_a_hanging_server_holds_up_nobody_else(silent: ProxyControl) -> None:
    """Ten threads wait for one server at once, and a call to another does not wait at all."""
    waited: list[float] = []

    def wait() -> None:
        start = time.monotonic()
        with pytest.raises(ProxyApiHangs):
            silent.proxies()
        waited.append(time.monotonic() - start)

    threads = [threading.Thread(target=wait) for _ in range(10)]
    with serving(scripted()) as server:
        for thread in threads:
            thread.start()
        found = control_of(server).proxy("edge")
        all_waited = all(thread.is_alive() for thread in threads)
        for thread in threads:
            thread.join()

    assert found.upstream == "b:2"
    assert all_waited
    # One after the other they would have taken ten times as long.
    assert len(waited) == 10
    assert max(waited) < 5 * TIMEOUT_SECONDS


def test_two_servers_keep_apart() -> None:
    """The library keeps one address for all; here every call reaches its own server."""
    names: dict[str, set[str]] = {"one": set(), "two": set()}
    with serving(scripted(upstream="one")) as one, serving(scripted(upstream="two")) as two:
        controls = {"one": control_of(one), "two": control_of(two)}

        def ask(name: str) -> None:
            for _ in range(30):
                names[name].add(controls[name].proxy("edge").upstream)

        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert names == {"one": {"one"}, "two": {"two"}}


def test_a_web_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go to loopback directly."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(scripted()) as server:
        assert control_of(server).proxy("edge").listen == "a:1"


def test_what_is_no_proxy_is_said_so() -> None:
    """An answer of another program is shown, not stumbled over."""
    told = type("Told", (Scripted,), {"proxy": {"hello": "there"}})
    with (
        serving(told) as server,
        pytest.raises(HarnessError, match=r"edge is described as .*hello"),
    ):
        control_of(server).proxy("edge")


def test_any_name_reaches_the_server_as_it_is() -> None:
    """Another program may have named what a reset has to remove."""
    asked: list[str] = []

    class Told(Scripted):
        proxy = scripted().proxy

        def _answer(self, status: int) -> None:
            asked.append(unquote(self.path))
            super()._answer(status)

    with serving(Told) as server:
        control_of(server).proxy("50% a?b#c ü")

    assert asked == ["/proxies/50% a?b#c ü"]


def test_everything_can_be_changed_and_undone(rig: Rig) -> None:
    """On a real Toxiproxy: each change is seen, repeating it changes nothing."""
    control, wanted = rig.control, Toxic("slow", "latency", "downstream", 1.0, {})
    for _ in range(2):
        control.add_toxic("edge", "slow", "latency", "downstream", latency=5, jitter=1)
    slow = control.proxy("edge").toxic("slow")
    for _ in range(2):
        control.change_toxic("edge", "slow", latency=7)
    slower = control.proxy("edge").toxic("slow")
    for _ in range(2):
        control.remove_toxic("edge", "slow")
        control.set_upstream("edge", "127.0.0.1:9")
    for _ in range(2):
        control.set_enabled("edge", enabled=False)
    broken = control.proxies()["edge"]
    control.set_upstream("edge", rig.stack.links["edge"].upstream)

    assert slow is not None
    assert (slow.kind, slow.stream, slow.toxicity) == ("latency", wanted.stream, 1.0)
    assert slow.attributes == {"latency": 5, "jitter": 1}
    assert slower == replace(slow, attributes={"latency": 7, "jitter": 1})
    assert (broken.enabled, broken.upstream, broken.toxics) == (False, "127.0.0.1:9", ())


def test_a_delay_grows_and_lets_nothing_go(rig: Rig) -> None:
    """As docs/adding_a_fault.md has it: the last step's toxic first, each set while empty."""
    add = partial(rig.control.add_toxic, "edge", kind="latency", stream="downstream", jitter=0)
    probe, took_s = LinkProbe(rig.stack.links["edge"], rig.stack), []
    add("later", latency=0)
    add("first", latency=400)
    asking = threading.Thread(target=lambda: took_s.append(probe.round_trip_seconds(5.0)))
    asking.start()
    time.sleep(0.1)
    rig.control.change_toxic("edge", "later", latency=300)
    asking.join()
    took_s.append(probe.round_trip_seconds(5.0))
    for name in ("first", "later"):
        rig.control.remove_toxic("edge", name)

    held, grown = took_s
    assert held is not None
    assert held >= 0.4
    assert grown is not None
    assert grown >= 0.7


def test_the_servers_own_words_are_passed_on(rig: Rig) -> None:
    """An unknown proxy, an unknown kind of toxic: one line each, not a page of bytes."""
    with pytest.raises(HarnessError, match=r"get /proxies/edge-2: .*proxy not found"):
        rig.control.proxy("edge-2")
    with pytest.raises(HarnessError, match=r"post /proxies/edge/toxics: .*invalid toxic type"):
        rig.control.add_toxic("edge", "t", "no-such-kind", "upstream")
    with pytest.raises(NotThereError, match="toxic not found"):
        rig.control.change_toxic("edge", "gone", latency=5)


def test_two_lead_a_link_back_at_once(rig: Rig) -> None:
    """As a heal and the relay that it ends do: the link is open afterwards, each time."""
    link = rig.stack.links["edge"]
    for trial in range(40):
        rig.control.set_upstream("edge", "127.0.0.1:9")
        began = threading.Barrier(2)

        def lead_back(pause_s: float, began: threading.Barrier = began) -> None:
            began.wait()
            time.sleep(pause_s)
            ProxyControl(rig.stack.toxiproxy_api).set_upstream("edge", link.upstream)

        both = [
            threading.Thread(target=lead_back, args=[pause_s]) for pause_s in (0, trial % 8 / 2000)
        ]
        for one in both:
            one.start()
        for one in both:
            one.join()
        found = rig.control.proxy("edge")
        assert (found.enabled, found.upstream) == (True, link.upstream), trial

"""A stock Firefox as the tests see it, spoken to by WebDriver BiDi, which it has built in.

Playwright drives none but a Firefox of its own.
"""

import base64
import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

STARTS_S = 30.0
ANSWERS_S = 30.0
PRINTS = {"page": {"width": 29.7, "height": 21.0}, "background": True}
"""A4 across, in centimetres."""
QUIET = """\
user_pref("app.update.disabledForTesting", true);
user_pref("browser.chrome.site_icons", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("remote.active-protocols", 1);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("toolkit.telemetry.enabled", false);
"""
"""Settings of a fresh profile: nothing is asked of the network but the pages."""


@dataclass
class Firefox:
    """One tab. ``complaints`` is what its console has said since a page was opened."""

    socket: websocket.WebSocket
    tab: str = ""
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def order(self, method: str, **parameters: Any) -> Any:
        """Have something done and return the answer."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            if answer.get("method") == "log.entryAdded":
                self.complaints.append(answer["params"]["text"])
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, url: str, size: tuple[int, int]) -> None:
        """Show a page, all of it, at a size of window."""
        self.complaints.clear()
        viewport = {"width": size[0], "height": size[1]}
        self.order("browsingContext.setViewport", context=self.tab, viewport=viewport)
        self.order("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def ask(self, script: str) -> Any:
        """Evaluate in the page; what comes back is made JSON there."""
        answer = self.order(
            "script.evaluate", expression=f"JSON.stringify({script})", awaitPromise=False,
            target={"context": self.tab},
        )  # fmt: skip
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def picture(self, box: dict[str, float]) -> bytes:
        """A part of the window as PNG; ``box`` is what `getBoundingClientRect` says of it."""
        clip = {"type": "box", **{side: box[side] for side in ("x", "y", "width", "height")}}
        answer = self.order("browsingContext.captureScreenshot", context=self.tab, clip=clip)
        return base64.b64decode(answer["data"])

    def printed(self) -> bytes:
        """The page as PDF."""
        answer = self.order("browsingContext.print", context=self.tab, **PRINTS)
        return base64.b64decode(answer["data"])


@contextmanager
def started(path: str, profile: Path) -> Iterator[Firefox]:
    """A headless Firefox with a fresh profile in this folder."""
    (profile / "user.js").write_text(QUIET)
    command = [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            connected = websocket.create_connection(
                _address(profile), timeout=ANSWERS_S, suppress_origin=True
            )
            with closing(connected):
                browser = Firefox(connected)
                browser.order("session.new", capabilities={})
                browser.order("session.subscribe", events=["log.entryAdded"])
                browser.tab = browser.order("browsingContext.create", type="tab")["context"]
                yield browser
                browser.order("browser.close")
            process.wait(STARTS_S)
        finally:
            process.kill()


def _address(profile: Path) -> str:
    """Where it listens, which it writes down in its profile as soon as it does."""
    told = profile / "WebDriverBiDiServer.json"
    until = time.monotonic() + STARTS_S
    while not told.exists() or not (text := told.read_text()):
        if time.monotonic() > until:
            raise TimeoutError("Firefox did not begin to listen")
        time.sleep(0.05)
    said = json.loads(text)
    return f"ws://{said['ws_host']}:{said['ws_port']}/session"

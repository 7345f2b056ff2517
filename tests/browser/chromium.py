"""Chromium as the tests see it, and a small server that sends pages with a policy."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests import lacking
from tests.browser import provide

ARTEFACTS = Path(__file__).parent.parent.parent / "test-artifacts"
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
"""What Jenkins sends with archived files unless told otherwise: no script, no inline style."""
DESKTOP, PHONE = (1366, 768), (390, 844)


def or_skip(needed: Callable[[], str]) -> str:
    """What is needed; without it the test is skipped."""
    try:
        return needed()
    except provide.MissingError as missing:
        lacking.skip(str(missing))


@dataclass
class Site:
    """Pages by path, each with the Content-Security-Policy header that is sent with it."""

    url: str
    pages: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def put(self, name: str, page: str, policy: str = "") -> str:
        """Serve a page and return its address."""
        self.pages[f"/{name}"] = page.encode(), policy
        return f"{self.url}/{name}"


@dataclass
class Screen:
    """A page as it is shown, and what the browser complained of meanwhile."""

    page: Page
    complaints: list[str]

    def ask(self, script: str) -> Any:
        """Evaluate in the page, whatever its policy says."""
        return self.page.evaluate(script)

    def keep(self, name: str, *, full: bool = True) -> None:
        """Keep a screenshot for people to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(ARTEFACTS / f"{name}.png"), full_page=full)


@dataclass
class Chromium:
    """Opens pages, each in a context of its own."""

    browser: Browser

    @contextmanager
    def open(
        self,
        url: str,
        size: tuple[int, int] = DESKTOP,
        *,
        scripts: bool = False,
        dark: bool = False,
        **more: Any,
    ) -> Iterator[Screen]:
        """A page at a size of window; without JavaScript unless asked for.

        ``more`` is for the browser's context, such as its ``locale``.
        """
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            **more,
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        yield Screen(page, complaints)
        context.close()


@contextmanager
def serving() -> Iterator[Site]:
    """A server on this machine alone."""
    served = Site("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, policy = served.pages.get(self.path, (b"", ""))
            # Chromium asks for an icon of every site; that none exists is no complaint of ours.
            status = HTTPStatus.OK if self.path in served.pages else HTTPStatus.NO_CONTENT
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()

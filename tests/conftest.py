"""The order of all tests, and the browser for every one that looks at a page.

The browser is one for each file of tests, not for the whole session: Playwright keeps an event loop
running, in which no other test of the same process could run its own.
"""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from harness.core.connections import forget_libpq_variables
from tests.browser import provide
from tests.browser.chromium import Chromium, Site, or_skip, serving
from tests.faithful import Plugin
from tests.ports import stack_ports
from tests.scheduling import FromBothEnds

os.environ["LENDCHAOS_PORTS"] = stack_ports()
# Of this process and what it starts: the user's own register of state folders stays as it is.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="lendchaos-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background has none
    signal.signal(signal.SIGINT, signal.default_int_handler)
forget_libpq_variables()  # tests connect by the driver's own means, too


def pytest_configure(config: pytest.Config) -> None:
    """Count real runs that had to be repeated."""
    config.pluginmanager.register(Plugin(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests first; `tests.scheduling` has one worker begin with the others, at the end.

    Those that run alone must say so in their own file, where `make test` looks for it.
    """
    items.sort(key=lambda item: item.get_closest_marker("live") is None)
    for path in {item.path for item in items if item.get_closest_marker("alone")}:
        if "mark.alone" not in path.read_text(encoding="utf-8"):
            raise pytest.UsageError(f"{path} has tests marked alone, and `make test` misses them")


def pytest_collection_finish() -> None:
    """Ten thousand tests stay to the end: the garbage collector need not look at them again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """One worker begins at the other end, where files are what is handed out."""
    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """One headless Chromium."""
    path = or_skip(provide.CHROMIUM.path)
    with sync_playwright() as playwright:
        # A sandbox needs what a container seldom gives; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield Chromium(browser)
        browser.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of the accessibility checker."""
    return or_skip(provide.axe_source)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server on this machine alone."""
    with serving() as served:
        yield served


@pytest.fixture
def hang_up_is_heard() -> Iterator[None]:
    """Whoever runs the tests may ignore SIGHUP, and what they start would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)

"""The locked door before Locust's page in a real browser, which decides when a cookie is sent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Chromium, Site
from tests.browser.looks import violations
from tests.load.made_live import made_leader, served

pytestmark = pytest.mark.browser


@pytest.fixture
def address() -> Iterator[str]:
    """Of a page behind the door, with the token."""
    with served(made_leader()) as (app, address):
        app.add_url_rule("/", "inside", lambda: "<!DOCTYPE html><title>i</title><h1>Inside</h1>")
        yield address.replace("/lendchaos/#", "/?tab=chaos#")


def test_the_address_opens_the_page_and_links_find_it_open(
    chromium: Chromium, site: Site, address: str
) -> None:
    """The token leaves the address; a link of another site does not lock people out again."""
    place, _, token = address.partition("#token=")
    other = site.put("elsewhere", f'<a href="{place}">there</a>').replace("127.0.0.1", "localhost")
    with chromium.open(address, scripts=True) as screen:
        page = screen.page
        expect(page.get_by_role("heading")).to_have_text("Inside")
        assert page.url == place
        page.goto(other)
        page.get_by_role("link").click()
        expect(page.get_by_role("heading")).to_have_text("Inside")
        kept = screen.ask("[location.href, document.cookie, document.referrer].join()")
        page.goto(address)
        expect(page.get_by_role("heading")).to_have_text("Inside")

    assert token not in kept


def test_a_stranger_is_told_where_the_token_is(chromium: Chromium, axe: str, address: str) -> None:
    """One line, a form for the token, a wrong one is told, the right one opens."""
    place, _, token = address.partition("#token=")
    with chromium.open(place, scripts=True) as screen:
        page = screen.page
        expect(page.get_by_role("alert")).to_contain_text("that the terminal shows")
        assert violations(screen, axe) == []
        page.get_by_label("Token").fill("guess")
        page.get_by_role("button", name="Unlock").click()
        expect(page.get_by_role("alert")).to_contain_text("needs the token")
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading")).to_have_text("Inside")

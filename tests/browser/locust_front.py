"""Locust's own page as somebody at the browser uses it, without ever loading it anew."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from playwright.sync_api import Locator, Page, expect

VERDICT_MS_MAX = 40_000
WATCHED = """
window.seen = []; window.drawn = new Set();
window.look = () => {
  const buttons = new Set([...document.querySelectorAll("#root button")].map((b) => b.textContent));
  const form = buttons.has("Start") && "form", ended = buttons.has("New") && "ended";
  const runs = (buttons.has("Stop") || buttons.has("Loading")) && "runs";
  const shown = form || ended || runs || "nothing";
  if (shown !== window.seen.at(-1)) window.seen.push(shown);
  return window.seen;
};
setInterval(window.look, 50);
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  window.drawn.add(text);
  return fillText.call(this, text, ...place);
};
"""
"""Lost when the page is loaded anew: then there is nothing to read."""


@dataclass(frozen=True)
class Front:
    """Locust's own page, which is loaded once."""

    page: Page

    @classmethod
    def watched(cls, page: Page) -> Self:
        """The page with its start form, from now on watched."""
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
        page.evaluate(f"(() => {{{WATCHED}}})()")
        return cls(page)

    @property
    def seen(self) -> list[str]:
        """What could be pressed, one after the other, since the page was loaded."""
        return list(self.page.evaluate("window.look()"))  # a busy page may look later than we ask

    def drawn(self, name: str) -> list[str]:
        """What the charts say with this in it."""
        return sorted(text for text in self.page.evaluate("[...window.drawn]") if name in text)

    def start(self, **fields: str) -> None:
        """Start a run."""
        self.press_start(**fields)
        expect(self.stop).to_be_visible()

    def press_start(self, **fields: str) -> None:
        """Press Start, and before it New where that is to be seen; ``fields`` by their labels."""
        new = self.page.get_by_role("button", name="New", exact=True)
        if new.is_visible():
            new.click()
        if fields:
            self.page.get_by_role("button", name="Phases, borrowers and seed").click()
        for label, text in fields.items():
            self.page.get_by_label(re.compile(f"^{label} ")).fill(text)
        self.page.get_by_role("button", name="Start", exact=True).click()

    @property
    def stop(self) -> Locator:
        """Locust's own button, which is there as long as a run is."""
        return self.page.get_by_role("button", name="Stop", exact=True)

    def tab(self, name: str) -> None:
        """Turn to a tab."""
        self.page.get_by_role("tab", name=name).click()

    def check_verdict(self, read: Callable[[], dict[str, Any]]) -> None:
        """New is there, and the verdict tab has what then stands in verdict.json."""
        self.tab("Verdict")
        new = self.page.get_by_role("button", name="New", exact=True)
        expect(new).to_be_visible(timeout=VERDICT_MS_MAX)
        verdict = read()
        for name in ("verdict", "sentence"):
            row = self.page.get_by_role("row", name=re.compile(f"^{name} "))
            expect(row).to_contain_text(verdict[name])
        expect(self.page.locator("#lendchaos-text")).to_have_text(verdict["sentence"])

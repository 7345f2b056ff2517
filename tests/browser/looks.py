"""What the browser tests ask of a page, for made-up runs and for a real one."""

import io
import json
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pypdf import PdfReader

from tests.browser.chromium import Screen
from tests.browser.firefox import Firefox
from tests.report import pixels

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")


def too_wide(screen: Screen | Firefox) -> list[str]:
    """Elements that make the page scroll sideways; none is good."""
    if screen.ask("document.documentElement.scrollWidth <= window.innerWidth"):
        return []
    found: list[str] = screen.ask(
        """Array.from(document.querySelectorAll('body *'))
        .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
        .slice(0, 5).map(e => e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 40))"""
    )
    return found or ["the page itself"]


def boxes(screen: Screen, *selectors: str) -> list[dict[str, float]]:
    """Where these elements are drawn, in dots from the top left of the window."""
    script = f"""{json.dumps(selectors)}.map(s => document.querySelector(s))
        .map(e => e.getBoundingClientRect().toJSON())"""
    found: list[dict[str, float]] = screen.ask(script)
    return found


def violations(screen: Screen, axe: str) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA."""
    screen.ask(f"{axe}; undefined")
    options = {"runOnly": {"type": "tag", "values": list(WCAG)}, "resultTypes": ["violations"]}
    result: dict[str, Any] = screen.ask(f"axe.run(document, {json.dumps(options)})")
    assert result["passes"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in result["violations"]]


def painted(screen: Screen, *kinds: str) -> dict[str, NDArray[np.uint8]]:
    """A square of 40 dots of each of these classes of a chart, as the page paints them now."""
    width = 40 * len(kinds)
    # Made of elements: a page may take no text for markup.
    screen.ask(
        f"""(() => {{
          const make = name => document.createElementNS('http://www.w3.org/2000/svg', name);
          const svg = make('svg');
          svg.id = 'painted';
          {json.dumps(kinds)}.forEach((kind, place) => {{
            const square = make('rect');
            const shown = {{class: kind, x: 40 * place, width: 40, height: 40}};
            Object.entries(shown).forEach(pair => square.setAttribute(...pair));
            svg.append(square);
          }});
          Object.assign(svg.style, {{position: 'fixed', top: 0, left: 0, width: '{width}px',
            height: '40px', zIndex: 9}});
          document.body.append(svg);
        }})()"""
    )
    clip: Any = {"x": 0, "y": 0, "width": width, "height": 40}
    dots = pixels.read(screen.page.screenshot(clip=clip, animations="disabled"))
    screen.ask("document.querySelector('#painted').remove()")
    return dict(zip(kinds, np.split(dots, len(kinds), axis=1), strict=True))


def _squeezed(text: str) -> str:
    """Without blanks and ligatures, which a PDF has in other places than the page."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def sheets_of(pdf: bytes) -> list[str]:
    """The text of each sheet, without blanks."""
    return [_squeezed(sheet.extract_text()) for sheet in PdfReader(io.BytesIO(pdf)).pages]


def parted(screen: Screen, sheets: list[str]) -> list[str]:
    """Rows of tables that no sheet has whole, and heads that stand without their first row."""
    screen.page.emulate_media(media="print")
    told: list[str] = screen.ask(
        """(() => {
          const shown = e => e.checkVisibility() || e.closest('details') !== null;
          const rows = [...document.querySelectorAll('tbody tr')].filter(shown);
          const heads = [...document.querySelectorAll('h2, h3, h4')].filter(shown).map(head => {
            const fold = head.closest('summary');
            let next = fold ? fold.nextElementSibling.firstElementChild : head.nextElementSibling;
            let text = (fold ?? head).textContent;
            while (next && next.matches('p.lead')) {
              text += next.innerText;
              next = next.nextElementSibling;
            }
            return next && next.matches('table')
              ? text + next.tHead.textContent + next.tBodies[0].rows[0].textContent : text;
          });
          return [...rows.map(row => row.textContent), ...heads];
        })()"""
    )
    assert len(told) > 20
    wanted = {text: _squeezed(text) for text in told}
    return [text for text, whole in wanted.items() if not any(whole in sheet for sheet in sheets)]

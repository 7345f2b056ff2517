"""Our own page: the run as it is, its faults, and the orders that can be given.

Reading and ordering both need the token, as everything behind the `Door` does; whatever changes
anything is a POST from the page itself. The page is three kinds of static files and JSON: nothing
in it is written by a template, so that neither a name of a fault nor a secret can end up in its
source.
"""

import json
import os
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Protocol

from flask import Blueprint, jsonify, make_response

from harness.apps.locust.door import Door, harden, json_body, said
from harness.apps.locust.live import Live
from harness.apps.locust.progress import GAME_DAY_VARIABLE, Progress
from harness.load.load_protocol import PageOrder

NAME = "lendchaos-chaos"
PAGE_FILES = {
    "chaos.html": "text/html; charset=utf-8",
    "chaos.css": "text/css; charset=utf-8",
    "chaos.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
}
REASON_CHARACTERS_MAX = 200
GAME_DAY_KEYS = ("title", "step", "abort_word")


class RunInProcess(Protocol):
    """What the page needs of a run."""

    live: Live

    def order(self, do: PageOrder, fault: str | None, reason: str) -> str | None:
        """Do it, or say why not."""


class RunHandle(Protocol):
    """What the page needs of the process that leads."""

    progress: Progress

    @property
    def run(self) -> RunInProcess | None:
        """The latest run."""


class ChaosPage:
    """The page of one process, behind its door; ``address`` is printed once."""

    def __init__(self, web_ui: Any, door: Door, leader: RunHandle, prefix: str) -> None:
        self._leader = leader
        self._door = door
        self._path = f"{prefix}/lendchaos"
        self.address = door.address("/lendchaos/")
        self.blueprint = self._routes(web_ui)
        # They hold nothing of a run, and the page itself asks for the token.
        door.open |= {f"{NAME}.page", f"{NAME}.file"}

    def _routes(self, web_ui: Any) -> Any:
        routes = Blueprint(NAME, __name__, url_prefix=self._path)
        login = web_ui.auth_required_if_enabled
        views: list[tuple[str, str, str, Callable[..., Any]]] = [
            ("GET", "/", "page", lambda: _file("chaos.html")),
            ("GET", "/page/<name>", "file", _file),
            ("GET", "/live", "live", login(self._live)),
            ("POST", "/command", "command", login(self._command)),
        ]
        for method, path, name, view in views:
            routes.add_url_rule(path, name, view, methods=[method])
        routes.after_request(harden)
        return routes

    # --- looking -----------------------------------------------------------------------------

    def _live(self) -> Any:
        run, progress = self._leader.run, self._leader.progress
        shown = progress.as_json(f"{self._path}/report")
        if progress.run_dir is None:
            run = None  # that of the latest Start has nothing to show yet: this is the one before
        live = None if run is None else run.live.snapshot()
        return jsonify({"progress": shown, "live": live, "game_day": _game_day()})

    # --- orders ------------------------------------------------------------------------------

    def _command(self) -> Any:
        """Inject, heal or abort."""
        if refusal := self._door.refuse_order():
            return refusal
        body, wrong = json_body()
        if wrong is not None:
            return wrong
        do, fault, reason = (body.get(name) for name in ("do", "fault", "reason"))
        if do not in ("heal", "inject", "abort") or not isinstance(fault, str | None):
            return said("An order is heal, inject or abort, and a fault is named by its text.", 400)
        run = self._leader.run
        if run is None:
            return said("There is no run yet.", 409)
        if objection := run.order(do, fault, _one_line(reason)):
            return said(objection, 409)
        return said("ordered", 202)


def _one_line(text: object) -> str:
    """What somebody typed, fit for a report and a terminal."""
    words = " ".join(str(text or "").split())
    return "".join(c for c in words if c.isprintable())[:REASON_CHARACTERS_MAX]


def _game_day() -> dict[str, str] | None:
    """Of which game day and step this run is, and the word that ends it; None without one."""
    try:
        found = json.loads(os.environ.get(GAME_DAY_VARIABLE, "null"))
        return None if found is None else {name: str(found[name]) for name in GAME_DAY_KEYS}
    except (ValueError, LookupError, TypeError):
        return None  # somebody else's variable


def pulled_by_hand() -> bool:
    """Whether this run is a step of a game day in which somebody breaks something by hand."""
    try:
        return bool(json.loads(os.environ.get(GAME_DAY_VARIABLE, "null"))["watches"])
    except (ValueError, LookupError, TypeError):
        return False  # no step, or somebody else's variable


def _file(name: str) -> Any:
    kind = PAGE_FILES.get(name)
    if kind is None:
        return said("There is no such file.", 404)
    answer = make_response(files("harness.apps.locust").joinpath("page", name).read_bytes())
    answer.headers["Content-Type"] = kind
    return answer

"""Our own page: the run as it is, its faults, and the orders that can be given.

Reading and ordering both need the token; whatever changes anything is a POST from the page itself.
The page is three kinds of static files and JSON: nothing in it is written by a template, so that
neither a name of a fault nor a secret can end up in its source.
"""

import json
import os
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, make_response, request

from harness.load.access import Asked, Token, may_not_look, may_not_order
from harness.load.live import Live
from harness.load.progress import Progress

NAME = "lendchaos-chaos"
PAGE_FILES = {
    "chaos.html": "text/html; charset=utf-8",
    "chaos.css": "text/css; charset=utf-8",
    "chaos.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
BODY_BYTES_MAX = 4096
REASON_CHARACTERS_MAX = 200
GAME_DAY_VARIABLE = "LENDCHAOS_GAMEDAY"
"""A JSON object with these keys, in the environment of a run that is a step of a game day."""
GAME_DAY_KEYS = ("title", "step", "abort_word")


class RunInProcess(Protocol):
    """What the page needs of a run."""

    live: Live

    def order(self, do: str, fault: str | None, reason: str) -> str | None:
        """Do it, or say why not."""


class Leader(Protocol):
    """What the page needs of the process that leads."""

    progress: Progress

    @property
    def run(self) -> RunInProcess | None:
        """The latest run."""


class ChaosPage:
    """The page of one process; ``address`` is printed once and holds the token."""

    def __init__(self, web_ui: Any, leader: Leader, prefix: str) -> None:
        self._leader = leader
        self._token = Token()
        self._path = f"{prefix}/lendchaos"
        self._cookie = f"lendchaos-{web_ui.port}"  # browsers don't tell ports apart
        scheme = "https" if web_ui.tls_cert else "http"
        host = f"[{web_ui.host}]" if ":" in web_ui.host else web_ui.host
        self.address = f"{scheme}://{host}:{web_ui.port}{self._path}/#token={self._token.reveal()}"
        self.blueprint = self._routes(web_ui)

    def _routes(self, web_ui: Any) -> Any:
        routes = Blueprint(NAME, __name__, url_prefix=self._path)
        views: list[tuple[str, str, str, Callable[..., Any]]] = [
            ("GET", "/", "page", lambda: _file("chaos.html")),
            ("GET", "/page/<name>", "file", _file),
            ("GET", "/live", "live", self._live),
            ("POST", "/session", "session", self._session),
            ("POST", "/command", "command", self._command),
        ]
        for method, path, name, view in views:
            guarded = web_ui.auth_required_if_enabled(view)
            routes.add_url_rule(path, name, guarded, methods=[method])
        routes.after_request(_harden)
        return routes

    def _asked(self, token: object) -> Asked:
        return Asked(
            address=request.host_url.rstrip("/"),
            origin=request.headers.get("Origin"),
            fetch_site=request.headers.get("Sec-Fetch-Site"),
            token=token,
        )

    # --- looking -----------------------------------------------------------------------------

    def _live(self) -> Any:
        if refusal := may_not_look(self._asked(request.cookies.get(self._cookie)), self._token):
            return _said(refusal, 403)
        run, progress = self._leader.run, self._leader.progress
        shown = progress.as_json(f"{self._path}/report")
        live = None if run is None else run.live.snapshot()
        return jsonify({"progress": shown, "live": live, "game_day": _game_day()})

    # --- orders ------------------------------------------------------------------------------

    def _session(self) -> Any:
        """Exchange the token for a cookie, which lives as long as the browser's session."""
        body, wrong = _body()
        if refusal := may_not_order(self._asked(body.get("token")), self._token):
            return _said(refusal, 403)
        if wrong is not None:
            return wrong
        answer = make_response("", 204)
        answer.set_cookie(
            self._cookie,
            self._token.reveal(),
            path=f"{self._path}/",
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return answer

    def _command(self) -> Any:
        """Inject, heal or abort."""
        if refusal := may_not_order(self._asked(request.cookies.get(self._cookie)), self._token):
            return _said(refusal, 403)
        body, wrong = _body()
        if wrong is not None:
            return wrong
        do, fault, reason = (body.get(name) for name in ("do", "fault", "reason"))
        if do not in ("heal", "inject", "abort") or not isinstance(fault, str | None):
            return _said(
                "An order is heal, inject or abort, and a fault is named by its text.", 400
            )
        run = self._leader.run
        if run is None:
            return _said("There is no run yet.", 409)
        if objection := run.order(do, fault, _one_line(reason)):
            return _said(objection, 409)
        return _said("ordered", 202)


def _body() -> tuple[dict[str, Any], Any]:
    """The JSON object that was sent, or what to answer instead."""
    if (request.content_length or 0) > BODY_BYTES_MAX:
        return {}, _said("That is too long for an order.", 413)
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        return {}, _said("An order is a JSON object.", 400)
    return found, None


def _one_line(text: object) -> str:
    """What somebody typed, fit for a report and a terminal."""
    words = " ".join(str(text or "").split())
    return "".join(c for c in words if c.isprintable())[:REASON_CHARACTERS_MAX]


def _said(text: str, status: int) -> Any:
    answer = make_response(text + "\n", status)
    answer.mimetype = "text/plain"
    return answer


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
        return _said("There is no such file.", 404)
    answer = make_response(files("harness.load").joinpath("page", name).read_bytes())
    answer.headers["Content-Type"] = kind
    return answer


def _harden(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response

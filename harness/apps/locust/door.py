"""The door of the web page: every route of it asks for the token, Locust's own among them.

Open are only files of ours that hold nothing of a run. Statistics, logs and the start form are
closed as well: options and error texts may be secrets, and a page that shows Start to people who
cannot press it helps none of them. One rule, so that a route that a later Locust or a scenario adds
is closed until the token is shown.
"""

import json
from html import escape
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, make_response, request

from harness.apps.locust.access import PageRequest, Token, may_not_look, may_not_order

NAME = "lendchaos-door"
TOKEN_HEADER = "X-Lendchaos-Token"  # noqa: S105  # a header's name, not a token
"""What scripts send in place of the cookie."""
BODY_BYTES_MAX = 4096
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
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # to compare with


class Door:
    """The lock of one process; ``address`` holds the token."""

    def __init__(self, web_ui: Any, prefix: str) -> None:
        self._token = Token()
        self._prefix = prefix
        self._cookie = f"lendchaos-{web_ui.port}"  # browsers don't tell ports apart
        scheme = "https" if web_ui.tls_cert else "http"
        host = "127.0.0.1" if web_ui.host in _EVERYWHERE else web_ui.host
        host = f"[{host}]" if ":" in host else host
        self._home = f"{scheme}://{host}:{web_ui.port}{self._prefix}"
        self.open = {f"{NAME}.session", f"{NAME}.script"}
        """Endpoints that answer without a token."""
        self._blueprint = Blueprint(NAME, __name__, url_prefix=f"{self._prefix}/lendchaos")
        for method, path, view in (
            ("POST", "session", self._session),
            ("GET", "known", lambda: ("", 204)),
            ("GET", "door.js", _script),
        ):
            endpoint = "script" if view is _script else path
            self._blueprint.add_url_rule(f"/{path}", endpoint, view, methods=[method])
        self._blueprint.after_request(harden)

    def address(self, path: str) -> str:
        """What is printed, once: whoever opens it comes in."""
        return f"{self._home}{path}#token={self._token.reveal()}"

    def _asked(self, token: object = None) -> PageRequest:
        shown = request.headers.get(TOKEN_HEADER)
        return PageRequest(
            address=request.host_url.rstrip("/"),
            origin=request.headers.get("Origin"),
            fetch_site=None if shown else request.headers.get("Sec-Fetch-Site"),
            token=token or shown or request.cookies.get(self._cookie),
        )

    def refuse_order(self) -> Any:
        """403 for an order that another page sends; None otherwise.

        No page can send the header to another origin: browsers ask first, and nobody agrees.
        """
        may_not = may_not_look if TOKEN_HEADER in request.headers else may_not_order
        refusal = may_not(self._asked(), self._token)
        return said(refusal, 403) if refusal else None

    def guard(self, app: Any) -> None:
        """From now on every request to the app comes through here."""
        app.before_request(self._refuse_stranger)
        app.register_blueprint(self._blueprint)

    def _refuse_stranger(self) -> Any:
        if request.endpoint in self.open:
            return None
        refusal = may_not_look(self._asked(), self._token)
        if refusal is None:
            return None
        if request.accept_mimetypes.best_match(["text/plain", "text/html"]) != "text/html":
            return said(refusal, 403)
        page = _file("door.html").replace("{{prefix}}", escape(self._prefix))
        return harden(make_response(page.replace("{{refusal}}", escape(refusal)), 403))

    def _session(self) -> Any:
        """Exchange the token for a cookie, which lives as long as the browser's session."""
        body, wrong = json_body()
        if refusal := may_not_order(self._asked(body.get("token")), self._token):
            return said(refusal, 403)
        if wrong is not None:
            return wrong
        answer = make_response("", 204)
        answer.set_cookie(
            self._cookie,
            self._token.reveal(),
            path=f"{self._prefix}/",
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return answer


def json_body() -> tuple[dict[str, Any], Any]:
    """The JSON object that was sent, or what to answer instead."""
    try:
        body = request.stream.read(BODY_BYTES_MAX + 1)  # its length need not be told beforehand
        if len(body) > BODY_BYTES_MAX:
            return {}, said("That is too long for an order.", 413)
        found = json.loads(body) if request.is_json else None
    except (OSError, ValueError, RecursionError):  # the first: who asks is gone
        found = None
    if not isinstance(found, dict):
        return {}, said("An order is a JSON object.", 400)
    return found, None


def said(text: str, status: int) -> Any:
    """One line, for people and scripts."""
    answer = make_response(text + "\n", status)
    answer.mimetype = "text/plain"
    return answer


def harden(response: Response) -> Response:
    """Let nothing into the page, nor the page into anything."""
    response.headers.update(HEADERS)
    return response


def _script() -> Any:
    answer = make_response(_file("door.js"))
    answer.mimetype = "text/javascript"
    return answer


def _file(name: str) -> str:
    return files("harness.apps.locust").joinpath("page", name).read_text(encoding="utf-8")

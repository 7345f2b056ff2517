"""The door of the web page: every route of it asks for the token, Locust's own among them.

Open are only files of lendchaos that hold nothing of a run. Statistics, logs and the start form are
closed as well: options and error texts may be secrets, and a page that shows Start to people who
cannot press it helps none of them. One rule, so that a route that a later Locust or a scenario adds
is closed until the token is shown.

A token made anew in every process is printed in the terminal once, as the fragment of the page's
address: browsers never send a fragment, so that it stands in no request line and no log. The page
exchanges it for a cookie that no script can read and that no other site can make a browser send.
"""

import hmac
import json
import secrets
from html import escape
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, make_response, request

NAME = "lendchaos-door"
TOKEN_HEADER = "X-Lendchaos-Token"  # noqa: S105  # a header's name, not a token
"""What scripts send in place of the cookie."""
TOKEN_BYTES = 32
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
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._prefix = prefix
        self._cookie = f"lendchaos-{web_ui.port}"  # browsers don't tell ports apart
        scheme = "https" if web_ui.tls_cert else "http"
        host = "127.0.0.1" if web_ui.host in _EVERYWHERE else web_ui.host
        host = f"[{host}]" if ":" in host else host
        self._home = f"{scheme}://{host}:{web_ui.port}{prefix}"
        self.open = {f"{NAME}.session", f"{NAME}.script"}
        """Endpoints that answer without a token."""

    def guard(self, app: Any) -> None:
        """From now on every request to the app comes through here."""
        app.before_request(self._refuse_stranger)
        routes = Blueprint(NAME, __name__, url_prefix=f"{self._prefix}/lendchaos")
        routes.add_url_rule("/session", "session", self._session, methods=["POST"])
        routes.add_url_rule("/known", "known", lambda: ("", 204))
        routes.add_url_rule("/door.js", "script", lambda: page_file("door.js"))
        routes.after_request(harden)
        app.register_blueprint(routes)

    def address(self, path: str) -> str:
        """What is printed, once: anyone who opens it comes in."""
        return f"{self._home}{path}#token={self._token}"

    @property
    def _site(self) -> str | None:
        """Where the request comes from as newer browsers tell it, which no script can change."""
        by_script = request.headers.get(TOKEN_HEADER)
        return None if by_script else request.headers.get("Sec-Fetch-Site")

    def may_not_look(self, token: object = None) -> str | None:
        """Why this request gets no answer; None if it does.

        A page on another port of this machine is of the same site: a browser sends the cookie
        along.
        """
        shown = token or request.headers.get(TOKEN_HEADER) or request.cookies.get(self._cookie)
        # Half a surrogate pair has no encoding of its own, and is no token either.
        given = shown.encode("utf-8", "surrogatepass") if isinstance(shown, str) else b""
        knows = hmac.compare_digest(given, self._token.encode())
        if knows and self._site in (None, "none", "same-origin"):
            return None
        return (
            "This page needs the token: open the address with #token= that the terminal shows"
            " where Locust was started; scripts send it as X-Lendchaos-Token."
        )

    def may_not_order(self, token: object = None) -> str | None:
        """Why this request changes nothing; None if it may.

        A browser that says itself where a request comes from is believed before its Origin, whose
        scheme is another one behind a proxy with TLS.
        """
        own = request.headers.get("Origin") == request.host_url.rstrip("/")
        if not (own if self._site is None else self._site == "same-origin"):
            return "Orders are taken from this page only: the request's Origin is not this page."
        return self.may_not_look(token)

    def refuse_order(self) -> Any:
        """403 for an order that another page sends; None otherwise.

        No page can send the header to another origin: browsers ask first, and no one agrees.
        """
        by_header = TOKEN_HEADER in request.headers
        refusal = self.may_not_look() if by_header else self.may_not_order()
        return said(refusal, 403) if refusal else None

    def _refuse_stranger(self) -> Any:
        if request.endpoint in self.open:
            return None
        if (refusal := self.may_not_look()) is None:
            return None
        if request.accept_mimetypes.best_match(["text/plain", "text/html"]) != "text/html":
            return said(refusal, 403)
        page = page_file("door.html")
        text = page.get_data(as_text=True).replace("{{prefix}}", escape(self._prefix))
        return harden(make_response(text.replace("{{refusal}}", escape(refusal)), 403))

    def _session(self) -> Any:
        """Exchange the token for a cookie, which lives as long as the browser's session."""
        body, wrong = json_body()
        if refusal := self.may_not_order(body.get("token")):
            return said(refusal, 403)
        if wrong is not None:
            return wrong
        answer = make_response("", 204)
        answer.set_cookie(
            self._cookie,
            self._token,
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


def page_file(name: str) -> Any:
    """A file of lendchaos for its pages, as it is."""
    kind = {"html": "html", "css": "css", "js": "javascript"}[name.rpartition(".")[2]]
    answer = make_response(files("harness.apps.locust").joinpath("page", name).read_bytes())
    answer.headers["Content-Type"] = f"text/{kind}; charset=utf-8"
    return answer

"""Calls outside the load: what a target asks for by 429 and 503 is done, within a bound."""

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.core import http_calls
from harness.core.errors import HarnessError
from harness.core.http_calls import Http, Patience, with_query
from harness.core.http_messages import Reply
from harness.target.request import Request


@dataclass
class Target:
    """Answers with these, in order, and then with 200."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    interim: bytes = b""
    seen: list[dict[str, str]] = field(default_factory=list)
    body: bytes = b"{}"
    url: str = ""

    def next(self) -> tuple[int, dict[str, str]]:
        """The next answer."""
        return self.answers.pop(0) if self.answers else (200, {})


@pytest.fixture
def target() -> Iterator[Target]:
    """It behind a real HTTP server."""
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target.seen.append(dict(self.headers))
            self.wfile.write(target.interim)
            status, headers = target.next()
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(target.body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.wfile.write(target.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    target.url = f"http://127.0.0.1:{server.server_port}"
    yield target
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_calls, "PAUSES_SECONDS", (0.02, 0.05))


def get(target: Target, patience: Patience) -> Reply:
    """One call."""
    return Http().call("GET", target.url, headers={}, patience=patience)


@pytest.mark.parametrize(
    ("path", "query", "whole"),
    [
        ("/loans", None, "/loans"),
        ("/loans", {"a": 1, "b": "x y"}, "/loans?a=1&b=x+y"),
        ("/loans?tenant=t", {"a": 1}, "/loans?tenant=t&a=1"),
        ("/loans?tenant=t", {}, "/loans?tenant=t"),
    ],
)
def test_a_query_goes_behind_the_one_that_is_there(
    path: str, query: dict[str, int | str] | None, whole: str
) -> None:
    """In the load as elsewhere."""
    assert with_query(path, query) == Request("GET", path, query=query).target == whole


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "least_s"),
    [
        ({"Retry-After": "1"}, 1.0),
        # By the target's own clock, whatever ours shows.
        (
            {
                "Date": "Thu, 01 Jan 2015 10:00:00 GMT",
                "Retry-After": "Thu, 01 Jan 2015 10:00:01 GMT",
            },
            1.0,
        ),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "soon"}, 0.02),
        ({"Retry-After": "-5"}, 0.02),
        ({}, 0.02),
    ],
)
def test_a_call_that_is_put_off_is_made_again_when_the_target_says(
    target: Target, status: int, headers: dict[str, str], least_s: float
) -> None:
    """Seconds, a date, or after a pause of ours where it does not say."""
    target.answers = [(status, headers)]
    began_s = time.monotonic()

    assert get(target, Patience(10.0)).status == 200
    assert least_s <= time.monotonic() - began_s < least_s + 5


def test_a_wait_beyond_our_patience_is_not_begun(target: Target) -> None:
    """The answer stands as it came, at once."""
    target.answers = [(429, {"Retry-After": "3600"})]
    began_s = time.monotonic()

    assert get(target, Patience(10.0)).status == 429
    assert time.monotonic() - began_s < 2


def test_all_waits_together_are_bounded(target: Target) -> None:
    """A target that always asks for a little more is given up."""
    target.answers = [(429, {"Retry-After": "1"})] * 9

    assert get(target, Patience(2.0)).status == 429
    assert len(target.seen) == 3


def test_a_target_that_does_not_say_when_is_asked_a_few_times(target: Target) -> None:
    """As often as there are pauses."""
    target.answers = [(503, {})] * 9

    assert get(target, Patience(10.0)).status == 503
    assert len(target.seen) == 3


def test_a_long_wait_is_told_and_can_be_ended(target: Target) -> None:
    """An interruption must not wait for the target."""
    told: list[str] = []

    def end() -> None:
        raise InterruptedError

    target.answers = [(429, {"Retry-After": "60"})]
    with pytest.raises(InterruptedError):
        get(target, Patience(100.0, told.append, end))

    assert told == [f"GET {target.url} answered 429: waiting for 60 s"]


def test_an_answer_that_is_final_is_not_asked_for_again(target: Target) -> None:
    """Some lenders decline with 429."""
    target.answers = [(429, {"Retry-After": "1"})]
    reply = Http().call("GET", target.url, headers={}, is_final=lambda _: True)

    assert (reply.status, len(target.seen)) == (429, 1)


@pytest.mark.parametrize("times", [1, 3])
def test_interim_answers_are_skipped(target: Target, times: int) -> None:
    """100 and 103, each with headers of its own."""
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nContent-Length: 7\r\n\r\n"
    target.interim = (hint + b"HTTP/1.1 100 Continue\r\n\r\n") * times
    reply = get(target, Patience(0.0))

    assert (reply.status, reply.body) == (200, b"{}")


def test_interim_answers_without_end_are_given_up(target: Target) -> None:
    """They are no answer."""
    target.interim = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300

    with pytest.raises(HarnessError, match="interim answers have no end"):
        get(target, Patience(0.0))


def test_nothing_is_taken_from_the_environment(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy is on our way, and no cookie of one answer goes along with the next call."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    target.answers = [(200, {"Set-Cookie": "session=1"})]
    http = Http()
    for _ in range(2):
        assert http.call("GET", target.url, headers={}).status == 200

    assert not any("Cookie" in headers for headers in target.seen)


def test_a_redirect_is_an_answer(target: Target) -> None:
    """It is not followed: it would carry our token elsewhere."""
    target.answers = [(302, {"Location": target.url})]

    assert get(target, Patience(0.0)).status == 302


def test_no_answer_is_one_line() -> None:
    """It says who was asked."""
    with pytest.raises(HarnessError, match=r"GET http://127\.0\.0\.1:9: "):
        Http().call("GET", "http://127.0.0.1:9", headers={})


def test_a_token_that_cannot_be_sent_is_not_told(target: Target) -> None:
    """A target may make up any token; none ends in a traceback or in a message."""
    for token in ("a\nb", "\u2028"):
        with pytest.raises(HarnessError, match="a header cannot be sent") as caught:
            Http().call("GET", target.url, headers={"Authorization": f"Bearer {token}"})
        assert "Bearer" not in str(caught.value)


def test_an_answer_that_is_too_large_is_given_up(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed, a few bytes become many."""
    monkeypatch.setattr(http_calls, "BODY_BYTES_MAX", 100_000)
    target.body = gzip.compress(bytes(10_000_000))
    target.answers = [(200, {"Content-Encoding": "gzip"})]

    with pytest.raises(HarnessError, match="too large"):
        get(target, Patience(0.0))


def test_json_that_is_nested_too_deeply_is_none() -> None:
    """It is bad input like any other."""
    with pytest.raises(ValueError, match="deeply"):
        Reply(200, b"[" * 100_000).json()

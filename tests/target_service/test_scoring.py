"""Whose score decides, when a silent bureau is left alone, and what counts as an answer."""

import asyncio
import math

import pytest

from target_service.http_client import HttpClient, HttpError
from target_service.rules import Applicant, Policy, ScoreSource, reason_to_decline, settle
from target_service.scoring import CLOSED_OFF_SECONDS, FAILURES_MAX, Breaker
from target_service.settings import SettingsError, read_settings

URL = {"LENDING_DATABASE_URL": "postgresql://lending@127.0.0.1:5432/lending"}
POLICY = Policy(1, frozenset({"closed"}), 550)


def applicant(score: int = 700, age_s: float = 10.0) -> Applicant:
    """Somebody with nothing against them but perhaps the score."""
    return Applicant("id", "active", "open", score, frozenset(), age_s)


@pytest.mark.parametrize(
    ("asked", "age_s", "source", "score", "is_news"),
    [
        (700, 10.0, ScoreSource.BUREAU, 700, False),
        (650, 10.0, ScoreSource.BUREAU, 650, True),
        (700, 7200.0, ScoreSource.BUREAU, 700, True),
        (700, math.inf, ScoreSource.BUREAU, 700, True),
        (None, 100.0, ScoreSource.FILE, 700, False),
        (None, 100.1, ScoreSource.NONE, 700, False),
        (None, math.inf, ScoreSource.NONE, 700, False),
    ],
)
def test_whose_score_decides(
    asked: int | None, age_s: float, source: ScoreSource, score: int, is_news: bool
) -> None:
    """The bureau's; else the one on file while it is recent; else nobody's."""
    settled = settle(applicant(age_s=age_s), asked, 100.0)

    assert (settled.score_source, settled.score, settled.score_is_news) == (source, score, is_news)


def test_an_unknown_score_declines_nobody() -> None:
    """Neither a bad old score nor a good one counts; other rules still do."""
    old = settle(applicant(score=300, age_s=math.inf), None, 100.0)

    assert reason_to_decline(old, POLICY) is None
    recent = settle(applicant(score=300), None, 100.0)
    declined = reason_to_decline(recent, POLICY)
    assert declined is not None
    assert declined.code == "score_below_minimum"


def test_the_breaker_opens_after_failures_in_a_row() -> None:
    """An answer in between starts the count anew."""
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            breaker.failed(0.0)
        assert breaker.allows(0.0)
        breaker.succeeded()
    for _ in range(FAILURES_MAX):
        breaker.failed(0.0)
    assert not breaker.allows(0.0)


def test_an_open_breaker_lets_one_through_at_a_time() -> None:
    """A failure keeps it open, an answer closes it, and one that is never heard of blocks none."""
    breaker, longest_s = Breaker(), CLOSED_OFF_SECONDS[1]
    for _ in range(FAILURES_MAX):
        breaker.failed(0.0)
    assert [breaker.allows(longest_s) for _ in range(3)] == [True, False, False]
    breaker.failed(longest_s)
    assert not breaker.allows(longest_s + 0.1)
    assert breaker.allows(2 * longest_s)
    assert breaker.allows(3 * longest_s)
    breaker.succeeded()
    assert all(breaker.allows(3 * longest_s) for _ in range(3))


def exchange(*answers: bytes) -> list[str]:
    """What a client makes of each answer of a server that then hangs up.

    Connections that were made are counted at the end, as a number.
    """

    async def run() -> list[str]:
        left, made = list(answers), 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal made
            made += 1
            while left:
                try:
                    await reader.readuntil(b"\r\n\r\n")
                except asyncio.IncompleteReadError:
                    break
                answer = left.pop(0)
                writer.write(answer.removesuffix(b"!"))
                if answer.endswith(b"!"):
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = HttpClient("127.0.0.1", server.sockets[0].getsockname()[1], None)
        found = []
        for _ in answers:
            try:
                answer = await client.call("GET", "/")
            except HttpError:
                found.append("error")
            else:
                found.append(f"{answer.status} {answer.body.decode()}")
            await asyncio.sleep(0.02)  # so that a hang-up has arrived
        client.close()
        server.close()
        return [*found, str(made)]

    return asyncio.run(run())


def test_connections_are_kept() -> None:
    """Two calls, one connection; each gets its own answer."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"

    assert exchange(answer + b"1", answer + b"2") == ["200 1", "200 2", "1"]


def test_a_connection_that_was_closed_is_not_used_again() -> None:
    """Whether the server said so or just hung up while it was idle."""
    kept = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n!"
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n!"

    assert exchange(kept, said, kept) == ["404 ", "200 ", "404 ", "3"]


@pytest.mark.parametrize(
    "answer",
    [
        b"!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc!",
        b"HTTP/1.1 200 OK\r\n\r\n!",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n!",
        b"SSH-2.0-x\r\n\r\n!",
        b"x" * 20_000 + b"\r\n\r\n!",
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    """Cut off, without a length or in another language: an error, and the next call is well."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    assert exchange(answer, whole) == ["error", "200 ", "2"]


def test_nobody_there_is_an_error_of_the_same_kind() -> None:
    """A refused connection too."""
    with pytest.raises(HttpError, match="cannot connect"):
        asyncio.run(HttpClient("127.0.0.1", 1, None).call("GET", "/"))


@pytest.mark.parametrize("url", ["127.0.0.1:8100", "https://b:1", "http://b", "http://b:1/v1"])
def test_the_bureaus_address_has_one_form(url: str) -> None:
    """Anything else is told at the start and not at the first borrow."""
    with pytest.raises(SettingsError, match="BUREAU_URL must be http://host:port"):
        read_settings(URL | {"LENDING_BUREAU_URL": url})

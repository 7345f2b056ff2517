"""Who may look at the page and who may give orders, asked of the real routes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from harness.apps.locust import chaos_page
from harness.apps.locust import page_access as web_door
from harness.apps.locust.planning import of_game_day
from harness.run.progress_messages import GAME_DAY_VARIABLE
from tests.load.made_live import MadeLeader, made_app, made_leader

HOME = "http://127.0.0.1:1"
HEAL = {"do": "heal", "fault": "1-partition"}


@dataclass
class Door:
    """The page of one made-up run, and its token."""

    leader: MadeLeader = field(default_factory=made_leader)

    def __post_init__(self) -> None:
        """Make the app."""
        self.app, address = made_app(self.leader)
        self.token = address.partition("#token=")[2]

    def client(self, *, knows: bool = True) -> FlaskClient:
        """A browser, with or without the cookie."""
        client = self.app.test_client()
        if knows:
            assert enter(client, self.token).status_code == 204
        return client

    @property
    def orders(self) -> list[Any]:
        """What was obeyed."""
        assert self.leader.run is not None
        return self.leader.run.orders


def ask(client: FlaskClient, method: str, path: str, **fields: Any) -> Any:
    """A request as the page itself sends it, unless told otherwise."""
    headers = {"Origin": HOME} if method == "POST" else {}
    headers |= fields.pop("headers", {})
    headers = {name: value for name, value in headers.items() if value is not None}
    return client.open(path, method=method, base_url=HOME, headers=headers, **fields)


def enter(client: FlaskClient, token: object, **fields: Any) -> Any:
    """Exchange the token for a cookie."""
    return ask(client, "POST", "/lendchaos/session", json={"token": token}, **fields)


def order(client: FlaskClient, **fields: Any) -> Any:
    """Heal the first fault, unless told otherwise."""
    return ask(client, "POST", "/lendchaos/command", **{"json": HEAL, **fields})


def wrongs(door: Door) -> list[str]:
    """Every request that must be refused and is not, or that changes something."""
    stranger, friend = door.client(knows=False), door.client()
    cookie = chaos_page.NAME  # any cookie but the right one
    requests: dict[str, Callable[[], Any]] = {
        "order without a token": lambda: order(stranger),
        "order with a wrong cookie": lambda: order(
            stranger, headers={"Cookie": f"lendchaos-1={cookie}"}
        ),
        "order with the token in its address": lambda: ask(
            stranger, "POST", f"/lendchaos/command?token={door.token}", json=HEAL
        ),
        "order without an origin": lambda: order(friend, headers={"Origin": None}),
        "order from another origin": lambda: order(friend, headers={"Origin": "http://evil.test"}),
        "order from another port": lambda: order(friend, headers={"Origin": "http://127.0.0.1:2"}),
        "order from a nameless page": lambda: order(friend, headers={"Origin": "null"}),
        "order with another scheme": lambda: order(
            friend, headers={"Origin": "https://127.0.0.1:1"}
        ),
        "order of a page next door": lambda: order(friend, headers={"Sec-Fetch-Site": "same-site"}),
        "look without a token": lambda: ask(stranger, "GET", "/lendchaos/live"),
        "wrong token": lambda: enter(stranger, door.token[:-1]),
        "no token": lambda: enter(stranger, None),
        "half a surrogate pair": lambda: enter(stranger, "\ud800"),
        "token that is no text": lambda: enter(stranger, [door.token]),
        "token from elsewhere": lambda: enter(
            stranger, door.token, headers={"Origin": "http://evil.test"}
        ),
    }
    found = []
    for name, request in requests.items():
        answer = request()
        said = answer.get_data(as_text=True)
        if answer.status_code != 403 or len(said.strip().splitlines()) != 1:
            found.append(name)
        if answer.headers.get("Set-Cookie") or door.token in said:
            found.append(f"{name}: a secret in the answer")
    got = {path: ask(friend, "GET", f"/lendchaos/{path}") for path in ("command", "session")}
    found += [f"GET {path}" for path, answer in got.items() if answer.status_code != 405]
    if door.orders:
        found.append("an order was obeyed")
    return found


def test_nobody_gives_orders_without_token_and_origin() -> None:
    """403 with one clear line each, no cookie, and nothing is changed; a GET orders nothing."""
    door = Door()

    assert wrongs(door) == []
    assert order(door.client()).status_code == 202
    script = {"Origin": None, web_door.TOKEN_HEADER: door.token}
    assert order(door.client(knows=False), json={"do": "heal"}, headers=script).status_code == 202
    assert door.orders == [("heal", "1-partition", ""), ("heal", None, "")]


def test_behind_a_proxy_with_tls_the_page_works() -> None:
    """The scheme is another one then, and the browser itself says that it is the same page."""
    door = Door()
    sent = {"Origin": "https://127.0.0.1:1", "Sec-Fetch-Site": "same-origin"}
    client = door.client(knows=False)

    assert enter(client, door.token, headers=sent).status_code == 204
    assert order(client, headers=sent).status_code == 202


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("may_not_look", "look without a token"),
        ("may_not_order", "wrong token"),
    ],
)
def test_a_missing_check_is_found(
    monkeypatch: pytest.MonkeyPatch, planted: str, found: str
) -> None:
    """The test above would notice if a check were forgotten."""
    monkeypatch.setattr(web_door.Door, planted, lambda *_: None)

    assert found in wrongs(Door())


def test_a_check_that_forgets_the_origin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the token alone, every other page of the browser could give orders."""
    monkeypatch.setattr(web_door.Door, "may_not_order", web_door.Door.may_not_look)

    assert "order from another origin" in wrongs(Door())


def test_the_cookie_is_for_this_page_alone() -> None:
    """No script reads it, no other site has it sent, no other page of this host gets it."""
    door = Door()
    cookie = enter(door.client(knows=False), door.token).headers["Set-Cookie"]

    parts = {part.strip() for part in cookie.split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= parts
    assert cookie.startswith("lendchaos-1=")
    assert not any(part.startswith(("Expires", "Max-Age", "Domain")) for part in parts)


def test_every_answer_is_hardened_and_no_file_holds_a_secret() -> None:
    """The policy allows no inline script, no other origin and no frame around the page."""
    door = Door()
    client = door.client()
    paths = ["/", *(f"/page/{name}" for name in chaos_page.PAGE_FILES), "/live"]
    for path in paths:
        answer = ask(client, "GET", f"/lendchaos{path}")
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status_code == 200
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert door.token not in answer.get_data(as_text=True)
    assert ask(client, "GET", "/lendchaos/page/..%2faccess.py").status_code == 404
    assert ask(client, "GET", "/lendchaos/page/__init__.py").status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"json": {"do": "dance"}}, 400, "heal, inject or abort"),
        ({"json": {"do": "heal", "fault": 7}}, 400, "heal, inject or abort"),
        ({"json": ["heal"]}, 400, "a JSON object"),
        ({"json": None, "data": "do=heal"}, 400, "a JSON object"),
        ({"json": {"do": "heal", "reason": "x" * 5000}}, 413, "too long"),
        ({"json": {"do": "heal", "fault": "2-partition"}}, 409, "nothing to heal"),
        ({"json": {"do": "inject", "fault": "1-partition"}}, 409, "once in a run"),
        ({"json": {"do": "heal", "fault": "x"}}, 409, "no fault x"),
    ],
)
def test_an_order_that_makes_no_sense_is_told_so(
    fields: dict[str, Any], status: int, said: str
) -> None:
    """In one line, and nothing happens."""
    door = Door()
    answer = order(door.client(), **fields)

    assert answer.status_code == status
    assert said in answer.get_data(as_text=True)
    assert door.orders == []


def test_a_reason_is_one_printable_line() -> None:
    """It ends up in a report and on terminals."""
    door = Door()
    reason = "  too\tmany\nfailures \x1b[31m" + "!" * 500
    answer = order(door.client(), json={"do": "abort", "reason": reason})

    assert answer.status_code == 202
    ((_, _, kept),) = door.orders
    assert kept.startswith("too many failures [31m!!")
    assert len(kept) == 200


def test_without_a_run_there_is_nothing_to_order() -> None:
    """The page says so; looking works."""
    door = Door(MadeLeader(None))
    client = door.client()

    assert order(client).status_code == 409
    assert ask(client, "GET", "/lendchaos/live").get_json()["live"] is None


def test_a_token_is_long_and_never_the_same() -> None:
    """Two processes know nothing of each other."""
    first, second = Door(), Door()

    assert len(first.token) >= 43
    assert first.token != second.token
    assert enter(first.client(knows=False), second.token).status_code == 403


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, None),
        (
            '{"title": "Autumn", "step": "cut", "abort_word": "halt", "more": 1}',
            {"title": "Autumn", "step": "cut", "abort_word": "halt"},
        ),
        *(("{", None), ("[]", None), ('{"title": "Autumn"}', None)),
    ],
)
def test_the_game_day_of_a_run_is_told(
    told: str | None, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its title, its step and its abort word; a variable of somebody else's is none."""
    if told is not None:
        monkeypatch.setenv(GAME_DAY_VARIABLE, told)

    answer = ask(Door().client(), "GET", "/lendchaos/live")

    assert answer.get_json()["game_day"] == shown


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, False), ('{"title": "t"}', False), ("[", False), ('{"watches": "yes"}', True)],
)
def test_whether_somebody_pulls_a_plug_is_told(
    monkeypatch: pytest.MonkeyPatch, told: str | None, expected: bool
) -> None:
    """By the game day, in the environment of its step; another's variable says nothing."""
    monkeypatch.delenv("LENDCHAOS_GAMEDAY", raising=False)
    if told is not None:
        monkeypatch.setenv("LENDCHAOS_GAMEDAY", told)

    assert bool(of_game_day("watches").get("watches")) is expected


def test_a_run_that_is_planned_is_not_shown_as_the_one_before() -> None:
    """From the Start to its directory there is nothing of it to see, also where it is refused."""
    door = Door()
    client = door.client()

    def shown() -> Any:
        return ask(client, "GET", "/lendchaos/live").json["live"]

    assert shown()["run"]
    door.leader.progress.begin("the next")
    assert shown() is None
    door.leader.progress.fail("it cannot be planned", 2)
    assert shown() is None

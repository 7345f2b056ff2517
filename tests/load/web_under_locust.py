"""Asks every route of Locust's page, with our part in it, as a stranger and as a friend would.

Reads options of Locust's from standard input as JSON, and prints what came of each request.
"""

import io
import json
import re
import sys
from typing import Any

from locust.argument_parser import get_parser
from locust.env import Environment
from locust.web import WebUI

from harness.apps.locust import borrower, web
from harness.apps.locust.progress import Progress
from harness.plan.plan import Scenario

HOSTS = (
    *("", "http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:9997"),
    *("http://10.0.0.7:1", "http://10.0.0.7:1@127.0.0.1:9", "http://LENDER:8080", "http://evil"),
)


class Mine(borrower.Borrower):
    """A scenario's borrower."""

    host = None
    scenario = Scenario()


class Told(Progress):
    """Keeps what would be printed."""

    lines: list[str]

    def tell_once(self, text: str, **_: Any) -> None:
        """Keep it."""
        self.lines.append(text)


class Leader:
    """Leads nothing."""

    run = None
    preset_run_time_s = run_time_s = None
    under_way = False
    class_host = declared_host = None
    users_beside = 0

    def __init__(self) -> None:
        self.stated: dict[str, str] = {}
        self.progress = Told()
        self.progress.lines = []

    def objection(self, _form: Any) -> None:
        """Nothing is wrong with it."""

    def stop(self) -> None:
        """There is no run to be ended."""
        self.under_way = False

    def announce(self) -> list[str]:
        """A hypothesis that would end the script that it stands in."""
        return ["Hypothesis: </script>"]


def made(words: list[str]) -> tuple[WebUI, Leader]:
    """The page as Locust makes it, and what was printed at its start."""
    sys.argv = ["locust", "-f", "mine.py"]
    options = get_parser().parse_args(words)
    environment = Environment(
        user_classes=[Mine],
        available_user_classes={"Mine": Mine},
        parsed_options=options,
        host=options.host,
    )
    environment.create_local_runner()
    ui = WebUI(
        *(environment, options.web_host, 8089, options.web_base_path, options.web_login),
        delayed_start=True,
        userclass_picker_is_active=options.class_picker,
    )
    if options.web_login:
        ui.app.secret_key = "made up"
        ui.login_manager.user_loader(lambda _: None)
    ui.app.add_url_rule("/mine", "mine", lambda: "done", methods=["GET", "POST"])
    ui.app.config["PROPAGATE_EXCEPTIONS"] = False  # 500, as for whoever asks
    leader = Leader()
    web.extend(ui, leader)
    return ui, leader


def ask(client: Any, rule: Any, method: str, **fields: Any) -> list[Any]:
    """Endpoint, method, status, and whether a cookie was given, of one request."""
    path = rule.rule.replace("<name>", "chaos.js").replace("<path:path>", "x")
    answer = client.open(path.replace("<path:filename>", "x"), method=method, **fields)
    return [rule.endpoint, method, answer.status_code, "Set-Cookie" in answer.headers]


def asked(words: list[str]) -> dict[str, Any]:
    """All of it, for a Locust with these options."""
    ui, leader = made(words)
    (line,) = [line for line in leader.progress.lines if "#token=" in line]
    address, _, token = line.partition("#token=")
    token = token.split()[0]
    base = "http://" + address.partition("://")[2].partition("/")[0]
    rules = [(r, m) for r in ui.app.url_map.iter_rules() for m in sorted(r.methods)]
    client = ui.app.test_client()
    forged = {"X-Lendchaos-Token": token[:-1], "Cookie": f"lendchaos-8089={token[:-1]}"}
    prefix = (ui.environment.parsed_options.web_base_path or "").rstrip("/")
    friend = ui.app.test_client()
    session = friend.post(
        f"{prefix}/lendchaos/session",
        base_url=base,
        json={"token": token},
        headers={"Origin": base},
    )
    header = {"X-Lendchaos-Token": token}
    reset = f"{prefix}/stats/reset"
    long = io.BytesIO(b" " * 1_000_000)
    return {
        "printed": leader.progress.lines,
        "stranger": [ask(client, r, m, base_url=base) for r, m in rules],
        "forger": [ask(client, r, m, base_url=base, headers=forged) for r, m in rules],
        "nowhere": client.get("/nowhere", base_url=base).status_code,
        "said": client.post(f"{prefix}/swarm", base_url=base).get_data(as_text=True),
        "cookie": session.headers.get("Set-Cookie", "").replace(token, "TOKEN"),
        "by_cookie": [
            friend.post(reset, base_url=base, headers=headers).status_code
            for headers in (
                {"Origin": base, "Sec-Fetch-Site": "same-origin"},
                {"Origin": "http://127.0.0.1:9997", "Sec-Fetch-Site": "same-site"},
                {"Sec-Fetch-Site": "same-site"},
            )
        ],
        "frame": friend.get(
            f"{prefix}/tasks", base_url=base, headers={"Sec-Fetch-Site": "same-site"}
        ).status_code,
        "by_header": {
            path: client.open(
                prefix + path, method=method, base_url=base, headers=header
            ).status_code
            for method, path in (("GET", "/"), ("POST", "/stats/reset"), ("GET", "/stats/requests"))
        },
        "odd": odd(client, prefix, base, long),
        "taken": long.tell(),
        "followed": None if ui.web_login else followed(client, ui, prefix, base, header),
        "hosts": {host: start(client, prefix, base, header, host) for host in HOSTS},
    }


class CutOff(io.BytesIO):
    """A body whose sender is gone, as gevent tells it."""

    def read(self, _size: int | None = -1) -> bytes:
        """Nothing comes any more."""
        raise OSError


def odd(client: Any, prefix: str, base: str, long: io.BytesIO) -> dict[str, int]:
    """The status of what no browser sends."""
    session, here = f"{prefix}/lendchaos/session", {"Origin": base}
    more: dict[str, dict[str, Any]] = {
        "an origin that is no address": {"headers": {"Origin": "http://["}, "json": {}},
        "a host that is no address": {"headers": {"Host": "[", **here}, "json": {}},
        "a nested body": {"headers": here, "data": "[" * 4000},
        "a body of no told length": {
            "headers": {**here, "Transfer-Encoding": "chunked"},
            "input_stream": long,
            "environ_overrides": {"wsgi.input_terminated": True},
        },
        "a body that is cut off": {
            "headers": here,
            "input_stream": CutOff(),
            "environ_overrides": {"wsgi.input_terminated": True},
        },
        "a body that is no JSON": {"headers": here, "data": b"\xff"},
    }
    return {
        name: client.post(
            session, base_url=base, content_type="application/json", **fields
        ).status_code
        for name, fields in more.items()
    }


def followed(
    client: Any, ui: WebUI, prefix: str, base: str, header: dict[str, str]
) -> dict[str, Any]:
    """The states that Locust's page is told in, and what it is made of."""

    def states() -> list[str]:
        stats = client.get(f"{prefix}/stats/requests", base_url=base, headers=header).get_json()
        ui.update_template_args()
        return [stats["state"], ui.template_args["state"]]

    def order(path: str, **form: str) -> Any:
        return client.post(prefix + path, base_url=base, headers=header, data=form).get_json()

    host = ui.environment.host or ""
    found = [states()]
    order("/swarm", host=host, user_count="5", spawn_rate="5")  # begins when we wait, so never
    found.append(states())
    again = order("/swarm", host=host, user_count="5", spawn_rate="5")
    order("/stop")
    found.append(states())
    cached = {**header, "If-None-Match": "*", "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    front = client.get(f"{prefix}/", base_url=base, headers=header).get_data(as_text=True)
    (script,) = re.findall(r'src="\./(assets/[^"]+\.js)"', front)
    served = client.get(f"{prefix}/{script}", base_url=base, headers=cached)
    return {
        "states": found,
        "again": again,
        "front": front,
        "script": (served.status_code, "Arrivals per second" in served.get_data(as_text=True)),
    }


def start(client: Any, prefix: str, base: str, header: dict[str, str], host: str) -> str:
    """What is said to a start at a host with a number of users that Locust then refuses."""
    form = {"host": host, "user_count": "none", "spawn_rate": "1"}
    answer = client.post(f"{prefix}/swarm", base_url=base, headers=header, data=form)
    return str((answer.get_json(silent=True) or {}).get("message"))


json.dump([asked(words) for words in json.load(sys.stdin)], sys.stdout)

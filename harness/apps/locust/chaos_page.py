"""Our own page: the run as it is, its faults, and the orders that can be given.

Reading and ordering both need the token, as everything behind the `Door` does; whatever changes
anything is a POST from the page itself. The page is three kinds of static files and JSON: nothing
in it is written by a template, so that neither a name of a fault nor a secret can end up in its
source.
"""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from harness.apps.locust.controller import Run
from harness.apps.locust.page_access import Door, harden, json_body, page_file, said
from harness.apps.locust.planning import of_game_day

if TYPE_CHECKING:  # it brings Locust, which patches the standard library
    from harness.apps.locust.leader import RunController

NAME = "lendchaos-chaos"
PAGE_FILES = ("chaos.html", "chaos.css", "chaos.js", "chart.js")
REASON_CHARACTERS_MAX = 200
GAME_DAY_KEYS = ("title", "step", "abort_word")


def add_page(web_ui: Any, door: Door, leader: "RunController", prefix: str) -> str:
    """Put the page behind its door; its address, which is printed once."""
    path, login = f"{prefix}/lendchaos", web_ui.auth_required_if_enabled

    def live() -> Any:
        run, progress = leader.run, leader.progress
        if progress.run_dir is None:
            run = None  # that of the latest Start has nothing to show yet: this is the one before
        shown = None if run is None else run.live.snapshot()
        game_day = {name: str(value) for name, value in of_game_day(*GAME_DAY_KEYS).items()}
        told = progress.as_json(f"{path}/report")
        return jsonify({"progress": told, "live": shown, "game_day": game_day or None})

    def command() -> Any:
        return door.refuse_order() or _ordered(leader.run)

    routes = Blueprint(NAME, __name__, url_prefix=path)
    routes.add_url_rule("/", "page", lambda: page_file("chaos.html"))
    routes.add_url_rule("/page/<name>", "file", _file)
    routes.add_url_rule("/live", "live", login(live))
    routes.add_url_rule("/command", "command", login(command), methods=["POST"])
    routes.after_request(harden)
    web_ui.app.register_blueprint(routes)
    # They hold nothing of a run, and the page itself asks for the token.
    door.open |= {f"{NAME}.page", f"{NAME}.file"}
    return door.address("/lendchaos/")


def _ordered(run: Run | None) -> Any:
    body, wrong = json_body()
    if wrong is not None:
        return wrong
    do, fault, reason = (body.get(name) for name in ("do", "fault", "reason"))
    if do not in ("heal", "inject", "abort") or not isinstance(fault, str | None):
        return said("An order is heal, inject or abort, and a fault is named by its text.", 400)
    if run is None:
        return said("There is no run yet.", 409)
    if objection := run.order(do, fault, _one_line(reason)):
        return said(objection, 409)
    return said("ordered", 202)


def _one_line(text: object) -> str:
    """What someone typed, fit for a report and a terminal."""
    words = " ".join(str(text or "").split())
    return "".join(c for c in words if c.isprintable())[:REASON_CHARACTERS_MAX]


def _file(name: str) -> Any:
    return page_file(name) if name in PAGE_FILES else said("There is no such file.", 404)

"""Our part of Locust's web UI: verdict and faults on its page, and no orders from strangers.

A page that can cut a network listens on this machine only, asks for its token, and obeys only
itself: neither another user of the machine nor another site that happens to be open in the same
browser can start a fault or read a result.
"""

from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, current_app, jsonify, make_response, request, send_file
from locust.util.timespan import parse_timespan

from harness.load import chaos_page
from harness.load.banner import BANNER
from harness.load.door import Door
from harness.load.named_hosts import NamedHosts
from harness.load.progress import Progress

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TAB = "verdict"
_CHAOS_TAB = "chaos"
_CHAOS_COLUMNS = {
    "fault": "Fault",
    "state": "State",
    "timeline": "Timeline",
    "target": "Touches",
    "planned": "Planned",
    "injected": "Injected",
    "healed": "Healed",
}


class RunInProcess(chaos_page.RunInProcess, Protocol):
    """What the page needs of a run."""

    @property
    def over(self) -> Any:
        """Set when the run has ended."""

    @property
    def is_loading(self) -> bool:
        """True while arrivals are started."""

    def interrupt(self) -> None:
        """Stop it in order."""


class LeaderOfRuns(Protocol):
    """What the page needs of the process that leads."""

    progress: Progress
    form_run_time_s: float | None

    @property
    def run(self) -> RunInProcess | None:
        """The latest run."""


def extend(web_ui: Any, leader: LeaderOfRuns) -> None:
    """Add guard, faults, verdict and banner to Locust's page, before it is served."""
    prefix = (web_ui.environment.parsed_options.web_base_path or "").rstrip("/")
    app, door, hosts = web_ui.app, Door(web_ui, prefix), NamedHosts(web_ui.environment)
    app.before_request(lambda: _refuse_foreign(web_ui.host))
    door.guard(app)
    app.before_request(lambda: _before_order(leader, hosts))
    app.after_request(lambda response: _add_verdict(response, leader, prefix))
    # After-request functions run in reverse order: first in the list is last to act, so that the
    # headers by which Locust lets any origin read its answers are gone.
    app.after_request_funcs[None].insert(0, _close_to_other_origins)
    app.register_blueprint(_pages(web_ui, leader, prefix))
    web_ui.template_args["extended_tabs"] = [
        {"title": "Chaos", "key": _CHAOS_TAB},
        {"title": "Verdict", "key": _TAB},
    ]
    verdict = {"name": "lendchaos", "value": ""}
    web_ui.template_args["extended_tables"] = [
        _table(_CHAOS_TAB, _CHAOS_COLUMNS),
        _table(_TAB, verdict),
    ]
    _add_own_page(web_ui, door, leader, prefix)


def _table(key: str, columns: dict[str, str]) -> dict[str, Any]:
    return {"key": key, "structure": [{"key": k, "title": title} for k, title in columns.items()]}


def _add_own_page(web_ui: Any, door: Door, leader: LeaderOfRuns, prefix: str) -> None:
    """The page that gives orders is for this machine alone, whatever Locust's own listens on."""
    if web_ui.host not in _LOOPBACK:
        said = f"web page: {door.address('/')} (no chaos page: that is on {_LOOPBACK[0]} only)"
    else:
        page = chaos_page.ChaosPage(web_ui, door, leader, prefix)
        web_ui.app.register_blueprint(page.blueprint)
        said = f"chaos page: {page.address}"
    leader.progress.tell_once(said)


def _pages(web_ui: Any, leader: LeaderOfRuns, prefix: str) -> Any:
    pages = Blueprint("lendchaos", __name__, url_prefix=f"{prefix}/lendchaos")

    @pages.route("/status")  # type: ignore[untyped-decorator]  # flask is not followed
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def status() -> Any:
        return jsonify(leader.progress.as_json(f"{prefix}/lendchaos/report"))

    @pages.route("/report")  # type: ignore[untyped-decorator]
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def report() -> Any:
        path = leader.progress.report
        if path is None or not path.is_file():
            return make_response("There is no report of a run of this process yet.", 404)
        return send_file(path, mimetype="text/html", max_age=0)

    return pages


# --- who may ask ---------------------------------------------------------------------------------


def _refuse_foreign(bound_to: str) -> Any:
    """403 for a name that is not ours (DNS rebinding) and for orders from other pages."""
    host = _split(f"//{request.host}").hostname
    if bound_to in _LOOPBACK and host not in _LOOPBACK:
        return make_response(f"{host} is not a name of this page.", 403)
    if request.method in _READING:
        return None
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    if origin is not None and _split(origin).netloc != request.host:
        return make_response("Orders are taken from this page only.", 403)
    return None


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # no address, like http://[
        return urlsplit("")


def _close_to_other_origins(response: Response) -> Response:
    for name in [n for n, _ in response.headers if n.lower().startswith("access-control-")]:
        del response.headers[name]
    return response


# --- orders --------------------------------------------------------------------------------------


def _before_order(leader: LeaderOfRuns, hosts: NamedHosts) -> Any:
    """Look at Start and Stop before Locust does."""
    run = leader.run
    under_way = run is not None and not run.over.is_set()
    if request.method == "POST" and request.endpoint == "locust.swarm":
        if under_way and run is not None and not run.is_loading:
            return jsonify({"success": False, "message": f"A run is {leader.progress.state}."})
        if objection := hosts.objection(request.form.get("host", "")):
            return jsonify({"success": False, "message": objection})
        return _take_run_time(leader)
    if request.method == "POST" and request.endpoint == "locust.stop" and run is not None:
        run.interrupt()
    return None


def _take_run_time(leader: LeaderOfRuns) -> Any:
    """Locust's timer would end the load without draining it: the field is taken from it."""
    form = request.form.copy()
    text = form.pop("run_time", "")
    try:
        leader.form_run_time_s = float(parse_timespan(text)) if text else None
    except ValueError:
        return jsonify({"success": False, "message": f"Run time {text} must be like 45s or 2m."})
    request.form = form
    return None


# --- the verdict on the page ---------------------------------------------------------------------


def _add_verdict(response: Response, leader: LeaderOfRuns, prefix: str) -> Response:
    if response.status_code != 200:  # noqa: PLR2004  # HTTP's words
        return response
    if request.endpoint == "locust.index":
        before, mark, after = response.get_data(as_text=True).rpartition("</body>")
        own_page = f"{prefix}/lendchaos/" if chaos_page.NAME in current_app.blueprints else ""
        banner = BANNER.replace("{{prefix}}", prefix).replace("{{own_page}}", own_page)
        response.set_data(f"{before}{banner}{mark}{after}")
    elif request.endpoint == "locust.request_stats" and response.is_json:
        body = response.get_json()
        body["extended_stats"] = [
            {"key": _TAB, "data": _rows(leader.progress, prefix)},
            {"key": _CHAOS_TAB, "data": [] if leader.run is None else leader.run.live.rows()},
        ]
        response.set_data(jsonify(body).get_data())
    return response


def _rows(progress: Progress, prefix: str) -> list[dict[str, str]]:
    found = progress.as_json(f"{prefix}/lendchaos/report")
    names = ("scenario", "state", "phase", "text", "verdict", "sentence", "exit_code", "report")
    return [
        {"name": name.replace("_", " "), "value": str(found[name])}
        for name in names
        if found[name] not in (None, "")
    ]

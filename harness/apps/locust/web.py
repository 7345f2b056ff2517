"""Our part of Locust's web UI: who may ask, what may be ordered, and what is added to answers.

A page that can cut a network listens on this machine only, asks for its token, and obeys only
itself: neither another user of the machine nor another site that happens to be open in the same
browser can start a fault or read a result.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, current_app, jsonify, make_response, request, send_file

from harness.apps.locust import chaos_page, locust_page
from harness.apps.locust.door import Door
from harness.apps.locust.named_hosts import NamedHosts
from harness.core import durations

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LeaderOfRuns(locust_page.Follower, Protocol):
    """What the page needs of the process that leads."""

    preset_run_time_s: float | None
    run_time_s: float | None
    """Of the next run."""

    @property
    def run(self) -> chaos_page.RunInProcess | None:
        """The latest run."""

    def objection(self, form: Mapping[str, str]) -> str | None:
        """Why a run cannot be started with what stands in the start form."""

    def stop(self) -> None:
        """Stop the run in order, also one that is not there yet."""


def extend(web_ui: Any, leader: LeaderOfRuns) -> None:
    """Add guard, faults, verdict and banner to Locust's page, before it is served."""
    prefix = (web_ui.environment.parsed_options.web_base_path or "").rstrip("/")
    app, door, hosts = web_ui.app, Door(web_ui, prefix), NamedHosts(web_ui.environment)
    runner = web_ui.environment.runner
    app.before_request(lambda: _refuse_foreign(web_ui.host))
    door.guard(app)
    app.before_request(lambda: _before_order(runner, leader, hosts))
    app.before_request(locust_page.ask_for_all)
    app.after_request(lambda response: _after_order(response, leader))
    app.after_request(lambda response: _as_ours(response, runner, leader, prefix))
    # After-request functions run in reverse order: first in the list is last to act, so that the
    # headers by which Locust lets any origin read its answers are gone.
    app.after_request_funcs[None].insert(0, _close_to_other_origins)
    app.register_blueprint(_pages(web_ui, leader, prefix))
    locust_page.prepare(web_ui, leader)
    _add_own_page(web_ui, door, leader, prefix)


def _add_own_page(web_ui: Any, door: Door, leader: LeaderOfRuns, prefix: str) -> None:
    """The page that gives orders is for this machine alone, whatever Locust's own listens on."""
    if web_ui.host not in _LOOPBACK:
        said = f"web page: {door.address('/')} (no chaos page: that is on {_LOOPBACK[0]} only)"
        leader.progress.tell_once(said)
    else:
        page = chaos_page.ChaosPage(web_ui, door, leader, prefix)
        web_ui.app.register_blueprint(page.blueprint)
        leader.progress.tell_once(f"chaos page: {page.address}", page=page.address)


def _pages(web_ui: Any, leader: LeaderOfRuns, prefix: str) -> Any:
    pages = Blueprint("lendchaos", __name__, url_prefix=f"{prefix}/lendchaos")

    @pages.route("/status")  # type: ignore[untyped-decorator]  # flask is not followed
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def status() -> Any:
        shown = leader.progress.as_json(f"{prefix}/lendchaos/report")
        return jsonify({**shown, "marks": locust_page.marks(leader)})

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


def _before_order(runner: Any, leader: LeaderOfRuns, hosts: NamedHosts) -> Any:
    """Look at Start and Stop before Locust does."""
    if request.method == "POST" and request.endpoint == "locust.swarm":
        if leader.under_way:
            return _refused(
                "A run is under way and its arrivals are planned: stop it, or wait for the verdict"
            )
        if getattr(runner, "worker_count", 1) == 0:  # Locust would say yes, and do nothing
            return _refused("No load process has connected yet: press Start again in a moment.")
        if objection := hosts.objection(request.form.get("host", "")):
            return _refused(objection)
        if refused := _take_run_time(leader):
            return refused
        # Locust would take the Start and leave its form, and the run would then not be begun.
        if objection := leader.objection(request.form):
            return _refused(objection)
    if request.method == "POST" and request.endpoint == "locust.stop":
        leader.stop()
    return None


def _after_order(response: Response, leader: LeaderOfRuns) -> Response:
    """A run is under way from the Start that Locust takes, which is before it does anything."""
    if request.method == "POST" and request.endpoint == "locust.swarm" and response.is_json:
        leader.under_way |= response.get_json()["success"]
    return response


def _refused(text: str) -> Response:
    return jsonify({"success": False, "message": text})


def _take_run_time(leader: LeaderOfRuns) -> Any:
    """Locust's timer would end the load without draining it: the field is taken from it."""
    form = request.form.copy()
    text = form.pop("run_time", "").strip()
    try:
        leader.run_time_s = durations.seconds(text) if text else leader.preset_run_time_s
    except ValueError as error:
        return _refused(f"Run time {text} {error}.")
    request.form = form
    return None


# --- what is added to Locust's answers -----------------------------------------------------------


def _as_ours(response: Response, runner: Any, leader: LeaderOfRuns, prefix: str) -> Response:
    if response.status_code != 200:  # noqa: PLR2004  # HTTP's words
        return response
    if request.endpoint == "locust.index":
        own_page = f"{prefix}/lendchaos/" if chaos_page.NAME in current_app.blueprints else ""
        locust_page.with_banner(response, prefix, own_page)
    elif request.endpoint == "locust.send_assets" and request.path.endswith(".js"):
        locust_page.reword(response)
    elif request.endpoint == "locust.request_stats" and response.is_json:
        body = response.get_json()
        # Locust answers with the same object for two seconds: its state is what we said then.
        body["state"] = locust_page.state_shown(leader, runner.state)
        body["extended_stats"] = locust_page.tabs(leader, f"{prefix}/lendchaos/report")
        response.set_data(jsonify(body).get_data())
    return response

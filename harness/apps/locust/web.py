"""Our part of Locust's web UI: who may ask, what may be ordered, and what is added to answers.

A page that can cut a network listens on this machine only, asks for its token, and takes commands
only from itself: neither another user of the machine nor another site that happens to be open in
the same browser can start a fault or read a result.

Locust takes a test for running from its first user to its last. A run of lendchaos begins before
that, with the target, and ends with the verdict; so the state that Locust's page gets comes from
here. Labels, chart marks and the box above its Start button are written in Locust's script: they
are changed as it is served. What a later Locust says otherwise stays as Locust says it.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Response, current_app, jsonify, make_response, request, send_file

from harness.apps.locust import chaos_page
from harness.apps.locust.banner import BANNER
from harness.apps.locust.page_access import Door
from harness.core import durations

if TYPE_CHECKING:  # it brings Locust, which patches the standard library
    from harness.apps.locust.leader import RunController

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
ASKS_IN = RUNNING, SPAWNING = "running", "spawning"
"""The states in which Locust's page goes on asking how a run is; in all others it rests."""
_COLUMNS = {
    "chaos": {
        "fault": "Fault",
        "state": "State",
        "planned": "Planned",
        "injected": "Injected",
        "healed": "Healed",
        "target": "Touches",
        "timeline": "Timeline",  # last: the widest, for which a phone has no room
    },
    # A column of the name "name" would be sorted by.
    "verdict": {"item": "lendchaos", "value": ""},
}
"""Our tabs, each with the fields of its rows and what stands above them."""
_UNTIL_VERDICT = ("scenario", "state", "phase", "text")
_OF_VERDICT = ("verdict", "sentence", "scenario", "exit_code")
_ITEMS = {"text": "message", "exit_code": "exit code"}
"""What the tab calls a field where it has another name."""
IN_OUR_WORDS = {
    r"Number of users \(peak concurrency\)": "Arrivals per second",
    r"Ramp up \(users started/second\)": "Ramp up (no effect: arrivals begin at the full rate)",
    r"`Host \$\{": "`Host (empty: ${window.templateArgs.lendchaos.target}) ${",
    r"Run time \(e\.g\. [^`)]*\)": "Run time of all phases (like 45s: the recovery gives way)",
    r"`Number of Users`,lines:\[\{name:`Number of Users`": (
        "`Arrivals per second`,lines:[{name:`Arrivals per second`"
    ),
    r"children:`Users`": "children:`Arrivals/s`",
    r"(children:`Host`\}\),\(0,\w+\.jsx\)\(\w+,\{title:(\w),.{1,160}?children:)\2\}": (
        r"\1\2||window.templateArgs.lendchaos.target}"
    ),
    r"Custom parameters": "Phases, borrowers and seed",
    # Edit would change the users alone; refused, it would close without a word.
    r"disabled:!!\w(,onClick:\(\)=>\w\(!0\),sx:\{minHeight:`100%`\})": r"disabled:true\1",
    r"title:\w\?`Disabled for tests using LoadTestShape class`:``,children": (
        "title:`The arrivals of a run are planned before it`,children"
    ),
    # The box between the fields and the Start button, which nothing of Locust's own fills.
    r"alert:(\w+),isDisabled:": r"alert:\1=window.templateArgs.lendchaos.plan,isDisabled:",
    # One series more for the charts: marks of Locust's own are not in its build of ECharts.
    r"(\.\.\.\w===0\?\{markLine:\w+\(\w\)\}:\{\}\}\)\))": r"\1.concat(window.lendchaosMarks())",
}
"""What stands in Locust's script, and what is served instead; both as `re.sub` takes them."""


def extend(web_ui: Any, leader: "RunController") -> None:
    """Add guard, faults, verdict and banner to Locust's page, before it is served."""
    prefix = (web_ui.environment.parsed_options.web_base_path or "").rstrip("/")
    app, door, hosts = web_ui.app, Door(web_ui, prefix), NamedHosts(web_ui.environment)
    runner = web_ui.environment.runner
    app.before_request(lambda: _refuse_foreign(web_ui.host))
    door.guard(app)
    app.before_request(lambda: _before_order(runner, leader, hosts))
    app.before_request(_ask_for_all)
    app.after_request(lambda response: _as_ours(response, runner, leader, prefix))
    # After-request functions run in reverse order: first in the list is last to act, so that the
    # headers by which Locust lets any origin read its answers are gone.
    app.after_request_funcs[None].insert(0, _close_to_other_origins)
    app.register_blueprint(_pages(web_ui, leader, prefix))
    _prepare(web_ui, leader)
    # The page that gives orders is for this machine alone, whatever Locust's own listens on.
    if web_ui.host not in _LOOPBACK:
        said = f"web page: {door.address('/')} (no chaos page: that is on {_LOOPBACK[0]} only)"
        leader.progress.tell_once(said)
    else:
        address = chaos_page.add_page(web_ui, door, leader, prefix)
        leader.progress.tell_once(f"chaos page: {address}", page=address)


def _pages(web_ui: Any, leader: "RunController", prefix: str) -> Any:
    pages = Blueprint("lendchaos", __name__, url_prefix=f"{prefix}/lendchaos")

    @pages.route("/status")  # type: ignore[untyped-decorator]  # flask is not followed
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def status() -> Any:
        shown = leader.progress.as_json(f"{prefix}/lendchaos/report")
        return jsonify({**shown, "marks": marks(leader)})

    @pages.route("/report")  # type: ignore[untyped-decorator]
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def report() -> Any:
        path = leader.progress.report
        if path is None or not Path(path).is_file():
            return make_response("There is no report of a run of this process yet.", 404)
        return send_file(path, mimetype="text/html", max_age=0)

    return pages


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


class NamedHosts:
    """Which targets the start form may name: the admin token of the environment goes to them.

    Those that were named at the start: by ``--host``, by the scenario, or else by
    ``--allow-target``. A target that is named only in the form, even one on this machine, would be
    sent an admin token that is not its own.
    """

    def __init__(self, environment: Any) -> None:
        users = {*environment.user_classes, *(environment.available_user_classes or {}).values()}
        self._named = {host.rstrip("/") for user in users if (host := user.host)}
        self._allowed: set[str] = set()
        if environment.host:
            self._named.add(environment.host.rstrip("/"))
        else:
            self._allowed = {name.lower() for name in environment.parsed_options.allow_target}

    def objection(self, host: str) -> str | None:
        """Why the form may not name it; None if it may, or names none."""
        if not host or host.rstrip("/") in self._named or _split(host).hostname in self._allowed:
            return None
        return (
            f"{host} was not named when Locust was started, and would be sent its admin token:"
            " start it with --host, or without and with --allow-target HOST for several"
        )


def _before_order(runner: Any, leader: "RunController", hosts: NamedHosts) -> Any:
    """Look at Start and Stop before Locust does."""
    if request.method == "POST" and request.endpoint == "locust.stop":
        leader.stop()
    if request.method != "POST" or request.endpoint != "locust.swarm":
        return None
    text: str | None = None
    if leader.under_way:
        text = "A run is under way and its arrivals are planned: stop it, or wait for the verdict"
    elif getattr(runner, "worker_count", 1) == 0:  # Locust would say yes, and do nothing
        text = "No load process has connected yet: press Start again in a moment."
    # Locust would take the Start and leave its form, and the run would then not be begun.
    text = text or hosts.objection(request.form.get("host", "")) or _take_run_time(leader)
    text = text or leader.objection(request.form)
    return jsonify({"success": False, "message": text}) if text else None


def _take_run_time(leader: "RunController") -> str | None:
    """Locust's timer would end the load without draining it: the field is taken from it."""
    form = request.form.copy()
    text = form.pop("run_time", "").strip()
    try:
        leader.run_time_s = durations.seconds(text) if text else leader.preset_run_time_s
    except ValueError as error:
        return f"Run time {text} {error}."
    request.form = form
    return None


def _as_ours(response: Response, runner: Any, leader: "RunController", prefix: str) -> Response:
    if response.status_code != 200:  # noqa: PLR2004  # HTTP's words
        return response
    if request.endpoint == "locust.swarm" and request.method == "POST" and response.is_json:
        # A run is under way from the Start that Locust takes, which is before it does anything.
        leader.under_way |= response.get_json()["success"]
    elif request.endpoint == "locust.index":
        own_page = f"{prefix}/lendchaos/" if chaos_page.NAME in current_app.blueprints else ""
        before, mark, after = response.get_data(as_text=True).rpartition("</body>")
        banner = BANNER.replace("{{prefix}}", prefix).replace("{{own_page}}", own_page)
        response.set_data(f"{before}{banner}{mark}{after}")
    elif request.endpoint == "locust.send_assets" and request.path.endswith(".js"):
        response.direct_passthrough = False
        response.set_data(in_our_words(response.get_data(as_text=True)))
        for name in ("ETag", "Last-Modified"):  # no browser keeps it for another Locust
            response.headers.pop(name, None)
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint == "locust.request_stats" and response.is_json:
        body = response.get_json()
        # Locust answers with the same object for two seconds: its state is what we said then.
        body["state"] = state_shown(leader, runner.state)
        # Shown as the arrivals of a second, of which background load is none.
        body["user_count"] = max(0, body["user_count"] - leader.users_beside)
        body["extended_stats"] = tabs(leader, f"{prefix}/lendchaos/report")
        response.set_data(jsonify(body).get_data())
    return response


def _prepare(web_ui: Any, leader: "RunController") -> None:
    """Give Locust's page our tabs, and what it is made from our words."""
    web_ui.template_args["extended_tabs"] = [
        {"title": key.capitalize(), "key": key} for key in _COLUMNS
    ]
    web_ui.template_args["extended_tables"] = [
        {"key": key, "structure": [{"key": k, "title": title} for k, title in columns.items()]}
        for key, columns in _COLUMNS.items()
    ]
    # Fields in the order of the command line, not of the alphabet.
    web_ui.app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}
    of_locust = web_ui.update_template_args

    def update() -> None:
        of_locust()
        args, lines = web_ui.template_args, leader.announce()
        for name, value in leader.stated.items():
            args["extra_options"][name]["default_value"] = value
        args["state"] = state_shown(leader, args["state"])
        args["missing_host_warning"] = False  # without a host it is the local stack
        args["lendchaos"] = {
            "target": leader.class_host or leader.declared_host or "the local stack",
            "plan": {"level": "info", "message": "\n".join(lines)} if lines else None,
            "marks": marks(leader),
        }

    web_ui.update_template_args = update


def state_shown(leader: "RunController", of_locust: str) -> str:
    """Locust's word for where we are; ``of_locust`` is its own, for when no run is under way."""
    if not leader.under_way:
        return of_locust
    begins = leader.progress.state in ("idle", "setting_up")
    return SPAWNING if begins else RUNNING


def marks(leader: "RunController") -> list[dict[str, Any]]:
    """Where faults of the latest run began and ended."""
    return [] if leader.run is None else leader.run.live.board.marks


def tabs(leader: "RunController", report_url: str) -> list[dict[str, Any]]:
    """What stands in our tabs."""
    found = leader.progress.as_json(report_url)
    names = _UNTIL_VERDICT if found["verdict"] is None else _OF_VERDICT
    if found["state"] != "load":
        found["phase"] = None  # the state says as much
    rows = [
        {"item": _ITEMS.get(name, name), "value": str(found[name])}
        for name in names
        if found[name] not in (None, "")
    ]
    if found["report"] is not None:
        rows.append({"item": "report", "value": "the link Report below opens it"})
    # Until a run has its directory, the latest one is that before it.
    run = None if leader.progress.run_dir is None else leader.run
    no_fault = dict.fromkeys(_COLUMNS["chaos"], "") | {"fault": "none"}
    faults = [] if run is None else run.live.rows() or [no_fault]
    return [{"key": "verdict", "data": rows}, {"key": "chaos", "data": faults}]


def _ask_for_all() -> None:
    """A browser that has the script of another Locust at this address must not keep to that."""
    if request.endpoint == "locust.send_assets":
        for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
            request.environ.pop(name, None)


@lru_cache(maxsize=1)  # a process that sends the load must not take its time for every reload
def in_our_words(script: str) -> str:
    """Locust's script as it is served."""
    for said, ours in IN_OUR_WORDS.items():
        script = re.sub(said, ours, script)
    return script

"""Locust's own page, in step with a run and in its words.

Locust takes a test for running from its first user to its last. A run of ours begins before that,
with the target, and ends with the verdict; so what the page is told of the state comes from here.
Labels, chart marks and the box above its Start button are written in Locust's script: they are
changed there as it is served. What a later Locust says otherwise stays as Locust says it.
"""

import re
from functools import lru_cache
from typing import Any, Protocol

from flask import Response, request

from harness.apps.locust.banner import BANNER
from harness.apps.locust.fault_board import Mark
from harness.apps.locust.live import Live
from harness.apps.locust.progress import Progress

ASKS_IN = RUNNING, SPAWNING = "running", "spawning"
"""The states in which Locust's page goes on asking how a run is; in all others it rests."""
VERDICT_TAB, CHAOS_TAB = "verdict", "chaos"
_TITLES = {VERDICT_TAB: "Verdict", CHAOS_TAB: "Chaos"}
_COLUMNS = {
    CHAOS_TAB: {
        "fault": "Fault",
        "state": "State",
        "planned": "Planned",
        "injected": "Injected",
        "healed": "Healed",
        "target": "Touches",
        "timeline": "Timeline",  # last: the widest, for which a phone has no room
    },
    # A column of the name "name" would be sorted by.
    VERDICT_TAB: {"item": "lendchaos", "value": ""},
}
_UNTIL_VERDICT = {"scenario": "scenario", "state": "state", "phase": "phase", "text": "message"}
_OF_VERDICT = {
    "verdict": "verdict",
    "sentence": "sentence",
    "scenario": "scenario",
    "exit_code": "exit code",
}
_NO_FAULT = dict.fromkeys(_COLUMNS[CHAOS_TAB], "") | {"fault": "none"}
_LOCAL = "the local stack"
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


class FollowedRun(Protocol):
    """What the page shows of a run."""

    live: Live


class Follower(Protocol):
    """What the page needs of the process that leads."""

    progress: Progress
    under_way: bool
    """From the Start that was taken to the verdict, or whatever else ends the run."""
    class_host: str | None

    @property
    def run(self) -> FollowedRun | None:
        """The latest run."""

    def announce(self) -> list[str]:
        """Hypothesis and planned faults of a run that is started now, in lines."""


def prepare(web_ui: Any, leader: Follower) -> None:
    """Give Locust's page our tabs, and what it is made from our words."""
    web_ui.template_args["extended_tabs"] = [
        {"title": _TITLES[key], "key": key} for key in (CHAOS_TAB, VERDICT_TAB)
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
        args["state"] = state_shown(leader, args["state"])
        args["missing_host_warning"] = False  # without a host it is the local stack
        args["lendchaos"] = {
            "target": leader.class_host or _LOCAL,
            "plan": {"level": "info", "message": "\n".join(lines)} if lines else None,
            "marks": marks(leader),
        }

    web_ui.update_template_args = update


def state_shown(leader: Follower, of_locust: str) -> str:
    """Locust's word for where we are; ``of_locust`` is its own, for when no run is under way."""
    if not leader.under_way:
        return of_locust
    begins = leader.progress.state in ("idle", "setting_up")
    return SPAWNING if begins else RUNNING


def marks(leader: Follower) -> list[Mark]:
    """Where faults of the latest run began and ended."""
    return [] if leader.run is None else leader.run.live.board.marks


def with_banner(response: Response, prefix: str, own_page: str) -> None:
    """Put the banner into the page."""
    before, mark, after = response.get_data(as_text=True).rpartition("</body>")
    banner = BANNER.replace("{{prefix}}", prefix).replace("{{own_page}}", own_page)
    response.set_data(f"{before}{banner}{mark}{after}")


def tabs(leader: Follower, report_url: str) -> list[dict[str, Any]]:
    """What stands in our tabs."""
    found = leader.progress.as_json(report_url)
    names = _UNTIL_VERDICT if found["verdict"] is None else _OF_VERDICT
    if found["state"] != "load":
        found["phase"] = None  # the state says as much
    rows = [
        {"item": item, "value": str(found[name])}
        for name, item in names.items()
        if found[name] not in (None, "")
    ]
    if found["report"] is not None:
        rows.append({"item": "report", "value": "the link Report below opens it"})
    # Until a run has its directory, the latest one is that before it.
    run = None if leader.progress.run_dir is None else leader.run
    faults = [] if run is None else run.live.rows() or [_NO_FAULT]
    return [{"key": VERDICT_TAB, "data": rows}, {"key": CHAOS_TAB, "data": faults}]


def ask_for_all() -> None:
    """A browser that has the script of another Locust at this address must not keep to that."""
    if request.endpoint == "locust.send_assets":
        for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
            request.environ.pop(name, None)


def reword(response: Response) -> None:
    """Serve Locust's script in our words, and let no browser keep it for another Locust."""
    response.direct_passthrough = False
    response.set_data(in_our_words(response.get_data(as_text=True)))
    for name in ("ETag", "Last-Modified"):
        response.headers.pop(name, None)
    response.headers["Cache-Control"] = "no-store"


@lru_cache(maxsize=1)  # a process that sends the load must not take its time for every reload
def in_our_words(script: str) -> str:
    """Locust's script as it is served."""
    for said, ours in IN_OUR_WORDS.items():
        script = re.sub(said, ours, script)
    return script

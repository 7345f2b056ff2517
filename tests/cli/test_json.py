"""`--json`: one document of the published shape on standard output, and nothing else there."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.cli.lazy_commands import LATER, load
from harness.core.processes import ProcessRef
from harness.faults.foreign_sessions import Stranger
from harness.run.result import RunResult as RunEnded
from harness.stack.run_lock import Owner
from harness.stack.state import Stack, StackLink, save_state
from harness.stack.supervisor_messages import ProcessStatus
from tests.cli.conftest import Ended
from tests.cli.processes import ROOT
from tests.schemas.mutate import held_strictly

DOCS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def documented() -> dict[str, dict[str, Any]]:
    """The examples of docs/commands.md, by their schema."""
    blocks = re.findall(r"```json\n(.*?)```", DOCS, flags=re.DOTALL)
    examples = [json.loads(block) for block in blocks]
    return {example["schema"]: example for example in examples}


def shape(value: Any) -> Any:
    """Names of all fields, however deep; of a list what its first entry has."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def fits(found: Any, example: Any) -> bool:
    """Whether it has the fields of the example, wherever both have something."""
    if isinstance(found, dict) and isinstance(example, dict):
        free = set(example) == {"replica-1"}  # names of processes differ
        return free or (
            set(found) == set(example) and all(fits(found[n], example[n]) for n in found)
        )
    if isinstance(found, list) and isinstance(example, list) and found and example:
        return all(fits(part, example[0]) for part in found)
    return True


@pytest.fixture
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder in which nothing is up."""
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


@pytest.fixture
def a_stack(no_stack: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The file of a stack that seems to be up: its supervisor is this process."""
    no_stack.mkdir()
    stack = Stack(
        kind="local",
        stack_id="abc",
        state_dir=no_stack,
        log_dir=no_stack / "logs",
        socket_path=no_stack / "supervisor.sock",
        links={"edge": StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")},
        toxiproxy_api="http://127.0.0.1:3",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:1",
        admin_token="a-secret-token",
        service_logs={"replica-1": no_stack / "logs" / "replica-1.jsonl"},
        supervisor=ProcessRef(1, 1),
    )
    save_state(stack)
    process = ProcessStatus(
        name="replica-1",
        pid=12,
        alive=True,
        frozen=False,
        restarts=0,
        last_exit=None,
        ordered_ns=1,
    )
    monkeypatch.setattr("harness.apps.cli.stacks.is_alive", lambda _: True)
    monkeypatch.setattr("harness.stack.state.is_alive", lambda _: True)
    monkeypatch.setattr("harness.apps.cli.stacks.StackClient.status", lambda _: (process,))
    monkeypatch.setattr("harness.stack.bring_up.up", lambda *_: stack)
    monkeypatch.setattr("harness.stack.launch.down", lambda *_: True)
    monkeypatch.setattr("harness.apps.cli.heal_command.link_canaries", lambda _: [("edge", True)])
    was = ["link edge is disabled"]
    monkeypatch.setattr("harness.apps.cli.heal_command.remove_strangers", lambda *_, **__: was)
    monkeypatch.setattr("harness.apps.cli.heal_command.strangers", lambda _: ())
    return stack


def check_document(done: Ended) -> dict[str, Any]:
    """Standard output is one document with the fields that the docs show."""
    document = json.loads(done.stdout)
    example = documented()[document["schema"]]
    assert fits(document, example), (shape(document), shape(example))
    held_strictly(document["schema"][len("lendchaos.") : -len("/1")]).validate(document)
    assert "a-secret-token" not in done.stdout
    return dict(document)


@pytest.mark.usefixtures("a_stack")
@pytest.mark.parametrize("command", ["up", "down", "status", "heal"])
def test_what_a_stack_says_for_programs(command: str, lendchaos: Callable[..., Ended]) -> None:
    """One document of the published shape, without a secret."""
    done = lendchaos(command, "--json")

    assert done.exit_code == 0, done.stderr
    assert check_document(done)["schema"] == f"lendchaos.{command}/1"


@pytest.mark.usefixtures("a_stack")
def test_a_link_that_others_disabled_is_no_clean_heal(
    lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named to programs and to people, with what would put it right."""
    disabled = Stranger("edge", text="link edge is disabled")
    monkeypatch.setattr("harness.apps.cli.heal_command.strangers", lambda _: (disabled,))
    done, told = lendchaos("heal", "--json"), lendchaos("heal")
    document = check_document(done)

    assert (done.exit_code, told.exit_code) == (3, 3)
    assert document["stacks"][0]["foreign"] == ["link edge is disabled"]
    remedy = "`lendchaos heal --all` puts it right"
    assert document["troubles"] == [f"not ours: link edge is disabled ({remedy})"]
    assert "not ours, and left as it is: link edge is disabled" in told.stdout
    assert "nothing is left broken" not in told.stdout


@pytest.mark.usefixtures("no_stack")
@pytest.mark.parametrize("command", ["down", "status", "heal"])
def test_without_a_stack_it_is_a_document_as_well(
    command: str, lendchaos: Callable[..., Ended]
) -> None:
    """Empty, and no failure."""
    done = lendchaos(command, "--json")

    assert done.exit_code == 0
    check_document(done)


@pytest.mark.usefixtures("a_stack")
def test_a_run_that_uses_the_stack_is_named(
    monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """With everything that the words for people have."""
    owner = Owner(7, "ci", "r1", "baseline", time.time())
    monkeypatch.setattr("harness.apps.cli.stacks.holder", lambda _: owner)

    document = check_document(lendchaos("status", "--json"))
    assert document["stacks"][0]["used_by"]["run_id"] == "r1"


@pytest.mark.usefixtures("checks")
def test_doctor_for_programs(lendchaos: Callable[..., Ended]) -> None:
    """What is missing makes it 3, with the way to get it."""
    done = lendchaos("doctor", "--json")

    document = check_document(done)
    assert (done.exit_code, document["ok"]) == (3, False)
    assert document["checks"][1]["how_to_get"] == "get it"


@pytest.mark.parametrize(("words", "count"), [((), 50), (("lost",), 1)], ids=["all", "one"])
def test_explain_for_programs(
    words: tuple[str, ...], count: int, lendchaos: Callable[..., Ended]
) -> None:
    """All entries, or the one."""
    document = check_document(lendchaos("explain", *words, "--json"))

    assert len(document["codes"]) >= count
    assert (len(document["codes"]) == 1) is bool(words)


def test_a_code_without_a_page_has_null(lendchaos: Callable[..., Ended]) -> None:
    """No text is written for a page that there is none of, and no page is lost."""
    codes = json.loads(lendchaos("explain", "--json").stdout)["codes"]
    pages = {entry["code"]: entry["docs"] for entry in codes}

    assert pages["lost"] == "docs/money.md"
    assert None in pages.values()
    assert "" not in pages.values()


def test_report_for_programs(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Where the page and the figures are."""
    document = check_document(lendchaos("report", run, "--json"))

    assert Path(document["report"]).is_file()
    assert Path(document["figures"]).is_file()


def test_a_run_for_programs(quick_locust: list[Any], lendchaos: Callable[..., Ended]) -> None:
    """Locust writes beside the document, and so does what is being done."""
    done = lendchaos("run", "baseline", "--json")

    document = check_document(done)
    assert (document["exit_code"], document["scenarios"][0]["verdict"]) == (0, "pass")
    assert Path(document["scenarios"][0]["run_directory"]).is_dir()
    assert quick_locust == [2]
    assert "baseline: set up" in done.stderr


@pytest.mark.usefixtures("quick_locust")
def test_two_files_of_one_name_are_told_apart(
    tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """By the path as it was given; one that was named by its name alone has its path as well."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").touch()
    files = ["a/x.py", "b/x.py", str(tmp_path / "b" / "x.py"), "scenarios/baseline.py"]
    done = lendchaos("run", *files[:3], "baseline", "--json")

    document = check_document(done)
    assert [entry["scenario"] for entry in document["scenarios"]] == ["x", "x", "x", "baseline"]
    assert [entry["file"] for entry in document["scenarios"]] == files


@pytest.mark.usefixtures("quick_locust")
def test_what_was_not_run_is_told_apart_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """A safety stop of one leaves out the other of the same name."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").touch()
    monkeypatch.setattr("harness.apps.cli.run_command.run_scenario", lambda *_, **__: RunEnded(4))
    done = lendchaos("run", "a/x.py", "b/x.py", "--json")

    document = check_document(done)
    assert (done.exit_code, document["scenarios"][0]["file"]) == (4, "a/x.py")
    assert (document["not_run"], document["not_run_files"]) == (["x"], ["b/x.py"])


@pytest.mark.usefixtures("quick_locust")
def test_faults_without_a_scenario_have_no_file(lendchaos: Callable[..., Ended]) -> None:
    """What is run then is no file of the user's."""
    done = lendchaos("run", "--inject", 'Refuse("edge")', "--json")

    (scenario,) = check_document(done)["scenarios"]
    assert scenario["file"] is None


@pytest.mark.usefixtures("quick_locust")
def test_shrinking_for_programs(lendchaos: Callable[..., Ended]) -> None:
    """The same figures as in the file; what people read of it goes beside."""
    done = lendchaos("run", "baseline", "--shrink", "--json")

    document = json.loads(done.stdout)
    assert (document["exit_code"], document["scenarios"], document["not_run"]) == (0, [], [])
    assert document["shrink"] == json.loads(Path(document["shrink_file"]).read_bytes())
    assert "figures" in done.stderr


@pytest.mark.usefixtures("quick_locust")
def test_a_series_for_programs(
    monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """Its runs are in the document; what people read of it goes beside."""
    monkeypatch.setattr("harness.run.locust_process.up", lambda *_, **_more: None)
    monkeypatch.setattr("harness.run.locust_process.down", lambda *_: None)
    done = lendchaos("run", "baseline", "--runs", "2", "--json")

    (scenario,) = check_document(done)["scenarios"]
    assert [run["number"] for run in scenario["series"]["runs"]] == [1, 2]
    assert Path(scenario["series_file"]).is_file()
    assert scenario["report"] is None
    assert "figures" in done.stderr


def test_what_only_asks_has_no_result_for_programs(
    quick_locust: list[Any], lendchaos: Callable[..., Ended]
) -> None:
    """Refused before anything is started."""
    done = lendchaos("run", "baseline", "--list", "--json")

    assert (done.exit_code, done.stdout, quick_locust) == (2, "", [])
    assert "--list runs nothing" in done.stderr


def test_the_document_of_a_dry_run_is_the_plan(tmp_path: Path) -> None:
    """Printed by the load process alone; of two scenarios there would be two documents."""
    command = [sys.executable, "-m", "harness.apps.cli", "run"]
    options = ["--dry-run", "--json", f"--state-dir={tmp_path}"]
    alone, two = (
        subprocess.run(
            [*command, *names, *options], capture_output=True, text=True, check=False, cwd=ROOT
        )
        for names in (["network_partition"], ["baseline", "network_partition"])
    )

    assert alone.returncode == 0, alone.stderr
    body = json.loads(alone.stdout)
    assert (body["schema"], body["scenario"]) == ("lendchaos.preview/1", "network_partition")
    assert body["watches"] is False
    assert (two.returncode, two.stdout) == (2, "")
    assert "is for one scenario" in two.stderr


@pytest.mark.parametrize(
    ("scenario", "step", "watches"),
    [("observe", None, True), ("baseline", '{"watches": "yes"}', True)],
)
def test_the_plan_says_whether_it_waits_for_somebody_else(
    tmp_path: Path, scenario: str, step: str | None, watches: bool
) -> None:
    """The scenario watch, and a step of a game day with a plug to pull."""
    words = ["run", scenario, "--dry-run", "--json", f"--state-dir={tmp_path}"]
    told = {} if step is None else {"LENDCHAOS_GAMEDAY": step}
    done = subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **told},
    )

    assert json.loads(done.stdout)["watches"] is watches, done.stderr


@pytest.mark.usefixtures("no_stack")
@pytest.mark.parametrize(
    "words", [("explain", "zzz"), ("report", "nowhere"), ("run", "nowhere")], ids=" ".join
)
def test_an_error_leaves_standard_output_empty(
    words: tuple[str, ...], lendchaos: Callable[..., Ended]
) -> None:
    """Whoever reads a document must not read half a sentence."""
    done = lendchaos(*words, "--json")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")


def test_the_check_of_shapes_can_fail() -> None:
    """A field that is missing, added or deeper down is seen."""
    example = documented()["lendchaos.status/1"]
    changed = json.loads(json.dumps(example))
    del changed["stacks"][0]["processes"][0]["pid"]

    assert fits(example, example)
    assert not fits(changed, example)
    assert not fits({**example, "more": 1}, example)


@pytest.mark.parametrize("name", LATER)
def test_every_command_is_documented(name: str) -> None:
    """With the schema of what it prints for programs; of a group each command has its own."""
    lines = [line for line in DOCS.splitlines() if line.startswith(f"| `{name}")]
    command = load(name)

    assert lines
    for one in getattr(command, "commands", {name: command}).values():
        words = {word for parameter in one.params for word in parameter.opts}
        assert "--json" not in words or "lendchaos." in " ".join(lines)
        assert "--json" in words or one is not command or lines[0].endswith("| nothing |")

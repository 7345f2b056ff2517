"""Stop conditions in real runs, and that nothing secret or open is left lying about."""

import json
import os
import re
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from harness.core.ports import choose_ports
from harness.stack import Stack, StackSettings, down, load_state, up
from tests.builders import replicas_of, rows
from tests.live.conftest import ROOT, RUN_SECONDS_MAX, Run, Runner
from tests.live.telling_conductor import TOLD
from tests.live.test_commands import lendchaos

pytestmark = pytest.mark.live

SCENARIO = '''"""A migration, then a partition, and borrowers who tell a test their tokens.

Hypothesis: it is stopped before much harm is done.
"""

from harness import Borrower, Scenario
from harness.faults import BlockingMigration, Partition
from tests.live.telling_conductor import tell


class Told(Borrower):
    scenario = Scenario(
        faults=[
            BlockingMigration(lasts=0.75), Partition("database", at=0.75, lasts=4.25)
        ]
    )

    def log_in(self, journey):
        judged = super().log_in(journey)
        tell(judged.token or "")
        return judged
'''
BUDGET = 30
HEARD_NS_MAX = 200_000_000
ANSWERS_LOST = '''"""Answers get lost and borrowers try again.

Hypothesis: no one is lent to twice.
"""

from harness import Borrower, Load, Scenario
from harness.faults import Partition


class AnswersLost(Borrower):
    scenario = Scenario(
        faults=[Partition("edge", direction="downstream")], load=Load(credit_line_share=0)
    )
'''


# --- what is searched ----------------------------------------------------------------------------


def leaks(secrets: Iterable[str], texts: dict[str, bytes]) -> set[str]:
    """Names of the texts in which one of these secrets stands."""
    known = {secret.encode() for secret in secrets if secret}
    pattern = re.compile(b"|".join(re.escape(secret) for secret in known))
    return {name for name, text in texts.items() if pattern.search(text)}


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tree(*roots: int) -> dict[int, psutil.Process]:
    """These processes and all below them that still live."""
    found = {}
    for root in roots:
        try:
            process = psutil.Process(root)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        found |= {one.pid: one for one in family}
    return found


def listening(processes: Iterable[psutil.Process]) -> dict[int, str]:
    """Ports on which these processes take connections, and the addresses they are bound to."""
    found = {}
    for process in processes:
        try:
            sockets = process.net_connections("inet")
        except psutil.Error:
            continue
        found |= {s.laddr.port: s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}
    return found


def elsewhere(addresses: dict[int, str]) -> dict[int, str]:
    """Those that other machines could reach."""
    return {port: ip for port, ip in addresses.items() if ip not in ("127.0.0.1", "::1")}


@dataclass
class Sampler:
    """Looks at a run's processes again and again: command lines and listening sockets."""

    roots: tuple[int, ...]
    command_lines: dict[str, bytes] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Until told otherwise."""
        while not self.over.wait(0.25):
            processes = tree(*self.roots)
            for pid in processes:
                try:
                    text = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue
                self.command_lines[f"{pid}: {text[:60]!r}"] = text
            self.addresses |= listening(processes.values())


# --- one run that is stopped, watched from all sides ---------------------------------------------


@dataclass(frozen=True)
class Tripped:
    """A run with web page and two load processes that its budget of failures ended."""

    run: Run
    secrets: frozenset[str]
    sampler: Sampler
    status: str
    locust_ports: frozenset[int]
    """Of its page and of its workers."""


def provoke_errors(stack: Stack, secrets: Path) -> None:
    """Requests that no service can like, with secrets where they do not belong."""
    token, password = "T" + os.urandom(12).hex(), "P" + os.urandom(12).hex()
    secrets.write_text(f"{token}\n{password}\n")
    for body in (
        {"phone": "1", "password": password},
        {"phone": password, "password": {"is": password}},
        {"phone": "\x00", "password": password},
        [password],
    ):
        requests.post(f"{stack.service_url}/v1/sessions", json=body, timeout=5)
    for amount in ("many", 2**70, -1, None):
        requests.post(
            f"{stack.service_url}/v1/loans",
            json={"amount_fen": amount, "note": password},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "x" * 999},
            timeout=5,
        )
    requests.get(
        f"{stack.service_url}/v1/admin/audit/loans",
        params={"after": "x"},
        headers={"X-Admin-Token": token},
        timeout=5,
    )


@pytest.fixture(scope="module")
def tripped(stack: Stack, state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Tripped:
    """Not headless, so that the web page is served; Locust ends by itself."""
    folder = tmp_path_factory.mktemp("safety")
    scenario, told = folder / "told.py", folder / "told-secrets"
    scenario.write_text(SCENARIO)
    provoke_errors(stack, told)
    (port,) = choose_ports(1)
    command = Runner(folder / "runs", state_dir).command(
        scenario,
        *(
            "--rate=30",
            "--warm-up=500ms",
            "--baseline=2s",
            "--fault=9s",
            "--recovery=8s",
            "--ledger-settle=1s",
            "--seed=7",
        ),
        *(f"--stop-failed-budget={BUDGET}", "--processes=2", "--autostart", "--autoquit=0"),
        *(f"--web-port={port}", "--conductor-module=tests.live.telling_conductor"),
    )
    command.remove("--headless")
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, TOLD: str(told), "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert stack.supervisor is not None
    sampler = Sampler((process.pid, stack.supervisor.pid))
    looking = threading.Thread(target=sampler.look)
    looking.start()
    status = ""
    try:
        # While it runs, ask who holds the stack.
        while process.poll() is None and not list(folder.glob("runs/*-*/events-*.jsonl")):
            time.sleep(0.05)
        status = lendchaos("status", f"--state-dir={state_dir}").stdout
        output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
    finally:
        sampler.over.set()
        looking.join()
        if process.poll() is None:
            process.kill()
    run = Run(process.returncode, output, (folder / "runs" / "latest").resolve())
    secrets = frozenset(told.read_text().split())
    return Tripped(run, secrets, sampler, status, frozenset({port}))


def safety_stop(run: Run) -> dict[str, Any]:
    """The finding."""
    (found,) = [f for f in run.verdict["findings"] if f["code"] == "safety_stop"]
    return dict(found)


def test_a_budget_ends_the_run_at_once(tripped: Tripped) -> None:
    """Healed and silent within a second of the failure too many, told, and exit code 4.

    The whole second is ten times what it takes; a machine that is busy gets three.
    """
    run, found = tripped.run, safety_stop(tripped.run)
    evidence = found["evidence"]
    operations = rows(run.facts().operations)
    status = run.facts().status

    assert run.exit_code == run.verdict["exit_code"] == 4, run.output
    assert found["verdict"] == "fail"
    assert (evidence["condition"], evidence["limit"]) == ("failed_budget", BUDGET)
    assert evidence["source"] == "command line"
    assert evidence["healed_after_s"] < 3.0
    assert 0 <= evidence["load_ended_after_s"] < 3.0
    # The other load process hears of it by a message; one arrival more may be due meanwhile.
    assert max(o.intended_ns for o in operations) <= status.load_ended_ns + HEARD_NS_MAX
    # From the answer that was one too many to the moment at which the watch had read it.
    failures = sorted(o.ended_ns for o in operations if o.failed and o.ended_ns)
    assert 0 < status.safety_stop.at_ns - failures[BUDGET] < 2e9
    assert run.verdict["faults"][1]["healed_s"] < 2 + 9  # when it would have been by plan
    assert "interrupted" not in run.findings


def test_what_tripped_is_told_everywhere(tripped: Tripped) -> None:
    """In the sentence, on the terminal, in the report; and judged again it is the same."""
    run = tripped.run
    words = f"{BUDGET + 1} borrow requests had failed, {BUDGET} were allowed"
    before = (run.path / "verdict.json").read_bytes()
    again = lendchaos("judge", str(run.path))

    assert "stopped for safety at " in run.verdict["sentence"]
    assert words in run.verdict["sentence"]
    assert f"safety stop: {words}" in run.output
    assert words in (run.path / "report.html").read_text()
    assert again.returncode == 4
    assert (run.path / "verdict.json").read_bytes() == before


def test_the_report_shows_what_each_fault_may_touch(tripped: Tripped, stack: Stack) -> None:
    """With the addresses of this stack, and what no fault touches."""
    report = (tripped.run.path / "report.html").read_text()

    assert f"link database ({stack.links['database'].listen}" in report
    assert "table loan in the service" in report
    assert f"link edge ({stack.links['edge'].listen}" in report


def test_status_names_the_run_that_holds_the_stack(tripped: Tripped, stack: Stack) -> None:
    """Which run, of what, by whom, for how long."""
    said = " ".join(tripped.status.split())

    assert f"local stack {stack.stack_id} is up" in said
    assert f"used by run {tripped.run.verdict['run_id']} of told, process " in said
    assert "(since 20" in said


def stack_secrets(stack: Stack) -> set[str]:
    """Admin token and the passwords of both users of the database."""
    found = {stack.admin_token}
    running = load_state(stack.state_dir)  # another test may have had replicas restarted
    assert running is not None
    for name in replicas_of(running):
        environment = Path(f"/proc/{running.processes[name].pid}/environ").read_bytes().decode()
        found |= set(re.findall(r"://\w+:([^@]+)@", environment))
        found |= set(re.findall(r"LENDING_\w*TOKEN=([^\0]+)", environment))
    return found | set(re.findall(r"://\w+:([^@]+)@", stack.database_url or ""))


def test_no_secret_is_left_anywhere(tripped: Tripped, stack: Stack) -> None:
    """Run directory, logs of every process, terminal, command lines: no token, no password."""
    secrets = tripped.secrets | stack_secrets(stack)
    texts = {
        **files_below(tripped.run.path),
        **files_below(stack.log_dir),
        **{path.name: path.read_bytes() for path in stack.state_dir.glob("*.jsonl")},
        **tripped.sampler.command_lines,
        "terminal": tripped.run.output.encode(),
    }

    assert len(tripped.secrets) > 100
    assert len(stack_secrets(stack)) >= 3
    assert any(b"ERROR" in text for name, text in texts.items() if "postgres" in name)
    for log in ("postgres.log", "toxiproxy.log", "supervisor.log", "replica-1.jsonl"):
        assert any(name.endswith(log) for name in texts), log
    assert leaks(secrets, texts) == set()
    assert leaks(secrets, {**texts, "planted": b"x" + min(secrets).encode()}) == {"planted"}


def test_what_holds_secrets_is_its_owners_alone(stack: Stack) -> None:
    """stack.json has them on purpose; nobody else may read it, or give orders to the supervisor."""
    state = stack.state_dir / "stack.json"

    assert stack.admin_token in state.read_text()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.log_dir.stat().st_mode) == 0o700
    assert stack.data_dir is not None
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700


def test_everything_listens_on_loopback(tripped: Tripped, stack: Stack) -> None:
    """Web page, Locust's own socket for its workers, Toxiproxy, service, PostgreSQL."""
    found = tripped.sampler.addresses
    ports = {int(link.listen.rpartition(":")[2]) for link in stack.links.values()}
    with socket.create_server(("0.0.0.0", 0)) as planted:  # noqa: S104  # what must be found
        open_port = planted.getsockname()[1]
        own = listening([psutil.Process()])

    assert ports | tripped.locust_ports <= set(found)
    assert len(found) >= len(ports) + 5  # Toxiproxy, PostgreSQL, service, web page, workers
    assert elsewhere(found) == {}
    assert elsewhere(own)[open_port] == "0.0.0.0"  # noqa: S104


# --- money ---------------------------------------------------------------------------------------


def test_a_loan_paid_out_twice_ends_the_run(tmp_path: Path) -> None:
    """A service that forgets its idempotency keys is stopped while the load lasts, by default."""
    state_dir, scenario = tmp_path / "state", tmp_path / "answers_lost.py"
    scenario.write_text(ANSWERS_LOST)
    up(StackSettings(defect="no_idempotency_check"), state_dir)
    try:
        run = Runner(tmp_path / "runs", state_dir)(
            scenario,
            *("--warm-up=500ms", "--baseline=1s", "--fault=1s", "--recovery=20s", "--seed=7"),
            "--ledger-settle=1s",
            *("--retries=1", "--log-in-share=0"),
        )
    finally:
        down(state_dir)
    found = safety_stop(run)

    assert run.exit_code == run.verdict["exit_code"] == 4, run.output
    assert found["evidence"]["condition"] == "double_disbursement"
    # Ours says what holds without a file as well.
    assert found["evidence"]["source"].startswith("resilience.yaml:")
    assert found["evidence"]["at_s"] < 15.0
    assert run.findings["duplicated"] == "fail"
    plan = json.loads((run.path / "plan.json").read_text())
    assert run.facts().status.load_ended_ns < run.facts().status.clock.zero_ns + round(
        1e9 * plan["phases"][-1]["end_s"]
    )

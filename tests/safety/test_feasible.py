"""What a run is refused for is known before anything is started, and true of the real service."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.faults import BlockingMigration, CommitLost, Kill, PacketDrop, Partition
from harness.plan.fault import FaultSpec
from harness.plan.planted_defects import DEFECTS, DELAY_SECONDS_MAX, LATE, wrong_defects
from harness.run.safety import feasible
from harness.run.safety.feasible import require_feasible, require_set_up
from harness.stack import Stack, StackSettings
from harness.stack.parts.lending_service import LendingService
from harness.stack.state import StackLink
from target_service import defects
from target_service.defects import DEFECTS as PLANTED
from tests.builders import laid_out, plan_of

PORTS = {"edge": 2, "database": 4000, "mirror": 3}
MIGRATIONS = Path(__file__).parent.parent.parent / "target_service" / "migrations" / "versions"


def test_the_tables_are_those_of_the_service() -> None:
    """As its migrations make them."""
    text = "".join(path.read_text() for path in MIGRATIONS.glob("*.py"))

    assert sorted(LendingService.tables) == sorted(re.findall(r"CREATE TABLE (\w+)", text))


def test_the_defects_are_those_of_the_service() -> None:
    """With the delays that it takes."""
    assert set(DEFECTS) == set(PLANTED)
    assert set(LATE) == {name for name, defect in PLANTED.items() if defect.delay_s is not None}
    assert defects.DELAY_SECONDS_MAX == DELAY_SECONDS_MAX


@pytest.mark.parametrize(
    "text", ["", *PLANTED, ",".join(PLANTED), "paid_twice_later=3.5, retry_storm"]
)
def test_what_can_be_planted_is_not_refused(text: str) -> None:
    """One, several, none, and later than usual."""
    assert wrong_defects(text) == []


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has a stack be up, with one link more, which leads to something of its own."""

    def be(**changes: Any) -> None:
        folder = Path("/nowhere")
        stack = Stack(
            kind="local",
            stack_id="0123",
            state_dir=folder,
            log_dir=folder,
            socket_path=folder / "socket",
            links={n: StackLink(n, "127.0.0.1:1", f"127.0.0.1:{PORTS[n]}") for n in PORTS},
            toxiproxy_api="http://127.0.0.1:5",
            service_url="http://127.0.0.1:2",
            edge_url="http://127.0.0.1:1",
            admin_token="token",
            settings=StackSettings(),
            database_url="postgresql://postgres@127.0.0.1:4000/lending",
        )
        stack = laid_out(replace(stack, **changes))
        monkeypatch.setattr(feasible, "read_state", lambda _: stack)
        monkeypatch.setattr(feasible, "is_alive", lambda _: True)

    return be


def refusal(*faults: FaultSpec) -> str:
    """Why this cannot be run on the stack that is up; nothing if it can."""
    try:
        require_feasible(plan_of(*faults), Path("/nowhere"), None, ())
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Partition("mirror"), ""),
        (CommitLost(), ""),
        (BlockingMigration("risk_flag"), ""),
        (Kill("replicas"), ""),
        (Kill("replica-3"), "it has process bureau, process postgres, process primary, process re"),
        (CommitLost("mirror"), "mirror leads elsewhere: use database"),
        (
            CommitLost("nope"),
            "needs link nope that leads to PostgreSQL, which this target lacks; it has ",
        ),
        (PacketDrop("database"), "start the stack with --namespaces (`lendchaos down` first"),
        (
            BlockingMigration("lone"),
            "needs table lone, which this target lacks; there are account,",
        ),
    ],
    ids=str,
)
def test_a_stack_that_is_up_is_asked(fault: FaultSpec, told: str, up: Callable[..., None]) -> None:
    """What it has counts, and what it lacks is told with what it has."""
    up()

    found = refusal(fault)

    assert told in found
    assert bool(found) is bool(told)


def test_namespaces_that_cannot_be_had_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody else than root runs it; nothing is made for it."""
    monkeypatch.setattr("harness.stack.namespaces.os.geteuid", lambda: 1000)
    plan = plan_of()
    plan = replace(plan, settings=replace(plan.settings, namespaces=True))

    with pytest.raises(HarnessError, match="no stack in network namespaces here: only root may "):
        require_set_up(plan, tmp_path / "state", None, asks=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "host", "told"),
    [
        ({"PG_BIN_DIR": "/nowhere"}, None, "PG_BIN_DIR=/nowhere holds no usable initdb"),
        ({"TOXIPROXY_SERVER": "/nowhere"}, None, "TOXIPROXY_SERVER=/nowhere is not a Toxi"),
        ({"TOXIPROXY_SERVER": "/nowhere"}, "http://127.0.0.1:9", "TOXIPROXY_SERVER=/nowhere"),
        ({}, "http://127.0.0.1:9", "http://127.0.0.1:9 does not answer GET /healthz"),
    ],
)
def test_a_run_asks_programs_and_target_before_it_begins(
    variables: dict[str, str],
    host: str | None,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dry run does not: it starts nothing and opens no connection."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    require_set_up(plan_of(), tmp_path, host, asks=False)
    with pytest.raises(HarnessError, match=told):
        require_set_up(plan_of(), tmp_path, host)
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_leads_elsewhere_is_refused(up: Callable[..., None]) -> None:
    """Before a run is begun, and by a dry run as well."""
    up(service_url="http://10.0.0.7:2")

    assert refusal() == (
        "the service is elsewhere: 10.0.0.7 is another machine: name it with"
        " --allow-target 10.0.0.7 to send faults there"
    )

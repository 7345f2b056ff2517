"""The service's replicas, started by command line only, and the proof of who answers."""

import signal
from collections.abc import Mapping
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.http_probe import get
from harness.core.own_python import module_command
from harness.core.ports import LOOPBACK
from harness.core.processes import bound_to_parent, clean_environment, listeners
from harness.stack.namespaces import entering
from harness.stack.state import BUREAU, Stack, StackSettings, bureau_dir_for

CODE_FOLDER = Path(__file__).resolve().parents[2]
"""Where this program lies: `python -m` finds it and the service from here, installed or not."""
OK = 200
HEALTH_PATH = "/healthz"
"""Answered by every service that can be attached, and by each process of ours that speaks HTTP."""
TABLES = (
    *("account", "session", "credit_line", "credit_score", "policy", "risk_flag"),
    *("idempotency_key", "loan", "disbursement", "decision", "review_task", "repayment"),
    *("ledger_account", "ledger_txn", "ledger_entry", "outbox", "app_instance"),
)
"""Those of the service, the only one whose database a fault can reach."""


def migrate_command() -> list[str]:
    """The command line that brings the schema up to date."""
    return bound_to_parent(_python("migrate"), signal.SIGKILL)


def serve_command() -> list[str]:
    """The command line of one replica."""
    return bound_to_parent(_python("serve"), signal.SIGKILL)


def bureau_command(stack: Stack) -> list[str]:
    """The command line of the credit bureau, in the network namespace that it listens in."""
    command = bound_to_parent(_python("bureau"), signal.SIGKILL)
    return [*entering(stack.wires[BUREAU].far), *command] if BUREAU in stack.wires else command


def _python(command: str) -> list[str]:
    return [*module_command("target_service"), command]


def environment(
    stack: Stack,
    settings: StackSettings,
    database_url: str,
    replica: str,
    port: int,
    *,
    bureau_token: str = "",
) -> Mapping[str, str]:
    """One replica's settings; all replicas share the port, each with a listener of its own."""
    more = {
        "LENDING_DATABASE_URL": database_url,
        "LENDING_HOST": LOOPBACK,
        "LENDING_PORT": str(port),
        "LENDING_REUSE_PORT": "1",
        "LENDING_INSTANCE": replica,
        "LENDING_STACK_ID": stack.stack_id,
        "LENDING_ADMIN_TOKEN": stack.admin_token,
        "LENDING_CLIENT": settings.service,
        **planted(settings),
        "LENDING_LOG": str(stack.service_logs[replica]),
    }
    if (way := stack.way(BUREAU)) is not None:
        more["LENDING_BUREAU_URL"] = f"http://{way}"
        more["LENDING_BUREAU_TOKEN"] = bureau_token
    if settings.password_cost is not None:
        more["LENDING_PASSWORD_COST"] = str(settings.password_cost)
    return clean_environment(**more)


def bureau_environment(stack: Stack, token: str) -> Mapping[str, str]:
    """The credit bureau's settings; it listens where its link leads to.

    In a namespace of its own that is every address there: the service's way in and ours.
    """
    host, _, port = (stack.beyond(BUREAU) or "").rpartition(":")
    if BUREAU in stack.wires:
        host = "0.0.0.0"  # noqa: S104  # nothing else has an address in there
    return clean_environment(
        LENDING_HOST=host,
        LENDING_PORT=port,
        LENDING_INSTANCE=BUREAU,
        LENDING_STACK_ID=stack.stack_id,
        LENDING_BUREAU_TOKEN=token,
        LENDING_BUREAU_STORE=str(bureau_dir_for(stack.state_dir) / "scores.sqlite"),
    )


def planted(settings: StackSettings) -> Mapping[str, str]:
    """What makes the service, or its migration, defective on purpose; nothing for a sound one."""
    return {"LENDING_DEFECT": settings.defect} if settings.defect else {}


def who_answers(stack: Stack, url: str, port: int) -> str | None:
    """The replica that answers one fresh connection; None if nobody does.

    Raises:
        HarnessError: Somebody answers who is not of this stack: a replica left over from another
            one shares the port silently and would take part of the traffic.
    """
    answer = get(f"{url}{HEALTH_PATH}")
    if answer is None:
        return None
    if answer.field("stack_id") != stack.stack_id:
        ours = {reference.pid for reference in stack.processes.values()}
        strangers = [str(pid) for pid in listeners(port) if pid not in ours]
        whose = f" (process {', '.join(strangers)})" if strangers else ""
        raise HarnessError(
            f"a program that is not of this stack also answers on port {port}{whose}: "
            "end it, then start again"
        )
    replica = answer.field("instance")
    return str(replica) if answer.status == OK else None

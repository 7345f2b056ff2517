"""What a stack runs beside its database, started by command line only, and who answers there.

The service's replicas and its credit bureau, and Toxiproxy's server; what that does to the links is
the faults' business.
"""

import json
import signal
from collections.abc import Iterable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.http_calls import get
from harness.core.own_python import module_command
from harness.core.ports import LOOPBACK
from harness.core.processes import bound_to_parent, clean_environment, listeners
from harness.stack.folder import BUREAU_DATA
from harness.stack.namespaces import entering
from harness.stack.state import BUREAU, Link, Stack, StackSettings

CODE_FOLDER = Path(__file__).resolve().parents[2]
"""Where this program lies: `python -m` finds it and the service from here, installed or not."""
HEALTH_PATH = "/healthz"
"""Answered by every service that can be attached, and by each process of ours that speaks HTTP."""
TABLES = (
    *("account", "session", "credit_line", "credit_score", "policy", "risk_flag"),
    *("idempotency_key", "loan", "disbursement", "decision", "review_task", "repayment"),
    *("ledger_account", "ledger_txn", "ledger_entry", "outbox", "app_instance"),
)
"""Those of the service, the only one whose database a fault can reach."""
NEEDED_TABLES = frozenset({"account", "idempotency_key", "loan"})
"""What every single borrow reads or writes."""


def service_command(do: str, namespace: str = "") -> list[str]:
    """The command line that makes the service ``migrate`` its schema or ``serve`` as one replica,
    or its ``bureau``; in a network namespace, unless that is empty.
    """
    command = bound_to_parent([*module_command("target_service"), do], signal.SIGKILL)
    return [*entering(namespace), *command] if namespace else command


def replica_environment(
    stack: Stack, database_url: str, replica: str, port: int, bureau_token: str
) -> dict[str, str]:
    """One replica's settings; all replicas share the port, each with a listener of its own."""
    settings = stack.settings or StackSettings()
    more = {
        "LENDING_DATABASE_URL": database_url,
        "LENDING_HOST": LOOPBACK,
        "LENDING_PORT": str(port),
        "LENDING_REUSE_PORT": "1",
        "LENDING_INSTANCE": replica,
        "LENDING_STACK_ID": stack.stack_id,
        "LENDING_ADMIN_TOKEN": stack.admin_token,
        "LENDING_CLIENT": settings.service,
        **planted(stack),
        "LENDING_LOG": str(stack.service_logs[replica]),
    }
    if (way := stack.way(BUREAU)) is not None:
        more["LENDING_BUREAU_URL"] = f"http://{way}"
        more["LENDING_BUREAU_TOKEN"] = bureau_token
    if settings.password_cost is not None:
        more["LENDING_PASSWORD_COST"] = str(settings.password_cost)
    return clean_environment(**more)


def bureau_environment(stack: Stack, token: str) -> dict[str, str]:
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
        LENDING_BUREAU_STORE=str(stack.state_dir / BUREAU_DATA / "scores.sqlite"),
    )


def planted(stack: Stack) -> dict[str, str]:
    """What makes the service, or its migration, defective on purpose; nothing for a sound one."""
    defect = stack.settings.defect if stack.settings else ""
    return {"LENDING_DEFECT": defect} if defect else {}


def who_answers(stack: Stack, url: str) -> str | None:
    """The replica that answers one fresh connection; None if nobody does.

    HarnessError where somebody answers who is not of this stack: a replica left over from another
    one shares the port silently and would take part of the traffic.
    """
    answer = get(f"{url}{HEALTH_PATH}")
    if answer is None:
        return None
    if answer.field("stack_id") != stack.stack_id:
        port = int(url.rpartition(":")[2])
        ours = {reference.pid for reference in stack.processes.values()}
        strangers = [str(pid) for pid in listeners(port) if pid not in ours]
        whose = f" (process {', '.join(strangers)})" if strangers else ""
        raise HarnessError(
            f"a program that is not of this stack also answers on port {port}{whose}: "
            "end it, then start again"
        )
    return str(answer.field("instance")) if answer.status == HTTPStatus.OK else None


def toxiproxy_command(
    program: Path, api_port: int, configuration: Path, links: Iterable[Link]
) -> list[str]:
    """The command line of Toxiproxy's server, whose control interface listens on loopback only.

    Writes its configuration: the proxies it makes at every start, so that a restart has them again.
    """
    proxies = [{**asdict(link), "enabled": True} for link in links]
    configuration.write_text(json.dumps(proxies, indent=2))
    arguments = ["-host", LOOPBACK, "-port", str(api_port), "-config", str(configuration)]
    return bound_to_parent([str(program), *arguments], signal.SIGKILL)


def has_links(stack: Stack) -> bool:
    """Whether Toxiproxy's server answers and has every link."""
    answer = get(f"{stack.toxiproxy_api}/proxies")
    return (
        answer is not None
        and answer.status == HTTPStatus.OK
        and all(answer.field(name) for name in stack.links)
    )

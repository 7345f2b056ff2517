"""The lending service: replicas that share one port, each with a listener of its own."""

import asyncio
import signal
from typing import ClassVar
from urllib.parse import urlsplit

from harness.core.own_python import module_command
from harness.core.ports import LOOPBACK
from harness.core.processes import bound_to_parent, clean_environment
from harness.plan.layout import INSTANCES, Role
from harness.stack.namespaces import entering
from harness.stack.parts.part import Killable, Pausable, Restartable, StackPart, Yard, who_answers
from harness.stack.parts.postgres import SERVICE_USER, database_url
from harness.stack.state import BUREAU, DATABASE, EDGE, HEALTH_PATH, Stack, StackSettings
from harness.stack.supervised_process import Child

_IDENTITY_CHECKS = 16
"""Fresh connections asked who answers: a stranger with a like share of the port is found."""


class LendingService(StackPart, Killable, Restartable, Pausable):
    """The replicas of the service."""

    group = Role.REPLICAS.value
    one_of_them: ClassVar[str] = Role.REPLICA.value
    link: ClassVar[str] = EDGE
    asks = HEALTH_PATH
    protocol: ClassVar[str] = INSTANCES
    needed: ClassVar[bool] = True
    tables: ClassVar[tuple[str, ...]] = (
        *("account", "session", "credit_line", "credit_score", "policy", "risk_flag"),
        *("idempotency_key", "loan", "disbursement", "decision", "review_task", "repayment"),
        *("ledger_account", "ledger_txn", "ledger_entry", "outbox", "app_instance"),
    )
    needed_tables: ClassVar[frozenset[str]] = frozenset({"account", "idempotency_key", "loan"})
    """What every single borrow reads or writes."""

    def names(self, settings: StackSettings) -> tuple[str, ...]:
        """``replica-1`` and so on."""
        return tuple(f"replica-{number}" for number in range(1, settings.replicas + 1))

    def address(self, stack: Stack) -> str:
        """The port that they share."""
        return urlsplit(stack.service_url).netloc

    async def start(self, yard: Yard) -> None:
        """Make the schema, then start all replicas at once."""
        stack, cluster, port = yard.stack, yard.spec.cluster, yard.spec.service_port
        through = stack.way(DATABASE)
        if port is None or cluster is None or through is None:
            raise AssertionError("a local stack has a database, a way to it and a service's port")
        yard.report_step("creating the service's tables")
        direct = database_url(cluster, SERVICE_USER, cluster.address)
        environment = clean_environment(LENDING_DATABASE_URL=direct, **planted(stack))
        await yard.run_once("migrate", service_command("migrate"), environment)
        names = self.names(stack.settings or StackSettings())
        yard.report_step(f"starting {len(names)} replicas of the service and its bureau")
        url = database_url(cluster, SERVICE_USER, through)
        for name in names:
            environment = replica_environment(stack, url, name, port, yard.secret)
            await yard.start_child(name, service_command("serve"), environment)

    async def settle(self, yard: Yard) -> None:
        """Wait for all, then look for a stranger that shares the port."""
        await super().settle(yard)
        for _ in range(_IDENTITY_CHECKS):
            await asyncio.to_thread(who_answers, yard.stack, yard.stack.service_url)

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether this very replica answers a fresh connection."""
        stack = yard.stack
        return await asyncio.to_thread(who_answers, stack, stack.service_url) == child.spec.name


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


def planted(stack: Stack) -> dict[str, str]:
    """What makes the service, or its migration, defective on purpose; nothing for a sound one."""
    defect = stack.settings.defect if stack.settings else ""
    return {"LENDING_DEFECT": defect} if defect else {}

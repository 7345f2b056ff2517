"""The one state file of a stack: what runs, where it listens, who supervises it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError, UsageError
from harness.planted import wrong_defects
from harness.stack.namespaces import Wire, remove
from harness.stack.processes import ProcessRef, end_all, is_alive
from harness.stack.shared_memory import remove_database

SCHEMA = 1
STATE_FILE = "stack.json"
ATTACHED = "attached"
"""Folder of the state directory for the proxy in front of a service that already runs."""
EDGE = "edge"
LOW_PASSWORD_COST = 5
"""scrypt with n = 2**5: hundreds of throw-away log-ins must not be what a run measures."""
DATABASE = "database"
BUREAU = "bureau"
"""The credit bureau that the service asks: a process, and the link that leads to it."""
_SOCKET_BYTES_MAX = 100


@dataclass(frozen=True, slots=True)
class Link:
    """One named hop through Toxiproxy; addresses are ``host:port``."""

    name: str
    listen: str
    upstream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What a local stack is asked to be.

    ``service`` is how the reference service talks to its database; ``defect`` names bugs planted in
    it (comma-separated; empty: none); ``password_cost`` None leaves the service's own default;
    ``extra_links`` maps a link's name to its upstream ``host:port``; ports None are chosen;
    ``namespaces`` puts the database behind a `Wire` instead of a link.
    """

    service: Literal["tuned", "naive"] = "tuned"
    defect: str = ""
    replicas: int = 2
    password_cost: int | None = LOW_PASSWORD_COST
    extra_links: Mapping[str, str] = field(default_factory=dict)
    edge_port: int | None = None
    service_port: int | None = None
    namespaces: bool = False

    @classmethod
    def asked(cls, service: str, **others: Any) -> "StackSettings":
        """The settings with a service of this name.

        Raises:
            UsageError: there is no such service, or no such defect to plant in it.
        """
        if service not in ("tuned", "naive"):
            raise UsageError(f"service {service!r} must be one of tuned, naive")
        if wrong := wrong_defects(others.get("defect", "")):
            raise UsageError("; ".join(wrong))
        return cls(service="naive" if service == "naive" else "tuned", **others)

    def accepts(self, running: "StackSettings") -> bool:
        """Whether a stack with the settings ``running`` is what these settings ask for.

        A port that is not asked for may be any.
        """
        return (
            (self.service, self.defect, self.replicas, self.password_cost)
            == (running.service, running.defect, running.replicas, running.password_cost)
            and dict(self.extra_links) == dict(running.extra_links)
            and self.namespaces == running.namespaces
            and self.edge_port in (None, running.edge_port)
            and self.service_port in (None, running.service_port)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Where a target runs and how to reach and disturb it; the same for both kinds.

    ``service_url`` is the service itself, ``edge_url`` the way through the edge link.
    ``data_dir`` holds the throw-away database; ``database_url`` goes around the proxy as a
    superuser. Both and ``settings`` are None for an attached target. ``service_logs`` maps a
    replica to the log the service writes. ``wires`` are those of a stack in namespaces, by the name
    of the link that each stands for.
    """

    kind: Literal["local", "attached"]
    stack_id: str
    state_dir: Path
    log_dir: Path
    socket_path: Path
    links: Mapping[str, Link]
    wires: Mapping[str, Wire] = field(default_factory=dict)
    toxiproxy_api: str
    service_url: str
    edge_url: str
    admin_token: str = field(repr=False)
    settings: StackSettings | None = None
    database_url: str | None = field(default=None, repr=False)
    service_logs: Mapping[str, Path] = field(default_factory=dict)
    data_dir: Path | None = None
    supervisor: ProcessRef | None = None
    processes: Mapping[str, ProcessRef] = field(default_factory=dict)
    ready: bool = False
    schema_version: int = SCHEMA

    @property
    def capabilities(self) -> frozenset[str]:
        """What can be disturbed or read: ``link:<name>``, ``packets:<name>``, ``process:<name>``,
        ``database``.

        ``process:replicas`` stands for all replicas at once.
        """
        found = {f"link:{name}" for name in self.links}
        found |= {f"packets:{name}" for name in self.wires}
        if self.settings is not None:
            found |= {f"process:{name}" for name in ("replicas", *self.replicas)}
            found |= {f"process:{BUREAU}"} if self.beyond(BUREAU) else set()
        if self.database_url is not None:
            found |= {"database", "process:postgres"}
        return frozenset(found)

    def way(self, name: str) -> str | None:
        """``host:port`` at which the service reaches what a link of this name leads to."""
        if name in self.wires:
            return self.wires[name].address
        return self.links[name].listen if name in self.links else None

    def beyond(self, name: str) -> str | None:
        """``host:port`` at which the harness reaches the same, around the link."""
        if name in self.wires:
            return self.wires[name].aside
        return self.links[name].upstream if name in self.links else None

    @property
    def replicas(self) -> tuple[str, ...]:
        """Names of the service's replicas; none for an attached target."""
        count = 0 if self.settings is None else self.settings.replicas
        return tuple(f"replica-{number}" for number in range(1, count + 1))


_STACK = TypeAdapter(Stack)


def default_state_dir() -> Path:
    """Where stacks are kept: `$LENDCHAOS_STATE`, else `.lendchaos` in the current folder."""
    return Path(os.environ.get("LENDCHAOS_STATE") or ".lendchaos").absolute()


def save_state(stack: Stack) -> None:
    """Writes the state file whole or not at all, readable by its owner only (it holds secrets)."""
    text = _STACK.dump_json(stack, indent=2)
    # mkstemp creates with mode 0600.
    handle, name = tempfile.mkstemp(dir=stack.state_dir, prefix=".stack-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(stack.state_dir / STATE_FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_state(state_dir: Path) -> Stack | None:
    """The state file as it is, whether or not its processes live; None if there is none.

    Raises:
        HarnessError: The file is damaged or of another version.
    """
    path = state_dir / STATE_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error
    remedy = "`lendchaos down` ends what is left and removes it"
    try:
        # Before anything else: the fields of another version are not ours to judge.
        version = json.loads(text)["schema_version"]
        if version != SCHEMA:
            raise HarnessError(
                f"{path} has schema version {version}, this program reads {SCHEMA}: {remedy}"
            )
        return _STACK.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HarnessError(f"{path} is damaged ({where}: {first['msg']}): {remedy}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise HarnessError(f"{path} is damaged (no schema_version): {remedy}") from error


def load_state(state_dir: Path) -> Stack | None:
    """The stack that is up; None if there is none.

    A stack whose supervisor is dead is no stack: its leftovers are ended and the file removed.

    Raises:
        HarnessError: The file is damaged or of another version.
    """
    stack = read_state(state_dir)
    if stack is None or is_alive(stack.supervisor):
        return stack
    end_all(stack.processes.values())
    forget(stack)
    return None


def forget(stack: Stack) -> None:
    """Removes what a stack that is down leaves behind, but for its logs."""
    if stack.data_dir is not None:
        remove_database(stack.data_dir)
    for wire in stack.wires.values():
        remove(wire)
    stack.socket_path.unlink(missing_ok=True)
    shutil.rmtree(bureau_dir_for(stack.state_dir), ignore_errors=True)
    (stack.state_dir / STATE_FILE).unlink(missing_ok=True)


def bureau_dir_for(state_dir: Path) -> Path:
    """Where the credit bureau of a stack keeps its scores."""
    return state_dir / "bureau"


def socket_path_for(state_dir: Path) -> Path:
    """Where the supervisor of a state folder listens.

    The kernel takes 107 bytes at most, so a deep folder's socket lies in a short one of our own.

    Raises:
        HarnessError: Somebody else made that folder, who could listen in our place.
    """
    direct = state_dir / "supervisor.sock"
    if len(os.fsencode(direct)) <= _SOCKET_BYTES_MAX:
        return direct
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"lendchaos-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise HarnessError(f"{folder} belongs to somebody else: use a shorter state folder")
    return folder / f"{digest}.sock"

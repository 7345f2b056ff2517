"""The one state file of a stack: what runs, where it listens, who supervises it."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_regular, replace_file
from harness.core.processes import STATE_VARIABLE, ProcessRef, boot_id, end_all, is_alive
from harness.core.rows import refusal_of
from harness.core.user_module import UserReference
from harness.plan.layout import Role, StackLayout
from harness.plan.planted_defects import wrong_defects
from harness.plan.target_parts import ProgramSpec
from harness.stack import register
from harness.stack.cluster_folders import remove_database
from harness.stack.folder import ALIVE_LOCK, BUREAU_DATA, DATA, STATE_FILE, checked
from harness.stack.namespaces import Wire, remove
from harness.stack.register import RegisterEntry
from harness.stack.run_lock import has_supervisor

SCHEMA = 3
"""Raised with every change of the state file, or of what a supervisor is asked and answers
(`harness.stack.client`): another version can then take the stack down, and do nothing else.
"""
EDGE, DATABASE = Role.EDGE.value, Role.DATABASE.value
HEALTH_PATH = "/healthz"
"""Answered by every service that can be attached, and by each HTTP process of the stack."""
LOW_PASSWORD_COST = 5
"""scrypt with n = 2**5: hundreds of throw-away log-ins must not be what a run measures."""
BUREAU = "bureau"
"""The credit bureau that the service asks: a process, and the link that leads to it."""
DATA_PREFIX = "lendchaos-postgres-"
"""Of a temporary folder for the data of a database that runs as another user; a state file can have
no other folder removed.
"""


@dataclass(frozen=True, slots=True)
class StackLink:
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

        UsageError where there is no such service, or no such defect to plant in it.
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
        edge_port, service_port = self.edge_port, self.service_port
        edge_port = running.edge_port if edge_port is None else edge_port
        service_port = running.service_port if service_port is None else service_port
        return replace(self, edge_port=edge_port, service_port=service_port) == running


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Where a target runs and how to reach and disturb it; the same for both kinds.

    ``service_url`` is the service itself, ``edge_url`` the way through the edge link.
    ``data_dir`` holds the throw-away database; ``database_url`` goes around the proxy as a
    superuser. ``settings`` and ``data_dir`` are None for an attached target. ``service_logs`` maps
    a replica to the log the service writes. ``wires`` are those of a stack in namespaces, by the
    name of the link that each stands for. ``questions`` are what may be asked through each link of
    a target that does not speak our contract, as `harness.plan.target_parts.Link.asks` says; None
    for one that does. ``programs`` are the processes of such a target that we run, and
    ``own_parts`` those of which a class of the user's knows how they run. ``layout`` is all that it
    offers to faults. ``key`` is what the register knows the state file by.
    """

    kind: Literal["local", "attached"]
    stack_id: str
    state_dir: Path
    log_dir: Path
    socket_path: Path
    links: Mapping[str, StackLink]
    wires: Mapping[str, Wire] = field(default_factory=dict)
    questions: Mapping[str, str] | None = None
    programs: Mapping[str, ProgramSpec] = field(default_factory=dict, repr=False)
    own_parts: Mapping[str, UserReference] = field(default_factory=dict)
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
    layout: StackLayout = field(default_factory=StackLayout)
    ready: bool = False
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False, compare=False)
    schema_version: int = SCHEMA

    @property
    def runs_service(self) -> bool:
        """Whether the service is the reference service, and one of its own processes."""
        return self.settings is not None

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


_STACK = TypeAdapter(Stack)


class ForeignStateError(HarnessError):
    """A state file that the register does not list, or of a stack whose processes are not to be
    seen from here: nothing that it names is touched.
    """


def save_state(stack: Stack) -> None:
    """Writes the state file whole or not at all, readable by its owner only (it holds secrets).

    The register lists it before it is there. HarnessError where it cannot, OSError where the file
    cannot be written.
    """
    register.add(stack.state_dir, stack.stack_id, stack.key)
    text = _STACK.dump_json(stack, indent=2)
    replace_file(stack.state_dir / STATE_FILE, text, durable=True, mode=0o600)


def read_state(state_dir: Path, *, any_version: bool = False) -> Stack | None:
    """The state file as it is, whether or not its processes live; None if there is none.

    This is the one place that decides whether a state folder is ours. The result has no
    process of an earlier boot, whose ids mean others now. A stack of another version can be ended,
    so it is returned to who takes ``any_version``, or where it is down already.

    Raises:
        UsageError: There can be no state folder.
        ForeignStateError: It is not ours, or is up in another container.
        HarnessError: It is damaged, cannot be read, or its stack is up and of another version.
    """
    folder = checked(state_dir)
    path = folder / STATE_FILE
    try:
        text = read_regular(path, bytes_max=1_000_000)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error
    entry = _entry_of(folder, text)
    stack = _parsed(path, text)
    if entry.key and stack.key != entry.key:
        raise _unlisted(folder)
    if entry.boot_id != boot_id():
        stack = replace(stack, supervisor=None, processes={})
    is_up = is_alive(stack.supervisor)
    if is_up and stack.schema_version != SCHEMA and not any_version:
        raise _of_another_version(folder, stack.schema_version)
    if not is_up and has_supervisor(folder):
        raise ForeignStateError(
            f"the stack in {folder} is up, and its processes cannot be seen from here: it was "
            "brought up in another container, so take it down there, or use another folder with "
            "--state-dir"
        )
    if os.path.realpath(stack.state_dir) == os.path.realpath(folder):
        return stack
    # Mounted elsewhere, too, it goes on; once its folder was moved, it is about to end.
    mounted = stack.state_dir.exists() and stack.state_dir.samefile(folder)
    return replace(_relocated(stack, folder), ready=stack.ready and mounted)


def _entry_of(folder: Path, text: bytes) -> RegisterEntry:
    """The register's entry of this folder and this text."""
    try:
        stack_id = json.loads(text)["stack_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        stack_id = None  # damaged: then the folder alone says whose it is
    listed = register.entries()
    here = RegisterEntry.of(folder, "")
    for entry in listed:
        if entry.is_folder(here) and stack_id in (None, entry.stack_id):
            return entry
    for entry in listed:
        if entry.stack_id != stack_id:
            continue
        if entry.state_dir != here.state_dir:
            raise ForeignStateError(
                f"{folder} is a copy of {entry.state_dir}, whose stack is left alone: "
                f"remove the copy, or use another folder with --state-dir"
            )
        raise ForeignStateError(
            f"{folder} is another folder than the one of this name in which `lendchaos up` made its"
            f" stack: it was restored, copied or mounted anew, and nothing in it is used; "
            f"{_remedy(folder)}"
        )
    raise _unlisted(folder)


def _unlisted(folder: Path) -> ForeignStateError:
    return ForeignStateError(
        f"{folder / STATE_FILE} was not made by `lendchaos up` of this user on this machine "
        f"({register.register_dir()} does not list it), so nothing that it names is touched: "
        f"if you made it with another HOME or {STATE_VARIABLE}, set that again; else "
        f"{_remedy(folder)}"
    )


def _remedy(folder: Path) -> str:
    return (
        f"remove {folder} if you do not need it (a stack of yours that is still up there then ends "
        "by itself), or use another folder with --state-dir"
    )


def _parsed(path: Path, text: bytes) -> Stack:
    """What a state file of lendchaos says."""
    remedy = "`lendchaos down` ends what is left and removes it"
    try:
        version = json.loads(text)["schema_version"]
        return _STACK.validate_json(text)
    except ValidationError as error:
        if version != SCHEMA:  # its fields are not ours to judge
            raise _of_another_version(path.parent, version) from error
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise HarnessError(f"{path} is damaged ({where}: {refusal_of(first)}): {remedy}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HarnessError(f"{path} is damaged (no schema_version): {remedy}") from error


def _of_another_version(folder: Path, version: Any) -> HarnessError:
    return HarnessError(
        f"the stack in {folder} was brought up by another version of lendchaos (its state file has"
        f" schema {version}, this one has {SCHEMA}): `lendchaos down` ends it"
    )


def _relocated(stack: Stack, folder: Path) -> Stack:
    """The same stack, whose state folder was moved or mounted elsewhere."""

    def moved(path: Path) -> Path:
        inside = path.is_relative_to(stack.state_dir)
        return folder / path.relative_to(stack.state_dir) if inside else path

    return replace(
        stack,
        state_dir=folder,
        log_dir=moved(stack.log_dir),
        socket_path=moved(stack.socket_path),
        service_logs={name: moved(path) for name, path in stack.service_logs.items()},
        data_dir=None if stack.data_dir is None else moved(stack.data_dir),
    )


def load_state(state_dir: Path) -> Stack | None:
    """The stack that is up; None if there is none. Raises as `read_state`.

    A stack whose supervisor is dead is no stack: its leftovers are ended and the file removed.
    """
    stack = read_state(state_dir)
    if stack is None or is_alive(stack.supervisor):
        return stack
    end_all(stack.processes.values())
    forget(stack, stack.state_dir)
    return None


def forget(stack: Stack, folder: Path | None) -> None:
    """Removes what a stack that is down leaves behind, but for its logs.

    ``folder`` is where its state folder is now; None if it was removed.
    """
    for wire in stack.wires.values():
        remove(wire)
    if stack.data_dir is not None and stack.data_dir.name.startswith(DATA_PREFIX):
        remove_database(stack.data_dir)
    if folder is not None:
        clear(folder)
    if folder is None or not (folder / STATE_FILE).exists():
        register.remove(stack.stack_id)


def clear(state_dir: Path) -> None:
    """Removes what lies in a state folder of lendchaos, but for its logs and locks.

    No path comes from a file: each is one that `up` gives its parts. A link is not followed.
    """
    remove_database(state_dir / DATA)
    shutil.rmtree(state_dir / BUREAU_DATA, ignore_errors=True)
    # The state file last: without it no one would come to remove the rest.
    for path in (socket_path_for(state_dir), state_dir / ALIVE_LOCK, state_dir / STATE_FILE):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def socket_path_for(state_dir: Path) -> Path:
    """Where the supervisor of a state folder listens, and no one else may look."""
    return state_dir / "supervisor.sock"

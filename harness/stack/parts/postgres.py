"""One throw-away PostgreSQL cluster: made, configured, started, asked whether it is ready."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from harness.core.errors import HarnessError
from harness.core.files import open_append, put_in_place
from harness.core.locks import locked
from harness.core.ports import LOOPBACK
from harness.core.processes import RunAs, bound_to_parent, clean_environment
from harness.plan.layout import POSTGRESQL
from harness.stack.cluster_folders import copied, fingerprint, forget, remove_database
from harness.stack.namespaces import entering
from harness.stack.parts.part import (
    HasPrimary,
    Killable,
    Pausable,
    Restartable,
    StackPart,
    Yard,
)
from harness.stack.programs import FoundProgram, cache_dir
from harness.stack.state import DATABASE, Stack
from harness.stack.supervised_process import Child

SUPERUSER = "harness"
SERVICE_USER = "lending"
DATABASE_NAME = "lending"
_NOTHING_FROM_HOME = "sslmode=disable&gssencmode=disable"
"""Without encryption libpq looks for no certificate, key or ticket; a password is given."""
_INITDB = ("-A", "scram-sha-256", "-U", SUPERUSER, "--no-locale", "-E", "UTF8")
_STATUS_LINE = 7
_STOPPING_CHECK_SECONDS = 0.5
"""A database that stops in good order is done after one such look, or two."""

_CONFIGURATION = """\
listen_addresses = '{hosts}'
port = {port}
unix_socket_directories = ''
max_connections = 60
shared_buffers = 128MB
timezone = 'UTC'
# A killed process loses nothing that the kernel already has, only a machine that loses its power
# would; and the waits of a shared disk would drown what a run measures.
fsync = off
# Files in its own folder, which goes with it: POSIX segments would outlive a power loss.
dynamic_shared_memory_type = mmap
# A client that is gone is noticed while its statement still waits, and its locks are freed.
client_connection_check_interval = 1s
# What a two-phase commit leaves behind can be planted, and has to be found.
max_prepared_transactions = 4
# Lock queues are what a migration breaks; they must be readable afterwards.
log_lock_waits = on
deadlock_timeout = 200ms
log_line_prefix = '%m [%p] %a '
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster to be made: its programs, where it lives and listens, its two passwords.

    ``hosts`` are the addresses it listens on, the first of which is the harness's own way in;
    ``clients`` may connect to it beside this machine's loopback.
    """

    bin_dir: Path
    data_dir: Path
    port: int
    run_as: RunAs
    superuser_password: str = field(repr=False)
    service_password: str = field(repr=False)
    hosts: tuple[str, ...] = (LOOPBACK,)
    clients: tuple[str, ...] = ()

    @property
    def cluster(self) -> Path:
        """The folder PostgreSQL itself writes to."""
        return self.data_dir / "cluster"

    @property
    def address(self) -> str:
        """``host:port`` of the harness's own way in."""
        return f"{self.hosts[0]}:{self.port}"


def database_url(spec: ClusterSpec, user: str, address: str) -> str:
    """Where ``user`` reaches the database through ``address``, a ``host:port``."""
    password = spec.superuser_password if user == SUPERUSER else spec.service_password
    return f"postgresql://{user}:{password}@{address}/{DATABASE_NAME}?{_NOTHING_FROM_HOME}"


def create_cluster(spec: ClusterSpec, log_path: Path) -> None:
    """Makes the cluster with a superuser for the harness and a plain owner for the service.

    Passwords even on loopback: any local user could otherwise run commands as the superuser.
    HarnessError where a step failed; the message names the log.
    """
    remove_database(spec.data_dir)
    _make_folder(spec)

    def keep(folder: Path) -> None:
        """To be copied: synced, and with a password that no one knows."""
        unknown = replace(spec, data_dir=folder, superuser_password=secrets.token_hex(16))
        _initdb(unknown, _INITDB, log_path)

    if spec.run_as.uid is None:  # what is kept is ours, and another user may not own a copy of it
        cache, name = cache_dir(), fingerprint(spec.bin_dir, _INITDB)
        if copied(cache, name, keep, spec.cluster):
            try:
                _finish(spec, log_path)
            except HarnessError:
                # It may be the copy: one that is made anew has the last word.
                forget(cache, name)
                shutil.rmtree(spec.cluster, ignore_errors=True)
            else:
                return
    _initdb(spec, (*_INITDB, "--no-sync"), log_path)
    _finish(spec, log_path)


def _make_folder(spec: ClusterSpec) -> None:
    """The folder for a cluster. Another user gets the cluster in it and no more: what is ours and
    lies beside it cannot become a link then.
    """
    spec.data_dir.mkdir(mode=0o700)
    if spec.run_as.uid is not None:
        spec.data_dir.chmod(0o711)
        spec.cluster.mkdir(mode=0o700)
        _give(spec, spec.cluster)


def _give(spec: ClusterSpec, file: Path | int) -> None:
    """To the user as whom the server runs, where that is another one."""
    if spec.run_as.uid is not None and spec.run_as.gid is not None:
        os.chown(file, spec.run_as.uid, spec.run_as.gid)


def _initdb(spec: ClusterSpec, options: tuple[str, ...], log_path: Path) -> None:
    password_file = spec.data_dir / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(spec.superuser_password)
    _give(spec, password_file)
    arguments = ["-D", str(spec.cluster), f"--pwfile={password_file}", *options]
    _run(spec, "initdb", arguments, "", log_path)
    password_file.unlink()


def _finish(spec: ClusterSpec, log_path: Path) -> None:
    """Configure a cluster and give it its passwords and its database."""
    _configure(spec)
    statements = (
        f"ALTER ROLE {SUPERUSER} PASSWORD '{spec.superuser_password}'\n"
        f"CREATE ROLE {SERVICE_USER} LOGIN PASSWORD '{spec.service_password}'\n"
        f"CREATE DATABASE {DATABASE_NAME} OWNER {SERVICE_USER}\n"
    )
    # Without a server, hence before anybody can connect; one statement a line. Errors do not
    # change the exit code, so the output is read for them.
    arguments = ["--single", "-D", str(spec.cluster), "postgres"]
    said = _run(spec, "postgres", arguments, statements, log_path)
    if "ERROR" in said or "FATAL" in said:
        raise HarnessError(f"PostgreSQL refused to create the service's database: see {log_path}")


def _configure(spec: ClusterSpec) -> None:
    texts = {
        "harness.conf": _CONFIGURATION.format(hosts=",".join(spec.hosts), port=spec.port),
        "postgresql.conf": "\ninclude 'harness.conf'\n",
        "pg_hba.conf": "".join(f"host all all {host}/32 scram-sha-256\n" for host in spec.clients),
    }
    for name, text in texts.items():
        # Where the cluster is another user's, root must not write through a link of theirs.
        with open_append(spec.cluster / name) as file:
            file.write(text.encode())
            # Everything in there must be the server's own, or its tools stop half-way.
            _give(spec, file.fileno())


def _run(
    spec: ClusterSpec, program: str, arguments: list[str], statements: str, log_path: Path
) -> str:
    result = subprocess.run(
        bound_to_parent([str(spec.bin_dir / program), *arguments], signal.SIGKILL, spec.run_as),
        input=statements,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
        timeout=60.0,
        cwd=spec.data_dir,
        start_new_session=True,
        check=False,
    )
    said = result.stdout
    # PostgreSQL repeats a statement that it refuses, and one of them sets a password.
    for secret in (spec.superuser_password, spec.service_password):
        said = said.replace(secret, "(secret)")
    with log_path.open("a") as log:
        log.write(said)
    if result.returncode != 0:
        last = (said.strip().splitlines() or ["no message"])[-1]
        raise HarnessError(f"{program} failed ({last}): see {log_path}")
    return said


def server_command(spec: ClusterSpec, namespace: str = "") -> list[str]:
    """The command line of the server, which stops at once when its parent dies.

    ``namespace`` is the network namespace it listens in; empty: ours.
    """
    command = [str(spec.bin_dir / "postgres"), "-D", str(spec.cluster)]
    run_as = spec.run_as
    if namespace:
        # Before it becomes another user, who may not enter.
        run_as = replace(run_as, prefix=(*entering(namespace), *run_as.prefix))
    return bound_to_parent(command, signal.SIGQUIT, run_as)


def server_state(spec: ClusterSpec, pid: int) -> str:
    """What the server with this process id writes down itself: ``ready`` for connections, or
    ``stopping``, when it takes none and may wait for its clients. Empty where it says nothing.
    """
    try:
        lines = (spec.cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return ""
    # The file of a killed server stays, so the process id must be this one's.
    if len(lines) <= _STATUS_LINE or lines[0] != str(pid):
        return ""
    return lines[_STATUS_LINE].strip()


class PostgresServer(StackPart, Killable, Restartable, Pausable, HasPrimary):
    """The database server."""

    group = "postgres"
    link: ClassVar[str] = DATABASE
    protocol: ClassVar[str] = POSTGRESQL
    needed: ClassVar[bool] = True
    service_role: ClassVar[str] = SERVICE_USER

    def address(self, stack: Stack) -> str:
        """The harness's own way in."""
        found = urlsplit(stack.database_url or "")
        return f"{found.hostname}:{found.port}" if stack.database_url else ""

    def primary(self, stack: Stack) -> str:
        """It is alone."""
        del stack
        return self.group

    async def start(self, yard: Yard) -> None:
        """Make the cluster and start its server; the service's tables wait for it."""
        cluster = _cluster_of(yard)
        yard.report_step("making the database")
        await asyncio.to_thread(create_cluster, cluster, yard.stack.log_dir / "initdb.log")
        wire = yard.stack.wires.get(DATABASE)
        command = server_command(cluster, wire.far if wire else "")
        # At once, without waiting for clients: the cluster is thrown away. SIGINT: a fast, yet
        # orderly shutdown.
        await yard.start_child(
            self.group,
            command,
            clean_environment(),
            stop_signal=signal.SIGQUIT,
            restart_signal=signal.SIGINT,
        )
        await yard.wait_first(self.group)

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether it takes connections, as it says itself."""
        return _state_of(yard, child) == "ready"

    async def tend(self, yard: Yard) -> None:
        """End a server that someone asked to stop, and that waits for its clients to leave.

        It takes no more connections, those in the service's pools never leave, and while it lives
        it is not started again: no loan could be asked for any more, and nothing would show why.
        """
        stopping_before: int | None = None
        while True:
            await asyncio.sleep(_STOPPING_CHECK_SECONDS)
            child = yard.children.get(self.group)
            if child is None or child.process is None:
                continue
            pid = child.process.pid
            stopping = pid if _state_of(yard, child) == "stopping" else None
            if stopping is not None and stopping == stopping_before:
                child.hurry()
            stopping_before = stopping


def _cluster_of(yard: Yard) -> ClusterSpec:
    cluster: ClusterSpec | None = yard.spec.cluster
    if cluster is None:
        raise AssertionError("a local stack has a database")
    return cluster


def _state_of(yard: Yard, child: Child) -> str:
    process = child.process
    return "" if process is None else server_state(_cluster_of(yard), process.pid)


# --- as whom it runs -----------------------------------------------------------------------------


def unprivileged() -> RunAs:
    """How PostgreSQL's programs are run here: they refuse root, and users without a name.

    In a user namespace the process has an ordinary id but keeps our access to our files, so nothing
    has to be copied or given away. Where that is forbidden, root becomes another user. HarnessError
    where neither works.
    """
    if os.geteuid() != 0 and _user(os.geteuid()):
        return RunAs()
    nobody = _user("nobody")
    if nobody is None:
        raise HarnessError(
            "PostgreSQL refuses to run as root and there is no user `nobody` to run it as"
        )
    unshare = shutil.which("unshare")
    if unshare is not None:
        prefix = (unshare, "--user", f"--map-user={nobody.pw_uid}", "--")
        probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if probe.returncode == 0:
            return RunAs(prefix)
    if os.geteuid() == 0:
        user = _user("postgres") or nobody
        return RunAs(uid=user.pw_uid, gid=user.pw_gid)
    raise HarnessError(
        f"PostgreSQL needs a user with a name, and id {os.geteuid()} has none in /etc/passwd: "
        "add one, or allow user namespaces (`unshare --user`)"
    )


def _user(who: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who)
    except KeyError:
        return None


def reachable_by_others(binaries: FoundProgram, cache: Path) -> FoundProgram:
    """The same programs where any user can run them, copied to ``cache`` if need be."""
    root = binaries.path.parent
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in (root, *root.parents)):
        return binaries
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    if cache.is_symlink() or cache.stat().st_uid != os.geteuid():
        raise HarnessError(f"{cache} is a link or belongs to someone else: remove it")
    copy = cache / f"postgres-{binaries.version}-{binaries.source}"
    package = root.parent
    with locked(cache / "lock", None):
        if not copy.exists():
            half = cache / f"{copy.name}.half"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(root, half / package.name / root.name, symlinks=True)
            # The libraries that a wheel keeps beside its package.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, half / libraries.name, symlinks=True)
            put_in_place(half, copy)
    bin_dir = copy / package.name / root.name / binaries.path.name
    return replace(binaries, path=bin_dir)

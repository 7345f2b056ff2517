"""What the browser tests need and pip cannot give: Chromium, and packages from npm.

``python -m tests.browser.provide`` makes ready what it can and says in one line how to get the
rest; it never fails. Without them the tests are skipped, but on a build server they fail.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core")
PACKAGES = Path(__file__).parent / "npm"


class MissingError(Exception):
    """Something that a browser test needs is not here; the message says how to get it."""


def chromium() -> str:
    """Path of a Chromium or Chrome.

    Raises:
        MissingError: there is none.
    """
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    raise MissingError(
        "no Chromium is on PATH: `make browser` installs it as root on Debian, elsewhere"
        " install chromium or google-chrome"
    )


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


def _install_chromium() -> None:
    """Install Debian's Chromium, where that is possible without asking anybody."""
    if os.geteuid() or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *DEBIAN_PACKAGES]
    for command in (["apt-get", "update"], install):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def main() -> None:
    """Make ready what can be; say what is missing."""
    try:
        chromium()
    except MissingError:
        _install_chromium()
    for needed in (chromium, node_modules):
        try:
            needed()
        except MissingError as missing:
            print(f"browser tests will be skipped: {missing}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()

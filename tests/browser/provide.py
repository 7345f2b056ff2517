"""What the browser tests need and pip cannot give: Chromium, and axe-core from npm.

``python -m tests.browser.provide`` makes ready what it can and says in one line how to get the
rest; it never fails. Without them the tests are skipped, but on a build server they fail.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core")
AXE = "axe-core"
AXE_VERSION = "4.14.1"
AXE_SHA512 = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)


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


def axe_source(cache: Path | None = None) -> str:
    """The script of axe-core, from the cache or by ``npm pack``, checked against its pinned hash.

    Raises:
        MissingError: npm is not here or could not fetch it, or what came is not what was pinned.
    """
    folder = cache or _cache()
    tarball = folder / f"{AXE}-{AXE_VERSION}.tgz"
    if not tarball.exists():
        _fetch_axe(folder)
    return read_axe(tarball)


def read_axe(tarball: Path) -> str:
    """The script in a tarball, if it is the pinned one.

    Raises:
        MissingError: it is another; it is removed, so that the next try fetches it anew.
    """
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != AXE_SHA512:
        tarball.unlink()
        raise MissingError(f"{tarball.name} is not the pinned one: its sha512 is {digest}")
    with tarfile.open(tarball) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def _fetch_axe(folder: Path) -> None:
    if shutil.which("npm") is None:
        raise MissingError(f"npm is not on PATH, and {AXE} {AXE_VERSION} comes from it")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", f"{AXE}@{AXE_VERSION}", "--ignore-scripts", "--silent"]
    done = subprocess.run(
        [*command, "--pack-destination", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingError(f"npm could not fetch {AXE} {AXE_VERSION}: {last}")


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
    for needed in (chromium, axe_source):
        try:
            needed()
        except MissingError as missing:
            print(f"browser tests will be skipped: {missing}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()

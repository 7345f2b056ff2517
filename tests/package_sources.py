"""What the package is built from, copied, so that a build leaves nothing in the checkout."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("harness", "target_service")


def copy_sources(folder: Path) -> None:
    """Into an empty folder, or one that is not there yet."""
    folder.mkdir(exist_ok=True)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    built = shutil.ignore_patterns("*.egg-info")
    shutil.copytree(ROOT / ".packages", folder / ".packages", symlinks=True, ignore=built)
    for path in ROOT.iterdir():
        if path.name in ("pyproject.toml", "LICENSE") or path.suffix == ".md":
            shutil.copy(path, folder)

"""Our own modules as programs: what lies in the user's folder does not stand in for what they
need.
"""

import sys
from pathlib import Path

_CODE_FOLDER = Path(__file__).resolve().parents[1]


def module_command(module: str) -> list[str]:
    """What starts a module of ours in the current folder.

    ``python -m`` looks there first: a ``queue.py`` would be taken for that of the standard library.
    In a checkout that is not installed, our code is found in no other way.
    """
    return [sys.executable, *([] if _is_checkout() else ["-P"]), "-m", module]


def _is_checkout() -> bool:
    try:
        return Path.cwd() == _CODE_FOLDER
    except OSError:  # the current folder was deleted
        return False

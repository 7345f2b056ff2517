"""The error of an import of a module of lendchaos that does not exist: an old name, or a wrong one.

The text is in the exception itself, so that pytest and all others that show it need no edit.
"""

import sys
from typing import Any

_PUBLIC = "harness, harness.faults, harness.target or harness.testing"


class _Missing:
    """Asked last, when no one has found a module."""

    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> None:
        """Nothing; ModuleNotFoundError for one of lendchaos."""
        if name.startswith("harness."):
            text = (
                f"No module named {name!r}: if it was there before, it moved. Import public names"
            )
            raise ModuleNotFoundError(f"{text} from {_PUBLIC} (CHANGELOG.md)", name=name)


sys.meta_path.append(_Missing)

"""What an import of a module of ours says that is not there: an old name, or a wrong one.

It is told where the import fails, so whoever shows that error, pytest say, shows the way as well.
"""

import sys
from typing import Any

_PUBLIC = "harness, harness.faults, harness.target or harness.testing"


class _Missing:
    """Asked last, when nobody has found a module."""

    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> None:
        """Nothing; ModuleNotFoundError where it is ours."""
        if name.startswith("harness."):
            text = (
                f"No module named {name!r}: if it was there before, it moved. Import public names"
            )
            raise ModuleNotFoundError(f"{text} from {_PUBLIC} (CHANGELOG.md)", name=name)


sys.meta_path.append(_Missing)

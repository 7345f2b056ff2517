"""Public names of a package that are imported at their first use.

`Borrower` brings Locust, which patches the standard library at import, and a verdict brings
pydantic: an import of any other name loads neither. Type checkers read the imports that a package
has under `TYPE_CHECKING`, beside its table.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    ``homes`` has the module of each name; of a name that is a module itself, that module.
    """
    public = sorted(homes)

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(home)
        return module if home == f"{package}.{name}" else getattr(module, name)

    def listed() -> list[str]:
        return list(public)

    return find, listed, public

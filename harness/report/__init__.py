"""The report of a run: verdict.json for programs, report.html for people, the chart as a PNG.

Exports are lazy: the page brings Jinja2 and numpy, which must not come along when only its words
are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.report.written import figures, write

__all__ = ["figures", "write"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'harness.report' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module("harness.report.written"), name)

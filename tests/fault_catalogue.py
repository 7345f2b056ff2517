"""The catalogue of faults in ``docs/faults.md``, made from what each fault says of itself.

``python -m tests.fault_catalogue`` writes it; `tests.test_faults_page` compares.
"""

import dataclasses
import json
import re
from pathlib import Path

import harness.faults  # noqa: F401  # which knows all that ship
from harness.plan.fault import OWN_FIELDS, FaultSpec
from harness.plan.fault_registry import specs

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
BEGIN = "<!-- catalogue: made by python -m tests.fault_catalogue -->"
END = "<!-- end -->"
FAMILIES = {
    "network": ("Network", "through the link"),
    "process": ("Servers", "asked directly"),
    "database": ("Databases", "around the proxies"),
}
"""Of the folders of `harness.faults`: the heading, and how the canaries ask."""


def table() -> str:
    """All of it, in Markdown."""
    parts = []
    folders = [spec.__module__.split(".")[-2] for spec in specs().values()]
    for family in dict.fromkeys([*FAMILIES, *folders]):
        heading, asked = FAMILIES.get(family, (family.capitalize(), "asked directly"))
        rows = [_row(spec) for spec in specs().values() if f".faults.{family}." in spec.__module__]
        head = f"| fault | what really happens | its canary, {asked} | how it heals | try it |"
        parts.append(
            "\n".join([f"### {heading}", "", head, "| --- | --- | --- | --- | --- |", *rows])
        )
    return "\n\n".join(parts)


def _row(spec: type[FaultSpec]) -> str:
    own = [field for field in dataclasses.fields(spec) if field.name not in OWN_FIELDS]
    written = ", ".join(_field(field) for field in own)
    return f"| `{spec.__name__}({written})` | " + " | ".join(spec.page) + " |"


def _field(field: "dataclasses.Field[object]") -> str:
    if field.default is dataclasses.MISSING:
        return field.name
    return f"{field.name}={json.dumps(field.default)}".removesuffix(".0")


def with_table(text: str) -> str:
    """The page with the catalogue as it is now."""
    made = f"{BEGIN}\n\n{table()}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: made, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""How a scenario is named: by its file, or as ``file.py::Class`` where that holds several.

Such a name is a path whose last part names the class, too, so that it can go wherever the path of
a scenario file goes. What reads the file asks `file_of`, what shows or stores a name `name_of`.
"""

import ast
from contextlib import suppress
from pathlib import Path

MARK = "::"


def split(text: str) -> tuple[str, str]:
    """The file and the class; without one the second is empty."""
    file, mark, name = text.rpartition(MARK)
    return (file, name) if mark and name.isidentifier() else (text, "")


def file_of(path: Path) -> Path:
    """The file itself."""
    return Path(split(str(path))[0])


def class_of(path: Path) -> str:
    """The class that is named, or nothing."""
    return split(str(path))[1]


def with_class(file: Path, name: str) -> Path:
    """The name of one scenario of a file; of its only one without a ``name``."""
    return Path(f"{file}{MARK}{name}") if name else file


def name_of(path: Path) -> str:
    """What the scenario is called in reports and resilience.yaml: ``net``, or ``net.Partition``."""
    return joined(file_of(path).stem, class_of(path))


def joined(stem: str, name: str) -> str:
    """The same, of the name of a file without its ending and of a class, if one is named."""
    return f"{stem}.{name}" if name else stem


def classes_in(file: Path) -> list[str]:
    """Classes of a file that have a scenario, as far as its text shows; nothing is imported."""
    with suppress(OSError, SyntaxError, ValueError):
        return [
            node.name
            for node in ast.parse(file.read_bytes()).body
            if isinstance(node, ast.ClassDef) and any(map(_sets_scenario, node.body))
        ]
    return []


def names_target(path: Path) -> bool:
    """Whether the text of a scenario file names a target, so that the local stack would be brought
    up for it in vain; nothing is imported.
    """
    with suppress(OSError, SyntaxError, ValueError):
        return any(map(_sets_target, ast.walk(ast.parse(file_of(path).read_bytes()))))
    return False


def _sets_target(node: ast.AST) -> bool:
    """Of a scenario: a fault may have a target, too, which is no class and no file."""
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    for said in (word.value for word in node.keywords if word.arg == "target"):
        text = getattr(said, "value", None) if isinstance(said, ast.Constant) else None
        if isinstance(said, ast.Constant):
            is_class = isinstance(text, str) and (":" in text or text.endswith(".py"))
            return is_class or (name == "Scenario" and bool(text))
        return name in ("Scenario", "replace")
    return False


def _sets_scenario(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(one, ast.Name) and one.id == "scenario" for one in targets)

"""A user's module and class are found by what was named, or refused in one line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.core.user_module import UserReference, class_in, imported, reference_of

TEXT = "from harness.core.errors import HarnessError\nclass Mine(HarnessError):\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of modules, of which nothing stays loaded."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "module", "name"),
    [
        ("my_lender:Mine", "my_lender", "Mine"),
        ("my_lender", "my_lender", ""),
        ("my_lender.py", "my_lender", ""),
        ("inner/other.py:Mine", "other", "Mine"),
        ("inner.other:Mine", "inner.other", "Mine"),
    ],
)
def test_a_module_is_named_in_several_ways(folder: Path, text: str, module: str, name: str) -> None:
    """By its name or its file, in the first folder that has it."""
    (folder / "inner").mkdir()
    for path in ("my_lender.py", "inner/other.py"):
        (folder / path).write_text(TEXT)
    found = reference_of(text, "target", [folder / "elsewhere", folder])
    home = folder / "inner" if text.startswith("inner/") else folder

    assert found == UserReference(module, name, str(home))


@pytest.mark.parametrize("text", ["gone.py", "a b:C", "my_lender:1", ":Mine", "", "x/y"])
def test_what_names_nothing_is_refused(folder: Path, text: str) -> None:
    """With what was given, and what would be valid or where it was looked for."""
    with pytest.raises(UsageError, match=r"target .*(there is no|names no class)"):
        reference_of(text, "target", [folder])


def test_the_only_class_is_found(folder: Path) -> None:
    """Without a name; what the module imports does not count."""
    (folder / "one_class.py").write_text(TEXT)
    reference = reference_of("one_class", "target", [folder])
    module = imported(reference, "target")

    assert class_in(module, reference, Exception, "target").__name__ == "Mine"


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("", "", "no subclass of Exception"),
        (TEXT + "class Other(Mine):\n    pass\n", "", r"several classes \(Mine, Other\): name one"),
        (TEXT, "Gone", "Gone is not there; it must be a subclass of Exception"),
        ("Mine = 1\n", "Mine", "Mine is no such class"),
    ],
)
def test_no_class_or_several_are_refused(folder: Path, text: str, name: str, why: str) -> None:
    """In one line."""
    stem = f"refused_{abs(hash((text, name)))}"
    (folder / f"{stem}.py").write_text(text)
    reference = UserReference(stem, name, str(folder))
    module = imported(reference, "target")

    with pytest.raises(UsageError, match=why) as caught:
        class_in(module, reference, Exception, "target")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\nx.y()\n", r"broken_\w+\.py:2: AttributeError"),
        ("def (\n", r"broken_\w+\.py:1: SyntaxError"),
        ("import sys\nsys.exit(7)\n", "SystemExit: 7"),
    ],
)
def test_a_module_that_cannot_be_loaded_names_its_line(folder: Path, text: str, why: str) -> None:
    """Whatever it raises."""
    stem = f"broken_{abs(hash(text))}"
    (folder / f"{stem}.py").write_text(text)
    with pytest.raises(UsageError, match=why):
        imported(UserReference(stem, "", str(folder)), "target")


def test_a_name_that_is_taken_is_told(folder: Path) -> None:
    """Another module of that name would be used in its place."""
    (folder / "json.py").write_text(TEXT)
    with pytest.raises(UsageError, match=r"json is taken by .*rename"):
        imported(UserReference("json", "", str(folder)), "target")


def test_a_module_that_brings_what_patches_the_library_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was not there before; the load process has it anyway."""
    monkeypatch.setattr("harness.core.user_module.UNWANTED", ("a_patcher",))
    (folder / "a_patcher.py").write_text("")
    for number in (1, 2):
        (folder / f"bringer_{number}.py").write_text("import a_patcher\n")

    with pytest.raises(UsageError, match="brings in a_patcher"):
        imported(UserReference("bringer_1", "", str(folder)), "target")
    assert imported(UserReference("bringer_2", "", str(folder)), "target")

"""How a scenario is named, alone or as one of several in a file."""

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.run.locust_process import find_scenario, locust_command
from harness.run.scenario_path import class_of, classes_in, file_of, name_of, names_target

TWO = """
class A(Borrower):
    scenario = Scenario()


class B(Borrower):
    scenario: Scenario = Scenario()


class Helper:
    pass
"""


@pytest.mark.parametrize(
    ("text", "file", "class_name", "name"),
    [
        ("scenarios/net.py", "scenarios/net.py", "", "net"),
        ("scenarios/net.py::A", "scenarios/net.py", "A", "net.A"),
        ("a::b/net.py", "a::b/net.py", "", "net"),
        ("a::b/net.v2.py::Ü", "a::b/net.v2.py", "Ü", "net.v2.Ü"),
    ],
)
def test_a_name_has_a_file_and_may_have_a_class(
    text: str, file: str, class_name: str, name: str
) -> None:
    """Colons in a folder's name are no mark of a class."""
    path = Path(text)

    assert (file_of(path), class_of(path), name_of(path)) == (Path(file), class_name, name)


@pytest.mark.parametrize("asked", ["two", "two.py", "scenarios/two.py"])
def test_a_class_is_found_with_its_file(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name or by its path; Locust is given both, and only our Locust reads that."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "two.py").write_text(TWO)

    found = find_scenario(f"{asked}::B")

    assert found == Path("scenarios/two.py::B")
    assert locust_command(found)[-1] == "scenarios/two.py::B"


@pytest.mark.parametrize("asked", ["two.py::", "two.py::A.b", "none.py::A"])
def test_what_is_no_name_is_refused(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of no file, or no name of a class."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.py").write_text(TWO)

    with pytest.raises(UsageError, match="no scenario"):
        find_scenario(asked)


def test_the_new_name_is_told_wherever_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a folder without our scenarios."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="'watch': ours is now called observe"):
        find_scenario("watch")


def test_the_scenarios_of_a_file_are_read_off_its_text(tmp_path: Path) -> None:
    """Completion imports nothing."""
    file = tmp_path / "two.py"
    file.write_text(f"raise SystemExit\n{TWO}")

    assert classes_in(file) == ["A", "B"]
    file.write_text("class (")
    assert classes_in(file) == classes_in(tmp_path / "none.py") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('scenario = Scenario(target="lender:Lender")', True),
        ('scenario = harness.Scenario(faults=[], target="lender")', True),
        ("scenario = Scenario(target=LENDER)", True),
        ('scenario = replace(BASE, target="lender.py")', True),
        ('scenario = S(target="lender:Lender")', True),
        ('scenario = partial(Scenario, target="lender.py")()', True),
        ('faults = [replace(Kill(), target="postgres")]', False),
        ('scenario = Scenario(target="")', False),
        ('scenario = Scenario(faults=[Kill(target="replicas")])', False),
        ("scenario = Scenario()  # target='lender:Lender'", False),
        ("scenario = Scenario(target=", False),
    ],
)
@pytest.mark.parametrize("name", ["net.py", "net.py::Partition"])
def test_a_target_is_seen_in_the_text_of_a_file(
    text: str, expected: bool, name: str, tmp_path: Path
) -> None:
    """So that no local stack is brought up for it, also where one of its classes is named."""
    (tmp_path / "net.py").write_text(text)

    assert names_target(tmp_path / name) is expected

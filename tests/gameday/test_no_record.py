"""What claims to be a record, and is none: named with line and column, and nothing touched."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday.verify import verify
from harness.core.errors import UsageError
from tests.cli.conftest import Ended
from tests.gameday.stored_days import contents


def silent(_: str) -> None:
    """Nobody listens."""


def test_a_truncated_record_is_named_with_line_and_column(day: Path) -> None:
    """Wherever it ends; exit 2 for the command, nothing touched."""
    path = day / "record.json"
    text = path.read_text()
    for length in (0, 1, 40, len(text) // 3, len(text) // 2, len(text) - 3):
        path.write_text(text[:length])
        with pytest.raises(UsageError) as error:
            verify(path, silent)
        place = re.search(r"record\.json, line (\d+), column (\d+): ", str(error.value))
        assert place, str(error.value)
        assert int(place[1]) <= text[:length].count("\n") + 1


def test_a_truncated_page_is_named_with_line_and_column(day: Path) -> None:
    """At its last letter; or, without its head, as no page of a record."""
    path = day / "record.html"
    text = path.read_text()
    place = r"record\.html, line \d+, column \d+: the page is cut off here"
    for length, said in ((len(text) // 2, place), (200, "is no page of a record")):
        path.write_text(text[:length])
        with pytest.raises(UsageError, match=said):
            verify(path, silent)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"schema": "lendchaos.record/9"}', "schema 'lendchaos.record/9' must be"),
        ("[]", "record.json is no record by 'lendchaos.record/1'"),
        (
            '{\n "schema": "lendchaos.record/1",\n "files": 5}',
            "record.json is no record by 'lendchaos.record/1'",
        ),
        ('{\n "schema": "lendchaos.record/1",\n "a": NaN}', "NaN is no number"),
        (
            '{\n "schema": "lendchaos.record/1",\n "steps": [1], "files": {}}',
            "record.json is no record by 'lendchaos.record/1'",
        ),
        ("[" * 100_000, "it is nested too deeply"),
        (b'{\n "\xff"}', "line 2, column 3: it must be text in UTF-8"),
    ],
    ids=["other version", "list", "files", "steps", "NaN", "deep", "bytes"],
)
def test_what_is_no_record_is_refused(day: Path, body: str | bytes, said: str) -> None:
    """By its file, with what would be valid."""
    path = day / "record.json"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    with pytest.raises(UsageError, match=re.escape(said)):
        verify(path, silent)


@pytest.mark.parametrize("name", ["plan.yaml", "nowhere", "nowhere.json"])
def test_what_names_no_record_is_refused(day: Path, name: str) -> None:
    """It says what can be named."""
    with pytest.raises(UsageError, match=r"name record\.json, record\.html or their folder"):
        verify(day / name, silent)


def test_a_folder_without_a_record_says_what_writes_one(day: Path) -> None:
    """The page alone is none: what it shows lies in record.json."""
    (day / "record.json").unlink()
    with pytest.raises(UsageError, match="`lendchaos gameday record` writes it"):
        verify(day / "record.html", silent)


def test_the_command_refuses_a_truncated_record(day: Path, lendchaos: Callable[..., Ended]) -> None:
    """Exit 2, one line, nothing touched."""
    path = day / "record.json"
    path.write_bytes(path.read_bytes()[:5000])
    before = contents(day)
    done = lendchaos("gameday", "verify", path)

    assert done.exit_code == 2
    assert re.search(r"record\.json, line \d+, column \d+:", " ".join(done.stderr.split()))
    assert contents(day) == before

"""Where a state folder can be, and that nothing in it leads elsewhere."""

import os
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.stack.folder import checked, entered, whereabouts
from harness.stack.run_lock import held_alone, holder

PARTS = (
    *("stack.json", "lock", "run.lock", "second_way.lock", "supervisor.lock", "journal.jsonl"),
    *("logs", "postgres", "bureau", "attached"),
)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_a_link_is_refused(name: str, tmp_path: Path) -> None:
    """A checkout brought it along: what it leads to is neither written to nor emptied."""
    folder, precious = tmp_path / "state", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("thesis")
    (folder / name).symlink_to(precious)
    for call in (checked, entered):
        with pytest.raises(HarnessError, match=rf"{name} is not a.*as `lendchaos up` makes it"):
            call(folder)
    assert precious.read_text() == "thesis"
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_a_fifo_is_refused(name: str, tmp_path: Path) -> None:
    """Nobody waits for its other end."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(HarnessError, match="as `lendchaos up` makes it"):
        checked(tmp_path)
    assert holder(tmp_path) is None


@pytest.mark.parametrize("name", [name for name in PARTS if "." in name or name == "lock"])
def test_a_file_with_another_name_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    """An archive can bring a hard link to a file of the user's, which a run would overwrite."""
    folder, precious = tmp_path / "state", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("thesis")
    (folder / name).hardlink_to(precious)
    with pytest.raises(HarnessError, match=rf"{name} is a hard link.*as `lendchaos up` makes it"):
        checked(folder)
    with pytest.raises(HarnessError, match="hard link"), held_alone(folder, "run-1", "baseline"):
        pytest.fail("it was held")
    assert precious.read_text() == "thesis"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_folder_that_somebody_else_made_where_all_may_is_refused(tmp_path: Path) -> None:
    """Its owner could put links in the place of its parts, whatever the mode of our files."""
    shared, folder = tmp_path / "shared", tmp_path / "shared" / ".lendchaos"
    folder.mkdir(parents=True)
    os.chown(folder, 65534, 65534)
    folder.chmod(0o777)
    assert entered(folder) == folder, "a workspace that a container has from its host"
    shared.chmod(0o1777)
    for call in (checked, entered):
        with pytest.raises(HarnessError, match=f"{folder} belongs to another user.*--state-dir"):
            call(folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(HarnessError, match="belongs to another user"):
        checked(tmp_path / "link")
    os.chown(shared, 65534, 65534)
    assert entered(folder) == folder


def test_a_default_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """It may have come with a checkout; named by its user, the same folder will do."""
    (tmp_path / "home").mkdir()
    link = tmp_path / ".lendchaos"
    link.symlink_to(tmp_path / "home")
    with pytest.raises(UsageError, match=f"may have come.*--state-dir {tmp_path / 'home'}$"):
        entered(link)
    assert list((tmp_path / "home").iterdir()) == []
    assert entered(tmp_path / "home") == tmp_path / "home"


def test_a_link_of_the_users_leads_to_the_same_lock(tmp_path: Path) -> None:
    """One stack has one lock, whichever way its folder is named."""
    with held_alone(tmp_path / "state", "run-1", "baseline"):
        (tmp_path / "link").symlink_to(tmp_path / "state")
        with (
            pytest.raises(HarnessError, match="run run-1 of baseline"),
            held_alone(tmp_path / "link", "run-2", "baseline"),
        ):
            pytest.fail("it was held")


@pytest.mark.parametrize("name", ["logs", "postgres", "bureau"])
def test_a_folder_of_the_users_is_not_taken_for_a_stacks(name: str, tmp_path: Path) -> None:
    """What a start would remove is the user's own where no stack ever was."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis").touch()
    with pytest.raises(UsageError, match=f"has a folder '{name}' that no stack made"):
        entered(tmp_path)
    assert (tmp_path / name / "thesis").exists()
    (tmp_path / "lock").touch()
    assert entered(tmp_path) == tmp_path


def test_where_no_state_folder_can_be(tmp_path: Path) -> None:
    """A file, what lies below one, a name or path too long, a circle of links: usage errors."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / ".lendchaos").symlink_to(tmp_path / ".lendchaos")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing" / "folder")
    wrong = [
        *(tmp_path / "file", tmp_path / "file" / "below", Path("/dev/null"), Path("/dev/null/x")),
        *(tmp_path / ("n" * 256), tmp_path / "loop", tmp_path / "nowhere", tmp_path / "a\udcff"),
        *(tmp_path / ".lendchaos", tmp_path.joinpath(*["folder"] * 200)),
    ]
    for path in wrong:
        for call in (checked, entered):
            with pytest.raises(UsageError, match=r"--state-dir|UTF-8"):
                call(path)


def test_where_the_machine_lets_us_have_none(tmp_path: Path) -> None:
    """That is no usage error: elsewhere, or with other rights, it would do."""
    for path in (Path("/proc/x"), Path("/sys/x")):
        assert checked(path) == path
        with pytest.raises(HarnessError, match=f"the state folder {path} cannot be made"):
            entered(path)
    assert list(tmp_path.iterdir()) == []


def test_a_moved_folder_is_found_and_a_removed_one_is_not(tmp_path: Path) -> None:
    """Whoever holds it open knows where it is, and what lies in its old place is another."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    handle = os.open(old, os.O_PATH)
    assert whereabouts(handle, old) == old
    old.rename(new)
    old.mkdir()
    assert whereabouts(handle, old) == new
    new.rmdir()
    assert whereabouts(handle, old) is None
    os.close(handle)

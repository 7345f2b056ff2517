"""A cluster that is kept for the next stack: made once, whole or not at all."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import RunAs
from harness.stack import cluster_folders
from harness.stack.cluster_folders import KEPT, KEPT_MAX, copied, fingerprint, forget
from harness.stack.parts import postgres
from harness.stack.parts.postgres import ClusterSpec

INITDB = """#!/bin/sh
echo "$@" >> {calls}
mkdir "$2" && echo "made $(wc -l < {calls})" > "$2/PG_VERSION"
touch "$2/postgresql.conf" "$2/pg_hba.conf"
"""
POSTGRES = """#!/bin/sh
cat >> {statements}
if [ -e "$3/spoilt" ]; then echo "FATAL:  the cluster is damaged"; exit 1; fi
"""


class Maker:
    """Makes clusters and counts them; fails when it is told to."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    def __call__(self, folder: Path) -> None:
        """One file says which one it is."""
        (folder / "cluster").mkdir()
        (folder / "cluster" / "PG_VERSION").write_text(f"made {self.made}")
        if self.fails:
            raise HarnessError("no room")
        self.made += 1


@pytest.fixture
def make() -> Maker:
    """Stands in for initdb."""
    return Maker()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that write down how they were called, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = tmp_path / "calls"
    (tmp_path / "bin").mkdir()
    for name, text in (("initdb", INITDB), ("postgres", POSTGRES)):
        program = tmp_path / "bin" / name
        program.write_text(text.format(calls=found, statements=tmp_path / "statements"))
        program.chmod(0o700)
    return found


def spec(tmp_path: Path, name: str) -> ClusterSpec:
    """A cluster of those programs."""
    return ClusterSpec(
        bin_dir=tmp_path / "bin",
        data_dir=tmp_path / name,
        port=1,
        run_as=RunAs(),
        superuser_password=f"superuser-of-{name}",
        service_password=f"service-of-{name}",
    )


def test_it_is_made_once(tmp_path: Path, make: Maker) -> None:
    """The second stack gets a copy of what the first one made."""
    both = [copied(tmp_path / "cache", "a", make, tmp_path / name) for name in ("one", "two")]

    assert (both, make.made) == ([True, True], 1)
    assert (tmp_path / "two" / "PG_VERSION").read_text() == "made 0"


def test_a_copy_is_its_own(tmp_path: Path, make: Maker) -> None:
    """What one stack writes no other one has."""
    copied(tmp_path / "cache", "a", make, tmp_path / "one")
    (tmp_path / "one" / "PG_VERSION").write_text("spoilt")
    copied(tmp_path / "cache", "a", make, tmp_path / "two")

    assert (tmp_path / "two" / "PG_VERSION").read_text() == "made 0"


def test_half_of_one_is_never_kept(tmp_path: Path, make: Maker) -> None:
    """One that could not be made is told, and the next try begins anew."""
    make.fails = True
    with pytest.raises(HarnessError, match="no room"):
        copied(tmp_path / "cache", "a", make, tmp_path / "one")
    make.fails = False

    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
    assert copied(tmp_path / "cache", "a", make, tmp_path / "one") is True


def test_without_a_place_there_is_none(tmp_path: Path, make: Maker) -> None:
    """A file where the folder would be: told by False, and nothing is left at the target."""
    (tmp_path / "cache").write_text("a file")

    assert copied(tmp_path / "cache", "a", make, tmp_path / "one") is False
    assert not (tmp_path / "one").exists()


def test_what_is_no_good_can_be_forgotten(tmp_path: Path, make: Maker) -> None:
    """And is made anew."""
    copied(tmp_path / "cache", "a", make, tmp_path / "one")
    forget(tmp_path / "cache", "a")
    copied(tmp_path / "cache", "a", make, tmp_path / "two")

    assert (tmp_path / "two" / "PG_VERSION").read_text() == "made 1"


def test_other_programs_and_options_have_another_one(tmp_path: Path, calls: Path) -> None:
    """An upgrade of PostgreSQL in the same folder, too."""
    bin_dir = tmp_path / "bin"
    first = fingerprint(bin_dir, ("-E", "UTF8"))
    other_options = fingerprint(bin_dir, ("-E", "LATIN1"))
    (bin_dir / "postgres").write_text("another version")

    assert len({first, other_options, fingerprint(bin_dir, ("-E", "UTF8"))}) == 3
    assert fingerprint(bin_dir, ("-E", "UTF8")) == fingerprint(bin_dir, ("-E", "UTF8"))
    assert not calls.exists()


def test_the_same_programs_elsewhere_have_the_same_one(tmp_path: Path, calls: Path) -> None:
    """Another clone, or the same one installed anew, later."""
    shutil.copytree(tmp_path / "bin", tmp_path / "another clone" / "bin")
    for name in ("initdb", "postgres"):
        os.utime(tmp_path / "another clone" / "bin" / name, (1, 1))
    found = {fingerprint(path / "bin", ()) for path in (tmp_path, tmp_path / "another clone")}

    assert len(found) == 1
    assert not calls.exists()


def test_only_the_last_few_that_were_used_are_kept(tmp_path: Path, make: Maker) -> None:
    """Also those of earlier versions; and what a killed maker left half-made."""
    cache = tmp_path / "cache"
    for number, name in enumerate("abcd", start=1):
        (cache / f"{KEPT}{name}" / "cluster").mkdir(parents=True)
        os.utime(cache / f"{KEPT}{name}", (number, number))
    (cache / f"{KEPT}e.half" / "cluster").mkdir(parents=True)
    copied(cache, "a", make, tmp_path / "one")
    copied(cache, "new", make, tmp_path / "two")
    left = {path.name.removeprefix(KEPT) for path in cache.iterdir() if path.is_dir()}

    assert left == {"new", "a", "d"}
    assert make.made == 1


def test_nothing_is_removed_while_somebody_copies(tmp_path: Path, make: Maker) -> None:
    """A later stack removes it."""
    cache = tmp_path / "cache"
    for name in "abcd":
        (cache / f"{KEPT}{name}" / "cluster").mkdir(parents=True)
    with (cache / f"{KEPT}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert copied(cache, "a", make, tmp_path / "one") is True
        assert len([*cache.glob(f"{KEPT}?")]) == 4
    assert copied(cache, "a", make, tmp_path / "two") is True
    assert len([*cache.glob(f"{KEPT}?")]) == KEPT_MAX


def test_a_removal_that_was_killed_leaves_none(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a cluster must never be copied."""
    cache = tmp_path / "cache"
    copied(cache, "a", make, tmp_path / "one")
    with monkeypatch.context() as killed:
        killed.setattr(cluster_folders, "remove_database", lambda _folder: None)
        forget(cache, "a")
    copied(cache, "a", make, tmp_path / "two")

    assert (tmp_path / "two" / "PG_VERSION").read_text() == "made 1"
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [f"{KEPT}a"]


def test_a_cache_that_may_only_be_read_is_used(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else filled it."""
    copied(tmp_path / "cache", "a", make, tmp_path / "one")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(cluster_folders, "open_append", refuse)

    assert copied(tmp_path / "cache", "a", make, tmp_path / "two") is True
    assert make.made == 1


def test_each_stack_has_passwords_of_its_own(tmp_path: Path, calls: Path) -> None:
    """Also where the cluster is a copy; and what is kept has neither of them."""
    for name in ("one", "two"):
        postgres.create_cluster(spec(tmp_path, name), tmp_path / "log")
    statements = (tmp_path / "statements").read_text()

    assert len(calls.read_text().splitlines()) == 1
    for name in ("one", "two"):
        assert f"ALTER ROLE harness PASSWORD 'superuser-of-{name}'" in statements
        assert f"PASSWORD 'service-of-{name}'" in statements
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"-of-" in path.read_bytes() for path in kept)


def test_a_damaged_one_costs_no_stack(tmp_path: Path, calls: Path) -> None:
    """It is thrown away, and a cluster is made as if none had been kept."""
    postgres.create_cluster(spec(tmp_path, "one"), tmp_path / "log")
    (kept,) = (tmp_path / "cache").rglob("PG_VERSION")
    (kept.parent / "spoilt").touch()
    postgres.create_cluster(spec(tmp_path, "two"), tmp_path / "log")

    assert (tmp_path / "two" / "cluster" / "PG_VERSION").read_text() == "made 2\n"
    assert not kept.exists()
    assert len(calls.read_text().splitlines()) == 2


def test_it_is_written_to_the_disk_before_it_is_kept(tmp_path: Path, calls: Path) -> None:
    """A machine that loses its power must not keep half a file for all later stacks."""
    postgres.create_cluster(spec(tmp_path, "one"), tmp_path / "log")

    assert "--no-sync" not in calls.read_text()

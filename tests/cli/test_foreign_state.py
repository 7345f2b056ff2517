"""A state folder that a checkout brought along: it is named, and nothing in it is acted on."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from harness.core.processes import identify
from harness.stack import register
from harness.stack.state import SCHEMA
from tests.cli.conftest import Ended
from tests.cli.processes import ROOT
from tests.cli.processes import lendchaos as in_process

COMMANDS = ("status", "doctor", "heal", "down", "up", "gate-selftest baseline --defect retry_storm")
FOREIGN = "was not made by `lendchaos up` of this user on this machine"


@dataclass(frozen=True)
class Checkout:
    """A folder with a state folder in it, and what lies around it."""

    root: Path
    state_dir: Path
    spy: "subprocess.Popen[bytes]"

    def snapshot(self) -> dict[str, tuple[int, int]]:
        """Every file and folder with inode and time of its last change."""
        found = {path: path.lstat() for path in (self.root, *self.root.rglob("*"))}
        return {str(path): (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


@pytest.fixture
def spy() -> "Iterator[subprocess.Popen[bytes]]":
    """A process of the user's, which leads its group as ours do."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def checkout(
    tmp_path: Path, spy: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> Checkout:
    """One that names a folder, a file and a process of whoever runs a command in it."""
    root = tmp_path / "checkout"
    state_dir = root / ".lendchaos"
    for folder in (state_dir, root / "scenarios", root / "precious"):
        folder.mkdir(parents=True)
    (root / "scenarios" / "baseline.py").write_bytes((ROOT / "scenarios/baseline.py").read_bytes())
    (root / "precious" / "thesis").touch()
    (root / "key").touch()
    (state_dir / "stack.json").write_text(json.dumps(_stack(root, spy.pid)))
    monkeypatch.chdir(root)
    monkeypatch.delenv("LENDCHAOS_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "register"))
    return Checkout(root, state_dir, spy)


def _stack(root: Path, pid: int) -> dict[str, object]:
    reference = identify(pid)
    assert reference is not None
    process = {"pid": pid, "started_ticks": reference.started_ticks}
    state_dir = root / ".lendchaos"
    url = "http://127.0.0.1:1"
    return {
        "kind": "local",
        "stack_id": "0123",
        "schema_version": SCHEMA,
        "ready": True,
        "state_dir": str(state_dir),
        "log_dir": str(state_dir / "logs"),
        "links": {},
        "socket_path": str(root / "key"),
        "data_dir": str(root / "precious"),
        "toxiproxy_api": url,
        "service_url": url,
        "edge_url": url,
        "admin_token": "x",
        "supervisor": {"pid": pid, "started_ticks": 1},
        "processes": {"replica-1": process},
    }


@pytest.mark.parametrize("words", COMMANDS)
def test_no_command_touches_what_it_names(
    words: str, checkout: Checkout, lendchaos: Callable[..., Ended]
) -> None:
    """Neither the folder nor the file nor the process; the state folder itself stays as well."""
    if words.startswith("gate"):
        checkout.state_dir.rename(checkout.root / ".lendchaos-selftest")
    before = checkout.snapshot()
    done = lendchaos(*words.split())

    assert done.exit_code == 3
    assert FOREIGN in done.stdout + done.stderr
    assert checkout.snapshot() == before
    assert (checkout.root / "precious" / "thesis").exists()
    assert (checkout.root / "key").exists()
    assert checkout.spy.poll() is None


@pytest.mark.parametrize("words", ["doctor", "status", "run baseline --dry-run"])
def test_looking_changes_nothing_of_ones_own(
    words: str,
    checkout: Checkout,
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stack of ours whose supervisor died: what is left of it is for `up` and `down`."""
    # What Python itself writes beside a scenario that it loads is not meant.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    register.add(checkout.state_dir, "0123")
    before = checkout.snapshot()
    done = lendchaos(*words.split())

    assert done.exit_code == 0, done.stderr
    assert checkout.snapshot() == before
    assert checkout.spy.poll() is None


def test_a_stack_of_another_version_is_named_by_all_and_ended_by_down(
    checkout: Checkout, lendchaos: Callable[..., Ended]
) -> None:
    """One line each; what its file names besides is left alone."""
    register.add(checkout.state_dir, "0123")
    supervisor = identify(checkout.spy.pid)
    assert supervisor is not None
    text = _stack(checkout.root, checkout.spy.pid)
    text |= {"supervisor": asdict(supervisor), "schema_version": SCHEMA - 1}
    (checkout.state_dir / "stack.json").write_text(json.dumps(text))
    run = ("run", "baseline", "--state-dir", str(checkout.state_dir))
    runs = [in_process(*run, *more, cwd=checkout.root) for more in (("--dry-run",), ())]
    ends = [(done.returncode, done.stdout + done.stderr) for done in runs]
    for words in ("status", "up", "heal", "doctor"):
        done = lendchaos(words)
        ends.append((done.exit_code, done.stdout + done.stderr))
    for code, said in ends:
        assert (code, said.count("was brought up by another version of lendchaos")) == (3, 1), said
        assert "`lendchaos down` ends it" in said
    assert checkout.spy.poll() is None

    done = lendchaos("down")
    assert (done.exit_code, done.stdout) == (0, "stack is down\n"), done.stderr
    assert checkout.spy.wait(5) == -signal.SIGTERM
    assert not (checkout.state_dir / "stack.json").exists()
    assert (checkout.root / "precious" / "thesis").exists()


@pytest.mark.parametrize("place", [".lendchaos", ".lendchaos/attached"])
@pytest.mark.parametrize("words", ["status", "heal", "down"])
def test_a_proxys_folder_is_no_better(
    words: str, place: str, checkout: Checkout, lendchaos: Callable[..., Ended]
) -> None:
    """In front of a service that runs already there is a stack of its own in the folder."""
    text = (checkout.state_dir / "stack.json").read_bytes()
    (checkout.state_dir / "stack.json").unlink()
    (checkout.root / place).mkdir(exist_ok=True)
    (checkout.root / place / "stack.json").write_bytes(text)
    before = checkout.snapshot()
    done = lendchaos(words)

    assert done.exit_code == 3
    assert f"{place}/stack.json {FOREIGN}" in done.stderr
    assert checkout.snapshot() == before
    assert checkout.spy.poll() is None


@pytest.mark.parametrize("more", [("--dry-run",), ()])
def test_no_run_is_made_there(more: tuple[str, ...], checkout: Checkout) -> None:
    """Nor a directory for one, nor a stack; a dry run refuses it as well."""
    place = ("--state-dir", str(checkout.state_dir))
    done = in_process("run", "baseline", *place, *more, cwd=checkout.root)

    assert done.returncode == 3, done.stderr
    assert FOREIGN in done.stderr
    assert not (checkout.root / "runs").exists()
    assert (checkout.root / "precious" / "thesis").exists()
    assert checkout.spy.poll() is None


def test_planted_links_are_not_written_through(
    checkout: Checkout, lendchaos: Callable[..., Ended]
) -> None:
    """Without a state file, too: a log or a lock of ours would go where they lead."""
    (checkout.state_dir / "stack.json").unlink()
    for name in ("logs", "lock", "run.lock", "journal.jsonl"):
        (checkout.state_dir / name).symlink_to(checkout.root / "key")
        for words in ("up", "down", "heal", "doctor", "status"):
            done = lendchaos(words)
            assert done.exit_code == 3, (name, words)
            assert "as `lendchaos up` makes it" in done.stdout + done.stderr
        (checkout.state_dir / name).unlink()
    assert (checkout.root / "key").read_bytes() == b""


@pytest.mark.parametrize("words", ["up", "down", "heal", "status", "doctor"])
def test_a_state_folder_that_cannot_be_is_a_usage_error(
    words: str, tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """One line that names it, and nothing is made."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", "/dev/null/x", tmp_path / ("n" * 256)):
        done = lendchaos(words, "--state-dir", path)
        assert (done.exit_code, done.stdout) == (2, ""), done.stderr
        assert "--state-dir" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_where_none_can_be_made_the_machine_is_told(lendchaos: Callable[..., Ended]) -> None:
    """That is no usage error, and no bug of ours."""
    done = lendchaos("up", "--state-dir", "/proc/x")
    assert done.exit_code == 3
    assert "the state folder /proc/x cannot be made" in done.stderr


def test_a_run_refuses_a_file_before_it_makes_anything(tmp_path: Path) -> None:
    """No run directory, and the latest run stays the latest."""
    (tmp_path / "file").touch()
    scenario = str(ROOT / "scenarios" / "baseline.py")
    done = in_process("run", scenario, "--state-dir", "file", cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert f"{tmp_path / 'file'} is no folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

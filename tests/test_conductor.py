"""How a conductor ends that has no run to judge: by whose fault, and in one line."""

import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.history.run_directory import RunDirectory
from harness.load.load_protocol import FROM_CONDUCTOR, FromConductor, RunFailed
from harness.run import conductor
from tests.builders import plan_of


class Told:
    """The channel's messages, kept."""

    def __init__(self) -> None:
        self.messages: list[FromConductor] = []

    def send(self, message: FromConductor) -> None:
        """Keep one."""
        self.messages.append(message)

    def close(self) -> None:
        """Nothing is open."""


def named(number: int, path: str) -> OSError:
    """As the kernel refuses a file."""
    return OSError(number, "refused", path)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such thing"), 2),
        (HarnessError("not there"), 3),
        (OSError(errno.ENOSPC, "No space left on device"), 3),
        (OSError(errno.EFBIG, "File too large"), 3),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 3),
        (OSError(errno.EROFS, "Read-only file system"), 3),
        (OSError(errno.EIO, "Input/output error"), 3),
        (named(errno.EACCES, "run/status.json.part"), 3),
        (named(errno.ENOENT, "state/journal.jsonl"), 3),
        (named(errno.EACCES, "elsewhere/file"), 70),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), 70),
        (OSError("of unknown reason"), 70),
        (ValueError("a bug"), 70),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    """A disk that takes no more is no bug of ours; what else fails, is."""
    if isinstance(error, OSError) and error.filename:
        error.filename = str(tmp_path / error.filename)

    def fail(*_: object) -> None:
        raise error

    told = Told()
    monkeypatch.setattr(conductor, "Channel", lambda: told)
    monkeypatch.setattr(conductor, "conduct", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    command = ["conductor", str(tmp_path / "run"), "--state-dir", str(tmp_path / "state")]
    monkeypatch.setattr(sys, "argv", command)

    assert conductor.main() == code
    (message,) = told.messages
    assert isinstance(message, RunFailed)
    assert message.exit_code == code
    assert message.text.startswith("internal error in lendchaos: ") == (code == 70)
    assert "\n" not in message.text


def test_a_conductor_at_its_file_size_limit_says_so_in_one_line(tmp_path: Path) -> None:
    """The kernel refuses what it would write down first; nothing was brought up by then."""
    run = RunDirectory.create(tmp_path / "runs", plan_of())
    limit = 16
    done = subprocess.run(
        [
            *(sys.executable, "-m", "harness.run.conductor", str(run.path)),
            *("--state-dir", str(tmp_path / "state")),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    message = FROM_CONDUCTOR.decode(done.stdout.splitlines()[-1])

    assert isinstance(message, RunFailed)
    assert done.returncode == message.exit_code == 3
    assert "cannot be written: File too large" in message.text
    assert str(run.path) in message.text

"""How the end of a conductor is told that gave no verdict."""

from pathlib import Path

import pytest

from harness.load import conductor_link
from harness.load.conductor_link import ConductorLink
from harness.load.load_protocol import RunFailed


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("kill -9 $$", "was killed by signal 9 without a verdict; its guardian heals"),
        (
            "echo hello >&2; kill -9 $$",
            "was killed by signal 9 without a verdict; the end of its log: hello; its guardian",
        ),
        ("exit 4", "ended with exit code 4 without a verdict; its guardian heals"),
    ],
)
def test_the_end_of_a_conductor(
    command: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended it, and its last words if it had any."""
    monkeypatch.setattr(conductor_link, "module_command", lambda _: ["sh", "-c", command])
    link = ConductorLink("none", tmp_path, [])
    heard = link.receive(20.0)
    link.close()
    assert link._process.stdout is not None
    link._process.stdout.close()

    assert isinstance(heard, RunFailed)
    assert heard.text.startswith(f"the conductor {told}")

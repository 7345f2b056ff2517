"""What cannot be started is refused before anything is started."""

from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.ports import choose_ports, ephemeral_start
from harness.stack import StackSettings, attach, down, register, up
from harness.stack.doctor import diagnose


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (StackSettings(service="fast"), "tuned or naive"),  # type: ignore[arg-type]
        (StackSettings(replicas=0), "1 to 8, not 0"),
        (StackSettings(replicas=9), "1 to 8, not 9"),
        (StackSettings(edge_port=ephemeral_start()), "edge_port must be 1 to"),
        (StackSettings(service_port=0), "service_port must be 1 to"),
        (StackSettings(service_port=20_000, edge_port=20_000), "must differ"),
        (StackSettings(extra_links={"edge": "127.0.0.1:1"}), "a link's name"),
        (StackSettings(extra_links={"bureau": "127.0.0.1:1"}), "a link's name"),
        (StackSettings(extra_links={"Big Bureau": "127.0.0.1:1"}), "a link's name"),
        (StackSettings(extra_links={"payments": "127.0.0.1"}), "host:port"),
        (StackSettings(extra_links={"payments": "10.1.1.1:80"}), "--allow-target"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: StackSettings, says: str) -> None:
    """The message names the setting and what would be valid."""
    with pytest.raises(UsageError, match=says):
        up(settings, tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("token")
def test_a_target_that_does_not_answer(tmp_path: Path) -> None:
    """Nothing is put in front of nothing."""
    port = choose_ports(1)[0]
    with pytest.raises(HarnessError, match=f"http://127.0.0.1:{port} does not answer GET /healthz"):
        attach(f"http://127.0.0.1:{port}", tmp_path)


@pytest.mark.usefixtures("token")
def test_a_target_elsewhere_must_be_allowed(tmp_path: Path) -> None:
    """Faults stay on this machine unless the user says otherwise."""
    with pytest.raises(UsageError, match=r"--allow-target lender\.example"):
        attach("http://lender.example", tmp_path)


def test_a_target_without_an_admin_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no default outside the local stack."""
    monkeypatch.delenv("LENDING_ADMIN_TOKEN", raising=False)
    with pytest.raises(UsageError, match="LENDING_ADMIN_TOKEN must hold"):
        attach("http://127.0.0.1:1", tmp_path)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin token of a service that already runs."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", "token")


def test_taking_down_nothing_is_fine(tmp_path: Path) -> None:
    """Any number of times, and without making a folder."""
    assert not down(tmp_path / "missing")
    assert not down(tmp_path)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("text", ["{", "[" * 100_000], ids=["cut", "deep"])
def test_a_damaged_state_file_can_be_taken_down(text: str, tmp_path: Path) -> None:
    """The remedy that the error names works."""
    register.add(tmp_path, "0123")
    (tmp_path / "stack.json").write_text(text)
    (tmp_path / "postgres").mkdir()
    assert down(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_the_diagnosis_tells_how_to_get_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing part comes with its remedy, a present one without."""
    monkeypatch.setenv("PG_BIN_DIR", "/nowhere")
    checks = {check.name: check for check in diagnose(tmp_path)}
    assert not checks["PostgreSQL"].ok
    assert "pip install" in checks["PostgreSQL"].how_to_get
    assert checks["Python"].ok
    assert checks["Python"].how_to_get == ""
    assert checks["stack"].ok

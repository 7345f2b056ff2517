"""Settings are read once and every mistake is told at once."""

import pytest

from target_service.settings import SettingsError, read_settings

URL = {"LENDING_DATABASE_URL": "postgresql://lending@127.0.0.1:5432/lending"}


def test_defaults_are_safe() -> None:
    """Loopback only, no admin token, strong passwords, protective database settings."""
    settings = read_settings(URL)
    assert (settings.host, settings.admin_token, settings.client) == ("127.0.0.1", None, "tuned")
    assert settings.password_cost == 15
    assert settings.is_tuned


def test_values_are_taken() -> None:
    """Numbers become numbers, switches become booleans."""
    settings = read_settings(
        URL | {"LENDING_PORT": "9001", "LENDING_REUSE_PORT": "1", "LENDING_CLIENT": "naive"}
    )
    assert (settings.port, settings.reuse_port, settings.is_tuned) == (9001, True, False)


def test_every_mistake_is_told_at_once() -> None:
    """Four wrong values give four problems."""
    wrong = {
        "LENDING_PORT": "http",
        "LENDING_POOL_SIZE": "0",
        "LENDING_CLIENT": "brave",
    }
    with pytest.raises(SettingsError) as raised:
        read_settings(wrong)
    named = [problem.split()[0] for problem in raised.value.problems]
    assert named == [
        "LENDING_DATABASE_URL",
        "LENDING_CLIENT",
        "LENDING_PORT",
        "LENDING_POOL_SIZE",
    ]


def test_a_wrong_url_is_not_repeated() -> None:
    """The database URL may hold a password, which an error message must not show."""
    with pytest.raises(SettingsError) as raised:
        read_settings({"LENDING_DATABASE_URL": "mysql://me:hunter2@host/db"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["serve", "migrate"])
def test_wrong_settings_exit_with_two(run_command, name) -> None:
    """Both commands name each problem on a line of its own and exit with 2."""
    finished = run_command(name, LENDING_PORT="0")
    assert finished.returncode == 2
    assert len(finished.stderr.splitlines()) == 2

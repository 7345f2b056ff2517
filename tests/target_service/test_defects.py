"""Planted defects: off unless asked for by a name that exists, and never in silence."""

import subprocess
import sys

import pytest

from target_service.defects import DEFECTS, check
from target_service.settings import SettingsError, read_settings
from tests.target_service.conftest import clean_environment

URL = {"LENDING_DATABASE_URL": "postgresql://lending@127.0.0.1:1/lending"}


def test_there_are_twenty_five_and_all_are_off() -> None:
    """A service that nobody gave a defect has none."""
    assert len(DEFECTS) == 25
    assert read_settings(URL).defects == ()


def test_several_are_read_from_one_variable() -> None:
    """Names are separated by commas, spaces do not matter."""
    settings = read_settings(URL | {"LENDING_DEFECT": "retry_storm, amount_truncated,"})

    assert settings.defects == ("retry_storm", "amount_truncated")


@pytest.mark.parametrize("name", ["serve", "migrate"])
def test_an_unknown_name_is_refused_with_the_valid_ones(run_command, name) -> None:
    """Exit 2 at once, in one line; a run with a misspelt defect would prove nothing."""
    finished = run_command(name, LENDING_DEFECT="retry_strom,amount_truncated", **URL)

    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert "retry_strom;" in line
    assert all(valid in line for valid in DEFECTS)


def test_every_valid_name_is_accepted() -> None:
    """All of them, also together."""
    check(tuple(DEFECTS))
    with pytest.raises(SettingsError):
        check(("none",))


def test_a_late_one_takes_its_delay_with_its_name() -> None:
    """In seconds, within bounds; the others have none to set."""
    check(("paid_twice_later=25", "refused_paid_later=0.5", "paid_twice_later"))
    for wrong in ("paid_twice_later=soon", "refused_paid_later=61", "amount_truncated=3"):
        with pytest.raises(SettingsError, match="only these have one"):
            check((wrong,))


def test_a_defect_is_told_loudly(run_command) -> None:
    """The first line of the error output names it, whatever becomes of the command."""
    finished = run_command("migrate", LENDING_DEFECT="one_sided_ledger", **URL)

    assert finished.stderr.splitlines()[0].startswith("lending: PLANTED DEFECT one_sided_ledger:")


def test_a_sound_service_does_not_even_load_them() -> None:
    """Off, they cost nothing and can do nothing."""
    look = (
        "import sys, target_service.__main__, target_service.server\n"
        "sys.exit('target_service.defects' in sys.modules)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", look], env=clean_environment(), check=False, timeout=30
    )

    assert finished.returncode == 0


@pytest.mark.parametrize("name", list(DEFECTS))
def test_each_still_fits_the_service(name: str) -> None:
    """What a defect replaces is there: a renamed function must not make it a blank."""
    plant = f"from target_service.defects import plant; plant(({name!r},))"
    finished = subprocess.run(
        [sys.executable, "-c", plant], env=clean_environment(), check=False, timeout=30
    )

    assert finished.returncode == 0

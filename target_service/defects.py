"""Planted defects: honest small bugs, to see that a harness finds them. All are off by default.

``LENDING_DEFECT`` names those that are on; ``name=seconds`` sets the delay of one that acts late.
Each replaces a function or a statement of the service when it starts, as a bad commit would, so
that the service itself stays free of them. Where the database's own guard would stop a bug,
``migrate`` drops that guard, as a bad migration would. What each does, it tells in the service's
log (`target_service.defects_tools`).
"""

import psycopg

from target_service import defects_availability, defects_ledger, defects_money
from target_service.defects_tools import Defect, tell_to, watch_commits
from target_service.settings import Settings, SettingsError

DELAY_SECONDS_MAX = 60.0
DEFECTS: dict[str, Defect] = {
    **defects_money.DEFECTS,
    **defects_ledger.DEFECTS,
    **defects_availability.DEFECTS,
}


def find(asked: str) -> Defect:
    """The defect of a name, with or without a delay behind it."""
    return DEFECTS[asked.partition("=")[0]]


def check(names: tuple[str, ...]) -> None:
    """Refuses names that no defect has, and delays that one cannot have.

    Raises:
        SettingsError: naming the valid ones.
    """
    if unknown := [name for name in names if name.partition("=")[0] not in DEFECTS]:
        valid = ", ".join(DEFECTS)
        raise SettingsError(
            [f"LENDING_DEFECT does not know {', '.join(unknown)}; there are: {valid}"]
        )
    late = ", ".join(name for name, defect in DEFECTS.items() if defect.delay_s is not None)
    if wrong := [name for name in names if "=" in name and _delay_s(name) is None]:
        said = f"a delay is 0 to {DELAY_SECONDS_MAX:g} seconds, and only these have one: {late}"
        raise SettingsError([f"LENDING_DEFECT {', '.join(wrong)}: {said}"])


def _delay_s(asked: str) -> float | None:
    """The delay that is asked for, or the defect's own; None where it is none."""
    own = find(asked).delay_s
    _, given, text = asked.partition("=")
    if own is None or not given:
        return own
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= DELAY_SECONDS_MAX else None


def plant(names: tuple[str, ...], settings: Settings | None = None) -> None:
    """Puts these bugs into this process; the log of ``settings`` gets their acts."""
    for name in names:
        delay_s = _delay_s(name)
        if delay_s is None:
            find(name).plant()
        else:
            find(name).plant(delay_s)
    watch_commits()
    if settings is not None:
        tell_to(settings)


def drop_guards(names: tuple[str, ...], database_url: str) -> None:
    """Removes what the database would stop these bugs with."""
    drops = [find(name).drops for name in names if find(name).drops]
    if drops:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in drops:
                connection.execute(statement.encode())

"""`python -m target_service serve`, `migrate` or `bureau`."""

import os
import sys

from target_service.settings import Settings, SettingsError, read_settings

USAGE = "usage: python -m target_service serve | migrate | bureau"
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3


def main(arguments: list[str]) -> int:
    """Runs one command; 2 means wrong usage or settings, 3 that the environment refused."""
    if arguments not in (["serve"], ["migrate"], ["bureau"]):
        sys.stderr.write(f"{USAGE}\n")
        return EXIT_USAGE
    try:
        if arguments == ["bureau"]:
            return _bureau()
        settings = read_settings(os.environ)
        if settings.defects:
            _check_defects(settings)
    except SettingsError as error:
        for problem in error.problems:
            _complain(problem)
        return EXIT_USAGE
    return _serve(settings) if arguments == ["serve"] else _migrate(settings)


def _complain(problem: object) -> None:
    sys.stderr.write(f"lending: {problem}\n")


def _check_defects(settings: Settings) -> None:
    # Nothing of the defects is even imported unless one is asked for.
    from target_service import defects  # noqa: PLC0415

    defects.check(settings.defects)
    for name in settings.defects:
        _complain(f"PLANTED DEFECT {name}: {defects.find(name).says}")


def _serve(settings: Settings) -> int:
    # Each command imports only what it needs, which halves the time to start.
    from target_service.server import serve  # noqa: PLC0415

    if settings.defects:
        from target_service import defects  # noqa: PLC0415

        defects.plant(settings.defects, settings)
    try:
        serve(settings)
    except OSError as error:
        _complain(f"cannot serve on {settings.host}:{settings.port}: {error}")
        return EXIT_ENVIRONMENT
    return 0


def _bureau() -> int:
    # As above: the bureau needs neither the database's driver nor the service.
    import sqlite3  # noqa: PLC0415

    from target_service.bureau.server import serve  # noqa: PLC0415
    from target_service.bureau.settings import read_bureau_settings  # noqa: PLC0415

    settings = read_bureau_settings(os.environ)
    try:
        serve(settings)
    except OSError as error:
        _complain(f"the bureau cannot serve on {settings.host}:{settings.port}: {error}")
        return EXIT_ENVIRONMENT
    except sqlite3.Error as error:
        _complain(f"the bureau's store {settings.store} cannot be used: {error}")
        return EXIT_ENVIRONMENT
    return 0


def _migrate(settings: Settings) -> int:
    # As above: the server never imports SQLAlchemy.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from target_service.migrate import migrate  # noqa: PLC0415

    try:
        migrate(settings.database_url)
        if settings.defects:
            from target_service import defects  # noqa: PLC0415

            defects.drop_guards(settings.defects, settings.database_url)
    except SQLAlchemyError as error:
        _complain(f"the schema was not migrated: {error}")
        return EXIT_ENVIRONMENT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

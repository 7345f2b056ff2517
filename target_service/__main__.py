"""`python -m target_service serve` and `python -m target_service migrate`."""

import os
import sys

from target_service.settings import Settings, SettingsError, read_settings

USAGE = "usage: python -m target_service serve | migrate"
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3


def main(arguments: list[str]) -> int:
    """Runs one command; 2 means wrong usage or settings, 3 that the environment refused."""
    if arguments not in (["serve"], ["migrate"]):
        sys.stderr.write(f"{USAGE}\n")
        return EXIT_USAGE
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            _complain(problem)
        return EXIT_USAGE
    return _serve(settings) if arguments == ["serve"] else _migrate(settings)


def _complain(problem: object) -> None:
    sys.stderr.write(f"lending: {problem}\n")


def _serve(settings: Settings) -> int:
    # Each command imports only what it needs, which halves the time to start.
    from target_service.server import serve  # noqa: PLC0415

    try:
        serve(settings)
    except OSError as error:
        _complain(f"cannot serve on {settings.host}:{settings.port}: {error}")
        return EXIT_ENVIRONMENT
    return 0


def _migrate(settings: Settings) -> int:
    # As above: the server never imports SQLAlchemy.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from target_service.migrate import migrate  # noqa: PLC0415

    try:
        migrate(settings.database_url)
    except SQLAlchemyError as error:
        _complain(f"the schema was not migrated: {error}")
        return EXIT_ENVIRONMENT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs the bureau on a socket of its own until a signal stops it."""

import logging
import sys

from target_service import listening
from target_service.bureau.application import Bureau
from target_service.bureau.settings import BureauSettings
from target_service.bureau.store import ScoreStore

SHUTDOWN_SECONDS = 1


def serve(settings: BureauSettings) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        OSError: when the address cannot be listened on.
        sqlite3.Error: when the store cannot be used.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    listener = listening.listen(settings.host, settings.port)
    listening.run(Bureau(settings, ScoreStore(settings.store)), listener, SHUTDOWN_SECONDS)

"""Runs one replica on a socket of its own until a signal stops it."""

import logging
import sys

from target_service import listening
from target_service.application import create_application
from target_service.settings import Settings

SHUTDOWN_SECONDS = 2


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight for two seconds at most.

    Raises:
        OSError: when the address cannot be listened on.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    # An abandoned pipeline warns each time that its connection is closed, which is the intent.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    listener = listening.listen(settings.host, settings.port, reuse_port=settings.reuse_port)
    listening.run(create_application(settings), listener, SHUTDOWN_SECONDS)

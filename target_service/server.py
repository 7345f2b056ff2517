"""Runs one replica on a socket of its own until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from target_service.application import create_application
from target_service.settings import Settings

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 2
BACKLOG = 2048


def listen(settings: Settings) -> socket.socket:
    """A listening socket; several replicas may share its port when told so.

    Raises:
        OSError: when the address is taken or not ours.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 (the name says which)
    return listener


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight for two seconds at most.

    Raises:
        OSError: when the address cannot be listened on.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    # An abandoned pipeline warns each time that its connection is closed, which is the intent.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    listener = listen(settings)
    config = uvicorn.Config(
        create_application(settings),
        access_log=False,
        log_config=None,
        loop="uvloop",
        http="httptools",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_now)
    asyncio.Runner(loop_factory=config.get_loop_factory()).run(
        uvicorn.Server(config).serve(sockets=[listener])
    )


def _exit_now(_number: int, _frame: FrameType | None) -> None:
    """Ends the process; the server raises its signal again when it has finished.

    What still runs then waits for a database that does not answer, and with the driver's
    defaults it would wait ten seconds more while it is cancelled. Its connections end with the
    process, and every line of the log has been written.
    """
    sys.stdout.flush()
    os._exit(0)

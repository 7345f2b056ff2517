"""A socket of one's own, and a server on it that runs until a signal stops it."""

import asyncio
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


def listen(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A listening socket; several processes may share its port when told so.

    Raises:
        OSError: when the address is taken or not ours.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 (the name says which)
    return listener


def run(application: ASGIApp, listener: socket.socket, shutdown_seconds: int) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight for so long at most."""
    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        loop="uvloop",
        http="httptools",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds,
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

"""How Locust ends a process by itself, told in our exit codes.

Its 1 is our word for a missed objective, and 255 is none of ours. What ends bare Locust before a
scenario file was loaded is its own to tell.
"""

import errno
import logging
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

from locust.exception import RPCError

from harness.apps.locust.progress import tell_error
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.load.raised import message_of, place_of

MODULES = ("locust.main", "locust.runners", "locust.stats")
"""Those that end the process after a scenario file was loaded."""
_FAILURES = (1, -1)
"""What Locust says for whatever went wrong."""
_PORT_MAX = 65_535


class Endings:
    """Stands in for `sys` in Locust's modules."""

    def __init__(self) -> None:
        self.has_begun = False
        """Whether everything that was asked for can be run: what ends Locust now is around us."""
        self.settle: Callable[[], int] = lambda: int(ExitCode.INCONCLUSIVE)
        """What this process ends with by all that is known by then: its verdict, once there is one.
        """

    def watch(self, events: Any) -> None:
        """From now on Locust ends in our codes; what escapes it too, once options are read."""
        for module in map(import_module, MODULES):
            module.__dict__["sys"] = self
        events.init_command_line_parser.add_listener(self._watch_escapes)

    def __getattr__(self, name: str) -> Any:
        """Everything else is that of `sys`."""
        return getattr(sys, name)

    def exit(self, code: Any = None) -> NoReturn:
        """As `sys.exit`; an exit code that is ours already is no plain number, or another."""
        sys.exit(self.code_of(code, sys.exc_info()[1]))

    def code_of(self, code: Any, error: BaseException | None) -> Any:
        """The exit code for one of Locust's; ``error`` is what it is handling."""
        if type(code) is not int or code not in _FAILURES:
            return code
        if isinstance(error, KeyboardInterrupt):
            return int(ExitCode.INTERRUPTED)
        if self.has_begun or isinstance(error, OSError | RPCError):
            return int(ExitCode.INCONCLUSIVE)  # no worker came, or a port is taken
        return int(ExitCode.USAGE)

    def _watch_escapes(self, **_: Any) -> None:
        sys.excepthook = self._escaped

    def _escaped(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> NoReturn:
        """Locust let an exception through: Python would end with 1.

        What it cannot write at its very end, a report of its own, takes nothing from the verdict.
        """
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(int(ExitCode.INTERRUPTED))
        if isinstance(error, ValueError) and not self.has_begun:  # a class that it does not take
            tell_error(message_of(error))
            raise SystemExit(int(ExitCode.USAGE))
        if not isinstance(error, OSError | RPCError):
            sys.__excepthook__(kind, error, trace)
        tell_error(f"Locust ended in {place_of(error)}: {message_of(error)}")
        raise SystemExit(self.settle() if isinstance(error, OSError) else ExitCode.INCONCLUSIVE)


def leave_out_address() -> None:
    """Locust tells where its page is before anybody knows whether it can be there.

    We tell it later, with the token that opens it.
    """
    logging.getLogger("locust.main").addFilter(
        lambda record: not record.getMessage().startswith("Starting web interface at ")
    )


def require_port_number(port: int) -> None:
    """Refuse what is no port, with a page or without.

    Raises:
        UsageError: there is no such port.
    """
    if not 0 <= port <= _PORT_MAX:
        raise UsageError(f"--web-port {port} must be from 0 to {_PORT_MAX}")


def require_port(host: str, port: int) -> None:
    """Whether Locust's page can be served there, before Locust fails to.

    Raises:
        UsageError: there is no such address.
        HarnessError: somebody else listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            at = f"--web-host {host or '*'} --web-port {port}"
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise HarnessError(f"{at} cannot be used: {error.strerror}") from error
            raise UsageError(f"{at} is no address of this machine: {error.strerror}") from error

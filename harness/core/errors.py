"""The kinds of error that the user sees as one clear line."""

from typing import ClassVar


class HarnessError(Exception):
    """The environment is not as it must be: a program missing, a port taken, a target down."""

    exit_code: ClassVar[int] = 3


class PutOffError(HarnessError):
    """The target answered that it is to be asked again after ``wait_s`` seconds."""

    def __init__(self, text: str, wait_s: float) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class ProxyApiHangs(HarnessError):  # noqa: N818 - says what happens, not only that it is an error
    """Toxiproxy's control API did not answer in time, so what it did is not known; or no one is
    there to answer.
    """


class NotMeasuredError(HarnessError):
    """A figure of a run was asked for that was not measured; the message says why."""


class UsageError(Exception):
    """What was asked for cannot be: the message says what would be valid."""

    exit_code: ClassVar[int] = 2


class Interrupted(Exception):  # noqa: N818  # not an error: someone asked for it
    """The load process asked to stop, or died, before the load had begun."""


def internal_error(error: BaseException, place: str = "") -> str:
    """What people read of a mistake in lendchaos itself; ``place`` is where it arose, if known."""
    where = f" in {place}" if place else ""
    return f"internal error in lendchaos: {type(error).__name__}{where}: {error}; please report it"

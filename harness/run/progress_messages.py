"""What a run says of itself to the program that started it, over a pipe that it is given."""

from dataclasses import dataclass

from harness.core.messages import Codec
from harness.history.run_facts import RunEndedBy

PIPE_VARIABLE = "LENDCHAOS_PROGRESS_FD"
"""The number of the pipe, in the environment of the run."""
GAME_DAY_VARIABLE = "LENDCHAOS_GAMEDAY"
"""A JSON object in the environment of a run that is a step of a game day: its page says so."""
TRY_VARIABLE = "LENDCHAOS_TRY"
"""In the environment of a load process that makes one journey and no run."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a run does just now; ``text`` is for people.

    Instants are in seconds after zero; None where they do not apply.
    """

    text: str
    phase: str | None = None
    at_s: float | None = None
    until_s: float | None = None
    failing: tuple[int, int, float] | None = None
    """Of a game day's run: requests that failed, of those that ended in the last seconds."""
    verdict: str | None = None
    """With the last of a run that comes to one; its result is printed after it."""
    exit_code: int | None = None
    sentence: str | None = None
    report: str | None = None
    run_dir: str | None = None
    """Of a run that came so far as to have one."""
    seed: int | None = None
    """With the first of a run that has a directory."""
    page: str | None = None
    """The address of the chaos page, with its token: to be shown, and kept nowhere."""
    ended_by: RunEndedBy | None = None
    """As the load is ended early by someone who did not tell this process."""


@dataclass(frozen=True, slots=True)
class ErrorUpdate:
    """What went wrong; the run itself prints it."""

    text: str


ProgressMessage = Update | ErrorUpdate
PROGRESS: Codec[ProgressMessage] = Codec(ProgressMessage)

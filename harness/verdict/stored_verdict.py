"""``verdict.json`` of a run directory, read back."""

from harness.core.errors import UsageError
from harness.core.files import read_regular
from harness.core.rows import reason_of
from harness.history.run_directory import RunDirectory
from harness.verdict.types import Verdict, from_json


def read_verdict(run: RunDirectory) -> Verdict:
    """The stored verdict.

    Raises:
        UsageError: there is none that can be read, or it is of another run; judging the run
            makes one.
    """
    try:
        verdict = from_json(read_regular(run.path / "verdict.json"))
        for name, planned in run.of_plan().items():
            if getattr(verdict, name) != planned:
                raise ValueError(  # noqa: TRY301  # told with the others
                    f"it is of another run: its {name} is {getattr(verdict, name)}, the"
                    f" plan's {planned}"
                )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{run.path} has no readable verdict.json ({reason_of(error)}):"
            " `lendchaos judge` makes one"
        ) from error
    else:
        return verdict

"""What the load process asks the conductor for: one run, of a plan, on a target."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.user_module import UserReference, raised
from harness.history.kept_record import KeptRecord
from harness.target.interface import Target
from harness.target.loading import loaded


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run. ``host`` is None for the local stack; ``target`` for one that speaks our contract.

    ``reference`` names the user's class of a target, if any.
    """

    run: KeptRecord
    state_dir: Path
    host: str | None
    allow_targets: frozenset[str]
    reference: UserReference | None = None
    target: Target | None = None
    fault_modules: tuple[UserReference, ...] = ()
    """Where the user's own faults of the run are."""

    def with_target(self) -> "RunRequest":
        """The same with the target imported and made, at whose address the run is; UsageError
        where that cannot be.
        """
        if self.reference is None:
            return self
        target = loaded(self.reference, self.host)
        return replace(self, target=target, host=target.url)

    def blamed(self, error: Exception) -> str:
        """What the module of the user's target raised, with its place; "" where it was not that."""
        module = self.reference and sys.modules.get(self.reference.module)
        file = getattr(module, "__file__", None)
        said = raised(error, file)
        return f"target {self.reference}: {said}" if file and said.startswith(f"{file}:") else ""


def asked_of(
    words: Sequence[str], unwritten: Callable[[str], None], description: str | None
) -> RunRequest:
    """The request of a command line; ``unwritten`` hears what of the record the disk refused."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.run.conductor", description=description
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--host")
    parser.add_argument("--allow-target", action="append", default=[])
    parser.add_argument("--target", nargs=3, metavar=("MODULE", "NAME", "FOLDER"))
    parser.add_argument("--fault-module", nargs=2, metavar=("MODULE", "FOLDER"), action="append")
    options = parser.parse_args(words)
    return RunRequest(
        KeptRecord(options.run, unwritten),
        options.state_dir.absolute(),
        options.host,
        frozenset(options.allow_target),
        None if options.target is None else UserReference(*options.target),
        fault_modules=tuple(UserReference(n, "", f) for n, f in options.fault_module or ()),
    )

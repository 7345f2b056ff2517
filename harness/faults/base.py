"""What every injector does, whatever it breaks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy, LockHolder
from harness.plan.fault import PlannedFault


@dataclass(frozen=True, slots=True)
class Gone:
    """That a fault is no longer what was injected: by what, in words, and when, where it knows.

    ``at_ns`` is in monotonic time.
    """

    by: EndedBy
    text: str
    at_ns: int | None = None


def not_begun(planned: PlannedFault) -> FaultFact:
    """What is known of a fault before its injection."""
    return FaultFact(
        planned.name, planned.kind, planned.target, expects_impact=planned.expects_impact
    )


class Injector(ABC):
    """One fault on one stack. Every method raises `HarnessError` when it fails.

    `heal` and `clean_up` are idempotent and work on an injector that never injected: they are also
    how a fault left behind by a dead process is undone.
    """

    held_up_by: tuple[LockHolder, ...] = ()
    """Whose locks stood in the way of its heal."""
    mistakes: tuple[str, ...] = ()
    """What it did that it must not, with the place of each: only of a user's own is that known."""

    @abstractmethod
    def ready(self) -> Proof:
        """Try the canary before the injection: it must be well, or it can prove nothing."""

    @abstractmethod
    def inject(self) -> None:
        """Make the change."""

    @abstractmethod
    def read_back(self) -> Proof:
        """Read the change back from the control plane."""

    @abstractmethod
    def canary(self) -> Proof:
        """Try the broken thing once: `Proof.holds` says that it is broken for users of it."""

    def gone(self) -> Gone | None:
        """Look, between injection and heal, whether it ended; None while it is as injected.

        By default it is at work exactly while the control plane shows it.
        """
        proof = self.read_back()
        return None if proof.holds else Gone(EndedBy.NOBODY, proof.text)

    @abstractmethod
    def heal(self) -> int:
        """Undo the change; the instant of healing in monotonic nanoseconds."""

    @abstractmethod
    def healed(self) -> Proof:
        """Read back and try once more: `Proof.holds` says that nothing of the fault is left."""

    def clean_up(self) -> None:  # noqa: B027  # most have nothing to do
        """Remove what may only go once the load has ended; by default, nothing."""

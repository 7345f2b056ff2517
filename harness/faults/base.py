"""What every injector does, whatever it breaks."""

from typing import Protocol, runtime_checkable

from harness.events import Proof


class Injector(Protocol):
    """One fault on one stack. Every method raises `HarnessError` when its effect can't be had.

    `heal` and `clean_up` are idempotent and work on an injector that never injected: they are also
    how a fault left behind by a dead process is undone.
    """

    def ready(self) -> Proof:
        """Try the canary before the injection: it must be well, or it can prove nothing."""

    def inject(self) -> None:
        """Make the change."""

    def read_back(self) -> Proof:
        """Read the change back from the control plane."""

    def canary(self) -> Proof:
        """Try the broken thing once: `Proof.holds` says that it is broken for users of it."""

    def heal(self) -> int:
        """Undo the change; the instant of healing in monotonic nanoseconds."""

    def healed(self) -> Proof:
        """Read back and try once more: `Proof.holds` says that nothing of the fault is left."""

    def clean_up(self) -> None:
        """Remove what may only go once the load has ended."""


@runtime_checkable
class ActsByItself(Protocol):
    """An injector whose fault is kept up by a thread or a process of ours, which can fail."""

    def ended(self) -> str:
        """Why the fault is no longer what was injected, in words; empty while it is."""

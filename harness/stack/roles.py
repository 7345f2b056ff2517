"""Which processes a role means at this moment."""

import random
from dataclasses import replace

from harness.core.errors import HarnessError
from harness.plan.fault import PlannedFault
from harness.plan.layout import Thing
from harness.stack.client import StackClient
from harness.stack.layouts import parts_of
from harness.stack.parts.part import HasPrimary
from harness.stack.state import Stack


def resolved(planned: PlannedFault, stack: Stack, seed: str) -> PlannedFault:
    """A fault with the processes that it is to be on now; one without a process as it is.

    Of a role that means one of several, one that is at work is drawn by the ``seed``.
    `HarnessError` where none is.
    """
    if not any(need.what is Thing.PROCESS for need in planned.needs):
        return planned
    layout = stack.layout
    parts = layout.candidates(planned.target)
    for part in parts_of(stack):
        if isinstance(part, HasPrimary) and part.role == planned.target:
            parts = (part.primary(stack),)
    if layout.is_one_of(planned.target):
        alive = {process.name for process in StackClient(stack).status() if process.alive}
        at_work = [name for name in parts if name in alive]
        if not at_work:
            raise HarnessError(f"no {planned.target} is at work")
        drawn = random.Random(f"{seed}/{planned.name}").choice(at_work)  # reproducible on purpose  # noqa: S311  # reproducible on purpose
        parts = (drawn,)
    return replace(planned, parts=parts)

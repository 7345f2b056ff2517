"""A fault, a part and a target of somebody's own, each one class and nothing else."""

import os
import signal
import sys
from dataclasses import dataclass

from tiny_target import BOOK_PORT, HOME, Tiny  # type: ignore[import-not-found]  # beside it

from harness.core.processes import bound_to_parent, clean_environment, listeners
from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import Phrase, PlannedFault
from harness.stack.parts.part import Killable, Pausable, StackPart, Yard
from harness.stack.state import Stack
from harness.stack.supervised_process import Child


@dataclass(frozen=True, slots=True)
class NoAnswers(LinkFault):
    """Connections of a link are closed in place of every answer."""

    kind = "no_answers"
    told = "every answer on the link {0.link} is cut off"
    phrase = Phrase("the answers on the {target} link were cut off", "end of the cuts")


class NoAnswersInjector(LinkInjector):
    """Toxiproxy lets no byte of an answer through."""

    kind = "limit_data"

    def __init__(self, planned: PlannedFault, spec: NoAnswers, stack: Stack) -> None:
        super().__init__(planned, spec, stack, ("downstream",), bytes=0)

    def canary(self) -> Proof:
        """A first answer never comes."""
        answers = self._probe.answers()
        return Proof("canary", not answers, f"during: {self._answer_text(answers=answers)}")


register(NoAnswers, NoAnswersInjector)


class Book(StackPart, Killable, Pausable):
    """The process that keeps the tiny lender's book."""

    group = "book"
    listens = f"127.0.0.1:{BOOK_PORT}"
    asks = '{"do": "ping"}\n'

    async def start(self, yard: Yard) -> None:
        """It needs no link."""
        command = [sys.executable, os.environ["TINY_LENDER"], "book", BOOK_PORT, str(HOME)]
        ended_with_us = bound_to_parent(command, signal.SIGKILL)
        await yard.start_child(self.group, ended_with_us, clean_environment())

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether it listens."""
        del yard
        return child.process is not None and child.process.pid in listeners(int(BOOK_PORT))


class Dummy(Tiny):  # type: ignore[misc]  # of a module beside it
    """The tiny lender, whose book is a part of the stack."""

    processes = {**Tiny.processes, "book": Book}  # noqa: RUF012  # as users write it

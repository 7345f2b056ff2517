"""`Partition`: bytes vanish on a link while its connections stay open.

It is a `timeout` toxic of 0 on one or both streams: connects and FIN still pass, and removing it
closes the connections it held, so that a heal is followed by a short burst of errors that belongs
to the recovery.
"""

from dataclasses import dataclass

from harness.faults.network.link_fault import LinkFault, LinkInjector, SilentLink
from harness.faults.proxy_control import STREAMS
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import FaultPage, Phrase, PlannedFault
from harness.stack.state import Stack


@dataclass(frozen=True, slots=True)
class Partition(SilentLink):
    """Bytes vanish on a link while its connections stay open.

    ``direction`` is ``both``, ``upstream`` (requests vanish) or ``downstream`` (answers vanish).
    """

    kind = "partition"
    told = "bytes vanish on the link {0.link}{0.only}, its connections stay open"
    phrase = Phrase("bytes vanished on the {target} link", "end of the partition")
    page = FaultPage(
        effect=(
            "bytes vanish, connections stay open and new ones are accepted; `upstream` or "
            "`downstream` loses one direction only"
        ),
        canary="a first question gets no answer in half a second",
        heal=(
            "the toxics are removed, which closes the connections they held: a short burst "
            "of errors "
            "that belongs to the recovery"
        ),
        example=(
            'scenario `network_partition`, or `lendchaos run --inject \'Partition("edge", '
            'direction="downstream")\'`'
        ),
    )


class PartitionInjector(LinkInjector):
    """A toxic that lets no byte pass."""

    kind = "timeout"

    def __init__(self, planned: PlannedFault, spec: LinkFault, stack: Stack) -> None:
        streams = STREAMS[planned.parameters["direction"]]
        super().__init__(planned, spec, stack, streams, timeout=0)

    def canary(self) -> Proof:
        """Nothing answers through the link."""
        answers = not self._probe.is_cut()
        return Proof("canary", not answers, f"during: {self._answer_text(answers=answers)}")


register(Partition, PartitionInjector)

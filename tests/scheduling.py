"""Which worker runs which file of tests next.

Real runs wait for most of their time, and what they start must get a processor at once; the other
tests compute. Workers that all do the same leave the processors idle first and too few later on.
"""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class FromBothEnds(LoadFileScheduling):
    """The first workers take files in their order, the last one in the opposite order."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[-1]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)

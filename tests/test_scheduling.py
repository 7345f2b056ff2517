"""One worker begins with the files at the end, the others with those at the beginning."""

from argparse import Namespace
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests.scheduling import FromBothEnds


def test_the_last_worker_begins_at_the_other_end() -> None:
    """And no file is given to two, or to nobody."""
    tests = [f"{name}.py::test_{number}" for name in "abcde" for number in range(3)]
    workers: list[Any] = [
        MagicMock(spec=WorkerController, gateway=MagicMock(), shutting_down=False) for _ in range(3)
    ]
    config: Any = create_autospec(pytest.Config, instance=True)
    config.getvalue.return_value = ["3*popen"]
    config.option = Namespace(loadscopereorder=False)
    scheduling = FromBothEnds(config, Producer("tests"))
    for worker in workers:
        scheduling.add_node(worker)
        scheduling.add_node_collection(worker, tests)

    scheduling.schedule()

    first = [next(iter(scheduling.assigned_work[worker])) for worker in workers]
    assert first == ["a.py", "b.py", "e.py"]
    assert list(scheduling.workqueue) == ["c.py", "d.py"]

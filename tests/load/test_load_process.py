"""What a load process answers the leading process."""

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.load import messages
from harness.load.load_process import LoadProcess, boot_id


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError("mine"), "OSError: mine"), (gevent.Timeout(5), "Timeout: 5 seconds")],
)
def test_a_user_that_cannot_be_made_is_told(error: BaseException, told: str) -> None:
    """The leading process waits for the answer, whatever the user's code raises."""
    sent: list[Any] = []
    handlers: dict[str, Any] = {}
    runner = SimpleNamespace(
        register_message=handlers.__setitem__, send_message=lambda *message: sent.append(message)
    )
    report = SimpleNamespace(add_listener=lambda _: None)

    def user(_: Any) -> None:
        raise error

    LoadProcess(
        SimpleNamespace(
            runner=runner,
            events=SimpleNamespace(report_to_master=report),
            user_classes=[user],
        )
    )
    handlers[messages.PREPARE](SimpleNamespace(data={"name": "load-0", "boot_id": boot_id()}))

    ((kind, reply),) = sent
    assert (kind, reply["error"]) == (messages.PREPARED, told)

"""Orders given by hand."""

from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.run.commands import obey


class Timeline:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def heal(self, name: str) -> None:
        """Heal one."""
        if name == "9-flood":
            raise UsageError("no such fault")
        self.done.append(("heal", name))

    def inject(self, name: str) -> None:
        """Inject one."""
        self.done.append(("inject", name))

    def heal_now(self) -> None:
        """Heal all."""
        self.done.append("all")


@pytest.mark.parametrize(
    ("message", "done", "remark"),
    [
        (
            {"do": "heal", "fault": "1-kill"},
            ("heal", "1-kill"),
            "1-kill was healed by hand at 12.3 s",
        ),
        ({"do": "heal", "fault": None}, "all", "all faults were healed by hand at 12.3 s"),
        ({"do": "inject", "fault": "1-kill"}, ("inject", "1-kill"), "1-kill was injected by hand"),
        ({"do": "abort", "reason": "too much"}, "all", "from the web page: too much"),
        ({"do": "abort", "reason": ""}, "all", "the run was aborted by hand at 12.3 s"),
    ],
)
def test_an_order_is_passed_on_and_remarked(
    message: dict[str, Any], done: Any, remark: str
) -> None:
    """The report says what was done by hand, and when."""
    timeline = Timeline()

    assert remark in obey(message, timeline, 12.34)
    assert timeline.done == [done]


@pytest.mark.parametrize(
    "message", [{"do": "heal", "fault": "9-flood"}, {"do": "dance"}, {}, {"do": "inject"}]
)
def test_a_wrong_order_ends_no_run(message: dict[str, Any]) -> None:
    """There may be faults to heal: whatever comes, it is remarked and the run goes on."""
    assert "by hand before the load" in obey(message, Timeline(), None)

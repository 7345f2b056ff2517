"""Orders given by hand."""

from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.load.load_protocol import PageCommand, PageOrder
from harness.run.commands import apply_command


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
        if name == "9-flood":
            raise UsageError("no such fault")
        self.done.append(("inject", name))

    def heal_now(self) -> None:
        """Heal all."""
        self.done.append("all")


@pytest.mark.parametrize(
    ("command", "done", "remark"),
    [
        (
            PageCommand("heal", "1-kill"),
            ("heal", "1-kill"),
            "1-kill was healed by hand at 12.3 s",
        ),
        (PageCommand("heal"), "all", "all faults were healed by hand at 12.3 s"),
        (PageCommand("inject", "1-kill"), ("inject", "1-kill"), "1-kill was injected by hand"),
        (PageCommand("abort", reason="too much"), "all", "from the web page: too much"),
        (PageCommand("abort"), "all", "the run was aborted by hand at 12.3 s"),
    ],
)
def test_an_order_is_passed_on_and_remarked(command: PageCommand, done: Any, remark: str) -> None:
    """The report says what was done by hand, and when."""
    timeline = Timeline()

    assert remark in apply_command(command, timeline, 12.34)
    assert timeline.done == [done]


@pytest.mark.parametrize("do", ["heal", "inject"])
def test_an_order_that_cannot_be_obeyed_ends_no_run(do: PageOrder) -> None:
    """There may be faults to heal: it is remarked, and the run goes on."""
    timeline = Timeline()
    remark = apply_command(PageCommand(do, "9-flood"), timeline, None)

    assert "by hand before the load" in remark
    assert "could not be applied: no such fault" in remark
    assert timeline.done == []

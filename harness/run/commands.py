"""Commands that someone gave by hand while a run went on: passed on, and put on record.

The facts of a fault hold when it was really healed; the remark says that it was no accident.
"""

import logging

from harness.faults.timeline import FaultTimeline
from harness.load.load_protocol import PageCommand

_log = logging.getLogger(__name__)


def apply_command(command: PageCommand, faults: FaultTimeline, at_s: float | None) -> str:
    """Apply a command from the page; the remark for the report.

    ``at_s`` is now, in seconds after zero; None before the load.
    """
    do, fault = command.do, command.fault
    when = "before the load" if at_s is None else f"at {at_s:.1f} s"
    by_hand = f"by hand {when}, from the web page"
    try:
        match do:
            case "abort":
                faults.heal_now()
                reason = command.reason
                return f"the run was aborted {by_hand}" + (f": {reason}" if reason else "")
            case "heal" if fault is None:
                faults.heal_now()
                return f"all faults were healed {by_hand}; none was injected after it"
            case "heal":
                faults.heal(str(fault))
                return f"{fault} was healed {by_hand}"
            case "inject":
                faults.inject(str(fault))
                return f"{fault} was injected {by_hand}"
    except Exception as error:  # noqa: BLE001  # a wrong command must not end a run that has faults to heal
        _log.exception("order %s %s", do, fault)
        return f"a command given {by_hand}, {do} {fault}, could not be applied: {error}"

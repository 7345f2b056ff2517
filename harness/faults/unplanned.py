"""Processes of the stack that ended during a run although no fault of ours touched them."""

import json
from collections.abc import Iterable

from harness.fault_specs import AnyFault
from harness.faults.second_way import TOXIPROXY
from harness.stack.state import Stack
from harness.stack.supervisor import EVENT_LOG


def unplanned_ends(stack: Stack, faults: Iterable[AnyFault], since_ns: int) -> tuple[str, ...]:
    """Remarks for the report, one for each such end; ``since_ns`` is monotonic.

    Toxiproxy's is not among them: it is ours, and a reason to doubt the whole run.
    """
    touched = {spec.target for spec in faults}
    if "replicas" in touched:
        touched |= set(stack.replicas)
    try:
        lines = (stack.log_dir / EVENT_LOG).read_bytes().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            row = json.loads(line)
            name, code = row["name"], row.get("exit")
            ended = row["event"] == "exited" and row["at_ns"] >= since_ns
        except (ValueError, KeyError, TypeError):
            continue
        if ended and name not in (*touched, TOXIPROXY):
            found.append(
                f"{name} ended during the run ({_how(code)}) and was started again; no fault of"
                " this run did that, so what borrowers saw of it counts as the target's"
            )
    return tuple(found)


def _how(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "nobody knows how"
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""Fact: one step that was announced, or done, for a fault; see `harness.history.journal`."""

from dataclasses import dataclass
from typing import Any

from harness.core.numbers import Count, Nanoseconds

JOURNAL_SCHEMA = "lendchaos.journal/1"
JOURNAL_FILE = "journal.jsonl"
"""Of a stack in its state folder, and of a run, which keeps a copy of its own rows."""


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One line of the write-ahead journal of a stack: what is about to be done, or was done.

    ``event`` is one of

    * ``run``, ``over``: a run begins on the stack (``load``, ``conductor`` and ``guardian`` are
      process ids with their start in clock ticks; ``owns_stack``: the run itself brought it up)
      and has ended;
    * ``intent``: a fault is about to be injected; ``planned`` says how to undo it, the deadline by
      when it must be gone, in monotonic time of boot ``boot_id`` and as Unix time; ``module`` and
      its folder are where the class of a user's own fault is;
    * ``injected``; ``healing`` (try ``tries``), ``healed`` at ``healed_ns``, ``heal_failed``;
      ``second_way``: Toxiproxy, whose control API hung, is about to be replaced, and was
      (``holds``); ``proven`` (``holds``: the canary after the heal); ``undone``: nothing of the
      fault is left;
    * ``abort``: someone wants the run to end; ``stopping``: the run has heard it.

    ``by`` is ``conductor``, ``guardian`` (the conductor died), ``supervisor`` (both died),
    ``deadline`` (none of them healed in time), ``heal command`` or ``next run``.
    """

    event: str
    at_ns: Nanoseconds
    at_wall_ns: Nanoseconds
    boot_id: str
    stack: str = ""
    run: str = ""
    run_dir: str = ""
    fault: str = ""
    by: str = ""
    tries: Count = 0
    holds: bool | None = None
    healed_ns: Nanoseconds | None = None
    deadline_ns: Nanoseconds | None = None
    deadline_wall_ns: Nanoseconds | None = None
    text: str = ""
    load: tuple[Count, Count] | None = None
    conductor: tuple[Count, Count] | None = None
    guardian: tuple[Count, Count] | None = None
    owns_stack: bool = False
    planned: dict[str, Any] | None = None
    module: tuple[str, str] | None = None

"""`lendchaos heal`: everything that is broken is healed, by hand, any number of times.

What others changed at Toxiproxy may be what they are working on: it is put right where asked for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.console import Json, SlowNotice, StateDir, exit_codes, show, show_json
from harness.apps.cli.stacks import stack_name, stacks_in
from harness.core.errors import HarnessError, ProxyApiHangs
from harness.core.exit_codes import ExitCode
from harness.core.numbers import Count
from harness.core.processes import ProcessRef, is_alive
from harness.core.user_module import reference_of
from harness.faults.foreign_sessions import remove_strangers, strangers

# What heals is loaded before anything is looked at: healing never waits for an import.
from harness.faults.heal.healing import HealResult, heal_open
from harness.faults.heal.proxy_restart import restart_proxy
from harness.faults.probes import link_canaries
from harness.faults.registry import WHAT, load_all
from harness.history.journal import HEAL_COMMAND, Journal
from harness.history.journal_row import JournalRow
from harness.stack.folder import default_state_dir
from harness.stack.state import Stack, load_state

STOPPING_SECONDS_MAX = 3.0
"""For a run that is under way to hear that it is to inject nothing more."""
CANARY_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealedFault:
    """One fault: whether it is gone, after how many tries, and the same in words."""

    name: str
    gone: bool
    tries: Count
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedLink:
    """A link, and whether a request through it was answered."""

    name: str
    answers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HealedStack:
    """What was done for one stack.

    ``removed`` is what was put right at Toxiproxy, ``foreign`` what others changed there and is
    still so.
    """

    stack_id: str
    kind: str
    run_under_way: str | None
    faults: tuple[HealedFault, ...]
    removed: tuple[str, ...]
    foreign: tuple[str, ...]
    links: tuple[TriedLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealDocument:
    """What `lendchaos heal --json` prints; without ``troubles`` nothing is left broken."""

    stacks: tuple[HealedStack, ...]
    troubles: tuple[str, ...]
    schema: str = "lendchaos.heal/1"


@dataclass(slots=True)
class _Healing:
    """What was done for one stack; ``told`` is called with each line as it happens."""

    stack: Stack
    tell: Callable[[str], None]
    run: str | None = None
    faults: list[HealResult] = field(default_factory=list)
    latest: list[HealResult] = field(default_factory=list)
    """Of the last look only: what an earlier one could not heal, the run may have healed since."""
    links: dict[str, bool] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """What others changed at Toxiproxy and is still so."""
    failed: list[str] = field(default_factory=list)
    """Why Toxiproxy could not be put right, or did not say what it has."""

    @property
    def troubles(self) -> list[str]:
        """What is still wrong."""
        broken = [f"link {name} does not answer" for name, well in self.links.items() if not well]
        left = [str(result) for result in self.latest if not result.gone]
        remedy = "`lendchaos heal --all` puts it right"
        foreign = [f"not ours: {text} ({remedy})" for text in self.foreign]
        return [*left, *self.failed, *foreign, *broken]

    def body(self) -> HealedStack:
        """For a program."""
        return HealedStack(
            stack_id=self.stack.stack_id,
            kind=self.stack.kind,
            run_under_way=self.run,
            faults=tuple(
                HealedFault(name=one.fault, gone=one.gone, tries=one.tries, text=str(one))
                for one in self.faults
            ),
            removed=tuple(self.removed),
            foreign=tuple(self.foreign),
            links=tuple(TriedLink(name=name, answers=well) for name, well in self.links.items()),
        )


@app.command()
def heal(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what others changed at the stack's Toxiproxy.")
    ] = False,
    fault_module: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A module or file that registers faults of your own, where it was moved.",
        ),
    ] = None,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Heal everything that is broken, and try every link.

    Any number of times. What others changed at Toxiproxy is named, and put right with --all. A run
    that is under way ends: everything healed, drained and judged as interrupted.
    """
    with exit_codes():
        load_all(reference_of(text, WHAT, [Path.cwd()]) for text in fault_module or ())
        stacks, foreign = stacks_in(state_dir or default_state_dir(), load_state)
        if not stacks and not foreign and not json:
            show("no stack is up: there is nothing to heal")
        with SlowNotice("healing, and waiting until it is shown to have helped"):
            # With a document at the end, that says all.
            tell: Callable[[str], None] = (lambda _: None) if json else show
            done = [_heal(stack, tell, everything) for stack in stacks]
        troubles = [*(trouble for healing in done for trouble in healing.troubles), *foreign]
        if json:
            bodies = tuple(healing.body() for healing in done)
            show_json(HealDocument(stacks=bodies, troubles=tuple(troubles)))
        if troubles:
            raise HarnessError("; ".join(troubles))
        raise typer.Exit(ExitCode.PASS)


def _heal(stack: Stack, tell: Callable[[str], None], everything: bool) -> _Healing:
    """Heal one stack; what was done, and what is still wrong afterwards."""
    healing = _Healing(stack, tell)
    tell(stack_name(stack))
    run = _live_run(stack)
    if run is not None:
        healing.run = run.run
        tell(f"  run {run.run} is under way: it will end, judged as interrupted")
        Journal(stack.state_dir, stack.stack_id, run.run, HEAL_COMMAND).write("abort")
    _heal_open(healing, run)
    if run is not None and _stopping(stack, run):
        # What it injected between our first look and its hearing of us.
        _heal_open(healing, run)
    _look_for_strangers(healing, everything)
    if not healing.troubles:
        tell("  nothing is left broken")
    _try_links(healing)
    return healing


def _look_for_strangers(healing: _Healing, everything: bool) -> None:
    """What others changed at Toxiproxy: it breaks links as a fault of lendchaos does."""
    stack = healing.stack
    try:
        try:
            _put_right(healing, everything)
        except ProxyApiHangs as error:
            journal = Journal(stack.state_dir, stack.stack_id, by=HEAL_COMMAND)
            way = restart_proxy(stack, journal, "", str(error))
            healing.tell(f"  {way}")
            _put_right(healing, everything)
    except HarnessError as error:
        healing.failed.append(f"what others changed at Toxiproxy is not removed: {error}")
        healing.tell(f"  {healing.failed[-1]}")
    for text in healing.removed:
        healing.tell(f"  put right: {text}")
    for text in healing.foreign:
        healing.tell(f"  not ours, and left as it is: {text}")


def _put_right(healing: _Healing, everything: bool) -> None:
    """Without ``everything`` only toxics that are ours by their name."""
    stack = healing.stack
    healing.removed = remove_strangers(
        stack, wanted=lambda stranger: everything or stranger.has_our_name
    )
    healing.foreign = [stranger.text for stranger in strangers(stack)]


def _live_run(stack: Stack) -> JournalRow | None:
    row = Journal(stack.state_dir, stack.stack_id).run_under_way()
    if row is None or row.conductor is None or not is_alive(ProcessRef(*row.conductor)):
        return None
    return row


def _heal_open(healing: _Healing, run: JournalRow | None) -> None:
    """Heal what the journal knows of; a live run cleans up by itself, once its load has ended."""
    stack, healing.latest = healing.stack, []
    found = Journal(stack.state_dir, stack.stack_id).open_faults()
    if run is not None and all(fault.healed for fault in found):
        return
    healing.latest = heal_open(stack, HEAL_COMMAND, clean_up=run is None)
    healing.faults += healing.latest
    for result in healing.latest:
        healing.tell(f"  {result}")


def _stopping(stack: Stack, run: JournalRow) -> bool:
    """Whether the run has heard us; a stopped one never does, and injects nothing either."""
    journal = Journal(stack.state_dir, stack.stack_id)
    deadline = time.monotonic() + STOPPING_SECONDS_MAX
    while time.monotonic() < deadline:
        if any(row.event in ("stopping", "over") for row in journal.rows(run.run)):
            return True
        time.sleep(0.05)
    return False


def _try_links(healing: _Healing) -> None:
    """One canary through every link, with a little patience: some services reconnect slowly."""
    deadline = time.monotonic() + CANARY_SECONDS_MAX
    while True:
        healing.links = dict(link_canaries(healing.stack))
        if all(healing.links.values()) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    for name, well in healing.links.items():
        healing.tell(f"  link {name} {'answers' if well else 'does NOT answer'}")

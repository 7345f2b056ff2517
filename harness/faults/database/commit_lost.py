"""`CommitLost`: PostgreSQL commits, and the client that asked for it gets no answer.

For the time of the fault the link leads through a relay: `commit_relay` says what it does. Leading
the link there and back ends the connections that are open at that moment, as a failover does. To
heal, the link is led back to the address it has by the stack's own description, so that an injector
which never injected can do it; so does the relay, when its parent dies.
"""

import contextlib
import json
import selectors
import subprocess
from dataclasses import dataclass

from harness.core.connections import connect
from harness.core.errors import HarnessError
from harness.core.own_python import module_command
from harness.core.ports import LOOPBACK, choose_ports
from harness.core.processes import CODE_FOLDER, clean_environment, is_stopped
from harness.faults.base import Gone
from harness.faults.database.commit_relay import Task
from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.proxy_control import Proxy
from harness.faults.registry import register
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultPage, Phrase, PlannedFault
from harness.plan.layout import TO_DATABASE, Need, Role, Thing
from harness.stack.state import Stack

_START_SECONDS_MAX = 15.0
_END_SECONDS_MAX = 3.0
_GRACE_SECONDS = 10.0
"""How much longer than planned the relay runs before it ends the fault by itself."""


@dataclass(frozen=True, slots=True)
class CommitLost(LinkFault):
    """The database receives the COMMIT, the service never sees its answer.

    Every connection ends when PostgreSQL has done a COMMIT on it, before the answer is passed on.
    What became of a borrow is then truly unknown to the service until it asks again. The link must
    lead to a database that SQL reaches.
    """

    link: str = Role.DATABASE.value
    kind = "commit_lost"
    told = "COMMITs arrive over the link {0.link}, their answers do not"
    phrase = Phrase("answers to COMMITs on the {target} link were lost")
    page = FaultPage(
        effect="PostgreSQL commits, and the connection ends before the service receives the answer",
        canary=(
            "a COMMIT through the link is not answered, and PostgreSQL, asked directly, says it is "
            "committed"
        ),
        heal="the link leads straight to PostgreSQL again",
        example="scenario `commit_lost`, or `lendchaos run --inject 'CommitLost()' --retries 1`",
    )

    @property
    def needs(self) -> tuple[Need, ...]:
        """The link, with a proxy on it, leading to the database."""
        return (Need(Thing.LINK, self.link, TO_DATABASE),)

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """That the proxy leads elsewhere."""
        return (Need(Thing.LINK, self.link, "upstream"),)

    @property
    def resets(self) -> tuple[Need, ...]:
        """The same: its heal leads the proxy back."""
        return self.rests_on


class CommitLostInjector(LinkInjector):
    """The link leads through a relay that withholds answers to COMMITs."""

    def __init__(self, planned: PlannedFault, spec: CommitLost, stack: Stack) -> None:
        super().__init__(planned, spec, stack)
        self._direct_url = stack.database_url or ""
        self._api = stack.toxiproxy_api
        self._lasts_s = planned.lasts_s
        self._relay: subprocess.Popen[bytes] | None = None
        self.address = ""
        self._withheld: int | None = None

    def ready(self) -> Proof:
        """A COMMIT through the link is answered."""
        answered, _, text = self._try_commit()
        return Proof("canary", answered, f"before: {text}")

    def inject(self) -> None:
        """Start the relay and lead the link to it."""
        (port,) = choose_ports(1)
        self.address = f"{LOOPBACK}:{port}"
        self._relay = self._start_relay()
        self._control.set_upstream(self._link.name, self.address)

    def _start_relay(self) -> subprocess.Popen[bytes]:
        task = Task(
            listen=self.address,
            upstream=self._link.upstream,
            toxiproxy_api=self._api,
            proxy=self._link.name,
            seconds_max=self._lasts_s + _GRACE_SECONDS,
        )
        relay = subprocess.Popen(
            module_command("harness.faults.database.commit_relay"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
            cwd=CODE_FOLDER,
            start_new_session=True,  # a Ctrl-C at the terminal is not meant for it
        )
        if relay.stdin is None:
            raise AssertionError("it was asked to be a pipe")
        with contextlib.suppress(BrokenPipeError):
            relay.stdin.write(task.line())
            relay.stdin.flush()
        if "listening" not in _next_line(relay, _START_SECONDS_MAX):
            _end(relay, 0.0)
            raise HarnessError(f"the relay for {self._link.name} did not start")
        return relay

    def _in_place(self, proxy: Proxy) -> tuple[bool, str]:
        """Whether it is enabled and leads to the relay, and the relay runs."""
        leads = proxy.enabled and proxy.upstream == self.address
        relay = self._relay
        runs = relay is not None and relay.poll() is None and not is_stopped(relay.pid)
        state = "enabled" if proxy.enabled else "disabled"
        told = "runs" if runs else "does not run"
        return leads and runs, f"{state} and leads to {proxy.upstream}; the relay {told}"

    def gone(self) -> Gone | None:
        """Whether the relay died, so that the link leads nowhere, or the link leads elsewhere."""
        if self._relay is not None and self._relay.poll() is not None:
            return Gone(EndedBy.NOBODY, "the relay that withholds answers died")
        return super().gone()

    def canary(self) -> Proof:
        """A COMMIT through the link is done, as PostgreSQL says, and not answered."""
        answered, status, text = self._try_commit()
        return Proof("canary", not answered and status == "committed", f"during: {text}")

    def _try_commit(self) -> tuple[bool, str | None, str]:
        """Commit a transaction through the link, then ask PostgreSQL directly what became of it.

        Whether the COMMIT was answered, PostgreSQL's status of the transaction (None where it is
        not known), and both in words.
        """
        import psycopg

        what = f"a COMMIT through {self._link.name}"
        transaction, answered = "", False
        try:
            with contextlib.closing(
                connect(self._probe.database_url, options="-c statement_timeout=2000")
            ) as connection:
                row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
                transaction = row[0] if row else ""
                connection.commit()
                answered = True
        except psycopg.Error as error:
            if not transaction:
                return False, None, f"{what} cannot be tried: {str(error).strip()}"
        verb = "is answered" if answered else "is not answered"
        status, state = self._state_of(transaction)
        return answered, status, f"{what} {verb}; transaction {transaction} {state}"

    def _state_of(self, transaction: str) -> tuple[str | None, str]:
        """PostgreSQL's own word, None where it has none or cannot be asked, and it in words."""
        import psycopg

        try:
            with connect(self._direct_url, connect_timeout=3) as connection:
                row = connection.execute(
                    "SELECT pg_xact_status(%s::xid8)", [transaction]
                ).fetchone()
        except psycopg.Error as error:
            return None, f"is unknown: {str(error).strip()}"
        status = row[0] if row else None
        return status, f"is {status}"

    def heal(self) -> int:
        """End the relay's withholding and lead the link back; the instant that was confirmed.

        The relay itself has time: nothing leads to it any more.
        """
        if self._relay is not None and self._relay.stdin is not None:
            with contextlib.suppress(OSError):
                self._relay.stdin.close()
        return super().heal()

    def _take_back(self) -> None:
        self._control.set_upstream(self._link.name, self._link.upstream)

    def _end_relay(self) -> None:
        if self._relay is not None and self._withheld is None:
            self._withheld = _next_line(self._relay, _END_SECONDS_MAX).get("withheld", 0)
            _end(self._relay, _END_SECONDS_MAX)

    def healed(self) -> Proof:
        """The proxy leads to the database, and a COMMIT through the link is answered."""
        self._end_relay()
        proxy = self._control.proxy(self._link.name)
        leads = proxy.enabled and proxy.upstream == self._link.upstream
        answered, _, text = self._try_commit()
        state = "enabled" if proxy.enabled else "disabled"
        text = f"after: proxy {self._link.name} is {state} and leads to {proxy.upstream}; {text}"
        if self._withheld is not None:
            text += f"; {self._withheld:,} answers to COMMITs were withheld"
        return Proof("healed", leads and answered, text)

    def clean_up(self) -> None:
        """Nothing stays behind once healed but the relay, which ends."""
        self._end_relay()


def _next_line(relay: subprocess.Popen[bytes], seconds: float) -> dict[str, int]:
    """The relay's next line; empty when it says nothing in time, or has ended."""
    if relay.stdout is None:
        raise AssertionError("it was asked to be a pipe")
    with selectors.DefaultSelector() as selector:
        selector.register(relay.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            return {}
    try:
        found: dict[str, int] = json.loads(relay.stdout.readline())
    except ValueError:
        return {}
    return found


def _end(relay: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for its end, and insist."""
    try:
        relay.wait(seconds)
    except subprocess.TimeoutExpired:
        relay.kill()
        relay.wait()
    if relay.stdout is not None:
        relay.stdout.close()


register(CommitLost, CommitLostInjector)

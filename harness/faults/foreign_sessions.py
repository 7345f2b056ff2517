"""What someone else does to the stack while a run goes on, and for how long.

Anyone on the machine can reach Toxiproxy's control interface. What they leave there (toxics,
proxies, links that are off) is met by every borrower, and looks like the target's doing. So does a
lock that the service waits for: it has a role of its own in the database, and the harness names its
sessions, so any other holder is a process on the machine, such as a dump or a `psql` that was left
open. No service can help that.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg

from harness.core.errors import HarnessError
from harness.core.processes import ProcessRef, is_alive, is_stopped
from harness.faults.heal.proxy_restart import running_proxy
from harness.faults.probes import own_session
from harness.faults.proxy_control import (
    OURS,
    Proxy,
    ProxyControl,
    Toxic,
    toxic_names,
    without_number,
)
from harness.history.fault_facts import ForeignChange, LockHolder
from harness.plan.fault import PlannedFault
from harness.plan.layout import Thing
from harness.stack.state import Stack, StackLink

LOOK_SECONDS = 0.5
LAST_LOOK_SECONDS_MAX = 5.0
"""A look at something that does not answer must not hold up the end of a run."""
HELD_SECONDS_MAX = 10.0
"""How long the harness may wait while the same session of someone else is in the way."""
SEEN_SECONDS_MAX = 3.0
"""The service does not wait all the time: it gives a try up, and makes the next one later."""
_QUERY = """
SELECT DISTINCT holder.pid, holder.application_name, coalesce(holder.state, holder.backend_type),
       to_char(holder.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM pg_stat_activity waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
JOIN pg_stat_activity holder ON holder.pid = blocking.pid
WHERE waiting.wait_event_type = 'Lock' AND waiting.usename = %(service)s
  AND holder.usename <> %(service)s AND holder.application_name NOT LIKE 'lendchaos-%%'
  AND holder.backend_type = 'client backend'
"""

_log = logging.getLogger(__name__)


class ChangeWatch:
    """Notes what ``look`` sees, each thing in words, from when to when; changes nothing.

    ``look`` raises `HarnessError` where it can see nothing at the moment.
    """

    def __init__(self, name: str, look: Callable[[], set[str]]) -> None:
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._looked_ns = 0
        self._lock = threading.Lock()
        self._open: dict[str, ForeignChange] = {}
        self._closed: list[ForeignChange] = []

    @property
    def found(self) -> tuple[ForeignChange, ...]:
        """What was seen by now, in the order in which it began."""
        with self._lock:
            seen = [*self._closed, *self._open.values()]
        return tuple(sorted(seen, key=lambda one: one.begin_ns))

    def start(self) -> None:
        """Look from now on."""
        self._looked_ns = time.monotonic_ns()
        self._thread.start()

    def stop(self) -> None:
        """Look a last time; nothing if it never began."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_LOOK_SECONDS_MAX)

    def saw(self, text: str) -> None:
        """Note one thing more, seen just now by someone else than ``look``."""
        with self._lock:
            self._open.setdefault(text, ForeignChange(text, self._looked_ns))

    def _watch(self) -> None:
        last = False
        while not last:
            last = self._over.wait(LOOK_SECONDS)
            begun_ns = time.monotonic_ns()
            try:
                self._note(self._look(), begun_ns)
            except HarnessError as error:  # not seen: the next look may be lucky
                _log.warning("looking for what others changed: %s", error)
            except Exception:  # noqa: BLE001  # a mistake of lendchaos must not end the watch
                _log.exception("looking for what others changed")

    def _note(self, seen: set[str], begun_ns: int) -> None:
        seen_ns = time.monotonic_ns()  # it may have gone since the look began
        with self._lock:
            for text in self._open.keys() - seen:
                self._closed.append(replace(self._open.pop(text), end_ns=seen_ns))
            for text in seen - self._open.keys():
                self._open[text] = ForeignChange(text, self._looked_ns)
            self._looked_ns = begun_ns


# --- at Toxiproxy --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stranger:
    """One thing that is not as the stack has it: a toxic on a link, a proxy, or the link itself."""

    proxy: str
    toxic: Toxic | None = None
    link: StackLink | None = None
    """The link that has to be as it was; None with neither: a proxy that is not the stack's."""
    text: str = ""

    @property
    def has_our_name(self) -> bool:
        """Whether a fault of some run made it, be it that no journal knows of that any more."""
        return self.toxic is not None and self.toxic.name.startswith(OURS)


@dataclass(frozen=True, slots=True)
class OwnSessions:
    """What the faults of a run may have changed: names of toxics, and links that are switched."""

    toxics: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()


def ours_of(plan: tuple[PlannedFault, ...], at_work: frozenset[str]) -> OwnSessions:
    """What faults of a plan may have changed, of which those named are at work."""
    toxics = frozenset(name for planned in plan for name in toxic_names(planned.name))
    resets = [need for planned in plan if planned.name in at_work for need in planned.resets]
    switched = frozenset(need.name for need in resets if need.what is Thing.LINK)
    return OwnSessions(toxics, switched)


def strangers(stack: Stack, ours: Callable[[], OwnSessions] = OwnSessions) -> tuple[Stranger, ...]:
    """What is neither the stack's nor a fault's; `HarnessError` if Toxiproxy does not say."""
    before = ours()
    found = ProxyControl(stack.toxiproxy_api).proxies()
    after = ours()  # what was ours before or after may have been so when it was read
    known = OwnSessions(before.toxics | after.toxics, before.links | after.links)
    seen = [stranger for proxy in found.values() for stranger in _on(proxy, stack, known)]
    missing = stack.links.keys() - found.keys()
    seen += [Stranger(name, None, stack.links[name], f"link {name} is gone") for name in missing]
    return tuple(seen)


def _on(proxy: Proxy, stack: Stack, known: OwnSessions) -> list[Stranger]:
    link = stack.links.get(proxy.name)
    if link is None:
        where = f"from {proxy.listen} to {proxy.upstream}"
        return [Stranger(proxy.name, text=f"a proxy {proxy.name} leads {where}")]
    seen = [
        Stranger(proxy.name, toxic, text=f"{_told(toxic)} is on link {proxy.name}")
        for toxic in proxy.toxics
        if without_number(toxic.name) not in known.toxics
    ]
    if proxy.name in known.links:
        return seen
    if (proxy.listen, proxy.upstream) != (link.listen, link.upstream):
        where = f"from {proxy.listen} to {proxy.upstream}"
        seen.append(Stranger(proxy.name, None, link, f"link {proxy.name} leads {where}"))
    elif not proxy.enabled:
        seen.append(Stranger(proxy.name, None, link, f"link {proxy.name} is disabled"))
    return seen


def _told(toxic: Toxic) -> str:
    values = "".join(f", {name} {value}" for name, value in sorted(toxic.attributes.items()))
    share = "" if toxic.toxicity == 1 else f", toxicity {toxic.toxicity:g}"
    return f"toxic {toxic.name} ({toxic.kind} {toxic.stream}{values}{share})"


def remove_strangers(
    stack: Stack,
    ours: Callable[[], OwnSessions] = OwnSessions,
    wanted: Callable[[Stranger], bool] = lambda _: True,
) -> list[str]:
    """Make the stack's Toxiproxy as the stack has it, but for what is ours; what was not so.

    Only what is ``wanted`` goes. `HarnessError` if something could not be removed.
    """
    control = ProxyControl(stack.toxiproxy_api)
    found = [stranger for stranger in strangers(stack, ours) if wanted(stranger)]
    for stranger in found:
        if stranger.toxic is not None:
            control.remove_toxic(stranger.proxy, stranger.toxic.name)
        elif stranger.link is not None:
            control.lay(stranger.link)
        else:
            control.remove_proxy(stranger.proxy)
    return [stranger.text for stranger in found]


class StrangerWatch(ChangeWatch):
    """Notes what others change at Toxiproxy; `put_right` is for a fault that ends on a link."""

    def __init__(self, stack: Stack, ours: Callable[[], OwnSessions]) -> None:
        super().__init__("strangers", self._seen)
        self._stack = stack
        self._ours = ours
        self._process: ProcessRef | None = None

    def put_right(self, name: str) -> None:
        """Lay a link as the stack has it, where others changed it; `HarnessError` if it can't."""
        seen = [s for s in strangers(self._stack, self._ours) if s.proxy == name and s.link]
        for stranger in seen:
            self.saw(stranger.text)
            ProxyControl(self._stack.toxiproxy_api).lay(self._stack.links[name])

    def _seen(self) -> set[str]:
        if not is_alive(self._process):
            self._process = running_proxy(self._stack.state_dir)
        if self._process is not None and is_stopped(self._process.pid):
            # It would not answer, and nothing passes through its links.
            still = {change.text for change in self.found if change.end_ns is None}
            return still | {"Toxiproxy was stopped by a signal"}
        return {stranger.text for stranger in strangers(self._stack, self._ours)}


# --- locks ---------------------------------------------------------------------------------------


class LockWatch(ChangeWatch):
    """Notes who holds locks that the service waits for; over one connection, once it is needed."""

    def __init__(self, stack: Stack) -> None:
        super().__init__("locks", self.look)
        self._role = stack.layout.database_role
        self._url = stack.database_url if self._role else None
        self._connection: psycopg.Connection | None = None

    def look(self) -> set[str]:
        """Each session in the service's way now, in words; `HarnessError` if there is no answer."""
        if self._url is None:
            return set()
        try:
            if self._connection is None:
                self._connection = own_session(self._url, "lendchaos-lock-holders")
            rows = self._connection.execute(_QUERY, {"service": self._role}).fetchall()
        except psycopg.Error as error:
            self._close()
            raise HarnessError(f"the database does not say who holds its locks: {error}") from error
        return {f"{LockHolder(*row)} holds a lock that the service waits for" for row in rows}

    def stop(self) -> None:
        """Look a last time, and leave no session behind."""
        super().stop()
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


class LockGuard(LockWatch):
    """Watches which sessions block the service while the harness waits for it.

    A context that gives `check`, which calls ``also`` first: a step that waits calls it every
    second. Set-up and reconciliation wait when the service asks them to. For a lock of someone
    else that would be in vain.
    """

    def __init__(self, stack: Stack, also: Callable[[], object] = lambda: None) -> None:
        super().__init__(stack)
        self._also = also

    def __enter__(self) -> Callable[[], None]:
        """Begin to look."""
        self.start()
        return self.check

    def __exit__(self, *_: object) -> None:
        """Leave no session behind."""
        self.stop()

    def check(self) -> None:
        """End a wait by a `HarnessError` if one session has been in the way for too long."""
        self._also()
        now_ns = time.monotonic_ns()
        first_ns: dict[str, int] = {}
        for change in self.found:
            begin_ns = first_ns.setdefault(change.text, change.begin_ns)
            last_ns = now_ns if change.end_ns is None else change.end_ns
            still = now_ns - last_ns <= SEEN_SECONDS_MAX * 1e9
            if still and now_ns - begin_ns >= HELD_SECONDS_MAX * 1e9:
                raise HarnessError(change.text)

"""`python -m harness.faults.database.commit_relay`: withholds PostgreSQL's answers to COMMITs.

It reads the protocol that PostgreSQL answers in. As soon as the server says that a COMMIT is done
(a CommandComplete message whose tag is COMMIT; a COMMIT that became a rollback says ROLLBACK), the
connection ends before that message is passed on. So every COMMIT it hits is known to be durable,
whichever client asked for it, by the simple or the extended protocol, in a pipeline or not. A
statement that commits by itself, without a COMMIT, is passed on.

It is a process of its own: its timing is no one else's, and the link never leads to nothing. Its
standard input is its lifeline. When that ends, however its parent died, or when its time is up, it
leads the link back, withholds nothing from then on, and exits. Another process that heals finds it
done.

Standard input: one line, a `Task`. Standard output: one line when it listens, one at its end, with
the number of answers withheld.
"""

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass

from harness.core.errors import HarnessError
from harness.faults.proxy_control import ProxyControl

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_COMMAND_COMPLETE = ord("C")
_COMMIT_TAGS = (b"COMMIT\0", b"COMMIT PREPARED\0")
_STARTUP_BYTES_MAX = 10_000  # the server's own limit
_PIECE_BYTES = 65_536
_CONNECT_SECONDS_MAX = 5.0
_LEAD_BACK_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a relay is asked to do; addresses are ``host:port``.

    It ends by itself after ``seconds_max`` and then leads ``proxy`` back to ``upstream``.
    """

    listen: str
    upstream: str
    toxiproxy_api: str
    proxy: str
    seconds_max: float

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"


class AnswerStream:
    """The server's side of one connection, read message by message.

    A message is a type byte, its length in four bytes with themselves, and its body.
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def read(self, piece: bytes) -> tuple[bytes, bool]:
        """What may be passed on of all that came so far, and whether a COMMIT is next."""
        self._pending += piece
        end = 0
        while len(self._pending) >= end + 5:
            length = int.from_bytes(self._pending[end + 1 : end + 5], "big")
            after = end + 1 + length
            if len(self._pending) < after:
                break
            body = self._pending[end + 5 : after]
            if self._pending[end] == _COMMAND_COMPLETE and body in _COMMIT_TAGS:
                return bytes(self._pending[:end]), True
            end = after
        whole = bytes(self._pending[:end])
        del self._pending[:end]
        return whole, False

    def rest(self, piece: bytes) -> bytes:
        """All that was held back so far, and what came, unread."""
        self._pending += piece
        whole = bytes(self._pending)
        self._pending.clear()
        return whole


class Relay:
    """Accepts connections, passes them on and ends each at its first answer to a COMMIT."""

    def __init__(self, upstream: str) -> None:
        self._upstream = split(upstream)
        self.withholds = True
        self.withheld = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        far: asyncio.StreamWriter | None = None
        try:
            first = await self._startup(reader, writer)
            async with asyncio.timeout(_CONNECT_SECONDS_MAX):
                answers, far = await asyncio.open_connection(*self._upstream)
            far.write(first)
            requests = asyncio.create_task(_pass_on(reader, far))
            try:
                await self._answer(answers, writer)
            finally:
                requests.cancel()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass  # an end of a connection, which is then passed on
        finally:
            for end in (writer, far):
                if end is not None:
                    end.close()

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The first packet; encryption is refused, because what is encrypted cannot be read."""
        while True:
            head = await reader.readexactly(8)
            length, code = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
            if code in (_SSL_REQUEST, _GSS_REQUEST):
                writer.write(b"N")
                continue
            if not len(head) <= length <= _STARTUP_BYTES_MAX:
                raise ValueError(f"not PostgreSQL's protocol: a first packet of {length} bytes")
            return head + await reader.readexactly(length - len(head))

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read = AnswerStream()
        while piece := await answers.read(_PIECE_BYTES):
            passed, is_commit = read.read(piece) if self.withholds else (read.rest(piece), False)
            writer.write(passed)
            await writer.drain()
            if is_commit:
                self.withheld += 1
                return


async def _pass_on(reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            far.write(piece)
            await far.drain()
        far.write_eof()


def split(address: str) -> tuple[str, int]:
    """Host and port of an address."""
    host, _, port = address.rpartition(":")
    return host, int(port)


async def _run(task: Task) -> None:
    relay = Relay(task.upstream)
    server = await asyncio.start_server(relay.serve, *split(task.listen))
    _tell(listening=task.listen)
    loop = asyncio.get_running_loop()
    lifeline = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lifeline), sys.stdin)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(task.seconds_max):
            await lifeline.read()
    relay.withholds = False
    await asyncio.to_thread(lead_back, task)
    server.close()
    with contextlib.suppress(OSError):  # nobody may be left to hear it
        _tell(withheld=relay.withheld)


def lead_back(task: Task) -> None:
    """Lead the link to where it belongs, if it still leads to us; tried for a while, then given up.

    A relay of another fault may have taken our place, and that one's way is not ours to end.
    """
    control = ProxyControl(task.toxiproxy_api)
    deadline = time.monotonic() + _LEAD_BACK_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if control.proxy(task.proxy).upstream == task.listen:
                control.set_upstream(task.proxy, task.upstream)
        except HarnessError:
            time.sleep(0.3)
        else:
            return


def _tell(**line: str | int) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the task and do it."""
    # Unbuffered, so that nothing of the lifeline is read before it is watched.
    with open(0, "rb", buffering=0, closefd=False) as standard_input:
        line = standard_input.readline()
    asyncio.run(_run(Task(**json.loads(line))))


if __name__ == "__main__":
    main()

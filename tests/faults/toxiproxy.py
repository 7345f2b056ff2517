"""A real Toxiproxy in front of a small HTTP server, as a stack that faults can be injected into."""

import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.ports import LOOPBACK, choose_ports
from harness.faults.proxy_control import ProxyControl
from harness.stack.parts.toxiproxy import toxiproxy_command
from harness.stack.programs import provide_toxiproxy
from harness.stack.state import EDGE, Stack, StackLink
from tests.builders import laid_out

_START_SECONDS_MAX = 15.0


class FarSide(http.server.BaseHTTPRequestHandler):
    """Answers every GET on a connection that is kept."""

    protocol_version = "HTTP/1.1"
    body = b'{"status": "ok"}'

    def do_GET(self) -> None:
        """A health page."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@dataclass(frozen=True)
class Rig:
    """One Toxiproxy with the link ``edge``, its control and its process."""

    stack: Stack
    control: ProxyControl
    process: "subprocess.Popen[bytes]"


@contextmanager
def serving(
    handler: type[http.server.BaseHTTPRequestHandler], port: int = 0
) -> Iterator[http.server.ThreadingHTTPServer]:
    """An HTTP server on loopback for the length of a block."""
    with http.server.ThreadingHTTPServer((LOOPBACK, port), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@contextmanager
def toxiproxy(folder: Path) -> Iterator[Rig]:
    """The whole rig; its files lie in ``folder``."""
    api_port, link_port, far_port = choose_ports(3)
    link = StackLink(EDGE, f"{LOOPBACK}:{link_port}", f"{LOOPBACK}:{far_port}")
    stack = Stack(
        kind="attached",
        stack_id="rig",
        state_dir=folder,
        log_dir=folder,
        socket_path=folder / "none.sock",
        links={EDGE: link},
        toxiproxy_api=f"http://{LOOPBACK}:{api_port}",
        service_url=f"http://{LOOPBACK}:{far_port}",
        edge_url=f"http://{LOOPBACK}:{link_port}",
        admin_token="",
    )
    stack = laid_out(stack)
    configuration = folder / "toxiproxy.json"
    program = provide_toxiproxy(print).path
    command = toxiproxy_command(program, api_port, configuration, [link])
    control = ProxyControl(stack.toxiproxy_api)
    with serving(FarSide, far_port), (folder / "toxiproxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + _START_SECONDS_MAX
            while time.monotonic() < deadline:
                with suppress(HarnessError):
                    control.proxy(EDGE)
                    break
                time.sleep(0.02)
            yield Rig(stack, control, process)
        finally:
            process.kill()
            process.wait()

"""Not a conductor: speaks its side of the pipe, so that the load process can be tested alone.

Run as ``python -m tests.load.protocol_conductor``. ``PROTOCOL_EDGE`` is the address of the test's
own target; ``PROTOCOL_BEHAVIOUR`` says what to do: ``normal``, ``die`` a second after the load
began, ``fail`` while setting up, take ``long`` to set up and end when interrupted, get ``stuck``
before its verdict, or have a ``bad`` verdict. Orders from the page are obeyed in words only.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

from harness.history.run_directory import RunDirectory
from harness.load.load_protocol import (
    FROM_CONDUCTOR,
    FROM_LOAD,
    ConductorProgress,
    FaultChanged,
    FromConductor,
    FromLoad,
    InterruptRun,
    LoadAccount,
    LoadBegun,
    LoadDrained,
    LoadReady,
    PageCommand,
    RunFailed,
    RunJudged,
)

parser = argparse.ArgumentParser()
parser.add_argument("run", type=Path)
parser.add_argument("--state-dir", type=Path, required=True)
parser.add_argument("--host")
parser.add_argument("--allow-target", action="append", default=[])
options = parser.parse_args()
behaviour = os.environ.get("PROTOCOL_BEHAVIOUR", "normal")


def send(message: FromConductor) -> None:
    """One message to the load process."""
    sys.stdout.write(FROM_CONDUCTOR.encode(message).decode())
    sys.stdout.flush()


def receive() -> FromLoad:
    """The next message; the end of the file ends everything here."""
    line = sys.stdin.readline()
    with (options.run / "received.jsonl").open("a") as file:
        file.write(line or "end_of_file\n")
    if not line:
        raise SystemExit
    return FROM_LOAD.decode(line)


def give_verdict(*, interrupted: bool) -> None:
    """What the conductor says last."""
    report = options.run / "report.html"
    report.write_text("<p>the report of this run</p>")
    verdict, code = ("inconclusive", 130) if interrupted else ("pass", 0)
    if behaviour == "bad":
        verdict, code = "fail", 1
    sentence, summary = f"It was a {verdict}.", f"summary: {verdict}"
    send(RunJudged(verdict, code, sentence, summary, str(report), str(options.run)))


def main() -> None:
    """Set up, follow the load, give a verdict."""
    (options.run / "arguments.json").write_text(json.dumps([options.host, options.allow_target]))
    plan = RunDirectory(options.run).read_plan()
    send(ConductorProgress("setting up"))
    if behaviour == "fail":
        send(RunFailed(3, "no PostgreSQL is to be found"))
        return
    if behaviour == "long":
        while receive() != InterruptRun():
            pass
        give_verdict(interrupted=True)
        return
    edge_url = os.environ["PROTOCOL_EDGE"]
    accounts = {
        borrower.index: LoadAccount(borrower.phone, "secret", f"token-{borrower.index}")
        for borrower in plan.borrowers
    }
    send(LoadReady(edge_url, accounts))
    while not isinstance(message := receive(), LoadDrained):
        if isinstance(message, PageCommand) and message.do != "abort":
            state = "injected" if message.do == "inject" else "healed"
            for name in [message.fault] if message.fault else [f.name for f in plan.faults]:
                send(FaultChanged(name, state, time.monotonic_ns()))
        if isinstance(message, LoadBegun):
            send(FaultChanged("1-partition", "injected", time.monotonic_ns()))
            if behaviour == "die":
                sys.stderr.write("the conductor's last words\n")
                lead_s = (message.clock.zero_ns - time.monotonic_ns()) / 1e9
                threading.Timer(lead_s + 1.0, os._exit, (9,)).start()
    if behaviour == "stuck":
        receive()
    give_verdict(interrupted=message.ended_by not in (None, "disk", "step"))


main()

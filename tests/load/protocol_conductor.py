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
from typing import Any

from harness.history.run_directory import RunDirectory

parser = argparse.ArgumentParser()
parser.add_argument("run", type=Path)
parser.add_argument("--state-dir", type=Path, required=True)
parser.add_argument("--host")
parser.add_argument("--allow-target", action="append", default=[])
options = parser.parse_args()
behaviour = os.environ.get("PROTOCOL_BEHAVIOUR", "normal")


def send(kind: str, **fields: Any) -> None:
    """One message to the load process."""
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


def receive() -> dict[str, Any]:
    """The next message; the end of the file ends everything here."""
    line = sys.stdin.readline()
    with (options.run / "received.jsonl").open("a") as file:
        file.write(line or '{"type": "end_of_file"}\n')
    if not line:
        raise SystemExit
    return dict(json.loads(line))


def give_verdict(*, interrupted: bool) -> None:
    """What the conductor says last."""
    report = options.run / "report.html"
    report.write_text("<p>the report of this run</p>")
    verdict, code = ("inconclusive", 130) if interrupted else ("pass", 0)
    if behaviour == "bad":
        verdict, code = "fail", 1
    send(
        "verdict",
        verdict=verdict,
        exit_code=code,
        sentence=f"It was a {verdict}.",
        summary=f"summary: {verdict}",
        report=str(report),
        run_dir=str(options.run),
    )


def main() -> None:
    """Set up, follow the load, give a verdict."""
    (options.run / "arguments.json").write_text(json.dumps([options.host, options.allow_target]))
    plan = RunDirectory(options.run).read_plan()
    send("progress", text="setting up")
    if behaviour == "fail":
        send("failed", exit_code=3, message="no PostgreSQL is to be found")
        return
    if behaviour == "long":
        while receive()["type"] != "interrupt":
            pass
        give_verdict(interrupted=True)
        return
    borrowers = [
        {
            "index": borrower.index,
            "account_id": f"account-{borrower.index}",
            "phone": borrower.phone,
            "password": "secret",
            "token": f"token-{borrower.index}",
            "expires_ns": None,
        }
        for borrower in plan.borrowers
    ]
    classes = sorted({str(borrower.account_class) for borrower in plan.borrowers})
    edge_url = os.environ["PROTOCOL_EDGE"]
    send("ready", edge_url=edge_url, borrowers=borrowers, account_classes=classes)
    while (message := receive())["type"] != "drained":
        if message["type"] == "command" and message["do"] in ("inject", "heal"):
            state = "injected" if message["do"] == "inject" else "healed"
            for name in [message["fault"]] if message["fault"] else [f.name for f in plan.faults]:
                send("fault", name=name, state=state, at_ns=time.monotonic_ns())
        if message["type"] == "begin":
            send("fault", name="1-partition", state="injected", at_ns=time.monotonic_ns())
            if behaviour == "die":
                sys.stderr.write("the conductor's last words\n")
                lead_s = (message["zero_ns"] - time.monotonic_ns()) / 1e9
                threading.Timer(lead_s + 1.0, os._exit, (9,)).start()
    if behaviour == "stuck":
        receive()
    give_verdict(interrupted=message["interrupted"])


main()

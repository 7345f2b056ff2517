"""The steps of a borrower on one answer each; prints what they came to, and what was sent."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness import Borrower
from harness.load.journey import Journey
from harness.load.sessions import Account, BorrowerSession
from harness.plan.decline import Decline
from harness.plan.plan import Arrival
from harness.target.classification import Answer, GroundTruth
from harness.target.contract import Contract

LIMIT = {"limit_fen": 500, "used_fen": 200, "available_fen": 300}
GRANTED = {"loan_id": "l", "status": "disbursed", "principal_fen": 100}
DECLINE = {"code": "limit", "category": "risk_decline"}


class Scripted(Borrower):
    """Without a scenario: nothing is run."""

    abstract = True


def documented() -> type[Borrower]:
    """The first example of the page on borrowers."""
    found: dict[str, Any] = {}
    page = (Path(__file__).parents[2] / "docs" / "borrowers.md").read_text(encoding="utf-8")
    exec(page.split("```python\n")[1].partition("```")[0], found)  # noqa: S102  # our own
    return cast("type[Borrower]", found["FromTheApp"])


def came_to(
    step: str, status: int, body: dict[str, Any], steps: type[Borrower] = Scripted, **known: Any
) -> dict[str, Any]:
    """One step of a borrower of whom this is known."""
    sent: list[Any] = []

    def request(method: str, path: str, headers: Any, content: bytes, timeout_s: float) -> Answer:
        assert timeout_s > 0
        named = ("Authorization", "Idempotency-Key", "X-Channel")
        own = {n: v for n, v in headers.items() if n in named}
        sent.append([method, path, json.loads(content) if content else None, own])
        return Answer(status=status, body=json.dumps(body).encode())

    journey = Journey(
        arrival=Arrival(0, 0.0, 0, logs_in=False, amount_fen=100, key="k"),
        account=Account("138", "secret", BorrowerSession("t")),
        truth=GroundTruth(**known),
        intended_ns=0,
        started_ns=0,
        transport=cast("Any", SimpleNamespace(request=request)),
        target=Contract(),
        timeout_s=1.0,
        deadline_ns=time.monotonic_ns() + 10**9,
        term_days=90,
    )
    judged = getattr(steps, step)(cast("Any", steps), journey)
    return {**asdict(judged), "sent": sent}


json.dump(
    {
        "logs in": came_to("log_in", 201, {"token": "new"}),
        "limit as asked for": came_to("read_credit_line", 200, LIMIT, least_credit_fen=300),
        "limit too low": came_to("read_credit_line", 200, LIMIT, least_credit_fen=301),
        "limit too high": came_to("read_credit_line", 200, LIMIT, most_credit_fen=299),
        "declined wrongly": came_to("borrow", 422, DECLINE),
        "declined rightly": came_to("borrow", 422, DECLINE, expected_decline=Decline.CREDIT),
        "documented": came_to("borrow", 201, GRANTED, documented(), amount_fen=100),
        "declined maybe": came_to("borrow", 422, DECLINE, possible_decline=Decline.CREDIT),
    },
    sys.stdout,
)

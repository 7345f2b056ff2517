"""The steps of a borrower on one answer each; prints what they came to, and what was sent."""

import json
import sys
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

from harness import Borrower
from harness.plan.decline import Decline
from harness.target.classification import Answer, GroundTruth

LIMIT = {"limit_fen": 500, "used_fen": 200, "available_fen": 300}
DECLINE = {"code": "limit", "category": "risk_decline"}


class Scripted(Borrower):
    """Without a scenario: nothing is run."""

    abstract = True


def came_to(step: str, status: int, body: dict[str, Any], **known: Any) -> dict[str, Any]:
    """One step of a borrower of whom this is known."""
    sent: list[Any] = []

    def send(method: str, path: str, body_sent: Any = None, headers: Any = None) -> Answer:
        sent.append([method, path, body_sent, dict(headers or {})])
        return Answer(status=status, body=json.dumps(body).encode())

    account = SimpleNamespace(phone="138", password="secret")
    arrival = SimpleNamespace(amount_fen=100, key="k")
    journey = SimpleNamespace(
        account=account,
        arrival=arrival,
        token="t",
        term_days=90,
        send=send,
        truth=GroundTruth(**known),
    )
    judged = getattr(Scripted, step)(cast("Any", Scripted), journey)
    return {**asdict(judged), "sent": sent}


json.dump(
    {
        "logs in": came_to("log_in", 201, {"token": "new"}),
        "limit as asked for": came_to("read_credit_line", 200, LIMIT, least_credit_fen=300),
        "limit too low": came_to("read_credit_line", 200, LIMIT, least_credit_fen=301),
        "limit too high": came_to("read_credit_line", 200, LIMIT, most_credit_fen=299),
        "declined wrongly": came_to("borrow", 422, DECLINE),
        "declined rightly": came_to("borrow", 422, DECLINE, expected_decline=Decline.CREDIT),
        "declined maybe": came_to("borrow", 422, DECLINE, possible_decline=Decline.CREDIT),
    },
    sys.stdout,
)

"""How answers are written: JSON with sorted keys, so that a replay repeats the very same bytes."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from target_service.problems import Problem, ProblemError

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


@dataclass(slots=True)
class RequestFacts:
    """What handlers learn about a request for its line in the log; never secrets."""

    trace_id: str
    status: int | None = None
    code: str | None = None
    category: str | None = None
    outcome: str | None = None
    idempotency_key: str | None = None
    account_id: str | None = None
    loan_id: str | None = None
    amount_fen: int | None = None
    score_source: str | None = None
    bureau_tries: int | None = None

    def note_problem(self, body: dict[str, Any]) -> None:
        """Takes code, category and outcome from a problem body."""
        self.code, self.category, self.outcome = body["code"], body["category"], body["outcome"]


def facts_of(request: Request) -> RequestFacts:
    """The facts collected about this request."""
    facts: RequestFacts = request.state.facts
    return facts


def json_response(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    """An answer; with a media type of its own when it is a problem."""
    content = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    media_type = JSON if status < 400 else PROBLEM_JSON  # noqa: PLR2004 (errors start at 400)
    return Response(content.encode(), status, headers, media_type)


def problem_response(
    facts: RequestFacts, problem: Problem, detail: str = "", **members: Any
) -> Response:
    """A problem as an answer, noted for the log; ``members`` extend the body."""
    body = problem.body(facts.trace_id, detail) | members
    facts.note_problem(body)
    return json_response(problem.status, body, retry_after(problem))


def retry_after(problem: Problem) -> dict[str, str]:
    """The header Retry-After, if the problem has one."""
    seconds = problem.retry_after_seconds
    return {} if seconds is None else {"Retry-After": str(seconds)}


async def answer_problem(request: Request, error: ProblemError) -> Response:
    """Turns a raised problem into its answer."""
    return problem_response(facts_of(request), error.problem, error.detail)

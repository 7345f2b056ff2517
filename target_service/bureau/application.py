"""The bureau's calls, as a plain ASGI application: it is asked once for every borrow.

``GET /v1/scores/{account_id}`` answers 200 ``{"account_id","score"}`` or 404;
``PUT /v1/scores/{account_id}`` with ``{"score"}`` changes one score; ``POST /v1/scores`` with
``{"scores":[{"account_id","score"}]}`` takes up accounts, and those it knows stay as they are.
All three need ``Authorization: Bearer <LENDING_BUREAU_TOKEN>``. ``GET /healthz`` needs nothing.
"""

import hmac
import json
from typing import Any

from starlette.types import Receive, Scope, Send

from target_service import VERSION
from target_service.bureau.settings import BureauSettings
from target_service.bureau.store import ScoreStore

SCORE_MAX = 1000
BODY_BYTES_MAX = 1_000_000
_SCORES = "/v1/scores"
_ONE = f"{_SCORES}/"

Answer = tuple[int, dict[str, Any]]


class _RefusedError(Exception):
    """Ends a request with a status and a code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Bureau:
    """The application on one store."""

    def __init__(self, settings: BureauSettings, store: ScoreStore) -> None:
        self._store = store
        self._token = None if settings.token is None else f"Bearer {settings.token}".encode()
        self._identity = {
            "status": "ok",
            "instance": settings.instance,
            "stack_id": settings.stack_id,
            "version": VERSION,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; there is nothing to do at start and end of the server."""
        if scope["type"] != "http":
            return
        try:
            status, body = await self._answer(scope, receive)
        except _RefusedError as refused:
            status, body = refused.status, {"code": refused.code}
        content = json.dumps(body, separators=(",", ":")).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == "/healthz" and method == "GET":
            return 200, self._identity
        if path != _SCORES and not path.startswith(_ONE):
            raise _RefusedError(404, "not_found")
        self._require_token(scope)
        account_id = path[len(_ONE) :]
        match method:
            case "GET" if account_id:
                return self._read(account_id)
            case "PUT" if account_id:
                score = _score_in(await _json_of(receive))
                self._store.set(account_id, score)
                return 200, {"account_id": account_id, "score": score}
            case "POST" if not account_id:
                scores = _scores_in(await _json_of(receive))
                self._store.add(scores)
                return 200, {"accounts": len(scores)}
        raise _RefusedError(405, "method_not_allowed")

    def _require_token(self, scope: Scope) -> None:
        if self._token is None:
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given, self._token):
            raise _RefusedError(401, "token_wrong")

    def _read(self, account_id: str) -> Answer:
        score = self._store.read(account_id)
        if score is None:
            raise _RefusedError(404, "account_unknown")
        return 200, {"account_id": account_id, "score": score}


async def _json_of(receive: Receive) -> Any:
    content, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _RefusedError(400, "cut_off")
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if len(content) > BODY_BYTES_MAX:
            raise _RefusedError(413, "too_large")
    try:
        return json.loads(content)
    except ValueError:
        raise _RefusedError(400, "malformed") from None


def _score_in(body: Any) -> int:
    score = body.get("score") if isinstance(body, dict) else None
    if type(score) is not int or not 0 <= score <= SCORE_MAX:
        raise _RefusedError(422, "invalid_score")
    return score


def _scores_in(body: Any) -> dict[str, int]:
    rows = body.get("scores") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise _RefusedError(422, "invalid_scores")
    found: dict[str, int] = {}
    for row in rows:
        score = _score_in(row)
        account_id = row.get("account_id")
        if not isinstance(account_id, str) or not account_id:
            raise _RefusedError(422, "invalid_account")
        found[account_id] = score
    return found

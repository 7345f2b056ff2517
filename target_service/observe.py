"""Every request leaves one line in the log and carries the names of who answered it."""

import re
import secrets
import sys
import time
from pathlib import Path
from typing import TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_service import problems
from target_service.answers import RequestFacts, problem_response
from target_service.settings import Settings

_TRACEPARENT = re.compile(rb"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


def open_log(target: str) -> TextIO:
    """The log file, appended to line by line; ``-`` is the standard output."""
    if target == "-":
        return sys.stdout
    return Path(target).open("a", buffering=1, encoding="utf-8")


def make_logger(stream: TextIO, instance: str) -> structlog.typing.FilteringBoundLogger:
    """A logger of JSON lines, each flushed before the next request can be answered."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        instance=instance,
    )
    return logger.bind()


class Observer:
    """Wraps the application: trace id, log line, identifying headers, and the last resort.

    An exception that no handler turned into a problem ends here as 500 ``internal``.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, logger: structlog.typing.FilteringBoundLogger
    ) -> None:
        self.app = app
        self.logger = logger
        self.identity = [
            (b"x-instance", settings.instance.encode()),
            (b"x-stack-id", settings.stack_id.encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        facts = RequestFacts(trace_id=_trace_id(scope))
        scope.setdefault("state", {})["facts"] = facts

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts.status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    *self.identity,
                    (b"x-trace-id", facts.trace_id.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        except Exception:
            self.logger.exception("unhandled", trace_id=facts.trace_id)
            if facts.status is not None:
                raise
            response = problem_response(facts, problems.INTERNAL)
            await response(scope, receive, send_observed)
        finally:
            self._write_line(scope, facts, (time.perf_counter() - started) * 1000)

    def _write_line(self, scope: Scope, facts: RequestFacts, duration_ms: float) -> None:
        route = scope.get("route")
        self.logger.info(
            "request",
            method=scope["method"],
            path=getattr(route, "path", "unmatched"),
            status=facts.status,
            code=facts.code,
            category=facts.category,
            outcome=facts.outcome,
            idempotency_key=facts.idempotency_key,
            account_id=facts.account_id,
            loan_id=facts.loan_id,
            amount_fen=facts.amount_fen,
            score_source=facts.score_source,
            bureau_tries=facts.bureau_tries,
            duration_ms=round(duration_ms, 3),
            trace_id=facts.trace_id,
        )


def _trace_id(scope: Scope) -> str:
    """The caller's trace id (W3C Trace Context), or a new one."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (match := _TRACEPARENT.match(value)):
            return match.group(1).decode()
    return secrets.token_hex(16)

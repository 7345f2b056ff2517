"""Puts the service together: routes, problems, database, log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from target_service import VERSION, problems
from target_service.answers import answer_problem, facts_of, problem_response
from target_service.borrower_api import borrower_router
from target_service.database import Database
from target_service.observe import Observer, make_logger, open_log
from target_service.operator_api import admin_router, health_router
from target_service.problems import ProblemError
from target_service.scoring import Scoring
from target_service.settings import Settings

CLOSE_SECONDS = 0.3
_PROBLEM_OF_STATUS = {404: problems.NOT_FOUND, 405: problems.METHOD_NOT_ALLOWED}


def create_application(settings: Settings) -> FastAPI:
    """The whole service as an ASGI application."""
    database = Database(settings)
    scoring = Scoring(settings, database) if settings.bureau_url else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        yield
        await database.close(CLOSE_SECONDS)
        if scoring is not None:
            scoring.close()

    application = FastAPI(
        title="Reference borrowing service",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    application.exception_handler(ProblemError)(answer_problem)
    application.exception_handler(RequestValidationError)(_answer_invalid)
    application.exception_handler(HTTPException)(_answer_http)
    application.include_router(health_router(settings, database))
    application.include_router(borrower_router(settings, database, scoring))
    application.include_router(admin_router(settings, database, scoring))
    logger = make_logger(open_log(settings.log), settings.instance)
    for name in settings.defects:
        logger.warning("planted_defect", defect=name)
    application.add_middleware(Observer, settings=settings, logger=logger)
    return application


async def _answer_invalid(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    problem = (
        problems.MALFORMED
        if any(one["type"] == "json_invalid" for one in found)
        else problems.INVALID_REQUEST
    )
    # Only the place and the rule are told; the value may be a password.
    detail = "; ".join(
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found
    )
    return problem_response(facts_of(request), problem, detail)


async def _answer_http(request: Request, error: HTTPException) -> Response:
    problem = _PROBLEM_OF_STATUS.get(error.status_code, problems.MALFORMED)
    response = problem_response(facts_of(request), problem)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response

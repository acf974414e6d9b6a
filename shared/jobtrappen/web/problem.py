# SPDX-License-Identifier: MPL-2.0
"""RFC 9457: every error, whoever raised it, leaves in one shape and names the remedy."""
from __future__ import annotations

import json
from typing import Any

import structlog
from flask import Flask, Response, g
from marshmallow import ValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from jobtrappen.db import TRANSIENT
from jobtrappen.errors import Conflict, Invalid, Rejected, Stale, TooLarge, Unavailable

log = structlog.get_logger("jobtrappen.web")
TYPE = "urn:jobtrappen:problem:"


def problem(status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None, **extra: Any) -> Response:
    """An application/problem+json response; on a page's address, a page that says the same in the reader's words."""
    if (as_page := g.get("as_page")) is not None:
        answer: Response = as_page(status, slug, title, detail, **extra)
        answer.headers.extend(headers or {})
        return answer
    body = {"type": TYPE + slug, "title": title, "status": status, "detail": detail,
            "instance": f"urn:jobtrappen:request:{getattr(g, 'request_id', 'none')}", **extra}
    return Response(json.dumps(body, ensure_ascii=False, default=str), status, headers, content_type="application/problem+json")


def install(app: Flask) -> None:
    """The one place that maps exceptions to answers."""

    @app.errorhandler(Rejected)
    def rejected(error: Rejected) -> Response:
        return problem(error.status, error.slug, error.title, error.detail, error.headers, **error.extra)

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return rejected(Invalid(errors=list(flatten(error.normalized_messages()))))

    @app.errorhandler(Unavailable)
    def unavailable(error: Unavailable) -> Response:
        log.error("unavailable", cause=error.__cause__.__class__.__name__, why=str(error))
        return problem(503, "unavailable", "Try again soon", "Nothing was changed. Repeat it with the same Idempotency-Key.",
                       {"Retry-After": "5"})

    @app.errorhandler(StaleDataError)
    def stale(_error: StaleDataError) -> Response:
        return rejected(Stale("Another command changed it at the same moment. Read it again and repeat yours."))

    @app.errorhandler(DBAPIError)
    def database(error: DBAPIError) -> Response:
        if isinstance(error, TRANSIENT):
            return unavailable(Unavailable())
        if isinstance(error, IntegrityError):
            return rejected(Conflict("It collides with something that is there already. Read it again.", allowed=[]))
        if isinstance(error, DataError):
            return rejected(Invalid("body", "holds a value that cannot be stored"))
        return bug(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return rejected(TooLarge("Send at most 1 MB; split a longer list."))
        kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return problem(error.code or 500, f"http-{error.code}", error.name, error.description or error.name, kept)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.exception("bug", kind=error.__class__.__name__)
        return problem(500, "bug", "A fault of ours", "Nothing was changed. Tell the operator the instance below.")


def flatten(messages: Any, path: str = "") -> Any:
    """marshmallow's nested messages as flat {"field", "detail"} entries."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            here = path if name == "_schema" else f"{path}.{name}".lstrip(".")
            yield from flatten(inner, here)
    else:
        for text in messages if isinstance(messages, list) else [messages]:
            yield {"field": path or "body", "detail": str(text)}

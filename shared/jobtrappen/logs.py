# SPDX-License-Identifier: MPL-2.0
"""JSON log lines on stderr; anything of the shape of a CPR number is masked as a last resort.

Every line says which service and which role (web, relay, consume, …) speaks, and inside a request or a reaction where in a
trace it stands: the same trace_id from the request to the effect in another service.
"""
from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from jobtrappen import tracing
from jobtrappen.privacy import scrub


def _scrubbed(_logger: Any, _method: str, line: Any) -> Any:
    return {key: scrub(value) if isinstance(value, str) else value for key, value in line.items()}


def _traced(_logger: Any, _method: str, line: Any) -> Any:
    return line if "trace_id" in line else {**line, **tracing.fields()}


def configure(level: str) -> None:
    """Set the process's logging and tracing up; called once, by the CLI or the WSGI entry."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _traced, structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.format_exc_info, _scrubbed,
                    structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(number), logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    tracing.configure()


def speaks(service: str, role: str) -> None:
    """Who writes the lines of this thread (or request) from now on."""
    structlog.contextvars.bind_contextvars(service=service, role=role)

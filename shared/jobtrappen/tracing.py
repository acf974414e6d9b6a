# SPDX-License-Identifier: MPL-2.0
"""One trace from a request through outbox and bus to the effect in another service (W3C Trace Context).

Without more, ids are passed on and stand in the log lines, and that is all it costs. With `jobtrappen[otel]` installed and
an exporter named by OpenTelemetry's own settings (OTEL_EXPORTER_OTLP_ENDPOINT, …) each step is also a span:

    POST /v1/cases (server) → create case.opened (producer) → send case.opened (client)
                                                            → process case.opened (consumer) → reaction case.opened → create …

Spans carry names of ours and numbers: no id, no URL, no error text.
"""
from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import structlog

log = structlog.get_logger("jobtrappen.tracing")
PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
IN_PAYLOAD = re.compile(r'"traceparent":"([0-9a-f-]{55})"')
TYPE_IN_PAYLOAD = re.compile(r'"type":"jobtrappenx?\.([a-z0-9_.]+)\.v\d')
EXPORTERS = ("otlp", "console")
REMEDY = "install jobtrappen[otel], or unset the OTEL_ settings"


@dataclass(frozen=True, slots=True)
class Place:
    """Where we are in a trace: what the next step names as its parent."""

    trace_id: str
    span_id: str
    flags: str = "01"
    span: Any = None
    """OpenTelemetry's own, where it is in use."""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def put(self, **attributes: str | int) -> None:
        """Something about the step that is known only now."""
        if self.span is not None:
            self.span.set_attributes(attributes)


_here: ContextVar[Place | None] = ContextVar("jobtrappen.trace", default=None)
_tracer: Any = None


def use(provider: Any) -> None:
    """Make spans with this OpenTelemetry provider from now on; None makes none."""
    global _tracer
    _tracer = provider.get_tracer("jobtrappen", version("jobtrappen")) if provider is not None else None


def configure(environ: Mapping[str, str] = os.environ) -> None:
    """Once in a process, after any fork: make spans if OpenTelemetry's settings ask for them. Without the package they are
    not made and a line says so: telemetry is no reason not to work."""
    named = environ.get("OTEL_TRACES_EXPORTER", "otlp" if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") else "none")
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or named in ("", "none"):
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

        exporter: Any = ConsoleSpanExporter()
        if named == "otlp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        elif named not in EXPORTERS:
            log.error("no traces", exporter=named, remedy=f"OTEL_TRACES_EXPORTER is one of {', '.join(EXPORTERS)}")
            return
    except ImportError:
        log.error("no traces", remedy=REMEDY)
        return
    provider = TracerProvider(resource=Resource.create({"service.name": environ.get("OTEL_SERVICE_NAME", "jobtrappen"), "service.version": version("jobtrappen")}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    use(provider)


def here() -> Place | None:
    """The step that this thread (or request) is in."""
    return _here.get()


def fields(traceparent: str = "") -> dict[str, str]:
    """trace_id and span_id for a log line, of the given parent or of the present step; {} outside any."""
    place = _read(traceparent) or _here.get()
    return {"trace_id": place.trace_id, "span_id": place.span_id} if place else {}


def headers() -> dict[str, str]:
    """What an outgoing request carries."""
    place = _here.get()
    return {"traceparent": place.traceparent} if place else {}


def _read(traceparent: str) -> Place | None:
    found = PARENT.fullmatch(traceparent)
    return Place(found[1], found[2], found[3]) if found else None


@contextmanager
def step(name: str, kind: str = "internal", parent: str = "", **attributes: str | int) -> Iterator[Place]:
    """One step of a trace; the next one inside it is its child.

    Args:
        kind: server, client, producer, consumer or internal.
        parent: a `traceparent` that came from outside; what is malformed is no parent. Without one, the present step is.
    """
    above = _read(parent) or _here.get()
    if _tracer is None:
        token = _here.set(Place(above.trace_id if above else os.urandom(16).hex(), os.urandom(8).hex(), above.flags if above else "01"))
        try:
            yield _here.get()  # type: ignore[misc]
        finally:
            _here.reset(token)
        return
    span = _start(name, kind, above, attributes)
    token = _here.set(_place(span))
    try:
        yield _here.get()  # type: ignore[misc]
    except BaseException as error:
        _fail(span, error)
        raise
    finally:
        _here.reset(token)
        span.end()


def said(name: str, topic: str, fallback: str) -> str:
    """The traceparent that an event carries: of its own producer span, else of the present step, else the one given."""
    above = _here.get() or _read(fallback)
    if _tracer is None or above is None:
        return above.traceparent if above else ""
    span = _start(f"create {name}", "producer", above, {"messaging.operation.name": "create", "messaging.destination.name": topic})
    span.end()
    return _place(span).traceparent


def sent(rows: Sequence[Any], answers: Sequence[BaseException | None], began: int) -> None:
    """Outbox rows went to the bus, from `began` (nanoseconds since 1970) until now: a line each at level debug, a span each."""
    if _tracer is None and not log.is_enabled_for(logging.DEBUG):
        return
    for row, failure in zip(rows, answers, strict=True):
        found = IN_PAYLOAD.search(row.payload)
        log.debug("published", topic=row.topic, confirmed=failure is None, **fields(found[1] if found else ""))
        above = _read(found[1]) if found else None
        if above is not None and _tracer is not None:
            name = TYPE_IN_PAYLOAD.search(row.payload)
            span = _start(f"send {name[1] if name else 'event'}", "client", above, {"messaging.operation.name": "send", "messaging.destination.name": row.topic}, began)
            if failure is not None:
                _fail(span, failure)
            span.end(time.time_ns())


def _start(name: str, kind: str, above: Place | None, attributes: Mapping[str, str | int], began: int | None = None) -> Any:
    from opentelemetry import trace
    from opentelemetry.context import Context

    context = Context()
    if above is not None:
        known = trace.SpanContext(int(above.trace_id, 16), int(above.span_id, 16), is_remote=above.span is None, trace_flags=trace.TraceFlags(int(above.flags, 16)))
        context = trace.set_span_in_context(above.span or trace.NonRecordingSpan(known), context)
    return _tracer.start_span(name, context=context, kind=trace.SpanKind[kind.upper()], attributes=dict(attributes), start_time=began,
                              record_exception=False, set_status_on_exception=False)


def _place(span: Any) -> Place:
    found = span.get_span_context()
    return Place(f"{found.trace_id:032x}", f"{found.span_id:016x}", f"{int(found.trace_flags):02x}", span)


def _fail(span: Any, error: BaseException) -> None:
    """The kind of error alone: its words may name a person."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR, error.__class__.__name__)

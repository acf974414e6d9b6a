# SPDX-License-Identifier: MPL-2.0
"""One trace from a request in one service to the effect in another: in OpenTelemetry's spans, in log lines, and at no cost
where OpenTelemetry is not there."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import select

from jobtrappen import tables, tracing
from jobtrappen.event import decode
from tests.support.ledger import ROOT, a_case, a_ledger
from tests.support.process import wait_until
from tests.support.world import CASEWORKER, a_world

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FROM_OUTSIDE = f"00-{TRACE}-{CALLER}-01"
A_CASE = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult", "effective_date": "2026-11-05"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Everything that this process traces while the test runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


def test_a_request_in_one_service_and_its_effect_in_another_are_one_trace(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral", "matching"]) as world:
        assert world.referral(CASEWORKER).post("/cases", A_CASE, headers={"traceparent": FROM_OUTSIDE}).status == 201
        world.publish()
        world.consume()
    ours = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE]
    by_id = {f"{span.context.span_id:016x}": span for span in ours}

    def above(span: object) -> list[str]:
        """The names of a step and of all above it, up to who called from outside."""
        names = []
        while span is not None:
            names.append(span.name)  # type: ignore[attr-defined]
            parent = f"{span.parent.span_id:016x}"  # type: ignore[attr-defined]
            assert parent in by_id or parent == CALLER, f"{names}: its parent {parent} is nobody"
            span = by_id.get(parent)
        return names

    lines = {tuple(above(span)) for span in ours}
    served = "POST /v1/cases"
    for expected in [(served,), ("create case.opened", served), ("send case.opened", "create case.opened", served),
                     ("process case.opened", "create case.opened", served),
                     ("reaction case.opened", "process case.opened", "create case.opened", served)]:
        assert expected in lines, lines
    kinds = {span.name.partition(" ")[0]: span.kind for span in ours}
    assert kinds == {"POST": SpanKind.SERVER, "create": SpanKind.PRODUCER, "send": SpanKind.CLIENT, "process": SpanKind.CONSUMER, "reaction": SpanKind.INTERNAL}
    services = {span.name: span.attributes["jobtrappen.service"] for span in ours if "jobtrappen.service" in span.attributes}
    assert services[served] == "referral" and services["process case.opened"] == "matching"
    told = json.dumps([[span.name, dict(span.attributes)] for span in spans.get_finished_spans()])
    assert "Amina" not in told and not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", told), "no person and no id"


def test_what_an_effect_says_again_belongs_to_the_same_trace(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        case = a_case()
        with tracing.step("test", "server", FROM_OUTSIDE):
            place.life(case)
        place.publish()
        place.consume()
        said = [decode(row.payload.encode()) for row in place.rows(select(tables.outbox))]
        assert said and {event.trace[3:35] for event in said} == {TRACE}, "the ledger's own events"
        by_id = {f"{span.context.span_id:016x}": span for span in spans.get_finished_spans()}
        made = by_id[said[0].trace[36:52]]
        assert made.name == f"create {said[0].name}"
        assert by_id[f"{made.parent.span_id:016x}"].name.startswith("reaction ")


def test_a_step_that_fails_says_the_kind_of_error_and_not_its_words(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), tracing.step("fails"):
        raise ValueError("Amina Fiktiv, 010203-1234")
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, "ValueError", ())


@pytest.mark.parametrize("given", ["", "Fatima", f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{CALLER}-01", f"00-{TRACE.upper()}-{CALLER}-01"])
def test_what_is_no_parent_begins_a_trace_of_its_own(given: str) -> None:
    with tracing.step("one", "server", given) as place:
        assert place.trace_id != TRACE and tracing.PARENT.fullmatch(place.traceparent)
    assert tracing.here() is None and tracing.headers() == {} == tracing.fields()


def test_steps_within_steps_keep_the_trace_and_change_the_place() -> None:
    with tracing.step("one", "server", FROM_OUTSIDE) as one:
        with tracing.step("two") as two:
            assert (two.trace_id, one.trace_id) == (TRACE, TRACE) and len({one.span_id, two.span_id, CALLER}) == 3
            assert tracing.headers() == {"traceparent": two.traceparent}
        assert tracing.here() is one


def test_the_log_lines_of_relay_and_consumer_name_service_role_and_the_requests_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_LOG", "debug")
    with a_ledger(tmp_path) as place:
        case, poisoned = a_case(), a_case()
        place.hurt(poisoned)
        with tracing.step("test", "server", FROM_OUTSIDE):
            place.speak("case.opened", case)
            place.speak("case.opened", poisoned)
        place.start("relay", "referral")
        place.start("consume", "partners")
        wait_until(lambda: len(place.effects()) == 1 and len(place.kept()) == 1, 60, "the effect")

        def lines() -> list[dict[str, str]]:
            return [json.loads(line) for line in (tmp_path / "processes.log").read_text().splitlines() if line.startswith("{") and line.endswith("}")]

        wait_until(lambda: {"reaction", "parked"} <= {line["event"] for line in lines()}, 30, "its lines")
        traced = {(line["event"], line["service"], line["role"]) for line in lines() if line.get("trace_id") == TRACE}
        assert {("published", "referral", "relay"), ("reaction", "partners", "consume"), ("parked", "partners", "consume")} <= traced, traced
        assert all(line["span_id"] for line in lines() if "trace_id" in line)


def test_a_requests_lines_name_service_role_route_and_trace(tmp_path: Path) -> None:
    script = ("import sys; from pathlib import Path; from jobtrappen import logs; logs.configure('info')\n"
              "from tests.support.world import a_world, CASEWORKER\n"
              f"with a_world(Path({str(tmp_path)!r}), services=['referral']) as world:\n"
              f"    world.referral(CASEWORKER).post('/cases', {A_CASE!r}, headers={{'traceparent': {FROM_OUTSIDE!r}}})\n")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    line = json.loads([text for text in done.stderr.splitlines() if '"event": "request"' in text][-1])
    assert {k: line[k] for k in ("service", "role", "route", "trace_id", "status", "actor_role")} == \
        {"service": "referral", "role": "web", "route": "/v1/cases", "trace_id": TRACE, "status": 201, "actor_role": "caseworker"}
    assert re.fullmatch("[0-9a-f]{16}", line["span_id"]) and line["span_id"] != CALLER


def test_without_the_package_nothing_is_imported_and_asking_for_spans_is_answered_with_a_line(tmp_path: Path) -> None:
    script = ("import sys; from jobtrappen import logs, tracing\n"
              "logs.configure('info')\n"
              "with tracing.step('one'): pass\n"
              "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
              "sys.modules['opentelemetry'] = None\n"
              "tracing.configure({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:1'})\n"
              "with tracing.step('two') as place: print(place.traceparent)\n")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tracing.PARENT.fullmatch(done.stdout.strip())
    assert tracing.REMEDY in done.stderr


def test_otels_own_settings_name_the_exporter_and_spans_arrive_there() -> None:
    """Over OTLP, from a process of its own, at its end at the latest."""
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    script = "from jobtrappen import logs, tracing\nlogs.configure('info')\nwith tracing.step('a step of this test'): pass\n"
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "NO_PROXY": "127.0.0.1", "OTEL_SERVICE_NAME": "a-name"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=environment)
    server.shutdown()
    assert done.returncode == 0, done.stderr
    assert [path for path, _body in bodies] == ["/v1/traces"]
    assert b"a step of this test" in bodies[0][1] and b"a-name" in bodies[0][1]

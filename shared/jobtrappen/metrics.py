# SPDX-License-Identifier: MPL-2.0
"""Every metric that a process counts by itself, in one place: what stands here is all that may be counted.

Two kinds of processes count. *Web* workers count requests with prometheus_client, in files that all workers of one server
share, so that a scrape of any of them sees all (docs/adr/0005). *Relays and consumers* have no HTTP: they count into
`Measures`, which goes into their service's own database every few seconds, and the service's /metrics shows it.

A label is a word of ours: a service, a route's template, a topic, an outcome. Never an id, a name or what a client sent.
"""
from __future__ import annotations

import bisect
import math
import os
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The folder that the workers of one server share; prometheus_client reads its name once, when it is imported."""

HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = Counter("jobtrappen_http_requests", "Answered HTTP requests by route template", ["service", "method", "route", "status"], registry=REGISTRY)
DURATION = Histogram("jobtrappen_http_request_duration_seconds", "Time to answer a request", ["service", "method", "route"],
                     buckets=HTTP_BUCKETS, registry=REGISTRY)
REPLAYED = Counter("jobtrappen_http_replayed_answers", "Repeated commands that were answered from what their Idempotency-Key was answered before",
                   ["service"], registry=REGISTRY)
REFUSED_TOKENS = Counter("jobtrappen_http_refused_tokens", "Tokens and keys that were not accepted", ["service", "reason"], registry=REGISTRY)
RATE_LIMITED = Counter("jobtrappen_http_rate_limited", "Requests that were over a limit", ["service", "limit"], registry=REGISTRY)
CONNECTIONS = Gauge("jobtrappen_database_connections_in_use", "Database connections that requests hold now, of all workers", ["service"],
                    registry=REGISTRY, multiprocess_mode="livesum")
CONNECTIONS_MAX = Gauge("jobtrappen_database_connections_max", "Database connections that all workers may hold", ["service"],
                        registry=REGISTRY, multiprocess_mode="livesum")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

EFFECT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, math.inf)
"""Seconds from an event's commit to the commit of its effect in another service."""


def answered(service: str, method: str, route: str, status: int, seconds: float, replayed: bool) -> None:
    """One answered request; the route's template, never the URL, and no method that a client made up."""
    method = method_of(method)
    REQUESTS.labels(service, method, route, str(status)).inc()
    DURATION.labels(service, method, route).observe(seconds)
    if replayed:
        REPLAYED.labels(service).inc()


def method_of(method: str) -> str:
    """The method, or "other" for one that a client made up."""
    return method if method in METHODS else "other"


def watch_pool(service: str, engine: Any) -> None:
    """Show how many of an engine's connections are in use; set anew at every coming and going, so that it cannot drift."""
    from sqlalchemy import event

    REPLAYED.labels(service)  # it stands there with 0, or the first one would not be seen as a rise
    pool, in_use = engine.pool, CONNECTIONS.labels(service)
    CONNECTIONS_MAX.labels(service).set(pool.size() + max(getattr(pool, "_max_overflow", 0), 0) if hasattr(pool, "size") else 1)
    if hasattr(pool, "checkedout"):
        event.listen(engine, "checkout", lambda *_: in_use.set(pool.checkedout()))
        event.listen(engine, "checkin", lambda *_: in_use.set(max(pool.checkedout() - 1, 0)))  # it is told before it is back


def collected(service: str) -> Iterable[Any]:
    """What the web workers of this server have counted for one service, all workers together."""
    registry = REGISTRY
    if os.environ.get(SHARED):
        from prometheus_client import multiprocess

        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    for family in registry.collect():
        family.samples = [sample for sample in family.samples if sample.labels.get("service") == service]
        if family.samples:
            yield family


Row = tuple[str, str]
"""(name, label) of a measure."""


class Measures:
    """What one relay or consumer process has counted for its service since it last wrote it down (watch.py). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.added: dict[Row, float] = {}
        self.raised: dict[Row, float] = {}
        self.latest: dict[Row, float] = {}

    def add(self, name: str, label: str = "", by: float = 1) -> None:
        """A counter goes up."""
        with self._lock:
            self.added[name, label] = self.added.get((name, label), 0) + by

    def mark(self, name: str, label: str, value: float) -> None:
        """A value that never goes back, like the moment up to which a topic was heard."""
        with self._lock:
            self.raised[name, label] = max(self.raised.get((name, label), value), value)

    def put(self, name: str, label: str, value: float) -> None:
        """A value that the next one replaces."""
        with self._lock:
            self.latest[name, label] = value

    def effects(self, recorded: Iterable[str], now: float) -> None:
        """Events took effect `now` (seconds since 1970) that were committed at these moments (ISO 8601)."""
        waits = [max(now - moment, 0.0) for text in recorded if (moment := seconds_of(text)) is not None]
        with self._lock:
            for wait in waits:
                row = ("effect_seconds", label_of(EFFECT_BUCKETS[bisect.bisect_left(EFFECT_BUCKETS, wait)]))
                self.added[row] = self.added.get(row, 0) + 1
                self.added["effect_seconds", "sum"] = self.added.get(("effect_seconds", "sum"), 0) + wait

    def take(self) -> tuple[dict[Row, float], dict[Row, float], dict[Row, float]]:
        """(added, raised, latest) since the last time; they start anew."""
        with self._lock:
            taken = self.added, self.raised, self.latest
            self.added, self.raised, self.latest = {}, {}, {}
        return taken

    def give_back(self, taken: tuple[dict[Row, float], dict[Row, float], dict[Row, float]]) -> None:
        """It could not be written down: keep it for the next time."""
        added, raised, latest = taken
        for (name, label), value in added.items():
            self.add(name, label, value)
        for (name, label), value in raised.items():
            self.mark(name, label, value)
        with self._lock:
            self.latest = {**latest, **self.latest}


def label_of(bound: float) -> str:
    """A bucket's upper bound as Prometheus writes it."""
    return "+Inf" if math.isinf(bound) else str(bound)


def seconds_of(moment: str) -> float | None:
    """ISO 8601 as seconds since 1970; None for what is no moment (the bus may carry anything)."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError):
        return None

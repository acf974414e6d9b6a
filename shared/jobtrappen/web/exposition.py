# SPDX-License-Identifier: MPL-2.0
"""GET /metrics in Prometheus' text format: the state that lies in the service's tables, what its workers wrote there, and
what the web workers counted. A scrape asks the database some ten indexed questions and knocks once at the bus."""
from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy.exc import DBAPIError

from jobtrappen import metrics, migrate
from jobtrappen.bus import open_bus
from jobtrappen.errors import JobtrappenError
from jobtrappen.runtime import Runtime
from jobtrappen.state import KEPT_STATES, beating, state

KNOCK_SECONDS = 0.5
COUNTERS = {
    "published": ("jobtrappen_events_published", "Records that the bus confirmed"),
    "unconfirmed": ("jobtrappen_events_unconfirmed", "Records that the bus did not confirm; they are sent again"),
    "applied": ("jobtrappen_events_applied", "Events that were applied or passed over as none of ours"),
    "repeated": ("jobtrappen_events_repeated", "Records that had been taken before: redeliveries, which change nothing"),
    "kept": ("jobtrappen_events_kept", "Events that could not be applied when they came"),
    "unknown": ("jobtrappen_events_unknown", "Events of a type or version that this release does not know; passed over"),
    "buried": ("jobtrappen_events_buried", "Records that were no events: dead letters"),
    "failed": ("jobtrappen_reactions_failed", "Tries of a reaction that ended in an error"),
    "fenced": ("jobtrappen_consumer_fenced", "Batches that another member had taken over"),
}


def page(runtime: Runtime) -> bytes:
    """The text of one scrape."""
    return generate_latest(Collector(runtime))  # type: ignore[arg-type]


class Collector:
    """Everything of one service; with its database away, what is known without it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def collect(self) -> Iterator[Metric]:
        yield self.gauge("jobtrappen_build_info", "What runs here; always 1", 1, version=version("jobtrappen"), python=platform.python_version(),
                         database=self.runtime.engine.dialect.name, bus=self.runtime.settings.bus.partition(":")[0],
                         schema=migrate.head(str(self.runtime.service.migrations), self.runtime.name) or "none")
        try:
            seen = state(self.runtime)
        except (JobtrappenError, DBAPIError):
            yield self.gauge("jobtrappen_database_up", "Whether the service's database answers and has this code's tables", 0)
        else:
            yield self.gauge("jobtrappen_database_up", "Whether the service's database answers and has this code's tables", 1)
            yield from self.of_tables(seen)
            yield from self.of_workers(seen)
            yield from self.counted(seen["measures"])
        yield self.gauge("jobtrappen_bus_up", "Whether the bus answers this web process", int(_answers(self.runtime.settings.bus)))
        yield from metrics.collected(self.runtime.name)

    def of_tables(self, seen: dict[str, Any]) -> Iterator[Metric]:
        yield self.gauge("jobtrappen_outbox_unpublished_events", "Events that no bus has confirmed yet", seen["unpublished"])
        yield self.gauge("jobtrappen_outbox_oldest_unpublished_seconds", "Age of the oldest of them", seen["oldest_unpublished"])
        yield self.gauges("jobtrappen_kept_events", "Events that wait, are parked, given up, or stand behind one that is", "state",
                          {name: seen["kept"].get(name, 0) for name in KEPT_STATES})
        yield self.gauge("jobtrappen_kept_oldest_waiting_seconds", "Age of the oldest that waits for its parent", seen["oldest_waiting"])
        yield self.gauge("jobtrappen_dead_letters", "Records that were no events, kept as they came", seen["dead"])
        yield self.gauges("jobtrappen_consumer_lag_seconds", "Time since the moment up to which everything on the topic is known to have been heard",
                          "topic", seen["lag"])
        yield self.gauge("jobtrappen_audit_head_number", "Links of the audit chain", seen["audit"]["head"])
        yield self.gauge("jobtrappen_audit_unsealed_rows", "Rows of the audit log that are not chained yet", seen["audit"]["unsealed"])
        yield self.gauge("jobtrappen_audit_oldest_unsealed_seconds", "Age of the oldest of them", seen["audit"]["oldest_unsealed"])

    def of_workers(self, seen: dict[str, Any]) -> Iterator[Metric]:
        roles = ["relay", "consume"] if self.runtime.service.reads else ["relay"]
        ages = {role: min((w["age"] for w in seen["workers"] if w["role"] == role), default=float("inf")) for role in roles}
        yield self.gauges("jobtrappen_worker_heartbeat_age_seconds", "Age of the youngest heartbeat; infinite without any in a day", "role", ages)
        yield self.gauges("jobtrappen_worker_members", "Workers whose heart beats", "role", {role: len(beating(seen, role)) for role in roles})
        leading = [w for w in beating(seen, "relay") if w["state"].startswith("leading")]
        yield self.gauge("jobtrappen_relay_leading", "Whether a relay leads and works", int(bool(leading)))
        stopped = [w for w in beating(seen, "consume") if w["state"].startswith("stopped")]
        yield self.gauge("jobtrappen_consumer_breaker_open", "Consumers that stopped themselves because they parked too much", len(stopped))

    def counted(self, measures: dict[metrics.Row, float]) -> Iterator[Metric]:
        for name, (full, help) in COUNTERS.items():
            family = CounterMetricFamily(full, help, labels=["service"])
            family.add_metric([self.runtime.name], measures.get((name, ""), 0))
            yield family
        histogram = HistogramMetricFamily("jobtrappen_commit_to_effect_seconds", "From an event's commit to the commit of its effect here", labels=["service"])
        total, buckets = 0.0, []
        for bound in metrics.EFFECT_BUCKETS:
            total += measures.get(("effect_seconds", metrics.label_of(bound)), 0)
            buckets.append((metrics.label_of(bound), total))
        histogram.add_metric([self.runtime.name], buckets, sum_value=measures.get(("effect_seconds", "sum"), 0))
        yield histogram
        yield self.gauge("jobtrappen_clock_difference_seconds", "How far the broker's clock was off ours or a producer's, in the latest record; "
                         "ahead is above 0", measures.get(("clock_difference", ""), 0))

    def gauge(self, name: str, help: str, value: float, **labels: str) -> Metric:
        family = GaugeMetricFamily(name, help, labels=["service", *labels])
        family.add_metric([self.runtime.name, *labels.values()], value)
        return family

    def gauges(self, name: str, help: str, label: str, values: dict[str, float]) -> Metric:
        family = GaugeMetricFamily(name, help, labels=["service", label])
        for value, number in values.items():
            family.add_metric([self.runtime.name, value], number)
        return family


def _answers(url: str) -> bool:
    try:
        bus = open_bus(url)
        bus.ping(KNOCK_SECONDS)
        bus.close()
    except JobtrappenError:
        return False
    return True

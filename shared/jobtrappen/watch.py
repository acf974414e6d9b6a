# SPDX-License-Identifier: MPL-2.0
"""Beside every relay and consumer: what was counted goes into the service's database, and with it the moment up to which
each partition is known to have been heard.

Lag is shown as the time since that moment, so it cannot stand at 0 when nobody looks any more: a consumer that is dead,
deaf or cut off from the broker lets the moment stand still, and the lag grows with the clock. The web process shows it
without a broker client of its own.
"""
from __future__ import annotations

import threading
import time
from importlib.metadata import version
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from jobtrappen import tables
from jobtrappen.bus import Bus
from jobtrappen.db import reading, writing
from jobtrappen.errors import BusError, Unavailable
from jobtrappen.metrics import Row
from jobtrappen.runtime import Runtime

log = structlog.get_logger("jobtrappen.watch")
EVERY_SECONDS = 5.0
HEARD = "heard"
VERSION = "version"
"""Its label is a version that a worker runs, its value when that was last so."""
P = tables.position.c
INTO = "INSERT INTO measure (name, label, value) VALUES (:name, :label, :value) ON CONFLICT (name, label) DO UPDATE SET value = "
ADD, RAISE, PUT = (text(INTO + value) for value in (
    "measure.value + :value", "CASE WHEN measure.value < :value THEN :value ELSE measure.value END", ":value"))


class Watch:
    """One for each service in a worker process; looks with a bus client of its own, so that a consumer that hangs is seen."""

    def __init__(self, runtime: Runtime, bus: Bus) -> None:
        self.runtime, self.bus = runtime, bus

    def run(self, stop: threading.Event) -> None:
        """Look every five seconds until `stop`, and once more then. Failing to look is never a reason to stop working."""
        self.once()
        while not stop.wait(EVERY_SECONDS):
            self.once()
        self.write()
        self.bus.close()

    def once(self) -> bool:
        """One look, and that this version looked.

        Returns: whether it could be written down.
        """
        self.runtime.measures.mark(VERSION, version("jobtrappen"), time.time())
        try:
            self.listen()
        except (BusError, Unavailable, DBAPIError) as error:
            log.debug("not heard", service=self.runtime.name, kind=error.__class__.__name__)
        return self.write()

    def listen(self) -> None:
        """Mark every partition whose end this service has reached as heard up to now.

        Raises:
            BusError, Unavailable: nobody knows; the marks stay where they are.
        """
        topics, now = self.runtime.service.reads, time.time()
        if not topics:
            return
        ends = self.bus.ends(topics)
        with reading(self.runtime.engine) as session:
            at = {(r.topic, r.partition): r.next_offset for r in session.execute(
                select(P.topic, P.partition, P.next_offset).where(P.consumer == f"jobtrappen.{self.runtime.name}"))}
        for (topic, partition), end in ends.items():
            if at.get((topic, partition), 0) >= end:
                self.runtime.measures.mark(HEARD, f"{topic}/{partition}", now)

    def write(self) -> bool:
        """Add what this process has counted to what the others have."""
        taken = self.runtime.measures.take()
        if not any(taken):
            return True
        try:
            with writing(self.runtime.engine) as session:
                for statement, rows in zip((ADD, RAISE, PUT), taken, strict=True):
                    if rows:
                        session.execute(statement, _sorted(rows))
        except (Unavailable, DBAPIError):
            self.runtime.measures.give_back(taken)
            return False
        return True


def _sorted(rows: dict[Row, float]) -> list[dict[str, Any]]:
    """Always in one order, so that two members cannot deadlock."""
    return [{"name": name, "label": label, "value": value} for (name, label), value in sorted(rows.items())]

# SPDX-License-Identifier: MPL-2.0
"""The relay from a filled outbox on PostgreSQL to Kafka, against a raw kafka-python producer that sends the same rows in the
same batches with the same settings: once marking them as published in one commit a batch, once marking nothing."""
from __future__ import annotations

import random
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from jobtrappen.bus import open_bus
from jobtrappen.event import Event
from jobtrappen.relay import BATCH, HEADERS, Relay, lead
from tests.bench.place import Place
from tests.bench.rounds import Bench, Ratio, alternate, compare

GOAL = 0.8
KEYS = 2000
PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 5, "batch_size": 131_072, "allow_auto_create_topics": False,
            "metrics_enabled": False}
"""The settings of bus/kafka.py."""
STOCK = text("INSERT INTO stock (event_id, topic, key, seq, type, payload, recorded_at) VALUES (:event_id, :topic, :key, :seq, :type, :payload, :recorded_at)")
COLUMNS = "event_id, topic, key, seq, type, payload, recorded_at"


def backlog(size: int, seed: int = 7) -> list[dict[str, Any]]:
    """An outbox after a busy hour: events of `KEYS` cases, shuffled, so that a batch holds some keys twice."""
    chance, now = random.Random(seed), datetime.now(UTC)
    counts: dict[str, int] = {}
    cases = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(KEYS)]
    rows = []
    for _ in range(size):
        case = chance.choice(cases)
        counts[case] = counts.get(case, 0) + 1
        event = Event(id=str(uuid.UUID(int=chance.getrandbits(128), version=4)), type="jobtrappen.referral.sent.v1", source="https://jobtrappen.example/0000/referral",
                      subject=f"referral/{case}", time="2026-11-23T00:00:00Z", key=case, seq=counts[case], epoch=1, recorded="2026-11-23T09:00:00.000Z",
                      case=case, subject_version=2, data={"case_id": case, "referral_id": case, "status_from": "draft", "status_to": "sent", "track": "adult",
                                                          "from_unit": "lokalcenter", "target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"})
        rows.append({"event_id": event.id, "topic": "jobtrappen.referral", "key": case, "seq": event.seq, "type": event.type,
                     "payload": event.encode().decode(), "recorded_at": now})
    return rows


class Outbox:
    """The outbox, filled anew for every round."""

    def __init__(self, place: Place) -> None:
        self.place, self.size = place, place.sized(6000, 1000)
        self.runtime, self.admin = place.referral(), place.admin("bench_referral")
        self.bus = open_bus(place.kafka.url)
        with self.admin.connect() as connection:
            connection.execute(text("CREATE TABLE stock (LIKE outbox)"))
            connection.execute(text("ALTER TABLE stock ALTER id DROP NOT NULL"))
            connection.execute(STOCK, backlog(self.size))

    def fill(self) -> None:
        with self.admin.connect() as connection:
            connection.execute(text("TRUNCATE outbox"))
            connection.execute(text(f"INSERT INTO outbox ({COLUMNS}) SELECT {COLUMNS} FROM stock"))
            connection.execute(text("VACUUM ANALYZE outbox"))

    def relay(self, _round: int) -> float:
        """`Relay.once` until nothing is left; the leader's lock and the producer are there already."""
        self.fill()
        producer = self.bus.producer("referral")
        try:
            with lead(self.runtime, threading.Event()) as leadership:
                assert leadership is not None
                relay, done, began = Relay(self.runtime, self.bus), 0, time.perf_counter()
                while found := relay.once(leadership.connection, producer):
                    done += found
                seconds = time.perf_counter() - began
        finally:
            producer.close()
        return self._checked(done, self._unpublished() == 0) / seconds

    def marking(self, _round: int) -> float:
        return self._raw(mark=True)

    def silent(self, _round: int) -> float:
        return self._raw(mark=False)

    def _raw(self, mark: bool) -> float:
        """psycopg and kafka-python alone: read 500 rows, send, flush, look at every answer, mark them, next."""
        import kafka
        import psycopg

        self.fill()
        producer = kafka.KafkaProducer(bootstrap_servers=self.place.kafka.servers.split(","), **PRODUCER)
        dsn = self.place.postgres.url("bench_referral").replace("postgresql+psycopg", "postgresql")
        try:
            with psycopg.connect(dsn) as connection:
                producer.partitions_for("jobtrappen.referral")
                done, last, began = 0, 0, time.perf_counter()
                while rows := connection.execute("SELECT id, topic, key, payload FROM outbox WHERE published_at IS NULL AND id > %s ORDER BY id LIMIT %s",
                                                 (last, BATCH)).fetchall():
                    sent = [producer.send(topic, key=key.encode(), value=payload.encode(), headers=list(HEADERS)) for _id, topic, key, payload in rows]
                    producer.flush()
                    for each in sent:
                        each.get(timeout=10)
                    if mark:
                        connection.execute("UPDATE outbox SET published_at = now() WHERE id = ANY(%s)", ([row[0] for row in rows],))
                    connection.commit()
                    done, last = done + len(rows), rows[-1][0]
                seconds = time.perf_counter() - began
        finally:
            producer.close()
        return self._checked(done, self._unpublished() == (0 if mark else self.size)) / seconds

    def _unpublished(self) -> int:
        with self.admin.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL")) or 0

    def _checked(self, done: int, marked: bool) -> int:
        if done != self.size or not marked:
            raise RuntimeError(f"{done} of {self.size} rows were published, marks as expected: {marked}")
        return done

    def close(self) -> None:
        with self.admin.connect() as connection:
            connection.execute(text("DROP TABLE stock"))
            connection.execute(text("TRUNCATE outbox"))
        self.admin.dispose()
        self.runtime.close()
        self.bus.close()


def run(place: Place) -> Bench:
    """Rows a second from the outbox to Kafka."""
    outbox = Outbox(place)
    try:
        found = alternate("relay", {"relay": outbox.relay, "marks": outbox.marking, "silent": outbox.silent}, place.sized(6, 2))
    finally:
        outbox.close()
    ratios = []
    for name, what in (("marks", "against a raw producer that marks its rows"), ("silent", "against a raw producer that marks nothing")):
        ours, base, ratio, spread = compare(found["relay"], found[name])
        ratios.append(Ratio("relay", what, ours, base, "rows/s", ratio, spread, GOAL))
    return Bench("relay", ratios)

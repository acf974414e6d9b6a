# SPDX-License-Identifier: MPL-2.0
"""The consumer from Kafka into PostgreSQL, against a loop of the same reactions that keeps neither position nor cursor, with
one record a commit and with fifty on both sides.

The events are placements that start and end, two for each case; referral reacts to both with one look-up and one row
written, which is as little as any reaction does, so what the consumer adds weighs most here.
"""
from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import text

from jobtrappen.bus import Record, open_bus
from jobtrappen.consumer import BATCH, Consumer
from jobtrappen.db import writing
from jobtrappen.event import Event, decode
from jobtrappen.tx import SYSTEM, Tx
from tests.bench.place import Place
from tests.bench.rounds import Bench, Ratio, alternate, compare

GOAL = 0.7
TOPIC = "jobtrappen.followup"


def placements(cases: int, seed: int = 11) -> Iterator[Event]:
    """A start and, a while later, an end for each case; many cases lie between the two."""
    chance = random.Random(seed)
    ids = [(uuid.UUID(int=chance.getrandbits(128), version=4), uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(cases)]
    for seq, name in enumerate(("placement.started", "placement.ended"), 1):
        for case, placement in ids:
            yield event(chance, name, seq, str(case), str(placement))


def event(chance: random.Random, name: str, seq: int, case: str, placement: str) -> Event:
    from jobtrappen import contracts

    return Event(id=str(uuid.UUID(int=chance.getrandbits(128), version=4)), type=f"jobtrappen.{name}.v1", source="https://jobtrappen.example/0000/followup",
                 subject=f"placement/{placement}", time="2026-11-01T00:00:00Z", key=case, seq=seq, epoch=1, recorded="2026-11-01T09:00:00.000Z", case=case,
                 subject_version=seq, data={**contracts.sample(name), "case_id": case, "placement_id": placement})


class Inlet:
    """The events in Kafka, and an empty table before every round."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.runtime, self.admin = place.referral(), place.admin("bench_referral")
        self.bus = open_bus(place.kafka.url)
        self.first = dict(self.bus.ends([TOPIC]))
        self.cases = place.sized(600, 100)
        producer = self.bus.producer("bench")
        events = [Record(TOPIC, e.key.encode(), e.encode()) for e in placements(self.cases)]
        for half in (events[:self.cases], events[self.cases:]):
            failures = [failure for failure in producer.send(half) if failure]
            if failures:
                raise failures[0]
        producer.close()

    def ours(self, batch: int) -> Callable[[int], float]:
        """A new consumer name each round reads everything from the beginning."""

        def side(number: int) -> float:
            self._empty()
            consumer = Consumer(self.runtime, self.bus, f"bench.{batch}.{number}.{uuid.uuid4().hex[:6]}")
            subscription = self.bus.subscribe(consumer.name, consumer.topics, lambda topic, partition: self.first.get((topic, partition), 0))

            def poll() -> Sequence[Record]:
                return subscription.poll(0.5, BATCH)

            try:
                return self._timed(poll, lambda records: [consumer.take(records[at:at + batch]) for at in range(0, len(records), batch)])
            finally:
                subscription.close()

        return side

    def loop(self, batch: int) -> Callable[[int], float]:
        """kafka-python, the decoder, the reaction, a commit; nothing that would survive a crash."""
        reactions = self.runtime.service.reactions.table

        def apply(records: Sequence[Any]) -> None:
            for at in range(0, len(records), batch):
                with writing(self.runtime.engine) as session:
                    for record in records[at:at + batch]:
                        event = decode(record.value)
                        tx = Tx(session, self.runtime, SYSTEM, cause=event)
                        reactions[event.name, event.version](tx, event)
                        session.flush()

        def side(_number: int) -> float:
            self._empty()
            client = self._client()
            try:
                return self._timed(lambda: [r for rows in client.poll(timeout_ms=500, max_records=BATCH).values() for r in rows], apply)
            finally:
                client.close()

        return side

    def _client(self) -> Any:
        import kafka
        from kafka.structs import TopicPartition

        client = kafka.KafkaConsumer(bootstrap_servers=self.place.kafka.servers.split(","), enable_auto_commit=False, metrics_enabled=False,
                                     isolation_level="read_committed", auto_offset_reset="earliest")
        client.assign([TopicPartition(*place) for place in self.first])
        for place, offset in self.first.items():
            client.seek(TopicPartition(*place), offset)
        return client

    def _timed(self, poll: Callable[[], Sequence[Any]], apply: Callable[[Sequence[Any]], Any]) -> float:
        """Records a second from the first poll that brings some; joining a group is no part of it."""
        records: Sequence[Any] = []
        deadline = time.monotonic() + 30
        while not records and time.monotonic() < deadline:
            records = poll()
        began, done = time.perf_counter(), 0
        while True:
            apply(records)
            done += len(records)
            if done >= 2 * self.cases or time.monotonic() > deadline + 60:
                break
            records = poll()
        seconds = time.perf_counter() - began
        self._check(done)
        return done / seconds

    def _check(self, done: int) -> None:
        with self.admin.connect() as connection:
            rows, ended = connection.execute(text("SELECT count(*), count(ended_on) FROM heard_placement")).one()
            kept = connection.scalar(text("SELECT count(*) FROM kept"))
        if (done, rows, ended, kept) != (2 * self.cases, self.cases, self.cases, 0):
            raise RuntimeError(f"of {self.cases} placements {rows} started and {ended} ended after {done} records; {kept} kept")

    def _empty(self) -> None:
        with self.admin.connect() as connection:
            connection.execute(text("TRUNCATE heard_placement, cursor, position, kept"))
            connection.execute(text("VACUUM ANALYZE heard_placement, cursor, position, kept"))

    def close(self) -> None:
        self._empty()
        self.admin.dispose()
        self.runtime.close()
        self.bus.close()


def run(place: Place) -> Bench:
    """Records a second from Kafka to an effect in PostgreSQL."""
    inlet = Inlet(place)
    try:
        found = alternate("consumer", {"50 a commit": inlet.ours(50), "loop, 50": inlet.loop(50), "one a commit": inlet.ours(1), "loop, one": inlet.loop(1)},
                          place.sized(5, 1))
    finally:
        inlet.close()
    ratios = []
    for name, base_name, what in (("50 a commit", "loop, 50", "fifty a commit"), ("one a commit", "loop, one", "one a commit")):
        ours, base, ratio, spread = compare(found[name], found[base_name])
        ratios.append(Ratio("consumer", what, ours, base, "records/s", ratio, spread, GOAL))
    return Bench("consumer", ratios)

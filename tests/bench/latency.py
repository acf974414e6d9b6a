# SPDX-License-Identifier: MPL-2.0
"""From a commit in one service to the committed effect in another, at 50 events a second, through a relay and a consumer
that are processes of their own; against a bare produce → consume → one row, with linger 0 and a commit each.

PostgreSQL itself writes down when each transaction was committed (track_commit_timestamp), so nothing that looks at the
result can disturb it or be late. The raw path begins when the producer is given the record.
"""
from __future__ import annotations

import random
import statistics
import time
import uuid
from datetime import date
from typing import Any

from sqlalchemy import text

from jobtrappen import contracts
from jobtrappen.bus import open_bus
from jobtrappen.config import PARTITIONS
from jobtrappen.tx import SYSTEM, transaction
from tests.bench.place import Place
from tests.bench.rounds import Bench, Ratio, alternate, compare, percentile, wait_for
from tests.bench.worker import RAW_TOPIC

GOAL = 3.0
P99_GOAL = 100.0
PER_SECOND = 50
TOPIC = "jobtrappen.followup"
SPOKEN = text("INSERT INTO spoken (id) VALUES (:id)")
TIMES = "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) AS at FROM {}"


class Path:
    """Both paths, their processes running from beginning to end."""

    def __init__(self, place: Place) -> None:
        self.place, self.count = place, place.sized(500, 100)
        self.chance = random.Random(5)
        self.speaker = place.followup()
        self.said, self.heard, self.bare = (place.admin(f"bench_{name}") for name in ("followup", "referral", "bare"))
        self._execute(self.said, "CREATE TABLE spoken (id uuid PRIMARY KEY)")
        self._execute(self.bare, "CREATE TABLE effect (id uuid PRIMARY KEY)")
        self.rounds: dict[str, list[list[float]]] = {"ours": [], "raw": []}
        """Each round's milliseconds, the warm-up first."""
        self.bus = open_bus(place.kafka.url)
        self.bus.ensure_topics({RAW_TOPIC: PARTITIONS})
        self.producer = self._producer()
        self.children = [place.start("relay", "-m", "tests.bench.worker", "relay"), place.start("consume", "-m", "jobtrappen", "consume", "referral"),
                         place.start("raw", "-m", "tests.bench.worker", "raw", BENCH_SERVERS=place.kafka.servers,
                                     BENCH_DATABASE=place.postgres.url("bench_bare").replace("+psycopg", ""))]
        wait_for(lambda: self._ready(), 60, "the latency bench's processes")

    def _ready(self) -> bool:
        """The raw consumer says so; ours has answered an event of now, and has nothing left of what earlier benches said."""
        self.place.alive()
        if not self._count(self.said, "spoken"):
            self._say()
        if not self._times(self.said, "spoken").keys() <= self._times(self.heard, "heard_placement").keys() or self._behind():
            return False
        return bool(self._count(self.bare, "pg_tables WHERE tablename = 'ready'") and self._count(self.bare, "ready"))

    def _behind(self) -> bool:
        """An empty position makes the consumer read all that the consumer bench said before it hears of now."""
        with self.heard.connect() as connection:
            at = {(row.topic, row.partition): row.next_offset for row in connection.execute(text("SELECT topic, partition, next_offset FROM position"))}
        return any(at.get(place, 0) < end for place, end in self.bus.ends([TOPIC]).items())

    def _producer(self) -> Any:
        import kafka

        producer = kafka.KafkaProducer(bootstrap_servers=self.place.kafka.servers.split(","), acks="all", enable_idempotence=True, linger_ms=0,
                                       metrics_enabled=False)
        producer.partitions_for(RAW_TOPIC)
        return producer

    def _say(self) -> None:
        """A case of its own for each event, so that none waits for another."""
        id, case = uuid.uuid4(), uuid.uuid4()
        with transaction(self.speaker, SYSTEM) as tx:
            tx.session.execute(SPOKEN, {"id": id})
            tx.say("placement.started", key=case, subject=f"placement/{id}", time=date.today(),
                   data={**contracts.sample("placement.started"), "case_id": case, "placement_id": id})

    def ours(self, _round: int) -> float:
        return self._round("ours")

    def raw(self, _round: int) -> float:
        return self._round("raw")

    def _round(self, which: str) -> float:
        """Speak at random moments (a Poisson stream), wait for the last effect; the round's p50 in milliseconds."""
        for engine, table in ((self.said, "spoken"), (self.heard, "heard_placement"), (self.bare, "effect")):
            self._execute(engine, f"TRUNCATE {table}")
        sent: dict[uuid.UUID, float] = {}
        due = time.perf_counter()
        for _ in range(self.count):
            due += self.chance.expovariate(PER_SECOND)
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            if which == "ours":
                self._say()
            else:
                id = uuid.uuid4()
                sent[id] = time.time()
                self.producer.send(RAW_TOPIC, key=id.hex.encode(), value=str(id).encode())
        engine, table = (self.heard, "heard_placement") if which == "ours" else (self.bare, "effect")
        begins = self._times(self.said, "spoken") if which == "ours" else sent
        wait_for(lambda: self._count(engine, table) >= self.count and begins.keys() <= self._times(engine, table).keys(), 60, f"{self.count} effects of {which}")
        ends = self._times(engine, table)
        found = [(ends[id] - began) * 1000 for id, began in begins.items()]
        self.rounds[which].append(found)
        return percentile(found, 0.5)

    def _times(self, engine: Any, table: str) -> dict[uuid.UUID, float]:
        with engine.connect() as connection:
            return {row.id: float(row.at) for row in connection.execute(text(TIMES.format(table)))}

    def _count(self, engine: Any, table: str) -> int:
        with engine.connect() as connection:
            return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0

    def _execute(self, engine: Any, statement: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(statement))

    def close(self) -> None:
        self.producer.close()
        self.bus.close()
        self.place.end(*self.children)
        self.speaker.close()
        for engine in (self.said, self.heard, self.bare):
            engine.dispose()


def run(place: Place) -> Bench:
    """Milliseconds from commit to effect."""
    path = Path(place)
    try:
        found = alternate("latency", {"ours": path.ours, "raw": path.raw}, place.sized(3, 1))
    finally:
        path.close()
    p99 = {which: [percentile(one, 0.99) for one in rounds[1:]] for which, rounds in path.rounds.items()}
    ratios = []
    for what, sides, goal in (("p50 of commit → effect", found, GOAL), ("p99 of commit → effect", p99, None)):
        ours, base, ratio, spread = compare(sides["ours"], sides["raw"])
        ratios.append(Ratio("latency", what, ours, base, "ms", ratio, spread, goal, "less"))
    longest = statistics.median(p99["ours"])
    return Bench("latency", ratios, [f"p99 of commit → effect: {longest:.0f} ms (goal ≤ {P99_GOAL:.0f} ms, {'met' if longest <= P99_GOAL else 'missed'})"])

# SPDX-License-Identifier: MPL-2.0
"""Processes that the latency bench starts: `relay` (the real relay, of the bench's speaker) and `raw` (kafka-python's
consumer and psycopg: one row in one commit for each record, the offset committed after it)."""
from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

RAW_TOPIC = "bench.raw"
GROUP = "bench.raw"


def relay() -> int:
    """What `jobtrappen relay` runs; the speaker is no installed service, so the command itself does not know it."""
    from jobtrappen import workers
    from jobtrappen.config import Settings
    from jobtrappen.runtime import Runtime
    from tests.bench.place import speaker

    return workers.run(workers.relays([Runtime(speaker(), Settings.from_env())]))


def raw(database: str, servers: str) -> int:
    """Ends with SIGTERM. Both rows of a record go through one connection each, as they would in a service."""
    import kafka
    import psycopg

    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    client: Any = kafka.KafkaConsumer(RAW_TOPIC, bootstrap_servers=servers.split(","), group_id=GROUP, enable_auto_commit=False, metrics_enabled=False,
                                      auto_offset_reset="latest", session_timeout_ms=10_000, heartbeat_interval_ms=3_000)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS ready (at timestamptz)")
        connection.commit()
        told = False
        while not over.is_set():
            for records in client.poll(timeout_ms=200, max_records=50).values():
                for record in records:
                    connection.execute("INSERT INTO effect (id) VALUES (%s)", (record.value.decode(),))
                    connection.commit()
                    client.commit_async()
            if not told and client.assignment():
                for at in client.assignment():
                    client.position(at)
                connection.execute("INSERT INTO ready VALUES (now())")
                connection.commit()
                told = True
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(relay() if sys.argv[1] == "relay" else raw(os.environ["BENCH_DATABASE"], os.environ["BENCH_SERVERS"]))

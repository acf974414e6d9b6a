# SPDX-License-Identifier: MPL-2.0
"""From the outbox to the bus: one leader for each service, in waves.

Rows are selected by state (unpublished), never by "newer than the last seen", so late commits are not missed. A wave
holds at most one record for each key and is confirmed before the next starts, so no order can break, whatever fails.
While the bus takes a wave, the one before it is marked: a crash resends two waves at most.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Protocol

import structlog
from sqlalchemy import Connection, bindparam, select, text

from jobtrappen import audit, clock, heartbeat, tables, tracing
from jobtrappen.bus import Bus, Producer, Record
from jobtrappen.config_faults import LEADER_PATIENCES
from jobtrappen.db import TRANSIENT, committing
from jobtrappen.errors import BusError, Unavailable
from jobtrappen.event import CONTENT_TYPE
from jobtrappen.failpoint import hit
from jobtrappen.postgres import patience_of
from jobtrappen.runtime import Runtime

log = structlog.get_logger("jobtrappen.relay")
BATCH = 500
"""The largest wave."""
LOOK = 4 * BATCH
"""How many rows one look reads."""
POLL_SECONDS = {"sqlite": 0.02, "postgresql": 0.05}
"""How long a committed event waits at most where no notice comes; a look reads one partial index."""
LONGEST_LOOK_SECONDS = 0.2
"""Where one can ask the file whether anybody wrote, a look happens at least so often all the same."""
STEADY_SECONDS = 10.0
"""Who has led for so long begins again with the shortest pause when something is away."""
HEADERS = (("content-type", CONTENT_TYPE.encode()),)
O = tables.outbox.c
UNPUBLISHED = select(O.id, O.topic, O.key, O.payload).where(O.published_at.is_(None)).order_by(O.id).limit(LOOK)
MARK = text("UPDATE outbox SET published_at = :at WHERE id IN (SELECT value FROM json_each(:ids))").bindparams(bindparam("at", type_=O.published_at.type))
MARK_POSTGRESQL = b"UPDATE outbox SET published_at = $1::timestamptz WHERE id = ANY($2::bigint[])"
"""One parameter for all ids: a list of 500 parameters costs more than the rows."""


class Leadership(Protocol):
    """The right to publish for a service, held by one process at a time."""

    connection: Connection

    def wait(self, seconds: float) -> None:
        """Sleep until something was committed or the time is over."""


def a_wave(rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The next wave of rows (in id order): the first row of each (topic, key), at most BATCH of them.

    Returns: the wave, and what is left, both in id order.
    """
    seen: set[tuple[str, str]] = set()
    wave: list[Any] = []
    left: list[Any] = []
    for at, row in enumerate(rows):
        if len(wave) == BATCH:
            return wave, left + list(rows[at:])
        place = (row.topic, row.key)
        (left if place in seen else wave).append(row)
        seen.add(place)
    return wave, left


class Relay:
    """One relay process (or thread) of one service; a standby while another leads."""

    def __init__(self, runtime: Runtime, bus: Bus) -> None:
        self.runtime, self.bus = runtime, bus
        self.beat = heartbeat.Beat(runtime, "relay")

    def run(self, stop: threading.Event) -> None:
        """Lead and publish until `stop`; a database or bus that is away is waited for."""
        pause = 0.1
        while not stop.is_set():
            began = time.monotonic()
            try:
                with lead(self.runtime, stop) as leadership:
                    if leadership is not None:
                        began = time.monotonic()
                        self._publish_until(stop, leadership)
            except (BusError, Unavailable, *TRANSIENT) as error:
                log.warning("relay pauses", service=self.runtime.name, kind=error.__class__.__name__)
                pause = 0.1 if time.monotonic() - began > STEADY_SECONDS else pause
                self.beat.now(f"pausing: {error.__class__.__name__}")
                stop.wait(pause)
                pause = min(pause * 2, 2.0)

    def _publish_until(self, stop: threading.Event, leadership: Leadership) -> None:
        producer = self.bus.producer(self.runtime.name)
        chain, sealed = audit.Chain(leadership.connection, audit.keys(self.runtime.settings)[0]), 0.0
        hit("relay.leading")
        try:
            while not stop.is_set():
                if not self.once(leadership.connection, producer):
                    leadership.wait(POLL_SECONDS[leadership.connection.dialect.name])
                if time.monotonic() - sealed > 1.0:
                    hit("relay.before_seal")
                    more = chain.seal() == audit.CHUNK  # a list puts a row on record for each citizen in it
                    hit("relay.after_seal")
                    self.beat.maybe("leading")
                    sealed = 0.0 if more else time.monotonic()
        finally:
            producer.close()

    def once(self, connection: Connection, producer: Producer) -> int:
        """Publish what one look finds unpublished, wave by wave. Where more than that waits, the last small waves are left
        to the next look, which fills them up.

        Returns: how many rows were confirmed; all of these are marked.
        Raises:
            BusError: a record was not confirmed; the confirmed ones are marked, the producer must be closed.
        """
        with connection.begin():
            left = connection.execute(UNPUBLISHED).all()
        more, done = len(left) == LOOK, 0
        unmarked: list[int] = []
        while left:
            wave, left = a_wave(left)
            if more and len(wave) < BATCH // 4 and done >= LOOK // 2:
                break
            marked = mark(connection, unmarked)
            try:
                hit("relay.before_send")
                began = time.time_ns()
                confirm = producer.start([Record(row.topic, row.key.encode(), row.payload.encode(), HEADERS) for row in wave])
            finally:
                marked()
            hit("relay.before_confirm")
            answers = confirm()
            tracing.sent(wave, answers, began)
            hit("relay.after_send")
            unmarked = [row.id for row, failure in zip(wave, answers, strict=True) if failure is None]
            done += len(unmarked)
            self.runtime.measures.add("published", by=len(unmarked))
            if len(unmarked) < len(wave):
                self.runtime.measures.add("unconfirmed", by=len(wave) - len(unmarked))
                mark(connection, unmarked)()
                failure = next(f for f in answers if f is not None)
                raise BusError(f"{len(wave) - len(unmarked)} of {len(wave)} records were not confirmed") from failure
        mark(connection, unmarked)()
        return done


def mark(connection: Connection, ids: list[int]) -> Callable[[], None]:
    """Mark confirmed rows as published, in a transaction of its own. PostgreSQL works on it while Python feeds the bus.

    Returns: waits until it is committed; to be called before the connection is used for anything else.
    Raises:
        Unavailable: when waiting; the database did not take it.
    """
    if not ids:
        return lambda: None
    if connection.dialect.name != "postgresql":
        with committing(connection):
            connection.execute(MARK, {"at": clock.now(), "ids": json.dumps(ids)})
            hit("relay.before_mark_commit")
        hit("relay.after_mark")
        return lambda: None
    driver: Any = connection.connection.dbapi_connection
    session, failure = driver.pgconn, connection.dialect.loaded_dbapi.Error
    try:
        session.send_query_params(MARK_POSTGRESQL, [clock.now().isoformat().encode(), f"{{{','.join(map(str, ids))}}}".encode()])
        session.flush()
    except failure as error:
        raise Unavailable("The database does not answer") from error
    hit("relay.before_mark_commit")

    def wait() -> None:
        from psycopg.generators import execute

        try:  # by the driver's own wait, which has an end (postgres.py); libpq's has none
            results = [result.command_status for result in driver.wait(execute(session))]
        except failure as error:
            raise Unavailable("The database does not answer") from error
        if results != [f"UPDATE {len(ids)}".encode()]:
            raise Unavailable("The database did not take the marks of published events")
        hit("relay.after_mark")

    return wait


@contextmanager
def lead(runtime: Runtime, stop: threading.Event) -> Iterator[Leadership | None]:
    """Wait for leadership, hold it, give it back, whatever happened meanwhile. None when `stop` came first."""
    with runtime.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(read=True)
            connection.detach()  # not the pool's any more: closing it ends the database session, and with it the lock
            yield _Session(connection, runtime.name) if _advisory(connection, runtime.name, stop) else None
        else:
            with open(lock_path(runtime), "a") as lock_file:
                yield _File(connection) if _flock(lock_file, stop) else None


def lock_path(runtime: Runtime) -> str:
    """Beside the database file: whoever leads holds an OS lock on it, which ends with its process."""
    return f"{runtime.engine.url.database}.relay.lock"


def _flock(lock_file: IO[str], stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            stop.wait(0.2)
    return False


def _advisory(connection: Connection, name: str, stop: threading.Event) -> bool:
    number = int.from_bytes(hashlib.sha256(f"jobtrappen.relay.{name}".encode()).digest()[:8], "big", signed=True)
    while not stop.is_set():
        with connection.begin():
            if connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}):
                return True
        stop.wait(0.5)
    return False


class _File:
    """SQLite: no notice across processes, so the poll is short. It asks the file first whether anybody else wrote (5 µs); a look
    through SQLAlchemy costs a hundred times that, and four idle services would spend a tenth of a processor on them."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.seen = connection, -1

    def wait(self, seconds: float) -> None:
        """Until somebody wrote after the last call returned, which is before the last look, or LONGEST_LOOK_SECONDS are over."""
        driver: Any = self.connection.connection.dbapi_connection
        until = time.monotonic() + LONGEST_LOOK_SECONDS
        while True:
            [(version,)] = driver.execute("PRAGMA data_version").fetchall()
            if version != self.seen or time.monotonic() >= until:
                self.seen = version
                return
            time.sleep(seconds)


class _Session:
    """PostgreSQL: the lock, the marks and LISTEN live in one session, so losing the lock loses the marks too."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        with connection.begin():
            connection.exec_driver_sql(f"LISTEN jobtrappen_{name}")
            # A mark need not wait for the disk: one that a dead server forgets is an event that is sent again, and known by its seq.
            connection.exec_driver_sql("SET synchronous_commit = off")
            if seconds := patience_of(connection.engine).seconds:
                # A leader asks every 50 ms, or is sending, which has an end of its own. One that stands still longer has stopped or
                # is cut off: the server ends its session, and with it the lock.
                connection.exec_driver_sql(f"SET idle_session_timeout = {round(seconds * LEADER_PATIENCES * 1000)}")

    def wait(self, seconds: float) -> None:
        """Between transactions only: the server keeps notices back while one is open."""
        driver: Any = self.connection.connection.dbapi_connection
        try:
            for _notice in driver.notifies(timeout=seconds, stop_after=1):
                pass
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise Unavailable("The database does not answer") from error

# SPDX-License-Identifier: MPL-2.0
"""The embedded bus: one SQLite file of append-only records (topic, partition, offset), for one host.

It is to relay and consumer what a Kafka broker is. Appends run under BEGIN IMMEDIATE, so offsets have no gaps and
stand in commit order; `synchronous=FULL`, because an append that was confirmed must survive a power cut. A group
has one reading member: whoever holds the OS lock on `<file>.<group>.lock`. The system gives the lock up when its
holder dies, so a standby takes over without clocks or leases. The file must lie on a local disk.
"""
from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from urllib.parse import parse_qsl

from jobtrappen.bus import Bus, Place, Record
from jobtrappen.bus.sqlite_file import BusFile, connect, create, heads_of, immediate, partition_of, told
from jobtrappen.errors import BadConfiguration, BusError
from jobtrappen.failpoint import hit
from jobtrappen.plugins import hookimpl

_BETWEEN_LOOKS = 0.01
"""Seconds; bounds what an event waits for a reader. An idle reader costs about 1 % of a CPU."""


@hookimpl
def bus_backend(url: str) -> Bus | None:
    """The plugin hook: this backend for a `sqlite:` URL."""
    return SqliteBus(url) if url.startswith("sqlite:") else None


class SqliteBus:
    """`sqlite:////abs/path/bus.db`; `?busy_timeout_ms=` (5000) is how long a writer waits for another one."""

    def __init__(self, url: str) -> None:
        where, _, query = url.partition("?")
        path = where.removeprefix("sqlite:///")
        options = dict(parse_qsl(query, keep_blank_values=True))
        busy = options.pop("busy_timeout_ms", "5000")
        if path == where or not path or path.startswith(":") or options or not busy.isdecimal():
            raise BadConfiguration(f"JOBTRAPPEN_BUS: {url!r} is not sqlite:////path/bus.db[?busy_timeout_ms=5000]")
        self._path, self._busy = os.path.abspath(path), int(busy) / 1000

    def ensure_topics(self, topics: Mapping[str, int]) -> None:
        """Create file and topics where missing. Raises BadConfiguration for another partition count."""
        with told(self._path):
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            # Turning a new file to WAL does not wait for a busy twin, so the first ones queue at a lock of their own.
            with open(self._path + ".topics.lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with closing(connect(self._path, self._busy, mode="rwc")) as db:
                    db.execute("PRAGMA journal_mode=WAL")
                    with immediate(db):
                        create(db, self._path, topics)

    def check_topics(self, read: Sequence[str], write: Sequence[str], group: str = "") -> None:
        """Raises BadConfiguration with every topic that is missing and the remedy."""
        known: set[str] = set()
        if os.path.exists(self._path):
            with self._open() as db:
                known = {name for (name,) in db.execute("SELECT name FROM topics")}
        if missing := sorted({*read, *write} - known):
            raise BadConfiguration(f"{self._path}: no topic {', '.join(missing)}; create it with `jobtrappen topics`")

    def producer(self, name: str) -> _Producer:
        return _Producer(self._path, self._busy)

    def subscribe(self, group: str, topics: Sequence[str], start: Callable[[str, int], int]) -> _Subscription:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", group):
            raise BadConfiguration(f"the consumer group {group!r} may hold only letters, digits, dot, _ and -")
        return _Subscription(self._path, self._busy, group, tuple(topics), start)

    def ends(self, topics: Sequence[str]) -> dict[Place, int]:
        with self._open() as db:
            return heads_of(db, topics)

    def ping(self, timeout: float = 2.0) -> None:
        with told(self._path), closing(connect(self._path, timeout)) as db:
            db.execute("SELECT 1 FROM topics LIMIT 1").fetchall()

    def close(self) -> None:
        """Nothing is held: every question opens the file anew, producers and subscriptions own their connection."""

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with told(self._path), closing(connect(self._path, self._busy)) as db:
            yield db


class _Producer(BusFile):
    def send(self, wave: Sequence[Record]) -> list[BaseException | None]:
        """One transaction: either all good records of the wave are in, or none."""
        answers: list[BaseException | None] = [None] * len(wave)
        try:
            with told(self._path):
                self.same_file()
                with immediate(self._db):
                    self._append(wave, answers)
                    hit("bus.handed_over")
        except BusError as error:
            return [error] * len(wave)
        return answers

    def start(self, wave: Sequence[Record]) -> Callable[[], list[BaseException | None]]:
        """A file has nobody to wait for."""
        answers = self.send(wave)
        return lambda: answers

    def _append(self, wave: Sequence[Record], answers: list[BaseException | None]) -> None:
        partitions = dict(self._db.execute("SELECT name, partitions FROM topics"))
        placed: dict[Place, list[Record]] = {}
        for n, record in enumerate(wave):
            if record.topic not in partitions:
                answers[n] = BusError(f"no topic {record.topic}; create it with `jobtrappen topics`")
            elif record.key is None and record.value is None:
                answers[n] = BusError("a record needs a key or a value")
            else:
                place = record.topic, partition_of(record.key, partitions[record.topic])
                placed.setdefault(place, []).append(record)
        now = time.time()
        for (topic, partition), records in placed.items():
            # Every row of RETURNING must be fetched before the COMMIT, or SQLite refuses it.
            [(end,)] = self._db.execute(
                "UPDATE heads SET next_offset = next_offset + ? WHERE topic = ? AND partition = ?"
                " RETURNING next_offset", (len(records), topic, partition)).fetchall()
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", [
                (topic, partition, offset, r.key, r.value, json.dumps([(n, v.hex()) for n, v in r.headers]), now)
                for offset, r in enumerate(records, end - len(records))])

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()


class _Subscription(BusFile):
    def __init__(self, path: str, busy: float, group: str, topics: tuple[str, ...],
                 start: Callable[[str, int], int]) -> None:
        super().__init__(path, busy)
        self._topics, self._start = topics, start
        self._next: dict[Place, int] = {}
        self._served: dict[Place, int] = {}
        self._turn = 0
        self._empty_at: int | None = None
        self._leads = False
        with told(path):
            self._lock = os.open(f"{path}.{group}.lock", os.O_RDWR | os.O_CREAT, 0o644)

    def poll(self, timeout: float, limit: int = 50) -> list[Record]:
        until = time.monotonic() + timeout
        while True:
            records = self._look(limit)
            left = until - time.monotonic()
            if records or left <= 0:
                return records
            time.sleep(min(_BETWEEN_LOOKS, left))

    def _look(self, limit: int) -> list[Record]:
        if not self._leads:
            if not self._take_lock():
                return []
            self._ask()
        with told(self._path):
            self.same_file()
            [(version,)] = self._db.execute("PRAGMA data_version").fetchall()
            if version == self._empty_at:  # nobody wrote since there was nothing: a look costs 5 µs, not 60
                return []
            heads = heads_of(self._db, self._topics)
            # The partition that waited longest comes first, so a busy one cannot starve the others.
            behind = sorted((p for p in self._next if self._next[p] < heads[p]), key=lambda p: self._served.get(p, 0))
            records: list[Record] = []
            for place in behind:
                if len(records) == limit:
                    break
                records += self._read(place, limit - len(records))
        self._empty_at = None if records else version
        return records

    def _read(self, place: Place, limit: int) -> list[Record]:
        rows = self._db.execute(
            "SELECT key, value, headers, offset, taken FROM records WHERE topic = ? AND partition = ? AND offset >= ?"
            " ORDER BY offset LIMIT ?", (*place, self._next[place], limit)).fetchall()
        self._turn += 1
        self._served[place] = self._turn
        self._next[place] = rows[-1][3] + 1
        return [Record(place[0], key, value, tuple((n, bytes.fromhex(v)) for n, v in json.loads(headers)),
                       place[1], offset, taken) for key, value, headers, offset, taken in rows]

    def _take_lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise BusError(f"the lock beside the bus file {self._path}: {error}") from error
        return True

    def assigned(self) -> set[Place]:
        return set(self._next)

    def rewind(self) -> None:
        if self._leads:
            self._ask()

    def _ask(self) -> None:
        """Begin where `start` says. What it raises goes through, and the next poll asks again."""
        self._leads, self._next = False, {}
        with told(self._path):
            places = heads_of(self._db, self._topics)
        asked = {place: self._start(*place) for place in places}
        with told(self._path):
            ends = heads_of(self._db, self._topics)
        for place, offset in asked.items():
            if offset > ends[place]:
                raise BusError(f"{place[0]}/{place[1]}: the stored position {offset} is beyond the end {ends[place]}; "
                               f"{self._path} is another bus file, or one restored from a backup")
        self._leads, self._next, self._empty_at = True, asked, None

    def display(self, positions: Mapping[Place, int]) -> None:
        """The position in the consumer's database is the only one here."""

    def close(self) -> None:
        self._leads, self._next = False, {}
        with suppress(sqlite3.Error):
            self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

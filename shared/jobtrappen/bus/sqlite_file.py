# SPDX-License-Identifier: MPL-2.0
"""The file under the embedded bus: its tables, its connections, and where a key goes."""
from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from jobtrappen.bus import Place
from jobtrappen.errors import BadConfiguration, BusError

_VERSION = 1
_SCHEMA = (
    "CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE heads (topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,"
    " PRIMARY KEY (topic, partition)) WITHOUT ROWID",
    "CREATE TABLE records (topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB,"
    " value BLOB, headers TEXT NOT NULL, taken REAL NOT NULL, PRIMARY KEY (topic, partition, offset))",
    "CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'records are kept'); END",
    "CREATE TRIGGER records_stand BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'records are kept'); END",
    f"PRAGMA user_version={_VERSION}",
)


class BusFile:
    """A connection that notices when its file was moved, deleted or replaced under it: SQLite would go on writing
    to the old one, and what it confirms would be nowhere."""

    def __init__(self, path: str, busy: float) -> None:
        self._path = path
        with told(path):
            self._identity = _identity(path)
            self._db = connect(path, busy)

    def same_file(self) -> None:
        if _identity(self._path) != self._identity:
            raise BusError(f"the bus file {self._path} was replaced")


def partition_of(key: bytes | None, partitions: int) -> int:
    """Where Kafka's clients put this key (murmur2, sign bit cleared); a record without a key goes to partition 0."""
    return 0 if key is None else (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    words, rest = divmod(len(data), 4)
    h = 0x9747B28C ^ len(data)
    for k in struct.unpack_from(f"<{words}I", data):
        k = k * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest:
        h = (h ^ int.from_bytes(data[-rest:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def create(db: sqlite3.Connection, path: str, topics: Mapping[str, int]) -> None:
    """Tables of a new file, and the topics that are missing. Raises BadConfiguration for another partition count."""
    [(version,)] = db.execute("PRAGMA user_version").fetchall()
    if version not in (0, _VERSION):
        raise BadConfiguration(f"{path} is a bus file of version {version}; this code reads version {_VERSION}")
    for statement in _SCHEMA if version == 0 else ():
        db.execute(statement)
    known = dict(db.execute("SELECT name, partitions FROM topics"))
    for name, partitions in topics.items():
        if partitions < 1 or known.get(name, partitions) != partitions:
            raise BadConfiguration(f"topic {name} has {known.get(name, 'no')} partitions, not {partitions}: the order "
                                   "for each key would break. Ask for the count that it has")
        if name not in known:
            db.execute("INSERT INTO topics VALUES (?, ?)", (name, partitions))
            db.executemany("INSERT INTO heads VALUES (?, ?, 0)", [(name, p) for p in range(partitions)])


def heads_of(db: sqlite3.Connection, topics: Sequence[str]) -> dict[Place, int]:
    """The next offset of every partition. Raises BusError when a topic is missing."""
    marks = ", ".join("?" * len(topics))
    heads = {(topic, partition): end for topic, partition, end in db.execute(
        f"SELECT topic, partition, next_offset FROM heads WHERE topic IN ({marks})", tuple(topics))}
    if missing := sorted(set(topics) - {topic for topic, _ in heads}):
        raise BusError(f"no topic {', '.join(missing)}; create it with `jobtrappen topics`")
    return heads


def connect(path: str, busy: float, mode: str = "rw") -> sqlite3.Connection:
    """`busy` is how many seconds a writer waits for another one."""
    # mode=rw: a file that is not there is an error, not a fresh and empty bus.
    db = sqlite3.connect(f"file:{quote(path)}?mode={mode}", uri=True, timeout=busy, isolation_level=None,
                         check_same_thread=False)
    db.execute("PRAGMA synchronous=FULL")
    return db


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


@contextmanager
def immediate(db: sqlite3.Connection) -> Iterator[None]:
    """One write transaction; it begins by taking the write lock."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def told(path: str) -> Iterator[None]:
    """Everything that disk, lock or file can do is a BusError with the file's name."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise BusError(f"the bus file {path}: {error}") from error

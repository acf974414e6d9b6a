# SPDX-License-Identifier: MPL-2.0
"""Put a backup back in place of a service's database, whole or not at all, and begin a new life of its stream.

What others say is heard again by itself: the position is in the database. What the service said after the backup stands
on its topic, but not in its tables any more: those events are listed, and the service begins a new *epoch*, so that what
it says next under the same seq is not taken for old (docs/adr/0010).
"""
from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, create_engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from jobtrappen import clock, tables
from jobtrappen.backup import (
    ASIDE,
    BackupFailed,
    Manifest,
    Progress,
    checked,
    epoch_of,
    facts,
    one_file,
    postgres_tool,
    sync,
)
from jobtrappen.bus import Bus
from jobtrappen.db import engine_for
from jobtrappen.event import Undecodable, decode
from jobtrappen.replay import replay
from jobtrappen.runtime import Runtime
from jobtrappen.spreadsheet import defused
from jobtrappen.tx import SYSTEM

BEAT_SECONDS = 30


@dataclass(frozen=True)
class Forgotten:
    """An event that others could read and the restored service does not know; ids and codes only."""

    event_id: str
    type: str
    key: str
    subject: str
    time: str
    recorded: str
    epoch: int
    seq: int


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    epoch: int
    forgotten: list[Forgotten]
    needs_migrate: bool


def restore(runtime: Runtime, bus: Bus | None, file: Path, *, force: bool = False, progress: Progress = lambda *_: None) -> Restored:
    """Replace the service's database by a backup.

    Args:
        bus: where the service's own topic is; None says that the bus is lost, and nothing can be compared.
        force: go on although a worker has beaten lately or, on PostgreSQL, others are connected.
    Raises:
        BackupFailed: the file may not be restored here, or the service is running. Nothing was changed.
        BusError, BadConfiguration: the topic cannot be read, or not by this broker user. Nothing was changed.
    """
    manifest, older = checked(runtime, file, progress)
    refuse_running(runtime, force)
    if bus is not None:  # a topic that may not be read would look like one on which nothing was said
        bus.check_topics([runtime.service.topic], [])
    ever = present_epoch(runtime)
    with staged(runtime, file, progress) as engine, engine.begin() as connection:
        found, head, epoch = facts(connection, runtime)
        if (found, head, epoch) != (manifest.rows, manifest.head, manifest.epoch):
            wrong = sorted(name for name in {*found, *manifest.rows} if found.get(name) != manifest.rows.get(name))
            raise BackupFailed(f"{file} holds other rows than its manifest says ({', '.join(wrong) or 'head or epoch'}). Take another backup.")
        said, forgotten = (0, []) if bus is None else compare(runtime, bus, connection, progress)
        # A lost topic cannot tell which epochs there were: minutes since 1970 are beyond any that was counted up to.
        epoch = max(epoch, ever, said) + 1 if bus is not None else max(epoch + 1, ever + 1, int(time.time() // 60))
        set_meta(connection, "epoch", str(epoch))
        connection.execute(delete(tables.heartbeat))
        connection.execute(insert(tables.audit).values(
            at=clock.now(), actor=SYSTEM.id, role=SYSTEM.role, unit=SYSTEM.unit, action="restore", subject="epoch", subject_id=str(epoch),
            purpose="operation", request_id=manifest.sha256[:40]))
    return Restored(manifest, epoch, forgotten, older)


def compare(runtime: Runtime, bus: Bus, connection: Connection, progress: Progress = lambda *_: None) -> tuple[int, list[Forgotten]]:
    """(the highest epoch on the service's own topic, its events there that this outbox does not hold)."""
    o, topic, highest = tables.outbox.c, runtime.service.topic, 0
    known = {UUID(id).int for id in connection.scalars(select(o.event_id).where(o.topic == topic), execution_options={"yield_per": 5000})}
    found: dict[str, Forgotten] = {}
    for batch in replay(bus, runtime.name, [topic], progress=lambda done, total: progress("comparing with the topic", done, total)):
        for record in batch:
            with suppress(Undecodable):
                event = decode(record.value)
                highest = max(highest, event.epoch)
                if UUID(event.id).int not in known:
                    found.setdefault(event.id, Forgotten(event.id, event.type, event.key, event.subject, event.time, event.recorded, event.epoch, event.seq))
    return highest, sorted(found.values(), key=lambda one: (one.recorded, one.key, one.epoch, one.seq))


def write_report(forgotten: list[Forgotten], file: Path) -> None:
    """As CSV, or as JSON where the name ends so; readable by the owner alone."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as out:
        if file.suffix == ".json":
            json.dump([asdict(one) for one in forgotten], out, indent=1)
        else:
            made = csv.DictWriter(out, [f.name for f in fields(Forgotten)])
            made.writeheader()
            made.writerows({name: defused(value) if isinstance(value, str) else value for name, value in asdict(one).items()} for one in forgotten)


def set_meta(connection: Connection, name: str, value: str) -> None:
    if not connection.execute(update(tables.meta).where(tables.meta.c.name == name).values(value=value)).rowcount:
        connection.execute(insert(tables.meta).values(name=name, value=value))


def present_epoch(runtime: Runtime) -> int:
    """The epoch of the database that stands there now; 0 where none can be read."""
    with suppress(DBAPIError), _present(runtime) as connection:
        return epoch_of(connection) if connection is not None else 0
    return 0


@contextmanager
def _present(runtime: Runtime) -> Iterator[Connection | None]:
    """A connection to the database as it stands; None where SQLite has no file, which looking would make."""
    url = runtime.engine.url
    if url.drivername.startswith("sqlite") and not Path(str(url.database)).exists():
        yield None
        return
    engine = create_engine(url, hide_parameters=True)  # without the house's settings: a broken file must not be written to
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def refuse_running(runtime: Runtime, force: bool = False) -> None:
    """
    Raises:
        BackupFailed: a process of this service works on the database. `force` passes over everything but an open SQLite file.
    """
    remedy = f"Stop serve, relay and consume of {runtime.name} first"
    runtime.engine.dispose()
    with suppress(DBAPIError), _present(runtime) as connection:
        if connection is None:
            return
        if not force:
            since = clock.now() - timedelta(seconds=BEAT_SECONDS)
            h = tables.heartbeat.c
            if beats := connection.execute(select(h.role, h.member).where(h.at > since).order_by(h.role)).all():
                raise BackupFailed(f"{', '.join(f'{b.role} {b.member}' for b in beats)} has beaten within {BEAT_SECONDS} s. {remedy}; "
                                   "if they are dead already, wait so long or say --force.")
            if connection.dialect.name == "postgresql" and (others := _others(connection)):
                raise BackupFailed(f"{others} other sessions use the database. {remedy}; if these are your own tools, say --force.")
    if runtime.engine.dialect.name == "sqlite":
        _take_sqlite(Path(str(runtime.engine.url.database)), remedy)


def _others(connection: Connection) -> int:
    """How many other sessions there are; one that was just closed takes the server a moment to forget."""
    for _ in range(20):
        found = connection.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                                       " AND backend_type = 'client backend'"))
        if not found:
            break
        connection.rollback()  # what the server tells of its sessions stands still within a transaction
        time.sleep(0.1)
    return int(found or 0)


def _take_sqlite(path: Path, remedy: str) -> None:
    """Fold the log in, which only who is alone can. A file that is no database any more has nothing to fold."""
    try:
        one_file(path)
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise BackupFailed(f"{path} is open in another process. {remedy}.") from None
    except sqlite3.DatabaseError:
        pass


@contextmanager
def staged(runtime: Runtime, file: Path, progress: Progress) -> Iterator[Engine]:
    """The backup as a database of its own; it takes the old one's place when the block ends well, else nothing changes."""
    with (_staged_file if runtime.engine.dialect.name == "sqlite" else _staged_schema)(runtime, file, progress) as engine:
        yield engine


@contextmanager
def _staged_file(runtime: Runtime, file: Path, progress: Progress) -> Iterator[Engine]:
    target = Path(str(runtime.engine.url.database)).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.restore")
    _drop_sqlite(draft)
    size = file.stat().st_size
    progress("copying", 0, size)
    engine = engine_for(f"sqlite:///{draft}").execution_options(write=True)
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(file, draft)
        progress("copying", size, size)
        yield engine
        engine.dispose()
        one_file(draft)
        if target.exists():  # whoever ran the service before must be able to run it again
            os.chown(draft, target.stat().st_uid, target.stat().st_gid)
            shutil.copymode(target, draft)
        sync(draft)
        _take_sqlite(target, f"Stop serve, relay and consume of {runtime.name} first") if target.exists() else None
        for log in ("-wal", "-shm"):  # an old log beside the new file would be played into it
            target.with_name(target.name + log).unlink(missing_ok=True)
        os.replace(draft, target)
        sync(target.parent)
    finally:
        engine.dispose()
        _drop_sqlite(draft)


def _drop_sqlite(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@contextmanager
def _staged_schema(runtime: Runtime, file: Path, progress: Progress) -> Iterator[Engine]:
    """The old tables step aside into a schema of their own and come back whatever goes wrong, at the next try at the latest."""
    size = file.stat().st_size
    with runtime.engine.begin() as connection:
        _put_back(connection)
        connection.execute(text(f"ALTER SCHEMA public RENAME TO {ASIDE}"))
        connection.execute(text("CREATE SCHEMA public"))
    try:
        progress("restoring", 0, size)
        postgres_tool(runtime, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--schema=public", str(file))
        progress("restoring", size, size)
        yield runtime.engine
        with runtime.engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {ASIDE} CASCADE"))
    except BaseException:
        with runtime.engine.begin() as connection:
            _put_back(connection)
        raise


def _put_back(connection: Connection) -> None:
    if connection.scalar(text("SELECT count(*) FROM pg_namespace WHERE nspname = :name"), {"name": ASIDE}):
        connection.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
        connection.execute(text(f"ALTER SCHEMA {ASIDE} RENAME TO public"))

# SPDX-License-Identifier: MPL-2.0
"""Engines, the declarative base and `Tx`, the one transaction that a command or a reaction lives in.

SQLite writes BEGIN IMMEDIATE (the driver's default mode loses updates without an error), reads BEGIN; WAL and
synchronous=FULL, because NORMAL can lose a state whose event survived (reference: docs/adr/0003).
"""
from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, DateTime, Engine, MetaData, create_engine, event, exc, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from jobtrappen import postgres, trips
from jobtrappen.errors import BadConfiguration, Unavailable

NAMING = {
    "ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
}
TRANSIENT = (exc.OperationalError, exc.InternalError, exc.TimeoutError, exc.InterfaceError)
"""Database errors after which the same work may simply be tried again."""


class Moment(TypeDecorator[datetime]):
    """A timezone-aware UTC datetime on both databases (SQLite forgets the zone, so only UTC goes in)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value is not None and value.tzinfo is not None else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def base(schema_owner: str) -> type[DeclarativeBase]:
    """A declarative base of its own for each service: four services in one process must not share metadata."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMING)
        type_annotation_map = {datetime: Moment}

    Base.__name__ = f"{schema_owner.title()}Base"
    return Base


def engine_for(url: str) -> Engine:
    """An engine with the house's settings; connects lazily.

    Raises:
        BadConfiguration: the URL's dialect is not one of the two supported.
    """
    if url.startswith("sqlite"):
        return _sqlite(url)
    if url.startswith("postgresql+psycopg"):
        engine = postgres.engine_for(url)
        trips.begin_late(engine)
        return _ping_after_rest(engine)
    raise BadConfiguration("JOBTRAPPEN_DATABASE: use sqlite:/// or postgresql+psycopg://")


REST_SECONDS = 1.0


def _ping_after_rest(engine: Engine) -> Engine:
    """Ask a connection that has rested whether it still lives. A busy one is not asked: `pool_pre_ping` would put one more
    round trip before every command, while a server that was away for less than a second costs one 503 at most."""

    @event.listens_for(engine, "checkin")
    def left(_connection: Any, record: Any) -> None:
        record.info["left"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("left", time.monotonic()) > REST_SECONDS:
            try:
                with postgres.a_ping(connection):
                    engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise exc.InvalidatePoolError from error

    return engine


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin anything by itself
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A write transaction; leaving it without an error commits.

    Raises:
        Unavailable: the database is away, locked for longer than the busy timeout, or its disk is full.
    """
    try:
        with engine.connect() as connection, Session(connection.execution_options(write=True), expire_on_commit=False) as session:
            yield session
            trips.commit(session)
    except TRANSIENT as error:
        raise Unavailable(f"The database did not take it ({error.orig.__class__.__name__ if isinstance(error, exc.DBAPIError) else 'timeout'})") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A read transaction, always rolled back.

    Raises:
        Unavailable: the database is away.
    """
    try:
        with engine.connect() as connection, Session(connection.execution_options(read=True), expire_on_commit=False, autoflush=False) as session:
            yield session
    except TRANSIENT as error:
        raise Unavailable("The database does not answer") from error


@contextmanager
def committing(connection: Connection) -> Iterator[None]:
    """A write transaction on a connection that is held for long, as the relay's leader does. Its other transactions are
    plain reads, so that on SQLite they do not stand in the way of those who write."""
    connection.execution_options(write=True)
    try:
        with connection.begin():
            yield
    finally:
        connection.execution_options(write=False)


def one_at_a_time(session: Session, name: str) -> None:
    """Whoever comes with the same name waits until this transaction is over. SQLite writes one at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})


def key_of(value: UUID | str) -> str:
    """How ids stand in keys, events and URLs: the lower-case canonical text."""
    return str(value)

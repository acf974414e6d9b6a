# SPDX-License-Identifier: MPL-2.0
"""Several statements in one round trip to PostgreSQL (libpq's pipeline); one after the other on SQLite, which has none.

Each statement still sees what was committed before it began, as if it had been sent by itself. The statements are the
kit's own, of plain types (text, numbers, bytes, moments); BEGIN travels with the first of them, COMMIT with the last.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import Executable

Values = Mapping[str, Any]
Question = tuple[Executable, Values]
Order = tuple[Executable, Sequence[Values]]
OWED, LAST = "jobtrappen.begin", "jobtrappen.last"


def begin_late(engine: Engine) -> None:
    """The driver begins nothing by itself; BEGIN is sent with a transaction's first statement. A transaction of the
    option `read` has none: each of its statements sees what is committed, which is all that READ COMMITTED promises."""

    @event.listens_for(engine, "connect")
    def prepare(driver: Any, _record: Any) -> None:
        driver.autocommit = True

    @event.listens_for(engine, "begin")
    def owe(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.info[OWED] = bool(options.get("write")) or not (options.get("read") or options.get("isolation_level") == "AUTOCOMMIT")

    @event.listens_for(engine, "before_cursor_execute")
    def pay(connection: Connection, cursor: Any, *_statement: Any) -> None:
        if connection.info.pop(OWED, False):
            cursor.connection.execute("BEGIN")

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def forget(connection: Connection) -> None:
        if not connection.invalidated:
            connection.info.pop(OWED, None)


def ask(session: Session, *questions: Question) -> list[Any]:
    """Run statements together, in their order.

    Returns: for each its rows, or, where it gives none, how many it changed.
    Raises:
        sqlalchemy.exc.DBAPIError: as each statement by itself would.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql" or (len(questions) == 1 and not connection.info.get(OWED)):
        results: list[Any] = [session.execute(statement, values) for statement, values in questions]
        return [result.all() if result.returns_rows else result.rowcount for result in results]
    with _pipeline(connection) as driver:
        cursors = [driver.execute(_text(statement), values) for statement, values in questions]
    return [cursor.fetchall() if cursor.description else cursor.rowcount for cursor in cursors]


def at_the_end(session: Session, statement: Executable, rows: Sequence[Values]) -> None:
    """Have rows written by the next `write`, or with COMMIT: nobody waits for their answer."""
    if rows:
        session.info.setdefault(LAST, []).append((statement, rows))


def write(session: Session) -> None:
    """Write what waits for the end now, because the next step may want to read it."""
    if orders := session.info.pop(LAST, None):
        connection = session.connection()
        if connection.dialect.name != "postgresql":
            _one_by_one(session, orders)
            return
        with _pipeline(connection) as driver:
            _send(driver, orders)


def commit(session: Session) -> None:
    """Write what waits for the end, and COMMIT."""
    session.flush()
    orders: list[Order] = session.info.pop(LAST, [])
    connection = session.connection()
    if not orders or connection.dialect.name != "postgresql":
        _one_by_one(session, orders)
        session.commit()
        return
    try:
        with _pipeline(connection) as driver:
            _send(driver, orders)
            session.commit()
    except BaseException:
        _leave_nothing_open(connection)
        raise


def _leave_nothing_open(connection: Connection) -> None:
    """An error on the way to COMMIT can come out of the ROLLBACK that follows it, which shares the pipeline. SQLAlchemy then takes the
    transaction for ended, and would hand the connection on to the next one with it still open and failed."""
    driver: Any = None if connection.closed or connection.invalidated else connection.connection.dbapi_connection
    if driver is None or driver.closed or not driver.pgconn.transaction_status:  # 0 is idle
        return
    try:
        driver.rollback()
    except connection.dialect.loaded_dbapi.Error as error:
        connection.invalidate(error)


def _one_by_one(session: Session, orders: Sequence[Order]) -> None:
    for statement, rows in orders:
        session.execute(statement, list(rows))


def _send(driver: Any, orders: Sequence[Order]) -> None:
    for statement, rows in orders:
        for row in rows:
            driver.execute(_text(statement, tuple(row)), row)


@contextmanager
def _pipeline(connection: Connection) -> Iterator[Any]:
    """The driver's connection in pipeline mode; its errors come out as SQLAlchemy's, so that who retries knows them."""
    driver: Any = connection.connection.dbapi_connection
    errors = connection.dialect.loaded_dbapi.Error
    try:
        with driver.pipeline():
            if connection.info.pop(OWED, False):
                driver.execute("BEGIN")
            yield driver
    except errors as error:
        if driver.closed and not connection.closed:
            connection.invalidate(error)
        raise exc.DBAPIError.instance("several statements together", None, error, errors, hide_parameters=True,
                                      connection_invalidated=bool(driver.closed), dialect=connection.dialect) from error


@lru_cache(maxsize=64)
def _text(statement: Any, columns: tuple[str, ...] | None = None) -> str:
    """A statement as psycopg takes it; put together once."""
    from sqlalchemy.dialects.postgresql import psycopg

    return str((statement.inline() if columns and statement.is_insert else statement).compile(dialect=psycopg.dialect(), column_keys=columns and list(columns)))

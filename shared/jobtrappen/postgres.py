# SPDX-License-Identifier: MPL-2.0
"""PostgreSQL over a network that may swallow everything: no process waits for ever, and none holds up the others.

libpq alone waits without an end for a server that took the question and never answers; TCP notices a lost host after
hours. So three clocks run. *This process* gives an answer up after `Patience.seconds` and drops the connection. *TCP* of
both ends asks an idle peer after 10 s and gives it up 15 s later. *The server* ends a session that stands still inside a
transaction, so that a stalled process (a stopped machine, a swallowed link) gives its locks back; what that process wrote
is rolled back, and it finds its connection gone when it wakes.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, create_engine, event

PING_SECONDS = 5.0
TCP = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
SERVER = "-c jit=off -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000 -c timezone=UTC"
"""The same from the server's side, for this session alone; the day of a moment is the same on every server, as SQLite counts it; and no
compiling of questions (jit): it takes a quarter of a second, and each of ours is answered in less."""


def why_refused(said: str) -> str:
    """The remedy for what libpq said, when a server is there and no later start would do better; "" for everything else. Servers that
    speak another language than English are not understood here."""
    if "certificate" in said or "does not support SSL" in said or "SSL error" in said:
        return ("The server's certificate is not trusted, or it speaks no TLS. Look at sslmode and sslrootcert at the end of the URL "
                "(?sslmode=verify-full&sslrootcert=/path/ca.pem), and whether the certificate names the host of the URL.")
    if "password authentication failed" in said:
        return "The server is there and the log-in is wrong. Look at the user in the URL and at JOBTRAPPEN_DATABASE_PASSWORD (or its file)."
    if "permission denied for database" in said or "no pg_hba.conf entry" in said:
        return "The server does not let this user into this database in this way. Look at the URL, and at the server's pg_hba.conf and grants."
    return ""


@dataclass
class Patience:
    """How long one answer may take, in seconds; None: as long as it takes (migrations, backups)."""

    seconds: float | None = None


def engine_for(url: str) -> Engine:
    """An engine that waits as its `patience_of` says; connects lazily."""
    engine = create_engine(url, pool_size=8, max_overflow=8, pool_timeout=10, connect_args=TCP, hide_parameters=True)
    patience = Patience()
    engine.dialect.jobtrappen_patience = patience  # type: ignore[attr-defined]

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, given: dict[str, Any]) -> Any:
        options = [str(given.get("options", "")), SERVER]
        if patience.seconds is not None:
            options.append(f"-c idle_in_transaction_session_timeout={round(patience.seconds * 1000)} -c client_connection_check_interval=5000")
        made = _bounded().connect(*arguments, **{**given, "options": " ".join(options).strip()})
        made.patience = patience
        return made

    return engine


def patience_of(engine: Engine) -> Patience:
    """The patience of an engine made here, shared by all its connections; another database's has none to be set."""
    return getattr(engine.dialect, "jobtrappen_patience", None) or Patience()


@contextmanager
def a_ping(connection: Any) -> Iterator[None]:
    """What is asked meanwhile is answered soon or not at all: another connection is then made, within 5 s too."""
    own, connection.patience = connection.patience, Patience(PING_SECONDS)
    try:
        yield
    finally:
        connection.patience = own


@lru_cache
def _bounded() -> Any:
    """psycopg's connection, each wait with an end; made at the first use, because the driver is an extra."""
    import psycopg
    from psycopg import errors

    class Bounded(psycopg.Connection[Any]):
        patience = Patience()

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is not None or self.patience.seconds is None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, self.patience.seconds)
            except errors._WaitTimeout:
                self.pgconn.finish()  # what the server still says would be taken for the answer to the next question
                raise psycopg.OperationalError(f"the server did not answer within {self.patience.seconds:g} s") from None

    return Bounded

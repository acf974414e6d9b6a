# SPDX-License-Identifier: MPL-2.0
"""Where the event core is proven: both databases, both buses, each against the real thing."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.support.ledger import Ledger, a_ledger

IMPATIENT = "session_timeout_ms=3000&request_timeout_ms=4000&delivery_timeout_ms=5000&bootstrap_timeout_ms=3000"
SQLITE = "sqlite:///{home}/{service}.db"


def database_of(kind: str, request: pytest.FixtureRequest, pair: str = "core", services: Iterable[str] = ("referral", "partners")) -> str:
    """A URL template with `{service}` in it. On PostgreSQL the databases are made once and emptied for each test:
    fifty new ones would be half a gigabyte of templates."""
    if kind == "sqlite":
        return SQLITE
    server = request.getfixturevalue("postgres_server")
    for service in services:
        with suppress(psycopg.errors.DuplicateDatabase):
            server.create_database(f"{pair}_{service}")
        with create_engine(server.url(f"{pair}_{service}")).begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    return server.url(pair + "_{service}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Speaker and ledger over either database, with the embedded bus."""
    with a_ledger(tmp_path, database_of(request.param, request)) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres-kafka", marks=[pytest.mark.postgres, pytest.mark.kafka])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Speaker and ledger on the embedded default, and on PostgreSQL with Kafka."""
    kind, _, bus = request.param.partition("-")
    url = f"{request.getfixturevalue('kafka_server').url}?{IMPATIENT}" if bus else ""
    with a_ledger(tmp_path, database_of(kind, request), url) as made:
        yield made

# SPDX-License-Identifier: MPL-2.0
"""The servers that tests start are real ones: what they confirmed survives SIGKILL."""
from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from tests.support.postgres import PostgresServer


@pytest.mark.postgres
def test_postgresql_keeps_what_it_committed_when_it_is_killed(postgres_server: PostgresServer) -> None:
    engine = create_engine(postgres_server.create_database("killed"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n int)"))
        connection.execute(text("INSERT INTO kept VALUES (42)"))
        assert connection.execute(text("SHOW fsync")).scalar_one() == "on"
    engine.dispose()
    postgres_server.kill()
    postgres_server.restart()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT n FROM kept")).scalar_one() == 42
    engine.dispose()

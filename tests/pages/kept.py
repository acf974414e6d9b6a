# SPDX-License-Identifier: MPL-2.0
"""The services' databases as they were: to see whether a request changed something, and to go back."""
from __future__ import annotations

import hashlib
import sqlite3

from jobtrappen.config import SERVICES
from tests.pages.every_page import Municipality

WRITTEN_ANYWAY = {"audit", "draft", "rate", "heartbeat", "measure", "ended_session"}
"""What is written also where nothing was done: who read what, what was typed."""


class Kept:
    """The services' databases as they were, to compare with and to go back to."""

    def __init__(self, municipality: Municipality) -> None:
        self.home = municipality.world.settings.home
        self.copies = {name: sqlite3.connect(":memory:") for name in SERVICES}
        for name, copy in self.copies.items():
            with self._open(name) as now:
                now.backup(copy)
        self.first = {name: self.state(name) for name in SERVICES}

    def _open(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(self.home / f"{name}.db", timeout=30)

    def state(self, name: str) -> dict[str, str]:
        """{table: digest of its rows}."""
        connection = self._open(name)
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found = {table: hashlib.sha256(repr(connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()).encode()).hexdigest() for table in tables if table not in WRITTEN_ANYWAY}
        connection.close()
        return found

    def changed(self, name: str) -> list[str]:
        """The tables that are not as they were."""
        now = self.state(name)
        return sorted(table for table in now if now[table] != self.first[name].get(table))

    def back(self, name: str) -> None:
        now = self._open(name)
        self.copies[name].backup(now)
        now.close()

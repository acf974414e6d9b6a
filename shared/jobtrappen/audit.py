# SPDX-License-Identifier: MPL-2.0
"""The audit log's chain. Rows are written by the commands themselves (`Tx.audit`); the relay's leader chains them
afterwards, because a chain head inside the transaction would make every writer of a service wait for every other.

Each link is an HMAC over its row and the link before, under a key that is not in the database: who has the database's log-in
alone can change rows, but cannot make the links that fit them. What the chain by itself cannot show is a tail that is gone;
for that its head is told to the outside (`head`).
"""
from __future__ import annotations

import hmac
import json
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from jobtrappen import tables
from jobtrappen.config import Settings
from jobtrappen.db import committing
from jobtrappen.failpoint import hit
from jobtrappen.keys import derive

A = tables.audit.c
CHUNK = 500
GENESIS = "0" * 64
UNSEALED = select(tables.audit).where(A.chain_no.is_(None)).order_by(A.id).limit(CHUNK)
SEAL = update(tables.audit).where(A.id == bindparam("row")).values(chain_no=bindparam("number"), chain_hash=bindparam("hash"))


def keys(settings: Settings) -> list[bytes]:
    """The keys of the seal, one for each secret that is configured; the first one seals, all of them verify."""
    return [derive(secret, "audit") for secret in settings.secrets]


def digest(key: bytes, previous: str, number: int, row: Any) -> str:
    """The seal of one row under the link before it; the moment in UTC, whatever zone the session has."""
    content = [number, row.id, row.at.astimezone(UTC).isoformat(), row.actor, row.role, row.unit, row.acting_for, row.action, row.subject,
               row.subject_id, str(row.case_id) if row.case_id else None, row.purpose, row.request_id]
    return hmac.digest(key, f"{previous}{json.dumps(content, ensure_ascii=False)}".encode(), "sha256").hex()


class Chain:
    """The chain as its only writer holds it, so the head is looked for once and not among all rows each time."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        """`connection`: the relay leader's own. `key`: the first of `keys`."""
        self.connection, self.key = connection, key
        self.head: tuple[int, str] | None = None

    def seal(self) -> int:
        """Chain the rows that are not chained yet, in the order in which the leader sees them committed.

        Returns: how many rows were sealed; at most one chunk, so that events need not wait for long.
        """
        with self.connection.begin():
            rows = self.connection.execute(UNSEALED).all()
            number, previous = self.head or head(self.connection)
        if not rows:
            return 0
        links = []
        for row in rows:
            number += 1
            previous = digest(self.key, previous, number, row)
            links.append({"row": row.id, "number": number, "hash": previous})
        with committing(self.connection):
            if self.connection.dialect.name == "postgresql":
                self.connection.exec_driver_sql("SET LOCAL synchronous_commit = on")  # the leader's marks may be forgotten, a seal may not
            self.connection.execute(SEAL, links)
            hit("audit.before_seal_commit")
        self.head = number, previous
        return len(rows)


def head(connection: Connection) -> tuple[int, str]:
    """(number, seal) of the newest link; (0, zeros) of an empty chain. Kept elsewhere it shows later that the tail is gone."""
    newest = select(func.max(A.chain_no)).scalar_subquery()
    found = connection.execute(select(A.chain_no, A.chain_hash).where(A.chain_no == newest)).first()
    return (found.chain_no, found.chain_hash) if found else (0, GENESIS)

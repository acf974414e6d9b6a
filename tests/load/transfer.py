# SPDX-License-Identifier: MPL-2.0
"""The rows that use cases made on SQLite, every one of them, in PostgreSQL's tables: sending a hundred thousand cases takes an hour,
putting their rows elsewhere some minutes. Nothing is multiplied or changed; ids, seals and the bus's offsets stay what they are."""
from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, insert, select, text

from jobtrappen.postgres import patience_of
from jobtrappen.runtime import Runtime

CHUNK = 5_000


def move(pairs: Iterable[tuple[Runtime, Runtime]]) -> int:
    """Empty each target's tables and fill them with the source's rows.

    Args:
        pairs: (source, target), both migrated by the same code, the target on PostgreSQL.
    Returns: how many rows.
    """
    done = 0
    for source, target in pairs:
        patience_of(target.engine).seconds = None
        tables = source.service.metadata.sorted_tables
        with source.engine.connect() as old, target.engine.connect() as new, new.begin():
            new.execution_options(write=True)
            new.execute(text("TRUNCATE " + ", ".join(f'"{table.name}"' for table in tables)))
            done += sum(_rows(table, old, new) for table in tables)
    return done


def _rows(table: Table, old: Connection, new: Connection) -> int:
    done = 0
    for rows in old.execution_options(yield_per=CHUNK).execute(select(table)).mappings().partitions():
        new.execute(insert(table), [dict(row) for row in rows])
        done += len(rows)
    for column in table.primary_key:
        if serial := new.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}):
            new.execute(text(f'SELECT setval(:serial, coalesce(max("{column.name}"), 1)) FROM "{table.name}"'), {"serial": serial})
    return done

# SPDX-License-Identifier: MPL-2.0
"""Larger than time allows: the rows that use cases made, copied with other ids by the database itself.

A copy is what its original is, in every table of the services: cases, transitions, audit, outbox, answers, cursors. What is
sealed stays readable, since no seal is bound to an id. The bodies of events and the bus are not made anew, so nothing may be
rebuilt from copies; how long lists, searches, reports and commands take, and what a case weighs, does not depend on that.
"""
from __future__ import annotations

from sqlalchemy import Connection, String, Table, Uuid, text

from jobtrappen.postgres import patience_of
from jobtrappen.runtime import Runtime

OWN = frozenset({"position", "heartbeat", "measure", "meta", "rate", "credential", "issued_key", "kept", "dead_letter", "diary", "alembic_version"})
"""What a service has once, not once for each case."""
LOOKUP = "cpr_lookup"
NUMBERS = frozenset({"cvr", "p_number"})
"""Unique numbers: the first four digits of a copy's are the copy's own."""


def multiply(runtimes: list[Runtime], times: int, round: int) -> None:
    """Make `times` as many cases of those that are there.

    Args:
        round: 0 for the first multiplication of these databases, 1 for the second; each writes other digits of the ids.
    """
    for runtime in runtimes:
        patience_of(runtime.engine).seconds = None
        for table in runtime.service.metadata.sorted_tables:
            if table.name not in OWN:
                with runtime.engine.connect() as connection, connection.begin():
                    connection.execution_options(write=True)
                    connection.execute(text(_statement(table, connection, round)), {"times": times - 1})


def _statement(table: Table, connection: Connection, round: int) -> str:
    postgres = connection.dialect.name == "postgresql"
    serial = {c.name for c in table.columns if c.primary_key and not isinstance(c.type, String | Uuid) and len(table.primary_key.columns) == 1}
    names = [c.name for c in table.columns if c.name not in serial]
    values = [_numbered(f"t.{_quoted(c.name)}", postgres) if c.name in NUMBERS else _other(f"t.{_quoted(c.name)}", isinstance(c.type, Uuid), c.name == LOOKUP, postgres, round) if isinstance(c.type, String | Uuid) and _holds_ids(c.name, c.type)
              else f"t.{_quoted(c.name)}" for c in table.columns if c.name in names]
    series = "generate_series(1, :times) AS s(n)" if postgres else "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :times) SELECT n FROM s) AS s"
    columns = ", ".join(map(_quoted, names))
    return f"INSERT INTO {_quoted(table.name)} ({columns}) SELECT {', '.join(values)} FROM {_quoted(table.name)} t CROSS JOIN {series} WHERE true ON CONFLICT DO NOTHING"


def _holds_ids(name: str, kind: object) -> bool:
    return isinstance(kind, Uuid) or name in ("key", "event_id", "subject_id", LOOKUP)


def _other(column: str, uuid: bool, lookup: bool, postgres: bool, round: int) -> str:
    """An expression: the id with the copy's number added to four of its last digits, so that none is its original's; what is no id stays."""
    whole = 36 if not uuid or postgres else 32
    start = whole - 3 - 4 * round
    if postgres:
        digits = f"lpad(to_hex((('x' || substr({column}::text, {start}, 4))::bit(16)::int + s.n) % 65536), 4, '0')"
        put = f"overlay({column}::text placing {digits} from {start} for 4)"
        return f"{put}::uuid" if uuid else f"CASE WHEN length({column}) = {64 if lookup else 36} THEN {put} ELSE {column} END"
    digits = " + ".join(f"{16 ** (3 - n)} * (instr('0123456789abcdef', substr({column}, {start + n}, 1)) - 1)" for n in range(4))
    put = f"substr({column}, 1, {start - 1}) || printf('%04x', ({digits} + s.n) % 65536) || substr({column}, {start + 4})"
    return f"CASE WHEN length({column}) = {64 if lookup else whole} THEN {put} ELSE {column} END"


def _numbered(column: str, postgres: bool) -> str:
    number = "lpad(s.n::text, 4, '0')" if postgres else "printf('%04d', s.n)"
    return f"{number} || substr({column}, 5)"


def _quoted(name: str) -> str:
    return f'"{name}"'

# SPDX-License-Identifier: MPL-2.0
"""What a migration must not do while code of the release before still runs: seen from the schema before and after it."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, inspect


@dataclass(frozen=True)
class Schema:
    """Tables with their columns, and everything that may refuse a row: {table: {column: (type, may be empty, has a default)}}."""

    columns: dict[str, dict[str, tuple[str, bool, bool]]]
    rules: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection) -> Schema:
        look = inspect(connection)
        names = look.get_table_names()
        return cls({name: {c["name"]: (str(c["type"]), bool(c["nullable"]), c["default"] is not None) for c in look.get_columns(name)} for name in names},
                   {name: {*(f"unique {sorted(u['column_names'])}" for u in look.get_unique_constraints(name)),
                           *(f"unique {sorted(i['column_names'])}" for i in look.get_indexes(name) if i["unique"]),
                           *(f"check {c['sqltext']}" for c in look.get_check_constraints(name)),
                           *(f"foreign {f['constrained_columns']} to {f['referred_table']}" for f in look.get_foreign_keys(name)),
                           f"primary {look.get_pk_constraint(name)['constrained_columns']}"} for name in names})


WIDTH = re.compile(r"(\w+)\((\d+)\)")
WIDER = {("INTEGER", "BIGINT"), ("SMALLINT", "INTEGER"), ("SMALLINT", "BIGINT"), ("FLOAT", "DOUBLE")}


def narrower(before: str, after: str) -> bool:
    """Whether a value that the one type takes may be refused by the other."""
    if before == after or (before, after) in WIDER:
        return False
    old, new = WIDTH.fullmatch(before), WIDTH.fullmatch(after)
    if old and new and old[1] == new[1]:
        return int(new[2]) < int(old[2])
    return not (old and old[1] == "VARCHAR" and after == "TEXT")


def broken(before: Schema, after: Schema) -> list[str]:
    """What code written for the schema before cannot live with in the schema after; [] where it only expanded."""
    found: list[str] = []
    for table, columns in before.columns.items():
        if table not in after.columns:
            found.append(f"table {table} is gone")
            continue
        now: dict[str, Any] = after.columns[table]
        for name, (kind, nullable, _default) in columns.items():
            if name not in now:
                found.append(f"column {table}.{name} is gone")
            elif narrower(kind, now[name][0]):
                found.append(f"column {table}.{name} was {kind} and is {now[name][0]}")
            elif nullable and not now[name][1]:
                found.append(f"column {table}.{name} may no longer be empty")
        found += [f"column {table}.{name} is new, must not be empty and has no default"
                  for name, (_kind, nullable, default) in now.items() if name not in columns and not nullable and not default]
        found += [f"table {table} refuses more than before: {rule}" for rule in sorted(after.rules[table] - before.rules[table])]
    return found

# SPDX-License-Identifier: MPL-2.0
"""Sealing everything anew with the keys that are in use, in chunks, while the service works; then an older key may go.

Each value is replaced only if it is still the one that was read, so a command that changes it meanwhile wins. Nothing else of
a row is touched, least of all its version. A pass that was cut off is simply begun again.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Table, func, or_, select, tuple_, update

from jobtrappen import clock, tables
from jobtrappen.db import reading, writing
from jobtrappen.keys import DERIVED
from jobtrappen.tx import SYSTEM, Tx, transaction

if TYPE_CHECKING:
    from jobtrappen.runtime import Runtime, Service

CHUNK = 200


@dataclass(frozen=True)
class Sealed:
    """A column that holds sealed values, as a service declares it.

    `context` is what the values are bound to. A document carries its key's id in itself; a number (CPR) has it in
    `key_column`, and its keyed hash in `lookup_column`.
    """

    table: str
    column: str
    context: str
    key_column: str = ""
    lookup_column: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Hashed:
    """Keyed hashes that are kept beside sealed values so that these can be found (a blind index), as a service declares them.

    `stale(runtime)` selects the ids of those rows of `table` whose hashes the key in use did not make, or that have none yet;
    `renew(tx, id)` makes them anew.
    """

    name: str
    table: str
    stale: Callable[[Runtime], Any]
    renew: Callable[[Tx, UUID], None]


KIT = (Sealed("transition", "sealed", "transition"), Sealed("person_copy", "sealed", "person_copy"), Sealed("draft", "sealed", "draft"))
ANSWERS = Sealed("answer", "body", "")
"""What repeated commands are answered with; sealed with the secret, and without an id of it."""


def places(service: Service) -> list[Sealed]:
    """Every place of a service that holds sealed values."""
    return [*service.sealed, *KIT, ANSWERS]


def by_key(runtime: Runtime) -> dict[str, dict[str, int]]:
    """{place: {key id: rows}} for documents and numbers; "?" counts what no known key sealed."""
    return {place.name: counted for place in [*runtime.service.sealed, *KIT] if (counted := _counted(runtime, place))}


def _counted(runtime: Runtime, place: Sealed) -> dict[str, int]:
    table = runtime.service.metadata.tables[place.table]
    there = select(func.count()).select_from(table).where(table.c[place.column].is_not(None))
    with reading(runtime.engine) as session:
        found = {name: session.scalar(there.where(_has_id(table, place, name))) or 0 for name in {*runtime.vault.ring, *runtime.vault.in_use, DERIVED}}
        rest = (session.scalar(there) or 0) - sum(found.values())
    return {name: rows for name, rows in {**found, "?": rest}.items() if rows}


def _has_id(table: Table, place: Sealed, name: str) -> Any:
    if place.key_column:
        return table.c[place.key_column] == name
    return func.substr(table.c[place.column], 1, len(name) + 1) == f"{name}:"


def older_partner_keys(runtime: Runtime) -> int:
    """Keys of partners and integrators that are valid and hashed with an older secret; each is hashed anew when it is used."""
    c = tables.credential.c
    with reading(runtime.engine) as session:
        return session.scalar(select(func.count()).where(
            c.revoked_at.is_(None), or_(c.expires_on.is_(None), c.expires_on >= clock.now().date()),
            or_(c.hash_key.is_(None), c.hash_key != runtime.signer.current))) or 0


def older_lookups(runtime: Runtime) -> int:
    """CPR numbers that are stored under another look-up key than the one in use."""
    return sum(row[-1] != runtime.vault.lookup(runtime.vault.open(row[-2], row.value, place.context))
               for place in runtime.service.sealed if place.lookup_column
               for rows in _chunks(runtime, _table(runtime, place), place, CHUNK) for row in rows)


def older_hashes(runtime: Runtime) -> dict[str, int]:
    """{name: rows} of what is found by hashes that the key in use did not make, or not made yet."""
    with reading(runtime.engine) as session:
        found = {one.name: session.scalar(select(func.count()).select_from(one.stale(runtime).subquery())) or 0 for one in runtime.service.hashed}
    return {name: rows for name, rows in found.items() if rows}


def _rehash(runtime: Runtime, stop: threading.Event, chunk: int, pause: float, progress: Callable[[int], None]) -> int:
    """Each chunk in a transaction of its own; a row is read again in it, so a command that changes it meanwhile wins."""
    done = 0
    for one in runtime.service.hashed:
        while not stop.is_set():
            with transaction(runtime, SYSTEM) as tx:
                ids = list(tx.session.scalars(one.stale(runtime).limit(chunk)))
                for id in ids:
                    one.renew(tx, id)
            if not ids:
                break
            done += len(ids)
            progress(len(ids))
            stop.wait(pause)
    return done


def older_answers(runtime: Runtime) -> int:
    """Stored answers that the secret in use did not seal."""
    table = _table(runtime, ANSWERS)
    return sum(_fresh(runtime, ANSWERS, row) is not None for rows in _chunks(runtime, table, ANSWERS, CHUNK) for row in rows)


def run(runtime: Runtime, stop: threading.Event, chunk: int = CHUNK, pause: float = 0.02, progress: Callable[[int], None] = lambda rows: None) -> int:
    """One pass over everything that is sealed.

    Args:
        chunk: rows of one transaction; others wait for it on SQLite.
        pause: seconds between two chunks that were written, in which the service's own work goes first.
        progress: called with the number of rows that were looked at.
    Returns: how many values were sealed or hashed anew. After a pass that changed none, and with every process on the new keys, the
        older ones are needed no longer.
    Raises:
        KeyMissing: a value is sealed with a key that is not configured.
    """
    changed = _rehash(runtime, stop, chunk, pause, progress)
    for place in places(runtime.service):
        table = _table(runtime, place)
        for rows in _chunks(runtime, table, place, chunk):
            if stop.is_set():
                return changed
            done = _replace(runtime, table, place, rows)
            changed += done
            progress(len(rows))
            if done:
                stop.wait(pause)
    return changed


def total(runtime: Runtime) -> int:
    """How many rows a pass looks at, at most."""
    with reading(runtime.engine) as session:
        hashes = sum(session.scalar(select(func.count()).select_from(runtime.service.metadata.tables[one.table])) or 0 for one in runtime.service.hashed)
        return hashes + sum(session.scalar(select(func.count()).select_from(table).where(table.c[place.column].is_not(None))) or 0
                            for place in places(runtime.service) for table in [_table(runtime, place)])


def _table(runtime: Runtime, place: Sealed) -> Table:
    return runtime.service.metadata.tables[place.table]


def _chunks(runtime: Runtime, table: Table, place: Sealed, chunk: int) -> Iterator[list[Any]]:
    """Rows with a value, in the order of the primary key, each chunk in a read transaction of its own."""
    keys, value = list(table.primary_key.columns), table.c[place.column]
    question = select(*keys, value.label("value"), *(table.c[name] for name in (place.key_column, place.lookup_column) if name))
    question = question.where(value.is_not(None)).order_by(*keys).limit(chunk)
    last: tuple[Any, ...] | None = None
    while True:
        after = question if last is None else question.where(tuple_(*keys) > tuple_(*last) if len(keys) > 1 else keys[0] > last[0])
        with reading(runtime.engine) as session:
            rows = list(session.execute(after))
        if not rows:
            return
        last = tuple(rows[-1][: len(keys)])
        yield rows


def _replace(runtime: Runtime, table: Table, place: Sealed, rows: list[Any]) -> int:
    fresh = [(row, values) for row in rows if (values := _fresh(runtime, place, row)) is not None]
    if not fresh:
        return 0
    keys = list(table.primary_key.columns)
    with writing(runtime.engine) as session:
        for row, values in fresh:
            session.execute(update(table).where(*(key == row[n] for n, key in enumerate(keys)), table.c[place.column] == row.value).values(**values))
    return len(fresh)


def _fresh(runtime: Runtime, place: Sealed, row: Any) -> dict[str, Any] | None:
    """The new values of a row's columns; None when the keys in use made the present ones."""
    vault = runtime.vault
    if place is ANSWERS:
        return None if vault.is_fresh_answer(row.value) else {"body": vault.seal_answer(vault.open_answer(row.value))}
    if not place.key_column:
        id, _, text = row.value.partition(":")
        return None if id in vault.in_use else {place.column: ":".join(vault.seal(vault.open(id, text, place.context), place.context))}
    id, lookup = row[-2], row[-1]
    plain = vault.open(id, row.value, place.context)
    if id in vault.in_use and lookup == vault.lookup(plain):
        return None
    key, sealed = vault.seal(plain, place.context)
    return {place.key_column: key, place.column: sealed, place.lookup_column: vault.lookup(plain)}

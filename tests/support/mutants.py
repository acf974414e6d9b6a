# SPDX-License-Identifier: MPL-2.0
"""The event core with one of its safeguards taken out, to see that the chaos tests' checker notices. Nothing of this is in
the product: a mutant is put over it in a test's own process (`apply(name, monkeypatch.setattr)`), or in a worker process of
the ledger by JOBTRAPPEN_TEST_MUTANT.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event, select, text
from sqlalchemy.orm import Session

from jobtrappen import consumer, db, inbox, parking, relay, tables
from jobtrappen.bus import Producer, Record
from jobtrappen.db import writing
from jobtrappen.errors import BusError, Fenced
from jobtrappen.failpoint import hit

Patch = Callable[[Any, str, Any], None]
C = tables.cursor.c


def cursor_off(patch: Patch) -> None:
    """Nobody asks whether an event was applied before."""
    for module in (inbox, parking):
        patch(module, "is_old", lambda _event, _last: False)


def position_before_the_effect(patch: Patch) -> None:
    """The position moves in a transaction of its own, and is committed when the effect is not there yet."""
    commit = consumer.Consumer._commit

    def mutant(self: consumer.Consumer, todo: Sequence[inbox.Arrival]) -> None:
        records = [arrival.record for arrival in todo]
        with suppress(Fenced), writing(self.runtime.engine) as session:
            for place, end in sorted(inbox.ends(records).items()):
                row = {"consumer": self.name, "topic": place[0], "partition": place[1], "next": end,
                       "first": min(r.offset for r in records if (r.topic, r.partition) == place)}
                if not session.execute(move, row).rowcount:  # type: ignore[attr-defined]
                    inbox.begin(session, row)
        commit(self, todo)

    move = inbox.MOVE
    patch(inbox, "MOVE", text("UPDATE position SET next_offset = next_offset WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
                              " AND :next >= :first"))
    patch(consumer.Consumer, "_commit", mutant)


def mark_before_the_acknowledgement(patch: Patch) -> None:
    """The relay marks a wave as published before the bus has said that it has it."""

    def once(self: relay.Relay, connection: Connection, producer: Producer) -> int:
        with connection.begin():
            left = connection.execute(relay.UNPUBLISHED).all()
        done = 0
        while left:
            wave, left = relay.a_wave(left)
            relay.mark(connection, [row.id for row in wave])()
            hit("relay.before_send")
            answers = producer.send([Record(row.topic, row.key.encode(), row.payload.encode(), relay.HEADERS) for row in wave])
            if any(answers):
                raise BusError("not confirmed")
            done += len(wave)
        return done

    patch(relay.Relay, "once", once)


def two_relays_at_once(patch: Patch) -> None:
    """Whoever asks to lead does."""
    patch(relay, "_flock", lambda _file, _stop: True)
    patch(relay, "_advisory", lambda _connection, _name, _stop: True)


def parking_lock_off(patch: Patch) -> None:
    """Who applies kept records does not lock the cursor of their key."""

    def unlocked(session: Session, name: str, place: tuple[str, str]) -> inbox.Mark:
        row = session.execute(select(C.epoch, C.seq).where(C.consumer == name, C.topic == place[0], C.key == place[1])).one()
        return row.epoch, row.seq

    patch(parking, "_locked", unlocked)


def deferred_begin(patch: Patch) -> None:
    """SQLite's write transactions begin as reads, and find out later that somebody else has written meanwhile."""
    event.listen(Engine, "before_cursor_execute", _deferred, retval=True)


def _deferred(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> tuple[str, Any]:
    return statement.replace("BEGIN IMMEDIATE", "BEGIN"), parameters


def synchronous_normal(patch: Patch) -> None:
    """SQLite's services do not sync at every commit; only a power cut shows it (test_a_power_cut_…)."""
    made = db._sqlite

    def mutant(url: str) -> Engine:
        engine = made(url)
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=NORMAL"))
        return engine

    patch(db, "_sqlite", mutant)


MUTANTS: dict[str, Callable[[Patch], None]] = {
    one.__name__: one for one in (cursor_off, position_before_the_effect, mark_before_the_acknowledgement, two_relays_at_once, parking_lock_off, deferred_begin)}


def apply(name: str, patch: Patch = setattr) -> None:
    """Put a mutant over the product; "" leaves it as it is."""
    if name:
        MUTANTS[name](patch)


def remove() -> None:
    """What monkeypatch does not take back by itself."""
    if event.contains(Engine, "before_cursor_execute", _deferred):
        event.remove(Engine, "before_cursor_execute", _deferred)

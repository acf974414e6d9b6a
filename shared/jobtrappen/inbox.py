# SPDX-License-Identifier: MPL-2.0
"""A consumer's inbox in its own database: position and cursor, moved in the effect's own transaction.

The *position* (one row for each topic and partition) is the fence: it moves first, and only forward. The *cursor* (one
row for each topic and key) holds the epoch and seq of the last event that was applied or given up; it needs no pruning,
tells duplicates from news, and notices a gap. What is kept (parking.py) lies between cursor and position.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select, text, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from jobtrappen import clock, contracts, tables, tracing, trips
from jobtrappen.bus import Place, Record
from jobtrappen.config import TOPICS
from jobtrappen.db import TRANSIENT
from jobtrappen.errors import Fenced, Poison, Unavailable
from jobtrappen.event import Event, Undecodable, decode
from jobtrappen.failpoint import hit

log = structlog.get_logger("jobtrappen.inbox")
Mark = tuple[int, int]
"""(epoch, seq)"""
AGAIN = (Unavailable, StaleDataError, *TRANSIENT)
"""Nothing is wrong with the event: the same work is simply tried again, for as long as it takes."""
C, K = tables.cursor.c, tables.kept.c
MOVE = text("UPDATE position SET next_offset = :next WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
            " AND next_offset <= :first")
FIRST = text("INSERT INTO position (consumer, topic, partition, next_offset) VALUES (:consumer, :topic, :partition, :next)"
             " ON CONFLICT (consumer, topic, partition) DO NOTHING RETURNING next_offset")
SET_CURSOR = text(
    "INSERT INTO cursor (consumer, topic, key, epoch, seq) VALUES (:consumer, :topic, :key, :epoch, :seq)"
    " ON CONFLICT (consumer, topic, key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq")
CURSORS = text(
    "SELECT topic, key, epoch, seq FROM cursor WHERE consumer = :consumer AND (topic, key) IN"
    " (SELECT * FROM unnest(CAST(:topics AS varchar[]), CAST(:keys AS varchar[]))) ORDER BY topic, key FOR UPDATE OF cursor")
KEPT = text("SELECT topic, key, event_id FROM kept WHERE consumer = :consumer AND key = ANY(:cases)")
BURY = text(
    "INSERT INTO dead_letter (consumer, topic, partition, record_offset, key, value, reason, at) VALUES"
    " (:consumer, :topic, :partition, :offset, :key, :value, :reason, :at) ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING"
).bindparams(bindparam("at", type_=tables.dead_letter.c.at.type))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record and the event in it; `event` is None where the bytes are none, and `wrong` says why."""

    record: Record
    event: Event | None
    wrong: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """(topic, key) of an arrival that is an event."""
        assert self.event is not None
        return self.record.topic, self.event.key


def arrive(record: Record) -> Arrival:
    """Read a record once, whatever it holds."""
    try:
        event = decode(record.value)
        refuse_forged(record, event)
    except Undecodable as error:
        return Arrival(record, None, str(error))
    return Arrival(record, event)


def refuse_forged(record: Record, event: Event) -> None:
    """A topic is written by its service alone, and the record's key is the event's.

    Raises:
        Undecodable: it is not.
    """
    if record.key != event.key.encode():
        raise Undecodable("the record's key is not the event's partitionkey")
    if not event.source.endswith(f"/{record.topic.rpartition('.')[2]}"):
        raise Undecodable("attribute source is not the service that writes this topic")
    contract = contracts.CATALOGUE.get(event.name)
    if contract is not None and TOPICS[contract.by] != record.topic:
        raise Undecodable(f"{event.name} does not belong on this topic")


def is_old(event: Event, last: Mark) -> bool:
    """Was it taken before? A lower epoch is a producer's life before its database was restored."""
    return (event.epoch, event.seq) <= last


def gap(event: Event, last: Mark) -> str:
    """Words for the operator when events before this one never came; "" when none is missing."""
    return f"seq {event.seq} after {last[1]}: an event of this key was lost or overtaken" if event.seq > last[1] + 1 else ""


class Inbox:
    """One transaction's view: positions moved first, cursors loaded and locked, the queues of kept records known."""

    def __init__(self, consumer: str, session: Session, arrivals: Sequence[Arrival]) -> None:
        self.consumer, self.session = consumer, session
        self.applied: list[str] = []
        """The case of every event that was applied or passed over."""
        self.recorded: list[str] = []
        """When each of them was committed by who said it."""
        self.queued = 0
        records = [arrival.record for arrival in arrivals]
        moves = [{"consumer": consumer, "topic": place[0], "partition": place[1], "next": next_offset,
                  "first": min(r.offset for r in records if (r.topic, r.partition) == place)} for place, next_offset in sorted(ends(records).items())]
        keys = sorted({arrival.place for arrival in arrivals if arrival.event})
        cases = sorted({key for _topic, key in keys} | {arrival.event.case for arrival in arrivals if arrival.event})
        *moved, cursors, queued = trips.ask(session, *((MOVE, row) for row in moves), *_known(session, consumer, keys, cases))
        for row, rows_moved in zip(moves, moved, strict=True):
            if not rows_moved:
                begin(session, row)
        hit("inbox.position_moved")
        self.cursors: dict[tuple[str, str], Mark] = {(topic, key): (epoch, seq) for topic, key, epoch, seq in cursors}
        self.moved: set[tuple[str, str]] = set()
        self.queues: dict[tuple[str, str], set[str]] = {}
        """What is kept of these cases: the ids of the events in each (topic, key)'s queue."""
        for topic, key, event_id in queued:
            self.queues.setdefault((topic, key), set()).add(event_id)
        hit("inbox.cursors_locked")

    def waited_for(self) -> set[str]:
        """The cases that something was applied for and that have something kept, perhaps waiting for just that."""
        return {key for _topic, key in self.queues}.intersection(self.applied)

    def take(self, arrival: Arrival, react: Callable[[Session, Event], None]) -> None:
        """Apply, skip, queue or bury one arrival.

        Raises:
            Poison: an event of this key is missing before it. And whatever the reaction raises.
        """
        event = arrival.event
        if event is None:
            self.bury(arrival)
            return
        last = self.cursors.get(arrival.place, (event.epoch, 0))
        if is_old(event, last):
            return
        if arrival.place in self.queues:
            self.keep(arrival, "behind", "an earlier record of this key is kept")
            return
        if missing := gap(event, last):
            raise Poison(missing)
        react(self.session, event)
        self._move_cursor(arrival.place, (event.epoch, event.seq))
        self.applied.append(event.case or event.key)
        self.recorded.append(event.recorded)

    def keep(self, arrival: Arrival, state: str, reason: str) -> None:
        """Queue an arrival; a second copy of one that stands there already is passed over."""
        event, queue = arrival.event, self.queues.setdefault(arrival.place, set())
        assert event is not None
        if event.id in queue:
            return
        queue.add(event.id)
        self.queued += 1
        record = arrival.record
        self.session.execute(insert(tables.kept).values(
            consumer=self.consumer, topic=record.topic, key=event.key, type=event.type, event_id=event.id, value=record.value,
            state=state, reason=printable(reason), attempts=0 if state == "behind" else 1, since=clock.now()))
        if state == "parked":
            log.error("parked", consumer=self.consumer, topic=record.topic, key=event.key, type=event.type, **tracing.fields(event.trace))
        if arrival.place not in self.cursors:
            self._move_cursor(arrival.place, (event.epoch, 0))  # the row that locks the queue must be there

    def bury(self, arrival: Arrival) -> None:
        """Keep bytes that are no event, as they came."""
        record = arrival.record
        log.error("dead letter", consumer=self.consumer, topic=record.topic, partition=record.partition, offset=record.offset)
        self.session.execute(BURY, {
            "consumer": self.consumer, "topic": record.topic, "partition": record.partition, "offset": record.offset,
            "key": record.key, "value": record.value, "reason": arrival.wrong[:300], "at": clock.now()})
        hit("inbox.buried")

    def _move_cursor(self, place: tuple[str, str], to: Mark) -> None:
        self.cursors[place] = to
        self.moved.add(place)

    def store_cursors(self) -> None:
        """The last thing before COMMIT, and sent with it."""
        trips.at_the_end(self.session, SET_CURSOR, [
            {"consumer": self.consumer, "topic": topic, "key": key, "epoch": self.cursors[topic, key][0], "seq": self.cursors[topic, key][1]}
            for topic, key in sorted(self.moved)])


def set_cursor(session: Session, consumer: str, place: tuple[str, str], to: Mark) -> None:
    """What was last applied, or given up, of this key."""
    session.execute(SET_CURSOR, {"consumer": consumer, "topic": place[0], "key": place[1], "epoch": to[0], "seq": to[1]})


def printable(reason: str) -> str:
    """An error's words as every database takes them: no NUL, no half characters, not too long."""
    return "".join(c if c.isprintable() else "?" for c in reason)[:300]


def begin(session: Session, row: dict[str, Any]) -> None:
    """The first position of a place where none could be moved. What was read meanwhile still holds: had somebody else
    begun there, this would raise.

    Raises:
        Fenced: it stands past the batch's first record already; another member took over.
    """
    if session.execute(FIRST, row).first() is None:
        raise Fenced(f"{row['topic']}/{row['partition']} is past {row['first']}")


def _known(session: Session, consumer: str, keys: Sequence[tuple[str, str]], cases: Sequence[str]) -> tuple[trips.Question, trips.Question]:
    """What is known of a batch's keys: their cursors, locked in one order, and what is kept of their cases."""
    if session.get_bind().dialect.name == "postgresql":
        topics, names = [topic for topic, _key in keys], [key for _topic, key in keys]
        return (CURSORS, {"consumer": consumer, "topics": topics, "keys": names}), (KEPT, {"consumer": consumer, "cases": list(cases)})
    return ((select(C.topic, C.key, C.epoch, C.seq).where(C.consumer == consumer, tuple_(C.topic, C.key).in_(keys)), {}),
            (select(K.topic, K.key, K.event_id).where(K.consumer == consumer, K.key.in_(cases)), {}))


def ends(records: Iterable[Record]) -> dict[Place, int]:
    """{place: the offset after its last record}."""
    found: dict[Place, int] = {}
    for record in records:
        found[record.topic, record.partition] = max(found.get((record.topic, record.partition), 0), record.offset + 1)
    return found

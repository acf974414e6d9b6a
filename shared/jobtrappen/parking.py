# SPDX-License-Identifier: MPL-2.0
"""Records that cannot be applied now are kept, in order; later ones of the same key queue behind, other keys flow on.

*Waiting*: the parent has not come yet (order holds within a topic and key only); tried again after each applied event of
its case, and on a slow beat. *Parked*: poison, a gap, or five failures; a person looks, then retries or drops. *Behind*:
an earlier one of its key is kept. *Dropped*: given up, but still behind another. Whoever applies from a queue holds the
row lock of the key's cursor, as the consumer does, so a retry and a new arrival cannot pass each other.
"""
from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from jobtrappen import clock, tables
from jobtrappen.db import reading, writing
from jobtrappen.errors import NotFound, NotYet, Poison, Unavailable
from jobtrappen.event import decode
from jobtrappen.failpoint import hit
from jobtrappen.inbox import AGAIN, Mark, gap, is_old, printable, set_cursor

if TYPE_CHECKING:
    from jobtrappen.consumer import Consumer
    from jobtrappen.runtime import Runtime
    from jobtrappen.tx import Actor

log = structlog.get_logger("jobtrappen.parking")
K, C = tables.kept.c, tables.cursor.c
ATTEMPTS = 5
ALARM_SECONDS = 3600
"""A record that has waited this long is an alarm: its parent is probably lost."""
SWEEP = 100


@dataclass
class Sweep:
    """How far the slow beat has come through the waiting queues (a head's id), so that a beat stays short however many
    wait, and when it last raised an alarm (monotonic seconds)."""

    after: int = 0
    alarmed: float = -ALARM_SECONDS


def retry_waiting(consumer: Consumer, keys: Iterable[str] | None) -> int:
    """Try the heads of waiting queues again, until nothing moves any more.

    Args:
        keys: the cases that something was applied for; None tries the next hundred queues (on a slow beat).
    Returns: how many records were applied.
    """
    if keys is None:
        _alarm(consumer)
    total, wanted = 0, None if keys is None else set(keys)
    while wanted is None or wanted:
        cases: list[str] = []
        for topic, key in _queues(consumer, wanted):
            cases += _drain(consumer, topic, key, asked=False)
        total, wanted = total + len(cases), set(cases)
    return total


def _queues(consumer: Consumer, keys: set[str] | None) -> list[tuple[str, str]]:
    heads = select(func.min(K.id)).where(K.consumer == consumer.name).group_by(K.topic, K.key)
    if keys is not None:
        heads = heads.where(K.key.in_(keys))
    query = select(K.id, K.topic, K.key).where(K.id.in_(heads), K.state != "parked").order_by(K.id)
    if keys is None:
        query = query.where(K.id > consumer.sweep.after).limit(SWEEP)
    with reading(consumer.runtime.engine) as session:
        rows = session.execute(query).all()
    if keys is None:
        consumer.sweep.after = rows[-1].id if len(rows) == SWEEP else 0
    return [(row.topic, row.key) for row in rows]


def _alarm(consumer: Consumer) -> None:
    """Once an hour, say how many have waited for longer than an hour."""
    if time.monotonic() - consumer.sweep.alarmed < ALARM_SECONDS:
        return
    with reading(consumer.runtime.engine) as session:
        late = session.scalar(select(func.count()).where(
            K.consumer == consumer.name, K.state == "waiting", K.since < clock.now() - timedelta(seconds=ALARM_SECONDS)))
    if late:
        log.error("waiting for more than an hour", service=consumer.runtime.name, records=late)
        consumer.sweep.alarmed = time.monotonic()


def _order(session: Session, consumer: str, topic: str, key: str) -> list[int]:
    """The ids of a queue in the order in which it is to be applied: an overtaken event goes first, though it came last."""
    rows = session.execute(select(K.id, K.value).where(K.consumer == consumer, K.topic == topic, K.key == key)).all()
    events = [(decode(row.value), row.id) for row in rows]
    return [id for _mark, id in sorted(((event.epoch, event.seq), id) for event, id in events)]


def _drain(consumer: Consumer, topic: str, key: str, asked: bool) -> list[str]:
    """Apply a queue until one cannot be applied, each in a transaction of its own.

    Returns: the case of each that was.
    """
    with reading(consumer.runtime.engine) as session:
        order = _order(session, consumer.name, topic, key)
    cases: list[str] = []
    for id in order:
        case = _apply(consumer, (topic, key), id, asked)
        if case is None:
            break
        cases += [case] if case else []
    return cases


def _apply(consumer: Consumer, place: tuple[str, str], id: int, asked: bool) -> str | None:
    """The first of a queue: applied (its case), passed over (""), or left where it is (None)."""
    consumer.said = False
    try:
        with writing(consumer.runtime.engine) as session:
            last = _locked(session, consumer.name, place)
            hit("parking.locked")
            row = session.execute(select(K.value, K.state).where(K.id == id)).first()
            if row is None:
                return ""  # somebody else applied or dropped it meanwhile
            if row.state == "parked" and not asked:
                return None
            event = decode(row.value)
            old = is_old(event, last)
            if not old and row.state not in ("parked", "dropped") and (missing := gap(event, last)):
                raise Poison(missing)
            if not old and row.state != "dropped":
                consumer.react(session, event)
            if not old:
                hit("parking.before_cursor")
                set_cursor(session, consumer.name, place, (event.epoch, event.seq))
            hit("parking.before_delete")
            session.execute(delete(tables.kept).where(K.id == id))
            hit("parking.before_commit")
        hit("parking.after_commit")
    except AGAIN as error:
        raise Unavailable("The database does not answer") from error
    except NotYet as error:
        _note(consumer, id, "waiting", error.detail)
        return None
    except Exception as error:
        state = "parked" if isinstance(error, Poison) or asked else None
        _note(consumer, id, state, str(error) if isinstance(error, Poison) else f"{error.__class__.__name__}: {error}")
        return None
    if consumer.said:
        consumer.runtime.wake()
    if not old and row.state != "dropped":
        consumer.measure_late(event)
    return "" if old or row.state == "dropped" else event.case or event.key


def _locked(session: Session, consumer: str, place: tuple[str, str]) -> Mark:
    row = session.execute(select(C.epoch, C.seq).where(C.consumer == consumer, C.topic == place[0], C.key == place[1])
                          .with_for_update()).one()
    return row.epoch, row.seq


def _note(consumer: Consumer, id: int, state: str | None, reason: str) -> None:
    """Write down why it could not be applied; the fifth failure parks it. Writes nothing where nothing is new."""
    reason = printable(reason)
    with reading(consumer.runtime.engine) as session:
        row = session.execute(select(K.attempts, K.state, K.reason, K.type).where(K.id == id)).first()
    if row is None or (state == row.state == "waiting" and reason == row.reason):
        return
    attempts = row.attempts if state == "waiting" else row.attempts + 1
    new = state or ("parked" if attempts >= ATTEMPTS else row.state if row.state != "behind" else "waiting")
    with writing(consumer.runtime.engine) as session:
        session.execute(update(tables.kept).where(K.id == id).values(state=new, reason=reason, attempts=attempts))
    if new == "parked" and row.state != "parked":
        log.error("parked", consumer=consumer.name, id=id, type=row.type)
        consumer.breaker.note(True)


def listing(runtime: Runtime) -> list[dict[str, Any]]:
    """Every kept record, oldest first: id, topic, key, type, state, reason, attempts, since. No body, no person."""
    with reading(runtime.engine) as session:
        rows = session.execute(select(K.id, K.consumer, K.topic, K.key, K.type, K.state, K.reason, K.attempts, K.since).order_by(K.id))
        return [dict(row) for row in rows.mappings()]


def show(runtime: Runtime, id: int) -> dict[str, Any]:
    """One kept record with its event.

    Raises:
        NotFound: there is none of this id.
    """
    with reading(runtime.engine) as session:
        row = session.execute(select(tables.kept).where(K.id == id)).mappings().first()
    if row is None:
        raise NotFound(f"No kept record has the id {id}; see `jobtrappen parked list`.")
    return {**row, "value": decode(row["value"]).document()}


def retry(consumer: Consumer, id: int) -> int:
    """Apply the queue of a kept record in order, parked ones too; it is on the audit record who is asked for what.

    Returns: how many records were applied; 0 when the first still fails (its reason is renewed).
    """
    from jobtrappen.tx import SYSTEM, transaction

    row = show(consumer.runtime, id)
    with transaction(consumer.runtime, SYSTEM, request_id=row["event_id"]) as tx:
        tx.audit("parked.retry", "event", row["event_id"], purpose="operation")
    cases = _drain(consumer, row["topic"], row["key"], asked=True)
    return len(cases) + retry_waiting(consumer, cases)


def drop(runtime: Runtime, id: int, by: Actor | None = None) -> None:
    """Give one kept record up, on the audit record of who does (the command line's user is the system). Later ones of its key go on without its effect.

    Raises:
        NotFound: there is none of this id.
    """
    from jobtrappen.tx import SYSTEM, transaction

    row = show(runtime, id)
    consumer, place, event = row["consumer"], (row["topic"], row["key"]), row["value"]
    with transaction(runtime, by or SYSTEM, request_id=row["event_id"]) as tx:
        last = _locked(tx.session, consumer, place)
        if _order(tx.session, consumer, *place)[:1] == [id]:
            set_cursor(tx.session, consumer, place, max(last, (event["epoch"], event["seq"])))
            tx.session.execute(delete(tables.kept).where(K.id == id))
        else:  # its turn to be passed over comes when those before it have had theirs
            tx.session.execute(update(tables.kept).where(K.id == id).values(state="dropped", reason="given up"))
        tx.audit("parked.drop", "event", row["event_id"], purpose="operation")


def ask_again(runtime: Runtime, id: int, by: Actor | None = None) -> None:
    """Let the consumer try a kept record again by itself, within seconds: for who has no bus at hand, as a web process. It is on the
    audit record.

    Raises:
        NotFound: there is none of this id.
    """
    from jobtrappen.tx import SYSTEM, transaction

    row = show(runtime, id)
    with transaction(runtime, by or SYSTEM, request_id=row["event_id"]) as tx:
        tx.session.execute(update(tables.kept).where(K.id == id, K.state == "parked").values(state="waiting", attempts=0))
        tx.audit("parked.retry", "event", row["event_id"], purpose="operation")

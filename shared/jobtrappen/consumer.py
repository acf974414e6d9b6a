# SPDX-License-Identifier: MPL-2.0
"""From the bus to an effect: position, cursor and reaction move in one transaction (inbox.py).

A batch is applied in one transaction; if anything in it fails, it is rolled back, what stands before the failed record
is applied again, and that one is tried by itself and kept (parking.py) while the others go on. Database effects happen
once for each consumer.
"""
from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobtrappen import contracts, heartbeat, parking, tables, tracing, trips
from jobtrappen.bus import Bus, Record, Subscription
from jobtrappen.db import reading, writing
from jobtrappen.errors import BusError, Fenced, NotYet, Poison
from jobtrappen.event import Event
from jobtrappen.failpoint import hit
from jobtrappen.inbox import AGAIN, Arrival, Inbox, arrive, ends
from jobtrappen.measuring import measure
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, Tx

log = structlog.get_logger("jobtrappen.consumer")
Reaction = Callable[[Tx, Event], None]
BATCH = 50
ATTEMPTS = 5
RETRY_WAITING_SECONDS = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
STOPPED = "stopped: too many parked; see `jobtrappen parked list`, mend, restart"
P = tables.position.c


@dataclass
class Reactions:
    """What a service does when others speak: {(event name, version): function}."""

    table: dict[tuple[str, int], Reaction] = field(default_factory=dict)

    def on(self, name: str, version: int = 1) -> Callable[[Reaction], Reaction]:
        """Register the reaction to an event. It runs inside the consumer's transaction and may be called again after a
        rollback; `not_yet(…)` keeps the event until its parent has come, Poison parks it."""
        assert name in contracts.CATALOGUE, f"{name} is not in the catalogue"
        assert (name, version) not in self.table, f"two reactions to {name} v{version}"

        def keep(reaction: Reaction) -> Reaction:
            self.table[name, version] = reaction
            return reaction

        return keep

    def also(self, reaction: Reaction, names: Iterable[str]) -> None:
        """Let `reaction` hear these events too, before whoever reacts to them already; called after all others are registered."""
        for name in names:
            known = self.table.get((name, 1))
            self.table[name, 1] = reaction if known is None else _both(reaction, known)


def _both(first: Reaction, then: Reaction) -> Reaction:
    def react(tx: Tx, event: Event) -> None:
        first(tx, event)
        then(tx, event)

    return react


@dataclass
class Breaker:
    """Stops a consumer that parks more than 20 in a row, or 10 % of at least 50 records in five minutes: that is a fault
    of its own or of a producer, and parking the whole topic would not mend it. Only a restart closes it again."""

    in_a_row: int = 0
    parked: int = 0
    recent: deque[tuple[float, bool]] = field(default_factory=deque)
    open: bool = False

    def note(self, parked: bool, records: int = 1) -> None:
        """What became of records that were not seen before: applied or passed over, or parked."""
        now = time.monotonic()
        self.recent.extend([(now, parked)] * records)
        self.in_a_row = self.in_a_row + records if parked else 0
        self.parked += records if parked else 0
        while self.recent and self.recent[0][0] < now - 300:
            self.parked -= self.recent.popleft()[1]
        self.open |= self.in_a_row > 20 or (len(self.recent) >= 50 and self.parked * 10 > len(self.recent))


class Consumer:
    """One member of a service's consumer group."""

    def __init__(self, runtime: Runtime, bus: Bus, name: str | None = None) -> None:
        self.runtime, self.bus = runtime, bus
        self.name = name or f"jobtrappen.{runtime.name}"
        self.topics = runtime.service.reads
        self.reactions = runtime.service.reactions.table
        self.breaker = Breaker()
        self.beat = heartbeat.Beat(runtime, "consume")
        self.sweep = parking.Sweep()
        self.swept, self.pause = 0.0, SHORTEST_PAUSE
        self.said = False
        self.suspect: Arrival | None = None
        self.fresh: set[str] = set()
        """Cases with kept records that something was applied for since these were last tried."""

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`. A bus or database that is away is waited for; what is a bug ends the process."""
        while not stop.is_set():
            try:
                self._subscribed(stop)
            except (BusError, *AGAIN) as error:
                self._wait(stop, error)

    def _subscribed(self, stop: threading.Event) -> None:
        subscription = self.bus.subscribe(self.name, self.topics, self.next_offset)
        try:
            while not stop.is_set():
                if self.breaker.open:
                    break
                try:
                    self._turn(subscription)
                except AGAIN as error:  # the member stays in its group: a deadlock or a short restart is no reason to leave
                    self._wait(stop, error)
        finally:
            subscription.close()
        if self.breaker.open:  # outside the group: a member of another release may do better; one of this stops as soon
            log.error("consumer stopped itself", service=self.runtime.name, parked=self.breaker.parked)
            self._stand_still(stop)

    def _turn(self, subscription: Subscription) -> None:
        self.once(subscription)
        if time.monotonic() - self.swept > RETRY_WAITING_SECONDS:
            parking.retry_waiting(self, None)
            self.swept = time.monotonic()
        self.beat.maybe("consuming")
        self.pause = SHORTEST_PAUSE

    def _wait(self, stop: threading.Event, error: Exception) -> None:
        log.warning("consumer pauses", service=self.runtime.name, kind=error.__class__.__name__)
        self.beat.now(f"pausing: {error.__class__.__name__}")
        stop.wait(self.pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def _stand_still(self, stop: threading.Event) -> None:
        self.beat.now(STOPPED)
        while not stop.wait(1.0):
            self.beat.maybe(STOPPED)

    def next_offset(self, topic: str, partition: int) -> int:
        """Where this consumer's own database says that it goes on."""
        with reading(self.runtime.engine) as session:
            found = session.scalar(select(P.next_offset).where(P.consumer == self.name, P.topic == topic, P.partition == partition))
        hit("consumer.position_read")
        return found or 0

    def once(self, subscription: Subscription, timeout: float = 0.5) -> int:
        """Poll and apply one batch.

        Returns: how many records were taken. A fenced batch changes nothing and is read again from the stored position.
        """
        records = subscription.poll(timeout, BATCH)
        if not records:
            return 0
        hit("consumer.polled")
        try:
            taken = self.take(records)
        except Fenced:
            log.warning("fenced", service=self.runtime.name)
            self.runtime.measures.add("fenced")
            subscription.rewind()
            return 0
        except AGAIN:
            subscription.rewind()
            raise
        if taken < len(records):
            subscription.rewind()
        hit("consumer.before_display")
        subscription.display(ends(records[:taken]))
        hit("consumer.after_display")
        return taken

    def take(self, records: Sequence[Record]) -> int:
        """Apply records in order: as many as go in one transaction, those that cannot be applied kept by themselves.

        Returns: how many were taken; fewer than given only when the breaker opened.
        Raises:
            Fenced: another member has them; nothing of this call's present transaction was changed.
            Unavailable: the database is away; what was committed stays, the rest is read again.
        """
        todo = [arrive(record) for record in records]
        while todo and not self.breaker.open:
            todo = todo[self._some(todo):]
        hit("consumer.before_retry")
        parking.retry_waiting(self, self.fresh)
        self.fresh.clear()
        return len(records) - len(todo)

    def _some(self, todo: Sequence[Arrival]) -> int:
        """Apply all, or those before the first that fails, or keep that one; returns how many that were."""
        if todo[0] is self.suspect:
            self._one(todo[0])
            return 1
        try:
            self._commit(todo)
            return len(todo)
        except (Fenced, *AGAIN):
            raise
        except Exception:
            self.suspect = self.suspect or todo[0]
            before = next(n for n, arrival in enumerate(todo) if arrival is self.suspect)
        if before:
            suspect = self.suspect
            before = self._some(todo[:before])
            self.suspect = self.suspect or suspect
            return before
        return self._some(todo)

    def _one(self, arrival: Arrival) -> None:
        """An arrival by itself: applied, or kept with the reason if it cannot be."""
        reason = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._commit([arrival])
            except (Fenced, *AGAIN):
                raise
            except NotYet as error:
                return self._keep(arrival, "waiting", error.detail)
            except Poison as error:
                return self._keep(arrival, "parked", str(error))
            except Exception as error:
                log.warning("reaction failed", service=self.runtime.name, kind=error.__class__.__name__, attempt=attempt,
                            **tracing.fields(arrival.event.trace if arrival.event else ""))
                self.runtime.measures.add("failed")
                reason = f"{error.__class__.__name__}: {error}"
        self._keep(arrival, "parked", reason)

    def _keep(self, arrival: Arrival, state: str, reason: str) -> None:
        with writing(self.runtime.engine) as session:
            inbox = Inbox(self.name, session, [arrival])
            inbox.keep(arrival, state, reason)
            inbox.store_cursors()
            hit("consumer.before_keep_commit")
        hit("consumer.after_keep")
        self._measure([arrival], inbox)
        if state == "parked":
            self.breaker.note(True)

    def _commit(self, todo: Sequence[Arrival]) -> None:
        self.said, self.suspect = False, None
        with writing(self.runtime.engine) as session:
            inbox = Inbox(self.name, session, todo)
            for arrival in todo:
                self.suspect = arrival
                inbox.take(arrival, self.react)
            self.suspect = None
            hit("consumer.before_cursors")
            inbox.store_cursors()
            hit("consumer.before_commit")
        hit("consumer.after_commit")
        if self.said:
            self.runtime.wake()
            hit("consumer.after_wake")
        self._measure(todo, inbox)
        self.breaker.note(False, len(inbox.applied))
        self.fresh |= inbox.waited_for()

    def _measure(self, todo: Sequence[Arrival], inbox: Inbox) -> None:
        """Count what a transaction did. A consumer of another name, which builds a projection anew, is not the service."""
        if self.name == f"jobtrappen.{self.runtime.name}":
            measure(self.runtime.measures, todo, inbox)

    def measure_late(self, event: Event) -> None:
        """Count an event that was applied out of the kept ones; its wait belongs to the time from commit to effect."""
        if self.name == f"jobtrappen.{self.runtime.name}":
            self.runtime.measures.add("applied")
            self.runtime.measures.effects([event.recorded], time.time())

    def react(self, session: Session, event: Event) -> None:
        """Run the reaction to an event in the consumer's transaction, if this service has one.

        Raises:
            Poison: the event's data breaks its contract. And whatever the reaction raises.
        """
        reaction = self.reactions.get((event.name, event.version))
        if reaction is None:
            return
        if wrong := contracts.check(event.name, event.data):
            raise Poison(f"{event.name}: {'; '.join(wrong)}")
        trips.write(session)  # what the reaction before left for the end; this one may read it
        tx = Tx(session, self.runtime, SYSTEM, cause=event, request_id=event.id, trace=event.trace)
        with tracing.step(f"process {event.name}", "consumer", event.trace, **{"jobtrappen.service": self.runtime.name}), tracing.step(f"reaction {event.name}"):
            reaction(tx, event)
            hit("consumer.after_reaction")
            tx.close()
            hit("consumer.after_saying")
            log.debug("reaction", service=self.runtime.name, type=event.type)
        self.said |= bool(tx.said)

# SPDX-License-Identifier: MPL-2.0
"""Kills with SIGKILL at random, seeded, and notes whether a kill hit work in flight.

A kill does not wait for the last victim to be back, so outages overlap; only a broker waits until the one before it is in
sync again. A role without work now leaves its turn to the next.
"""
from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text

from jobtrappen import tables
from jobtrappen.bus import Bus, Place
from jobtrappen.config import TOPICS
from jobtrappen.db import reading
from jobtrappen.errors import BusError, Unavailable
from jobtrappen.event import decode
from jobtrappen.runtime import Runtime
from tests.chaos import checker
from tests.chaos.victims import ROLES, Keeper, Victim

ENOUGH = 10
"""Kills of each role that must have hit work."""
BUSY = text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND state IN ('active', 'idle in transaction') AND query NOT LIKE 'LISTEN%'")


@dataclass(frozen=True)
class Kill:
    victim: Victim
    hit_work: bool
    overlapped: bool
    """Another victim was still away."""


@dataclass
class Killer:
    """Kills until there are `count` kills, each role was hit at work often enough and a relay has put a record on the bus twice, or as many
    again: a role that has had its share waits, and after `count` only those are killed of whom that is still missing."""

    keeper: Keeper
    runtimes: dict[str, Runtime]
    bus: Bus
    in_flight: dict[str, int]
    """Requests on their way, by service, as the client counts them."""
    count: int
    rng: random.Random
    told: Callable[[int], None] = lambda _kills: None
    kills: list[Kill] = field(default_factory=list)
    doubled: bool = False
    """A relay has put a record on the bus a second time."""
    failed: list[BaseException] = field(default_factory=list)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, name="killer", daemon=True)
        thread.start()
        return thread

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failed.append(error)

    @property
    def enough(self) -> int:
        """Hits of each role that the run needs."""
        return min(ENOUGH, self.count // len(ROLES))

    def hits(self) -> Counter[str]:
        """{role: kills that hit work in flight}"""
        return Counter({role: sum(k.hit_work for k in self.kills if k.victim.role == role) for role in ROLES})

    def _run(self) -> None:
        while wanted := self._wanted():
            if self.keeper.failed:
                raise self.keeper.failed[0]
            victim, work = self._choose(wanted)
            if victim.role == "relay" and self.rng.random() < 0.5:
                self._until_sent(victim.name)
            overlapped = bool(self.keeper.away)
            self.keeper.kill(victim)
            self.kills.append(Kill(victim, bool(work) and self._undone(victim, work), overlapped))
            self.keeper.raise_again(victim)
            self.told(len(self.kills))
            time.sleep(self.rng.uniform(0.05, 0.5))

    def _wanted(self) -> list[str]:
        """The roles to kill one of next; none when the run is over."""
        done, hits = Counter(k.victim.role for k in self.kills), self.hits()
        if len(self.kills) < self.count:
            return [role for role in ROLES if done[role] < self.count * 3 / 10]
        if len(self.kills) >= self.count * 2:
            return []
        self.doubled = self.doubled or self._sent_twice()
        return [role for role in ROLES if hits[role] < self.enough or (role == "relay" and not self.doubled)]

    def _choose(self, wanted: list[str]) -> tuple[Victim, set[Any]]:
        """Of those who are there and have work, one of the wanted role that was killed least; after ten seconds any, with none."""
        deadline, done = time.monotonic() + 10.0, Counter(k.victim.role for k in self.kills)
        while True:
            roles = sorted(self.rng.sample(wanted, len(wanted)), key=lambda role: done[role])
            there = [victim for role in roles for victim in self._there(role)]
            for victim in there:
                if work := self._work(victim):
                    return victim, work
            if time.monotonic() > deadline and there:
                return there[0], set()
            time.sleep(0.002)

    def _there(self, role: str) -> list[Victim]:
        """Who of a role may be killed now, in a drawn order."""
        away = self.keeper.away
        if role == "postgres":
            found = [Victim(role, "1")]
        elif role == "broker":
            found = [] if any(v.role == role for v in away) else [Victim(role, str(node)) for node in self.keeper.nodes]
        else:
            found = [Victim(role, service) for service in self.runtimes if self.keeper.suite.children[f"{role} {service}"].poll() is None]
        return self.rng.sample(found, len(found)) if not away.issuperset(found) else []

    def _work(self, victim: Victim) -> set[Any]:
        """What the victim has to do now, so that afterwards one can see whether the kill came before it was done."""
        if victim in self.keeper.away:
            return set()
        if victim.role == "serve":
            return {"request"} if self.in_flight[victim.name] else set()
        if victim.role == "postgres":
            return self._busy()
        if victim.role == "broker":
            return {(name, *one) for name in self.runtimes for one in self._unpublished(name)}
        return self._unpublished(victim.name) if victim.role == "relay" else self._unapplied(victim.name)

    def _undone(self, victim: Victim, work: set[Any]) -> bool:
        """True when something that was there before the kill is still undone after it."""
        if victim.role in ("serve", "postgres"):
            return True  # a request was on its way, a transaction open
        if victim.role == "broker":
            return bool(work & {(name, *one) for name in self.runtimes for one in self._unpublished(name)})
        return bool(work & (self._unpublished(victim.name) if victim.role == "relay" else self._unapplied(victim.name)))

    def _busy(self) -> set[Any]:
        """Transactions that are open on the server now."""
        try:
            with reading(next(iter(self.runtimes.values())).engine) as session:
                return {"transaction"} if session.scalar(BUSY) else set()
        except Unavailable:
            return set()

    def _until_sent(self, service: str) -> None:
        """Wait a moment for this service's records to reach the bus: who dies now has them there, and not yet marked as sent."""
        before, deadline = self._ends(service), time.monotonic() + 0.3
        while before and self._ends(service) == before and time.monotonic() < deadline:
            pass  # asking takes some milliseconds, marking not many more

    def _ends(self, service: str) -> dict[Place, int]:
        try:
            return self.bus.ends([TOPICS[service]])
        except BusError:
            return {}

    def _sent_twice(self) -> bool:
        """Whether a record lies twice on the bus, as a reader from the start sees it."""
        try:
            records = checker.read_everything(self.bus, list(TOPICS.values()))
        except BusError:
            return False
        return len({(record.topic, decode(record.value).id) for record in records}) < len(records)

    def _unpublished(self, service: str) -> set[Any]:
        o = tables.outbox.c
        try:
            with reading(self.runtimes[service].engine) as session:
                return {(id,) for id in session.scalars(select(o.id).where(o.published_at.is_(None)).limit(500))}
        except Unavailable:
            return set()

    def _unapplied(self, service: str) -> set[Any]:
        """(topic, partition, offset) of records on the bus that this service's consumer has not applied."""
        runtime, p = self.runtimes[service], tables.position.c
        try:
            ends = self.bus.ends(runtime.service.reads)
            with reading(runtime.engine) as session:
                at = {(r.topic, r.partition): r.next_offset for r in session.execute(
                    select(p.topic, p.partition, p.next_offset).where(p.consumer == f"jobtrappen.{service}"))}
        except (BusError, Unavailable):
            return set()
        return {(*place, offset) for place, end in ends.items() for offset in range(at.get(place, 0), end)}

# SPDX-License-Identifier: MPL-2.0
"""Make a declared projection anew from the topics while its service runs.

The reactions that fill it are played into a scratch database, from the first record on, beside the consumer. What they
say or decide there stays there and is thrown away with it. When the scratch stands where the consumer stands, the
consumer is held for one transaction, and the projection's rows are changed to the scratch's.
"""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Table, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from jobtrappen import tables
from jobtrappen.bus import Bus, Place
from jobtrappen.consumer import Consumer, Reactions
from jobtrappen.db import reading, writing
from jobtrappen.errors import JobtrappenError, NotFound, Unavailable
from jobtrappen.event import Undecodable, decode
from jobtrappen.inbox import FIRST
from jobtrappen.replay import replay
from jobtrappen.runtime import Projection, Runtime, Service

P, K, C = tables.position.c, tables.kept.c, tables.cursor.c
NEAR = 200
"""Records that may be left to play while the consumer is held."""
ROUNDS = 20
TRIES = 3
"""A consumer that reads a place for the first time at this moment may cross the hold: the database then ends one of the two."""


class NotRebuilt(JobtrappenError):
    """The projection cannot be made anew now; says why. Nothing was changed."""


@dataclass(frozen=True)
class Rebuilt:
    """What was wrong with a projection's rows."""

    name: str
    rows: int
    added: int
    changed: int
    removed: int


def chosen(service: Service, only: str = "") -> list[Projection]:
    """The projections that were asked for; all of them without a name.

    Raises:
        NotFound: the service declares none of this name.
    """
    found = [p for p in service.projections if not only or p.name == only]
    if not found:
        raise NotFound(f"{service.name} declares {', '.join(p.name for p in service.projections) or 'no projection'}; no other table comes from events alone.")
    return found


def rebuild(runtime: Runtime, bus: Bus, only: str = "", progress: Callable[[int, int], None] = lambda _done, _total: None) -> list[Rebuilt]:
    """Play the topics again for the projections of a service (or one), and put right what is wrong in them.

    Raises:
        NotFound: no such projection. NotRebuilt: its reactions did what a projection's must not, or cannot be applied.
        BusError, Unavailable: the bus or the database is away. Nothing was changed in any of these cases.
    """
    wanted = chosen(runtime.service, only)
    with tempfile.TemporaryDirectory(prefix="jobtrappen-rebuild-") as folder:
        scratch = _scratch(runtime, wanted, Path(folder))
        try:
            player = _Player(runtime, scratch, bus, progress)
            for _ in range(ROUNDS):
                if player.play_to(player.stands()) <= NEAR:
                    break
            for _ in range(TRIES):
                with suppress(Unavailable):
                    return _swapped(runtime, scratch, player, wanted)
            return _swapped(runtime, scratch, player, wanted)
        finally:
            scratch.close()


def _swapped(runtime: Runtime, scratch: Runtime, player: _Player, wanted: list[Projection]) -> list[Rebuilt]:
    with writing(runtime.engine) as session:
        player.play_to(player.stands(session))
        player.refuse_odd(session)
        with reading(scratch.engine) as made:
            return [_swap(projection, made, session) for projection in wanted]


def _scratch(runtime: Runtime, wanted: list[Projection], folder: Path) -> Runtime:
    """The same service on an empty SQLite file, with the reactions of these projections alone. It holds ids and codes only:
    persons are not on the bus, and nobody fetches them here."""
    few = Reactions()
    for projection in wanted:
        if projection.fills is None:
            few.table |= {key: reaction for key, reaction in runtime.service.reactions.table.items() if key[0] in projection.events}
    for projection in wanted:
        if projection.fills is not None:
            few.also(projection.fills, projection.events)
    settings = runtime.settings.on(database=f"sqlite:///{folder}/{runtime.name}.db")
    made = Runtime(replace(runtime.service, reactions=few, person_came=None), settings)
    runtime.service.metadata.create_all(made.engine)
    return made


class _Player:
    """Plays records into the scratch with a consumer's own means: waiting parents, cursors, order."""

    def __init__(self, runtime: Runtime, scratch: Runtime, bus: Bus, progress: Callable[[int, int], None]) -> None:
        self.runtime, self.scratch, self.bus, self.progress = runtime, scratch, bus, progress
        self.consumer = Consumer(scratch, bus)
        self.at: dict[Place, int] = {}
        self.skipped: dict[str, str] = {}
        """{event id: its key} of what the service's own consumer keeps."""

    def stands(self, session: Session | None = None) -> dict[Place, int]:
        """Where the service's own consumer stands; with a session it is held there until that ends."""
        query = select(P.topic, P.partition, P.next_offset).where(P.consumer == self.consumer.name, P.topic.in_(self.consumer.topics))
        if session is not None:
            for topic, partition in self.bus.ends(self.consumer.topics):  # a place that was never read must be held as well
                session.execute(FIRST, {"consumer": self.consumer.name, "topic": topic, "partition": partition, "next": 0})
            return {(r.topic, r.partition): r.next_offset for r in session.execute(query.order_by(P.topic, P.partition).with_for_update())}
        with reading(self.runtime.engine) as session:
            return {(r.topic, r.partition): r.next_offset for r in session.execute(query)}

    def play_to(self, until: Mapping[Place, int]) -> int:
        """Returns: how many records were played."""
        played = 0
        kept = self._kept()
        for batch in replay(self.bus, self.runtime.name, self.consumer.topics, self.at, until, self.progress):
            played += len(batch)
            self.consumer.take([record for record in batch if not (kept and self._skips(record.value, kept))])
        self.at = dict(until)
        return played

    def _kept(self) -> set[str]:
        """What the service's own consumer has not applied although it has passed it: it will, when its turn comes."""
        with reading(self.runtime.engine) as session:
            return set(session.scalars(select(K.event_id).where(K.consumer == self.consumer.name)))

    def _skips(self, value: bytes | None, kept: set[str]) -> bool:
        try:
            event = decode(value)
        except Undecodable:
            return False
        if event.id in kept:
            self.skipped[event.id] = event.key
        return event.id in kept

    def refuse_odd(self, session: Session) -> None:
        """
        Raises:
            NotRebuilt: a reaction spoke, something could not be applied here that the service has applied, or the other way round.
        """
        if self.skipped:  # whoever applies what is kept holds these rows
            session.execute(select(C.key).where(C.consumer == self.consumer.name, C.key.in_(set(self.skipped.values()))).with_for_update()).all()
            if not set(self.skipped) <= set(session.scalars(select(K.event_id).where(K.consumer == self.consumer.name))):
                raise NotRebuilt("Kept events were applied meanwhile. Nothing was changed; run it again.")
        with reading(self.scratch.engine) as made:
            if said := made.scalar(select(func.count()).select_from(tables.outbox)):
                raise NotRebuilt(f"These reactions said {said} events: what they fill is no projection. Nothing was changed.")
            left = [(row.event_id, row.type, row.reason) for row in made.execute(select(K.event_id, K.type, K.reason))]
        if left:
            raise NotRebuilt(f"{len(left)} events that the service has applied cannot be applied again ({left[0][1]} {left[0][0]}: {left[0][2]}). Nothing was changed.")


def _swap(projection: Projection, made: Session, session: Session) -> Rebuilt:
    """Change the live rows to the scratch's; columns that are not this projection's stay as they are."""
    table = projection.table
    keys, mine = list(table.primary_key), [c for c in table.columns if c.name not in projection.keeps]

    def rows(of: Session) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {tuple(row._mapping[k] for k in keys): {c.name: row._mapping[c] for c in mine} for row in of.execute(select(*mine))}

    new, old = rows(made), rows(session)
    added = [row for key, row in new.items() if key not in old]
    changed = {key: row for key, row in new.items() if key in old and old[key] != row}
    removed = [key for key in old if key not in new]
    if added:
        session.execute(insert(table), added)
    for key, row in changed.items():
        session.execute(update(table).where(_is(table, key)).values(**row))
    for key in removed:
        session.execute(delete(table).where(_is(table, key)))
    return Rebuilt(projection.name, len(new), len(added), len(changed), len(removed))


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))

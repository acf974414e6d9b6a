# SPDX-License-Identifier: MPL-2.0
"""The checker for the small ledger (tests/support/ledger.py): what was committed against what is on the bus and what it
caused. The rows of `effect` have no unique key, so what happened twice is counted twice.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from jobtrappen import audit, audit_check, contracts, tables
from jobtrappen.config import PUBLIC_TOPIC, TOPICS
from jobtrappen.settle import open_work
from tests.chaos import checker
from tests.support.ledger import LIFE, Ledger, effect

SPEAKS = "placement.started"
"""The ledger's reaction to this says an event of its own."""


@dataclass(frozen=True)
class Counts:
    """What a run had to do with; a run without any of it has proven little."""

    effects: int
    records: int
    doubled: int
    """Records that the relay put on the bus a second time."""


def nothing_is_under_way(place: Ledger, but_kept: bool = False) -> bool:
    """Outboxes empty, the consumer at the ends, nothing kept. Dead letters may lie there: nobody ends that by waiting."""
    return not under_way(place, but_kept)


def under_way(place: Ledger, but_kept: bool = False) -> list[str]:
    """What is left to be done, in words."""
    over = ("dead letters", *(("waiting", "parked", "behind") if but_kept else ()))
    return [left for left in open_work([place.speaker, place.ledger], place.bus) if left.endswith("records behind") or not left.endswith(over)]


@dataclass
class Refused:
    """Commands that were answered "the database did not take it", though nobody took it away."""

    errors: list[Exception] = field(default_factory=list)

    def add(self, error: Exception) -> None:
        self.errors.append(error)

    def nobody_was(self) -> None:
        assert not self.errors, f"{len(self.errors)} commands were refused by a database that was there: {self.errors[0]}"


def nothing_is_lost_or_doubled(place: Ledger, cases: Collection[str], names: Collection[str] = LIFE, dead: int = 0, may_double: bool = True) -> Counts:
    """Every event of every case has its record and its one effect, in order; so has what the reactions said.

    Args:
        may_double: a relay was killed, so records may stand on the bus twice.
    """
    topics = [*TOPICS.values(), PUBLIC_TOPIC]
    records = [r for r in checker.read_everything(place.bus, topics, place.all_began) if _ours(r, cases)]
    doubled = checker.every_event_was_published_in_order({"referral": place.speaker, "partners": place.ledger}, records)
    assert may_double or not doubled, f"{doubled} records stand twice on the bus, though nobody died"
    rows = place.rows(select(effect.c.key, effect.c.name, effect.c.seq).order_by(effect.c.id))
    happened = Counter((row.key, row.name) for row in rows)
    wanted = {(case, name) for case in cases for name in names}
    assert set(happened) == wanted, f"{len(wanted - set(happened))} effects are missing, {len(set(happened) - wanted)} nobody asked for"
    twice = {at: n for at, n in happened.items() if n != 1}
    assert not twice, f"{len(twice)} effects happened more than once: {list(twice.items())[:3]}"
    _in_order(rows)
    _said_once(place, cases, names)
    assert place.kept() == [] and len(place.dead()) == dead
    for runtime in (place.speaker, place.ledger):
        with runtime.engine.connect() as connection:
            faults = audit_check.check(connection, audit.keys(place.settings)).faults
            assert faults == (), (runtime.name, faults)
    return Counts(len(rows), len(records), doubled)


def _ours(record: Any, cases: Collection[str]) -> bool:
    return record.key is not None and record.key.decode() in cases


def _in_order(rows: list[Any]) -> None:
    """One topic's events of one case take effect in the order in which they were said."""
    last: dict[tuple[str, str], int] = {}
    for row in rows:
        at = row.key, TOPICS[contracts.CATALOGUE[row.name].by]
        assert row.seq > last.get(at, 0), f"{row.name} of {row.key} took effect after a later one"
        last[at] = row.seq


def _said_once(place: Ledger, cases: Collection[str], names: Collection[str]) -> None:
    said = Counter(row.key for row in place.rows(select(tables.outbox.c.key)))
    assert said == (Counter(cases) if SPEAKS in names else Counter()), "what a reaction says is said once"

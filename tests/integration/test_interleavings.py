# SPDX-License-Identifier: MPL-2.0
"""Order holds within a topic and key only. Every interleaving of one case's events from its topics, each topic's own order
kept, with duplicates, ends in the same state: for the ledger, and for the reactions of the services themselves."""
from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import Engine, delete, event, select

from jobtrappen import contracts, migrate, plugins, tables
from jobtrappen.bus import Record, open_bus
from jobtrappen.config import TOPICS, Settings
from jobtrappen.consumer import Consumer
from jobtrappen.db import reading, writing
from jobtrappen.runtime import Runtime
from tests.support import ledger
from tests.support.ledger import a_case, a_ledger, an_event

Side = list[tuple[str, dict[str, Any]]]
"""What one service says of the case, in its order: (event name, data beside the golden sample)."""


def mixes(left: Sequence[int]) -> Iterator[list[int]]:
    """Every way to mix queues of these lengths, each queue's order kept."""
    if not any(left):
        yield []
    for n, count in enumerate(left):
        if count:
            for rest in mixes([*left[:n], count - 1, *left[n + 1:]]):
                yield [n, *rest]


def hasty(engine: Engine) -> None:
    """Nothing here is about a power cut, so SQLite need not wait for the disk."""
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    engine.dispose()


def needed(name: str) -> dict[str, Any]:
    """The fields that an event must carry, from its golden sample."""
    return {field: value for field, value in contracts.sample(name).items() if field in contracts.CATALOGUE[name].data}


def own(value: Any, case: str) -> Any:
    """`@placement` as an id of this case's own."""
    return str(uuid5(UUID(case), value)) if isinstance(value, str) and value.startswith("@") else value


def feed(consumer: Consumer, sides: Sequence[Side], mix: Sequence[int], case: str, dice: random.Random, offsets: dict[str, int]) -> None:
    """Give one case's events in this order, a third of them twice and some once more later, in batches of any size."""
    queues = [[an_event(name, case, seq, data={**needed(name), "case_id": case, **{k: own(v, case) for k, v in data.items()}})
               for seq, (name, data) in enumerate(side, 1)] for side in sides]
    order: list[Record] = []
    for n in mix:
        order += [queues[n].pop(0)] * dice.choice((1, 1, 2))
        if dice.random() < 0.2:
            order.append(dice.choice(order))
    while order:
        size = dice.randint(1, len(order))
        batch, order = order[:size], order[size:]
        given = []
        for record in batch:
            given.append(Record(record.topic, record.key, record.value, (), 0, offsets.setdefault(record.topic, 0)))
            offsets[record.topic] += 1
        assert consumer.take(given) == size


def test_every_mix_of_a_cases_events_from_three_topics_ends_in_the_same_ledger(tmp_path: Path) -> None:
    sides: list[Side] = [[(name, {}) for name in names] for names in (
        ("case.opened", "referral.accepted", "referral.started"), ("agreement.concluded", "agreement.closed"),
        ("placement.started", "placement.ended"))]
    dice, offsets = random.Random(2004), {}
    with a_ledger(tmp_path) as place:
        hasty(place.ledger.engine)
        with writing(place.ledger.engine) as session:
            session.execute(delete(tables.position))
        consumer = Consumer(place.ledger, place.bus)
        all_mixes = list(mixes([len(side) for side in sides]))
        assert len(all_mixes) == 210
        cases = [a_case() for _ in all_mixes]
        for case, mix in zip(cases, all_mixes, strict=True):
            feed(consumer, sides, mix, case, dice, offsets)
        every = sorted(name for side in sides for name, _data in side)
        e = ledger.effect.c
        found: dict[str, list[str]] = {case: [] for case in cases}
        for row in place.rows(select(e.key, e.name).order_by(e.id)):
            found[row.key].append(row.name)
        for case, mix in zip(cases, all_mixes, strict=True):
            assert sorted(found[case]) == every, (mix, found[case])
            for name, parent in ledger.PARENTS.items():
                assert not parent or name not in every or found[case].index(parent) < found[case].index(name), (mix, found[case])
        assert place.kept() == [] and place.dead() == []
        notices = place.rows(select(tables.outbox.c.key, tables.outbox.c.seq))
        assert sorted((row.key, row.seq) for row in notices) == sorted((case, 1) for case in cases), "each case was told of once"


DAYS = {"starts_on": "2026-11-10", "scheduled_on": "2026-11-20", "weekly_hours": 20, "measure": "internship"}
LIVES: dict[str, list[Side]] = {
    "partners": [
        [("case.opened", {}), ("intake.booked", {"intake_id": "@intake", "language_school": True, **DAYS}),
         ("intake.moved", {"intake_id": "@intake", "language_school": True, "scheduled_on": "2026-11-21"}),
         ("intake.cancelled", {"intake_id": "@intake"})],
        [("interview.booked", {"match_id": "@match", "companion_kinds": ["teacher"], "scheduled_on": "2026-11-22"}),
         ("agreement.cancelled", {"agreement_id": "@agreement", "by": "employer"})],
        [("placement.started", {"placement_id": "@placement"})]],
    "matching": [
        [("case.opened", {}), ("assessment.confirmed", {"assessment_id": "@assessment", "start_step": "internship"}),
         ("case.returned", {"return_class": "refused"}), ("referral.accepted", {"referral_id": "@referral"})],
        [("placement.started", {"placement_id": "@placement"}), ("placement.ended", {"placement_id": "@placement"})]],
    "referral": [
        [("placement.started", {"placement_id": "@placement", "measure": "leisure_job"}), ("placement.started", {"placement_id": "@other"}),
         ("placement.ended", {"placement_id": "@placement", "measure": "leisure_job"})]],
}
"""What each service hears of one case. followup, whose reactions have the most to decide, has a test file of its own."""


def bare(value: Any, case: str) -> Any:
    """A column's value without what every run gives anew: ids, moments, ciphertexts."""
    if isinstance(value, UUID):
        return "case" if str(value) == case else "some id"
    if isinstance(value, datetime):
        return "a moment"
    return value.isoformat() if isinstance(value, date) else value


def what_is_known(runtime: Runtime, case: str) -> dict[str, Any]:
    """Every row of the service's own tables about a case, its transitions, and its wish for a copy of the person."""
    own = [t for t in runtime.service.metadata.sorted_tables if t.name not in tables.KIT.tables]
    found: dict[str, Any] = {}
    with reading(runtime.engine) as session:
        for table in [*own, tables.transition, tables.person_copy]:
            mine = [table.c.case_id == UUID(case)] if "case_id" in table.c else [table.c.id == UUID(case)] if "id" in table.c else []
            skip = {"event_id", "next_try", *({"id"} if table is tables.transition else ())}
            rows = session.execute(select(*[c for c in table.c if c.name not in skip]).where(*mine)).all() if mine else []
            found[table.name] = sorted(repr([("sealed" if "sealed" in c and v else bare(v, case)) for c, v in row._mapping.items()]) for row in rows)
        kept = session.execute(select(tables.kept.c.type, tables.kept.c.reason).where(tables.kept.c.key == case)).all()
    assert kept == [], kept
    return found


@pytest.mark.parametrize("name", LIVES)
def test_every_mix_of_what_a_service_hears_of_a_case_ends_in_the_same_state(name: str, tmp_path: Path) -> None:
    if name not in plugins.services():
        pytest.skip(f"{name} is not loaded (JOBTRAPPEN_PLUGINS)")
    sides = LIVES[name]
    settings = Settings(home=tmp_path, database="sqlite:///{home}/{service}.db", bus=f"sqlite:///{tmp_path}/bus.db", secret="a secret of the tests " * 3,
                        mode="demo", today=date(2026, 11, 23))
    dice, offsets = random.Random(name), {}
    with ExitStack() as ends:
        runtime, bus = Runtime(plugins.services()[name], settings), open_bus(settings.bus)
        ends.callback(runtime.close)
        ends.callback(bus.close)
        hasty(runtime.engine)
        migrate.upgrade(runtime)
        consumer = Consumer(runtime, bus)
        first: dict[str, Any] | None = None
        for mix in mixes([len(side) for side in sides]):
            case = a_case()
            feed(consumer, sides, mix, case, dice, offsets)
            state = what_is_known(runtime, case)
            first = first or state
            assert any(state.values())
            assert state == first, mix
        with reading(runtime.engine) as session:
            assert session.execute(select(tables.dead_letter)).all() == []


def test_the_topics_of_the_lives_are_those_that_the_services_listen_to() -> None:
    for name, sides in LIVES.items():
        if name in plugins.services():
            heard = {contracts.CATALOGUE[event].by for side in sides for event, _data in side}
            assert {TOPICS[by] for by in heard} <= set(plugins.services()[name].reads)

# SPDX-License-Identifier: MPL-2.0
"""A random cohort lives in the four real services. Beside each service stand two of its kind that get no command: one that
was there from the first event on and heard each as it came, and one that joins when all is said and reads topic by topic.

Ids that a reaction makes up and moments of recording differ between any two; everything else must be the same.
"""
from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from jobtrappen import migrate, plugins, tables
from jobtrappen.config import TOPICS
from jobtrappen.consumer import Consumer
from jobtrappen.db import reading, writing
from jobtrappen.demo.plan import random_cohort
from jobtrappen.errors import NotFound
from jobtrappen.people import Fetcher
from jobtrappen.rebuild import NotRebuilt, rebuild
from jobtrappen.relay import Relay
from jobtrappen.runtime import Projection, Runtime
from jobtrappen_partners.model import Notice
from tests.integration.conftest import database_of
from tests.support.in_process import live, with_statistics
from tests.support.process import wait_until
from tests.support.world import World, _InProcess, a_world

TODAY = date(2004, 5, 25)
UNEQUAL = {"heartbeat", "position", "meta", "kept"}
"""Where it stands and who works there is each one's own; what is kept is compared by event."""
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Listener:
    """One more of a service, with a database of its own and no outbox that anybody relays."""

    runtime: Runtime
    consumer: Consumer
    subscription: Any
    fetcher: Fetcher | None

    def hear(self) -> None:
        while self.consumer.once(self.subscription, timeout=0.02) + (self.fetcher.once() if self.fetcher else 0):
            pass


@contextmanager
def a_listener(world: World, service: str, home: Path) -> Iterator[Listener]:
    home.mkdir()
    runtime = Runtime(plugins.services()[service], world.settings.on(home=home))
    migrate.upgrade(runtime)
    consumer = Consumer(runtime, world.bus)
    # On the bus it is a group of its own; in its database it goes by the service's name, as the service itself does.
    subscription = world.bus.subscribe(f"listener-{service}-{home.name}", consumer.topics, consumer.next_offset)
    fetcher = Fetcher(runtime) if runtime.service.person_purpose else None
    if fetcher:
        fetcher.http = _InProcess(world)  # type: ignore[assignment]
    try:
        yield Listener(runtime, consumer, subscription, fetcher)
    finally:
        subscription.close()
        runtime.close()


def state(runtime: Runtime, shared: set[str]) -> dict[str, list[str]]:
    """Every table as sorted rows, without what two databases may differ in: ids that are not on the bus, and moments."""
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return "moment"
        if isinstance(value, UUID):
            return str(value) if str(value) in shared else "id"
        if isinstance(value, str):
            words = re.sub(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", "trace", re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "moment", value))
            return UUIDS.sub(lambda found: found[0] if found[0] in shared else "id", words)
        return value

    found = {}
    with reading(runtime.engine) as session:
        for table in runtime.service.metadata.sorted_tables:
            if table.name in UNEQUAL:
                continue
            # A table's own running number tells the order of arrival, and what is sealed is sealed anew each time.
            skip = {c.name for c in table.primary_key if table.name in ("outbox", "audit", "transition")} | {"sealed", "chain_no", "chain_hash", "tries", "next_try"}
            skip |= {"request_id"} if table.name == "audit" else set()  # which of the two told of a start
            found[table.name] = sorted(repr([plain(row._mapping[c]) for c in table.columns if c.name not in skip]) for row in session.execute(select(table)))
        found["kept"] = sorted(map(str, session.execute(select(tables.kept.c.event_id, tables.kept.c.type))))
    return found


def on_the_bus(world: World) -> set[str]:
    """Every id that any event speaks of, but those of notices: one that waited for a person's copy is given when that comes, under
    an id of its own, and how soon it comes differs from run to run."""
    found: set[str] = set()
    for runtime in world.runtimes.values():
        with reading(runtime.engine) as session:
            for payload in session.scalars(select(tables.outbox.c.payload)):
                found.update(UUIDS.findall(payload))
    with reading(world.runtimes["partners"].engine) as session:
        return found - {str(id) for id in session.scalars(select(Notice.id))}


@pytest.fixture(scope="module")
def cohort() -> Any:
    return random_cohort(31, 16)


@pytest.fixture
def lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cohort: Any) -> Iterator[tuple[World, dict[str, Listener]]]:
    """The cohort's lives, and of each service one that was always there."""
    with_statistics(monkeypatch, tmp_path)
    with a_world(tmp_path, today=TODAY) as world:
        always = {}
        opened = [a_listener(world, name, tmp_path / f"always-{name}") for name in world.consumers]
        for name, one in zip(world.consumers, opened, strict=True):
            always[name] = one.__enter__()
        settle, turn = world.settle, iter(range(10**9))

        def also_listen(rounds: int = 400) -> None:
            settle(rounds)
            if next(turn) % 10 == 0:
                for listener in always.values():
                    listener.hear()

        monkeypatch.setattr(world, "settle", also_listen)
        live(world, cohort, "late", employer_seed=31)
        for listener in always.values():
            listener.hear()
        try:
            yield world, always
        finally:
            for one in opened:
                one.__exit__(None, None, None)


def test_who_joins_late_ends_as_who_was_always_there_and_rebuild_puts_right_what_is_wrong(
        lived: tuple[World, dict[str, Listener]], tmp_path: Path) -> None:
    world, always = lived
    shared = on_the_bus(world)
    for name, listener in always.items():
        with a_listener(world, name, tmp_path / f"late-{name}") as late:
            late.hear()
            was, is_now = state(listener.runtime, shared), state(late.runtime, shared)
            for table in was:
                assert is_now[table] == was[table], (name, table)
            assert was["cursor"] and (name != "followup" or all(was[table] for table in ("course", "placement", "duty", "transition", "outbox"))), name
            for projection in late.runtime.service.projections:  # and what comes from events alone equals the real service's
                waits = kept_by(late.runtime)  # nobody made there what these wait for
                assert rows(late.runtime, projection) == [row for row in rows(world.runtimes[name], projection) if row[0] not in waits] != []
    for runtime in world.runtimes.values():
        for projection in runtime.service.projections:
            _goes_wrong_and_is_put_right(world, runtime, projection)
    _what_is_no_projection_is_refused(world)


def kept_by(runtime: Runtime) -> set[UUID]:
    with reading(runtime.engine) as session:
        return {UUID(id) for id in session.scalars(select(tables.kept.c.event_id))}


def rows(runtime: Runtime, projection: Projection) -> list[tuple[Any, ...]]:
    with reading(runtime.engine) as session:
        return sorted((tuple(row) for row in session.execute(select(*[c for c in projection.table.columns if c.name not in projection.keeps]))), key=repr)


def _goes_wrong_and_is_put_right(world: World, runtime: Runtime, projection: Projection) -> None:
    right = rows(runtime, projection)
    assert [(r.added, r.changed, r.removed, r.rows) for r in rebuild(runtime, world.bus, projection.name)] == [(0, 0, 0, len(right))]
    everything = _all_rows(runtime)
    column = next(c for c in projection.table.columns if c.name in ("measure", "track", "name"))
    keys = list(projection.table.primary_key)
    with writing(runtime.engine) as session:
        for key in [row[0] for row in right[:2]]:
            session.execute(projection.table.delete().where(keys[0] == key))
        session.execute(update(projection.table).where(keys[0] == right[-1][0]).values({column.name: "wrong"}))
        session.execute(projection.table.insert().values({c.name: right[-1][n] if c.name != keys[0].name else UUID(int=7) for n, c in enumerate(
            c for c in projection.table.columns if c.name not in projection.keeps)}))
    assert rows(runtime, projection) != right
    [done] = rebuild(runtime, world.bus, projection.name)
    assert (done.added, done.changed, done.removed) == (2, 1, 1) and rows(runtime, projection) == right
    after = _all_rows(runtime)
    assert {n: r for n, r in after.items() if n != projection.name} == {n: r for n, r in everything.items() if n != projection.name}, "nothing else was touched or said"


def _all_rows(runtime: Runtime) -> dict[str, list[str]]:
    with reading(runtime.engine) as session:
        return {t.name: sorted(map(repr, session.execute(select(t)))) for t in runtime.service.metadata.sorted_tables if t.name != "heartbeat"}


def _what_is_no_projection_is_refused(world: World) -> None:
    """followup's courses come from events too, but with placements, duties and events of their own."""
    followup = world.runtimes["followup"]
    with pytest.raises(NotFound, match="declares heard; no other table"):
        rebuild(followup, world.bus, "course")
    with pytest.raises(NotFound, match="declares candidate"):
        rebuild(world.runtimes["matching"], world.bus, "agreement")
    from dataclasses import replace

    wrongly = replace(followup.service, projections=(Projection(followup.service.metadata.tables["course"], tuple(sorted({n for n, _v in followup.service.reactions.table}))),))
    before = _all_rows(followup)
    odd = Runtime(wrongly, followup.settings)
    with pytest.raises(NotRebuilt, match=r"what they fill is no projection|cannot be applied again"):
        rebuild(odd, world.bus)
    odd.close()
    assert _all_rows(followup) == before


def test_every_projection_is_filled_by_reactions_of_its_service_and_has_a_key() -> None:
    found = {s.name: s.projections for s in plugins.services().values()}
    assert sum(len(p) for p in found.values()) >= 6
    for name, projections in found.items():
        service = plugins.services()[name]
        for projection in projections:
            assert set(projection.events) <= {n for n, _v in service.reactions.table} and TOPICS
            assert len(projection.table.primary_key) == 1 and projection.table.name in service.metadata.tables
            assert set(projection.keeps) <= {c.name for c in projection.table.columns if c.nullable}


def test_a_rebuild_passes_over_what_the_consumer_itself_has_kept(tmp_path: Path) -> None:
    with a_world(tmp_path, services=("referral", "matching"), today=TODAY) as world:
        cases = [world.referral("karen").post("/cases", {"given_name": "A", "family_name": "B", "track": "adult", "effective_date": "2004-01-05"}).id for _ in range(3)]
        matching = world.runtimes["matching"]
        world.publish()
        with writing(matching.engine) as session:  # this case's row is there already, so its opening cannot be applied
            session.execute(text("INSERT INTO candidate (id, version, status, effective_date, track, ready, profile_version) VALUES (:id, 1, 'active', '2004-01-01', 'adult', 0, 0)"),
                            {"id": UUID(cases[0]).hex})
        while world.consume(["matching"]):
            pass
        with reading(matching.engine) as session:
            assert set(session.scalars(select(tables.kept.c.key))) == {cases[0]}
        assert [(r.name, r.added, r.changed, r.removed) for r in rebuild(matching, world.bus, "heard")] == [("heard", 0, 0, 0)]
        [done] = rebuild(matching, world.bus, "candidate")
        assert (done.rows, done.added, done.changed, done.removed) == (2, 0, 0, 1)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_rebuild_beside_a_running_consumer_loses_nothing_and_adds_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with a_world(tmp_path, database=database_of(kind, request, "rebuild"), services=("referral", "partners"), today=TODAY) as world:
        referral, partners = world.runtimes["referral"], world.runtimes["partners"]
        world.subscriptions["partners"].close()
        stop, over, cases, rng = threading.Event(), threading.Event(), [], Random(2004)

        def open_cases() -> None:
            try:
                while not over.is_set():
                    cases.append(world.referral("karen").post("/cases", {"given_name": "A", "family_name": "B", "track": "adult", "effective_date": "2004-01-05"}).id)
            finally:
                over.set()

        works = [open_cases, lambda: Relay(referral, world.bus).run(stop), lambda: Consumer(partners, world.bus).run(stop)]
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        try:
            for turn in range(6):
                wait_until(lambda turn=turn: len(known(partners)) > turn * 3, 60, "cases to be heard of")  # type: ignore[misc]
                with writing(partners.engine) as session:
                    session.execute(KNOWN.delete().where(KNOWN.c.id == rng.choice(known(partners))))
                    session.execute(KNOWN.insert().values(id=UUID(int=turn), track="adult"))
                [done] = rebuild(partners, world.bus)
                assert (done.added, done.changed, done.removed) == (1, 0, 1)
            assert not over.is_set(), "the service ran on"
            over.set()
            threads[0].join()
            wait_until(lambda: len(known(partners)) == len(cases), 60, "the last case to be heard of")
        finally:
            over.set()
            stop.set()
            for thread in threads:
                thread.join()
        assert set(map(str, known(partners))) == set(cases)
        assert [(r.added, r.changed, r.removed) for r in rebuild(partners, world.bus)] == [(0, 0, 0)]
        with reading(partners.engine) as session:
            assert not session.execute(select(tables.kept)).all() and not session.execute(select(tables.outbox)).all()


KNOWN = plugins.services()["partners"].metadata.tables["known_case"]


def known(runtime: Runtime) -> list[UUID]:
    with reading(runtime.engine) as session:
        return list(session.scalars(select(KNOWN.c.id).order_by(KNOWN.c.id)))

# SPDX-License-Identifier: MPL-2.0
"""Reads what the client was told against what the databases and the bus hold.

Effects are counted on rows that no unique key protects: partners' notices (one for each booked or moved talk of a
language school's pupil) and followup's duties (one first-day call for each started placement).
"""
from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import select, text

from jobtrappen import audit, audit_check, tables
from jobtrappen.bus import Bus, Place, Record
from jobtrappen.config import PUBLIC_TOPIC, TOPICS
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen.runtime import Runtime
from tests.chaos.load import Acknowledged


def read_everything(bus: Bus, topics: list[str], since: dict[Place, int] | None = None) -> list[Record]:
    """Every record of the topics, as a reader from the start (or from `since`) sees them."""
    began = since or {}
    ends = bus.ends(topics)
    subscription = bus.subscribe(f"checker-{uuid.uuid4()}", topics, lambda topic, partition: began.get((topic, partition), 0))
    records: list[Record] = []
    at = dict(began)
    try:
        while any(at.get(place, 0) < end for place, end in ends.items()):
            for record in subscription.poll(1.0, 500):
                records.append(record)
                at[record.topic, record.partition] = record.offset + 1
    finally:
        subscription.close()
    return records


def commands_are_done_once(runtimes: dict[str, Runtime], acknowledged: list[Acknowledged]) -> None:
    """Every acknowledged key has one stored answer, and every transition one version of its thing."""
    by_service: dict[str, set[str]] = defaultdict(set)
    for one in acknowledged:
        by_service[one.service].add(one.key)
    for name, keys in by_service.items():
        with reading(runtimes[name].engine) as session:
            stored = Counter(session.scalars(select(tables.answer.c.key)))
            assert keys <= set(stored), f"{name}: {len(keys - set(stored))} acknowledged commands left no answer"
            t = tables.transition.c
            twice = [k for k, n in Counter(map(tuple, session.execute(select(t.subject_id, t.version)))).items() if n > 1]
            assert not twice, f"{name}: {len(twice)} things changed twice under one version"


def created_things_are_there_once(runtimes: dict[str, Runtime], acknowledged: list[Acknowledged]) -> None:
    """As many intake talks as were acknowledged, and no other: a doubled create would show here."""
    told = {one.document["id"] for one in acknowledged if one.service == "referral" and one.path == "/intakes"}
    with reading(runtimes["referral"].engine) as session:
        assert session.scalar(text("SELECT count(*) FROM intake")) == len(told)


def every_event_was_published_in_order(runtimes: dict[str, Runtime], records: list[Record]) -> int:
    """Each outbox row is on its topic, first occurrences of a key in dense seq order. Returns: redelivered duplicates."""
    seen: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    ids: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        event = decode(record.value)
        source = event.source.rsplit("/", 1)[1]
        ids[record.topic][event.id] += 1
        seqs = seen[record.topic, event.key, source]
        if event.seq not in seqs:
            seqs.append(event.seq)
    for place, seqs in seen.items():
        if place[0] != PUBLIC_TOPIC:
            assert seqs == list(range(1, len(seqs) + 1)), f"{place} out of order or with a gap: {seqs[:20]}"
        else:
            assert seqs == sorted(seqs), f"{place} out of order: {seqs[:20]}"
    for name, runtime in runtimes.items():
        with reading(runtime.engine) as session:
            rows = session.execute(select(tables.outbox.c.event_id, tables.outbox.c.topic, tables.outbox.c.published_at)).all()
        assert all(row.published_at for row in rows), f"{name}: unpublished rows are left"
        missing = [row for row in rows if not ids[row.topic][row.event_id]]
        assert not missing, f"{name}: {len(missing)} events never reached the bus"
        own = {row.event_id for row in rows if row.topic == TOPICS[name]}
        assert set(ids[TOPICS[name]]) == own, f"{name}: the topic holds events that no outbox knows"
    return sum(n - 1 for counts in ids.values() for n in counts.values())


def every_acknowledged_step_has_its_event_once(runtimes: dict[str, Runtime]) -> int:
    """Each transition that says an event has exactly one row in its service's outbox. Returns: how many were checked."""
    checked = 0
    for runtime in runtimes.values():
        with reading(runtime.engine) as session:
            said = [e for e in session.scalars(select(tables.transition.c.event_id)) if e]
            out = Counter(session.scalars(select(tables.outbox.c.event_id).where(tables.outbox.c.topic == TOPICS[runtime.name])))
        assert len(said) == len(set(said))
        assert all(out[e] == 1 for e in said), runtime.name
        checked += len(said)
    return checked


def effects_happened_once(runtimes: dict[str, Runtime], acknowledged: list[Acknowledged], hot: list[str]) -> int:
    """Notices and first-day calls, against what was acknowledged. Returns: how many effects were counted."""
    booked = Counter(one.document["case_id"] for one in acknowledged if one.service == "referral"
                     and (one.path == "/intakes" or one.path.endswith("/move")) and one.document["case_id"] in hot)
    started = Counter(one.document["id"] for one in acknowledged if one.service == "followup" and one.path.endswith("/start"))
    notices = _count(runtimes["partners"], "SELECT case_id FROM notice WHERE kind IN ('intake_booked', 'intake_moved')")
    calls = _count(runtimes["followup"], "SELECT placement_id FROM duty WHERE kind = 'first_day_call'")
    assert booked, "the load made no hot case"
    for case, n in booked.items():
        assert notices[case] == n, f"case {case}: {n} acknowledged, {notices[case]} notices"
    for placement in started:
        assert calls[placement] == 1, f"placement {placement} has {calls[placement]} first-day calls"
    return sum(booked.values()) + len(started)


def _count(runtime: Runtime, query: str) -> Counter[str]:
    with reading(runtime.engine) as session:
        return Counter(str(uuid.UUID(str(row[0]))) for row in session.execute(text(query)) if row[0])


def nothing_is_left_over(runtimes: dict[str, Runtime]) -> None:
    """No record waits, is parked or dead."""
    for name, runtime in runtimes.items():
        with reading(runtime.engine) as session:
            left: list[Any] = list(session.execute(select(tables.kept.c.state, tables.kept.c.type, tables.kept.c.reason)))
            left += list(session.execute(select(tables.dead_letter.c.reason)))
        assert not left, (name, left[:3])


def the_audit_chain_holds(runtimes: dict[str, Runtime]) -> None:
    """Relays that died while sealing left no fork and no hole in the chain."""
    for name, runtime in runtimes.items():
        with runtime.engine.connect() as connection:
            faults = [fault for fault in audit_check.check(connection, audit.keys(runtime.settings)).faults if fault.link]
        assert not faults, f"{name}: {faults[0]}"

# SPDX-License-Identifier: MPL-2.0
"""From a use case's commit to the bus: nothing lost, nothing overtaken, whoever is killed where."""
from __future__ import annotations

import random
import signal
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session

from jobtrappen import audit, audit_check, tables
from jobtrappen.bus import Producer, Record
from jobtrappen.db import writing
from jobtrappen.errors import BusError, Unavailable
from jobtrappen.event import decode
from jobtrappen.relay import BATCH, LOOK, Relay, a_wave, lead
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from tests.support.ledger import LIFE, Ledger, a_case, aggregate, said
from tests.support.process import wait_until

O, H, A = tables.outbox.c, tables.heartbeat.c, tables.audit.c


def on_the_bus(place: Ledger, cases: set[str]) -> list[Record]:
    """What stands on the ledger's topics about these cases, each partition in offset order."""
    found: list[Record] = []
    subscription = place.bus.subscribe(f"look-{a_case()}", place.ledger.service.reads, lambda t, p: place.began[t, p])
    left = {at: end for at, end in place.bus.ends(place.ledger.service.reads).items() if end > place.began[at]}

    def read() -> bool:
        for record in subscription.poll(0.1):
            found.append(record)
            if record.offset + 1 >= left.get((record.topic, record.partition), 0):
                left.pop((record.topic, record.partition), None)
        return not left

    wait_until(read, 30, "all records")
    subscription.close()
    return [record for record in found if record.key and record.key.decode() in cases]


def unpublished(place: Ledger) -> int:
    return place.rows(select(func.count()).where(O.published_at.is_(None)), place.speaker)[0][0]


def relaying(place: Ledger) -> AbstractContextManager[threading.Event]:
    """A relay in a thread of its own."""
    return place.running(("relay", Relay(place.speaker, place.bus).run))


def all_waves(left: Sequence[Any]) -> Iterator[list[Any]]:
    while left:
        wave, left = a_wave(left)
        yield wave


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))))
def test_waves_hold_one_record_of_a_key_and_keep_its_order(places: list[tuple[str, str]]) -> None:
    rows = [SimpleNamespace(id=n, topic=topic, key=key) for n, (topic, key) in enumerate(places)]
    seen = []
    for wave in all_waves(rows):
        assert len({(row.topic, row.key) for row in wave}) == len(wave)
        seen += wave
    assert sorted(row.id for row in seen) == list(range(len(rows)))
    for place in set(places):
        ids = [row.id for row in seen if (row.topic, row.key) == place]
        assert ids == sorted(ids)


def test_no_wave_is_larger_than_a_batch_and_what_it_leaves_keeps_its_order() -> None:
    rows = [SimpleNamespace(id=n, topic="t", key=str(n % (BATCH + 100))) for n in range(LOOK)]
    waves = list(all_waves(rows))
    assert [len(wave) for wave in waves[:2]] == [BATCH, BATCH] and max(len(wave) for wave in waves) == BATCH
    place = {row.id: number for number, wave in enumerate(waves) for row in wave}
    assert all(place[row.id] < place[row.id + BATCH + 100] for row in rows[:LOOK - BATCH - 100])


@dataclass
class Flaky:
    """A producer in front of the real one that reports failures, half of them for records that were sent all the same."""

    real: Producer
    dice: random.Random
    failed: int = 0

    def send(self, wave: Sequence[Record]) -> list[BaseException | None]:
        fates = [self.dice.choice(("ok", "ok", "ok", "ok", "lost", "unsure")) for _ in wave]
        assert all(answer is None for answer in self.real.send([r for r, fate in zip(wave, fates, strict=True) if fate != "lost"]))
        self.failed += len(wave) - fates.count("ok")
        return [None if fate == "ok" else BusError(fate) for fate in fates]

    def start(self, wave: Sequence[Record]) -> Callable[[], list[BaseException | None]]:
        answers = self.send(wave)
        return lambda: answers

    def close(self) -> None:
        self.real.close()


def test_no_order_breaks_and_nothing_is_lost_whatever_record_fails(database: Ledger) -> None:
    cases = [a_case() for _ in range(6)]
    for name in LIFE:
        for case in cases:
            database.speak(name, case)
    dice, failures = random.Random(7), 0
    while unpublished(database):
        producer = Flaky(database.bus.producer("referral"), dice)
        with lead(database.speaker, threading.Event()) as leadership:
            assert leadership is not None
            try:
                Relay(database.speaker, database.bus).once(leadership.connection, producer)
            except BusError:
                failures += 1
        producer.close()
    assert failures > 5, "too few failures to prove anything"
    seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
    records = on_the_bus(database, set(cases))
    for record in records:
        seqs[record.topic, decode(record.value).key].append(decode(record.value).seq)
    assert len(records) > len(LIFE) * len(cases), "no record was doubled, so the failures were too mild"
    for place, found in seqs.items():
        first = list(dict.fromkeys(found))
        assert first == list(range(1, max(found) + 1)), (place, found)
        assert found == sorted(found), "one that was doubled came after its successor"
    database.consume()
    assert sorted(database.effects()) == sorted(effect for case in cases for effect in database.effects(case))
    assert all(len(database.effects(case)) == len(LIFE) for case in cases)
    assert database.kept() == []


@contextmanager
def before_commit(pause: Callable[[], object]) -> Iterator[None]:
    """Everything is written, the outbox rows too, and nothing is committed yet."""
    def hook(session: Session) -> None:
        if threading.current_thread().name == "late":
            # On PostgreSQL the rows travel with COMMIT; an answer to this says that they are there.
            session.connection().connection.dbapi_connection.execute("SELECT 1").fetchone()  # type: ignore[union-attr, attr-defined]
            pause()

    event.listen(Session, "before_commit", hook)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", hook)


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_commit_that_comes_after_later_ones_were_published_is_not_missed(database: Ledger) -> None:
    early, late, reached, go = a_case(), a_case(), threading.Event(), threading.Event()
    with before_commit(lambda: (reached.set(), go.wait(20))):
        writer = threading.Thread(target=database.speak, args=("case.opened", late), name="late")
        writer.start()
        assert reached.wait(20)
        database.speak("case.opened", early)
        assert database.publish() == 2  # the event and its public copy
        go.set()
        writer.join(20)
    rows = database.outbox()
    assert [row.key for row in rows] == [late, late, early, early], "the late one has the lower ids, so it proves something"
    assert database.publish() == 2
    assert unpublished(database) == 0


def test_writers_that_pause_before_their_commit_lose_nothing(database: Ledger) -> None:
    dice, cases = random.Random(11), [a_case() for _ in range(4)]
    pauses = [dice.random() * 0.02 for _ in range(120)]
    plan = [[(dice.choice(cases)) for _ in range(20)] for _ in range(6)]
    with relaying(database), before_commit(lambda: threading.Event().wait(pauses.pop())):
        writers = [threading.Thread(target=lambda mine=mine: [database.speak("person.changed", c) for c in mine], name="late") for mine in plan]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        wait_until(lambda: unpublished(database) == 0, 20, "the relay")
    assert len(database.outbox()) == 120
    found = [decode(record.value) for record in on_the_bus(database, set(cases))]
    for case in cases:
        assert [e.seq for e in found if e.key == case] == list(range(1, sum(mine.count(case) for mine in plan) + 1))


def test_outbox_order_is_commit_order_and_seq_is_dense_with_five_writers_on_one_aggregate(database: Ledger) -> None:
    case = a_case()

    def write() -> None:
        for _ in range(30):
            with transaction(database.speaker, SYSTEM) as tx:
                state = database.change(tx, case)
                tx.say(**said("person.changed", case, profile_version=state))

    writers = [threading.Thread(target=write) for _ in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    events = [decode(row.payload.encode()) for row in database.outbox()]
    assert [e.data["profile_version"] for e in events] == list(range(1, 151)), "outbox order is not state order"
    assert [e.seq for e in events] == list(range(1, 151))
    assert [row.seq for row in database.outbox()] == list(range(1, 151))


def test_two_transactions_that_speak_of_the_same_two_keys_do_not_deadlock(database: Ledger) -> None:
    one, two, wrong = a_case(), a_case(), []

    def write(first: str, second: str) -> None:
        try:
            for _ in range(20):
                with transaction(database.speaker, SYSTEM) as tx:
                    tx.say(**said("person.changed", first))
                    tx.say(**said("person.changed", second))
        except Unavailable as error:
            wrong.append(error)

    writers = [threading.Thread(target=write, args=pair) for pair in ((one, two), (two, one), (one, two))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert not wrong
    assert len(database.outbox()) == 120


def test_a_transaction_that_fails_leaves_no_event_and_no_gap(database: Ledger) -> None:
    case = a_case()
    with pytest.raises(ZeroDivisionError), transaction(database.speaker, SYSTEM) as tx:
        database.change(tx, case)
        tx.say(**said("case.opened", case))
        tx.close()
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="may not hold"), transaction(database.speaker, SYSTEM) as tx:
        database.change(tx, case)
        tx.say(**said("case.opened", case, track="Fatima"))
    assert database.outbox() == []
    assert database.rows(select(aggregate), database.speaker) == []
    database.speak("case.opened", case)
    assert {row.seq for row in database.outbox()} == {1}


def test_a_public_event_goes_out_twice_with_one_id_and_only_the_allowed_fields(database: Ledger) -> None:
    database.speak("case.opened", a_case())
    inside, public = (decode(row.payload.encode()) for row in database.outbox())
    assert [row.topic for row in database.outbox()] == ["jobtrappen.referral", "jobtrappen.public"]
    assert inside.id == public.id and (inside.audience, public.audience) == ("internal", "integrator")
    assert set(inside.data) > set(public.data) == {"case_id", "track"}


def test_a_trace_header_that_could_be_a_name_is_not_said(database: Ledger) -> None:
    for trace in ("Fatima-Yildiz", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        with transaction(database.speaker, SYSTEM, trace=trace) as tx:
            tx.say(**said("person.changed", a_case()))
    assert [decode(row.payload.encode()).trace for row in database.outbox()] == ["", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]


def leaders(place: Ledger) -> set[str]:
    return {row.member.rsplit("-", 1)[1] for row in place.rows(select(H.member).where(H.role == "relay", H.state == "leading"), place.speaker)}


def test_one_relay_leads_and_the_other_takes_over_when_it_is_killed(database: Ledger) -> None:
    first = database.start("relay", "referral")
    wait_until(lambda: leaders(database) == {str(first.pid)}, 30, "the first to lead")
    second = database.start("relay", "referral")
    for _ in range(20):
        database.speak("case.opened", a_case())
        wait_until(lambda: unpublished(database) == 0, 10, "the leader")
    wait_until(lambda: stands_by(database, second.pid), 30, "the second to stand by")
    assert leaders(database) == {str(first.pid)}
    first.send_signal(signal.SIGKILL)
    first.wait()
    database.speak("case.opened", a_case())
    wait_until(lambda: unpublished(database) == 0, 15, "the second to take over")
    wait_until(lambda: str(second.pid) in leaders(database), 10, "its heartbeat")
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0


def stands_by(place: Ledger, pid: int) -> bool:
    """Both processes hold the lock's file or a session; only one can hold the lock."""
    if place.speaker.url.startswith("sqlite"):
        return any(opened(fd) == "referral.db.relay.lock" for fd in Path(f"/proc/{pid}/fd").iterdir())
    return len(place.rows(text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%'"),
                          place.speaker)) >= 1


def opened(fd: Path) -> str:
    """The name of an open file; "" where it has been closed since the folder was read."""
    try:
        return fd.readlink().name
    except FileNotFoundError:
        return ""


def test_leadership_is_given_back_when_its_work_fails(database: Ledger) -> None:
    for _ in range(3):
        with pytest.raises(BusError), lead(database.speaker, threading.Event()):
            raise BusError("away")
    other, got = Runtime(database.speaker.service, database.settings), threading.Event()

    def follow() -> None:
        with lead(other, threading.Event()):
            got.set()

    threading.Thread(target=follow, daemon=True).start()
    assert got.wait(10), "the lock was left behind"
    other.close()


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_notice_wakes_the_relay_and_leaves_no_transaction_open(database: Ledger, record_property: Callable[[str, object], None]) -> None:
    from psycopg.pq import TransactionStatus

    with lead(database.speaker, threading.Event()) as leadership:
        assert leadership is not None
        database.speaker.wake()
        began = time.monotonic()
        leadership.wait(20)
        assert time.monotonic() - began < 10, "no notice came"
        driver = leadership.connection.connection.dbapi_connection
        assert driver.info.transaction_status == TransactionStatus.IDLE  # type: ignore[union-attr]
    waits = []
    with relaying(database):
        wait_until(lambda: bool(leaders(database)), 20, "a leader")
        for _ in range(20):
            database.speak("person.changed", a_case())
            wait_until(lambda: unpublished(database) == 0, 10, "the relay")
        for row in database.outbox():
            waits.append((row.published_at - row.recorded_at.astimezone(UTC)).total_seconds() * 1000)
    record_property("commit_to_published_ms_median", round(statistics.median(waits), 1))
    assert statistics.median(waits) < 500


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_notice_between_a_look_and_the_wait_is_not_lost(database: Ledger) -> None:
    with lead(database.speaker, threading.Event()) as leadership:
        assert leadership is not None
        database.speaker.wake()
        pending = text("SELECT pg_notification_queue_usage()")
        wait_until(lambda: bool(database.rows(text("SELECT 1 FROM pg_stat_activity WHERE query = 'NOTIFY jobtrappen_referral'"), database.speaker)), 10, "NOTIFY")
        with leadership.connection.begin():
            leadership.connection.execute(pending)
        began = time.monotonic()
        leadership.wait(20)
        assert time.monotonic() - began < 10


def test_more_events_than_one_batch_are_published(database: Ledger) -> None:
    cases = [a_case() for _ in range(3)]
    with transaction(database.speaker, SYSTEM) as tx:
        for n in range(BATCH + 10):
            tx.say(**said("person.changed", cases[n % 3]))
    assert database.publish() == BATCH + 10
    assert unpublished(database) == 0
    seqs = [decode(r.value).seq for r in on_the_bus(database, {cases[0]})]
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) == (BATCH + 12) // 3


def test_audit_rows_are_sealed_into_a_chain_that_shows_every_change(database: Ledger) -> None:
    def read(count: int) -> None:
        with transaction(database.speaker, SYSTEM) as tx:
            for _ in range(count):
                tx.audit("read.case", "case", a_case())

    def sealed() -> int:
        return database.rows(select(func.count()).where(A.chain_no.is_not(None)), database.speaker)[0][0]

    for total in (3, 8):  # the second leader goes on where the first stopped
        read(total - sealed())
        with relaying(database):
            wait_until(lambda total=total: sealed() == total, 20, "the seals")
    keys = audit.keys(database.settings)
    with database.speaker.engine.connect() as connection:
        found = audit_check.check(connection, keys)
        assert (found.number, found.faults) == (8, ()) and audit.head(connection) == (8, found.seal)
    with writing(database.speaker.engine) as session:
        session.execute(update(tables.audit).where(A.chain_no == 4).values(actor="nobody"))
    with database.speaker.engine.connect() as connection:
        assert [fault.link for fault in audit_check.check(connection, keys).faults] == [4]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_the_chain_holds_whatever_zone_the_session_reads_it_in(database: Ledger) -> None:
    with transaction(database.speaker, SYSTEM) as tx:
        tx.audit("read.case", "case", a_case())
    with lead(database.speaker, threading.Event()) as leadership:
        assert leadership is not None
        assert audit.Chain(leadership.connection, audit.keys(database.settings)[0]).seal() == 1
    with database.speaker.engine.connect() as connection:
        connection.execute(text("SET TIME ZONE 'Asia/Kathmandu'"))
        assert audit_check.check(connection, audit.keys(database.settings)).faults == ()

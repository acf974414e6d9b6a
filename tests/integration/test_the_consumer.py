# SPDX-License-Identifier: MPL-2.0
"""From the bus to an effect: once, in order, whoever is killed where; what cannot be applied now is kept."""
from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, event, select, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from jobtrappen import cli, parking, plugins, tables, workers
from jobtrappen.bus import Record, open_bus
from jobtrappen.consumer import Breaker, Consumer
from jobtrappen.db import writing
from jobtrappen.errors import Fenced, NotFound, Unavailable
from jobtrappen.event import MAX_BYTES
from jobtrappen.republish import republish
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app
from tests.integration.conftest import database_of
from tests.support import ledger as parts
from tests.support.kafka import KafkaCluster
from tests.support.ledger import LIFE, Ledger, a_case, a_ledger, an_event
from tests.support.postgres import PostgresServer
from tests.support.process import wait_until
from tests.support.world import CASEWORKER, a_world

C, K = tables.cursor.c, tables.kept.c


def numbered(*records: Record) -> list[Record]:
    """The records as one partition would give them."""
    return [Record(r.topic, r.key, r.value, r.headers, 0, n) for n, r in enumerate(records)]


@pytest.fixture
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Ledger, Consumer]]:
    """A consumer that is given its records by hand; no place of the broker's is known to it before."""
    with a_ledger(tmp_path, database_of(getattr(request, "param", "sqlite"), request)) as made:
        with writing(made.ledger.engine) as session:
            session.execute(delete(tables.position))
        yield made, Consumer(made.ledger, made.bus)


both = pytest.mark.parametrize("alone", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


# Once, whoever has it (tests/chaos kills the consumer between every two steps)

@both
def test_a_late_write_of_a_position_is_fenced_and_changes_nothing(alone: tuple[Ledger, Consumer]) -> None:
    place, first = alone
    case = a_case()
    records = numbered(an_event("case.opened", case, 1), an_event("referral.accepted", case, 2))
    assert first.take(records) == 2
    late = Consumer(place.ledger, place.bus)
    before = place.effects()
    for again in (records, records[1:], records[:1]):
        with pytest.raises(Fenced):
            late.take(again)
    assert place.effects() == before and len(before) == 2


@both
def test_eight_members_with_the_same_records_apply_them_once(alone: tuple[Ledger, Consumer]) -> None:
    place, _first = alone
    case = a_case()
    records = numbered(*(an_event(name, case, n) for n, name in enumerate(("case.opened", "referral.accepted", "referral.started"), 1)))
    outcomes: list[str] = []
    ready = threading.Barrier(8)

    def member() -> None:
        consumer = Consumer(place.ledger, place.bus)
        ready.wait()
        try:
            outcomes.append(f"took {consumer.take(records)}")
        except Fenced:
            outcomes.append("fenced")

    threads = [threading.Thread(target=member) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["fenced"] * 7 + ["took 3"]
    assert place.effects() == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3)]


def test_the_position_in_its_own_database_counts_whatever_the_broker_remembers(place: Ledger) -> None:
    case = a_case()
    place.life(case)
    place.publish()
    consumer = place.consume()
    assert len(place.effects(case)) == len(LIFE)
    _consumer, subscription = place.consumers.pop()
    subscription.display(place.bus.ends(consumer.topics))
    subscription.close()
    with writing(place.ledger.engine) as session:  # a backup from before the first event is restored
        for table in (parts.effect, parts.fact, tables.cursor, tables.outbox, tables.stream):
            session.execute(delete(table))
    for (topic, partition), offset in place.began.items():
        place.set_position(topic, partition, offset)
    place.consume()
    assert sorted(name for name, _seq in place.effects(case)) == sorted(LIFE)


def test_records_that_are_read_again_have_no_second_effect(place: Ledger) -> None:
    case = a_case()
    place.life(case)
    place.publish()
    place.consume()
    place.consumers.pop()[1].close()
    for (topic, partition), offset in place.began.items():  # only the positions fell back
        place.set_position(topic, partition, offset)
    place.consume()
    assert sorted(name for name, _seq in place.effects(case)) == sorted(LIFE)


# Duplicates, gaps, epochs

@both
def test_duplicates_are_skipped_in_one_batch_and_across_batches(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    one, two, three = (an_event(n, case, seq) for seq, n in enumerate(("case.opened", "referral.accepted", "referral.started"), 1))
    assert consumer.take(numbered(one, one, two, one, two, three, two)) == 7
    with_more = [Record(r.topic, r.key, r.value, (), 0, 7 + n) for n, r in enumerate((three, one))]
    consumer.take(with_more)
    assert place.effects() == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3)]


@both
def test_a_gap_parks_its_key_and_alarms_while_others_flow(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case, other = a_case(), a_case()
    with capture_logs() as logs:
        consumer.take(numbered(an_event("case.opened", case, 1), an_event("referral.started", case, 3), an_event("case.opened", other, 1),
                               an_event("person.changed", case, 4)))
    assert place.effects(case) == [("case.opened", 1)] and place.effects(other) == [("case.opened", 1)]
    assert place.kept() == [("referral.started", "parked"), ("person.changed", "behind")]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["parked"]
    [first, _second] = parking.listing(place.ledger)
    assert first["reason"] == "seq 3 after 1: an event of this key was lost or overtaken"


@both
def test_an_overtaken_event_that_comes_after_all_is_applied_first_when_the_key_is_retried(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    late = an_event("referral.accepted", case, 2)
    consumer.take(numbered(an_event("case.opened", case, 1), an_event("referral.started", case, 3), late, late))
    assert place.kept() == [("referral.started", "parked"), ("referral.accepted", "behind")]
    assert parking.retry(consumer, parking.listing(place.ledger)[0]["id"]) == 2
    assert place.effects(case) == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3)]
    assert place.kept() == []


def test_what_the_broker_lost_is_said_again_by_republish_and_comes_with_a_retry(place: Ledger) -> None:
    case = a_case()
    for name, heard in (("case.opened", True), ("referral.accepted", False), ("referral.started", True)):
        place.speak(name, case)
        place.publish()
        if heard:
            consumer = place.consume()
        else:  # the broker lost this one, so what comes next is what it has there
            for (topic, partition), end in place.bus.ends(consumer.topics).items():
                place.set_position(topic, partition, end)
            place.consumers.pop()[1].close()
    assert place.effects(case) == [("case.opened", 1)] and place.kept(case) == [("referral.started", "parked")]
    assert republish(place.speaker, force=True) == len(place.outbox()) >= 3
    place.publish()
    consumer = place.consume()
    assert parking.retry(consumer, next(one["id"] for one in parking.listing(place.ledger) if one["state"] == "parked")) == 2
    assert place.effects(case) == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3)] and place.kept(case) == []


@both
def test_a_gap_behind_a_waiting_record_is_noticed_too(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    consumer.take(numbered(an_event("placement.started", case, 1), an_event("placement.ended", case, 3)))
    assert place.kept() == [("placement.started", "waiting"), ("placement.ended", "behind")]
    parents = [an_event("case.opened", case, 1), an_event("referral.accepted", case, 2)]
    consumer.take(numbered(*parents))
    consumer.take(numbered(an_event("agreement.concluded", case, 1)))
    assert place.kept() == [("placement.ended", "parked")]
    assert "lost or overtaken" in parking.listing(place.ledger)[0]["reason"]
    assert [name for name, _seq in place.effects(case)][-1] == "placement.started"


@both
def test_the_first_record_of_a_key_must_be_its_first(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    consumer.take(numbered(an_event("case.opened", a_case(), 2)))
    assert place.effects() == [] and place.kept() == [("case.opened", "parked")]


@both
def test_a_lower_epoch_is_skipped_and_a_higher_one_accepted(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    consumer.take(numbered(
        an_event("case.opened", case, 1), an_event("referral.accepted", case, 2), an_event("person.changed", case, 3),
        an_event("referral.started", case, 2, epoch=2),  # restored from a backup that ended at 1
        an_event("person.changed", case, 4), an_event("person.changed", case, 3, epoch=2)))
    assert place.effects() == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 2)]
    assert [tuple(row) for row in place.rows(select(C.epoch, C.seq))] == [(2, 3)] and place.kept() == []


# Waiting and parked

@both
def test_what_waits_for_its_parent_is_applied_in_order_when_it_comes(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case, other = a_case(), a_case()
    consumer.take(numbered(an_event("placement.started", case, 1), an_event("placement.paused", case, 2), an_event("placement.ended", case, 3)))
    consumer.take(numbered(an_event("agreement.concluded", case, 1), an_event("agreement.closed", case, 2)))
    assert [state for _name, state in place.kept(case)] == ["waiting", "behind", "behind", "waiting", "behind"]
    consumer.take(numbered(an_event("case.opened", other, 1), an_event("case.opened", case, 1), an_event("referral.accepted", case, 2)))
    assert [name for name, _seq in place.effects(case)] == [
        "case.opened", "referral.accepted", "agreement.concluded", "placement.started", "placement.paused", "placement.ended", "agreement.closed"]
    assert place.kept() == [] and place.effects(other) == [("case.opened", 1)]


@both
def test_a_parent_later_in_the_same_batch_is_enough(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    records = [an_event("agreement.concluded", case, 1), an_event("case.opened", case, 1), an_event("referral.accepted", case, 2)]
    consumer.take([Record(r.topic, r.key, r.value, (), 0, n) for n, r in enumerate(records)])
    assert len(place.effects(case)) == 3 and place.kept() == []


@both
def test_a_waiting_record_whose_parent_came_another_way_is_found_by_the_slow_beat(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    cases = [a_case() for _ in range(parking.SWEEP + 5)]
    consumer.breaker.note(False)
    consumer.take(numbered(*(an_event("referral.accepted", case, 1) for case in cases)))
    assert len(place.kept()) == len(cases)
    with writing(place.ledger.engine) as session:
        session.execute(parts.HOLDS, [{"key": case, "name": "case.opened", "day": "2026-11-23"} for case in cases])
    done = parking.retry_waiting(consumer, None) + parking.retry_waiting(consumer, None)
    assert done == len(cases) and place.kept() == []


@both
def test_trying_again_in_vain_writes_nothing(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    consumer.take(numbered(an_event("placement.started", a_case(), 1)))
    written: list[str] = []
    event.listen(place.ledger.engine, "before_cursor_execute", lambda _c, _k, sql, *_: written.append(sql.split()[0]))
    for _ in range(3):
        assert parking.retry_waiting(consumer, None) == 0
    assert "SELECT" in written and not {"UPDATE", "INSERT", "DELETE"} & set(written)


@both
def test_poison_parks_at_once_and_a_failure_after_five_attempts(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    poisoned, failing = a_case(), a_case()
    place.hurt(poisoned)
    place.hurt(failing, "fail")
    with capture_logs() as logs:
        consumer.take(numbered(an_event("case.opened", poisoned, 1), an_event("case.opened", failing, 1), an_event("referral.accepted", failing, 2)))
    assert place.kept(poisoned) == [("case.opened", "parked")]
    assert place.kept(failing) == [("case.opened", "parked"), ("referral.accepted", "behind")]
    assert [entry["attempt"] for entry in logs if entry["event"] == "reaction failed"] == [1, 2, 3, 4, 5]
    assert parking.listing(place.ledger)[1]["reason"] == f"ValueError: no such number: {failing}?", "a byte that no database takes stands in it"
    assert place.effects() == []


@both
def test_data_that_breaks_its_contract_is_poison(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    consumer.take(numbered(an_event("case.opened", case, 1, data={"case_id": case, "track": "Fatima"})))
    assert place.effects() == [] and place.kept() == [("case.opened", "parked")]
    assert "Fatima" not in parking.listing(place.ledger)[0]["reason"]


@both
def test_a_waiting_record_whose_reaction_fails_five_times_parks(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    consumer.take(numbered(an_event("referral.accepted", case, 1)))
    place.hurt(case, "fail")
    with writing(place.ledger.engine) as session:
        session.execute(parts.HOLDS, {"key": case, "name": "case.opened", "day": "2026-11-23"})
    for expected in ("waiting", "waiting", "waiting", "parked"):
        parking.retry_waiting(consumer, {case})
        assert place.kept() == [("referral.accepted", expected)]
    assert consumer.breaker.parked == 1


@both
def test_one_poison_record_in_a_batch_and_the_others_once(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    cases = [a_case() for _ in range(50)]
    for bad in (cases[0], cases[20], cases[49]):
        place.hurt(bad)
    assert consumer.take(numbered(*(an_event("case.opened", case, 1) for case in cases))) == 50
    assert sorted(len(place.effects(case)) for case in cases) == [0] * 3 + [1] * 47
    assert len(place.kept()) == 3


def test_a_record_that_cannot_be_applied_holds_up_its_own_key_alone(place: Ledger) -> None:
    cases = [a_case() for _ in range(5)]
    place.hurt(cases[2])
    for name in LIFE:
        for case in cases:
            place.speak(name, case)
    place.publish()
    consumer = place.consume()
    for case in cases:
        assert len(place.effects(case)) == (0 if case == cases[2] else len(LIFE)), case
    states = [state for _name, state in place.kept(cases[2])]
    assert states.count("parked") == 1 and len(states) == len(LIFE), states
    place.heal(cases[2])
    [parked] = [row for row in parking.listing(place.ledger) if row["state"] == "parked"]
    assert parking.retry(consumer, parked["id"]) == len(LIFE)
    assert sorted(name for name, _seq in place.effects(cases[2])) == sorted(LIFE) and place.kept() == []


# The operator's commands

@pytest.fixture
def command(place: Ledger, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`jobtrappen …` in this process, with ledger and speaker as its services."""
    monkeypatch.setattr(plugins, "services", parts.services)
    for name, value in place.environment().items():
        if name.startswith("JOBTRAPPEN_") and "TEST" not in name:
            monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.cli, arguments)

    return run


def test_the_operator_lists_shows_retries_and_drops(place: Ledger, command: Any) -> None:
    case, given_up = a_case(), a_case()
    for each in (case, given_up):
        place.hurt(each)
        for name in ("case.opened", "referral.accepted", "referral.started"):
            place.speak(name, each)
    place.publish()
    place.consume()
    listed = command("parked", "list", "partners").output.splitlines()
    assert len(listed) == 6 and sum(" parked " in line for line in listed) == 2
    ids = {(row["key"], row["type"].split(".")[2]): row["id"] for row in parking.listing(place.ledger)}
    shown = json.loads(command("parked", "show", "partners", str(ids[case, "opened"])).output)
    assert shown["value"]["type"] == "jobtrappen.case.opened.v1" and shown["reason"] == "the test wants it so"
    in_vain = command("parked", "retry", "partners", str(ids[case, "opened"]))
    assert in_vain.exit_code == 1 and in_vain.output == "0 applied\n"
    place.heal(case)
    again = command("parked", "retry", "partners", str(ids[case, "opened"]))
    assert again.exit_code == 0 and again.output == "3 applied\n"
    assert place.effects(case) == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3)]

    place.heal(given_up)  # given up are the middle one, which has to wait for its turn, and the first
    refused = CliRunner().invoke(cli.cli, ["parked", "drop", "partners", str(ids[given_up, "opened"])], input="n\n")
    assert refused.exit_code == 1 and len(place.kept(given_up)) == 3
    assert command("parked", "drop", "partners", str(ids[given_up, "accepted"]), "--yes").exit_code == 0
    assert place.kept(given_up)[1] == ("referral.accepted", "dropped")
    assert command("parked", "drop", "partners", str(ids[given_up, "opened"]), "--yes").exit_code == 0
    parking.retry_waiting(place.consumers[0][0], None)
    assert place.kept(given_up) == [("referral.started", "waiting")], "what hangs on what was given up is not lost"
    assert command("parked", "drop", "partners", str(ids[given_up, "started"]), "--yes").exit_code == 0
    assert place.effects(given_up) == [] and place.kept() == []
    place.speak("person.changed", given_up)
    place.publish()
    place.consume()
    assert place.kept() == [], "no gap is left where something was given up"
    audited = [row[0] for row in place.rows(select(tables.audit.c.action).order_by(tables.audit.c.id))]
    assert audited == ["parked.retry"] * 2 + ["parked.drop"] * 3


def test_the_commands_run_as_a_process_of_their_own_beside_the_consumer(place: Ledger) -> None:
    case = a_case()
    place.hurt(case)
    place.speak("case.opened", case)
    with place.running(*workers.relays([place.speaker]), *workers.consumers([place.ledger])):
        wait_until(lambda: place.kept(case) == [("case.opened", "parked")], 60, "the record to be parked")
        [row] = parking.listing(place.ledger)
        place.heal(case)
        done = place.run("parked", "retry", "partners", str(row["id"]))
        assert (done.returncode, done.stdout) == (0, "1 applied\n"), done.stderr
        place.speak("referral.accepted", case)
        wait_until(lambda: len(place.effects(case)) == 2, 60, "the next event")
    gone = place.run("parked", "show", "partners", str(row["id"]))
    assert gone.returncode == 1 and "No kept record has the id" in gone.stderr


def test_what_is_not_there_can_be_neither_shown_nor_dropped(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        for ask in (parking.show, parking.drop):
            with pytest.raises(NotFound, match="parked list"):
                ask(place.ledger, 7)


# Bytes that are no event

def hostile(case: str) -> list[Record]:
    good = an_event("case.opened", case, 1)
    document = json.loads(good.value or b"")

    def but(**changes: Any) -> bytes:
        return json.dumps({**document, **changes}).encode()

    return [
        Record(good.topic, b"\x00\xff", b"\x00\xfe{"), Record(good.topic, case.encode(), b"[]"), Record(good.topic, None, good.value),
        Record(good.topic, a_case().encode(), good.value), Record(good.topic, case.encode(), None),
        Record("jobtrappen.matching", case.encode(), good.value), Record(good.topic, case.encode(), but(partitionkey=case + "\x00")),
        Record(good.topic, case.encode(), but(id="urn:uuid:" + document["id"])), Record(good.topic, case.encode(), but(seq=2**70)),
        Record(good.topic, case.encode(), but(correlationid="Fatima Yıldız\x00")), Record(good.topic, case.encode(), but(time="2026-02-31T00:00:00Z")),
        Record(good.topic, case.encode(), but(padding="x" * MAX_BYTES)), Record(good.topic, case.encode(), b'{"a":' * 5000),
    ]


def test_bytes_that_are_no_event_are_kept_as_they_came_and_hold_nobody_up(place: Ledger) -> None:
    case = a_case()
    bad = hostile(case)
    place.put(*bad, an_event("case.opened", case, 1))
    place.consume()
    assert sorted((row.key or b"", row.value or b"") for row in place.dead()) == sorted((r.key or b"", r.value or b"") for r in bad)
    assert all(row.reason and "Fatima" not in row.reason for row in place.dead())
    assert place.effects(case) == [("case.opened", 1)] and place.kept() == []


@both
def test_a_plugins_event_cannot_pass_for_one_of_the_suites_own(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    consumer.take(numbered(an_event("case.opened", a_case(), 1, type="jobtrappenx.evil.case.opened.v1")))
    assert place.effects() == [] and place.dead() == [] and place.kept() == []


@both
def test_an_unknown_type_passes_and_the_cursor_moves(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    case = a_case()
    consumer.take(numbered(an_event("case.opened", case, 1), an_event("case.opened", case, 2, type="jobtrappen.case.sung_of.v1"),
                           an_event("case.opened", case, 3, type="jobtrappen.referral.accepted.v7"), an_event("referral.accepted", case, 4)))
    assert place.effects() == [("case.opened", 1), ("referral.accepted", 4)]
    assert [tuple(row) for row in place.rows(select(C.epoch, C.seq))] == [(1, 4)]


# The breaker

def test_the_breaker_opens_after_more_than_twenty_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker.note(True)
    assert not breaker.open
    breaker.note(True)
    assert breaker.open
    breaker.note(False)
    assert breaker.open, "only a restart closes it"


def test_the_breaker_opens_at_more_than_a_tenth_of_at_least_fifty() -> None:
    few, many, spread = Breaker(), Breaker(), Breaker()
    for _ in range(5):
        few.note(True)
    few.note(False, 40)
    assert not few.open, "forty-five records are too few to judge by"
    many.note(False, 500)
    for _ in range(20):
        many.note(True)
        many.note(False)
    assert not many.open
    for _ in range(5):
        spread.note(False, 9)
        spread.note(True)
    assert not spread.open, "exactly a tenth"
    spread.note(True)
    assert spread.open


def test_a_breaker_that_opens_stops_the_consumer_and_shows_in_heartbeat_and_readyz(place: Ledger) -> None:
    cases = [a_case() for _ in range(40)]
    for case in cases:
        place.hurt(case)
        place.speak("case.opened", case)
    place.publish()
    ready = service_app(place.ledger).test_client()
    with place.running(*workers.consumers([place.ledger])):
        wait_until(lambda: "stopped" in str(ready.get("/readyz").get_json()["checks"]["consume"]["state"]), 60, "the consumer to stop itself")
        answer = ready.get("/readyz")
        assert answer.status_code == 200 and answer.get_json()["status"] == "degraded"
        assert answer.get_json()["checks"]["consume"]["status"] == "degraded"
        assert len(place.kept()) == 21, "it went on parking"
    for case in cases:
        place.heal(case)
    with place.running(*workers.consumers([place.ledger])):  # started again, it goes on where it stopped
        wait_until(lambda: len(place.effects()) == 19, 60, "the others")
    assert len(place.kept()) == 21


# Things that are away

def test_a_full_disk_pauses_and_never_parks(alone: tuple[Ledger, Consumer]) -> None:
    place, consumer = alone
    with place.ledger.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def full(connection: sqlite3.Connection, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages if away else 1_000_000_000}")

    away = True
    event.listen(place.ledger.engine, "checkout", full)
    cases = [a_case() for _ in range(200)]
    records = numbered(*(an_event("case.opened", case, 1) for case in cases))
    with pytest.raises(Unavailable):
        consumer.take(records)
    assert place.effects() == [] and place.kept() == []
    away = False
    assert consumer.take(records) == 200
    assert len(place.effects()) == 200 and place.kept() == []


@pytest.mark.postgres
@pytest.mark.parametrize("alone", ["postgres"], indirect=True)
def test_a_deadlock_with_another_transaction_is_no_failure_of_the_event(alone: tuple[Ledger, Consumer]) -> None:
    place, _consumer = alone
    cases = [a_case(), a_case()]
    for case in cases:
        place.put(an_event("case.opened", case, 1))
    row = "UPDATE trouble SET kind = 'none' WHERE key = :k"
    for case in cases:
        place.hurt(case, "none")
    holds, order = threading.Event(), []

    def deadlock(session: Any, flush_context: Any = None) -> None:
        """Inside the consumer's transaction, once: wait for what the other one holds, who waits for this one."""
        if threading.current_thread().name.startswith("consume") and not order:
            order.append("consumer")
            session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))  # who looks first is the one that is ended
            session.execute(text(row), {"k": cases[0]})
            holds.set()
            # PostgreSQL looks once for each wait: the other one must wait already when this one is looked at.
            wait_until(lambda: bool(place.rows(text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))),
                       20, "the other transaction to wait")
            session.execute(text(row), {"k": cases[1]})

    event.listen(Session, "before_commit", deadlock)
    try:
        with capture_logs() as logs, place.running(*workers.consumers([place.ledger])):
            assert holds.wait(30)
            with writing(place.ledger.engine) as session:
                session.execute(text("SET LOCAL deadlock_timeout = '20s'"))
                session.execute(text(row), {"k": cases[1]})
                session.execute(text(row), {"k": cases[0]})
            wait_until(lambda: len(place.effects()) == 2, 30, "both effects")
    finally:
        event.remove(Session, "before_commit", deadlock)
    assert [e["kind"] for e in logs if e["event"] == "consumer pauses"] == ["Unavailable"]
    assert place.kept() == [] and sorted(place.effects()) == [("case.opened", 1)] * 2


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_database_that_is_away_is_waited_for_and_nothing_is_parked(tmp_path: Path, kafka_server: KafkaCluster) -> None:
    server = PostgresServer.start()  # of its own: others' connections shall not break
    try:
        for name in ("away_referral", "away_partners"):
            server.create_database(name)
        with a_ledger(tmp_path, server.url("away_{service}"), kafka_server.url) as place:
            cases = [a_case() for _ in range(30)]
            with place.running(*workers.relays([place.speaker]), *workers.consumers([place.ledger])):
                for case in cases[:10]:
                    place.life(case)
                wait_until(lambda: bool(place.effects()), 60, "the first effects")
                server.kill()
                with pytest.raises(Unavailable):
                    place.life(a_case())
                server.restart()
                for case in cases[10:]:
                    _until_it_takes(place, case)
                wait_until(lambda: _effects_if_it_answers(place) >= 30 * len(LIFE), 90, "all effects")
            assert sorted(place.effects()) == sorted(effect for case in cases for effect in place.effects(case))
            assert {len(place.effects(case)) for case in cases} == {len(LIFE)}
            assert place.kept() == [] and place.dead() == []
    finally:
        server.stop()


def _effects_if_it_answers(place: Ledger) -> int:
    """A connection from before the restart tells of it only when it is used; the next look takes a new one."""
    try:
        return len(place.effects())
    except Unavailable:
        return 0


def _until_it_takes(place: Ledger, case: str) -> None:
    """A database that has just come back may refuse a connection that was made before."""
    def spoken() -> bool:
        try:
            place.speak("case.opened", case)
        except Unavailable:
            return False
        return True

    wait_until(spoken, 30, "the database to take a command")
    for name in LIFE[1:]:
        place.speak(name, case)


@pytest.mark.postgres
@pytest.mark.kafka
def test_while_the_broker_is_away_the_web_keeps_accepting_and_afterwards_everything_arrives(
        tmp_path: Path, request: pytest.FixtureRequest, kafka_server: KafkaCluster) -> None:
    database, bus = database_of("postgres", request, "world"), f"{kafka_server.url}?request_timeout_ms=2000&delivery_timeout_ms=3000&bootstrap_timeout_ms=2000"
    (tmp_path / "ledger").mkdir()
    with a_ledger(tmp_path / "ledger", database_of("postgres", request), bus) as place, \
            a_world(tmp_path, database=database, bus=bus, services=["referral"]) as world:
        web, ready = world.referral(CASEWORKER), world.apps["referral"].test_client()
        citizen = {"given_name": "Ali", "family_name": "Æbeltoft", "track": "adult"}
        works = (*workers.relays([world.runtimes["referral"]]), *workers.consumers([place.ledger]))
        with place.running(*works):
            first = web.post("/cases", citizen)
            wait_until(lambda: len(place.effects(first.id)) == 1, 60, "the first case to be heard of")
            assert ready.get("/readyz").get_json()["checks"]["bus"] == {"status": "ok"}
            kafka_server.kill()
            try:
                answers = [web.post("/cases", citizen) for _ in range(10)]
                assert [answer.status for answer in answers] == [201] * 10
                seen = ready.get("/readyz")
                assert seen.status_code == 200 and seen.get_json()["status"] == "degraded"
                assert seen.get_json()["checks"]["bus"]["status"] == "degraded"
            finally:
                kafka_server.restart()
            for answer in answers:
                wait_until(lambda answer=answer: len(place.effects(answer.id)) >= 1, 90, "what was accepted meanwhile")
            wait_until(lambda: ready.get("/readyz").get_json()["checks"]["bus"]["status"] == "ok", 20, "the bus")
        assert [place.effects(answer.id) for answer in (first, *answers)] == [[("case.opened", 1)]] * 11
        assert place.kept() == [] and place.dead() == []


def test_the_embedded_bus_away_for_a_while_delays_and_loses_nothing(tmp_path: Path) -> None:
    with a_ledger(tmp_path, bus=f"sqlite:///{tmp_path}/bus.db?busy_timeout_ms=100") as place:
        case = a_case()
        with place.running(*workers.relays([place.speaker]), *workers.consumers([place.ledger])):
            with closing(sqlite3.connect(tmp_path / "bus.db", isolation_level=None)) as writer:
                writer.execute("BEGIN IMMEDIATE")
                place.life(case)
                states = select(tables.heartbeat.c.state).where(tables.heartbeat.c.role == "relay")
                wait_until(lambda: "pausing" in str(place.rows(states, place.speaker)), 30, "the relay to notice")
            wait_until(lambda: len(place.effects(case)) == len(LIFE), 30, "all effects")


@pytest.mark.kafka
def test_a_member_whose_join_is_cut_in_two_by_short_polls_is_not_deaf(kafka_server: KafkaCluster) -> None:
    bus, early, late = open_bus(kafka_server.url), f"short.{a_case()}", f"short.{a_case()}"
    bus.ensure_topics({early: 2})
    subscription = bus.subscribe(f"short-{a_case()}", [early, late], lambda topic, partition: 0)
    wait_until(lambda: not subscription.poll(0.2) and len(subscription.assigned()) == 2, 20, "the first topic")
    bus.ensure_topics({late: 3})
    coordinator, cluster = subscription._client._coordinator, subscription._client._manager.cluster  # type: ignore[attr-defined]
    short = 0

    def cut() -> bool:
        """Polls too short for a join, while one goes on: its answer comes when nobody waits for it."""
        nonlocal short
        if late not in cluster.topics():
            cluster.request_update()  # else it looks every five minutes
        assert subscription.poll(0.001) == []
        short += late in cluster.topics()
        return short >= 40

    wait_until(cut, 20, "forty short polls after the second topic was seen")
    wait_until(lambda: not subscription.poll(0.5) and len(subscription.assigned()) == 5, 5, f"the second topic, as long as a consumer polls: {vars(coordinator)}")
    subscription.close()
    bus.close()


# Many cases, many members

def test_members_that_come_and_go_apply_every_event_once_and_in_order(place: Ledger) -> None:
    dice = random.Random(5)
    cases = [a_case() for _ in range(12)]
    turns = [case for case in cases for _ in LIFE]
    dice.shuffle(turns)
    spoken: dict[str, int] = dict.fromkeys(cases, 0)
    with place.running(*workers.relays([place.speaker])):
        for part in range(3):
            second = Runtime(parts.LEDGER, place.settings)
            with place.running(*workers.consumers([place.ledger]), *workers.consumers([second])):
                for case in turns[part * 32:(part + 1) * 32]:
                    place.speak(LIFE[spoken[case]], case)
                    spoken[case] += 1
                wait_until(lambda part=part: bool(place.effects()) and len(place.effects()) + len(place.kept()) >= (part + 1) * 32, 60, "the effects")
            second.close()
    for case in cases:
        found = place.effects(case)
        assert sorted(name for name, _seq in found) == sorted(LIFE)
        for topic in ("referral", "case"), ("agreement",), ("placement",):
            seqs = [seq for name, seq in found if name.startswith(topic)]
            assert seqs == sorted(seqs), (topic, found)
    assert place.kept() == []

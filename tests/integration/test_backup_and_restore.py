# SPDX-License-Identifier: MPL-2.0
"""Backup and restore of one service while the other runs on: on SQLite with the embedded bus, on PostgreSQL with Kafka.

The topics of a broker hold what the tests before said, so forgotten events are looked for by their cases.
"""
from __future__ import annotations

import csv
import gc
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from jobtrappen import clock, migrate, tables, workers
from jobtrappen.backup import BackupFailed, backup, manifest_of
from jobtrappen.config import PUBLIC_TOPIC
from jobtrappen.db import writing
from jobtrappen.errors import BadConfiguration, BusError
from jobtrappen.relay import Relay
from jobtrappen.restore import restore, write_report
from jobtrappen.runtime import Runtime
from tests.integration.conftest import IMPATIENT, database_of
from tests.support.ledger import LEDGER, SPEAKER, Ledger, a_case, a_ledger, aggregate, effect, fact
from tests.support.process import wait_until


@pytest.fixture(params=["sqlite", pytest.param("postgres-kafka", marks=[pytest.mark.postgres, pytest.mark.kafka])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """As the core's own fixture, but with a broker of this module's: restore reads the whole topic."""
    kind, _, bus = request.param.partition("-")
    url = f"{request.getfixturevalue('own_kafka').url}?{IMPATIENT}" if bus else ""
    with a_ledger(tmp_path, database_of(kind, request, "restore"), url) as made:
        yield made


def stopped(place: Ledger, runtime: Runtime) -> Runtime:
    """As after SIGTERM: nobody has the database open."""
    place.speaker.close()
    place.ledger.close()
    gc.collect()  # the fixture's own engines
    return Runtime(runtime.service, place.settings)


def said(place: Ledger) -> list[Any]:
    """The speaker's outbox without the second, public copies."""
    return [row for row in place.outbox() if row.topic != PUBLIC_TOPIC]


def again(place: Ledger) -> None:
    """The services' processes after a restart: nothing of the time before is remembered."""
    place.speaker.close()
    place.ledger.close()
    for _consumer, subscription in place.consumers:
        subscription.close()
    place.consumers.clear()
    place.speaker, place.ledger = Runtime(SPEAKER, place.settings), Runtime(LEDGER, place.settings)


def everything(place: Ledger, runtime: Runtime) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a service but its workers' beats, for comparing."""
    return {t.name: sorted((tuple(row) for row in place.rows(select(t), runtime)), key=repr)
            for t in runtime.service.metadata.sorted_tables if t.name != "heartbeat"}


def test_a_backup_under_load_is_one_moment_and_comes_back_whole(place: Ledger, tmp_path: Path) -> None:
    cases, over, spoken = [a_case() for _ in range(4)], threading.Event(), threading.Event()

    def speak() -> None:
        while not over.is_set():
            for case in cases:
                place.speak("case.opened", case)
            spoken.set()

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        assert spoken.wait(60)
        manifest = backup(place.speaker, tmp_path / "copy")
    finally:
        over.set()
        thread.join()
    place.publish()
    in_all = len(said(place))
    done = restore(stopped(place, place.speaker), place.bus, tmp_path / "copy")
    again(place)
    states = {row.key: row.state for row in place.rows(select(aggregate), place.speaker)}
    assert len(place.outbox()) == manifest.rows["outbox"] and 0 < sum(states.values()) == len(said(place)) < in_all
    assert len([f for f in done.forgotten if f.key in cases]) == in_all - len(said(place))
    assert (tmp_path / "copy").stat().st_mode & 0o077 == manifest_of(tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_a_restored_consumer_reads_again_and_ends_where_it_was(place: Ledger, tmp_path: Path) -> None:
    early, late = [a_case() for _ in range(3)], [a_case() for _ in range(3)]
    for case in early:
        place.life(case)
    place.publish()
    place.consume()
    backup(place.ledger, tmp_path / "copy")
    with place.running(("relay", Relay(place.speaker, place.bus).run)):  # the other service runs on, also while this one is restored
        for case in (*early, *late):
            place.speak("case.opened", case)
        for case in late:
            place.life(case)
        wait_until(lambda: all(row.published_at for row in place.outbox()), 30, "the relay")
        place.consume()
        before = {case: sorted(place.effects(case)) for case in (*early, *late)}
        facts = sorted(tuple(row) for row in place.rows(select(fact)))
        again_ledger = Runtime(LEDGER, place.settings)
        place.ledger.close()
        gc.collect()
        for _consumer, subscription in place.consumers:
            subscription.close()
        place.consumers.clear()
        restore(again_ledger, place.bus, tmp_path / "copy")
        place.ledger = Runtime(LEDGER, place.settings)
        assert len(place.rows(select(effect))) == 3 * 8
        place.consume()
    assert {case: sorted(place.effects(case)) for case in (*early, *late)} == before
    assert sorted(tuple(row) for row in place.rows(select(fact))) == facts
    assert place.kept() == [] and place.dead() == []


def test_a_restored_producer_begins_a_new_epoch_and_lists_what_it_forgot(place: Ledger, tmp_path: Path) -> None:
    case, later = a_case(), a_case()
    for name in ("case.opened", "referral.accepted"):
        place.speak(name, case)
    place.publish()
    place.speak("referral.started", case)  # said, and not yet published when the backup is taken
    before = backup(place.speaker, tmp_path / "copy")
    with place.running(*workers.consumers([place.ledger])):  # the reader runs on all the while
        for _ in range(3):
            place.speak("referral.accepted", case)
        place.speak("case.opened", later)
        place.publish()
        wait_until(lambda: len(place.effects(case)) == 6 and len(place.effects(later)) == 1, 60, "the reader")
        gone = {row.event_id for row in said(place)[3:]}
        done = restore(stopped(place, place.speaker), place.bus, tmp_path / "copy")
        again(place)
        assert {f.event_id for f in done.forgotten if f.key in (case, later)} == gone
        assert [(row.action, row.subject_id) for row in place.rows(select(tables.audit), place.speaker)][-1] == ("restore", str(done.epoch))
        assert done.epoch > before.epoch and place.speaker.epoch == done.epoch
        assert [(row.seq, row.published_at is None) for row in said(place)] == [(1, False), (2, False), (3, True)]
        place.publish()  # what was unpublished goes out again, under its old epoch and seq
        place.speak("referral.started", case)
        place.speak("referral.accepted", later)  # its opening is forgotten: this is seq 1 once more
        place.publish()
        wait_until(lambda: len(place.effects(case)) == 7 and len(place.effects(later)) == 2, 60, "the reader")
        assert place.effects(case) == [("case.opened", 1), ("referral.accepted", 2), ("referral.started", 3),
                                       *[("referral.accepted", n) for n in (4, 5, 6)], ("referral.started", 4)]
    assert place.kept() == [] and place.dead() == []
    late_joiner(place, case, later)
    stopped(place, place.speaker)
    second = restore(Runtime(SPEAKER, place.settings), place.bus, tmp_path / "copy")
    assert second.epoch > done.epoch, "an epoch that was ever used is never used again, whatever the backup says"


def late_joiner(place: Ledger, *cases: str) -> None:
    """A reader that begins with nothing hears both lives of the topic and ends as the one that was always there."""
    expected = {case: place.effects(case) for case in cases}
    with writing(place.ledger.engine) as session:
        for name in ("effect", "fact", "cursor"):
            session.execute(text(f"DELETE FROM {name}"))
        p = tables.position.c
        for (topic, partition), offset in place.began.items():
            session.execute(tables.position.update().where(p.topic == topic, p.partition == partition).values(next_offset=offset))
    again(place)
    place.consume()
    assert {case: place.effects(case) for case in cases} == expected
    assert place.kept() == []


def test_a_jump_within_and_across_epochs_is_still_a_loss(place: Ledger, tmp_path: Path) -> None:
    from tests.support.ledger import an_event

    case = a_case()
    place.put(an_event("case.opened", case, 1), an_event("referral.accepted", case, 2), an_event("referral.accepted", case, 4, epoch=2))
    place.consume()
    assert place.effects(case) == [("case.opened", 1), ("referral.accepted", 2)] and place.kept(case) == [("referral.accepted", "parked")]


def test_what_must_not_be_restored_is_refused_and_changes_nothing(place: Ledger, tmp_path: Path) -> None:
    place.life(a_case())
    file = tmp_path / "copy"
    backup(place.speaker, file)
    place.life(a_case())
    with pytest.raises(BackupFailed, match="is there already"):
        backup(place.speaker, file)
    before = everything(place, place.speaker)
    speaker = stopped(place, place.speaker)
    manifest, content = manifest_of(file).read_text(), file.read_bytes()

    def refused(why: str, changed: bytes | None = None, runtime: Runtime = speaker, **claimed: Any) -> None:
        file.write_bytes(content if changed is None else changed)
        manifest_of(file).write_text(json.dumps({**json.loads(manifest), **claimed}))
        with pytest.raises(BackupFailed, match=why):
            restore(runtime, place.bus, file)

    refused("backup of referral, not of partners", runtime=Runtime(LEDGER, place.settings))
    refused("cut short", content[:-100])
    refused("SHA-256 is another", content[:-100] + bytes(100))
    refused("other kind|JOBTRAPPEN_DATABASE names", database="oracle")
    refused("made by a newer one", head="9999")
    refused("other rows than its manifest says .outbox", rows={**json.loads(manifest)["rows"], "outbox": 1})
    refused("has format 2", format=2)
    refused("not the manifest", surprise=1)
    manifest_of(file).unlink()
    with pytest.raises(BackupFailed, match="bring both"):
        restore(speaker, place.bus, file)
    speaker.close()
    assert everything(place, place.speaker) == before
    assert not [path for path in tmp_path.iterdir() if "restore" in path.name or path.name.endswith(".part")]


def test_a_service_that_runs_is_not_restored(place: Ledger, tmp_path: Path) -> None:
    place.life(a_case())
    backup(place.speaker, tmp_path / "copy")
    speaker = Runtime(SPEAKER, place.settings)
    with writing(place.speaker.engine) as session:
        session.execute(insert(tables.heartbeat).values(role="relay", member="host-1", at=clock.now(), state="leading"))
    with pytest.raises(BackupFailed, match="relay host-1 has beaten within 30 s"):
        restore(speaker, place.bus, tmp_path / "copy")
    sqlite = place.settings.database.startswith("sqlite")
    with place.speaker.engine.connect() as connection:  # a web process that rests between two requests
        connection.execute(text("SELECT 1 FROM outbox"))
        with writing(speaker.engine) as session:
            session.execute(tables.heartbeat.delete())
        with pytest.raises(BackupFailed, match="open in another process" if sqlite else "other sessions use the database"):
            restore(speaker, place.bus, tmp_path / "copy")
    stopped(place, place.speaker)
    for unreadable in (BusError, BadConfiguration):  # a topic that cannot be compared is no reason to guess
        with pytest.raises(unreadable):
            restore(speaker, _Unreadable(unreadable("may not be read")), tmp_path / "copy")  # type: ignore[arg-type]
        with pytest.raises(unreadable):
            restore(speaker, _Unreadable(unreadable("goes away"), later=True), tmp_path / "copy")  # type: ignore[arg-type]
    assert len(said(place)) == 8
    stopped(place, place.speaker)
    assert restore(speaker, None, tmp_path / "copy").epoch > 1_000_000, "an epoch beyond all that were ever counted"


class _Unreadable:
    """A bus that cannot be read: at the first question, or when the restored tables stand ready already."""

    def __init__(self, error: Exception, later: bool = False) -> None:
        self.error, self.later = error, later

    def check_topics(self, _read: Any, _write: Any) -> None:
        if not self.later:
            raise self.error

    def ends(self, _topics: Any) -> Any:
        raise self.error


def test_a_database_that_is_no_database_any_more_is_replaced(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.life(a_case())
        backup(place.speaker, tmp_path / "copy")
        speaker = stopped(place, place.speaker)
        broken = tmp_path / "referral.db"
        broken.write_bytes(b"\x00" * 8192)
        (tmp_path / "referral.db-wal").write_bytes(b"the log of a file that is gone")
        restore(speaker, place.bus, tmp_path / "copy")
        speaker.close()
        assert len(said(place)) == 8
        broken.unlink()
        restore(speaker, place.bus, tmp_path / "copy")
        assert len(said(place)) == 8


def test_the_commands_tell_what_they_did_and_what_is_left_to_do(place: Ledger, tmp_path: Path) -> None:
    case = a_case()
    place.speak("case.opened", case)
    done = place.run("backup", "referral", str(tmp_path / "copy"))
    assert done.returncode == 0 and "epoch" in done.stdout, done.stderr
    place.speak("person.erased", case)
    place.publish()
    stopped(place, place.speaker)
    asked = place.run("restore", "referral", str(tmp_path / "copy"))
    assert asked.returncode == 1 and "Go on?" in asked.stdout and len(said(place)) == 2
    stopped(place, place.speaker)
    done = place.run("restore", "referral", str(tmp_path / "copy"), "--yes", "--report", str(tmp_path / "gone.csv"))
    assert done.returncode == 0, done.stderr
    assert "1 of them are erasures of persons" in done.stdout and "Erase them again" in done.stdout
    rows = [row for row in csv.DictReader((tmp_path / "gone.csv").open()) if row["key"] == case]
    assert [(row["type"], row["seq"]) for row in rows] == [("jobtrappen.person.erased.v1", "2")]
    refused = place.run("restore", "partners", str(tmp_path / "copy"), "--yes")
    assert refused.returncode == 1 and "not of partners" in refused.stderr


def test_the_report_of_forgotten_events_as_json(tmp_path: Path) -> None:
    write_report([], tmp_path / "gone.json")
    assert json.loads((tmp_path / "gone.json").read_text()) == []


def test_a_backup_of_an_older_schema_comes_back_and_asks_for_migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_ledger(tmp_path) as place:
        place.life(a_case())
        backup(place.speaker, tmp_path / "copy")
        speaker = stopped(place, place.speaker)
        monkeypatch.setattr(migrate, "revisions", lambda _location: ("0002", "0001"))
        assert restore(speaker, place.bus, tmp_path / "copy").needs_migrate


def test_a_lost_bus_file_is_noticed_and_filled_again_from_the_outboxes(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        cases = [a_case() for _ in range(3)]
        for case in cases:
            place.life(case)
        place.publish()
        place.consume()
        place.publish(place.ledger)
        before, in_all = everything(place, place.ledger), len(place.outbox())
        again(place)
        for name in ("bus.db", "bus.db-wal", "bus.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        assert place.run("topics").returncode == 0
        consumer, subscription = place.join()
        with pytest.raises(BusError, match="another bus file, or one restored"):
            consumer.once(subscription)
        again(place)
        done = place.run("republish", "--yes")
        assert done.stdout.splitlines() == [f"referral: {in_all} events to publish again", "partners: 3 events to publish again"], done.stderr
        place.publish()
        place.publish(place.ledger)
        place.life(new := a_case())
        place.publish()
        place.consume()
        assert len(place.effects(new)) == 8 and place.kept() == [] and place.dead() == []
        after = everything(place, place.ledger)
        assert [row for row in after["effect"] if row[3] in cases] == before["effect"]

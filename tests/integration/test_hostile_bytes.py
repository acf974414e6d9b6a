# SPDX-License-Identifier: MPL-2.0
"""Whatever stands on the topics: no service stops, no domain row changes, each record is seen in a metric, and the case
after it is heard of as if nothing had been.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select

from jobtrappen import cli, dead, tables, workers
from jobtrappen.bus import Record, open_bus
from jobtrappen.config import TOPICS
from jobtrappen.db import reading, writing
from jobtrappen.event import MAX_BYTES
from jobtrappen.runtime import Runtime
from jobtrappen.watch import Watch
from tests.support import ledger as parts
from tests.support.ledger import a_case, a_ledger, an_event
from tests.support.process import wait_until
from tests.support.scrape import scrape, value
from tests.support.world import CASEWORKER, World, a_world

CASE = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult"}
D = tables.dead_letter.c


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The four services, from the end of what others have left on the broker."""
    bus = f"{request.getfixturevalue('kafka_server').url}?session_timeout_ms=6000" if request.param == "kafka" else ""
    with a_world(tmp_path, bus=bus) as made:
        for name, consumer in made.consumers.items():
            with writing(made.runtimes[name].engine) as session:
                session.execute(insert(tables.position), [
                    {"consumer": consumer.name, "topic": topic, "partition": partition, "next_offset": end}
                    for (topic, partition), end in made.bus.ends(consumer.topics).items()])
        yield made


def hostile(topic: str, known: list[Record]) -> tuple[list[Record], list[Record], list[Record], list[Record]]:
    """(what is no event, what can never be applied, what nobody here knows, what was taken before).

    `known`: events of one case that the services have applied.
    """
    owner = topic.rpartition(".")[2]
    name = {"referral": "referral.accepted", "matching": "agreement.concluded", "followup": "placement.started", "partners": "partner_request.confirmed"}[owner]
    case = str(uuid4())
    key, good = case.encode(), an_event(name, case, 1)
    document = json.loads(good.value or b"")

    def but(**changes: Any) -> bytes:
        return json.dumps({**document, **changes}).encode()

    def written(raw: bytes | None, under: bytes | None = key) -> Record:
        return Record(topic, under, raw)

    text = (good.value or b"").decode()
    no_events = [
        written(b""), written(None), written(b"\x00" * 900_000), written(b"\xff\xfe" + text.encode("utf-16-le")), written(b"\xef\xbb\xbf" + text.encode()),
        written(text.encode("latin-1", "replace").replace(b"Z", b"\xc3\x28", 1)), written(b'{"a":' * 3000), written(b"[]"), written(b'"event"'),
        written(text.replace('"seq":1', '"seq":NaN').encode()), written(text.replace('"seq":1', '"seq":1,"seq":2').encode()),
        written(text[:-1].encode() + b',"extra":Infinity}'), written(but(seq=0)), written(but(seq=2**80)), written(but(seq=True)), written(but(specversion="2.0")),
        written(but(id="1")), written(but(partitionkey="../../etc")), written(but(data=[])), written(but(time="yesterday")),
        written(but(source="https://jobtrappen.example/0000/elsewhere")), written(but(source="https://evil.example/?x=/")), written(but(padding="x" * MAX_BYTES)),
        written(good.value, None), written(good.value, str(uuid4()).encode()),
        written(but(type="jobtrappen.case.opened.v1" if owner != "referral" else "jobtrappen.placement.started.v1"))]
    never = [an_event(name, str(uuid4()), 1, topic=topic, data={"case_id": "Fatima"}), an_event(name, str(uuid4()), 1, topic=topic, data={}),
             an_event(name, str(uuid4()), 7, topic=topic)]
    unknown = [an_event(name, str(uuid4()), 1, topic=topic, type=f"jobtrappen.{name}.v2"), an_event(name, str(uuid4()), 1, topic=topic, type="jobtrappen.case.sung_of.v1"),
               an_event(name, str(uuid4()), 1, topic=topic, type=f"jobtrappenx.evil.{name}.v1")]
    before = [Record(r.topic, r.key, json.dumps({**json.loads(r.value or b""), "data": {"case_id": "another body"}}).encode()) for r in known if r.topic == topic]
    return no_events, never, unknown, before


def domain(runtime: Runtime) -> dict[str, list[Any]]:
    """Every row of the service's own tables, and what it said, knows of persons, and put on record."""
    found = {}
    with reading(runtime.engine) as session:
        for table in runtime.service.metadata.sorted_tables:
            if table.name not in ("cursor", "position", "kept", "dead_letter", "measure", "heartbeat"):
                found[table.name] = sorted(map(str, session.execute(select(table))))
    return found


def spoken(world: World) -> list[Record]:
    """What the services have published, as it stands in their outboxes."""
    found = []
    for runtime in world.runtimes.values():
        with reading(runtime.engine) as session:
            rows = session.execute(select(tables.outbox.c.topic, tables.outbox.c.key, tables.outbox.c.payload).where(tables.outbox.c.topic != "jobtrappen.public"))
            found += [Record(row.topic, row.key.encode(), row.payload.encode()) for row in rows]
    return found


def heard(world: World) -> None:
    """Publish, and apply all that stands on the bus."""
    world.publish()
    ends = {name: world.bus.ends(consumer.topics) for name, consumer in world.consumers.items()}

    def at_the_ends() -> bool:
        world.consume()
        return all(world.consumers[n].next_offset(*place) >= end for n, places in ends.items() for place, end in places.items())

    wait_until(at_the_ends, 90, "the consumers to come to the ends")


def test_no_bytes_on_any_topic_stop_a_service_or_change_a_row_and_each_is_counted(world: World) -> None:
    first = world.referral(CASEWORKER).post("/cases", CASE)
    assert first.status == 201
    heard(world)
    before, known = {n: domain(r) for n, r in world.runtimes.items()}, spoken(world)
    assert known
    producer = world.bus.producer("stranger")
    kinds = {topic: hostile(topic, known) for topic in TOPICS.values()}
    for records in kinds.values():
        for record in (r for kind in records for r in kind):
            assert producer.send([record]) == [None]
    producer.close()
    heard(world)
    assert {n: domain(r) for n, r in world.runtimes.items()} == before
    for name, runtime in world.runtimes.items():
        no_events, never, unknown, again = ([r for t in runtime.service.reads for r in kinds[t][n]] for n in range(4))
        reacted = [r for r in never if json.loads(r.value or b"")["seq"] > 1 or (json.loads(r.value or b"")["type"].split(".", 1)[1][:-3], 1) in runtime.service.reactions.table]
        assert Watch(runtime, open_bus(runtime.settings.bus)).write()
        page = scrape(runtime)
        assert value(page, "jobtrappen_dead_letters") == value(page, "jobtrappen_events_buried_total") == len(no_events), name
        assert value(page, "jobtrappen_kept_events", state="parked") == len(reacted), name
        assert value(page, "jobtrappen_events_unknown_total") == len(unknown), name
        assert value(page, "jobtrappen_events_repeated_total") >= len(again), name
        assert not world.consumers[name].breaker.open
        with reading(runtime.engine) as session:
            assert "Fatima" not in str(session.scalars(select(D.reason)).all() + session.scalars(select(tables.kept.c.reason)).all())
    assert any(kinds[topic][3] for topic in TOPICS.values()), "nothing was repeated"
    after = world.referral(CASEWORKER).post("/cases", CASE)
    heard(world)
    for name, runtime in world.runtimes.items():
        if "jobtrappen.referral" in runtime.service.reads:
            with reading(runtime.engine) as session:
                count = session.scalar(select(func.count()).where(tables.cursor.c.key == after.id, tables.cursor.c.topic == "jobtrappen.referral"))
            assert count == 1, name


def test_dead_letters_are_listed_shown_without_what_they_may_hold_and_dropped_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_world(tmp_path, services=["followup"]) as world:
        value_ = b'{"cpr":"010190-1234","name":"\xc3\x86rlig"}\x1b[2J' + b"secret of a citizen " * 9
        producer = world.bus.producer("stranger")
        assert producer.send([Record("jobtrappen.referral", b"k\x00", value_)]) == [None]
        producer.close()
        heard(world)
        settings = world.settings
        for name, text in {"HOME": settings.home, "DATABASE": settings.database, "BUS": settings.bus, "SECRET": settings.secret, "MODE": "demo"}.items():
            monkeypatch.setenv(f"JOBTRAPPEN_{name}", str(text))
        ready = world.apps["followup"].test_client()
        assert ready.get("/readyz").get_json()["checks"]["kept"]["status"] == "degraded"
        listed = CliRunner().invoke(cli.cli, ["dead", "list", "followup"])
        assert listed.exit_code == 0 and f"jobtrappen.referral/{dead.listing(world.runtimes['followup'])[0]['partition']}@0 {len(value_)} bytes" in listed.output
        shown = CliRunner().invoke(cli.cli, ["dead", "show", "followup", "1"])
        found = json.loads(shown.output)
        assert found["value"] == '{"cpr":"******-****","name":"\\xc3\\x86rlig"}\\x1b[2Jsecret of a citizen sec…' and found["key"] == "k\\x00"
        assert found["size"] == len(value_) and len(found["sha256"]) == 64 and shown.output.isascii()
        assert "cpr" not in listed.output and "citizen" not in listed.output
        gone = CliRunner().invoke(cli.cli, ["dead", "drop", "followup", "1", "--yes"])
        assert gone.exit_code == 0 and dead.listing(world.runtimes["followup"]) == []
        assert ready.get("/readyz").get_json()["checks"]["kept"]["status"] == "ok"
        with reading(world.runtimes["followup"].engine) as session:
            assert [tuple(row) for row in session.execute(select(tables.audit.c.action, tables.audit.c.subject_id))][-1][0] == "dead.drop"
        assert "dead list" in str(CliRunner().invoke(cli.cli, ["dead", "show", "followup", "1"]).exception)


def test_a_consumer_that_stopped_itself_leaves_its_place_to_another_member(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        cases = [a_case() for _ in range(30)]
        for case in cases:
            place.hurt(case)
            place.speak("case.opened", case)
        place.publish()
        states = select(tables.heartbeat.c.state).where(tables.heartbeat.c.role == "consume")
        second = Runtime(parts.LEDGER, place.settings.on(member="another"))
        with place.running(*workers.consumers([place.ledger])):
            wait_until(lambda: "stopped" in str(place.rows(states)), 60, "the first member to stop itself")
            for case in cases:
                place.heal(case)
            with place.running(*workers.consumers([second])):
                wait_until(lambda: len(place.effects()) == 9, 60, "the other member to take the rest")
        second.close()
        assert len(place.kept()) == 21

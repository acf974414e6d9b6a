# SPDX-License-Identifier: MPL-2.0
"""A clock that is set an hour forward and back under running processes: nothing is lost, doubled or put out of order, nobody
is thrown out, and what the operator sees is right again within seconds.
"""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import func, insert, select, text

from jobtrappen import clock as our_clock
from jobtrappen import plugins, state, tables
from jobtrappen import settle as settling
from jobtrappen.bus import open_bus
from jobtrappen.config import SERVICES, Settings
from jobtrappen.db import reading, writing
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, Tx
from jobtrappen.up import Suite, free_port
from jobtrappen.web import health
from jobtrappen_referral.queries import code_of
from tests.integration.conftest import IMPATIENT, SQLITE
from tests.support.fake_clock import Clock
from tests.support.kafka import KafkaCluster
from tests.support.ledger import LIFE, a_case, a_ledger
from tests.support.process import wait_until

HOURS = (0, 1, -1, 0)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Every process that is started from here on has this clock."""
    made = Clock(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made


class Client:
    """One caseworker and one consultant, signed in once, at the first hour."""

    def __init__(self, suite: Suite) -> None:
        self.urls = suite.urls
        self.tokens = {who: requests.post(f"{self.urls['referral']}/v1/sign-in", json={"username": who, "password": who}, timeout=30).json()["token"]
                       for who in ("karen", "mehmet")}

    def post(self, path: str, body: dict[str, Any], key: str, who: str = "karen", etag: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": key, **({"If-Match": etag} if etag else {})}
        return requests.post(f"{self.urls['referral']}/v1{path}", json=body, timeout=60, headers=headers)

    def checks(self, service: str) -> dict[str, Any]:
        return requests.get(f"{self.urls[service]}/readyz", timeout=60).json()["checks"]


def test_a_suite_lives_through_an_hour_forward_and_back(clock: Clock, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database=SQLITE, bus=f"sqlite:///{tmp_path}/bus.db", secret="a secret of the tests " * 3, mode="demo",
                        bind=f"127.0.0.1:{free_port()}", today=date(2026, 11, 23))
    citizen = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult", "language_school": True, "effective_date": "2026-01-05"}
    runtimes = {name: Runtime(service, settings) for name, service in plugins.services().items()}
    with Suite(settings, log=str(tmp_path / "suite.log")) as suite:
        client = Client(suite)
        keys = [str(uuid4()) for _ in HOURS]
        first: list[dict[str, Any]] = []
        talks = 0
        for hours, key in zip(HOURS, keys, strict=True):
            clock.set(hours)
            answer = client.post("/cases", citizen, key)
            assert answer.status_code == 201, (hours, answer.text)
            first.append(answer.json())
            for case in first:  # each case is spoken of at every hour
                talk = client.post("/intakes", {"case_id": case["id"], "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Kontor", "form": "office",
                                                "participants": [{"kind": "teacher"}]}, str(uuid4()), who="mehmet")
                assert talk.status_code == 201, talk.text
                talks += 1
            again = client.post("/cases", citizen, keys[0])
            assert (again.status_code, again.headers["Idempotent-Replay"], again.json()["id"]) == (201, "true", first[0]["id"])
            code = {0: "insured_unemployed", 1: "cash_benefit_recipient", -1: "sick"}[hours]
            seen = requests.get(f"{client.urls['referral']}/v1/cases/{first[0]['id']}", headers={"Authorization": f"Bearer {client.tokens['karen']}"}, timeout=30)
            said = client.post(f"/cases/{first[0]['id']}/circumstances", {"code_set": "target_group", "code": code, "effective_date": "2026-02-01"},
                               str(uuid4()), etag=seen.headers["ETag"])
            assert said.status_code in (200, 201), said.text
            for name in SERVICES:
                wait_until(lambda name=name: {client.checks(name)[role]["status"] for role in ("relay", "consume")
                                              if role == "relay" or runtimes[name].service.reads} == {"ok"}, 30, f"{name} to be well at {hours} h")
                assert "clock" not in client.checks(name) or hours == 0
        settling.settle(list(runtimes.values()), open_bus(settings.bus), 120)
        assert suite.restarts == 0
    with reading(runtimes["referral"].engine) as session:
        rows = session.execute(select(tables.outbox.c.key, tables.outbox.c.seq).where(tables.outbox.c.topic == "jobtrappen.referral").order_by(tables.outbox.c.id)).all()
        assert session.scalar(text("SELECT count(*) FROM citizen")) == len(HOURS)
        tx = Tx(session, runtimes["referral"], SYSTEM)
        assert code_of(tx, UUID(first[0]["id"]), "target_group", date(2026, 11, 23)) == "insured_unemployed", "what was said last counts"
    for case in first:
        seqs = [row.seq for row in rows if row.key == case["id"]]
        assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) > 1
    with reading(runtimes["partners"].engine) as session:
        assert session.scalar(text("SELECT count(*) FROM notice WHERE kind = 'intake_booked'")) == talks
        copies = session.execute(select(func.count()).where(tables.person_copy.c.sealed.is_not(None))).scalar_one()
    for runtime in runtimes.values():
        runtime.close()
    assert copies in (0, len(HOURS))


@pytest.mark.kafka
def test_relay_and_consumer_on_kafka_live_through_an_hour_forward_and_back(kafka_server: KafkaCluster, clock: Clock, tmp_path: Path) -> None:
    with a_ledger(tmp_path, SQLITE, f"{kafka_server.url}?{IMPATIENT}") as place:
        children = place.start("relay", "referral"), place.start("consume", "partners")
        cases = []
        for hours in HOURS:
            clock.set(hours)
            one, other = a_case(), a_case()
            cases += [one, other]
            for name in LIFE:
                place.speak(name, one)
                place.speak(name, other)
            wait_until(lambda one=one, other=other: len(place.effects(one)) + len(place.effects(other)) == 2 * len(LIFE), 120, f"the effects at {hours} h")
        assert [child.poll() for child in children] == [None, None], "one of them died of it"
        for case in cases:
            found = place.effects(case)
            assert sorted(name for name, _seq in found) == sorted(LIFE)
            for topic in ("referral", "case"), ("agreement",), ("placement",):
                seqs = [seq for name, seq in found if name.startswith(topic)]
                assert seqs == sorted(seqs)
        assert place.kept() == [] and place.dead() == []


def test_a_heartbeat_from_the_future_is_no_sign_of_life(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        with writing(place.ledger.engine) as session:
            session.execute(insert(tables.heartbeat).values(role="relay", member="dead", at=our_clock.now() + timedelta(hours=1), state="leading"))
        assert state.beating(state.state(place.ledger), "relay") == []
        found = health.checks(place.ledger)[1]
        assert found["clock"]["status"] == found["relay"]["status"] == "degraded"

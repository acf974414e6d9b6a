# SPDX-License-Identifier: MPL-2.0
"""PostgreSQL behind a link that is late, slow, cut, half closed or swallows everything: the web answers 503 and never
hangs, a repeated command is done once, and relay and consumer come back by themselves.
"""
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from jobtrappen import db, tables, workers
from jobtrappen.runtime import Runtime
from tests.integration.conftest import database_of
from tests.support import ledger as parts
from tests.support.ledger import LIFE, Ledger, a_case, a_ledger
from tests.support.process import wait_until
from tests.support.tcp_proxy import TO_CLIENT, TcpProxy, a_link
from tests.support.world import CASEWORKER, Answer, World, a_world, refused

pytestmark = pytest.mark.postgres
CITIZEN = {"given_name": "Ali", "family_name": "Æbeltoft", "track": "adult"}
SECONDS = 1
H = tables.heartbeat.c


@pytest.fixture(scope="module")
def link(postgres_server: object) -> Iterator[TcpProxy]:
    with a_link(make_url(postgres_server.url("x")).port) as made:  # type: ignore[attr-defined]
        yield made


def through(link: TcpProxy, url: str) -> str:
    """The same database, reached over the link."""
    before, _, database = url.rpartition("/")
    return f"{before.rpartition(':')[0]}:{link.port}/{database}"


@pytest.fixture
def web(link: TcpProxy, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The referral service, its database behind the link."""
    url = database_of("postgres", request, "linked")
    with a_world(tmp_path, database=through(link, url), services=["referral"], database_seconds=SECONDS) as made:
        yield made
        link.open()


def cases_in(request: pytest.FixtureRequest) -> int:
    """How many cases there are, asked past the link."""
    import psycopg

    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server.url("linked_referral").replace("+psycopg", "")) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM citizen").fetchall()
    return int(count)


def post(world: World, key: str) -> Answer:
    """One command; an answer that does not come within half a minute fails the test."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: world.referral(CASEWORKER).post("/cases", CITIZEN, key=key, etag=None)).result(timeout=90)


FAULTS: dict[str, Callable[[TcpProxy], object]] = {
    "swallows": TcpProxy.swallow, "is cut": TcpProxy.cut, "is half closed": TcpProxy.half_close, "is refused": TcpProxy.refuse,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_command_over_a_bad_link_is_answered_503_and_its_repetition_is_done_once(
        web: World, link: TcpProxy, request: pytest.FixtureRequest, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a slow machine a dead connection may have been replaced before the command takes it, and that is a 201: one that rested is asked
    # first, and the relay's waker takes one away at the first command, or finds it dead.
    monkeypatch.setattr(db, "REST_SECONDS", 600.0)
    monkeypatch.setattr(Runtime, "wake", lambda _runtime: None)
    assert post(web, str(uuid4())).status == 201
    key, before = str(uuid4()), cases_in(request)
    FAULTS[fault](link)
    answer = refused(post(web, key), 503)
    assert answer.headers["Retry-After"] and "same Idempotency-Key" in answer.json["detail"]
    ready = web.apps["referral"].test_client().get("/readyz")
    if fault in ("swallows", "is refused"):
        assert ready.status_code == 503 and ready.get_json()["checks"]["database"]["status"] == "failed"
        assert web.apps["referral"].test_client().get("/healthz").status_code == 200
    link.open()
    wait_until(lambda: post(web, key).status == 201, 30, "the link to be used again")
    again = post(web, key)
    assert (again.status, again.headers["Idempotent-Replay"]) == (201, "true")
    assert cases_in(request) == before + 1


def test_a_late_and_slow_link_is_slow_and_nothing_else(web: World, link: TcpProxy, request: pytest.FixtureRequest) -> None:
    before = cases_in(request)
    link.delay, link.rate = 0.02, 100_000
    assert post(web, str(uuid4())).status == 201
    assert cases_in(request) == before + 1


def test_a_commit_whose_answer_is_lost_is_answered_as_the_first_time_when_it_is_repeated(web: World, link: TcpProxy, request: pytest.FixtureRequest) -> None:
    assert post(web, str(uuid4())).status == 201
    key, before = str(uuid4()), cases_in(request)
    link.cut_before_the_answer_to(b"COMMIT")
    refused(post(web, key), 503)
    assert link.sprung.is_set() and cases_in(request) == before + 1, "the commit was not what the cut hit"
    again = post(web, key)
    assert (again.status, again.headers["Idempotent-Replay"]) == (201, "true")
    assert again.json["id"] and cases_in(request) == before + 1


@contextmanager
def a_place(request: pytest.FixtureRequest, home: Path, link: TcpProxy) -> Iterator[tuple[Ledger, Runtime, Runtime]]:
    """Speaker and ledger, and both once more with the database behind the link."""
    with a_ledger(home, database_of("postgres", request, "cut"), database_seconds=SECONDS) as place:
        settings = place.settings.on(database=through(link, place.settings.database), member="behind the link")
        far = Runtime(parts.SPEAKER, settings), Runtime(parts.LEDGER, settings)
        try:
            yield place, *far
        finally:
            link.open()
            for runtime in far:
                runtime.close()


def unpublished(place: Ledger) -> int:
    return len(place.rows(select(tables.outbox.c.id).where(tables.outbox.c.published_at.is_(None)), place.speaker))


def test_relay_and_consumer_behind_a_link_that_breaks_in_every_way_lose_and_double_nothing(
        link: TcpProxy, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with a_place(request, tmp_path, link) as (place, speaker, ledger):
        cases: list[str] = []
        felt = {"relay pauses", "consumer pauses"}
        with capture_logs() as logs, place.running(*workers.relays([speaker]), *workers.consumers([ledger])):
            for spoil in (*FAULTS.values(), lambda link: link.cut_before_the_answer_to(b"COMMIT")):
                moved = link.passed[TO_CLIENT]
                case = a_case()
                place.life(case)
                wait_until(lambda moved=moved: link.passed[TO_CLIENT] > moved + 2000, 30, "the workers to be at work")
                logs.clear()
                spoil(link)
                cases += [case, late := a_case()]
                place.life(late)
                wait_until(lambda: link.sprung.is_set() or felt <= {entry["event"] for entry in logs}, 30, f"the fault to be felt: {logs}")
                link.open()
                wait_until(lambda late=late: len(place.effects(late)) == len(LIFE), 60, "what was said meanwhile")
        for case in cases:
            assert sorted(name for name, _seq in place.effects(case)) == sorted(LIFE), case
            for topic in ("referral", "case"), ("agreement",), ("placement",):
                seqs = [seq for name, seq in place.effects(case) if name.startswith(topic)]
                assert seqs == sorted(seqs)
        assert place.kept() == [] and place.dead() == [] and unpublished(place) == 0


def leading(place: Ledger) -> list[int]:
    """The server's sessions that hold a leader's lock."""
    return [row.pid for row in place.rows(text(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
        place.speaker)]


def test_a_leader_behind_a_link_that_swallows_loses_its_leadership_and_another_takes_over(
        link: TcpProxy, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with a_place(request, tmp_path, link) as (place, speaker, _ledger), place.running(*workers.relays([speaker])):
        first, case = a_case(), a_case()
        place.speak("case.opened", first)
        wait_until(lambda: unpublished(place) == 0, 30, "the leader behind the link")
        [leader] = leading(place)
        with place.running(*workers.relays([place.speaker])):
            link.swallow()
            place.life(case)
            wait_until(lambda: unpublished(place) == 0, 60, "the other one to take over")
            assert leader not in leading(place) and len(leading(place)) == 1
            link.open()
            place.speak("person.changed", case)
            wait_until(lambda: unpublished(place) == 0, 30, "one of them to go on")
            assert len(leading(place)) == 1
        place.consume()
        assert len(place.effects(case)) == len(LIFE) and place.kept() == []


def stopped_at_rest(leader: subprocess.Popen[bytes], place: Ledger) -> bool:
    """Stop it. If it was just writing to the bus's file, which nobody else could do for as long, or taking the lead anew after a slow answer, let it go on."""
    leader.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, leader.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    with closing(sqlite3.connect(place.settings.home / "bus.db", timeout=0.1, isolation_level=None)) as bus, suppress(sqlite3.OperationalError):
        bus.execute("BEGIN IMMEDIATE")
        bus.execute("ROLLBACK")
        if len(leading(place)) == 1:
            return True
    leader.send_signal(signal.SIGCONT)
    return False


def test_a_leader_that_is_stopped_loses_its_leadership_and_does_no_harm_when_it_wakes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with a_ledger(tmp_path, database_of("postgres", request, "cut"), database_seconds=SECONDS) as place:
        stopped = place.start("relay", "referral")
        place.speak("case.opened", a_case())
        wait_until(lambda: unpublished(place) == 0, 60, "the first leader")
        wait_until(lambda: stopped_at_rest(stopped, place), 60, "the leader to be stopped at rest")
        [leader] = leading(place)
        cases = [a_case() for _ in range(4)]
        with place.running(*workers.relays([place.speaker])):
            for case in cases:
                place.life(case)
            wait_until(lambda: unpublished(place) == 0, 60, "the other one to take over")
            assert leader not in leading(place)
            stopped.send_signal(signal.SIGCONT)
            beats = select(H.state).where(H.role == "relay", H.member.endswith(f"-{stopped.pid}"))
            wait_until(lambda: str(place.rows(beats, place.speaker)).count("pausing") == 1, 60, "the one that woke to notice")
            for case in cases:
                place.speak("person.changed", case)
            wait_until(lambda: unpublished(place) == 0, 30, "the one that leads now")
            assert len(leading(place)) == 1
        place.consume()
        assert all(len(place.effects(case)) == len(LIFE) for case in cases)
        assert place.kept() == [] and place.dead() == [] and threading.active_count() < 50

# SPDX-License-Identifier: MPL-2.0
"""A disk that is full: 503 and nothing lost, and work goes on by itself when there is room again. The disk is a real one, small
and filled to the last byte: under SQLite's files and the embedded bus, and under a whole PostgreSQL.
"""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from jobtrappen import tables, workers
from jobtrappen.db import reading
from tests.conftest import missing
from tests.support.ledger import LIFE, Ledger, a_case, a_ledger
from tests.support.postgres import PostgresServer
from tests.support.process import Missing, wait_until
from tests.support.small_disk import SmallDisk, a_small_disk
from tests.support.world import CASEWORKER, Answer, World, a_world, refused

CITIZEN = {"given_name": "Ali", "family_name": "Æbeltoft", "track": "adult"}


@contextmanager
def disk_of(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    try:
        with a_small_disk(folder, megabytes) as made:
            yield made
    except Missing as why:
        missing(why)


def post(world: World, key: str) -> Answer:
    return world.referral(CASEWORKER).post("/cases", CITIZEN, key=key, etag=None)


def until_full(world: World, disk: SmallDisk) -> tuple[list[str], str]:
    """Commands until one is refused. Returns: the keys that were acknowledged, and the refused one's."""
    taken: list[str] = []
    for _ in range(2000):
        disk.fill()
        answer = post(world, key := str(uuid4()))
        if answer.status != 201:
            refused(answer, 503)
            assert answer.headers["Retry-After"] and "Nothing was changed" in answer.json["detail"]
            return taken, key
        taken.append(key)
    raise AssertionError("the disk never became full")


def holds(world: World, taken: list[str]) -> None:
    """Every command that was acknowledged is there once, with its event."""
    with reading(world.runtimes["referral"].engine) as session:
        assert session.scalar(text("SELECT count(*) FROM citizen")) == len(taken)
        assert session.scalar(select(func.count()).where(tables.outbox.c.topic == "jobtrappen.referral", tables.outbox.c.seq == 1)) == len(taken)
    for key in taken:
        again = post(world, key)
        assert (again.status, again.headers["Idempotent-Replay"]) == (201, "true")


def refuses_and_goes_on(world: World, disk: SmallDisk) -> None:
    first, last = str(uuid4()), str(uuid4())
    assert post(world, first).status == 201
    taken, denied = until_full(world, disk)
    assert world.apps["referral"].test_client().get("/healthz").status_code == 200
    for _ in range(3):
        refused(post(world, denied), 503)
    assert world.referral(CASEWORKER).get("/referrals").status in (200, 503)
    disk.free()
    wait_until(lambda: post(world, denied).status == 201, 60, "the database to take commands again")
    assert post(world, denied).headers["Idempotent-Replay"] == "true"
    assert post(world, last).status == 201
    holds(world, [first, *taken, denied, last])


def test_sqlite_on_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    with disk_of(tmp_path / "disk", 8) as disk, a_world(tmp_path, database=f"sqlite:///{disk.folder}/{{service}}.db", services=["referral"]) as world:
        refuses_and_goes_on(world, disk)


@contextmanager
def a_small_postgres(disk: SmallDisk) -> Iterator[PostgresServer]:
    try:
        server = PostgresServer.start(disk.folder / "server", wal_megabytes=1)
    except Missing as why:
        missing(why)
    try:
        yield server
    finally:
        disk.free()
        server.stop()


@pytest.mark.postgres
def test_postgresql_on_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="jobtrappen-disk-"))  # pytest's own can be entered by root alone, whom PostgreSQL refuses
    folder.chmod(0o755)
    with disk_of(folder, 150) as disk:
        (disk.folder / "server").mkdir()
        with a_small_postgres(disk) as server:
            url = server.create_database("full_referral").replace("full_referral", "full_{service}")
            with a_world(tmp_path, database=url, services=["referral"], database_seconds=5) as world:
                refuses_and_goes_on(world, disk)
            with psycopg.connect(server.url("full_referral").replace("+psycopg", "")) as connection:
                assert connection.execute("SELECT count(*) FROM answer WHERE body IS NULL").fetchall() == [(0,)]
    folder.rmdir()


def paused(place: Ledger, logs: list[dict[str, object]], word: str) -> Callable[[], bool]:
    return lambda: any(entry["event"] == word for entry in logs)


def test_the_embedded_bus_and_the_consumer_on_a_full_disk_lose_and_double_nothing(tmp_path: Path) -> None:
    with disk_of(tmp_path / "disk", 12) as disk, a_ledger(tmp_path, f"sqlite:///{tmp_path}/{{service}}.db", f"sqlite:///{disk.folder}/bus.db") as place:
        cases = [a_case() for _ in range(40)]
        with capture_logs() as logs, place.running(*workers.relays([place.speaker]), *workers.consumers([place.ledger])):
            place.life(cases[0])
            wait_until(lambda: len(place.effects()) == len(LIFE), 60, "the first life")
            disk.fill()
            for case in cases[1:]:
                place.life(case)
            wait_until(paused(place, logs, "relay pauses"), 60, "the relay to find the disk full")
            disk.free()
            wait_until(lambda: len(place.effects()) == len(LIFE) * len(cases), 120, "everything to arrive")
        assert all(sorted(name for name, _seq in place.effects(case)) == sorted(LIFE) for case in cases)
        assert place.kept() == [] and place.dead() == []


def test_a_consumers_database_on_a_full_disk_parks_nothing(tmp_path: Path) -> None:
    # Room for what the two databases' logs grow to before they are folded in (4 MB each), however small the batches are.
    with disk_of(tmp_path / "disk", 24) as disk, a_ledger(tmp_path, f"sqlite:///{disk.folder}/{{service}}.db", f"sqlite:///{tmp_path}/bus.db") as place:
        cases = [a_case() for _ in range(12)]
        for case in cases:
            place.life(case)
        place.publish()
        with place.ledger.engine.connect() as connection:  # else its log has room of its own inside
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        disk.fill()  # before the consumer starts: a quick one would have applied everything by then
        with capture_logs() as logs, place.running(*workers.consumers([place.ledger])):
            wait_until(paused(place, logs, "consumer pauses"), 60, "the consumer to find the disk full")
            disk.free()
            wait_until(lambda: len(place.effects()) == len(LIFE) * len(cases), 120, "everything to be applied")
        assert place.kept() == [] and place.dead() == []

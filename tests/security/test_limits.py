# SPDX-License-Identifier: MPL-2.0
"""Limits hold for all workers and processes together, say when to come again, and cost an ordinary command nothing."""
from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import time_machine
from sqlalchemy import Engine, func, select, text

from jobtrappen import tables
from jobtrappen.config import Settings
from jobtrappen.db import engine_for, reading
from jobtrappen.errors import BadConfiguration
from jobtrappen.limits import Limit, Limiter, read
from tests.integration.test_the_command_line import Home
from tests.pages.browser import Browser
from tests.support.postgres import PostgresServer
from tests.support.process import free_ports, wait_until
from tests.support.stages_partners import a_key, a_partner
from tests.support.world import CASEWORKER, CONSULTANT, World, a_world, refused

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PERSON = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    server: PostgresServer | None = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    made = engine_for(server.create_database(f"limits_{uuid.uuid4().hex[:8]}") if server else f"sqlite:///{tmp_path}/limits.db")
    with made.execution_options(write=True).begin() as connection:
        connection.execute(text("CREATE TABLE rate (name varchar(120) PRIMARY KEY, due bigint NOT NULL)"))
    yield made
    made.dispose()


def another(**limits: Limit) -> Limiter:
    """What another process has: the same limits, and no memory of its own."""
    return Limiter(limits)


def test_so_many_at_once_and_then_one_more_at_a_time(engine: Engine) -> None:
    limit = Limit(5, 60)
    with time_machine.travel(NOW, tick=False) as clock:
        assert [another(search=limit).take(engine, "search", "karen") for _ in range(6)] == [0, 0, 0, 0, 0, 12.0]
        assert another(search=limit).take(engine, "search", "mehmet") == 0
        clock.shift(11)
        assert another(search=limit).take(engine, "search", "karen") == 1.0
        clock.shift(1)
        assert [another(search=limit).take(engine, "search", "karen") for _ in range(2)] == [0, 12.0]
        clock.shift(600)
        assert [another(search=limit).take(engine, "search", "karen") for _ in range(6)] == [0, 0, 0, 0, 0, 12.0], "it never holds more than so many"


@pytest.mark.parametrize("kind", ["search", "key"])
def test_processes_that_ask_at_once_get_so_many_together_and_not_one_more(engine: Engine, kind: str) -> None:
    limiters = [another(**{kind: Limit(40, 60)}) for _ in range(4)]
    together = threading.Barrier(8)

    def ask(n: int) -> int:
        together.wait()
        return sum(limiters[n % 4].take(engine, kind, "the same") == 0 for _ in range(20))

    with time_machine.travel(NOW, tick=False), ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 40


def test_a_clock_that_is_set_back_locks_nobody_out(engine: Engine) -> None:
    limit = Limit(2, 60)
    with time_machine.travel(NOW, tick=False):
        assert [another(search=limit).take(engine, "search", "karen") for _ in range(3)] == [0, 0, 30.0]
    with time_machine.travel(NOW - timedelta(hours=1), tick=False):
        assert another(search=limit).waiting(engine, "search", "karen") == 0
        assert [another(search=limit).take(engine, "search", "karen") for _ in range(3)] == [0, 0, 30.0]


def test_who_was_refused_is_refused_again_without_asking_the_database(engine: Engine) -> None:
    limiter = another(search=Limit(1, 600))
    assert limiter.take(engine, "search", "karen") == 0 and limiter.take(engine, "search", "karen") > 590
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(text("DROP TABLE rate"))
    assert 580 < limiter.take(engine, "search", "karen") <= 600


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    given = {"search": "3/60", "upload": "2/60", "key": "4/60", "sign_in": "3/60"}
    with time_machine.travel(NOW, tick=False), a_world(tmp_path, services=["referral", "partners"], limits=given) as made:
        yield made


def counted(world: World, service: str, limit: str) -> float:
    page = world.apps[service].test_client().get("/metrics").get_data(as_text=True)
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("jobtrappen_http_rate_limited_total") and f'limit="{limit}"' in line)


def test_a_search_too_many_is_answered_429_with_when_and_what_to_do(world: World) -> None:
    karen, before = world.referral(CASEWORKER), counted(world, "referral", "search")
    assert [karen.get("/cases").status for _ in range(3)] == [200] * 3
    found = refused(karen.post("/cases/find", {"cpr": "0101801234"}), 429, limit="search", type="urn:jobtrappen:problem:too-many")
    assert found.headers["Retry-After"] == "20"
    assert found.json["detail"].startswith("At most 3 searches and lists of persons in 60 seconds. Repeat it in 20 s, with the same Idempotency-Key;")
    assert "JOBTRAPPEN_LIMITS (search)" in found.json["detail"]
    assert counted(world, "referral", "search") == before + 1
    assert world.referral(CONSULTANT).get("/cases").status == 200, "somebody else's searches are her own"
    assert karen.post("/cases", PERSON).status == 201, "other work goes on"


def test_pages_are_counted_as_the_api_is_and_say_so_in_words(world: World) -> None:
    """Who has somebody's cookie instead of her token turns over no more persons with it."""
    karen = Browser(world.apps["referral"], CASEWORKER)
    assert [karen.get("/").status for _ in range(3)] == [200] * 3
    page = karen.get("/")
    assert page.status == 429 and page.headers["Retry-After"] == "20" and "20 s" in page.text and "<html" in page.html
    assert refused(world.referral(CASEWORKER).get("/cases"), 429, limit="search"), "it is the same person"
    assert Browser(world.apps["referral"], CONSULTANT).get("/").status == 200
    key = a_key(world, a_partner(world))
    school = Browser(world.apps["partners"], key=key)
    assert [school.get("/").status for _ in range(5)] == [200] * 4 + [429]
    refused(world.client("partners", key).get("/my/card"), 429, limit="key")


def test_an_upload_too_many_makes_nothing_and_can_be_repeated_with_its_key(tmp_path: Path) -> None:
    with time_machine.travel(NOW, tick=False) as clock, a_world(tmp_path, services=["referral"], limits={"upload": "2/60"}) as world:
        karen = world.referral(CASEWORKER)

        def upload(key: str) -> int:
            return karen.post("/referral-lists", raw=b"given_name,family_name\n", content_type="text/csv", key=key).status

        answers = [upload(str(n)) for n in range(3)]
        assert answers[2] == 429 and 429 not in answers[:2]
        clock.shift(30)
        world.runtimes["referral"].limiter._refused.clear()  # its memory goes by the machine's own clock, which stands still here
        assert upload("2") == answers[0]


def test_a_key_is_limited_on_every_route_and_other_keys_are_not(world: World) -> None:
    partner = a_partner(world)
    first, second = (world.client("partners", a_key(world, partner)) for _ in range(2))
    assert [first.get("/my/card").status for _ in range(5)] == [200] * 4 + [429]
    refused(first.get("/my/requests"), 429, limit="key")
    assert second.get("/my/card").status == 200
    refused(world.client("partners", "jt_000000000000_guess").get("/my/card"), 401)


def test_wrong_passwords_close_a_name_for_a_while_and_right_ones_never_count(world: World) -> None:
    http = world.apps["referral"].test_client()

    def sign_in(name: str, password: str) -> int:
        return http.post("/v1/sign-in", json={"username": name, "password": password}).status_code

    assert [sign_in("karen", "karen") for _ in range(6)] == [200] * 6
    assert [sign_in("karen", "guess") for _ in range(4)] == [401, 401, 401, 429]
    assert sign_in("karen", "karen") == 429, "a guess that is right is not told while the name is closed"
    assert sign_in("mehmet", "mehmet") == 200
    assert [sign_in("nobody-of-this-name", "guess") for _ in range(4)] == [401, 401, 401, 429], "a name that is not there sounds the same"
    with reading(world.runtimes["referral"].engine) as session:
        assert not [name for name in session.scalars(select(tables.rate.c.name)) if "karen" in name or "nobody" in name]


def test_an_ordinary_command_or_read_touches_no_limit(world: World) -> None:
    karen = world.referral(CASEWORKER)
    case = karen.post("/cases", PERSON).id
    assert karen.get(f"/cases/{case}").status == 200
    assert karen.post(f"/cases/{case}/person", {"given_name": "Aminata"}).status == 200
    with reading(world.runtimes["referral"].engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.rate)) == 0


def test_two_web_processes_share_one_limit(tmp_path: Path) -> None:
    home = Home(tmp_path, {"JOBTRAPPEN_LIMITS": "search=10/600"})
    assert home.run("migrate", "referral").returncode == 0
    ports = free_ports(2)
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(home.running("serve", "referral", BIND=f"127.0.0.1:{port}"))
        bases = [f"http://127.0.0.1:{port}/v1" for port in ports]
        for base in bases:
            wait_until(lambda base=base: _answers(f"{base}/openapi.json"), 60, f"{base}: {home.log}")
        token = requests.post(f"{bases[0]}/sign-in", json={"username": "karen", "password": "karen"}, timeout=60).json()["token"]
        answers = [requests.get(f"{bases[n % 2]}/cases", headers={"Authorization": f"Bearer {token}"}, timeout=60) for n in range(14)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 4
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers[10:])


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.RequestException:
        return False


def test_limits_are_settings_with_defaults_and_wrong_ones_are_named(tmp_path: Path) -> None:
    assert read({}, demo=False)["search"] == Limit(120, 60) and read({}, demo=True)["search"] == Limit(12_000, 60)
    assert "upload" not in read({"upload": "0"}, demo=False) and read({"upload": "5/10"}, demo=True)["upload"] == Limit(5, 10)
    for given, said in [("serch=1/2", "serch is not a limit; there are sign_in, upload, search, key"), ("search=often", "write search=120/60 for 120 in 60 seconds"),
                        ("search=0/60", "or search=0 for none")]:
        with pytest.raises(BadConfiguration, match=f"JOBTRAPPEN_LIMITS: .*{said}"):
            Settings.from_env({"JOBTRAPPEN_HOME": str(tmp_path), "JOBTRAPPEN_LIMITS": given})

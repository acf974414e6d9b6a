# SPDX-License-Identifier: MPL-2.0
"""Local copies of persons: fetched over the owner's API when she changes, kept encrypted, deleted for good when erased."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from werkzeug.serving import make_server

from jobtrappen import clock, migrate, people, tables
from jobtrappen.consumer import Reactions
from jobtrappen.db import reading, writing
from jobtrappen.event import Event
from jobtrappen.rights import Rights
from jobtrappen.runtime import Runtime, Service
from jobtrappen.tx import SYSTEM, Tx, transaction
from jobtrappen.web.api import Api
from tests.support import ledger as parts
from tests.support.process import free_ports
from tests.support.world import CASEWORKER, World, a_world

PC = tables.person_copy.c
CITIZEN = {"given_name": "Fatima", "family_name": "Æblegård Yıldız", "phone": "+45 12345678", "address": "Skovvej 7, 8600 Silkeborg", "track": "adult"}


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The owner, with its real web application."""
    with a_world(tmp_path, services=["referral"]) as made:
        yield made


@pytest.fixture
def keeper(world: World, port: int) -> Iterator[Runtime]:
    """A service under matching's name that keeps copies; the owner is to answer at `port`."""
    came: list[dict[str, Any]] = []

    def take(_tx: Tx, _case: UUID, person: dict[str, Any]) -> None:
        came.append(person)
        if person["given_name"] == "Nobody":
            raise ValueError("this service cannot take her")

    service = Service("matching", "Keeps copies", parts.METADATA, Api("matching"), Reactions(), Rights(), migrations=parts.MIGRATIONS,
                      person_purpose="matching", person_came=take)
    runtime = Runtime(service, world.settings.on(urls={"referral": f"http://127.0.0.1:{port}"}))
    runtime.came = came  # type: ignore[attr-defined]
    migrate.upgrade(runtime)
    yield runtime
    runtime.close()


@contextmanager
def answering(world: World, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, world.apps["referral"], threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_citizen(world: World, **more: Any) -> str:
    answer = world.referral(CASEWORKER).post("/cases", {**CITIZEN, **more})
    assert answer.status == 201, answer.text
    return answer.id


def want(runtime: Runtime, case: str, version: int) -> None:
    with transaction(runtime, SYSTEM) as tx:
        people.want(tx, case, version)


def copy(runtime: Runtime, case: str) -> dict[str, Any]:
    with reading(runtime.engine) as session:
        return people.copy_of(session, runtime, UUID(case))


def row(runtime: Runtime, case: str) -> Any:
    with reading(runtime.engine) as session:
        return session.execute(select(tables.person_copy).where(PC.case_id == UUID(case))).one()


def open_(runtime: Runtime) -> int:
    with reading(runtime.engine) as session:
        return people.wanted(session)


def let_time_pass(runtime: Runtime) -> None:
    """As if the back-off were over."""
    with writing(runtime.engine) as session:
        session.execute(update(tables.person_copy).where(PC.next_try.is_not(None)).values(next_try=clock.now() - timedelta(seconds=1)))


def test_a_wanted_person_is_fetched_once_and_again_when_she_changes(world: World, keeper: Runtime, port: int) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    assert copy(keeper, case) == {} and open_(keeper) == 1
    with answering(world, port):
        fetcher = people.Fetcher(keeper)
        assert fetcher.once() == 1 and fetcher.once() == 0
        first = copy(keeper, case)
        assert first["case_id"] == case and first["profile_version"] == 1 and open_(keeper) == 0
        want(keeper, case, 1)
        assert fetcher.once() == 0, "this version is here already"
        changed = world.referral(CASEWORKER).post(f"/cases/{case}/person", {"given_name": "Fatma"})
        assert changed.status < 300, changed.text
        want(keeper, case, 2)
        assert fetcher.once() == 1
    assert copy(keeper, case)["profile_version"] == 2
    assert [person["profile_version"] for person in keeper.came] == [1, 2]  # type: ignore[attr-defined]


def test_a_copy_is_encrypted_and_holds_what_the_purpose_allows_alone(world: World, keeper: Runtime, port: int) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    with answering(world, port):
        people.Fetcher(keeper).once()
    person = copy(keeper, case)
    assert person["given_name"] == "Fatima" and "cpr" not in person
    keeper.engine.dispose()
    files = b"".join(path.read_bytes() for path in world.settings.home.glob("matching.db*"))
    for plain in ("Fatima", "Yıldız", "Æblegård", "12345678", "Skovvej"):
        assert plain.encode() not in files, plain
    assert UUID(case).hex.encode() in files, "the right file was read"


def test_an_erased_person_is_gone_and_never_fetched_again(world: World, keeper: Runtime, port: int) -> None:
    case, unknown = a_citizen(world), parts.a_case()
    with answering(world, port):
        fetcher = people.Fetcher(keeper)
        want(keeper, case, 1)
        fetcher.once()
        with transaction(keeper, SYSTEM) as tx:
            people.forget(tx, case)
            people.forget(tx, unknown)  # erased before this service ever heard of her
        assert copy(keeper, case) == {} and row(keeper, case).sealed is None
        want(keeper, case, 9)  # an older event that comes late must not bring her back
        want(keeper, unknown, 9)
        assert fetcher.once() == 0 and open_(keeper) == 0
    assert copy(keeper, case) == {} and copy(keeper, unknown) == {}


def test_one_who_is_erased_while_the_answer_is_under_way_is_not_stored(world: World, keeper: Runtime, port: int) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    fetcher = people.Fetcher(keeper)
    ask = fetcher._ask

    def ask_slowly(ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
        answer = ask(ids)
        with transaction(keeper, SYSTEM) as tx:
            people.forget(tx, case)
        return answer

    fetcher._ask = ask_slowly  # type: ignore[method-assign]
    with answering(world, port):
        assert fetcher.once() == 0
    assert copy(keeper, case) == {} and row(keeper, case).sealed is None


def test_an_owner_that_is_away_is_asked_again_with_longer_and_longer_pauses(world: World, keeper: Runtime, port: int) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    fetcher, pauses = people.Fetcher(keeper), []
    for _ in range(14):
        before = clock.now()
        assert fetcher.once() == 0
        pauses.append(round((row(keeper, case).next_try - before).total_seconds(), 1))
        assert fetcher.once() == 0 and row(keeper, case).tries == len(pauses), "asked before the pause was over"
        let_time_pass(keeper)
    assert 0.2 <= pauses[0] < 2 and pauses == sorted(pauses) and 59 < pauses[-1] < 62
    with writing(keeper.engine) as session:
        session.execute(update(tables.person_copy).values(tries=100_000))  # a month later
    assert fetcher.once() == 0
    want(keeper, case, 1)
    with answering(world, port):
        assert fetcher.once() == 1
    assert copy(keeper, case)["given_name"] == "Fatima" and row(keeper, case).tries == 0


def test_one_whom_the_owner_does_not_know_holds_up_nobody(world: World, keeper: Runtime, port: int) -> None:
    known, unknown, ahead = a_citizen(world), parts.a_case(), a_citizen(world)
    for case, version in ((known, 1), (unknown, 1), (ahead, 7)):
        want(keeper, case, version)
    with answering(world, port):
        assert people.Fetcher(keeper).once() == 2
        assert people.Fetcher(keeper).once() == 0
    assert copy(keeper, known) and copy(keeper, ahead) and not copy(keeper, unknown)
    assert row(keeper, unknown).next_try is not None
    assert row(keeper, ahead).next_try is not None, "the owner is behind its own event: what it gave is kept, and it is asked again"
    assert open_(keeper) == 2


def test_a_service_that_cannot_take_a_copy_neither_loses_nor_blocks_the_others(world: World, keeper: Runtime, port: int) -> None:
    cases = [a_citizen(world), a_citizen(world, given_name="Nobody"), a_citizen(world)]
    for case in cases:
        want(keeper, case, 1)
    with answering(world, port):
        assert people.Fetcher(keeper).once() == 2
    assert [bool(copy(keeper, case)) for case in cases] == [True, False, True]
    assert row(keeper, cases[1]).tries == 1 and row(keeper, cases[1]).next_try is not None


def test_an_older_answer_never_replaces_a_newer_copy(world: World, keeper: Runtime, port: int) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    with answering(world, port):
        people.Fetcher(keeper).once()
    person = copy(keeper, case)
    fetcher = people.Fetcher(keeper)
    assert fetcher._store(UUID(case), {**person, "profile_version": 5, "given_name": "New"})
    assert not fetcher._store(UUID(case), {**person, "profile_version": 4, "given_name": "Old"})
    assert copy(keeper, case)["given_name"] == "New"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"\xff", b'{"items": [7]}', b'{"items": [{"case_id": "x", "profile_version": 1}]}', b'{"items": null}'])
def test_an_answer_that_is_nonsense_is_as_if_none_had_come(world: World, keeper: Runtime, port: int, body: bytes) -> None:
    case = a_citizen(world)
    want(keeper, case, 1)
    world.apps["referral"] = lambda _environ, start: (start("200 OK", [("Content-Type", "application/json")]), [body])[1]
    with answering(world, port):
        assert people.Fetcher(keeper).once() == 0
    assert row(keeper, case).tries == 1 and copy(keeper, case) == {}


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect", "300 Multiple Choices"])
def test_an_owner_that_leads_elsewhere_is_not_followed_and_counts_as_away(world: World, keeper: Runtime, port: int, status: str) -> None:
    """Elsewhere would give the person, to whoever comes with this service's token; so does a redirect that brings her along."""
    case, asked, owner = a_citizen(world), [], world.apps["referral"]
    [elsewhere] = free_ports(1)
    want(keeper, case, 1)

    def there(environ: Any, start: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return owner(environ, start)

    def here(environ: Any, start: Any) -> Any:
        location = f"http://127.0.0.1:{elsewhere}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        return owner(environ, lambda _status, headers: start(status, [*headers, ("Location", location)]))

    world.apps["referral"] = there
    with answering(world, elsewhere):
        world.apps["referral"] = here
        with answering(world, port):
            assert people.Fetcher(keeper).once() == 0
    assert asked == [] and row(keeper, case).tries == 1 and copy(keeper, case) == {}


def test_an_event_of_a_person_is_enough_to_want_and_to_forget_her(world: World, keeper: Runtime) -> None:
    """As the services' reactions call it, with what the event carries."""
    case = parts.a_case()
    said = Event(id=case, type="jobtrappen.person.changed.v1", source="s", subject="s", time="2026-11-23T00:00:00Z", key=case, seq=1, epoch=1,
                 data={"case_id": case, "profile_version": 4}, recorded="2026-11-23T00:00:00Z")
    with transaction(keeper, SYSTEM, cause=said) as tx:
        people.want(tx, said.key, said.data["profile_version"])
        people.want(tx, said.key, 2)
    assert row(keeper, case).wanted == 4, "an older event does not lower what is wanted"

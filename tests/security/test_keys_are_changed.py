# SPDX-License-Identifier: MPL-2.0
"""Keys of every kind are changed: what was sealed, signed or hashed with the older one holds until nothing needs it, and
then the older one opens nothing."""
from __future__ import annotations

import ast
import base64
import importlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from jobtrappen import plugins, reseal, tables
from jobtrappen.auth import DEMO_USERS
from jobtrappen.cli import cli
from jobtrappen.config import SERVICES, Settings
from jobtrappen.db import reading
from jobtrappen.demo.plan import random_cohort
from jobtrappen.errors import BadConfiguration, KeyMissing
from jobtrappen.keys import name_of
from jobtrappen.privacy import Vault
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app
from tests.support.in_process import live, with_statistics
from tests.support.postgres import PostgresServer
from tests.support.stages_partners import a_partner
from tests.support.world import ADMINISTRATOR, CASEWORKER, COORDINATOR, World, a_world, refused

OLD, NEW = "the older secret of these tests, long enough", "the newer secret of these tests, long enough"
PERSON = {"given_name": "Amina", "family_name": "Fiktiv", "track": "adult"}
NEVER = threading.Event()


def a_ring_key(seed: str) -> str:
    return base64.b64encode(random.Random(seed).randbytes(32)).decode()


A, B, X, Y = (a_ring_key(name) for name in "ABXY")


def a_number(n: int) -> str:
    return f"010180{1000 + n}"


def test_every_sealed_column_is_declared_so_that_none_keeps_an_older_key_alive() -> None:
    for name, service in plugins.services().items():
        kit = {(place.table, place.column) for place in reseal.KIT}
        found = {(table.name, column.name) for table in service.metadata.sorted_tables for column in table.columns if column.name.endswith("sealed")}
        assert found == {(place.table, place.column) for place in service.sealed} | kit, name


def test_every_place_is_declared_with_the_context_that_the_code_seals_it_with() -> None:
    for name, service in plugins.services().items():
        folder = Path(importlib.import_module(f"jobtrappen_{name}").__file__ or "").parent
        calls = [node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
                 and isinstance(node.func, ast.Attribute) and node.func.attr in ("seal", "open", "seal_document", "open_document") and "vault" in ast.unparse(node.func)]
        contexts = {ast.unparse(call.args[-1]).strip("'") for call in calls} - {"f'{thing.KIND}.{column}"}
        declared = {place.context for place in service.sealed if place.context != f"{place.table}.{place.column}"}
        assert contexts == {"CONTEXT" if context == "partner_request" else context for context in declared}, name


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    for name in SERVICES:
        server.create_database(f"reseal_{name}")
    return server.url("reseal_{service}")


def test_after_resealing_a_whole_towns_lives_the_new_keys_open_everything_alone(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_statistics(monkeypatch, tmp_path)
    before = {"secret": OLD, "cpr_keys": {"a": A}, "lookup_keys": {"x": X}}
    with a_world(tmp_path, database=database, today=date(2004, 5, 25), **before) as world:
        if not database:
            live(world, random_cohort(11, 2), "resealed")
        homes = [world.referral(CASEWORKER).post("/cases", {**PERSON, "cpr": a_number(n), "effective_date": "2004-05-01"}).id for n in range(3)]
        key = world.partners(COORDINATOR).post(f"/partners/{a_partner(world)}/keys", {"scopes": ["requests"]}).json["key"]
        world.settle()
    both = {"secret": NEW, "older_secrets": (OLD,), "cpr_keys": {"b": B, "a": A}, "lookup_keys": {"y": Y, "x": X}}
    with a_world(tmp_path, database=database, today=date(2004, 5, 25), **both) as world:
        assert world.client("partners", key).get("/my/requests").status == 200
        for name, runtime in world.runtimes.items():
            filled = {place for place, keys in reseal.by_key(runtime).items() if keys == {"a": sum(keys.values())}}
            assert filled == set(reseal.by_key(runtime)), name
            seen: list[int] = []
            changed = reseal.run(runtime, NEVER, chunk=7, pause=0, progress=seen.append)
            assert changed == sum(seen) == reseal.total(runtime) and max(seen, default=0) <= 7
            assert reseal.run(runtime, NEVER) == reseal.older_answers(runtime) == reseal.older_lookups(runtime) == 0
        filled_somewhere = {place for runtime in world.runtimes.values() for place in reseal.by_key(runtime)}
        assert filled_somewhere >= {"citizen.person_sealed", "citizen.cpr_sealed", "person_copy.sealed"}
        assert database or filled_somewhere >= {"transition.sealed", "agreement.terms_sealed", "intake.minutes_sealed"}, filled_somewhere
    after = {"secret": NEW, "cpr_keys": {"b": B}, "lookup_keys": {"y": Y}}
    with a_world(tmp_path, database=database, today=date(2004, 5, 25), **after) as world:
        for runtime in world.runtimes.values():
            assert {key for keys in reseal.by_key(runtime).values() for key in keys} <= {"b"}
            assert reseal.run(runtime, NEVER) == 0, "everything was opened, and nothing is sealed with another key"
        assert [world.referral(CASEWORKER).post("/cases/find", {"cpr": a_number(n)}).id for n in range(3)] == homes
        assert world.client("partners", key).get("/my/requests").status == 200


def test_a_command_that_comes_between_reading_and_resealing_wins(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], cpr_keys={"b": B, "a": A}) as world:
        karen, runtime = world.referral(CASEWORKER), world.runtimes["referral"]
        runtime.vault.current, runtime.vault.in_use = "a", {"a"}
        case = karen.post("/cases", PERSON).id
        runtime.vault.current, runtime.vault.in_use = "b", {"b"}
        place = next(place for place in runtime.service.sealed if place.column == "person_sealed")
        table = runtime.service.metadata.tables[place.table]
        (rows,) = reseal._chunks(runtime, table, place, 10)
        assert karen.post(f"/cases/{case}/person", {"given_name": "Aminata"}).status == 200
        reseal._replace(runtime, table, place, rows)
        found = karen.get(f"/cases/{case}")
        assert (found.json["person"]["given_name"], found.json["version"]) == ("Aminata", 2)


@pytest.mark.postgres
def test_one_number_is_never_stored_under_two_look_up_keys_while_they_change(tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database("two_lookups")
    with a_world(tmp_path, database=url, services=["referral"], lookup_keys={"x": X, "y": Y}) as older:
        service = plugins.services()["referral"]
        newer = Runtime(service, older.settings.on(lookup_keys={"y": Y, "x": X}))
        clients = [older.apps["referral"].test_client(), service_app(newer).test_client()]
        token = older.referral(CASEWORKER).token
        together = threading.Barrier(2)

        def open_all(n: int) -> list[int]:
            answers = []
            for number in range(15):
                together.wait()
                answers.append(clients[n].post("/v1/cases", json={**PERSON, "cpr": a_number(number)}, headers={
                    "Authorization": f"Bearer {token}", "Idempotency-Key": f"{n}-{number}"}).status_code)
            return answers

        with ThreadPoolExecutor(2) as pool:
            answers = list(zip(*pool.map(open_all, range(2)), strict=True))
        newer.close()
        assert {tuple(sorted(pair)) for pair in answers} == {(201, 409)}, answers


def test_a_value_whose_key_is_gone_is_told_with_503_and_heals_when_the_key_is_back(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], cpr_keys={"a": A}) as world:
        case = world.referral(CASEWORKER).post("/cases", PERSON).id
    with a_world(tmp_path, services=["referral"], cpr_keys={"b": B}) as world:
        found = refused(world.referral(CASEWORKER).get(f"/cases/{case}"), 503)
        assert found.headers["Retry-After"] == "5" and "'a'" not in found.text
        assert reseal.by_key(world.runtimes["referral"])["citizen.person_sealed"] == {"?": 1}
        with pytest.raises(KeyMissing, match="sealed with the key 'a' that this process does not have"):
            reseal.run(world.runtimes["referral"], NEVER)
    with a_world(tmp_path, services=["referral"], cpr_keys={"b": B, "a": A}) as world:
        assert world.referral(CASEWORKER).get(f"/cases/{case}").json["person"]["given_name"] == "Amina"


def test_from_one_derived_key_to_named_keys_and_from_one_secret_to_the_next() -> None:
    def vault(**given: object) -> Vault:
        return Vault(Settings(home=Path(), database="", bus="", **{"secret": OLD, **given}))  # type: ignore[arg-type]

    first = vault()
    kept = first.seal("words", "place")
    assert kept[0] == "derived"
    known = vault(cpr_keys={"secret": "", "b": B}, lookup_keys={"secret": "", "y": Y})
    assert known.seal("words", "place")[0] == "derived" and known.lookup("1") == first.lookup("1")
    named = vault(cpr_keys={"b": B}, lookup_keys={"y": Y})
    assert named.open(*kept, "place") == "words" and first.lookup("1") in named.lookups("1") and named.lookup("1") != first.lookup("1")
    both = vault(secret=NEW, older_secrets=(OLD,))
    assert both.open(*kept, "place") == "words" and both.current == name_of(NEW) and first.lookup("1") in both.lookups("1")
    last = vault(secret=NEW)
    assert last.open(*both.seal("words", "place"), "place") == "words"
    with pytest.raises(KeyMissing):
        last.open(*kept, "place")
    with pytest.raises(KeyMissing):
        both.open(*kept, "another place")


def test_a_partner_takes_a_second_key_and_the_first_goes(tmp_path: Path) -> None:
    began = datetime(2026, 11, 23, 9, tzinfo=UTC)
    with time_machine.travel(began, tick=False) as clock, a_world(tmp_path, services=["referral", "partners"]) as world:
        pia, partner = world.partners(COORDINATOR), a_partner(world)
        first, second = (pia.post(f"/partners/{partner}/keys", {"scopes": ["requests"], "label": label}).json for label in ("first", "second"))

        def answers() -> list[int]:
            return [world.client("partners", key["key"]).get("/my/requests").status for key in (first, second)]

        def used() -> list[str | None]:
            return [pia.get(f"/keys/{key['key_id']}").json["last_used_at"] for key in (first, second)]

        assert used() == [None, None]
        assert answers() == [200, 200]
        assert used() == [began.isoformat()] * 2
        clock.shift(timedelta(minutes=3))
        assert world.client("partners", second["key"]).get("/my/requests").status == 200
        assert used() == [began.isoformat()] * 2, "written once in five minutes at most"
        clock.shift(timedelta(minutes=3))
        assert world.client("partners", second["key"]).get("/my/requests").status == 200
        assert used() == [began.isoformat(), (began + timedelta(minutes=6)).isoformat()], "so the first is used no more and can go"
        assert pia.post(f"/keys/{first['key_id']}/revoke").status == 200
        assert answers() == [401, 200]
        assert {k["label"]: k["last_used_at"] for k in pia.get("/keys").json["items"]} == {"first": used()[0], "second": used()[1]}


def test_partner_keys_outlive_the_secret_once_they_were_used(tmp_path: Path) -> None:
    def status(world: World, key: str) -> int:
        return world.client("partners", key).get("/my/requests").status

    with a_world(tmp_path, services=["partners"], secret=OLD) as world:
        used, unused = (world.partners(COORDINATOR).post(f"/partners/{a_partner(world)}/keys", {"scopes": ["requests"]}).json["key"] for _ in range(2))
    with a_world(tmp_path, services=["partners"], secret=NEW, older_secrets=(OLD,)) as world:
        runtime = world.runtimes["partners"]
        assert reseal.older_partner_keys(runtime) == 2
        assert status(world, used) == 200 and status(world, f"{used}x") == 401
        assert reseal.older_partner_keys(runtime) == 1
    with a_world(tmp_path, services=["partners"], secret=NEW) as world:
        assert (status(world, used), status(world, unused)) == (200, 401)


def test_tokens_of_an_accepted_secret_hold_and_those_of_one_that_is_gone_do_not(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], secret=OLD) as world:
        staff, service = world.referral(CASEWORKER).token, world.runtimes["referral"].signer.service("matching")
    with a_world(tmp_path, services=["referral"], secret=OLD, older_secrets=(NEW,)) as world:  # the first step: known, not yet in use
        assert world.referral(CASEWORKER).token == staff or world.referral(staff).get("/cases").status == 200
        newer = Runtime(plugins.services()["referral"], world.settings.on(secret=NEW, older_secrets=(OLD,))).signer
        tokens = {"staff": newer.staff(DEMO_USERS["karen"]), "service": newer.service("matching")}
        assert world.referral(tokens["staff"]).get("/cases").status == 200
        assert world.referral(tokens["service"]).get("/people", ids="0" * 32).status != 401
    with a_world(tmp_path, services=["referral"], secret=NEW, older_secrets=(OLD,)) as world:
        assert world.referral(staff).get("/cases").status == 200
        assert world.referral(service).get("/people", ids="0" * 32).status != 401
    with a_world(tmp_path, services=["referral"], secret=NEW) as world:
        refused(world.referral(staff).get("/cases"), 401)
        refused(world.referral(service).get("/people", ids="0" * 32), 401)
        assert world.referral(tokens["staff"]).get("/cases").status == 200


def test_a_repeated_command_is_answered_across_a_change_of_the_secret(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], secret=OLD) as world:
        first = world.referral(CASEWORKER).post("/cases", PERSON, key="one")
    with a_world(tmp_path, services=["referral"], secret=NEW, older_secrets=(OLD,)) as world:
        for resealed in (0, 1):
            again = world.referral(CASEWORKER).post("/cases", PERSON, key="one")
            assert (again.status, again.json, again.headers["Idempotent-Replay"]) == (201, first.json, "true")
            refused(world.referral(CASEWORKER).post("/cases", {**PERSON, "given_name": "Else"}, key="one"), 422)
            assert reseal.run(world.runtimes["referral"], NEVER) == (0 if resealed else 1 + 1 + 1), "the person, her names and the answer"


def test_a_file_may_hold_several_secrets_and_each_is_checked(tmp_path: Path) -> None:
    def read(secret: str, **given: str) -> Settings:
        return Settings.from_env({"JOBTRAPPEN_HOME": str(tmp_path), "JOBTRAPPEN_SECRET": secret, **{f"JOBTRAPPEN_{k}": v for k, v in given.items()}})

    assert read(f"{NEW}\n{OLD}\n").secrets == (NEW, OLD)
    with pytest.raises(BadConfiguration, match="JOBTRAPPEN_SECRET: at least 32 random characters are needed, in each line"):
        read(f"{NEW}\nshort")
    assert read(NEW, LOOKUP_KEYS=f"secret=,x={X}").lookup_keys == {"secret": "", "x": X}
    with pytest.raises(BadConfiguration, match="JOBTRAPPEN_LOOKUP_KEYS: the key x is not 32 bytes in base64; make one with `jobtrappen keys make NAME`"):
        read(NEW, LOOKUP_KEYS="x=abcd")
    with pytest.raises(BadConfiguration, match="JOBTRAPPEN_CPR_KEYS: 'a:b' is no name for a key"):
        read(NEW, CPR_KEYS=f"a:b={A}")


def test_a_made_key_fits_into_the_settings(tmp_path: Path) -> None:
    made = CliRunner().invoke(cli, ["keys", "make", "2026b"]).output.strip()
    assert made.startswith("2026b=")
    assert Settings.from_env({"JOBTRAPPEN_HOME": str(tmp_path), "JOBTRAPPEN_CPR_KEYS": made, "JOBTRAPPEN_LOOKUP_KEYS": made}).cpr_keys.keys() == {"2026b"}


def test_the_hash_of_a_key_says_which_secret_made_it(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["partners"], secret=NEW, older_secrets=(OLD,)) as world:
        world.partners(ADMINISTRATOR).post("/integrators/keys", {"name": "firma"})
        with reading(world.runtimes["partners"].engine) as session:
            assert session.scalars(select(tables.credential.c.hash_key)).all() == [name_of(NEW)]

# SPDX-License-Identifier: MPL-2.0
"""A unit finds its own cases by the beginning of a name, though no name stands readable in the database; a protected person is
found by nobody, and what was there before the index came is filled in beside the work."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from jobtrappen import reseal
from jobtrappen.auth import DemoUser
from jobtrappen.db import reading, writing
from jobtrappen_referral import persons
from jobtrappen_referral.model import Citizen, NameToken
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, World, a_world, names_field, refused

NEVER = threading.Event()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("names"), services=["referral"]) as made:
        yield made


def opened(world: World, given: str, family: str, **more: object) -> str:
    return world.referral(CASEWORKER).post("/cases", {"given_name": given, "family_name": family, "track": "adult", **more}).id


def found(world: World, name: str, who: str = CASEWORKER) -> list[str]:
    return [one["name"] for one in world.referral(who).post("/cases/find-by-name", {"name": name}).json["cases"]]


def tokens(world: World, case: str | None = None) -> int:
    with reading(world.runtimes["referral"].engine) as session:
        query = select(func.count()).select_from(NameToken)
        return session.scalar(query if case is None else query.where(NameToken.case_id == case)) or 0


@pytest.mark.parametrize(("typed", "finds"), [
    ("amal", ["Amalie Sørensen-Højgård"]), ("AMALIE SØR", ["Amalie Sørensen-Højgård"]), ("soerensen", ["Amalie Sørensen-Højgård"]), ("højg", ["Amalie Sørensen-Højgård"]),
    ("sørensen amalie", ["Amalie Sørensen-Højgård"]), ("Sorensen", []), ("aase", ["Åse Ng"]), ("åse", ["Åse Ng"]), ("ng", ["Åse Ng"]), ("am", []),
    ("yildiz", ["Işıl Yıldız"]), ("Yıldız", ["Işıl Yıldız"]), ("amalie nielsen", []), ("  åse \t", ["Åse Ng"]), ("Wolfeschlegelsteinhausenbergerdorff", ["Hubert Wolfeschlegelsteinhausen"]),
])
def test_a_name_is_found_by_its_beginning_however_it_is_spelt(world: World, typed: str, finds: list[str]) -> None:
    if not tokens(world):
        for given, family in (("Amalie", "Sørensen-Højgård"), ("Åse", "Ng"), ("Işıl", "Yıldız"), ("Hubert", "Wolfeschlegelsteinhausen")):
            opened(world, given, family)
    assert found(world, typed) == finds


@pytest.mark.parametrize("typed", ["", "-", "a", "a b", "'"])
def test_one_letter_is_too_little_to_search_by(world: World, typed: str) -> None:
    names_field(refused(world.referral(CASEWORKER).post("/cases/find-by-name", {"name": typed}), 422), "name")


def test_only_the_units_own_cases_are_found_and_a_coordinator_finds_none(world: World) -> None:
    case = opened(world, "Benedikte", "Egen")
    assert found(world, "benedikte") == ["Benedikte Egen"]
    assert found(world, "benedikte", CONSULTANT) == []
    karen = world.referral(CASEWORKER)
    referral = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
    karen.post(f"/referrals/{referral}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"})
    assert found(world, "benedikte", CONSULTANT) == ["Benedikte Egen"]
    stranger = world.runtimes["referral"].signer.staff(DemoUser("bo", "caseworker", "andet_lokalcenter", "Bo"))
    assert found(world, "benedikte", stranger) == []
    refused(world.referral(COORDINATOR).post("/cases/find-by-name", {"name": "benedikte"}), 403)


def test_a_protected_person_is_found_by_nobody_also_when_protection_comes_later(world: World) -> None:
    case = opened(world, "Cecilie", "Skjult")
    assert found(world, "cecilie") == ["Cecilie Skjult"]
    world.referral(CASEWORKER).post(f"/cases/{case}/person", {"protected": True})
    assert found(world, "cecilie") == []
    assert opened(world, "Cecilie", "Fra Begyndelsen", protected=True) and found(world, "cecilie") == []
    world.referral(CASEWORKER).post(f"/cases/{case}/person", {"protected": False})
    assert found(world, "cecilie") == ["Cecilie Skjult"]


def test_a_new_name_finds_and_the_old_one_does_not(world: World) -> None:
    case = opened(world, "Dorthe", "Gift")
    before = tokens(world)
    world.referral(CASEWORKER).post(f"/cases/{case}/person", {"family_name": "Skilt"})
    assert (found(world, "dorthe gift"), found(world, "dorthe skilt")) == ([], ["Dorthe Skilt"])
    world.referral(CASEWORKER).post(f"/cases/{case}/person", {"phone": "11223344"})
    assert tokens(world) == before + len(persons.beginnings("skilt")) - len(persons.beginnings("gift"))


def test_what_was_found_is_on_record_for_the_citizen(world: World) -> None:
    case = opened(world, "Ditlev", "Efterslået")
    assert found(world, "ditlev") == ["Ditlev Efterslået"]
    entries = world.referral(CASEWORKER).get(f"/cases/{case}/access-report").json["entries"]
    assert [e["what"] for e in entries if e["action"] == "read.find_by_name"] == ["Fandt sagen ud fra navnet"]


def test_cases_from_before_are_filled_in_by_resealing_and_go_with_the_citizen(world: World) -> None:
    runtime = world.runtimes["referral"]
    case = opened(world, "Frederikke", "Gammel")
    with writing(runtime.engine) as session:
        session.execute(delete(NameToken))
        session.execute(update(Citizen).values(names_by=None))
        cases = session.scalar(select(func.count()).select_from(Citizen))
    assert (found(world, "frederikke"), reseal.older_hashes(runtime)) == ([], {"names": cases})
    version = world.referral(CASEWORKER).get(f"/cases/{case}").json["version"]
    assert reseal.run(runtime, NEVER, chunk=2, pause=0) == cases
    assert (found(world, "frederikke"), reseal.older_hashes(runtime), reseal.run(runtime, NEVER)) == (["Frederikke Gammel"], {}, 0)
    assert world.referral(CASEWORKER).get(f"/cases/{case}").json["version"] == version
    with writing(runtime.engine) as session:
        before = session.scalar(select(func.count()).select_from(NameToken))
        session.delete(session.get(Citizen, UUID(case)))
        session.flush()
        assert session.scalar(select(func.count()).select_from(NameToken)) < before
        session.rollback()


def test_names_are_found_by_an_older_look_up_key_too(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], secret="the older secret of this test " * 2) as world:
        opened(world, "Gertrud", "Nøgle")
    both = {"secret": "the newer secret of this test " * 2, "older_secrets": ("the older secret of this test " * 2,)}
    with a_world(tmp_path, services=["referral"], **both) as world:
        assert found(world, "gertrud") == ["Gertrud Nøgle"]
        assert reseal.older_hashes(world.runtimes["referral"]) == {"names": 1}
        reseal.run(world.runtimes["referral"], NEVER)
    with a_world(tmp_path, services=["referral"], secret=both["secret"]) as world:
        assert found(world, "gertrud") == ["Gertrud Nøgle"]


def test_no_token_tells_a_name(world: World) -> None:
    opened(world, "Hieronymus", "Klartekst")
    runtime = world.runtimes["referral"]
    with reading(runtime.engine) as session:
        stored = set(session.scalars(select(NameToken.token)))
    assert stored and all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in stored)
    content = Path(runtime.url.removeprefix("sqlite:///")).read_bytes()
    assert b"hieronymus" not in content and b"Hieronymus" not in content

# SPDX-License-Identifier: MPL-2.0
"""One timeline of a case over all four services: what, when, where and who, from one's own tables and from what was heard; it stands
there while the others are away, and says of when it is."""
from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text

from jobtrappen import clock, heard, plugins, rebuild, tables
from jobtrappen.config import PARTITIONS
from jobtrappen.contracts import CATALOGUE
from jobtrappen.db import reading, writing
from jobtrappen.people import WANT
from jobtrappen.web.app import one_address
from jobtrappen.web.pages.timeline import PLACES
from tests.pages.browser import Browser, Page
from tests.support.stages_followup import event
from tests.support.stages_matching import a_draft, a_match, act, an_opening, ordinary
from tests.support.stages_partners import a_partner
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, TODAY, World, a_world

DAY = TODAY.isoformat()
YES = {"citizen_yes_on": DAY, "employer_yes_on": DAY}
OURS = ("referral", "matching", "followup")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("timeline")) as made:
        yield made


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Browser]:
    suite = one_address(world.runtimes.values())
    return {name: Browser(suite, name, "/henvisning/sign-in") for name in (CASEWORKER, CONSULTANT, COORDINATOR)}


@pytest.fixture(scope="module")
def case(world: World) -> str:
    """A citizen who was referred, matched, started at a workplace, and about whom a partner was asked."""
    karen, mehmet = world.referral(CASEWORKER), world.referral(CONSULTANT)
    case = karen.post("/cases", {"given_name": "Amina", "family_name": "Prøve", "track": "adult"}).id
    referral = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
    assert karen.post(f"/referrals/{referral}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}).status == 200
    assert mehmet.post(f"/referrals/{referral}/accept", {"responsible": "mehmet", "planned_start": DAY}).status == 200
    world.settle()
    opening = an_opening(world, measure="ordinary_job")
    assert a_match(world, case, opening, measure="ordinary_job").status == 201
    workplace = world.matching(CONSULTANT).get(f"/openings/{opening}").json["workplace_id"]
    agreement = a_draft(world, case_id=case, workplace_id=workplace, **ordinary(starts_on=DAY)).id
    assert act(world, agreement, "conclude", YES).status == 200
    world.settle()
    placement = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"][0]["id"]
    started = world.followup(CONSULTANT).post(f"/placements/{placement}/start", {"effective_date": DAY, "meeting_waived_because": "Det første trin."})
    assert started.status == 200, started.text
    assert world.followup(CONSULTANT).post("/contacts", {"case_id": case, "kind": "call", "with": "citizen", "summary": "Alt går godt."}).status == 201
    partner = a_partner(world, "language_school", "Sprogskolen")
    asked = world.partners(CONSULTANT).post("/requests", {"case_id": case, "partner_id": partner, "request_type": "language_test", "text": "Kan I teste hende?"})
    assert asked.status == 201, asked.text
    assert world.partners(CONSULTANT).post(f"/requests/{asked.id}/request").status == 200
    world.settle()
    return case


def shown(page: Page) -> list[str]:
    """The lines of the timeline, as they are read."""
    assert page.status == 200
    part = page.html.split("<h2>Det er sket</h2>")[-1].split("</ol>")[0]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", line)).strip() for line in part.split("<li>")[1:]]


PAGES = {"referral": "/henvisning/cases/{}", "followup": "/opfoelgning/courses/{}", "matching": "/matchning/cases/{}"}


@pytest.mark.parametrize("service", OURS)
@pytest.mark.parametrize("who", [CASEWORKER, CONSULTANT])
def test_one_timeline_tells_what_all_four_services_know(people: dict[str, Browser], case: str, service: str, who: str) -> None:
    lines = shown(people[who].get(PAGES[service].format(case)))
    for what in ("Sag: Åbnet", "Henvisning: Sendt", "Henvisning: Modtaget", "Match: Foreslået", "Aftale: Indgået", "Placering: Begyndt", "Forespørgsel til samarbejdspartner: Sendt (sprogtest)"):
        assert any(what in line for line in lines), (what, lines)
    for line in lines:
        assert "23. nov. 2026" in line and any(name in line for name in ("Henvisning", "Matchning", "Opfølgning", "Partnere")), line
    assert any("Jobkonsulent" in line for line in lines), lines
    assert not any("Amina" in line for line in lines)


def test_who_did_it_is_the_log_in_at_home_and_the_unit_elsewhere(people: dict[str, Browser], case: str) -> None:
    at_home = shown(people[CASEWORKER].get(PAGES["referral"].format(case)))
    elsewhere = shown(people[CASEWORKER].get(PAGES["followup"].format(case)))
    sent = next(line for line in at_home if "Henvisning: Sendt" in line)
    heard_of = next(line for line in elsewhere if "Henvisning: Sendt" in line)
    assert "karen" in sent and "Lokalcenter" in sent and "karen" not in heard_of and "Lokalcenter" in heard_of, (sent, heard_of)


def test_contacts_are_told_to_those_who_may_read_them(people: dict[str, Browser], case: str) -> None:
    assert any(line.startswith("Kontakt") for line in shown(people[CONSULTANT].get(PAGES["followup"].format(case))))
    assert not any(line.startswith("Kontakt") for line in shown(people[CASEWORKER].get(PAGES["followup"].format(case))))


@pytest.mark.parametrize("who", [CASEWORKER, CONSULTANT])
def test_each_line_that_leads_somewhere_leads_where_its_reader_may_go(people: dict[str, Browser], case: str, who: str) -> None:
    reached = set()
    for path in PAGES.values():
        page = people[who].get(path.format(case))
        for address, _text in page.links:
            if re.search(r"/(referrals|matches|agreements|placements|requests|assessments|intakes)/[0-9a-f-]{36}$", address):
                assert people[who].get(address).status == 200, address
                reached.add(address.split("/")[2])
    assert {"referrals", "matches", "agreements", "placements", "requests"} <= reached


def test_where_a_thing_has_its_page_is_what_its_service_says() -> None:
    for resource, (service, path, who) in PLACES.items():
        routes = [r for r in plugins.services()[service].api.routes if r.resource == resource and r.path == f"{path}<uuid:id>" and r.method == "GET"]
        assert routes and who <= frozenset().union(*(r.who for r in routes)), resource


def test_the_page_says_of_when_the_news_of_each_service_is_and_since_when_none_can_have_come(world: World, people: dict[str, Browser], case: str) -> None:
    page = people[CASEWORKER].get(PAGES["referral"].format(case))
    latest = page.text.split("Sidste nyt fra de andre tjenester:")[1].split(". Den", 1)[0]
    assert re.search(r"Opfølgning \w+\. \d+\. \w+\.? \d{4} kl\.", latest) and "Matchning" in latest and "Partnere" in latest
    assert "Der er ikke kommet nyt" not in page.text
    long_ago = clock.now() - timedelta(hours=5)
    with writing(world.runtimes["referral"].engine) as session:
        for n in range(PARTITIONS):
            session.execute(insert(tables.measure).values(name="heard", label=f"jobtrappen.matching/{n}", value=long_ago.timestamp()))
            session.execute(insert(tables.measure).values(name="heard", label=f"jobtrappen.followup/{n}", value=clock.now().timestamp()))
    try:
        told = people[CASEWORKER].get(PAGES["referral"].format(case)).text
        assert "Der er ikke kommet nyt fra Matchning siden" in told and "nyt fra Opfølgning siden" not in told
    finally:
        with writing(world.runtimes["referral"].engine) as session:
            session.execute(tables.measure.delete())


def test_a_person_whose_newer_copy_does_not_come_is_shown_as_of_when_it_is(world: World, people: dict[str, Browser], case: str) -> None:
    followup = world.runtimes["followup"]
    path = PAGES["followup"].format(case)
    assert "svarede sidst" not in people[CONSULTANT].get(path).text
    with writing(followup.engine) as session:
        session.execute(WANT, {"case_id": UUID(case).hex, "version": 99})
    fetcher = next(f for f in world.fetchers if f.runtime is followup)
    fetcher.once()  # referral answers with what it has, which is older than what was asked for
    page = people[CONSULTANT].get(path)
    assert "Personoplysningerne her er fra" in page.text and "Henvisning svarede sidst" in page.text
    with writing(followup.engine) as session:
        session.execute(text("UPDATE person_copy SET wanted = version"))


def test_the_timeline_stands_while_every_other_service_is_away(tmp_path: Path, world: World, case: str) -> None:
    from jobtrappen.web.app import service_app

    alone = Browser(service_app(world.runtimes["followup"]), CASEWORKER)  # no other service behind this address, and none is asked
    page = alone.get(f"/courses/{case}")
    assert any("Aftale: Indgået" in line for line in shown(page)) and not page.has_link("/agreements/")


def test_every_event_of_a_case_is_heard_or_is_of_the_person() -> None:
    of_cases = {name for name, contract in CATALOGUE.items() if "case_id" in contract.data}
    assert of_cases - set(heard.EVENTS) == heard.NOT_TOLD
    for name in OURS:
        [kept] = [p for p in plugins.services()[name].projections if p.name == "heard"]
        assert set(kept.events) == {event for event in heard.EVENTS if CATALOGUE[event].by != name}


def test_what_is_heard_twice_stands_once_and_is_made_anew_from_the_topics(world: World, case: str) -> None:
    for name in OURS:
        runtime = world.runtimes[name]
        kept = runtime.service.metadata.tables["heard"]

        def rows(runtime: Any = runtime, kept: Any = kept) -> list[Any]:
            with reading(runtime.engine) as session:
                return sorted(map(tuple, session.execute(select(kept))), key=str)

        before = rows()
        assert before
        [done] = rebuild.rebuild(runtime, world.bus, "heard")
        assert (done.added, done.changed, done.removed) == (0, 0, 0)
        with writing(runtime.engine) as session:
            session.execute(kept.delete())
        [done] = rebuild.rebuild(runtime, world.bus, "heard")
        assert done.added == len(before) and rows() == before


def test_a_line_holds_nothing_but_what_the_event_may_carry() -> None:
    made = event("match.presented", "0192f0c1-7a3b-7c11-9d2e-000000000101", 1, TODAY, {
        "match_id": "0192f0c1-7a3b-7c11-9d2e-000000000110", "opening_id": "0192f0c1-7a3b-7c11-9d2e-000000000109", "status_to": "presented", "measure": "internship"})
    line = heard.row(made)
    assert (line["name"], line["service"], line["about"], line["role"], line["unit"]) == ("match.presented", "matching", "internship", None, None)
    assert line["thing_id"] is None, "a subject that is no kind and id is no link"

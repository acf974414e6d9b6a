# SPDX-License-Identifier: MPL-2.0
"""Employers, workplaces, contact persons and openings as the consultants meet them."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobtrappen import plugins, tables
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen_matching import terms
from tests.support.stages_matching import (
    YES,
    a_chosen_match,
    a_cvr,
    a_draft,
    a_known_case,
    a_match,
    a_workplace,
    act,
    an_employer,
    an_opening,
    asking,
)
from tests.support.world import (
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    TODAY,
    World,
    a_world,
    names_field,
    refused,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("openings"), services=["referral", "matching"]) as made:
        yield made


def said(world: World, name: str, key: str = "") -> list[Any]:
    """Events of a name in matching's outbox, oldest first."""
    with reading(world.runtimes["matching"].engine) as session:
        found = [decode(p.encode()) for p in session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id))]
    return [e for e in found if e.name == name and e.audience == "internal" and key in ("", e.key)]


def test_an_employer_has_a_cvr_number_whose_checksum_holds_and_stands_here_once(world: World) -> None:
    consultant = world.matching(CONSULTANT)
    wrong = consultant.post("/employers", {"cvr": "12345678", "name": "Bageriet", "sector": "private"})
    names_field(refused(wrong, 422), "cvr")
    body = {"cvr": a_cvr(40_001), "name": "Bageriet", "sector": "private"}
    made = consultant.post("/employers", body)
    assert made.status == 201
    refused(consultant.post("/employers", body), 409, employer_id=made.id)
    refused(world.matching(CASEWORKER).post("/employers", body), 403)
    names_field(refused(consultant.post("/employers", {**body, "size": 3}), 422), "size")
    assert consultant.get("/employers", cvr=body["cvr"]).json["total"] == 1


def test_a_workplace_has_exactly_one_responsible_consultant_and_keeps_who_it_was(world: World) -> None:
    """F-080."""
    consultant = world.matching(CONSULTANT)
    employer = an_employer(world)
    body = {"p_number": "7000000001", "name": "Torvet"}
    names_field(refused(consultant.post(f"/employers/{employer.id}/workplaces", body), 422), "responsible")
    made = consultant.post(f"/employers/{employer.id}/workplaces", {**body, "responsible": "mehmet", "effective_date": "2026-11-02"})
    refused(consultant.post(f"/employers/{employer.id}/workplaces", {**body, "responsible": "lone"}), 409, workplace_id=made.id)
    names_field(refused(consultant.post(f"/employers/{employer.id}/workplaces", {**body, "p_number": "70", "responsible": "lone"}), 422), "p_number")
    changed = consultant.post(f"/workplaces/{made.id}/responsible", {"responsible": "lone", "effective_date": "2026-11-16"})
    assert changed.json["responsible"] == "lone"
    assert changed.json["responsibles"] == [{"responsible": "mehmet", "since": "2026-11-02"}, {"responsible": "lone", "since": "2026-11-16"}]
    names_field(refused(consultant.post(f"/workplaces/{made.id}/responsible", {"responsible": "mehmet", "effective_date": "2026-11-10"}), 422), "effective_date")
    refused(consultant.post(f"/workplaces/{made.id}/responsible", {"responsible": "mehmet"}, etag='"1"'), 412)
    assert consultant.get(made.headers["Location"].removeprefix("/v1")).json["responsible"] == "lone"
    assert consultant.get("/workplaces", responsible="lone", employer_id=employer.id).json["total"] == 1


def test_a_contact_person_is_sealed_belongs_to_several_workplaces_and_can_leave(world: World) -> None:
    consultant = world.matching(CONSULTANT)
    employer = an_employer(world).id
    first, second, foreign = a_workplace(world, employer), a_workplace(world, employer), a_workplace(world)
    made = consultant.post(f"/workplaces/{first}/contacts", {"name": "Bodil Kanariefugl", "phone": "00112233", "email": "bodil@bageri.example"})
    assert made.json["person"]["name"] == "Bodil Kanariefugl"
    both = consultant.post(f"/workplaces/{second}/contacts", {"contact_id": made.id})
    assert sorted(both.json["workplace_ids"]) == sorted([first, second]) and both.id == made.id
    names_field(refused(consultant.post(f"/workplaces/{foreign}/contacts", {"contact_id": made.id}), 422), "contact_id")
    names_field(refused(consultant.post(f"/workplaces/{first}/contacts", {"phone": "1"}), 422), "name")
    refused(consultant.get(f"/workplaces/{foreign}/contacts/{made.id}"), 404)
    left = consultant.post(f"/contacts/{made.id}/change", {"active": False})
    assert left.json["active"] is False and left.json["person"]["phone"] == "00112233"
    assert [c["id"] for c in consultant.get(f"/workplaces/{second}/contacts").json["items"]] == [made.id]
    refused(world.matching(COORDINATOR).get(f"/contacts/{made.id}"), 403)
    for file in Path(world.settings.home).glob("matching.db*"):
        assert b"Kanariefugl" not in file.read_bytes()


def test_openings_of_all_three_sources_are_published_without_their_texts(world: World) -> None:
    """F-091, F-092."""
    consultant = world.matching(CONSULTANT)
    workplace = a_workplace(world)
    for source in ("posted", "outreach", "pre_agreement"):
        made = consultant.post("/openings", {"workplace_id": workplace, "source": source, "title": "Kanarietitel", "tasks": "Kanarieopgaver", "until": "2027-06-30",
                                             "places": [{"measure": "wage_subsidy", "places": 2}, {"measure": "internship", "places": 3}]})
        assert made.status == 201 and made.json["source"] == source
        event = said(world, "opening.published", made.json["employer_id"])[-1]
        assert event.data == {"opening_id": made.id, "employer_id": made.json["employer_id"], "workplace_id": workplace, "opening_source": source,
                              "measures": ["internship", "wage_subsidy"], "places": 5, "until": "2027-06-30"}
    with reading(world.runtimes["matching"].engine) as session:
        payloads = list(session.scalars(select(tables.outbox.c.payload)))
    assert payloads and not any("Kanarie" in p for p in payloads)


@pytest.mark.parametrize(("more", "field"), [
    ({"until": "2026-11-01"}, "until"), ({"weekly_hours": 38}, "weekly_hours"), ({"places": []}, "places"), ({"source": "rumour"}, "source"),
    ({"places": [{"measure": "activation", "places": 1}]}, "places"), ({"places": [{"measure": "internship", "places": 0}]}, "places"),
    ({"places": [{"measure": "internship", "places": 300}, {"measure": "wage_subsidy", "places": 300}]}, "places"),
    ({"effective_date": "2026-12-24"}, "effective_date"), ({"wage": 100}, "wage")])
def test_an_opening_with_a_wrong_field_is_refused_by_name(world: World, more: dict[str, Any], field: str) -> None:
    body = {"workplace_id": a_workplace(world), "source": "posted", "title": "Job", "places": [{"measure": "internship", "places": 1}]}
    names_field(refused(world.matching(CONSULTANT).post("/openings", {**body, **more}), 422), field)


def test_a_place_that_is_held_cannot_be_taken_away_and_uptake_is_counted(world: World) -> None:
    """F-092."""
    consultant = world.matching(CONSULTANT)
    opening = an_opening(world, places=2)
    match = a_chosen_match(world, a_known_case(world), opening)
    assert consultant.get(f"/openings/{opening}").json["places"] == [{"measure": "internship", "places": 2, "held": 1, "taken": 1}]
    refused(consultant.post(f"/openings/{opening}/change", {"places": [{"measure": "internship", "places": 0}]}), 409)
    changed = consultant.post(f"/openings/{opening}/change", {"places": [{"measure": "internship", "places": 1}], "weekly_hours": 20})
    assert changed.status == 200 and said(world, "opening.changed", changed.json["employer_id"])[-1].data["places"] == 1
    consultant.post(f"/matches/{match}/withdraw", {"by": "citizen", "reason": "Syg"})
    assert consultant.get(f"/openings/{opening}").json["places"] == [{"measure": "internship", "places": 1, "held": 0, "taken": 1}]


def test_closing_an_opening_withdraws_its_open_matches_and_keeps_what_they_were(world: World) -> None:
    consultant = world.matching(CONSULTANT)
    opening = an_opening(world, places=3)
    cases = [a_known_case(world) for _ in range(2)]
    open_match, chosen = a_match(world, cases[0], opening).id, a_chosen_match(world, cases[1], opening)
    consultant.post(f"/matches/{open_match}/present", {"citizen_yes_on": "2026-11-23", "presentation_id": "sag-7"})
    closed = consultant.post(f"/openings/{opening}/close", {"reason": "Ansat en anden"})
    assert closed.json["status"] == "closed"
    assert consultant.get(f"/matches/{open_match}").json["status"] == "withdrawn"
    last = consultant.get(f"/cases/{cases[0]}/history").json["items"][-1]
    assert (last["action"], last["from_state"], last["to_state"], last["role"]) == ("withdraw", "presented", "withdrawn", "system")
    assert consultant.get(f"/matches/{chosen}").json["status"] == "chosen"
    assert said(world, "opening.closed", closed.json["employer_id"]) and said(world, "match.withdrawn", cases[0])
    refused(consultant.post(f"/openings/{opening}/close", {}), 409, state="closed")
    refused(consultant.post(f"/openings/{opening}/change", {"title": "Nyt"}), 409)
    refused(a_match(world, cases[0], opening), 409, state="closed")
    refused(consultant.post(f"/matches/{open_match}/reopen", {"reason": "Alligevel"}), 409)


def reasons(world: World, case: str, opening: str, **query: Any) -> list[str]:
    """The reason codes against one opening."""
    found = world.matching(CONSULTANT).get("/openings/feasible", **{"case_id": case, "measure": "internship", "all": "true", "limit": 200, **query})
    assert found.status == 200, found.text
    return next(i["against"] for i in found.json["items"] if i["opening_id"] == opening)


def test_feasible_openings_are_listed_and_the_others_say_why_not(world: World) -> None:
    case = a_known_case(world)
    good, full, other = an_opening(world), an_opening(world), an_opening(world, measure="wage_subsidy")
    a_chosen_match(world, a_known_case(world), full)
    over = an_opening(world, until="2026-11-30")
    shut = an_opening(world)
    world.matching(CONSULTANT).post(f"/openings/{shut}/close", {})
    plain = world.matching(CONSULTANT).get("/openings/feasible", case_id=case, measure="internship", limit=200).json["items"]
    ids = [i["opening_id"] for i in plain]
    assert good in ids and not {full, other, shut} & set(ids) and ids == sorted(ids)
    assert all(i["feasible"] and i["reasons"] == [] for i in plain)
    assert reasons(world, case, good) == []
    assert reasons(world, case, full) == ["no_place_free"]
    assert reasons(world, case, other) == ["step_not_offered"]
    assert reasons(world, case, shut) == ["opening_closed"]
    assert reasons(world, case, over, on="2026-12-01") == ["no_longer_open"]
    assert reasons(world, case, good, on="2026-11-22") == ["not_open_yet"]
    youth = a_known_case(world, track="youth")
    long = an_opening(world, measure="leisure_job", weekly_hours=13)
    assert reasons(world, youth, long, measure="leisure_job") == ["too_many_hours"]
    assert reasons(world, case, long, measure="leisure_job") == []


def test_feasible_asks_for_a_step_and_for_a_case_that_is_known(world: World) -> None:
    consultant = world.matching(CONSULTANT)
    names_field(refused(consultant.get("/openings/feasible", case_id=a_known_case(world)), 422), "measure")
    unknown = refused(consultant.get("/openings/feasible", case_id="0192f0c1-7a3b-7c11-9d2e-000000000101"), 404)
    assert unknown.headers["Retry-After"] == "1"
    refused(world.matching(COORDINATOR).get("/openings/feasible", case_id=a_known_case(world)), 403)


def test_the_employers_quota_counts_full_time_persons_for_each_p_number(world: World) -> None:
    """BEK § 65: one of five up to 50 employees, at least one, then one of ten; the worked numbers of the domain rules."""
    worked = {1: 1, 4: 1, 9: 1, 10: 2, 14: 2, 15: 3, 20: 4, 50: 10, 60: 11, 100: 15, 110: 16}
    assert {n: terms.quota(n, date(2026, 11, 23)) for n in worked} == worked
    workplace = a_workplace(world, headcount=4)
    opening, case = an_opening(world, places=5, workplace=workplace), a_known_case(world)
    assert reasons(world, case, opening, on="2026-12-01") == []
    agreement = a_draft(world, case_id=a_known_case(world), workplace_id=workplace).id
    assert act(world, agreement, "request_grant", asking(weekly_hours=19)).status == 200
    assert reasons(world, case, opening, on="2026-12-01") == ["employer_quota"]
    assert reasons(world, case, opening, on="2026-12-29") == []
    assert reasons(world, case, opening, on="2026-12-01", measure="ordinary_job") == ["step_not_offered"]
    second = a_draft(world, case_id=case, workplace_id=workplace).id
    answer = refused(act(world, second, "request_grant", asking(weekly_hours=19)), 409, state="draft")
    assert "§ 65" in answer.json["detail"] and "request_grant" not in answer.json["allowed"]
    assert act(world, second, "request_grant", asking(weekly_hours=18)).status == 200


@pytest.fixture
def a_plugin() -> Iterator[Any]:
    """Registers hooks of a plugin from outside the suite, for one test."""
    import types

    made: list[types.ModuleType] = []

    def register(**hooks: Any) -> None:
        module = types.ModuleType(f"a_ranking_{len(made)}")
        for name, function in hooks.items():
            function.__module__ = module.__name__
            setattr(module, name, plugins.hookimpl(function))
        plugins.manager().register(module, module.__name__)
        made.append(module)

    yield register
    for module in made:
        plugins.manager().unregister(module)


def test_a_plugin_ranks_and_another_refuses_but_neither_is_told_who_she_is(world: World, a_plugin: Any) -> None:
    case = a_known_case(world, benefit="cash_benefit", readiness="job_ready")
    first, second, third = (an_opening(world, title=t) for t in ("Lager", "Bageri", "Vaskeri"))
    seen: list[Any] = []

    def criterion(candidate: Any, opening: Any) -> Any:
        seen.append((candidate, opening))
        return ("near_to_her_wish", 7, "Tæt på ønsket") if opening.title == "Bageri" else None

    a_plugin(matching_criterion=criterion, matching_constraint=lambda candidate, opening, on: "too_heavy" if opening.title == "Lager" else None)
    a_plugin(matching_criterion=lambda candidate, opening: ("Not A Code", "many", 3), matching_constraint=lambda opening: 1 / 0)
    found = world.matching(CONSULTANT).get("/openings/feasible", case_id=case, measure="internship", limit=200).json["items"]
    ids = [i["opening_id"] for i in found]
    assert ids[0] == second and third in ids and first not in ids and ids[1:] == sorted(ids[1:])
    assert found[0]["reasons"] == [{"code": "near_to_her_wish", "points": 7, "words": "Tæt på ønsket"}]
    assert reasons(world, case, first) == ["too_heavy"]
    names = {n for candidate, _opening in seen for n in vars(candidate)}
    assert seen and not names & {"given_name", "family_name", "name", "cpr", "nationality", "sex", "gender", "age", "birth_date", "phone", "languages"}
    assert "Amina" not in repr(seen) and "Prøve" not in repr(seen)


def test_a_case_is_ready_once_its_assessment_is_confirmed_and_its_profile_follows(world: World) -> None:
    consultant = world.matching(CONSULTANT)
    case = a_known_case(world, benefit="cash_benefit", readiness="job_ready", phone="00998877")
    assert consultant.get(f"/cases/{case}").json["ready"] is False
    made = world.referral(CONSULTANT).post("/assessments", {"case_id": case, "education": "none", "experience_years": 0, "stable_attendance": "stable",
                                                            "months_away": 12, "limits": ["ingen tunge løft"]})
    world.referral(CONSULTANT).post(f"/assessments/{made.id}/confirm", {"start_step": "internship", "reason": "Aftalt"})
    world.settle()
    known = consultant.get(f"/cases/{case}").json
    assert (known["ready"], known["start_step"], known["status"]) == (True, "internship", "active")
    assert known["profile"]["limits"] == ["ingen tunge løft"] and known["profile"]["given_name"] == "Amina"
    assert consultant.get("/openings/feasible", case_id=case).status == 200
    assert "profile" not in world.matching(CASEWORKER).get(f"/cases/{case}").json
    refused(world.matching(COORDINATOR).get(f"/cases/{case}"), 403)


def test_a_protected_persons_name_stays_hidden_also_when_the_protection_comes_later(world: World) -> None:
    case = a_known_case(world)
    assert world.matching(CONSULTANT).get(f"/cases/{case}").json["profile"]["given_name"] == "Amina"
    assert world.referral(CASEWORKER).post(f"/cases/{case}/person", {"protected": True}).status == 200
    world.settle()
    shown = world.matching(CONSULTANT).get(f"/cases/{case}").json
    assert shown["protected"] is True and not {"given_name", "family_name", "phone"} & set(shown["profile"])


def test_a_team_lead_is_also_a_consultant_and_yes_dates_are_not_of_the_future(world: World) -> None:
    """F-024."""
    lead = world.matching(TEAM_LEAD)
    match = a_match(world, a_known_case(world), an_opening(world), TEAM_LEAD)
    tomorrow = TODAY.replace(day=24).isoformat()
    late = lead.post(f"/matches/{match.id}/choose", {**YES, "citizen_yes_on": tomorrow, "reason_code": "fits_wishes"})
    names_field(refused(late, 422), "citizen_yes_on")
    assert lead.get(f"/matches/{match.id}").json["status"] == "proposed"

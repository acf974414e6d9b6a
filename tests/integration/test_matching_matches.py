# SPDX-License-Identifier: MPL-2.0
"""A citizen and an opening: proposed, interviewed, chosen, declined, taken up again."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from jobtrappen import tables
from jobtrappen.db import reading
from jobtrappen.event import decode
from tests.support.stages_matching import (
    DAY,
    YES,
    a_chosen_match,
    a_concluded,
    a_draft,
    a_known_case,
    a_match,
    a_workplace,
    act,
    an_interview,
    an_opening,
)
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, World, a_world, names_field, refused

CHOOSE = {**YES, "reason_code": "fits_wishes"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("matches"), services=["referral", "matching"]) as made:
        yield made


def match_of(world: World, **opening: Any) -> str:
    return a_match(world, a_known_case(world, profile=False), an_opening(world, **opening)).id


def do(world: World, match: str, action: str, body: dict[str, Any], who: str = CONSULTANT) -> Any:
    return world.matching(who).post(f"/matches/{match}/{action}", body)


def places(world: World, opening: str) -> list[dict[str, Any]]:
    return world.matching(CONSULTANT).get(f"/openings/{opening}").json["places"]


def payloads(world: World) -> list[str]:
    with reading(world.runtimes["matching"].engine) as session:
        return list(session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id)))


def test_a_case_that_is_not_known_yet_is_404_with_retry_after(world: World) -> None:
    unknown = "0192f0c1-7a3b-7c11-9d2e-000000000101"
    for answer in (a_match(world, unknown, an_opening(world)), world.matching(CONSULTANT).get("/matches", case_id=unknown),
                   a_draft(world, case_id=unknown, workplace_id=a_workplace(world)), world.matching(CONSULTANT).get(f"/cases/{unknown}")):
        assert refused(answer, 404).headers["Retry-After"] == "1" and answer.json["what"] == "case"


def test_the_same_case_and_opening_match_once_and_only_for_steps_that_are_offered(world: World) -> None:
    case, opening = a_known_case(world), an_opening(world)
    names_field(refused(a_match(world, case, opening, measure="wage_subsidy"), 422), "measure")
    first = a_match(world, case, opening)
    assert first.json["measure"] == "internship" and first.json["status"] == "proposed"
    refused(a_match(world, case, opening), 409, match_id=first.id)
    refused(a_match(world, case, an_opening(world), CASEWORKER), 403)
    refused(a_match(world, case, an_opening(world), COORDINATOR), 403)
    over = an_opening(world, until="2026-11-23")
    assert a_match(world, case, over).status == 201
    assert [m["id"] for m in world.matching(CASEWORKER).get("/matches", case_id=case, opening_id=opening).json["items"]] == [first.id]


def test_the_consultant_goes_along_to_the_interview_or_it_is_said_why_not(world: World) -> None:
    """F-105."""
    match = match_of(world)
    do(world, match, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    names_field(refused(do(world, match, "book_interview", an_interview(companions=["teacher"])), 422), "companions")
    names_field(refused(do(world, match, "book_interview", an_interview(scheduled_at="2026-11-20T09:00:00+01:00")), 422), "scheduled_at")
    booked = do(world, match, "book_interview", an_interview(companions=["consultant", "teacher"], interpreter=True))
    assert booked.json["status"] == "interview" and booked.json["consultant"] == "mehmet"
    event = [decode(p.encode()) for p in payloads(world) if "interview.booked" in p][-1]
    assert event.data["companion_kinds"] == ["consultant", "interpreter", "teacher"] and event.data["scheduled_on"] == booked.json["scheduled_at"][:10]
    held = do(world, match, "hold_interview", {"attended": True, "citizen_feedback": "Kanarieord fra borger", "employer_feedback": "Kanarieord fra chef"})
    assert held.json["status"] == "interview"
    assert world.matching(CONSULTANT).get(f"/matches/{match}").json["notes"]["citizen_feedback"] == "Kanarieord fra borger"
    assert not any("Kanarieord" in p for p in payloads(world))
    alone = match_of(world)
    do(world, alone, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    assert do(world, alone, "book_interview", an_interview(companions=["spouse"], reason="Borgeren ønsker det")).json["consultant"] is None


def test_a_consultant_is_at_one_interview_at_a_time_whatever_the_zone(world: World) -> None:
    """F-105."""
    first, second = match_of(world), match_of(world)
    for match in (first, second):
        do(world, match, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    assert do(world, first, "book_interview", an_interview(scheduled_at="2026-12-24T10:00:00+01:00")).status == 200
    refused(do(world, second, "book_interview", an_interview(scheduled_at="2026-12-24T09:30:00+00:00")), 409, match_id=first, state="presented")
    assert do(world, second, "book_interview", an_interview(scheduled_at="2026-12-24T09:30:00+00:00"), TEAM_LEAD).status == 200
    third = match_of(world)
    do(world, third, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    assert do(world, third, "book_interview", an_interview(scheduled_at="2026-12-24T11:00:00+01:00")).status == 200
    do(world, first, "decline", {"by": "employer", "reason_code": "position_filled"})
    fourth = match_of(world)
    do(world, fourth, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    assert do(world, fourth, "book_interview", an_interview(scheduled_at="2026-12-24T09:30:00+01:00")).status == 200
    refused(do(world, first, "reopen", {"reason": "Stillingen er ledig igen"}), 409, match_id=fourth)


def test_choosing_holds_a_place_and_withdrawing_gives_it_back(world: World) -> None:
    opening = an_opening(world)
    winner = a_chosen_match(world, a_known_case(world), opening)
    loser = a_match(world, a_known_case(world), opening).id
    answer = refused(do(world, loser, "choose", CHOOSE), 409, state="proposed")
    assert "choose" not in answer.json["allowed"] and "decline" in answer.json["allowed"]
    assert world.matching(CONSULTANT).get(f"/matches/{winner}").json["holds_place"] is True
    assert do(world, winner, "withdraw", {"by": "citizen", "reason": "Fortrudt"}, CASEWORKER).status == 200
    assert places(world, opening)[0]["held"] == 0
    assert do(world, loser, "choose", CHOOSE).status == 200
    refused(do(world, winner, "reopen", {"reason": "Alligevel"}), 409)
    assert places(world, opening)[0] == {"measure": "internship", "places": 1, "held": 1, "taken": 2}


def test_of_many_who_choose_the_last_place_at_once_one_gets_it(world: World) -> None:
    opening = an_opening(world, places=2)
    matches = [a_match(world, a_known_case(world, profile=False), opening).id for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda m: do(world, m, "choose", CHOOSE).status, matches))
    assert sorted(answers) == [200, 200, 409, 409, 409, 409]
    assert places(world, opening)[0]["held"] == 2


def test_a_step_is_needed_to_choose_where_an_opening_has_several(world: World) -> None:
    both = [{"measure": "internship", "places": 1}, {"measure": "wage_subsidy", "places": 1}]
    made = world.matching(CONSULTANT).post("/openings", {"workplace_id": a_workplace(world), "source": "posted", "title": "Lager", "places": both})
    match = a_match(world, a_known_case(world), made.id)
    assert match.json["measure"] is None
    names_field(refused(do(world, match.id, "choose", CHOOSE), 422), "measure")
    assert do(world, match.id, "choose", {**CHOOSE, "measure": "wage_subsidy"}).json["measure"] == "wage_subsidy"
    assert {p["measure"]: p["held"] for p in places(world, made.id)} == {"internship": 0, "wage_subsidy": 1}
    other = a_match(world, a_known_case(world), made.id, measure="internship").id
    do(world, other, "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    names_field(refused(do(world, other, "offer", {"step": "flexjob", "wished_start": DAY}), 422), "step")
    refused(do(world, other, "offer", {"step": "wage_subsidy", "wished_start": DAY}, CASEWORKER), 403)
    assert do(world, other, "offer", {"step": "wage_subsidy", "wished_start": DAY}).json["measure"] == "wage_subsidy"
    refused(do(world, other, "choose", CHOOSE), 409, state="offered")


def test_both_sides_reasons_are_kept_and_those_of_family_or_health_are_not_said_aloud(world: World) -> None:
    """F-107."""
    match = match_of(world)
    body = {"by": "citizen", "reason_code": "family", "other_reason_code": "schedule", "said_to_employer": "Kanariehilsen: det passer ikke med tiderne"}
    declined = do(world, match, "decline", body)
    assert (declined.json["by"], declined.json["reason_code"], declined.json["other_reason_code"]) == ("citizen", "family", "schedule")
    assert world.matching(CONSULTANT).get(f"/matches/{match}").json["notes"]["said_to_employer"].startswith("Kanariehilsen")
    event = next(decode(p.encode()) for p in payloads(world) if match in p and "match.declined" in p)
    assert event.data["by"] == "citizen" and "public_reason" not in event.data and "family" not in event.encode().decode()
    other = match_of(world)
    do(world, other, "decline", {"by": "employer", "reason_code": "language_level"})
    event = next(decode(p.encode()) for p in payloads(world) if other in p and "match.declined" in p)
    assert event.data["public_reason"] == "language_level"
    names_field(refused(do(world, match_of(world), "decline", {"by": "employer", "reason_code": "too_old"}), 422), "reason_code")


def test_reopening_goes_back_to_the_state_before_within_a_fortnight(world: World) -> None:
    case, opening = a_known_case(world), an_opening(world, effective_date="2026-10-01")
    match = world.matching(CONSULTANT).post("/matches", {"case_id": case, "opening_id": opening, "reason": "Passer", "effective_date": "2026-11-01"}).id
    do(world, match, "present", {"citizen_yes_on": "2026-11-01", "presentation_id": "sag-1", "effective_date": "2026-11-01"})
    do(world, match, "decline", {"by": "employer", "reason_code": "schedule", "effective_date": "2026-11-08"})
    names_field(refused(do(world, match, "reopen", {"reason": "Ny vagtplan", "effective_date": "2026-11-07"}), 422), "effective_date")
    refused(do(world, match, "reopen", {"reason": "Ny vagtplan"}), 409, state="declined")
    again = do(world, match, "reopen", {"reason": "Ny vagtplan", "effective_date": "2026-11-22"})
    assert again.json["status"] == "presented" and again.json["by"] is None


def test_a_chosen_match_that_is_taken_up_again_holds_its_place_again(world: World) -> None:
    opening = an_opening(world)
    match = a_chosen_match(world, a_known_case(world), opening)
    do(world, match, "withdraw", {"by": "employer", "reason": "Ordrenedgang"})
    assert places(world, opening)[0]["held"] == 0
    assert do(world, match, "reopen", {"reason": "Ordren kom"}).json["status"] == "chosen"
    assert places(world, opening)[0]["held"] == 1


def test_withdrawing_a_chosen_match_takes_its_draft_along_but_not_a_concluded_agreement(world: World) -> None:
    opening = an_opening(world, places=2, measure="ordinary_job")
    match = a_chosen_match(world, a_known_case(world), opening)
    agreement = a_draft(world, match_id=match).id
    do(world, match, "withdraw", {"by": "citizen", "reason": "Flytter"})
    assert world.matching(CONSULTANT).get(f"/agreements/{agreement}").json["status"] == "cancelled"
    second = a_chosen_match(world, a_known_case(world), opening)
    concluded = a_concluded(world, match=second)
    answer = refused(do(world, second, "withdraw", {"by": "citizen", "reason": "Flytter"}), 409, state="chosen")
    assert "withdraw" not in answer.json["allowed"]
    assert world.matching(CONSULTANT).get(f"/agreements/{concluded}").json["status"] == "concluded"
    assert places(world, opening)[0]["held"] == 1


def test_a_cancelled_agreement_gives_the_place_back_and_a_new_one_takes_it_again(world: World) -> None:
    opening = an_opening(world)
    match = a_chosen_match(world, a_known_case(world), opening)
    first = a_draft(world, match_id=match).id
    refused(a_draft(world, match_id=match), 409, agreement_id=first)
    act(world, first, "cancel", {"by": "employer", "reason": "Udsat"})
    assert places(world, opening)[0]["held"] == 0
    second = a_draft(world, match_id=match).id
    assert places(world, opening)[0]["held"] == 1
    act(world, second, "cancel", {"by": "employer", "reason": "Udsat"})
    a_chosen_match(world, a_known_case(world), opening)
    refused(a_draft(world, match_id=match), 409)


def test_a_stale_or_missing_version_and_another_key_change_nothing(world: World) -> None:
    match = match_of(world)
    body = {"citizen_yes_on": DAY, "presentation_id": "sag-1"}
    client = world.matching(CONSULTANT)
    refused(client.post(f"/matches/{match}/present", body, etag=None), 428)
    refused(client.post(f"/matches/{match}/present", body, etag='"7"'), 412, state="proposed")
    first = client.post(f"/matches/{match}/present", body, key="once", etag='"1"')
    again = client.post(f"/matches/{match}/present", body, key="once", etag='"1"')
    assert again.headers["Idempotent-Replay"] == "true" and again.json == first.json
    refused(client.post(f"/matches/{match}/present", {**body, "presentation_id": "sag-2"}, key="once", etag='"1"'), 422)
    assert client.get(f"/matches/{match}").json["version"] == 2

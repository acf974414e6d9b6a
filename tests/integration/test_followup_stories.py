# SPDX-License-Identifier: MPL-2.0
"""The followup service as its users meet it: placements, the contact plan, milestones, the step, returns."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobtrappen import tables
from jobtrappen.clock import new_id
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen_followup import schemas as s
from tests.support.stages_followup import Matching, a_course, accepted
from tests.support.stages_referral import a_case
from tests.support.world import (
    ADMINISTRATOR,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    TODAY,
    Answer,
    World,
    a_world,
    names_field,
    refused,
)

AGO = TODAY - timedelta(weeks=30)
MEETING = {"three_party_meeting_on": AGO.isoformat()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
    with a_world(tmp_path, services=["referral", "followup"]) as made:
        yield made


@pytest.fixture
def matching(world: World) -> Matching:
    return Matching(world)


def said(world: World, name: str, case: str) -> list[dict[str, Any]]:
    with reading(world.runtimes["followup"].engine) as session:
        found = session.scalars(select(tables.outbox.c.payload).where(tables.outbox.c.topic == "jobtrappen.followup", tables.outbox.c.key == case)
                                .order_by(tables.outbox.c.id))
        return [e.data for e in (decode(p.encode()) for p in found) if e.name == name]


def act(world: World, placement: str, action: str, day: date = TODAY, who: str = CONSULTANT, **body: Any) -> Answer:
    return world.followup(who).post(f"/placements/{placement}/{action}", {"effective_date": day, **body})


def done(answer: Answer) -> Answer:
    assert answer.status in (200, 201), answer.text
    return answer


def course(world: World, case: str) -> dict[str, Any]:
    return done(world.followup(CONSULTANT).get(f"/courses/{case}")).json


def duties(world: World, case: str, **query: Any) -> list[dict[str, Any]]:
    return done(world.followup(CONSULTANT).get("/duties", case_id=case, limit=200, **query)).json["items"]


def returned(world: World, case: str, reason: str = "on_sick_leave", day: date = TODAY) -> None:
    done(world.referral(CONSULTANT).post(f"/cases/{case}/return", {"reason": reason, "present_state": "with_caseworker", "effective_date": day}))
    world.settle()


# --- the course -------------------------------------------------------------------------------------------------------
def test_a_course_opens_when_the_consultant_accepts_with_a_first_contact_due(world: World) -> None:
    case = a_case(world)
    answer = refused(world.followup(CONSULTANT).get(f"/courses/{case}"), 404)
    assert answer.headers["Retry-After"] == "1"
    accepted(world, case)
    world.settle()
    found = course(world, case)
    assert (found["status"], found["step"], found["track"], found["name"]) == ("open", "none", "adult", "Amina Prøve")
    assert found["next_action"]["kind"] == "first_contact" and found["next_action"]["due_on"] == str(TODAY + timedelta(days=7))


def test_a_protected_persons_name_stands_in_no_list_also_when_the_protection_comes_later(world: World) -> None:
    hidden, case = a_course(world, protected=True), a_course(world)
    names = {c["case_id"]: c["name"] for c in world.followup(CONSULTANT).get("/courses").json["items"]}
    assert names == {hidden: None, case: "Amina Prøve"}
    done(world.referral(CASEWORKER).post(f"/cases/{case}/person", {"protected": True}))
    world.settle()
    assert {c["name"] for c in world.followup(CONSULTANT).get("/courses").json["items"]} == {None}


def test_no_copy_is_kept_of_a_person_whom_this_service_does_not_follow(world: World) -> None:
    a_case(world)
    case = a_course(world)
    with reading(world.runtimes["followup"].engine) as session:
        assert [str(one) for one in session.scalars(select(tables.person_copy.c.case_id))] == [case]


def test_an_acceptance_that_is_taken_back_closes_the_course_that_it_opened(world: World) -> None:
    case = a_case(world)
    referral = accepted(world, case)
    world.settle()
    done(world.referral(CONSULTANT).post(f"/referrals/{referral}/undo", {}))
    world.settle()
    assert course(world, case)["status"] == "retracted" and duties(world, case, open="true") == []
    report = world.followup(CONSULTANT).get("/reports/table-1", as_of=TODAY).json
    assert report["total"] == 0
    done(world.referral(CONSULTANT).post(f"/referrals/{referral}/accept", {"responsible": "lone", "planned_start": TODAY}))
    world.settle()
    assert course(world, case)["status"] == "open"


def test_a_returned_case_is_returned_whatever_runs_and_a_later_acceptance_opens_it_again(world: World, matching: Matching) -> None:
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=AGO)
    done(act(world, placement, "start", AGO))
    returned(world, case, "refuses_offers", AGO + timedelta(days=20))
    found = course(world, case)
    assert (found["status"], found["step"], found["return_class"]) == ("returned", "returned", "refused")
    assert all(d["placement_id"] for d in duties(world, case, open="true")), "what still runs is still followed"
    accepted(world, case, AGO + timedelta(days=40), purpose="internship")
    world.settle()
    found = course(world, case)
    assert (found["status"], found["step"], found["return_class"]) == ("open", "internship", None)
    assert [s["step_to"] for s in said(world, "step.changed", case)] == ["internship", "returned", "internship"]
    steps = done(world.followup(CASEWORKER).get(f"/courses/{case}/steps")).json["items"]
    assert [(s["step"], s["since"]) for s in steps] == [
        ("internship", str(AGO)), ("returned", str(AGO + timedelta(days=20))), ("internship", str(AGO + timedelta(days=40)))]
    history = done(world.followup(CASEWORKER).get(f"/courses/{case}/history")).json["items"]
    assert [(h["lifecycle"], h["action"]) for h in history] == [
        ("course", "open"), ("placement", "plan"), ("placement", "start"), ("course", "return"), ("course", "readmit")]


# --- placements -------------------------------------------------------------------------------------------------------
def test_an_agreement_plans_a_placement_and_its_start_opens_the_contact_plan(world: World, matching: Matching) -> None:  # F-130
    case = a_course(world)
    placement = matching.placement(case)
    assert [d["kind"] for d in duties(world, case)] == ["plan_start", "first_contact"]
    started = done(act(world, placement, "start", employer_confirmed_on=TODAY))
    assert started.json["status"] == "active" and started.json["started_on"] == str(TODAY) and started.json["employer_confirmed_on"] == str(TODAY)
    kinds = [(d["kind"], d["due_on"]) for d in duties(world, case, open="true") if d["placement_id"]]
    assert kinds[:3] == [("first_day_call", str(TODAY)), ("contact", str(TODAY + timedelta(weeks=1))), ("contact", str(TODAY + timedelta(weeks=2)))]
    assert [k for k, _ in kinds if k.startswith("milestone")] == ["milestone_4", "milestone_13", "milestone_26", "milestone_52"]
    assert said(world, "placement.started", case)[0]["measure"] == "internship"
    assert said(world, "step.changed", case) == [{"case_id": case, "step_from": "none", "step_to": "internship"}]


def test_a_start_before_the_agreed_day_is_refused(world: World, matching: Matching) -> None:
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=AGO + timedelta(days=10))
    names_field(refused(act(world, placement, "start", AGO + timedelta(days=9)), 422), "effective_date")
    names_field(refused(act(world, placement, "start", AGO - timedelta(days=1)), 422), "effective_date")
    names_field(refused(act(world, placement, "start", TODAY + timedelta(days=1)), 422), "effective_date")
    done(act(world, placement, "start", AGO + timedelta(days=12)))


def test_two_placements_at_one_workplace_in_the_same_days_are_refused_but_one_after_the_other_is_not(world: World, matching: Matching) -> None:
    case, workplace = a_course(world, day=AGO), str(new_id())
    first = matching.placement(case, day=AGO, starts_on=AGO, workplace_id=workplace, weekly_hours=10)
    second = matching.placement(case, day=AGO, starts_on=AGO, workplace_id=workplace, weekly_hours=10)
    elsewhere = matching.placement(case, day=AGO, starts_on=AGO, weekly_hours=10)
    done(act(world, first, "start", AGO))
    names_field(refused(act(world, second, "start", AGO + timedelta(days=7)), 422), "workplace_id")
    done(act(world, elsewhere, "start", AGO + timedelta(days=7)))
    done(act(world, first, "end", AGO + timedelta(days=9), how="completed"))
    names_field(refused(act(world, second, "start", AGO + timedelta(days=8)), 422), "workplace_id")
    done(act(world, second, "start", AGO + timedelta(days=9)))


def test_two_half_time_jobs_are_normal_and_hours_past_the_dated_limit_are_refused(world: World, matching: Matching) -> None:  # F-040
    case = a_course(world)
    jobs = [matching.placement(case, measure="ordinary_job", weekly_hours=hours) for hours in (18, 19, 1)]
    done(act(world, jobs[0], "start"))
    done(act(world, jobs[1], "start"))
    answer = refused(act(world, jobs[2], "start"), 422)
    names_field(answer, "weekly_hours")
    assert "38" in answer.text and "37" in answer.text
    done(act(world, jobs[0], "end", how="resigned"))
    done(act(world, jobs[2], "start"))


def test_a_youths_leisure_job_has_a_limit_of_its_own_beside_school(world: World, matching: Matching) -> None:  # F-055
    case = a_course(world, "youth")
    school = matching.placement(case, measure="education", weekly_hours=30)
    leisure = [matching.placement(case, measure="leisure_job", weekly_hours=hours) for hours in (12, 1)]
    done(act(world, school, "start"))
    done(act(world, leisure[0], "start"))
    names_field(refused(act(world, leisure[1], "start"), 422), "weekly_hours")
    assert course(world, case)["step"] == "leisure_job"


@pytest.mark.parametrize(("below", "above"), [("internship", "wage_subsidy"), ("internship", "ordinary_job"), ("wage_subsidy", "ordinary_job")])
def test_going_up_needs_a_three_party_meeting_or_a_reason_for_none(world: World, matching: Matching, below: str, above: str) -> None:  # F-129
    case = a_course(world, day=AGO)
    first = matching.placement(case, day=AGO, measure=below, starts_on=AGO)
    done(act(world, first, "start", AGO))
    end = AGO + timedelta(weeks=4)
    done(act(world, first, "end", end, how="next_step"))
    second = matching.placement(case, day=end, measure=above, starts_on=end)
    names_field(refused(act(world, second, "start", end), 422), "three_party_meeting_on")
    names_field(refused(act(world, second, "start", end, three_party_meeting_on=end + timedelta(days=1)), 422), "three_party_meeting_on")
    done(act(world, second, "start", end, **({"three_party_meeting_on": end} if above == "ordinary_job" else {"meeting_waived_because": "Arbejdsgiver var syg"})))


@pytest.mark.parametrize(("before", "after"), [("wage_subsidy", "internship"), ("education", "ordinary_job"), ("internship", "internship")])
def test_other_ways_need_none(world: World, matching: Matching, before: str, after: str) -> None:  # F-125
    case = a_course(world)
    first, second = (matching.placement(case, measure=m) for m in (before, after))
    done(act(world, first, "start"))
    done(act(world, first, "end", how="completed"))
    done(act(world, second, "start"))


def test_what_ended_before_a_return_asks_for_no_meeting_any_more(world: World, matching: Matching) -> None:
    case = a_course(world, day=AGO)
    first = matching.placement(case, day=AGO, starts_on=AGO)
    done(act(world, first, "start", AGO))
    done(act(world, first, "end", AGO + timedelta(days=5), how="broken_off_by_citizen"))
    returned(world, case, day=AGO + timedelta(days=10))
    accepted(world, case, TODAY - timedelta(days=20), purpose="ordinary")
    world.settle()
    job = matching.placement(case, measure="ordinary_job")
    done(act(world, job, "start"))


def test_who_did_not_come_is_rung_and_the_placement_stays_planned_with_a_next_action(world: World, matching: Matching) -> None:
    case = a_course(world)
    placement = matching.placement(case)
    names_field(refused(act(world, placement, "absent_first_day", rung="borgeren", said="syg", next_action="ring", next_due=TODAY - timedelta(days=1)), 422), "next_due")
    answer = done(act(world, placement, "absent_first_day", rung="borgeren", said="Barnet er sygt", next_action="Ring i morgen", next_due=TODAY + timedelta(days=1)))
    assert answer.json["status"] == "planned"
    action = next(d for d in duties(world, case, open="true") if d["kind"] == "next_action")
    assert action["due_on"] == str(TODAY + timedelta(days=1)) and action["notes"] == [{"text": "Ring i morgen"}]
    done(act(world, placement, "not_started", by="citizen", reason="Ville ikke"))
    assert said(world, "placement.not_started", case)[0]["by"] == "citizen"
    assert "Barnet" not in str(said(world, "placement.not_started", case))
    assert [d["kind"] for d in duties(world, case, open="true")] == ["first_contact"]


def test_a_pause_keeps_the_step_and_its_reason_stays_in_the_service(world: World, matching: Matching) -> None:
    case = a_course(world)
    placement = matching.placement(case)
    done(act(world, placement, "start"))
    names_field(refused(act(world, placement, "pause", reason="syg", expected_on=TODAY - timedelta(days=1)), 422), "expected_on")
    done(act(world, placement, "pause", reason="Sygt barn", expected_on=TODAY + timedelta(days=14)))
    assert course(world, case)["step"] == "internship"
    assert "reason" not in said(world, "placement.paused", case)[0] and "Sygt" not in str(said(world, "placement.paused", case))
    assert [d["due_on"] for d in duties(world, case, open="true", kind="expected_back")] == [str(TODAY + timedelta(days=14))]
    done(act(world, placement, "resume"))
    assert duties(world, case, open="true", kind="expected_back") == []


@pytest.mark.parametrize("how", ["completed", "broken_off_by_citizen"])
def test_an_end_asks_for_an_evaluation_also_on_a_break_off_and_drops_what_was_planned(world: World, matching: Matching, how: str) -> None:  # F-088
    case = a_course(world)
    placement = matching.placement(case)
    done(act(world, placement, "start"))
    done(act(world, placement, "end", how=how))
    assert said(world, "placement.ended", case)[0]["how"] == how
    assert [d["kind"] for d in duties(world, case, open="true") if d["placement_id"]] == ["evaluation"]
    assert course(world, case)["step"] == "none"
    refused(act(world, placement, "pause", reason="x", expected_on=TODAY), 409, state="ended", allowed=[])


def test_repeated_failure_asks_the_caseworker_and_is_under_clarification_until_that_is_done(world: World, matching: Matching) -> None:  # F-145
    case = a_course(world)
    for how in ("broken_off_by_citizen", "dismissed"):
        assert course(world, case)["step"] == "none"
        placement = matching.placement(case)
        done(act(world, placement, "start"))
        done(act(world, placement, "end", how=how))
    assert course(world, case)["step"] == "under_clarification"
    asked = duties(world, case, open="true", kind="clarify_with_caseworker")
    done(world.followup(CONSULTANT).post(f"/duties/{asked[0]['id']}/done", {"note": "Klar til ny praktik"}))
    assert course(world, case)["step"] == "none"


def test_terms_change_with_the_agreement_and_an_extension_keeps_the_day_of_its_decision(world: World, matching: Matching) -> None:  # F-126
    case = a_course(world, day=AGO)
    agreement = matching.conclude(case, AGO, starts_on=AGO, ends_on=AGO + timedelta(weeks=8), measure="wage_subsidy")
    placement = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"][0]["id"]
    matching.change(case, agreement, "hours", AGO, version=2, weekly_hours=30)
    assert world.followup(CONSULTANT).get(f"/placements/{placement}").json["weekly_hours"] == 30
    done(act(world, placement, "start", AGO))
    decided = AGO + timedelta(weeks=7)
    matching.change(case, agreement, "extend", decided, version=3, ends_on=AGO + timedelta(weeks=16))
    assert said(world, "placement.extended", case)[0]["ends_on"] == str(AGO + timedelta(weeks=16))
    contacts = [d["due_on"] for d in duties(world, case, kind="contact") if d["dropped_on"] is None]
    assert max(contacts) == str(AGO + timedelta(weeks=16))
    status = {day: row_keys(world, day) for day in (decided - timedelta(days=1), decided)}
    assert list(status.values()) == [{"wage_subsidy": 1}, {"wage_subsidy_extended": 1}]
    matching.change(case, agreement, "shorten", decided + timedelta(days=1), version=4, ends_on=AGO + timedelta(weeks=12))
    assert max(d["due_on"] for d in duties(world, case, kind="contact", open="true")) == str(AGO + timedelta(weeks=12))
    matching.change(case, agreement, "tasks", decided + timedelta(days=1), version=5)
    assert len(said(world, "placement.changed", case)) == 1 and len(said(world, "placement.shortened", case)) == 1


def row_keys(world: World, day: date, name: str = "table-1") -> dict[str, int]:
    rows = done(world.followup(CONSULTANT).get(f"/reports/{name}", as_of=day)).json["rows"]
    return {r["key"]: r["value"] for r in rows if r["value"]}


def test_an_extension_that_is_heard_of_after_the_end_still_counts_on_its_days(world: World, matching: Matching) -> None:
    case = a_course(world, day=AGO)
    agreement = matching.conclude(case, AGO, starts_on=AGO)
    placement = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"][0]["id"]
    done(act(world, placement, "start", AGO))
    done(act(world, placement, "end", AGO + timedelta(days=40), how="completed"))
    matching.change(case, agreement, "extend", AGO + timedelta(days=30), ends_on=AGO + timedelta(weeks=12))
    assert row_keys(world, AGO + timedelta(days=29)) == {"internship": 1}
    assert row_keys(world, AGO + timedelta(days=39)) == {"internship_extended": 1}
    assert row_keys(world, AGO + timedelta(days=40)) == {"not_placed": 1}


def test_a_cancelled_agreement_will_not_start_and_one_that_was_never_concluded_is_nothing(world: World, matching: Matching) -> None:
    case = a_course(world)
    agreement = matching.conclude(case)
    cancelled = {"measure": "internship", "by": "employer", "status_to": "cancelled"}
    matching.say("agreement.cancelled", case, **cancelled, agreement_id=agreement["agreement_id"])
    matching.say("agreement.cancelled", case, **cancelled, agreement_id=str(new_id()))
    found = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"]
    assert [(p["status"], p["agreement_id"]) for p in found] == [("not_started", agreement["agreement_id"])]
    assert said(world, "placement.not_started", case)[0]["by"] == "employer"


def test_an_agreement_that_is_cancelled_after_the_start_asks_somebody_to_look(world: World, matching: Matching) -> None:
    case = a_course(world)
    agreement = matching.conclude(case)
    placement = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"][0]["id"]
    done(act(world, placement, "start"))
    matching.say("agreement.cancelled", case, measure="internship", by="employer", status_to="cancelled", agreement_id=agreement["agreement_id"])
    assert [d["due_on"] for d in duties(world, case, open="true", kind="next_action")] == [str(TODAY)]
    assert course(world, case)["step"] == "internship"


# --- activation -------------------------------------------------------------------------------------------------------
def intake(world: World, case: str, activation: bool = True) -> None:
    talk = done(world.referral(CONSULTANT).post("/intakes", {
        "case_id": case, "scheduled_at": f"{TODAY}T10:00:00+01:00", "place": "Kontoret", "form": "office", "participants": [{"kind": "consultant"}]}))
    done(world.referral(CONSULTANT).post(f"/intakes/{talk.id}/hold", {
        "attended": ["consultant"], "wishes": ["x"], "competences": ["x"], "barriers": ["x"], "activation": activation}))
    world.settle()


@pytest.mark.parametrize(("school", "hours"), [(False, 37), (True, 17)])
def test_activation_opens_by_itself_at_the_talk_for_the_hours_that_school_leaves(world: World, school: bool, hours: int) -> None:  # F-039, F-040
    case = a_course(world, language_school=school)
    intake(world, case)
    found = world.followup(CONSULTANT).get("/placements", case_id=case).json["items"]
    assert [(p["measure"], p["status"], p["weekly_hours"], p["started_on"]) for p in found] == [("activation", "active", hours, str(TODAY))]
    assert course(world, case)["step"] == "activation"
    intake(world, case)
    assert len(world.followup(CONSULTANT).get("/placements", case_id=case).json["items"]) == 1, "it runs already"
    done(act(world, found[0]["id"], "end", how="next_step"))
    assert course(world, case)["step"] == "none"


def test_a_talk_without_activation_and_a_full_week_open_none(world: World, matching: Matching) -> None:
    case = a_course(world)
    intake(world, case, activation=False)
    assert world.followup(CONSULTANT).get("/placements", case_id=case).json["items"] == []
    done(act(world, matching.placement(case, measure="ordinary_job"), "start"))
    intake(world, case)
    assert [p["measure"] for p in world.followup(CONSULTANT).get("/placements", case_id=case).json["items"]] == ["ordinary_job"]


def test_a_talk_before_the_acceptance_holds_nothing_up(world: World) -> None:
    case = a_case(world)
    intake(world, case)
    accepted(world, case)
    world.settle()
    assert course(world, case)["step"] == "activation"


def test_who_is_in_activation_starts_something_else_after_it_ends(world: World, matching: Matching) -> None:
    case = a_course(world)
    intake(world, case)
    placement = matching.placement(case)
    names_field(refused(act(world, placement, "start"), 422), "weekly_hours")
    running = next(p for p in world.followup(CONSULTANT).get("/placements", case_id=case).json["items"] if p["measure"] == "activation")
    done(act(world, running["id"], "end", how="next_step"))
    done(act(world, placement, "start"))


# --- duties, contacts, milestones ---------------------------------------------------------------------------------------
def test_a_contact_does_what_the_plan_asked_for_until_its_day(world: World, matching: Matching) -> None:  # F-131
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=AGO, ends_on=TODAY)
    done(act(world, placement, "start", AGO))
    logged = done(world.followup(CONSULTANT).post("/contacts", {
        "case_id": case, "placement_id": placement, "kind": "visit", "with": "both", "summary": "Det går godt på lageret",
        "next_action": "Tal om løntilskud", "next_due": AGO + timedelta(days=21), "effective_date": AGO + timedelta(days=15)}))
    assert logged.json["with"] == "both" and logged.json["summary"] == "Det går godt på lageret" and logged.json["held_on"] == str(AGO + timedelta(days=15))
    closed = [(d["kind"], d["due_on"]) for d in duties(world, case, open="false") if d["contact_id"] == logged.id]
    assert closed == [("first_day_call", str(AGO)), ("first_contact", str(AGO + timedelta(days=7))), ("contact", str(AGO + timedelta(days=7))),
                      ("contact", str(AGO + timedelta(days=14)))]
    assert [d["notes"] for d in duties(world, case, kind="next_action")] == [[{"text": "Tal om løntilskud"}]]
    refused(world.followup(CASEWORKER).get("/contacts", case_id=case), 403)
    assert [c["summary"] for c in world.followup(TEAM_LEAD).get("/contacts", case_id=case).json["items"]] == ["Det går godt på lageret"]


def test_what_a_contact_says_is_sealed_and_goes_with_the_person(world: World, tmp_path: Path) -> None:
    case = a_course(world)
    done(world.followup(CONSULTANT).post("/contacts", {"case_id": case, "kind": "call", "with": "citizen", "summary": "Hemmelig Blåbærgrød"}))
    for file in tmp_path.glob("followup.db*"):
        assert "Blåbærgrød".encode() not in file.read_bytes()
    speaker = Referral(world)
    speaker.say("person.erased", case, {})
    assert world.followup(CONSULTANT).get("/contacts", case_id=case).json["items"][0]["summary"] is None
    assert course(world, case)["name"] is None


class Referral:
    """Says on referral's topic what no use case of it says yet."""

    def __init__(self, world: World) -> None:
        self.world = world

    def say(self, name: str, case: str, data: dict[str, Any]) -> None:
        from jobtrappen.tx import SYSTEM, transaction

        with transaction(self.world.runtimes["referral"], SYSTEM) as tx:
            tx.say(name, key=case, subject=f"case/{case}", data={"case_id": case, **data})
        self.world.settle()


def test_a_contact_may_name_its_duty_and_nobody_elses(world: World) -> None:
    case, other = a_course(world), a_course(world)
    hers, theirs = duties(world, case)[0]["id"], duties(world, other)[0]["id"]
    body = {"case_id": case, "kind": "call", "with": "citizen", "summary": "Hej"}
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "duty_id": theirs}), 422), "duty_id")
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "placement_id": str(new_id())}), 422), "placement_id")
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "next_action": "Ring"}), 422), "next_due")
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "next_action": "Ring", "next_due": TODAY - timedelta(days=1)}), 422), "next_due")
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "effective_date": TODAY + timedelta(days=1)}), 422), "effective_date")
    names_field(refused(world.followup(CONSULTANT).post("/contacts", {**body, "mood": "good"}), 422), "mood")
    refused(world.followup(CONSULTANT).post("/contacts", {**body, "case_id": str(new_id())}), 404)
    done(world.followup(CONSULTANT).post("/contacts", {**body, "duty_id": hers}))
    refused(world.followup(CONSULTANT).post("/contacts", {**body, "duty_id": hers}), 409, state="done")


def test_overdue_is_a_question_for_a_date(world: World) -> None:
    first, second = a_course(world, day=AGO), a_course(world)
    overdue = done(world.followup(CONSULTANT).get("/duties", due_by=TODAY - timedelta(days=1), open="true")).json
    assert [d["case_id"] for d in overdue["items"]] == [first] and overdue["total"] == 1
    page = done(world.followup(CONSULTANT).get("/duties", limit=1)).json
    rest = done(world.followup(CONSULTANT).get("/duties", limit=1, after=page["next"])).json
    assert [d["case_id"] for d in page["items"] + rest["items"]] == [first, second]


def test_a_duty_is_postponed_with_a_reason_and_only_forward(world: World) -> None:
    case = a_course(world)
    duty = duties(world, case)[0]
    post = world.followup(CONSULTANT).post
    names_field(refused(post(f"/duties/{duty['id']}/postpone", {"due_on": TODAY + timedelta(days=9)}), 422), "reason")
    names_field(refused(post(f"/duties/{duty['id']}/postpone", {"due_on": duty["due_on"], "reason": "Ferie"}), 422), "due_on")
    refused(world.followup(CASEWORKER).post(f"/duties/{duty['id']}/postpone", {"due_on": TODAY + timedelta(days=9), "reason": "Ferie"}), 403)
    refused(post(f"/duties/{duty['id']}/postpone", {"due_on": TODAY + timedelta(days=9), "reason": "Ferie"}, etag='"7"'), 412)
    later = done(post(f"/duties/{duty['id']}/postpone", {"due_on": TODAY + timedelta(days=9), "reason": "Ferie"})).json
    assert (later["due_on"], later["planned_on"]) == (str(TODAY + timedelta(days=9)), duty["planned_on"])
    assert later["notes"][0]["reason"] == "Ferie"


def test_a_milestone_is_reached_when_somebody_looked_and_an_earlier_end_is_refused_after_that(world: World, matching: Matching) -> None:  # F-153
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=AGO, ends_on=None, measure="ordinary_job")
    done(act(world, placement, "start", AGO))
    four, thirteen, half_a_year, year = (duties(world, case, kind=f"milestone_{n}")[0] for n in (4, 13, 26, 52))
    post = world.followup(CONSULTANT).post
    names_field(refused(post(f"/duties/{four['id']}/done", {}), 422), "holds")
    names_field(refused(post(f"/duties/{year['id']}/done", {"holds": True}), 422), "effective_date")
    refused(post(f"/duties/{four['id']}/postpone", {"due_on": TODAY, "reason": "x"}), 409)
    done(post(f"/duties/{four['id']}/done", {"holds": True}))
    done(post(f"/duties/{thirteen['id']}/done", {"holds": False}))
    done(post(f"/duties/{half_a_year['id']}/done", {"holds": True}))
    assert [e["weeks"] for e in said(world, "milestone.reached", case)] == [4, 26]
    names_field(refused(act(world, placement, "end", AGO + timedelta(weeks=25), how="resigned"), 422), "effective_date")
    done(act(world, placement, "end", AGO + timedelta(weeks=27), how="resigned"))
    assert duties(world, case, kind="milestone_52")[0]["dropped_on"] == str(AGO + timedelta(weeks=27)), "right-censored"


def test_a_plan_of_another_plugin_is_added_and_nonsense_is_left_out(world: World, matching: Matching) -> None:
    from jobtrappen import plugins

    class Escort:
        @staticmethod
        @plugins.hookimpl(specname="followup_plan")
        def escort(starts_on: date) -> Any:
            return [("contact", starts_on + timedelta(days=3))]

    class Broken:
        @staticmethod
        @plugins.hookimpl(specname="followup_plan")
        def broken(measure: str) -> Any:
            raise RuntimeError(measure)

    Escort.escort.__module__ = Broken.broken.__module__ = "a_plugin_from_outside"
    manager = plugins.manager()
    manager.register(Escort(), "escort")
    manager.register(Broken(), "broken")
    try:
        case = a_course(world)
        done(act(world, matching.placement(case), "start"))
    finally:
        manager.unregister(name="escort")
        manager.unregister(name="broken")
    assert str(TODAY + timedelta(days=3)) in [d["due_on"] for d in duties(world, case, kind="contact")]


# --- rights -----------------------------------------------------------------------------------------------------------
def test_a_caseworker_reads_where_a_citizen_stands_and_the_dates_but_no_more(world: World, matching: Matching) -> None:
    case = a_course(world)
    placement = matching.placement(case)
    karen = world.followup(CASEWORKER)
    assert set(done(karen.get(f"/courses/{case}")).json) == {
        "id", "version", "status", "effective_date", "allowed_actions", "case_id", "track", "step", "step_since", "return_class", "planned_start", "name", "name_is"}
    assert set(done(karen.get(f"/placements/{placement}")).json) == {
        "id", "version", "status", "effective_date", "allowed_actions", "case_id", "measure", "starts_on", "ends_on", "started_on", "ended_on", "name", "name_is"}
    refused(karen.get("/duties"), 403)
    refused(act(world, placement, "start", who=CASEWORKER), 403, action="start")


@pytest.mark.parametrize("who", [COORDINATOR, ADMINISTRATOR])
def test_a_coordinator_reads_nothing_here_and_an_administrator_counts_alone(world: World, who: str) -> None:
    case = a_course(world)
    for path in ("/courses", f"/courses/{case}", f"/courses/{case}/history", f"/courses/{case}/steps", "/placements", "/duties"):
        refused(world.followup(who).get(path), 403)
    refused(world.followup(who).get("/contacts", case_id=case), 403)
    for form in ("json", "text", "csv"):
        answer = world.followup(who).get("/reports/table-1", as_of=TODAY, format=form)
        assert answer.status == (200 if who == ADMINISTRATOR else 403), (form, answer.text)


def test_the_step_is_typed_by_nobody(world: World) -> None:
    case = a_course(world)
    for body in ({"step": "ordinary_job"}, {"status": "returned"}):
        assert world.followup(TEAM_LEAD).post(f"/courses/{case}", body).status in (404, 405)
    writes = {r.path for r in world.runtimes["followup"].service.api.routes if r.method == "POST"}
    assert [path for path in writes if path.startswith("/courses")] == ["/courses/<uuid:id>/responsible"], "who answers for it, and nothing of where she stands"
    assert not {"step", "status", "step_since"} & set(s.TAKE_OVER.fields)


def test_an_unknown_case_or_field_or_code_is_named(world: World, matching: Matching) -> None:
    case = a_course(world)
    placement = matching.placement(case)
    names_field(refused(act(world, placement, "start", report_row="ordinary_job"), 422), "report_row")
    names_field(refused(act(world, placement, "end", how="vanished"), 422), "how")
    names_field(refused(world.followup(CONSULTANT).get("/duties", due_by="2026-02-30"), 422), "due_by")
    names_field(refused(world.followup(CONSULTANT).get("/reports/table-1", as_of=TODAY + timedelta(days=1)), 422), "as_of")
    refused(world.followup(CONSULTANT).get(f"/placements/{new_id()}"), 404)
    refused(world.followup(CONSULTANT).get("/placements", case_id=str(new_id())), 404)

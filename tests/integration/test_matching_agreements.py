# SPDX-License-Identifier: MPL-2.0
"""Agreements: the dated rules, who decides, versions of the terms, and what followup, partners and referral say."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from jobtrappen import rules, tables
from jobtrappen.clock import new_id
from jobtrappen.db import reading
from jobtrappen.event import Event, decode
from jobtrappen.tx import SYSTEM, Tx, transaction
from tests.support.stages_matching import (
    DAY,
    YES,
    Voice,
    a_chosen_match,
    a_concluded,
    a_draft,
    a_known_case,
    a_match,
    a_partners_key,
    a_workplace,
    act,
    an_opening,
    asking,
    ordinary,
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

GRANT = {"decided_on": DAY, "basis": "LAB § 57"}
CHANGE: dict[str, Any] = {"reason": "Går godt", "citizen_statement": "Vil gerne fortsætte"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("agreements"), services=["referral", "matching"]) as made:
        yield made


def draft_of(world: World, case: str = "", sector: str = "private", **terms: Any) -> str:
    made = a_draft(world, case_id=case or a_known_case(world), workplace_id=a_workplace(world, sector=sector), **terms)
    assert made.status == 201, made.text
    return made.id


def status(world: World, agreement: str) -> str:
    return world.matching(CONSULTANT).get(f"/agreements/{agreement}").json["status"]


def said(world: World, name: str, about: str) -> list[Event]:
    with reading(world.runtimes["matching"].engine) as session:
        found = [decode(p.encode()) for p in session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id)) if about in p]
    return [e for e in found if e.name == name]


def test_an_agreement_is_for_a_chosen_match_or_for_a_case_and_a_workplace(world: World) -> None:
    """F-112."""
    nothing = refused(a_draft(world), 422)
    for name in ("match_id", "case_id", "workplace_id"):
        names_field(nothing, name)
    names_field(refused(a_draft(world, case_id=a_known_case(world)), 422), "workplace_id")
    case, opening = a_known_case(world), an_opening(world)
    refused(a_draft(world, match_id=a_match(world, case, opening).id), 409, state="proposed")
    other = a_known_case(world)
    match = a_chosen_match(world, other, an_opening(world))
    names_field(refused(a_draft(world, match_id=match, case_id=case), 422), "case_id")
    names_field(refused(a_draft(world, match_id=match, measure="wage_subsidy"), 422), "measure")
    made = a_draft(world, match_id=match, collective_agreement="HK-overenskomsten", wage="31.500 kr.", mentor="Jytte")
    assert made.json["case_id"] == other and made.json["measure"] == "internship" and made.json["texts"]["wage"] == "31.500 kr."  # F-110
    refused(a_draft(world, CASEWORKER, case_id=case, workplace_id=a_workplace(world)), 403)
    names_field(refused(a_draft(world, case_id=case, workplace_id=a_workplace(world), subsidy=4), 422), "subsidy")


def test_purpose_goal_and_who_does_what_stand_in_the_agreement_but_in_no_event(world: World) -> None:
    """F-084, F-085."""
    agreement = draft_of(world)
    body = asking(purpose="Kanarieformål", long_term_goal="Kanariemål", responsibilities={"employer": "Kanarieoplæring", "consultant": "Kanariekontakt"})
    names_field(refused(act(world, agreement, "request_grant", {**body, "responsibilities": {"employer": "Alt"}}), 422), "responsibilities")
    assert act(world, agreement, "request_grant", body).json["approver"] == "municipality"
    texts = world.matching(CASEWORKER).get(f"/agreements/{agreement}").json["texts"]
    assert texts["purpose"] == "Kanarieformål" and texts["responsibilities"]["consultant"] == "Kanariekontakt"
    event = said(world, "agreement.grant_requested", agreement)[0]
    assert event.data["measure"] == "internship" and event.data["approver"] == "municipality" and b"Kanarie" not in event.encode()
    for file in world.settings.home.glob("matching.db*"):
        assert "Kanarieformål".encode() not in file.read_bytes()


def test_a_prospect_is_a_job_here_in_the_trade_or_clarification_and_none_is_refused_with_the_remedy(world: World) -> None:
    """F-095."""
    agreement = draft_of(world)
    none = refused(act(world, agreement, "request_grant", asking(prospect="none")), 422)
    names_field(none, "prospect")
    assert "clarification with learning goals" in none.json["detail"]
    names_field(refused(act(world, agreement, "request_grant", asking(prospect="clarification")), 422), "learning_goals")
    assert act(world, agreement, "request_grant", asking(prospect="clarification", learning_goals="Arbejdstid og fagsprog")).status == 200
    case = a_known_case(world)
    names_field(refused(a_draft(world, case_id=case, workplace_id=a_workplace(world), **ordinary(prospect="job_here")), 422), "prospect")
    job = draft_of(world, case, **ordinary())
    names_field(refused(act(world, job, "conclude", {**YES, "prospect": "job_here"}), 422), "prospect")


def test_what_needs_no_grant_is_concluded_directly_and_what_needs_one_is_not(world: World) -> None:
    """F-123, F-128."""
    for measure in ("ordinary_job", "leisure_job", "education", "self_employment", "flexjob"):
        agreement = draft_of(world, **ordinary(measure=measure, weekly_hours=10))
        if measure == "ordinary_job":
            names_field(refused(act(world, agreement, "request_grant", asking(step="ordinary_job")), 422), "step")
        done = act(world, agreement, "conclude", {**YES, "case_number": "2026-114"})
        assert done.json["status"] == "concluded" and done.json["approver"] == "none", done.text
        assert said(world, "agreement.concluded", agreement)[0].data["measure"] == measure
    internship = draft_of(world, **ordinary(measure="internship", ends_on="2026-12-20"))
    answer = refused(act(world, internship, "conclude", YES), 409, state="draft")
    assert "caseworker" in answer.json["detail"] and "request_grant" in answer.json["allowed"]


def test_to_conclude_the_terms_are_whole_and_both_have_said_yes_by_then(world: World) -> None:
    """F-084."""
    agreement = draft_of(world)
    missing = refused(act(world, agreement, "conclude", YES), 422)
    for name in ("measure", "starts_on", "weekly_hours", "purpose", "long_term_goal"):
        names_field(missing, name)
    names_field(refused(act(world, agreement, "conclude", {**YES, **ordinary(), "employer_yes_on": "2026-11-24"}), 422), "employer_yes_on")
    assert act(world, agreement, "conclude", {**YES, **ordinary(), "effective_date": DAY}).status == 200
    assert status(world, agreement) == "concluded"


@pytest.mark.parametrize(("readiness", "step", "starts", "ends", "ok"), [
    ("job_ready", "internship", "2026-12-01", "2026-12-28", True), ("job_ready", "internship", "2026-12-01", "2026-12-29", False),
    ("activity_ready", "internship", "2026-10-01", "2026-12-30", True), ("activity_ready", "internship", "2026-10-01", "2026-12-31", False),
    ("ready", "internship", "2004-01-05", "2004-04-04", True), ("ready", "internship", "2004-01-05", "2004-04-05", False),
    ("job_ready", "wage_subsidy", "2026-11-02", "2027-05-02", True), ("job_ready", "wage_subsidy", "2026-11-02", "2027-05-03", False)])
def test_a_period_is_at_most_what_the_rule_of_its_first_day_says(world: World, readiness: str, step: str, starts: str, ends: str, ok: bool) -> None:
    """F-126, F-127: 13 weeks in 2004; 4 for the job-ready and 13 for others today; 26 weeks of subsidy."""
    since = "2005-01-01" if readiness == "ready" else DAY
    case = a_known_case(world, effective_date=since, readiness=readiness)
    answer = act(world, draft_of(world, case), "request_grant", asking(step=step, starts_on=starts, ends_on=ends))
    if ok:
        assert answer.status == 200, answer.text
    else:
        names_field(refused(answer, 422), "ends_on")
        found = rules.rule("longest_weeks", date.fromisoformat(starts), step, readiness)
        assert found and found.source in answer.json["detail"] and str(found.value) in answer.json["detail"]


def test_an_end_before_the_start_and_hours_over_the_limit_are_refused_by_name(world: World) -> None:
    case, place = a_known_case(world), a_workplace(world)
    names_field(refused(a_draft(world, case_id=case, workplace_id=place, starts_on="2026-12-02", ends_on="2026-12-01"), 422), "ends_on")
    agreement = draft_of(world, case)
    names_field(refused(act(world, agreement, "request_grant", asking(ends_on="2026-11-30")), 422), "ends_on")
    names_field(refused(act(world, agreement, "request_grant", asking(weekly_hours=38)), 422), "weekly_hours")
    names_field(refused(act(world, agreement, "request_grant", asking(starts_on="2026-02-30")), 422), "starts_on")
    names_field(refused(act(world, agreement, "request_grant", asking(step="activation")), 422), "step")
    names_field(refused(act(world, agreement, "request_grant", asking(starts_on="1999-01-04", ends_on="1999-02-01")), 422), "starts_on")
    youth = draft_of(world, a_known_case(world, track="youth"), **ordinary(measure="leisure_job", weekly_hours=13))
    names_field(refused(act(world, youth, "conclude", YES), 422), "weekly_hours")
    assert act(world, youth, "conclude", {**YES, "weekly_hours": 12}).status == 200
    assert status(world, agreement) == "draft"


def test_a_caseworker_grants_and_a_consultant_never_does(world: World) -> None:
    """F-001, F-123."""
    agreement = draft_of(world)
    act(world, agreement, "request_grant", asking())
    for who in (CONSULTANT, TEAM_LEAD, COORDINATOR):
        refused(act(world, agreement, "grant", GRANT, who), 403)
    names_field(refused(act(world, agreement, "grant", {**GRANT, "decided_on": "2026-11-24"}, CASEWORKER), 422), "decided_on")
    refused(act(world, agreement, "conclude", YES), 409, state="awaiting_grant")
    assert act(world, agreement, "refuse_grant", {"reason": "For lang", "what_would_help": "To uger"}, CASEWORKER).json["status"] == "refused"
    assert act(world, agreement, "request_grant", asking(ends_on="2026-12-14")).json["status"] == "awaiting_grant"
    assert act(world, agreement, "grant", GRANT, CASEWORKER).json["granted_on"] == DAY
    assert said(world, "agreement.granted", agreement)[0].data["decided_on"] == DAY
    names_field(refused(act(world, agreement, "conclude", {**YES, "weekly_hours": 37}), 422), "weekly_hours")
    assert act(world, agreement, "conclude", {**YES, "weekly_hours": 30}).json["status"] == "concluded"


def insured(world: World) -> str:
    """A draft of 2004 for somebody who lives on unemployment benefit, asked for; AF decides on it. Returns: its id."""
    case = a_known_case(world, effective_date="2004-01-01", benefit="unemployment_benefit")
    made = a_draft(world, case_id=case, workplace_id=a_workplace(world), effective_date="2004-01-05")
    asked = act(world, made.id, "request_grant", asking(starts_on="2004-02-02", ends_on="2004-04-02", effective_date="2004-01-06"))
    assert asked.json["approver"] == "other_authority", asked.text
    return made.id


def test_for_the_insured_of_2004_another_authority_decides_and_its_answer_comes_by_event(world: World) -> None:
    """F-123: AF approved praktik and løntilskud of those on unemployment benefit."""
    partners = Voice(world, "partners")
    first, second = insured(world), insured(world)
    answer = refused(act(world, first, "grant", {"decided_on": "2004-01-08", "basis": "LAB", "effective_date": "2004-01-08"}, CASEWORKER), 403, approver="other_authority")
    assert "another authority" in answer.json["detail"]
    for agreement, decision in ((first, "granted"), (second, "refused")):
        case = world.matching(CONSULTANT).get(f"/agreements/{agreement}").json["case_id"]
        facts = {"partner_request_id": new_id(), "partner_id": new_id(), "status_to": "delivered", "agreement_id": agreement, "decision": decision}
        partners.say("partner_request.delivered", case, date(2004, 1, 8), **facts, request_type="opinion")
        world.settle()
        assert status(world, agreement) == "awaiting_grant"  # an opinion is no grant
        partners.say("partner_request.delivered", case, date(2004, 1, 9), **facts, request_type="grant", decided_on="2004-01-07")
        world.settle()
        found = world.matching(CASEWORKER).get(f"/agreements/{agreement}").json
        assert (found["status"], found["effective_date"]) == (decision, "2004-01-09")
        assert found["granted_on"] == ("2004-01-07" if decision == "granted" else None)
        assert str(facts["partner_request_id"]) in str(found["texts"])


def test_a_partner_sees_only_what_it_is_asked_and_decides_on_nothing_else(world: World) -> None:
    mine, foreign = insured(world), insured(world)
    partner_id = str(new_id())
    key = a_partners_key(world, partner_id)
    for agreement in (mine, foreign):
        refused(world.matching(key).get(f"/agreements/{agreement}"), 404)
    act(world, mine, "cancel", {"by": "consultant", "reason": "Forkert adressat", "effective_date": "2004-01-06"})
    case = world.matching(CONSULTANT).get(f"/agreements/{mine}").json["case_id"]
    mine = a_draft(world, case_id=case, workplace_id=a_workplace(world), effective_date="2004-01-07").id
    act(world, mine, "request_grant", asking(starts_on="2004-02-02", ends_on="2004-04-02", effective_date="2004-01-07", partner_id=partner_id))
    seen = world.matching(key).get(f"/agreements/{mine}").json
    assert seen["measure"] == "internship" and not {"texts", "case_id", "prospect"} & set(seen) and seen["allowed_actions"] == ["grant", "refuse_grant"]
    refused(act(world, foreign, "grant", {**GRANT, "decided_on": "2004-01-08", "effective_date": "2004-01-08"}, key), 404)
    refused(world.matching(key).get("/agreements"), 403)
    assert act(world, mine, "grant", {"decided_on": "2004-01-08", "basis": "AF", "effective_date": "2004-01-08"}, key).json["status"] == "granted"


def test_without_her_profile_the_law_that_asks_for_it_waits(world: World) -> None:
    case = a_known_case(world, profile=False)
    made = a_draft(world, case_id=case, workplace_id=a_workplace(world))
    waiting = refused(act(world, made.id, "request_grant", asking()), 404, what="profile")
    assert waiting.headers["Retry-After"] == "1"
    assert act(world, made.id, "conclude", {**YES, **ordinary()}).status == 200  # no row on ordinary jobs asks who she is
    world.settle()


def granted(world: World) -> str:
    agreement = draft_of(world, a_known_case(world, readiness="activity_ready"))
    act(world, agreement, "request_grant", asking())
    act(world, agreement, "grant", GRANT, CASEWORKER)
    assert act(world, agreement, "conclude", YES).status == 200
    return agreement


def test_an_extension_goes_to_a_later_day_and_needs_a_grant_of_its_own_where_the_measure_did(world: World) -> None:
    """F-126: in 2004 only in special cases, hence always with a reason."""
    agreement = granted(world)
    names_field(refused(act(world, agreement, "change", {"kind": "extend", "ends_on": "2027-01-20", "citizen_statement": "Ja"}), 422), "reason")
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "extend"}), 422), "ends_on")
    earlier = {**CHANGE, "kind": "extend", "ends_on": "2026-12-28", "granted_on": DAY, "grant_basis": "LAB"}
    names_field(refused(act(world, agreement, "change", earlier), 422), "ends_on")
    bare = refused(act(world, agreement, "change", {**CHANGE, "kind": "extend", "ends_on": "2027-01-20"}), 422)
    names_field(bare, "granted_on")
    names_field(bare, "grant_basis")
    refused(act(world, agreement, "change", {**earlier, "ends_on": "2027-01-20"}, CASEWORKER), 403)
    done = act(world, agreement, "change", {**earlier, "ends_on": "2027-01-20", "decided_on": "2026-11-20"})
    assert (done.json["ends_on"], done.json["agreement_version"], done.json["status"]) == ("2027-01-20", 2, "concluded")
    event = said(world, "agreement.changed", agreement)[0]
    assert {k: event.data[k] for k in ("change_kind", "decided_on", "ends_on", "agreement_version")} == {
        "change_kind": "extend", "decided_on": "2026-11-20", "ends_on": "2027-01-20", "agreement_version": 2}
    job = a_concluded(world, a_known_case(world))
    names_field(refused(act(world, job, "change", {**CHANGE, "kind": "extend", "ends_on": "2027-01-20"}), 422), "ends_on")


def test_each_kind_of_change_takes_its_own_field_and_makes_the_next_version(world: World) -> None:
    agreement = a_concluded(world, a_known_case(world), ends_on="2027-06-30")
    elsewhere = a_workplace(world)
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "hours", "ends_on": "2027-05-01", "weekly_hours": 20}), 422), "ends_on")
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "shorten", "ends_on": "2026-11-01"}), 422), "ends_on")
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "shorten", "ends_on": "2027-07-01"}), 422), "ends_on")
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "sector"}), 422), "kind")
    refused(act(world, agreement, "change", {**CHANGE, "kind": "workplace", "workplace_id": str(new_id())}), 404)
    steps: list[dict[str, Any]] = [{"kind": "shorten", "ends_on": "2027-05-31"}, {"kind": "hours", "weekly_hours": 20}, {"kind": "tasks", "tasks": "Kassen"},
                                   {"kind": "mentor", "mentor": "Jytte"}, {"kind": "workplace", "workplace_id": elsewhere}]
    for step in steps:
        assert act(world, agreement, "change", {**CHANGE, **step}).status == 200
    found = world.matching(CONSULTANT).get(f"/agreements/{agreement}").json
    assert (found["agreement_version"], found["ends_on"], found["weekly_hours"], found["workplace_id"]) == (6, "2027-05-31", 20, elsewhere)
    assert found["texts"]["tasks"] == "Kassen" and found["texts"]["mentor"] == "Jytte"
    assert found["employer_id"] == world.matching(CONSULTANT).get(f"/workplaces/{elsewhere}").json["employer_id"]
    assert [e.data["agreement_version"] for e in said(world, "agreement.changed", agreement)] == [2, 3, 4, 5, 6]
    names_field(refused(act(world, agreement, "change", {**CHANGE, "kind": "tasks", "tasks": "x", "effective_date": "2026-11-22"}), 422), "effective_date")


def test_after_the_start_an_agreement_is_not_cancelled_but_closed_when_the_placement_ends(world: World) -> None:
    followup = Voice(world, "followup")
    opening, case = an_opening(world, measure="ordinary_job"), a_known_case(world)
    agreement = a_concluded(world, match=a_chosen_match(world, case, opening))
    followup.placement("started", case, agreement)
    world.settle()
    answer = refused(act(world, agreement, "cancel", {"by": "citizen", "reason": "Nej"}), 409, state="concluded")
    assert "cancel" not in answer.json["allowed"] and "change" in answer.json["allowed"]
    followup.placement("ended", case, agreement, how="completed")
    world.settle()
    assert status(world, agreement) == "closed" and said(world, "agreement.closed", agreement)
    assert world.matching(CONSULTANT).get(f"/openings/{opening}").json["places"][0]["held"] == 0
    refused(act(world, agreement, "change", {**CHANGE, "kind": "tasks", "tasks": "x"}), 409, state="closed")


def test_a_placement_that_never_started_cancels_the_agreement_and_frees_the_place(world: World) -> None:
    followup = Voice(world, "followup")
    opening, case = an_opening(world, measure="ordinary_job"), a_known_case(world)
    agreement = a_concluded(world, match=a_chosen_match(world, case, opening))
    followup.placement("not_started", case, agreement, by="employer")
    followup.say("placement.started", case, placement_id=new_id(), measure="activation", status_to="active")  # has no agreement
    world.settle()
    assert status(world, agreement) == "cancelled"
    assert said(world, "agreement.cancelled", agreement)[0].data["by"] == "employer"
    assert world.matching(CONSULTANT).get(f"/openings/{opening}").json["places"][0]["held"] == 0


def test_a_draft_without_a_measure_can_be_cancelled(world: World) -> None:
    agreement = draft_of(world)
    assert act(world, agreement, "cancel", {"by": "citizen", "reason": "Nej"}, CASEWORKER).json["status"] == "cancelled"
    assert "measure" not in said(world, "agreement.cancelled", agreement)[0].data


def returned(world: World, case: str, day: str = DAY, reason: str = "moved_away") -> None:
    answer = world.referral(CONSULTANT).post(f"/cases/{case}/return", {"reason": reason, "present_state": "with_caseworker", "effective_date": day})
    assert answer.status == 200, answer.text


def accepted_again(world: World, case: str) -> None:
    referral = world.referral(CASEWORKER).post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
    world.referral(CASEWORKER).post(f"/referrals/{referral}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"})
    assert world.referral(CONSULTANT).post(f"/referrals/{referral}/accept", {"responsible": "mehmet", "planned_start": "2026-12-01"}).status == 200


def test_a_returned_case_ends_what_was_open_and_leaves_what_was_concluded(world: World) -> None:
    """F-145."""
    case, opening = a_known_case(world), an_opening(world, places=4, measure="ordinary_job")
    open_match, bare = a_match(world, case, opening).id, a_chosen_match(world, case, an_opening(world))
    drafted, concluded = draft_of(world, case), a_concluded(world, match=a_chosen_match(world, case, an_opening(world, measure="ordinary_job")))
    with_draft = a_chosen_match(world, case, an_opening(world))
    its_draft = a_draft(world, match_id=with_draft).id
    returned(world, case)
    world.settle()
    client = world.matching(CONSULTANT)
    assert {client.get(f"/matches/{m}").json["status"] for m in (open_match, bare, with_draft)} == {"withdrawn"}
    assert [status(world, a) for a in (drafted, its_draft, concluded)] == ["cancelled", "cancelled", "concluded"]
    assert said(world, "match.withdrawn", open_match)[0].data["by"] == "authority"
    assert client.get(f"/cases/{case}").json["status"] == "returned"
    assert client.get("/openings/feasible", case_id=case, measure="ordinary_job").json["items"] == []
    soon = refused(a_match(world, case, an_opening(world)), 409, state="returned")
    assert soon.headers["Retry-After"] == "1"
    refused(a_draft(world, case_id=case, workplace_id=a_workplace(world)), 409)
    refused(client.post(f"/matches/{open_match}/reopen", {"reason": "Alligevel"}), 409)
    accepted_again(world, case)
    world.settle()
    assert client.get(f"/cases/{case}").json["status"] == "active"
    assert a_match(world, case, an_opening(world)).status == 201


def test_a_return_that_is_heard_late_does_not_touch_what_began_after_the_case_came_back(world: World) -> None:
    case = a_known_case(world, effective_date="2026-11-01")
    before = world.matching(CONSULTANT).post("/agreements", {"case_id": case, "workplace_id": a_workplace(world), "effective_date": "2026-11-02"}).id
    returned(world, case, "2026-11-10")
    accepted_again(world, case)
    after = draft_of(world, case)  # matching has heard neither the return nor the acceptance
    world.settle()
    assert [status(world, a) for a in (before, after)] == ["cancelled", "draft"]
    late = a_known_case(world, effective_date="2026-11-01")
    begun = draft_of(world, late)
    returned(world, late, "2026-11-10")  # registered today, after the draft: that was open when the case went back
    world.settle()
    assert status(world, begun) == "cancelled"


def test_an_erased_persons_copy_is_deleted_and_not_fetched_again(world: World) -> None:
    case = a_known_case(world)
    runtime = world.runtimes["matching"]
    erase = Event(id=str(new_id()), type="jobtrappen.person.erased.v1", source="x", subject="case", time=f"{DAY}T00:00:00Z", key=case, seq=99, epoch=1,
                  data={"case_id": case}, recorded=f"{DAY}T00:00:00Z")
    for event in (erase, Event(**{**_plain(erase), "type": "jobtrappen.person.changed.v1", "data": {"case_id": case, "profile_version": 50}})):
        _react(world, event)
    for fetcher in world.fetchers:
        fetcher.once()
    assert world.matching(CONSULTANT).get(f"/cases/{case}").json["profile"] == {}
    with reading(runtime.engine) as session:
        pc = tables.person_copy.c
        assert session.scalar(select(func.count()).where(pc.case_id == UUID(case), pc.sealed.is_not(None))) == 0


def _plain(event: Event) -> dict[str, Any]:
    return {n: getattr(event, n) for n in event.__dataclass_fields__}


def _react(world: World, event: Event) -> None:
    """A reaction by itself, in a transaction as the consumer's."""
    with transaction(world.runtimes["matching"], SYSTEM, cause=event) as tx:
        reaction = world.runtimes["matching"].service.reactions.table[event.name, 1]
        reaction(Tx(tx.session, tx.runtime, SYSTEM, cause=event), event)


def test_start_end_and_return_end_in_the_same_state_in_any_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Order holds within a topic and key only: referral's and followup's events come interleaved in every way."""
    ends = set()
    orders = [order for order in itertools.permutations(("return", "start", "end")) if order.index("start") < order.index("end")]
    with a_world(tmp_path_factory.mktemp("orders"), services=["referral", "matching"]) as world:
        for order in orders:
            followup, case = Voice(world, "followup"), a_known_case(world)
            opening = an_opening(world, places=2, measure="ordinary_job")
            agreement, drafted = a_concluded(world, match=a_chosen_match(world, case, opening)), draft_of(world, case)
            for step in order:
                if step == "return":
                    returned(world, case)
                else:
                    followup.placement({"start": "started", "end": "ended"}[step], case, agreement, TODAY, **({"how": "moved"} if step == "end" else {}))
                world.settle()
            held = world.matching(CONSULTANT).get(f"/openings/{opening}").json["places"][0]["held"]
            ends.add((status(world, agreement), status(world, drafted), held, world.matching(CONSULTANT).get(f"/cases/{case}").json["status"]))
    assert len(orders) == 3 and ends == {("closed", "cancelled", 0, "returned")}

# SPDX-License-Identifier: MPL-2.0
"""What partners does when others speak: the school hears ahead, AF is asked and answers, in whatever order the topics come."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobtrappen import parking, tables
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen.settle import open_work
from tests.support.partner_voices import Voice, an_id
from tests.support.stages_partners import a_key, a_known_case, a_partner
from tests.support.stages_referral import a_case
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, TODAY, World, a_world, names_field, refused


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path, services=["referral", "partners"]) as made:
        yield made


def events(world: World, name: str) -> list[dict[str, Any]]:
    with reading(world.runtimes["partners"].engine) as session:
        found = session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id))
        return [e.data for e in (decode(p.encode()) for p in found) if e.name == name]


def book(world: World, case: str, days: int) -> str:
    """An intake talk so many days ahead. Returns: its id."""
    return world.referral(CASEWORKER).post("/intakes", {
        "case_id": case, "scheduled_at": f"{TODAY + timedelta(days=days)}T10:00:00+01:00", "place": "Lokalcenter", "form": "office",
        "participants": [{"kind": "consultant"}]}).id


@pytest.mark.parametrize("days", [14, 2])
def test_the_language_school_hears_of_a_pupils_talk_and_of_the_lead_time_it_really_got(world: World, days: int) -> None:  # F-038
    school = a_partner(world)
    case = a_case(world, language_school=True)
    book(world, case, days)
    world.settle()
    seen = world.partners(a_key(world, school)).get("/my/notices").json["items"]
    assert [(n["kind"], n["scheduled_on"], n["days_ahead"], n["person"]) for n in seen] == [
        ("intake_booked", (TODAY + timedelta(days=days)).isoformat(), days, "Amina P.")]
    assert set(seen[0]) == {"id", "version", "status", "kind", "scheduled_on", "days_ahead", "created_on", "person"}
    assert events(world, "partner_notice.given") == [
        {"case_id": case, "partner_id": school, "days_ahead": days, "scheduled_on": (TODAY + timedelta(days=days)).isoformat()}]


def test_a_moved_and_a_cancelled_talk_are_told_too_and_nobody_hears_of_those_who_are_no_pupils(world: World) -> None:
    key = a_key(world, a_partner(world))
    pupil, other = a_case(world, language_school=True), a_case(world)
    talk = book(world, pupil, 14)
    book(world, other, 14)
    karen = world.referral(CASEWORKER)
    karen.post(f"/intakes/{talk}/move", {"scheduled_at": f"{TODAY + timedelta(days=20)}T10:00:00+01:00", "reason": "Sygt barn"})
    karen.post(f"/intakes/{talk}/cancel", {"reason_code": "schedule", "by": "citizen"})
    world.settle()
    seen = world.partners(key).get("/my/notices").json["items"]
    assert [(n["kind"], n["days_ahead"]) for n in seen] == [("intake_booked", 14), ("intake_moved", 20), ("intake_cancelled", 20)]


def test_without_a_school_the_notice_waits_for_the_coordinator_and_holds_nothing_up(world: World) -> None:
    case = a_case(world, language_school=True)
    talk = book(world, case, 14)
    world.settle()  # nothing waits
    pia = world.partners(COORDINATOR)
    waiting = pia.get("/notices", unassigned="true").json["items"]
    assert [(n["kind"], n["partner_id"], n["case_id"]) for n in waiting] == [("intake_booked", None, case)]
    assert events(world, "partner_notice.given") == []
    world.referral(CASEWORKER).post(f"/intakes/{talk}/move", {"scheduled_at": f"{TODAY + timedelta(days=3)}T10:00:00+01:00", "reason": "Før"})
    world.settle()
    waiting = pia.get("/notices", unassigned="true").json["items"]
    assert [(n["kind"], n["days_ahead"]) for n in waiting] == [("intake_moved", 3)]  # the first is overtaken
    school = a_partner(world)
    refused(world.partners(CONSULTANT).post(f"/notices/{waiting[0]['id']}/assign", {"partner_id": school}), 403)
    given = pia.post(f"/notices/{waiting[0]['id']}/assign", {"partner_id": school})
    assert (given.json["status"], given.json["days_ahead"]) == ("given", 3)
    refused(pia.post(f"/notices/{waiting[0]['id']}/assign", {"partner_id": school}), 409)
    assert len(events(world, "partner_notice.given")) == 1
    world.referral(CASEWORKER).post(f"/intakes/{talk}/cancel", {"reason_code": "schedule", "by": "citizen"})
    world.settle()
    assert [n["kind"] for n in world.partners(a_key(world, school)).get("/my/notices").json["items"]] == ["intake_moved", "intake_cancelled"]


def test_of_two_schools_none_is_guessed_until_one_knows_the_pupil(world: World) -> None:
    first, second = a_partner(world), a_partner(world, name="Den anden skole")
    case = a_case(world, language_school=True)
    book(world, case, 14)
    world.settle()
    pia = world.partners(COORDINATOR)
    waiting = pia.get("/notices", unassigned="true").json["items"]
    pia.post(f"/notices/{waiting[0]['id']}/assign", {"partner_id": second})
    book(world, case, 30)
    world.settle()
    assert len(world.partners(a_key(world, second)).get("/my/notices").json["items"]) == 2
    assert world.partners(a_key(world, first)).get("/my/notices").json["items"] == []


def test_the_other_authority_is_asked_for_a_grant_and_its_decision_is_said(world: World) -> None:  # F-016, F-123
    af = a_partner(world, "other_authority", "AF Høje Taastrup")
    pia = world.partners(COORDINATOR)
    pia.post("/cooperations", {"partner_id": af, "duties": "Bevilger", "procedures": "Brev", "contacts": "AF", "review_on": "2027-06-01",
                               "lead_times": [{"procedure": "grant", "days": 14}]})
    case, agreement, voice = a_known_case(world, benefit="unemployment_benefit"), an_id(), Voice(world)
    voice.say("agreement.grant_requested", case, date(2026, 11, 20), agreement_id=agreement, approver="other_authority", measure="internship",
              starts_on="2026-12-07", ends_on="2027-02-26", weekly_hours=37)
    voice.heard()
    client = world.partners(a_key(world, af, scopes=["requests"]))
    mine = client.get("/my/requests", status="requested").json["items"]
    assert len(mine) == 1
    assert (mine[0]["request_type"], mine[0]["agreement_id"], mine[0]["due_on"]) == ("grant", agreement, "2026-12-04")
    assert mine[0]["terms"] == {"measure": "internship", "starts_on": "2026-12-07", "ends_on": "2027-02-26", "weekly_hours": 37}
    assert "benefit" not in client.get("/my/requests").text
    asked = events(world, "partner_request.requested")
    assert [(e["agreement_id"], e["request_type"], e["partner_id"]) for e in asked] == [(agreement, "grant", af)]
    id = mine[0]["id"]
    client.post(f"/requests/{id}/agree")
    assert client.post(f"/requests/{id}/deliver", {"output": {"decision": "granted", "decided_on": "2026-11-22", "basis": "AF"}}).status == 200
    said = events(world, "partner_request.delivered")
    assert len(said) == 1
    assert {k: said[0][k] for k in ("case_id", "agreement_id", "request_type", "decision", "decided_on", "status_to")} == {
        "case_id": case, "agreement_id": agreement, "request_type": "grant", "decision": "granted", "decided_on": "2026-11-22", "status_to": "delivered"}


def test_the_municipality_grants_by_itself_so_no_partner_is_asked(world: World) -> None:
    a_partner(world, "other_authority", "AF")
    case, voice = a_known_case(world), Voice(world)
    voice.say("agreement.grant_requested", case, TODAY, agreement_id=an_id(), approver="municipality")
    voice.heard()
    assert world.partners(COORDINATOR).get("/requests").json["total"] == 0


def test_a_grant_request_waits_for_its_authority_to_be_registered(world: World) -> None:
    case, voice = a_known_case(world), Voice(world)
    voice.say("agreement.grant_requested", case, TODAY, agreement_id=an_id(), approver="other_authority")
    voice.heard()
    kept = parking.listing(world.runtimes["partners"])
    assert [(k["state"], k["type"]) for k in kept] == [("waiting", "jobtrappen.agreement.grant_requested.v1")]
    assert "partner of kind other_authority" in kept[0]["reason"]
    af = a_partner(world, "other_authority", "AF")
    parking.retry_waiting(world.consumers["partners"], None)
    assert [r["partner_id"] for r in world.partners(COORDINATOR).get("/requests", status="requested").json["items"]] == [af]


def test_a_cancelled_agreement_takes_its_open_grant_request_back_but_not_one_that_was_answered(world: World) -> None:
    client = world.partners(a_key(world, a_partner(world, "other_authority", "AF")))
    case, voice = a_known_case(world), Voice(world)
    answered, open_one = an_id(), an_id()
    for agreement in (answered, open_one):
        voice.say("agreement.grant_requested", case, TODAY - timedelta(days=3), agreement_id=agreement, approver="other_authority")
    voice.heard()
    by_agreement = {r["agreement_id"]: r["id"] for r in client.get("/my/requests").json["items"]}
    client.post(f"/requests/{by_agreement[answered]}/agree")
    client.post(f"/requests/{by_agreement[answered]}/deliver", {"output": {"decision": "granted", "decided_on": str(TODAY), "basis": "AF"}})
    client.post(f"/requests/{by_agreement[open_one]}/acknowledge")
    for agreement in (answered, open_one):  # dated before the partner's own steps: the dates of two services may cross
        voice.say("agreement.cancelled", case, TODAY - timedelta(days=2), agreement_id=agreement, by="citizen")
    voice.heard()
    states = {r["agreement_id"]: r["status"] for r in client.get("/my/requests").json["items"]}
    assert states == {answered: "delivered", open_one: "cancelled"}
    assert [e["public_reason"] for e in events(world, "partner_request.cancelled")] == ["other"]
    assert parking.listing(world.runtimes["partners"]) == []


def test_a_teacher_and_an_interpreter_hear_of_an_interview(world: World) -> None:  # F-007, F-011, F-013
    school, interpreter = a_partner(world), a_partner(world, "interpreter", "Tolken")
    case, voice, match = a_known_case(world), Voice(world), an_id()
    voice.say("interview.booked", case, TODAY, match_id=match, scheduled_on="2026-12-01", companion_kinds=["consultant", "teacher", "interpreter"])
    voice.heard()
    told = world.partners(a_key(world, school)).get("/my/notices").json["items"]
    assert [(n["kind"], n["scheduled_on"], n["days_ahead"]) for n in told] == [("interview", "2026-12-01", 8)]
    asked = world.partners(a_key(world, interpreter)).get("/my/requests").json["items"]
    assert [(r["request_type"], r["wanted_on"], r["status"]) for r in asked] == [("interpreter", "2026-12-01", "requested")]


def test_where_there_is_no_interpreter_the_coordinator_is_told(world: World) -> None:  # F-013
    case, voice = a_known_case(world), Voice(world)
    voice.say("interview.booked", case, TODAY, match_id=an_id(), scheduled_on="2026-12-01", companion_kinds=["interpreter"])
    voice.heard()
    assert [n["kind"] for n in world.partners(COORDINATOR).get("/notices", unassigned="true").json["items"]] == ["interpreter_needed"]
    assert parking.listing(world.runtimes["partners"]) == []


@pytest.mark.parametrize("copy_first", [True, False])
@pytest.mark.parametrize("pupil", [True, False])
def test_a_start_tells_the_school_of_the_timetable_whenever_the_person_comes(world: World, copy_first: bool, pupil: bool) -> None:
    school = a_partner(world)
    case, voice = a_case(world, language_school=pupil), Voice(world)
    if copy_first:
        world.settle()
    else:  # the case is known, the person not fetched yet
        world.publish(["referral"])
        voice.heard()
    voice.say("placement.started", case, TODAY, placement_id=an_id(), measure="internship")
    voice.heard()
    world.settle()
    kinds = [n["kind"] for n in world.partners(a_key(world, school)).get("/my/notices").json["items"]]
    assert kinds == (["timetable"] if pupil else [])
    assert len(events(world, "partner_notice.given")) == len(kinds)


def _interleavings(first: list[Any], second: list[Any], third: list[Any]) -> Iterator[list[Any]]:
    """Every order of three topics that keeps each topic's own."""
    places = len(first) + len(second) + len(third)
    for a in itertools.combinations(range(places), len(first)):
        rest = [p for p in range(places) if p not in a]
        for b in itertools.combinations(rest, len(second)):
            order: list[Any] = [None] * places
            for where, what in ((a, first), (b, second), ([p for p in rest if p not in b], third)):
                for place, item in zip(where, what, strict=True):
                    order[place] = item
            yield order


def test_every_interleaving_of_a_cases_events_with_duplicates_ends_in_the_same_state(tmp_path: Path) -> None:
    """Referral's, matching's and followup's records of a case in all 60 orders, each record twice."""
    with a_world(tmp_path, services=["referral", "partners"]) as world:
        school, af = a_partner(world), a_partner(world, "other_authority", "AF")
        voice, outcomes = Voice(world), set()
        orders = list(_interleavings(["case.opened", "intake.booked", "intake.cancelled"], ["agreement.grant_requested", "agreement.cancelled"], ["placement.started"]))
        assert len(orders) == 60
        for order in orders:
            case, about = an_id(), {"intake_id": an_id(), "agreement_id": an_id(), "placement_id": an_id()}
            facts: dict[str, dict[str, object]] = {
                "intake.booked": {"language_school": True, "days_ahead": 14}, "agreement.grant_requested": {"approver": "other_authority"}}
            for name in order:
                event = voice.say(name, case, TODAY, **{**{k: v for k, v in about.items() if k in _fields(name)}, **facts.get(name, {})})
                voice.publish(f"jobtrappen.{_by(name)}", event)  # once more
                voice.heard()
            assert not any("kept" in left or "waiting" in left or "parked" in left for left in open_work([world.runtimes["partners"]], world.bus))
            pia = world.partners(COORDINATOR)
            requests = pia.get("/requests", case_id=case).json["items"]
            notices = [n for n in _all_notices(world, school) if n["about"] == about["intake_id"]]
            outcomes.add((tuple((r["status"], r["partner_id"] == af) for r in requests), tuple(n["kind"] for n in notices)))
        assert outcomes == {((("cancelled", True),), ("intake_booked", "intake_cancelled"))}


def _by(name: str) -> str:
    from jobtrappen import contracts

    return contracts.CATALOGUE[name].by


def _fields(name: str) -> tuple[str, ...]:
    from jobtrappen import contracts

    return contracts.CATALOGUE[name].data


def _all_notices(world: World, partner: str) -> list[dict[str, str]]:
    from uuid import UUID

    from jobtrappen_partners.model import Notice

    with reading(world.runtimes["partners"].engine) as session:
        rows = session.scalars(select(Notice).where(Notice.partner_id == UUID(partner)).order_by(Notice.id))
        return [{"kind": n.kind, "about": str(n.about_id)} for n in rows]


def test_an_unknown_partner_cannot_be_given_a_notice(world: World) -> None:
    book(world, a_case(world, language_school=True), 14)
    world.settle()
    pia = world.partners(COORDINATOR)
    notice = pia.get("/notices", unassigned="true").json["items"][0]
    refused(pia.post(f"/notices/{notice['id']}/assign", {"partner_id": an_id()}), 404)
    names_field(refused(pia.post(f"/notices/{notice['id']}/assign", {}), 422), "partner_id")

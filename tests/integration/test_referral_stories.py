# SPDX-License-Identifier: MPL-2.0
"""The referral service as its users meet it."""
from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.db import reading
from jobtrappen.event import decode
from tests.support.stages_referral import REFERRAL, a_case
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, World, a_world, names_field, refused

CPR = "1803540478"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path, services=["referral"]) as made:
        yield made


def rows(world: World, table: str) -> int:
    with reading(world.runtimes["referral"].engine) as session:
        return session.scalar(select(func.count()).select_from(tables.KIT.tables[table])) or 0


def events(world: World, name: str) -> list[dict[str, object]]:
    with reading(world.runtimes["referral"].engine) as session:
        found = session.scalars(select(tables.outbox.c.payload).where(tables.outbox.c.topic == "jobtrappen.referral").order_by(tables.outbox.c.id))
        return [e.data for e in (decode(p.encode()) for p in found) if e.name == name]


def test_a_case_has_its_cpr_number_encrypted_and_is_found_by_it_but_never_in_a_url(world: World, tmp_path: Path) -> None:
    karen = world.referral(CASEWORKER)
    case = karen.post("/cases", {"given_name": "Søren", "family_name": "Æblegård", "cpr": CPR, "track": "adult"})
    assert case.status == 201 and case.json["has_cpr"] is True
    assert karen.post("/cases/find", {"cpr": CPR}).id == case.id
    refused(world.referral(CONSULTANT).post("/cases/find", {"cpr": CPR}), 403)
    with sqlite3.connect(tmp_path / "referral.db") as db:
        key_id, sealed, lookup = db.execute("SELECT cpr_key_id, cpr_sealed, cpr_lookup FROM citizen").fetchone()
        assert key_id == "derived" and CPR not in sealed and CPR not in lookup
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = (tmp_path / "referral.db").read_bytes()
    assert CPR.encode() not in raw and "Æblegård".encode() not in raw


def test_the_same_cpr_number_opens_one_case_and_modulus_11_never_refuses(world: World) -> None:
    karen = world.referral(CASEWORKER)
    first = karen.post("/cases", {"given_name": "A", "family_name": "B", "cpr": CPR, "track": "adult"})
    answer = refused(karen.post("/cases", {"given_name": "A", "family_name": "B", "cpr": CPR, "track": "adult"}), 409)
    assert answer.json["case_id"] == first.id
    names_field(refused(karen.post("/cases", {"given_name": "A", "family_name": "B", "cpr": "3102540478", "track": "adult"}), 422), "cpr")


def test_an_enquiry_from_abroad_needs_no_cpr_number_and_gets_one_later(world: World) -> None:  # F-072
    karen = world.referral(CASEWORKER)
    case = karen.post("/cases", {"given_name": "Ivana", "family_name": "Horvat", "track": "adult"})
    assert case.json["kind"] == "abroad" and case.json["has_cpr"] is False
    later = karen.post(f"/cases/{case.id}/person", {"cpr": CPR})
    assert later.json["kind"] == "resident" and later.json["profile_version"] == 2


def test_a_repeated_command_is_answered_again_and_done_once(world: World) -> None:
    karen, key = world.referral(CASEWORKER), str(uuid.uuid4())
    body = {"given_name": "A", "family_name": "B", "track": "adult"}
    first = karen.post("/cases", body, key=key)
    again = karen.post("/cases", body, key=key)
    assert again.json == first.json and again.headers["Idempotent-Replay"] == "true" and again.headers["ETag"] == first.headers["ETag"]
    assert len(events(world, "case.opened")) == 1
    names_field(refused(karen.post("/cases", {**body, "family_name": "C"}, key=key), 422), "Idempotency-Key")


def test_a_replay_is_answered_before_if_match_is_looked_at(world: World) -> None:
    karen, key = world.referral(CASEWORKER), str(uuid.uuid4())
    id = REFERRAL.reach(world, "draft")
    body = REFERRAL.bodies["send"](world)
    first = karen.post(f"/referrals/{id}/send", body, key=key, etag='"1"')
    assert first.status == 200
    assert karen.post(f"/referrals/{id}/send", body, key=key, etag='"1"').json == first.json
    refused(karen.post(f"/referrals/{id}/send", body, etag='"1"'), 412, version=2, state="sent")
    refused(karen.post(f"/referrals/{id}/withdraw", {"reason_code": "other"}, etag=None), 428)


def test_a_refused_command_leaves_no_trace(world: World) -> None:
    case = a_case(world)
    before = {name: rows(world, name) for name in ("outbox", "transition", "audit", "answer", "stream")}
    karen = world.referral(CASEWORKER)
    bad = [
        ({"case_id": case, "track": "adult", "source": "form", "surprise": 1}, 422, "surprise"),
        ({"case_id": "not-an-id", "track": "adult", "source": "form"}, 422, "case_id"),
        ({"case_id": case, "track": 7, "source": "form"}, 422, "track"),
        ({"case_id": case, "track": "adult", "source": "form", "effective_date": "2026-02-30"}, 422, "effective_date"),
        ({"case_id": case, "track": "adult", "source": "form", "effective_date": "2026-12-24"}, 422, "effective_date"),
        ({"case_id": case, "track": "youth", "source": "form"}, 422, "track"),
        ({"case_id": case, "track": "adult", "source": "carrier_pigeon"}, 422, "source"),
    ]
    for body, status, field in bad:
        names_field(refused(karen.post("/referrals", body), status), field)
    refused(karen.post("/referrals", {"case_id": str(uuid.uuid4()), "track": "adult", "source": "form"}), 404)
    refused(karen.post("/referrals", raw=b"{broken"), 400)
    refused(karen.post("/referrals", raw=b"[1]"), 400)
    refused(karen.post("/referrals", raw=b"\xff\xfe{}"), 400)
    refused(karen.post("/referrals", raw=b"{}", content_type="text/plain"), 415)
    refused(karen.post("/referrals", raw=b"x" * 10_000_000), 413)
    assert karen.http.post("/v1/referrals", json={}, headers={"Authorization": f"Bearer {karen.token}"}).status_code == 400  # no key
    refused(world.client("referral", "").post("/referrals", {}), 401)
    refused(world.client("referral", "forged.token.here").post("/referrals", {}), 401)
    refused(world.referral(COORDINATOR).post("/referrals", {"case_id": case}), 403)
    assert {name: rows(world, name) for name in before} == before


def test_effective_dates_never_go_back_within_a_referral(world: World) -> None:
    karen = world.referral(CASEWORKER)
    case = karen.post("/cases", {"given_name": "A", "family_name": "B", "track": "adult", "effective_date": "2003-09-01"}).id
    referral = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form", "effective_date": "2003-09-15"}).id
    body = {**REFERRAL.bodies["send"](world), "effective_date": "2003-09-14"}
    names_field(refused(karen.post(f"/referrals/{referral}/send", body), 422), "effective_date")
    assert karen.post(f"/referrals/{referral}/send", {**body, "effective_date": "2003-09-15"}).status == 200


def test_an_adult_who_comes_by_herself_waits_for_a_caseworker(world: World) -> None:  # F-031
    case = a_case(world)
    draft = world.referral(CONSULTANT).post("/referrals", {"case_id": case, "track": "adult", "source": "self_referral", "route_to": "lokalcenter"})
    assert draft.json["status"] == "draft" and draft.json["from_unit"] == "lokalcenter"
    refused(world.referral(CONSULTANT).post(f"/referrals/{draft.id}/send", REFERRAL.bodies["send"](world)), 403)
    assert world.referral(CASEWORKER).post(f"/referrals/{draft.id}/send", REFERRAL.bodies["send"](world)).json["status"] == "sent"


def test_a_consultant_does_not_refer_on_the_authoritys_behalf(world: World) -> None:  # F-001, F-002
    answer = world.referral(CONSULTANT).post("/referrals", {"case_id": a_case(world), "track": "adult", "source": "form"})
    refused(answer, 403, allowed=["self_referral"])


def test_a_youths_leisure_job_is_accepted_by_the_consultant_with_a_guardians_consent(world: World) -> None:  # F-055
    case, mehmet = a_case(world, "youth"), world.referral(CONSULTANT)
    body = {"case_id": case, "track": "youth", "source": "self_referral", "route_to": "lokalcenter"}
    names_field(refused(mehmet.post("/referrals", body), 422), "guardian_consent_on")
    sent = mehmet.post("/referrals", {**body, "guardian_consent_on": "2026-11-20"})
    assert sent.json["status"] == "sent" and sent.json["purpose"] == "leisure_job"
    accepted = mehmet.post(f"/referrals/{sent.id}/accept", {"responsible": "mehmet", "planned_start": "2026-12-01"})
    assert accepted.json["status"] == "accepted"
    assert events(world, "referral.accepted")[0]["track"] == "youth"


CSV = "given_name;family_name;cpr;benefit;target_group;readiness\nHassan;Prøve;1803540478;cash_benefit;;job_ready\n;Navnløs;;;;\nMona;Prøve;;ukendt;;\nEva;Prøve;12;;;\nAda;Prøve;;;;\n\nIda;For;mange;;;;;\n"


def test_a_list_is_screened_row_by_row_and_its_bad_rows_are_reported(world: World) -> None:  # F-032, F-057
    karen = world.referral(CASEWORKER)
    made = karen.post("/referral-lists", raw=CSV.encode(), content_type="text/csv")
    assert [(r["line"], r["reason"]) for r in made.json["rejected"]] == [
        (3, "no name"), (4, "unknown benefit"), (5, "cpr is not ten digits"), (8, "another number of columns than the header")]
    hassan, ada = karen.get(f"/referral-lists/{made.id}/rows").json["items"]
    refused(world.referral(CONSULTANT).post(f"/list-rows/{hassan['id']}/screen", {"decision": "refer"}), 403)
    decided = karen.post(f"/list-rows/{hassan['id']}/screen", {"decision": "refer"})
    assert karen.get(f"/referrals/{decided.json['referral_id']}").json["source"] == "csv_list"
    assert karen.post(f"/list-rows/{ada['id']}/screen", {"decision": "not_now", "reason": "Venter barn"}).json["case_id"] is None
    assert [(row["decision"], row["reason"]) for row in karen.get(f"/referral-lists/{made.id}/rows").json["items"]] == [("refer", None), ("not_now", "Venter barn")]
    refused(karen.post(f"/list-rows/{ada['id']}/screen", {"decision": "refer"}), 409)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"", b"navn;alder\nA;1\n", b"given_name;family_name\n" + b"A;B\n" * 2001, b"given_name;family_name\x00\n"])
def test_a_list_that_cannot_be_read_is_refused_whole(world: World, body: bytes) -> None:
    names_field(refused(world.referral(CASEWORKER).post("/referral-lists", raw=body, content_type="text/csv"), 422), "body")


def test_a_language_school_is_told_how_long_ahead_a_talk_is_booked(world: World) -> None:  # F-035, F-038
    case = a_case(world, language_school=True)
    body = {"case_id": case, "scheduled_at": "2026-12-07T10:00:00+01:00", "place": "Hjemme", "form": "home", "participants": [{"kind": "spouse", "name": "Fatma"}]}
    talk = world.referral(CONSULTANT).post("/intakes", body)
    assert talk.json["days_ahead"] == 14
    moved = world.referral(CONSULTANT).post(f"/intakes/{talk.id}/move", {"scheduled_at": "2026-11-25T10:00:00+01:00", "reason": "Skolen har ferie"})
    assert moved.json["days_ahead"] == 2
    booked = events(world, "intake.booked")[0]
    assert booked["language_school"] is True and booked["days_ahead"] == 14 and "Fatma" not in str(booked)
    names_field(refused(world.referral(CONSULTANT).post("/intakes", {**body, "scheduled_at": "2026-11-20T10:00:00+01:00"}), 422), "scheduled_at")


@pytest.mark.parametrize(("inputs", "step"), [
    ({"education": "higher", "experience_years": 8, "stable_attendance": "stable", "months_away": 5}, "ordinary_job"),
    ({"education": "basic", "experience_years": 6, "stable_attendance": "stable", "months_away": 3}, "ordinary_job"),
    ({"education": "basic", "experience_years": 2, "stable_attendance": "mixed", "months_away": 30}, "wage_subsidy"),
    ({"education": "none", "experience_years": 0, "stable_attendance": "stable", "months_away": 60}, "internship"),
    ({"education": "higher", "experience_years": 9, "stable_attendance": "unstable", "months_away": 1}, "internship"),
])
def test_the_start_step_is_proposed_with_reasons_and_confirmed_by_a_person(world: World, inputs: dict[str, object], step: str) -> None:  # F-042, F-043
    mehmet, case = world.referral(CONSULTANT), a_case(world)
    made = mehmet.post("/assessments", {"case_id": case, **inputs})
    assert made.json["proposed_step"] == step and made.json["reasons"] and made.json["start_step"] is None
    other = "activation"
    names_field(refused(mehmet.post(f"/assessments/{made.id}/confirm", {"start_step": other}), 422), "reason")
    assert mehmet.post(f"/assessments/{made.id}/confirm", {"start_step": step}).json["status"] == "confirmed"
    assert events(world, "assessment.confirmed")[-1]["start_step"] == step
    refused(mehmet.post(f"/assessments/{made.id}/confirm", {"start_step": step}), 409)


def test_a_return_keeps_its_reason_when_the_present_state_changes_and_says_only_a_class(world: World) -> None:  # F-145, F-206
    mehmet, case = world.referral(CONSULTANT), a_case(world)
    refused(world.referral(CASEWORKER).post(f"/cases/{case}/return", {"reason": "pregnant", "present_state": "on_leave"}), 403)
    back = mehmet.post(f"/cases/{case}/return", {"reason": "pregnant", "present_state": "on_leave", "documentation": "Termin i marts"})
    changed = world.referral(CASEWORKER).post(f"/returns/{back.id}/present-state", {"present_state": "in_work"})
    assert (changed.json["reason"], changed.json["present_state"]) == ("pregnant", "in_work")
    said = events(world, "case.returned")[0]
    assert said["return_class"] == "other" and "pregnant" not in str(said)
    refused(mehmet.post(f"/cases/{case}/return", {"reason": "moved_away", "present_state": "moved_away"}), 409)


def test_a_returned_case_is_open_again_when_a_new_referral_is_accepted(world: World) -> None:
    mehmet = world.referral(CONSULTANT)
    id = REFERRAL.reach(world, "sent")
    case = mehmet.get(f"/referrals/{id}").json["case_id"]
    mehmet.post(f"/cases/{case}/return", {"reason": "on_sick_leave", "present_state": "on_sick_leave"})
    assert mehmet.get(f"/cases/{case}").json["status"] == "returned"
    mehmet.post(f"/referrals/{id}/accept", REFERRAL.bodies["accept"](world))
    assert mehmet.get(f"/cases/{case}").json["status"] == "open"
    assert {"return", "readmit", "accept"} <= {h["action"] for h in mehmet.get(f"/cases/{case}/history").json["items"]}


def test_codes_are_dated_and_a_historical_one_is_refused_today(world: World) -> None:  # F-005, F-034
    karen, case = world.referral(CASEWORKER), a_case(world)
    names_field(refused(karen.post(f"/cases/{case}/circumstances", {"code_set": "benefit", "code": "starthjaelp"}), 422), "benefit")
    old = karen.post("/cases", {"given_name": "A", "family_name": "B", "track": "adult", "benefit": "starthjaelp", "readiness": "not_ready", "effective_date": "2003-09-01"})
    assert {c["code"] for c in old.json["circumstances"]} == {"starthjaelp", "not_ready"}
    today = karen.post(f"/cases/{old.id}/circumstances", {"code_set": "benefit", "code": "cash_benefit", "effective_date": "2004-02-01"})
    assert [c["code"] for c in today.json["circumstances"] if c["code_set"] == "benefit"] == ["starthjaelp", "cash_benefit"]


def test_a_household_links_two_cases(world: World) -> None:  # F-006
    karen, one, other = world.referral(CASEWORKER), a_case(world), a_case(world)
    linked = karen.post(f"/cases/{one}/household", {"other_case_id": other, "relation": "spouse"})
    assert linked.json["household_id"] == karen.get(f"/cases/{other}").json["household_id"]
    names_field(refused(karen.post(f"/cases/{one}/household", {"other_case_id": one, "relation": "spouse"}), 422), "other_case_id")


def test_a_started_referral_is_voided_by_two_leads_only(world: World) -> None:
    id = REFERRAL.reach(world, "started")
    lone = world.referral(TEAM_LEAD)
    refused(lone.post(f"/referrals/{id}/void", {"reason": "Forkert borger"}), 409)
    lone.post(f"/referrals/{id}/second_void")
    refused(lone.post(f"/referrals/{id}/void", {"reason": "Forkert borger"}), 409)  # her own second is none
    voided = world.referral("admin").post(f"/referrals/{id}/void", {"reason": "Forkert borger"})
    assert voided.json["status"] == "voided"


def test_a_referral_is_claimed_out_of_the_pool_by_one_unit(world: World) -> None:
    karen, case = world.referral(CASEWORKER), a_case(world)
    id = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
    karen.post(f"/referrals/{id}/send", {"target_unit": "pool", "purpose": "job", "legal_basis": "lab"})
    mehmet = world.referral(CONSULTANT)
    refused(mehmet.post(f"/referrals/{id}/accept", REFERRAL.bodies["accept"](world)), 403)
    assert mehmet.post(f"/referrals/{id}/claim").json["target_unit"] == "jobkonsulenterne"
    refused(mehmet.post(f"/referrals/{id}/claim"), 409)
    assert mehmet.post(f"/referrals/{id}/accept", REFERRAL.bodies["accept"](world)).status == 200


def test_a_rerouted_referral_has_a_successor_that_is_sent_to_the_new_target(world: World) -> None:
    id = REFERRAL.reach(world, "sent")
    old = world.referral(CASEWORKER).post(f"/referrals/{id}/reroute", {"target_unit": "andet_team", "reason": "Flyttet"}).json
    new = world.referral(CASEWORKER).get(f"/referrals/{old['successor_id']}").json
    assert old["status"] == "rerouted" and old["target_unit"] == "jobkonsulenterne"
    assert (new["status"], new["target_unit"], new["predecessor_id"]) == ("sent", "andet_team", id)
    assert len(events(world, "referral.sent")) == 2


def test_every_read_of_a_person_is_on_the_audit_record(world: World) -> None:
    case = a_case(world)
    before = rows(world, "audit")
    world.referral(CASEWORKER).get(f"/cases/{case}")
    world.referral(CONSULTANT).get("/cases")
    assert rows(world, "audit") == before + 2


def test_another_services_copy_holds_only_what_its_purpose_allows(world: World) -> None:
    case = a_case(world, benefit="cash_benefit", language_school=True, phone="+4500000001")
    signer = world.runtimes["referral"].signer
    seen = {name: world.client("referral", signer.service(name)).get("/people", ids=case).json["items"][0] for name in ("matching", "followup", "partners")}
    assert seen["matching"]["benefit"] == "cash_benefit" and "language_school" not in seen["matching"]
    assert "benefit" not in seen["followup"] and "benefit" not in seen["partners"] and "phone" not in seen["partners"]
    assert all("cpr" not in one and "address" not in one for one in seen.values())
    refused(world.referral(CASEWORKER).get("/people", ids=case), 403)


def test_the_statistic_of_origin_is_off_unless_allowed(world: World) -> None:  # F-056
    body = {"nationality": "TR", "family_origin": "TR", "born_abroad": True}
    refused(world.referral(CASEWORKER).post(f"/cases/{a_case(world)}/statistics/origin", body), 404)

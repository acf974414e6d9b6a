# SPDX-License-Identifier: MPL-2.0
"""Requests to partners: what each side may do, and what a partner never sees on any surface."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from jobtrappen.errors import Conflict
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen_partners.model import REQUEST, PartnerRequest
from tests.support.partner_voices import an_id, nobody
from tests.support.stages_partners import a_draft, a_key, a_known_case, a_partner
from tests.support.world import (
    ADMINISTRATOR,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    Client,
    World,
    a_world,
    names_field,
    refused,
)

FAMILY, CPR = "Hemmeligholm", "1803540478"
ANSWERED = {"output": {"decision": "answered", "text": "Modul 3"}}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path, services=["referral", "partners"]) as made:
        yield made


@dataclass
class Town:
    """A citizen who is on benefit and sick, a language school and a union with keys."""

    world: World
    case: str
    school: str
    school_key: str
    union: str
    union_key: str

    def asked(self, partner: str = "", request_type: str = "statement", **more: object) -> str:
        """A request that the partner has been shown. Returns: its id."""
        made = a_draft(self.world, self.case, partner or self.school, request_type, **more)
        assert made.status == 201, made.text
        assert self.world.partners(CASEWORKER).post(f"/requests/{made.id}/request").status == 200
        return made.id

    @property
    def hytten(self) -> Client:
        return self.world.partners(self.school_key)

    @property
    def sid(self) -> Client:
        return self.world.partners(self.union_key)


@pytest.fixture
def town(world: World) -> Town:
    case = a_known_case(world, given_name="Amina", family_name=FAMILY, cpr=CPR, phone="20304050", address="Taastrupgårdsvej 1",
                        benefit="cash_benefit", target_group="sick", language_school=True)
    school, union = a_partner(world), a_partner(world, "union", "SID")
    return Town(world, case, school, a_key(world, school), union, a_key(world, union))


def test_a_partner_is_asked_asks_back_answers_and_the_loop_closes(town: Town) -> None:
    karen, hytten = town.world.partners(CASEWORKER), town.hytten
    id = town.asked()
    assert hytten.post(f"/requests/{id}/acknowledge").json["status"] == "acknowledged"
    assert hytten.post(f"/requests/{id}/request_info", {"question": "Hvilket hold?"}).json["status"] == "needs_info"
    assert karen.post(f"/requests/{id}/give_info", {"answer": "Formiddag"}).json["status"] == "acknowledged"
    mine = hytten.get(f"/my/requests/{id}").json
    assert [(d["action"], d["by"], d["words"]) for d in mine["dialogue"]] == [
        ("request_info", "partner", "Hvilket hold?"), ("give_info", "municipality", "Formiddag")]
    assert mine["text"] == "Hvilket modul går hun på?" and mine["person"] == "Amina H."
    assert "agree" in mine["allowed_actions"] and "deliver" not in mine["allowed_actions"]
    for action, body in (("agree", {}), ("start", {}), ("progress", {"attendance_percent": 95, "level": "Modul 3"}), ("deliver", ANSWERED)):
        assert hytten.post(f"/requests/{id}/{action}", body).status == 200, action
    whole = karen.get(f"/requests/{id}").json
    assert whole["output"] == ANSWERED["output"] and whole["decision"] == "answered" and whole["dialogue"][-1]["attendance_percent"] == 95
    assert karen.post(f"/requests/{id}/dispute", {"reason": "En anden elev"}).json["status"] == "disputed"
    assert hytten.post(f"/requests/{id}/deliver", ANSWERED).status == 200
    assert karen.post(f"/requests/{id}/confirm").json["status"] == "confirmed"


def test_another_partners_request_does_not_exist_for_a_partner_on_any_surface(town: Town) -> None:
    theirs = town.asked(town.union, "opinion")
    mine = town.asked()
    seen = town.hytten.get("/my/requests").json
    assert [r["id"] for r in seen["items"]] == [mine] and seen["total"] == 1
    there = refused(town.hytten.get(f"/my/requests/{theirs}"), 404).json
    not_there = refused(town.hytten.get(f"/my/requests/{nobody()}"), 404).json
    assert {k: v for k, v in there.items() if k != "instance"} == {k: v for k, v in not_there.items() if k != "instance"}
    for action, body in (("acknowledge", {}), ("agree", {}), ("deliver", ANSWERED), ("decline", {"reason_code": "other"})):
        there = refused(town.hytten.post(f"/requests/{theirs}/{action}", body), 404).json
        not_there = refused(town.hytten.post(f"/requests/{nobody()}/{action}", body, etag='"1"'), 404).json
        assert there["detail"] == not_there["detail"] and "SID" not in json.dumps(there)
    assert town.hytten.get("/my/requests", agreement_id=an_id()).json["items"] == []
    for path in ("/requests", f"/requests/{mine}", "/notices", "/partners", f"/partners/{town.school}", "/keys", "/partners/without-cooperation"):
        refused(town.hytten.get(path), 403)
    refused(town.hytten.post("/requests", {}), 403)


def test_a_draft_is_not_shown_to_the_partner_before_it_is_requested(town: Town) -> None:
    draft = a_draft(town.world, town.case, town.school).id
    assert town.hytten.get("/my/requests").json["items"] == []
    refused(town.hytten.get(f"/my/requests/{draft}"), 404)
    refused(town.hytten.post(f"/requests/{draft}/acknowledge"), 409, allowed=[])
    town.world.partners(CASEWORKER).post(f"/requests/{draft}/request")
    assert town.hytten.get(f"/my/requests/{draft}").status == 200


def test_a_partner_never_sees_cpr_family_name_benefit_or_health(town: Town) -> None:  # domain rules 3.4
    for partner, client, kind in ((town.school, town.hytten, "statement"), (town.union, town.sid, "opinion")):
        id = town.asked(partner, kind)
        answers = [client.get("/my/requests"), client.get(f"/my/requests/{id}"), client.get("/my/notices"), client.get("/my/card"),
                   client.post(f"/requests/{id}/acknowledge"), client.post(f"/requests/{id}/request"), client.post(f"/requests/{id}/void", {"reason": "x"}),
                   client.post(f"/requests/{id}/offer", {}), client.post(f"/requests/{id}/start")]
        everything = "".join(a.text for a in answers)
        for secret in (FAMILY, CPR, town.case, "20304050", "Taastrupgårdsvej", "cash_benefit", "sick", "benefit", "target_group", "readiness", "karen"):
            assert secret not in everything, (kind, secret)
        assert set(client.get(f"/my/requests/{id}").json) <= {
            "id", "version", "status", "effective_date", "allowed_actions", "request_type", "due_on", "valid_until", "expected_date", "decision", "decided_on",
            "output", "person", "text", "dialogue", "terms", "wanted_on", "agreement_id"}


def test_a_union_learns_who_it_is_only_with_the_citizens_own_consent(town: Town) -> None:  # domain rules 3.4
    without, with_consent = town.asked(town.union, "opinion"), town.asked(town.union, "opinion", consent_on="2026-11-20")
    assert "person" not in town.sid.get(f"/my/requests/{without}").json
    assert town.sid.get(f"/my/requests/{with_consent}").json["person"] == "Amina H."
    names_field(refused(a_draft(town.world, town.case, town.union, "opinion", consent_on="2026-11-24"), 422), "consent_on")


def test_a_partner_sees_no_more_than_its_cooperation_agreement_allows_from_that_moment_on(town: Town) -> None:
    pia, id = town.world.partners(COORDINATOR), town.asked()
    terms = {"duties": "-", "procedures": "-", "contacts": "-", "lead_times": [], "review_on": "2027-06-01"}
    assert town.hytten.get(f"/my/requests/{id}").json["person"] == "Amina H."
    made = pia.post("/cooperations", {"partner_id": town.school, **terms, "fields": ["text"]})
    narrowed = [town.hytten.get(f"/my/requests/{id}").json, town.hytten.get("/my/requests").json["items"][0], town.hytten.post(f"/requests/{id}/acknowledge").json]
    for seen in narrowed:
        assert not {"person", "dialogue", "terms", "wanted_on", "agreement_id", "shows"} & set(seen), seen
    assert narrowed[0]["text"] and pia.get(f"/requests/{id}").json["person"] == "Amina H."
    pia.post(f"/cooperations/{made.id}/change", terms)
    assert town.hytten.get(f"/my/requests/{id}").json["person"] == "Amina H."


def test_a_protected_name_is_not_shown_also_when_the_protection_comes_later(town: Town) -> None:
    id = town.asked()
    assert town.hytten.get(f"/my/requests/{id}").json["person"] == "Amina H."
    town.world.referral(CASEWORKER).post(f"/cases/{town.case}/person", {"protected": True})
    town.world.settle()
    assert town.hytten.get(f"/my/requests/{id}").json["person"] == "beskyttet"
    assert "Amina" not in town.hytten.get("/my/requests").text


def test_which_staff_role_reads_what(town: Town) -> None:
    id = town.asked()
    for who in (COORDINATOR, CASEWORKER, CONSULTANT, TEAM_LEAD):
        seen = town.world.partners(who).get(f"/requests/{id}").json
        assert seen["case_id"] == town.case and seen["text"] and seen["partner_id"] == town.school
    admin = town.world.partners(ADMINISTRATOR)
    assert set(admin.get(f"/requests/{id}").json) == {"id", "version", "status", "effective_date", "allowed_actions", "request_type"}
    refused(admin.get("/requests"), 403)
    refused(admin.get("/notices"), 403)
    assert set(admin.get("/partners").json["items"][0]) <= {"id", "version", "status", "effective_date", "name", "kind"}
    refused(admin.post("/requests", {}), 403)


def test_a_key_does_only_what_its_scopes_say(town: Town) -> None:
    id = town.asked()
    only_capacity = town.world.partners(a_key(town.world, town.school, scopes=["capacity"]))
    for answer in (only_capacity.get("/my/requests"), only_capacity.get(f"/my/requests/{id}"), only_capacity.post(f"/requests/{id}/acknowledge")):
        refused(answer, 403, scope="requests")
    refused(only_capacity.get("/my/notices"), 403, scope="notices")
    assert only_capacity.post("/my/capacity", {"state": "no_capacity"}).status == 200
    refused(town.world.partners(a_key(town.world, town.school, scopes=["requests"])).post("/my/capacity", {"state": "waitlist"}), 403, scope="capacity")


def test_a_union_answers_straight_from_receipt_and_a_school_does_not(town: Town) -> None:  # referral_and_events 5
    opinion = town.asked(town.union, "opinion")
    refused(town.sid.post(f"/requests/{opinion}/deliver", ANSWERED), 409)
    assert "deliver" in town.sid.post(f"/requests/{opinion}/acknowledge").json["allowed_actions"]
    assert town.sid.post(f"/requests/{opinion}/deliver", ANSWERED).json["decision"] == "answered"
    statement = town.asked()
    assert "deliver" not in town.hytten.post(f"/requests/{statement}/acknowledge").json["allowed_actions"]
    said = refused(town.hytten.post(f"/requests/{statement}/deliver", ANSWERED), 409, state="acknowledged")
    assert "deliver" not in said.json["allowed"] and "acknowledged," not in said.json["detail"]


def test_only_the_requester_says_yes_to_an_offer_and_only_while_it_holds(town: Town) -> None:
    karen, id = town.world.partners(CASEWORKER), town.asked(request_type="course_place", effective_date="2026-11-02")
    names_field(refused(town.hytten.post(f"/requests/{id}/offer", {"valid_until": "2026-11-19", "effective_date": "2026-11-23"}), 422), "valid_until")
    town.hytten.post(f"/requests/{id}/offer", {"valid_until": "2026-11-23", "text": "Hold B, tirsdag"})
    assert town.hytten.get(f"/my/requests/{id}").json["allowed_actions"] == []
    refused(town.hytten.post(f"/requests/{id}/agree"), 409)
    assert karen.post(f"/requests/{id}/agree").json["status"] == "agreed"


def test_an_offer_past_its_day_is_asked_for_again_or_cancelled(town: Town) -> None:
    made = a_draft(town.world, town.case, town.school, "course_place", effective_date="2026-11-02").id
    karen = town.world.partners(CASEWORKER)
    karen.post(f"/requests/{made}/request", {"effective_date": "2026-11-02"})
    town.hytten.post(f"/requests/{made}/offer", {"valid_until": "2026-11-09", "effective_date": "2026-11-03"})
    with pytest.raises(Conflict, match="valid until 2026-11-09"), transaction(town.world.runtimes["partners"], SYSTEM) as tx:
        REQUEST.apply(tx, tx.get(PartnerRequest, made), "expire", {"effective_date": date(2026, 11, 9)})
    refused(karen.post(f"/requests/{made}/agree"), 409, allowed=["cancel", "request"])
    assert karen.post(f"/requests/{made}/request", {"text": "Er der stadig plads?"}).json["valid_until"] is None
    refused(karen.post(f"/requests/{made}/expire"), 404)


def test_the_suite_confirms_an_undisputed_delivery_after_ten_business_days(town: Town) -> None:
    id = a_draft(town.world, town.case, town.union, "opinion", effective_date="2026-11-02").id
    day = {"effective_date": "2026-11-06"}  # a Friday
    town.world.partners(CASEWORKER).post(f"/requests/{id}/request", day)
    town.sid.post(f"/requests/{id}/acknowledge", day)
    town.sid.post(f"/requests/{id}/deliver", {**ANSWERED, **day})
    runtime = town.world.runtimes["partners"]
    with pytest.raises(Conflict, match="9 business days ago"), transaction(runtime, SYSTEM) as tx:
        REQUEST.apply(tx, tx.get(PartnerRequest, id, lock=True), "confirm", {"effective_date": date(2026, 11, 19)})
    with transaction(runtime, SYSTEM) as tx:
        REQUEST.apply(tx, tx.get(PartnerRequest, id, lock=True), "confirm", {"effective_date": date(2026, 11, 20)})
    assert town.world.partners(CASEWORKER).get(f"/requests/{id}").json["status"] == "confirmed"


def test_the_answer_is_due_by_the_lead_time_that_was_agreed(town: Town) -> None:  # F-124
    pia = town.world.partners(COORDINATOR)
    assert pia.get(f"/requests/{town.asked()}").json["due_on"] is None
    pia.post("/cooperations", {"partner_id": town.school, "duties": "-", "procedures": "-", "contacts": "-", "review_on": "2027-06-01",
                               "lead_times": [{"procedure": "course_place", "days": 14}, {"procedure": "statement", "days": 5}]})
    assert pia.get(f"/requests/{town.asked(request_type='course_place')}").json["due_on"] == "2026-12-07"
    assert town.hytten.get(f"/my/requests/{town.asked()}").json["due_on"] == "2026-11-28"


def test_what_a_partner_delivers_is_checked_by_the_type_of_the_request(town: Town) -> None:  # F-123
    af = a_partner(town.world, "other_authority", "AF Høje Taastrup")
    client = town.world.partners(a_key(town.world, af))
    names_field(refused(a_draft(town.world, town.case, af, "grant"), 422), "agreement_id")
    id = town.asked(af, "grant", agreement_id=an_id())
    client.post(f"/requests/{id}/agree")
    yes = {"decision": "granted", "decided_on": "2026-11-20", "basis": "LAB"}
    no = {**yes, "decision": "refused", "reason": "For lang", "what_would_help": "Højst 13 uger"}
    wrong = {"output.text": {**yes, "text": "ja"}, "output.decided_on": {**yes, "decided_on": "2026-11-24"}, "output.basis": {k: v for k, v in yes.items() if k != "basis"},
             "output.reason": {k: v for k, v in no.items() if k != "reason"}, "output.what_would_help": {k: v for k, v in no.items() if k != "what_would_help"},
             "output.decision": {"decision": "answered", "text": "ja"}, "output.wage": {**yes, "wage": 1}}
    for field, output in wrong.items():
        answer = refused(client.post(f"/requests/{id}/deliver", {"output": output}), 422)
        assert [e["field"] for e in answer.json["errors"]] == [field], answer.text
    names_field(refused(client.post(f"/requests/{id}/deliver", {"output": "ja"}), 422), "output")
    assert client.get(f"/my/requests/{id}").json["status"] == "agreed"
    assert client.post(f"/requests/{id}/deliver", {"output": no}).json["decision"] == "refused"
    other = town.asked()
    town.hytten.post(f"/requests/{other}/agree")
    for output in ({"decision": "granted", "decided_on": "2026-11-20", "basis": "LAB"}, {"decision": "answered"}, {**ANSWERED["output"], "basis": "LAB"}):
        names_field(refused(town.hytten.post(f"/requests/{other}/deliver", {"output": output}), 422), "output")


def test_bad_input_for_requests_is_named_and_changes_nothing(town: Town) -> None:
    karen = town.world.partners(CASEWORKER)
    body = {"partner_id": town.school, "request_type": "statement", "case_id": town.case, "text": "Modul?"}
    for field, value in {"request_type": "loan", "partner_id": "1", "case_id": 7, "text": "", "wanted_on": "2026-02-30", "family_name": "X",
                         "effective_date": "2026-11-24"}.items():
        names_field(refused(karen.post("/requests", {**body, field: value}), 422), field)
    names_field(refused(karen.post("/requests", {**body, "request_type": "grant", "agreement_id": an_id()}), 422), "request_type")  # no school grants
    names_field(refused(karen.post("/requests", {**body, "text": f"Gælder {CPR[:6]}-{CPR[6:]}"}), 422), "text")
    unknown = refused(karen.post("/requests", {**body, "case_id": nobody()}), 404)
    assert unknown.headers["Retry-After"] == "1"
    refused(karen.post("/requests", {**body, "partner_id": nobody()}), 404)
    id = town.asked()
    names_field(refused(town.hytten.post(f"/requests/{id}/request_info", {"question": f"Er det {CPR}?"}), 422), "question")
    names_field(refused(town.hytten.post(f"/requests/{id}/decline", {"reason_code": "health"}), 422), "reason_code")
    refused(town.hytten.post(f"/requests/{id}/acknowledge", etag=None), 428)
    refused(town.hytten.post(f"/requests/{id}/acknowledge", etag='"1"'), 412, version=2)
    names_field(refused(town.hytten.post(f"/requests/{id}/acknowledge", {"effective_date": "2026-11-22"}), 422), "effective_date")
    town.world.partners(COORDINATOR).post(f"/partners/{town.school}/status", {"status": "inactive"})
    refused(karen.post("/requests", body), 409)
    assert karen.get("/requests").json["total"] == 1 and town.hytten.get(f"/my/requests/{id}").json["version"] == 2


def test_progress_over_an_impossible_period_is_refused(town: Town) -> None:
    id = town.asked()
    for action in ("agree", "start"):
        town.hytten.post(f"/requests/{id}/{action}")
    names_field(refused(town.hytten.post(f"/requests/{id}/progress", {"period_from": "2026-11-20", "period_to": "2026-11-16"}), 422), "period_to")
    names_field(refused(town.hytten.post(f"/requests/{id}/progress", {"attendance_percent": 101}), 422), "attendance_percent")


def test_a_voided_request_loses_its_words_and_an_erased_person_too(town: Town) -> None:
    first, second = town.asked(), town.asked()
    assert town.world.partners(ADMINISTRATOR).post(f"/requests/{first}/void", {"reason": "Forkert borger"}).json["status"] == "voided"
    assert town.hytten.get(f"/my/requests/{first}").json["text"] == ""
    runtime = town.world.runtimes["referral"]
    with transaction(runtime, SYSTEM) as tx:
        tx.say("person.erased", key=town.case, subject=f"case/{town.case}", data={"case_id": town.case})
    town.world.settle()
    gone = town.world.partners(COORDINATOR).get(f"/requests/{second}").json
    assert gone["text"] == "" and gone["person"] is None and gone["status"] == "requested"


def test_lists_page_and_filter(town: Town) -> None:
    ids = [town.asked() for _ in range(3)]
    first = town.hytten.get("/my/requests", limit=2).json
    assert [r["id"] for r in first["items"]] == ids[:2] and first["total"] == 3
    assert [r["id"] for r in town.hytten.get("/my/requests", limit=2, after=first["next"]).json["items"]] == ids[2:]
    town.hytten.post(f"/requests/{ids[1]}/acknowledge")
    assert [r["id"] for r in town.hytten.get("/my/requests", status="acknowledged").json["items"]] == [ids[1]]
    refused(town.hytten.get("/my/requests", limit=0), 422)
    refused(town.hytten.get("/my/requests", partner_id=town.union), 422)
    assert town.world.partners(CONSULTANT).get("/requests", partner_id=town.union).json["items"] == []
    assert town.world.partners(CONSULTANT).get("/requests", case_id=town.case).json["total"] == 3
    assert UUID(ids[0]).version == 7

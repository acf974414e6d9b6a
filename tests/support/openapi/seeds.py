# SPDX-License-Identifier: MPL-2.0
"""Before the generator comes: every command of a service once with a body that a person would send, in the order of a
working day, so that each has been answered 2xx and the generator finds things of every kind and state.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobtrappen import roles
from jobtrappen.auth import issue_key, key_actor
from jobtrappen.clock import new_id
from jobtrappen.db import writing
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen_matching.model import Agreement
from jobtrappen_partners.model import Notice
from tests.support import stages_followup, stages_matching, stages_partners, stages_referral
from tests.support.stages import Stage
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, TODAY, Answer, World

STAGES: dict[str, list[Stage]] = {"referral": stages_referral.STAGES, "matching": stages_matching.STAGES,
                                  "followup": stages_followup.STAGES, "partners": stages_partners.STAGES}
SERVICES: dict[str, list[str]] = {"referral": ["referral"], "matching": ["referral", "matching"], "followup": ["referral", "followup"],
                                  "partners": ["referral", "partners"]}
"""Which services a world needs, so that one of them can be spoken to."""


def ok(answer: Answer) -> Answer:
    assert answer.status in (200, 201), (answer.status, answer.text)
    return answer


def walk(world: World, stage: Stage) -> None:
    """Every row of a typed table once, by the first role that it names, from the first state that it names.

    Rows whose condition no fresh thing meets are done by the seeds below; that none is left out is what the test counts."""
    for row in stage.table:
        role = next((r for r in sorted(row.who) if r != roles.SYSTEM), None)
        if not row.frm or role is None or row.action not in stage.bodies:
            continue
        id = stage.reach(world, sorted(row.frm)[0], last_role=role)
        stage.prepare(world, id, row.action)
        stage.act(world, id, row.action, role)


def referral(world: World) -> None:
    cw, jc = world.referral(CASEWORKER), world.referral(CONSULTANT)
    cpr = "010170-1234"
    case = ok(cw.post("/cases", {"given_name": "Amina", "family_name": "Prøve", "cpr": cpr, "track": "adult", "benefit": "cash_benefit"})).id
    other = ok(cw.post("/cases", {"given_name": "Ali", "family_name": "Prøve", "track": "adult", "language_school": True})).id
    ok(cw.post("/cases/find", {"cpr": cpr}))
    ok(cw.post("/cases/find-by-name", {"name": "amin"}))
    ok(cw.post(f"/cases/{case}/person", {"phone": "00112233", "languages": ["da", "tr"]}))
    ok(cw.post(f"/cases/{case}/circumstances", {"code_set": "readiness", "code": "job_ready"}))
    ok(cw.post(f"/cases/{case}/household", {"other_case_id": other, "relation": "spouse"}))
    ok(cw.post(f"/cases/{case}/statistics/origin", {"nationality": "TR", "family_origin": "TR", "born_abroad": True}))
    assessment = ok(jc.post("/assessments", {"case_id": case, "education": "basic", "experience_years": 3, "stable_attendance": "stable", "months_away": 4})).id
    ok(jc.post(f"/assessments/{assessment}/confirm", {"start_step": "internship", "reason": "Hun ønsker det selv"}))
    rows = "given_name;family_name;cpr\n" + "".join(f"Navn{n};Prøve;\n" for n in range(30))
    made = ok(cw.post("/referral-lists", raw=rows.encode(), content_type="text/csv"))
    first = ok(cw.get(f"/referral-lists/{made.id}/rows")).json["items"][0]["id"]
    ok(cw.post(f"/list-rows/{first}/screen", {"decision": "refer"}))
    started = stages_referral.REFERRAL.reach(world, "started")
    ok(world.referral(TEAM_LEAD).post(f"/referrals/{started}/second_void", {}))
    ok(world.referral(ADMINISTRATOR).post(f"/referrals/{started}/void", {"reason": "Forkert borger"}))
    returned = ok(jc.post(f"/cases/{other}/return", {"reason": "moved_away", "present_state": "unknown"})).id
    ok(cw.post(f"/returns/{returned}/present-state", {"present_state": "unknown"}))


def matching(world: World) -> None:
    jc, s = world.matching(CONSULTANT), stages_matching
    employer = s.an_employer(world).id
    here, there = s.a_workplace(world, employer), s.a_workplace(world, employer)
    ok(jc.post(f"/workplaces/{here}/change", {"headcount": 12}))
    ok(jc.post(f"/workplaces/{here}/responsible", {"responsible": "lone"}))
    contact = ok(jc.post(f"/workplaces/{here}/contacts", {"name": "Bodil", "phone": "00112233"})).id
    ok(jc.post(f"/workplaces/{there}/contacts", {"contact_id": contact}))
    ok(jc.get(f"/workplaces/{here}/contacts/{contact}"))
    ok(jc.post(f"/contacts/{contact}/change", {"email": "bodil@bageri.example"}))
    opening = s.an_opening(world, places=3, workplace=here)
    ok(jc.post(f"/openings/{opening}/change", {"title": "Bager"}))
    ok(jc.post(f"/openings/{s.an_opening(world, workplace=there)}/close", {}))
    for _ in range(3):
        s.an_opening(world, places=400)
    match = ok(s.a_match(world, s.a_known_case(world), opening)).id
    ok(jc.post(f"/matches/{match}/agree", {**s.YES, "reason_code": "fits_wishes", **{k: v for k, v in s.asking().items() if k != "step"}}))
    s.a_known_case(world)


def partner_of_matching(world: World) -> str:
    """A key of another authority, with agreements that wait for its grant. Returns: the key."""
    partner, stage = new_id(), stages_matching.STAGES[1]
    for state in ["awaiting_grant"] * 12 + ["concluded"]:
        id = stage.reach(world, state)
        with writing(world.runtimes["matching"].engine) as session:
            found = session.get_one(Agreement, UUID(id))
            found.approver, found.partner_id = "other_authority", partner
    return stages_matching.a_partners_key(world, str(partner))


def followup(world: World) -> None:
    jc = world.followup(CONSULTANT)
    case = stages_followup.a_course(world)
    placement = stages_followup.Matching(world).placement(case)
    made = ok(jc.post("/duties", {"case_id": case, "kind": "next_action", "due_on": TODAY + timedelta(days=3)})).id
    ok(jc.post(f"/duties/{made}/postpone", {"due_on": TODAY + timedelta(days=9), "reason": "Ferie"}))
    ok(jc.post(f"/duties/{made}/done", {"note": "Ringet"}))
    ok(jc.post("/contacts", {"case_id": case, "placement_id": placement, "kind": "call", "with": "citizen", "summary": "Går fint"}))
    for _ in range(2):
        stages_followup.Matching(world).placement(stages_followup.a_course(world))


def partners(world: World) -> None:
    co, s = world.partners(COORDINATOR), stages_partners
    school = s.a_partner(world)
    s.a_partner(world, "interpreter", "Tolkene")
    ok(co.post(f"/partners/{school}/card", {"purpose": "Dansk", "area": "Nær", "competences": "FVU", "form": "Hold"}))
    ok(co.post(f"/partners/{s.a_partner(world, 'school', 'Skolen')}/status", {"status": "inactive"}))
    terms: dict[str, Any] = {"duties": "Undervise", "procedures": "Ring først", "contacts": "Lederen", "lead_times": [{"procedure": "statement", "days": 5}],
                             "review_on": TODAY + timedelta(days=300)}
    made = ok(co.post("/cooperations", {"partner_id": school, **terms})).id
    ok(co.post(f"/cooperations/{made}/change", {**terms, "duties": "Undervise og vejlede"}))
    ok(world.partners(ADMINISTRATOR).post("/integrators/keys", {"name": "bi"}))
    ok(co.post(f"/keys/{ok(co.post(f'/partners/{school}/keys', {})).json['key_id']}/revoke", {}))
    for _ in range(8):
        case = stages_referral.a_case(world, language_school=True)
        ok(world.referral(CASEWORKER).post("/intakes", {"case_id": case, "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Lokalcenter",
                                                        "form": "office", "participants": [{"kind": "teacher"}]}))
    s.a_partner(world, "language_school", "Den anden skole")  # of two schools none is guessed: later notices wait unassigned
    world.settle()
    unassigned = ok(co.get("/notices", unassigned="true")).json["items"]
    ok(co.post(f"/notices/{unassigned[0]['id']}/assign", {"partner_id": school}))
    with writing(world.runtimes["partners"].engine) as session:  # days pass: these can be let go
        for one in unassigned[1:5]:
            session.get(Notice, UUID(one["id"])).scheduled_on = TODAY - timedelta(days=3)  # type: ignore[union-attr]
    ok(co.post(f"/notices/{unassigned[1]['id']}/dismiss", {}))
    for role in ("caseworker", "consultant", "team_lead", "coordinator"):
        ok(s.a_draft(world, unassigned[0]["case_id"], school, role=role))


def partner_of_partners(world: World) -> str:
    """A key of the school that the walk's requests are for, and one of the union's; both such that no coordinator lists them,
    so that no example revokes them."""
    runtime = world.runtimes["partners"]
    for stage in reversed(STAGES["partners"]):
        own = key_actor(runtime.engine, runtime.signer, stage.partner_keys["own"]).partner_id
        ok(world.partners(COORDINATOR).post("/cooperations", {"partner_id": own, "duties": "Svare", "procedures": "Ring", "contacts": "Lederen", "lead_times": [],
                                                              "review_on": TODAY + timedelta(days=300)}))
        case = ok(world.partners(COORDINATOR).get("/requests", limit="1")).json["items"][0]["case_id"]
        waits = ok(stages_partners.a_draft(world, case, own)).id
        ok(world.partners(CASEWORKER).post(f"/requests/{waits}/request", {}))
        with transaction(runtime, SYSTEM) as tx:
            stage.partner_keys["own"] = issue_key(tx, runtime.signer, roles.PARTNER, own, ["requests", "notices", "capacity"])[1]
    return stage.partner_keys["own"]


SEEDS: dict[str, Callable[[World], None]] = {"referral": referral, "matching": matching, "followup": followup, "partners": partners}
PARTNERS: dict[str, Callable[[World], str]] = {"matching": partner_of_matching, "partners": partner_of_partners}

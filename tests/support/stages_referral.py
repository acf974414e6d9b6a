# SPDX-License-Identifier: MPL-2.0
"""The referral service's lifecycles on stage."""
from __future__ import annotations

from tests.support import lifecycle_tables as typed
from tests.support.stages import Stage
from tests.support.world import CASEWORKER, Answer, World


def a_case(world: World, track: str = "adult", **more: object) -> str:
    """A fresh case. Returns: its id."""
    return world.referral(CASEWORKER).post("/cases", {"given_name": "Amina", "family_name": "Prøve", "track": track, **more}).id


def _draft(world: World, role: str) -> Answer:
    source = "form" if role == "caseworker" else "self_referral"
    body = {"case_id": a_case(world), "track": "adult", "source": source} | ({} if source == "form" else {"route_to": "lokalcenter"})
    return world.referral(role).post("/referrals", body)


def _book(world: World, role: str) -> Answer:
    return world.referral(role).post("/intakes", {"case_id": a_case(world), "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Lokalcenter", "form": "office",
                                                  "participants": [{"kind": "spouse"}, {"kind": "teacher"}]})


def _offer(world: World, role: str) -> Answer:
    return world.referral(role).post("/refusals", {"case_id": a_case(world), "what": "internship", "offered_by": "mehmet"})


def _into_the_pool(world: World, id: str, action: str) -> None:
    """Only a referral that waits in the pool can be claimed."""
    if action == "claim":
        from uuid import UUID

        from jobtrappen.db import writing
        from jobtrappen_referral.model import Referral

        with writing(world.runtimes["referral"].engine) as session:
            session.get(Referral, UUID(id)).target_unit = "pool"  # type: ignore[union-attr]


REASON = {"reason_code": "schedule", "by": "citizen"}
REFERRAL = Stage("referral", "referral", "/referrals", typed.REFERRAL, {
    "send": lambda _w: {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}, "claim": lambda _w: {},
    "request_info": lambda _w: {"question": "Hvilke hold går hun på?"}, "give_info": lambda _w: {"answer": "Formiddag"},
    "accept": lambda _w: {"responsible": "mehmet", "planned_start": "2026-12-01"}, "waitlist": lambda _w: {"expected_date": "2027-01-10"},
    "decline": lambda _w: {"reason_code": "no_capacity"}, "reroute": lambda _w: {"target_unit": "andet_team", "reason": "Flyttet"}, "start": lambda _w: {},
    "hold": lambda _w: {**REASON, "resume_date": "2027-02-01"}, "resume": lambda _w: {}, "complete": lambda _w: {"outcome_code": "placed_ordinary"},
    "end_early": lambda _w: {**REASON, "outcome_code": "not_achieved"}, "withdraw": lambda _w: {"reason_code": "duplicate"},
    "expire": lambda _w: {"policy": "no_answer_10_days"}, "undo": lambda _w: {}, "acknowledge_outcome": lambda _w: {}, "void": lambda _w: {"reason": "Forkert borger"},
}, _draft, "draft", prepare=_into_the_pool)

INTAKE = Stage("intake", "referral", "/intakes", typed.INTAKE, {
    "move": lambda _w: {"scheduled_at": "2026-12-14T10:00:00+01:00", "reason": "Sygt barn"},
    "hold": lambda _w: {"attended": ["spouse"], "wishes": ["køkken"], "competences": ["syning"], "barriers": ["pasning"]},
    "no_show": lambda _w: {"tried": "Ringet to gange"}, "cancel": lambda _w: {"reason_code": "schedule", "by": "citizen"},
    "confirm_minutes": lambda _w: {}, "dissent": lambda _w: {"words": "Det sagde jeg ikke"},
}, _book, "book")

REFUSAL = Stage("refusal", "referral", "/refusals", typed.REFUSAL, {
    "guide": lambda _w: {"guided_on": "2026-11-20"}, "refuse": lambda _w: {"words": "Nej tak"}, "acknowledge": lambda _w: {},
}, _offer, "offer")

STAGES = [REFERRAL, INTAKE, REFUSAL]


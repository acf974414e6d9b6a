# SPDX-License-Identifier: MPL-2.0
"""The partner request's lifecycle on stage: a language school that delivers, and a union that answers."""
from __future__ import annotations

from typing import Any

from tests.support import lifecycle_tables as typed
from tests.support.stages import Stage
from tests.support.stages_referral import a_case
from tests.support.world import COORDINATOR, Answer, World

Body = dict[str, Any]


def a_partner(world: World, kind: str = "language_school", name: str = "Hytten", **more: object) -> str:
    """A registered partner. Returns: its id."""
    made = world.partners(COORDINATOR).post("/partners", {"name": name, "kind": kind, **more})
    assert made.status == 201, made.text
    return made.id


def a_key(world: World, partner_id: str, **more: object) -> str:
    """A key for a partner's own endpoint."""
    made = world.partners(COORDINATOR).post(f"/partners/{partner_id}/keys", dict(more))
    assert made.status == 201, made.text
    return made.json["key"]


def a_known_case(world: World, **more: object) -> str:
    """A case that partners has heard of, person and all. Returns: its id."""
    case = a_case(world, **more)
    for _ in range(50):
        world.publish(["referral"])
        world.consume(["partners"])
        if not sum(f.once() for f in world.fetchers) and world.partners(COORDINATOR).get("/requests", case_id=case).status == 200 and knows(world, case):
            return case
    raise AssertionError("partners never heard of the case")


def knows(world: World, case: str) -> bool:
    from uuid import UUID

    from jobtrappen.db import reading
    from jobtrappen.people import copy_of

    runtime = world.runtimes["partners"]
    with reading(runtime.engine) as session:
        return bool(copy_of(session, runtime, UUID(case)))


def a_draft(world: World, case: str, partner_id: str, request_type: str = "statement", role: str = "caseworker", **more: object) -> Answer:
    return world.partners(role).post("/requests", {"partner_id": partner_id, "request_type": request_type, "case_id": case,
                                                   "text": "Hvilket modul går hun på?", **more})


def _stage(table: tuple[typed.Row, ...], kind: str, request_type: str) -> Stage:
    known: dict[int, tuple[str, str]] = {}
    keys: dict[str, str] = {}

    def make(world: World, role: str) -> Answer:
        if id(world) not in known:
            partner = a_partner(world, kind, kind)
            known.clear()
            known[id(world)] = (a_known_case(world), partner)
            keys["own"] = a_key(world, partner)
        case, partner = known[id(world)]
        return a_draft(world, case, partner, request_type, role)

    output = {"decision": "answered", "text": "Modul 3, kommer hver dag"}
    reason: Body = {"reason_code": "no_capacity"}
    bodies: dict[str, Any] = {
        **{name: lambda _w: {} for name in ("request", "acknowledge", "agree", "start", "progress", "confirm", "expire")},
        "request_info": lambda _w: {"question": "Hvornår?"}, "give_info": lambda _w: {"answer": "I marts"},
        "offer": lambda _w: {"valid_until": "2026-12-20"}, "waitlist": lambda _w: {"expected_date": "2027-01-10"},
        "deliver": lambda _w: {"output": output}, "dispute": lambda _w: {"reason": "Det var en anden elev"},
        "decline": lambda _w: reason, "cancel": lambda _w: reason, "not_deliver": lambda _w: reason, "void": lambda _w: {"reason": "Forkert borger"},
    }
    return Stage("partner_request", "partners", "/requests", table, bodies, make, "draft", partner_keys=keys)


STAGES = [_stage(typed.PARTNER_REQUEST, "language_school", "statement"), _stage(typed.PARTNER_ANSWER, "union", "opinion")]

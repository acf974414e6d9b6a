# SPDX-License-Identifier: MPL-2.0
"""Match and agreement on stage, and what followup and partners would say, said by hand on the real bus."""
from __future__ import annotations

import itertools
from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen import contracts, people
from jobtrappen.auth import issue_key
from jobtrappen.bus import Record
from jobtrappen.clock import new_id
from jobtrappen.config import TOPICS
from jobtrappen.db import reading
from jobtrappen.event import Event
from jobtrappen.tx import SYSTEM, transaction
from tests.support import lifecycle_tables as typed
from tests.support.stages import Stage, version_of
from tests.support.stages_referral import a_case
from tests.support.world import CONSULTANT, TODAY, Answer, World

Body = dict[str, Any]
DAY = TODAY.isoformat()
YES: Body = {"citizen_yes_on": DAY, "employer_yes_on": DAY}
_numbers = itertools.count(1)
CVR_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)


def a_cvr(number: int) -> str:
    """A CVR number whose checksum holds; those beginning with 99 are given to nobody."""
    while True:
        stem = f"99{number:05d}"
        check = -sum(int(d) * w for d, w in zip(stem, CVR_WEIGHTS, strict=True)) % 11
        if check < 10:
            return f"{stem}{check}"
        number += 50_000


def an_employer(world: World, sector: str = "private") -> Answer:
    made = world.matching(CONSULTANT).post("/employers", {"cvr": a_cvr(next(_numbers)), "name": "Bageri Nærby", "sector": sector})
    assert made.status == 201, made.text
    return made


def a_workplace(world: World, employer: str = "", sector: str = "private", **more: Any) -> str:
    """A workplace, by default of a new employer. Returns: its id."""
    made = world.matching(CONSULTANT).post(f"/employers/{employer or an_employer(world, sector).id}/workplaces", {
        "p_number": f"{next(_numbers):010d}", "name": "Bageri Nærby, Torvet", "responsible": "mehmet", **more})
    assert made.status == 201, made.text
    return made.id


def an_opening(world: World, places: int = 1, measure: str = "internship", workplace: str = "", **more: Any) -> str:
    """An opening with places for one step. Returns: its id."""
    made = world.matching(CONSULTANT).post("/openings", {"workplace_id": workplace or a_workplace(world), "source": "outreach", "title": "Bagerassistent",
                                                         "places": [{"measure": measure, "places": places}], **more})
    assert made.status == 201, made.text
    return made.id


def a_known_case(world: World, profile: bool = True, **more: Any) -> str:
    """A case that matching has heard of, by default with its profile. Returns: its id."""
    case = a_case(world, **more)
    runtime = world.runtimes["matching"]
    for _ in range(100):
        world.publish(["referral"])
        world.consume(["matching"])
        if profile:
            for fetcher in world.fetchers:
                fetcher.once()
        with reading(runtime.engine) as session:
            known = people.copy_of(session, runtime, UUID(case)) or not profile
        if known and world.matching(CONSULTANT).get(f"/cases/{case}").status == 200:
            return case
    raise AssertionError("matching never heard of the case")


def a_match(world: World, case: str, opening: str, who: str = CONSULTANT, **more: Any) -> Answer:
    return world.matching(who).post("/matches", {"case_id": case, "opening_id": opening, "reason": "Vil helst arbejde i et bageri", **more})


def a_chosen_match(world: World, case: str, opening: str, **more: Any) -> str:
    """Returns: the id of a match whose place is held."""
    match = a_match(world, case, opening, **more)
    assert match.status == 201, match.text
    chosen = world.matching(CONSULTANT).post(f"/matches/{match.id}/choose", {**YES, "reason_code": "fits_wishes"})
    assert chosen.status == 200, chosen.text
    return match.id


def ordinary(**more: Any) -> Body:
    """Whole terms of a measure that needs no grant."""
    return {"measure": "ordinary_job", "starts_on": "2026-12-01", "weekly_hours": 37, "purpose": "Fast arbejde", "long_term_goal": "Blive bager", **more}


def asking(**more: Any) -> Body:
    """A whole request for a grant of an internship."""
    return {"step": "internship", "starts_on": "2026-12-01", "ends_on": "2026-12-28", "weekly_hours": 30, "purpose": "Afprøve opgaver",
            "long_term_goal": "Blive bager", "responsibilities": {"employer": "Oplæring", "consultant": "Ugentlig kontakt"}, "prospect": "job_here", **more}


def a_draft(world: World, who: str = CONSULTANT, **body: Any) -> Answer:
    return world.matching(who).post("/agreements", body)


def act(world: World, agreement: str, action: str, body: Body | None = None, who: str = CONSULTANT) -> Answer:
    return world.matching(who).post(f"/agreements/{agreement}/{action}", body or {})


def a_concluded(world: World, case: str = "", match: str = "", workplace: str = "", **more: Any) -> str:
    """A concluded agreement on an ordinary job. Returns: its id."""
    whose = {"match_id": match} if match else {"case_id": case, "workplace_id": workplace or a_workplace(world)}
    made = a_draft(world, **whose, **ordinary(**more))
    assert made.status == 201, made.text
    done = act(world, made.id, "conclude", YES)
    assert done.status == 200, done.text
    return made.id


class Voice:
    """Speaks on another service's topic; that service itself need not be there."""

    def __init__(self, world: World, service: str) -> None:
        self.world, self.service, self.seqs = world, service, Counter[str]()
        self.placements: dict[str, Any] = {}

    def event(self, name: str, key: str, day: date = TODAY, **data: Any) -> Event:
        """The next event of this key, checked against its contract."""
        self.seqs[key] += 1
        return Event(id=str(new_id()), type=f"jobtrappen.{name}.v1", source=f"https://jobtrappen.example/0000/{self.service}", subject=f"{name}/{key}",
                     time=f"{day}T00:00:00Z", key=key, case=key, seq=self.seqs[key], epoch=1, recorded=f"{day}T08:00:00.000Z",
                     data=contracts.fill(name, {"case_id": key, **data}))

    def say(self, name: str, key: str, day: date = TODAY, **data: Any) -> None:
        producer = self.world.bus.producer(self.service)
        try:
            assert producer.send([Record(TOPICS[self.service], key.encode(), self.event(name, key, day, **data).encode())]) == [None]
        finally:
            producer.close()

    def placement(self, verb: str, case: str, agreement: str, day: date = TODAY, measure: str = "ordinary_job", **more: Any) -> None:
        known = self.placements.setdefault(agreement, new_id())
        self.say(f"placement.{verb}", case, day, placement_id=known, agreement_id=agreement, measure=measure, status_to="active", **more)


def a_partners_key(world: World, partner_id: str) -> str:
    """A key of another authority, good at matching."""
    runtime = world.runtimes["matching"]
    with transaction(runtime, SYSTEM) as tx:
        return issue_key(tx, runtime.signer, "partner", partner_id, ["requests"])[1]


_interviews = itertools.count(1)


def an_interview(**more: Any) -> Body:
    """One at an hour of its own, so that the consultant is free."""
    at = TODAY + timedelta(days=1 + next(_interviews))
    return {"scheduled_at": f"{at}T09:30:00+01:00", "place": "Torvet 1", "companions": ["consultant"], **more}


def _match_stage() -> Stage:
    case: dict[int, str] = {}

    def make(world: World, role: str) -> Answer:
        if id(world) not in case:
            case.clear()
            case[id(world)] = a_known_case(world)
        return a_match(world, case[id(world)], an_opening(world, places=3), role)

    bodies: dict[str, Any] = {
        "present": lambda _w: {"citizen_yes_on": DAY, "presentation_id": "sag-1"}, "interest": lambda _w: {"employer_contact": "Butikschefen"},
        "book_interview": lambda _w: an_interview(),
        "hold_interview": lambda _w: {"attended": True, "citizen_feedback": "God samtale", "employer_feedback": "Vil gerne se mere"},
        "offer": lambda _w: {"step": "internship", "wished_start": "2026-12-01"},
        "choose": lambda _w: {**YES, "reason_code": "fits_wishes"}, "decline": lambda _w: {"by": "employer", "reason_code": "language_level"},
        "withdraw": lambda _w: {"by": "citizen", "reason": "Har fundet noget andet"}, "reopen": lambda _w: {"reason": "Det var en fejl"},
    }
    return Stage("match", "matching", "/matches", typed.MATCH, bodies, make, "propose")


class AgreementStage(Stage):
    """A grant is the other authority's where the dated rule says so (F-123): a partner who may decide gets one that is hers."""

    def act(self, world: World, id: str, action: str, role: str, body: Body | None = None) -> Answer:
        given = self.bodies[action](world) if body is None else body
        hers = role == "partner" and action in ("grant", "refuse_grant") and version_of(world, self, id)[0] == "awaiting_grant"
        who = _for_another_authority(world, id) if hers else None
        return world.client(self.service, who).post(f"{self.path}/{id}/{action}", given) if who else super().act(world, id, action, role, given)


def _for_another_authority(world: World, agreement: str) -> str:
    """Arranges that another authority decides on it. Returns: that partner's key."""
    from jobtrappen.db import writing
    from jobtrappen_matching.model import Agreement

    partner = new_id()
    with writing(world.runtimes["matching"].engine) as session:
        found = session.get_one(Agreement, UUID(agreement))
        found.approver, found.partner_id = "other_authority", partner
    return a_partners_key(world, str(partner))


def _agreement_stage() -> Stage:
    known: dict[int, tuple[str, str]] = {}

    def make(world: World, role: str) -> Answer:
        if id(world) not in known:
            known.clear()
            known[id(world)] = (a_known_case(world), a_workplace(world))
        case, workplace = known[id(world)]
        return a_draft(world, role, case_id=case, workplace_id=workplace, **ordinary())

    bodies: dict[str, Any] = {
        "request_grant": lambda _w: asking(), "grant": lambda _w: {"decided_on": DAY, "basis": "LAB"},
        "refuse_grant": lambda _w: {"reason": "For lang en periode", "what_would_help": "Fire uger"}, "conclude": lambda _w: YES,
        "change": lambda _w: {"kind": "tasks", "reason": "Kan mere", "citizen_statement": "Vil gerne", "tasks": "Kassen"},
        "cancel": lambda _w: {"by": "citizen", "reason": "Rejser"},
    }
    return AgreementStage("agreement", "matching", "/agreements", typed.AGREEMENT, bodies, make, "draft")


STAGES = [_match_stage(), _agreement_stage()]

# SPDX-License-Identifier: MPL-2.0
"""The placement on stage, and what matching would say, said by hand on the real bus."""
from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from jobtrappen import contracts
from jobtrappen.bus import Record
from jobtrappen.clock import new_id
from jobtrappen.config import TOPICS
from jobtrappen.event import Event
from jobtrappen.tx import SYSTEM, transaction
from tests.support import lifecycle_tables as typed
from tests.support.stages import Stage
from tests.support.stages_referral import a_case
from tests.support.world import CASEWORKER, CONSULTANT, TODAY, Answer, World

PURPOSES = ("job", "internship", "wage_subsidy", "ordinary", "preparation")
"""One referral of a case and purpose may be open at a time."""


def event(name: str, key: str, seq: int, day: date, data: dict[str, Any]) -> Event:
    """An event as its owner would say it, checked against its contract."""
    owner = contracts.CATALOGUE[name].by
    return Event(id=str(new_id()), type=f"jobtrappen.{name}.v1", source=f"https://jobtrappen.example/0000/{owner}", subject=f"{name}/{key}",
                 time=f"{day}T00:00:00Z", key=key, case=key, seq=seq, epoch=1, recorded=f"{day}T08:00:00.000Z", data=contracts.fill(name, {"case_id": key, **data}))


def terms(measure: str = "internship", starts_on: date = TODAY, **more: Any) -> dict[str, Any]:
    """A concluded agreement's facts."""
    return {"agreement_id": str(new_id()), "measure": measure, "status_to": "concluded", "workplace_id": str(new_id()), "employer_id": str(new_id()),
            "starts_on": starts_on, "ends_on": starts_on + timedelta(weeks=8), "weekly_hours": 37, **more}


class Matching:
    """Speaks on matching's topic; the service itself need not be there."""

    def __init__(self, world: World, settles: bool = True) -> None:
        self.world, self.seqs, self.settles = world, Counter[str](), settles

    def say(self, name: str, case: str, day: date = TODAY, **data: Any) -> None:
        self.seqs[case] += 1
        made = event(name, case, self.seqs[case], day, data)
        producer = self.world.bus.producer("matching")
        try:
            assert producer.send([Record(TOPICS["matching"], case.encode(), made.encode())]) == [None]
        finally:
            producer.close()
        if self.settles:
            self.world.settle()

    def conclude(self, case: str, day: date = TODAY, **more: Any) -> dict[str, Any]:
        """Returns: the agreement's facts."""
        made = terms(**more)
        self.say("agreement.concluded", case, day, **made)
        return made

    def change(self, case: str, agreement: dict[str, Any], kind: str, day: date = TODAY, version: int = 2, **more: Any) -> None:
        agreement.update(more)
        self.say("agreement.changed", case, day, **{"change_kind": kind, "agreement_version": version, "decided_on": day, **agreement})

    def placement(self, case: str, **more: Any) -> str:
        """A planned placement. Returns: its id."""
        made = self.conclude(case, **more)
        return self.world.followup(CONSULTANT).get("/placements", agreement_id=made["agreement_id"]).json["items"][0]["id"]


def accepted(world: World, case: str, day: date = TODAY, purpose: str = "job", track: str = "adult") -> str:
    """Refer a case and accept it. Returns: the referral's id."""
    body = {"case_id": case, "track": track, "source": "form", "effective_date": day} | ({"guardian_consent_on": day} if track == "youth" else {})
    made = world.referral(CASEWORKER).post("/referrals", body)
    assert made.status == 201, made.text
    sent = world.referral(CASEWORKER).post(f"/referrals/{made.id}/send", {"target_unit": "jobkonsulenterne", "purpose": purpose, "legal_basis": "lab", "effective_date": day})
    assert sent.status == 200, sent.text
    done = world.referral(CONSULTANT).post(f"/referrals/{made.id}/accept", {"responsible": "mehmet", "planned_start": day + timedelta(days=7), "effective_date": day})
    assert done.status == 200, done.text
    return made.id


def a_course(world: World, track: str = "adult", day: date = TODAY, **person: Any) -> str:
    """A case whose course has opened. Returns: its id."""
    case = a_case(world, track, effective_date=day, **person)
    accepted(world, case, day, track=track)
    world.settle()
    return case


def _plan(world: World, _role: str) -> Answer:
    """Planned by the suite, as on agreement.concluded."""
    from jobtrappen_followup.model import PLACEMENT, Placement

    with transaction(world.runtimes["followup"], SYSTEM) as tx:
        placement = Placement(id=new_id(), case_id=uuid4(), measure="internship", agreement_id=new_id(), workplace_id=new_id(), employer_id=new_id(),
                              weekly_hours=30, starts_on=TODAY, ends_on=TODAY + timedelta(weeks=8))
        PLACEMENT.create(tx, placement, "plan", {"effective_date": TODAY})
    return Answer(201, {"id": str(placement.id)}, {}, "")


PLACEMENT = Stage("placement", "followup", "/placements", typed.PLACEMENT, {
    "start": lambda _w: {}, "absent_first_day": lambda _w: {"rung": "borgeren", "said": "Barnet er sygt", "next_action": "Ring igen", "next_due": "2026-11-24"},
    "not_started": lambda _w: {"by": "citizen", "reason": "Fik andet"}, "pause": lambda _w: {"reason": "Ferie", "expected_on": "2026-12-07"},
    "resume": lambda _w: {}, "end": lambda _w: {"how": "completed"},
    "extend": lambda _w: {"kind": "extend"}, "shorten": lambda _w: {"kind": "shorten"}, "adjust": lambda _w: {"kind": "hours"},
}, _plan, "plan")

STAGES = [PLACEMENT]

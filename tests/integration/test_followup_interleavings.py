# SPDX-License-Identifier: MPL-2.0
"""Order holds within a topic and key only. Every interleaving of what referral and matching say of a case, with
duplicates, ends in the same state; and in none of them is anything open without a next action (F-270)."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.bus import Record
from jobtrappen.clock import new_id
from jobtrappen.config import TOPICS
from jobtrappen.db import reading
from jobtrappen.event import Event
from tests.support.stages_followup import Matching, a_course, accepted, event, terms
from tests.support.world import CONSULTANT, TODAY, World, a_world

D = TODAY - timedelta(days=60)
Said = list[tuple[str, date, dict[str, Any]]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
    with a_world(tmp_path, services=["referral", "followup"]) as made:
        yield made


def referrals_side() -> Said:
    first, second = str(new_id()), str(new_id())
    accepted_ = {"status_to": "accepted", "track": "adult"}
    return [
        ("referral.accepted", D, {**accepted_, "referral_id": first, "planned_start": D + timedelta(days=7)}),
        ("intake.held", D + timedelta(days=3), {"intake_id": str(new_id()), "status_to": "held", "activation": True, "language_school": True}),
        ("case.returned", D + timedelta(days=10), {"return_id": str(new_id()), "return_class": "refused"}),
        ("referral.accepted", D + timedelta(days=20), {**accepted_, "referral_id": second, "planned_start": D + timedelta(days=25)}),
    ]


def matchings_side(end: str) -> Said:
    agreement = terms(starts_on=D + timedelta(days=30))
    changed = {**agreement, "change_kind": "extend", "agreement_version": 2, "decided_on": D + timedelta(days=25), "ends_on": D + timedelta(weeks=20)}
    said: Said = [("agreement.concluded", D + timedelta(days=5), agreement), ("agreement.changed", D + timedelta(days=25), changed)]
    if end == "cancelled":
        said.append(("agreement.cancelled", D + timedelta(days=28), {**agreement, "status_to": "cancelled", "by": "employer"}))
    return said


class Feed:
    """Hands records to the consumer as a bus would, each with its next offset."""

    def __init__(self, world: World) -> None:
        self.consumer, self.offsets = world.consumers["followup"], dict.fromkeys(TOPICS.values(), 0)

    def give(self, topic: str, made: Event) -> None:
        self.consumer.take([Record(topic, made.key.encode(), made.encode(), partition=0, offset=self.offsets[topic])])
        self.offsets[topic] += 1


def state(world: World, case: str) -> Any:
    """All that this service knows of a case, without ids and recording times."""
    from jobtrappen_followup.model import Course, Duty, Extension, Placement

    with reading(world.runtimes["followup"].engine) as session:
        course = session.get(Course, UUID(case))
        placements = list(session.scalars(select(Placement).where(Placement.case_id == UUID(case))))
        duties = session.scalars(select(Duty).where(Duty.case_id == UUID(case)))
        measure = {p.id: p.measure for p in placements}
        t = tables.transition.c
        path = session.execute(select(t.lifecycle, t.action, t.effective_date, t.to_state).where(t.case_id == UUID(case)))
        return (
            (course.status, course.step, course.return_class, course.effective_date, course.planned_start),
            sorted((p.measure, p.status, str(p.starts_on), str(p.ends_on), str(p.started_on), p.weekly_hours, str(p.effective_date)) for p in placements),
            sorted((d.kind, measure.get(d.placement_id, ""), str(d.due_on), str(d.opened_on), str(d.done_on), str(d.dropped_on)) for d in duties),
            sorted((measure[e.placement_id], str(e.decided_on)) for e in session.scalars(select(Extension)) if e.placement_id in measure),
            sorted(map(tuple, path)),
        )


def orders(a: int, b: int) -> Iterator[list[int]]:
    """Every way to mix a records of topic 0 with b of topic 1."""
    for places in combinations(range(a + b), b):
        yield [1 if n in places else 0 for n in range(a + b)]


@pytest.mark.parametrize("end", ["planned", "cancelled"])
def test_every_interleaving_of_two_topics_with_duplicates_ends_in_the_same_state(world: World, end: str) -> None:
    feed, found = Feed(world), []
    for order in orders(len(referrals_side()), len(matchings_side(end))):
        case = str(new_id())
        sides = [(TOPICS["referral"], referrals_side()), (TOPICS["matching"], matchings_side(end))]
        queues = [[(topic, event(name, case, n, day, data)) for n, (name, day, data) in enumerate(said, start=1)] for topic, said in sides]
        given = []
        for side in order:
            given.append(queues[side].pop(0))
            feed.give(*given[-1])
            feed.give(*given[-1])
        for topic, made in given:
            feed.give(topic, made)
        found.append(state(world, case))
    assert found[0][0][:2] == ("open", "activation")
    assert all(one == found[0] for one in found)
    with reading(world.runtimes["followup"].engine) as session:
        assert session.scalar(select(func.count()).select_from(tables.kept)) == 0
        assert session.scalar(select(func.count()).select_from(tables.dead_letter)) == 0


def open_without_a_next_action(world: World) -> list[Any]:
    """Written on its own: what is open and has no open duty."""
    from jobtrappen_followup.model import Course, Duty, Placement

    with reading(world.runtimes["followup"].engine) as session:
        duties = [d for d in session.scalars(select(Duty)) if d.done_on is None and d.dropped_on is None]
        courses = [c.id for c in session.scalars(select(Course)) if c.status == "open" and not any(d.case_id == c.id for d in duties)]
        placements = [p.id for p in session.scalars(select(Placement))
                      if p.status in ("planned", "active", "paused") and not any(d.placement_id == p.id for d in duties)]
        return courses + placements


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_nothing_open_is_ever_without_a_next_action_and_date(world: World, seed: int) -> None:  # F-270
    rng, matching, case = Random(seed), Matching(world), a_course(world)
    client, done = world.followup(CONSULTANT), 0
    for turn in range(45):
        placements = client.get("/placements", case_id=case, limit=200).json["items"]
        duties = client.get("/duties", case_id=case, open="true", limit=200).json["items"]
        act = rng.choice(("plan", "act", "act", "act", "done", "done", "done", "contact", "postpone", "return", "accept"))
        answer = None
        if act == "plan":
            matching.conclude(case, weekly_hours=rng.randint(3, 30), measure=rng.choice(("internship", "ordinary_job", "education")))
        elif act == "act" and (open_ := [p for p in placements if p["allowed_actions"]]):
            chosen = rng.choice(open_)
            body = {"start": {"three_party_meeting_on": TODAY}, "absent_first_day": {"rung": "a", "said": "b", "next_action": "c", "next_due": TODAY},
                    "not_started": {"by": "citizen", "reason": "x"}, "pause": {"reason": "x", "expected_on": TODAY}, "resume": {},
                    "end": {"how": rng.choice(("completed", "dismissed", "no_prospect"))}}
            action = rng.choice(chosen["allowed_actions"])
            answer = client.post(f"/placements/{chosen['id']}/{action}", body[action])
        elif act == "done":
            for duty in rng.sample(duties, len(duties)) if rng.random() < 0.6 else duties[:1]:
                milestone = duty["kind"].startswith("milestone")
                answer = client.post(f"/duties/{duty['id']}/done", {"holds": False} if milestone else {})
        elif act == "contact":
            answer = client.post("/contacts", {"case_id": case, "kind": "call", "with": "citizen", "summary": "x",
                                               **({"placement_id": rng.choice(placements)["id"]} if placements else {})})
        elif act == "postpone" and duties:
            answer = client.post(f"/duties/{duties[0]['id']}/postpone", {"due_on": TODAY + timedelta(days=rng.randint(1, 30)), "reason": "x"})
        elif act == "return":
            answer = world.referral(CONSULTANT).post(f"/cases/{case}/return", {"reason": "moved_away", "present_state": "unknown"})
        elif act == "accept" and client.get(f"/courses/{case}").json["status"] == "returned":
            close_referrals(world, case)
            accepted(world, case)
        world.settle()
        done += answer is not None and answer.status < 300
        assert open_without_a_next_action(world) == [], (seed, turn, act)
        course = client.get(f"/courses/{case}").json
        assert course["status"] != "open" or course["next_action"]["due_on"]
    assert done > 8


def close_referrals(world: World, case: str) -> None:
    client = world.referral(CONSULTANT)
    for one in client.get("/referrals", limit=200).json["items"]:
        if one["case_id"] == case and one["status"] == "accepted":
            client.post(f"/referrals/{one['id']}/end_early", {"reason_code": "other", "outcome_code": "not_achieved"})

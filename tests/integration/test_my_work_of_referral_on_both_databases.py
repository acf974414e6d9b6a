# SPDX-License-Identifier: MPL-2.0
"""What somebody must do next is put together by the database, with days out of dates and moments: SQLite and PostgreSQL give the
same lines in the same order and the same pages, with the same days."""
from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.integration.conftest import database_of
from tests.support.stages_referral import a_case
from tests.support.world import CASEWORKER, CONSULTANT, TEAM_LEAD, World, a_world, names_field

SEND = {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def referred(world: World, day: str, action: str = "", **more: Any) -> str:
    """A case with a referral that was sent on a day and perhaps answered. Returns: the case."""
    karen, mehmet = world.referral(CASEWORKER), world.referral(CONSULTANT)
    case = a_case(world, effective_date=day)
    id = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form", "effective_date": day}).id
    if action != "draft":
        assert karen.post(f"/referrals/{id}/send", {**SEND, "effective_date": day}).status == 200
    if action and action != "draft":
        done = mehmet.post(f"/referrals/{id}/{action}", {"effective_date": day, **more})
        assert done.status == 200, done.text
    return case


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_their_days_and_their_pages_are_the_same(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    database = database_of(kind, request, "work", ["referral"])
    if kind == "postgres":  # where a server stands changes no day
        with create_engine(database.format(service="referral")).begin() as connection:
            connection.execute(text("ALTER DATABASE work_referral SET timezone = 'Pacific/Auckland'"))
    with a_world(tmp_path, database=database, services=["referral"]) as world:
        referred(world, "2026-11-02", "draft")
        referred(world, "2026-11-20")
        referred(world, "2026-11-09", "waitlist", expected_date="2026-12-24")
        begins = referred(world, "2026-11-10", "accept", responsible=CONSULTANT, planned_start="2026-11-30")
        referred(world, "2026-11-10", "accept", responsible=TEAM_LEAD, planned_start="2026-11-23")
        referred(world, "2026-11-11", "request_info", question="Hvornår?")
        referred(world, "2026-11-12", "decline", reason_code="no_capacity")
        for moment in ("2026-12-31T23:30:00+00:00", "2027-01-01T10:00:00+01:00", "2026-11-22T22:30:00+01:00"):
            made = world.referral(CONSULTANT).post("/intakes", {"case_id": begins, "scheduled_at": moment, "effective_date": "2026-11-12", "place": "Lokalcenter", "form": "office",
                                                               "participants": [{"kind": "spouse"}]})
            assert made.status == 201, made.text
        karen, mehmet, lone = (world.referral(who) for who in (CASEWORKER, CONSULTANT, TEAM_LEAD))

        def lines(client: Any, **asked: Any) -> list[tuple[str, str]]:
            return [(one["due_on"], one["why"]) for one in client.get("/work", **asked).json["items"]]

        assert lines(karen) == [("2026-11-02", "send_referral"), ("2026-11-11", "answer_question"), ("2026-11-12", "see_outcome")]
        hers = [("2026-11-20", "answer_referral"), ("2026-11-22", "hold_talk"), ("2026-11-30", "start_referral"), ("2026-12-24", "take_from_waiting_list"),
                ("2026-12-31", "hold_talk"), ("2027-01-01", "hold_talk")]
        assert lines(mehmet) == hers
        assert lines(lone) == sorted([*hers, ("2026-11-23", "start_referral")])
        assert [karen.get("/work").json[n] for n in ("total", "late")] == [3, 3] and [mehmet.get("/work").json[n] for n in ("total", "late")] == [6, 2]
        assert lines(mehmet, why="hold_talk") == [line for line in hers if line[1] == "hold_talk"]

        found, after = [], {}
        for _page in range(10):
            page = mehmet.get("/work", limit=2, **after).json
            found += [(one["due_on"], one["why"]) for one in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == hers, "every line once, over the pages"
        assert lines(mehmet, after="2026-11-30_ffffffff-ffff-ffff-ffff-ffffffffffff") == hers[3:]
        bad = mehmet.get("/work", after="2026-02-30_ffffffff-ffff-ffff-ffff-ffffffffffff")
        assert bad.status == 422
        names_field(bad, "after")
        assert all(date.fromisoformat(due) for due, _why in lines(lone))

# SPDX-License-Identifier: MPL-2.0
"""What a service made of others' events before it lost them in a restore, it makes again under the same ids, so that those who
heard of it know it again; and what people do a second time after a restore is not counted as a second thing."""
from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from jobtrappen import plugins, tables
from jobtrappen.backup import backup
from jobtrappen.bus import open_bus
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen.restore import restore
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen_followup.model import Duty, Placement
from jobtrappen_partners.model import HeardStart, Notice
from jobtrappen_referral.model import HeardPlacement
from tests.integration.conftest import database_of
from tests.support.ledger import an_event
from tests.support.stages_followup import Matching, a_course
from tests.support.world import CONSULTANT, TODAY, World, a_world

SERVICES = ("referral", "followup", "partners")


def ids(world: World, service: str, model: Any, case: str) -> list[Any]:
    with reading(world.runtimes[service].engine) as session:
        return list(session.scalars(select(model.id).where(model.case_id == UUID(case)).order_by(model.id)))


def kept(world: World) -> int:
    total = 0
    for runtime in world.runtimes.values():
        with reading(runtime.engine) as session:
            total += session.scalar(select(func.count()).select_from(tables.kept)) or 0
    return total


def start(world: World, placement: str) -> None:
    done = world.followup(CONSULTANT).post(f"/placements/{placement}/start", {"effective_date": TODAY, "three_party_meeting_on": TODAY})
    assert done.status == 200, done.text
    world.settle()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_followup_that_was_restored_plans_the_same_placement_and_its_second_start_is_told_once(
        kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", ",".join(SERVICES))
    database = database_of(kind, request, "restored", SERVICES)
    with a_world(tmp_path, database=database, services=SERVICES) as world:
        case, matching = a_course(world), Matching(world)
        backup(world.runtimes["followup"], tmp_path / "copy")
        placement = matching.placement(case)
        start(world, placement)
        before = {"placements": ids(world, "followup", Placement, case), "told": ids(world, "partners", HeardStart, case) + ids(world, "partners", Notice, case)}
        settings = world.settings
    runtime, bus = Runtime(plugins.services()["followup"], settings), open_bus(settings.bus)
    # By force: what the closed world's connections leave behind may be seen for a moment longer.
    assert restore(runtime, bus, tmp_path / "copy", force=True).forgotten, "the start was said after the backup"
    runtime.close()
    bus.close()
    with a_world(tmp_path, database=database, services=SERVICES) as world:
        assert ids(world, "followup", Placement, case) == []
        world.settle()
        assert ids(world, "followup", Placement, case) == before["placements"]
        start(world, placement)
        assert len(ids(world, "referral", HeardPlacement, case)) == 1
        assert ids(world, "partners", HeardStart, case) + ids(world, "partners", Notice, case) == before["told"]
        assert kept(world) == 0


def test_an_agreement_that_is_concluded_anew_after_a_restore_has_one_placement_with_the_new_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", ",".join(SERVICES))
    with a_world(tmp_path, services=SERVICES) as world:
        case, matching = a_course(world), Matching(world)
        terms = matching.conclude(case)
        matching.say("agreement.concluded", case, **{**terms, "weekly_hours": 20})
        [placement] = world.followup(CONSULTANT).get("/placements", agreement_id=terms["agreement_id"]).json["items"]
        assert (placement["status"], placement["weekly_hours"]) == ("planned", 20)
        assert len([d for d in world.followup(CONSULTANT).get("/duties", case_id=case, open="true").json["items"] if d["kind"] == "plan_start"]) == 1
        start(world, placement["id"])
        duties = len(ids(world, "followup", Duty, case))
        matching.say("agreement.concluded", case, **terms)
        [again] = world.followup(CONSULTANT).get("/placements", agreement_id=terms["agreement_id"]).json["items"]
        assert (again["status"], again["weekly_hours"]) == ("active", 20), "what runs is not changed behind people's backs"
        assert len(ids(world, "followup", Duty, case)) == duties + 1, "somebody is asked to compare"


def test_a_reaction_gives_the_same_ids_again_and_each_row_another_one(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral", "followup"]) as world:
        one, other = (decode(an_event("case.opened", "0192f0c1-7a3b-7c11-9d2e-2b6f0a4c1d57", seq).value) for seq in (1, 2))
        made = {}
        for name, cause in (("one", one), ("again", one), ("other", other)):
            with transaction(world.runtimes["followup"], SYSTEM, cause=cause) as tx:
                made[name] = [tx.new_id() for _ in range(50)]
        with transaction(world.runtimes["referral"], SYSTEM, cause=one) as tx:
            made["elsewhere"] = [tx.new_id() for _ in range(50)]
        with transaction(world.runtimes["referral"], SYSTEM) as tx:
            made["command"] = [tx.new_id() for _ in range(50)]
    assert made["one"] == made["again"] == sorted(made["one"]) and {id.version for id in made["one"]} == {7}
    assert len({id for name, given in made.items() if name != "again" for id in given}) == 200

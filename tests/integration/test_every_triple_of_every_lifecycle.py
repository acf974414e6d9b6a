# SPDX-License-Identifier: MPL-2.0
"""Every (state, action, role) of every lifecycle through the HTTP API, held against the tests' own typed tables.

What is listed succeeds and says its event; everything else is 403 or 409 with the allowed actions and changes nothing;
every required field, left out, is a 422 that names it. F-001: the consultant has no authority's action.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.db import reading
from tests.support import lifecycle_tables as typed
from tests.support.stages import Stage, version_of
from tests.support.stages_all import GUARDED, HIDDEN, STAGES
from tests.support.world import World, a_world, names_field, refused


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("triples")) as made:
        yield made


def _said(world: World, stage: Stage) -> int:
    with reading(world.runtimes[stage.service].engine) as session:
        return session.scalar(select(func.count()).select_from(tables.outbox)) or 0


def _last_event(world: World, stage: Stage, id: str, name: str) -> bool:
    with reading(world.runtimes[stage.service].engine) as session:
        rows = session.scalars(select(tables.outbox.c.payload).where(tables.outbox.c.type == f"jobtrappen.{name}.v1").order_by(tables.outbox.c.id.desc()).limit(5))
        return any(id in payload for payload in rows)


def _on_existing(stage: Stage) -> list[tuple[str, str, str, Any]]:
    return [t for t in typed.triples(stage.table, typed.HUMAN_ROLES) if t[0] is not None and t[1] in stage.bodies]


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_what_a_table_does_not_list_is_refused_with_the_allowed_actions_and_changes_nothing(world: World, stage: Stage) -> None:
    refusals: dict[str, list[tuple[str, str, int]]] = {}
    for state, action, role, expected in _on_existing(stage):
        if expected != "ok":
            refusals.setdefault(state, []).append((action, role, expected))
    assert refusals
    for state, cases in refusals.items():
        id = stage.reach(world, state)
        before, said = version_of(world, stage, id), _said(world, stage)
        for action, role, expected in cases:
            row = next(r for r in stage.table if r.action == action)
            if row.who == {"system"}:
                assert stage.act(world, id, action, role).status in (403, 404, 405), (state, action, role)  # nobody's route
                continue
            answer = stage.act(world, id, action, role)
            if (stage.name, state, role) in HIDDEN:
                refused(answer, 403 if expected == 403 else 404)
                continue
            if role == "partner" and stage.service != "partners":
                assert answer.status in (403, 404), (state, action, role, answer.text)
                continue
            refused(answer, expected)
            assert "allowed" in answer.json, (state, action, role, answer.json)
            hers = {r.action for r in stage.table if state in r.frm and role in r.who}
            assert set(answer.json["allowed"]) <= hers, (state, action, role, answer.json)
        assert version_of(world, stage, id) == before
        assert _said(world, stage) == said


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_what_a_table_lists_succeeds_and_says_its_event(world: World, stage: Stage) -> None:
    done = 0
    for state, action, role, expected in _on_existing(stage):
        if expected != "ok" or (stage.name, state, action, role) in GUARDED:
            continue
        row = next(r for r in stage.table if r.action == action and state in r.frm and role in r.who)
        id = stage.reach(world, state, last_role=role)
        stage.prepare(world, id, action)
        _, version = version_of(world, stage, id)
        answer = stage.act(world, id, action, role)
        assert answer.status == 200, (stage.name, state, action, role, answer.text)
        now, after = version_of(world, stage, id)
        assert after == version + 1
        if row.to not in (typed.SAME, typed.BEFORE):
            assert now == row.to, (state, action, now)
        if row.to == typed.SAME:
            assert now == state
        if row.event:
            assert _last_event(world, stage, id, row.event), (state, action, row.event)
        done += 1
    assert done > 0


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_every_required_field_left_out_is_a_422_that_names_it(world: World, stage: Stage) -> None:
    for row in stage.table:
        if not row.frm or row.who == {"system"} or row.action not in stage.bodies:
            continue
        body = stage.bodies[row.action](world)
        role = sorted(row.who - {"system"})[0]
        id = stage.reach(world, sorted(row.frm)[0], last_role=role)
        before = version_of(world, stage, id)
        for name in row.required:
            answer = stage.act(world, id, row.action, role, {k: v for k, v in body.items() if k != name})
            refused(answer, 422)
            names_field(answer, name)
        assert version_of(world, stage, id) == before


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_only_the_listed_roles_make_one(world: World, stage: Stage) -> None:
    row = next((r for r in stage.table if r.action == stage.creates and not r.frm), None)
    if row is None:  # writing a draft is not an action of the table
        assert stage.make(world, stage.maker).status == 201
        return
    for role in typed.HUMAN_ROLES:
        if row.who == {"system"}:
            continue
        answer = stage.make(world, role) if role != "partner" else stage.make(world, stage.client(world, "partner").token)
        assert (answer.status in (200, 201)) == (role in row.who), (stage.name, role, answer.text)


@pytest.mark.parametrize(("guard", "why"), GUARDED.items(), ids=lambda g: "-".join(map(str, g)) if isinstance(g, tuple) else "")
def test_a_listed_action_whose_condition_does_not_hold_is_refused_in_words(world: World, guard: tuple[str, str, str, str], why: str) -> None:
    name, state, action, role = guard
    stage = next(s for s in STAGES if s.name == name)
    id = stage.reach(world, state)
    answer = stage.act(world, id, action, role)
    assert answer.status in (403, 409, 422), (guard, answer.text)
    assert why in answer.json["detail"], answer.json

# SPDX-License-Identifier: MPL-2.0
"""How the walk through every (state, action, role) brings a thing into a state: valid bodies, and the paths that the
typed tables themselves give. Nothing here reads a service's model to learn what is right.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from jobtrappen.auth import issue_key
from jobtrappen.tx import SYSTEM, transaction
from tests.support import lifecycle_tables as typed
from tests.support.world import BY_ROLE, Answer, World

Body = dict[str, Any]


@dataclass
class Stage:
    """One lifecycle on stage: its typed table, where it lives, how one is made and what its actions take."""

    name: str
    service: str
    path: str
    table: tuple[typed.Row, ...]
    bodies: dict[str, Callable[[World], Body]]
    make: Callable[[World, str], Answer]
    """(world, role) → the answer to making one; the first state is the table's creating row."""
    creates: str
    prepare: Callable[[World, str, str], None] = lambda _world, _id, _action: None
    """Arranges what a row cannot say, before an action on a thing."""
    maker: str = "caseworker"
    """Who writes the draft where no row of the table makes it."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Actions whose path differs from their name."""
    partner_keys: dict[str, str] = field(default_factory=dict)

    def act(self, world: World, id: str, action: str, role: str, body: Body | None = None) -> Answer:
        """Do an action over HTTP."""
        return self.client(world, role).post(f"{self.path}/{id}/{self.renamed.get(action, action)}", self.bodies[action](world) if body is None else body)

    def client(self, world: World, role: str) -> Any:
        who = BY_ROLE.get(role) or self.partner_keys.get("own") or a_partner_key(world, self.service)
        return world.client(self.service, who)

    def reach(self, world: World, state: str, last_role: str | None = None) -> str:
        """A fresh thing in a state, by the shortest path of the typed table. Returns: its id."""
        first = next((row for row in self.table if row.action == self.creates and not row.frm), None)
        start = first.to if first else next(iter(typed.STARTS[self.name]))
        made = self.make(world, sorted(first.who - {"system"} or {"system"})[0] if first else self.maker)
        assert made.status in (200, 201), made.text
        id = made.id
        for row in shortest(self.table, start, state):
            roles = sorted(row.who - {"system"}, key=lambda r: (r != last_role, r))
            self.prepare(world, id, row.action)
            if roles:
                done = self.act(world, id, row.action, roles[0])
                assert done.status == 200, (self.name, row.action, roles[0], done.text)
            else:
                by_system(world, self, id, row.action)
        return id


def shortest(table: tuple[typed.Row, ...], start: str, goal: str) -> list[typed.Row]:
    """The fewest rows that lead from one state to another."""
    queue: deque[tuple[str, list[typed.Row]]] = deque([(start, [])])
    seen = {start}
    while queue:
        state, path = queue.popleft()
        if state == goal:
            return path
        for row in table:
            if state in row.frm and row.to not in (typed.SAME, typed.BEFORE) and row.to not in seen:
                seen.add(row.to)
                queue.append((row.to, [*path, row]))
    raise AssertionError(f"no path from {start} to {goal}")


def by_system(world: World, stage: Stage, id: str, action: str) -> None:
    """A step that only the suite takes."""
    runtime = world.runtimes[stage.service]
    lifecycle = next(one for one in runtime.service.lifecycles if one.name == stage.name)
    model = next(m.class_ for m in _mappers(runtime) if getattr(m.class_, "KIND", "") == stage.name)
    with transaction(runtime, SYSTEM) as tx:
        lifecycle.apply(tx, tx.get(model, UUID(id), lock=True), action, stage.bodies.get(action, lambda _w: {})(world))


def _mappers(runtime: Any) -> Any:
    first = next(r.on for r in runtime.service.api.routes if r.on is not None)
    return first.registry.mappers


def version_of(world: World, stage: Stage, id: str) -> tuple[str, int]:
    """(state, version) straight from the database."""
    from jobtrappen.db import reading

    runtime = world.runtimes[stage.service]
    model = next(m.class_ for m in _mappers(runtime) if getattr(m.class_, "KIND", "") == stage.name)
    with reading(runtime.engine) as session:
        thing = session.get(model, UUID(id))
        return thing.status, thing.version


_keys: dict[tuple[int, str], str] = {}


def a_partner_key(world: World, service: str) -> str:
    """A key of some partner that concerns nothing here."""
    if (id(world), service) not in _keys:
        runtime = world.runtimes[service]
        with transaction(runtime, replace(SYSTEM)) as tx:
            _keys[id(world), service] = issue_key(tx, runtime.signer, "partner", str(uuid4()), ["requests"])[1]
    return _keys[id(world), service]

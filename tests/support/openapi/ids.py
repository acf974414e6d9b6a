# SPDX-License-Identifier: MPL-2.0
"""What a generator cannot know: ids that exist, their present versions, a key that is new, days near today.

Only well-formed parts of a generated request are replaced, by others as well-formed; what the generator broke stays broken.
"""
from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from schemathesis.core.parameters import ParameterLocation as In
from sqlalchemy import select

from jobtrappen.db import reading
from jobtrappen.tx import Actor
from jobtrappen.web.api import Route, seen_by
from tests.support.stages import Stage
from tests.support.world import TODAY, World

CASES = {"referral": "citizen", "matching": "candidate", "followup": "course", "partners": "known_case"}
"""Where each service keeps the cases it knows; the row's id is the case's."""
TABLES = {"contact": "contact", "key": "issued_key", "request": "partner_request"}
REFILLS = 6
"""Fresh things brought into a state for one operation and role, when none is left there."""


class Supply:
    """Feeds the requests of one service, as one role."""

    def __init__(self, world: World, service: str, routes: dict[str, Route], stages: list[Stage], reports: list[str], actor: Actor) -> None:
        self.world, self.service, self.routes, self.stages, self.reports, self.actor = world, service, routes, stages, reports, actor
        self.models = {m.class_.__tablename__: m.class_ for r in routes.values() if r.on for m in r.on.registry.mappers}
        self.random = Random(20261123)
        self.refills: dict[tuple[str, str], int] = {}
        self.keys = 0

    def feed(self, case: Any) -> None:
        """Make the well-formed parts of a request meet the world."""
        name = case.operation.definition.raw.get("operationId", "")
        route = self.routes.get(name)
        if route is None:
            return
        meta = case.meta
        sound = {where: meta is None or not meta.is_negative_at(where) for where in (In.PATH, In.HEADER, In.QUERY, In.BODY)}
        if sound[In.HEADER] and "Idempotency-Key" in case.headers:
            self.keys += 1
            case.headers["Idempotency-Key"] = f"key-{self.actor.role}-{self.keys}"
        if self.actor.role not in route.who:
            return
        if sound[In.PATH] and case.path_parameters:
            case.path_parameters = self._path(route, dict(case.path_parameters))
        if sound[In.HEADER] and "If-Match" in case.headers and route.on and "id" in case.path_parameters:
            version = self._version(route, case.path_parameters["id"])
            if version is not None:
                case.headers["If-Match"] = f'"{version}"'
        if sound[In.QUERY] and case.query:
            case.query = self._values(dict(case.query), route.query.load_fields if route.query else {})
        if sound[In.BODY] and isinstance(case.body, dict) and route.loads is not None:
            case.body = self._values(dict(case.body), route.loads.load_fields)

    def _path(self, route: Route, path: dict[str, Any]) -> dict[str, Any]:
        thing = self._thing(route) if route.on else None
        for name in path:
            if name == "id" and thing is not None:
                path[name] = str(thing.id)
            elif thing is not None and getattr(thing, name, None):
                path[name] = str(getattr(thing, name))
            elif name == "name" and self.reports:
                path[name] = self.random.choice(self.reports)
            elif name.endswith("_id"):
                path[name] = self.an_id(name) or path[name]
        return path

    def _thing(self, route: Route) -> Any:
        """A thing that this role may see, best one on which it may do this now."""
        assert route.on is not None
        with reading(self.world.runtimes[self.service].engine) as session:
            found = [t for t in session.scalars(select(route.on).order_by(route.on.id.desc()).limit(24)) if seen_by(t, self.actor)]  # type: ignore[attr-defined]
        if route.step is None or route.lifecycle is None:
            return self.random.choice(found) if found else None
        ready = [t for t in found if route.step.action in route.lifecycle.allowed(t, self.actor)]
        return self.random.choice(ready) if ready else self._refill(route) or (self.random.choice(found) if found else None)

    def _refill(self, route: Route) -> Any:
        assert route.step is not None and route.lifecycle is not None and route.on is not None
        done = self.refills.get((route.name, self.actor.role), 0)
        stage = next((s for s in self.stages if s.name == route.lifecycle.name), None)
        frm = sorted({s for row in stage.table if row.action == route.step.action and self.actor.role in row.who for s in row.frm}) if stage else []
        if stage is None or not frm or done >= REFILLS:
            return None
        self.refills[route.name, self.actor.role] = done + 1
        try:
            id = stage.reach(self.world, frm[done % len(frm)], last_role=self.actor.role)
        except AssertionError:  # an example has closed the way: the stage's own partner is inactive, say
            return None
        stage.prepare(self.world, id, route.step.action)
        with reading(self.world.runtimes[self.service].engine) as session:
            thing = session.get(route.on, UUID(id))
        return thing if seen_by(thing, self.actor) else None

    def _version(self, route: Route, id: str) -> int | None:
        try:
            known = UUID(id)
        except ValueError:
            return None
        with reading(self.world.runtimes[self.service].engine) as session:
            return getattr(session.get(route.on, known), "version", None)  # type: ignore[arg-type]

    def an_id(self, name: str) -> str | None:
        """The id of something that a field of this name may mean."""
        word = name.removesuffix("_id").removeprefix("other_")
        table = CASES[self.service] if word == "case" else TABLES.get(word, word)
        if table not in self.models:
            return None
        model = self.models[table]
        with reading(self.world.runtimes[self.service].engine) as session:
            found = session.scalars(select(model).order_by(model.id.desc()).limit(24)).all()
        return str(self.random.choice(found).id) if found else None

    def _values(self, values: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        for name in list(values):
            kind = type(fields[name]).__name__ if name in fields else ""
            lucky = self.random.random() < 0.7
            if kind == "Uuid" and lucky and name.endswith("_id"):
                values[name] = self.an_id(name) or values[name]
            elif kind == "Day" and lucky:
                values[name] = self._day(name)
            elif kind == "Moment" and lucky:
                values[name] = f"{TODAY + timedelta(days=self.random.randrange(1, 60))}T0{self.random.randrange(1, 9)}:30:00+01:00"
            elif name == "ids":
                values[name] = ",".join(filter(None, (self.an_id("case_id"), self.an_id("case_id"))))
        return values

    def _day(self, name: str) -> str:
        if name in ("effective_date", "decided_on", "as_of") or name.endswith("yes_on"):
            return str(TODAY - timedelta(days=self.random.choice((0, 0, 0, 1, 20))))
        return str(TODAY + timedelta(days=self.random.choice((-400, -20, 0, 1, 9, 30, 90))))

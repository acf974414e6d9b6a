# SPDX-License-Identifier: MPL-2.0
"""Schemas and reads that every service's API has in common."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import Schema, fields
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.tx import Tx
from jobtrappen.web.fields import Command, Loads, Text, Uuid, Whole

T = tables.transition.c


class Empty(Command):
    """A command that needs nothing but (perhaps) its effective date."""


class Paging(Loads):
    status = Text(max=20, pattern="^[a-z_]+$")
    after = Uuid(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class Pages(Loads):
    """Of a list of what has no states."""

    after = Uuid(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class Thing(Schema):
    """What every aggregate shows."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True)
    effective_date = fields.Date()
    case_id = fields.UUID()
    allowed_actions = fields.List(fields.String())


class Transition(Schema):
    action = fields.String()
    lifecycle = fields.String()
    from_state = fields.String(allow_none=True)
    to_state = fields.String()
    effective_date = fields.Date()
    recorded_at = fields.DateTime()
    role = fields.String()
    unit = fields.String()


class Work(Schema):
    """Something that its reader must do next: why, on which thing, by when."""

    why = fields.String(required=True)
    resource = fields.String(required=True)
    id = fields.UUID(required=True)
    case_id = fields.UUID(allow_none=True)
    due_on = fields.Date(required=True, allow_none=True)
    name = fields.String(allow_none=True)


class Happened(Schema):
    """A line of a case's timeline: what, in which service, when and who. `what` is a lifecycle's action or an event's name; `by` a
    log-in of this service's own staff; `about` the one code or number that belongs to it."""

    service = fields.String(required=True)
    what = fields.String(required=True)
    resource = fields.String(allow_none=True)
    thing_id = fields.UUID(allow_none=True)
    about = fields.String(allow_none=True)
    role = fields.String(allow_none=True)
    unit = fields.String(allow_none=True)
    by = fields.String(allow_none=True)
    effective_date = fields.Date(required=True)
    recorded_at = fields.DateTime(allow_none=True)


class ThingOfCase(Schema):
    """A thing of a case as a list shows it."""

    resource = fields.String(required=True)
    id = fields.UUID(required=True)
    status = fields.String(allow_none=True)
    effective_date = fields.Date()
    case_id = fields.UUID()


EMPTY, PAGING, PAGES, TRANSITION, WORK, THING_OF_CASE, HAPPENED = Empty(), Paging(), Pages(), Transition(), Work(), ThingOfCase(), Happened()


def page(tx: Tx, model: Any, arguments: dict[str, Any], *conditions: Any, **by: Any) -> dict[str, Any]:
    """One page in id order: {items, next, total}. What the conditions hide is not counted either."""
    query = select(model).where(*conditions).filter_by(**by)
    if arguments.get("status"):
        query = query.where(model.status == arguments["status"])
    total = tx.session.scalar(select(func.count()).select_from(query.subquery()))
    if arguments.get("after"):
        query = query.where(model.id > arguments["after"])
    items = list(tx.session.scalars(query.order_by(model.id).limit(arguments["limit"])))
    return {"items": items, "total": total, "next": str(items[-1].id) if len(items) == arguments["limit"] else None}


def history(tx: Tx, case_id: UUID) -> list[Any]:
    """Every transition of a case in this service, in the order of recording."""
    return list(tx.session.execute(select(tables.transition).where(T.case_id == case_id).order_by(T.id)))

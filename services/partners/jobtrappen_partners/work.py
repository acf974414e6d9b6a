# SPDX-License-Identifier: MPL-2.0
"""What somebody must do next in this service, by date: one question for each reason, put together and paged by the database.

A request is the work of the unit that wrote it. What the suite asked by itself is the partner coordinator's, and so is every
partner that keeps somebody waiting.
"""
from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Date, String, Uuid, and_, case, cast, exists, func, literal, or_, select, type_coerce, union_all
from sqlalchemy.sql import Select

from jobtrappen import tables
from jobtrappen.roles import COORDINATOR, SYSTEM
from jobtrappen.tx import Tx
from jobtrappen_partners import queries
from jobtrappen_partners.model import Cooperation, Notice, Partner, PartnerRequest

R = PartnerRequest
T = tables.transition.c
UNDATED = date(2099, 12, 31)
"""Where in the order stands what has no date: last."""


def _row(why: Any, resource: str, id: Any, due: Any, *, of: Any = None, request_type: Any = None, partner: Any = None) -> Select[Any]:
    nothing = cast(None, Uuid)
    return select(
        (literal(why) if isinstance(why, str) else why).label("why"), literal(resource).label("resource"), id.label("id"), (nothing if of is None else of).label("case_id"),
        type_coerce(due, Date).label("due_on"), (cast(None, String) if request_type is None else request_type).label("request_type"),
        (nothing if partner is None else partner).label("partner_id"))


def _request(whys: dict[str, tuple[str, Any]]) -> Select[Any]:
    """Requests in any of these states, each with its reason and its day: one walk through the table for all of them."""
    why, due = (case({state: given[n] for state, given in whys.items()}, value=R.status) for n in (0, 1))
    return _row(why, "partner_request", R.id, due, of=R.case_id, request_type=R.request_type, partner=R.partner_id).where(R.status.in_(whys))


OURS = {"draft": ("send_request", R.effective_date), "needs_info": ("answer_partner", R.effective_date), "offered": ("answer_offer", R.valid_until),
        "delivered": ("confirm_delivery", R.delivered_on)}
THEIRS = {**dict.fromkeys(("requested", "acknowledged"), ("answer_request", R.due_on)), "waitlisted": ("offer_place", R.expected_date), "agreed": ("begin_delivery", R.wanted_on),
          "in_delivery": ("deliver_answer", R.wanted_on), "disputed": ("mend_delivery", R.wanted_on)}
LATE = {**dict.fromkeys(("requested", "acknowledged"), ("chase_partner", R.due_on)), "waitlisted": ("chase_place", R.expected_date)}


def _staff(tx: Tx) -> list[Select[Any]]:
    coordinator = tx.actor.role == COORDINATOR
    written = [T.unit == tx.actor.unit, *([T.role == SYSTEM] if coordinator else [])]
    hers = exists().where(T.subject_id == R.id, T.version == 1, T.action == "draft", or_(*written))  # as the table's one key finds it
    late = _request(LATE).where(or_(and_(R.status == "waitlisted", R.expected_date < tx.today), and_(R.status != "waitlisted", R.due_on < tx.today)))
    return [_request(OURS).where(hers), late if coordinator else late.where(hers), *(_coordinator(tx) if coordinator else [])]


def _coordinator(tx: Tx) -> list[Select[Any]]:
    agreed = exists().where(Cooperation.partner_id == Partner.id)
    review = _row("review_cooperation", "cooperation", Cooperation.id, Cooperation.review_on, partner=Cooperation.partner_id)
    return [
        _row("assign_notice", "notice", Notice.id, Notice.scheduled_on, of=Notice.case_id, request_type=Notice.kind).where(Notice.status == "unassigned"),
        _row("make_cooperation", "partner", Partner.id, Partner.registered_on, partner=Partner.id).where(Partner.status == "active", ~agreed),
        review.where(Cooperation.review_on < tx.today, exists().where(Partner.id == Cooperation.partner_id, Partner.status == "active")),
    ]


def _partner(tx: Tx) -> list[Select[Any]]:
    return [_request(THEIRS).where(R.partner_id == UUID(tx.actor.partner_id), R.asked)]


def of_staff(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """One page of what the actor's role and unit must do, the oldest date first: {items, next, total, late}."""
    return _listing(tx, _staff(tx), arguments)


def of_partner(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same for the partner whose key calls; she is told whom it is about where her agreement shows that."""
    return _listing(tx, _partner(tx), arguments)


def _listing(tx: Tx, questions: list[Select[Any]], arguments: dict[str, Any]) -> dict[str, Any]:
    whole = union_all(*questions).subquery() if len(questions) > 1 else questions[0].subquery()
    c, place = whole.c, func.coalesce(whole.c.due_on, literal(UNDATED, Date))
    found = [c.why == arguments["why"]] if arguments.get("why") else []
    total, late = tx.session.execute(select(func.count(), func.count().filter(c.due_on < tx.today)).select_from(whole).where(*found)).one()
    if arguments.get("after"):
        day, id = arguments["after"].place
        found.append(or_(place > day, and_(place == day, c.id > id)))
    rows = tx.session.execute(select(whole).where(*found).order_by(place, c.id).limit(arguments["limit"])).all()
    following = f"{rows[-1].due_on or UNDATED}_{rows[-1].id}" if len(rows) == arguments["limit"] else None
    return {"items": _named(tx, rows), "total": total, "late": late, "next": following}


def _named(tx: Tx, rows: Any) -> list[dict[str, Any]]:
    people = queries.persons(tx, {row.case_id for row in rows if row.case_id})
    partners = queries.partner_names(tx, {row.partner_id for row in rows if row.partner_id})
    shown = _may_know(tx, rows)
    return [{"why": r.why, "resource": r.resource, "id": r.id, "case_id": r.case_id, "due_on": r.due_on, "request_type": r.request_type,
             "name": people.get(r.case_id) if r.id in shown else None, "partner": partners.get(r.partner_id)} for r in rows]


def _may_know(tx: Tx, rows: Any) -> set[UUID]:
    """The rows whose person the reader may know: a partner where its kind and its agreement, or her consent, show her."""
    if tx.actor.kind != "partner":
        return {row.id for row in rows}
    requests = tx.session.scalars(select(R).where(R.id.in_([row.id for row in rows])))
    return {request.id for request in requests if "person" in request.shows}

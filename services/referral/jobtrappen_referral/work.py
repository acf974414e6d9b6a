# SPDX-License-Identifier: MPL-2.0
"""What somebody must do next in this service, by date: one question for each reason, put together and paged by the database."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Date, Uuid, and_, cast, exists, func, literal, null, or_, select, type_coerce, union_all
from sqlalchemy.sql import Select

from jobtrappen.roles import CW, JC
from jobtrappen.tx import Tx
from jobtrappen_referral import persons, queries
from jobtrappen_referral.model import Assessment, Citizen, Intake, ListRow, Referral, ReferralList, Refusal

R = Referral
CLOSED = ("completed", "ended_early", "declined", "expired", "rerouted")
"""How a referral ends; its sender then says that she has seen it."""


def _row(why: str, resource: str, model: Any, due: Any, case: Any = None) -> Select[Any]:
    return select(literal(why).label("why"), literal(resource).label("resource"), model.id.label("id"), (model.case_id if case is None else case).label("case_id"),
                  type_coerce(due, Date).label("due_on"))  # a CAST would make SQLite count with the year


def _caseworker(tx: Tx) -> list[Select[Any]]:
    mine = R.from_unit == tx.actor.unit
    rows = select(literal("screen_row").label("why"), literal("referral_list").label("resource"), ReferralList.id.label("id"),
                  cast(null(), Uuid).label("case_id"), ReferralList.uploaded_on.label("due_on"))
    return [
        _row("send_referral", "referral", R, R.effective_date).where(mine, R.status == "draft"),
        _row("answer_question", "referral", R, R.effective_date).where(mine, R.status == "needs_info"),
        _row("see_outcome", "referral", R, R.effective_date).where(mine, R.status.in_(CLOSED), R.loop_closed_on.is_(None)),
        _row("acknowledge_refusal", "refusal", Refusal, Refusal.effective_date).where(Refusal.status == "refused"),
        rows.where(ReferralList.unit == tx.actor.unit, exists().where(ListRow.list_id == ReferralList.id, ListRow.decision.is_(None))),
    ]


def _consultant(tx: Tx) -> list[Select[Any]]:
    mine = R.target_unit == tx.actor.unit
    assessed = exists().where(Assessment.case_id == R.case_id, Assessment.effective_date >= R.effective_date)
    hers = or_(R.responsible == tx.actor.id, R.responsible.is_(None), literal(tx.actor.role == "team_lead"))
    booked = exists().where(R.case_id == Intake.case_id, mine)
    return [
        _row("answer_referral", "referral", R, R.effective_date).where(mine, R.status == "sent"),
        _row("take_from_waiting_list", "referral", R, func.coalesce(R.expected_date, R.effective_date)).where(mine, R.status == "waitlisted"),
        _row("start_referral", "referral", R, func.coalesce(R.planned_start, R.effective_date)).where(mine, hers, R.status == "accepted"),
        _row("resume_referral", "referral", R, func.coalesce(R.resume_date, R.effective_date)).where(mine, hers, R.status == "on_hold"),
        _row("hold_talk", "intake", Intake, func.date(Intake.scheduled_at)).where(Intake.status == "booked", booked),
        _row("assess", "referral", R, func.coalesce(R.planned_start, R.effective_date)).where(mine, hers, R.status == "started", ~assessed, exists().where(Citizen.id == R.case_id, Citizen.start_step.is_(None))),
        _row("confirm_assessment", "assessment", Assessment, Assessment.effective_date).where(
            Assessment.status == "proposed", exists().where(R.case_id == Assessment.case_id, mine)),
    ]


def listing(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """One page of what the actor's role and unit must do, the oldest date first: {items, next, total, late}."""
    ask: Callable[[Tx], list[Select[Any]]] | None = _caseworker if tx.actor.role in CW else _consultant if tx.actor.role in JC else None
    if ask is None:
        return {"items": [], "next": None, "total": 0, "late": 0}
    whole = union_all(*ask(tx)).subquery()
    c = whole.c
    found = [c.why == arguments["why"]] if arguments.get("why") else []
    total, late = tx.session.execute(select(func.count(), func.count().filter(c.due_on < tx.today)).select_from(whole).where(*found)).one()
    if arguments.get("after"):
        day, id = arguments["after"].place
        found.append(or_(c.due_on > day, and_(c.due_on == day, c.id > id)))
    rows = tx.session.execute(select(whole).where(*found).order_by(c.due_on, c.id).limit(arguments["limit"])).all()
    return {"items": _named(tx, rows), "total": total, "late": late, "next": f"{rows[-1].due_on}_{rows[-1].id}" if len(rows) == arguments["limit"] else None}


def _named(tx: Tx, rows: Any) -> list[dict[str, Any]]:
    ids = {row.case_id for row in rows if row.case_id}
    citizens = tx.session.scalars(select(Citizen).where(Citizen.id.in_(ids))).all() if ids else []
    names = {one.id: name_of(one) for one in queries.listed_cases(tx, list(citizens))}
    return [{"why": r.why, "resource": r.resource, "id": r.id, "case_id": r.case_id, "due_on": r.due_on, "name": names.get(r.case_id)} for r in rows]


def name_of(citizen: Citizen) -> str | None:
    """As a list may show it; nothing of a protected person or another unit's."""
    return persons.name_of(citizen.person) or None  # type: ignore[attr-defined]

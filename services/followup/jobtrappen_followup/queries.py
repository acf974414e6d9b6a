# SPDX-License-Identifier: MPL-2.0
"""Reads."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Subquery, and_, case, exists, func, or_, select, tuple_

from jobtrappen import heard, people, tables
from jobtrappen.errors import not_yet
from jobtrappen.roles import JC
from jobtrappen.tx import Tx
from jobtrappen.web.common import history, page
from jobtrappen_followup import duties, limits
from jobtrappen_followup.model import HEARD, RUNNING, Contact, Course, Duty, Extension, Placement
from jobtrappen_followup.staircase import LADDER, Change, Stay, path

T = tables.transition.c
Named = TypeVar("Named")
OPEN = and_(Duty.done_on.is_(None), Duty.dropped_on.is_(None))


def course_of(tx: Tx, case_id: UUID) -> Course:
    """The course of a case.

    Raises:
        NotYet: no accepted referral of it has been heard of.
    """
    course: Course = tx.session.get(Course, case_id) or not_yet("course")
    with_next([named(tx, course)], tx)
    course.phone = people.copy_of(tx.session, tx.runtime, case_id).get("phone") if course.name_is == "known" else None  # type: ignore[attr-defined]
    return course


def courses(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """A page of courses with names and next actions."""
    by = {"step": arguments["step"]} if arguments.get("step") else {}
    found = page(tx, Course, arguments, **by)
    return {**found, "items": with_next(named_all(tx, found["items"]), tx)}


def placements(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """A page of placements; of one case or agreement, if asked."""
    if arguments.get("case_id") and tx.session.get(Course, arguments["case_id"]) is None:
        not_yet("course")
    found = page(tx, Placement, arguments, **{name: arguments[name] for name in ("case_id", "agreement_id") if arguments.get(name)})
    return {**found, "items": named_all(tx, found["items"])}


def named(tx: Tx, thing: Named) -> Named:
    """The thing with the person's name from the local copy; none while there is no copy, or when it is protected."""
    return named_all(tx, [thing])[0]


def named_all(tx: Tx, things: Sequence[Named]) -> list[Named]:
    """Things of cases with their persons' names, asked for at once; `name_is` says why a name is not there."""
    known = people.copies_of(tx.session, tx.runtime, {thing.case_id for thing in things})  # type: ignore[attr-defined]
    for thing in things:
        person = known.get(thing.case_id, {})  # type: ignore[attr-defined]
        thing.name_is = "not_here" if not person else "protected" if person.get("protected", True) else "known"  # type: ignore[attr-defined]
        given = f"{person.get('given_name', '')} {person.get('family_name', '')}".strip()
        thing.name = given if thing.name_is == "known" else None  # type: ignore[attr-defined]
    return list(things)


def whole_placement(tx: Tx, placement: Placement) -> Placement:
    """With the person's name, and with the step from which its start would go up by a three-party meeting."""
    placement.meeting_needed_from = None  # type: ignore[attr-defined]
    if placement.status == "planned":
        course = tx.session.get(Course, placement.case_id)
        others = [p for p in tx.all(Placement, case_id=placement.case_id) if p.id != placement.id]
        placement.meeting_needed_from = limits.climbs_from(  # type: ignore[attr-defined]
            placement.measure, tx.today, others, course.effective_date if course else None)
    return named(tx, placement)


def with_next(found: list[Course], tx: Tx) -> list[Course]:
    """Courses with their next open duty."""
    place = func.row_number().over(partition_by=Duty.case_id, order_by=(Duty.due_on, Duty.id)).label("place")
    ranked = select(Duty.id, Duty.case_id, Duty.kind, Duty.due_on, place).where(OPEN, Duty.case_id.in_([c.id for c in found])).subquery()
    first = {row.case_id: row for row in tx.session.execute(select(ranked).where(ranked.c.place == 1))}
    for course in found:
        duty = first.get(course.id)
        course.next_action = {"duty_id": str(duty.id), "kind": duty.kind, "due_on": duty.due_on.isoformat()} if duty else None  # type: ignore[attr-defined]
    return found


def worklist(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Duties by their date. What is open and due by yesterday is overdue: nothing has to tick for that."""
    query = select(Duty)
    for name in ("case_id", "placement_id", "kind"):
        if arguments.get(name):
            query = query.where(getattr(Duty, name) == arguments[name])
    if arguments.get("whose") == "mine":
        query = query.where(_hers(tx))
    if arguments.get("due_from"):
        query = query.where(Duty.due_on >= arguments["due_from"])
    if arguments.get("due_by"):
        query = query.where(Duty.due_on <= arguments["due_by"])
    if arguments.get("open") is not None:
        query = query.where(OPEN if arguments["open"] else ~OPEN)
    total = tx.session.scalar(select(func.count()).select_from(query.subquery()))
    last = tx.session.get(Duty, arguments["after"]) if arguments.get("after") else None
    if last is not None:
        query = query.where(tuple_(Duty.due_on, Duty.id) > tuple_(last.due_on, last.id))
    items = list(tx.session.scalars(query.order_by(Duty.due_on, Duty.id).limit(arguments["limit"])))
    return {"items": whole_duties(tx, items), "total": total, "next": str(items[-1].id) if len(items) == arguments["limit"] else None}


def _hers(tx: Tx) -> Any:
    """Of courses that the actor answers for; what nobody answers for yet is everybody's."""
    return exists().where(Course.id == Duty.case_id, or_(Course.responsible == tx.actor.id, Course.responsible.is_(None)))


def due(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """How much is open, by when it is due; a week ends on its Sunday."""
    week_ends = tx.today + timedelta(days=6 - tx.today.weekday())
    by = (Duty.due_on < tx.today, Duty.due_on == tx.today, and_(Duty.due_on > tx.today, Duty.due_on <= week_ends), Duty.due_on > week_ends)
    query = select(*(func.count().filter(one) for one in by)).select_from(Duty).where(OPEN)
    if arguments.get("kind"):
        query = query.where(Duty.kind == arguments["kind"])
    if arguments.get("whose") == "mine":
        query = query.where(_hers(tx))
    counts = zip(("overdue", "today", "this_week", "later"), tx.session.execute(query).one(), strict=True)
    return {**dict(counts), "day": tx.today, "week_ends": week_ends}


def whole_duties(tx: Tx, found: list[Duty]) -> list[Duty]:
    """Duties with names, notes, and the measures of their placements."""
    ids = {duty.placement_id for duty in found if duty.placement_id}
    measures = {row.id: row.measure for row in tx.session.execute(select(Placement.id, Placement.measure).where(Placement.id.in_(ids)))}
    answers = dict(tx.session.execute(select(Course.id, Course.responsible).where(Course.id.in_({duty.case_id for duty in found}))).all())  # type: ignore[arg-type]
    for duty in found:
        duty.responsible = answers.get(duty.case_id)  # type: ignore[attr-defined]
        duty.measure = measures.get(duty.placement_id) if duty.placement_id else None  # type: ignore[attr-defined]
        with_notes(tx, duty)
    return named_all(tx, found)


def with_notes(tx: Tx, duty: Duty) -> Duty:
    duty.notes = duties.notes(tx, duty)  # type: ignore[attr-defined]
    return duty


def contacts(tx: Tx, case_id: UUID) -> list[Contact]:
    return [with_summary(tx, c) for c in tx.all(Contact, case_id=case_id)]


def timeline(tx: Tx, case_id: UUID) -> list[dict[str, Any]]:
    """What has happened in a case, here and as other services told. Contacts and milestones are read by those who work with them."""
    more: list[dict[str, Any]] = []
    if tx.actor.role in JC:
        more = [{"what": "contact.held", "about": c.kind, "by": c.by, "effective_date": c.held_on, "thing_id": c.id} for c in tx.all(Contact, case_id=case_id)]
        reached = select(Duty).where(Duty.case_id == case_id, Duty.kind.in_(list(duties.MILESTONES)), Duty.done_on.is_not(None))
        more += [{"what": "milestone.seen", "about": str(duties.MILESTONES[d.kind]), "resource": "duty", "thing_id": d.id, "effective_date": d.done_on} for d in tx.session.scalars(reached)]
    return heard.timeline(tx, HEARD, case_id, history(tx, case_id), more)


def with_summary(tx: Tx, contact: Contact) -> Contact:
    sealed = contact.summary_sealed
    contact.summary = tx.runtime.vault.open_document(sealed, "contact")["summary"] if sealed else None  # type: ignore[attr-defined]
    return contact


def stays(tx: Tx, course: Course) -> list[Stay]:
    """The whole way of a case on the staircase, from what was recorded."""
    rows = tx.session.execute(select(T.lifecycle, T.subject_id, T.to_state, T.effective_date).where(T.case_id == course.id).order_by(T.effective_date, T.id))
    measures = {p.id: p.measure for p in tx.all(Placement, case_id=course.id)}
    changes = [Change(r.effective_date, r.lifecycle, str(r.subject_id), r.to_state, measures.get(r.subject_id, "")) for r in rows]
    for duty in tx.all(Duty, case_id=course.id, kind="clarify_with_caseworker"):
        over = duty.done_on or duty.dropped_on
        changes += [Change(duty.opened_on, "duty", str(duty.id), "open")] + ([Change(over, "duty", str(duty.id), "over")] if over else [])
    return path(sorted(changes, key=lambda c: c.day), course.track)


def latest(lifecycle: str, as_of: date) -> Subquery:
    """(subject_id, case_id, to_state, reason_code) of everything in a lifecycle at the end of a day, by its latest transition."""
    place = func.row_number().over(partition_by=T.subject_id, order_by=(T.effective_date.desc(), T.id.desc())).label("place")
    ranked = select(T.subject_id, T.case_id, T.to_state, T.reason_code, place).where(T.lifecycle == lifecycle, T.effective_date <= as_of).subquery()
    return select(ranked.c.subject_id, ranked.c.case_id, ranked.c.to_state, ranked.c.reason_code).where(ranked.c.place == 1).subquery()


def standing(tx: Tx, as_of: date) -> list[Any]:
    """Where everybody stands at the end of a day: rows (case_id, track, state, return_class, measure, extended).

    `measure` is that of the highest placement that runs, None when none does; `extended` is whether a decision on or
    before the day extended it. Cases whose first acceptance was taken back are not among them.
    """
    course, now, running = latest("course", as_of), latest("placement", as_of), Placement
    height = case((and_(Course.track == "youth", running.measure == "leisure_job"), -1), *((running.measure == m, n) for n, m in enumerate(LADDER)))
    extended = exists().where(Extension.placement_id == running.id, Extension.decided_on <= as_of).label("extended")
    place = func.row_number().over(partition_by=running.case_id, order_by=(height, running.started_on, running.id)).label("place")
    tops = (select(running.case_id, running.measure, extended, place).join(now, now.c.subject_id == running.id)
            .join(Course, Course.id == running.case_id).where(now.c.to_state.in_(RUNNING)).subquery())
    query = (select(Course.id.label("case_id"), Course.track, course.c.to_state.label("state"), course.c.reason_code.label("return_class"),
                    tops.c.measure, tops.c.extended)
             .join(course, course.c.subject_id == Course.id).outerjoin(tops, and_(tops.c.case_id == Course.id, tops.c.place == 1))
             .where(course.c.to_state.in_(("open", "returned"))))
    return list(tx.session.execute(query))


def had(tx: Tx, measures: Iterable[str], as_of: date) -> dict[str, set[UUID]]:
    """{measure: the cases that started one on or before the day}."""
    rows = tx.session.execute(
        select(Placement.measure, T.case_id).join(tables.transition, T.subject_id == Placement.id)
        .where(T.lifecycle == "placement", T.action == "start", T.effective_date <= as_of, Placement.measure.in_(list(measures))).distinct())
    found: dict[str, set[UUID]] = {measure: set() for measure in measures}
    for row in rows:
        found[row.measure].add(row.case_id)
    return found

# SPDX-License-Identifier: MPL-2.0
"""One function for each thing a user can do; what a lifecycle's step does beside changing state stands in effects.py."""
from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from jobtrappen.errors import Conflict, Invalid, not_yet
from jobtrappen.lifecycle import check_date
from jobtrappen.tx import Tx
from jobtrappen_followup import duties, events
from jobtrappen_followup.effects import follow, locked_course
from jobtrappen_followup.model import Contact, Course, Duty, Placement


def log_contact(tx: Tx, command: dict[str, Any]) -> Contact:
    """Write down a contact that was had; what the plan asked for until that day is done by it (F-131).

    Raises:
        NotYet: no course of this case is known.
        Invalid: a date in the future, or a placement or duty of another case.
    """
    course, day = _course_of(tx, command["case_id"]), _day(tx, command)
    placement_id = _placement_id(tx, course, command)
    if bool(command.get("next_action")) != bool(command.get("next_due")):
        raise Invalid("next_due" if command.get("next_action") else "next_action", "is needed: a next action has words and a date")
    contact = tx.add(Contact(id=tx.new_id(), case_id=course.id, placement_id=placement_id, version=1, kind=command["kind"],
                             with_whom=command["with_whom"], held_on=day, by=tx.actor.id,
                             summary_sealed=tx.runtime.vault.seal_document({"summary": command["summary"]}, "contact")))
    duties.finish(_answered(tx, course, placement_id, command.get("duty_id"), day), day, contact)
    if command.get("next_due"):
        _not_before(command["next_due"], day, "next_due")
        duties.add(tx, course.id, "next_action", command["next_due"], day, placement_id, command["next_action"])
    follow(tx, course.id, day)
    tx.audit("contact.logged", "contact", contact.id, course.id)
    return contact


def _answered(tx: Tx, course: Course, placement_id: UUID | None, duty_id: UUID | None, day: date) -> list[Duty]:
    """The duties that a contact does: the one named, or else all contacts that were due by its day."""
    if duty_id is not None:
        duty = tx.session.get(Duty, duty_id, with_for_update=True)
        if duty is None or duty.case_id != course.id:
            raise Invalid("duty_id", "is no duty of this case")
        duties.require_open(duty)
        if duty.kind in duties.MILESTONES:
            raise Invalid("duty_id", f"is a milestone; answer it at /duties/{duty.id}/done with holds")
        return [duty]
    due = [d for d in duties.open_of(tx, course.id, kinds=duties.CONTACTS) if d.due_on <= day]
    return [d for d in due if d.placement_id in (None, placement_id)]


def make_duty(tx: Tx, command: dict[str, Any]) -> Duty:
    """Something to be done by a day, or a question to the caseworker about the work ability (F-145)."""
    course, day = _course_of(tx, command["case_id"]), _day(tx, command)
    _not_before(command["due_on"], day, "due_on")
    if course.status != "open" and not command.get("placement_id"):
        raise Conflict(f"This course is {course.status}; nothing new is due.", state=course.status, allowed=[])
    duty = duties.add(tx, course.id, command["kind"], command["due_on"], day, _placement_id(tx, course, command), command.get("text", ""))
    follow(tx, course.id, day)
    tx.audit("duty.made", "duty", duty.id, course.id)
    return duty


def duty_done(tx: Tx, duty: Duty, command: dict[str, Any]) -> Duty:
    """It is done. A milestone says whether the placement still holds; if it does, that is an event (F-153)."""
    duties.require_open(duty)
    day = _day(tx, command)
    if day < duty.opened_on:
        raise Invalid("effective_date", f"lies before the day on which this duty arose ({duty.opened_on}). Give that date or a later one.")
    if duty.kind in duties.MILESTONES:
        _milestone(tx, duty, command, day)
    if command.get("note"):
        duties.add_note(tx, duty, {"done": command["note"]})
    duties.finish([duty], day)
    follow(tx, duty.case_id, day)
    tx.audit("duty.done", "duty", duty.id, duty.case_id)
    return duty


def _milestone(tx: Tx, duty: Duty, command: dict[str, Any], day: date) -> None:
    """An end before a milestone that was reached would contradict it, so the placement's date moves up to it."""
    if command.get("holds") is None:
        raise Invalid("holds", "is needed: does the placement still hold on the day of the milestone?")
    if not command["holds"]:
        return
    if day < duty.due_on:
        raise Invalid("effective_date", f"lies before the milestone ({duty.due_on}). Nobody knows yet; ask on that day.")
    placement = tx.get(Placement, duty.placement_id, lock=True)  # type: ignore[arg-type]
    placement.effective_date = max(placement.effective_date, duty.due_on)
    placement.version += 1
    events.milestone_reached(tx, placement, duties.MILESTONES[duty.kind], day)


def take_over(tx: Tx, course: Course, command: dict[str, Any]) -> Course:
    """Another consultant answers for the course from now on; its duties stand on her list."""
    course.responsible, course.version = command["responsible"], course.version + 1
    tx.audit("course.responsible", "course", course.id, course.id)
    return course


def postpone(tx: Tx, duty: Duty, command: dict[str, Any]) -> Duty:
    """Later, with the reason; the day for which it was planned stays to be seen."""
    duties.require_open(duty)
    if duty.kind in duties.MILESTONES:
        raise Conflict("A milestone is a date; it cannot be moved.", state="open", allowed=["done"])
    if command["due_on"] <= duty.due_on:
        raise Invalid("due_on", f"is not later than {duty.due_on}")
    duties.add_note(tx, duty, {"postponed_from": duty.due_on.isoformat(), "reason": command["reason"]})
    duty.due_on, duty.version = command["due_on"], duty.version + 1
    tx.audit("duty.postponed", "duty", duty.id, duty.case_id)
    return duty


def _course_of(tx: Tx, case_id: UUID) -> Course:
    return locked_course(tx, case_id) or not_yet("course")


def _day(tx: Tx, command: dict[str, Any]) -> date:
    day: date = command.get("effective_date") or tx.today
    check_date(tx, day, None)
    return day


def _not_before(due: date, day: date, field: str) -> None:
    if due < day:
        raise Invalid(field, f"lies before {day}. Give that date or a later one.")


def _placement_id(tx: Tx, course: Course, command: dict[str, Any]) -> UUID | None:
    id = command.get("placement_id")
    if id is not None:
        placement = tx.session.get(Placement, id)
        if placement is None or placement.case_id != course.id:
            raise Invalid("placement_id", "is no placement of this case")
    return id

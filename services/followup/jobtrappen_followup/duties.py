# SPDX-License-Identifier: MPL-2.0
"""Duties: what is due when. Nothing open is ever without one (F-270)."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from jobtrappen.errors import Conflict
from jobtrappen.tx import Tx
from jobtrappen_followup.model import OPEN_PLACEMENT, Contact, Course, Duty, Placement

CONTACTS = ("first_contact", "first_day_call", "contact")
MILESTONES = {f"milestone_{weeks}": weeks for weeks in (4, 13, 26, 52)}
KINDS = (*CONTACTS, "evaluation", *MILESTONES, "next_action", "clarify_with_caseworker", "plan_start", "expected_back")
SOON = timedelta(days=7)
"""Contact at least weekly (F-132) is also the longest that something open waits for a next action."""


def workday(day: date) -> date:
    """The day, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def add(tx: Tx, case_id: UUID, kind: str, due_on: date, day: date, placement_id: UUID | None = None, text: str = "") -> Duty:
    """A new duty, opened on `day`; `text` is sealed."""
    duty = Duty(id=tx.new_id(), case_id=case_id, placement_id=placement_id, version=1, kind=kind, planned_on=due_on, due_on=due_on, opened_on=day)
    if text:
        add_note(tx, duty, {"text": text})
    return tx.add(duty)


def add_note(tx: Tx, duty: Duty, note: dict[str, str]) -> None:
    """Write words down with a duty, sealed; earlier ones stay."""
    duty.note_sealed = tx.runtime.vault.seal_document({"notes": [*notes(tx, duty), note]}, "duty")


def notes(tx: Tx, duty: Duty) -> list[dict[str, str]]:
    """What was written down with a duty, opened."""
    return tx.runtime.vault.open_document(duty.note_sealed, "duty")["notes"] if duty.note_sealed else []


def open_of(tx: Tx, case_id: UUID, placement: Placement | None = None, kinds: Iterable[str] = KINDS) -> list[Duty]:
    """Open duties of a case, or of one placement, the next one first."""
    query = select(Duty).where(Duty.case_id == case_id, Duty.done_on.is_(None), Duty.dropped_on.is_(None), Duty.kind.in_(list(kinds)))
    if placement is not None:
        query = query.where(Duty.placement_id == placement.id)
    return list(tx.session.scalars(query.order_by(Duty.due_on, Duty.id)))


def drop(duties: Iterable[Duty], day: date) -> None:
    """They are not due any more."""
    for duty in duties:
        duty.dropped_on, duty.version = day, duty.version + 1


def finish(duties: Iterable[Duty], day: date, contact: Contact | None = None) -> None:
    """They are done, perhaps by a contact."""
    for duty in duties:
        duty.done_on, duty.version = day, duty.version + 1
        duty.contact_id = contact.id if contact else None


def require_open(duty: Duty) -> None:
    """
    Raises:
        Conflict: it is done or dropped.
    """
    if not duty.open:
        state = "done" if duty.done_on else "dropped"
        raise Conflict(f"This duty is {state}; make a new one if something is due.", state=state, allowed=[])


def keep_next_action(tx: Tx, case_id: UUID, course: Course | None, day: date) -> None:
    """Every open course and placement has a next action and a date (F-270): add one where none is left.

    Called after each change. A new one is due within a week of today, so that history that is loaded late asks for
    something to be done now, not in the past.
    """
    soon = workday(tx.today + SOON)
    present = open_of(tx, case_id)
    covered = {duty.placement_id for duty in present}
    for placement in tx.all(Placement, case_id=case_id):
        if placement.status in OPEN_PLACEMENT and placement.id not in covered:
            planned = placement.status == "planned"
            due = placement.starts_on if planned and placement.starts_on > tx.today else soon
            present.append(add(tx, case_id, "plan_start" if planned else "next_action", due, day, placement.id))
    if course is not None and course.status == "open" and not present:
        add(tx, case_id, "next_action", soon, day)

# SPDX-License-Identifier: MPL-2.0
"""What this service does when others speak. Referral's events of a case come in their order, matching's in theirs, and the
two in any interleaving; so what referral tells is never waited for here, and an agreement waits for its course.
"""
from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from jobtrappen import heard, people
from jobtrappen.consumer import Reactions
from jobtrappen.errors import not_yet
from jobtrappen.event import Event
from jobtrappen.rules import rule
from jobtrappen.tx import Tx
from jobtrappen_followup import duties, limits, plans
from jobtrappen_followup.effects import follow, locked_course
from jobtrappen_followup.model import COURSE, HEARD, PLACEMENT, RUNNING, Contact, Course, Duty, Extension, Placement

REACTIONS = Reactions()


def _day(event: Event, latest: date | None = None) -> date:
    """The event's day; dates of two services may cross, so never before the aggregate's latest."""
    day = date.fromisoformat(event.day)
    return max(day, latest) if latest else day


@REACTIONS.on("referral.accepted")
def referral_accepted(tx: Tx, event: Event) -> None:
    """A course opens with the first accepted referral of a case; later ones continue it, or open it again."""
    case_id, planned = UUID(event.key), date.fromisoformat(event.data["planned_start"])
    course = locked_course(tx, case_id)
    if course is None:
        course = Course(id=case_id, case_id=case_id, track=event.data["track"], step="none", step_since=_day(event))
        COURSE.create(tx, course, "open", {
            "effective_date": _day(event), "first_referral_id": UUID(event.data["referral_id"]), "planned_start": planned})
        people.want(tx, event.key, 1)
    elif course.status != "open":
        if course.status == "retracted":
            course.first_referral_id = UUID(event.data["referral_id"])
        course.return_class = course.responsible = None
        COURSE.apply(tx, course, "readmit", {"effective_date": _day(event, course.effective_date), "planned_start": planned})
    tx.session.flush()
    duties.add(tx, case_id, "first_contact", planned, _day(event))
    follow(tx, case_id, _day(event))


@REACTIONS.on("referral.reverted")
def referral_reverted(tx: Tx, event: Event) -> None:
    """A mistaken acceptance was taken back: a course that it opened was none."""
    course = locked_course(tx, UUID(event.key))
    if course is None or course.status != "open" or event.data.get("status_from") != "accepted" \
            or event.data["referral_id"] != str(course.first_referral_id):
        return
    COURSE.apply(tx, course, "retract", {"effective_date": _day(event, course.effective_date)})
    duties.drop([d for d in duties.open_of(tx, course.id) if d.placement_id is None], _day(event))
    follow(tx, course.id, _day(event))


@REACTIONS.on("case.returned")
def case_returned(tx: Tx, event: Event) -> None:
    """The course is returned whatever runs; the class is kept in the dated row, so that any day can be asked for."""
    course = locked_course(tx, UUID(event.key))
    if course is None or course.status != "open":
        return
    course.return_class = event.data["return_class"]
    COURSE.apply(tx, course, "return", {"effective_date": _day(event, course.effective_date), "reason_code": event.data["return_class"]})
    duties.drop([d for d in duties.open_of(tx, course.id) if d.placement_id is None], _day(event))
    follow(tx, course.id, _day(event))


@REACTIONS.on("intake.held")
def intake_held(tx: Tx, event: Event) -> None:
    """Straks-aktivering: activation opens by itself at the talk, unless it runs already (F-039).

    Its hours are what the dated rule asks for, less school and what runs already (F-040); a full week needs none."""
    if not event.data.get("activation"):
        return
    case_id, day = UUID(event.key), _day(event)
    locked_course(tx, case_id)
    beside = [p for p in tx.all(Placement, case_id=case_id) if limits.runs_on(p, day)]  # what began later does not count
    hours = _hours_asked(day, bool(event.data.get("language_school"))) - sum(p.weekly_hours for p in beside)
    if hours > 0 and not any(p.measure == "activation" for p in beside):
        placement = Placement(id=tx.new_id(), case_id=case_id, measure="activation", weekly_hours=hours, starts_on=day)
        PLACEMENT.create(tx, placement, "plan", {"effective_date": day})
        PLACEMENT.apply(tx, placement, "start", {"effective_date": day})


def _hours_asked(day: date, school: bool) -> int:
    required, most = rule("required_hours", day, "activation"), rule("weekly_hours", day, "activation")
    taken = rule("school_hours", day, "activation", "language_school") if school else None
    return min(r.value for r in (required, most) if r) - (taken.value if taken else 0) if required else 0


@REACTIONS.on("agreement.concluded")
def agreement_concluded(tx: Tx, event: Event) -> None:
    """Both sides said yes: the placement is planned, and its start is due. It is said twice only when matching was restored from
    an older backup and both said yes anew; then the terms may be others, but the placement is the one that stands."""
    course = locked_course(tx, UUID(event.key)) or not_yet("course")
    if known := _placement_of(tx, event):
        if known.status == "planned":
            _replace_terms(tx, known, event)
        else:
            duties.add(tx, course.id, "next_action", tx.today, _day(event), known.id, "The agreement was concluded anew; compare its terms.")
        follow(tx, course.id, _day(event, known.effective_date))
        return
    placement = Placement(id=tx.new_id(), case_id=course.id, measure=event.data["measure"], agreement_id=UUID(event.data["agreement_id"]))
    PLACEMENT.create(tx, placement, "plan", {"effective_date": _day(event), **_terms(event)})
    follow(tx, course.id, _day(event))


def _terms(event: Event) -> dict[str, Any]:
    """An agreement's terms as columns of its placement."""
    given = event.data
    return {"workplace_id": UUID(given["workplace_id"]), "employer_id": UUID(given["employer_id"]), "weekly_hours": given["weekly_hours"],
            "starts_on": date.fromisoformat(given["starts_on"]), "ends_on": date.fromisoformat(given["ends_on"]) if given.get("ends_on") else None}


@REACTIONS.on("agreement.changed")
def agreement_changed(tx: Tx, event: Event) -> None:
    """New terms. An extension is kept by the day of its decision, also when its placement has ended or begun meanwhile."""
    placement = _placement_of(tx, event) or not_yet("placement")
    locked_course(tx, placement.case_id)
    kind, ended_before = event.data["change_kind"], placement.ends_on
    day = _day(event, placement.effective_date)
    if kind == "extend":
        tx.add(Extension(id=tx.new_id(), placement_id=placement.id, agreement_version=event.data["agreement_version"],
                         decided_on=date.fromisoformat(event.data["decided_on"]), ends_on=_terms(event)["ends_on"]))
    if placement.status == "active":
        PLACEMENT.apply(tx, placement, kind if kind in ("extend", "shorten") else "adjust", {
            "effective_date": day, "kind": kind, "decided_on": event.data["decided_on"], **_terms(event)})
    elif placement.status in ("planned", "paused"):
        _replace_terms(tx, placement, event)
    plans.replan(tx, placement, day, ended_before)
    follow(tx, placement.case_id, day)


def _replace_terms(tx: Tx, placement: Placement, event: Event) -> None:
    """Other terms of what has not started yet, or is paused; the duty to start moves along."""
    for name, value in _terms(event).items():
        setattr(placement, name, value)
    placement.version += 1
    for duty in duties.open_of(tx, placement.case_id, placement, ["plan_start"]):
        duty.due_on, duty.version = placement.starts_on, duty.version + 1


@REACTIONS.on("agreement.cancelled")
def agreement_cancelled(tx: Tx, event: Event) -> None:
    """A planned placement will not start. One that started while the news was under way needs somebody to look."""
    placement = _placement_of(tx, event)
    if placement is None:  # it was cancelled before it was concluded
        return
    locked_course(tx, placement.case_id)
    if placement.status == "planned":
        PLACEMENT.apply(tx, placement, "not_started", {
            "effective_date": _day(event, placement.effective_date), "by": event.data["by"], "reason": "The agreement was cancelled."})
    elif placement.status in RUNNING:
        duties.add(tx, placement.case_id, "next_action", tx.today, _day(event), placement.id, "The agreement was cancelled, but its placement had started.")


def _placement_of(tx: Tx, event: Event) -> Placement | None:
    query = select(Placement).where(Placement.agreement_id == UUID(event.data["agreement_id"]))
    return tx.session.scalars(query.with_for_update(of=Placement)).first()


@REACTIONS.on("person.changed")
def person_changed(tx: Tx, event: Event) -> None:
    """Only of citizens whom this service follows is a copy kept."""
    if tx.session.get(Course, UUID(event.key)) is not None:
        people.want(tx, event.key, event.data["profile_version"])


@REACTIONS.on("person.erased")
def person_erased(tx: Tx, event: Event) -> None:
    """The copy goes, and so do the words that were written about her; the pseudonymous rows stay."""
    people.forget(tx, event.key)
    case_id = UUID(event.key)
    tx.session.execute(update(Contact).where(Contact.case_id == case_id).values(summary_sealed=None))
    tx.session.execute(update(Duty).where(Duty.case_id == case_id).values(note_sealed=None))


TOLD = heard.listen(REACTIONS, HEARD, "followup")
"""Everything that others tell of a case stands on its timeline."""

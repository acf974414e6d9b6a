# SPDX-License-Identifier: MPL-2.0
"""What single steps do beside changing state. Imported once, by app.py."""
from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen.errors import Invalid
from jobtrappen.roles import CONSULTANT
from jobtrappen.rules import rule
from jobtrappen.tx import Tx
from jobtrappen_followup import duties, events, limits, plans
from jobtrappen_followup.model import PLACEMENT, RUNNING, Course, Placement
from jobtrappen_followup.staircase import derive

EVALUATE_WITHIN = timedelta(days=7)
BROKEN_OFF = ("broken_off_by_citizen", "broken_off_by_employer", "dismissed")
REPEATED = 2
"""So many break-offs are repeated failure: the caseworker is asked to clarify (F-145)."""


def locked_course(tx: Tx, case_id: UUID) -> Course | None:
    """The case's course, locked, so that two placements of one citizen change one after the other; None before it opens."""
    return tx.session.get(Course, case_id, with_for_update={"of": Course})


def follow(tx: Tx, case_id: UUID, day: date) -> None:
    """What every change ends with: the step is derived anew, and nothing open is without a next action."""
    course = locked_course(tx, case_id)
    if course is not None:
        if course.responsible is None and tx.actor.role == CONSULTANT:  # whoever begins with it has it, until somebody takes over
            course.responsible = tx.actor.id
        _restep(tx, course, day)
    duties.keep_next_action(tx, case_id, course, day)


def _restep(tx: Tx, course: Course, day: date) -> None:
    running = [p.measure for p in tx.all(Placement, case_id=course.id) if p.status in RUNNING]
    asked = bool(duties.open_of(tx, course.id, kinds=["clarify_with_caseworker"]))
    found = derive(running, track=course.track, returned=course.status == "returned", clarifying=asked) if course.status != "retracted" else "none"
    if found != course.step:
        came_from, course.step, course.step_since = course.step, found, day
        course.version += 1
        events.step_changed(tx, course, came_from, day)


@PLACEMENT.does("plan")
def plan(tx: Tx, placement: Placement, _command: dict[str, Any]) -> None:
    tx.session.flush()
    duties.add(tx, placement.case_id, "plan_start", placement.starts_on, placement.effective_date, placement.id)


@PLACEMENT.does("start")
def start(tx: Tx, placement: Placement, command: dict[str, Any]) -> None:
    """The first day: refused where it cannot be, else the contact plan opens by itself (F-130)."""
    course, day = locked_course(tx, placement.case_id), placement.effective_date
    if tx.actor.kind != "system":  # what happened elsewhere cannot be refused here
        _may_start(tx, placement, course, command, day)
    placement.started_on = day
    duties.finish(duties.open_of(tx, placement.case_id, placement), day)
    plans.open_plan(tx, placement)
    follow(tx, placement.case_id, day)


def _may_start(tx: Tx, placement: Placement, course: Course | None, command: dict[str, Any], day: date) -> None:
    """
    Raises:
        Invalid: too early, a twin at the same workplace, too many hours, or no three-party meeting; with the remedy.
    """
    if day < placement.starts_on:
        raise Invalid("effective_date", f"lies before the agreed start ({placement.starts_on}). Change the agreement, or register the start on that day.")
    for name in ("three_party_meeting_on", "employer_confirmed_on"):
        if command.get(name) and command[name] > (day if name == "three_party_meeting_on" else tx.today):
            raise Invalid(name, "lies after the start" if name == "three_party_meeting_on" else f"lies in the future; today is {tx.today}")
    others = [p for p in tx.all(Placement, case_id=placement.case_id) if p.id != placement.id]
    twin = limits.same_place(placement, day, others)
    if twin is not None:
        raise Invalid("workplace_id", f"has another placement of this citizen in the same days ({twin.id}). End that one first, or start later.")
    track = course.track if course else "adult"
    most = rule("weekly_hours", day, placement.measure, track)
    hours = limits.most_hours(placement, day, others, track)
    if most is not None and hours > most.value:
        raise Invalid("weekly_hours", f"would come to {hours} with what runs beside it; at most {most.value} ({most.source}). "
                                      "End or shorten another placement, or change this agreement's hours.")
    below = limits.climbs_from(placement.measure, day, others, course.effective_date if course else None)
    if below and not command.get("three_party_meeting_on") and not command.get("meeting_waived_because"):
        raise Invalid("three_party_meeting_on", f"is needed to go from {below} to {placement.measure}. Give its date, or meeting_waived_because.")


@PLACEMENT.does("absent_first_day")
def absent(tx: Tx, placement: Placement, command: dict[str, Any]) -> None:
    _add_duty(tx, placement, "next_action", command["next_due"], "next_due", command["next_action"])


@PLACEMENT.does("pause")
def pause(tx: Tx, placement: Placement, command: dict[str, Any]) -> None:
    """Somebody looks again on the day on which she is expected back."""
    _add_duty(tx, placement, "expected_back", command["expected_on"], "expected_on")


def _add_duty(tx: Tx, placement: Placement, kind: str, due: date, field: str, text: str = "") -> None:
    if due < placement.effective_date:
        raise Invalid(field, f"lies before {placement.effective_date}. Give that date or a later one.")
    duties.add(tx, placement.case_id, kind, due, placement.effective_date, placement.id, text)
    follow(tx, placement.case_id, placement.effective_date)


@PLACEMENT.does("resume")
def resume(tx: Tx, placement: Placement, _command: dict[str, Any]) -> None:
    duties.finish(duties.open_of(tx, placement.case_id, placement, ["expected_back"]), placement.effective_date)
    follow(tx, placement.case_id, placement.effective_date)


@PLACEMENT.does("not_started")
def not_started(tx: Tx, placement: Placement, _command: dict[str, Any]) -> None:
    duties.drop(duties.open_of(tx, placement.case_id, placement), placement.effective_date)
    follow(tx, placement.case_id, placement.effective_date)


@PLACEMENT.does("end")
def end(tx: Tx, placement: Placement, _command: dict[str, Any]) -> None:
    """An evaluation is due, also on a break-off (F-088); what was planned for later is not. A milestone of a day after
    the end will never be reached, one of a day before it may still be answered."""
    day = placement.ended_on = placement.effective_date
    locked_course(tx, placement.case_id)
    duties.drop([d for d in duties.open_of(tx, placement.case_id, placement) if d.kind not in duties.MILESTONES or d.due_on > day], day)
    duties.add(tx, placement.case_id, "evaluation", duties.workday(day + EVALUATE_WITHIN), day, placement.id)
    broken = [p for p in tx.all(Placement, case_id=placement.case_id) if p.how in BROKEN_OFF]
    if placement.how in BROKEN_OFF and len(broken) >= REPEATED and not duties.open_of(tx, placement.case_id, kinds=["clarify_with_caseworker"]):
        duties.add(tx, placement.case_id, "clarify_with_caseworker", duties.workday(day + EVALUATE_WITHIN), day)
    follow(tx, placement.case_id, day)

# SPDX-License-Identifier: MPL-2.0
"""The contact plan that opens by itself when a placement starts: dense first, then thin (F-130, F-131). Each cadence is a
plugin of the hook `followup_plan`; what they plan is put together, and a plugin from outside may add to it.
"""
from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from jobtrappen import plugins
from jobtrappen.tx import Tx
from jobtrappen_followup import duties
from jobtrappen_followup.duties import MILESTONES, workday
from jobtrappen_followup.model import Placement

Plan = list[tuple[str, date]]
PLANNED = ("first_day_call", "contact")
INTENSITIES = ("standard", "weekly")
LONGEST = 52
FIRST_WEEKS = (1, 2, 4)
AFTERCARE_WEEKS = (8, 13, 20, 26, 39, 52)


def _in_weeks(weeks: Any, starts_on: date, ends_on: date | None) -> Plan:
    days = (starts_on + timedelta(weeks=n) for n in weeks)
    return [("contact", day) for day in days if ends_on is None or day <= ends_on]


@plugins.hookimpl(specname="followup_plan")
def dense_start(measure: str, starts_on: date, ends_on: date | None) -> Plan:
    """A call on the first day, contact after 1, 2 and 4 weeks, and then each fourth week up to a year or the planned end."""
    weeks = FIRST_WEEKS if measure == "ordinary_job" else (*FIRST_WEEKS, *range(8, LONGEST + 1, 4))
    return [("first_day_call", starts_on), *_in_weeks(weeks, starts_on, ends_on)]


@plugins.hookimpl(specname="followup_plan")
def weekly(starts_on: date, ends_on: date | None, intensity: str) -> Plan | None:
    """At least weekly contact, where that was asked for at the start (F-132)."""
    return _in_weeks(range(1, LONGEST + 1), starts_on, ends_on) if intensity == "weekly" else None


@plugins.hookimpl(specname="followup_plan")
def aftercare(measure: str, starts_on: date) -> Plan | None:
    """An ordinary job is not the end: guidance to keep it for a year, whatever its terms say (F-147)."""
    return _in_weeks(AFTERCARE_WEEKS, starts_on, None) if measure == "ordinary_job" else None


def usable(answer: Any) -> bool:
    """A plan is a list of (kind, date)."""
    return isinstance(answer, list) and all(
        isinstance(one, tuple) and len(one) == 2 and one[0] in PLANNED and isinstance(one[1], date) and not isinstance(one[1], datetime)
        for one in answer)


def planned(measure: str, starts_on: date, ends_on: date | None, intensity: str) -> Plan:
    """What all plans ask for, by date, none before the start and none twice."""
    answers = plugins.ask("followup_plan", usable, measure=measure, starts_on=starts_on, ends_on=ends_on, intensity=intensity)
    return sorted({(kind, workday(day) if day > starts_on else day) for plan in answers for kind, day in plan if day >= starts_on},
                  key=lambda one: (one[1], one[0]))


def open_plan(tx: Tx, placement: Placement) -> None:
    """The contacts and milestones of a placement that starts."""
    assert placement.started_on is not None
    start = placement.started_on
    for kind, due in planned(placement.measure, start, placement.ends_on, placement.intensity):
        duties.add(tx, placement.case_id, kind, due, start, placement.id)
    if placement.measure != "activation":
        for kind, weeks in MILESTONES.items():
            duties.add(tx, placement.case_id, kind, start + timedelta(weeks=weeks), start, placement.id)


def replan(tx: Tx, placement: Placement, day: date, ended_before: date | None) -> None:
    """The terms changed: contacts after a nearer end go, a later end brings those that it makes room for."""
    if placement.started_on is None or placement.ends_on == ended_before:
        return
    contacts = duties.open_of(tx, placement.case_id, placement, PLANNED)
    wanted = planned(placement.measure, placement.started_on, placement.ends_on, placement.intensity)
    dates = {due for _kind, due in wanted}
    duties.drop([d for d in contacts if d.planned_on not in dates and d.planned_on > day], day)
    there = {(d.kind, d.planned_on) for d in contacts}
    for kind, due in wanted:
        if (kind, due) not in there and ended_before is not None and due > max(day, ended_before):
            duties.add(tx, placement.case_id, kind, due, day, placement.id)

# SPDX-License-Identifier: MPL-2.0
"""The JSON way in; nothing but translation."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from jobtrappen.roles import JC, JC_CW
from jobtrappen.tx import Tx
from jobtrappen.web.api import Api
from jobtrappen.web.common import HAPPENED, TRANSITION, history
from jobtrappen_followup import queries, usecases
from jobtrappen_followup import schemas as s
from jobtrappen_followup.model import COURSE, PLACEMENT, Contact, Course, Duty, Placement

api = Api("followup")

api.actions("/placements", Placement, PLACEMENT, s.PLACEMENT_COMMANDS, dumps=s.PLACEMENT_OUT, resource="placement")


@api.read("/courses", dumps=s.COURSE_OUT, resource="course", who=JC_CW, query=s.COURSES, many=True, audits=True, lifecycle=COURSE)
def list_courses(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Courses by state and step, each with its next action."""
    return queries.courses(tx, arguments)


@api.read("/courses/<uuid:case_id>", dumps=s.COURSE_OUT, resource="course", who=JC_CW, audits=True, lifecycle=COURSE)
def read_course(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> Course:
    """Where a citizen stands, and what is due next."""
    return queries.course_of(tx, case_id)


@api.read("/courses/<uuid:case_id>/history", dumps=TRANSITION, resource="history", who=JC_CW, many=True, audits=True)
def course_history(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """Every transition of the course and its placements."""
    return {"items": history(tx, queries.course_of(tx, case_id).id)}


@api.read("/courses/<uuid:case_id>/timeline", dumps=HAPPENED, resource="timeline", who=JC_CW, many=True, audits=True)
def course_timeline(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """What has happened in a case in all services, as far as it has been heard of here; the latest first."""
    return {"items": queries.timeline(tx, queries.course_of(tx, case_id).id)}


@api.read("/courses/<uuid:case_id>/steps", dumps=s.STAY_OUT, resource="step", who=JC_CW, many=True, audits=True)
def course_steps(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """The whole way on the staircase: each step with its days."""
    return {"items": queries.stays(tx, queries.course_of(tx, case_id))}


@api.read("/placements", dumps=s.PLACEMENT_OUT, resource="placement", who=JC_CW, query=s.PLACEMENTS, many=True, audits=True, lifecycle=PLACEMENT)
def list_placements(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Placements by state, case or agreement."""
    return queries.placements(tx, arguments)


@api.read("/placements/<uuid:id>", dumps=s.PLACEMENT_OUT, resource="placement", who=JC_CW, on=Placement, audits=True, lifecycle=PLACEMENT)
def read_placement(tx: Tx, placement: Placement, _arguments: dict[str, Any]) -> Placement:
    """A placement with what may be done now."""
    return queries.whole_placement(tx, placement)


@api.command("/contacts", loads=s.LOG_CONTACT, dumps=s.CONTACT_OUT, resource="contact", who=JC, status=201)
def log_contact(tx: Tx, command: dict[str, Any]) -> Contact:
    """Write down a contact; what the plan asked for until that day is done by it."""
    return queries.with_summary(tx, usecases.log_contact(tx, command))


@api.read("/contacts", dumps=s.CONTACT_OUT, resource="contact", who=JC, query=s.OF_CASE, many=True, audits=True)
def list_contacts(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """The contacts of a case, oldest first."""
    return {"items": queries.contacts(tx, queries.course_of(tx, arguments["case_id"]).id)}


@api.read("/duties", dumps=s.DUTY_OUT, resource="duty", who=JC, query=s.WORKLIST, many=True, audits=True)
def list_duties(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is due, by date."""
    return queries.worklist(tx, arguments)


@api.read("/duties/due", dumps=s.DUE_OUT, resource="due", who=JC, query=s.DUE)
def count_duties(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """How much is due: overdue, today, until Sunday, and later."""
    return queries.due(tx, arguments)


@api.read("/duties/<uuid:id>", dumps=s.DUTY_OUT, resource="duty", who=JC, on=Duty, audits=True)
def read_duty(tx: Tx, duty: Duty, _arguments: dict[str, Any]) -> Duty:
    """One duty."""
    return queries.whole_duties(tx, [duty])[0]


@api.command("/duties", loads=s.MAKE_DUTY, dumps=s.DUTY_OUT, resource="duty", who=JC, status=201)
def make_duty(tx: Tx, command: dict[str, Any]) -> Duty:
    """Something to be done by a day."""
    return queries.whole_duties(tx, [usecases.make_duty(tx, command)])[0]


@api.command("/duties/<uuid:id>/done", loads=s.DONE, dumps=s.DUTY_OUT, resource="duty", who=JC, on=Duty)
def duty_done(tx: Tx, duty: Duty, command: dict[str, Any]) -> Duty:
    """It is done; a milestone says whether the placement still holds."""
    return queries.whole_duties(tx, [usecases.duty_done(tx, duty, command)])[0]


@api.command("/courses/<uuid:id>/responsible", loads=s.TAKE_OVER, dumps=s.COURSE_OUT, resource="course", who=JC, on=Course, lifecycle=COURSE)
def take_over(tx: Tx, course: Course, command: dict[str, Any]) -> Course:
    """Another consultant becomes the one who answers for the course."""
    return queries.course_of(tx, usecases.take_over(tx, course, command).id)


@api.command("/duties/<uuid:id>/postpone", loads=s.POSTPONE, dumps=s.DUTY_OUT, resource="duty", who=JC, on=Duty)
def postpone(tx: Tx, duty: Duty, command: dict[str, Any]) -> Duty:
    """Later, with the reason."""
    return queries.whole_duties(tx, [usecases.postpone(tx, duty, command)])[0]

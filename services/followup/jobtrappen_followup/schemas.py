# SPDX-License-Identifier: MPL-2.0
"""What this service takes and gives over HTTP. Instances are made once, at import."""
from __future__ import annotations

from marshmallow import Schema, fields, validate

from jobtrappen.contracts.vocabulary import HOW_ENDED, PARTIES, STEPS
from jobtrappen.web.common import EMPTY, Paging, Thing
from jobtrappen.web.fields import Code, Command, Day, Flag, Loads, Text, Uuid, Whole
from jobtrappen_followup.duties import KINDS
from jobtrappen_followup.plans import INTENSITIES

WHOSE = ("mine", "team")
NAME_IS = ("known", "protected", "not_here")


class Start(Command):
    three_party_meeting_on = Day(metadata={"description": "Needed to go up from an internship or a wage subsidy (F-129)."})
    meeting_waived_because = Text(metadata={"description": "Instead of the meeting's date."})
    employer_confirmed_on = Day(metadata={"description": "When the employer signed that work has started (F-123)."})
    intensity = Code(INTENSITIES)


class Absent(Command):
    rung = Text(max=200, required=True, metadata={"description": "Who was rung."})
    said = Text(required=True)
    next_action = Text(max=400, required=True)
    next_due = Day(required=True)


class NotStarted(Command):
    by = Code(PARTIES, required=True)
    reason = Text(required=True)


class Pause(Command):
    reason = Text(required=True, metadata={"description": "Stays in this service."})
    expected_on = Day(required=True)


class End(Command):
    how = Code(HOW_ENDED, required=True)


class LogContact(Command):
    case_id = Uuid(required=True)
    placement_id = Uuid()
    duty_id = Uuid(metadata={"description": "The duty that this contact does; left out, all contacts due by its day."})
    kind = Code(("call", "visit", "meeting", "mail", "message"), required=True)
    with_whom = Code(("citizen", "employer", "both", "mentor"), data_key="with", required=True)
    summary = Text(max=4000, required=True)
    next_action = Text(max=400)
    next_due = Day()


class MakeDuty(Command):
    case_id = Uuid(required=True)
    placement_id = Uuid()
    kind = Code(("next_action", "clarify_with_caseworker"), required=True)
    due_on = Day(required=True)
    text = Text(max=400)


class Done(Command):
    holds = Flag(metadata={"description": "Of a milestone: does the placement still hold?"})
    note = Text(max=4000)


class TakeOver(Loads):
    responsible = Text(max=80, required=True, metadata={"description": "The log-in of the consultant who takes over."})


class Postpone(Loads):
    due_on = Day(required=True)
    reason = Text(max=400, required=True)


class Courses(Paging):
    step = Code(STEPS)


class Placements(Paging):
    case_id = Uuid()
    agreement_id = Uuid()


class Worklist(Loads):
    due_from = Day(metadata={"description": "Due on or after this day."})
    due_by = Day(metadata={"description": "Due on or before this day; with open=true and yesterday: what is overdue."})
    open = Flag()
    case_id = Uuid()
    placement_id = Uuid()
    kind = Code(KINDS)
    whose = Code(WHOSE, metadata={"description": "mine: of courses that the caller answers for, or nobody yet; team (or left out): of all."})
    after = Uuid(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class Due(Loads):
    kind = Code(KINDS)
    whose = Code(WHOSE, metadata={"description": "As in the list of duties."})


class OfCase(Loads):
    case_id = Uuid(required=True)


class CourseOut(Thing):
    track = fields.String()
    step = fields.String()
    step_since = fields.Date()
    planned_start = fields.Date()
    return_class = fields.String(allow_none=True)
    responsible = fields.String(allow_none=True, metadata={"description": "The log-in of the consultant who answers for it; none until somebody has begun."})
    phone = fields.String(allow_none=True, metadata={"description": "From the local copy, where one course is read; none of a protected person."})
    name = fields.String(allow_none=True)
    name_is = fields.String(validate=validate.OneOf(NAME_IS), metadata={"description": "Why there is a name or none; not_here: the copy has not come."})
    next_action = fields.Dict(allow_none=True)


class PlacementOut(Thing):
    measure = fields.String()
    agreement_id = fields.UUID(allow_none=True)
    workplace_id = fields.UUID(allow_none=True)
    employer_id = fields.UUID(allow_none=True)
    weekly_hours = fields.Integer()
    starts_on = fields.Date()
    ends_on = fields.Date(allow_none=True)
    started_on = fields.Date(allow_none=True)
    ended_on = fields.Date(allow_none=True)
    how = fields.String(allow_none=True)
    intensity = fields.String()
    three_party_meeting_on = fields.Date(allow_none=True)
    employer_confirmed_on = fields.Date(allow_none=True)
    meeting_needed_from = fields.String(allow_none=True, metadata={"description": "The step from which its start would go up by a three-party meeting."})
    name = fields.String(allow_none=True)
    name_is = fields.String(validate=validate.OneOf(NAME_IS), metadata={"description": "Why there is a name or none; not_here: the copy has not come."})


class DutyOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    case_id = fields.UUID(required=True)
    placement_id = fields.UUID(allow_none=True)
    kind = fields.String(required=True)
    planned_on = fields.Date()
    due_on = fields.Date(required=True)
    opened_on = fields.Date()
    done_on = fields.Date(allow_none=True)
    dropped_on = fields.Date(allow_none=True)
    contact_id = fields.UUID(allow_none=True)
    responsible = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    name_is = fields.String(validate=validate.OneOf(NAME_IS), metadata={"description": "Why there is a name or none; not_here: the copy has not come."})
    notes = fields.List(fields.Dict())
    measure = fields.String(allow_none=True, metadata={"description": "Of its placement."})


class DueOut(Schema):
    day = fields.Date(required=True)
    week_ends = fields.Date(required=True)
    overdue = fields.Integer(required=True)
    today = fields.Integer(required=True)
    this_week = fields.Integer(required=True)
    later = fields.Integer(required=True)


class ContactOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    case_id = fields.UUID(required=True)
    placement_id = fields.UUID(allow_none=True)
    kind = fields.String()
    with_whom = fields.String(data_key="with")
    held_on = fields.Date()
    by = fields.String()
    summary = fields.String(allow_none=True)


class StayOut(Schema):
    step = fields.String(required=True)
    since = fields.Date(required=True)
    until = fields.Date(allow_none=True)


PLACEMENT_COMMANDS: dict[str, Schema] = {
    "start": Start(), "absent_first_day": Absent(), "not_started": NotStarted(), "pause": Pause(), "resume": EMPTY, "end": End(),
}
LOG_CONTACT, MAKE_DUTY, DONE, POSTPONE, TAKE_OVER = LogContact(), MakeDuty(), Done(), Postpone(), TakeOver()
COURSES, PLACEMENTS, WORKLIST, DUE, OF_CASE = Courses(), Placements(), Worklist(), Due(), OfCase()
COURSE_OUT, PLACEMENT_OUT, DUTY_OUT, DUE_OUT, CONTACT_OUT, STAY_OUT = CourseOut(), PlacementOut(), DutyOut(), DueOut(), ContactOut(), StayOut()

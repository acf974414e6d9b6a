# SPDX-License-Identifier: MPL-2.0
"""What this service takes and gives over HTTP. Instances are made once, at import."""
from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from jobtrappen.privacy import CPR_SHAPE
from jobtrappen.web.common import EMPTY, Paging, Thing, Work
from jobtrappen.web.fields import Code, Command, Day, Flag, Loads, Nested, Place, Text, Uuid, Whole, many
from jobtrappen_partners import codes


class Words(Text):
    """Free text that crosses to or from a partner: never with a CPR number in it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if CPR_SHAPE.search(text):
            raise ValidationError("holds what looks like a CPR number; take it out, the request itself says whom it is about")
        return text


class Card(Command):
    purpose = Text(max=1000, required=True)
    area = Text(max=1000, required=True)
    competences = Text(max=1000, required=True)
    form = Text(max=1000, required=True)


class Register(Command):
    name = Text(max=200, required=True)
    kind = Text(max=40, pattern="^[a-z][a-z0-9_]*$", required=True, metadata={"description": "A loaded kind, such as language_school, union, other_authority."})
    purpose = Text(max=1000)
    area = Text(max=1000)
    competences = Text(max=1000)
    form = Text(max=1000)


class SetStatus(Command):
    status = Code(("active", "inactive"), required=True)


class Capacity(Command):
    state = Code(codes.CAPACITIES, required=True)
    places = Whole(0, 1000)
    valid_for = Whole(1, 365, load_default=codes.CAPACITY_DAYS, metadata={"description": "Days; afterwards the capacity is shown as unknown."})


class LeadTime(Loads):
    procedure = Code(codes.PROCEDURES, required=True)
    days = Whole(0, 365, required=True, metadata={"description": "How many days ahead the partner must be asked."})


class Terms(Command):
    duties = Text(required=True)
    procedures = Text(required=True)
    contacts = Text(required=True)
    lead_times = many(Nested(LeadTime), max=20, required=True)
    review_on = Day(required=True)
    fields = many(Code(codes.SHOWABLE), max=len(codes.SHOWABLE),
                  metadata={"description": "What the partner may see of a request; everything that its kind allows when left out."})


class Cooperate(Terms):
    partner_id = Uuid(required=True)


class PartnerKey(Command):
    label = Text(max=100)
    expires_on = Day()
    scopes = many(Code(codes.PARTNER_SCOPES), max=3, min=1, load_default=list(codes.PARTNER_SCOPES))


class IntegratorKey(Command):
    name = Text(max=40, pattern="^[a-z][a-z0-9_]*$", required=True)
    label = Text(max=100)
    expires_on = Day()
    scopes = many(Code(codes.INTEGRATOR_SCOPES), max=2, min=1, load_default=list(codes.INTEGRATOR_SCOPES))


class Draft(Command):
    partner_id = Uuid(required=True)
    request_type = Code(codes.REQUEST_TYPES, required=True)
    case_id = Uuid(required=True)
    text = Words(required=True, metadata={"description": "What is asked; the partner reads it."})
    agreement_id = Uuid()
    match_id = Uuid()
    intake_id = Uuid()
    wanted_on = Day()
    consent_on = Day(metadata={"description": "The citizen's own consent; without it a union or association is not told who she is."})


class Said(Command):
    text = Words()


class Question(Command):
    question = Words(required=True)


class Reply(Command):
    answer = Words(required=True)


class Offer(Said):
    valid_until = Day(required=True)


class Waitlist(Said):
    expected_date = Day(required=True)


class Progress(Said):
    period_from = Day()
    period_to = Day()
    attendance_percent = Whole(0, 100)
    level = Text(max=40, metadata={"description": "A module or level, as the partner names it."})


class Output(Loads):
    """Which of these are needed, and which are refused, follows from the request's type and the decision."""

    decision = Code(("granted", "refused", "answered"), required=True)
    decided_on = Day()
    basis = Words(max=200)
    reason = Words()
    what_would_help = Words()
    text = Words(max=4000)


class Deliver(Command):
    output = Nested(Output, required=True)


class Dispute(Command):
    reason = Words(required=True)


class Reasoned(Said):
    reason_code = Code(codes.PARTNER_REASONS, required=True)


class Void(Command):
    reason = Text(required=True)


class AssignNotice(Command):
    partner_id = Uuid(required=True)


class PartnerPaging(Paging):
    kind = Text(max=40, pattern="^[a-z][a-z0-9_]*$")


class RequestPaging(Paging):
    open = Flag(metadata={"description": "Only those that have not come to their end."})
    partner_id = Uuid()
    case_id = Uuid()
    agreement_id = Uuid()


class MyPaging(Paging):
    open = Flag(metadata={"description": "Only those that have not come to their end."})
    agreement_id = Uuid()


class NoticePaging(Paging):
    unassigned = Flag()
    case_id = Uuid()


class MyNoticePaging(Paging):
    since = Day(metadata={"description": "Leave out what it told of that lies before this day."})


class KeyPaging(Paging):
    owner = Text(max=80, metadata={"description": "A partner's id, or an integrator's name."})


class WorkQuery(Loads):
    why = Text(max=40, pattern="^[a-z_]+$")
    after = Place(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class AsOf(Loads):
    as_of = Day(metadata={"description": "The day whose end counts; today when left out."})


class PartnerOut(Thing):
    name = fields.String()
    kind = fields.String()
    card = fields.Dict()
    capacity = fields.Dict()
    cooperation_id = fields.UUID(allow_none=True, metadata={"description": "Its cooperation agreement, if there is one."})
    review_on = fields.Date(allow_none=True)


class CaseOut(Schema):
    id = fields.UUID(required=True)
    case_id = fields.UUID()
    track = fields.String()
    language_school = fields.Boolean(allow_none=True, metadata={"description": "Whether she is a pupil there; null while it is not known."})
    person = fields.String(allow_none=True, metadata={"description": "First name and initial; a protected name is never shown."})


class CooperationOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    partner_id = fields.UUID()
    effective_date = fields.Date()
    review_on = fields.Date()
    terms = fields.Dict()


class ReminderOut(Schema):
    partner_id = fields.UUID(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    why = fields.String(required=True)
    review_on = fields.Date(allow_none=True)


class NewKeyOut(Schema):
    key_id = fields.String(required=True)
    key = fields.String(required=True, metadata={"description": "Shown this once; only its keyed hash is kept."})
    kind = fields.String()
    owner = fields.String()
    label = fields.String(allow_none=True)
    scopes = fields.List(fields.String())
    expires_on = fields.Date(allow_none=True)


class KeyOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True)
    kind = fields.String()
    owner = fields.String()
    name = fields.String(metadata={"description": "What its owner is called."})
    label = fields.String(allow_none=True)
    scopes = fields.List(fields.String())
    issued_on = fields.Date()
    expires_on = fields.Date(allow_none=True)
    last_used_at = fields.DateTime(allow_none=True, metadata={"description": "To within five minutes; null for a key that was never used."})


class RequestOut(Thing):
    partner_id = fields.UUID()
    partner = fields.String(attribute="partner.name")
    request_type = fields.String()
    agreement_id = fields.UUID(allow_none=True)
    match_id = fields.UUID(allow_none=True)
    intake_id = fields.UUID(allow_none=True)
    wanted_on = fields.Date(allow_none=True)
    consent_on = fields.Date(allow_none=True)
    terms = fields.Dict(allow_none=True)
    due_on = fields.Date(allow_none=True)
    valid_until = fields.Date(allow_none=True)
    expected_date = fields.Date(allow_none=True)
    decision = fields.String(allow_none=True)
    decided_on = fields.Date(allow_none=True)
    delivered_on = fields.Date(allow_none=True)
    shows = fields.List(fields.String())
    person = fields.String(allow_none=True, metadata={"description": "First name and initial; a protected name is never shown."})
    text = fields.String()
    dialogue = fields.List(fields.Dict())
    output = fields.Dict(allow_none=True)


class NoticeOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True)
    case_id = fields.UUID()
    partner_id = fields.UUID(allow_none=True)
    partner = fields.String(attribute="partner.name")
    kind = fields.String()
    about_id = fields.UUID()
    scheduled_on = fields.Date()
    days_ahead = fields.Integer(metadata={"description": "The lead time that the partner really got."})
    created_on = fields.Date()
    shows = fields.List(fields.String())
    person = fields.String(allow_none=True)


class WorkOut(Work):
    """Something to do next; `name` is whom it is about, as far as the reader may know her."""

    request_type = fields.String(allow_none=True)
    partner = fields.String(allow_none=True)


REQUEST_COMMANDS: dict[str, Schema] = {
    "request": Said(), "acknowledge": EMPTY, "request_info": Question(), "give_info": Reply(), "offer": Offer(), "waitlist": Waitlist(), "agree": EMPTY,
    "start": EMPTY, "progress": Progress(), "deliver": Deliver(), "confirm": EMPTY, "dispute": Dispute(), "decline": Reasoned(), "cancel": Reasoned(),
    "not_deliver": Reasoned(), "void": Void(),
}
PARTNER_PAGING, REQUEST_PAGING, MY_PAGING, NOTICE_PAGING, AS_OF = PartnerPaging(), RequestPaging(), MyPaging(), NoticePaging(), AsOf()
PARTNER_OUT, COOPERATION_OUT, REMINDER_OUT, NEW_KEY_OUT, KEY_OUT = PartnerOut(), CooperationOut(), ReminderOut(), NewKeyOut(), KeyOut()
REQUEST_OUT, NOTICE_OUT, CASE_OUT, WORK_OUT = RequestOut(), NoticeOut(), CaseOut(), WorkOut()
MY_NOTICE_PAGING, KEY_PAGING, WORK_QUERY = MyNoticePaging(), KeyPaging(), WorkQuery()

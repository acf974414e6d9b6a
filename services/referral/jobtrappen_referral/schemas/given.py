# SPDX-License-Identifier: MPL-2.0
"""What this service gives over HTTP, before rights."""
from __future__ import annotations

from marshmallow import Schema, fields

from jobtrappen.web.common import Thing

SAID = "What was written at each step (question, answer, reason, the citizen's words), oldest first; only where one is read singly."


class CaseOut(Thing):
    kind = fields.String()
    track = fields.String()
    profile_version = fields.Integer()
    start_step = fields.String(allow_none=True)
    protected = fields.Boolean()
    language_school = fields.Boolean()
    household_id = fields.UUID(allow_none=True)
    has_cpr = fields.Function(lambda c: c.cpr_lookup is not None, metadata={"type": "boolean"})
    person = fields.Dict()
    circumstances = fields.List(fields.Dict())


class ReferralOut(Thing):
    track = fields.String()
    source = fields.String()
    from_unit = fields.String()
    target_unit = fields.String(allow_none=True)
    purpose = fields.String(allow_none=True)
    legal_basis = fields.String(allow_none=True)
    responsible = fields.String(allow_none=True)
    planned_start = fields.Date(allow_none=True)
    expected_date = fields.Date(allow_none=True)
    resume_date = fields.Date(allow_none=True)
    outcome_code = fields.String(allow_none=True)
    loop_closed_on = fields.Date(allow_none=True)
    predecessor_id = fields.UUID(allow_none=True)
    successor_id = fields.UUID(allow_none=True)
    dialogue = fields.List(fields.Dict(), metadata={"description": SAID})


class IntakeOut(Thing):
    scheduled_at = fields.DateTime()
    place = fields.String()
    form = fields.String()
    participants = fields.List(fields.Dict())
    attended = fields.List(fields.String(), allow_none=True)
    activation = fields.Boolean()
    days_ahead = fields.Integer()
    minutes = fields.Dict()
    dialogue = fields.List(fields.Dict(), metadata={"description": SAID})


class RefusalOut(Thing):
    offered_by = fields.String()
    guided_on = fields.Date(allow_none=True)
    dialogue = fields.List(fields.Dict(), metadata={"description": SAID})


class AssessmentOut(Thing):
    education = fields.String()
    experience_years = fields.Integer()
    stable_attendance = fields.String()
    months_away = fields.Integer()
    proposed_step = fields.String()
    reasons = fields.List(fields.String())
    start_step = fields.String(allow_none=True)
    limits = fields.List(fields.String())
    reason = fields.String(allow_none=True, metadata={"description": "Why another step than the proposed one was confirmed."})


class ReturnOut(Schema):
    id = fields.UUID(required=True)
    case_id = fields.UUID()
    version = fields.Integer(required=True)
    reason = fields.String()
    present_state = fields.String()
    effective_date = fields.Date()
    documentation = fields.String(allow_none=True)


class OriginOut(Schema):
    """That it was told; what was told is not read singly."""

    case_id = fields.UUID(required=True)


class RowOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    number = fields.Integer()
    decision = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    case_id = fields.UUID(allow_none=True)
    referral_id = fields.UUID(allow_none=True)
    row = fields.Dict()


class ListOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    unit = fields.String()
    uploaded_on = fields.Date()
    rejected = fields.List(fields.Dict())
    rows = fields.Integer()
    undecided = fields.Integer(metadata={"description": "Rows that nobody has decided on yet."})


class PersonOut(Schema):
    case_id = fields.String(required=True)
    profile_version = fields.Integer(required=True)
    track = fields.String()
    given_name = fields.String()
    family_name = fields.String()
    phone = fields.String()
    language_school = fields.Boolean()
    protected = fields.Boolean()
    benefit = fields.String(allow_none=True)
    target_group = fields.String(allow_none=True)
    readiness = fields.String(allow_none=True)
    start_step = fields.String(allow_none=True)
    wishes = fields.List(fields.String())
    competences = fields.List(fields.String())
    limits = fields.List(fields.String())


class FoundCase(Schema):
    id = fields.UUID(required=True)
    case_id = fields.UUID(required=True)
    status = fields.String(required=True)
    track = fields.String(required=True)
    name = fields.String(required=True)


class Found(Schema):
    """The unit's own cases that a name fits; `more` than are shown when it fits too many."""

    cases = fields.List(fields.Nested(FoundCase), required=True)
    more = fields.Boolean(required=True)


CASE_OUT, REFERRAL_OUT, INTAKE_OUT, REFUSAL_OUT = CaseOut(), ReferralOut(), IntakeOut(), RefusalOut()
ASSESSMENT_OUT, RETURN_OUT, ROW_OUT, LIST_OUT, PERSON_OUT = AssessmentOut(), ReturnOut(), RowOut(), ListOut(), PersonOut()
FOUND_OUT, ORIGIN_OUT = Found(), OriginOut()

# SPDX-License-Identifier: MPL-2.0
"""Agreements: terms, grants, changes."""
from __future__ import annotations

from marshmallow import Schema, fields, validate

from jobtrappen.contracts.vocabulary import PARTIES
from jobtrappen.web.common import Thing
from jobtrappen.web.fields import Code, Command, Day, Loads, Nested, Text, Uuid
from jobtrappen_matching import codes
from jobtrappen_matching.schemas.common import Listing, hours, measure

NO_PROSPECT = ("is not one of: {choices}. Where there is no prospect, agree on clarification with learning goals and an end date, "
               "or find another workplace")


def prospect(**kwargs: object) -> fields.String:
    """"none" is refused with the remedy (F-095)."""
    return fields.String(validate=validate.OneOf(codes.PROSPECTS, error=NO_PROSPECT), **kwargs)  # type: ignore[arg-type]


def case_number() -> Text:
    return Text(max=40, pattern=r"^[A-Za-z0-9 ./-]+$", metadata={"description": "The case system's number."})


class AgreementsQuery(Listing):
    status = Text(max=20, pattern="^[a-z_]+$")
    case_id = Uuid()
    match_id = Uuid()
    workplace_id = Uuid()


class Responsibilities(Loads):
    employer = Text(required=True)
    consultant = Text(required=True)


class TermTexts(Command):
    purpose = Text()
    long_term_goal = Text()
    responsibilities = Nested(Responsibilities)
    learning_goals = Text()
    collective_agreement = Text(max=200)
    wage = Text(max=200)
    mentor = Text(max=200)
    tasks = Text()


class Terms(TermTexts):
    measure = measure()
    starts_on = Day()
    ends_on = Day()
    weekly_hours = hours()
    prospect = prospect()


class DraftAgreement(Terms):
    match_id = Uuid()
    case_id = Uuid()
    workplace_id = Uuid()


class Agree(Command):
    """All that choosing, drafting, and asking or concluding take, in the order in which two people agree on it."""

    citizen_yes_on = Day(metadata={"description": "Needed while the match is not chosen, and where no grant is asked for."})
    employer_yes_on = Day(metadata={"description": "As citizen_yes_on."})
    reason_code = Code(codes.CHOICES, metadata={"description": "Needed while the match is not chosen."})
    measure = measure()
    starts_on = Day(required=True)
    ends_on = Day()
    weekly_hours = hours(required=True)
    prospect = prospect()
    learning_goals = Text()
    purpose = Text(required=True)
    long_term_goal = Text(required=True)
    responsibilities = Nested(Responsibilities)
    tasks = Text()
    mentor = Text(max=200)
    wage = Text(max=200)
    collective_agreement = Text(max=200)
    case_number = case_number()


class RequestGrant(TermTexts):
    step = measure(required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)
    weekly_hours = hours(required=True)
    purpose = Text(required=True)
    long_term_goal = Text(required=True)
    responsibilities = Nested(Responsibilities, required=True)
    prospect = prospect(required=True)
    partner_id = Uuid(metadata={"description": "The other authority that may answer with its own key."})


class Grant(Command):
    decided_on = Day(required=True)
    basis = Text(required=True)


class RefuseGrant(Command):
    reason = Text(required=True)
    what_would_help = Text(required=True)
    decided_on = Day()


class Conclude(Terms):
    citizen_yes_on = Day(required=True)
    employer_yes_on = Day(required=True)
    case_number = case_number()


class ChangeAgreement(Command):
    kind = Code(codes.CHANGES, required=True)
    reason = Text(required=True)
    citizen_statement = Text(required=True)
    decided_on = Day()
    ends_on = Day()
    weekly_hours = hours()
    workplace_id = Uuid()
    tasks = Text()
    mentor = Text(max=200)
    granted_on = Day(metadata={"description": "The new grant's date, to extend a granted measure."})
    grant_basis = Text()


class CancelAgreement(Command):
    by = Code(PARTIES, required=True)
    reason = Text(required=True)


class AgreementOut(Thing):
    match_id = fields.UUID(allow_none=True)
    opening_id = fields.UUID(allow_none=True)
    workplace_id = fields.UUID()
    employer_id = fields.UUID()
    measure = fields.String(allow_none=True)
    starts_on = fields.Date(allow_none=True)
    ends_on = fields.Date(allow_none=True)
    weekly_hours = fields.Integer(allow_none=True)
    prospect = fields.String(allow_none=True)
    approver = fields.String(allow_none=True)
    granted_on = fields.Date(allow_none=True)
    citizen_yes_on = fields.Date(allow_none=True)
    employer_yes_on = fields.Date(allow_none=True)
    case_number = fields.String(allow_none=True)
    agreement_version = fields.Integer()
    started_on = fields.Date(allow_none=True)
    texts = fields.Dict()


AGREEMENT_COMMANDS: dict[str, Schema] = {
    "request_grant": RequestGrant(), "grant": Grant(), "refuse_grant": RefuseGrant(), "conclude": Conclude(), "change": ChangeAgreement(),
    "cancel": CancelAgreement(),
}
AGREEMENT_OUT = AgreementOut()

# SPDX-License-Identifier: MPL-2.0
"""Matches and their interviews."""
from __future__ import annotations

from marshmallow import Schema, fields

from jobtrappen.contracts.vocabulary import PARTIES
from jobtrappen.web.common import Thing
from jobtrappen.web.fields import Code, Command, Day, Flag, Moment, Text, Uuid, many
from jobtrappen_matching import codes
from jobtrappen_matching.schemas.common import Listing, measure


class MatchesQuery(Listing):
    status = Text(max=20, pattern="^[a-z_]+$")
    case_id = Uuid()
    opening_id = Uuid()


class Propose(Command):
    case_id = Uuid(required=True)
    opening_id = Uuid(required=True)
    reason = Text(required=True)
    measure = measure()


class Present(Command):
    citizen_yes_on = Day(required=True)
    presentation_id = Text(max=80, pattern=r"^[A-Za-z0-9._:/-]+$", required=True, metadata={"description": "Where the approved presentation lies."})


class Interest(Command):
    employer_contact = Text(max=200, required=True)


class BookInterview(Command):
    scheduled_at = Moment(required=True)
    place = Text(max=200, required=True)
    companions = many(Code(codes.COMPANIONS), min=1, max=6, required=True)
    interpreter = Flag(metadata={"description": "An interpreter has to be booked."})
    reason = Text(metadata={"description": "Why the consultant does not go along."})


class HoldInterview(Command):
    attended = Flag(required=True)
    citizen_feedback = Text(required=True)
    employer_feedback = Text(required=True)


class Offer(Command):
    step = measure(required=True)
    wished_start = Day(required=True)


class Choose(Command):
    citizen_yes_on = Day(required=True)
    employer_yes_on = Day(required=True)
    reason_code = Code(codes.CHOICES, required=True)
    measure = measure()


class Decline(Command):
    by = Code(PARTIES, required=True)
    reason_code = Code(codes.DECLINES, required=True)
    other_reason_code = Code(codes.DECLINES, metadata={"description": "The other side's reason, where expectations did not meet."})
    said_to_citizen = Text()
    said_to_employer = Text()


class Withdraw(Command):
    by = Code(PARTIES, required=True)
    reason = Text(required=True)
    reason_code = Code(codes.DECLINES)


class Reopen(Command):
    reason = Text(required=True)


class MatchOut(Thing):
    opening_id = fields.UUID()
    workplace_id = fields.UUID()
    employer_id = fields.UUID()
    measure = fields.String(allow_none=True)
    citizen_yes_on = fields.Date(allow_none=True)
    employer_yes_on = fields.Date(allow_none=True)
    presentation_id = fields.String(allow_none=True)
    wished_start = fields.Date(allow_none=True)
    scheduled_at = fields.DateTime(allow_none=True)
    place = fields.String(allow_none=True)
    companions = fields.List(fields.String(), allow_none=True)
    interpreter = fields.Boolean()
    consultant = fields.String(allow_none=True)
    attended = fields.Boolean(allow_none=True)
    by = fields.String(allow_none=True)
    reason_code = fields.String(allow_none=True)
    other_reason_code = fields.String(allow_none=True)
    holds_place = fields.Boolean()
    notes = fields.Dict()


MATCH_COMMANDS: dict[str, Schema] = {
    "present": Present(), "interest": Interest(), "book_interview": BookInterview(), "hold_interview": HoldInterview(), "offer": Offer(),
    "choose": Choose(), "decline": Decline(), "withdraw": Withdraw(), "reopen": Reopen(),
}
MATCH_OUT = MatchOut()

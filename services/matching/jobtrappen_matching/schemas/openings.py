# SPDX-License-Identifier: MPL-2.0
"""Openings, and which of them are feasible for a candidate."""
from __future__ import annotations

from marshmallow import Schema, fields

from jobtrappen.contracts.vocabulary import PARTIES
from jobtrappen.web.fields import Code, Command, Day, Flag, Loads, Nested, Text, Uuid, Whole, many
from jobtrappen_matching import codes
from jobtrappen_matching.schemas.common import Listing, hours, measure


class PlacesIn(Loads):
    measure = measure(required=True)
    places = Whole(0, 500, required=True)


class OpeningTerms(Command):
    weekly_hours = hours()
    until = Day()
    tasks = Text()
    conditions = Text()
    safety_danish = Flag(metadata={"description": "Enough Danish to follow safety instructions is needed."})


class Publish(OpeningTerms):
    workplace_id = Uuid(required=True)
    opening_source = Code(codes.SOURCES, required=True, data_key="source")
    title = Text(max=200, required=True)
    places = many(Nested(PlacesIn), min=1, max=7, required=True)


class ChangeOpening(OpeningTerms):
    title = Text(max=200)
    places = many(Nested(PlacesIn), min=1, max=7)


class CloseOpening(Command):
    by = Code(PARTIES, load_default="employer")
    reason = Text()


class OpeningsQuery(Listing):
    status = Code(("open", "closed"))
    workplace_id = Uuid()
    opening_source = Code(codes.SOURCES, data_key="source")


class FeasibleQuery(Loads):
    case_id = Uuid(required=True)
    measure = measure(metadata={"description": "The candidate's start step when left out."})
    on = Day(metadata={"description": "Today when left out."})
    all = Flag(load_default=False, metadata={"description": "Infeasible openings too, with reason codes."})
    limit = Whole(1, 200, load_default=50)


class OpeningOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True)
    effective_date = fields.Date()
    employer_id = fields.UUID()
    workplace_id = fields.UUID()
    employer_name = fields.String()
    workplace_name = fields.String()
    opening_source = fields.String(data_key="source")
    published_on = fields.Date()
    until = fields.Date(allow_none=True)
    weekly_hours = fields.Integer(allow_none=True)
    title = fields.String()
    tasks = fields.String(allow_none=True)
    conditions = fields.String(allow_none=True)
    safety_danish = fields.Boolean()
    places = fields.List(fields.Dict())


class FeasibleOut(Schema):
    opening_id = fields.String(required=True)
    workplace_id = fields.String()
    employer_id = fields.String()
    employer_name = fields.String()
    workplace_name = fields.String()
    title = fields.String()
    opening_source = fields.String(data_key="source")
    measure = fields.String()
    free = fields.Integer()
    weekly_hours = fields.Integer(allow_none=True)
    until = fields.Date(allow_none=True)
    feasible = fields.Boolean(required=True)
    against = fields.List(fields.String())
    reasons = fields.List(fields.Dict())


class CandidateOut(Schema):
    id = fields.UUID(required=True)
    case_id = fields.UUID()
    version = fields.Integer(required=True)
    status = fields.String(required=True)
    effective_date = fields.Date()
    track = fields.String()
    ready = fields.Boolean()
    start_step = fields.String(allow_none=True)
    profile_version = fields.Integer()
    protected = fields.Boolean()
    profile = fields.Dict()


OPENING_OUT, FEASIBLE_OUT, CANDIDATE_OUT = OpeningOut(), FeasibleOut(), CandidateOut()

# SPDX-License-Identifier: MPL-2.0
"""Schemas that the kit itself speaks."""
from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields, validate

from jobtrappen.web.fields import Code, Day, Loads, Text, Uuid, Whole


class SignIn(Loads):
    username = Text(max=80, required=True)
    password = Text(max=200, required=True)


class ReportQuery(Loads):
    as_of = Day(required=True, metadata={"description": "The day whose end counts, inclusive."})
    format = Code(("json", "csv", "text"), load_default="json")


class Row(Schema):
    key = fields.String(required=True)
    label = fields.String(required=True)
    value = fields.Integer(required=True, allow_none=True, metadata={"description": "null: kept back."})
    suppressed = fields.Boolean(metadata={"description": "true: below five, or a cell below five could be computed from it. Absent where the value is told."})


class Report(Schema):
    """A report's answer: rows in the report's own order, and their total."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    as_of = fields.Date(required=True)
    note = fields.String(allow_none=True)
    rows = fields.List(fields.Nested(Row), required=True)
    total = fields.Integer(required=True, allow_none=True, metadata={"description": "null: kept back."})


class FieldError(Schema):
    field = fields.String(required=True)
    detail = fields.String(required=True)


class Problem(Schema):
    """RFC 9457. A refusal may add members that say more (the scope that lacks, the id that is known instead)."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, validate=validate.Regexp("^urn:jobtrappen:problem:[a-z0-9-]+$"))
    title = fields.String(required=True)
    status = fields.Integer(required=True, validate=validate.Range(min=400, max=599))
    detail = fields.String(required=True)
    instance = fields.String(required=True, validate=validate.Regexp("^urn:jobtrappen:request:[A-Za-z0-9-]{1,64}$"))
    errors = fields.List(fields.Nested(FieldError), metadata={"description": "422: every field that is wrong."})
    allowed = fields.List(fields.String(), metadata={"description": "403, 409: what this role may do now instead."})
    action = fields.String(metadata={"description": "403: what was asked for."})
    state = fields.String(allow_none=True, metadata={"description": "409, 412: the present state."})
    version = fields.Integer(metadata={"description": "412: the present version."})
    header = fields.String(metadata={"description": "400, 428: the header that is missing or malformed."})


class SignOut(Loads):
    """A browser's session that is over before its time; `until` is when that would have been (seconds since 1970)."""

    session = Uuid(required=True)
    until = Whole(0, 9_999_999_999, required=True)


SIGN_OUT = SignOut()
SIGN_IN, REPORT_QUERY, REPORT, PROBLEM = SignIn(), ReportQuery(), Report(), Problem()

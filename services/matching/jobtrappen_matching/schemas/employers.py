# SPDX-License-Identifier: MPL-2.0
"""Employers, workplaces, contact persons."""
from __future__ import annotations

from marshmallow import Schema, fields

from jobtrappen.web.fields import Code, Command, Flag, Text, Uuid, Whole
from jobtrappen_matching import codes
from jobtrappen_matching.schemas.common import Listing


class RegisterEmployer(Command):
    cvr = Text(max=8, pattern="^[0-9]{8}$", required=True)
    name = Text(max=200, required=True)
    sector = Code(codes.SECTORS, required=True)


class AddWorkplace(Command):
    p_number = Text(max=10, pattern="^[0-9]{10}$", required=True)
    name = Text(max=200, required=True)
    responsible = Text(max=80, required=True)
    address = Text(max=300)
    headcount = Whole(0, 100_000, metadata={"description": "Ordinary full-time employees at this P-number."})


class ChangeWorkplace(Command):
    name = Text(max=200)
    address = Text(max=300)
    headcount = Whole(0, 100_000)


class SetResponsible(Command):
    responsible = Text(max=80, required=True)


class ContactIn(Command):
    name = Text(max=100)
    phone = Text(max=30)
    email = Text(max=200)


class AddContact(ContactIn):
    contact_id = Uuid(metadata={"description": "A person known from another workplace of the same employer."})


class ChangeContact(ContactIn):
    active = Flag()


class EmployersQuery(Listing):
    cvr = Text(max=8, pattern="^[0-9]{8}$")


class WorkplacesQuery(Listing):
    employer_id = Uuid()
    p_number = Text(max=10, pattern="^[0-9]{10}$")
    responsible = Text(max=80)


class EmployerOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    cvr = fields.String()
    name = fields.String()
    sector = fields.String()


class WorkplaceOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    employer_id = fields.UUID()
    p_number = fields.String()
    name = fields.String()
    address = fields.String(allow_none=True)
    headcount = fields.Integer(allow_none=True)
    responsible = fields.String()
    responsibles = fields.List(fields.Dict())


class ContactOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    employer_id = fields.UUID()
    active = fields.Boolean()
    person = fields.Dict()
    workplace_ids = fields.List(fields.UUID())


EMPLOYER_OUT, WORKPLACE_OUT, CONTACT_OUT = EmployerOut(), WorkplaceOut(), ContactOut()

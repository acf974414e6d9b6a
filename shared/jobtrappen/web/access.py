# SPDX-License-Identifier: MPL-2.0
"""What a citizen may know of her own case's log (GDPR Article 15; C-579/21): when it was read or changed, by which role of which
unit, and why. Each service answers for its own log; staff stand there by their role, never by name.
"""
from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Response
from marshmallow import Schema, fields
from sqlalchemy import exists, or_, select

from jobtrappen import audit_words, roles, tables
from jobtrappen.clock import now
from jobtrappen.config import TOPICS
from jobtrappen.errors import NotYet
from jobtrappen.spreadsheet import defused
from jobtrappen.web.fields import Code, Loads

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from jobtrappen.runtime import Runtime
    from jobtrappen.tx import Tx
    from jobtrappen.web.api import Api

A = tables.audit.c
COLUMNS = ("at", "role", "unit", "action", "what", "purpose", "why")
HUMAN = ("caseworker", "consultant", "team_lead", "coordinator", "administrator")


class AccessQuery(Loads):
    language = Code(audit_words.LANGUAGES, load_default="da")
    format = Code(("json", "csv"), load_default="json")


class Entry(Schema):
    at = fields.DateTime(required=True)
    role = fields.String(required=True)
    unit = fields.String(required=True)
    action = fields.String(required=True)
    what = fields.String(required=True, metadata={"description": "The action in plain words."})
    purpose = fields.String(required=True)
    why = fields.String(required=True, metadata={"description": "The purpose in plain words."})


class AccessReport(Schema):
    """Every read and write of one case in one service, oldest first."""

    case_id = fields.UUID(required=True)
    service = fields.String(required=True)
    made_at = fields.DateTime(required=True)
    entries = fields.List(fields.Nested(Entry), required=True)


QUERY, OUT = AccessQuery(), AccessReport()


def known(session: Session, service: str, case_id: UUID) -> bool:
    """Whether this service has heard of the case at all: it acted on it, keeps a copy of the person, or said something of it. Each is
    an index's question, so that asking for nobody costs no more than asking for somebody."""
    p, s = tables.person_copy.c, tables.stream.c
    return bool(session.scalar(select(or_(exists().where(A.case_id == case_id), exists().where(p.case_id == case_id),
                                          exists().where(s.topic == TOPICS[service], s.key == str(case_id))))))


def report(session: Session, service: str, case_id: UUID, language: str) -> dict[str, Any]:
    """The log of one case.

    Returns: {case_id, service, made_at, entries: [{at, role, unit, action, what, purpose, why}]}.
    Raises:
        NotYet: this service has not heard of the case.
    """
    if not known(session, service, case_id):
        raise NotYet("case")
    rows = session.execute(select(tables.audit).where(A.case_id == case_id).order_by(A.at, A.id))
    return {"case_id": case_id, "service": service, "made_at": now(), "entries": [
        {"at": row.at, "role": audit_words.word(audit_words.ROLES, row.role, language), "unit": row.unit if row.role in HUMAN else "",
         "action": row.action, "what": audit_words.what(row.action, row.subject, row.subject_id == "list", language),
         "purpose": row.purpose, "why": audit_words.word(audit_words.PURPOSES, row.purpose, language)} for row in rows]}


def as_csv(found: dict[str, Any]) -> str:
    """For a spreadsheet: semicolons; no cell is a formula, whatever a unit or a purpose is called."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["service", *COLUMNS])
    for entry in found["entries"]:
        cells = [entry[name] if name != "at" else entry["at"].isoformat(timespec="seconds") for name in COLUMNS]
        writer.writerow([found["service"], *(defused(cell) if cell else cell for cell in cells)])
    return out.getvalue()


def install(api: Api, runtime: Runtime) -> None:
    """The route that every service has."""

    @api.read("/cases/<uuid:case_id>/access-report", resource="access_report", who=roles.CW, query=QUERY, dumps=OUT, gives="application/json text/csv",
              audits=True, purpose="access_report")
    def access_report(tx: Tx, arguments: dict[str, Any], case_id: UUID) -> Any:
        """Who has read or changed a citizen's case in this service, when and why; for the citizen, staff by their role."""
        runtime.service.rights.of(tx.actor, "access_report")  # CSV does not pass through the rights' view
        found = report(tx.session, runtime.name, case_id, arguments["language"])
        if arguments["format"] == "csv":
            tx.audit("read.access_report", "access_report", case_id, case_id, purpose="access_report")
            return Response(as_csv(found), content_type="text/csv; charset=utf-8")
        return found

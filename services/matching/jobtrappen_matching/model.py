# SPDX-License-Identifier: MPL-2.0
"""Employers, openings, candidates, matches and agreements: tables, and what can happen to them as data."""
from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jobtrappen import heard, tables
from jobtrappen.db import base
from jobtrappen.lifecycle import BEFORE, SAME, Lifecycle, step
from jobtrappen.model import Aggregate
from jobtrappen.roles import CW, JC, JC_CW, PA, SYS

Base = base("matching")
tables.add_to(Base.metadata)
HEARD = heard.table(Base.metadata)
"""What other services told of cases, for the timeline."""


class Employer(Base):
    """An employer by its CVR number; its places of work stand apart, each with a P-number."""

    __tablename__ = "employer"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    cvr: Mapped[str] = mapped_column(String(8), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    sector: Mapped[str] = mapped_column(String(10))


class Workplace(Base):
    """A place of work (P-number), with exactly one responsible consultant as its way into the municipality (F-080)."""

    __tablename__ = "workplace"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    employer_id: Mapped[UUID] = mapped_column(ForeignKey("employer.id"), index=True)
    p_number: Mapped[str] = mapped_column(String(10), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(300))
    headcount: Mapped[int | None]
    responsible: Mapped[str] = mapped_column(String(80))


class Responsibility(Base):
    """Who was responsible for a workplace from a day on; append-only."""

    __tablename__ = "responsibility"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workplace_id: Mapped[UUID] = mapped_column(ForeignKey("workplace.id"), index=True)
    responsible: Mapped[str] = mapped_column(String(80))
    since: Mapped[date]
    recorded_at: Mapped[datetime]


class Contact(Base):
    """A person at an employer; name, phone and mail are sealed together."""

    __tablename__ = "contact"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    employer_id: Mapped[UUID] = mapped_column(ForeignKey("employer.id"), index=True)
    active: Mapped[bool]
    sealed: Mapped[str] = mapped_column(Text)


class ContactPlace(Base):
    """A contact person may answer for several workplaces."""

    __tablename__ = "contact_place"
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    workplace_id: Mapped[UUID] = mapped_column(ForeignKey("workplace.id"), primary_key=True, index=True)


class Opening(Base):
    """Places at a workplace, found in one of three ways (F-091); a pre-agreement has conditions and an end (F-092)."""

    __tablename__ = "opening"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    effective_date: Mapped[date]
    employer_id: Mapped[UUID] = mapped_column(ForeignKey("employer.id"), index=True)
    workplace_id: Mapped[UUID] = mapped_column(ForeignKey("workplace.id"), index=True)
    opening_source: Mapped[str] = mapped_column(String(20))
    published_on: Mapped[date]
    until: Mapped[date | None]
    weekly_hours: Mapped[int | None]
    title: Mapped[str] = mapped_column(String(200))
    tasks: Mapped[str | None] = mapped_column(Text)
    conditions: Mapped[str | None] = mapped_column(Text)
    safety_danish: Mapped[bool]


class OpeningPlace(Base):
    """How many places an opening has for one step; `taken` counts every place that was ever held (F-092)."""

    __tablename__ = "opening_place"
    opening_id: Mapped[UUID] = mapped_column(ForeignKey("opening.id"), primary_key=True)
    measure: Mapped[str] = mapped_column(String(20), primary_key=True)
    places: Mapped[int]
    taken: Mapped[int]


class Held(Base):
    """A place that a chosen match holds; the row goes when the place is given back. A match holds at most one."""

    __tablename__ = "held"
    __table_args__ = (Index("ix_held_opening", "opening_id", "measure"),)
    match_id: Mapped[UUID] = mapped_column(primary_key=True)
    opening_id: Mapped[UUID]
    measure: Mapped[str] = mapped_column(String(20))


class Candidate(Base):
    """A case as matching knows it; `id` is the case_id. The person herself is a sealed copy of the kit's."""

    __tablename__ = "candidate"
    __table_args__ = (Index("ix_candidate_status", "status", "effective_date"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    effective_date: Mapped[date]
    track: Mapped[str] = mapped_column(String(10))
    ready: Mapped[bool]
    start_step: Mapped[str | None] = mapped_column(String(20))
    profile_version: Mapped[int]

    @property
    def case_id(self) -> UUID:
        return self.id


class Diary(Base):
    """One row for each consultant: who books an interview for her waits here for who else does."""

    __tablename__ = "diary"
    consultant: Mapped[str] = mapped_column(String(80), primary_key=True)
    bookings: Mapped[int]


class Match(Aggregate, Base):
    __tablename__ = "match"
    __table_args__ = (Index("ix_match_status", "status", "effective_date"), Index("ix_match_case_status", "case_id", "status"))
    KIND = "match"
    opening_id: Mapped[UUID] = mapped_column(ForeignKey("opening.id"), index=True)
    workplace_id: Mapped[UUID] = mapped_column(index=True)
    employer_id: Mapped[UUID]
    measure: Mapped[str | None] = mapped_column(String(20))
    citizen_yes_on: Mapped[date | None]
    employer_yes_on: Mapped[date | None]
    presentation_id: Mapped[str | None] = mapped_column(String(80))
    wished_start: Mapped[date | None]
    scheduled_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(200))
    companions: Mapped[list[str] | None] = mapped_column(JSON)
    interpreter: Mapped[bool] = mapped_column(default=False)
    consultant: Mapped[str | None] = mapped_column(String(80), index=True)
    attended: Mapped[bool | None]
    by: Mapped[str | None] = mapped_column(String(20))
    reason_code: Mapped[str | None] = mapped_column(String(40))
    other_reason_code: Mapped[str | None] = mapped_column(String(40))
    notes_sealed: Mapped[str | None] = mapped_column(Text)


class Agreement(Aggregate, Base):
    """The terms of one placement; texts and wage are sealed, since they tell of a person."""

    __tablename__ = "agreement"
    __table_args__ = (Index("ix_agreement_status", "status", "effective_date"), Index("ix_agreement_case_status", "case_id", "status"))
    KIND = "agreement"
    match_id: Mapped[UUID | None] = mapped_column(index=True)
    opening_id: Mapped[UUID | None]
    workplace_id: Mapped[UUID] = mapped_column(ForeignKey("workplace.id"), index=True)
    employer_id: Mapped[UUID]
    partner_id: Mapped[UUID | None]
    measure: Mapped[str | None] = mapped_column(String(20))
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    weekly_hours: Mapped[int | None]
    prospect: Mapped[str | None] = mapped_column(String(20))
    approver: Mapped[str | None] = mapped_column(String(20))
    granted_on: Mapped[date | None]
    citizen_yes_on: Mapped[date | None]
    employer_yes_on: Mapped[date | None]
    case_number: Mapped[str | None] = mapped_column(String(40))
    agreement_version: Mapped[int] = mapped_column(default=1)
    started_on: Mapped[date | None]
    terms_sealed: Mapped[str | None] = mapped_column(Text)


OPEN = "proposed presented interested interview offered"
MATCH = Lifecycle("match", (
    #    action            from                              to            who          required                                       says
    step("propose",        "",                               "proposed",   JC | SYS,    "opening_id reason",                           "match.proposed"),
    step("present",        "proposed",                       "presented",  JC,          "citizen_yes_on presentation_id",              "match.presented"),
    step("interest",       "presented",                      "interested", JC,          "employer_contact",                            "match.interested"),
    step("book_interview", "presented interested",           "interview",  JC,          "scheduled_at place companions",               "interview.booked"),
    step("hold_interview", "interview",                      SAME,         JC,          "attended citizen_feedback employer_feedback", "interview.held"),
    step("offer",          "presented interested interview", "offered",    JC,          "step wished_start",                           "match.offered"),
    step("choose",         OPEN,                             "chosen",     JC,          "citizen_yes_on employer_yes_on reason_code",  "match.chosen"),
    step("decline",        OPEN,                             "declined",   JC_CW,       "by reason_code",                              "match.declined"),
    step("withdraw",       f"{OPEN} chosen",                 "withdrawn",  JC_CW | SYS, "by reason",                                   "match.withdrawn"),
    step("reopen",         "declined withdrawn",             BEFORE,       JC,          "reason",                                      "match.reopened"),
), "Match")

GRANT = "step starts_on ends_on weekly_hours purpose long_term_goal responsibilities prospect"
AGREEMENT = Lifecycle("agreement", (
    #    action           from                                       to                who            required                           says
    step("draft",         "",                                        "draft",          JC,            "",                                None,
         help="For a chosen match, or for a case and a workplace."),
    step("request_grant", "draft refused",                           "awaiting_grant", JC,            GRANT,                             "agreement.grant_requested"),
    step("grant",         "awaiting_grant",                          "granted",        CW | PA | SYS, "decided_on basis",                "agreement.granted"),
    step("refuse_grant",  "awaiting_grant",                          "refused",        CW | PA | SYS, "reason what_would_help",          "agreement.grant_refused"),
    step("conclude",      "draft granted",                           "concluded",      JC,            "citizen_yes_on employer_yes_on",  "agreement.concluded"),
    step("change",        "concluded",                               SAME,             JC,            "kind reason citizen_statement",   "agreement.changed"),
    step("cancel",        "draft awaiting_grant granted refused concluded", "cancelled", JC_CW | SYS, "by reason",                       "agreement.cancelled"),
    step("close",         "concluded",                               "closed",         SYS,           "",                                "agreement.closed"),
), "Agreement")

LIFECYCLES = (MATCH, AGREEMENT)
OPEN_MATCH = tuple(OPEN.split())
BEFORE_CONCLUSION = ("draft", "awaiting_grant", "granted", "refused")

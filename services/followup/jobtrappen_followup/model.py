# SPDX-License-Identifier: MPL-2.0
"""Courses, placements, duties and contacts: tables, and what can happen to them as data."""
from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from jobtrappen import heard, tables
from jobtrappen.db import base
from jobtrappen.lifecycle import SAME, Lifecycle, step
from jobtrappen.model import Aggregate
from jobtrappen.roles import JC, SYS

Base = base("followup")
tables.add_to(Base.metadata)
HEARD = heard.table(Base.metadata)
"""What other services told of cases, for the timeline."""


class Course(Aggregate, Base):
    """A citizen's way on the staircase, one for each case; `id` is the case_id. `step` is derived, never typed."""

    __tablename__ = "course"
    KIND = "course"
    track: Mapped[str] = mapped_column(String(10))
    step: Mapped[str] = mapped_column(String(20))
    step_since: Mapped[date]
    first_referral_id: Mapped[UUID]
    planned_start: Mapped[date]
    return_class: Mapped[str | None] = mapped_column(String(10))
    responsible: Mapped[str | None] = mapped_column(String(80), index=True)
    """The consultant whose the course is: the first who did something in it, until somebody takes over. Empty, it is everybody's."""


class Placement(Aggregate, Base):
    """A period on one step. It runs from `started_on` to `ended_on`, the latter not included; a planned end ends nothing."""

    __tablename__ = "placement"
    KIND = "placement"
    measure: Mapped[str] = mapped_column(String(20))
    agreement_id: Mapped[UUID | None] = mapped_column(unique=True)
    workplace_id: Mapped[UUID | None]
    employer_id: Mapped[UUID | None]
    weekly_hours: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    started_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    how: Mapped[str | None] = mapped_column(String(30))
    intensity: Mapped[str] = mapped_column(String(20), default="standard")
    three_party_meeting_on: Mapped[date | None]
    employer_confirmed_on: Mapped[date | None]


class Extension(Base):
    """A decision about a present placement, kept by the day on which it was taken: reports of any day read it."""

    __tablename__ = "extension"
    __table_args__ = (UniqueConstraint("placement_id", "agreement_version"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    placement_id: Mapped[UUID] = mapped_column(ForeignKey("placement.id"))
    agreement_version: Mapped[int]
    decided_on: Mapped[date]
    ends_on: Mapped[date | None]


UNDONE = text("done_on IS NULL AND dropped_on IS NULL")


class Duty(Base):
    """Something due on a day. Open while neither done nor dropped; "overdue" is a question asked for a date."""

    __tablename__ = "duty"
    __table_args__ = (Index("ix_duty_due", "due_on", "id"), Index("ix_duty_open", "due_on", "id", "kind", postgresql_where=UNDONE, sqlite_where=UNDONE))
    KIND = "duty"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    placement_id: Mapped[UUID | None] = mapped_column(ForeignKey("placement.id"))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(30))
    planned_on: Mapped[date]
    due_on: Mapped[date]
    opened_on: Mapped[date]
    done_on: Mapped[date | None]
    dropped_on: Mapped[date | None]
    contact_id: Mapped[UUID | None]
    note_sealed: Mapped[str | None] = mapped_column(Text)

    @property
    def open(self) -> bool:
        return self.done_on is None and self.dropped_on is None


class Contact(Base):
    """A contact that was had; it is never changed."""

    __tablename__ = "contact"
    KIND = "contact"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    placement_id: Mapped[UUID | None] = mapped_column(ForeignKey("placement.id"))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    with_whom: Mapped[str] = mapped_column(String(10))
    held_on: Mapped[date]
    by: Mapped[str] = mapped_column(String(80))
    summary_sealed: Mapped[str | None] = mapped_column(Text)


RUNNING = ("active", "paused")
"""A pause does not take a citizen off her step: she has the job while she is away from it."""
OPEN_PLACEMENT = ("planned", *RUNNING)

COURSE = Lifecycle("course", (
    #    action     from                  to           who
    step("open",    "",                   "open",      SYS, help="The first referral of a case was accepted."),
    step("return",  "open",               "returned",  SYS, help="The case went back to the caseworker."),
    step("readmit", "returned retracted", "open",      SYS, help="A later referral was accepted."),
    step("retract", "open",               "retracted", SYS, help="The acceptance that opened it was taken back."),
), "Course")

PLACEMENT = Lifecycle("placement", (
    #    action             from             to             who       required                          says
    step("plan",             "",              "planned",     SYS),
    step("start",            "planned",       "active",      JC | SYS, "",                              "placement.started"),
    step("absent_first_day", "planned",       SAME,          JC,       "rung said next_action next_due"),
    step("not_started",      "planned",       "not_started", JC | SYS, "by reason",                     "placement.not_started"),
    step("extend",           "active",        SAME,          SYS,      "",                              "placement.extended"),
    step("shorten",          "active",        SAME,          SYS,      "",                              "placement.shortened"),
    step("adjust",           "active",        SAME,          SYS,      "",                              "placement.changed"),
    step("pause",            "active",        "paused",      JC,       "reason expected_on",            "placement.paused"),
    step("resume",           "paused",        "active",      JC,       "",                              "placement.resumed"),
    step("end",              "active paused", "ended",       JC,       "how",                           "placement.ended"),
), "Placement")

LIFECYCLES = (COURSE, PLACEMENT)

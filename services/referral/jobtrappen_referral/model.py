# SPDX-License-Identifier: MPL-2.0
"""Citizens, referrals, intake talks, refusals, assessments: tables, and what can happen to them as data."""
from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from jobtrappen import heard, tables
from jobtrappen.db import base
from jobtrappen.lifecycle import BEFORE, SAME, Lifecycle, step
from jobtrappen.model import Aggregate
from jobtrappen.roles import ADMIN, CONSULTANT, CW, JC, JC_CW, SYS, TEAM_LEAD
from jobtrappen.tx import Actor

Base = base("referral")
tables.add_to(Base.metadata)
HEARD = heard.table(Base.metadata)
"""What other services told of cases, for the timeline."""


class Citizen(Aggregate, Base):
    """A citizen's case. `id` is the case_id, the pseudonym under which all services speak of her."""

    __tablename__ = "citizen"
    KIND = "case"
    kind: Mapped[str] = mapped_column(String(20))
    track: Mapped[str] = mapped_column(String(10))
    cpr_key_id: Mapped[str | None] = mapped_column(String(40))
    cpr_sealed: Mapped[str | None] = mapped_column(Text)
    cpr_lookup: Mapped[str | None] = mapped_column(String(64), unique=True)
    person_sealed: Mapped[str] = mapped_column(Text)
    profile_version: Mapped[int]
    start_step: Mapped[str | None] = mapped_column(String(20))
    protected: Mapped[bool]
    language_school: Mapped[bool]
    household_id: Mapped[UUID | None] = mapped_column(ForeignKey("household.id"))
    names_by: Mapped[str | None] = mapped_column(String(40))
    """The look-up key that made this citizen's name tokens; empty until they are made."""


class NameToken(Base):
    """A keyed hash of a part of a citizen's name, or of its beginning: by these a name is found without being stored.
    A protected person has none, and they go with the person."""

    __tablename__ = "name_token"
    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"), primary_key=True, index=True)


class Household(Base):
    """Persons who belong together, so that a spouse can be invited and a couple planned for (F-006)."""

    __tablename__ = "household"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    relation: Mapped[str] = mapped_column(String(20))


class Circumstance(Base):
    """A dated code of a case: benefit, target group, readiness (F-005, F-034). The latest by date counts."""

    __tablename__ = "circumstance"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    code_set: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(40))
    valid_from: Mapped[date]
    recorded_at: Mapped[datetime]


class Referral(Aggregate, Base):
    __tablename__ = "referral"
    KIND = "referral"
    track: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(20))
    from_unit: Mapped[str] = mapped_column(String(40))
    target_unit: Mapped[str | None] = mapped_column(String(40))
    purpose: Mapped[str | None] = mapped_column(String(20))
    legal_basis: Mapped[str | None] = mapped_column(String(40))
    responsible: Mapped[str | None] = mapped_column(String(80))
    planned_start: Mapped[date | None]
    expected_date: Mapped[date | None]
    resume_date: Mapped[date | None]
    outcome_code: Mapped[str | None] = mapped_column(String(40))
    guardian_consent_on: Mapped[date | None]
    loop_closed_on: Mapped[date | None]
    predecessor_id: Mapped[UUID | None]
    successor_id: Mapped[UUID | None]
    void_seconded_by: Mapped[str | None] = mapped_column(String(80))

    def seen_by(self, actor: Actor) -> bool:
        """A draft is its sender's until it is sent; the consultants whom it may reach do not know of it."""
        return self.status != "draft" or self.source == "self_referral" or actor.role != CONSULTANT or actor.unit == self.from_unit


class Intake(Aggregate, Base):
    __tablename__ = "intake"
    KIND = "intake"
    scheduled_at: Mapped[datetime]
    place: Mapped[str] = mapped_column(String(200))
    form: Mapped[str] = mapped_column(String(20))
    participants: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    attended: Mapped[list[str] | None] = mapped_column(JSON)
    activation: Mapped[bool] = mapped_column(default=False)
    minutes_sealed: Mapped[str | None] = mapped_column(Text)
    days_ahead: Mapped[int]


class Refusal(Aggregate, Base):
    """A fact of its own: what was offered, that guidance was given, the citizen's words. Never a sanction (F-144)."""

    __tablename__ = "refusal"
    KIND = "refusal"
    offered_by: Mapped[str] = mapped_column(String(80))
    guided_on: Mapped[date | None]


class Assessment(Base):
    """Five inputs and a start step, proposed with reasons and confirmed by a person (F-042, F-043)."""

    __tablename__ = "assessment"
    KIND = "assessment"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    effective_date: Mapped[date]
    education: Mapped[str] = mapped_column(String(40))
    experience_years: Mapped[int]
    stable_attendance: Mapped[str] = mapped_column(String(20))
    months_away: Mapped[int]
    limits_sealed: Mapped[str | None] = mapped_column(Text)
    proposed_step: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[str]] = mapped_column(JSON)
    start_step: Mapped[str | None] = mapped_column(String(20))


class CaseReturn(Base):
    """Back to the caseworker: why (fixed) and what became of the citizen (may change) are two fields (table 6's note)."""

    __tablename__ = "case_return"
    KIND = "return"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int]
    reason: Mapped[str] = mapped_column(String(40))
    present_state: Mapped[str] = mapped_column(String(40))
    effective_date: Mapped[date]
    documentation_sealed: Mapped[str | None] = mapped_column(Text)


class ReferralList(Base):
    """An uploaded list of candidates, each row waiting for a person's screening decision (F-032, F-057)."""

    __tablename__ = "referral_list"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    unit: Mapped[str] = mapped_column(String(40))
    uploaded_on: Mapped[date]
    rejected: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class ListRow(Base):
    __tablename__ = "list_row"
    __table_args__ = (UniqueConstraint("list_id", "number"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    list_id: Mapped[UUID] = mapped_column(ForeignKey("referral_list.id"), index=True)
    version: Mapped[int]
    number: Mapped[int]
    row_sealed: Mapped[str] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(String(40))
    case_id: Mapped[UUID | None]
    referral_id: Mapped[UUID | None]


class HeardPlacement(Base):
    """What followup said of placements, as this service's own tables need it."""

    __tablename__ = "heard_placement"
    __table_args__ = (Index("ix_heard_placement_measure", "measure", "started_on"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    measure: Mapped[str] = mapped_column(String(20))
    started_on: Mapped[date]
    ended_on: Mapped[date | None]


class Origin(Base):
    """Nationality and country of family origin: the optional statistic's own table, read as aggregates alone (F-056)."""

    __tablename__ = "statistic_origin"
    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    nationality: Mapped[str] = mapped_column(String(4))
    family_origin: Mapped[str] = mapped_column(String(4))
    born_abroad: Mapped[bool]


CASE = Lifecycle("case", (
    #    action     from        to          who      required                  says
    step("open",    "",         "open",     JC_CW,   "",                       "case.opened"),
    step("return",  "open",     "returned", JC,      "reason present_state",   "case.returned"),
    step("readmit", "returned", "open",     SYS,     help="A new referral of a returned case was accepted."),
), "A case")

OPEN = "sent needs_info waitlisted"
WORKING = "accepted started on_hold"
REFERRAL = Lifecycle("referral", (
    #    action                from                                      to              who          required                             says                       side
    step("draft",              "",                                       "draft",        JC_CW,       "case_id",                           None),
    step("send",               "draft",                                  "sent",         CW | SYS,    "target_unit purpose legal_basis",   "referral.sent",           "sender"),
    step("claim",              "sent",                                   SAME,           JC,          "",                                  "referral.claimed"),
    step("request_info",       "sent waitlisted accepted",               "needs_info",   JC,          "question",                          "referral.info_requested", "receiver"),
    step("give_info",          "needs_info",                             BEFORE,         CW,          "answer",                            "referral.info_given",     "sender"),
    step("accept",             "sent waitlisted",                        "accepted",     JC,          "responsible planned_start",         "referral.accepted",       "receiver"),
    step("waitlist",           "sent",                                   "waitlisted",   JC,          "expected_date",                     "referral.waitlisted",     "receiver"),
    step("decline",            OPEN,                                     "declined",     JC,          "reason_code",                       "referral.declined",       "receiver"),
    step("reroute",            f"{OPEN} declined expired",               "rerouted",     JC_CW,       "target_unit reason",                "referral.rerouted",       "either"),
    step("start",              "accepted",                               "started",      JC,          "",                                  "referral.started",        "receiver"),
    step("hold",               "accepted started",                       "on_hold",      JC,          "reason_code resume_date",           "referral.held",           "receiver"),
    step("resume",             "on_hold",                                BEFORE,         JC,          "",                                  "referral.resumed",        "receiver"),
    step("complete",           WORKING,                                  "completed",    JC,          "outcome_code",                      "referral.completed",      "receiver"),
    step("end_early",          WORKING,                                  "ended_early",  JC_CW | SYS, "reason_code outcome_code",          "referral.ended_early",    "either"),
    step("withdraw",           OPEN,                                     "withdrawn",    CW,          "reason_code",                       "referral.withdrawn",      "sender"),
    step("expire",             OPEN,                                     "expired",      SYS,         "policy",                            "referral.expired"),
    step("undo",               "accepted declined completed ended_early", BEFORE,        JC_CW,       "",                                  "referral.reverted",       "either"),
    step("acknowledge_outcome", "completed ended_early declined withdrawn expired rerouted", SAME, CW, "",                                 "referral.loop_closed",    "sender"),
    step("void",               f"draft {OPEN} {WORKING} completed ended_early declined withdrawn expired rerouted",
                                                                         "voided",       ADMIN | {TEAM_LEAD}, "reason",                    "referral.voided"),
), "Referral")

INTAKE = Lifecycle("intake", (
    step("book",            "",       "booked",    JC_CW, "scheduled_at place form participants", "intake.booked"),
    step("move",            "booked", "booked",    JC_CW, "scheduled_at reason",                  "intake.moved"),
    step("hold",            "booked", "held",      JC,    "attended wishes competences barriers", "intake.held"),
    step("no_show",         "booked", "missed",    JC,    "tried",                                "intake.missed"),
    step("cancel",          "booked", "cancelled", JC_CW, "reason_code by",                       "intake.cancelled"),
    step("confirm_minutes", "held",   "held",      JC_CW),
    step("dissent",         "held",   "held",      JC_CW, "words"),
), "Intake talk")

REFUSAL = Lifecycle("refusal", (
    step("offer",       "",        "offered",      JC,    "what offered_by", "refusal.offered"),
    step("guide",       "offered", "guided",       JC_CW, "guided_on",       "refusal.guided"),
    step("refuse",      "guided",  "refused",      JC_CW, "words",           "refusal.refused"),
    step("acknowledge", "refused", "acknowledged", CW,    "",                "refusal.acknowledged"),
), "Refusal")

LIFECYCLES = (CASE, REFERRAL, INTAKE, REFUSAL)

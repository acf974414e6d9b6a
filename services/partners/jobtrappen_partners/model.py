# SPDX-License-Identifier: MPL-2.0
"""Partners, what was agreed with them, what they are asked and told: tables, and what can happen to a request as data."""
from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobtrappen import tables
from jobtrappen.db import base
from jobtrappen.lifecycle import BEFORE, SAME, Lifecycle, step
from jobtrappen.model import Aggregate
from jobtrappen.roles import ADMIN, ADMINISTRATOR, PA, REQUESTER, SYS
from jobtrappen.tx import Actor
from jobtrappen_partners.codes import CARD
from jobtrappen_partners.rights import require_scope

Base = base("partners")
tables.add_to(Base.metadata)


class KnownCase(Base):
    """A case as this service has heard of it; who it is stands in the person's local copy."""

    __tablename__ = "known_case"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    track: Mapped[str] = mapped_column(String(10))
    language_school: Mapped[bool | None]
    """None while no copy of the person has come."""

    @property
    def case_id(self) -> UUID:
        return self.id


class Partner(Base):
    """An organisation in the partner table (F-160). `shows` is what it may see of a request: its kind's, cut by its agreement."""

    __tablename__ = "partner"
    KIND = "partner"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    effective_date: Mapped[date]
    registered_on: Mapped[date]
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    acts_as: Mapped[str] = mapped_column(String(40), index=True)
    card_fields: Mapped[dict[str, str]] = mapped_column(JSON)
    capacity_told: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    shows: Mapped[list[str]] = mapped_column(JSON)

    @property
    def card(self) -> dict[str, str]:
        """Exactly the five fields of the partner table."""
        return {"name": self.name, **{field: self.card_fields.get(field, "") for field in CARD}}


class Cooperation(Base):
    """A cooperation agreement as it stands; `terms` is its latest version (F-161)."""

    __tablename__ = "cooperation"
    KIND = "cooperation"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partner.id"), unique=True)
    version: Mapped[int]
    effective_date: Mapped[date]
    review_on: Mapped[date]
    terms: Mapped[dict[str, Any]] = mapped_column(JSON)


class CooperationVersion(Base):
    """Every version that a cooperation agreement has had; append-only."""

    __tablename__ = "cooperation_version"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cooperation_id: Mapped[UUID] = mapped_column(ForeignKey("cooperation.id"), index=True)
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partner.id"), index=True)
    version: Mapped[int]
    effective_date: Mapped[date]
    review_on: Mapped[date]
    terms: Mapped[dict[str, Any]] = mapped_column(JSON)
    recorded_at: Mapped[datetime]


class IssuedKey(Base):
    """What is known of a key beside its keyed hash (table credential, same id); the key itself is nowhere."""

    __tablename__ = "issued_key"
    KIND = "key"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(80), index=True)
    label: Mapped[str | None] = mapped_column(String(100))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    issued_on: Mapped[date]
    expires_on: Mapped[date | None]

    def seen_by(self, actor: Actor) -> bool:
        """Integrators' keys are the administrator's."""
        return self.kind == "partner" or actor.role == ADMINISTRATOR


class PartnerRequest(Aggregate, Base):
    """A partner is asked for a service or an answer about a citizen. Words are sealed in `content_sealed`."""

    __tablename__ = "partner_request"
    KIND = "partner_request"
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partner.id"), index=True)
    request_type: Mapped[str] = mapped_column(String(20))
    agreement_id: Mapped[UUID | None] = mapped_column(index=True)
    match_id: Mapped[UUID | None]
    intake_id: Mapped[UUID | None]
    wanted_on: Mapped[date | None]
    consent_on: Mapped[date | None]
    """The citizen's own consent, for partners who see a person only with it."""
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    content_sealed: Mapped[str | None] = mapped_column(Text)
    asked: Mapped[bool] = mapped_column(default=False)
    """False while the partner has never been shown it."""
    answers: Mapped[bool] = mapped_column(default=False)
    due_on: Mapped[date | None]
    valid_until: Mapped[date | None]
    expected_date: Mapped[date | None]
    decision: Mapped[str | None] = mapped_column(String(20))
    decided_on: Mapped[date | None]
    delivered_on: Mapped[date | None]
    partner: Mapped[Partner] = relationship(lazy="joined", innerjoin=True)

    @property
    def shows(self) -> list[str]:
        """The fields that its partner may see of it, as agreed today."""
        return sorted({*self.partner.shows, *(["person"] if self.consent_on else [])})

    def seen_by(self, actor: Actor) -> bool:
        """A partner knows of its own requests only; its key needs the scope."""
        if actor.kind != "partner":
            return True
        require_scope(actor, "requests")  # first, so that a key without it learns nothing of ids
        return str(self.partner_id) == actor.partner_id


class Notice(Base):
    """A partner is told of something; nothing is asked. Without a partner it waits for the coordinator."""

    __tablename__ = "notice"
    KIND = "notice"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    case_id: Mapped[UUID] = mapped_column(index=True)
    partner_id: Mapped[UUID | None] = mapped_column(ForeignKey("partner.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    about_id: Mapped[UUID] = mapped_column(index=True)
    """The intake talk, match or placement that it tells of."""
    scheduled_on: Mapped[date]
    days_ahead: Mapped[int]
    """The lead time that the partner really got (F-038)."""
    created_on: Mapped[date]
    partner: Mapped[Partner | None] = relationship(lazy="joined")

    @property
    def shows(self) -> list[str]:
        return self.partner.shows if self.partner else []


class HeardStart(Base):
    """A placement that started before it was known whether the citizen goes to the language school."""

    __tablename__ = "heard_start"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    started_on: Mapped[date]


OPEN = "requested acknowledged needs_info offered waitlisted agreed in_delivery"
UNENDED = frozenset(f"draft {OPEN} delivered disputed".split())
REQUEST = Lifecycle("partner_request", (
    #    action         from                                        to               who              required        says
    step("draft",        "",                                        "draft",         REQUESTER | SYS, "partner_id request_type"),
    step("request",      "draft offered",                           "requested",     REQUESTER | SYS, "",             "partner_request.requested"),
    step("acknowledge",  "requested",                               "acknowledged",  PA,              "",             "partner_request.acknowledged"),
    step("request_info", "requested acknowledged",                  "needs_info",    PA,              "question",     "partner_request.info_requested"),
    step("give_info",    "needs_info",                              BEFORE,          REQUESTER,       "answer",       "partner_request.info_given"),
    step("offer",        "requested acknowledged waitlisted",       "offered",       PA,              "valid_until",  "partner_request.offered"),
    step("waitlist",     "requested acknowledged",                  "waitlisted",    PA,              "expected_date", "partner_request.waitlisted"),
    step("agree",        "requested acknowledged waitlisted",       "agreed",        PA,              "",             "partner_request.agreed"),
    step("agree",        "offered",                                 "agreed",        REQUESTER,       "",             "partner_request.agreed"),
    step("start",        "agreed disputed",                         "in_delivery",   PA,              "",             "partner_request.started"),
    step("progress",     "in_delivery",                             SAME,            PA,              "",             "partner_request.progress_reported"),
    step("deliver",      "agreed in_delivery disputed",             "delivered",     PA,              "output",       "partner_request.delivered"),
    step("deliver",      "acknowledged",                            "delivered",     PA,              "output",       "partner_request.delivered",
         when=lambda request: request.answers, help="A union or an association answers; it has nothing to deliver over time."),
    step("confirm",      "delivered disputed",                      "confirmed",     REQUESTER | SYS, "",             "partner_request.confirmed"),
    step("dispute",      "delivered",                               "disputed",      REQUESTER,       "reason",       "partner_request.disputed"),
    step("decline",      "requested acknowledged waitlisted",       "declined",      PA,              "reason_code",  "partner_request.declined"),
    step("cancel",       OPEN,                                      "cancelled",     REQUESTER | SYS, "reason_code",  "partner_request.cancelled"),
    step("not_deliver",  "agreed in_delivery disputed",             "not_delivered", PA,              "reason_code",  "partner_request.not_delivered"),
    step("expire",       "requested acknowledged needs_info offered waitlisted", "expired", SYS,      "",             "partner_request.expired"),
    step("void",         f"draft {OPEN} delivered confirmed disputed declined cancelled not_delivered expired",
                                                                    "voided",        ADMIN,           "reason",       "partner_request.voided"),
), "Partner request")

LIFECYCLES = (REQUEST,)

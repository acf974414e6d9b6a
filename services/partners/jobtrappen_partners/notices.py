# SPDX-License-Identifier: MPL-2.0
"""Telling a partner ahead: what it hears is a row of its own and an event; no reason is asked for a short lead time (F-038)."""
from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select

from jobtrappen.tx import Tx
from jobtrappen_partners import events, queries
from jobtrappen_partners.model import Notice, Partner

LONGEST = 400


def school_of(tx: Tx, case_id: UUID) -> Partner | None:
    """The only language school there is, else the one that was told of the citizen last. Of several none is guessed: a notice
    to the wrong school would tell it of a citizen who is not its pupil."""
    schools = queries.active(tx, "language_school")
    if len(schools) < 2:
        return schools[0] if schools else None
    told = select(Notice.partner_id).where(Notice.case_id == case_id, Notice.status == "given", Notice.partner_id.in_([s.id for s in schools]))
    latest = tx.session.scalar(told.order_by(Notice.id.desc()).limit(1))
    return next((s for s in schools if s.id == latest), None)


def tell(tx: Tx, partner: Partner | None, case_id: UUID, kind: str, about_id: UUID, scheduled_on: date, day: date,
         days_ahead: int | None = None) -> Notice:
    """Give a notice, or keep it unassigned for the coordinator; an earlier unassigned one about the same thing is overtaken."""
    for earlier in tx.all(Notice, about_id=about_id, status="unassigned"):
        if earlier.kind.split("_")[0] == kind.split("_")[0]:
            earlier.status, earlier.version = "overtaken", earlier.version + 1
    ahead = min(max(0, (scheduled_on - day).days if days_ahead is None else days_ahead), LONGEST)
    notice = tx.add(Notice(id=tx.new_id(), version=1, status="given" if partner else "unassigned", case_id=case_id, partner=partner,
                           partner_id=partner.id if partner else None, kind=kind, about_id=about_id, scheduled_on=scheduled_on, days_ahead=ahead,
                           created_on=day))
    if partner:
        events.notice_given(tx, notice, day)
    tx.audit(f"notice.{notice.status}", "notice", notice.id, case_id)
    return notice


def told_of(tx: Tx, about_id: UUID) -> Notice | None:
    """The notice about a talk, match or placement that still stands: the one that waits for a partner, else the last one given.
    Ids tell no order between what came from different services."""
    standing = select(Notice).where(Notice.about_id == about_id, Notice.status != "overtaken")
    return tx.session.scalars(standing.order_by((Notice.status == "unassigned").desc(), Notice.id.desc()).limit(1)).first()

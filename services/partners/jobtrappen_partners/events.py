# SPDX-License-Identifier: MPL-2.0
"""What this service says beside the events of the request's lifecycle; nothing personal in it."""
from __future__ import annotations

from datetime import date

from jobtrappen.tx import Tx
from jobtrappen_partners.model import Cooperation, Notice, Partner


def registered(tx: Tx, partner: Partner) -> None:
    """A partner's own events are keyed by the partner."""
    tx.say("partner.registered", key=partner.id, subject=f"partner/{partner.id}", subject_version=partner.version, time=partner.effective_date,
           data={"partner_id": partner.id, "partner_kind": partner.acts_as})


def agreement_changed(tx: Tx, cooperation: Cooperation) -> None:
    tx.say("partner_agreement.changed", key=cooperation.partner_id, subject=f"cooperation/{cooperation.id}", subject_version=cooperation.version,
           time=cooperation.effective_date,
           data={"partner_id": cooperation.partner_id, "cooperation_id": cooperation.id, "review_on": cooperation.review_on})


def notice_given(tx: Tx, notice: Notice, day: date) -> None:
    """The lead time that it really got is in it (F-038)."""
    tx.say("partner_notice.given", key=notice.case_id, subject=f"notice/{notice.id}", subject_version=notice.version, time=day,
           data={"case_id": notice.case_id, "partner_id": notice.partner_id, "days_ahead": notice.days_ahead, "scheduled_on": notice.scheduled_on})

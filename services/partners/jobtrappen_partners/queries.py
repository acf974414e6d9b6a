# SPDX-License-Identifier: MPL-2.0
"""Reads."""
from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from jobtrappen import people, tables
from jobtrappen.errors import NotFound
from jobtrappen.tx import Tx
from jobtrappen.web.common import page
from jobtrappen_partners import contents
from jobtrappen_partners.model import Cooperation, CooperationVersion, IssuedKey, Notice, Partner, PartnerRequest
from jobtrappen_partners.rights import require_scope

PROTECTED = "beskyttet"


def me(tx: Tx, scope: str = "") -> Partner:
    """The partner whose key calls."""
    if scope:
        require_scope(tx.actor, scope)
    return with_capacity(tx, tx.get(Partner, tx.actor.partner_id))


def with_capacity(tx: Tx, partner: Partner) -> Partner:
    """The partner with its capacity as it counts today: what was told too long ago is unknown."""
    told = partner.capacity_told
    if told:
        until = date.fromisoformat(told["as_of"]) + timedelta(days=told["valid_for"])
        told = {**told, "valid_until": until.isoformat(), "state": told["state"] if tx.today <= until else "unknown"}
    partner.capacity = told or {"state": "unknown"}  # type: ignore[attr-defined]
    return partner


def partners(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    found = page(tx, Partner, arguments, **({"kind": arguments["kind"]} if arguments.get("kind") else {}))
    return {**found, "items": [with_capacity(tx, p) for p in found["items"]]}


def active(tx: Tx, acts_as: str) -> list[Partner]:
    """Active partners of a published kind, oldest first."""
    return tx.all(Partner, acts_as=acts_as, status="active")


def with_use(tx: Tx, *keys: IssuedKey) -> None:
    """Put on each key when it was last used; the kit keeps that beside its hash."""
    c = tables.credential.c
    used = {row.id: row.last_used_at for row in tx.session.execute(select(c.id, c.last_used_at).where(c.id.in_([key.id for key in keys])))}
    for key in keys:
        key.last_used_at = used.get(key.id)  # type: ignore[attr-defined]


def lead_days(tx: Tx, partner_id: UUID, procedure: str) -> int | None:
    """How many days ahead the partner wants to be asked, as agreed; None where nothing is agreed (F-124)."""
    agreed = tx.find(Cooperation, partner_id=partner_id)
    times = agreed.terms["lead_times"] if agreed else []
    return next((t["days"] for t in times if t["procedure"] == procedure), None)


def person(tx: Tx, case_id: UUID) -> str | None:
    """First name and initial, as anybody outside may read it; never a protected name; None while no copy has come."""
    known = people.copy_of(tx.session, tx.runtime, case_id)
    if not known:
        return None
    return PROTECTED if known.get("protected", True) else f"{known['given_name']} {known['family_name'][:1]}."


def whole(tx: Tx, request: PartnerRequest) -> PartnerRequest:
    """The request with its words and its person opened, for the answer's schema; rights cut it for the reader."""
    content = contents.read(tx, request)
    request.text, request.dialogue, request.output = content["text"], content["dialogue"], content["output"]  # type: ignore[attr-defined]
    request.person = person(tx, request.case_id)  # type: ignore[attr-defined]
    return request


def requests(tx: Tx, arguments: dict[str, Any], **by: Any) -> dict[str, Any]:
    """One page of requests."""
    given = {name: arguments[name] for name in ("partner_id", "case_id", "agreement_id") if arguments.get(name)}
    found = page(tx, PartnerRequest, arguments, **{**given, **by})
    return {**found, "items": [whole(tx, r) for r in found["items"]]}


def my_request(tx: Tx, request: PartnerRequest) -> PartnerRequest:
    """A partner reads what it was asked; a draft is not its yet.

    Raises:
        NotFound: it was never asked.
    """
    if not request.asked:
        raise NotFound("No partnerrequest has this id. Check the id; ids of other services are not known here.")
    return whole(tx, request)


def whole_notice(tx: Tx, notice: Notice) -> Notice:
    notice.person = person(tx, notice.case_id)  # type: ignore[attr-defined]
    return notice


def notices(tx: Tx, arguments: dict[str, Any], **by: Any) -> dict[str, Any]:
    given = {"status": "unassigned"} if arguments.get("unassigned") else {}
    found = page(tx, Notice, arguments, **given, **by)
    return {**found, "items": [whole_notice(tx, n) for n in found["items"]]}


def without_cooperation(tx: Tx, as_of: date) -> list[dict[str, Any]]:
    """Active partners registered by a day that then had no cooperation agreement, or one past its review date (F-161)."""
    versions = tx.session.scalars(select(CooperationVersion).where(CooperationVersion.effective_date <= as_of).order_by(CooperationVersion.version))
    latest = {v.partner_id: v for v in versions}
    found = []
    for partner in tx.session.scalars(select(Partner).where(Partner.status == "active", Partner.registered_on <= as_of).order_by(Partner.id)):
        agreed = latest.get(partner.id)
        if agreed is None or agreed.review_on < as_of:
            found.append({"partner_id": partner.id, "name": partner.name, "kind": partner.kind,
                          "why": "review_is_due" if agreed else "no_agreement", "review_on": agreed.review_on if agreed else None})
    return found

# SPDX-License-Identifier: MPL-2.0
"""Reads."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from jobtrappen import people, tables
from jobtrappen.db import reading
from jobtrappen.errors import NotFound
from jobtrappen.tx import Actor, Tx
from jobtrappen.web.common import page
from jobtrappen_partners import contents
from jobtrappen_partners.model import (
    UNENDED,
    Cooperation,
    CooperationVersion,
    IssuedKey,
    KnownCase,
    Notice,
    Partner,
    PartnerRequest,
)
from jobtrappen_partners.rights import require_scope

if TYPE_CHECKING:
    from jobtrappen.runtime import Runtime

PROTECTED = "beskyttet"


def me(tx: Tx, scope: str = "") -> Partner:
    """The partner whose key calls."""
    if scope:
        require_scope(tx.actor, scope)
    return with_capacity(tx, tx.get(Partner, tx.actor.partner_id))


def my_cooperation(tx: Tx) -> Cooperation:
    """The agreement with the partner whose key calls.

    Raises:
        NotFound: there is none.
    """
    found = tx.find(Cooperation, partner_id=UUID(tx.actor.partner_id))
    if found is None:
        raise NotFound("There is no cooperation agreement with you yet.")
    return found


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
    with_cooperation(tx, *found["items"])
    return {**found, "items": [with_capacity(tx, p) for p in found["items"]]}


def with_cooperation(tx: Tx, *partners: Partner) -> None:
    """Put on each partner which cooperation agreement it has, and when that is looked at anew."""
    agreed = tx.session.execute(select(Cooperation.partner_id, Cooperation.id, Cooperation.review_on).where(Cooperation.partner_id.in_([p.id for p in partners])))
    known = {row.partner_id: row for row in agreed}
    for partner in partners:
        row = known.get(partner.id)
        partner.cooperation_id, partner.review_on = (row.id, row.review_on) if row else (None, None)  # type: ignore[attr-defined]


def whole_partner(tx: Tx, partner: Partner) -> Partner:
    with_cooperation(tx, partner)
    return with_capacity(tx, partner)


def active(tx: Tx, acts_as: str) -> list[Partner]:
    """Active partners of a published kind, oldest first."""
    return tx.all(Partner, acts_as=acts_as, status="active")


def with_use(tx: Tx, *keys: IssuedKey) -> None:
    """Put on each key when it was last used (the kit keeps that beside its hash) and what its owner is called."""
    c = tables.credential.c
    used = {row.id: row.last_used_at for row in tx.session.execute(select(c.id, c.last_used_at).where(c.id.in_([key.id for key in keys])))}
    names = partner_names(tx, {UUID(key.owner) for key in keys if key.kind == "partner"})
    for key in keys:
        key.last_used_at = used.get(key.id)  # type: ignore[attr-defined]
        key.name = names.get(UUID(key.owner), key.owner) if key.kind == "partner" else key.owner  # type: ignore[attr-defined]


def called(runtime: Runtime, actor: Actor) -> str:
    """What the organisation whose key calls is called."""
    with reading(runtime.engine) as session:
        return session.scalar(select(Partner.name).where(Partner.id == UUID(actor.partner_id))) or ""


def partner_names(tx: Tx, ids: Collection[UUID]) -> dict[UUID, str]:
    return {row.id: row.name for row in tx.session.execute(select(Partner.id, Partner.name).where(Partner.id.in_(ids)))} if ids else {}


def lead_days(tx: Tx, partner_id: UUID, procedure: str) -> int | None:
    """How many days ahead the partner wants to be asked, as agreed; None where nothing is agreed (F-124)."""
    agreed = tx.find(Cooperation, partner_id=partner_id)
    times = agreed.terms["lead_times"] if agreed else []
    return next((t["days"] for t in times if t["procedure"] == procedure), None)


def person(tx: Tx, case_id: UUID) -> str | None:
    """First name and initial, as anybody outside may read it; never a protected name; None while no copy has come."""
    return persons(tx, [case_id]).get(case_id)


def persons(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, str]:
    """The same of several cases, in one question; those without a copy are left out."""
    known = people.copies_of(tx.session, tx.runtime, case_ids) if case_ids else {}
    return {case: PROTECTED if p.get("protected", True) else f"{p['given_name']} {p['family_name'][:1]}." for case, p in known.items()}


def whole_case(tx: Tx, case: KnownCase) -> KnownCase:
    case.person = person(tx, case.id)  # type: ignore[attr-defined]
    return case


def whole(tx: Tx, request: PartnerRequest) -> PartnerRequest:
    """The request with its words and its person opened, for the answer's schema; rights cut it for the reader."""
    return _opened(tx, [request])[0]


def _opened(tx: Tx, requests: Sequence[PartnerRequest]) -> list[PartnerRequest]:
    names = persons(tx, {r.case_id for r in requests})
    for request in requests:
        content = contents.read(tx, request)
        request.text, request.dialogue, request.output = content["text"], content["dialogue"], content["output"]  # type: ignore[attr-defined]
        request.person = names.get(request.case_id)  # type: ignore[attr-defined]
    return list(requests)


def requests(tx: Tx, arguments: dict[str, Any], **by: Any) -> dict[str, Any]:
    """One page of requests."""
    given = {name: arguments[name] for name in ("partner_id", "case_id", "agreement_id") if arguments.get(name)}
    still = [PartnerRequest.status.in_(UNENDED)] if arguments.get("open") else []
    found = page(tx, PartnerRequest, arguments, *still, **{**given, **by})
    return {**found, "items": _opened(tx, found["items"])}


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
    given |= {"case_id": arguments["case_id"]} if arguments.get("case_id") else {}
    since = [Notice.scheduled_on >= arguments["since"]] if arguments.get("since") else []
    found = page(tx, Notice, arguments, *since, **given, **by)
    names = persons(tx, {n.case_id for n in found["items"]})
    for notice in found["items"]:
        notice.person = names.get(notice.case_id)  # type: ignore[attr-defined]
    return found


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

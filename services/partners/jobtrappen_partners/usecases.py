# SPDX-License-Identifier: MPL-2.0
"""One function for each thing a user can do, and for what the reactions do in the suite's own name."""
from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from jobtrappen import clock, tables
from jobtrappen.auth import issue_key
from jobtrappen.errors import Conflict, Invalid, NotYet
from jobtrappen.lifecycle import check_date
from jobtrappen.tx import Tx
from jobtrappen_partners import contents, events, kinds, queries
from jobtrappen_partners.codes import CARD, NEEDS
from jobtrappen_partners.model import (
    REQUEST,
    Cooperation,
    CooperationVersion,
    IssuedKey,
    KnownCase,
    Notice,
    Partner,
    PartnerRequest,
)


def register_partner(tx: Tx, command: dict[str, Any]) -> Partner:
    """A partner organisation enters the partner table, with as much of its card as is known (F-160)."""
    kind, day = kinds.of(command["kind"]), _day(tx, command, None)
    partner = tx.add(Partner(
        id=tx.new_id(), version=1, status="active", effective_date=day, registered_on=day, name=command["name"], kind=kind.word, acts_as=kind.published,
        card_fields={name: command[name] for name in CARD if command.get(name)}, shows=sorted(kind.shows)))
    events.registered(tx, partner)
    tx.audit("partner.registered", "partner", partner.id)
    return partner


def set_card(tx: Tx, partner: Partner, command: dict[str, Any]) -> Partner:
    """The four fields of the card beside the partner itself, all of them, anew."""
    partner.card_fields = {name: command[name] for name in CARD}
    return _changed(tx, partner, command, "partner.card")


def set_status(tx: Tx, partner: Partner, command: dict[str, Any]) -> Partner:
    """An inactive partner is asked and told nothing new; it still reads its own rows."""
    partner.status = command["status"]
    return _changed(tx, partner, command, "partner.status")


def _changed(tx: Tx, partner: Partner, command: dict[str, Any], action: str) -> Partner:
    partner.effective_date, partner.version = _day(tx, command, partner.effective_date), partner.version + 1
    tx.audit(action, "partner", partner.id)
    return partner


def _day(tx: Tx, command: dict[str, Any], latest: date | None) -> date:
    day = command.get("effective_date") or tx.today
    check_date(tx, day, latest)
    return day


def tell_capacity(tx: Tx, command: dict[str, Any]) -> Partner:
    """A partner says whether it has places; after `valid_for` days that counts as unknown."""
    partner, day = tx.get(Partner, tx.actor.partner_id, lock=True), _day(tx, command, None)
    if partner.capacity_told and day.isoformat() < partner.capacity_told["as_of"]:
        raise Invalid("effective_date", f"lies before what was told last ({partner.capacity_told['as_of']})")
    partner.capacity_told = {"state": command["state"], "places": command.get("places"), "as_of": day.isoformat(), "valid_for": command["valid_for"]}
    tx.audit("partner.capacity", "partner", partner.id)
    return queries.with_capacity(tx, partner)


def make_cooperation(tx: Tx, command: dict[str, Any]) -> Cooperation:
    """A formal agreement: duties, procedures, contacts, lead times, review date (F-124, F-161)."""
    partner = tx.get(Partner, command["partner_id"], lock=True)
    known = tx.find(Cooperation, partner_id=partner.id)
    if known is not None:
        raise Conflict("This partner has a cooperation agreement; change that one.", cooperation_id=str(known.id), allowed=["change"])
    cooperation = Cooperation(id=tx.new_id(), partner_id=partner.id, version=0, effective_date=_day(tx, command, partner.registered_on))
    return _agree(tx, partner, tx.add(cooperation), command)


def change_cooperation(tx: Tx, cooperation: Cooperation, command: dict[str, Any]) -> Cooperation:
    """The next version; the earlier ones stay."""
    cooperation.effective_date = _day(tx, command, cooperation.effective_date)
    return _agree(tx, tx.get(Partner, cooperation.partner_id, lock=True), cooperation, command)


def _agree(tx: Tx, partner: Partner, cooperation: Cooperation, command: dict[str, Any]) -> Cooperation:
    times = [t["procedure"] for t in command["lead_times"]]
    if len(times) != len(set(times)):
        raise Invalid("lead_times", "names a procedure twice")
    if command["review_on"] < cooperation.effective_date:
        raise Invalid("review_on", f"lies before the agreement itself ({cooperation.effective_date})")
    cooperation.version, cooperation.review_on = cooperation.version + 1, command["review_on"]
    cooperation.terms = {name: command.get(name) for name in ("duties", "procedures", "contacts", "lead_times", "fields")}
    allowed = kinds.of(partner.kind).shows
    partner.shows = sorted(allowed if command.get("fields") is None else allowed & set(command["fields"]))
    tx.session.flush()
    tx.add(CooperationVersion(
        id=tx.new_id(), cooperation_id=cooperation.id, partner_id=partner.id, version=cooperation.version, effective_date=cooperation.effective_date,
        review_on=cooperation.review_on, terms=cooperation.terms, recorded_at=clock.now()))
    events.agreement_changed(tx, cooperation)
    tx.audit("cooperation.changed", "cooperation", cooperation.id)
    return cooperation


def issue_partner_key(tx: Tx, partner: Partner, command: dict[str, Any]) -> dict[str, Any]:
    """A key for a partner's own endpoint."""
    if partner.status != "active":
        raise Conflict("This partner is inactive; make it active first.", state=partner.status, allowed=["status"])
    return _issue(tx, "partner", str(partner.id), command)


def issue_integrator_key(tx: Tx, command: dict[str, Any]) -> dict[str, Any]:
    """A key for an integrator who subscribes to public events."""
    return _issue(tx, "integrator", command["name"], command)


def _issue(tx: Tx, kind: str, owner: str, command: dict[str, Any]) -> dict[str, Any]:
    """The answer shows the key this once. It is stored sealed like every answer, and shown again only to the same signed-in
    person who repeats the same command with the same Idempotency-Key; that is what idempotency means for a lost answer."""
    expires = command.get("expires_on")
    if expires and expires < clock.now().date():  # keys live by the calendar, not by a pinned business date
        raise Invalid("expires_on", "lies in the past; such a key would never open anything")
    id, key = issue_key(tx, tx.runtime.signer, kind, owner, command["scopes"], expires)
    tx.add(IssuedKey(id=UUID(id), version=1, status="active", kind=kind, owner=owner, label=command.get("label"), scopes=sorted(command["scopes"]),
                     issued_on=tx.today, expires_on=expires))
    return {"key_id": id, "key": key, "kind": kind, "owner": owner, "label": command.get("label"), "scopes": sorted(command["scopes"]), "expires_on": expires}


def revoke_key(tx: Tx, key: IssuedKey, _command: dict[str, Any]) -> IssuedKey:
    """From now on the key is as good as unknown."""
    if key.status == "revoked":
        raise Conflict("This key is revoked already.", state=key.status, allowed=[])
    key.status, key.version = "revoked", key.version + 1
    tx.session.execute(update(tables.credential).where(tables.credential.c.id == key.id).values(revoked_at=clock.now()))
    tx.audit("credential.revoked", "credential", key.id)
    return key


def draft_request(tx: Tx, command: dict[str, Any]) -> PartnerRequest:
    """Write a request to a partner about a citizen; the partner sees it when it is requested.

    Raises:
        NotYet: the case has not been heard of.
        Invalid: this kind of partner is not asked for that, or what the type needs is missing.
    """
    if tx.session.get(KnownCase, command["case_id"]) is None:
        raise NotYet("case")
    partner = tx.get(Partner, command["partner_id"])
    kind, wanted = kinds.of(partner.kind), command["request_type"]
    if wanted not in kind.asks:
        raise Invalid("request_type", f"a partner of the kind {kind.word} may be asked for {', '.join(sorted(kind.asks))}")
    if wanted in NEEDS and command.get(NEEDS[wanted]) is None:
        raise Invalid(NEEDS[wanted], f"is needed for a request of the type {wanted}")
    if command.get("consent_on") and command["consent_on"] > tx.today:
        raise Invalid("consent_on", f"lies in the future; today is {tx.today}")
    if partner.status != "active":
        raise Conflict("This partner is inactive and is asked nothing; choose another.", state=partner.status, allowed=[])
    request = PartnerRequest(case_id=command["case_id"], partner=partner, answers=kind.answers, asked=False)
    text = command.pop("text", "")
    contents.write(tx, request, {"text": text, "dialogue": [], "output": None})
    return REQUEST.create(tx, request, "draft", command)


def ask(tx: Tx, partner: Partner, request_type: str, case_id: UUID, day: date, **columns: Any) -> PartnerRequest:
    """Make and send a request in the suite's own name, because an event asks for it."""
    request = draft_request(tx, {"partner_id": partner.id, "request_type": request_type, "case_id": case_id, "effective_date": day, **columns})
    tx.session.flush()
    return REQUEST.apply(tx, request, "request", {"effective_date": day})


def dismiss_notice(tx: Tx, notice: Notice, _command: dict[str, Any]) -> Notice:
    """A notice that found nobody while there was time: its day is past, and nobody needs to hear of it any more. It stays to be read.

    Raises:
        Conflict: it was given or overtaken, or its day has not passed.
    """
    if notice.status != "unassigned":
        raise Conflict(f"This notice is {notice.status}.", state=notice.status, allowed=[])
    if notice.scheduled_on >= tx.today:
        raise Conflict(f"What this notice tells of is on {notice.scheduled_on}; give it to a partner while there is time.", state=notice.status, allowed=["assign"])
    notice.status, notice.version = "overtaken", notice.version + 1
    tx.audit("notice.dismissed", "notice", notice.id, notice.case_id)
    return notice


def assign_notice(tx: Tx, notice: Notice, command: dict[str, Any]) -> Notice:
    """The coordinator gives a notice that found no partner to one; the lead time counts from that day."""
    if notice.status != "unassigned":
        raise Conflict(f"This notice is {notice.status}.", state=notice.status, allowed=[])
    partner, day = tx.get(Partner, command["partner_id"]), _day(tx, command, notice.created_on)
    if partner.status != "active":
        raise Conflict("This partner is inactive; choose another.", state=partner.status, allowed=[])
    notice.partner, notice.partner_id, notice.status, notice.version = partner, partner.id, "given", notice.version + 1
    notice.days_ahead = max(0, (notice.scheduled_on - day).days)
    events.notice_given(tx, notice, day)
    tx.audit("notice.assigned", "notice", notice.id, notice.case_id)
    return notice

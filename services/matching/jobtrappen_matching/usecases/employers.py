# SPDX-License-Identifier: MPL-2.0
"""Employers, their places of work, who is responsible for them, and the persons to call there."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from stdnum.dk import cvr as danish_cvr
from stdnum.exceptions import ValidationError

from jobtrappen import clock
from jobtrappen.errors import Conflict, Invalid
from jobtrappen.lifecycle import check_date
from jobtrappen.tx import Tx
from jobtrappen_matching.model import Contact, ContactPlace, Employer, Responsibility, Workplace

PERSONAL = ("name", "phone", "email")


def register_employer(tx: Tx, command: dict[str, Any]) -> Employer:
    """Take an employer in by its CVR number.

    Raises:
        Invalid: the number's checksum does not hold.
        Conflict: it is here already; names the one that has it.
    """
    try:
        danish_cvr.validate(command["cvr"])
    except ValidationError:
        raise Invalid("cvr", "is not a CVR number: eight digits whose checksum holds") from None
    known = tx.find(Employer, cvr=command["cvr"])
    if known is not None:
        raise Conflict("An employer with this CVR number is registered; use that one.", employer_id=str(known.id), allowed=[])
    employer = tx.add(Employer(id=tx.new_id(), version=1, cvr=command["cvr"], name=command["name"], sector=command["sector"]))
    tx.audit("employer.registered", "employer", employer.id)
    return employer


def add_workplace(tx: Tx, command: dict[str, Any], employer_id: UUID) -> Workplace:
    """A place of work with its one responsible consultant (F-080).

    Raises:
        Conflict: the P-number is here already.
    """
    employer = tx.get(Employer, employer_id)
    day = command.get("effective_date") or tx.today
    check_date(tx, day, None)
    known = tx.find(Workplace, p_number=command["p_number"])
    if known is not None:
        raise Conflict("A workplace with this P-number is registered; use that one.", workplace_id=str(known.id), allowed=[])
    place = tx.add(Workplace(id=tx.new_id(), version=1, employer_id=employer.id, p_number=command["p_number"], name=command["name"],
                             address=command.get("address"), headcount=command.get("headcount"), responsible=command["responsible"]))
    tx.session.flush()
    tx.add(Responsibility(id=tx.new_id(), workplace_id=place.id, responsible=place.responsible, since=day, recorded_at=clock.now()))
    tx.audit("workplace.registered", "workplace", place.id)
    return place


def change_workplace(tx: Tx, place: Workplace, command: dict[str, Any]) -> Workplace:
    """Correct what is known of a place of work."""
    for name in ("name", "address", "headcount"):
        if name in command:
            setattr(place, name, command[name])
    place.version += 1
    tx.audit("workplace.changed", "workplace", place.id)
    return place


def set_responsible(tx: Tx, place: Workplace, command: dict[str, Any]) -> Workplace:
    """Another consultant takes over from a day on; who it was before stays on record (F-080)."""
    day = command.get("effective_date") or tx.today
    latest = tx.session.scalar(select(func.max(Responsibility.since)).where(Responsibility.workplace_id == place.id))
    check_date(tx, day, latest)
    place.responsible, place.version = command["responsible"], place.version + 1
    tx.add(Responsibility(id=tx.new_id(), workplace_id=place.id, responsible=place.responsible, since=day, recorded_at=clock.now()))
    tx.audit("workplace.responsible", "workplace", place.id)
    return place


def add_contact(tx: Tx, command: dict[str, Any], workplace_id: UUID) -> Contact:
    """A new person to call, or one that is known from another workplace of the same employer (`contact_id`)."""
    place = tx.get(Workplace, workplace_id)
    if command.get("contact_id"):
        contact = tx.get(Contact, command["contact_id"], lock=True)
        if contact.employer_id != place.employer_id:
            raise Invalid("contact_id", "is a person of another employer")
        contact.version += 1
    elif command.get("name"):
        contact = tx.add(Contact(id=tx.new_id(), version=1, employer_id=place.employer_id, active=True, sealed=_seal(tx, command)))
    else:
        raise Invalid("name", "is needed, or contact_id for a person who is known already")
    tx.session.flush()
    if tx.session.get(ContactPlace, (contact.id, place.id)) is None:
        tx.add(ContactPlace(contact_id=contact.id, workplace_id=place.id))
    tx.audit("contact.added", "contact", contact.id)
    return contact


def change_contact(tx: Tx, contact: Contact, command: dict[str, Any]) -> Contact:
    """Correct a contact person, or set her inactive when she has left."""
    known = tx.runtime.vault.open_document(contact.sealed, "contact")
    contact.sealed = _seal(tx, {**known, **{n: command[n] for n in PERSONAL if n in command}})
    contact.active, contact.version = command.get("active", contact.active), contact.version + 1
    tx.audit("contact.changed", "contact", contact.id)
    return contact


def _seal(tx: Tx, words: dict[str, Any]) -> str:
    return tx.runtime.vault.seal_document({n: words[n] for n in PERSONAL if words.get(n)}, "contact")

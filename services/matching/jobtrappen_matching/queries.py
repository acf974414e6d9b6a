# SPDX-License-Identifier: MPL-2.0
"""Reads."""
from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from jobtrappen import people
from jobtrappen.errors import not_yet
from jobtrappen.rights import ALL
from jobtrappen.tx import Tx
from jobtrappen.web.common import page
from jobtrappen_matching.effects.common import opened
from jobtrappen_matching.model import (
    Agreement,
    Candidate,
    Contact,
    ContactPlace,
    Employer,
    Held,
    Match,
    Opening,
    OpeningPlace,
    Responsibility,
    Workplace,
)

PROFILE = ("readiness", "benefit", "target_group", "wishes", "competences", "limits")
NAMES = ("given_name", "family_name", "phone")


def candidate(tx: Tx, case_id: UUID) -> Candidate:
    """A case with what this service's purpose lets it know of the person; her name is left out while she is protected.

    Raises:
        NotYet: `case.opened` has not come.
    """
    found = tx.session.get(Candidate, case_id) or not_yet("case")
    known = people.copy_of(tx.session, tx.runtime, case_id)
    shown = PROFILE if known.get("protected", True) else (*NAMES, *PROFILE)
    found.profile = {n: known[n] for n in shown if known.get(n) not in (None, [])}  # type: ignore[attr-defined]
    found.protected = bool(known.get("protected"))  # type: ignore[attr-defined]
    return found


def names(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, str]:
    """What those who see a candidate's profile call her in a list; a protected person has no name there."""
    seen = tx.runtime.service.rights.of(tx.actor, "candidate")
    if seen is not ALL and "profile" not in seen:
        return {}
    known = people.copies_of(tx.session, tx.runtime, case_ids) if case_ids else {}
    called = {id: f"{p.get('given_name', '')} {p.get('family_name', '')}".strip() for id, p in known.items() if not p.get("protected", True)}
    return {id: name for id, name in called.items() if name}


def things_of_case(tx: Tx, case_id: UUID) -> list[dict[str, Any]]:
    """Matches and agreements of a case, the latest first."""
    found: list[dict[str, Any]] = []
    for model in (Match, Agreement):
        rows = tx.session.execute(select(model, Workplace.name).join(Workplace, Workplace.id == model.workplace_id).where(model.case_id == case_id))
        found += [{"resource": model.KIND, "id": one.id, "status": one.status, "effective_date": one.effective_date, "case_id": case_id,
                   "measure": one.measure, "workplace_name": place} for one, place in rows]
    return sorted(found, key=lambda one: (one["effective_date"], str(one["id"])), reverse=True)


def listing(tx: Tx, model: Any, arguments: dict[str, Any], *filters: str) -> dict[str, Any]:
    """One page of rows, by what the query asks for; a case that is not known here is 404 with Retry-After."""
    if arguments.get("case_id") and tx.session.get(Candidate, arguments["case_id"]) is None:
        not_yet("case")
    return page(tx, model, arguments, **{n: arguments[n] for n in filters if arguments.get(n) is not None})


def with_places(tx: Tx, openings: list[Opening]) -> list[Opening]:
    """Openings with where they are and their steps: places, those held now, and those ever taken (the uptake counter of F-092)."""
    ids = [o.id for o in openings]
    held = {(h.opening_id, h.measure): h.n for h in tx.session.execute(
        select(Held.opening_id, Held.measure, func.count().label("n")).where(Held.opening_id.in_(ids)).group_by(Held.opening_id, Held.measure))}
    rows: dict[UUID, list[dict[str, Any]]] = {id: [] for id in ids}
    for p in tx.session.scalars(select(OpeningPlace).where(OpeningPlace.opening_id.in_(ids)).order_by(OpeningPlace.opening_id, OpeningPlace.measure)):
        rows[p.opening_id].append({"measure": p.measure, "places": p.places, "held": held.get((p.opening_id, p.measure), 0), "taken": p.taken})
    called = {id: (employer, place) for id, employer, place in tx.session.execute(select(Workplace.id, Employer.name, Workplace.name).join(
        Employer, Employer.id == Workplace.employer_id).where(Workplace.id.in_({o.workplace_id for o in openings})))}
    for opening in openings:
        opening.places = rows[opening.id]  # type: ignore[attr-defined]
        opening.employer_name, opening.workplace_name = called[opening.workplace_id]  # type: ignore[attr-defined]
    return openings


def with_notes(tx: Tx, matches: list[Match]) -> list[Match]:
    """Matches with their notes opened, and whether each holds a place."""
    holding = set(tx.session.scalars(select(Held.match_id).where(Held.match_id.in_([m.id for m in matches]))))
    for match in matches:
        match.notes, match.holds_place = opened(tx, match, "notes_sealed"), match.id in holding  # type: ignore[attr-defined]
    return matches


def with_texts(tx: Tx, agreement: Agreement) -> Agreement:
    """An agreement with its sealed texts opened (purpose, goals, who does what: F-084, F-085)."""
    agreement.texts = opened(tx, agreement, "terms_sealed")  # type: ignore[attr-defined]
    return agreement


def with_person(tx: Tx, contact: Contact) -> Contact:
    """A contact person with name, phone and mail opened, and the workplaces she answers for."""
    contact.person = tx.runtime.vault.open_document(contact.sealed, "contact")  # type: ignore[attr-defined]
    contact.workplace_ids = list(tx.session.scalars(  # type: ignore[attr-defined]
        select(ContactPlace.workplace_id).filter_by(contact_id=contact.id).order_by(ContactPlace.workplace_id)))
    return contact


def contacts_of(tx: Tx, workplace: Workplace) -> list[Contact]:
    rows = tx.session.scalars(select(Contact).join(ContactPlace, ContactPlace.contact_id == Contact.id)
                              .where(ContactPlace.workplace_id == workplace.id).order_by(Contact.id)).all()
    return [with_person(tx, c) for c in rows]


def with_history(tx: Tx, workplace: Workplace) -> Workplace:
    """A workplace with everybody who has been responsible for it, the present one last (F-080)."""
    rows = tx.session.scalars(select(Responsibility).filter_by(workplace_id=workplace.id).order_by(Responsibility.since, Responsibility.recorded_at))
    workplace.responsibles = [{"responsible": r.responsible, "since": r.since.isoformat()} for r in rows]  # type: ignore[attr-defined]
    return workplace

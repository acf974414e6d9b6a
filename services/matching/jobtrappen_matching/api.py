# SPDX-License-Identifier: MPL-2.0
"""The JSON way in; nothing but translation."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from jobtrappen import heard
from jobtrappen.errors import NotFound
from jobtrappen.roles import COORDINATOR, JC, JC_CW, PA
from jobtrappen.tx import Tx
from jobtrappen.web.api import Api
from jobtrappen.web.common import HAPPENED, TRANSITION, WORK, history
from jobtrappen_matching import feasible, queries, work
from jobtrappen_matching import schemas as s
from jobtrappen_matching.model import (
    AGREEMENT,
    HEARD,
    MATCH,
    Agreement,
    Candidate,
    Contact,
    Employer,
    Match,
    Opening,
    Workplace,
)
from jobtrappen_matching.usecases import agreements, employers, matches, openings

api = Api("matching")
READERS = JC_CW | {COORDINATOR}

api.actions("/matches", Match, MATCH, s.MATCH_COMMANDS, dumps=s.MATCH_OUT, resource="match")
api.actions("/agreements", Agreement, AGREEMENT, s.AGREEMENT_COMMANDS, dumps=s.AGREEMENT_OUT, resource="agreement")


@api.command("/employers", loads=s.RegisterEmployer(), dumps=s.EMPLOYER_OUT, resource="employer", who=JC, status=201)
def register_employer(tx: Tx, command: dict[str, Any]) -> Employer:
    """Register an employer by its CVR number."""
    return employers.register_employer(tx, command)


@api.read("/employers", dumps=s.EMPLOYER_OUT, resource="employer", who=READERS, query=s.EmployersQuery(), many=True)
def list_employers(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Employers, oldest first."""
    return queries.listing(tx, Employer, arguments, "cvr")


@api.read("/employers/<uuid:id>", dumps=s.EMPLOYER_OUT, resource="employer", who=READERS, on=Employer)
def read_employer(_tx: Tx, employer: Employer, _arguments: dict[str, Any]) -> Employer:
    """An employer."""
    return employer


@api.command("/employers/<uuid:employer_id>/workplaces", loads=s.AddWorkplace(), dumps=s.WORKPLACE_OUT, resource="workplace", who=JC, status=201)
def add_workplace(tx: Tx, command: dict[str, Any], employer_id: UUID) -> Workplace:
    """Register a place of work with its one responsible consultant."""
    return employers.add_workplace(tx, command, employer_id)


@api.read("/employers/<uuid:employer_id>/workplaces/<uuid:id>", dumps=s.WORKPLACE_OUT, resource="workplace", who=READERS, on=Workplace)
def read_workplace_of_employer(tx: Tx, workplace: Workplace, _arguments: dict[str, Any], employer_id: UUID) -> Workplace:
    """A place of work of this employer."""
    if workplace.employer_id != employer_id:
        raise NotFound("This employer has no workplace with this id.")
    return queries.with_history(tx, workplace)


@api.read("/workplaces", dumps=s.WORKPLACE_OUT, resource="workplace", who=READERS, query=s.WorkplacesQuery(), many=True)
def list_workplaces(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Places of work, of an employer or of a responsible consultant."""
    return queries.listing(tx, Workplace, arguments, "employer_id", "p_number", "responsible")


@api.read("/workplaces/<uuid:id>", dumps=s.WORKPLACE_OUT, resource="workplace", who=READERS, on=Workplace)
def read_workplace(tx: Tx, workplace: Workplace, _arguments: dict[str, Any]) -> Workplace:
    """A place of work with everybody who has been responsible for it."""
    return queries.with_history(tx, workplace)


@api.command("/workplaces/<uuid:id>/change", loads=s.ChangeWorkplace(), dumps=s.WORKPLACE_OUT, resource="workplace", who=JC, on=Workplace)
def change_workplace(tx: Tx, workplace: Workplace, command: dict[str, Any]) -> Workplace:
    """Correct a place of work."""
    return employers.change_workplace(tx, workplace, command)


@api.command("/workplaces/<uuid:id>/responsible", loads=s.SetResponsible(), dumps=s.WORKPLACE_OUT, resource="workplace", who=JC, on=Workplace)
def set_responsible(tx: Tx, workplace: Workplace, command: dict[str, Any]) -> Workplace:
    """Another consultant becomes the one responsible."""
    return queries.with_history(tx, employers.set_responsible(tx, workplace, command))


@api.command("/workplaces/<uuid:workplace_id>/contacts", loads=s.AddContact(), dumps=s.CONTACT_OUT, resource="contact", who=JC, status=201)
def add_contact(tx: Tx, command: dict[str, Any], workplace_id: UUID) -> Contact:
    """Add a contact person, or one who is known from another workplace of the employer."""
    return queries.with_person(tx, employers.add_contact(tx, command, workplace_id))


@api.read("/workplaces/<uuid:workplace_id>/contacts", dumps=s.CONTACT_OUT, resource="contact", who=JC, many=True)
def list_contacts(tx: Tx, _arguments: dict[str, Any], workplace_id: UUID) -> dict[str, Any]:
    """The contact persons of a place of work."""
    return {"items": queries.contacts_of(tx, tx.get(Workplace, workplace_id))}


@api.read("/workplaces/<uuid:workplace_id>/contacts/<uuid:id>", dumps=s.CONTACT_OUT, resource="contact", who=JC, on=Contact)
def read_contact_of_workplace(tx: Tx, contact: Contact, _arguments: dict[str, Any], workplace_id: UUID) -> Contact:
    """A contact person of this place of work."""
    found = queries.with_person(tx, contact)
    if workplace_id not in found.workplace_ids:  # type: ignore[attr-defined]
        raise NotFound("This workplace has no contact person with this id.")
    return found


@api.read("/contacts/<uuid:id>", dumps=s.CONTACT_OUT, resource="contact", who=JC, on=Contact)
def read_contact(tx: Tx, contact: Contact, _arguments: dict[str, Any]) -> Contact:
    """A contact person."""
    return queries.with_person(tx, contact)


@api.command("/contacts/<uuid:id>/change", loads=s.ChangeContact(), dumps=s.CONTACT_OUT, resource="contact", who=JC, on=Contact)
def change_contact(tx: Tx, contact: Contact, command: dict[str, Any]) -> Contact:
    """Correct a contact person, or set her inactive."""
    return queries.with_person(tx, employers.change_contact(tx, contact, command))


@api.command("/openings", loads=s.Publish(), dumps=s.OPENING_OUT, resource="opening", who=JC, status=201)
def publish_opening(tx: Tx, command: dict[str, Any]) -> Opening:
    """Publish places at a workplace."""
    return queries.with_places(tx, [openings.publish(tx, command)])[0]


@api.read("/openings", dumps=s.OPENING_OUT, resource="opening", who=READERS, query=s.OpeningsQuery(), many=True)
def list_openings(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Openings, oldest first."""
    found = queries.listing(tx, Opening, arguments, "workplace_id", "opening_source")
    return {**found, "items": queries.with_places(tx, found["items"])}


@api.read("/openings/feasible", dumps=s.FEASIBLE_OUT, resource="feasible", who=JC_CW, query=s.FeasibleQuery(), many=True, audits=True)
def feasible_openings(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Openings that are feasible for a case's step on a day."""
    return feasible.listing(tx, arguments)


@api.read("/openings/<uuid:id>", dumps=s.OPENING_OUT, resource="opening", who=READERS, on=Opening)
def read_opening(tx: Tx, opening: Opening, _arguments: dict[str, Any]) -> Opening:
    """An opening with its places."""
    return queries.with_places(tx, [opening])[0]


@api.command("/openings/<uuid:id>/change", loads=s.ChangeOpening(), dumps=s.OPENING_OUT, resource="opening", who=JC, on=Opening)
def change_opening(tx: Tx, opening: Opening, command: dict[str, Any]) -> Opening:
    """Change an opening's terms or places."""
    return queries.with_places(tx, [openings.change(tx, opening, command)])[0]


@api.command("/openings/<uuid:id>/close", loads=s.CloseOpening(), dumps=s.OPENING_OUT, resource="opening", who=JC, on=Opening)
def close_opening(tx: Tx, opening: Opening, command: dict[str, Any]) -> Opening:
    """Close an opening; its open matches are withdrawn."""
    return queries.with_places(tx, [openings.close(tx, opening, command)])[0]


@api.command("/matches", loads=s.Propose(), dumps=s.MATCH_OUT, resource="match", who=JC, status=201, lifecycle=MATCH, step=MATCH.by_action["propose"])
def propose_match(tx: Tx, command: dict[str, Any]) -> Match:
    """Propose an opening for a case."""
    return matches.propose(tx, command)


@api.read("/matches", dumps=s.MATCH_OUT, resource="match", who=JC_CW, query=s.MatchesQuery(), many=True, audits=True, lifecycle=MATCH)
def list_matches(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Matches, of a case or an opening."""
    found = queries.listing(tx, Match, arguments, "case_id", "opening_id")
    return {**found, "items": queries.with_notes(tx, found["items"])}


@api.read("/matches/<uuid:id>", dumps=s.MATCH_OUT, resource="match", who=JC_CW, on=Match, audits=True, lifecycle=MATCH)
def read_match(tx: Tx, match: Match, _arguments: dict[str, Any]) -> Match:
    """A match with what may be done now."""
    return queries.with_notes(tx, [match])[0]


@api.command("/agreements", loads=s.DraftAgreement(), dumps=s.AGREEMENT_OUT, resource="agreement", who=JC, status=201, lifecycle=AGREEMENT,
             step=AGREEMENT.by_action["draft"])
def draft_agreement(tx: Tx, command: dict[str, Any]) -> Agreement:
    """Draft an agreement for a chosen match, or for a case and a workplace."""
    return queries.with_texts(tx, agreements.draft(tx, command))


@api.command("/matches/<uuid:id>/agree", loads=s.Agree(), dumps=s.AGREEMENT_OUT, resource="agreement", who=JC, on=Match)
def agree(tx: Tx, match: Match, command: dict[str, Any]) -> Agreement:
    """Both said yes: choose the match, write its agreement, and ask for the grant or, where none is needed, conclude it."""
    return queries.with_texts(tx, agreements.agree(tx, match, command))


@api.read("/agreements", dumps=s.AGREEMENT_OUT, resource="agreement", who=JC_CW, query=s.AgreementsQuery(), many=True, audits=True, lifecycle=AGREEMENT)
def list_agreements(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Agreements, of a case, a match or a workplace."""
    return queries.listing(tx, Agreement, arguments, "case_id", "match_id", "workplace_id")


@api.read("/agreements/<uuid:id>", dumps=s.AGREEMENT_OUT, resource="agreement", who=JC_CW | PA, on=Agreement, audits=True, lifecycle=AGREEMENT)
def read_agreement(tx: Tx, agreement: Agreement, _arguments: dict[str, Any]) -> Agreement:
    """An agreement with its texts and what may be done now."""
    return queries.with_texts(tx, agreement)


@api.read("/cases/<uuid:case_id>", dumps=s.CANDIDATE_OUT, resource="candidate", who=JC_CW, audits=True)
def read_candidate(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> Candidate:
    """A case as matching knows it; 404 with Retry-After while it has not been heard of."""
    return queries.candidate(tx, case_id)


@api.read("/cases/<uuid:case_id>/history", dumps=TRANSITION, resource="history", who=JC_CW, many=True, audits=True)
def case_history(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """Every transition of a case's matches and agreements."""
    return {"items": history(tx, queries.candidate(tx, case_id).id)}


@api.read("/cases/<uuid:case_id>/timeline", dumps=HAPPENED, resource="timeline", who=JC_CW, many=True, audits=True)
def case_timeline(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """What has happened in a case in all services, as far as it has been heard of here; the latest first."""
    return {"items": heard.timeline(tx, HEARD, case_id, history(tx, queries.candidate(tx, case_id).id))}


@api.read("/cases/<uuid:case_id>/things", dumps=s.MATCHING_THING, resource="case_thing", who=JC_CW, many=True, audits=True)
def list_case_things(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """Matches and agreements of a case, the latest first."""
    return {"items": queries.things_of_case(tx, queries.candidate(tx, case_id).id)}


@api.read("/work", dumps=WORK, resource="work", who=JC_CW, query=s.WORK_QUERY, many=True, audits=True, counts=("late",))
def list_work(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the caller must do next, by date."""
    return work.listing(tx, arguments)

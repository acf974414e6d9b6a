# SPDX-License-Identifier: MPL-2.0
"""An agreement is drafted for a chosen match, or for a case and a workplace."""
from __future__ import annotations

from typing import Any

from jobtrappen.errors import Conflict, Invalid
from jobtrappen.tx import Tx
from jobtrappen_matching import terms
from jobtrappen_matching.effects.common import active_candidate, hold
from jobtrappen_matching.model import AGREEMENT, MATCH, Agreement, Match, Workplace

YES = ("citizen_yes_on", "employer_yes_on")


def draft(tx: Tx, command: dict[str, Any]) -> Agreement:
    """Write down the terms as far as they are known (F-112).

    Raises:
        Invalid: neither a match nor a case and a workplace.
        NotYet: the case is not known here.
        Conflict: the match is not chosen, has an agreement, or its place is gone; the case was returned.
    """
    if command.get("match_id"):
        match = tx.get(Match, command["match_id"], lock=True)
        _fits(match, command)
        _ready_for_agreement(tx, match)
        case_id, place = match.case_id, tx.get(Workplace, match.workplace_id)
        agreement = Agreement(opening_id=match.opening_id, measure=match.measure)
    else:
        missing = [n for n in ("case_id", "workplace_id") if not command.get(n)]
        if missing:
            raise Invalid(errors=[{"field": n, "detail": "is needed: give a match, or a case and a workplace"} for n in ("match_id", *missing)])
        case_id, place, agreement = command["case_id"], tx.get(Workplace, command["workplace_id"]), Agreement()
    agreement.case_id, agreement.workplace_id, agreement.employer_id = active_candidate(tx, case_id, "an agreement").id, place.id, place.employer_id
    agreement.agreement_version = 1
    return AGREEMENT.create(tx, agreement, "draft", command)


def agree(tx: Tx, match: Match, command: dict[str, Any]) -> Agreement:
    """Three steps in one, for whoever has both yeses and all terms at hand: the match is chosen, its agreement drafted, and then
    sent to whom the dated rule names, or concluded where it asks for no grant. Each says what it says by itself.

    Raises:
        Invalid, Conflict: as each step would; nothing of the others is done then.
    """
    step, day = command.get("measure") or match.measure, {"effective_date": command["effective_date"]} if command.get("effective_date") else {}
    yes = {name: command.get(name) for name in YES}
    if match.status != "chosen":
        MATCH.apply(tx, match, "choose", {**yes, "reason_code": command.get("reason_code"), "measure": step, **day})
    given = {k: v for k, v in command.items() if k not in (*YES, "reason_code", "case_number", "measure")}
    agreement = draft(tx, {"match_id": match.id, **given})
    tx.session.flush()
    if terms.approver(tx, agreement).value == "none":
        return AGREEMENT.apply(tx, agreement, "conclude", {**yes, "case_number": command.get("case_number"), **day})
    return AGREEMENT.apply(tx, agreement, "request_grant", {**given, "step": agreement.measure})


def _fits(match: Match, command: dict[str, Any]) -> None:
    """What is given beside the match must be the match's own."""
    wrong = [n for n in ("case_id", "workplace_id") if command.get(n) and command[n] != getattr(match, n)]
    if wrong:
        raise Invalid(errors=[{"field": n, "detail": "is not the match's; leave it out"} for n in wrong])


def _ready_for_agreement(tx: Tx, match: Match) -> None:
    if match.status != "chosen":
        raise Conflict(f"This match is {match.status}; an agreement needs a chosen one.", state=match.status, allowed=[])
    others = [a for a in tx.all(Agreement, match_id=match.id) if a.status not in ("cancelled", "closed")]
    if others:
        raise Conflict(f"This match has an agreement already, {others[0].status}.", agreement_id=str(others[0].id), allowed=[])
    if not hold(tx, match):  # a cancelled agreement gave the place back
        raise Conflict(f"No place for {match.measure} is free at its opening any more.", state=match.status, allowed=[])

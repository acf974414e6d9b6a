# SPDX-License-Identifier: MPL-2.0
"""Matches and agreements in plain words: whom and where they are about, what was said, and what is needed next."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from jobtrappen.roles import CW
from jobtrappen.web.pages.site import Desk
from jobtrappen.web.pages.things import Fact, facts
from jobtrappen.web.pages.words import _, word
from jobtrappen_matching import terms
from jobtrappen_matching.model import OPEN_MATCH

SAID = ("citizen_yes_on", "employer_yes_on", "presentation_id", "wished_start", "scheduled_at", "place", "companions", "interpreter", "consultant", "attended", "by",
        "reason_code", "other_reason_code", "holds_place")
TERMS = ("measure", "starts_on", "ends_on", "weekly_hours", "prospect")
COURSE = ("approver", "granted_on", "citizen_yes_on", "employer_yes_on", "case_number", "started_on")


def candidate_of(desk: Desk, case_id: Any) -> dict[str, Any]:
    """The candidate as this reader may see her; {} for one who may not."""
    return dict(desk.read("read_candidate", case_id=UUID(str(case_id)))) if desk.may("read_candidate") else {}


def name_of(candidate: Mapping[str, Any]) -> str:
    """Her name, or "" where the reader does not see it or she is protected."""
    profile = candidate.get("profile", {})
    return f"{profile.get('given_name', '')} {profile.get('family_name', '')}".strip()


def whom(desk: Desk, document: Mapping[str, Any]) -> list[Fact]:
    """Which citizen, as a line that leads to her case; who does not see her name here, sees it where the case is at home."""
    known = candidate_of(desk, document["case_id"]) if document.get("case_id") else {}
    if not known:
        return []
    name, there = name_of(known), desk.elsewhere("referral", f"/cases/{document['case_id']}")
    here = desk.thing("case", document["case_id"])
    return [Fact(_("Citizen"), name, here) if name else Fact(_("Citizen"), _("See the case in referral") if there else _("See the case"), there or here)]


def where(desk: Desk, document: Mapping[str, Any]) -> list[Fact]:
    """Which opening, workplace and employer; nothing for partners, who see none of them."""
    if not desk.may("read_workplace"):
        return []
    made, place = [], document["workplace_id"]
    if document.get("opening_id"):
        opening = desk.read("read_opening", id=UUID(str(document["opening_id"])))
        made.append(Fact(_("Opening"), opening["title"], desk.thing("opening", opening["id"])))
    workplace = desk.read("read_workplace", id=UUID(str(place)))
    employer = desk.read("read_employer", id=UUID(str(document["employer_id"])))
    return [*made, Fact(_("Workplace"), workplace["name"], desk.thing("workplace", place)), Fact(_("Employer"), employer["name"], desk.thing("employer", employer["id"]))]


def some(desk: Desk, document: Mapping[str, Any], of: str, *names: str) -> list[Fact]:
    """These fields, in this order; a "no" that nobody asked for is left out."""
    return facts(desk, {name: document[name] for name in names if document.get(name) not in (None, False) or (name == "attended" and document.get(name) is False)}, of)


def match_facts(desk: Desk, match: Mapping[str, Any]) -> list[Fact]:
    return [*whom(desk, match), *where(desk, match), *some(desk, match, "match", "measure", *SAID), *facts(desk, match.get("notes") or {}, "match")]


def agreement_facts(desk: Desk, agreement: Mapping[str, Any]) -> list[Fact]:
    """The terms, and how far they have come."""
    return [*whom(desk, agreement), *where(desk, agreement), *some(desk, agreement, "agreement", *TERMS), *facts(desk, agreement.get("texts") or {}, "agreement"),
            *some(desk, agreement, "agreement", *COURSE)]


def match_next(match: Mapping[str, Any], agreement: Mapping[str, Any] | None) -> str:
    """What somebody must do for this match to go on."""
    if match["status"] == "chosen" and agreement is not None:
        return _("It has an agreement; go on there.")
    if match["status"] == "interview" and match.get("attended") is not None:
        return _("The interview was held. Have both said yes? Then make the agreement; otherwise say who declined and why.")
    return {
        "proposed": _("Ask the citizen, and present her to the employer. If both have said yes already, make the agreement at once."),
        "presented": _("Hear whether the employer is interested, and book an interview. If both have said yes already, make the agreement at once."),
        "interested": _("Book an interview, or make the agreement if both have said yes already."),
        "interview": _("Hold the interview, and write down what both sides said of it."),
        "offered": _("The employer has offered the place. Make the agreement when the citizen has said yes."),
        "chosen": _("Both have said yes, and the place is held. Make the agreement."),
        "declined": _("It was declined. Within 14 days it can be opened again, if the place is still free."),
        "withdrawn": _("It was withdrawn. Within 14 days it can be opened again, if the place is still free."),
    }.get(match["status"], "")


def agreement_next(desk: Desk, agreement: Mapping[str, Any]) -> str:
    """What somebody must do for this agreement to go on."""
    status = agreement["status"]
    if status == "draft":
        return _("Send the terms for a grant.") if asks_for_grant(desk, agreement) else _("No grant is needed. Conclude it when both have said yes.")
    if status == "awaiting_grant":
        if desk.actor.role in CW and agreement.get("approver") == "municipality":
            return _("You decide: grant it, or refuse it and say what would help.")
        return _("It waits for an answer from: {approver}.", approver=word("approver", agreement.get("approver")))
    if status == "concluded":
        if agreement.get("started_on"):
            return _("The placement has begun.")
        return _("It is concluded. The start is registered in follow-up on the first day.")
    return {
        "granted": _("It is granted. Conclude it when both sides have said yes to the terms."),
        "refused": _("It was refused. Change the terms and ask again, or cancel it."),
        "cancelled": _("It was cancelled before the start; the place is free again."), "closed": _("The placement has ended. Nothing more is to be done here."),
    }.get(status, "")


def asks_for_grant(desk: Desk, agreement: Mapping[str, Any]) -> bool:
    """Whether some authority decides on its measure by the rules of its first day; without a measure, better ask."""
    measure, starts = agreement.get("measure"), agreement.get("starts_on")
    return not measure or terms.granted_measure(measure, date.fromisoformat(starts) if starts else desk.tx.today)


def agreement_of(desk: Desk, match_id: Any) -> dict[str, Any] | None:
    """The agreement that a match led to; one that was cancelled makes room for another."""
    found = desk.read("list_agreements", {"match_id": str(match_id)})["items"] if desk.may("list_agreements") else []
    return next((a for a in reversed(found) if a["status"] != "cancelled"), None)


def goes_on(match: Mapping[str, Any]) -> bool:
    return match["status"] in (*OPEN_MATCH, "chosen")

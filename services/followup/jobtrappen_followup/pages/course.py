# SPDX-License-Identifier: MPL-2.0
"""The course of a citizen: her staircase, placements with what may be done with them, what is due, contacts, and what has happened."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jobtrappen.web.pages import timeline, words
from jobtrappen.web.pages.site import Desk, commands_on
from jobtrappen.web.pages.things import facts
from jobtrappen_followup.model import HEARD, Placement
from jobtrappen_followup.pages.work import duty_row, landing, notes, otherwise
from jobtrappen_followup.stairs import days, drawn

AT_ONCE = 8
"""So many duties or contacts are seen at once; the others unfold."""
NOT_SHOWN = ("id", "version", "allowed_actions", "status", "case_id", "agreement_id", "workplace_id", "employer_id", "name", "name_is", "meeting_needed_from")


def course_page(desk: Desk, id: UUID) -> str:
    """Where a citizen stands, how she came there, and what may be done now."""
    course = desk.read("read_course", case_id=id)
    stays = desk.read("course_steps", case_id=id)["items"]
    placements = [with_actions(desk, one) for one in desk.read("list_placements", {"case_id": str(id), "limit": 200})["items"]]
    duties, contacts = [], []
    if desk.may("list_duties"):
        duties = [duty_row(desk, one, with_name=False) for one in desk.read("list_duties", {"case_id": str(id), "open": True, "limit": 200})["items"]]
        contacts = list(reversed(desk.read("list_contacts", {"case_id": str(id)})["items"]))
    history = timeline.lines(desk, desk.read("course_timeline", case_id=id)["items"])
    today = desk.tx.today
    return desk.show(
        "course.html", course=course, drawing=drawn(stays, today), way=[{**stay, "days": days(stay, today)} for stay in reversed(stays)],
        placements=placements, duties=duties, contacts=contacts, history=history, news=timeline.news(desk, HEARD), copy=timeline.copy(desk, id), at_once=AT_ONCE, actions=lead(desk, id, placements),
        referral=desk.elsewhere("referral", f"/cases/{id}"))


def lead(desk: Desk, case_id: UUID, placements: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(address, words) of what is done most: a contact, the start of what is planned, something to remember."""
    found = []
    if desk.may("log_contact"):
        found.append((desk.form_of("log_contact", case_id=case_id), words.word("do", "log_contact")))
    found += [(address, f"{text}: {words.word('step', one['measure'])}") for one in placements if one["status"] == "planned" for address, text in one["actions"][:1]]
    if desk.may("make_duty"):
        found.append((desk.form_of("make_duty", case_id=case_id), words.word("do", "make_duty")))
    return found


def with_actions(desk: Desk, placement: Mapping[str, Any]) -> dict[str, Any]:
    """A placement with its page and what this actor may do with it now."""
    allowed = commands_on(desk.routes, Placement, desk.actor, placement)
    return {**placement, "to": desk.thing("placement", placement["id"]), "actions": [(desk.form_of(r.name, id=placement["id"]), words.word("do", r.name)) for r in allowed]}


def placement_page(desk: Desk, placement: Mapping[str, Any]) -> Mapping[str, Any]:
    """A placement: its terms, and what may be done with it."""
    agreement = placement.get("agreement_id")
    return {"template": "placement.html", "facts": facts(desk, placement, "placement", NOT_SHOWN), "course": desk.thing("course", placement["case_id"]),
            "agreement": desk.elsewhere("matching", f"/agreements/{agreement}") if agreement else ""}


def duty_page(desk: Desk, duty: Mapping[str, Any]) -> Mapping[str, Any]:
    """Something that is due, or was."""
    is_open = not duty.get("done_on") and not duty.get("dropped_on")
    actions = [(landing(desk, duty), words._("Do it now")), *otherwise(desk, duty)] if is_open else []
    return {"template": "duty.html", "facts": facts(desk, duty, "duty", (*NOT_SHOWN, "notes", "placement_id", "contact_id")),
            "course": desk.thing("course", duty["case_id"]), "placement": desk.thing("placement", duty["placement_id"]) if duty.get("placement_id") else "",
            "actions": actions, "said": notes(duty)}

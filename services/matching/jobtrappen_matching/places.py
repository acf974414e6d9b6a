# SPDX-License-Identifier: MPL-2.0
"""Employers, workplaces and openings on pages: what stands on each, and forms that follow each other with nothing typed twice."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jobtrappen.web.pages.site import Desk, Form
from jobtrappen.web.pages.things import Fact, facts
from jobtrappen.web.pages.words import _, word
from jobtrappen_matching.prefill import is_id

Given = Mapping[str, Any]
MOST = 200


def employer_page(desk: Desk, employer: Given) -> Given:
    """An employer with its places of work."""
    found = desk.read("list_workplaces", {"employer_id": employer["id"], "limit": MOST})["items"]
    lead = [(desk.form_of("add_workplace", employer_id=employer["id"]), word("do", "add_workplace"))] if desk.may("add_workplace") else []
    return {"template": "employer.html", "lead": lead, "workplaces": [{**w, "to": desk.thing("workplace", w["id"])} for w in found]}


def workplace_page(desk: Desk, workplace: Given) -> Given:
    """A place of work: who is responsible, whom to call, what is open."""
    id = UUID(workplace["id"])
    contacts = desk.read("list_contacts", workplace_id=id)["items"] if desk.may("list_contacts") else []
    lead = []
    if desk.may("publish_opening"):
        lead = [(desk.form_of("publish_opening", workplace_id=id), word("do", "publish_opening")), (desk.form_of("add_contact", workplace_id=id), word("do", "add_contact")),
                (desk.form_of("set_responsible", id=id), word("do", "set_responsible")), (desk.form_of("change_workplace", id=id), word("do", "change_workplace"))]
    employer = desk.read("read_employer", id=UUID(workplace["employer_id"]))
    about = [Fact(_("Employer"), employer["name"], desk.thing("employer", employer["id"])),
             *facts(desk, {n: v for n, v in workplace.items() if n not in ("employer_id", "responsibles", "name")}, "workplace", ("id", "version"))]
    return {"template": "workplace.html", "lead": lead, "about": about, "openings": openings_of(desk, {"workplace_id": workplace["id"], "limit": MOST})["items"],
            "contacts": [{**c, "to": desk.form_of("change_contact", id=c["id"])} for c in contacts], "reads_contacts": desk.may("list_contacts"),
            "earlier": workplace["responsibles"][:-1]}


def contact_page(desk: Desk, contact: Given) -> Given:
    """A contact person, with the names of the employer and of the places of work that they speak for."""
    employer = desk.read("read_employer", id=UUID(contact["employer_id"]))
    places = [desk.read("read_workplace", id=UUID(id)) for id in contact["workplace_ids"]]
    return {"facts": [Fact(_("Employer"), employer["name"], desk.thing("employer", employer["id"])),
                      *(Fact(_("Workplace"), place["name"], desk.thing("workplace", place["id"])) for place in places),
                      *facts(desk, {n: v for n, v in contact.items() if n not in ("employer_id", "workplace_ids")}, "contact")]}


def openings_of(desk: Desk, asked: Given) -> dict[str, Any]:
    """Openings as a list shows them, with how many places are free for each step."""
    found = desk.read("list_openings", asked)
    rows = [{**o, "to": desk.thing("opening", o["id"]), "late": o["status"] == "open" and o.get("until") and o["until"] < str(desk.tx.today)} for o in found["items"]]
    return {**found, "items": rows}


def opening_page(desk: Desk, opening: Given) -> Given:
    """An opening with its places and, for those who work with citizens, its matches."""
    matches = desk.read("list_matches", {"opening_id": opening["id"], "limit": MOST})["items"] if desk.may("list_matches") else []
    about = [Fact(_("Workplace"), opening["workplace_name"], desk.thing("workplace", opening["workplace_id"])),
             Fact(_("Employer"), opening["employer_name"], desk.thing("employer", opening["employer_id"])),
             *facts(desk, {n: v for n, v in opening.items() if n in ("source", "published_on", "until", "weekly_hours", "tasks", "conditions")}, "opening"),
             *([Fact(_("Danish"), _("Enough Danish to follow safety instructions is needed."))] if opening["safety_danish"] else [])]
    lead = [(desk.form_of(name, id=opening["id"]), word("do", name)) for name in ("change_opening", "close_opening") if desk.may(name) and opening["status"] == "open"]
    return {"template": "opening.html", "lead": lead, "about": about, "matches": [{**m, "to": desk.thing("match", m["id"])} for m in matches]}


def new_employer(desk: Desk, _given: Given) -> Given:
    cvr = desk.told("cvr")
    return {"values": {"sector": "private", **({"cvr": cvr} if cvr.isdigit() else {})}, "back": desk.page("employers")}


def new_workplace(desk: Desk, given: Given) -> Given:
    """Most employers have one place of work, which has their name; whoever registers it is its way in."""
    employer = desk.read("read_employer", id=given["employer_id"])
    return {"values": {"name": employer["name"], "responsible": desk.actor.id}, "back": desk.thing("employer", employer["id"]),
            "intro": _("At {employer}.", employer=employer["name"])}


def new_opening(desk: Desk, _given: Given) -> Given:
    place = desk.told("workplace_id")
    start = {"source": "outreach", "places": [{"measure": "internship", "places": 1}]}
    if not is_id(place):
        found = desk.read("list_workplaces", {"limit": MOST})["items"]
        return {"values": start, "choices": {"workplace_id": [(w["id"], w["name"]) for w in found]}, "back": desk.page("openings")}
    workplace = desk.read("read_workplace", id=UUID(place))
    return {"values": {**start, "workplace_id": place}, "hidden": ("workplace_id",), "back": desk.thing("workplace", place), "intro": _("At {employer}.", employer=workplace["name"])}


def new_contact(desk: Desk, given: Given) -> Given:
    place = desk.read("read_workplace", id=given["workplace_id"])
    return {"hidden": ("contact_id",), "required": ("name",), "back": desk.thing("workplace", place["id"]), "intro": _("At {employer}.", employer=place["name"])}


def to_change_contact(_desk: Desk, contact: Given) -> Given:
    return {"values": {"active": contact.get("active", True)}}


def new_responsible(desk: Desk, _given: Given) -> Given:
    return {"values": {"responsible": desk.actor.id}}


def to_workplace(desk: Desk, answer: Given) -> str:
    """The workplace of a contact person or an opening that was just written."""
    return desk.thing("workplace", answer.get("workplace_id") or answer["workplace_ids"][0])


FORMS = {
    "register_employer": Form(new_employer, lambda desk, a: desk.form_of("add_workplace", employer_id=a["id"])),
    "add_workplace": Form(new_workplace, lambda desk, a: desk.form_of("publish_opening", workplace_id=a["id"])),
    "publish_opening": Form(new_opening, to_workplace), "add_contact": Form(new_contact, to_workplace), "change_contact": Form(to_change_contact, to_workplace),
    "set_responsible": Form(new_responsible),
}

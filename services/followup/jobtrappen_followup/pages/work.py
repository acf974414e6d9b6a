# SPDX-License-Identifier: MPL-2.0
"""What is due, by date, with the form on which each duty is done; and the lists of courses and placements."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from jobtrappen.contracts.vocabulary import PLACEMENT_STATES, STEPS
from jobtrappen.errors import Invalid
from jobtrappen.roles import ADMIN, JC, TEAM_LEAD
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk
from jobtrappen_followup.duties import KINDS, MILESTONES

PER_PAGE = 25
COURSE_STATES = ("open", "returned", "retracted")
SECTIONS = ("overdue", "today", "this_week", "later")
ANSWERS = {"plan_start": "placement_start", "expected_back": "placement_resume",
           **dict.fromkeys(("evaluation", "clarify_with_caseworker", *MILESTONES), "duty_done")}
"""The form on which a duty is done, where that is not a contact."""


def home(desk: Desk) -> Any:
    """What is due, overdue first and until Sunday; later duties stand behind a link. A consultant begins with her own and with what is
    nobody's yet, a team lead with the whole team's. A caseworker begins with the courses."""
    if desk.actor.role in ADMIN:
        return desk.go(desk.page("operator"))
    if desk.actor.role not in JC:
        return desk.go(desk.page("courses"))
    asked, wrong = taken(desk, "list_duties", "kind", "whose", "due_by", "due_from", "after")
    whose = asked.get("whose") or ("team" if desk.actor.role == TEAM_LEAD else "mine")
    kept = {name: asked[name] for name in ("kind", "whose") if name in asked}
    due = desk.read("count_duties", {**kept, "whose": whose})
    until = {} if {"due_by", "due_from"} & set(asked) else {"due_by": due["week_ends"]}
    found = desk.read("list_duties", {**asked, **until, "whose": whose, "open": True, "limit": PER_PAGE})
    later = (date.fromisoformat(due["week_ends"]) + timedelta(days=1)).isoformat()
    sections: dict[str, list[dict[str, Any]]] = {}
    for one in found["items"]:
        sections.setdefault(section(one["due_on"], due), []).append(duty_row(desk, one))
    return desk.show("my_work.html", sections=sections, due=due, total=found["total"], asked=asked, wrong=wrong, kinds=KINDS, whose=whose,
                     other=desk.page("home", **{**asked, "whose": "team" if whose == "mine" else "mine", "after": None}),
                     later=desk.page("home", due_from=later, **kept), following=following(desk, "home", asked, found))


def section(due_on: str, due: Mapping[str, Any]) -> str:
    """Which part of the list a day belongs to."""
    return "overdue" if due_on < due["day"] else "today" if due_on == due["day"] else "this_week" if due_on <= due["week_ends"] else "later"


def taken(desk: Desk, route: str, *names: str) -> tuple[dict[str, str], dict[str, str]]:
    """(what the address asks for, what is wrong with the rest): a filter that cannot be read is told, and left out."""
    asked = desk.query(*names)
    query = desk.routes[route].query
    wrong = query.validate(asked) if query is not None else {}
    if "after" in wrong:
        raise Invalid("after", "is not the `next` of a page of this list")
    return {k: v for k, v in asked.items() if k not in wrong}, {k: words.sentence(v[0]) for k, v in wrong.items()}


def following(desk: Desk, page: str, asked: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """The address of the next page; "" after the last."""
    return desk.page(page, **{**asked, "after": found["next"]}) if found.get("next") else ""


def duty_row(desk: Desk, duty: Mapping[str, Any], with_name: bool = True) -> dict[str, Any]:
    """A duty as a list shows it: where it is done, what else may be done with it, and what was written down with it."""
    return {**duty, "now": desk.tx.today.isoformat(), "to": landing(desk, duty), "more": otherwise(desk, duty), "said": notes(duty), "with_name": with_name}


def landing(desk: Desk, duty: Mapping[str, Any]) -> str:
    """The form on which this duty is done."""
    form = ANSWERS.get(duty["kind"])
    if form == "duty_done":
        return desk.form_of(form, id=duty["id"])
    if form and duty.get("placement_id"):
        return desk.form_of(form, id=duty["placement_id"])
    return desk.form_of("log_contact", case_id=duty["case_id"], duty_id=duty["id"])


def otherwise(desk: Desk, duty: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(address, words) of what may be done instead."""
    found = []
    if duty["kind"] == "plan_start" and duty.get("placement_id"):
        found.append((desk.thing("placement", duty["placement_id"]), words._("Absent or not started")))
    if duty["kind"] == "next_action":
        found.append((desk.form_of("duty_done", id=duty["id"]), words._("Done without a contact")))
    if duty["kind"] not in MILESTONES:
        found.append((desk.form_of("postpone", id=duty["id"]), words._("Postpone")))
    return found


def notes(duty: Mapping[str, Any]) -> list[str]:
    """The words that stand with a duty; those that the suite wrote itself in the reader's language."""
    said = []
    for note in duty.get("notes") or []:
        if "postponed_from" in note:
            said.append(words._("Postponed from {day}: {reason}", day=words.day(note["postponed_from"]), reason=note.get("reason", "")))
        else:
            said += [words.current().find(text) or text for text in note.values() if text]
    return said


def courses(desk: Desk) -> Any:
    """The courses by step and state, each with its next action."""
    asked, wrong = taken(desk, "list_courses", "step", "status", "after")
    found = desk.read("list_courses", {**asked, "limit": PER_PAGE})
    rows = [{**one, "to": desk.thing("course", one["case_id"])} for one in found["items"]]
    return desk.show("courses.html", rows=rows, total=found["total"], asked=asked, wrong=wrong, steps=STEPS, states=COURSE_STATES,
                     today=desk.tx.today.isoformat(), following=following(desk, "courses", asked, found))


def placements(desk: Desk) -> Any:
    """Placements by state."""
    asked, wrong = taken(desk, "list_placements", "status", "after")
    found = desk.read("list_placements", {**asked, "limit": PER_PAGE})
    rows = [{**one, "to": desk.thing("placement", one["id"])} for one in found["items"]]
    return desk.show("placements.html", rows=rows, total=found["total"], asked=asked, wrong=wrong, states=PLACEMENT_STATES,
                     following=following(desk, "placements", asked, found))


def to_home(desk: Desk) -> Any:
    return desk.go(desk.page("home"))


def to_courses(desk: Desk) -> Any:
    """Contacts stand on the course of their citizen."""
    return desk.go(desk.page("courses"))

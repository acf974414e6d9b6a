# SPDX-License-Identifier: MPL-2.0
"""What the forms of this service know beforehand, so that a person types as little as possible, and where she goes then."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen.errors import NotFound
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk, Form
from jobtrappen_followup.duties import CONTACTS, MILESTONES, workday
from jobtrappen_followup.model import RUNNING
from jobtrappen_followup.pages.work import notes

Given = Mapping[str, Any]
Known = dict[str, Any]
USUALLY = {"first_contact": ("meeting", "citizen"), "first_day_call": ("call", "employer"), "evaluation": ("meeting", "both")}
"""By kind of duty: how and with whom such a contact usually is; any other is a call to the citizen."""
NEVER_ASKED = ("case_id", "placement_id", "duty_id")


def an_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def case_of(desk: Desk) -> UUID:
    """Whose form this is.

    Raises:
        NotFound: nobody's; it begins on a course.
    """
    if (found := an_id(desk.told("case_id"))) is None:
        raise NotFound("Open the citizen's course first, and begin there.")
    return found


def who(course: Given) -> str:
    """The citizen's name as the beginning of a form, or why it is not there."""
    if course.get("name"):
        return str(course["name"])
    return words._("Protected name") if course.get("name_is") == "protected" else words._("Name not known here yet")


def contact(desk: Desk, _given: Given) -> Known:
    """A contact: its duty is known, and from that how and with whom it probably was; today is the day."""
    case = case_of(desk)
    course = desk.read("read_course", case_id=case)
    due = desk.read("list_duties", {"case_id": str(case), "open": True, "limit": 200})["items"]
    id = desk.told("duty_id")
    duty = next((one for one in due if one["id"] == id), None)
    kind, with_whom = USUALLY.get(duty["kind"] if duty else "", ("call", "citizen"))
    known: Known = {
        "values": {"case_id": str(case), "kind": kind, "with": with_whom, "effective_date": desk.tx.today.isoformat()},
        "hidden": ["case_id"], "kinds": {"next_action": "text"}, "choices": {}, "back": desk.thing("course", case),
    }
    _which_placement(desk, case, duty, known)
    _which_duty(desk, id, duty, due, known)
    known["beside"] = {"who": who(course), "course": course, "duty": duty, "said": notes(duty) if duty else [], "does_all": duty is None and not id,
                       "planned": [one for one in due if one["due_on"] > desk.tx.today.isoformat() and one is not duty][:3]}
    return known


def _which_placement(desk: Desk, case: UUID, duty: Given | None, known: Known) -> None:
    """Asked only where several run."""
    running = [one for one in desk.read("list_placements", {"case_id": str(case), "limit": 200})["items"] if one["status"] in RUNNING]
    if duty is not None:
        known["values"]["placement_id"] = duty.get("placement_id") or ""
    elif len(running) == 1:
        known["values"]["placement_id"] = running[0]["id"]
    elif running:
        known["choices"]["placement_id"] = [(one["id"], words._("{step} since {day}", step=words.word("step", one["measure"]), day=words.day(one["started_on"]))) for one in running]
        return
    known["hidden"].append("placement_id")


def _which_duty(desk: Desk, id: str, duty: Given | None, due: list[dict[str, Any]], known: Known) -> None:
    """One contact today does all that the plan has asked for until today. Which of them is asked only where there is a choice."""
    late = [one for one in due if one["kind"] in CONTACTS and one["due_on"] <= desk.tx.today.isoformat()]
    named = [(one["id"], f"{words.word('kind', one['kind'])}, {words.day(one['due_on'])}") for one in (late if duty is None else [duty])]
    if id and duty is None:  # it was done meanwhile: this contact may stand beside it, or do another one
        known["choices"]["duty_id"] = [("", words._("None; what was asked for has been done")), *named]
    elif duty is not None and duty in late and len([one for one in late if one.get("placement_id") in (None, duty.get("placement_id"))]) > 1:
        known["choices"]["duty_id"] = [("", words._("All that was planned until that day")), *named]
    else:
        known["hidden"].append("duty_id")
        return
    known["values"]["duty_id"] = ""


def new_duty(desk: Desk, _given: Given) -> Known:
    """Something to be done by a day: in a week, if nobody says otherwise."""
    case = case_of(desk)
    course = desk.read("read_course", case_id=case)
    return {"intro": who(course), "hidden": ("case_id", "placement_id"), "back": desk.thing("course", case), "kinds": {"text": "text"},
            "values": {"case_id": str(case), "kind": "next_action", "due_on": in_a_week(desk.tx.today), "effective_date": desk.tx.today.isoformat()}}


def hand_over(desk: Desk, given: Given) -> Known:
    """Whoever opens the form probably takes the course over herself."""
    course = desk.read("read_course", case_id=given["id"])
    return {"version": course["version"], "intro": who(course), "values": {"responsible": desk.actor.id}, "back": desk.thing("course", course["id"])}


def in_a_week(day: date) -> str:
    return workday(day + timedelta(days=7)).isoformat()


def done(desk: Desk, duty: Given) -> Known:
    """What is done is done today; a milestone asks one thing: does it still hold?"""
    known: Known = {"title": words.word("kind", duty.get("kind")), "hidden": ("holds",), "beside": {"duty": duty, "who": who(duty), "said": notes(duty)},
                    "values": {"effective_date": desk.tx.today.isoformat()}, "back": desk.thing("course", duty["case_id"])}
    if duty.get("kind") in MILESTONES:
        known |= {"hidden": (), "required": ("holds",), "choices": {"holds": [("true", words._("Yes, it holds")), ("false", words._("No"))]}}
    return known


def later(desk: Desk, duty: Given) -> Known:
    """Postponed to the next working day, if nobody says otherwise."""
    last = max(desk.tx.today, date.fromisoformat(duty["due_on"]))
    return {"beside": {"duty": duty, "who": who(duty), "said": notes(duty)}, "back": desk.thing("course", duty["case_id"]), "kinds": {"reason": "text"},
            "values": {"due_on": workday(last + timedelta(days=1)).isoformat()}}


def day_of(desk: Desk, placement: Given, planned: str | None = None) -> str:
    """The day that a step probably took effect: as planned where that is past, else today; never before the latest change."""
    today = desk.tx.today.isoformat()
    return max(min(planned or today, today), placement.get("effective_date") or "")


def of_placement(desk: Desk, placement: Given) -> Known:
    return {"intro": f"{who(placement)}, {words.word('step', placement['measure'])}", "back": desk.thing("course", placement["case_id"]),
            "values": {"effective_date": day_of(desk, placement)}}


def start(desk: Desk, placement: Given) -> Known:
    """The agreed day, once it has come; a three-party meeting is asked for only where one goes up by it."""
    known = of_placement(desk, placement)
    known["values"] |= {"effective_date": day_of(desk, placement, placement.get("starts_on")), "intensity": "standard"}
    below = placement.get("meeting_needed_from")
    known["beside"] = {"agreed": placement.get("starts_on"), "below": below, "measure": placement["measure"]}
    known["kinds"] = {"meeting_waived_because": "text"}
    known["hidden"] = () if below else ("three_party_meeting_on", "meeting_waived_because")
    return known


def first_day(desk: Desk, placement: Given) -> Known:
    """She did not come: who was rung, what was said, and what happens now, tomorrow at the latest."""
    known = of_placement(desk, placement)
    known["values"] |= {"effective_date": day_of(desk, placement, placement.get("starts_on")),
                        "next_due": workday(desk.tx.today + timedelta(days=1)).isoformat()}
    return known | {"kinds": {"next_action": "text"}}


def end(desk: Desk, placement: Given) -> Known:
    """The planned last day, once it has passed, and then it was probably completed."""
    known = of_placement(desk, placement)
    planned = placement.get("ends_on")
    if planned and planned <= desk.tx.today.isoformat():
        known["values"] |= {"effective_date": day_of(desk, placement, planned), "how": "completed"}
    return known | {"beside": {"planned": planned}}


def to_work(desk: Desk, _answer: Given) -> str:
    return desk.page("home")


def to_course(desk: Desk, answer: Given) -> str:
    return desk.thing("course", answer["case_id"])


FORMS = {
    "log_contact": Form(prepare=contact, then=to_work, template="contact.html"), "make_duty": Form(prepare=new_duty, then=to_course),
    "take_over": Form(prepare=hand_over, then=to_course), "duty_done": Form(prepare=done, then=to_work, template="of_duty.html"),
    "postpone": Form(prepare=later, then=to_work, template="of_duty.html"),
    "placement_start": Form(prepare=start, then=to_course, template="start.html"),
    "placement_absent_first_day": Form(prepare=first_day, then=to_course),
    "placement_not_started": Form(prepare=of_placement, then=to_course), "placement_pause": Form(prepare=of_placement, then=to_course),
    "placement_resume": Form(prepare=of_placement, then=to_course), "placement_end": Form(prepare=end, then=to_course, template="end.html"),
}

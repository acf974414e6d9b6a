# SPDX-License-Identifier: MPL-2.0
"""What the forms know before a person types: who and where, from the page that she comes from; the terms, from the opening and
from the request; days, from today. What only people can say is left to them: whether there is a prospect, what the purpose is."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen.errors import Invalid, NotYet
from jobtrappen.roles import STAFF
from jobtrappen.web.pages.site import Desk, Form
from jobtrappen.web.pages.words import _, word
from jobtrappen_matching import plain, terms
from jobtrappen_matching.codes import WITH_PROSPECT
from jobtrappen_matching.effects.agreements import CHANGES, FIXED_BY_GRANT, TEXTS

Given = Mapping[str, Any]
WITH_FACTS = "with_facts.html"
GRANTED = ("ends_on", "prospect", "responsibilities", "responsibilities.employer", "responsibilities.consultant")
"""What a measure that somebody grants has to say beside."""


def is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def beside(facts: list[Any] | None = None, links: list[tuple[str, str]] | None = None, second: tuple[str, str] | None = None) -> dict[str, Any]:
    """What stands beside a form's fields: facts to look at, other ways, and a second button as (value, words)."""
    return {"facts": facts or [], "links": links or [], "second": second}


def next_monday(today: date) -> date:
    return today + timedelta(days=7 - today.weekday())


def to_present(desk: Desk, match: Given) -> Given:
    return {"values": {"citizen_yes_on": desk.tx.today.isoformat()}, "beside": beside(plain.match_facts(desk, match))}


def to_book(desk: Desk, match: Given) -> Given:
    place = desk.read("read_workplace", id=UUID(str(match["workplace_id"])))
    return {"values": {"place": (place.get("address") or place["name"])[:200], "companions": ["consultant"]},
            "beside": beside(plain.match_facts(desk, match), links=[(desk.page("leaflet"), _("Advice for the interview, to print in five languages"))])}


def to_hold(desk: Desk, match: Given) -> Given:
    return {"values": {"attended": True}, "choices": {"attended": [("true", _("Yes")), ("false", _("No"))]}, "beside": beside(plain.match_facts(desk, match))}


def to_offer(desk: Desk, match: Given) -> Given:
    return {"values": {"step": match.get("measure"), "wished_start": next_monday(desk.tx.today).isoformat()}, "choices": {"step": steps(desk, match)}}


def to_choose(desk: Desk, match: Given) -> Given:
    today = desk.tx.today.isoformat()
    return {"values": {"citizen_yes_on": today, "employer_yes_on": today, "reason_code": why_chosen(desk, match), "measure": match.get("measure")},
            "choices": {"measure": steps(desk, match)}, "hidden": ("measure",) if match.get("measure") else ()}


def to_withdraw(desk: Desk, match: Given) -> Given:
    return {"values": {"by": "consultant"}, "beside": beside(plain.match_facts(desk, match))}


def steps(desk: Desk, match: Given) -> list[tuple[str, str]]:
    """The steps for which the match's opening has places."""
    opening = desk.read("read_opening", id=UUID(str(match["opening_id"])))
    return [(p["measure"], word("measure", p["measure"])) for p in opening["places"] if p["places"]]


def why_chosen(desk: Desk, match: Given) -> str:
    """A first answer, for the consultant to correct: her wishes, if any are known."""
    wishes = plain.candidate_of(desk, match["case_id"]).get("profile", {}).get("wishes")
    return "fits_wishes" if wishes else "best_fit"


def to_propose(desk: Desk, _given: Given) -> Given:
    """Case, opening and step come from the case's page; what is left is the reason."""
    case, opening = desk.told("case_id"), desk.told("opening_id")
    if not is_id(case):
        return {}
    made: dict[str, Any] = {"hidden": ("case_id",), "values": {"case_id": case}, "back": desk.thing("case", case),
                            "beside": beside(plain.whom(desk, {"case_id": case}), second=("agree", _("Propose, and go on to the agreement")))}
    if is_id(opening):
        found = desk.read("read_opening", id=UUID(opening))
        made["beside"]["facts"] += plain.where(desk, {**found, "opening_id": found["id"]})
        return {**made, "hidden": ("case_id", "opening_id", "measure"), "values": {"case_id": case, "opening_id": opening, "measure": desk.told("measure") or None}}
    try:
        fit = desk.read("feasible_openings", {"case_id": case})["items"]
    except Invalid:  # no step is known to look for
        fit = []
    return {**made, "choices": {"opening_id": [(o["opening_id"], f"{o['title']}, {o['workplace_name']}") for o in fit]}} if fit else made


def to_agree(desk: Desk, match: Given) -> Given:
    """Both have said yes: today, unless somebody says otherwise. The terms are the opening's."""
    measure, today = match.get("measure"), desk.tx.today.isoformat()
    chosen = match["status"] == "chosen"
    granted = measure is None or terms.granted_measure(measure, desk.tx.today)
    values = {**of_opening(desk, match), "measure": measure, **({} if chosen else {"reason_code": why_chosen(desk, match)}),
              **({} if chosen and granted else {"citizen_yes_on": today, "employer_yes_on": today})}
    hidden = [*(["measure"] if measure else []), *(["reason_code"] if chosen else []), *(["citizen_yes_on", "employer_yes_on"] if chosen and granted else []),
              *(["case_number"] if granted else ["prospect", "learning_goals"])]
    yes = () if chosen and granted else ("citizen_yes_on", "employer_yes_on")
    return {
        "values": values, "hidden": hidden, "required": (*yes, *(() if chosen else ("reason_code",)), *(GRANTED if granted else ())),
        "choices": {"measure": steps(desk, match)}, "beside": beside([*plain.whom(desk, match), *plain.where(desk, match), *plain.some(desk, match, "match", "measure")]),
        "intro": _("The agreement goes on to whoever decides on the grant.") if granted else _("No grant is needed: the agreement is concluded when you send this."),
    }


def of_opening(desk: Desk, about: Given) -> dict[str, Any]:
    """A start on a coming Monday, an end as late as the rules allow, hours and tasks of the opening."""
    starts = next_monday(desk.tx.today)
    wished = about.get("wished_start")
    if wished and date.fromisoformat(wished) > desk.tx.today:
        starts = date.fromisoformat(wished)
    opening = desk.read("read_opening", id=UUID(str(about["opening_id"]))) if about.get("opening_id") else {}
    made = {"starts_on": starts.isoformat(), "weekly_hours": opening.get("weekly_hours") or terms.FULL_TIME, "tasks": opening.get("tasks")}
    if about.get("measure") in WITH_PROSPECT and (last := latest_end(desk, about, starts)) is not None:
        made["ends_on"] = last.isoformat()
    return made


def latest_end(desk: Desk, about: Given, starts: date) -> date | None:
    """The last day that the rule of the start allows; None where there is no rule or her profile has not come."""
    employer = desk.read("read_employer", id=UUID(str(about["employer_id"])))
    try:
        longest = terms.law(desk.tx, "longest_weeks", UUID(str(about["case_id"])), starts, about["measure"], employer["sector"])
    except NotYet:
        return None
    return starts + timedelta(weeks=longest.value, days=-1) if longest is not None else None


def to_draft(desk: Desk, _given: Given) -> Given:
    """An agreement without an opening: a case and a workplace; or only the draft of a chosen match's."""
    match, case = desk.told("match_id"), desk.told("case_id")
    if is_id(match):
        found = desk.read("read_match", id=UUID(match))
        return {"hidden": ("match_id", "case_id", "workplace_id", "measure"), "values": {"match_id": match, "measure": found.get("measure"), **of_opening(desk, found)},
                "back": desk.thing("match", match), "beside": beside(plain.match_facts(desk, found))}
    places = desk.read("list_workplaces", {"limit": 200})["items"]
    return {"hidden": ("match_id", "case_id"), "required": ("workplace_id",), "choices": {"workplace_id": [(p["id"], p["name"]) for p in places]},
            "values": {"starts_on": next_monday(desk.tx.today).isoformat(), "weekly_hours": terms.FULL_TIME, **({"case_id": case} if is_id(case) else {})},
            **({"back": desk.thing("case", case), "beside": beside(plain.whom(desk, {"case_id": case}))} if is_id(case) else {"beside": beside()})}


def terms_so_far(desk: Desk, agreement: Given) -> dict[str, Any]:
    """What the agreement says already, and where it is silent, what the opening says."""
    known = {**(agreement.get("texts") or {}), **{n: agreement.get(n) for n in FIXED_BY_GRANT}}
    return {**of_opening(desk, agreement), **{n: v for n, v in known.items() if v not in (None, "", {}, [])}}


def to_request(desk: Desk, agreement: Given) -> Given:
    measure, facts = agreement.get("measure"), [*plain.whom(desk, agreement), *plain.where(desk, agreement)]
    if agreement["status"] == "refused":
        facts += plain.facts(desk, {n: v for n, v in (agreement.get("texts") or {}).items() if n in ("refused_because", "what_would_help")}, "agreement")
    return {"values": {**terms_so_far(desk, agreement), "step": measure}, "hidden": ("partner_id", *(["step"] if measure else [])),
            "required": ("responsibilities",), "beside": beside(facts)}


def to_grant(desk: Desk, agreement: Given) -> Given:
    """The request, and the other answer one click away."""
    return {"values": {"decided_on": desk.tx.today.isoformat()},
            "beside": beside(plain.agreement_facts(desk, agreement), [(desk.form_of("agreement_refuse_grant", id=agreement["id"]), word("do", "agreement_refuse_grant"))])}


def to_refuse(desk: Desk, agreement: Given) -> Given:
    return {"values": {"decided_on": desk.tx.today.isoformat()},
            "beside": beside(plain.agreement_facts(desk, agreement), [(desk.form_of("agreement_grant", id=agreement["id"]), word("do", "agreement_grant"))])}


def to_conclude(desk: Desk, agreement: Given) -> Given:
    """What was granted stands; both yeses are of today until somebody says otherwise."""
    today = desk.tx.today.isoformat()
    yes = {"citizen_yes_on": today, "employer_yes_on": today}
    if agreement["status"] == "granted":
        return {"values": yes, "hidden": (*FIXED_BY_GRANT, *TEXTS), "beside": beside(plain.agreement_facts(desk, agreement))}
    measure = agreement.get("measure")
    silent = () if measure in WITH_PROSPECT or measure is None else ("prospect", "learning_goals")
    return {"values": {**terms_so_far(desk, agreement), **yes}, "hidden": (*(["measure"] if measure else []), *silent),
            "required": ("starts_on", "weekly_hours", "purpose", "long_term_goal"), "beside": beside([*plain.whom(desk, agreement), *plain.where(desk, agreement)])}


def to_change(desk: Desk, agreement: Given) -> Given:
    """One kind of change has one field; only that is shown."""
    kind = desk.told("kind")
    facts = beside(plain.agreement_facts(desk, agreement))
    if kind not in CHANGES:
        return {"beside": facts, "values": {"decided_on": desk.tx.today.isoformat()}}
    needed = [CHANGES[kind], *(["granted_on", "grant_basis"] if kind == "extend" and agreement.get("approver") != "none" else [])]
    places = desk.read("list_workplaces", {"employer_id": str(agreement["employer_id"]), "limit": 200})["items"]
    hidden = [n for n in (*CHANGES.values(), "granted_on", "grant_basis") if n not in needed]
    return {"beside": facts, "values": {"kind": kind, "decided_on": desk.tx.today.isoformat()}, "hidden": ("kind", *hidden), "required": needed,
            "choices": {"workplace_id": [(p["id"], p["name"]) for p in places if p["id"] != agreement["workplace_id"]]}, "title": word("kind", kind)}


def after_draft(desk: Desk, answer: Given) -> str:
    return desk.form_of("agreement_request_grant" if plain.asks_for_grant(desk, answer) else "agreement_conclude", id=answer["id"])


def after_decision(desk: Desk, answer: Given) -> str:
    """A caseworker goes on with the next decision; another authority looks at what she decided."""
    return desk.page("home") if desk.actor.role in STAFF else desk.thing("agreement", answer["id"])


FORMS = {
    "propose_match": Form(to_propose, lambda desk, a: desk.form_of("agree", id=a["id"]) if desk.told("next") == "agree" else desk.thing("match", a["id"]), template=WITH_FACTS),
    "match_present": Form(to_present, template=WITH_FACTS), "match_book_interview": Form(to_book, template=WITH_FACTS),
    "match_hold_interview": Form(to_hold, template=WITH_FACTS), "match_offer": Form(to_offer), "match_withdraw": Form(to_withdraw, template=WITH_FACTS),
    "match_choose": Form(to_choose, lambda desk, a: desk.form_of("agree", id=a["id"])), "agree": Form(to_agree, template=WITH_FACTS),
    "draft_agreement": Form(to_draft, after_draft, template=WITH_FACTS), "agreement_request_grant": Form(to_request, template=WITH_FACTS),
    "agreement_grant": Form(to_grant, after_decision, template=WITH_FACTS), "agreement_refuse_grant": Form(to_refuse, after_decision, template=WITH_FACTS),
    "agreement_conclude": Form(to_conclude, template=WITH_FACTS), "agreement_change": Form(to_change, template=WITH_FACTS),
}

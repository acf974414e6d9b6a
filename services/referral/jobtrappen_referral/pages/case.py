# SPDX-License-Identifier: MPL-2.0
"""A case and the things in it: who it is about, where she stands, the one thing to do next, and what else may be done."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from jobtrappen.roles import CW, JC
from jobtrappen.web.pages import timeline, words
from jobtrappen.web.pages.site import Desk, commands_on
from jobtrappen.web.pages.things import FRAME, facts
from jobtrappen_referral.effects import POOL
from jobtrappen_referral.model import HEARD, Referral

OVER = ("completed", "ended_early", "declined", "withdrawn", "expired", "rerouted", "voided")
RARE = ("referral_undo", "referral_void", "second_void")
"""Offered last: they take something back."""
CODED = ("by", "reason_code", "policy")
"""What is a code among the words of a step."""
Link = tuple[str, str]


def case_page(desk: Desk, case: dict[str, Any]) -> Mapping[str, Any]:
    """A case: who, where she stands, what was done, and what may be done now."""
    id = UUID(case["id"])
    things = desk.read("list_case_things", case_id=id)["items"]
    latest = max((one for one in things if one["resource"] == "referral"), key=lambda one: (one["status"] not in OVER, one["id"]), default=None)
    referral = desk.read("read_referral", id=UUID(latest["id"])) if latest else None
    following = next_step(desk, case, referral, things)
    begin = [(desk.form_of(name, case_id=case["id"]), words.word("do", name)) for name in ("book_intake", "assess", "offer") if desk.may(name)]
    if referral is None or referral["status"] in OVER:
        begin.append((desk.form_of("draft_referral", case_id=case["id"], track=case["track"]), words.word("do", "draft_referral")))
    of_referral = [link for link in referral_links(desk, referral) if link != following] if referral else []
    return {
        "template": "case.html", "name": name_of(case), "next": following, "waits": waits_for(desk, referral) if following is None else "", "referral": referral,
        "things": [{**one, "to": desk.thing(one["resource"], one["id"])} for one in things], "begin": [link for link in begin if link != following],
        "of_referral": of_referral, "of_case": case_links(desk, case), "history": timeline.lines(desk, desk.read("case_timeline", id=id)["items"]), "news": timeline.news(desk, HEARD),
        "person": facts(desk, {**case.get("person", {}), **{n: case.get(n) for n in ("has_cpr", "language_school", "track", "start_step")}}, "case"),
        "circumstances": sorted(case.get("circumstances", []), key=lambda c: (c["code_set"], c["valid_from"]), reverse=True), "elsewhere": elsewhere(desk, case),
    }


def name_of(case: Mapping[str, Any]) -> str:
    person = case.get("person") or {}
    return f"{person.get('given_name') or ''} {person.get('family_name') or ''}".strip() or words._("Case")


def next_step(desk: Desk, case: Mapping[str, Any], referral: Mapping[str, Any] | None, things: Sequence[Mapping[str, Any]]) -> Link | None:
    """The one thing that this role should do next in this case; None when it waits for somebody else."""
    name, values = _caseworkers(desk, case, referral, things) if desk.actor.role in CW else _consultants(desk, case, referral, things)
    if name:
        return desk.form_of(name, **values), words.word("do", name)
    matching = desk.elsewhere("matching", f"/cases/{case['id']}")
    ready = desk.actor.role in JC and referral is not None and referral["status"] == "started" and case.get("start_step")
    return (matching, words._("Find a place at a workplace")) if ready and matching else None


Step = tuple[str, dict[str, Any]]
NOTHING: Step = ("", {})


def _caseworkers(_desk: Desk, case: Mapping[str, Any], referral: Mapping[str, Any] | None, things: Sequence[Mapping[str, Any]]) -> Step:
    refused = _first(things, "refusal", "refused")
    if refused:
        return "refusal_acknowledge", {"id": refused}
    new: Step = ("draft_referral", {"case_id": case["id"], "track": case["track"]})
    if referral is None:
        return new
    allowed = referral.get("allowed_actions", [])
    for action in ("give_info", "send"):
        if action in allowed:
            return f"referral_{action}", {"id": referral["id"]}
    if "acknowledge_outcome" in allowed and not referral.get("loop_closed_on") and referral["status"] != "withdrawn":
        return "referral_acknowledge_outcome", {"id": referral["id"]}
    return new if referral["status"] in OVER else NOTHING


def _consultants(desk: Desk, case: Mapping[str, Any], referral: Mapping[str, Any] | None, things: Sequence[Mapping[str, Any]]) -> Step:
    if referral is None or referral["status"] in OVER or case["status"] == "returned":
        return NOTHING
    allowed = referral.get("allowed_actions", [])
    if "accept" in allowed:
        return "referral_accept", {"id": referral["id"]}
    if "resume" in allowed and (referral.get("resume_date") or "9999") <= str(desk.tx.today):
        return "referral_resume", {"id": referral["id"]}
    if booked := _first(things, "intake", "booked"):
        return "intake_hold", {"id": booked}
    if proposed := _first(things, "assessment", "proposed"):
        return "confirm_assessment", {"id": proposed}
    if not any(one["resource"] == "intake" for one in things) and referral["status"] in ("accepted", "started"):
        return "book_intake", {"case_id": case["id"]}
    if "start" in allowed:
        return "referral_start", {"id": referral["id"]}
    return ("assess", {"case_id": case["id"]}) if referral["status"] == "started" and not case.get("start_step") else NOTHING


def _first(things: Sequence[Mapping[str, Any]], resource: str, status: str) -> str:
    return next((one["id"] for one in things if one["resource"] == resource and one.get("status") == status), "")


def waits_for(desk: Desk, referral: Mapping[str, Any] | None) -> str:
    """Who has the case now, where this role has nothing to do."""
    if referral is None:
        return ""
    unit, sender = words.word("unit", referral.get("target_unit")), words.word("unit", referral.get("from_unit"))
    if referral["status"] in ("sent", "waitlisted") and desk.actor.unit != referral.get("target_unit"):
        return words._("It waits for an answer from {unit}.", unit=unit)
    if referral["status"] == "needs_info":
        return words._("{unit} has a question to answer first.", unit=sender)
    if referral["status"] == "draft":
        return words._("{unit} has not sent the referral yet.", unit=sender)
    if referral["status"] in ("accepted", "started") and desk.actor.role in CW:
        return words._("It is with {unit}; {who} answers for it.", unit=unit, who=referral.get("responsible") or "–")
    return ""


def referral_links(desk: Desk, referral: Mapping[str, Any]) -> list[Link]:
    """What may be done with a referral now: the usual first, what takes something back last."""
    found = [route.name for route in commands_on(desk.routes, Referral, desk.actor, referral)]
    if referral.get("target_unit") != POOL:
        found = [name for name in found if name != "referral_claim"]
    if "void" not in referral.get("allowed_actions", []):
        found = [name for name in found if name != "second_void"]
    first = ("referral_accept", "referral_start", "referral_resume", "referral_give_info", "referral_send")
    ordered = sorted(found, key=lambda name: (name in RARE, first.index(name) if name in first else len(first)))
    return [(desk.form_of(name, id=referral["id"]), words.word("do", name)) for name in ordered]


def case_links(desk: Desk, case: Mapping[str, Any]) -> list[Link]:
    """What may be changed of a case itself."""
    links = [(desk.form_of("change_person", id=case["id"]), words.word("do", "change_person"))]
    links += [(desk.form_of("add_circumstance", id=case["id"], code_set=one), words._("Change {what}", what=words.label(one).lower())) for one in ("benefit", "target_group", "readiness")]
    links.append((desk.page("search", household=case["id"]), words._("Link somebody of the same household")))
    if "return" in case.get("allowed_actions", []) and desk.actor.role in JC:
        links.append((desk.form_of("return_case", id=case["id"]), words.word("do", "return_case")))
    return links


def elsewhere(desk: Desk, case: Mapping[str, Any]) -> list[Link]:
    """The same citizen in the other services, where they stand behind the same address."""
    there = (("matching", "/cases/"), ("followup", "/courses/"), ("partners", "/cases/"))
    found = [(desk.elsewhere(service, f"{path}{case['id']}"), words.word("service", service)) for service, path in there]
    return [link for link in found if link[0]]


def about(desk: Desk, document: Mapping[str, Any]) -> str:
    """The name of the citizen whom a thing is about; "" where it may not be read."""
    case = str(document.get("case_id") or "")
    return name_of(desk.read("read_case", id=UUID(case))) if len(case) == 36 and desk.may("read_case") else ""


def _thing(desk: Desk, document: Mapping[str, Any], of: str, hidden: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    return {"template": "of_case.html", "name": about(desk, document), "facts": facts(desk, document, of, (*FRAME, "dialogue", *hidden)),
            "dialogue": said(document), "links": None, **more}


def said(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was written at each step, as (label, text) pairs."""
    frame = ("action", "on", "role", "unit")
    return [{**{n: one.get(n) for n in frame}, "lines": [(words.label(name), words.word(name, value) if name in CODED else value)
                                                         for name, value in one.items() if name not in frame]} for one in document.get("dialogue", [])]


def referral_page(desk: Desk, document: dict[str, Any]) -> Mapping[str, Any]:
    return _thing(desk, document, "referral", links=referral_links(desk, document), lifecycle="referral")


def intake_page(desk: Desk, document: dict[str, Any]) -> Mapping[str, Any]:
    people = [" ".join(filter(None, (words.word("kind", p["kind"]), f"({p['name']})" if p.get("name") else ""))) for p in document.get("participants", [])]
    return _thing(desk, {**document, "participants": people}, "intake", lifecycle="intake")


def refusal_page(desk: Desk, document: dict[str, Any]) -> Mapping[str, Any]:
    return _thing(desk, document, "refusal", lifecycle="refusal")


def assessment_page(desk: Desk, document: dict[str, Any]) -> Mapping[str, Any]:
    """Its proposal with the reasons in words; once it is confirmed, nothing can be done with it."""
    reasons = [words.sentence(reason) for reason in document.get("reasons", [])]
    return _thing(desk, {**document, "reasons": reasons}, "assessment", links=[] if document["status"] != "proposed" else None)


def return_page(desk: Desk, document: dict[str, Any]) -> Mapping[str, Any]:
    return _thing(desk, document, "return")

# SPDX-License-Identifier: MPL-2.0
"""The forms: what is known is filled in, what can be known is not asked, and each says whom it is about and leads to the next thing."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import flash, request

from jobtrappen.errors import Rejected, Stale
from jobtrappen.roles import CW, JC
from jobtrappen.web.pages import words
from jobtrappen.web.pages.commands import give
from jobtrappen.web.pages.site import Desk, Form
from jobtrappen_referral import queries
from jobtrappen_referral.codes import CODE_SETS
from jobtrappen_referral.pages.case import about, name_of, referral_links, said

DEFAULT_UNIT, CASEWORKERS = "jobkonsulenterne", "lokalcenter"
DEFAULTS = {"target_unit": DEFAULT_UNIT, "purpose": "job", "legal_basis": "lab"}
Prepared = Mapping[str, Any]
Prepare = Callable[[Desk, Mapping[str, Any]], Prepared]


def to_case(desk: Desk, answer: Mapping[str, Any]) -> str:
    return desk.thing("case", answer["case_id"])


def of_case(desk: Desk, given: Mapping[str, Any]) -> str:
    """The id of the case that a form belongs to; which one is not asked again."""
    case = str(given.get("case_id") or desk.told("case_id"))
    return case if len(case) == 36 else ""


def with_name(prepare: Prepare | None = None) -> Prepare:
    """A form that says whom it is about, and what was written before."""

    def prepared(desk: Desk, given: Mapping[str, Any]) -> Prepared:
        made = dict(prepare(desk, given) if prepare else {})
        case = of_case(desk, given) or (str(given.get("id", "")) if "person" in given else "")
        who = name_of(given) if "person" in given else about(desk, {"case_id": case})
        if case:
            made["hidden"] = (*made.get("hidden", ()), "case_id")
            made["values"] = {"case_id": case, **made.get("values", {})}
        made["beside"] = {"who": who, "dialogue": said(given), "links": [], "facts": [], **made.get("beside", {})}
        return made

    return prepared


def units(desk: Desk) -> list[tuple[str, str]]:
    known = dict.fromkeys((DEFAULT_UNIT, desk.actor.unit, *queries.units(desk.tx)))
    return [(unit, words.word("unit", unit)) for unit in known if unit]


def codes_of_today(desk: Desk, code_set: str) -> list[tuple[str, str]]:
    """The codes of a set that may be given today; older ones are for history that is loaded."""
    today = desk.tx.today
    return [(d.code, words.word(code_set, d.code)) for d in CODE_SETS[code_set] if d.since <= today and (d.until is None or today < d.until)]


def to_open(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"values": {"track": "adult"}, "choices": {code_set: codes_of_today(desk, code_set) for code_set in CODE_SETS},
            "kinds": dict.fromkeys(CODE_SETS, "select")}


def to_refer(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    """A caseworker refers; a consultant writes down that the citizen came by herself, and who is to refer her."""
    youth = desk.told("track") == "youth"
    if desk.actor.role in CW:
        hidden = ("track", "source", "route_to") if youth else ("track", "source", "route_to", "guardian_consent_on")
        return {"hidden": hidden, "values": {"source": "form", **DEFAULTS, **({"purpose": "leisure_job", "legal_basis": "consent"} if youth else {})},
                "required": ("guardian_consent_on", "target_unit", "purpose", "legal_basis"), "choices": {"target_unit": units(desk)}, "kinds": {"target_unit": "text"}}
    if youth:
        return {"hidden": ("track", "source", "route_to", "purpose", "legal_basis", "target_unit"), "required": ("guardian_consent_on",),
                "values": {"source": "self_referral", "purpose": "leisure_job", "legal_basis": "consent", "target_unit": desk.actor.unit}}
    return {"hidden": ("track", "source", "guardian_consent_on", "purpose", "legal_basis", "target_unit"), "values": {"source": "self_referral", "route_to": CASEWORKERS},
            "choices": {"route_to": units(desk)}, "kinds": {"route_to": "text"}, "required": ("route_to",)}


def referred(desk: Desk, answer: Mapping[str, Any]) -> str:
    """A caseworker's referral is sent with the same click, unless she keeps it as a draft. Where it cannot be sent it stays one, and
    she is told why."""
    if desk.actor.role in CW and "keep" not in request.form:
        try:
            give(desk, "referral_send", {name: answer.get(name) or value for name, value in DEFAULTS.items()}, version=answer["version"],
                 key=f"{request.form.get('key', '')[:70]}-send", id=UUID(answer["id"]))
        except Stale:
            pass  # this form was sent twice, and the first has sent the referral
        except Rejected as error:
            flash(words._("It is kept as a draft and was not sent: {why}", why=words.sentence(error.detail)))
    return to_case(desk, answer)


def to_send(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    return {"values": {name: given.get(name) or value for name, value in DEFAULTS.items()}, "choices": {"target_unit": units(desk)}, "kinds": {"target_unit": "text"}}


def to_accept(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    """What she is referred for, and the other answers that may be given."""
    shown = [(words.label(n), words.word(n, given[n])) for n in ("purpose", "legal_basis") if given.get(n)] + [(words.label("from_unit"), words.word("unit", given.get("from_unit")))]
    others = [link for link in referral_links(desk, given) if link[1] != words.word("do", "referral_accept")]
    return {"values": {"responsible": desk.actor.id, "planned_start": desk.tx.today.isoformat()}, "beside": {"facts": shown, "links": others}}


def to_answer(_desk: Desk, given: Mapping[str, Any]) -> Prepared:
    asked = [one.get("question") for one in given.get("dialogue", []) if one.get("question")]
    return {"beside": {"facts": [(words.label("question"), asked[-1])]}} if asked else {}


def to_reroute(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"choices": {"target_unit": units(desk)}, "kinds": {"target_unit": "text"}}


def to_book(desk: Desk, given: Mapping[str, Any]) -> Prepared:
    """Who usually comes: the consultant, and the teacher of a pupil."""
    case = of_case(desk, given)
    pupil = bool(case) and desk.may("read_case") and desk.read("read_case", id=UUID(case)).get("language_school")
    people = [{"kind": "consultant" if desk.actor.role in JC else "caseworker"}] + ([{"kind": "teacher"}] if pupil else [])
    return {"values": {"form": "office", "participants": people}, "beside": {"facts": [(words.label("language_school"), words._("The school hears of the talk when it is booked; "
                       "it would like to know fourteen days ahead."))] if pupil else []}}


def to_move(_desk: Desk, given: Mapping[str, Any]) -> Prepared:
    return {"values": {"scheduled_at": given.get("scheduled_at", "")}}


def to_hold(_desk: Desk, given: Mapping[str, Any]) -> Prepared:
    return {"values": {"attended": [p["kind"] for p in given.get("participants", [])]}}


def to_offer(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"values": {"offered_by": desk.actor.id}}


def to_guide(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"values": {"guided_on": desk.tx.today.isoformat()}}


def to_confirm(_desk: Desk, given: Mapping[str, Any]) -> Prepared:
    """The proposal with its reasons; whoever follows it has one click to make."""
    reasons = "\n".join(words.sentence(reason) for reason in given.get("reasons", []))
    proposed = words.word("start_step", given.get("proposed_step"))
    return {"values": {"start_step": given.get("proposed_step", "")}, "kinds": {"start_step": "radios"},
            "beside": {"facts": [(words.label("proposed_step"), proposed), (words.label("reasons"), reasons)]}}


def to_return(_desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    return {"values": {"present_state": "with_caseworker"}}


def to_code(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    """One set of codes at a time: its own codes of today, and no choice of set."""
    code_set = desk.told("code_set")
    if code_set not in CODE_SETS:
        return {}
    return {"hidden": ("code_set",), "values": {"code_set": code_set}, "choices": {"code": codes_of_today(desk, code_set)},
            "title": words._("Change {what}", what=words.label(code_set).lower())}


def to_link(desk: Desk, _given: Mapping[str, Any]) -> Prepared:
    """The other person was found by a search; her id is not typed."""
    other = desk.told("other_case_id")
    if len(other) != 36:
        return {}
    return {"hidden": ("other_case_id",), "values": {"other_case_id": other}, "beside": {"facts": [(words._("The other person"), about(desk, {"case_id": other}))]}}


def _form(prepare: Prepare | None = None, then: Callable[..., str] | None = to_case, template: str = "about.html") -> Form:
    return Form(prepare=with_name(prepare), then=then, template=template)


FORMS: dict[str, Form] = {
    "open_case": Form(prepare=to_open, then=lambda desk, answer: desk.form_of("draft_referral", case_id=answer["id"], track=answer["track"])),
    "draft_referral": _form(to_refer, referred, "refer.html"), "referral_send": _form(to_send), "referral_accept": _form(to_accept),
    "referral_give_info": _form(to_answer), "referral_reroute": _form(to_reroute),
    **{f"referral_{name}": _form() for name in ("request_info", "waitlist", "decline", "start", "hold", "resume", "complete", "end_early", "withdraw", "acknowledge_outcome", "claim", "undo")},
    **{name: _form(then=None) for name in ("referral_void", "second_void")},
    "book_intake": _form(to_book), "intake_move": _form(to_move), "intake_hold": _form(to_hold),
    **{f"intake_{name}": _form() for name in ("no_show", "cancel", "confirm_minutes", "dissent")},
    "offer": _form(to_offer), "refusal_guide": _form(to_guide), "refusal_refuse": _form(), "refusal_acknowledge": _form(),
    "assess": _form(None, lambda desk, answer: desk.form_of("confirm_assessment", id=answer["id"])), "confirm_assessment": _form(to_confirm),
    "return_case": _form(to_return), "set_present_state": _form(), "change_person": _form(), "add_circumstance": _form(to_code), "link_household": _form(to_link),
}

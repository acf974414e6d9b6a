# SPDX-License-Identifier: MPL-2.0
"""The pages of referral: what to do next, a case with its talk and assessment, a list of candidates to screen, and the search."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import request, url_for

from jobtrappen.errors import Invalid, NotFound
from jobtrappen.roles import ADMIN, CW, JC, JC_CW
from jobtrappen.web.pages import words
from jobtrappen.web.pages.commands import give
from jobtrappen.web.pages.site import Desk, Form, Site
from jobtrappen.web.pages.things import actions, facts
from jobtrappen_referral.codes import CODE_SETS

site = Site("referral", Path(__file__).parent, no_form=frozenset({"find_case", "tell_origin", "screen"}))
PER_PAGE = 25
DEFAULT_UNIT = "jobkonsulenterne"


@site.page("/", who=JC_CW | ADMIN, entry="My work")
def home(desk: Desk) -> Any:
    """What this role must do next, overdue first."""
    if desk.actor.role in ADMIN:
        return desk.go(url_for("operator"))
    asked = desk.query("why", "after")
    work = desk.read("list_work", {**asked, "limit": PER_PAGE})
    for one in work["items"]:
        one["to"] = work_address(desk, one)
        one["late"] = one["due_on"] < str(desk.tx.today)
        one["today"] = one["due_on"] == str(desk.tx.today)
    following = url_for("home", **{**asked, "after": work["next"]}) if work["next"] else ""
    return desk.show("my_work.html", work=work, following=following, asked=asked, reasons=REASONS[desk.actor.role])


REASONS = {
    "caseworker": ("send_referral", "answer_question", "see_outcome", "acknowledge_refusal", "screen_row"),
    **dict.fromkeys(("consultant", "team_lead"), ("answer_referral", "take_from_waiting_list", "start_referral", "resume_referral", "hold_talk", "assess", "confirm_assessment")),
}
LANDS = {
    "send_referral": "referral_send", "answer_question": "referral_give_info", "see_outcome": "referral_acknowledge_outcome", "acknowledge_refusal": "refusal_acknowledge",
    "answer_referral": "", "take_from_waiting_list": "referral_accept", "start_referral": "referral_start", "resume_referral": "referral_resume", "hold_talk": "intake_hold",
    "confirm_assessment": "confirm_assessment",
}
"""The form on which a line of work lands; "" leads to the thing, where there is a choice."""


def work_address(desk: Desk, one: Mapping[str, Any]) -> str:
    if one["why"] == "assess":
        return desk.form_of("assess", case_id=one["case_id"])
    if one["why"] == "screen_row":
        return url_for("screening", id=one["id"])
    form = LANDS.get(one["why"], "")
    return desk.form_of(form, id=one["id"]) if form else desk.thing(one["resource"], one["id"])


@site.page("/search", who=JC_CW, entry="Find a case", methods=("GET", "POST"))
def search(desk: Desk) -> Any:
    """By CPR number (a caseworker) or by name. What was searched for stands in no address."""
    if request.method == "GET":
        return desk.show("search.html", found=None, number="", wrong="")
    number = request.form.get("cpr", "").strip()
    try:
        found = give(desk, "find_case", {"cpr": number})
        return desk.go(desk.thing("case", found["id"]))
    except (Invalid, NotFound) as error:
        return desk.show("search.html", found=[], number=number, wrong=words.sentence(error.extra["errors"][0]["detail"] if isinstance(error, Invalid) else error.detail))


def case_page(desk: Desk, case: dict[str, Any]) -> Mapping[str, Any]:
    """A case: who, where she stands, what was done, and what may be done now."""
    history = desk.read("case_history", id=UUID(case["id"]))["items"] if desk.may("case_history") else []
    latest = next((r for r in desk.read("list_case_things", case_id=UUID(case["id"]))["items"] if r["resource"] == "referral"), None) if desk.may("list_case_things") else None
    things = desk.read("list_case_things", case_id=UUID(case["id"]))["items"]
    for one in things:
        one["to"] = desk.thing(one["resource"], one["id"])
    lead = []
    if latest is not None:
        document = desk.read("read_referral", id=UUID(latest["id"]))
        lead = actions(desk, desk.routes["read_referral"], document)
    begin = [(desk.form_of(name, case_id=case["id"]), words.word("do", name)) for name in ("book_intake", "assess", "offer") if desk.may(name)]
    if desk.may("draft_referral"):
        begin.append((desk.form_of("draft_referral", case_id=case["id"], track=case["track"]), words.word("do", "draft_referral")))
    return {"template": "case.html", "history": list(reversed(history)), "things": things, "lead": lead, "begin": begin,
            "person": facts(desk, case.get("person", {}), "case"), "circumstances": current_circumstances(case)}


def current_circumstances(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The code of each set that counts now, with its Danish name; older ones after it."""
    names = {(s, d.code): d.danish for s, codes in CODE_SETS.items() for d in codes}
    rows = [{**c, "danish": names.get((c["code_set"], c["code"]), c["code"])} for c in case.get("circumstances", [])]
    return sorted(rows, key=lambda c: (c["code_set"], c["valid_from"]), reverse=True)


site.things["case"] = case_page


@site.page("/lists", who=JC_CW, entry="Lists of candidates", methods=("GET", "POST"))
def lists(desk: Desk) -> Any:
    """Upload a list; each row waits for a decision."""
    wrong = ""
    if request.method == "POST":
        file = request.files.get("list")
        try:
            made = give(desk, "upload_list", {"body": file.read() if file else b""}, body=b"")
            return desk.go(url_for("screening", id=made["id"]), words.plural("{n} row was rejected.", "{n} rows were rejected.", len(made["rejected"])) if made["rejected"] else "")
        except Invalid as error:
            wrong = words.sentence(error.extra["errors"][0]["detail"])
    return desk.show("lists.html", wrong=wrong, lists=desk.read("list_lists")["items"])


@site.page("/lists/<uuid:id>", who=JC_CW, methods=("GET", "POST"))
def screening(desk: Desk, id: UUID) -> Any:
    """A list's rows, one decision each; a caseworker decides several at once."""
    if request.method == "POST":
        decided = 0
        for row in desk.read("list_rows", id=id)["items"]:
            decision = request.form.get(f"decision.{row['id']}", "")
            if decision and not row["decision"]:
                give(desk, "screen", {"decision": decision}, version=row["version"], id=UUID(row["id"]))
                decided += 1
        return desk.go(url_for("screening", id=id), words.plural("{n} decision was kept.", "{n} decisions were kept.", decided))
    return desk.show("screening.html", made=desk.read("read_list", id=id), rows=desk.read("list_rows", id=id)["items"], decides=desk.actor.role in CW,
                     decisions=("refer", "not_now", "not_in_target_group", "cannot_reach_person"))


def of_case(desk: Desk, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A form that belongs to a case: which one is not asked again."""
    case = str(given.get("case_id") or request.values.get("case_id", ""))
    return {"hidden": ("case_id",), "values": {"case_id": case} if len(case) == 36 else {}}


def new_referral(desk: Desk, given: Mapping[str, Any]) -> Mapping[str, Any]:
    known = of_case(desk, given)
    source = "self_referral" if desk.actor.role in JC else "form"
    return {"hidden": ("case_id", "track", "source"), "values": {**known["values"], "source": source, "target_unit": DEFAULT_UNIT, "purpose": "job", "legal_basis": "lab"}}


def to_send(desk: Desk, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"values": {"target_unit": given.get("target_unit") or DEFAULT_UNIT, "purpose": given.get("purpose") or "job", "legal_basis": given.get("legal_basis") or "lab"}}


def to_accept(desk: Desk, _given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"values": {"responsible": desk.actor.id, "planned_start": desk.tx.today.isoformat()}}


def to_confirm(desk: Desk, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The proposal with its reasons; whoever follows it has one click to make."""
    reasons = [words.sentence(reason) for reason in given.get("reasons", [])]
    return {"values": {"start_step": given.get("proposed_step", "")}, "intro": words._("Proposed: {step}, because {reasons}.", step=words.word("step", given.get("proposed_step")), reasons="; ".join(reasons))}


def to_hold(desk: Desk, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"values": {"attended": [p["kind"] for p in given.get("participants", [])]}}


def to_case(desk: Desk, answer: Mapping[str, Any]) -> str:
    return desk.thing("case", answer["case_id"])


site.forms.update(
    draft_referral=Form(prepare=new_referral, then=lambda desk, answer: desk.form_of("referral_send", id=answer["id"]) if desk.actor.role in CW else to_case(desk, answer)),
    referral_send=Form(prepare=to_send, then=to_case), referral_accept=Form(prepare=to_accept, then=to_case), book_intake=Form(prepare=of_case, then=to_case),
    assess=Form(prepare=of_case, then=lambda desk, answer: desk.form_of("confirm_assessment", id=answer["id"])), confirm_assessment=Form(prepare=to_confirm, then=to_case),
    intake_hold=Form(prepare=to_hold, then=to_case), offer=Form(prepare=of_case, then=to_case), return_case=Form(then=to_case),
    open_case=Form(then=lambda desk, answer: desk.form_of("draft_referral", case_id=answer["id"], track=answer["track"])),
)

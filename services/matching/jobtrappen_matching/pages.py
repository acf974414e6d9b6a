# SPDX-License-Identifier: MPL-2.0
"""The pages of matching: what to do next, a candidate with the openings that fit her, employers and openings, and the agreement's
letter. What stands on a page is put together in plain.py and places.py, what a form begins with in prefill.py."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Response, g, request, url_for
from marshmallow import ValidationError

from jobtrappen.errors import Invalid, NotFound
from jobtrappen.roles import ADMIN, COORDINATOR, JC, JC_CW, STAFF
from jobtrappen.web.pages import timeline, words
from jobtrappen.web.pages.site import Desk, Page, Site
from jobtrappen.web.pages.things import Fact, actions, facts
from jobtrappen.web.pages.words import _, word
from jobtrappen_matching import places, plain, prefill, printed
from jobtrappen_matching.codes import CHANGES, MEASURES, SOURCES
from jobtrappen_matching.model import HEARD
from jobtrappen_matching.queries import NAMES

site = Site("matching", Path(__file__).parent)
site.forms.update(prefill.FORMS)
site.forms.update(places.FORMS)
READERS = JC_CW | {COORDINATOR}
PER_PAGE = 25
BESIDE = {"referral": "/cases/", "followup": "/courses/"}
"""Where the same case stands in other services."""
FIT = 10
"""How many openings a case shows at first."""
REASONS = {
    "caseworker": ("decide_grant",),
    **dict.fromkeys(("consultant", "team_lead"), ("find_place", "present_match", "book_interview", "hold_interview", "missed_interview", "choose_match", "make_agreement", "send_draft", "conclude_draft",
                                                  "conclude_agreement", "reconsider_refusal", "see_start")),
}
LANDS = {
    "present_match": "match_present", "book_interview": "match_book_interview", "hold_interview": "match_hold_interview", "choose_match": "agree",
    "make_agreement": "agree", "send_draft": "agreement_request_grant", "conclude_draft": "agreement_conclude", "conclude_agreement": "agreement_conclude",
    "reconsider_refusal": "agreement_request_grant", "decide_grant": "agreement_grant",
}
"""The form on which a line of work lands; what is not here leads to the thing."""


@site.page("/", who=READERS | ADMIN, entry="My work")
def home(desk: Desk) -> Any:
    """What this role must do next, overdue first."""
    if desk.actor.role in ADMIN:
        return desk.go(url_for("operator"))
    if not desk.may("list_work"):
        return desk.go(url_for("openings"))
    asked = desk.query("why", "after")
    work = desk.read("list_work", {**asked, "limit": PER_PAGE})
    for one in work["items"]:
        one["to"] = desk.form_of(LANDS[one["why"]], id=one["id"]) if one["why"] in LANDS else desk.thing(one["resource"], one["id"])
        one["late"] = one["due_on"] < str(desk.tx.today)
        one["today"] = one["due_on"] == str(desk.tx.today)
    following = url_for("home", **{**asked, "after": work["next"]}) if work["next"] else ""
    return desk.show("my_work.html", work=work, following=following, asked=asked, reasons=REASONS[desk.actor.role])


def case_page(desk: Desk, id: UUID) -> str:
    """A candidate: what is going on for her, which openings fit, what was done."""
    candidate = desk.read("read_candidate", case_id=id)
    things = [{**t, "to": desk.thing(t["resource"], t["id"])} for t in desk.read("list_case_things", case_id=id)["items"]]
    asked = desk.query("measure", "all", "more")
    measure = asked.get("measure") if asked.get("measure") in MEASURES else candidate.get("start_step")
    fit = fitting(desk, candidate, measure, "all" in asked, "more" in asked)
    begin = [(desk.form_of("draft_agreement", case_id=id), word("do", "draft_agreement"))] if desk.may("draft_agreement") and candidate["status"] == "active" else []
    profile = {n: v for n, v in candidate.get("profile", {}).items() if n not in NAMES[:2]}
    about = [*facts(desk, profile, "candidate"), *plain.some(desk, candidate, "candidate", "start_step", "track")]
    beside = [(to, _("The case in {service}", service=word("service", service))) for service, path in BESIDE.items() if (to := desk.elsewhere(service, f"{path}{id}"))]
    return desk.show("case.html", case=candidate, name=plain.name_of(candidate), things=things, fit=fit, measure=measure or "", everything="all" in asked, begin=[*begin, *beside],
                     about=about, measures=MEASURES, proposes=desk.may("propose_match") and candidate["status"] == "active",
                     history=timeline.lines(desk, desk.read("case_timeline", case_id=id)["items"]), news=timeline.news(desk, HEARD), copy=timeline.copy(desk, id))


def fitting(desk: Desk, candidate: Mapping[str, Any], measure: str | None, everything: bool, more: bool) -> dict[str, Any] | None:
    """Openings for her step, the first few unless more are asked for; None while there is no step to look for."""
    if not measure:
        return None
    found = desk.read("feasible_openings", {"case_id": candidate["case_id"], "measure": measure, "all": everything, "limit": 200 if everything or more else FIT})
    for one in found["items"]:
        one["to"] = desk.thing("opening", one["opening_id"])
        one["propose"] = desk.form_of("propose_match", case_id=candidate["case_id"], opening_id=one["opening_id"], measure=measure) if desk.may("propose_match") else ""
    more_at = url_for("thing.case", id=candidate["case_id"], measure=measure, more=1, _anchor="fit")
    return {**found, "more": more_at if found["total"] > len(found["items"]) and not more else ""}


site.pages.append(Page("/cases/<uuid:id>", "thing.case", case_page, JC_CW))


@site.page("/employers", who=READERS, entry="Employers")
def employers(desk: Desk) -> str:
    """Employers, found by CVR number."""
    asked, wrong = desk.query("cvr", "after"), ""
    try:
        found = desk.read("list_employers", {**asked, "limit": PER_PAGE})
    except ValidationError:
        found, wrong = {"items": [], "total": 0, "next": None}, _("A CVR number has eight digits.")
    rows = [{**e, "to": desk.thing("employer", e["id"])} for e in found["items"]]
    following = url_for("employers", **{**asked, "after": found["next"]}) if found["next"] else ""
    new = desk.form_of("register_employer", **{n: v for n, v in asked.items() if n == "cvr" and not wrong}) if desk.may("register_employer") else ""
    return desk.show("employers.html", rows=rows, total=found["total"], following=following, asked=asked, wrong=wrong, new=new)


@site.page("/openings", who=READERS, entry="Openings")
def openings(desk: Desk) -> str:
    """Openings with their free places; those that are open, unless others are asked for."""
    asked = {"status": "open", **desk.query("status", "source", "after")}
    try:
        found = places.openings_of(desk, {**{n: v for n, v in asked.items() if v != "any"}, "limit": PER_PAGE})
    except ValidationError:
        raise Invalid("status", "is nothing that openings can be filtered by") from None
    following = url_for("openings", **{**asked, "after": found["next"]}) if found["next"] else ""
    return desk.show("openings.html", found=found, following=following, asked=asked, sources=SOURCES, new=desk.form_of("publish_opening") if desk.may("publish_opening") else "")


def match_page(desk: Desk, match: dict[str, Any]) -> Mapping[str, Any]:
    """A match; where both have said yes already, the agreement is the main way on."""
    agreement = plain.agreement_of(desk, match["id"]) if match["status"] == "chosen" else None
    found = [a for a in actions(desk, desk.routes["read_match"], match) if a[0] != desk.form_of("agree", id=match["id"])]
    if desk.may("agree") and plain.goes_on(match) and agreement is None:
        found.insert(0, (desk.form_of("agree", id=match["id"]), word("do", "agree")))
    if agreement is not None:
        found.insert(0, (desk.thing("agreement", agreement["id"]), _("To the agreement")))
    return {"template": "match.html", "lead": found, "about": plain.match_facts(desk, match), "next": plain.match_next(match, agreement)}


FIRST = ("agreement_conclude", "agreement_grant", "agreement_request_grant")
"""What leads on, before what leads back."""


def agreement_page(desk: Desk, agreement: dict[str, Any]) -> Mapping[str, Any]:
    """An agreement with its terms, what is needed next, and its letter."""
    change = desk.form_of("agreement_change", id=agreement["id"])
    found = [a for a in actions(desk, desk.routes["read_agreement"], agreement) if a[0] != change]
    if agreement["status"] == "draft" and not plain.asks_for_grant(desk, agreement):  # nobody decides on it
        found = [a for a in found if a[0] != desk.form_of("agreement_request_grant", id=agreement["id"])]
    elif agreement["status"] == "draft":
        found = [a for a in found if a[0] != desk.form_of("agreement_conclude", id=agreement["id"])]
    first = [desk.form_of(name, id=agreement["id"]) for name in FIRST]
    found.sort(key=lambda a: first.index(a[0]) if a[0] in first else len(first))
    if agreement["status"] == "concluded" and (course := desk.elsewhere("followup", f"/courses/{agreement['case_id']}")) and desk.actor.role in JC_CW:
        found.insert(0, (course, _("To the course in follow-up")))
    kinds = [(desk.form_of("agreement_change", id=agreement["id"], kind=kind), word("kind", kind)) for kind in CHANGES] if "change" in agreement["allowed_actions"] else []
    return {"template": "agreement.html", "lead": found, "about": plain.agreement_facts(desk, agreement), "next": plain.agreement_next(desk, agreement), "kinds": kinds,
            "letter": url_for("letter", id=agreement["id"]) if desk.actor.role in JC else "", "match": desk.thing("match", agreement["match_id"]) if agreement.get("match_id") else ""}


site.things.update(match=match_page, agreement=agreement_page, employer=places.employer_page, workplace=places.workplace_page, contact=places.contact_page, opening=places.opening_page)


@site.page("/agreements/<uuid:id>/letter", who=JC)
def letter(desk: Desk, id: UUID) -> str:
    """The agreement in plain language, for the employer, to print. Neither number nor health; a name only after the citizen's yes."""
    if request.args.get("language") in words.LANGUAGES:  # the letter's language, and not that of who prints it
        g.language = request.args["language"]
    agreement = desk.read("read_agreement", id=id)
    workplace = desk.read("read_workplace", id=UUID(agreement["workplace_id"]))
    match = desk.read("read_match", id=UUID(agreement["match_id"])) if agreement.get("match_id") else {}
    contacts = desk.read("list_contacts", workplace_id=UUID(agreement["workplace_id"]))["items"]
    yes = agreement.get("citizen_yes_on") or match.get("citizen_yes_on")
    who = plain.name_of(plain.candidate_of(desk, agreement["case_id"])) if yes else ""
    return desk.show("letter.html", agreement=agreement, told=told(desk, agreement, who, workplace["responsible"]), workplace=workplace,
                     employer=desk.read("read_employer", id=UUID(agreement["employer_id"])), today=desk.tx.today, back=desk.thing("agreement", id),
                     pdf=url_for("letter_pdf", id=id, language=words.language()) if printed.makes_pdf() else "",
                     contact=next((c["person"].get("name", "") for c in contacts if c["active"]), ""))


def told(desk: Desk, agreement: Mapping[str, Any], who: str, responsible: str) -> list[Fact]:
    """What the letter says was agreed. Purpose, goals and the basis of the grant may tell of the citizen's life, so they are not in it."""
    hours, texts = agreement.get("weekly_hours"), agreement.get("texts") or {}
    return [
        Fact(_("Who"), who or _("A citizen of the municipality; your contact tells you the name")), *plain.some(desk, agreement, "letter", "measure", "starts_on"),
        Fact(words.label("ends_on", "letter"), words.day(agreement["ends_on"]) if agreement.get("ends_on") else _("No end is agreed")),
        *([Fact(_("Hours"), words.plural("{n} hour a week", "{n} hours a week", hours))] if hours else []),
        *facts(desk, {n: texts[n] for n in ("tasks", "mentor", "wage") if texts.get(n)}, "letter"), Fact(_("Your contact in the municipality"), responsible),
    ]


@site.page("/agreements/<uuid:id>/letter.pdf", who=JC)
def letter_pdf(desk: Desk, id: UUID) -> Any:
    """The letter as PDF, where that can be made."""
    return as_pdf(letter, desk, id)


@site.page("/leaflet", who=STAFF)
def leaflet(desk: Desk) -> str:
    """Advice for the job interview in the citizen's language, to print. It knows of nobody."""
    chosen = request.args.get("language", words.language())
    if chosen not in printed.leaflets():
        raise NotFound("There is no leaflet in this language.")
    return desk.show("leaflet.html", leaflet=printed.leaflets()[chosen], leaflets=printed.leaflets(), chosen=chosen,
                     pdf=url_for("leaflet_pdf", language=chosen) if printed.makes_pdf() else "")


@site.page("/leaflet.pdf", who=STAFF)
def leaflet_pdf(desk: Desk) -> Any:
    """The leaflet as PDF, where that can be made."""
    return as_pdf(leaflet, desk)


def as_pdf(page: Callable[..., str], desk: Desk, *path: Any) -> Any:
    if not printed.makes_pdf():
        raise NotFound("PDF is not made here. Print the page instead.")
    return Response(printed.pdf(page(desk, *path)), content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{page.__name__}.pdf"'})

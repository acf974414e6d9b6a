# SPDX-License-Identifier: MPL-2.0
"""The pages of partners: a partner's inbox, what staff must do next, the partner table, requests, cases and keys. What the forms
prefill stands in prefill.py."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import flash, request

from jobtrappen.errors import NotFound, Rejected
from jobtrappen.roles import ADMIN, JC_CW, PA, REQUESTER
from jobtrappen.web.pages import words
from jobtrappen.web.pages.commands import give
from jobtrappen.web.pages.site import Desk, Entry, Form, Site
from jobtrappen.web.pages.things import Fact
from jobtrappen_partners import prefill, queries
from jobtrappen_partners.api import KEEPERS
from jobtrappen_partners.kinds import known as known_kinds
from jobtrappen_partners.prefill import kind_name
from jobtrappen_partners.requests_shown import REQUEST_STATES, lead, request_page, said

site = Site("partners", Path(__file__).parent, called=queries.called)
PER_PAGE = 25
SOON = 10
"""How many coming notices stand in the inbox."""

REASONS = {
    "coordinator": ("send_request", "answer_partner", "answer_offer", "confirm_delivery", "chase_partner", "chase_place", "assign_notice", "make_cooperation", "review_cooperation"),
    **dict.fromkeys(("caseworker", "consultant", "team_lead"), ("send_request", "answer_partner", "answer_offer", "confirm_delivery", "chase_partner", "chase_place")),
    "partner": ("answer_request", "offer_place", "begin_delivery", "deliver_answer", "mend_delivery"),
}
LANDS = {"send_request": "partner_request_request", "answer_partner": "partner_request_give_info", "assign_notice": "assign_notice", "review_cooperation": "change_cooperation",
         "deliver_answer": "partner_request_deliver", "mend_delivery": "partner_request_deliver"}
"""The form on which a line of work lands; others lead to the thing, where there is a choice."""


@site.page("/", who=REQUESTER | PA | ADMIN)
def home(desk: Desk) -> Any:
    """A partner's inbox; for staff what they must do next; the administrator keeps the keys."""
    if desk.actor.role in ADMIN:
        return desk.go(desk.page("keys"))
    return inbox(desk) if desk.actor.role in PA else my_work(desk)


site.entries += [Entry("home", "Inbox", PA), Entry("home", "My work", REQUESTER)]


def my_work(desk: Desk) -> str:
    asked = desk.query("why", "after")
    work = desk.read("list_work", {**asked, "limit": PER_PAGE})
    following = desk.page("home", **{**asked, "after": work["next"]}) if work["next"] else ""
    for one in work["items"]:
        _as_line(desk, one)
    return desk.show("my_work.html", work=work, following=following, asked=asked, reasons=REASONS[desk.actor.role])


def _as_line(desk: Desk, one: dict[str, Any]) -> None:
    """Put on a line of work where it leads, what it is called, and whether its day is past."""
    about = [words.word("notice_kind" if one["resource"] == "notice" else "request_type", one["request_type"])] if one["request_type"] else []
    one["name"] = ", ".join([*about, *(part for part in (one.get("partner"), one["name"]) if part)])
    one["late"], one["today"] = bool(one["due_on"]) and one["due_on"] < str(desk.tx.today), one["due_on"] == str(desk.tx.today)
    if one["why"] == "make_cooperation":
        one["to"] = desk.form_of("make_cooperation", partner_id=one["id"])
    elif one["why"] == "assign_notice" and one["late"]:  # it may be let go as well
        one["to"] = desk.thing("notice", one["id"])
    else:
        one["to"] = desk.form_of(LANDS[one["why"]], id=one["id"]) if one["why"] in LANDS else desk.thing(one["resource"], one["id"])


def inbox(desk: Desk) -> str:
    """What the municipality waits for, overdue first; what it has told of lately; whether there are places."""
    asked = desk.query("why", "after")
    may = desk.actor.scopes
    work = desk.read("my_work", {**asked, "limit": PER_PAGE}) if "requests" in may else {"items": [], "next": None, "total": 0, "late": 0}
    for one in work["items"]:
        _as_line(desk, one)
    told = desk.read("my_notices", {"since": str(desk.tx.today), "limit": SOON})["items"] if "notices" in may else None
    following = desk.page("home", **{**asked, "after": work["next"]}) if work["next"] else ""
    return desk.show("inbox.html", work=work, following=following, asked=asked, reasons=REASONS["partner"], told=told, card=desk.read("my_card"), may=may)


@site.page("/my/requests", who=PA, entry="Requests")
def my_requests(desk: Desk) -> str:
    """Everything that this partner was asked."""
    return _requests(desk, "my_requests", "status", "after")


@site.page("/requests", who=REQUESTER, entry="Requests")
def requests(desk: Desk) -> str:
    """What partners were asked, those that have not ended unless all are wanted."""
    return _requests(desk, "list_requests", "status", "partner_id", "after")


def _requests(desk: Desk, read: str, *names: str) -> str:
    asked = desk.query(*names)
    status = asked.pop("status", "")
    by = {"open": True} if not status else {} if status == "all" else {"status": status}
    found = desk.read(read, {**asked, **by, "limit": PER_PAGE})
    kept = {**asked, **({"status": status} if status else {})}
    following = desk.page(read if read == "my_requests" else "requests", **{**kept, "after": found["next"]}) if found["next"] else ""
    states = [s for s in REQUEST_STATES if desk.actor.role not in PA or s != "draft"]
    for one in found["items"]:
        one["late"] = bool(one.get("due_on")) and one["status"] in ("requested", "acknowledged") and one["due_on"] < str(desk.tx.today)
    return desk.show("requests.html", found=found, following=following, status=status, kept=asked, states=states, lead=lead)


@site.page("/my/notices", who=PA, entry="Notices")
def my_notices(desk: Desk) -> str:
    """What this partner was told: what is coming, or all of it."""
    asked = desk.query("all", "after")
    found = desk.read("my_notices", {**({} if asked.get("all") else {"since": str(desk.tx.today)}), **({"after": asked["after"]} if "after" in asked else {}), "limit": PER_PAGE})
    following = desk.page("my_notices", **{**asked, "after": found["next"]}) if found["next"] else ""
    return desk.show("notices.html", found=found, following=following, everything=bool(asked.get("all")))


@site.page("/my/card", who=PA, entry="Our card")
def my_card(desk: Desk) -> str:
    """How this partner stands in the municipality's partner table, and what is agreed with it."""
    try:
        agreed = prefill.terms(desk, desk.read("my_cooperation"))
    except NotFound:
        agreed = []
    return desk.show("card.html", card=desk.read("my_card"), kind_name=kind_name, agreed=agreed)


@site.page("/partners", who=REQUESTER, entry="Partners")
def partners(desk: Desk) -> str:
    """The partner table, by kind and state, with who has places."""
    asked = desk.query("kind", "status", "after")
    found = desk.read("list_partners", {"status": "active", **asked, "limit": PER_PAGE})
    following = desk.page("partners", **{**asked, "after": found["next"]}) if found["next"] else ""
    return desk.show("partners.html", found=found, following=following, asked=asked, kinds=[(k, kind_name(k)) for k in known_kinds()], kind_name=kind_name)


@site.page("/keys", who=KEEPERS, entry="Keys")
def keys(desk: Desk) -> str:
    """Who has a key and when it was last used; never the keys themselves."""
    asked = desk.query("status", "after")
    found = desk.read("list_keys", {"status": "active", **asked, "limit": PER_PAGE})
    following = desk.page("keys", **{**asked, "after": found["next"]}) if found["next"] else ""
    return desk.show("keys.html", found=found, following=following, status=asked.get("status", "active"))


def partner_page(desk: Desk, partner: dict[str, Any]) -> Mapping[str, Any]:
    """The five fields of the card, the cooperation agreement, what is going on and who holds keys."""
    agreed = desk.read("read_cooperation", id=partner["cooperation_id"]) if partner.get("cooperation_id") and desk.may("read_cooperation") else None
    return {
        "template": "partner.html", "kind": kind_name(partner["kind"]), "cooperation": agreed, "overdue": agreed is not None and agreed["review_on"] < str(desk.tx.today),
        "terms": prefill.terms(desk, agreed) if agreed else [],
        "requests": desk.read("list_requests", {"partner_id": partner["id"], "open": True})["items"] if desk.may("list_requests") else None, "lead": lead,
        "keys": desk.read("list_keys", {"owner": partner["id"]})["items"] if desk.may("list_keys") else None,
        "card": [Fact(words.label(name), value) for name, value in partner.get("card", {}).items() if value],
    }


def cooperation_page(desk: Desk, agreed: dict[str, Any]) -> Mapping[str, Any]:
    """What is agreed now, and what was agreed before."""
    versions = [(one, prefill.terms(desk, one)) for one in reversed(desk.read("cooperation_versions", id=agreed["id"])["items"]) if one["version"] != agreed["version"]]
    return {"template": "cooperation.html", "partner": desk.read("read_partner", id=agreed["partner_id"]), "terms": prefill.terms(desk, agreed), "versions": versions}


def case_page(desk: Desk, case: dict[str, Any]) -> Mapping[str, Any]:
    """What partners were asked and told about one citizen."""
    there = [(words.word("service", service), to) for service, path in (("referral", "/cases/"), ("matching", "/cases/"), ("followup", "/courses/"))
             if (to := desk.elsewhere(service, f"{path}{case['id']}"))] if desk.actor.role in JC_CW else []
    return {"template": "case.html", "requests": list(reversed(desk.read("list_requests", {"case_id": case["id"], "limit": 200})["items"])), "lead": lead, "there": there,
            "notices": list(reversed(desk.read("list_notices", {"case_id": case["id"], "limit": 200})["items"])), "ask": desk.form_of("draft_request", case_id=case["id"])}


def notice_page(desk: Desk, notice: dict[str, Any]) -> Mapping[str, Any]:
    """A notice; one that found nobody is given to a partner, or let go once its day is past."""
    past = notice["scheduled_on"] < str(desk.tx.today)
    names = ("dismiss_notice", "assign_notice") if past else ("assign_notice",)
    return {"template": "notice.html", "lead": [(desk.form_of(name, id=notice["id"]), words.word("do", name)) for name in names if desk.may(name)], "past": past}


site.things.update(partner_request=request_page, partner=partner_page, cooperation=cooperation_page, case=case_page,
                   notice=notice_page, key=lambda _desk, _key: {"template": "key.html"})


def key_issued(desk: Desk, answer: Mapping[str, Any]) -> str:
    """The one page on which the key stands: the answer to the form itself, so that it is in no address, no cookie and no log."""
    owner = desk.read("read_partner", id=answer["owner"]) if answer["kind"] == "partner" else None
    opens = ", ".join(words.word("scopes", scope) for scope in answer["scopes"])
    return desk.show("key_issued.html", issued=answer, partner=owner, opens=opens, back=desk.thing("partner", owner["id"]) if owner else desk.page("keys"))


def drafted(desk: Desk, answer: Mapping[str, Any]) -> str:
    """A request was written: it goes to the partner at once, unless it was to stay a draft. A form that is sent twice sends it once."""
    key = request.form.get("key", "")
    if request.form.get("send"):
        try:
            give(desk, "partner_request_request", {}, version=answer["version"], key=f"{key[:70]}.send" if key else "", id=answer["id"])
            flash(words._("It is sent to {partner}.", partner=answer["partner"]))
        except Rejected as error:
            flash(words.sentence(error.detail))
    return desk.thing("partner_request", answer["id"])


def registered(desk: Desk, answer: Mapping[str, Any]) -> str:
    """After the registration comes the card, where something of it is missing, and then the agreement."""
    if not all(answer["card"].values()):
        return desk.form_of("set_card", id=answer["id"])
    return carded(desk, answer)


def carded(desk: Desk, answer: Mapping[str, Any]) -> str:
    return desk.thing("partner", answer["id"]) if answer.get("cooperation_id") else desk.form_of("make_cooperation", partner_id=answer["id"])


site.forms.update(
    draft_request=Form(prepare=prefill.new_request, then=drafted, template="ask.html"), partner_request_deliver=Form(prepare=prefill.delivery),
    dismiss_notice=Form(prepare=prefill.past_notice, then=lambda desk, _answer: desk.page("home"), leave_out=("effective_date",)), partner_request_offer=Form(prepare=prefill.offer), assign_notice=Form(prepare=prefill.notice), tell_capacity=Form(prepare=prefill.capacity, then=lambda desk, _answer: desk.page("my_card")),
    register_partner=Form(prepare=prefill.registration, then=registered), set_card=Form(prepare=prefill.card, then=carded, leave_out=("effective_date",)),
    make_cooperation=Form(prepare=prefill.cooperation, then=lambda desk, answer: desk.thing("partner", answer["partner_id"])), change_cooperation=Form(prepare=prefill.cooperation),
    issue_partner_key=Form(prepare=prefill.partner_key, shows=key_issued, leave_out=("effective_date",)),
    issue_integrator_key=Form(prepare=prefill.integrator_key, shows=key_issued, leave_out=("effective_date",)),
    revoke_key=Form(prepare=prefill.revocation, then=lambda desk, answer: desk.thing("partner", answer["owner"]) if answer["kind"] == "partner" else desk.page("keys"),
                    leave_out=("effective_date",)),
    **{f"partner_request_{action}": Form(prepare=said) for action in ("request", "acknowledge", "request_info", "give_info", "waitlist", "agree", "start", "progress", "confirm", "dispute",
                                                                     "decline", "cancel", "not_deliver")},
)

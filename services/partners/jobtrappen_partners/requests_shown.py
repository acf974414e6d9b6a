# SPDX-License-Identifier: MPL-2.0
"""A request as its page shows it: what is asked, by when, what was said to and fro, and what its reader may do now."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobtrappen import clock
from jobtrappen.roles import JC_CW
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk, commands_on
from jobtrappen.web.pages.things import Fact, facts
from jobtrappen_partners.model import REQUEST, PartnerRequest

REQUEST_STATES = tuple(REQUEST.states)
FIRST = ("deliver", "agree", "confirm", "give_info", "request", "start", "offer", "acknowledge", "request_info", "waitlist", "progress", "dispute", "decline", "not_deliver",
         "cancel", "void")
"""What is done most stands first."""
AT_ONCE = ("acknowledge", "agree", "start", "confirm")
"""One press of a button; there is nothing to tell beside."""
ASKED = ("person", "request_type", "wanted_on", "terms", "consent_on")
DATES = ("due_on", "valid_until", "expected_date", "delivered_on")
UNANSWERED = ("requested", "acknowledged")


def lead(one: Mapping[str, Any], with_partner: bool = True) -> str:
    """A request in a line: what, of whom, about whom; of each what its reader sees."""
    parts = [words.word("request_type", one.get("request_type")), one.get("partner") if with_partner else None, one.get("person")]
    return ", ".join(part for part in parts if part)


def request_page(desk: Desk, request: dict[str, Any]) -> Mapping[str, Any]:
    """All that its reader may see of it; a partner's agreement has cut it already."""
    about = facts(desk, {name: request[name] for name in ASKED if name in request}, "partner_request", leave_out=())
    if request.get("partner"):
        about.insert(0, Fact(words.label("partner"), request["partner"], desk.thing("partner", request["partner_id"])))
    if request.get("agreement_id") and (to := desk.elsewhere("matching", f"/agreements/{request['agreement_id']}")) and desk.actor.role in JC_CW:
        about.append(Fact(words.label("agreement_id"), words._("To the agreement"), to))
    done = [r for r in commands_on(desk.routes, PartnerRequest, desk.actor, request) if r.step is not None]
    done.sort(key=lambda r: FIRST.index(r.step.action) if r.step else 0)
    output = {name: value for name, value in (request.get("output") or {}).items() if value != "answered"}  # its words say that already
    return {
        "template": "request.html", "about": about, "dates": facts(desk, {name: request[name] for name in DATES if name in request}, "partner_request", leave_out=()),
        "late": bool(request.get("due_on")) and request["status"] in UNANSWERED and request["due_on"] < str(desk.tx.today),
        "deeds": [(desk.form_of(r.name, id=request["id"]), words.word("do", r.name), r.step is not None and r.step.action in AT_ONCE, str(clock.new_id())) for r in done],
        "dialogue": [_said(desk, one) for one in request.get("dialogue", [])], "output": facts(desk, output, "output", leave_out=()),
        "lead": lead(request, with_partner=False), "waits": _waits(desk, request),
    }


def _said(desk: Desk, one: Mapping[str, Any]) -> dict[str, Any]:
    beside = {name: value for name, value in one.items() if name not in ("action", "on", "by", "words")}
    by = "us" if desk.actor.kind == "partner" and one["by"] == "partner" else one["by"]
    return {"what": words.word("said", one["action"]), "on": one["on"], "by": by, "words": one.get("words", ""), "facts": facts(desk, beside, "dialogue", leave_out=())}


def _waits(desk: Desk, request: Mapping[str, Any]) -> str:
    """Whom it waits for, for who can do nothing now."""
    waits = {"needs_info": "municipality", "offered": "municipality", "delivered": "municipality", **dict.fromkeys(("requested", "acknowledged", "waitlisted", "agreed", "in_delivery",
                                                                                                              "disputed"), "partner")}.get(request["status"], "nobody")
    return "" if waits == ("partner" if desk.actor.kind == "partner" else "municipality") else waits


def said(desk: Desk, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step's form says what it is about."""
    return {"intro": lead(request, with_partner=desk.actor.kind == "staff")} if request.get("request_type") else {}

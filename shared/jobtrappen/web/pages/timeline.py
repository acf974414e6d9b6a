# SPDX-License-Identifier: MPL-2.0
"""A case's timeline as a page shows it: what, when, in which service and who, in words, with a link where the reader may follow it;
and of when the news of the other services is."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table

from jobtrappen import clock, heard, people
from jobtrappen.roles import JC_CW, REQUESTER
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk

AT_ONCE = 30
"""So many lines are seen at once; the earlier ones unfold."""
PLACES = {
    "referral": ("referral", "/referrals/", JC_CW), "intake": ("referral", "/intakes/", JC_CW), "refusal": ("referral", "/refusals/", JC_CW),
    "assessment": ("referral", "/assessments/", JC_CW), "return": ("referral", "/returns/", JC_CW), "match": ("matching", "/matches/", JC_CW),
    "agreement": ("matching", "/agreements/", JC_CW), "placement": ("followup", "/placements/", JC_CW), "partner_request": ("partners", "/requests/", REQUESTER),
    "notice": ("partners", "/notices/", REQUESTER),
}
"""Where a thing has its page, in another service, and who may read it there."""
STEPS = ("measure", "step_to", "start_step")


def lines(desk: Desk, items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the API's timeline says, as lines to show."""
    return [{"what": _what(desk, one), "about": _about(one), "on": one["effective_date"], "service": one["service"], "to": _to(desk, one), "who": _who(one)} for one in items]


def _what(desk: Desk, one: Mapping[str, Any]) -> str:
    of, _, action = one["what"].partition(".")
    if one["service"] == desk.runtime.name and of in {lifecycle.name for lifecycle in desk.runtime.service.lifecycles}:
        return f"{words.word('lifecycle', of)}: {words.did(of, action)}"
    return words.word("event", one["what"])


def _about(one: Mapping[str, Any]) -> str:
    code, of = one.get("about"), one["what"].partition(".")[0]
    kind = heard.ABOUT.get(of, "kind")
    if not code:
        return ""
    if kind == "weeks":
        return words.plural("{n} week", "{n} weeks", int(code))
    return words.word("step" if kind in STEPS else kind, code)


def _who(one: Mapping[str, Any]) -> str:
    role, unit = one.get("role"), one.get("unit")
    parts = [one.get("by"), words.word("role", role) if role else "", words.word("unit", unit) if unit and unit != role and role != "partner" else ""]
    return ", ".join(part for part in parts if part)


def _to(desk: Desk, one: Mapping[str, Any]) -> str:
    resource, id = one.get("resource") or "", one.get("thing_id")
    if not id or resource in ("case", "course"):
        return ""
    if one["service"] == desk.runtime.name:
        return desk.thing(resource, id)
    service, path, who = PLACES.get(resource, ("", "", frozenset()))
    return desk.elsewhere(service, f"{path}{id}") if service == one["service"] and desk.actor.role in who else ""


def news(desk: Desk, kept: Table) -> dict[str, Any]:
    """Of when the newest is that each other service told, and since when nothing can have come of it; both by the service's name."""
    return {"latest": heard.latest(desk.tx, kept), "quiet": heard.quiet(desk.tx, clock.now())}


def copy(desk: Desk, case_id: Any) -> dict[str, Any]:
    """How old the local copy of the person is, where a newer one is asked for and does not come; {} where it is the newest."""
    return people.overdue(desk.tx.session, case_id)

# SPDX-License-Identifier: MPL-2.0
"""What somebody must do next, and how she finds a case. What is searched for stands in no address."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request, url_for
from marshmallow import ValidationError

from jobtrappen.errors import Invalid, NotFound, TooMany
from jobtrappen.roles import ADMIN
from jobtrappen.web.pages import words
from jobtrappen.web.pages.commands import give
from jobtrappen.web.pages.site import Desk

PER_PAGE = 25
REASONS = {
    "caseworker": ("send_referral", "answer_question", "see_outcome", "acknowledge_refusal", "screen_row"),
    **dict.fromkeys(("consultant", "team_lead"), ("answer_referral", "take_from_waiting_list", "start_referral", "resume_referral", "hold_talk", "assess", "confirm_assessment")),
}
LANDS = {
    "send_referral": "referral_send", "answer_question": "referral_give_info", "see_outcome": "referral_acknowledge_outcome", "acknowledge_refusal": "refusal_acknowledge",
    "answer_referral": "referral_accept", "take_from_waiting_list": "referral_accept", "start_referral": "referral_start", "resume_referral": "referral_resume",
    "hold_talk": "intake_hold", "confirm_assessment": "confirm_assessment",
}
"""The form on which a line of work lands; where there is a choice, the form for the usual one leads to the others."""


def home(desk: Desk) -> Any:
    """What this role must do next, overdue first."""
    if desk.actor.role in ADMIN:
        return desk.go(url_for("operator"))
    asked = desk.query("why", "after")
    if asked.get("why") not in REASONS[desk.actor.role]:
        asked.pop("why", None)
    try:
        work = desk.read("list_work", {**asked, "limit": PER_PAGE})
    except ValidationError:  # an address that was cut off
        return desk.go(url_for("home"))
    for one in work["items"]:
        one["to"] = address(desk, one)
        one["late"] = one["due_on"] < str(desk.tx.today)
        one["today"] = one["due_on"] == str(desk.tx.today)
    following = url_for("home", **{**asked, "after": work["next"]}) if work["next"] else ""
    return desk.show("my_work.html", work=work, following=following, asked={n: v for n, v in asked.items() if n == "why"}, reasons=REASONS[desk.actor.role])


def address(desk: Desk, one: Mapping[str, Any]) -> str:
    """Where a line of work is done."""
    if one["why"] == "assess":
        return desk.form_of("assess", case_id=one["case_id"])
    if one["why"] == "screen_row":
        return url_for("screening", id=one["id"])
    form = LANDS.get(one["why"], "")
    return desk.form_of(form, id=one["id"]) if form else desk.thing(one["resource"], one["id"])


def search(desk: Desk) -> Any:
    """The unit's own cases by name; by CPR number (a caseworker) any. One that is found alone is opened.

    With `household` in the address somebody of the same household is looked for, to be linked to that case.
    """
    household = desk.told("household") if len(desk.told("household")) == 36 else ""
    if request.method == "GET":
        return _search(desk, household)
    typed = {name: request.form.get(name, "").strip() for name in ("name", "cpr")}
    by = "cpr" if typed["cpr"] and desk.may("find_case") else "name"
    try:
        found = give(desk, "find_case", {"cpr": typed["cpr"]}) if by == "cpr" else give(desk, "find_by_name", {"name": typed["name"]})
    except (Invalid, NotFound, TooMany) as error:
        return _search(desk, household, typed, {by: words.sentence(error.extra["errors"][0]["detail"] if isinstance(error, Invalid) else error.detail)})
    except ValidationError:
        return _search(desk, household, typed, {by: words._("Ten digits, with or without a dash.") if by == "cpr" else words.sentence("Missing data for required field.")})
    hits = [found] if by == "cpr" else found["cases"]
    if len(hits) == 1 and not household:
        return desk.go(desk.thing("case", hits[0]["id"]))
    for one in hits:
        one["to"] = desk.form_of("link_household", id=household, other_case_id=one["id"]) if household else desk.thing("case", one["id"])
    return _search(desk, household, typed, {}, [one for one in hits if one["id"] != household], bool(found.get("more")))


def _search(desk: Desk, household: str, typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None, found: list[Any] | None = None, more: bool = False) -> Any:
    return desk.show("search.html", found=found, typed=typed or {"name": "", "cpr": ""}, wrong=wrong or {}, more=more, household=household,
                     back=desk.thing("case", household) if household else "")

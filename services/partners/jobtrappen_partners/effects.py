# SPDX-License-Identifier: MPL-2.0
"""What single steps do beside changing state. Imported once, by app.py."""
from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from jobtrappen.errors import Conflict, Invalid
from jobtrappen.tx import Tx
from jobtrappen_partners import contents, queries
from jobtrappen_partners.model import REQUEST, PartnerRequest

CONFIRM_AFTER = 10
"""Business days after which a delivery that nobody disputes counts as confirmed (referral_and_events 5)."""
GRANT = {"granted": ("decided_on", "basis"), "refused": ("decided_on", "basis", "reason", "what_would_help")}


@REQUEST.does("request")
def request(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    """The partner is shown it, and the clock for its answer starts: the lead time agreed for this procedure (F-124)."""
    if request.partner.status != "active":
        raise Conflict("This partner is inactive and is asked nothing; make it active or choose another.", allowed=["cancel"] if request.asked else [])
    request.asked, request.valid_until = True, None
    days = queries.lead_days(tx, request.partner_id, request.request_type)
    request.due_on = request.effective_date + timedelta(days=days) if days is not None else None
    contents.add(tx, request, "request", {"words": command.get("text")})


@REQUEST.does("request_info")
def request_info(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    contents.add(tx, request, "request_info", {"words": command["question"]})


@REQUEST.does("give_info")
def give_info(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    contents.add(tx, request, "give_info", {"words": command["answer"]})


@REQUEST.does("offer")
def offer(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    _not_before(request, "valid_until", command)
    contents.add(tx, request, "offer", {"words": command.get("text"), "valid_until": command["valid_until"]})


@REQUEST.does("waitlist")
def waitlist(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    _not_before(request, "expected_date", command)
    contents.add(tx, request, "waitlist", {"words": command.get("text"), "expected_date": command["expected_date"]})


def _not_before(request: PartnerRequest, field: str, command: dict[str, Any]) -> None:
    if command[field] < request.effective_date:
        raise Invalid(field, f"lies before {request.effective_date}, the day on which it is said")


@REQUEST.does("agree")
def agree(_tx: Tx, request: PartnerRequest, _command: dict[str, Any]) -> None:
    """An offer holds to its day."""
    if request.valid_until and request.effective_date > request.valid_until:
        raise Conflict(f"The offer was valid until {request.valid_until}; ask again or cancel.", state="offered", allowed=["cancel", "request"])


@REQUEST.does("progress")
def progress(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    """A report on the way; it changes no state."""
    first, last = command.get("period_from"), command.get("period_to")
    if first and last and last < first:
        raise Invalid("period_to", "lies before period_from")
    facts = {name: command.get(name) for name in ("period_from", "period_to", "attendance_percent", "level")}
    contents.add(tx, request, "progress", {"words": command.get("text"), **facts})


@REQUEST.does("deliver")
def deliver(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    """The answer, whole by its type: a grant's decision with its basis, any other request's words."""
    output = check_output(request.request_type, command["output"], request.effective_date)
    request.decision, request.decided_on, request.delivered_on = output["decision"], output.get("decided_on"), request.effective_date
    contents.write(tx, request, {**contents.read(tx, request), "output": output})


def check_output(request_type: str, output: dict[str, Any], on: date) -> dict[str, Any]:
    """The output without empty fields.

    Raises:
        Invalid: a field is missing for this type and decision, or does not belong to it; each is named.
    """
    given = {name: value for name, value in output.items() if value is not None}
    decision = given.get("decision", "")
    decisions = {**GRANT} if request_type == "grant" else {"answered": ("text",)}
    if decision not in decisions:
        raise Invalid("output.decision", f"is one of {', '.join(sorted(decisions))} for a request of the type {request_type}")
    needed = ("decision", *decisions[decision])
    wrong = [{"field": f"output.{name}", "detail": f"is needed when the decision is {decision}"} for name in needed if name not in given]
    wrong += [{"field": f"output.{name}", "detail": f"does not belong to the decision {decision}"} for name in given if name not in needed]
    if "decided_on" in needed and given.get("decided_on", on) > on:
        wrong.append({"field": "output.decided_on", "detail": f"lies after {on}, the day of the delivery"})
    if wrong:
        raise Invalid(errors=wrong)
    return given


@REQUEST.does("confirm")
def confirm(tx: Tx, request: PartnerRequest, _command: dict[str, Any]) -> None:
    """By itself only when ten business days have gone without a dispute."""
    if tx.actor.kind == "system":
        since = business_days(request.delivered_on or request.effective_date, request.effective_date)
        if since < CONFIRM_AFTER:
            raise Conflict(f"It was delivered {since} business days ago; the suite confirms after {CONFIRM_AFTER}.", allowed=[])


def business_days(after: date, until: date) -> int:
    """Mondays to Fridays after one day, up to and with another."""
    return sum((after + timedelta(days=n)).weekday() < 5 for n in range(1, (until - after).days + 1))


@REQUEST.does("expire")
def expire(_tx: Tx, request: PartnerRequest, _command: dict[str, Any]) -> None:
    """An offer never expires before the day that it names."""
    if request.valid_until and request.effective_date <= request.valid_until:
        raise Conflict(f"The offer is valid until {request.valid_until}.", state="offered", allowed=[])


@REQUEST.does("dispute")
def dispute(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    contents.add(tx, request, "dispute", {"words": command["reason"]})


def _ends(tx: Tx, request: PartnerRequest, command: dict[str, Any]) -> None:
    """Both sides read why it ended."""
    contents.add(tx, request, request.status, {"words": command.get("text"), "reason_code": command["reason_code"]})


for _action in ("decline", "cancel", "not_deliver"):
    REQUEST.does(_action)(_ends)


@REQUEST.does("void")
def void(_tx: Tx, request: PartnerRequest, _command: dict[str, Any]) -> None:
    """It should never have existed: its words go."""
    request.content_sealed = request.terms = None

# SPDX-License-Identifier: MPL-2.0
"""Openings: published, changed, closed."""
from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from jobtrappen import clock
from jobtrappen.contracts import FIELDS
from jobtrappen.errors import Conflict, Invalid
from jobtrappen.lifecycle import check_date
from jobtrappen.tx import Tx, seal_details
from jobtrappen_matching import events
from jobtrappen_matching.effects.common import system
from jobtrappen_matching.model import MATCH, OPEN_MATCH, Held, Match, Opening, OpeningPlace, Workplace

TERMS = ("weekly_hours", "until", "title", "tasks", "conditions", "safety_danish")
MOST_PLACES = FIELDS["places"]["maximum"]


def publish(tx: Tx, command: dict[str, Any]) -> Opening:
    """Places at a workplace, for each step so many, from one of the three sources (F-091, F-092)."""
    place = tx.get(Workplace, command["workplace_id"])
    day = command.get("effective_date") or tx.today
    check_date(tx, day, None)
    opening = Opening(id=tx.new_id(), version=1, status="open", effective_date=day, published_on=day, employer_id=place.employer_id, workplace_id=place.id,
                      opening_source=command["opening_source"], safety_danish=command.get("safety_danish", False), title=command["title"],
                      **{n: command.get(n) for n in ("weekly_hours", "until", "tasks", "conditions")})
    _open_on(opening, day)
    tx.add(opening)
    tx.session.flush()
    _set_places(tx, opening, command["places"])
    _note(tx, opening, "publish", None, events.opening(tx, "opening.published", opening), {})
    return opening


def change(tx: Tx, opening: Opening, command: dict[str, Any]) -> Opening:
    """Other terms or places; a place that is held cannot be taken away."""
    _still_open(opening)
    _step(tx, opening, command)
    for name in TERMS:
        if name in command:
            setattr(opening, name, command[name])
    _open_on(opening, opening.effective_date)
    _set_places(tx, opening, command.get("places", []))
    _note(tx, opening, "change", "open", events.opening(tx, "opening.changed", opening), {})
    return opening


def close(tx: Tx, opening: Opening, command: dict[str, Any]) -> Opening:
    """No places any more: its open matches are withdrawn, and each keeps what it was in its history."""
    _still_open(opening)
    _step(tx, opening, command)
    opening.status = "closed"
    open_matches = select(Match).where(Match.opening_id == opening.id, Match.status.in_(OPEN_MATCH)).order_by(Match.id).with_for_update()
    for match in tx.session.scalars(open_matches).all():
        MATCH.apply(system(tx), match, "withdraw", {"by": command.get("by", "employer"), "reason": "The opening was closed.",
                                                    "effective_date": max(opening.effective_date, match.effective_date)})
    _note(tx, opening, "close", "open", events.opening(tx, "opening.closed", opening), {"by": command.get("by"), "reason": command.get("reason")})
    return opening


def _still_open(opening: Opening) -> None:
    if opening.status != "open":
        raise Conflict("This opening is closed; publish a new one.", state=opening.status, allowed=[])


def _open_on(opening: Opening, day: date) -> None:
    if opening.until is not None and opening.until < day:
        raise Invalid("until", f"lies before {day}")


def _step(tx: Tx, opening: Opening, command: dict[str, Any]) -> None:
    day = command.get("effective_date") or tx.today
    check_date(tx, day, opening.effective_date)
    opening.effective_date, opening.version = day, opening.version + 1


def _set_places(tx: Tx, opening: Opening, rows: list[dict[str, Any]]) -> None:
    known = {p.measure: p for p in tx.session.scalars(select(OpeningPlace).filter_by(opening_id=opening.id).with_for_update())}
    for row in rows:
        measure = row["measure"]
        held = tx.session.scalar(select(func.count()).select_from(Held).filter_by(opening_id=opening.id, measure=measure)) or 0
        if row["places"] < held:
            raise Conflict(f"{held} places for {measure} are held; give at least {held}.", state=opening.status, allowed=["change", "close"])
        if measure not in known:
            known[measure] = tx.add(OpeningPlace(opening_id=opening.id, measure=measure, places=0, taken=0))
        known[measure].places = row["places"]
    if not 0 < sum(p.places for p in known.values()) <= MOST_PLACES:
        raise Invalid("places", f"gives an opening between 1 and {MOST_PLACES} places in all; one without places is closed instead")
    tx.session.flush()


def _note(tx: Tx, opening: Opening, action: str, came_from: str | None, event_id: str, details: dict[str, Any]) -> None:
    """The append-only row that lifecycles write; an opening has no citizen, so it has no case."""
    tx.transitions.append({
        "lifecycle": "opening", "subject_id": opening.id, "case_id": None, "action": action, "from_state": came_from, "to_state": opening.status,
        "version": opening.version, "actor": tx.actor.id, "role": tx.actor.role, "unit": tx.actor.unit, "acting_for": tx.actor.acting_for or None,
        "said_by": details.get("by"), "reason_code": None, "sealed": seal_details(tx, details), "effective_date": opening.effective_date,
        "recorded_at": clock.now(), "event_id": event_id})
    tx.audit(f"opening.{action}", "opening", opening.id)

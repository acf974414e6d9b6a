# SPDX-License-Identifier: MPL-2.0
"""What a match's steps do: interviews in the consultant's diary, places held and given back."""
from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import select, text

from jobtrappen.errors import Invalid
from jobtrappen.tx import Tx
from jobtrappen_matching.effects.common import (
    active_candidate,
    conflict,
    free_places,
    give_back,
    hold,
    not_after,
    previous,
    seal_into,
    system,
)
from jobtrappen_matching.model import AGREEMENT, BEFORE_CONCLUSION, MATCH, Agreement, Match, Opening, OpeningPlace

REOPEN_WITHIN = timedelta(days=14)
INTERVIEW = timedelta(hours=1)
WAIT_IN_DIARY = text("INSERT INTO diary (consultant, bookings) VALUES (:who, 1)"
                     " ON CONFLICT (consultant) DO UPDATE SET bookings = diary.bookings + 1")


@MATCH.does("present")
def present(_tx: Tx, match: Match, command: dict[str, Any]) -> None:
    not_after(match.effective_date, command, "citizen_yes_on")


@MATCH.does("interest")
def interest(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    seal_into(tx, match, "notes_sealed", {"employer_contact": command["employer_contact"]})


@MATCH.does("book_interview")
def book_interview(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    """The consultant goes along, or it is said why not (F-105); she is at one interview at a time."""
    before = previous(match)
    moment = command["scheduled_at"]
    if moment.date() < match.effective_date:
        raise Invalid("scheduled_at", f"lies before {match.effective_date}")
    goes_along = "consultant" in command["companions"]
    if not goes_along and not command.get("reason"):
        raise Invalid("companions", "does not name the consultant, who always goes along; add her, or give a reason")
    match.interpreter = command.get("interpreter", False)
    match.consultant, match.attended = tx.actor.id if goes_along else None, None
    if goes_along:
        _free_in_diary(tx, match, before, "book_interview")
    kinds = set(command["companions"]) | ({"interpreter"} if match.interpreter else set())
    tx.facts = {"scheduled_on": moment.date(), "companion_kinds": sorted(kinds)}


def _free_in_diary(tx: Tx, match: Match, before: Any, action: str) -> None:
    """Two bookings of one consultant at the same moment wait for each other, so that one of them sees the other."""
    tx.session.execute(WAIT_IN_DIARY, {"who": match.consultant})
    assert match.scheduled_at
    at = match.scheduled_at.astimezone(UTC)
    other = tx.session.scalars(select(Match).where(
        Match.consultant == match.consultant, Match.status == "interview", Match.attended.is_(None), Match.id != match.id,
        Match.scheduled_at > at - INTERVIEW, Match.scheduled_at < at + INTERVIEW).limit(1)).first()
    if other is not None:
        raise conflict(tx, MATCH, before, action, f"{match.consultant} is at another interview at {other.scheduled_at:%Y-%m-%d %H:%M} UTC; "
                                                  "choose another hour or another consultant.", match_id=str(other.id))


@MATCH.does("hold_interview")
def hold_interview(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    seal_into(tx, match, "notes_sealed", {k: command[k] for k in ("citizen_feedback", "employer_feedback")})


@MATCH.does("offer")
def offer(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    """The employer names the step; the opening must have places for it."""
    match.measure = command["step"]
    if tx.session.get(OpeningPlace, (match.opening_id, match.measure)) is None:
        raise Invalid("step", f"is not among this opening's steps: {', '.join(steps_of(tx, match.opening_id))}")


def steps_of(tx: Tx, opening_id: Any) -> list[str]:
    """The steps for which an opening has places."""
    return sorted(tx.session.scalars(select(OpeningPlace.measure).where(OpeningPlace.opening_id == opening_id, OpeningPlace.places > 0)))


@MATCH.does("choose")
def choose(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    """Both said yes: a place of the opening is held for the step."""
    before = previous(match)
    active_candidate(tx, match.case_id, "choosing")
    not_after(match.effective_date, command, "citizen_yes_on", "employer_yes_on")
    if match.measure is None:
        raise Invalid("measure", f"is needed: this opening has places for {', '.join(steps_of(tx, match.opening_id))}")
    if not hold(tx, match):
        raise conflict(tx, MATCH, before, "choose", f"No place for {match.measure} is free at this opening; decline, or change the opening's places.")


@MATCH.does("decline")
def decline(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    """Both sides' reasons, and what each was told (F-107)."""
    match.other_reason_code = command.get("other_reason_code")
    seal_into(tx, match, "notes_sealed", {k: command.get(k) for k in ("said_to_citizen", "said_to_employer")})


@MATCH.does("withdraw")
def withdraw(tx: Tx, match: Match, command: dict[str, Any]) -> None:
    """Possible until the agreement is concluded; one that is not yet goes with the match, and the place is free."""
    before = previous(match)
    match.reason_code = command.get("reason_code")
    agreements = tx.session.scalars(select(Agreement).filter_by(match_id=match.id).order_by(Agreement.id).with_for_update()).all()
    if any(a.status in ("concluded", "closed") for a in agreements):
        raise conflict(tx, MATCH, before, "withdraw", "Its agreement is concluded; cancel that instead.")
    for agreement in agreements:
        if agreement.status in BEFORE_CONCLUSION:
            AGREEMENT.apply(system(tx), agreement, "cancel", {"by": command["by"], "reason": "The match was withdrawn.",
                                                               "effective_date": max(match.effective_date, agreement.effective_date)})
    give_back(tx, match.id)


@MATCH.does("reopen")
def reopen(tx: Tx, match: Match, _command: dict[str, Any]) -> None:
    """Within a fortnight, while the place is still free; a match that was chosen holds it again."""
    before = previous(match)
    active_candidate(tx, match.case_id, "reopening")
    if match.effective_date - before.effective_date > REOPEN_WITHIN:
        raise conflict(tx, MATCH, before, "reopen", f"It was closed on {before.effective_date}, more than 14 days ago; propose it anew.")
    steps = [match.measure] if match.measure else steps_of(tx, match.opening_id)
    free = hold(tx, match) if match.status == "chosen" else any(free_places(tx, match.opening_id, step) for step in steps)
    if not free or tx.get(Opening, match.opening_id).status != "open":
        raise conflict(tx, MATCH, before, "reopen", "The place is no longer free.")
    if match.status == "interview" and match.consultant and match.attended is None:
        _free_in_diary(tx, match, before, "reopen")
    match.by = match.reason_code = match.other_reason_code = None

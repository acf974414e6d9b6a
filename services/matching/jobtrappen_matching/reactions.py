# SPDX-License-Identifier: MPL-2.0
"""What this service does when others speak. Topics cross, so a step's date is never before the aggregate's latest."""
from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from jobtrappen import heard, people, tables
from jobtrappen.consumer import Reactions
from jobtrappen.errors import not_yet
from jobtrappen.event import Event
from jobtrappen.tx import Tx
from jobtrappen_matching.model import (
    AGREEMENT,
    BEFORE_CONCLUSION,
    HEARD,
    MATCH,
    OPEN_MATCH,
    Agreement,
    Candidate,
    Match,
)

REACTIONS = Reactions()
T = tables.transition.c


@REACTIONS.on("case.opened")
def case_opened(tx: Tx, event: Event) -> None:
    tx.add(Candidate(id=UUID(event.key), version=1, status="active", effective_date=date.fromisoformat(event.day), track=event.data["track"],
                     ready=False, profile_version=0))


@REACTIONS.on("person.changed")
def person_changed(tx: Tx, event: Event) -> None:
    people.want(tx, event.key, event.data["profile_version"])


@REACTIONS.on("person.erased")
def person_erased(tx: Tx, event: Event) -> None:
    people.forget(tx, event.key)


@REACTIONS.on("assessment.confirmed")
def assessment_confirmed(tx: Tx, event: Event) -> None:
    """She can be matched from now on; the profile of that version is fetched."""
    candidate = _candidate(tx, event)
    candidate.ready, candidate.start_step, candidate.profile_version = True, event.data["start_step"], event.data["profile_version"]
    candidate.version += 1
    if candidate.status == "active":  # how long she has waited for a place is counted from here
        candidate.effective_date = max(candidate.effective_date, date.fromisoformat(event.day))
    people.want(tx, event.key, event.data["profile_version"])


@REACTIONS.on("referral.accepted")
def referral_accepted(tx: Tx, event: Event) -> None:
    """A returned case is with the consultants again."""
    candidate = _candidate(tx, event)
    if candidate.status == "returned":
        _stands(candidate, "active", event)


@REACTIONS.on("case.returned")
def case_returned(tx: Tx, event: Event) -> None:
    """Nothing goes on that was going on: matches without a concluded agreement, and agreements before their conclusion."""
    _stands(_candidate(tx, event), "returned", event)
    because = {"by": "authority", "reason": "The case went back to the caseworker."}
    matches = select(Match).where(Match.case_id == UUID(event.key), Match.status.in_((*OPEN_MATCH, "chosen"))).order_by(Match.id).with_for_update()
    for match in tx.session.scalars(matches).all():
        concluded = any(a.status in ("concluded", "closed") for a in tx.all(Agreement, match_id=match.id))
        if not concluded and not _began_after(tx, match, event):
            MATCH.apply(tx, match, "withdraw", {**because, "effective_date": _day(event, match)})
    tx.session.flush()
    for agreement in tx.session.scalars(select(Agreement).where(
            Agreement.case_id == UUID(event.key), Agreement.status.in_(BEFORE_CONCLUSION)).order_by(Agreement.id).with_for_update()).all():
        if not _began_after(tx, agreement, event):
            AGREEMENT.apply(tx, agreement, "cancel", {**because, "effective_date": _day(event, agreement)})


@REACTIONS.on("placement.started")
def placement_started(tx: Tx, event: Event) -> None:
    """From now on the agreement cannot be cancelled."""
    agreement = _agreement(tx, event)
    if agreement is not None:
        agreement.started_on = date.fromisoformat(event.day)


@REACTIONS.on("placement.ended")
def placement_ended(tx: Tx, event: Event) -> None:
    agreement = _agreement(tx, event)
    if agreement is not None and agreement.status == "concluded":
        AGREEMENT.apply(tx, agreement, "close", {"effective_date": _day(event, agreement)})


@REACTIONS.on("placement.not_started")
def placement_not_started(tx: Tx, event: Event) -> None:
    """The place is free again."""
    agreement = _agreement(tx, event)
    if agreement is not None and agreement.status == "concluded":
        AGREEMENT.apply(tx, agreement, "cancel", {"by": event.data["by"], "reason": "The placement did not start.", "effective_date": _day(event, agreement)})


@REACTIONS.on("partner_request.delivered")
def partner_request_delivered(tx: Tx, event: Event) -> None:
    """Another authority's answer to a grant that waits for it; its words stand in the partner request."""
    agreement = _agreement(tx, event) if event.data["request_type"] == "grant" else None
    if agreement is None or (agreement.status, agreement.approver, str(agreement.case_id)) != ("awaiting_grant", "other_authority", event.key):
        return
    where, day = f"Partner request {event.data['partner_request_id']}.", _day(event, agreement)
    decided_on = min(date.fromisoformat(event.data.get("decided_on", event.day)), day)
    if event.data["decision"] == "granted":
        AGREEMENT.apply(tx, agreement, "grant", {"decided_on": decided_on, "basis": where, "effective_date": day})
    elif event.data["decision"] == "refused":
        AGREEMENT.apply(tx, agreement, "refuse_grant", {"decided_on": decided_on, "reason": where, "what_would_help": where, "effective_date": day})


def _candidate(tx: Tx, event: Event) -> Candidate:
    return tx.session.get(Candidate, UUID(event.key), with_for_update=True) or not_yet("case")


def _agreement(tx: Tx, event: Event) -> Agreement | None:
    """The agreement that an event speaks of, locked; None where it names none (activation has none)."""
    id = event.data.get("agreement_id")
    return (tx.session.get(Agreement, UUID(id), with_for_update=True) or not_yet("agreement")) if id else None


def _stands(candidate: Candidate, status: str, event: Event) -> None:
    candidate.status, candidate.version = status, candidate.version + 1
    candidate.effective_date = max(candidate.effective_date, date.fromisoformat(event.day))


def _day(event: Event, thing: Any) -> date:
    return max(date.fromisoformat(event.day), thing.effective_date)


def _began_after(tx: Tx, thing: Any, event: Event) -> bool:
    """True for what belongs to a later stay: begun after the day of the return, and recorded after the return was."""
    first = tx.session.execute(select(T.effective_date, T.recorded_at).where(T.subject_id == thing.id).order_by(T.version).limit(1)).one()
    return first.effective_date > date.fromisoformat(event.day) and first.recorded_at > datetime.fromisoformat(event.recorded)


TOLD = heard.listen(REACTIONS, HEARD, "matching")
"""Everything that others tell of a case stands on its timeline."""

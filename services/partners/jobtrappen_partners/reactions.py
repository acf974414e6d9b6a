# SPDX-License-Identifier: MPL-2.0
"""What this service does when referral, matching and followup speak. Topics may come in any interleaving."""
from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from jobtrappen import people, tables
from jobtrappen.consumer import Reactions
from jobtrappen.errors import not_yet
from jobtrappen.event import Event
from jobtrappen.tx import Tx
from jobtrappen_partners import notices, queries
from jobtrappen_partners.model import REQUEST, HeardStart, KnownCase, Notice, PartnerRequest
from jobtrappen_partners.usecases import ask

REACTIONS = Reactions()
TERMS = ("measure", "starts_on", "ends_on", "weekly_hours")
"""What an authority needs to know of the agreement that it is asked to grant; no person in it."""


def _day(event: Event) -> date:
    return date.fromisoformat(event.day)


def _case(tx: Tx, event: Event) -> KnownCase:
    return tx.session.get(KnownCase, UUID(event.key)) or not_yet("case")


@REACTIONS.on("case.opened")
def case_opened(tx: Tx, event: Event) -> None:
    if tx.session.get(KnownCase, UUID(event.key)) is None:
        tx.add(KnownCase(id=UUID(event.key), track=event.data["track"]))


@REACTIONS.on("person.changed")
def person_changed(tx: Tx, event: Event) -> None:
    people.want(tx, event.key, event.data["profile_version"])


@REACTIONS.on("person.erased")
def person_erased(tx: Tx, event: Event) -> None:
    """The copy goes, and with it every word that was written about the person; pseudonymous rows stay."""
    people.forget(tx, event.key)
    for request in tx.all(PartnerRequest, case_id=UUID(event.key)):
        request.content_sealed = None
    tx.session.execute(update(tables.transition).where(tables.transition.c.case_id == UUID(event.key)).values(sealed=None))
    for start in tx.all(HeardStart, case_id=UUID(event.key)):
        tx.session.delete(start)


@REACTIONS.on("intake.booked")
def intake_booked(tx: Tx, event: Event) -> None:
    """An enrolled pupil's language school hears of the talk, so that the citizen can be prepared (F-038)."""
    if event.data["language_school"]:
        _tell_school(tx, event, "intake_booked", "intake_id", event.data["days_ahead"])


@REACTIONS.on("intake.moved")
def intake_moved(tx: Tx, event: Event) -> None:
    if event.data["language_school"]:
        _tell_school(tx, event, "intake_moved", "intake_id", event.data["days_ahead"])


def _tell_school(tx: Tx, event: Event, kind: str, about: str, days_ahead: int | None = None) -> None:
    case = _case(tx, event)
    notices.tell(tx, notices.school_of(tx, case.id), case.id, kind, UUID(event.data[about]), date.fromisoformat(event.data["scheduled_on"]),
                 _day(event), days_ahead)


@REACTIONS.on("intake.cancelled")
def intake_cancelled(tx: Tx, event: Event) -> None:
    """Whoever was told of the talk is told that it is off; a notice that found nobody is overtaken."""
    told = notices.told_of(tx, UUID(event.data["intake_id"]))
    if told is None:
        return
    if told.partner is None:
        told.status, told.version = "overtaken", told.version + 1
    else:
        notices.tell(tx, told.partner, told.case_id, "intake_cancelled", told.about_id, told.scheduled_on, _day(event))


@REACTIONS.on("interview.booked")
def interview_booked(tx: Tx, event: Event) -> None:
    """The teacher who comes along is told (F-007), an interpreter is asked (F-013)."""
    companions = event.data["companion_kinds"]
    if "teacher" in companions:
        _tell_school(tx, event, "interview", "match_id")
    if "interpreter" in companions:
        case, when = _case(tx, event), date.fromisoformat(event.data["scheduled_on"])
        interpreters = queries.active(tx, "interpreter")
        if interpreters:
            ask(tx, interpreters[0], "interpreter", case.id, _day(event), match_id=UUID(event.data["match_id"]), wanted_on=when)
        else:
            notices.tell(tx, None, case.id, "interpreter_needed", UUID(event.data["match_id"]), when, _day(event))


@REACTIONS.on("agreement.grant_requested")
def grant_requested(tx: Tx, event: Event) -> None:
    """Where the dated rule names another authority, as AF for insured unemployed in 2004, it is asked here (F-016, F-123)."""
    if event.data["approver"] != "other_authority":
        return
    case = _case(tx, event)
    authorities = queries.active(tx, "other_authority") or not_yet("partner of kind other_authority")
    ask(tx, authorities[0], "grant", case.id, _day(event), agreement_id=UUID(event.data["agreement_id"]),
        terms={name: event.data[name] for name in TERMS if name in event.data})


@REACTIONS.on("agreement.cancelled")
def agreement_cancelled(tx: Tx, event: Event) -> None:
    """What is no longer wanted is no longer asked."""
    for request in tx.all(PartnerRequest, agreement_id=UUID(event.data["agreement_id"]), request_type="grant"):
        if "cancel" in REQUEST.allowed(request, tx.actor):
            REQUEST.apply(tx, request, "cancel", {"reason_code": "other", "effective_date": max(_day(event), request.effective_date)})


@REACTIONS.on("placement.started")
def placement_started(tx: Tx, event: Event) -> None:
    """A pupil's timetable changes when she starts; who is a pupil stands in the person's copy, which may come later. A start that
    is said anew, by a followup that was restored from an older backup, is told once."""
    case, id = _case(tx, event), UUID(event.data["placement_id"])
    if tx.session.get(HeardStart, id) is not None or tx.find(Notice, about_id=id) is not None:
        return
    start = HeardStart(id=id, case_id=case.id, started_on=_day(event))
    if case.language_school is None:
        tx.add(start)
    elif case.language_school:
        _timetable(tx, start)


def _timetable(tx: Tx, start: HeardStart) -> None:
    notices.tell(tx, notices.school_of(tx, start.case_id), start.case_id, "timetable", start.id, start.started_on, start.started_on)


def person_came(tx: Tx, case_id: UUID, person: dict[str, Any]) -> None:
    """A fresh copy says whether she goes to the language school; starts that waited for it are told now."""
    case = tx.session.get(KnownCase, case_id)
    if case is None:
        return
    case.language_school = bool(person.get("language_school"))
    for start in tx.all(HeardStart, case_id=case_id):
        if case.language_school:
            _timetable(tx, start)
        tx.session.delete(start)

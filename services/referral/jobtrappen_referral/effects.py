# SPDX-License-Identifier: MPL-2.0
"""What single steps do beside changing state. Imported once, by app.py."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import desc, inspect, select

from jobtrappen import clock, tables
from jobtrappen.errors import Conflict, Invalid
from jobtrappen.tx import SYSTEM, Tx
from jobtrappen_referral import persons
from jobtrappen_referral.model import CASE, INTAKE, REFERRAL, Citizen, Intake, Referral

POOL = "pool"
LONGEST_AHEAD = 400
T = tables.transition.c


@REFERRAL.does("send")
def send(tx: Tx, referral: Referral, _command: dict[str, Any]) -> None:
    """One open referral for each person, purpose and target."""
    same = [r for r in tx.all(Referral, case_id=referral.case_id, purpose=referral.purpose, target_unit=referral.target_unit)
            if r.id != referral.id and r.status in ("sent", "needs_info", "waitlisted", "accepted", "started", "on_hold")]
    if same:
        raise Conflict("An open referral of this citizen for this purpose and unit exists already.", referral_id=str(same[0].id), allowed=[])


@REFERRAL.does("claim")
def claim(tx: Tx, referral: Referral, _command: dict[str, Any]) -> None:
    """A unit takes it out of the pool; the row lock makes one winner."""
    if referral.target_unit != POOL:
        raise Conflict("This referral has a receiver; only one in the pool can be claimed.", state=referral.status, allowed=REFERRAL.allowed(referral, tx.actor))
    referral.target_unit = tx.actor.unit


@REFERRAL.does("accept")
def accept(tx: Tx, referral: Referral, command: dict[str, Any]) -> None:
    """The case is (again) with the consultants: a returned one is readmitted on the day of the acceptance."""
    citizen = tx.get(Citizen, referral.case_id, lock=True)
    if citizen.status == "returned":
        CASE.apply(replace(tx, actor=replace(SYSTEM, acting_for=tx.actor.id)), citizen, "readmit", {"effective_date": referral.effective_date})


@REFERRAL.does("reroute")
def reroute(tx: Tx, referral: Referral, command: dict[str, Any]) -> None:
    """A successor goes to the new target; both know of each other."""
    new = Referral(id=tx.new_id(), case_id=referral.case_id, from_unit=referral.from_unit, predecessor_id=referral.id,
                   guardian_consent_on=referral.guardian_consent_on)
    system = replace(tx, actor=replace(SYSTEM, acting_for=tx.actor.id), facts={})
    terms = {"source": referral.source, "track": referral.track, "effective_date": referral.effective_date}
    new.source, new.track = referral.source, referral.track
    new.status, new.version, new.effective_date = "draft", 0, referral.effective_date
    tx.session.add(new)
    new_target, referral.target_unit = command["target_unit"], _before_reroute(referral)
    referral.successor_id = new.id
    REFERRAL.apply(system, new, "send", {"target_unit": new_target, "purpose": referral.purpose, "legal_basis": referral.legal_basis, **terms})
    tx.facts = {"successor_id": new.id}


def _before_reroute(referral: Referral) -> str | None:
    """The command's new target belongs to the successor; the old referral keeps the one it had."""
    return (inspect(referral).attrs.target_unit.history.deleted or [referral.target_unit])[0]


@REFERRAL.does("undo")
def undo(tx: Tx, referral: Referral, _command: dict[str, Any]) -> None:
    """A mistaken answer may be taken back within 24 hours by the unit that gave it, if nothing depends on it."""
    last = tx.session.execute(select(T.unit, T.recorded_at, T.to_state).where(T.subject_id == referral.id).order_by(desc(T.version)).limit(1)).one()
    if last.unit != tx.actor.unit or clock.now() - last.recorded_at > timedelta(hours=24):
        raise Conflict("Only the unit that answered may take it back, within 24 hours.", allowed=[])
    talks = [i for i in tx.all(Intake, case_id=referral.case_id) if i.status in ("booked", "held")]
    if last.to_state == "accepted" and talks:
        raise Conflict("An intake talk depends on this acceptance; cancel it first.", allowed=[])


@REFERRAL.does("acknowledge_outcome")
def acknowledge(_tx: Tx, referral: Referral, _command: dict[str, Any]) -> None:
    referral.loop_closed_on = referral.effective_date


@REFERRAL.does("void")
def void(tx: Tx, referral: Referral, _command: dict[str, Any]) -> None:
    """After the start it takes two persons (four eyes)."""
    started = tx.session.scalar(select(T.id).where(T.subject_id == referral.id, T.action == "start").limit(1))
    if started and referral.void_seconded_by in (None, tx.actor.id):
        raise Conflict("It has started: a second lead must agree first (second_void).", allowed=["second_void"])
    referral.responsible = referral.purpose = referral.legal_basis = None


@CASE.does("return")
def return_case(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> None:
    """The effort that a referral started ends with the return; a later referral starts a new one."""
    own, tx.facts = tx.facts, {}
    for referral in tx.all(Referral, case_id=citizen.id):
        if referral.status in ("accepted", "started", "on_hold"):
            REFERRAL.apply(replace(tx, actor=replace(SYSTEM, acting_for=tx.actor.id)), referral, "end_early", {
                "reason_code": "other", "outcome_code": "not_achieved", "by": "consultant",
                "effective_date": max(citizen.effective_date, referral.effective_date)})
    tx.facts = own


@INTAKE.does("book")
def book(tx: Tx, intake: Intake, command: dict[str, Any]) -> None:
    _tell_of_booking(tx, intake, command)


def days_ahead(talk: date, booked_on: date) -> int:
    """How long ahead a talk is booked.

    Raises:
        Invalid: it lies in the past, or so far ahead that the year was surely mistyped.
    """
    days = (talk - booked_on).days
    if not 0 <= days <= LONGEST_AHEAD:
        raise Invalid("scheduled_at", f"lies before {booked_on}" if days < 0 else f"lies more than {LONGEST_AHEAD} days after {booked_on}")
    return days


@INTAKE.does("move")
def move(tx: Tx, intake: Intake, command: dict[str, Any]) -> None:
    """The language school's lead time counts anew."""
    intake.days_ahead = days_ahead(command["scheduled_at"].date(), intake.effective_date)
    _tell_of_booking(tx, intake, command)


def _tell_of_booking(tx: Tx, intake: Intake, _command: dict[str, Any]) -> None:
    citizen = tx.get(Citizen, intake.case_id)
    intake.participants = [{"kind": p["kind"], "name": p.get("name", "")} for p in intake.participants]
    tx.facts = {"scheduled_on": intake.scheduled_at.date(), "language_school": citizen.language_school,
                "participant_kinds": sorted({p["kind"] for p in intake.participants})}


@INTAKE.does("hold")
def hold(tx: Tx, intake: Intake, command: dict[str, Any]) -> None:
    """The three sections become part of the profile (F-035)."""
    intake.minutes_sealed = tx.runtime.vault.seal_document({k: command[k] for k in ("wishes", "competences", "barriers")}, "intake")
    citizen = tx.get(Citizen, intake.case_id, lock=True)
    citizen.version += 1
    persons.change(tx, citizen, {k: command[k] for k in ("wishes", "competences", "barriers")})
    tx.facts = {"participant_kinds": sorted({p["kind"] for p in intake.participants}), "language_school": citizen.language_school}

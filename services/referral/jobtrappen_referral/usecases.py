# SPDX-License-Identifier: MPL-2.0
"""One function for each thing a user can do; what a lifecycle's step does beside changing state stands in effects.py."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobtrappen import clock
from jobtrappen.errors import Conflict, Forbidden, Invalid, NotFound
from jobtrappen.lifecycle import check_date
from jobtrappen.roles import JC
from jobtrappen.tx import SYSTEM, Tx
from jobtrappen_referral import effects, events, persons, sources, statistics
from jobtrappen_referral.codes import CODE_SETS, RETURN_REASONS, require_code
from jobtrappen_referral.model import (
    CASE,
    INTAKE,
    REFERRAL,
    REFUSAL,
    Assessment,
    CaseReturn,
    Circumstance,
    Citizen,
    Household,
    Intake,
    ListRow,
    Origin,
    Referral,
    ReferralList,
    Refusal,
)
from jobtrappen_referral.staircase import propose


def open_case(tx: Tx, command: dict[str, Any]) -> Citizen:
    """Open a citizen's case; every service hears that it exists, none hears who it is.

    A citizen without a CPR number (an enquiry from abroad) has `kind` abroad (F-072).
    """
    day = command.get("effective_date") or tx.today
    citizen = Citizen(id=tx.new_id(), kind="resident" if command.get("cpr") else "abroad", track=command["track"], person_sealed="", profile_version=0,
                      protected=command.get("protected", False), language_school=command.get("language_school", False))
    citizen.case_id = citizen.id
    if command.get("cpr"):
        persons.set_cpr(tx, citizen, command["cpr"])
    tx.facts = {"origin": "referral"}
    CASE.create(tx, citizen, "open", {"effective_date": day})
    persons.change(tx, citizen, {name: command[name] for name in persons.PERSONAL if command.get(name) is not None})
    for code_set in CODE_SETS:
        if command.get(code_set):
            add_circumstance(tx, citizen, {"code_set": code_set, "code": command[code_set], "effective_date": day}, tell=False)
    return citizen


def change_person(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Citizen:
    """Correct or complete what is known of a person; services with copies fetch it again."""
    given = dict(command)
    if given.pop("cpr", None):
        persons.set_cpr(tx, citizen, command["cpr"])
        citizen.kind = "resident"
    for name in ("protected", "language_school"):
        if name in given:
            setattr(citizen, name, given.pop(name))
    given.pop("effective_date", None)
    citizen.version += 1
    persons.change(tx, citizen, given)
    tx.audit("case.person_changed", "case", citizen.id, citizen.id)
    return citizen


def add_circumstance(tx: Tx, citizen: Citizen, command: dict[str, Any], tell: bool = True) -> Citizen:
    """A benefit, target group or readiness category from a day on; the earlier ones stay (F-005, F-034)."""
    day = command.get("effective_date") or tx.today
    check_date(tx, day, None)
    require_code(command["code_set"], command["code"], day)
    last = max((c.recorded_at for c in tx.all(Circumstance, case_id=citizen.id, code_set=command["code_set"])), default=None)
    tx.add(Circumstance(id=tx.new_id(), case_id=citizen.id, code_set=command["code_set"], code=command["code"], valid_from=day, recorded_at=clock.after(last)))
    tx.audit("case.circumstance", "case", citizen.id, citizen.id)
    if tell:
        citizen.version += 1
        persons.change(tx, citizen, {})
    return citizen


def link_household(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Citizen:
    """Two cases belong to one household (F-006)."""
    other = tx.get(Citizen, command["other_case_id"], lock=True)
    if other.id == citizen.id:
        raise Invalid("other_case_id", "is the same case")
    household = citizen.household_id or other.household_id or tx.add(Household(id=tx.new_id(), relation=command["relation"])).id
    tx.session.flush()
    for one in (citizen, other):
        if one.household_id != household:
            one.household_id, one.version = household, one.version + 1
            tx.say("household.linked", key=one.id, subject=f"case/{one.id}", data={"case_id": one.id, "household_id": household}, subject_version=one.version)
    for one in (citizen, other):
        tx.audit("case.household", "case", one.id, one.id)
    return citizen


def draft_referral(tx: Tx, command: dict[str, Any]) -> Referral:
    """Write a referral, by whichever source it came.

    An adult who came by herself waits as a draft for a caseworker; a youth who wants a leisure job and has a guardian's
    consent goes straight to the consultant (F-031, F-055).
    """
    source = sources.known().get(command["source"])
    if source is None:
        raise Invalid("source", f"is not known; there are {', '.join(sorted(sources.known()))}")
    citizen = tx.get(Citizen, command["case_id"])
    if citizen.track != command["track"]:
        raise Invalid("track", f"is {citizen.track} for this case; the track is fixed at first contact")
    source.check(tx, command)
    if source.name == "form" and tx.actor.role in JC:
        raise Forbidden("A consultant does not refer; register a self-referral, which a caseworker then sends (F-001).", allowed=["self_referral"])
    routed = command.pop("route_to", None)
    referral = Referral(case_id=citizen.id, from_unit=routed if source.name == "self_referral" and routed else tx.actor.unit)
    REFERRAL.create(tx, referral, "draft", command)
    if source.name == "self_referral" and referral.track == "youth":
        herself = replace(tx, actor=replace(SYSTEM, acting_for=tx.actor.id))
        REFERRAL.apply(herself, referral, "send", {
            "target_unit": command.get("target_unit") or tx.actor.unit, "purpose": "leisure_job", "legal_basis": command.get("legal_basis") or "consent",
            "effective_date": command.get("effective_date")})
    return referral


def second_void(tx: Tx, referral: Referral, _command: dict[str, Any]) -> Referral:
    """A second lead agrees that a referral that has started should never have existed (four eyes)."""
    referral.void_seconded_by, referral.version = tx.actor.id, referral.version + 1
    tx.audit("referral.second_void", "referral", referral.id, referral.case_id)
    return referral


def book_intake(tx: Tx, command: dict[str, Any]) -> Intake:
    """Book a first talk; an enrolled pupil's language school hears of it (F-035, F-038)."""
    citizen = tx.get(Citizen, command["case_id"])
    day = command.get("effective_date") or tx.today
    intake = Intake(case_id=citizen.id, days_ahead=effects.days_ahead(command["scheduled_at"].date(), day))
    return INTAKE.create(tx, intake, "book", command)


def offer(tx: Tx, command: dict[str, Any]) -> Refusal:
    """Write down that a concrete offer was made, the first fact of a refusal."""
    citizen = tx.get(Citizen, command["case_id"])
    return REFUSAL.create(tx, Refusal(case_id=citizen.id), "offer", command)


def assess(tx: Tx, command: dict[str, Any]) -> Assessment:
    """Record the five inputs; the start step is proposed with its reasons, not decided (F-042, F-043)."""
    citizen = tx.get(Citizen, command["case_id"])
    day = command.get("effective_date") or tx.today
    check_date(tx, day, None)
    step, reasons = propose(command, citizen.track)
    assessment = tx.add(Assessment(
        id=tx.new_id(), case_id=citizen.id, version=1, status="proposed", effective_date=day, education=command["education"],
        experience_years=command["experience_years"], stable_attendance=command["stable_attendance"], months_away=command["months_away"],
        limits_sealed=tx.runtime.vault.seal_document({"limits": command.get("limits", [])}, "assessment"), proposed_step=step, reasons=reasons))
    tx.audit("assessment.proposed", "assessment", assessment.id, citizen.id)
    return assessment


def confirm_assessment(tx: Tx, assessment: Assessment, command: dict[str, Any]) -> Assessment:
    """A person confirms the start step; deviating from the proposal needs her reason."""
    if assessment.status != "proposed":
        raise Conflict("This assessment is confirmed; make a new one.", state=assessment.status, allowed=[])
    if command["start_step"] != assessment.proposed_step and not command.get("reason"):
        raise Invalid("reason", f"is needed, because {assessment.proposed_step} was proposed")
    day = command.get("effective_date") or tx.today
    check_date(tx, day, assessment.effective_date)
    citizen = tx.get(Citizen, assessment.case_id, lock=True)
    assessment.status, assessment.start_step, assessment.version = "confirmed", command["start_step"], assessment.version + 1
    citizen.start_step, citizen.version = command["start_step"], citizen.version + 1
    limits = tx.runtime.vault.open_document(assessment.limits_sealed, "assessment")["limits"] if assessment.limits_sealed else []
    assessment.limits_sealed = tx.runtime.vault.seal_document({"limits": limits, "reason": command.get("reason")}, "assessment")
    persons.change(tx, citizen, {"limits": limits})
    events.assessment_confirmed(tx, citizen, assessment, day)
    tx.audit("assessment.confirmed", "assessment", assessment.id, citizen.id)
    return assessment


def return_case(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> CaseReturn:
    """Back to the caseworker, with the reason and the present state as two fields (F-145, F-206)."""
    made = CaseReturn(id=tx.new_id(), case_id=citizen.id, version=1, reason=command["reason"], present_state=command["present_state"],
                      effective_date=command.get("effective_date") or tx.today,
                      documentation_sealed=tx.runtime.vault.seal_document({"text": command.get("documentation", "")}, "return"))
    tx.facts = {"return_id": made.id, "return_class": RETURN_REASONS[command["reason"]]}
    CASE.apply(tx, citizen, "return", {**command, "reason_code": command["reason"]})
    return tx.add(made)


def set_present_state(tx: Tx, returned: CaseReturn, command: dict[str, Any]) -> CaseReturn:
    """What became of a returned citizen; it never moves her in a table."""
    returned.present_state, returned.version = command["present_state"], returned.version + 1
    tx.audit("return.present_state", "return", returned.id, returned.case_id)
    return returned


def upload_list(tx: Tx, command: dict[str, Any]) -> ReferralList:
    """Take a list of candidates in; each row waits for a screening decision, unreadable ones are reported."""
    rows, rejected = sources.read_csv(command["body"])
    made = tx.add(ReferralList(id=tx.new_id(), version=1, unit=tx.actor.unit, uploaded_on=tx.today, rejected=rejected))
    tx.session.flush()
    for row in rows:
        tx.add(ListRow(id=tx.new_id(), list_id=made.id, version=1, number=int(row["line"]), row_sealed=tx.runtime.vault.seal_document(row, "list_row")))
    tx.audit("referral_list.uploaded", "referral_list", made.id)
    return made


def screen(tx: Tx, row: ListRow, command: dict[str, Any]) -> ListRow:
    """Decide on one row; "refer" opens the case and sends the referral, anything else is kept with its reason (F-057)."""
    if row.decision is not None:
        raise Conflict(f"This row was decided: {row.decision}.", state=row.decision, allowed=[])
    row.decision, row.version = command["decision"], row.version + 1
    tx.audit("referral_list.screened", "list_row", row.id, row.case_id)
    known = tx.runtime.vault.open_document(row.row_sealed, "list_row")
    if command.get("reason"):  # a person's own matters, as the row itself
        row.row_sealed = tx.runtime.vault.seal_document({**known, "reason": command["reason"]}, "list_row")
    if command["decision"] != "refer":
        return row
    day = command.get("effective_date") or tx.today
    person = {name: known[name] for name in ("given_name", "family_name", "cpr", "benefit", "target_group", "readiness") if known.get(name)}
    citizen = open_case(tx, {**person, "track": "adult", "effective_date": day})
    tx.session.flush()
    referral = draft_referral(tx, {"case_id": citizen.id, "track": "adult", "source": "csv_list", "effective_date": day})
    REFERRAL.apply(tx, referral, "send", {"target_unit": command["target_unit"], "purpose": command["purpose"], "legal_basis": command["legal_basis"],
                                          "effective_date": day})
    row.case_id, row.referral_id = citizen.id, referral.id
    return row


def tell_origin(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Origin:
    """Keep what the optional statistic counts, apart from the case."""
    if not statistics.enabled():
        raise NotFound("This municipality keeps no statistic of origin (plugin origin_statistic).")
    found = tx.session.get(Origin, citizen.id) or tx.add(Origin(case_id=citizen.id, version=0))
    found.nationality, found.family_origin, found.born_abroad = command["nationality"], command["family_origin"], command["born_abroad"]
    found.version += 1
    tx.audit("statistic.origin", "case", citizen.id, citizen.id, purpose="statistics")
    return found

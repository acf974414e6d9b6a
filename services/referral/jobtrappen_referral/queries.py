# SPDX-License-Identifier: MPL-2.0
"""Reads."""
from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import and_, false, func, or_, select

from jobtrappen import heard, tables
from jobtrappen.errors import Invalid
from jobtrappen.roles import CONSULTANT
from jobtrappen.tx import Tx, open_details
from jobtrappen.web.common import history
from jobtrappen_referral import persons
from jobtrappen_referral.model import (
    HEARD,
    Assessment,
    CaseReturn,
    Circumstance,
    Citizen,
    HeardPlacement,
    Intake,
    ListRow,
    NameToken,
    Origin,
    Referral,
    ReferralList,
    Refusal,
)

PROTECTED = "beskyttet"
MOST_NAMES, MOST_SHOWN = 2000, 50
"""How many cases a name may fit before it is called too common, and how many of them a search shows."""
T = tables.transition.c


def whole_case(tx: Tx, citizen: Citizen, known: list[Circumstance] | None = None) -> Citizen:
    """The case with its person and circumstances (`known`, where they were asked for already) opened, for the answer's schema."""
    citizen.person = {k: v for k, v in persons.person(tx, citizen).items() if k in persons.PERSONAL}  # type: ignore[attr-defined]
    found = tx.all(Circumstance, case_id=citizen.id) if known is None else known
    citizen.circumstances = [{"code_set": c.code_set, "code": c.code, "valid_from": c.valid_from.isoformat()}  # type: ignore[attr-defined]
                             for c in sorted(found, key=lambda c: (c.code_set, c.valid_from, c.recorded_at))]
    return citizen


def listed_cases(tx: Tx, citizens: list[Citizen]) -> list[Citizen]:
    """Cases as a list or a search shows them: of a protected person neither name nor address; of those that are none of the
    acting unit's no person at all, until they are read singly with a purpose."""
    own = own_cases(tx, [c.id for c in citizens])
    circumstances: dict[UUID, list[Circumstance]] = {id: [] for id in own}
    for one in tx.session.scalars(select(Circumstance).where(Circumstance.case_id.in_(own))) if own else ():
        circumstances[one.case_id].append(one)
    for citizen in citizens:
        if citizen.id not in own:
            citizen.person, citizen.circumstances = {}, []  # type: ignore[attr-defined]
            continue
        whole_case(tx, citizen, circumstances[citizen.id])
        if citizen.protected:
            citizen.person = {"given_name": PROTECTED}  # type: ignore[attr-defined]
    return citizens


def own_cases(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Of these the cases that are the acting unit's own: it opened or returned them, or sent, got or answers for a referral of them."""
    actor, r = tx.actor, Referral
    referred = select(r.case_id).where(r.case_id.in_(ids), ~not_hers(tx), or_(r.from_unit == actor.unit, r.target_unit == actor.unit, r.responsible == actor.id))
    # No other lifecycle's subject has a case's id; named here, SQLite would read every case's transitions instead of these cases'.
    acted = select(T.subject_id).where(T.subject_id.in_(ids), T.unit == actor.unit)
    return {*tx.session.scalars(referred), *tx.session.scalars(acted)}


def units(tx: Tx) -> list[str]:
    """The units that referrals have come from or gone to."""
    return sorted(unit for unit in {*tx.session.scalars(select(Referral.from_unit).distinct()), *tx.session.scalars(select(Referral.target_unit).distinct())} if unit)


def by_name(tx: Tx, text: str) -> dict[str, Any]:
    """The acting unit's own cases whose person has every part of this name, or a part that begins so: {cases, more}.

    Others' cases and protected persons are not found at all: that a name finds something would tell of them already.
    """
    parts = sorted(part for part in persons.name_parts(text) if len(part) > 1)
    if not parts:
        raise Invalid("name", "is too short to search by; write three letters of a name or more")
    query = select(Citizen.id).where(Citizen.protected.is_(False), *(Citizen.id.in_(
        select(NameToken.case_id).where(NameToken.token.in_(tx.runtime.vault.name_tokens(part[:persons.LONGEST])))) for part in parts))
    ids = list(tx.session.scalars(query.order_by(Citizen.id.desc()).limit(MOST_NAMES)))
    own = sorted({id for n in range(0, len(ids), 500) for id in own_cases(tx, ids[n:n + 500])}, reverse=True)
    citizens = tx.session.scalars(select(Citizen).where(Citizen.id.in_(own[:MOST_SHOWN]))).all()
    found = [{"id": c.id, "case_id": c.id, "status": c.status, "track": c.track, "name": persons.name_of(persons.person(tx, c))} for c in citizens]
    return {"cases": sorted(found, key=lambda one: one["name"]), "more": len(own) > MOST_SHOWN or len(ids) == MOST_NAMES}


def listed_row(tx: Tx, row: ListRow) -> ListRow:
    """A list's row with its CPR number masked, and why it was decided as it was; whoever has become a protected case is not named by
    the list she came with."""
    opened = tx.runtime.vault.open_document(row.row_sealed, "list_row")
    citizen = tx.session.get(Citizen, row.case_id) if row.case_id else None
    if citizen is not None and citizen.protected:
        opened = {name: opened[name] for name in opened if name not in ("given_name", "family_name", "cpr", "reason")} | {"given_name": PROTECTED}
    if opened.get("cpr"):
        opened["cpr"] = f"{opened['cpr'].replace('-', '')[:6]}-xxxx"
    row.reason = opened.pop("reason", None)  # type: ignore[attr-defined]
    row.row = opened  # type: ignore[attr-defined]
    return row


def not_hers(tx: Tx) -> Any:
    """The condition under which a referral is hidden from who asks: a draft is its sender's, until it is sent (`Referral.seen_by`)."""
    return and_(Referral.status == "draft", Referral.source != "self_referral", Referral.from_unit != tx.actor.unit) if tx.actor.role == CONSULTANT else false()


def case_history(tx: Tx, case_id: UUID) -> list[Any]:
    """Every transition of a case, without those of referrals that are hidden from who asks."""
    hidden = set(tx.session.scalars(select(Referral.id).where(Referral.case_id == case_id, not_hers(tx))))
    return [row for row in history(tx, case_id) if row.subject_id not in hidden]


def timeline(tx: Tx, case_id: UUID) -> list[dict[str, Any]]:
    """What has happened in a case, here and as other services told; without what is hidden from who asks."""
    confirmed = [{"what": "assessment.confirmed", "resource": "assessment", "thing_id": a.id, "about": a.start_step, "effective_date": a.effective_date}
                 for a in tx.all(Assessment, case_id=case_id, status="confirmed")]
    return heard.timeline(tx, HEARD, case_id, case_history(tx, case_id), confirmed)


def rows_of_list(tx: Tx, made: ReferralList, arguments: dict[str, Any]) -> dict[str, Any]:
    """A list's rows in its own order: {items, next, total}."""
    query = select(ListRow).where(ListRow.list_id == made.id)
    total = tx.session.scalar(select(func.count()).select_from(query.subquery()))
    if arguments.get("after"):
        query = query.where(ListRow.number > arguments["after"])
    rows = list(tx.session.scalars(query.order_by(ListRow.number).limit(arguments["limit"])))
    return {"items": [listed_row(tx, row) for row in rows], "total": total, "next": str(rows[-1].number) if len(rows) == arguments["limit"] else None}


def with_counts(tx: Tx, lists: list[ReferralList]) -> list[ReferralList]:
    """Each list with the number of its rows and of those that nobody has decided on."""
    counted = select(ListRow.list_id, func.count().label("rows"), func.count().filter(ListRow.decision.is_(None)).label("undecided")).group_by(ListRow.list_id)
    known = {row.list_id: row for row in tx.session.execute(counted.where(ListRow.list_id.in_([made.id for made in lists])))} if lists else {}
    for made in lists:
        made.rows, made.undecided = (known[made.id].rows, known[made.id].undecided) if made.id in known else (0, 0)  # type: ignore[attr-defined]
    return lists


def with_dialogue(tx: Tx, thing: Any) -> Any:
    """A thing with what was written at its steps: the question and its answer, a reason, a citizen's words; oldest first."""
    rows = tx.session.execute(select(tables.transition).where(T.subject_id == thing.id, T.sealed.is_not(None)).order_by(T.id))
    thing.dialogue = [{"action": row.action, "on": row.effective_date.isoformat(), "role": row.role, "unit": row.unit,
                       **said} for row in rows if (said := _words(tx, row.sealed))]
    return thing


def _words(tx: Tx, sealed: str) -> dict[str, Any]:
    return {name: value for name, value in open_details(tx, sealed).items() if name != "case_id"}


def with_limits(tx: Tx, assessment: Assessment) -> Assessment:
    known = tx.runtime.vault.open_document(assessment.limits_sealed, "assessment") if assessment.limits_sealed else {}
    assessment.limits, assessment.reason = known.get("limits", []), known.get("reason")  # type: ignore[attr-defined]
    return assessment


def with_documentation(tx: Tx, returned: CaseReturn) -> CaseReturn:
    known = tx.runtime.vault.open_document(returned.documentation_sealed, "return") if returned.documentation_sealed else {}
    returned.documentation = known.get("text") or None  # type: ignore[attr-defined]
    return returned


def with_minutes(tx: Tx, intake: Intake) -> Intake:
    intake.minutes = tx.runtime.vault.open_document(intake.minutes_sealed, "intake") if intake.minutes_sealed else {}  # type: ignore[attr-defined]
    return intake


def code_of(tx: Tx, case_id: UUID, code_set: str, on: date) -> str | None:
    """The code of a set that counts on a day."""
    rows = [c for c in tx.all(Circumstance, case_id=case_id, code_set=code_set) if c.valid_from <= on]
    return max(rows, key=lambda c: (c.valid_from, c.recorded_at)).code if rows else None


def people(tx: Tx, ids: list[UUID]) -> list[dict[str, Any]]:
    """Persons for other services' local copies; rights cut each to the asking service's purpose."""
    found = tx.session.scalars(select(Citizen).where(Citizen.id.in_(ids)).order_by(Citizen.id)).all()
    return [{**persons.person(tx, c), "case_id": str(c.id), "profile_version": c.profile_version, "track": c.track, "protected": c.protected,
             "language_school": c.language_school, "start_step": c.start_step,
             **{name: code_of(tx, c.id, name, tx.today) for name in ("benefit", "target_group", "readiness")}} for c in found]


def latest_of_cases(tx: Tx, as_of: date) -> dict[UUID, tuple[str, str | None]]:
    """{case: (state, reason code)} at the end of a day, by the case's latest transition on or before it."""
    place = func.row_number().over(partition_by=T.subject_id, order_by=(T.effective_date.desc(), T.id.desc())).label("place")
    ranked = select(T.subject_id, T.to_state, T.reason_code, place).where(T.lifecycle == "case", T.effective_date <= as_of).subquery()
    rows = tx.session.execute(select(ranked.c.subject_id, ranked.c.to_state, ranked.c.reason_code).where(ranked.c.place == 1))
    return {r.subject_id: (r.to_state, r.reason_code) for r in rows}


def in_contact(tx: Tx, as_of: date) -> set[UUID]:
    """Cases with an accepted referral on or before a day; nobody leaves this set."""
    rows = tx.session.scalars(select(T.case_id).where(T.lifecycle == "referral", T.action == "accept", T.effective_date <= as_of).distinct())
    return set(rows)  # type: ignore[arg-type]


def by_track(tx: Tx, track: str) -> set[UUID]:
    return set(tx.session.scalars(select(Citizen.id).where(Citizen.track == track)))


def in_measure(tx: Tx, measure: str, as_of: date) -> set[UUID]:
    """Cases with a placement of this measure running at the end of a day, as followup said."""
    h = HeardPlacement
    rows = tx.session.scalars(select(h.case_id).where(h.measure == measure, h.started_on <= as_of, (h.ended_on.is_(None)) | (h.ended_on > as_of)))
    return set(rows)


def origins(tx: Tx) -> dict[UUID, Origin]:
    return {o.case_id: o for o in tx.session.scalars(select(Origin))}


def referrals_of(tx: Tx, case_id: UUID) -> list[Referral]:
    return tx.all(Referral, case_id=case_id)


def things_of_case(tx: Tx, case_id: UUID) -> list[dict[str, Any]]:
    """What this service holds of a case, the latest first; drafts of others are hidden as everywhere."""
    found: list[dict[str, Any]] = []
    for model in (Referral, Intake, Assessment, Refusal, CaseReturn):
        query = select(model).where(model.case_id == case_id)
        for one in tx.session.scalars(query.where(~not_hers(tx)) if model is Referral else query):
            found.append({"resource": model.KIND, "id": one.id, "status": getattr(one, "status", None), "effective_date": one.effective_date, "case_id": case_id})
    return sorted(found, key=lambda one: (one["effective_date"], str(one["id"])), reverse=True)

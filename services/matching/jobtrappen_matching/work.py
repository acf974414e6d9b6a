# SPDX-License-Identifier: MPL-2.0
"""What somebody must do next in this service, by date: one question for each reason, put together and paged by the database."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Uuid, and_, exists, func, literal, or_, select, type_coerce, union_all
from sqlalchemy.sql import Select

from jobtrappen import tables
from jobtrappen.roles import CW, JC, TEAM_LEAD
from jobtrappen.tx import Tx
from jobtrappen_matching import queries, terms
from jobtrappen_matching.codes import MEASURES
from jobtrappen_matching.model import OPEN_MATCH, Agreement, Candidate, Match, Workplace

A, C, M, T = Agreement, Candidate, Match, tables.transition.c
ON_THE_WAY = ("draft", "awaiting_grant", "granted", "refused", "concluded")


@dataclass(frozen=True)
class Reason:
    """One reason for work: things of one kind that fulfil all conditions, each due so many days after `since`. The days are added
    here and not by the database, so that it finds the first and counts the late without touching every row's date."""

    why: str
    model: Any
    days: int
    conditions: tuple[Any, ...]
    since: Any
    whose: tuple[Any, ...] = ()
    """What holds for all reasons of this kind of thing."""

    @property
    def resource(self) -> str:
        return getattr(self.model, "KIND", "case")

    def rows(self, after: tuple[date, UUID] | None, limit: int) -> Select[Any]:
        """The first lines, by when they are due."""
        m, since = self.model, type_coerce(self.since, Date)
        case, place = (m.id, literal(None, Uuid)) if m is C else (m.case_id, m.workplace_id)
        query = select(literal(self.why).label("why"), m.id.label("id"), case.label("case_id"), since.label("since"), place.label("place")).where(*self.conditions, *self.whose)
        if after is not None:
            day = after[0] - timedelta(days=self.days)
            query = query.where(or_(since > day, and_(since == day, m.id > after[1])))
        return select(query.order_by(since, m.id).limit(limit).subquery())

    def late(self, today: date) -> Any:
        return and_(*self.conditions, type_coerce(self.since, Date) < today - timedelta(days=self.days))


def counts(some: list[Reason], today: date) -> Iterator[Any]:
    """How many lines there are, and how many of them are late: each kind of thing is read once for all its reasons."""
    for model in dict.fromkeys(r.model for r in some):
        its = [r for r in some if r.model is model]
        late = func.count().filter(or_(*(r.late(today) for r in its)))
        yield select(func.count().label("n"), late.label("late")).select_from(model).where(or_(*(and_(*r.conditions) for r in its)), *its[0].whose)


def reasons(tx: Tx) -> Iterator[Reason]:
    """What this actor's role has to do here."""
    if tx.actor.role in CW:
        yield Reason("decide_grant", A, 5, (A.status == "awaiting_grant", A.approver == "municipality"), A.effective_date)
    elif tx.actor.role in JC:
        yield from _candidates()
        yield from _matches(tx)
        yield from _agreements(tx)


def _candidates() -> Iterator[Reason]:
    """Those with a confirmed assessment for whom nothing is going on. They are everybody's: who accepted them is not known here."""
    matched = exists().where(M.case_id == C.id, M.status.in_((*OPEN_MATCH, "chosen")))
    agreed = exists().where(A.case_id == C.id, A.status.in_(ON_THE_WAY))
    yield Reason("find_place", C, 7, (C.ready.is_(True), C.status == "active", ~matched, ~agreed), C.effective_date)


def _matches(tx: Tx) -> Iterator[Reason]:
    has_one = exists().where(A.match_id == M.id, A.status != "cancelled")
    in_talk = M.status == "interview"
    for why, days, conditions, since in (
            ("present_match", 3, (M.status == "proposed",), M.effective_date),
            ("book_interview", 7, (M.status.in_(("presented", "interested")),), M.effective_date),
            ("hold_interview", 0, (in_talk, M.attended.is_(None)), func.date(M.scheduled_at)),
            ("missed_interview", 2, (in_talk, M.attended.is_(False)), M.effective_date),
            ("choose_match", 3, (or_(M.status == "offered", and_(in_talk, M.attended.is_(True))),), M.effective_date),
            ("make_agreement", 2, (M.status == "chosen", ~has_one), M.effective_date)):
        yield Reason(why, M, days, conditions, since, _hers(tx, M))


def _agreements(tx: Tx) -> Iterator[Reason]:
    free = [m for m in MEASURES if not terms.granted_measure(m, tx.today)]
    for why, days, conditions, since in (
            ("send_draft", 3, (A.status == "draft", or_(A.measure.is_(None), A.measure.not_in(free))), A.effective_date),
            ("conclude_draft", 3, (A.status == "draft", A.measure.in_(free)), A.effective_date),
            ("conclude_agreement", 2, (A.status == "granted",), A.effective_date),
            ("reconsider_refusal", 3, (A.status == "refused",), A.effective_date),
            ("see_start", 0, (A.status == "concluded", A.started_on.is_(None)), A.starts_on)):
        yield Reason(why, A, days, conditions, since, _hers(tx, A))


def _hers(tx: Tx, model: Any) -> tuple[Any, ...]:
    """A consultant's own: at a workplace that she answers for, or with a step that she took. A team lead has everybody's."""
    if tx.actor.role == TEAM_LEAD:
        return ()
    answers_for = model.workplace_id.in_(select(Workplace.id).where(Workplace.responsible == tx.actor.id))
    return (or_(answers_for, exists().where(T.subject_id == model.id, T.actor == tx.actor.id)),)


def listing(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """One page of what the actor's role must do, the oldest date first: {items, next, total, late}."""
    known = {r.why: r for r in reasons(tx) if arguments.get("why") in (None, r.why)}
    if not known:
        return {"items": [], "next": None, "total": 0, "late": 0}
    limit, after = arguments["limit"], arguments["after"].place if arguments.get("after") else None
    counted = tx.session.execute(union_all(*counts(list(known.values()), tx.today))).all()
    found = tx.session.execute(union_all(*(r.rows(after, limit) for r in known.values()))).all()
    lines = sorted(((row.since + timedelta(days=known[row.why].days), row) for row in found), key=lambda line: (line[0], line[1].id))[:limit]
    last = f"{lines[-1][0]}_{lines[-1][1].id}" if len(lines) == limit else None
    return {"items": _named(tx, known, lines), "total": sum(c.n for c in counted), "late": sum(c.late for c in counted), "next": last}


def _named(tx: Tx, known: dict[str, Reason], lines: list[tuple[date, Any]]) -> list[dict[str, Any]]:
    """Lines as they are called: the citizen, where the reader may know her name, and the workplace."""
    called = queries.names(tx, {row.case_id for _due, row in lines})
    wanted = {row.place for _due, row in lines if row.place}
    places = {place.id: place.name for place in tx.session.execute(select(Workplace.id, Workplace.name).where(Workplace.id.in_(wanted)))}
    return [{"why": row.why, "resource": known[row.why].resource, "id": row.id, "case_id": row.case_id, "due_on": due,
             "name": ", ".join(filter(None, (called.get(row.case_id), places.get(row.place)))) or None} for due, row in lines]

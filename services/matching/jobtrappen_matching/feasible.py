# SPDX-License-Identifier: MPL-2.0
"""Which openings are feasible for a candidate on a day. Ranking is a plugin's work (hook matching_criterion).

What a plugin is given stands in the two views: never a name, nationality, sex or age.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from jobtrappen import people, plugins
from jobtrappen.errors import Invalid, not_yet
from jobtrappen.rules import rule
from jobtrappen.tx import Tx
from jobtrappen_matching import terms
from jobtrappen_matching.codes import WITH_PROSPECT
from jobtrappen_matching.model import Agreement, Candidate, Employer, Held, Opening, OpeningPlace, Workplace

CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class CandidateView:
    """What constraints and criteria know of a candidate."""

    case_id: str
    status: str
    track: str
    measure: str
    ready: bool
    start_step: str | None
    readiness: str | None
    wishes: tuple[str, ...]
    competences: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True)
class OpeningView:
    """What they know of an opening, for the candidate's step. `granted_hours` are those that the workplace's quota counts."""

    opening_id: str
    workplace_id: str
    employer_id: str
    status: str
    opening_source: str
    published_on: date
    until: date | None
    places: int
    held: int
    weekly_hours: int | None
    title: str
    tasks: str | None
    safety_danish: bool
    sector: str
    headcount: int | None
    granted_hours: int


@plugins.hookimpl
def matching_constraint(candidate: CandidateView, opening: OpeningView, on: date) -> list[str]:
    """The suite's own constraints."""
    hours = rule("weekly_hours", on, candidate.measure, candidate.track)
    short = terms.hours_short(opening.headcount, opening.granted_hours, opening.weekly_hours or terms.FULL_TIME, candidate.measure, on)
    broken = {
        "candidate_returned": candidate.status == "returned",
        "opening_closed": opening.status != "open",
        "not_open_yet": on < opening.published_on,
        "no_longer_open": opening.until is not None and opening.until < on,
        "step_not_offered": opening.places == 0,
        "no_place_free": 0 < opening.places <= opening.held,
        "too_many_hours": bool(hours and opening.weekly_hours and opening.weekly_hours > hours.value),
        "employer_quota": short > 0,
    }
    return [code for code, holds in broken.items() if holds]


def listing(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Feasible openings, the best first where a plugin ranks, else by id; with `all` the others too, with reason codes.

    Raises:
        NotYet: the case is not known here.
        Invalid: neither a measure is given nor a start step confirmed.
    """
    on = arguments.get("on") or tx.today
    candidate = _candidate(tx, arguments["case_id"], arguments.get("measure"))
    tx.audit("read.profile", "case", candidate.case_id, UUID(candidate.case_id))
    items = []
    for opening in _openings(tx, candidate.measure, on, everything=arguments["all"]):
        against = _against(candidate, opening, on)
        if against and not arguments["all"]:
            continue
        reasons = [] if against else _reasons(candidate, opening)
        items.append({"opening_id": opening.opening_id, "workplace_id": opening.workplace_id, "employer_id": opening.employer_id, "title": opening.title,
                      "opening_source": opening.opening_source, "measure": candidate.measure, "free": max(0, opening.places - opening.held),
                      "weekly_hours": opening.weekly_hours, "until": opening.until, "feasible": not against, "against": against, "reasons": reasons,
                      "points": sum(r["points"] for r in reasons)})
    items.sort(key=lambda i: (not i["feasible"], -i["points"], i["opening_id"]))
    shown = items[:arguments["limit"]]
    _named(tx, shown)
    return {"items": shown, "total": len(items), "next": None}


def _named(tx: Tx, items: list[dict[str, Any]]) -> None:
    """Where each opening is. Constraints and criteria are not told: a rank by an employer's name would be no reason."""
    ids = {UUID(i["workplace_id"]) for i in items}
    called = {str(id): (employer, place) for id, employer, place in tx.session.execute(select(Workplace.id, Employer.name, Workplace.name).join(
        Employer, Employer.id == Workplace.employer_id).where(Workplace.id.in_(ids)))}
    for one in items:
        one["employer_name"], one["workplace_name"] = called[one["workplace_id"]]


def _candidate(tx: Tx, case_id: UUID, measure: str | None) -> CandidateView:
    found = tx.session.get(Candidate, case_id) or not_yet("case")
    step = measure or found.start_step
    if step is None:
        raise Invalid("measure", "is needed: no start step is confirmed for this case")
    known = people.copy_of(tx.session, tx.runtime, case_id)
    texts = {n: tuple(known.get(n) or ()) for n in ("wishes", "competences", "limits")}
    return CandidateView(str(found.id), found.status, found.track, step, found.ready, found.start_step, known.get("readiness"), **texts)


def _openings(tx: Tx, measure: str, on: date, everything: bool) -> list[OpeningView]:
    p = OpeningPlace
    query = select(Opening, Workplace.headcount, Employer.sector, func.coalesce(p.places, 0).label("places")).join(
        Workplace, Workplace.id == Opening.workplace_id).join(Employer, Employer.id == Opening.employer_id).outerjoin(
        p, (p.opening_id == Opening.id) & (p.measure == measure)).order_by(Opening.id)
    if not everything:
        query = query.where(Opening.status == "open", p.places > 0)
    a = Agreement
    hours = {row[0]: row[1] for row in tx.session.execute(select(a.workplace_id, func.sum(a.weekly_hours)).where(
        a.measure.in_(WITH_PROSPECT), a.status.in_(("awaiting_grant", "granted", "concluded")), a.starts_on <= on,
        a.ends_on.is_(None) | (a.ends_on >= on)).group_by(a.workplace_id))}
    held = {row[0]: row[1] for row in tx.session.execute(select(Held.opening_id, func.count()).filter_by(measure=measure).group_by(Held.opening_id))}
    return [OpeningView(str(o.id), str(o.workplace_id), str(o.employer_id), o.status, o.opening_source, o.published_on, o.until, places, held.get(o.id, 0),
                        o.weekly_hours, o.title, o.tasks, o.safety_danish, sector, headcount, hours.get(o.workplace_id, 0))
            for o, headcount, sector, places in tx.session.execute(query)]


def _against(candidate: CandidateView, opening: OpeningView, on: date) -> list[str]:
    """Every plugin's reason codes against this opening, the suite's own first."""
    answers = plugins.ask("matching_constraint", _codes, candidate=candidate, opening=opening, on=on)
    return list(dict.fromkeys(code for answer in answers for code in ([answer] if isinstance(answer, str) else answer)))


def _reasons(candidate: CandidateView, opening: OpeningView) -> list[dict[str, Any]]:
    answers = plugins.ask("matching_criterion", _criterion, candidate=candidate, opening=opening)
    return [{"code": code, "points": points, "words": words} for code, points, words in answers]


def _codes(answer: Any) -> bool:
    codes = [answer] if isinstance(answer, str) else answer
    return isinstance(codes, list | tuple) and all(isinstance(c, str) and CODE.fullmatch(c) for c in codes)


def _criterion(answer: Any) -> bool:
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        return False
    code, points, words = answer
    numeric = isinstance(points, int | float) and not isinstance(points, bool) and abs(points) < 1e9  # a NaN is refused by the comparison
    return isinstance(code, str) and CODE.fullmatch(code) is not None and numeric and isinstance(words, str)

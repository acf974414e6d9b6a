# SPDX-License-Identifier: MPL-2.0
"""A citizen's life as dated facts of the domain: what was done and when, never in which report row it lands.

A placement is active from its `start`, included; one `ended` on day D is not active at the end of D. A `planned_end`
ends nothing by itself. Fields that must never leave the service that owns them are marked `personal`.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from typing import Any

INTERNSHIP, WAGE_SUBSIDY, ORDINARY_JOB = "internship", "wage_subsidy", "ordinary_job"
LEISURE_JOB, EDUCATION, ACTIVATION = "leisure_job", "education", "activation"
GRANTED = frozenset({INTERNSHIP, WAGE_SUBSIDY})          # the measures that no one starts without a grant

RETURN_REASONS = (
    "refuses_offers", "sick_leave", "early_retirement_pension", "under_clarification", "moved_away", "pregnant",
)
PERSONAL = {"personal": True}                            # metadata of a field


@dataclass(frozen=True)
class Referral:
    """`cleared`: a caseworker approved a self-referral or screened a row of a list. Not answered yet: no `accepted`."""

    sent: date
    accepted: date | None
    source: str                                          # form | self_referral | csv_list
    track: str                                           # adult | youth
    cleared: date | None = None
    guardian_consent: date | None = None                 # youth only
    note: str = field(default="", metadata=PERSONAL)


@dataclass(frozen=True)
class IntakeTalk:
    booked: date
    held: date | None
    participants: tuple[str, ...]                        # beside the citizen: consultant, spouse, teacher, …
    place: str                                           # office | home | phone
    wishes: str = field(default="", metadata=PERSONAL)
    competences: str = field(default="", metadata=PERSONAL)
    barriers: str = field(default="", metadata=PERSONAL)


@dataclass(frozen=True)
class Assessment:
    """The five inputs (F-043) and the step that a person confirmed (F-042)."""

    confirmed: date
    start_step: str
    education: str                                       # none | primary | vocational | higher
    experience_years: int
    attendance: str                                      # stable | unstable | unknown
    months_away: int                                     # from the labour market
    physical_limits: str = field(default="", metadata=PERSONAL)


@dataclass(frozen=True)
class Placement:
    """Agreement and placement in one; activation has no agreement, it opens at the intake talk (F-039)."""

    measure: str
    start: date
    planned_end: date | None
    hours: int                                           # a week
    employer: int                                        # index in `people.employers(seed)`
    drafted: date | None = None
    grant_by: str | None = None                          # af | municipality
    grant_requested: date | None = None
    granted: date | None = None
    concluded: date | None = None
    prospect: str | None = None                          # job_here | job_in_trade | clarification
    extended: tuple[tuple[date, date], ...] = ()         # (decision, new planned end)
    ended: tuple[date, str] | None = None                # (day, how)


@dataclass(frozen=True)
class Refusal:
    """A fact of its own; a return may follow, or not."""

    offered: date
    guided: date
    refused: date
    acknowledged: date
    measure: str
    words: str = field(default="", metadata=PERSONAL)


@dataclass(frozen=True)
class Returned:
    """Back to the caseworker: why, and how she is placed now; the second never changes a count."""

    day: date
    reason: str
    present_state: str
    note: str = field(default="", metadata=PERSONAL)


Fact = Referral | IntakeTalk | Assessment | Placement | Refusal | Returned


@dataclass(frozen=True)
class Person:
    number: int                                          # unique in its cohort
    given_name: str = field(metadata=PERSONAL)
    family_name: str = field(metadata=PERSONAL)
    cpr: str = field(metadata=PERSONAL)                               # ten digits, valid date, modulus 11 fails
    phone: str = field(metadata=PERSONAL)
    email: str = field(metadata=PERSONAL)
    address: str = field(metadata=PERSONAL)
    born: date
    nationality: str                                     # ISO 3166-1; YUCS (ISO 3166-3); XXA: stateless
    birth_country: str
    family_origin: str
    benefit: str | None
    readiness: int | None                                # category 1 to 3 of 2004
    language_school: bool
    facts: tuple[Fact, ...]                              # by their first day


@dataclass(frozen=True, order=True)
class Moment:
    """One thing that somebody does on one day; `detail` is a new planned end, or how a placement ended."""

    day: date
    rank: int
    action: str = field(compare=False)
    fact: Fact = field(compare=False)
    detail: Any = field(compare=False, default=None)


# What may fall on one day, in the order in which it then happens.
ORDER = (
    "referral.send", "referral.guardian_consent", "referral.clear", "referral.accept", "intake.book", "intake.hold",
    "assessment.confirm", "refusal.offered", "refusal.guided", "refusal.refused", "refusal.acknowledged",
    "agreement.draft", "agreement.request_grant", "agreement.grant", "agreement.conclude", "placement.extend",
    "placement.end", "placement.start", "case.return",
)
_DAYS = {
    Referral: {"send": "sent", "guardian_consent": "guardian_consent", "clear": "cleared", "accept": "accepted"},
    IntakeTalk: {"book": "booked", "hold": "held"},
    Assessment: {"confirm": "confirmed"},
    Refusal: {name: name for name in ("offered", "guided", "refused", "acknowledged")},
    Returned: {"return": "day"},
}
_SUBJECT = {Referral: "referral", IntakeTalk: "intake", Assessment: "assessment", Refusal: "refusal", Returned: "case"}
_AGREEMENT = {"draft": "drafted", "request_grant": "grant_requested", "grant": "granted", "conclude": "concluded"}


def first_day(fact: Fact) -> date:
    """The day on which a fact is first heard of; facts sort by it."""
    if isinstance(fact, Placement):
        return fact.drafted or fact.start
    return getattr(fact, next(iter(_DAYS[type(fact)].values())))


def moments(person: Person) -> list[Moment]:
    """A person's life as single acts in the order in which they are done: what a loader walks."""
    return sorted(moment for fact in person.facts for moment in _moments(fact))


def _moments(fact: Fact) -> Iterator[Moment]:
    def at(day: date | None, action: str, detail: Any = None) -> Iterator[Moment]:
        if day is not None:
            yield Moment(day, ORDER.index(action), action, fact, detail)

    if not isinstance(fact, Placement):
        for action, name in _DAYS[type(fact)].items():
            yield from at(getattr(fact, name), f"{_SUBJECT[type(fact)]}.{action}")
        return
    for action, name in _AGREEMENT.items():
        yield from at(getattr(fact, name), f"agreement.{action}")
    yield from at(fact.start, "placement.start")
    for decided, new_end in fact.extended:
        yield from at(decided, "placement.extend", new_end)
    if fact.ended:
        yield from at(fact.ended[0], "placement.end", fact.ended[1])


def personal_values(thing: Any) -> Iterator[str]:
    """Every value of a field marked personal in a dataclass and in what it holds."""
    for part in fields(thing):
        value = getattr(thing, part.name)
        if part.metadata == PERSONAL:
            yield value
        elif isinstance(value, tuple):
            for inner in value:
                if is_dataclass(inner):
                    yield from personal_values(inner)

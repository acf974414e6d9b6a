# SPDX-License-Identifier: MPL-2.0
"""The six tables read straight from the facts of a cohort, to set beside what the services computed.

Written on its own: it shares no arithmetic with the plan or with any service, only the shape of the facts. Rules: a
person counts by the state at the end of the day; *returned* whatever runs, by the latest return, until a later referral
is accepted; otherwise by the highest placement that is active. Rows that the report lacks appear when not zero.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from jobtrappen.demo.life import Person, Placement, Referral, Returned

COUNTRIES = {
    "AF": "Afghanistan", "AZ": "Aserbajdsjan", "BA": "Bosnien", "BI": "Burundi", "DK": "Danmark",
    "CI": "Elfenbenskysten", "IQ": "Irak", "YUCS": "Jugoslavien", "LB": "Libanon", "MA": "Marokko", "PK": "Pakistan",
    "RW": "Rwanda", "SO": "Somalia", "LK": "Sri Lanka", "XXA": "Statsløs", "SY": "Syrien", "TN": "Tunesien",
    "TR": "Tyrkiet", "US": "USA", "VN": "Vietnam", "ZW": "Zimbabwe",
}
FAMILY_ORIGINS = ("Elfenbenskysten", "Afghanistan", "Bosnien", "Irak", "Libanon", "Marokko", "Tyrkiet", "Statsløse")
STATUS = (
    "ordinary_job", "wage_subsidy", "wage_subsidy_extended", "internship_extended", "leisure_job",
    "activation_project_EUC", "education", "other", "returned",
)
LADDER = ("ordinary_job", "wage_subsidy", "internship", "education", "leisure_job", "activation")
RETURN_ROWS = {
    "refuses_offers": "refuses_offers",
    "sick_leave": "on_sick_leave",
    "early_retirement_pension": "proposed_for_early_retirement_pension",
    "under_clarification": "under_clarification",
    "moved_away": "moved_away",
    "pregnant": "pregnant",
}
PATHS = {
    (True, True): "via_internship_and_wage_subsidy",
    (False, True): "via_wage_subsidy_alone",
    (True, False): "straight_after_internship",
    (False, False): "directly",
}


def tables(cohort: Iterable[Person], as_of: date) -> dict[str, dict[str, int]]:
    """{"table_1": {row key: count}, …}: published rows always, others when not zero; totals are the sums.

    Args:
        cohort: persons with their facts; facts after `as_of` are not looked at.
        as_of: the end of this day.
    """
    known = [person for person in cohort if _first_accepted(person, as_of)]
    status = {person.number: _status(person, as_of) for person in known}
    adults = [person for person in known if _track(person) == "adult"]
    back = [reason for person in known if (reason := _return_reason(person, as_of))]
    in_leisure_jobs = [
        person for person in known
        if _track(person) == "youth" and any(one.measure == "leisure_job" for one in _active(person, as_of))
        and not _return_reason(person, as_of)
    ]
    in_jobs = [person for person in known if status[person.number] == "ordinary_job"]
    refusers = sum(reason == "refuses_offers" for reason in back)
    return {
        "table_1": _rows(STATUS, status.values()),
        "table_2": {"refuses_offers": refusers, "illness_pregnancy_clarification_etc": len(back) - refusers},
        "table_3": _rows(COUNTRIES.values(), (COUNTRIES[person.nationality] for person in adults)),
        "table_4": _rows(FAMILY_ORIGINS, (_family_origin(person) for person in in_leisure_jobs)),
        "table_5": _rows(PATHS.values(), (_path(person, as_of) for person in in_jobs)),
        "table_6": _rows(RETURN_ROWS.values(), (RETURN_ROWS[reason] for reason in back)),
    }


def _rows(published: Iterable[str], counted: Iterable[str]) -> dict[str, int]:
    counts = Counter(counted)
    return {key: counts.pop(key, 0) for key in published} | dict(counts)


def _accepted(person: Person, as_of: date) -> list[Referral]:
    referrals = [fact for fact in person.facts if isinstance(fact, Referral)]
    return sorted((one for one in referrals if one.accepted and one.accepted <= as_of), key=lambda one: one.accepted)


def _first_accepted(person: Person, as_of: date) -> Referral | None:
    return next(iter(_accepted(person, as_of)), None)


def _track(person: Person) -> str:
    """Fixed at first contact."""
    return _accepted(person, date.max)[0].track


def _family_origin(person: Person) -> str:
    return "Statsløse" if person.family_origin == "XXA" else COUNTRIES[person.family_origin]


def _return_reason(person: Person, as_of: date) -> str | None:
    """The latest return's reason while no later referral has been accepted."""
    latest = max(
        (fact for fact in person.facts if isinstance(fact, Returned) and fact.day <= as_of),
        key=lambda fact: fact.day, default=None,
    )
    if latest is None or _accepted(person, as_of)[-1].accepted >= latest.day:
        return None
    return latest.reason


def _active(person: Person, as_of: date) -> list[Placement]:
    """Started on or before the day, and not ended on or before it; a planned end that has passed ends nothing."""
    return [
        fact for fact in person.facts
        if isinstance(fact, Placement) and fact.start <= as_of and not (fact.ended and fact.ended[0] <= as_of)
    ]


def _status(person: Person, as_of: date) -> str:
    """The row of table 1."""
    reason = _return_reason(person, as_of)
    if reason:
        return "returned" if reason == "refuses_offers" else "other"
    active = _active(person, as_of)
    if not active:
        return "not_placed"
    highest = min(active, key=lambda one: LADDER.index(one.measure))
    if highest.measure == "activation":
        return "activation_project_EUC"
    extended = any(decided <= as_of for decided, _ in highest.extended)
    if highest.measure in ("wage_subsidy", "internship") and extended:
        return f"{highest.measure}_extended"
    return highest.measure


def _path(person: Person, as_of: date) -> str:
    """How an ordinary job was come to, from the first referral on; activation is left out of it."""
    had = {fact.measure for fact in person.facts if isinstance(fact, Placement) and fact.start <= as_of}
    return PATHS["internship" in had, "wage_subsidy" in had]

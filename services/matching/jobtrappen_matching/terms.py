# SPDX-License-Identifier: MPL-2.0
"""What the dated rules say of an agreement's terms. Reads only; the law itself stands in jobtrappen.rules."""
from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from jobtrappen import people
from jobtrappen.errors import Invalid, not_yet
from jobtrappen.rules import Rule, all_rules, rule
from jobtrappen.tx import Tx
from jobtrappen_matching.codes import WITH_PROSPECT
from jobtrappen_matching.model import Agreement, Candidate, Employer

FULL_TIME = 37


def law(tx: Tx, name: str, case_id: UUID, on: date, measure: str, sector: str = "") -> Rule | None:
    """The row of a rule that speaks of this citizen on a day; None where the suite has no row.

    Raises:
        NotYet: a row asks for her benefit or readiness, and her profile has not come.
    """
    exact = {r.target for r in all_rules() if r.target != "*" and r.fits(name, measure, r.target, on)}
    if not exact:
        return rule(name, on, measure)
    candidate = tx.session.get(Candidate, case_id) or not_yet("case")
    hers = [candidate.track, sector]
    if exact - {"adult", "youth", "private", "public"}:
        known = people.copy_of(tx.session, tx.runtime, case_id) or not_yet("profile")
        hers = [known.get("readiness"), known.get("benefit"), known.get("target_group"), *hers]
    return rule(name, on, measure, next((t for t in hers if t in exact), "*"))


def approver(tx: Tx, agreement: Agreement) -> Rule:
    """Who decides on this agreement: value municipality, other_authority or none (F-123).

    Raises:
        Invalid: the rules do not reach back to the day of the start.
    """
    assert agreement.starts_on and agreement.measure
    found = law(tx, "approver", agreement.case_id, agreement.starts_on, agreement.measure)
    if found is None:
        raise Invalid("starts_on", f"lies before the first rule on approval that is known here; {agreement.starts_on} cannot be decided on")
    return found


def check(tx: Tx, agreement: Agreement) -> None:
    """Period and hours of an agreement against the rules of the day on which it starts.

    Raises:
        Invalid: names ends_on or weekly_hours, the rule's source and the remedy.
    """
    in_order(agreement)
    assert agreement.starts_on and agreement.measure
    employer = tx.session.get(Employer, agreement.employer_id)
    hours(tx, agreement, agreement.starts_on)
    longest = law(tx, "longest_weeks", agreement.case_id, agreement.starts_on, agreement.measure, employer.sector if employer else "")
    if longest and agreement.ends_on:
        last = agreement.starts_on + timedelta(weeks=longest.value, days=-1)
        if agreement.ends_on > last:
            raise Invalid("ends_on", f"is later than {last}: at most {longest.value} weeks of {agreement.measure} ({longest.source}). "
                                     "Give an earlier day; a longer one is a later extension with a grant of its own.")


def in_order(agreement: Agreement) -> None:
    """The period does not end before it starts.

    Raises:
        Invalid: names ends_on.
    """
    if agreement.starts_on and agreement.ends_on and agreement.ends_on < agreement.starts_on:
        raise Invalid("ends_on", f"lies before starts_on ({agreement.starts_on})")


def hours(tx: Tx, agreement: Agreement, on: date) -> None:
    """The weekly hours are within the rule of a day.

    Raises:
        Invalid: names weekly_hours.
    """
    assert agreement.measure
    most = law(tx, "weekly_hours", agreement.case_id, on, agreement.measure)
    if most and agreement.weekly_hours is not None and agreement.weekly_hours > most.value:
        raise Invalid("weekly_hours", f"is more than {most.value} ({most.source}); agree on fewer hours")


def prospect(measure: str | None, given: dict[str, Any]) -> None:
    """A prospect is stated for internship and wage subsidy, and for nothing else (F-095).

    Raises:
        Invalid: names prospect or learning_goals.
    """
    if given.get("prospect") and measure is not None and measure not in WITH_PROSPECT:
        raise Invalid("prospect", f"is for {' and '.join(WITH_PROSPECT)} only; leave it out for {measure}")
    if given.get("prospect") == "clarification" and not given.get("learning_goals"):
        raise Invalid("learning_goals", "is needed: a placement for clarification says what shall be learnt before its end date")


def quota(headcount: int, on: date) -> int | None:
    """How many full-time persons with a granted measure a workplace of this size may have at once; None without a rule."""
    found = rule("places_quota", on)
    if found is None:
        return None
    v = found.value
    below, above = min(headcount, v["upto"]), max(headcount - v["upto"], 0)
    return max(v["least"], below // v["one_in"] + above // v["above_one_in"])


def granted_measure(measure: str, on: date) -> bool:
    """True for the measures that some authority decides on; those are what the employer's quota counts."""
    found = rule("approver", on, measure)
    return found is not None and found.value != "none"


def hours_short(headcount: int | None, used: int, wanted: int, measure: str, on: date) -> int:
    """By how many weekly hours a workplace's quota would be passed; 0 when it is kept or its size is not known.

    Args:
        used: weekly hours of those who are there by a granted measure; full-time persons are hours / 37.
    """
    most = quota(headcount, on) if headcount and granted_measure(measure, on) else None
    return max(0, used + wanted - most * FULL_TIME) if most is not None else 0

# SPDX-License-Identifier: MPL-2.0
"""What holds for every life, in the published cohort and in random ones: order, grants, hours, places, markers."""
from __future__ import annotations

import re
from dataclasses import fields
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import holidays
import pytest
from stdnum.dk import cpr, cvr

from jobtrappen.demo import life
from jobtrappen.demo.life import Assessment, IntakeTalk, Person, Placement, Referral, Refusal, Returned, moments
from jobtrappen.demo.plan import canaries, employers, published_cohort, random_cohort

BEGIN, MAY = date(2003, 9, 1), date(2004, 5, 25)
CLOSED = holidays.country_holidays("DK", years=(2003, 2004))
COHORTS = {
    **{f"published {seed}": (published_cohort, (seed,)) for seed in (2004, 1, 2)},
    **{f"random {seed}": (random_cohort, (seed, 80)) for seed in range(25)},
}
get = cache(lambda name: COHORTS[name][0](*COHORTS[name][1]))


@pytest.fixture(params=COHORTS)
def cohort(request) -> list[Person]:
    return get(request.param)


def of(person: Person, kind: type) -> list:
    return [fact for fact in person.facts if isinstance(fact, kind)]


def ascending(*days: date | None) -> bool:
    return all(a <= b for a, b in pairwise(day for day in days if day))


def weekdays(first: date, last: date) -> int:
    days = (first + timedelta(days=n) for n in range((last - first).days))
    return sum(day.weekday() < 5 and day not in CLOSED for day in days)


def overlap(a: Placement, b: Placement) -> bool:
    return all(one.ended is None or one.ended[0] > two.start for one, two in ((a, b), (b, a)))


def test_everything_happens_on_working_days_of_the_period_in_the_order_told(cohort):
    for person in cohort:
        walked = moments(person)
        assert walked[0].action == "referral.send" and ascending(*(moment.day for moment in walked))
        for moment in walked:
            assert BEGIN <= moment.day <= MAY and moment.day.weekday() < 5 and moment.day not in CLOSED, moment
        assert ascending(*(life.first_day(fact) for fact in person.facts))


def test_each_step_waits_for_the_one_before(cohort):
    for person in cohort:
        for referral in of(person, Referral):
            assert ascending(referral.sent, referral.guardian_consent or referral.cleared, referral.accepted)
            waited = weekdays(referral.sent, referral.accepted or MAY)
            assert waited < 10, "an answer later than this would come after the referral expired"
        accepted = [one.accepted for one in of(person, Referral)]
        for number, talk in enumerate(of(person, IntakeTalk)):
            assert ascending(accepted[number], talk.booked, talk.held)
        for number, assessment in enumerate(of(person, Assessment)):
            assert of(person, IntakeTalk)[number].held <= assessment.confirmed
        for one in of(person, Placement):
            assert ascending(one.drafted, one.grant_requested, one.granted, one.concluded, one.start)
            assert ascending(accepted[0], life.first_day(one))
        for one in of(person, Refusal):
            assert ascending(accepted[0], one.offered, one.guided, one.refused, one.acknowledged)


def test_a_youth_has_consent_and_only_leisure_jobs(cohort):
    """F-055; the track of a first contact stays."""
    adult_by = lambda person, day: (person.born.year + 18, person.born.month, person.born.day) <= day.timetuple()[:3]
    for person in cohort:
        track = of(person, Referral)[0].track
        measures = {one.measure for one in of(person, Placement)}
        if track == "youth":
            assert all(one.guardian_consent or not one.accepted for one in of(person, Referral))
            assert measures <= {"leisure_job"} and not adult_by(person, MAY)
            assert person.benefit is None
        else:
            assert "leisure_job" not in measures and person.benefit and person.readiness in (1, 2, 3)
            assert adult_by(person, BEGIN)


def test_grants_follow_the_rule_of_2004(cohort):
    """AF for the insured, the municipality otherwise, nobody for the rest (F-123)."""
    for person in cohort:
        for one in of(person, Placement):
            approver = "af" if person.benefit == "unemployment_benefit" else "municipality"
            needs = one.measure in ("internship", "wage_subsidy")
            assert one.grant_by == (approver if needs else None)
            assert bool(one.granted) == bool(one.grant_requested) == bool(one.prospect) == needs
            assert bool(one.concluded) == bool(one.drafted) == (one.measure != "activation")


def test_an_internship_is_at_most_three_months_unless_extended(cohort):
    """F-126."""
    for person in cohort:
        for one in of(person, Placement):
            if one.measure == "internship":
                assert one.planned_end and (one.planned_end - one.start).days < 90


def test_extensions_and_ends_agree_with_what_was_planned_by_then(cohort):
    for person in cohort:
        for one in of(person, Placement):
            last, decided = one.planned_end, one.start
            for day, new_end in one.extended:
                assert decided <= day <= last < new_end and day > one.start
                last, decided = new_end, day
            if one.ended:
                assert one.ended[0] > one.start and one.ended[0] >= decided
                assert last is None or one.ended[0] <= last


def test_hours_stay_within_37_and_no_one_is_twice_at_one_place_at_once(cohort):
    """F-040: a pupil's activation leaves room for her school."""
    for person in cohort:
        for one in of(person, Placement):
            beside = [other for other in of(person, Placement) if overlap(one, other) and other.start <= one.start]
            assert sum(other.hours for other in beside) <= 37, person
            assert len({other.employer for other in beside}) == len(beside)
            below = {"internship", "wage_subsidy"} if one.measure == "ordinary_job" else set()
            later = [other for other in of(person, Placement) if overlap(one, other) and other.start > one.start]
            assert not below & {other.measure for other in later}


def test_nothing_is_done_with_a_returned_citizen_until_she_is_referred_again(cohort):
    for person in cohort:
        out = False
        for moment in moments(person):
            assert not out or moment.action == "referral.send", (person.number, moment)
            out = moment.action == "case.return"
        for back in of(person, Returned):
            assert back.reason in life.RETURN_REASONS
            if back.reason == "refuses_offers":
                assert any(one.acknowledged <= back.day for one in of(person, Refusal))
                assert back.present_state in ("no_transfer_income", "under_clarification")


def test_subsidised_places_stay_within_a_fifth_of_the_staff(cohort):
    staff = {one.index: one.employees for one in employers()}
    subsidised = [one for person in cohort for one in of(person, Placement) if one.grant_by]
    for one in subsidised:
        same = [other for other in subsidised if other.employer == one.employer and other.start <= one.start]
        assert sum(overlap(one, other) for other in same) <= staff[one.employer] // 5


def test_every_personal_field_carries_a_marker_that_the_canaries_find(cohort):
    found = set(canaries(cohort))
    codes = re.compile(r"[a-z_]+|[A-Z]{2,4}")
    for person in cohort:
        ascii_token, danish_token = f"Zqx{person.number:04d}", f"Æøåq{person.number:04d}"
        assert {ascii_token, danish_token} <= found
        for thing in (person, *person.facts):
            for part in fields(thing):
                value = getattr(thing, part.name)
                if isinstance(value, str) and not codes.fullmatch(value):
                    assert value in found, part.name
                    unmarked = part.name in ("cpr", "phone", "email")
                    assert unmarked or ascii_token in value or danish_token in value, part.name


def test_no_cpr_number_can_be_somebodys(cohort):
    """A real date, so that it is taken; modulus 11 fails, so that nobody had it before 2007."""
    for person in cohort:
        assert cpr.is_valid(person.cpr) and cpr.get_birth_date(person.cpr) == person.born
        assert sum(int(d) * w for d, w in zip(person.cpr, (4, 3, 2, 7, 6, 5, 4, 3, 2, 1), strict=True)) % 11
        assert (person.born.day, person.born.month) != (1, 1)
    assert len({person.cpr for person in cohort}) == len(cohort)


def test_employers_have_numbers_that_check_and_belong_to_nobody():
    listed = employers()
    assert all(cvr.is_valid(one.cvr) and one.cvr.startswith("99") for one in listed)
    assert all(re.fullmatch(r"99\d{8}", one.p_number) for one in listed)
    assert len({one.cvr for one in listed}) == len({one.p_number for one in listed}) == len(listed)
    assert [one.index for one in listed] == list(range(len(listed)))
    assert {one.kind for one in listed} == {"company", "school", "activation_site"}


def test_random_cohorts_reach_what_the_published_one_does_not():
    """All six reasons, two placements at once, returns that end nothing, plain internships, nobody placed."""
    people = [person for name in COHORTS if name.startswith("random") for person in get(name)]
    assert {one.reason for person in people for one in of(person, Returned)} == set(life.RETURN_REASONS)
    two = [
        {a.measure, b.measure} for person in people for a in of(person, Placement) for b in of(person, Placement)
        if a is not b and overlap(a, b)
    ]
    for pair in ({"ordinary_job"}, {"ordinary_job", "education"}, {"internship", "activation"}, {"leisure_job"}):
        assert pair in two
    assert any(len(of(person, Referral)) > 2 for person in people)
    assert any(referral.accepted is None for person in people for referral in of(person, Referral))
    assert any(
        of(person, Returned) and any(one.ended is None for one in of(person, Placement)) for person in people)
    assert any(
        a.extended and not b.extended and a.measure == b.measure
        for person in people for a, b in pairwise(of(person, Placement)))
    assert any(of(person, Refusal) and not of(person, Returned) for person in people)

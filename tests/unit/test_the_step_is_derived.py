# SPDX-License-Identifier: MPL-2.0
"""Where a citizen stands: derived, never typed (F-125); and the plan that opens when a placement starts (F-130 to F-132)."""
from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtrappen_followup import plans
from jobtrappen_followup.duties import workday
from jobtrappen_followup.staircase import Change, Stay, derive, path

DAY = date(2026, 11, 23)
MEASURES = ("activation", "internship", "wage_subsidy", "ordinary_job", "leisure_job", "education", "self_employment", "flexjob")
ABOVE = {  # typed by hand: what stands above what, for adults
    "ordinary_job": 8, "wage_subsidy": 7, "internship": 6, "education": 5, "self_employment": 4, "flexjob": 3, "activation": 2, "leisure_job": 1,
}


@given(st.lists(st.sampled_from(MEASURES), min_size=1), st.randoms(use_true_random=False))
def test_the_highest_that_runs_is_the_step_in_whatever_order_it_is_told(running, random):
    step = derive(running, track="adult")
    assert step in running and all(ABOVE[step] >= ABOVE[other] for other in running)
    shuffled = random.sample(running, len(running))
    assert derive(shuffled, track="adult") == derive(shuffled * 2, track="adult") == step


@given(st.lists(st.sampled_from(MEASURES)))
def test_a_returned_case_is_returned_whatever_runs_and_a_question_moves_only_one_who_stands_nowhere(running):
    assert derive(running, track="adult", returned=True) == "returned"
    assert derive(running, track="adult", clarifying=True) == (derive(running, track="adult") if running else "under_clarification")


@given(st.lists(st.sampled_from(MEASURES)))
def test_a_youths_leisure_job_is_her_highest_step(running):
    assert derive([*running, "leisure_job"], track="youth") == "leisure_job"


def test_nothing_that_runs_is_no_step():
    assert derive([], track="adult") == "none"


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(("start", "end", "return", "readmit")), st.integers(0, 3)), max_size=25))
def test_the_path_says_for_each_day_what_derive_says_of_that_day(acts):
    """The dated path against a day-by-day count of its own."""
    acts = sorted(acts, key=lambda a: a[0])
    measure = {n: MEASURES[n] for n in range(4)}
    changes = [Change(DAY, "course", "c", "open")]
    for offset, act, n in acts:
        day = DAY + timedelta(days=offset)
        if act in ("start", "end"):
            changes.append(Change(day, "placement", str(n), "active" if act == "start" else "ended", measure[n]))
        else:
            changes.append(Change(day, "course", "c", "returned" if act == "return" else "open"))
    stays = path(changes, "adult")
    for offset in range(22):
        day = DAY + timedelta(days=offset)
        told = [a for a in acts if a[0] <= offset]
        course = next((a[1] for a in reversed(told) if a[1] in ("return", "readmit")), "readmit")
        running = [measure[n] for n in range(4) if next((a[1] for a in reversed(told) if a[1] in ("start", "end") and a[2] == n), "end") == "start"]
        expected = derive(running, track="adult", returned=course == "return")
        assert [s.step for s in stays if s.since <= day and (s.until is None or day < s.until)] == [expected]


def test_steps_may_be_skipped_repeated_and_gone_back_on_and_all_of_it_is_kept():  # F-125
    told = (("a", "internship"), ("b", "ordinary_job"), ("c", "internship"), ("d", "wage_subsidy"))
    changes = [Change(DAY, "course", "c", "open")]
    for n, (id, measure) in enumerate(told):
        start = DAY + timedelta(days=10 * n + 1)
        changes += [Change(start, "placement", id, "active", measure), Change(start + timedelta(days=10), "placement", id, "ended", measure)]
    assert [s.step for s in path(sorted(changes, key=lambda c: c.day), "adult")] == ["none", "internship", "ordinary_job", "internship", "wage_subsidy", "none"]


def test_a_course_that_was_opened_by_mistake_is_nowhere_on_the_path_after_that():
    changes = [Change(DAY, "course", "c", "open"), Change(DAY + timedelta(days=2), "course", "c", "retracted"), Change(DAY + timedelta(days=5), "course", "c", "open")]
    assert path(changes, "adult") == [Stay("none", DAY, DAY + timedelta(days=2)), Stay("none", DAY + timedelta(days=5), None)]


def test_the_plan_is_dense_first_and_thin_later():  # F-130, F-131
    plan = plans.planned("internship", DAY, DAY + timedelta(weeks=60), "standard")
    assert plan[0] == ("first_day_call", DAY)
    gaps = [(b - a).days for (_, a), (_, b) in pairwise(plan[1:])]
    assert gaps[:2] == [7, 14] and set(gaps[2:]) == {28} and plan[-1][1] == DAY + timedelta(weeks=52)


@pytest.mark.parametrize("weeks", [2, 8, 13])
def test_no_contact_is_planned_after_the_planned_end_but_aftercare_of_a_job(weeks):  # F-147
    end = DAY + timedelta(weeks=weeks)
    assert max(day for _, day in plans.planned("wage_subsidy", DAY, end, "weekly")) <= workday(end)
    assert max(day for _, day in plans.planned("ordinary_job", DAY, end, "standard")) == DAY + timedelta(weeks=52)


@given(st.dates(date(2003, 1, 1), date(2030, 1, 1)), st.integers(1, 52))
def test_weekly_intensity_leaves_no_week_without_a_contact(start, weeks):  # F-132
    days = [day for _, day in plans.planned("education", start, start + timedelta(weeks=weeks), "weekly")]
    assert all(0 <= (b - a).days <= 9 for a, b in pairwise(days)) and len(days) == len(set(days)) == weeks + 1
    assert all(day.weekday() < 5 for day in days[1:])


@pytest.mark.parametrize("nonsense", [None, "call", [("call", DAY)], [("contact", "2026-11-23")], [("contact",)], [1], {"contact": DAY}])
def test_a_plan_of_another_shape_is_left_out(nonsense):
    assert not plans.usable(nonsense)


def test_the_order_of_measures_does_not_matter_for_any_pair():
    for a, b in permutations(MEASURES, 2):
        assert derive([a, b], track="adult") == max((a, b), key=ABOVE.__getitem__)

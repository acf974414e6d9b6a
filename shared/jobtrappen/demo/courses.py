# SPDX-License-Identifier: MPL-2.0
"""The kinds of course in the published cohort. Each writes one life; `i` counts within the kind.

Windows keep the kinds apart on the two cut-off days; the first or last of a kind often stands exactly on one of them.
"""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from .builder import Draft
from .days import BEGIN, MARCH, MAY, pick, step, weeks
from .life import EDUCATION, INTERNSHIP, LEISURE_JOB, ORDINARY_JOB, WAGE_SUBSIDY, Referral

SPRING = date(2004, 3, 12)                               # the last working day before 15 March
AFTER_MARCH = date(2004, 3, 16)
LAST_START = date(2004, 5, 21)
SUMMER = (date(2004, 6, 1), date(2004, 7, 30))           # where what goes on in May is planned to end
Extensions = tuple[tuple[date, date], ...]

OTHERWISE = (
    *["sick_leave"] * 4, "early_retirement_pension", *["under_clarification"] * 3, *["moved_away"] * 2,
    *["pregnant"] * 3,
)
BROKEN_OFF = {"moved_away": "moved", "early_retirement_pension": "broken_off_by_employer"}
LATER_OTHERWISE = ("sick_leave", "under_clarification", "pregnant", "sick_leave", "under_clarification")


def opening(d: Draft, start: date, start_step: str, *, activate: bool | None = None) -> None:
    """The way in before a first placement; of those who may be activated at once (F-039), a half is."""
    early = not d.youth and d.floor == BEGIN and start < date(2003, 10, 15)       # first from lists (F-032)
    d.contact(
        max(step(start, -d.rng.randint(3, 9)), d.floor), start_step,
        activate=d.rng.random() < 0.5 if activate is None else activate, source="csv_list" if early else None,
    )


def over_subsidy_to_job(d: Draft, i: int) -> None:
    """31: internship, wage subsidy (28 of them twice, the second on 15 March), then an ordinary job by 25 May."""
    start = pick(d.rng, date(2003, 9, 22), date(2003, 10, 17))
    opening(d, start, INTERNSHIP)
    if i % 5 == 4:                                       # two short trials at different firms (F-044)
        middle = weeks(start, d.rng.randint(2, 3))
        d.place(INTERNSHIP, start, middle, until=middle)
        start = step(middle, 1)
    end = weeks(start, d.rng.randint(9, 12) if i < 3 else d.rng.randint(4, 6))
    d.place(INTERNSHIP, start, end, until=end)
    start = step(end, d.rng.randint(1, 3))
    if i >= 3:
        end = weeks(start, d.rng.randint(5, 7))
        d.place(WAGE_SUBSIDY, start, end, until=end)
        start = step(end, d.rng.randint(1, 3))
    extended: Extensions = ()
    if i % 6 == 5:                                       # the last subsidy was extended before it led to the job
        planned = pick(d.rng, date(2004, 3, 16), date(2004, 4, 6))
        decided = pick(d.rng, date(2004, 3, 1), min(planned, date(2004, 3, 26)))
        extended = ((decided, weeks(planned, 9)),)
        job = pick(d.rng, date(2004, 3, 29), date(2004, 5, 14))
    else:
        planned = pick(d.rng, date(2004, 6, 1), date(2004, 6, 30))
        job = MAY if i == 30 else pick(d.rng, AFTER_MARCH, LAST_START)
    d.place(WAGE_SUBSIDY, start, planned, until=job, extended=extended)
    d.place(ORDINARY_JOB, job)


def straight_to_job(d: Draft, i: int) -> None:
    """24: an ordinary job with no internship or subsidy before it."""
    start = date(2003, 11, 3) if i == 7 else pick(d.rng, date(2003, 9, 22), SPRING)
    if i == 1:                                           # a refusal that no return followed
        start = pick(d.rng, date(2003, 11, 10), SPRING)
        opening(d, step(start, -10), ORDINARY_JOB, activate=False)
        d.floor = d.refuse(step(start, -12))
    else:
        opening(d, start, ORDINARY_JOB, activate=i % 4 == 2)
    if i in (5, 6):                                      # two half-time jobs
        d.place(ORDINARY_JOB, start, hours=18)
        d.place(ORDINARY_JOB, pick(d.rng, step(start, 1), LAST_START), hours=15)
    elif i == 7:                                         # changed jobs without a day between
        change = date(2004, 2, 2)
        d.place(ORDINARY_JOB, start, until=change, how="resigned")
        d.place(ORDINARY_JOB, change)
    else:
        d.place(ORDINARY_JOB, MARCH if i == 23 else start)


def internship_to_job(d: Draft, i: int) -> None:
    """5: an ordinary job straight after an internship, one of them after an extended one."""
    start = pick(d.rng, date(2003, 9, 22), date(2003, 12, 5))
    opening(d, start, INTERNSHIP)
    end = weeks(start, d.rng.randint(4, 8))
    extended = ((step(end, -3), weeks(end, 4)),) if i == 0 else ()
    last = extended[0][1] if extended else end
    d.place(INTERNSHIP, start, end, until=last, extended=extended)
    d.place(ORDINARY_JOB, step(last, 1))


def in_subsidy(d: Draft, i: int) -> None:
    """21: a wage subsidy that was never extended; three came back once, some extended an internship before it."""
    start = pick(d.rng, date(2004, 1, 19), SPRING)
    if i < 3:
        back_once(d, *(("sick_leave",), ("refuses_offers", "no_transfer_income"), ("under_clarification",))[i])
    elif i % 3 == 0:
        began = pick(d.rng, start - timedelta(weeks=9), start - timedelta(weeks=7))
        opening(d, began, INTERNSHIP)
        end = weeks(began, d.rng.randint(3, 6))
        d.place(INTERNSHIP, began, end, until=end)
    elif i % 3 == 1:                                     # the extension belongs to the placement before
        began = pick(d.rng, start - timedelta(weeks=13), start - timedelta(weeks=12))
        opening(d, began, INTERNSHIP)
        end = weeks(began, 6)
        d.place(INTERNSHIP, began, end, until=weeks(began, 11), extended=((step(end, -4), weeks(began, 11)),))
    else:
        start = pick(d.rng, date(2003, 12, 8), SPRING)
    if i < 3 or i % 3 == 2:
        opening(d, start, WAGE_SUBSIDY)
    d.place(WAGE_SUBSIDY, start, pick(d.rng, *SUMMER))


def in_extended_subsidy(d: Draft, i: int) -> None:
    """23: a wage subsidy extended by 25 May; ten by a decision on or before 15 March, two of those twice."""
    if i < 10:
        start = date(2003, 12, 15) if i == 0 else pick(d.rng, date(2003, 10, 13), date(2003, 12, 12))
        planned = date(2004, 3, 19) if i == 0 else weeks(start, d.rng.randint(10, 13))
        decided = MARCH if i == 0 else pick(d.rng, step(planned, -10), min(planned, SPRING))
    else:
        planned = date(2004, 5, 28) if i == 22 else pick(d.rng, date(2004, 3, 22), LAST_START)
        start = pick(d.rng, planned - timedelta(weeks=20), min(planned - timedelta(weeks=11), SPRING))
        decided = MAY if i == 22 else pick(d.rng, max(AFTER_MARCH, step(planned, -12)), planned)
    extended: Extensions = ((decided, pick(d.rng, *SUMMER)),)
    if i in (1, 2):
        middle = pick(d.rng, date(2004, 4, 13), date(2004, 5, 14))
        extended = ((decided, middle), (pick(d.rng, step(middle, -8), middle), pick(d.rng, *SUMMER)))
    if i % 2 and start >= date(2003, 11, 24):
        began = pick(d.rng, start - timedelta(weeks=8), start - timedelta(weeks=5))
        opening(d, began, INTERNSHIP)
        end = weeks(began, d.rng.randint(2, 4))
        d.place(INTERNSHIP, began, end, until=end)
    else:
        opening(d, start, WAGE_SUBSIDY)
    d.place(WAGE_SUBSIDY, start, planned, extended=extended)


def in_extended_internship(d: Draft, i: int) -> None:
    """23: an internship of at most three months, extended by 25 May; nine by a decision on or before 15 March."""
    if i < 9:
        start = pick(d.rng, date(2003, 12, 29), date(2004, 1, 23))
        planned = date(2004, 3, 19) if i == 0 else weeks(start, d.rng.randint(8, 12))
        decided = MARCH if i == 0 else pick(d.rng, min(step(planned, -10), date(2004, 3, 8)), min(planned, SPRING))
    else:
        planned = date(2004, 5, 28) if i == 22 else pick(d.rng, date(2004, 3, 22), LAST_START)
        start = pick(d.rng, planned - timedelta(days=84), min(planned - timedelta(days=35), SPRING))
        decided = MAY if i == 22 else pick(d.rng, max(AFTER_MARCH, step(planned, -8)), planned)
    if i % 4 in (1, 2):                                  # steps repeated and gone down are normal (F-125)
        began = pick(d.rng, start - timedelta(weeks=9), start - timedelta(weeks=7))
        earlier = INTERNSHIP if i % 4 == 1 else WAGE_SUBSIDY
        opening(d, began, earlier)
        end = weeks(began, d.rng.randint(4, 6))
        how = None if earlier == INTERNSHIP else "no_prospect"
        d.place(earlier, began, end, until=end, how=how)
    else:
        opening(d, start, INTERNSHIP)
    d.place(INTERNSHIP, start, planned, extended=((decided, pick(d.rng, SUMMER[0], date(2004, 6, 25))),))


def refused(d: Draft, i: int) -> None:
    """12: returned by 15 March because offers were refused; six without transfer income, six under clarification."""
    state = "no_transfer_income" if i % 2 else "under_clarification"
    assessed = pick(d.rng, date(2003, 9, 15), date(2004, 1, 5) if i % 3 == 1 else date(2004, 2, 12))
    d.contact(assessed, WAGE_SUBSIDY, activate=i % 4 < 2)
    day = step(assessed, d.rng.randint(1, 5))
    if i % 3 == 1:
        start = step(assessed, d.rng.randint(3, 8))
        day = step(start, d.rng.randint(5, 18))
        d.place(INTERNSHIP, start, weeks(start, 8), until=day, how="broken_off_by_citizen")
    seen = d.refuse(day)
    d.give_back(MARCH if i == 0 else step(seen, d.rng.randint(0, 5)), "refuses_offers", state)


def otherwise_returned(d: Draft, i: int) -> None:
    """13: returned by 15 March for another reason; the one proposed for early pension had failed twice (F-145)."""
    reason = OTHERWISE[i]
    pension = reason == "early_retirement_pension"
    assessed = pick(d.rng, date(2003, 9, 15), date(2003, 10, 10) if pension else date(2004, 1, 16))
    d.contact(assessed, INTERNSHIP, activate=i % 2 == 0)
    day = step(assessed, d.rng.randint(3, 20))
    for _ in range(2 if pension else i % 2):
        start = step(d.floor, d.rng.randint(3, 8))
        day = step(start, d.rng.randint(8, 20))
        d.place(INTERNSHIP, start, weeks(start, 10), until=day, how=BROKEN_OFF.get(reason, "broken_off_by_citizen"))
        d.floor = step(day, 1)
    d.give_back(step(day, 2), reason)


def activation_then(d: Draft, i: int) -> None:
    """13: in activation on 15 March; by 25 May six in education, two refused, five otherwise returned."""
    assessed = MARCH if i == 0 else pick(d.rng, date(2004, 1, 12), SPRING)
    d.contact(assessed, INTERNSHIP, activate=True, gap=0 if i == 0 else 2)
    if i < 6:
        d.place(EDUCATION, pick(d.rng, date(2004, 3, 22), LAST_START), date(2004, 6, 25))
    elif i < 8:
        seen = d.refuse(pick(d.rng, AFTER_MARCH, date(2004, 5, 5)))
        state = "no_transfer_income" if i == 6 else "under_clarification"
        d.give_back(step(seen, d.rng.randint(0, 2)), "refuses_offers", state)
    else:
        d.give_back(MAY if i == 8 else pick(d.rng, AFTER_MARCH, LAST_START), LATER_OTHERWISE[i - 8])


def new_in_activation(d: Draft, i: int) -> None:
    """13: accepted after 15 March, the first on 16 March but sent before, and in activation on 25 May."""
    d.floor = AFTER_MARCH
    d.contact(AFTER_MARCH if i == 0 else pick(d.rng, date(2004, 4, 5), LAST_START), INTERNSHIP, activate=True)
    if i == 0:
        d.facts = [replace(one, sent=date(2004, 3, 11)) if isinstance(one, Referral) else one for one in d.facts]


def leisure(d: Draft, i: int) -> None:
    """23 youths in a leisure job on both days; some had another one before."""
    start = MARCH if i == 22 else pick(d.rng, date(2003, 10, 6), SPRING)
    opening(d, start, INTERNSHIP, activate=False)
    if i % 6 == 0 and start < date(2004, 1, 30):
        change = pick(d.rng, step(start, 10), SPRING)
        d.place(LEISURE_JOB, start, until=change, how="resigned")
        start = change
    d.place(LEISURE_JOB, start, date(2004, 6, 25) if i % 3 else None)


def late_leisure(d: Draft, i: int) -> None:
    """1 youth who came after 15 March."""
    d.floor = AFTER_MARCH
    start = pick(d.rng, date(2004, 4, 13), LAST_START)
    opening(d, start, INTERNSHIP, activate=False)
    d.place(LEISURE_JOB, start)


def back_once(d: Draft, reason: str, state: str | None = None) -> None:
    """Referred in the autumn and returned; what follows is a new referral before 15 March."""
    assessed = pick(d.rng, date(2003, 9, 15), date(2003, 10, 10))
    d.contact(assessed, WAGE_SUBSIDY, activate=d.rng.random() < 0.5)
    day = d.refuse(step(assessed, 3)) if reason == "refuses_offers" else step(assessed, 8)
    d.give_back(step(day, d.rng.randint(2, 12)), reason, state)
    d.floor = step(day, 25)


CONTACTED = (                                            # the 165 adults of 15 March
    (31, over_subsidy_to_job), (24, straight_to_job), (5, internship_to_job), (21, in_subsidy),
    (23, in_extended_subsidy), (23, in_extended_internship), (12, refused), (13, otherwise_returned),
    (13, activation_then),
)
LATER = ((13, new_in_activation),)
YOUTHS = ((23, leisure),)
LATER_YOUTHS = ((1, late_leisure),)

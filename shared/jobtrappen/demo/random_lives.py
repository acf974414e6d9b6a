# SPDX-License-Identifier: MPL-2.0
"""Any life within the rules of 2004, cut off on 25 May 2004: nothing is arranged to fit a table."""
from __future__ import annotations

from datetime import date

from .builder import Draft
from .days import BEGIN, pick, step, weeks
from .life import EDUCATION, INTERNSHIP, LEISURE_JOB, ORDINARY_JOB, RETURN_REASONS, WAGE_SUBSIDY, Placement

MAIN = (INTERNSHIP,) * 3 + (WAGE_SUBSIDY,) * 3 + (ORDINARY_JOB,) * 2 + (EDUCATION,)
# What may run beside what: never a step below an ordinary job while the job runs, never two subsidised of one kind.
BESIDE = {
    ORDINARY_JOB: (ORDINARY_JOB, EDUCATION), WAGE_SUBSIDY: (EDUCATION,), INTERNSHIP: (EDUCATION, WAGE_SUBSIDY),
    LEISURE_JOB: (LEISURE_JOB,),
}
LONGEST = {INTERNSHIP: 12, WAGE_SUBSIDY: 12, ORDINARY_JOB: 14, EDUCATION: 14, LEISURE_JOB: 14}
HOWS = ("resigned", "dismissed", "broken_off_by_citizen", "broken_off_by_employer", "no_prospect")


def write_any_life(d: Draft) -> None:
    """Referred, and then up to nine turns: placements alone or two at once, breaks, refusals, returns."""
    rng = d.rng
    while not d.facts:                                   # drawn again when it would be sent after the last day
        d.floor = pick(rng, BEGIN, date(2004, 2, 13) if rng.random() < 0.85 else date(2004, 5, 21))
        contacted = _referred(d)
    if not contacted:
        return
    for _ in range(rng.randint(1, 9)):
        turn = rng.random()
        if turn < 0.12 and not d.youth:
            d.floor = d.refuse(step(d.floor, rng.randint(1, 6)), rng.choice(MAIN[:8]))
        elif turn < 0.26:
            if not _returned(d) or rng.random() < 0.4:
                return
            if not _referred(d):
                return
        elif turn < 0.34:
            if rng.random() < 0.5:                       # a break, in which at most the activation runs on
                d.end_activation(d.floor, "completed")
            d.floor = step(d.floor, rng.randint(3, 20))
        elif not _placed(d):
            return
        if d.floor > d.horizon:
            return


def _referred(d: Draft) -> bool:
    """A referral, its talk and its assessment; False when the last day comes before they are done."""
    assessed = step(d.floor, d.rng.randint(2, 14))
    start_step = d.rng.choice((INTERNSHIP, WAGE_SUBSIDY, ORDINARY_JOB))
    source = d.rng.choice(("self_referral",) if d.youth else ("form", "form", "self_referral", "csv_list"))
    return d.contact(assessed, start_step, activate=not d.youth and d.rng.random() < 0.6, source=source)


def _returned(d: Draft) -> bool:
    rng = d.rng
    reason = "moved_away" if d.youth else rng.choice((*RETURN_REASONS, "refuses_offers", "refuses_offers"))
    day = step(d.floor, rng.randint(1, 8))
    if reason == "refuses_offers":
        day = step(d.refuse(day), rng.randint(0, 4))
    if day > d.horizon:
        return False
    state = rng.choice(("no_transfer_income", "under_clarification")) if reason == "refuses_offers" else None
    d.give_back(day, reason, state)
    return True


def _placed(d: Draft) -> bool:
    """A placement, now and then with another beside it; False when it still runs on the last day."""
    rng = d.rng
    measure = LEISURE_JOB if d.youth else rng.choice(MAIN)
    start = step(d.floor, rng.randint(1, 7))
    if start > d.horizon:
        return False
    two = measure in BESIDE and rng.random() < 0.3
    placed = [_one(d, measure, start, two=two)]
    if two:
        other = rng.choice(BESIDE[measure])
        start = step(start, rng.randint(0, 15))
        if start <= d.horizon and (not placed[0].ended or start < placed[0].ended[0]):
            placed.append(_one(d, other, start, two=True, beside=True))
    d.floor = max(day for one in placed for day in _days(one))
    if all(one.ended for one in placed):
        return True
    if not d.youth and rng.random() < 0.2:               # returned while it runs: the return decides, it is never ended
        _returned(d)
    return False


def _one(d: Draft, measure: str, start: date, *, two: bool, beside: bool = False) -> Placement:
    """One placement from `start`, with the extensions and the end that fall within the horizon."""
    rng = d.rng
    planned = weeks(start, rng.randint(2, LONGEST[measure]))
    last: date = planned
    extended: list[tuple[date, date]] = []
    while len(extended) < 2 and rng.random() < 0.4:
        decided = max(step(last, -rng.randint(1, 8)), step(start, 1), *(day for day, _ in extended))
        last = weeks(step(last, 1), rng.randint(2, 10))
        extended.append((decided, last))
    until: date | None = last
    how, open_ended = None, False
    if rng.random() < 0.3:                               # broken off, after what has been decided until then
        until, how = pick(rng, step(start, 1), last), rng.choice(HOWS)
    elif measure in (ORDINARY_JOB, LEISURE_JOB) and rng.random() < 0.6:
        extended, until, open_ended = [], None, True
    elif rng.random() < 0.05:                            # nobody has ended it yet, though its last day has passed
        until = None
    said = [(day, end) for day, end in extended if day <= d.horizon and (until is None or day < until)]
    if until and until > d.horizon:
        until = None
    goes_on = d.activation is not None and d.activation.hours == 17 and not two and rng.random() < 0.4
    hours = rng.randint(3, 6) if d.youth else rng.randint(*((15, 18) if two or goes_on else (20, 37)))
    end = None if open_ended else planned
    return d.place(
        measure, start, end, until=until, how=how, extended=tuple(said), hours=hours, beside=beside or goes_on,
    )


def _days(placement: Placement) -> list[date]:
    """The days on which something was done about a placement."""
    ended = [placement.ended[0]] if placement.ended else []
    return [placement.start, *ended, *(day for day, _ in placement.extended)]

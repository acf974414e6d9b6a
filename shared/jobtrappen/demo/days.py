# SPDX-License-Identifier: MPL-2.0
"""Working days of the observed period, 1 September 2003 to 25 May 2004."""
from __future__ import annotations

from datetime import date, timedelta
from random import Random

BEGIN = date(2003, 9, 1)
MARCH = date(2004, 3, 15)
MAY = date(2004, 5, 25)

# Danish public holidays of the period, and the two eves on which offices are closed.
CLOSED = frozenset(
    date.fromisoformat(day)
    for day in (
        "2003-12-24", "2003-12-25", "2003-12-26", "2003-12-31", "2004-01-01",
        "2004-04-08", "2004-04-09", "2004-04-12", "2004-05-07", "2004-05-20", "2004-05-31",
    )
)


def is_open(day: date) -> bool:
    """Whether offices are open: a weekday that is no public holiday."""
    return day.weekday() < 5 and day not in CLOSED


def before(day: date) -> date:
    """The last working day on or before `day`."""
    while not is_open(day):
        day -= timedelta(days=1)
    return day


def after(day: date) -> date:
    """The first working day on or after `day`."""
    while not is_open(day):
        day += timedelta(days=1)
    return day


def step(day: date, count: int) -> date:
    """`count` working days after `day` (before it, when negative)."""
    one = timedelta(days=1 if count > 0 else -1)
    move = after if count > 0 else before
    for _ in range(abs(count)):
        day = move(day + one)
    return day


def weeks(day: date, count: int) -> date:
    """The working day on or before the last day of `count` whole weeks that begin on `day`."""
    return before(day + timedelta(days=7 * count - 1))


def pick(rng: Random, first: date, last: date) -> date:
    """A working day drawn from `first`..`last`, both included.

    Raises:
        ValueError: the span holds no working day.
    """
    span = [day for n in range((last - first).days + 1) if is_open(day := first + timedelta(days=n))]
    if not span:
        raise ValueError(f"no working day between {first} and {last}")
    return rng.choice(span)

# SPDX-License-Identifier: MPL-2.0
"""What may run beside what, and what must have been talked about before. Pure functions over placements."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from jobtrappen_followup.model import RUNNING, Placement

CLIMBS = {"wage_subsidy": ("internship",), "ordinary_job": ("internship", "wage_subsidy")}
"""step: the steps below it from which one goes up by a three-party meeting (F-129)."""


def runs_on(placement: Placement, day: date) -> bool:
    """Started on or before the day, and not ended on or before it."""
    return placement.started_on is not None and placement.started_on <= day and (placement.ended_on is None or placement.ended_on > day)


def same_place(new: Placement, start: date, others: Iterable[Placement]) -> Placement | None:
    """Another placement at the same workplace in the same days.

    `new` would run from `start` to its planned end; one that runs goes on until somebody ends it."""
    for one in others:
        if one.workplace_id is None or one.workplace_id != new.workplace_id or one.started_on is None:
            continue
        if (one.ended_on is None or start < one.ended_on) and (new.ends_on is None or one.started_on < new.ends_on):
            return one
    return None


def most_hours(new: Placement, start: date, others: Iterable[Placement], track: str) -> int:
    """The most weekly hours that `new` and what runs beside it would come to on any day.

    A youth's leisure job has a limit of its own beside school, so its hours are counted apart from others."""
    apart = track == "youth"
    beside = [o for o in others if o.started_on and (not apart or (o.measure == "leisure_job") == (new.measure == "leisure_job"))]
    days = [start, *(o.started_on for o in beside if o.started_on and o.started_on > start and (new.ends_on is None or o.started_on < new.ends_on))]
    return new.weekly_hours + max(sum(o.weekly_hours for o in beside if runs_on(o, day)) for day in days)


def climbs_from(measure: str, start: date, others: Sequence[Placement], since: date | None) -> str | None:
    """The step from which a start of `measure` goes up, when that asks for a three-party meeting.

    Args:
        others: the case's other placements; what runs on the day counts, and else the one that ended last.
        since: the day on which the course was opened or opened again; what ended before it is another story.
    """
    running = [o for o in others if o.status in RUNNING and o.measure != "activation"]
    ended = [o for o in others if o.ended_on and o.measure != "activation" and (since is None or o.ended_on >= since)]
    last = max(ended, key=lambda o: (o.ended_on, o.id), default=None)
    found = {o.measure for o in ([*running, last] if last else running)}
    return next((below for below in CLIMBS.get(measure, ()) if below in found), None)

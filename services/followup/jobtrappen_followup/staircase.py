# SPDX-License-Identifier: MPL-2.0
"""Where a citizen stands, derived from what runs. Pure: no database, no clock."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

LADDER = ("ordinary_job", "wage_subsidy", "internship", "education", "self_employment", "flexjob", "activation", "leisure_job")
"""The highest first. A youth's leisure job is her ordinary job, so it stands on top for that track."""


def rank(measure: str, track: str) -> int:
    """0 is the highest."""
    return -1 if track == "youth" and measure == "leisure_job" else LADDER.index(measure)


def derive(measures: Iterable[str], *, track: str, returned: bool = False, clarifying: bool = False) -> str:
    """The step of a citizen.

    Args:
        measures: of the placements that run at the end of the day.
        returned: the case is back with the caseworker; that counts whatever runs.
        clarifying: the caseworker has been asked to clarify the work ability (F-145); counts when nothing runs.
    """
    if returned:
        return "returned"
    return min(measures, key=lambda m: rank(m, track), default="under_clarification" if clarifying else "none")


@dataclass(frozen=True)
class Change:
    """One dated thing that may move a citizen. `kind`: course, placement or duty; `state`: what `subject` is from now on."""

    day: date
    kind: str
    subject: str
    state: str
    measure: str = ""


@dataclass(frozen=True)
class Stay:
    """A time on one step; `until` is not included, and None while it lasts."""

    step: str
    since: date
    until: date | None


def path(changes: Sequence[Change], track: str) -> list[Stay]:
    """The whole way, one entry for each step that was stood on at the end of a day; ups, downs and repeats are kept.

    Args:
        changes: in the order in which they took effect.
    """
    running: dict[str, str] = {}
    asked: set[str] = set()
    course = ""
    stays: list[Stay] = []
    for day, of_day in groupby(changes, key=lambda c: c.day):
        for change in of_day:
            if change.kind == "course":
                course = change.state
            elif change.kind == "duty":
                (asked.add if change.state == "open" else asked.discard)(change.subject)
            elif change.state in ("active", "paused"):
                running[change.subject] = change.measure
            else:
                running.pop(change.subject, None)
        if course in ("open", "returned"):
            step = derive(running.values(), track=track, returned=course == "returned", clarifying=bool(asked))
            if not stays or stays[-1].until is not None or stays[-1].step != step:
                stays = [*_close(stays, day), Stay(step, day, None)]
        else:
            stays = _close(stays, day)
    return stays


def _close(stays: list[Stay], day: date) -> list[Stay]:
    if not stays or stays[-1].until is not None:
        return stays
    return [*stays[:-1], Stay(stays[-1].step, stays[-1].since, day)]

# SPDX-License-Identifier: MPL-2.0
"""The staircase as a drawing: where each step stands, what is written on it, and where the citizen is. Pure: no database, no clock.

Each step says in words what its fill says too, so that nothing hangs on colour.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

STAIRS = ("activation", "internship", "wage_subsidy", "ordinary_job")
BESIDE = ("none", "education", "leisure_job", "self_employment", "flexjob", "under_clarification", "returned")
WIDE, LOWEST, RISE, HEAD = 100, 62, 38, 52
"""A step's width, the height of the first, how much each rises above the one before, and room for who stands on the top one."""
GROUND = HEAD + LOWEST + RISE * (len(STAIRS) - 1)
BOX, GAP, EDGE = 60, 8, 4


@dataclass(frozen=True)
class Plate:
    """One step, drawn. `how`: here, from, was or never. `days` are those of all its stays."""

    step: str
    x: int
    y: int
    width: int
    height: int
    how: str
    days: int | None

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    stairs: tuple[Plate, ...]
    beside: tuple[Plate, ...]
    here: str
    """The step on which the citizen stands; "" when the course is none."""
    came_from: str
    since: date | None
    days: int
    """Of the present stay."""
    arrow: str
    """The path of an arrow from step to step; "" where it would cross what is written."""


def drawn(stays: Sequence[Mapping[str, Any]], today: date) -> Drawing:
    """The staircase of one citizen.

    Args:
        stays: {step, since, until} in their order, days as ISO text; the last one's `until` is None while it lasts.
    """
    present = stays[-1] if stays and not stays[-1].get("until") else None
    here = present["step"] if present else ""
    came_from = next((s["step"] for s in reversed(stays[:-1]) if s["step"] != here), "") if present else ""
    total: dict[str, int] = {}
    for stay in stays:
        total[stay["step"]] = total.get(stay["step"], 0) + days(stay, today)

    def plate(step: str, x: int, y: int, width: int, height: int) -> Plate:
        how = "here" if step == here else "from" if step == came_from else "was" if step in total else "never"
        return Plate(step, x, y, width, height, how, total.get(step))

    stairs = tuple(plate(step, EDGE + n * WIDE, GROUND - (LOWEST + n * RISE), WIDE, LOWEST + n * RISE) for n, step in enumerate(STAIRS))
    beside = tuple(plate(step, EDGE + n % 4 * WIDE, GROUND + 2 * GAP + n // 4 * (BOX + GAP), WIDE - GAP, BOX) for n, step in enumerate(BESIDE))
    since = date.fromisoformat(present["since"]) if present else None
    return Drawing(2 * EDGE + 4 * WIDE, GROUND + 3 * GAP + 2 * (BOX + GAP), stairs, beside, here, came_from, since,
                   days(present, today) if present else 0, _arrow(stairs, here, came_from))


def days(stay: Mapping[str, Any], today: date) -> int:
    """How long a stay lasted, or has lasted until today."""
    until = date.fromisoformat(stay["until"]) if stay.get("until") else today
    return max(0, (until - date.fromisoformat(stay["since"])).days)


def _arrow(stairs: Sequence[Plate], here: str, came_from: str) -> str:
    by_step = {plate.step: plate for plate in stairs}
    if here not in by_step or came_from not in by_step:
        return ""
    start, end = by_step[came_from], by_step[here]
    left = end.x < start.x
    x, y = end.middle + (16 if left else -16), end.y - 10
    return f"M{start.middle} {start.y - 6} Q{start.middle} {min(start.y, y) - 4} {x} {y}"

# SPDX-License-Identifier: MPL-2.0
"""What this service says beside the events of its lifecycles; nothing personal in it."""
from __future__ import annotations

from datetime import date

from jobtrappen.tx import Tx
from jobtrappen_followup.model import Course, Placement


def step_changed(tx: Tx, course: Course, came_from: str, day: date) -> None:
    """The derived step is another one."""
    tx.say("step.changed", key=course.id, subject=f"course/{course.id}", subject_version=course.version, time=day,
           data={"case_id": course.id, "step_from": came_from, "step_to": course.step})


def milestone_reached(tx: Tx, placement: Placement, weeks: int, day: date) -> None:
    """A placement has lasted so many weeks, and somebody looked (F-153)."""
    tx.say("milestone.reached", key=placement.case_id, subject=f"placement/{placement.id}", subject_version=placement.version, time=day,
           data={"case_id": placement.case_id, "placement_id": placement.id, "weeks": weeks})

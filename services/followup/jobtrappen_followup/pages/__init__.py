# SPDX-License-Identifier: MPL-2.0
"""The pages of followup: what is due, the course of a citizen with her staircase, placements, and a contact written down from a phone."""
from __future__ import annotations

from pathlib import Path

from jobtrappen.roles import ADMIN, JC, JC_CW
from jobtrappen.web.pages.site import Entry, Page, Site
from jobtrappen_followup.pages import course, filling, work

site = Site(
    "followup", Path(__file__).parents[1], forms=filling.FORMS, things={"placement": course.placement_page, "duty": course.duty_page},
    pages=[
        Page("/", "home", work.home, JC_CW | ADMIN), Page("/courses", "courses", work.courses, JC_CW), Page("/placements", "placements", work.placements, JC_CW),
        Page("/courses/<uuid:id>", "thing.course", course.course_page, JC_CW),
        Page("/duties", "duties", work.to_home, JC), Page("/contacts", "contacts", work.to_courses, JC),
    ],
    entries=[Entry("home", "My work", JC), Entry("courses", "Courses", JC_CW), Entry("placements", "Placements", JC_CW)],
)

# SPDX-License-Identifier: MPL-2.0
"""The pages of referral: what to do next, the search, a case with its talk and assessment, and lists of candidates to screen."""
from __future__ import annotations

from pathlib import Path

from jobtrappen.roles import ADMIN, JC_CW
from jobtrappen.web.pages.site import Entry, Page, Site
from jobtrappen_referral.pages import case, filling, lists, work

site = Site(
    "referral", Path(__file__).parents[1], forms=filling.FORMS, no_form=frozenset({"find_case", "find_by_name", "tell_origin", "screen"}),
    things={"case": case.case_page, "referral": case.referral_page, "intake": case.intake_page, "refusal": case.refusal_page,
            "assessment": case.assessment_page, "return": case.return_page},
    pages=[
        Page("/", "home", work.home, JC_CW | ADMIN), Page("/search", "search", work.search, JC_CW, ("GET", "POST")),
        Page("/lists", "lists", lists.lists, JC_CW, ("GET", "POST")), Page("/lists/<uuid:id>", "screening", lists.screening, JC_CW, ("GET", "POST")),
    ],
    entries=[Entry("home", "My work", JC_CW), Entry("search", "Find a case", JC_CW), Entry("lists", "Lists of candidates", JC_CW)],
)

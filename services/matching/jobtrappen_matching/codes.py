# SPDX-License-Identifier: MPL-2.0
"""The words that this service takes. Reasons that tell of health or family are kept here and never said aloud."""
from __future__ import annotations

from jobtrappen.contracts.vocabulary import MEASURES as ALL_MEASURES

SECTORS = ("private", "public")
SOURCES = ("posted", "outreach", "pre_agreement")
MEASURES = tuple(m for m in ALL_MEASURES if m != "activation")
"""Activation has no agreement: it begins at the intake talk (F-039)."""
WITH_PROSPECT = ("internship", "wage_subsidy")
PROSPECTS = ("job_here", "job_in_trade", "clarification")
CHOICES = ("fits_wishes", "fits_competences", "best_fit", "wish_of_employer", "only_candidate", "other")
DECLINES = ("pay", "physical_strain", "status", "family", "travel_distance", "schedule", "language_level", "qualifications", "chemistry",
            "expectations", "health", "childcare", "position_filled", "found_work_self", "person_no_show", "other")
"""Why one side said no (F-107)."""
COMPANIONS = ("consultant", "teacher", "interpreter", "spouse", "caseworker", "other")
CHANGES = ("extend", "shorten", "hours", "tasks", "workplace", "mentor")

# SPDX-License-Identifier: MPL-2.0
"""Wiring only: the service as a plugin of the kit."""
from __future__ import annotations

from pathlib import Path

from jobtrappen import plugins
from jobtrappen.reseal import Sealed
from jobtrappen.runtime import Projection, Service
from jobtrappen_matching import effects  # noqa: F401  (registers what steps do)
from jobtrappen_matching.api import api
from jobtrappen_matching.feasible import matching_constraint  # noqa: F401  (the suite's own constraints, a hook like any other)
from jobtrappen_matching.model import LIFECYCLES, Base, Candidate
from jobtrappen_matching.pages import site
from jobtrappen_matching.reactions import REACTIONS, TOLD
from jobtrappen_matching.rights import RIGHTS

SEALED = (
    Sealed("contact", "sealed", "contact"), Sealed("match", "notes_sealed", "match.notes_sealed"),
    Sealed("agreement", "terms_sealed", "agreement.terms_sealed"),
)
SERVICE = Service("matching", "Matchning: from a confirmed start step to a concluded agreement", Base.metadata, api, REACTIONS, RIGHTS, LIFECYCLES,
                  Path(__file__).parent / "migrations", person_purpose="matching", sealed=SEALED, site=site,
                  projections=(Projection(Candidate.__table__, ("case.opened", "assessment.confirmed", "referral.accepted", "case.returned")), TOLD))


@plugins.hookimpl
def service() -> Service:
    return SERVICE

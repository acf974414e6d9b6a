# SPDX-License-Identifier: MPL-2.0
"""Wiring only: the service as a plugin of the kit."""
from __future__ import annotations

from pathlib import Path

from jobtrappen import plugins
from jobtrappen.reseal import Sealed
from jobtrappen.runtime import Service
from jobtrappen.web.reports import Report
from jobtrappen_followup import effects, reports  # noqa: F401  (effects registers what steps do)
from jobtrappen_followup.api import api
from jobtrappen_followup.model import LIFECYCLES, Base
from jobtrappen_followup.pages import site
from jobtrappen_followup.plans import aftercare, dense_start, weekly  # noqa: F401  (the built-in plans of hook followup_plan)
from jobtrappen_followup.reactions import REACTIONS, TOLD
from jobtrappen_followup.rights import RIGHTS

SEALED = (Sealed("duty", "note_sealed", "duty"), Sealed("contact", "summary_sealed", "contact"))
SERVICE = Service("followup", "Opfølgning: the course on the staircase, contacts and outcomes", Base.metadata, api, REACTIONS, RIGHTS, LIFECYCLES,
                  Path(__file__).parent / "migrations", person_purpose="followup", sealed=SEALED, site=site, projections=(TOLD,))


@plugins.hookimpl
def service() -> Service:
    return SERVICE


@plugins.hookimpl
def report() -> list[Report]:
    return reports.reports()

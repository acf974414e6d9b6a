# SPDX-License-Identifier: MPL-2.0
"""Wiring only: the service as a plugin of the kit."""
from __future__ import annotations

from pathlib import Path

from jobtrappen import plugins
from jobtrappen.reseal import Hashed, Sealed
from jobtrappen.runtime import Projection, Service
from jobtrappen.web.reports import Report
from jobtrappen_referral import effects, persons, queries, reports, sources  # noqa: F401  (effects registers what steps do)
from jobtrappen_referral.api import api
from jobtrappen_referral.model import LIFECYCLES, Base, HeardPlacement
from jobtrappen_referral.pages import site
from jobtrappen_referral.reactions import REACTIONS, TOLD
from jobtrappen_referral.rights import RIGHTS

SEALED = (
    Sealed("citizen", "cpr_sealed", "citizen.cpr", key_column="cpr_key_id", lookup_column="cpr_lookup"),
    Sealed("citizen", "person_sealed", "citizen.person"), Sealed("intake", "minutes_sealed", "intake"),
    Sealed("assessment", "limits_sealed", "assessment"), Sealed("case_return", "documentation_sealed", "return"),
    Sealed("list_row", "row_sealed", "list_row"),
)
HASHED = (Hashed("names", "citizen", persons.not_indexed, persons.index_anew),)
SERVICE = Service("referral", "Henvisning: from referral to a confirmed start step", Base.metadata, api, REACTIONS, RIGHTS, LIFECYCLES,
                  Path(__file__).parent / "migrations", sealed=SEALED, hashed=HASHED, own_cases=queries.own_cases, site=site,
                  projections=(Projection(HeardPlacement.__table__, ("placement.started", "placement.ended")), TOLD))


@plugins.hookimpl
def service() -> Service:
    return SERVICE


@plugins.hookimpl
def report() -> list[Report]:
    return reports.REPORTS


@plugins.hookimpl
def referral_source() -> list[sources.Source]:
    return [sources.FORM, sources.SELF, sources.LIST]

# SPDX-License-Identifier: MPL-2.0
"""Wiring only: the service as a plugin of the kit."""
from __future__ import annotations

from pathlib import Path

from jobtrappen import plugins
from jobtrappen.reseal import Sealed
from jobtrappen.runtime import Projection, Service
from jobtrappen_partners import effects, kinds  # noqa: F401  (effects registers what steps do)
from jobtrappen_partners.api import api
from jobtrappen_partners.contents import CONTEXT
from jobtrappen_partners.model import LIFECYCLES, Base, KnownCase
from jobtrappen_partners.pages import site
from jobtrappen_partners.reactions import REACTIONS, person_came
from jobtrappen_partners.rights import RIGHTS

SEALED = (Sealed("partner_request", "content_sealed", CONTEXT),)
SERVICE = Service("partners", "Partnere: partner organisations, what they are asked and told", Base.metadata, api, REACTIONS, RIGHTS, LIFECYCLES,
                  Path(__file__).parent / "migrations", person_purpose="partners", person_came=person_came, sealed=SEALED, site=site,
                  projections=(Projection(KnownCase.__table__, ("case.opened",), keeps=("language_school",)),))


@plugins.hookimpl
def service() -> Service:
    return SERVICE


@plugins.hookimpl
def partner_kind() -> list[kinds.Kind]:
    return kinds.OWN

# SPDX-License-Identifier: MPL-2.0
"""Which fields of what this service shows to whom; what is not listed is not seen."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobtrappen.errors import Forbidden
from jobtrappen.rights import ALL, Rights, fields
from jobtrappen.roles import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, PARTNER, TEAM_LEAD
from jobtrappen.tx import Actor
from jobtrappen_partners.codes import SHOWABLE


@dataclass(frozen=True)
class PartnerRights(Rights):
    """A partner sees what the table lists, less what its own cooperation agreement keeps back (`shows` of the thing)."""

    def view(self, actor: Actor, resource: str, document: Mapping[str, Any]) -> dict[str, Any]:
        seen = super().view(actor, resource, document)
        if actor.kind != "partner" or resource not in ("partner_request", "notice"):
            return seen
        kept_back = set(SHOWABLE) - set(document.get("shows") or ())
        return {name: value for name, value in seen.items() if name not in kept_back}


def require_scope(actor: Actor, scope: str) -> None:
    """A key may do what its scopes say.

    Raises:
        Forbidden: it lacks this one.
    """
    if scope not in actor.scopes:
        raise Forbidden(f"This key does not have the scope {scope}. Ask the municipality's partner coordinator for one that has.", scope=scope)


_request = fields("request_type due_on valid_until expected_date decision decided_on output person text dialogue terms wanted_on agreement_id")
_notice = fields("kind scheduled_on days_ahead created_on person")
_working = (COORDINATOR, CASEWORKER, CONSULTANT, TEAM_LEAD)

RIGHTS = PartnerRights({
    "partner": {**dict.fromkeys(_working, ALL), ADMINISTRATOR: fields("name kind")},
    "card": {PARTNER: fields("name kind card capacity")},
    "cooperation": {**dict.fromkeys(_working, ALL), PARTNER: fields("review_on terms")},
    "case": dict.fromkeys(_working, ALL),
    "work": {**dict.fromkeys(_working, ALL), PARTNER: fields("why resource due_on name request_type")},
    "reminder": {COORDINATOR: ALL, TEAM_LEAD: ALL},
    "key": {COORDINATOR: ALL, ADMINISTRATOR: ALL},
    # the administrator keeps keys and voids what should not exist; neither needs a citizen
    "partner_request": {**dict.fromkeys(_working, ALL), ADMINISTRATOR: fields("request_type"), PARTNER: _request},
    "access_report": {CASEWORKER: ALL},
    "notice": {**dict.fromkeys(_working, ALL), PARTNER: _notice},
})

# SPDX-License-Identifier: MPL-2.0
"""Who there is. A role is a word; what it may do stands in lifecycles (actions) and in rights tables (fields).

The consultant never decides benefits, sanctions or subsidy payments (F-001, F-002): no table gives her those actions.
A team lead is also a consultant (F-024).
"""
from __future__ import annotations

from typing import Protocol

CASEWORKER = "caseworker"
CONSULTANT = "consultant"
TEAM_LEAD = "team_lead"
COORDINATOR = "coordinator"
ADMINISTRATOR = "administrator"
PARTNER = "partner"
INTEGRATOR = "integrator"
SERVICE = "service"
SYSTEM = "system"

STAFF = frozenset({CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR})
CW = frozenset({CASEWORKER})
JC = frozenset({CONSULTANT, TEAM_LEAD})
JC_CW = JC | CW
REQUESTER = JC | CW | {COORDINATOR}
PA = frozenset({PARTNER})
SYS = frozenset({SYSTEM})
ADMIN = frozenset({ADMINISTRATOR})
EVERYBODY = STAFF | PA | {INTEGRATOR, SERVICE}


class HasRole(Protocol):
    @property
    def role(self) -> str: ...


def has(actor: HasRole, who: frozenset[str]) -> bool:
    """True when the actor's role is listed; nobody else is, by default."""
    return actor.role in who

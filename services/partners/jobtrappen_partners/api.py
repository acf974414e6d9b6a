# SPDX-License-Identifier: MPL-2.0
"""The JSON way in; nothing but translation. Under /my a partner's own key reads the partner's own rows."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from jobtrappen.roles import ADMIN, ADMINISTRATOR, COORDINATOR, PA, REQUESTER, TEAM_LEAD
from jobtrappen.tx import Tx
from jobtrappen.web.api import Api
from jobtrappen.web.common import page
from jobtrappen_partners import queries, usecases, work
from jobtrappen_partners import schemas as s
from jobtrappen_partners.model import (
    REQUEST,
    Cooperation,
    CooperationVersion,
    IssuedKey,
    KnownCase,
    Notice,
    Partner,
    PartnerRequest,
)
from jobtrappen_partners.rights import require_scope

CO = frozenset({COORDINATOR})
KEEPERS = frozenset({COORDINATOR, ADMINISTRATOR})

api = Api("partners")

api.actions("/requests", PartnerRequest, REQUEST, s.REQUEST_COMMANDS, dumps=s.REQUEST_OUT, resource="partner_request")


@api.command("/partners", loads=s.Register(), dumps=s.PARTNER_OUT, resource="partner", who=CO, status=201)
def register_partner(tx: Tx, command: dict[str, Any]) -> Partner:
    """Register a partner organisation."""
    return queries.whole_partner(tx, usecases.register_partner(tx, command))


@api.read("/partners", dumps=s.PARTNER_OUT, resource="partner", who=REQUESTER | ADMIN, query=s.PARTNER_PAGING, many=True)
def list_partners(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """The partner table, oldest first."""
    return queries.partners(tx, arguments)


@api.read("/partners/without-cooperation", dumps=s.REMINDER_OUT, resource="reminder", who=CO | {TEAM_LEAD}, query=s.AS_OF, many=True)
def without_cooperation(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Active partners without a cooperation agreement, or past its review date."""
    return {"items": queries.without_cooperation(tx, arguments.get("as_of") or tx.today)}


@api.read("/partners/<uuid:id>", dumps=s.PARTNER_OUT, resource="partner", who=REQUESTER | ADMIN, on=Partner)
def read_partner(tx: Tx, partner: Partner, _arguments: dict[str, Any]) -> Partner:
    """A partner with its card and capacity."""
    return queries.whole_partner(tx, partner)


@api.command("/partners/<uuid:id>/card", loads=s.Card(), dumps=s.PARTNER_OUT, resource="partner", who=CO, on=Partner)
def set_card(tx: Tx, partner: Partner, command: dict[str, Any]) -> Partner:
    """Write the partner card."""
    return queries.whole_partner(tx, usecases.set_card(tx, partner, command))


@api.command("/partners/<uuid:id>/status", loads=s.SetStatus(), dumps=s.PARTNER_OUT, resource="partner", who=CO, on=Partner)
def set_status(tx: Tx, partner: Partner, command: dict[str, Any]) -> Partner:
    """Make a partner inactive, or active again."""
    return queries.whole_partner(tx, usecases.set_status(tx, partner, command))


@api.command("/partners/<uuid:id>/keys", loads=s.PartnerKey(), dumps=s.NEW_KEY_OUT, resource="key", who=KEEPERS, on=Partner, status=201)
def issue_partner_key(tx: Tx, partner: Partner, command: dict[str, Any]) -> dict[str, Any]:
    """Issue a key for a partner's own endpoint; it is shown once."""
    return usecases.issue_partner_key(tx, partner, command)


@api.command("/integrators/keys", loads=s.IntegratorKey(), dumps=s.NEW_KEY_OUT, resource="key", who=ADMIN, status=201)
def issue_integrator_key(tx: Tx, command: dict[str, Any]) -> dict[str, Any]:
    """Issue a key for an integrator; it is shown once."""
    return usecases.issue_integrator_key(tx, command)


@api.read("/keys", dumps=s.KEY_OUT, resource="key", who=KEEPERS, query=s.KEY_PAGING, many=True)
def list_keys(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Keys by owner and scope, never the keys themselves."""
    by = {} if tx.actor.role == ADMINISTRATOR else {"kind": "partner"}
    found = page(tx, IssuedKey, arguments, **by, **({"owner": arguments["owner"]} if arguments.get("owner") else {}))
    queries.with_use(tx, *found["items"])
    return found


@api.read("/keys/<uuid:id>", dumps=s.KEY_OUT, resource="key", who=KEEPERS, on=IssuedKey)
def read_key(tx: Tx, key: IssuedKey, _arguments: dict[str, Any]) -> IssuedKey:
    """What is known of a key."""
    queries.with_use(tx, key)
    return key


@api.command("/keys/<uuid:id>/revoke", loads=s.EMPTY, dumps=s.KEY_OUT, resource="key", who=KEEPERS, on=IssuedKey)
def revoke_key(tx: Tx, key: IssuedKey, command: dict[str, Any]) -> IssuedKey:
    """Revoke a key at once."""
    queries.with_use(tx, key)
    return usecases.revoke_key(tx, key, command)


@api.command("/cooperations", loads=s.Cooperate(), dumps=s.COOPERATION_OUT, resource="cooperation", who=CO, status=201)
def make_cooperation(tx: Tx, command: dict[str, Any]) -> Cooperation:
    """Make a cooperation agreement with a partner."""
    return usecases.make_cooperation(tx, command)


@api.command("/cooperations/<uuid:id>/change", loads=s.Terms(), dumps=s.COOPERATION_OUT, resource="cooperation", who=CO, on=Cooperation)
def change_cooperation(tx: Tx, cooperation: Cooperation, command: dict[str, Any]) -> Cooperation:
    """Agree on the next version."""
    return usecases.change_cooperation(tx, cooperation, command)


@api.read("/cooperations/<uuid:id>", dumps=s.COOPERATION_OUT, resource="cooperation", who=REQUESTER, on=Cooperation)
def read_cooperation(_tx: Tx, cooperation: Cooperation, _arguments: dict[str, Any]) -> Cooperation:
    """A cooperation agreement as it stands."""
    return cooperation


@api.read("/cooperations/<uuid:id>/versions", dumps=s.COOPERATION_OUT, resource="cooperation", who=REQUESTER, on=Cooperation, many=True)
def cooperation_versions(tx: Tx, cooperation: Cooperation, _arguments: dict[str, Any]) -> dict[str, Any]:
    """Every version of a cooperation agreement, oldest first."""
    return {"items": tx.all(CooperationVersion, cooperation_id=cooperation.id)}


@api.command("/requests", loads=s.Draft(), dumps=s.REQUEST_OUT, resource="partner_request", who=REQUESTER, status=201, lifecycle=REQUEST,
             step=REQUEST.by_action["draft"])
def draft_request(tx: Tx, command: dict[str, Any]) -> PartnerRequest:
    """Write a request to a partner about a citizen."""
    return queries.whole(tx, usecases.draft_request(tx, command))


@api.read("/requests", dumps=s.REQUEST_OUT, resource="partner_request", who=REQUESTER, query=s.REQUEST_PAGING, many=True, audits=True, lifecycle=REQUEST)
def list_requests(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Requests to partners, by state, partner, case or agreement."""
    return queries.requests(tx, arguments)


@api.read("/requests/<uuid:id>", dumps=s.REQUEST_OUT, resource="partner_request", who=REQUESTER | ADMIN, on=PartnerRequest, audits=True, lifecycle=REQUEST)
def read_request(tx: Tx, request: PartnerRequest, _arguments: dict[str, Any]) -> PartnerRequest:
    """A request with what was said and what may be done now."""
    return queries.whole(tx, request)


@api.read("/notices", dumps=s.NOTICE_OUT, resource="notice", who=REQUESTER, query=s.NOTICE_PAGING, many=True, audits=True)
def list_notices(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What partners were told; with unassigned=true what found no partner."""
    return queries.notices(tx, arguments)


@api.read("/notices/<uuid:id>", dumps=s.NOTICE_OUT, resource="notice", who=REQUESTER, on=Notice, audits=True)
def read_notice(tx: Tx, notice: Notice, _arguments: dict[str, Any]) -> Notice:
    """A notice."""
    return queries.whole_notice(tx, notice)


@api.command("/notices/<uuid:id>/dismiss", loads=s.EMPTY, dumps=s.NOTICE_OUT, resource="notice", who=CO, on=Notice)
def dismiss_notice(tx: Tx, notice: Notice, command: dict[str, Any]) -> Notice:
    """Nobody needs to hear of it any more: its day is past."""
    return queries.whole_notice(tx, usecases.dismiss_notice(tx, notice, command))


@api.command("/notices/<uuid:id>/assign", loads=s.AssignNotice(), dumps=s.NOTICE_OUT, resource="notice", who=CO, on=Notice)
def assign_notice(tx: Tx, notice: Notice, command: dict[str, Any]) -> Notice:
    """Give a notice that found no partner to one."""
    return queries.whole_notice(tx, usecases.assign_notice(tx, notice, command))


@api.read("/my/card", dumps=s.PARTNER_OUT, resource="card", who=PA)
def my_card(tx: Tx, _arguments: dict[str, Any]) -> Partner:
    """My own card and capacity."""
    return queries.me(tx)


@api.read("/my/cooperation", dumps=s.COOPERATION_OUT, resource="cooperation", who=PA)
def my_cooperation(tx: Tx, _arguments: dict[str, Any]) -> Cooperation:
    """What is agreed with me: duties, procedures, contacts, lead times."""
    return queries.my_cooperation(tx)


@api.command("/my/capacity", loads=s.Capacity(), dumps=s.PARTNER_OUT, resource="card", who=PA)
def tell_capacity(tx: Tx, command: dict[str, Any]) -> Partner:
    """Tell whether I have places."""
    require_scope(tx.actor, "capacity")
    return usecases.tell_capacity(tx, command)


@api.read("/my/requests", dumps=s.REQUEST_OUT, resource="partner_request", who=PA, query=s.MY_PAGING, many=True, audits=True, lifecycle=REQUEST)
def my_requests(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What I am asked, oldest first."""
    require_scope(tx.actor, "requests")
    return queries.requests(tx, arguments, partner_id=UUID(tx.actor.partner_id), asked=True)


@api.read("/my/requests/<uuid:id>", dumps=s.REQUEST_OUT, resource="partner_request", who=PA, on=PartnerRequest, audits=True, lifecycle=REQUEST)
def my_request(tx: Tx, request: PartnerRequest, _arguments: dict[str, Any]) -> PartnerRequest:
    """One request to me, with what I may do now."""
    return queries.my_request(tx, request)


@api.read("/my/notices", dumps=s.NOTICE_OUT, resource="notice", who=PA, query=s.MY_NOTICE_PAGING, many=True, audits=True)
def my_notices(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What I was told, oldest first."""
    require_scope(tx.actor, "notices")
    return queries.notices(tx, arguments, partner_id=UUID(tx.actor.partner_id))


@api.read("/my/work", dumps=s.WORK_OUT, resource="work", who=PA, query=s.WORK_QUERY, many=True, audits=True, counts=("late",))
def my_work(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What I must answer or deliver next, by date."""
    require_scope(tx.actor, "requests")
    return work.of_partner(tx, arguments)


@api.read("/work", dumps=s.WORK_OUT, resource="work", who=REQUESTER, query=s.WORK_QUERY, many=True, audits=True, counts=("late",))
def list_work(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the caller must do next, by date."""
    return work.of_staff(tx, arguments)


@api.read("/cases/<uuid:id>", dumps=s.CASE_OUT, resource="case", who=REQUESTER, on=KnownCase, audits=True)
def read_case(tx: Tx, case: KnownCase, _arguments: dict[str, Any]) -> KnownCase:
    """A case as this service knows it; what is asked and told about it stands in the lists of requests and notices."""
    return queries.whole_case(tx, case)

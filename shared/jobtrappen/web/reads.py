# SPDX-License-Identifier: MPL-2.0
"""What every read has in common beside its answer: what may be searched by, and what is put on record."""
from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import g, request

from jobtrappen.errors import Invalid, Precondition
from jobtrappen.rights import ALL, Rights
from jobtrappen.tx import Actor, Tx

PURPOSES = ("substitution", "supervision", "complaint", "citizen_asks", "correction")
"""Why somebody may read a case that is none of her unit's."""

if TYPE_CHECKING:
    from jobtrappen.runtime import Service
    from jobtrappen.web.api import Route


def may_search(rights: Rights, route: Route, actor: Actor, asked: Container[str]) -> None:
    """Who does not see a field may not search by it either: the answer's length would tell what stands there.

    Args:
        asked: the parameters that were given.
    Raises:
        Invalid: names the parameter.
    """
    if route.query is None or route.dumps is None or route.public:
        return
    seen = rights.of(actor, route.resource)
    shown = {name for field_name, f in route.dumps.dump_fields.items() for name in (field_name, f.data_key)}
    for name, f in route.query.load_fields.items():
        if (f.data_key or name) in asked and name in shown and seen is not ALL and not {name, f.data_key} & seen:
            raise Invalid(f.data_key or name, f"is not a field that {actor.role} sees; leave it out")


def asks_why(service: Service, route: Route) -> bool:
    """Whether a read may ask staff for a purpose: it shows a single case, in a service that knows whose cases are whose."""
    of_a_case = (route.on is not None and hasattr(route.on, "case_id")) or "case_id" in route.path
    return service.own_cases is not None and route.method == "GET" and route.audits and route.purpose == "case_work" and of_a_case


def purpose_of(route: Route, tx: Tx, case: UUID | None) -> str:
    """What this read is for, as it is put on record: the work on one's own cases, or what was typed for another's.

    Raises:
        Precondition: 428, the case is none of the actor's unit's and the header X-Purpose says nothing that is known.
    """
    if tx.actor.kind == "service":
        return tx.actor.unit
    own = tx.runtime.service.own_cases
    if tx.actor.kind != "staff" or case is None or own is None or not asks_why(tx.runtime.service, route):
        return route.purpose
    given = request.headers.get("X-Purpose", g.get("purposes", {}).get(str(case)))  # a page asks for it in a form
    if given in PURPOSES:
        return given
    if given is None and case in own(tx, [case]):
        return route.purpose
    missing = Precondition(428, "X-Purpose", f"This case is none of your unit's; say why you read it: {', '.join(PURPOSES)}. It is put on record, and "
                                            "the citizen can be told.")
    missing.case = str(case)
    raise missing


def put_on_record(route: Route, tx: Tx, result: Any, asked: dict[str, Any], purpose: str) -> None:
    """One row for each citizen who was seen, so that a list does not hide from her report that she stood in it."""
    if not route.many:
        case = _case(result) or asked.get("case_id")
        tx.audit(f"read.{route.name}", route.resource, getattr(result, "id", None) or str(case), case, purpose)
        return
    cases = {asked["case_id"]} if asked.get("case_id") else {found for one in result["items"] if (found := _case(one))}
    for case in sorted(cases, key=str) or [None]:
        tx.audit(f"read.{route.name}", route.resource, "list", case, purpose)


def _case(one: Any) -> UUID | None:
    found = one.get("case_id") if isinstance(one, dict) else getattr(one, "case_id", None)
    return UUID(str(found)) if found else None

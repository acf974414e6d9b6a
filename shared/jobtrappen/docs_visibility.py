# SPDX-License-Identifier: MPL-2.0
"""docs/visibility.md: who sees which field, from the services' rights tables, for a data protection officer to read."""
from __future__ import annotations

from collections.abc import Mapping

from jobtrappen.contracts import CATALOGUE
from jobtrappen.rights import ALL
from jobtrappen.roles import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, PARTNER, TEAM_LEAD
from jobtrappen.runtime import Service
from jobtrappen.web.api import Route

COLUMNS = {CASEWORKER: "caseworker", CONSULTANT: "consultant", TEAM_LEAD: "team lead", COORDINATOR: "coordinator", ADMINISTRATOR: "administrator", PARTNER: "partner"}
INTRODUCTION = """<!-- SPDX-License-Identifier: CC-BY-SA-4.0 -->
# Who sees what

Generated from the services' `rights.py` and checked for drift. A dot is a field that a role sees; an empty cell is the default: no.
The same table holds for a single thing, a list, a search, an answer to a command, a report and a CSV file, because all of them
pass the same place. A test walks every read of every service as everybody, in every state, against a table of its own that was
typed by hand, and fails for a field on which nobody has decided.

Beside the fields, rows are hidden:

| what | from whom |
|---|---|
| a request, notice or agreement that does not name it | a partner: 404, in no list, in no total |
| a request that was never sent to it | the partner |
| a referral that is still a draft | consultants of other units than the sender's: 404, in no list, total or history |
| what the cooperation agreement keeps back (`shows`) | the partner, also of its own requests |
| who the citizen is | a union or an association, until she has consented |
| keys of integrators | the coordinator |

A **protected name and address** stands in referral's single case alone, for those who must reach her: lists say "beskyttet", and no
other service shows it. A copy of which a newer version is known counts as protected until it has been fetched. A **CPR number**
is in no answer at all; a candidate list shows its first six digits. Who does not see a field cannot search by it, and an error
tells what may be done instead only to who may read the thing. Integrators and nobody read no citizen over HTTP.

**Cases of other units.** A case is a unit's own when the unit opened or returned it, or sent, got or answers for a referral of it. In
referral, where the person is kept, staff read another unit's case only for a purpose that they type (`X-Purpose`, else 428); it
stands in the audit log and in the citizen's access report (`/cases/{id}/access-report`). Lists, and the search by CPR number, show
such a case without its person. The other three services do not know whose a case is and ask for no purpose: they show staff a name
at most. A command on another unit's case is put on record as what it did, not with a purpose.
"""


def visibility_page(services: Mapping[str, Service], routes: Mapping[str, list[Route]]) -> str:
    """The page: for each service its reads, and a table of fields by roles for each resource; then the events."""
    parts = [INTRODUCTION]
    for name, service in services.items():
        parts.append(f"## {service.title.split(':')[0]} (`{name}`)\n")
        parts += [_resource(service, resource, routes[name]) for resource in sorted({route.resource for route in routes[name]})]
    return "\n".join([*parts, _events()])


def _resource(service: Service, resource: str, routes: list[Route]) -> str:
    own = [route for route in routes if route.resource == resource]
    shown = list(dict.fromkeys(f.data_key or field for route in own if route.dumps is not None for field, f in route.dumps.dump_fields.items()))
    table = service.rights.table.get(resource, {})
    roles = {**{role: title for role, title in COLUMNS.items() if role in table}, **{role: role.replace("service:", "service ") for role in sorted(table) if ":" in role}}
    reads = [f"`GET {route.path}`: {', '.join(sorted(r.replace('_', ' ') for r in route.who & service.rights.readers(resource)))}" for route in sorted(own, key=lambda r: r.path) if route.method == "GET"]
    lines = [f"### {resource}\n", *[f"- {read}" for read in reads], *([""] if reads else []), f"| field | {' | '.join(roles.values())} |", f"|---|{'---|' * len(roles)}"]
    for field in shown:
        cells = ["●" if table[role] is ALL or field in table[role] else "" for role in roles]
        lines.append(f"| {field} | {' | '.join(cells)} |" if any(cells) else f"| {field} |{' |' * len(roles)}")
    return "\n".join([*lines, ""])


def _events() -> str:
    public = sorted(name for name, contract in CATALOGUE.items() if contract.public)
    fields = sorted({field for contract in CATALOGUE.values() for field in (*contract.data, *contract.optional)})
    return "\n".join(["## Events\n", "No event carries a person: ids, codes, dates and counts alone. Integrators read `jobtrappen.public`; the services' own topics are the "
                      "suite's alone.\n", "| event on jobtrappen.public | fields |", "|---|---|",
                      *[f"| {name} | {', '.join(CATALOGUE[name].public)} |" for name in public], "",
                      f"All that any event may carry between the services: {', '.join(fields)}.", ""])

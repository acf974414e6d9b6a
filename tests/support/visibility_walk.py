# SPDX-License-Identifier: MPL-2.0
"""Everybody who may call one service, everything that there is to read in it, and a watcher that holds each answer, whoever
asked and whatever for, against the typed matrix (visibility.py)."""
from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask, Response, g, request, request_finished
from sqlalchemy import select

from jobtrappen.auth import DemoUser, issue_key
from jobtrappen.db import reading, writing
from jobtrappen.tx import SYSTEM, Actor, transaction
from tests.support import visibility as typed
from tests.support.openapi.ids import Supply
from tests.support.stages import Stage, a_partner_key
from tests.support.world import TODAY, World

DOCS = Path(__file__).parents[2] / "docs" / "api"
STAFF = {
    "caseworker": DemoUser("karen", "caseworker", "lokalcenter", ""), "caseworker of another unit": DemoUser("bent", "caseworker", "andet_lokalcenter", ""),
    "consultant": DemoUser("mehmet", "consultant", "jobkonsulenterne", ""), "consultant of another unit": DemoUser("rikke", "consultant", "andet_team", ""),
    "team lead": DemoUser("lone", "team_lead", "jobkonsulenterne", ""), "coordinator": DemoUser("pia", "coordinator", "partnerteam", ""),
    "administrator": DemoUser("admin", "administrator", "drift", ""),
}
SERVICES = {"service matching": "matching", "service followup": "followup", "service partners": "partners", "service matching for a consultant": "matching"}
OTHERS = ("partner", "partner of another organisation", "integrator", "nobody")
PERSONAS = (*STAFF, *SERVICES, *OTHERS)
PROBLEM = {"type", "title", "status", "detail", "instance"}
MEMBERS = {400: {"header"}, 401: set(), 403: {"action", "allowed", "resource", "scope"}, 404: {"what"}, 405: set(), 409: {"state", "allowed", "case_id"}, 412: {"version", "state"},
           415: set(), 422: {"errors"}, 428: {"header"}}
"""What an error may carry beside what every error carries; a new member must be decided on here."""


def role_of(persona: str) -> str:
    """The role under which the matrix has a persona."""
    if persona in STAFF:
        return STAFF[persona].role
    return f"service:{SERVICES[persona]}" if persona in SERVICES else persona.split(" of ")[0]


def tokens(world: World, service: str, own_key: str) -> dict[str, str]:
    """Each persona's token or key. `own_key`: of the partner whom things here concern."""
    runtime = world.runtimes[service]
    with transaction(runtime, SYSTEM) as tx:
        integrator = issue_key(tx, runtime.signer, "integrator", "bi", ["feed"])[1]
        stranger = issue_key(tx, runtime.signer, "partner", "3b1f0a52-0000-4000-8000-00000000000f", ["requests", "notices", "capacity"])[1]
    mehmet = STAFF["consultant"]
    acting = Actor(mehmet.name, mehmet.role, mehmet.unit)
    return {
        **{name: runtime.signer.staff(user) for name, user in STAFF.items()},
        **{name: runtime.signer.service(of, acting if "for a" in name else None) for name, of in SERVICES.items()},
        "partner": own_key or a_partner_key(world, service), "partner of another organisation": stranger, "integrator": integrator, "nobody": "",
    }


def components(service: str) -> dict[str, str]:
    """operation → the component of its 2xx answer, from the published document."""
    document = json.loads((DOCS / f"{service}.openapi.json").read_text(encoding="utf-8"))
    found = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            good = next((answer for code, answer in operation["responses"].items() if code.startswith("2")), {})
            schema = good.get("content", {}).get("application/json", {}).get("schema", {})
            reference = schema.get("$ref") or schema.get("properties", {}).get("items", {}).get("items", {}).get("$ref")
            if reference:
                found[operation["operationId"]] = reference.rsplit("/", 1)[1]
    return found


def documented(service: str) -> dict[str, frozenset[str]]:
    """component → its fields, of all components that an operation answers with."""
    document = json.loads((DOCS / f"{service}.openapi.json").read_text(encoding="utf-8"))
    return {name: frozenset(document["components"]["schemas"][name]["properties"]) for name in set(components(service).values())}


@dataclass
class Watch:
    """Looks at every answer of one service."""

    service: str
    secrets: dict[str, dict[str, tuple[str, ...]]]
    """planted value → resource → roles that may read it; nobody else, and in no error."""
    faults: list[str] = field(default_factory=list)
    shown: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(role, resource) → fields that a read showed it."""
    seen: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    """(role, operation) → statuses."""

    def __post_init__(self) -> None:
        self.component = components(self.service)

    def on(self, app: Flask) -> None:
        request_finished.connect(self._look, app)

    def resource(self, operation: str, role: str) -> str:
        if operation in typed.READS[self.service]:
            return typed.READS[self.service][operation]
        found = typed.COMPONENTS[self.service].get(self.component.get(operation, ""), ("",))
        return next((one for one in found if typed.seen(self.service, one, role)), found[0])

    def _look(self, _app: Flask, response: Response, **_: Any) -> None:
        operation = (request.endpoint or "").rpartition(".")[2]
        actor: Actor | None = g.get("actor")
        role = "nobody" if actor is None else f"service:{actor.id.removeprefix('service:')}" if actor.kind == "service" else actor.role
        resource, text = self.resource(operation, role), response.get_data(as_text=True)
        self.seen[role, operation].add(response.status_code)
        place = f"{request.method} {operation} as {role}: {response.status_code}"
        if response.status_code >= 400:
            self._error(place, resource, role, json.loads(text) if text else {}, response.status_code)
        elif response.mimetype == "application/json" and resource:
            body = json.loads(text)
            for document in body["items"] if isinstance(body.get("items"), list) else [body]:
                extra = set(document) - typed.seen(self.service, resource, role)
                if extra:
                    self.faults.append(f"{place} shows {resource}.{', '.join(sorted(extra))}")
                if request.method == "GET":
                    self.shown[role, resource] |= set(document)
        for value, readers in self.secrets.items():
            if value.lower() in text.lower() and (response.status_code >= 400 or role not in readers.get(f"{resource}:{operation}", readers.get(resource, ()))):
                self.faults.append(f"{place} tells {value!r}: {text[:300]}")

    def _error(self, place: str, resource: str, role: str, body: dict[str, Any], status: int) -> None:
        extra = set(body) - PROBLEM - MEMBERS.get(status, set())
        if extra:
            self.faults.append(f"{place} carries {', '.join(sorted(extra))}")
        if not typed.seen(self.service, resource, role) and resource:
            told = {name for name in ("state", "version", "case_id") if name in body} | ({"allowed"} if body.get("allowed") else set())
            if told:
                self.faults.append(f"{place} tells one who may not read {resource}: {', '.join(sorted(told))}")


def paths(world: World, service: str, stages: list[Stage], actor: Actor) -> dict[str, tuple[str, dict[str, str]]]:
    """operation → (path with ids of things that are there, and that this actor may know of if she may know of any; query)."""
    from jobtrappen.web.app import routes

    own = {route.name: route for route in routes(world.runtimes[service])}
    reports = [name for name in ("table-1", "table-6") if service == ("followup" if name == "table-1" else "referral")]
    supply = Supply(world, service, own, stages, reports, actor)
    found = {}
    for route in own.values():
        if route.method != "GET":
            continue
        names = [part.strip("<>").partition(":")[2] for part in route.path.split("/") if part.startswith("<")]
        ids = supply._path(route, dict.fromkeys(names, ""))
        if route.on is not None and not ids["id"]:
            with reading(world.runtimes[service].engine) as session:
                ids["id"] = str(session.scalars(select(route.on.id).limit(1)).one())  # type: ignore[attr-defined]
        path = "/".join(ids[part.strip("<>").partition(":")[2]] if part.startswith("<") else part for part in route.path.split("/"))
        case = supply.an_id("case_id") or ""
        query = {"people": {"ids": case}, "report": {"as_of": str(TODAY)}, "feasible_openings": {"case_id": case, "all": "true", "measure": "internship"}}
        found[route.name] = path, query.get(route.name, {})
    return found | _particular(world, service, actor)


def _particular(world: World, service: str, actor: Actor) -> dict[str, tuple[str, dict[str, str]]]:
    """Reads that show all they can for some things alone: contacts stand below a workplace or a case, a profile comes with a talk."""
    with reading(world.runtimes[service].engine) as session:
        if service == "matching":
            from jobtrappen_matching.model import ContactPlace, Match

            place, case = session.scalars(select(ContactPlace).limit(1)).one(), session.scalars(select(Match.case_id).limit(1)).one()
            below = f"/workplaces/{place.workplace_id}/contacts"
            return {"list_contacts": (below, {}), "read_contact_of_workplace": (f"{below}/{place.contact_id}", {}), "case_history": (f"/cases/{case}/history", {}),
                    "case_timeline": (f"/cases/{case}/timeline", {}), "list_case_things": (f"/cases/{case}/things", {})}
        if service == "followup":
            from jobtrappen_followup.model import Contact

            case = session.scalars(select(Contact.case_id).limit(1)).one()
            return {"list_contacts": ("/contacts", {"case_id": str(case)}), "course_timeline": (f"/courses/{case}/timeline", {})}
        if service == "referral":
            from jobtrappen_referral.model import Assessment, Intake

            cases = [*session.scalars(select(Intake.case_id).where(Intake.status == "held").limit(2)), *session.scalars(select(Assessment.case_id).limit(2))]
            assessed = session.scalars(select(Assessment.case_id).where(Assessment.status == "confirmed").limit(1)).one()
            return {"people": ("/people", {"ids": ",".join(map(str, cases))}), "list_case_things": (f"/cases/{cases[0]}/things", {}), "case_timeline": (f"/cases/{assessed}/timeline", {})}
        if service == "partners" and actor.kind == "partner":
            from jobtrappen_partners.model import PartnerRequest

            mine = select(PartnerRequest.id).where(PartnerRequest.partner_id == UUID(actor.partner_id), PartnerRequest.asked, PartnerRequest.status != "voided")
            asked = session.scalars(mine.limit(1)).first()
            return {"my_request": (f"/my/requests/{asked}", {})} if asked else {}
    return {}


def concerns(world: World, agreement: str, partner: str) -> None:
    """Arranges that another authority decides on an agreement."""
    from jobtrappen_matching.model import Agreement

    with writing(world.runtimes["matching"].engine) as session:
        found = session.get_one(Agreement, UUID(agreement))
        found.approver, found.partner_id = "other_authority", UUID(partner)

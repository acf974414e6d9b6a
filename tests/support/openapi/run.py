# SPDX-License-Identifier: MPL-2.0
"""One run of schemathesis over one service, role after role; its result is plain data, so that runs can go side by side."""
from __future__ import annotations

import logging
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
import structlog
from flask import Flask, Response, request, request_finished
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport

from jobtrappen import roles
from jobtrappen.auth import DEMO_USERS, issue_key, key_actor
from jobtrappen.tx import SYSTEM, Actor, transaction
from jobtrappen.web.api import Route
from jobtrappen.web.app import routes
from tests.support.openapi import seeds
from tests.support.openapi.checks import CHECKS
from tests.support.openapi.ids import Supply
from tests.support.world import World, a_world

PLUGINS = "referral,matching,followup,partners,origin_statistic"
NOBODY = "nobody"
ROLES = (roles.CASEWORKER, roles.CONSULTANT, roles.TEAM_LEAD, roles.COORDINATOR, roles.ADMINISTRATOR, roles.PARTNER, roles.INTEGRATOR, roles.SERVICE, NOBODY)
LEAD, MAY, REFUSED = 50, 5, 1
"""Examples that the fuzzer draws for an operation: as the role that leads for it, as any other role that may do it, and as one
that is refused before anything of the request is read. The coverage phase's enumerated cases come on top, for the first."""
REPEATABLE = {"extra-data-sources": {"responses": False}}
"""Nothing is drawn from earlier answers: their ids and times differ from run to run."""


@dataclass
class Explored:
    """What a run saw."""

    service: str
    allowed: dict[str, list[str]] = field(default_factory=dict)
    """operation → the roles that may do it; empty for what anybody may."""
    cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(operation, role) → requests that were generated, sent and checked."""
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(operation, status) → answers, those to the seeds included."""
    checks: Counter[str] = field(default_factory=Counter)
    """check → how often it had something to say about an answer."""
    failures: dict[str, str] = field(default_factory=dict)
    """What failed, once for each operation and kind of failure → the first request that showed it."""
    seconds: dict[str, float] = field(default_factory=dict)
    """role → seconds of processor time."""

    def examples(self, operation: str) -> int:
        """All requests to an operation, as whichever role."""
        return sum(n for (name, _role), n in self.cases.items() if name == operation)


class InProcess(WSGITransport):
    """The probes of `ignored_auth` bring the network's settings along, which an application in this process has no use for."""

    def send(self, case: Any, *, session: Any = None, **kwargs: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies") if session is None else ():
            kwargs.pop(name, None)
        return super().send(case, session=session, **kwargs)


def explore(service: str, home: Path, thorough: bool = False, only: tuple[str, ...] = ROLES) -> Explored:
    """Seed a world, then run the generator against the service as every role.

    Args:
        thorough: run the coverage phase's enumerated cases as every role that may do an operation, not as its leading role alone.
    """
    os.environ["JOBTRAPPEN_PLUGINS"] = PLUGINS
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    schemathesis.transport.wsgi.WSGI_TRANSPORT.__class__ = InProcess
    found = Explored(service)
    with a_world(home, services=seeds.SERVICES[service]) as world:
        app: Flask = world.apps[service]

        def count(_app: Flask, response: Response, **_: Any) -> None:
            endpoint = request.endpoint or ""
            found.statuses[endpoint.rpartition(".")[2], response.status_code] += 1

        request_finished.connect(count, app)
        began = time.process_time()
        for stage in seeds.STAGES[service]:
            seeds.walk(world, stage)
        seeds.SEEDS[service](world)
        seeds.ok(world.client(service, "").post("/sign-in", {"username": "karen", "password": "karen"}))
        partner = seeds.PARTNERS[service](world) if service in seeds.PARTNERS else ""
        found.seconds["seeds"] = time.process_time() - began
        keys = _keys(world, service, partner)
        for role in only:
            began = time.process_time()
            _as_role(found, world, service, role, keys.get(role) or _token(world, service, role), thorough)
            found.seconds[role] = time.process_time() - began
    return found


def _keys(world: World, service: str, partner: str) -> dict[str, str]:
    """A partner's key (its own requests', where there are any) and an integrator's."""
    runtime, nobody = world.runtimes[service], "3b1f0a52-0000-4000-8000-000000000001"
    with transaction(runtime, SYSTEM) as tx:
        made = {kind: issue_key(tx, runtime.signer, kind, nobody, ["requests", "feed"])[1] for kind in (roles.PARTNER, roles.INTEGRATOR)}
    return made | ({roles.PARTNER: partner} if partner else {})


def _token(world: World, service: str, role: str) -> str:
    """A staff token, or a service's, which lives for a minute; nobody has none."""
    signer = world.runtimes[service].signer
    if role == roles.SERVICE:
        return signer.service("matching")
    return next((signer.staff(user) for user in DEMO_USERS.values() if user.role == role), "")


def _actor(world: World, service: str, token: str) -> Actor:
    runtime = world.runtimes[service]
    if not token:
        return Actor(NOBODY, NOBODY, kind=NOBODY)
    return key_actor(runtime.engine, runtime.signer, token) if token.startswith("jt_") else runtime.signer.read(token)


def _as_role(found: Explored, world: World, service: str, role: str, token: str, thorough: bool) -> None:
    app, runtime = world.apps[service], world.runtimes[service]
    document = app.test_client().get("/v1/openapi.json").get_json()
    operations = {op["operationId"]: op.get("x-roles", []) for path in document["paths"].values() for op in path.values()}
    found.allowed = operations
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", app, config=_configuration(operations, role, token, thorough))
    own: dict[str, Route] = {route.name: route for route in routes(runtime)}
    schema.supply = Supply(world, service, own, seeds.STAGES[service], _reports(service), _actor(world, service, token))

    _execute(found, schema, role)
    for name in [n for n in operations if role == _lead(operations, n)]:
        if found.examples(name) < LEAD:
            _again(found, schema, name, role, token)


def _again(found: Explored, schema: Any, name: str, role: str, token: str) -> None:
    """An operation without parameters has one request only; it is sent and checked as often as the others."""
    operation = schema.find_operation_by_id(name)
    raw = operation.definition.raw
    assert not raw.get("parameters") and "requestBody" not in raw, f"the generator drew too few examples of {name}"
    for _ in range(LEAD - found.examples(name)):
        try:
            operation.Case().call_and_validate(headers={"Authorization": f"Bearer {token}"})
        except (FailureGroup, AssertionError) as failed:
            found.failures[f"{operation.label} as {role}"] = str(failed)
        found.cases[name, role] += 1


def _execute(found: Explored, schema: Any, role: str) -> None:
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(found, schema, event.recorder, role)
        elif isinstance(event, events.NonFatalError):
            found.failures[f"{role} {event.label}: {event.info.title}"] = event.info.message
        elif isinstance(event, events.EngineFinished):
            found.failures |= {f"{role}: {failure.title}": failure.message for failure in event.failures}


def _reports(service: str) -> list[str]:
    from jobtrappen.plugins import manager

    return [r.name for some in manager().hook.report() for r in some if r.service == service]


def _lead(operations: dict[str, list[str]], name: str) -> str:
    """The role that draws most examples of an operation; the operations go round among those who may."""
    who = [r for r in ROLES if r in operations[name]] or [NOBODY]
    return who[sorted(operations).index(name) % len(who)]


def _configuration(operations: dict[str, list[str]], role: str, token: str, thorough: bool) -> SchemathesisConfig:
    lead, may, refused = [], [], []
    for name, allowed in sorted(operations.items()):
        (refused if role not in (allowed or [NOBODY]) else lead if _lead(operations, name) == role else may).append(name)
    groups = [(lead, LEAD, True), (may, MAY, thorough), (refused, REFUSED, False)]
    return SchemathesisConfig.from_dict({
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "generation": {"deterministic": True, "no-shrink": True, "database": "none", "max-examples": LEAD},
        "checks": CHECKS, "continue-on-failure": True, "suppress-health-check": ["too_slow"],  # a busy machine is no failure
        "analysis": {"constants": {"enabled": False}},
        "phases": {"examples": {"enabled": True, **REPEATABLE}, "coverage": REPEATABLE, "fuzzing": {**REPEATABLE, "error-feedback": {"enabled": False}},
                   "stateful": {"enabled": True, "max-steps": 4, "generation": {"max-examples": 4}}},
        "operations": [{"include-operation-id": names, "generation": {"max-examples": examples}, "phases": {"coverage": {"enabled": covered, **REPEATABLE}}}
                       for names, examples, covered in groups if names],
    })


def _note(found: Explored, schema: Any, recorder: Any, role: str) -> None:
    for id, node in recorder.cases.items():
        found.cases[node.value.operation.definition.raw.get("operationId", node.value.operation.label), role] += 1
        for check in recorder.checks.get(id, []):
            found.checks[check.name] += 1
            if check.failure_info is None:
                continue
            failure, exchange = check.failure_info.failure, recorder.interactions.get(id)
            key = f"{node.value.operation.label}: {check.name}: {failure.title}"
            if key not in found.failures:
                answer = exchange.response if exchange else None
                found.failures[key] = (f"as {role}: {node.value!r}\n{node.value.meta.phase.data.description if node.value.meta else ''}\n{failure.message[:900]}\n"
                                       f"{answer.status_code if answer else '-'} {answer.content[:600] if answer else b''!r}")

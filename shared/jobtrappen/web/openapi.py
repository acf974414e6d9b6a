# SPDX-License-Identifier: MPL-2.0
"""OpenAPI 3.1 of a service, generated from its routes; committed in docs/api/ and checked for drift."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from jobtrappen import roles
from jobtrappen.web import fields as own
from jobtrappen.web import reads
from jobtrappen.web.schemas import PROBLEM, SIGN_IN

if TYPE_CHECKING:
    from jobtrappen.runtime import Service
    from jobtrappen.web.api import Route

ERRORS = {"400": "Malformed, or the Idempotency-Key is missing", "401": "Not signed in", "403": "Not for this role",
          "404": "Not here (Retry-After: not here yet)", "409": "The state does not allow it", "412": "Changed since it was read",
          "413": "Too large", "415": "Send application/json", "422": "A field is missing or wrong", "428": "If-Match, or X-Purpose, is missing",
          "429": "Over a limit", "503": "Try again soon"}
PATH = re.compile(r"<(?:(\w+):)?(\w+)>")
KINDS = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 1, "maximum": 2_000_000_000}, "string": {"type": "string"}}
TEXT: dict[str, Any] = {"schema": {"type": "string"}}
REQUEST_ID = {"X-Request-Id": {"required": True, "description": "Names this request in the service's log; yours, if you sent one.",
                               "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}}}
SECONDS = {"description": "Seconds after which to ask again.", "schema": {"type": "string", "pattern": "^[0-9]{1,6}$"}}
ETAG = '^"[0-9]{1,9}"$'
ERROR_HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"required": True, **TEXT}}, "404": {"Retry-After": SECONDS}, "429": {"Retry-After": {"required": True, **SECONDS}}, "503": {"Retry-After": {"required": True, **SECONDS}},
}


def document(service: Service, routes: list[Route]) -> dict[str, Any]:
    """The OpenAPI document as a dict, in a stable order."""
    plugin = MarshmallowPlugin()
    spec = APISpec(f"Jobtrappen {service.name}", "1.0.0", "3.1.0", plugins=[plugin], info={
        "description": f"{service.title}. Every command takes an Idempotency-Key; every change of an existing thing an If-Match. "
                       "Errors are RFC 9457 problem documents that name the field and the remedy. A method that a path does not have is "
                       "answered 405 with the header Allow; HEAD is answered wherever GET is.", "license": {"name": "MPL-2.0", "identifier": "MPL-2.0"}})
    plugin.converter.add_attribute_function(_narrow)  # type: ignore[union-attr]
    spec.components.schema("Problem", schema=PROBLEM)
    spec.components.schema("SignIn", schema=SIGN_IN)
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for code, text in ERRORS.items():
        spec.components.response(f"E{code}", {"description": text, "headers": {**REQUEST_ID, **ERROR_HEADERS.get(code, {})}, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}})
    _one_name_for_each_place(routes)
    for route in sorted(routes, key=lambda r: (r.path, r.method)):
        spec.path(path="/v1" + PATH.sub(r"{\2}", route.path), operations={route.method.lower(): _operation(spec, route, reads.asks_why(service, route))})
    spec.path(path="/v1/sign-in", operations={"post": {
        "operationId": "sign_in", "summary": "Demo log-in: a staff token for eight hours.", "security": [],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SignIn"}}}},
        "responses": {"200": {"description": "A token", "headers": REQUEST_ID, "content": {"application/json": {"schema": {
            "type": "object", "additionalProperties": False, "properties": {"token": {"type": "string"}, "expires_in": {"type": "integer"}}, "required": ["token", "expires_in"]}}}},
            **{c: {"$ref": f"#/components/responses/E{c}"} for c in ("400", "401", "413", "415", "422", "429", "503")}}}})
    return spec.to_dict()


def _one_name_for_each_place(routes: list[Route]) -> None:
    """OpenAPI forbids two templates of one URL; their methods would stand apart, and the 405's Allow would seem wrong."""
    seen: dict[str, str] = {}
    for route in routes:
        template = seen.setdefault(PATH.sub("{}", route.path), PATH.sub(r"{\2}", route.path))
        if template != PATH.sub(r"{\2}", route.path):
            raise ValueError(f"{route.name}: {route.path} is {template} by another name")


def _operation(spec: APISpec, route: Route, asks_why: bool) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [{"in": "path", "name": name, "required": True, "schema": KINDS[kind or "string"]}
                                        for kind, name in PATH.findall(route.path)]
    if route.method != "GET":
        parameters.append({"in": "header", "name": "Idempotency-Key", "required": True, "description": "A new UUID for each new command; the same one when it is repeated.",
                           "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,80}$"}})
    if route.on is not None and route.method != "GET":
        parameters.append({"in": "header", "name": "If-Match", "required": True, "description": "The ETag that was read.",
                           "schema": {"type": "string", "pattern": ETAG}})
    if asks_why:
        parameters.append({"in": "header", "name": "X-Purpose", "required": False, "description": "Why staff read a case that is none of their unit's; needed for those alone.",
                           "schema": {"type": "string", "enum": list(reads.PURPOSES)}})
    if route.query is not None:
        parameters += _query_parameters(spec, route)
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary, "tags": [route.resource or "service"], "parameters": parameters,
                                 "security": [] if route.public else [{"bearer": []}], "x-roles": sorted(route.who - roles.SYS),
                                 "responses": {str(route.status): _success(route), **{c: {"$ref": f"#/components/responses/E{c}"} for c in (*_errors(route), *(["428"] if asks_why else []))}}}
    if route.step is not None:
        operation["x-lifecycle"] = {"from": sorted(route.step.frm), "to": route.step.to, "required": list(route.step.required), "event": route.step.says}
    if route.method != "GET" and route.takes != "application/json":
        operation["requestBody"] = {"required": True, "content": {route.takes: {"schema": {"type": "string"}}}}
    elif route.loads is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.loads}}}
    return operation


def _query_parameters(spec: APISpec, route: Route) -> list[dict[str, Any]]:
    assert route.query is not None
    converter = spec.plugins[0].converter  # type: ignore[attr-defined]
    return [{"in": "query", "name": f.data_key or name, "required": f.required, "schema": converter.field2property(f)}
            for name, f in route.query.load_fields.items()]


def _success(route: Route) -> dict[str, Any]:
    schema: Any = route.dumps if route.dumps is not None else {"type": "object"}
    if route.many:
        after = route.query.load_fields.get("after") if route.query is not None else None
        place = {"pattern": own.PLACE} if isinstance(after, own.Place) else {"pattern": "^[0-9]+$"} if isinstance(after, own.Whole) else {"format": "uuid"}
        schema = {"type": "object", "required": ["items"], "additionalProperties": False,
                  "properties": {"items": {"type": "array", "items": schema},
                                 "next": {"type": ["string", "null"], **place, "description": "Where the next page begins: send it as `after`."},
                                 **{name: {"type": "integer", "minimum": 0} for name in ("total", *route.counts)}}}
    return {"description": "Done" if route.method != "GET" else "Found", "headers": _headers(route), "content": {
        kind: {"schema": schema if kind == "application/json" else {"type": "string"}} for kind in route.gives.split()}}


def _headers(route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = dict(REQUEST_ID)
    if not route.many:
        headers["ETag"] = {"description": "The version; send it as If-Match with the next command.", "schema": {"type": "string", "pattern": ETAG}}
    if route.method != "GET":
        headers["Idempotent-Replay"] = {"description": "The key was used before; this is the answer it was given.", "schema": {"type": "string", "const": "true"}}
    if route.status == 201:
        headers["Location"] = {"description": "Where the new thing is.", **TEXT}
    return headers


def _errors(route: Route) -> list[str]:
    """Keys are limited everywhere, other actors where the route says so."""
    limited = ["429"] if route.limit or route.who & {roles.PARTNER, roles.INTEGRATOR} else []
    if route.method == "GET":
        return [c for c in ("401", "403", "404", "422", "503") if not (route.public and c in ("401", "403"))] + limited
    return ["400", "401", "403", "404", "409", "413", "415", "422", "503", *(["412", "428"] if route.on else []), *limited]


def _narrow(self: Any, field: Any, **_: Any) -> dict[str, Any]:
    """What the strict fields take is narrower than their marshmallow parents say."""
    if isinstance(field, own.Day):
        return {"pattern": own.DAY.pattern}
    if isinstance(field, own.Moment):
        return {"pattern": own.MOMENT.pattern}
    if isinstance(field, own.Text):
        return {"pattern": next((v.regex.pattern for v in field.validators if hasattr(v, "regex")), "^[^\\x00-\\x08\\x0b-\\x1f\\x7f]*$")}
    return {}



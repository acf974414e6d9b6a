# SPDX-License-Identifier: MPL-2.0
"""`Api`: a service's routes as data, and the two ways a request goes.

A command: sign-in → role → Idempotency-Key, If-Match → body → one write transaction { claim or replay → the thing, its
version → use case → answer } → COMMIT → ETag. A read: sign-in → role → query → rows → rights → answer; reads of a
citizen's data are put on record in the same transaction.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, g, request
from marshmallow import Schema

from jobtrappen import idempotency, roles
from jobtrappen.db import reading
from jobtrappen.errors import Forbidden, NotFound, Precondition, Stale
from jobtrappen.lifecycle import Lifecycle, Step
from jobtrappen.tx import Actor, Tx, transaction
from jobtrappen.web import incoming, reads
from jobtrappen.web.callers import authenticate, runtime, within


@dataclass
class Route:
    """One operation, as registered; the router and the OpenAPI page both read it."""

    method: str
    path: str
    name: str
    call: Callable[..., Any]
    summary: str
    who: frozenset[str]
    resource: str = ""
    loads: Schema | None = None
    query: Schema | None = None
    dumps: Schema | None = None
    on: type | None = None
    status: int = 200
    many: bool = False
    audits: bool = False
    lifecycle: Lifecycle | None = None
    step: Step | None = None
    takes: str = "application/json"
    gives: str = "application/json"
    public: bool = False
    purpose: str = "case_work"
    """What an audited read is for, as the citizen's access report tells it."""
    limit: str = ""
    """The limit that each use counts against (limits.DEFAULTS)."""
    counts: tuple[str, ...] = ()
    """Numbers that a list gives beside its total."""


@dataclass
class Api:
    """The routes of one service. Schemas are instances, made once: making one costs 170 to 240 µs."""

    service: str
    routes: list[Route] = field(default_factory=list)

    def command(self, path: str, *, dumps: Schema, resource: str, who: frozenset[str] = roles.STAFF, loads: Schema | None = None,
                on: type | None = None, status: int = 200, lifecycle: Lifecycle | None = None, step: Step | None = None,
                method: str = "POST", takes: str = "application/json", limit: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a mutating route. The use case is called as (tx, command) or, with `on`, (tx, thing, command)."""

        def register(call: Callable[..., Any]) -> Callable[..., Any]:
            self.routes.append(Route(method, path, call.__name__, call, _first_line(call), who, resource, loads, None, dumps, on,
                                     status, False, True, lifecycle, step, takes, limit=limit or ("upload" if takes != "application/json" else "")))
            return call

        return register

    def read(self, path: str, *, resource: str, dumps: Schema | None = None, who: frozenset[str] = roles.STAFF, query: Schema | None = None,
             on: type | None = None, many: bool = False, audits: bool = False, lifecycle: Lifecycle | None = None,
             gives: str = "application/json", public: bool = False, purpose: str = "case_work", counts: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a GET. The query is called as (tx, arguments) or (tx, thing, arguments)."""

        def register(call: Callable[..., Any]) -> Callable[..., Any]:
            self.routes.append(Route("GET", path, call.__name__, call, _first_line(call), who, resource, None, query, dumps, on, 200,
                                     many, audits, lifecycle, None, "", gives, public, purpose, "search" if audits and (many or purpose != "case_work") else "", counts))
            return call

        return register

    def actions(self, path: str, model: type, lifecycle: Lifecycle, schemas: dict[str, Schema], *, dumps: Schema, resource: str) -> None:
        """One POST for each action of the lifecycle that a person may take on an existing thing."""
        for line in lifecycle.by_action.values():
            if not line.frm or line.who <= roles.SYS:
                continue

            def act(tx: Tx, thing: Any, command: dict[str, Any], action: str = line.action) -> Any:
                return lifecycle.apply(tx, thing, action, command)

            act.__name__ = f"{lifecycle.name}_{line.action}"
            act.__doc__ = line.help or f"{line.action.replace('_', ' ').capitalize()}: {' or '.join(sorted(line.frm))} → {line.to}."
            self.command(f"{path}/<uuid:id>/{line.action}", loads=schemas[line.action], dumps=dumps, resource=resource, on=model,
                         who=line.who, lifecycle=lifecycle, step=line)(act)


def _first_line(call: Callable[..., Any]) -> str:
    return (call.__doc__ or call.__name__.replace("_", " ")).strip().splitlines()[0]


def view(route: Route) -> Callable[..., Response]:
    """The Flask view function of a route."""

    def answer(**path: Any) -> Response:
        actor = g.actor = authenticate() if not route.public else Actor("nobody", "nobody", kind="nobody")
        if not route.public and actor.role not in route.who:
            raise Forbidden(f"{actor.role} may not do this.", action=route.step.action if route.step else route.name,
                            allowed=_allowed_now(route, actor, path))
        if route.limit and actor.kind != "service":
            within(runtime(), route.limit, actor.id)
        return _read(route, actor, path) if route.method == "GET" else _command(route, actor, path)

    answer.__name__ = route.name
    return answer


def _allowed_now(route: Route, actor: Actor, path: dict[str, Any]) -> list[str]:
    """What this actor may do on the thing instead, for the 403's remedy; nothing when she may not know of it."""
    if route.lifecycle is None or route.on is None or actor.kind != "staff" or actor.role not in runtime().service.rights.readers(route.resource):
        return []
    with reading(runtime().engine) as session:
        thing = session.get(route.on, path["id"])
        return route.lifecycle.allowed(thing, actor) if thing and seen_by(thing, actor) else []


def _loaded(route: Route, body: bytes) -> dict[str, Any]:
    if request.query_string:
        incoming.arguments(None)
    if route.takes == "application/json" and route.loads:
        return route.loads.load(incoming.json_body(body))
    incoming.require_type(route.takes)
    return {"body": body}


def _command(route: Route, actor: Actor, path: dict[str, Any]) -> Response:
    key = idempotency.key_from(request.headers.get("Idempotency-Key"))
    body = incoming.whole_body()
    command = _loaded(route, body)
    call = Call(key, f"{request.method} {request.path}", body, request.headers.get("If-Match"))
    try:
        return _respond(carry_out(route, actor, path, command, call))
    except Replayed as replay:
        return _respond(replay.answer, replayed=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One sending of a command. `where` is what the key belongs to, `if_match` the version that its sender has read."""

    key: str
    where: str
    body: bytes
    if_match: str | None


class Replayed(Exception):
    """Leaves the transaction, which has changed nothing, with the answer that the key was given before."""

    def __init__(self, answer: idempotency.Answer) -> None:
        super().__init__()
        self.answer = answer


def carry_out(route: Route, actor: Actor, path: dict[str, Any], command: dict[str, Any], call: Call) -> idempotency.Answer:
    """One command in one write transaction, for the API and for the pages.

    Raises:
        Replayed: it was carried out before; with the answer of then.
        Rejected: it is not allowed, not current or not possible; nothing was changed.
    """
    with transaction(runtime(), actor, request_id=g.request_id, trace=request.headers.get("traceparent", "")[:55]) as tx:
        claimed = idempotency.claim(tx, actor.id, call.where, call.key, call.body)
        if isinstance(claimed, idempotency.Answer):
            raise Replayed(claimed)
        if route.on:
            thing = the_thing(tx, route.on, path.pop("id"), actor, lock=True)
            _check_version(thing, call.if_match)
            result = route.call(tx, thing, command, **path)
        else:
            result = route.call(tx, command, **path)
        tx.session.flush()
        stored = _stored(route, actor, result)
        idempotency.keep(tx, claimed, stored)
    return stored


def the_thing(tx: Tx, model: type, id: Any, actor: Actor, lock: bool) -> Any:
    """Load it, only if this actor may know that it exists; what is hidden and what is not there sound the same."""
    thing: Any = tx.get(model, id, lock=lock)
    if not seen_by(thing, actor):
        raise NotFound(f"No {model.__name__.lower()} has this id. Check the id; ids of other services are not known here.")
    return thing


def seen_by(thing: Any, actor: Actor) -> bool:
    """A partner sees rows that name it; a thing may narrow it further (`seen_by`)."""
    if hasattr(thing, "seen_by"):
        return bool(thing.seen_by(actor))
    return actor.kind != "partner" or str(getattr(thing, "partner_id", "")) == actor.partner_id


def _check_version(thing: Any, given: str | None) -> None:
    if given is None:
        raise Precondition(428, "If-Match", f'Read the thing and send its ETag; it is now "{thing.version}".')
    if given.strip() != f'"{thing.version}"':
        raise Stale(f'You sent {given[:40]}; the present version is "{thing.version}". Read it again.', version=thing.version,
                    state=getattr(thing, "status", None))


def _stored(route: Route, actor: Actor, result: Any) -> idempotency.Answer:
    document = present(route, actor, result)
    version, id = getattr(result, "version", None), getattr(result, "id", None)
    location = f"{request.script_root}{request.path}/{id}" if route.status == 201 and id else None
    return idempotency.Answer(route.status, f'"{version}"' if version is not None else None, location,
                              json.dumps(document, ensure_ascii=False).encode())


def present(route: Route, actor: Actor, result: Any) -> Any:
    """The answer's document after rights."""
    assert route.dumps is not None
    document = route.dumps.dump(result)
    if route.lifecycle is not None:
        document["allowed_actions"] = route.lifecycle.allowed(result, actor)
    return runtime().service.rights.view(actor, route.resource, document)


def _respond(answer: idempotency.Answer, replayed: bool = False) -> Response:
    response = Response(answer.body, answer.status, content_type="application/json")
    if answer.etag:
        response.headers["ETag"] = answer.etag
    if answer.location:
        response.headers["Location"] = answer.location
    if replayed:
        response.headers["Idempotent-Replay"] = "true"
    return response


def _read(route: Route, actor: Actor, path: dict[str, Any]) -> Response:
    arguments = incoming.arguments(route.query)
    reads.may_search(runtime().service.rights, route, actor, request.args)
    if route.audits:
        with transaction(runtime(), actor, request_id=g.request_id) as tx:
            return _answer(route, tx, actor, path, arguments)
    with reading(runtime().engine) as session:
        return _answer(route, Tx(session, runtime(), actor), actor, path, arguments)


def _answer(route: Route, tx: Tx, actor: Actor, path: dict[str, Any], arguments: dict[str, Any]) -> Response:
    document, version = looked_up(route, tx, actor, path, arguments)
    if isinstance(document, Response):
        return document
    response = _json_response(document)
    if version is not None:
        response.headers["ETag"] = f'"{version}"'
    return response


def looked_up(route: Route, tx: Tx, actor: Actor, path: dict[str, Any], arguments: dict[str, Any]) -> tuple[Any, int | None]:
    """What a read answers after rights, put on record where it must be: (document, the thing's version). For the API and for
    the pages; a report as text or CSV is a Response already."""
    if route.on:
        thing = the_thing(tx, route.on, path.pop("id"), actor, lock=False)
        case = getattr(thing, "case_id", None)
        purpose = reads.purpose_of(route, tx, case)
        result = route.call(tx, thing, arguments, **path)
    else:
        case = path.get("case_id")
        purpose = reads.purpose_of(route, tx, case)
        result = route.call(tx, arguments, **path)
    if isinstance(result, Response):
        return result, None
    if route.audits:
        reads.put_on_record(route, tx, result, {**arguments, **path, **({"case_id": case} if case else {})}, purpose)
    if route.many:
        assert route.dumps is not None
        return {**result, "items": [present(route, actor, one) for one in result["items"]]}, None
    if route.dumps is None:
        return result, None
    return present(route, actor, result), getattr(result, "version", None)


def _json_response(document: Any) -> Response:
    return Response(json.dumps(document, ensure_ascii=False, default=str), 200, content_type="application/json")

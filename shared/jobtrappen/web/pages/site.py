# SPDX-License-Identifier: MPL-2.0
"""`Site`: a service's pages as data, and `Desk`: what a page sees of its request.

A page reads through the routes of the API (`desk.read("read_case", id=…)`), so it can show no field that the API would not
give this actor, and what it shows is put on record as an API read would be. Each command of the API has a form, made from its
schema; a service says beside it only what a person needs (`Form`): what to prefill, what to choose from, where to go then.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import g, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from jobtrappen import roles
from jobtrappen.config import PATHS
from jobtrappen.errors import Invalid
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor, Tx, transaction
from jobtrappen.web import api as ways
from jobtrappen.web import reads
from jobtrappen.web.api import Route

Shown = str | BaseResponse


@dataclass(frozen=True)
class Page:
    """One page. `call` takes the desk and what stands in the path."""

    path: str
    name: str
    call: Callable[..., Shown]
    who: frozenset[str]
    methods: tuple[str, ...] = ("GET",)
    public: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of the navigation inside a service."""

    page: str
    label: str
    who: frozenset[str]


@dataclass(frozen=True)
class Form:
    """What a person needs beside a command's schema. Everything is optional.

    `prepare` is called as (desk, thing's document or {}) before the form is shown; it returns {values, choices, title, intro, beside}
    of those that it knows (`hidden` and `required` are names of controls, `output.text` for one inside a group; `kinds` draws some of
    them as another kind). `then` is called as
    (desk, answer's document) and returns where to go. `shows` is called instead where the answer itself is shown, this once: what
    it holds must not stand in an address or a cookie.
    """

    prepare: Callable[..., Mapping[str, Any]] | None = None
    then: Callable[..., str] | None = None
    shows: Callable[..., Shown] | None = None
    leave_out: tuple[str, ...] = ()
    template: str = "form.html"
    required: tuple[str, ...] = ()


@dataclass
class Site:
    """A service's pages."""

    service: str
    folder: Path
    pages: list[Page] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    forms: dict[str, Form] = field(default_factory=dict)
    no_form: frozenset[str] = frozenset()
    """Commands that have no form of their own: a page of the service gives them."""
    called: Callable[[Runtime, Actor], str] | None = None
    """What a partner organisation that signs in here is called, for the frame."""
    things: dict[str, Callable[..., Mapping[str, Any]]] = field(default_factory=dict)
    """By resource: what stands on its page beside its fields, called as (desk, document). `facts` stands instead of them, `template` instead of
    the plain page."""

    def page(self, path: str, *, who: frozenset[str] = roles.STAFF, entry: str = "", methods: tuple[str, ...] = ("GET",)) -> Callable[[Callable[..., Shown]], Callable[..., Shown]]:
        """Register a page; `entry` puts it into the navigation under this label."""

        def register(call: Callable[..., Shown]) -> Callable[..., Shown]:
            self.pages.append(Page(path, call.__name__, call, who, methods))
            if entry:
                self.entries.append(Entry(call.__name__, entry, who))
            return call

        return register


@dataclass
class Desk:
    """A request for a page: who asks, in which transaction, and the ways to read and to answer."""

    actor: Actor
    runtime: Runtime
    site: Site
    routes: dict[str, Route]
    _open: ExitStack | None = None
    _tx: Tx | None = None

    @property
    def tx(self) -> Tx:
        """The transaction of what is read for this page; opened when it is first needed, so that a command before it has its own."""
        if self._tx is None:
            self._open = ExitStack()
            self._tx = self._open.enter_context(transaction(self.runtime, self.actor, request_id=g.request_id))
        return self._tx

    def leave(self, error: BaseException | None = None) -> None:
        """End the transaction, if there is one: what was read is on record, or, after an error, nothing was."""
        held, self._open, self._tx = self._open, None, None
        if held is not None:
            held.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def read(self, name: str, arguments: Mapping[str, Any] | None = None, /, **path: Any) -> Any:
        """What the API's read of this name gives this actor: a document, or {items, next, total}.

        Raises:
            Forbidden, NotFound, Precondition: as the API would.
        """
        route = self.routes[name]
        if self.actor.role not in route.who:
            from jobtrappen.errors import Forbidden

            raise Forbidden(f"{self.actor.role} may not do this.", action=name, allowed=[])
        reads.may_search(self.runtime.service.rights, route, self.actor, arguments or ())
        given = self._loaded(route, dict(arguments or {}))
        document, _version = ways.looked_up(route, self.tx, self.actor, dict(path), given)
        return document

    def _loaded(self, route: Route, arguments: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            Invalid: `after` is no place in this list, whatever a page makes of other filters. ValidationError: one of those is wrong.
        """
        if route.query is None:
            return {}
        try:
            return dict(route.query.load(arguments))
        except ValidationError as error:
            if "after" in error.normalized_messages():
                raise Invalid("after", "is not the `next` of a page of this list") from None
            raise

    def may(self, name: str) -> bool:
        """Whether this role may use a route at all."""
        return name in self.routes and self.actor.role in self.routes[name].who

    def show(self, template: str, **context: Any) -> str:
        return render_template(template, desk=self, **context)

    def go(self, to: str, said: str = "") -> BaseResponse:
        """Post, redirect, get; `said` is shown once on the page that comes."""
        from flask import flash

        if said:
            flash(said)
        return redirect(to, 303)

    def form_of(self, name: str, **values: Any) -> str:
        """The address of a command's form; "" where it is not for this role."""
        return url_for(f"form.{name}", **values) if self.opens(f"form.{name}") else ""

    def thing(self, resource: str, id: Any) -> str:
        """The address of a thing's page; "" where there is none, or none for this role."""
        return url_for(f"thing.{resource}", id=id) if self.opens(f"thing.{resource}") else ""

    def opens(self, page: str) -> bool:
        """Whether there is a page of this name, and it is for this role."""
        from flask import current_app

        return self.actor.role in current_app.config["WHO"].get(page, ())

    def elsewhere(self, service: str, path: str) -> str:
        """The address of another service's page; "" where that service does not stand behind the same address."""
        from flask import current_app

        return f"{PATHS[service]}{path}" if service in current_app.config["BESIDE"] and service != self.runtime.name else ""

    def query(self, *names: str) -> dict[str, str]:
        """These parameters of the address, without empty ones."""
        return {name: value for name in names if (value := request.args.get(name, "").strip())}

    def told(self, name: str) -> str:
        """What the address or, once it was sent, the form says of a hidden id or code."""
        return request.values.get(name, "").strip()[:200]

    def page(self, name: str, **values: Any) -> str:
        """The address of a page of this service."""
        return url_for(name, **values)


def singles(routes: Mapping[str, Route], model: type | None) -> list[Route]:
    """The reads that show one thing of this model; staff and partners may each have their own."""
    return [r for r in routes.values() if r.method == "GET" and r.on is model and not r.many and r.path.count("<") == 1
            and r.path.endswith("<uuid:id>")] if model is not None else []


def single(routes: Mapping[str, Route], model: type | None, role: str) -> Route | None:
    """The read that shows this role one thing of this model; one that is not for it where there is no other."""
    found = singles(routes, model)
    return next((r for r in found if role in r.who), found[0] if found else None)


def commands_on(routes: Mapping[str, Route], model: type, actor: Actor, document: Mapping[str, Any]) -> list[Route]:
    """The commands that this actor may give on a thing now: the lifecycle's, and those that belong to no lifecycle."""
    allowed = set(document.get("allowed_actions") or ())
    found = []
    for route in routes.values():
        if route.method == "GET" or route.on is not model or actor.role not in route.who:
            continue
        if route.step is None or route.step.action in allowed:
            found.append(route)
    return found

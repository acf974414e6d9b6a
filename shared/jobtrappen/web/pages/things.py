# SPDX-License-Identifier: MPL-2.0
"""A page for each thing that the API shows singly, and for each list: what it is, and what may be done with it now.

They are plain on purpose: a service writes a page of its own where people work; here nothing that the API can show is missing.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from flask import request, url_for
from marshmallow import fields

from jobtrappen.web.api import Route
from jobtrappen.web.pages import words
from jobtrappen.web.pages.site import Desk, Page, Site, commands_on, singles

SHOWN = 50
"""So many lines stand on a page of a list that the API gives as a whole."""
FRAME = ("id", "version", "allowed_actions", "status", "case_id")
PLAIN = frozenset({"access_report", "person", "history", "work", "timeline"})
"""Resources that are shown elsewhere or to services alone."""


@dataclass(frozen=True)
class Fact:
    """One line of a thing's summary."""

    label: str
    value: Any
    link: str = ""


def pages(site: Site, routes: Mapping[str, Route]) -> list[Page]:
    made: list[Page] = []
    for route in routes.values():
        if route.method != "GET" or route.public or route.dumps is None or route.resource in PLAIN or "<string" in route.path:
            continue
        if route.many and "<" not in route.path:
            made.append(Page(route.path, f"list.{route.name}", _list(route), route.who))
        elif (same := [r for r in singles(routes, route.on) if r.resource == route.resource]) and route is same[0]:
            made.append(Page(route.path, f"thing.{route.resource}" if not any(p.name == f"thing.{route.resource}" for p in made) else f"thing.{route.name}",
                             _thing(same, site), frozenset().union(*(r.who for r in same))))
    return made


def _thing(reads: list[Route], site: Site) -> Any:
    """One page for everybody who may read the thing, each through her own read."""

    def page(desk: Desk, id: Any) -> str:
        route = next(r for r in reads if desk.actor.role in r.who)
        document = desk.read(route.name, id=id)
        more = dict(site.things[route.resource](desk, document)) if route.resource in site.things else {}
        lines = more["facts"] if "facts" in more else facts(desk, document, route.resource)
        return desk.show(more.pop("template", "thing.html"), route=route, thing=document, facts=lines,
                         actions=actions(desk, route, document), case=case_link(desk, document), beside=more)

    return page


def _list(route: Route) -> Any:
    def page(desk: Desk) -> str:
        names = [f.data_key or n for n, f in route.query.load_fields.items()] if route.query is not None else []
        asked = desk.query(*names)
        found = desk.read(route.name, {n: typed_query(route, n, v) for n, v in asked.items()})
        every, begin = found["items"], _begin(desk)
        part = every if "limit" in names else every[begin:begin + SHOWN]
        rows = [(_leads(desk, route, one), facts(desk, one, route.resource, (*FRAME, *_ids(one)))[:6], one) for one in part]
        more = {"after": found["next"]} if found.get("next") else {"from": begin + SHOWN} if "limit" not in names and len(every) > begin + SHOWN else {}
        following = url_for(request.endpoint or "", **{**asked, **more}) if more else ""
        return desk.show("list.html", route=route, rows=rows, total=found.get("total", len(every)), following=following, asked=asked,
                         new=desk.form_of(creator.name) if (creator := _creator(desk, route)) is not None else "")

    return page


def _ids(one: Mapping[str, Any]) -> list[str]:
    return [name for name in one if name.endswith("_id")]


def _leads(desk: Desk, route: Route, one: Mapping[str, Any]) -> str:
    """Where a line leads: to its own page, or to that of the first thing that it names."""
    return desk.thing(route.resource, one["id"]) if one.get("id") else next((to for name in _ids(one) if one[name] and (to := _link(desk, name, one[name]))), "")


def _begin(desk: Desk) -> int:
    """Where a page of a list begins that the API gives as a whole."""
    told = desk.query("from").get("from", "")
    return int(told) if told.isdecimal() and len(told) < 7 else 0


def typed_query(route: Route, name: str, value: str) -> Any:
    from jobtrappen.web.incoming import _typed

    assert route.query is not None
    return _typed({f.data_key or n: f for n, f in route.query.load_fields.items()}[name], value)


def _creator(desk: Desk, route: Route) -> Route | None:
    return next((r for r in desk.routes.values() if r.path == route.path and r.status == 201 and r.on is None and desk.actor.role in r.who and r.loads is not None), None)


def actions(desk: Desk, route: Route, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(address, words) of what this actor may do with the thing now."""
    assert route.on is not None
    found = commands_on(desk.routes, route.on, desk.actor, document)
    return [(desk.form_of(r.name, id=document["id"]), words.word("do", r.name)) for r in found if r.name not in desk.site.no_form and r.loads is not None]


def case_link(desk: Desk, document: Mapping[str, Any]) -> str:
    case = document.get("case_id")
    return (desk.thing("case", case) or desk.thing("course", case)) if case and str(case) != str(document.get("id")) else ""


def facts(desk: Desk, document: Mapping[str, Any], of: str, leave_out: tuple[str, ...] = FRAME) -> list[Fact]:
    """A document as lines: days as days, codes in words, ids as links. Empty ones are left out."""
    made = []
    for name, value in document.items():
        if name in leave_out or value in (None, "", [], {}):
            continue
        made.append(Fact(words.label(name, of), shown(name, value), _link(desk, name, value)))
    return made


def tel(number: Any) -> str:
    """A phone number as a link that a phone calls; "" where there is nothing to call."""
    found = re.search(r"\+?[0-9][0-9 ()./-]*", str(number or ""))  # what stands behind it ("kl. 9-12") is no part of it
    dialled = re.sub(r"[^0-9+]", "", found[0]) if found else ""
    return f"tel:{dialled}" if len(dialled) > 2 else ""


def mailto(address: Any) -> str:
    """An e-mail address as a link; "" where it is none."""
    text = str(address or "").strip()
    return f"mailto:{quote(text, safe='@')}" if re.fullmatch(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+", text) else ""


def _link(desk: Desk, name: str, value: Any) -> str:
    if name in REACHED_BY:
        return REACHED_BY[name](value)
    return desk.thing(name.removesuffix("_id"), value) if name.endswith("_id") else ""


REACHED_BY = {"phone": tel, "email": mailto}


def shown(name: str, value: Any) -> Any:
    """A value for people."""
    if isinstance(value, bool):
        return words._("Yes") if value else words._("No")
    if isinstance(value, datetime | date):
        return words.moment(value) if isinstance(value, datetime) else words.day(value)
    if isinstance(value, Mapping):
        return [Fact(words.label(str(k)), shown(str(k), v), REACHED_BY[k](v) if k in REACHED_BY else "") for k, v in value.items() if v not in (None, "", [])]
    if isinstance(value, list):
        return [shown(name, one) for one in value]
    if isinstance(value, str):
        return _text(name, value)
    return value


def _text(name: str, value: str) -> str:
    if len(value) == 10 and value[4:5] == "-" and value[7:8] == "-" and value.replace("-", "").isdigit():
        return words.day(value)
    if name.endswith("_at") and "T" in value:
        return words.moment(value)
    if name.endswith("_id"):
        return words.word("id", "") if not value else value[:8]
    known = words.current()
    return next((found for key in (f"{name}:{value}", f":{value}") if (found := known.find(key)) is not None), value)


def codes_of(route: Route) -> dict[str, fields.Field[Any]]:
    return {f.data_key or n: f for n, f in route.loads.load_fields.items()} if route.loads is not None else {}

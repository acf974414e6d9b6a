# SPDX-License-Identifier: MPL-2.0
"""A form for each command of the API: shown, filled, sent, and shown again with what was typed when it could not be taken.

A form carries its Idempotency-Key and the version that its writer has read, so a double click makes one, and of two who edit
the second is told and sees both.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Response, flash, request, url_for
from marshmallow import ValidationError, fields
from werkzeug.datastructures import MultiDict

from jobtrappen import clock
from jobtrappen.errors import Conflict, Invalid, Precondition, Stale, TooMany, Unavailable
from jobtrappen.web import problem
from jobtrappen.web.api import Call, Replayed, Route, carry_out
from jobtrappen.web.callers import within
from jobtrappen.web.pages import drafts, words
from jobtrappen.web.pages.controls import Control, blame, controls, parts, typed
from jobtrappen.web.pages.site import Desk, Form, Page, Site, single

PREFILLED = 200
"""How long a value in a form's address may be; it fills ids and codes alone."""


@dataclass
class Filled:
    """A form's state between being sent and being shown again."""

    given: MultiDict[str, str] | None = None
    errors: Sequence[Mapping[str, str]] = ()
    status: int = 200
    stale: bool = False
    new_key: bool = False
    said: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def page_path(route: Route) -> str:
    """Where a command's form stands: at the command's own path, or under `new` where that makes a thing."""
    return f"{route.path}/new" if route.status == 201 and route.on is None else route.path


def pages(site: Site, routes: Mapping[str, Route]) -> list[Page]:
    """GET and POST for every command that takes JSON."""
    made = []
    for route in routes.values():
        if route.method == "GET" or route.loads is None or route.takes != "application/json" or route.name in site.no_form:
            continue
        made.append(Page(page_path(route), f"form.{route.name}", _form_page(route, site.forms.get(route.name, Form())), route.who, ("GET", "POST")))
    return made


def _form_page(route: Route, form: Form) -> Any:
    def page(desk: Desk, **path: Any) -> Any:
        if request.method == "GET":
            return show(desk, route, form, path, Filled())
        return send(desk, route, form, path)

    page.__name__ = f"form_{route.name}"
    return page


def send(desk: Desk, route: Route, form: Form, path: dict[str, Any]) -> Any:
    """Carry the command out, or show the form again with what is wrong."""
    assert route.loads is not None
    given = request.form
    try:
        if route.limit:
            within(desk.runtime, route.limit, desk.actor.id)
        document = typed(route.loads, given, form.leave_out)
        command = route.loads.load(document)
        version = given.get("version", "")
        call = Call(given.get("key", "")[:80] or str(clock.new_id()), f"POST {request.path}"[:160],
                    json.dumps(document, sort_keys=True, ensure_ascii=False).encode(), f'"{version}"' if version else None)
        answer = json.loads(carry_out(route, desk.actor, dict(path), command, call).body)
    except Replayed as replay:
        answer = json.loads(replay.answer.body)
    except ValidationError as error:
        return _again(desk, route, form, path, Filled(given, list(problem.flatten(error.normalized_messages())), 422))
    except Invalid as error:
        used = error.extra["errors"][0]["field"] == "Idempotency-Key"
        return _again(desk, route, form, path, Filled(given, error.extra["errors"], 422, new_key=used))
    except Stale:
        return _again(desk, route, form, path, Filled(given, status=412, stale=True))
    except (Conflict, TooMany, Precondition) as error:
        return _again(desk, route, form, path, Filled(given, [{"field": "", "detail": error.detail}], error.status, headers=error.headers))
    except Unavailable:
        try:
            return _again(desk, route, form, path, Filled(given, [{"field": "", "detail": "The database does not answer. Nothing was changed; send it again in a moment."}], 503))
        except Unavailable:
            return problem.problem(503, "unavailable", "Try again soon", "Nothing was changed. Go back in your browser and send it again.", {"Retry-After": "5"})
    drafts.forget(desk.tx, request.path)
    if form.shows:
        return form.shows(desk, answer)
    flash(words._("Saved."))
    return desk.go(form.then(desk, answer) if form.then else after(desk, route, path, answer))


def after(desk: Desk, route: Route, path: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Where a person looks next: at the thing, or at its case."""
    if route.on is not None and (to := desk.thing(route.resource, path.get("id"))) and answer.get("id") in (None, str(path.get("id"))):
        return to
    if answer.get("id") and (to := desk.thing(route.resource, answer["id"])):
        return to
    if answer.get("case_id") and (to := desk.thing("case", answer["case_id"]) or desk.thing("course", answer["case_id"])):
        return to
    shown = single(desk.routes, route.on, desk.actor.role)
    return (desk.thing(shown.resource, path["id"]) if shown is not None and "id" in path else "") or url_for("home")


def _again(desk: Desk, route: Route, form: Form, path: dict[str, Any], filled: Filled) -> Any:
    shown = show(desk, route, form, path, filled)
    return Response(shown, filled.status, filled.headers, content_type="text/html; charset=utf-8") if isinstance(shown, str) else shown


def show(desk: Desk, route: Route, form: Form, path: dict[str, Any], filled: Filled) -> Any:
    """The form: what was typed, else the draft, else what the page knows."""
    assert route.loads is not None
    thing = _thing(desk, route, path)
    prepared = dict(form.prepare(desk, {**path, **thing}) if form.prepare else {})
    given, draft_of = filled.given, None
    if given is None and (kept := drafts.of(desk.tx, request.path)) is not None and _of_the_same(kept[0], _asked(route)):
        given, draft_of = kept
    values = {**_present(route, thing), **_asked(route), **prepared.get("values", {})}
    if given is not None:
        values = typed(route.loads, given, form.leave_out)
    required = (*form.required, *(route.step.required if route.step else ()))
    made = controls(route.loads, of=route.name, required=required, values=values, choices=prepared.get("choices"), leave_out=form.leave_out)
    for control in (one for outer in made for one in parts(outer)):
        control.required = control.required or control.name in prepared.get("required", ())
        control.kind = "hidden" if control.name in prepared.get("hidden", ()) else prepared.get("kinds", {}).get(control.name, control.kind)
    summary = blame(made, filled.errors)
    version = str(thing.get("version") or prepared.get("version", ""))
    if given is not None and not filled.stale and given.get("version") and filled.given is not None:
        version = given["version"]
    return desk.show(
        form.template, route=route, form_title=prepared.get("title") or words.word("do", route.name), controls=made, summary=summary, thing=thing,
        version=version, key=_key(given, filled), stale=_others(route, made, thing) if filled.stale else None, draft_of=draft_of, beside=prepared.get("beside", {}),
        intro=prepared.get("intro", ""), back=prepared.get("back") or back(desk, route, path, thing), submit=words.word("do", route.name))


def _key(given: MultiDict[str, str] | None, filled: Filled) -> str:
    typed_key = given.get("key", "")[:80] if given is not None and not filled.new_key else ""
    return typed_key or str(clock.new_id())


def _thing(desk: Desk, route: Route, path: Mapping[str, Any]) -> dict[str, Any]:
    """The thing that the command is for, as this actor may read it; at least its id."""
    shown = single(desk.routes, route.on, desk.actor.role)
    if shown is None or "id" not in path:
        return {}
    return dict(desk.read(shown.name, id=path["id"])) if desk.may(shown.name) else {"id": str(path["id"])}


def _present(route: Route, thing: Mapping[str, Any]) -> dict[str, Any]:
    """A correction begins with what stands there now; a step of a lifecycle begins empty."""
    if route.step is not None or route.loads is None:
        return {}
    inner = _inner(thing)
    return {name: value for key, f in route.loads.load_fields.items() if (name := f.data_key or key) != "effective_date"
            and (value := thing.get(name, inner.get(name))) is not None}


def _inner(thing: Mapping[str, Any]) -> dict[str, Any]:
    """What a form asks for side by side and a thing keeps in parts."""
    return {k: v for part in ("person", "card", "terms", "texts") if isinstance(thing.get(part), Mapping) for k, v in thing[part].items()}


def _asked(route: Route) -> dict[str, str]:
    """Ids and codes that the address gives; never words about a person."""
    assert route.loads is not None
    return {name: value[:PREFILLED] for key, f in route.loads.load_fields.items() if (name := f.data_key or key) in request.args
            and (isinstance(f, fields.UUID | fields.Date) or any(v.__class__.__name__ == "OneOf" for v in f.validators)) and (value := request.args[name])}


def _of_the_same(kept: MultiDict[str, str], asked: Mapping[str, str]) -> bool:
    """Whether a draft is about what the address names: what was typed of one citizen never comes back in the form for another."""
    return all(kept.get(name, value) == value for name, value in asked.items())


def _others(route: Route, made: Sequence[Control], thing: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, what it is now, what was typed) for what differs, when somebody else was quicker; a step is told what it would step from."""
    rows = [(words.label("status"), words.word("status", thing.get("status")), "")] if route.step is not None and thing.get("status") else []
    there = {**_inner(thing), **thing}
    for control in made:
        if control.name in there and control.name != "effective_date" and control.kind not in ("hidden", "rows", "group"):
            now, mine = _as_read(control, there[control.name]), _as_read(control, control.value)
            if now != mine:
                rows.append((control.label, now, mine))
    return rows


def _as_read(control: Control, value: Any) -> str:
    """A value, stored or typed, in the words of its control."""
    if control.kind == "flag":
        return words._("Yes") if value in (True, "true") else words._("No")
    if isinstance(value, list):
        return "\n".join(_as_read(control, one) for one in value) or "–"
    if control.kind == "day":
        return words.day(value)
    return dict(control.choices).get(str(value), "\n".join(str(value).splitlines()) if value not in (None, "") else "–")


def back(desk: Desk, route: Route, path: Mapping[str, Any], thing: Mapping[str, Any]) -> str:
    """Where the writer came from: the thing, its case, or the first page."""
    shown = single(desk.routes, route.on, desk.actor.role)
    if shown is not None and "id" in path and (to := desk.thing(shown.resource, path["id"])):
        return to
    case = str(thing.get("case_id") or request.values.get("case_id") or "")
    return (desk.thing("case", case) or desk.thing("course", case) if len(case) == 36 else "") or url_for("home")

# SPDX-License-Identifier: MPL-2.0
"""Mounts a service's pages into its Flask application: sign-in, rights, the transaction, words, errors and headers."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flask import Flask, Response, flash, g, get_flashed_messages, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from werkzeug.exceptions import NotFound as NoSuchPath

from jobtrappen import roles
from jobtrappen.config import PATHS
from jobtrappen.errors import Forbidden, Precondition
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor
from jobtrappen.web import problem
from jobtrappen.web.api import Route
from jobtrappen.web.callers import within
from jobtrappen.web.pages import assets, door, drafts, forms, operator, provider, reports, things, words
from jobtrappen.web.pages import session as sessions
from jobtrappen.web.pages.site import Desk, Page, Site

csrf = CSRFProtect()
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'")


def install(app: Flask, runtime: Runtime, routes: Iterable[Route], beside: Iterable[str]) -> None:
    """
    Args:
        routes: the service's API; pages read and command through it.
        beside: the services that answer behind the same address, for the navigation.
    """
    site: Site = runtime.service.site or Site(runtime.name, words.HERE.parent)
    by_name = {route.name: route for route in routes}
    folders = (words.HERE, site.folder / "locale")
    app.jinja_loader = ChoiceLoader([FileSystemLoader([site.folder / "templates", words.HERE.parent / "templates"])])
    app.jinja_env.undefined, app.jinja_env.trim_blocks, app.jinja_env.lstrip_blocks = StrictUndefined, True, True
    sessions.install(app, runtime)
    csrf.init_app(app)
    app.config["BESIDE"] = tuple(beside)
    assets.install(app)
    _words(app)
    _frame(app, runtime, site, tuple(beside))

    @app.before_request
    def prepare() -> None:
        g.word_folders = folders
        g.page = not f"{request.path}/".startswith(("/v1/", "/static/", "/healthz", "/readyz", "/metrics"))
        if g.page:
            g.language = session.get("language") or request.accept_languages.best_match(words.LANGUAGES, "da")
            g.purposes = session.get("why", {})
            g.as_page = lambda status, slug, title, detail, **extra: error_page(status, slug, title, detail, extra)

    @app.after_request
    def policy(response: Response) -> Response:
        if g.get("page") and response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = POLICY
            response.headers["Content-Language"] = words.language()
            response.headers.setdefault("Vary", "Cookie, Accept-Language")
        return response

    pages = every_page(runtime, site, by_name)
    app.config["WHO"] = {page.name: page.who for page in reversed(pages)}  # of two of a name the first is the one
    for page in pages:
        app.add_url_rule(page.path, page.name, _view(page, runtime, site, by_name), methods=page.methods)
    door.install(app, runtime)
    provider.install(app, runtime)
    unknown(app)

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> Any:
        """A form from a session that is over, or from elsewhere: nothing is done, and what was typed comes back."""
        who = sessions.actor(runtime)
        if who is None:
            return door.come_back(runtime)
        if not (request.endpoint or "").startswith("form."):
            return problem.problem(400, "csrf", "This page is no longer valid", "Nothing was changed. Open it again.")
        door.keep_text(runtime, who, door.here(), json.dumps(request.form.to_dict(flat=False)))
        flash(words._("You have signed in anew since this form was opened. Nothing was sent; look it over and send it."))
        return redirect(door.here(), 303)


def every_page(runtime: Runtime, site: Site, routes: dict[str, Route]) -> list[Page]:
    """A service's pages, each with the methods that it answers: its own stand before the kit's of the same path."""
    pages = [*site.pages, *things.pages(site, routes), *forms.pages(site, routes), *reports.pages(runtime, routes), *operator.pages(runtime), *drafts.pages()]
    taken: set[tuple[str, str]] = set()
    found = []
    for page in pages:
        methods = tuple(m for m in page.methods if (page.path, m) not in taken)
        taken |= {(page.path, m) for m in methods}
        if methods:
            found.append(replace(page, methods=methods))
    return found


def _view(page: Page, runtime: Runtime, site: Site, routes: dict[str, Route]) -> Callable[..., Any]:
    def answer(**path: Any) -> Any:
        actor = sessions.actor(runtime)
        if actor is None:
            return door.come_back(runtime)
        g.actor = actor
        if request.method == "POST":
            csrf.protect()
        if actor.role not in page.who:
            if page.path == "/" and (there := door.start(actor.role)) not in ("", f"{PATHS[runtime.name]}/"):  # somebody else's day begins here; hers begins elsewhere
                return redirect(there, 303)
            raise Forbidden(f"{actor.role} may not do this.", action=page.name, allowed=[])
        if request.method == "GET":  # a page may be a list of persons; who turns thousands over is no reader. A command counts by itself.
            within(runtime, "key" if actor.kind == "partner" else "search", sessions.prefix() or actor.id)
        desk = Desk(actor, runtime, site, routes)
        try:
            shown = page.call(desk, **path)
            desk.leave()
            return shown
        except Precondition as error:
            desk.leave(error)
            if error.extra.get("header") == "X-Purpose":
                return render_template("purpose.html", case=error.case, back=door.here()), 428
            raise
        except BaseException as error:
            desk.leave(error)
            raise

    answer.__name__ = page.name
    return answer


def error_page(status: int, slug: str, title: str, detail: str, extra: dict[str, Any]) -> Response:
    """Every error, for a person: what happened, and what to do."""
    said = [f"{one['field']}: {text}" if one["field"] in request.args else text for one in extra.get("errors", ()) if (text := words.sentence(one["detail"]))] or [words.sentence(detail)]
    body = render_template("error.html", status=status, title=words.sentence(title), detail=" ".join(said), slug=slug, extra=extra,
                           request_id=g.get("request_id", ""))
    return Response(body, status, content_type="text/html; charset=utf-8")


def _words(app: Flask) -> None:
    app.jinja_env.globals.update(_=words._, plural=words.plural, word=words.word, did=words.did, label=words.label, day=words.day, moment=words.moment, lines=words.lines,
                                 sentence=words.sentence, printed=words.printed, csrf=generate_csrf, tel=things.tel, mailto=things.mailto)


def _frame(app: Flask, runtime: Runtime, site: Site, beside: tuple[str, ...]) -> None:
    """What every page's frame shows: services, the service's own navigation, who is signed in, the language."""

    @app.context_processor
    def frame() -> dict[str, Any]:
        actor: Actor | None = g.get("actor")
        return {
            "language": words.language(), "service": runtime.name, "demo": runtime.settings.demo, "me": sessions.about() if actor else None,
            "services": services(actor, runtime.name, beside) if actor else [], "said": get_flashed_messages() if actor else [],
            "entries": [(url_for(e.page), words._(e.label), request.endpoint == e.page) for e in [*site.entries, *extra_entries(actor, runtime, app)]
                        if actor and actor.role in e.who],
            "here": door.here(),
        }


def extra_entries(actor: Actor | None, runtime: Runtime, app: Flask) -> list[Any]:
    from jobtrappen.web.pages.site import Entry

    found = []
    if "reports" in app.view_functions:
        found.append(Entry("reports", "Reports", runtime.service.rights.readers("report")))
    if "operator" in app.view_functions:
        found.append(Entry("operator", "Operation", roles.ADMIN))
    return found


def services(actor: Actor, here: str, beside: tuple[str, ...]) -> list[tuple[str, str, bool]]:
    """(address, name, is it this one) of the services that this role works in."""
    names = beside or (here,)
    shown = [name for name in names if actor.role in WORKS_IN[name]]
    return [(f"{PATHS[name]}/" if beside else url_for("home"), words.word("service", name), name == here) for name in shown]


WORKS_IN = {
    "referral": roles.JC_CW | roles.ADMIN, "matching": roles.JC_CW | {roles.COORDINATOR} | roles.ADMIN, "followup": roles.JC_CW | roles.ADMIN,
    "partners": roles.STAFF | roles.PA,
}
HOME = {roles.CASEWORKER: "referral", roles.CONSULTANT: "followup", roles.TEAM_LEAD: "followup", roles.COORDINATOR: "partners",
        roles.ADMINISTRATOR: "referral", roles.PARTNER: "partners"}
"""Where a role begins its day, when all four stand behind one address."""


def unknown(app: Flask) -> None:
    """A path that is no page is told so on a page."""

    @app.errorhandler(NoSuchPath)
    def nothing(error: NoSuchPath) -> Any:
        return problem.problem(404, "http-404", "Not Found", error.description or "")

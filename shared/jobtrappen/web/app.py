# SPDX-License-Identifier: MPL-2.0
"""Flask applications: one for a service, or four mounted behind one address for the embedded default."""
from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, redirect, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as WsgiResponse

from jobtrappen import clock, metrics, tracing
from jobtrappen.auth import demo_token
from jobtrappen.config import PATHS, SERVICES
from jobtrappen.errors import Forbidden, NotSignedIn
from jobtrappen.runtime import Runtime
from jobtrappen.web import access, health, incoming, openapi, problem, reports, schemas
from jobtrappen.web.api import Api, Route, view
from jobtrappen.web.callers import authenticate, within
from jobtrappen.web.pages import door, session
from jobtrappen.web.pages import serve as pages

log = structlog.get_logger("jobtrappen.access")
MAX_BODY = 1_000_000
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store",
}
FILES = {"application/json": "api.json", "application/problem+json": "api.json", "text/csv": "api.csv", "text/plain": "api.txt"}
"""What an answer of the API is called when a browser is led to it: it is kept as a file and never shown as a page."""


def service_app(runtime: Runtime, beside: Iterable[str] = ()) -> Flask:
    """The WSGI application of one service; all wiring is here.

    Args:
        beside: the services behind the same address, for one navigation; none where this one stands alone. With
            JOBTRAPPEN_ADDRESS=shared they are all four, in processes of their own.
    """
    shared = runtime.settings.address == "shared"
    beside = tuple(beside) or (SERVICES if shared else ())
    app = Flask(f"jobtrappen.{runtime.name}", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.merge_slashes = False  # a path with two of them is unknown, not a redirect
    app.extensions["jobtrappen"] = runtime
    runtime.hurry()
    problem.install(app)
    _observe(app, runtime)
    known = routes(runtime)
    for route in known:
        app.add_url_rule(f"/v1{route.path}", f"{route.method}.{route.name}", view(route), methods=[route.method], provide_automatic_options=False)
    _sign_in(app, runtime)
    health.install(app, runtime)
    pages.install(app, runtime, known, beside)
    if shared:  # the proxy says it of every request, whatever the browser said of it; nobody else may be able to ask a service
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]

    @app.get("/v1/openapi.json", provide_automatic_options=False)
    def document() -> Response:
        return jsonify(openapi.document(runtime.service, routes(runtime)))

    return app


def routes(runtime: Runtime) -> list[Route]:
    """A service's own routes and those that the kit gives every service."""
    api = Api(runtime.name)
    reports.install(api, runtime)
    access.install(api, runtime)
    return [*runtime.service.api.routes, *api.routes]


def _sign_in(app: Flask, runtime: Runtime) -> None:
    @app.post("/v1/sign-in", endpoint="POST.sign_in", provide_automatic_options=False)
    def sign_in() -> dict[str, Any]:
        """Demo log-in: a staff token for eight hours. Outside the demo staff come with a token of their OIDC provider."""
        given = schemas.SIGN_IN.load(incoming.json_body(incoming.whole_body()))
        within(runtime, "sign_in", given["username"], counted=False)
        try:
            return {"token": demo_token(runtime.signer, given["username"], given["password"]), "expires_in": 8 * 3600}
        except NotSignedIn:
            within(runtime, "sign_in", given["username"])
            raise

    @app.post("/v1/sign-out", endpoint="POST.sign_out", provide_automatic_options=False)
    def sign_out() -> tuple[str, int]:
        """Another service of the suite says that a browser has signed out."""
        if authenticate().kind != "service":
            raise Forbidden("Only the suite's own services say this.", action="sign_out", allowed=[])
        given = schemas.SIGN_OUT.load(incoming.json_body(incoming.whole_body()))
        session.remember(runtime, str(given["session"]), given["until"])
        return "", 204


def _observe(app: Flask, runtime: Runtime) -> None:
    """A request id, security headers, one access-log line with the route's template (never the URL) and metrics."""
    metrics.watch_pool(runtime.name, runtime.engine)

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else str(clock.new_id())
        g.began = time.perf_counter()
        template = request.url_rule.rule if request.url_rule else "unknown"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=runtime.name, role="web", route=template, request_id=g.request_id)
        g.step = tracing.step(f"{metrics.method_of(request.method)} {template}", "server", request.headers.get("traceparent", ""),
                              **{"http.request.method": metrics.method_of(request.method), "http.route": template, "jobtrappen.service": runtime.name})
        g.place = g.step.__enter__()

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        template = request.url_rule.rule if request.url_rule else "unknown"
        metrics.answered(runtime.name, request.method, template, response.status_code, seconds, "Idempotent-Replay" in response.headers)
        actor = g.get("actor")
        if "place" in g:
            g.place.put(**{"http.response.status_code": response.status_code})
        log.info("request", service=runtime.name, method=request.method, route=template, status=response.status_code,
                 ms=round(seconds * 1000, 1), request_id=g.get("request_id"), actor_role=actor.role if actor else None)
        _protect(response)
        response.headers["X-Request-Id"] = g.get("request_id", "")
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if step := g.pop("step", None):
            step.__exit__(type(error) if error else None, error, None)
        structlog.contextvars.clear_contextvars()


def _protect(response: WsgiResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype in FILES:
        response.headers.setdefault("Content-Disposition", f'attachment; filename="{FILES[response.mimetype]}"')


def _no_service(paths: list[str]) -> WsgiResponse:
    body = {"type": f"{problem.TYPE}http-404", "title": "Not Found", "status": 404, "instance": f"urn:jobtrappen:request:{clock.new_id()}",
            "detail": f"No service answers at this path; they are at {', '.join(paths)}."}
    return WsgiResponse(json.dumps(body), 404, content_type="application/problem+json")


def one_address(runtimes: Iterable[Runtime]) -> Callable[..., Any]:
    """The services mounted under their paths, with a front page that names them."""
    made = sorted(runtimes, key=lambda runtime: SERVICES.index(runtime.name))
    apps = {PATHS[runtime.name]: service_app(runtime, [one.name for one in made]) for runtime in made}

    def front(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") == "/healthz":
            return WsgiResponse('{"status":"ok"}', content_type="application/json")(environ, start_response)
        answer = redirect(f"{next(iter(apps))}{door.WAY_IN}", 303) if environ.get("PATH_INFO") in ("", "/") else _no_service(list(apps))
        _protect(answer)
        return answer(environ, start_response)

    return DispatcherMiddleware(front, apps)  # type: ignore[arg-type]

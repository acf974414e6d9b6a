# SPDX-License-Identifier: MPL-2.0
"""The front door: signing in and out, the language, and why a case of others is read."""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, g, redirect, render_template, request, session, url_for
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from jobtrappen.auth import DEMO_USERS
from jobtrappen.config import PATHS
from jobtrappen.errors import NotSignedIn, TooMany
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor, transaction
from jobtrappen.web.callers import within
from jobtrappen.web.pages import drafts, words
from jobtrappen.web.pages import session as sessions
from jobtrappen.web.reads import PURPOSES

KEPT = "kept-text"
WAY_IN = "/way-in"
"""Where the one address leads who names no service."""
MOST_PURPOSES = 20


def here() -> str:
    """The address that is being shown, within this host."""
    path = f"{request.script_root}{request.path}"
    return f"{path}?{request.query_string.decode('ascii', 'ignore')}" if request.query_string else path


def own(address: str) -> str:
    """An address of this host, or "": nobody is led elsewhere."""
    parts = urlsplit(address)
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc and address.isprintable() and "\\" not in address
    return address if fine else ""


def start(role: str) -> str:
    """Where this role's day begins, of the services behind this address; "" where that cannot be said."""
    from jobtrappen.web.pages.serve import HOME

    return f"{PATHS[HOME[role]]}/" if HOME.get(role) in current_app.config["BESIDE"] else ""


def come_back(runtime: Runtime) -> Response:
    """Ask to sign in, and then go on where she was; what was typed travels along in the form, and is not sent by itself."""
    kept = json.dumps(request.form.to_dict(flat=False)) if request.method == "POST" else ""
    if kept and runtime.settings.oidc_client_id and (was := sessions.lapsed(runtime)) is not None and _her_own():
        keep_text(runtime, was, here(), kept)  # nothing that was typed can travel by way of the provider
    return Response(page(runtime, to=here(), kept=kept), 401, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})


def _her_own() -> bool:
    """Whether the form that was sent is one that this browser was shown."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True


def leading(to: str) -> str:
    """A page that leads to another host by itself."""
    return render_template("leading.html", to=to)


def page(runtime: Runtime, to: str = "", kept: str = "", wrong: str = "", username: str = "") -> str:
    users = list(DEMO_USERS.values()) if runtime.settings.demo else []
    return render_template("sign_in.html", users=users, to=to, kept=kept, wrong=wrong, username=username, partners=runtime.name == "partners", elsewhere=_partners_door(runtime.name),
                           provider=bool(runtime.settings.oidc_client_id), service_title=words.word("service", runtime.name))


def _partners_door(here: str) -> str:
    """Where partners sign in behind this address; "" where that is here, or nowhere."""
    return f"{PATHS['partners']}/sign-in" if here != "partners" and "partners" in current_app.config["BESIDE"] else ""


def install(app: Flask, runtime: Runtime) -> None:
    from jobtrappen.web.pages.serve import csrf

    @app.get(WAY_IN)
    def way_in() -> Any:
        """Only leads on, so the cookie's word is enough: where it does not hold, the page that it leads to asks to sign in."""
        return redirect(start(session.get("role", "")) or url_for("sign_in"), 303)

    @app.get("/sign-in")
    def sign_in() -> Any:
        """The page to sign in on; who is signed in already goes on."""
        if sessions.actor(runtime) is not None:
            return redirect(own(request.args.get("to", "")) or url_for("home"), 303)
        return page(runtime, to=own(request.args.get("to", "")))

    @app.post("/sign-in")
    def signing_in() -> Any:
        """A named user of the demo, or a partner with her key."""
        csrf.protect()
        to, kept = own(request.form.get("to", "")), request.form.get(KEPT, "")[:500_000]
        name, key = request.form.get("username", "").strip(), request.form.get("key", "").strip()
        counted = key.split("_")[1][:16] if key.startswith("jt_") and key.count("_") > 1 else name
        try:
            within(runtime, "sign_in", counted, counted=False)
            who = sessions.partner(runtime, key) if key else sessions.demo(runtime, name, request.form.get("password", ""))
        except NotSignedIn:
            within(runtime, "sign_in", counted)
            wrong = words._("This key is unknown, expired or revoked. Ask the municipality's partner coordinator for a new one.") if key else \
                words._("Wrong name or password.")
            return Response(page(runtime, to, kept, wrong, name), 401, content_type="text/html; charset=utf-8")
        except TooMany as error:
            return Response(page(runtime, to, kept, words.sentence(error.detail), name), 429, error.headers, content_type="text/html; charset=utf-8")
        g.actor = who
        if key and (site := runtime.service.site) is not None and site.called is not None:
            session["name"] = site.called(runtime, who)
        if kept and to:
            keep_text(runtime, who, to, kept)
        return redirect(to or start(who.role) or url_for("home"), 303)

    @app.post("/sign-out")
    def sign_out() -> Any:
        csrf.protect()
        at_provider = session.get("provider") and "provider" in app.extensions
        sessions.end(runtime)
        flash(words._("You are signed out."))
        return redirect(url_for("signed_out" if at_provider else "sign_in"), 303)

    @app.post("/language")
    def change_language() -> Any:
        """The language stays until it is changed again. In the middle of a form, what was typed comes along."""
        csrf.protect()
        chosen = request.form.get("language", "")
        if chosen in words.LANGUAGES:
            session["language"] = g.language = chosen
        to = own(request.values.get("to", ""))
        if to and (typed := _typed_meanwhile()) and (who := sessions.actor(runtime)) is not None:
            keep_text(runtime, who, to, typed)
        return redirect(to or url_for("home"), 303)

    @app.post("/purpose")
    def tell_purpose() -> Any:
        """Why a case that is none of the unit's is read; it goes into the audit log with each reading of it until signing out."""
        csrf.protect()
        case, purpose = request.form.get("case", ""), request.form.get("purpose", "")
        if purpose in PURPOSES and len(case) == 36:
            told = {k: v for k, v in session.get("why", {}).items() if k != case}
            session["why"] = {**dict(list(told.items())[-MOST_PURPOSES + 1:]), case: purpose}
        return redirect(own(request.form.get("to", "")) or url_for("home"), 303)


def _typed_meanwhile() -> str:
    """What stood in the form on whose page the language was changed: put beside it by the script, or, without scripts, the form itself."""
    if KEPT in request.form:
        return request.form[KEPT][:500_000]
    given = {name: values for name, values in request.form.to_dict(flat=False).items() if name not in ("language", "to")}
    return json.dumps(given) if "key" in given else ""


def keep_text(runtime: Runtime, who: Actor, to: str, kept: str) -> None:
    """What was typed before the session ran out becomes the draft of its form, which brings it back."""
    try:
        given = json.loads(kept)
    except (ValueError, RecursionError):  # not what a form of ours puts there
        return
    if isinstance(given, dict) and all(isinstance(v, list) and all(isinstance(one, str) for one in v) for v in given.values()):
        text = json.dumps({name: value for name, value in given.items() if name not in drafts.NOT_KEPT})
        with transaction(runtime, who, request_id=g.request_id) as tx:
            drafts.store(tx, to.removeprefix(request.script_root).split("?")[0], text)

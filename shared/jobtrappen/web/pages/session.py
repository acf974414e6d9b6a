# SPDX-License-Identifier: MPL-2.0
"""Who sits at the browser: a signed cookie, one for the whole suite behind its one address.

Flask signs it (the secret in use first, older ones still accepted), scripts cannot read it, other sites' requests do not carry it.
It holds who signed in, until when, and the language; a partner's also the prefix of her key, which is looked up at each
request, so a key that is revoked ends its sessions. Signing out is written down where it happens and told to the other
services, so a copy of the cookie is worth nothing either.
"""
from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import structlog
from flask import Flask, session
from sqlalchemy import delete, insert, select

from jobtrappen import clock, roles, tables, tracing
from jobtrappen.auth import DEMO_USERS, STAFF_SECONDS, key_actor, key_behind
from jobtrappen.config import SERVICES
from jobtrappen.db import reading, writing
from jobtrappen.errors import NotSignedIn, Unavailable
from jobtrappen.keys import derive
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor

log = structlog.get_logger("jobtrappen.session")
E = tables.ended_session.c
IDLE_SECONDS = 30 * 60
"""After so long without a request a person signs in anew; what she typed comes back."""


def install(app: Flask, runtime: Runtime) -> None:
    """The cookie's settings. Outside the demo it travels over TLS alone and belongs to this host alone (`__Host-`)."""
    secure = not runtime.settings.demo
    current, *older = [derive(secret, "cookies") for secret in runtime.settings.secrets]
    app.config.update(
        SECRET_KEY=current, SECRET_KEY_FALLBACKS=older, SESSION_COOKIE_NAME="__Host-jobtrappen" if secure else "jobtrappen", SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=secure, PERMANENT_SESSION_LIFETIME=timedelta(seconds=STAFF_SECONDS),
        SESSION_REFRESH_EACH_REQUEST=False, WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)


def begin(actor: Actor, name: str = "", prefix: str = "", provider: bool = False) -> None:
    """Sign in: everything that an earlier session held is gone but the language."""
    language = session.get("language")
    session.clear()
    now = int(time.time())
    session.update(id=str(clock.new_id()), sub=actor.id, role=actor.role, unit=actor.unit, kind=actor.kind, name=name, prefix=prefix,
                   until=now + STAFF_SECONDS, seen=now)
    if provider:
        session["provider"] = True
    if language:
        session["language"] = language
    session.permanent = True


def actor(runtime: Runtime) -> Actor | None:
    """Who is signed in here; None for nobody, or a session that is over. Each use moves the idle limit."""
    now = int(time.time())
    if not session.get("sub") or now > session["until"] or now > session["seen"] + IDLE_SECONDS or _ended(runtime, session["id"]):
        return None
    if now > session["seen"] + 60:
        session["seen"] = now
    if session["kind"] != "partner":
        return Actor(session["sub"], session["role"], session["unit"]) if session["role"] in roles.STAFF else None
    try:
        return key_behind(runtime.engine, session["prefix"])
    except NotSignedIn:
        return None


def lapsed(runtime: Runtime) -> Actor | None:
    """The member of staff whose session here has run out by itself; what she had typed may be kept for her."""
    if session.get("kind") != "staff" or session["role"] not in roles.STAFF or _ended(runtime, session["id"]):
        return None
    return Actor(session["sub"], session["role"], session["unit"])


def partner(runtime: Runtime, key: str) -> Actor:
    """Sign a partner in by her key.

    Raises:
        NotSignedIn: unknown, expired or revoked, or an integrator's.
    """
    found = key_actor(runtime.engine, runtime.signer, key)
    if found.kind != "partner":
        raise NotSignedIn("This key is no partner's; it is for an integrator's program.")
    begin(found, prefix=key.split("_")[1])
    return found


def demo(runtime: Runtime, username: str, password: str) -> Actor:
    """
    Raises:
        NotSignedIn: a wrong name or password, or not the demo.
    """
    from jobtrappen.auth import demo_token

    found = runtime.signer.read(demo_token(runtime.signer, username, password))
    begin(found, name=DEMO_USERS[username].title.partition(",")[0])
    return found


def _ended(runtime: Runtime, id: str) -> bool:
    with reading(runtime.engine) as db:
        return db.scalar(select(E.id).where(E.id == id)) is not None


def end(runtime: Runtime) -> None:
    """Sign out, everywhere: the cookie goes, and no service of the suite takes a copy of it any more."""
    id, until = session.get("id"), session.get("until", 0)
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    if not id:
        return
    remember(runtime, id, until)
    for name in SERVICES:
        if name != runtime.name and (name in runtime.settings.plugins or name in runtime.settings.urls or runtime.settings.address == "shared"):
            _tell(runtime, name, id, until)


def remember(runtime: Runtime, id: str, until: int) -> None:
    """A session is over before its time; forgotten when it would have ended anyway."""
    with writing(runtime.engine) as db:
        db.execute(delete(E.id.table).where(E.until < clock.now()))
        if db.scalar(select(E.id).where(E.id == id)) is None:
            db.execute(insert(E.id.table).values(id=id, until=datetime.fromtimestamp(until, UTC)))


def _tell(runtime: Runtime, name: str, id: str, until: int) -> None:
    """A service that is away keeps nobody signed in at this browser: its cookie is gone."""
    try:
        answer = requests.post(f"{runtime.settings.url_of(name)}/v1/sign-out", json={"session": id, "until": until}, timeout=2, allow_redirects=False,
                               headers={"Authorization": f"Bearer {runtime.signer.service(runtime.name)}", **tracing.headers()})
        if answer.status_code != 204:
            log.warning("sign-out not taken", service=name, status=answer.status_code)
    except (requests.RequestException, Unavailable) as error:
        log.warning("sign-out not taken", service=name, kind=error.__class__.__name__)


def prefix() -> str:
    """Of the key that a partner signed in with, to count its uses by; "" for staff."""
    return str(session.get("prefix", ""))


def about() -> dict[str, Any]:
    """What the frame shows of who is signed in."""
    return {"name": session.get("name") or session.get("sub", ""), "role": session.get("role", ""), "unit": session.get("unit", ""),
            "kind": session.get("kind", ""), "until": session.get("until", 0)}

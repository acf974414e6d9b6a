# SPDX-License-Identifier: MPL-2.0
"""Staff sign in on the pages at the municipality's own provider: OpenID Connect, authorization code with PKCE, state and nonce.

Authlib leads there and back and compares state and nonce; the id token is then checked once more by the rules of every staff
token (`jobtrappen.oidc`: issuer, algorithm, expiry, a role that staff have), for this client. The provider is asked for its addresses at
the first sign-in, never at start.
"""
from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, Response, g, redirect, request, session, url_for
from joserfc.errors import JoseError

from jobtrappen.errors import NotSignedIn, Unavailable
from jobtrappen.oidc import LEEWAY_SECONDS
from jobtrappen.runtime import Runtime
from jobtrappen.tx import Actor
from jobtrappen.web.pages import door, words
from jobtrappen.web.pages import session as sessions

log = structlog.get_logger("jobtrappen.session")
SECONDS = 5
"""How long the provider may take for one answer."""
MOST_OPEN = 3
"""Sign-ins that one browser may have begun and not ended; each takes room in its cookie."""
UNFIT = (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, RuntimeError)
BEGUN = "_state_provider_"


def install(app: Flask, runtime: Runtime) -> None:
    """Nothing, where the provider does not know these pages."""
    settings = runtime.settings
    if not settings.oidc_client_id:
        return
    client = OAuth(app).register(
        "provider", client_id=settings.oidc_client_id, client_secret=settings.oidc_client_secret or None,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256", "default_timeout": SECONDS,
                       **({} if settings.oidc_client_secret else {"token_endpoint_auth_method": "none"})})
    app.extensions["provider"] = client

    def outside(page: str) -> str:
        """One of our own addresses, as the provider must know it. Outside the demo the cookie travels over TLS alone, so the page does."""
        return url_for(page, _external=True, _scheme=request.scheme if settings.demo else "https")

    @app.get("/sign-in/provider")
    def to_provider() -> Any:
        begun_before = sorted((name for name in session if name.startswith(BEGUN)), key=lambda name: session[name]["exp"])
        for old in begun_before[:1 - MOST_OPEN]:
            session.pop(old)
        try:
            begun = client.create_authorization_url(outside("from_provider"))
        except (requests.RequestException, *UNFIT) as error:
            raise Unavailable("The sign-in provider cannot be reached") from error
        client.save_authorize_data(redirect_uri=outside("from_provider"), to=door.own(request.args.get("to", "")), state=begun["state"],
                                   nonce=begun["nonce"], code_verifier=begun["code_verifier"])
        return redirect(begun["url"], 303)

    @app.get("/sign-in/back")
    def from_provider() -> Any:
        begun = client.framework.get_state_data(session, request.args.get("state", "")) or {}
        try:
            token = client.authorize_access_token(leeway=LEEWAY_SECONDS)
            claims = runtime.signer.of_provider(str(token["id_token"]), settings.oidc_client_id)
        except requests.RequestException as error:
            raise Unavailable("The sign-in provider cannot be reached") from error
        except NotSignedIn as error:
            return _refused(runtime, begun, words.sentence(error.detail))
        except UNFIT as error:
            log.warning("sign-in at the provider refused", kind=error.__class__.__name__)
            return _refused(runtime, begun, words._("The sign-in at the provider was broken off or did not hold. Try again."))
        g.actor = who = Actor(str(claims["sub"]), str(claims["role"]), str(claims.get("unit", "")))
        sessions.begin(who, name=str(claims.get("name", ""))[:80], provider=True)
        return redirect(begun.get("to") or door.start(who.role) or url_for("home"), 303)

    @app.get("/sign-out/provider")
    def signed_out() -> Any:
        """Ends the provider's session too, where it has a way to. A page of ours leads there: a form may not (its policy)."""
        there = end_of_session(client)
        if not there or sessions.actor(runtime) is not None:  # only who has signed out here is led there
            return redirect(url_for("sign_in"), 303)
        query = urlencode({"client_id": settings.oidc_client_id, "post_logout_redirect_uri": outside("sign_in")})
        return door.leading(f"{there}{'&' if '?' in there else '?'}{query}")


def end_of_session(client: Any) -> str:
    """The provider's address for signing out; "" where it has none or does not say now."""
    try:
        return str(client.load_server_metadata().get("end_session_endpoint") or "")
    except (requests.RequestException, *UNFIT):
        return ""


def _refused(runtime: Runtime, begun: dict[str, Any], why: str) -> Response:
    return Response(door.page(runtime, to=door.own(str(begun.get("to", ""))), wrong=why), 401, content_type="text/html; charset=utf-8")

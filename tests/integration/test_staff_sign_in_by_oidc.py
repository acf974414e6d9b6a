# SPDX-License-Identifier: MPL-2.0
"""Outside the demo staff come with a token of the municipality's own provider; everything else about it is refused."""
from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from jobtrappen import migrate, oidc, plugins
from jobtrappen.auth import DEMO_USERS, Signer
from jobtrappen.config import Settings
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app

ISSUER, AUDIENCE = "https://login.example", "jobtrappen"


@dataclass
class Staffed:
    """The referral service in production, and the provider's private key."""

    client: FlaskClient
    settings: Settings
    key: RSAKey
    where: Path

    def token(self, key: Any = None, alg: str = "RS256", **changed: Any) -> str:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a1b2", "role": "caseworker", "unit": "lokalcenter", "exp": int(time.time()) + 600, **changed}
        used = key or self.key
        return jwt.encode({"alg": alg, "kid": used.kid} if used.kid else {"alg": alg}, {k: v for k, v in claims.items() if v is not None}, used, algorithms=[alg])

    def ask(self, token: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.get("/v1/referrals", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.get_json()


def fresh_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


def public(*keys: RSAKey) -> str:
    return json.dumps(KeySet(list(keys)).as_dict(private=False))


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Callable[[str], Staffed]]:
    key, where, made = fresh_key("one"), tmp_path / "jwks.json", []
    where.write_text(public(key))

    def make(jwks: str = "") -> Staffed:
        settings = Settings(home=tmp_path, database=f"sqlite:///{tmp_path}/referral.db", bus=f"sqlite:///{tmp_path}/bus.db", secret="a secret of the tests " * 3,
                            mode="production", oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=jwks or str(where))
        made.append(Runtime(plugins.services()["referral"], settings))
        migrate.upgrade(made[-1])
        return Staffed(service_app(made[-1]).test_client(), settings, key, where)

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def staffed(production: Callable[[], Staffed]) -> Staffed:
    return production()


def test_a_token_of_the_provider_signs_in_with_its_role(staffed: Staffed) -> None:
    assert staffed.ask(staffed.token())[0] == 200
    assert staffed.ask(staffed.token(aud=["other", AUDIENCE]))[0] == 200
    actor = Signer(staffed.settings).read(staffed.token(role="team_lead"))
    assert (actor.id, actor.role, actor.unit, actor.kind) == ("a1b2", "team_lead", "lokalcenter", "staff")


REFUSED: dict[str, Callable[[Staffed], str]] = {
    "another audience": lambda s: s.token(aud="another"),
    "no audience": lambda s: s.token(aud=None),
    "another issuer": lambda s: s.token(iss="https://elsewhere.example"),
    "no issuer": lambda s: s.token(iss=None),
    "an expired token": lambda s: s.token(exp=int(time.time()) - 60),
    "a token without an end": lambda s: s.token(exp=None),
    "another key with the same name": lambda s: s.token(key=fresh_key("one")),
    "another algorithm": lambda s: s.token(alg="RS512"),
    "no subject": lambda s: s.token(sub=None),
    "no role": lambda s: s.token(role=None),
    "a role that staff cannot have": lambda s: s.token(role="service"),
    "a demo user's token": lambda s: Signer(s.settings).staff(DEMO_USERS["karen"]),
    "no signature": lambda s: forged(s, {"alg": "none", "typ": "JWT"}, b""),
    "the public key as a shared secret": lambda s: forged(s, {"alg": "HS256", "typ": "JWT"}, s.key.as_pem(private=False)),
    "a cut token": lambda s: s.token()[:-4],
    "no token": lambda s: "xyz",
}


def forged(staffed: Staffed, head: dict[str, str], key: bytes) -> str:
    """A token by hand, with what a library refuses to make: `alg: none`, or an HMAC with the key that everybody knows."""
    body = f"{segment(json.dumps(head).encode())}.{staffed.token().split('.')[1]}"
    return f"{body}.{segment(hmac.digest(key, body.encode(), 'sha256')) if key else ''}"


def segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_refused(staffed: Staffed, what: str) -> None:
    status, body = staffed.ask(REFUSED[what](staffed))
    assert (status, body["type"]) == (401, "urn:jobtrappen:problem:not-signed-in"), body


def test_a_changed_key_file_is_read_again_without_a_restart(staffed: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staffed.ask(staffed.token())[0] == 200
    new = fresh_key("two")
    staffed.where.write_text(public(new, staffed.key))
    assert staffed.ask(staffed.token(key=new))[0] == 401, "not asked again within the minute"
    monkeypatch.setattr(oidc, "AGAIN_SECONDS", 0.0)
    assert staffed.ask(staffed.token(key=new))[0] == 200
    assert staffed.ask(staffed.token())[0] == 200


def test_keys_come_from_the_providers_address_and_its_absence_is_a_503(production: Callable[[str], Staffed]) -> None:
    key = fresh_key("net")

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(public(key).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    there = production(f"http://127.0.0.1:{server.server_port}/jwks")
    assert there.ask(there.token(key=key))[0] == 200
    server.shutdown()
    server.server_close()
    assert there.ask(there.token(key=key, sub="another"))[0] == 200, "the keys are kept"
    away = production(f"http://127.0.0.1:{server.server_port}/jwks")
    assert away.ask(away.token(key=key))[0] == 503


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300])
def test_a_provider_that_leads_elsewhere_is_not_followed_whatever_keys_are_there(production: Callable[[str], Staffed], status: int) -> None:
    key, asked = fresh_key("elsewhere"), []

    class Moved(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/elsewhere" else status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(public(key).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Moved)
    Thread(target=server.serve_forever, daemon=True).start()
    led = production(f"http://127.0.0.1:{server.server_port}/jwks")
    assert led.ask(led.token(key=key))[0] == 503
    server.shutdown()
    server.server_close()
    assert asked == ["/jwks"]

# SPDX-License-Identifier: MPL-2.0
"""Every way to come without a token that holds: 401 in the same words on each service, no row changed, counted."""
from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from sqlalchemy import select

from jobtrappen import auth, migrate, plugins, roles
from jobtrappen.auth import DEMO_USERS, Signer
from jobtrappen.config import Settings
from jobtrappen.db import reading
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import routes, service_app
from tests.support.scrape import parsed

ISSUER, AUDIENCE = "https://login.example", "jobtrappen"
SECRET = "a secret of the tests " * 3


@dataclass
class Provider:
    """The sign-in provider's private key, and another one that nobody knows."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    stranger: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def token(self, key: Any = None, alg: str = "RS256", kid: str = "one", **changed: Any) -> str:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a1b2", "role": "caseworker", "unit": "u", "iat": int(time.time()), "exp": int(time.time()) + 600, **changed}
        return jwt.encode({"alg": alg, "kid": kid}, {k: v for k, v in claims.items() if v is not None}, key or self.key, algorithms=[alg])

    def by_hand(self, head: dict[str, Any] | str, key: bytes = b"", claims: str | None = None) -> str:
        """What no library makes: `alg: none`, an HMAC with the key that everybody knows, JSON that is none."""
        words = head if isinstance(head, str) else json.dumps(head)
        body = f"{segment(words.encode())}.{segment(claims.encode()) if claims is not None else self.token().split('.')[1]}"
        return f"{body}.{segment(hmac.digest(key, body.encode(), 'sha256')) if key else ''}"


def segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def services(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Runtime]]:
    """The four services in production, staff by the provider."""
    home = tmp_path_factory.mktemp("production")
    (home / "jwks.json").write_text(json.dumps(KeySet([provider.key]).as_dict(private=False)))
    settings = Settings(home=home, database="sqlite:///{home}/{service}.db", bus=f"sqlite:///{home}/bus.db", secret=SECRET, mode="production",
                        oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(home / "jwks.json"))
    made = {name: Runtime(service, settings) for name, service in plugins.services().items()}
    for runtime in made.values():
        migrate.upgrade(runtime)
    yield made
    for runtime in made.values():
        runtime.close()


def now() -> int:
    return int(time.time())


TOKENS: dict[str, Callable[[Provider], str]] = {
    "expired": lambda p: p.token(exp=now() - auth.LEEWAY_SECONDS - 60),
    "not yet": lambda p: p.token(nbf=now() + 3600),
    "issued tomorrow": lambda p: p.token(iat=now() + 86_400),
    "for another audience": lambda p: p.token(aud="payroll"),
    "of another issuer": lambda p: p.token(iss="https://elsewhere.example"),
    "without an end": lambda p: p.token(exp=None),
    "signed by a stranger": lambda p: p.token(key=p.stranger),
    "of another algorithm": lambda p: p.token(alg="RS512"),
    "algorithm none": lambda p: p.by_hand({"alg": "none"}),
    "algorithm None": lambda p: p.by_hand({"alg": "NoNe", "kid": "one"}),
    "the public key as a shared secret": lambda p: p.by_hand({"alg": "HS256", "kid": "one"}, p.key.as_pem(private=False)),
    "an empty shared secret": lambda p: jwt.encode({"alg": "HS256"}, {"iss": "jobtrappen", "sub": "service:referral", "role": "administrator", "aud": "service",
                                                                       "exp": now() + 60}, OctKey.import_key("x" * 32)),
    "a kid that is a path": lambda p: p.token(key=p.stranger, kid="../../../../dev/null"),
    "a kid that is SQL": lambda p: p.token(key=p.stranger, kid="' OR 1=1 --"),
    "a key of its own in the head": lambda p: p.by_hand({"alg": "RS256", "jwk": p.stranger.as_dict(private=False), "jku": "https://evil.example/jwks"}, b"x"),
    "a head that must be understood": lambda p: p.by_hand({"alg": "RS256", "kid": "one", "crit": ["exp"]}, b"x"),
    "a head without a bottom": lambda p: p.by_hand('{"alg":' + "[" * 5000, b"x"),
    "a head that is no JSON": lambda p: p.by_hand("\x00\xff", b"x"),
    "claims that are a list": lambda p: p.by_hand({"alg": "RS256", "kid": "one"}, b"x", "[]"),
    "cut off": lambda p: p.token()[:-6],
    "changed": lambda p: p.token()[:60] + "x" + p.token()[61:],
    "huge": lambda p: p.token(padding="x" * 100_000),
    "two tokens": lambda p: f"{p.token()} {p.token()}",
    "five dots": lambda _: "a.b.c.d.e",
    "no letters": lambda _: "....",
    "not ASCII": lambda _: "Æ.Ø.Å",
    "a demo user's": lambda _: Signer(Settings(home=Path(), database="", bus="", secret=SECRET, mode="demo")).staff(DEMO_USERS["karen"]),
    "of another installation": lambda _: Signer(Settings(home=Path(), database="", bus="", secret="another " * 8, mode="demo")).service("referral"),
    "of a service that is none": lambda _: Signer(Settings(home=Path(), database="", bus="", secret=SECRET, mode="demo")).service("payroll"),
}
HEADERS: dict[str, str | None] = {"nothing": None, "an empty header": "", "Bearer alone": "Bearer", "Bearer and a space": "Bearer ", "another scheme": "Basic a2FyZW46a2FyZW4="}
KEYS = {"an unknown key": "jt_0123456789ab_xxxxxxxx", "half a key": "jt_", "a key of SQL": "jt_' OR ''='_x"}


def domain(runtime: Runtime) -> dict[str, list[str]]:
    with reading(runtime.engine) as session:
        return {table.name: sorted(map(str, session.execute(select(table)))) for table in runtime.service.metadata.sorted_tables if table.name != "use"}


def ask(client: Any, method: str, path: str, header: str | None) -> Any:
    given = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json", **({"Authorization": header} if header is not None else {})}
    return client.open(path, method=method, headers=given, data=b"{}" if method == "POST" else None)


@pytest.mark.parametrize("service", ["referral", "matching", "followup", "partners"])
def test_no_token_that_does_not_hold_passes_any_route(services: dict[str, Runtime], provider: Provider, service: str) -> None:
    runtime = services[service]
    client = service_app(runtime).test_client()
    before, counted = domain(runtime), dict.fromkeys(("none", "token", "key"), 0)
    began = refused(client, service)
    closed = [route for route in routes(runtime) if not route.public]
    paths = {(r.method, filled(r.path)) for r in closed}
    first = {method: next(path for m, path in sorted(paths) if m == method) for method in ("GET", "POST")}
    words: dict[str, set[str]] = {"none": set(), "token": set(), "key": set()}
    given = [*(("none", header) for header in HEADERS.values()), *(("token", f"Bearer {make(provider)}") for make in TOKENS.values()),
             *(("key", f"Bearer {key}") for key in KEYS.values())]
    tries = [(kind, header, *one) for kind, header in given for one in first.items()] + [("token", "Bearer a.b.c", *one) for one in paths]
    for kind, header, method, path in tries:
        answer = ask(client, method, path, header)
        assert answer.status_code == 401 and answer.mimetype == "application/problem+json", (header and header[:80], method, path, answer.get_data(as_text=True))
        assert answer.headers["WWW-Authenticate"].startswith("Bearer") and answer.get_json()["type"] == "urn:jobtrappen:problem:not-signed-in"
        words[kind].add(answer.get_json()["title"] + answer.get_json()["detail"])
        counted[kind] += 1
    assert {kind: len(found) for kind, found in words.items()} == {"none": 1, "token": 1, "key": 1}, words
    assert domain(runtime) == before
    assert {kind: number - began[kind] for kind, number in refused(client, service).items()} == counted
    assert len(paths) > 10 and ask(client, "GET", first["GET"], f"Bearer {provider.token(role='administrator')}").status_code in (200, 403, 404, 422)


def refused(client: Any, service: str) -> dict[str, float]:
    """How often this process has refused each kind, whatever test it was."""
    page = parsed(client.get("/metrics").get_data(as_text=True))
    wanted = {kind: {"service": service, "reason": kind}.items() for kind in ("none", "token", "key")}
    return {kind: sum(v for (name, labels), v in page.items() if name == "jobtrappen_http_refused_tokens_total" and want <= dict(labels).items())
            for kind, want in wanted.items()}


def filled(path: str) -> str:
    """A route's path with something that could be there in place of every parameter."""
    return "/v1" + re.sub(r"<[^>]+>", str(uuid4()), path)


@pytest.mark.parametrize("service", ["referral", "matching", "followup", "partners"])
def test_a_services_token_does_nothing_that_is_a_persons(services: dict[str, Runtime], service: str) -> None:
    runtime = services[service]
    client, token, before = service_app(runtime).test_client(), runtime.signer.service("referral"), domain(runtime)
    of_people = [r for r in routes(runtime) if not r.public and roles.SERVICE not in r.who]
    assert of_people
    for route in of_people:
        answer = ask(client, route.method, filled(route.path), f"Bearer {token}")
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json"), (route.path, answer.get_data(as_text=True))
    assert domain(runtime) == before

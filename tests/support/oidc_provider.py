# SPDX-License-Identifier: MPL-2.0
"""A small OpenID provider that does what the standard asks: discovery, authorization code with PKCE, a token endpoint that knows its
client and takes each code once, signed id tokens, public keys, and a way to sign out. What it says can be bent, to see it refused."""
from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "jobtrappen-pages", "what the provider and the pages know"


@dataclass
class OidcProvider:
    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "a1b2", "role": "caseworker", "unit": "lokalcenter", "name": "Karen Holm"})
    """Who is signed in at the provider."""
    bent: dict[str, Any] = field(default_factory=dict)
    """Claims of the id token that are changed; None leaves one out."""
    sign: RSAKey | None = None
    """Another key than the published one."""
    ends: bool = True
    """Whether it has a way to sign out."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """What came to its authorization endpoint."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def go(self, address: str) -> str:
        """What the browser of somebody who is signed in at the provider does: it is led back at once. Returns: our address."""
        assert address.startswith(f"{self.issuer}/authorize?"), address
        answer = requests.get(address, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def metadata(self) -> dict[str, Any]:
        found = {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                 "jwks_uri": f"{self.issuer}/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
                 "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"]}
        return found | ({"end_session_endpoint": f"{self.issuer}/end"} if self.ends else {})

    def authorize(self, query: Mapping[str, str]) -> str:
        assert query["response_type"] == "code" and query["client_id"] == CLIENT and "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256" and query["state"] and query["nonce"]
        self.asked.append(dict(query))
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(query)
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if authorization != "Basic " + base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()).decode() and \
                authorization != "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode():
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(form.get("code", ""), None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if begun is None or begun["redirect_uri"] != form.get("redirect_uri") or begun["code_challenge"] != digest:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 300, "id_token": self.id_token(begun["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.person, **self.bent}
        return jwt.encode({"alg": "RS256", "kid": "one"}, {k: v for k, v in claims.items() if v is not None}, self.sign or self.key)


@contextmanager
def a_provider() -> Iterator[OidcProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            known: dict[str, Callable[[], Any]] = {"/.well-known/openid-configuration": provider.metadata,
                                                   "/jwks": lambda: KeySet([provider.key]).as_dict(private=False)}
            if path == "/authorize":
                self.answer(302, {}, provider.authorize(query))
            elif path in known:
                self.answer(200, known[path]())
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer(*provider.token({k: v[0] for k, v in parse_qs(given).items()}, self.headers.get("Authorization", "")))

        def answer(self, status: int, body: Any, location: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = OidcProvider(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()

# SPDX-License-Identifier: MPL-2.0
"""Staff tokens of the municipality's own sign-in provider (OpenID Connect), checked with the provider's public keys.

The keys come from a file that the operator keeps fresh, or from the provider's https address. They are asked for at the first
token, never at start, so that a provider that is away keeps nobody but its users out; and again when a token names a key
that is not known yet, at most once a minute, so that keys may be changed without a restart.
"""
from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from jobtrappen.config import Settings
from jobtrappen.errors import Unavailable

ALGORITHMS = ["RS256", "ES256"]
AGAIN_SECONDS = 60.0
LEEWAY_SECONDS = 30
"""How far the clocks of two machines may be apart."""


class Provider:
    """One for a process; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._keys: KeySet | None = None
        self._asked = 0.0
        self._lock = threading.Lock()

    def claims(self, token: str, audience: str = "") -> dict[str, Any]:
        """The claims of a valid token for the suite, or for another `audience`: an id token is for the client.

        Raises:
            JoseError, ValueError: forged, expired, of another issuer, audience or algorithm. Unavailable: no key could be had.
        """
        keys = self._fresh(None)
        try:
            found = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            if (newer := self._fresh(keys)) is keys:
                raise
            found = jwt.decode(token, newer, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS, iss={"essential": True, "value": self.settings.oidc_issuer}, aud={"essential": True, "value": audience or self.settings.oidc_audience},
            exp={"essential": True}).validate(found)
        return found

    def _fresh(self, failed: KeySet | None) -> KeySet:
        """The keys; read again when these have `failed` and are not new."""
        with self._lock:
            old = time.monotonic() - self._asked > AGAIN_SECONDS
            if self._keys is None or (self._keys is failed and old):
                try:
                    self._keys = KeySet.import_key_set(self._read())
                    self._asked = time.monotonic()
                except (OSError, ValueError, JoseError, requests.RequestException) as error:
                    if self._keys is None:
                        raise Unavailable("The sign-in provider's keys cannot be read") from error
                    self._asked = time.monotonic()
            return self._keys

    def _read(self) -> Any:
        where = self.settings.oidc_jwks
        if not where.startswith(("https://", "http://")):
            return json.loads(Path(where).read_text(encoding="utf-8"))
        answer = requests.get(where, timeout=5, allow_redirects=False)
        if answer.status_code != 200:  # whoever could lead us elsewhere could give us keys of her own
            raise ValueError(f"answered {answer.status_code}")
        return answer.json()

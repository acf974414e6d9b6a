# SPDX-License-Identifier: MPL-2.0
"""What protects a person at rest: encryption with a named key, and a keyed look-up that needs no plain CPR.

Persons are sealed with the first key of JOBTRAPPEN_CPR_KEYS (`2026a=<base64 of 32 bytes>,2025a=…`), numbers are looked up by
the first of JOBTRAPPEN_LOOKUP_KEYS; without them the keys are derived from the one secret. The key's id stands beside each
ciphertext, and look-ups try every key that is known, so keys can be changed without a stop (`jobtrappen keys`).
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobtrappen.config import Settings
from jobtrappen.errors import KeyMissing
from jobtrappen.keys import DERIVED, derive, name_of, ring

CPR_SHAPE = re.compile(r"\b(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}[- ]?\d{4}\b")


class Vault:
    """Encrypts and decrypts for one process; thread-safe, holds no state but keys."""

    def __init__(self, settings: Settings) -> None:
        self.ring = ring("JOBTRAPPEN_CPR_KEYS", settings.cpr_keys, settings.secrets, "person")
        self.current = next(iter(self.ring))
        self.in_use = {self.current, *([name_of(settings.secret)] if self.current == DERIVED else [])}
        """The ids of values that need not be sealed anew."""
        self.ciphers = {name: AESGCM(key) for name, key in self.ring.items()}
        self.lookup_ring = ring("JOBTRAPPEN_LOOKUP_KEYS", settings.lookup_keys, settings.secrets, "cpr-lookup")
        first = next(iter(self.lookup_ring))
        self.lookup_name = name_of(settings.secret) if first == DERIVED else first
        """The id of the look-up key in use; what was hashed with another is to be hashed anew."""
        self.name_keys = [derive(key.hex(), "name-lookup") for key in self.lookup_ring.values()]
        self.answers = [AESGCM(derive(secret, "answers")) for secret in settings.secrets]
        self.body_keys = [derive(secret, "bodies") for secret in settings.secrets]

    def seal(self, text: str, context: str) -> tuple[str, str]:
        """(key id, base64 ciphertext); `context` (table and column) is bound to it, so rows cannot be swapped in."""
        nonce = os.urandom(12)
        sealed = self.ciphers[self.current].encrypt(nonce, text.encode(), context.encode())
        return self.current, base64.b64encode(nonce + sealed).decode()

    def open(self, key_id: str, sealed: str, context: str) -> str:
        """The plain text.

        Raises:
            KeyMissing: the key that sealed it is not configured here.
        """
        raw = base64.b64decode(sealed)
        known = [self.ciphers[key_id]] if key_id in self.ciphers else \
            [cipher for name, cipher in self.ciphers.items() if key_id.startswith(DERIVED) and name.startswith(DERIVED)]
        return _opened(known, raw, context.encode(), f"a value is sealed with the key {key_id!r}").decode()

    def seal_document(self, document: dict[str, Any], context: str) -> str:
        """A whole JSON object as one text, `key id:ciphertext`."""
        return ":".join(self.seal(json.dumps(document, ensure_ascii=False), context))

    def open_document(self, sealed: str, context: str) -> dict[str, Any]:
        key_id, text = sealed.split(":", 1)
        return json.loads(self.open(key_id, text, context))

    def lookup(self, cpr: str) -> str:
        """The keyed hash under which a CPR number is stored; useless without the key."""
        return self.lookups(cpr)[0]

    def lookups(self, cpr: str) -> list[str]:
        """The hash under every key that is known: by these a number is found, whichever key was in use when it came."""
        return [hmac.new(key, cpr.encode(), hashlib.sha256).hexdigest() for key in self.lookup_ring.values()]

    def name_tokens(self, part: str) -> list[str]:
        """The keyed hash of a part of a name under every key that is known, the one in use first. The keys are others than those of
        numbers. Equal parts have equal hashes, so a stolen table tells how often a name occurs, but not which it is."""
        return [hmac.new(key, part.encode(), hashlib.sha256).hexdigest()[:32] for key in self.name_keys]

    def seal_answer(self, body: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self.answers[0].encrypt(nonce, body, b"answer")

    def is_fresh_answer(self, sealed: bytes) -> bool:
        """Whether the secret in use sealed it."""
        try:
            self.answers[0].decrypt(sealed[:12], sealed[12:], b"answer")
        except InvalidTag:
            return False
        return True

    def open_answer(self, sealed: bytes) -> bytes:
        """
        Raises:
            KeyMissing: a secret that is not configured any more sealed it.
        """
        return _opened(self.answers, sealed, b"answer", "a stored answer is sealed with a secret")

    def body_hash(self, body: bytes) -> str:
        """Keyed, because a plain hash of a short body that holds a CPR number could be searched through."""
        return hmac.new(self.body_keys[0], body, hashlib.sha256).hexdigest()

    def same_body(self, body_hash: str, body: bytes) -> bool:
        """Whether this hash was made of this body, with any secret that is known."""
        return any(hmac.compare_digest(body_hash, hmac.new(key, body, hashlib.sha256).hexdigest()) for key in self.body_keys)


def _opened(ciphers: list[AESGCM], raw: bytes, context: bytes, what: str) -> bytes:
    """With the one that sealed it; a value that none opens is not told from one that somebody changed."""
    for cipher in ciphers:
        try:
            return cipher.decrypt(raw[:12], raw[12:], context)
        except InvalidTag:
            continue
    raise KeyMissing(f"{what} that this process does not have, or it was changed by hand; `jobtrappen keys status` tells which keys are needed")


def scrub(text: str) -> str:
    """Anything of the shape of a CPR number replaced, for logs of last resort."""
    return CPR_SHAPE.sub("******-****", text)

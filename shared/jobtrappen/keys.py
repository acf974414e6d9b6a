# SPDX-License-Identifier: MPL-2.0
"""Rings of keys. The first key of a ring is in use, the others are still accepted, so that a key is changed without a stop:
the new one is added at the end everywhere, then moved to the front everywhere, then the old one goes when nothing needs it.
"""
from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jobtrappen.errors import BadConfiguration

FROM_SECRET = "secret"
"""`secret=` in a list of keys stands for those that are derived from JOBTRAPPEN_SECRET; without it they come last."""
DERIVED = "derived"
"""How values are marked that a derived key sealed, for as long as there is one secret; with several the secret's name follows."""


def derive(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose; knowing one purpose's key tells nothing of another's."""
    return HKDF(algorithm=SHA256(), length=32, salt=b"jobtrappen", info=purpose.encode()).derive(secret.encode())


def name_of(secret: str) -> str:
    """A name for what is derived from a secret; it tells nothing of the secret."""
    return f"{DERIVED}-{derive(secret, 'name')[:4].hex()}"


def ring(setting: str, named: Mapping[str, str], secrets: Sequence[str], purpose: str) -> dict[str, bytes]:
    """{name: 32 bytes}, the one in use first: the named ones in their order, then what the secrets give.

    Raises:
        BadConfiguration: a key is not 32 bytes in base64; names the setting.
    """
    derived = {name_of(secret) if len(secrets) > 1 else DERIVED: derive(secret, purpose) for secret in secrets}
    found: dict[str, bytes] = {}
    for name, text in named.items():
        found |= derived if name == FROM_SECRET and not text else {name: _key(setting, name, text)}
    return found | {name: key for name, key in derived.items() if name not in found}


def is_key(name: str, text: str) -> bool:
    """Whether this is a usable entry of a ring."""
    try:
        return (name == FROM_SECRET and not text) or len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False


def _key(setting: str, name: str, text: str) -> bytes:
    if not is_key(name, text):
        raise BadConfiguration(f"{setting}: key {name!r} is not 32 bytes in base64")
    return base64.b64decode(text)

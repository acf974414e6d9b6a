# SPDX-License-Identifier: MPL-2.0
"""Who is calling: staff by a signed token (OIDC, or the demo's own log-ins), services by a 60-second token, partners and
integrators by a key of which only a keyed hash is kept.

The first secret signs and hashes; the others are still accepted. A partner's key that was hashed with an older one gets a new
hash when it is used, so that the older secret is needed no longer.
"""
from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey
from sqlalchemy import Engine, insert, select, update

from jobtrappen import clock, roles, tables
from jobtrappen.config import SERVICES, Settings
from jobtrappen.db import reading, writing
from jobtrappen.errors import Invalid, NotSignedIn, Unavailable
from jobtrappen.keys import derive, name_of
from jobtrappen.oidc import LEEWAY_SECONDS, Provider
from jobtrappen.tx import Actor, Tx

ISSUER = "jobtrappen"
STAFF_SECONDS = 8 * 3600
SERVICE_SECONDS = 60
LONGEST_TOKEN = 8_000
UNFIT = (JoseError, ValueError, KeyError, TypeError, RecursionError)
"""What reading a token raises that somebody made up."""
MALFORMED = "The token is malformed, expired or not from this suite. Sign in again."
USED_SECONDS = 300
"""How exactly the last use of a key is kept; a write for each use would cost more than the use."""
C = tables.credential.c


@dataclass(frozen=True)
class DemoUser:
    """A named log-in of the demo; its password is its name, and it exists in mode demo only."""

    name: str
    role: str
    unit: str
    title: str


DEMO_USERS = {user.name: user for user in (
    DemoUser("karen", roles.CASEWORKER, "lokalcenter", "Karen, caseworker at the local centre"),
    DemoUser("mehmet", roles.CONSULTANT, "jobkonsulenterne", "Mehmet, job consultant"),
    DemoUser("lone", roles.TEAM_LEAD, "jobkonsulenterne", "Lone, team lead of the job consultants"),
    DemoUser("pia", roles.COORDINATOR, "partnerteam", "Pia, partner coordinator"),
    DemoUser("admin", roles.ADMINISTRATOR, "drift", "Administrator"),
)}


class Signer:
    """Signs and reads the suite's own tokens. One for a process; keys are derived from the secrets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = {name_of(secret): OctKey.import_key(derive(secret, "tokens")) for secret in settings.secrets}
        self.credential_keys = {name_of(secret): derive(secret, "credentials") for secret in settings.secrets}
        self.current = next(iter(self.keys))
        self.seen: dict[str, tuple[float, Actor]] = {}
        self.oidc = Provider(settings) if settings.oidc_jwks else None

    def staff(self, user: DemoUser) -> str:
        """A staff token for eight hours."""
        return self._sign({"sub": user.name, "role": user.role, "unit": user.unit, "aud": "staff"}, STAFF_SECONDS)

    def service(self, name: str, acting: Actor | None = None) -> str:
        """A service's token for one minute; `acting` is the human whose command it carries out."""
        claims: dict[str, Any] = {"sub": f"service:{name}", "role": roles.SERVICE, "unit": name, "aud": "service"}
        if acting:
            claims["act"] = {"sub": acting.id, "role": acting.role, "unit": acting.unit}
        return self._sign(claims, SERVICE_SECONDS)

    def _sign(self, claims: dict[str, Any], seconds: int) -> str:
        now = int(time.time())
        return jwt.encode({"alg": "HS256", "kid": self.current}, {"iss": ISSUER, "iat": now, "exp": now + seconds, **claims}, self.keys[self.current])

    def read(self, token: str) -> Actor:
        """The actor behind a bearer token.

        Raises:
            NotSignedIn: malformed, expired, of another issuer or algorithm, or a demo token outside the demo.
        """
        known = self.seen.get(token)
        if known and known[0] > time.time():
            return known[1]
        claims = self._verify(token)
        actor = Actor(id=str(claims["sub"]), role=str(claims["role"]), unit=str(claims.get("unit", "")),
                      kind="service" if claims["role"] == roles.SERVICE else "staff",
                      acting_for=str(claims.get("act", {}).get("sub", "")) if isinstance(claims.get("act"), dict) else "")
        if len(self.seen) > 2000:
            self.seen.clear()
        self.seen[token] = (float(claims["exp"]), actor)
        return actor

    def _verify(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise NotSignedIn(MALFORMED)
        try:
            return self._own(token)
        except UNFIT:
            return self.of_provider(token)

    def of_provider(self, token: str, audience: str = "") -> dict[str, Any]:
        """The claims of a token of the sign-in provider, for the suite or for another audience.

        Raises:
            NotSignedIn: it does not hold, or names no role that staff have.
        """
        refused = NotSignedIn(MALFORMED)
        if self.oidc is None or len(token) > LONGEST_TOKEN:
            raise refused
        try:
            claims = self.oidc.claims(token, audience)
        except UNFIT:
            raise refused from None
        if claims.get("role") not in roles.STAFF or not claims.get("sub"):
            raise NotSignedIn("The sign-in provider gave no role that this suite knows; ask the administrator.")
        return claims

    def _own(self, token: str) -> dict[str, Any]:
        claims = self._signed(token)
        # Signed by us, so `iat` in the future says that a clock of ours was set back, and keeps nobody out.
        checked = {name: value for name, value in claims.items() if name != "iat"}
        jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, iss={"essential": True, "value": ISSUER}, exp={"essential": True}).validate(checked)
        staff_outside_demo = claims["aud"] == "staff" and not self.settings.demo
        foreign_service = claims["aud"] == "service" and claims["sub"].removeprefix("service:") not in SERVICES
        if staff_outside_demo or foreign_service or claims["aud"] not in ("staff", "service"):
            raise ValueError("audience")
        return claims

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims, if one of the secrets signed them. Which one it says is not asked: a token from before has no name."""
        for key in self.keys.values():
            with suppress(BadSignatureError):
                return jwt.decode(token, key, algorithms=["HS256"]).claims
        raise ValueError("signature")

    def hash(self, secret: str) -> str:
        """The keyed hash under which a partner's key is stored."""
        return self._hashes(secret)[self.current]

    def hashed_by(self, stored: str, secret: str) -> str | None:
        """The name of the secret that made this hash of a partner's key; None when none did. All are tried, always."""
        fitting = [name for name, found in self._hashes(secret).items() if hmac.compare_digest(stored, found)]
        return fitting[0] if fitting else None

    def _hashes(self, secret: str) -> dict[str, str]:
        return {name: hmac.new(key, secret.encode(), hashlib.sha256).hexdigest() for name, key in self.credential_keys.items()}


def demo_token(signer: Signer, username: str, password: str) -> str:
    """Sign a demo user in.

    Raises:
        NotSignedIn: not the demo, or a wrong name or password (never says which).
    """
    user = DEMO_USERS.get(username)
    right = hmac.compare_digest(password.encode(), (user.name if user else secrets.token_hex(8)).encode())  # as much work for an unknown name
    if not signer.settings.demo or user is None or not right:
        raise NotSignedIn("Wrong name or password, or demo log-ins are off (they exist with JOBTRAPPEN_MODE=demo only).")
    return signer.staff(user)


def issue_key(tx: Tx, signer: Signer, kind: str, owner: str, scopes: list[str], expires_on: date | None = None) -> tuple[str, str]:
    """Make a key for a partner or integrator.

    Returns: (credential id, the key). The key is shown once; only its keyed hash stays.
    """
    if kind not in ("partner", "integrator"):
        raise Invalid("kind", "is partner or integrator")
    prefix, secret, id = secrets.token_hex(6), secrets.token_urlsafe(32), clock.new_id()
    tx.session.execute(insert(tables.credential).values(
        id=id, prefix=prefix, hash=signer.hash(secret), hash_key=signer.current, kind=kind, owner=owner, scopes=" ".join(sorted(scopes)),
        created_at=clock.now(), expires_on=expires_on))
    tx.audit("credential.issued", "credential", id)
    return str(id), f"jt_{prefix}_{secret}"


def key_actor(engine: Engine, signer: Signer, key: str) -> Actor:
    """The partner or integrator behind a key.

    Raises:
        NotSignedIn: unknown, expired or revoked; all three sound the same.
    """
    refused = NotSignedIn("This key is unknown, expired or revoked. Ask the municipality's partner coordinator for a new one.")
    _, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    with reading(engine) as session:
        row = session.execute(select(tables.credential).where(tables.credential.c.prefix == prefix)).first()
    by = signer.hashed_by(row.hash if row else "0" * 64, secret)  # no hash is made for an unknown key that a known one would not need
    if by is None or row is None or row.revoked_at:
        raise refused
    if row.expires_on and row.expires_on < date.today():
        raise refused
    _used(engine, signer, row, secret)
    return _owner(row)


def key_behind(engine: Engine, prefix: str) -> Actor:
    """The owner of a key with which somebody has signed in before; the key itself is not there any more.

    Raises:
        NotSignedIn: it has expired or was revoked since.
    """
    with reading(engine) as session:
        row = session.execute(select(tables.credential).where(C.prefix == prefix)).first()
    if row is None or row.revoked_at or (row.expires_on and row.expires_on < date.today()):
        raise NotSignedIn("This key has expired or was revoked. Ask the municipality's partner coordinator for a new one.")
    return _owner(row)


def _owner(row: Any) -> Actor:
    return Actor(id=f"{row.kind}:{row.owner}", role=row.kind, unit=row.owner, kind=row.kind,
                 partner_id=row.owner if row.kind == "partner" else "", scopes=frozenset(row.scopes.split()))


def _used(engine: Engine, signer: Signer, row: Any, secret: str) -> None:
    """Remember that a key was used, and hash it with the secret that is in use now. Who calls does not wait for a database that
    takes no writes: the next use will be remembered."""
    now = clock.now()
    if row.hash_key == signer.current and row.last_used_at is not None and now - row.last_used_at < timedelta(seconds=USED_SECONDS):
        return
    with suppress(Unavailable), writing(engine) as session:
        session.execute(update(tables.credential).where(C.id == row.id, C.hash == row.hash).values(
            hash=signer.hash(secret), hash_key=signer.current, last_used_at=now))

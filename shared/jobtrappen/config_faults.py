# SPDX-License-Identifier: MPL-2.0
"""What is wrong with settings that can each be read but do not fit: to each other, to what is installed, to the files they
name. Nothing is connected to: a database or bus that is away is no fault of the configuration.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from jobtrappen import limits
from jobtrappen.bus.kafka_url import KafkaUrl
from jobtrappen.errors import BadConfiguration
from jobtrappen.keys import is_key

if TYPE_CHECKING:
    from jobtrappen.config import Settings

LEADER_PATIENCES = 3
"""How many times JOBTRAPPEN_DATABASE_SECONDS a relay may be silent before the database takes its leadership away."""
SOURCE = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
ENCRYPTED = ("https://", "http://127.0.0.1", "http://localhost")
"""Or on this host."""
WHERE_KEYS_ARE = "a file, or an https address"


def faults(settings: Settings, services: tuple[str, ...]) -> Iterator[str]:
    """One line for each, beginning with the setting's name and ending with the remedy."""
    yield from _database(settings)
    yield from _bus(settings)
    yield from _sign_in(settings)
    yield from _bind(settings)
    if not SOURCE.fullmatch(settings.source):
        yield f"JOBTRAPPEN_SOURCE: {settings.source!r} is not an address; write it as https://jobtrappen.example/0000"
    installed = {point.name for point in entry_points(group="jobtrappen")}
    if missing := [name for name in settings.plugins if name not in installed]:
        yield f"JOBTRAPPEN_PLUGINS: not installed: {', '.join(missing)}; installed are {', '.join(sorted(installed))}"
    for name, url in settings.urls.items():
        if name not in services or not url.startswith(("http://", "https://")):
            yield f"JOBTRAPPEN_URLS: {name}={url} is not a service and its address; write {services[0]}=https://…; services are {', '.join(services)}"
    try:
        limits.read(settings.limits, settings.demo)
    except ValueError as error:
        yield f"JOBTRAPPEN_LIMITS: {error}"
    for setting, ring in (("CPR_KEYS", settings.cpr_keys), ("LOOKUP_KEYS", settings.lookup_keys)):
        for name, key in ring.items():
            if not is_key(name, key):
                yield f"JOBTRAPPEN_{setting}: the key {name} is not 32 bytes in base64; make one with `jobtrappen keys make NAME`"
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
                yield f"JOBTRAPPEN_{setting}: {name!r} is no name for a key; take letters and digits, at most 40"


def filled(template: str, **values: object) -> str | None:
    """The text with its {names} filled in, or None where a brace or name is wrong."""
    try:
        return template.format(**values)
    except (KeyError, ValueError, IndexError):
        return None


def _database(settings: Settings) -> Iterator[str]:
    url = filled(settings.database, service="referral", home=settings.home)
    if url is None:
        yield "JOBTRAPPEN_DATABASE: only {service}, {home} and {password} are filled in, and {password} needs JOBTRAPPEN_DATABASE_PASSWORD"
    elif not url.startswith(("sqlite:///", "postgresql+psycopg://")) or not _is_url(url):
        yield "JOBTRAPPEN_DATABASE: use sqlite:///file.db or postgresql+psycopg://user:password@host:port/database"


def _is_url(text: str) -> bool:
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        return False
    return True


def _bus(settings: Settings) -> Iterator[str]:
    if settings.bus.startswith("kafka://"):
        try:
            sending = KafkaUrl.parse(settings.bus).numbers["delivery_timeout_ms"] / 1000
            if (silent := settings.database_seconds * LEADER_PATIENCES) <= sending + 1:
                yield (f"JOBTRAPPEN_DATABASE_SECONDS: the database would end a relay's session after {silent} s, while one record may take "
                       f"{sending:g} s (delivery_timeout_ms in JOBTRAPPEN_BUS); raise the one or lower the other")
        except BadConfiguration as error:
            yield from str(error).splitlines()
    elif not settings.bus.startswith("sqlite:///"):
        yield "JOBTRAPPEN_BUS: use sqlite:///bus.db or kafka://host:port,host:port"


def _sign_in(settings: Settings) -> Iterator[str]:
    missing = [f"JOBTRAPPEN_OIDC_{name}" for name, value in (("ISSUER", settings.oidc_issuer), ("AUDIENCE", settings.oidc_audience), ("JWKS", settings.oidc_jwks))
               if not value]
    if missing and (settings.mode == "production" or len(missing) < 3):
        yield f"{', '.join(missing)}: not set; outside the demo staff sign in with OIDC, which needs issuer, audience and JWKS"
    if settings.oidc_client_secret and not settings.oidc_client_id:
        yield "JOBTRAPPEN_OIDC_CLIENT_SECRET: is of no use without JOBTRAPPEN_OIDC_CLIENT_ID, the name under which the provider knows these pages"
    if settings.oidc_client_id and not settings.oidc_issuer:
        yield "JOBTRAPPEN_OIDC_CLIENT_ID: needs JOBTRAPPEN_OIDC_ISSUER, the provider at which staff sign in"
    elif settings.oidc_client_id and not settings.oidc_issuer.startswith(ENCRYPTED):
        yield f"JOBTRAPPEN_OIDC_ISSUER: staff who sign in on the pages are led to {settings.oidc_issuer}, which is no https address"
    keys = settings.oidc_jwks
    if not keys or keys.startswith(ENCRYPTED):
        return
    if keys.startswith("http:"):
        yield f"JOBTRAPPEN_OIDC_JWKS: {keys} is not encrypted; name {WHERE_KEYS_ARE}"
        return
    try:
        json.loads(Path(keys).read_text(encoding="utf-8"))["keys"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"JOBTRAPPEN_OIDC_JWKS: {keys} is not a readable key set ({error.__class__.__name__}); name {WHERE_KEYS_ARE}"


def _bind(settings: Settings) -> Iterator[str]:
    host, colon, port = settings.bind.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        yield f"JOBTRAPPEN_BIND: {settings.bind!r} is not host:port; write it as 127.0.0.1:8080"

# SPDX-License-Identifier: MPL-2.0
"""Configuration by environment (JOBTRAPPEN_…), checked as a whole before anything starts.

Secrets may come as a file (JOBTRAPPEN_SECRET_FILE). `Settings.from_env` lists everything that is wrong at once.
"""
from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import quote

from jobtrappen.config_faults import faults
from jobtrappen.errors import BadConfiguration

SERVICES = ("referral", "matching", "followup", "partners")
PATHS = {"referral": "/henvisning", "matching": "/matchning", "followup": "/opfoelgning", "partners": "/partnere"}
TOPICS = {name: f"jobtrappen.{name}" for name in SERVICES}
PUBLIC_TOPIC = "jobtrappen.public"
PARTITIONS = 6
"""Fixed for ever: a key's partition decides its order."""

KNOWN = {
    "HOME", "DATABASE", "DATABASE_PASSWORD", "DATABASE_PASSWORD_FILE", "DATABASE_SECONDS", "BUS", "SECRET", "SECRET_FILE", "CPR_KEYS", "CPR_KEYS_FILE", "LOOKUP_KEYS",
    "LOOKUP_KEYS_FILE", "LIMITS", "MODE", "TODAY", "SOURCE",
    "PLUGINS", "URLS", "ADDRESS", "OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_SECRET_FILE", "BIND", "THREADS", "LOG", "KAFKA_PASSWORD",
    "KAFKA_PASSWORD_FILE", "MEMBER",
}


@dataclass(frozen=True)
class Settings:
    """What one process needs to know; immutable, passed on, never global."""

    home: Path
    database: str = field(repr=False)
    bus: str
    secret: str = field(repr=False)
    older_secrets: tuple[str, ...] = field(default=(), repr=False)
    cpr_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    lookup_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Mapping[str, str] = field(default_factory=dict)
    mode: str = "production"
    today: date | None = None
    source: str = "https://jobtrappen.example/0000"
    plugins: tuple[str, ...] = SERVICES
    urls: Mapping[str, str] = field(default_factory=dict)
    address: str = "own"
    """`shared`: all four stand behind one reverse proxy, each under its path, which the proxy takes off and names in X-Forwarded-Prefix."""
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks: str = ""
    oidc_client_id: str = ""
    """With it staff sign in on the pages at the provider; without it the provider's tokens open the API alone."""
    oidc_client_secret: str = field(default="", repr=False)
    bind: str = "127.0.0.1:8080"
    threads: int = 4
    database_seconds: int = 20
    """How long web and workers wait for one answer of PostgreSQL before they call it away."""
    log: str = "info"
    member: str = ""

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The one in use, then those that are still accepted."""
        return (self.secret, *self.older_secrets)

    def database_for(self, service: str) -> str:
        """The service's own SQLAlchemy URL; `{service}` and `{home}` in the setting are filled in."""
        return self.database.format(service=service, home=self.home)

    def url_of(self, service: str) -> str:
        """Base URL of a service's HTTP API, from JOBTRAPPEN_URLS or the one address that `up` serves."""
        return self.urls.get(service) or f"http://{self.bind}{PATHS[service]}"

    def on(self, **changes: object) -> Settings:
        return replace(self, **changes)  # type: ignore[arg-type]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check the whole environment.

        Raises:
            BadConfiguration: one line for each setting that is unknown, missing or contradictory.
        """
        given = dict(os.environ if environ is None else environ)
        wrong = [f"JOBTRAPPEN_{name}: not a setting of Jobtrappen; see docs/operations.md" for name in _unknown(given)]
        wrong += [f"JOBTRAPPEN_{name}: holds a line break or another character that is not printed; write it in one line of text" for name in _unprintable(given)]
        read = _Reader(given, wrong)
        mode = read.one_of("MODE", ("production", "demo"), "demo" if "JOBTRAPPEN_DATABASE" not in given else "production")
        home = Path(given.get("JOBTRAPPEN_HOME", ".jobtrappen")).absolute()
        embedded = mode == "demo"
        text, known = read.secret("SECRET"), len(wrong)
        given_lines = (text or (embedded and _kept_secret(home, wrong)) or "").splitlines()
        secret, *older = [line.strip() for line in given_lines if line.strip()] or [""]
        if min(map(len, (secret, *older))) < 32 and len(wrong) == known and not any(line.startswith("JOBTRAPPEN_SECRET") for line in wrong):
            wrong.append("JOBTRAPPEN_SECRET: at least 32 random characters are needed, in each line; or JOBTRAPPEN_SECRET_FILE")
        settings = cls(
            home=home,
            database=read.database("sqlite:///{home}/{service}.db"),
            bus=given.get("JOBTRAPPEN_BUS", "sqlite:///{home}/bus.db").replace("{home}", str(home)),
            secret=secret, older_secrets=tuple(older), cpr_keys=read.pairs("CPR_KEYS", secret=True),
            lookup_keys=read.pairs("LOOKUP_KEYS", secret=True), limits=read.pairs("LIMITS"), mode=mode, today=read.day("TODAY"),
            source=given.get("JOBTRAPPEN_SOURCE", cls.source),
            plugins=tuple(filter(None, given.get("JOBTRAPPEN_PLUGINS", ",".join(SERVICES)).split(","))),
            urls=read.pairs("URLS"), address=read.one_of("ADDRESS", ("own", "shared"), "own"), oidc_issuer=given.get("JOBTRAPPEN_OIDC_ISSUER", ""),
            oidc_audience=given.get("JOBTRAPPEN_OIDC_AUDIENCE", ""), oidc_jwks=given.get("JOBTRAPPEN_OIDC_JWKS", ""),
            oidc_client_id=given.get("JOBTRAPPEN_OIDC_CLIENT_ID", ""), oidc_client_secret=read.secret("OIDC_CLIENT_SECRET"),
            bind=given.get("JOBTRAPPEN_BIND", cls.bind), threads=read.number("THREADS", 4),
            database_seconds=read.number("DATABASE_SECONDS", cls.database_seconds),
            log=read.one_of("LOG", ("debug", "info", "warning", "error"), "info"),
            member=given.get("JOBTRAPPEN_MEMBER", ""),
        )
        wrong += faults(settings, SERVICES)
        if wrong:
            raise BadConfiguration("\n".join(sorted(wrong)))
        return settings


class _Reader:
    """Reads single settings and collects what is wrong instead of stopping at the first."""

    def __init__(self, given: Mapping[str, str], wrong: list[str]) -> None:
        self.given, self.wrong = given, wrong

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.given.get(f"JOBTRAPPEN_{name}", default)
        if value not in choices:
            self.wrong.append(f"JOBTRAPPEN_{name}: {value!r} is not one of {', '.join(choices)}")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.given.get(f"JOBTRAPPEN_{name}", str(default))
        if not value.isdigit() or not 0 < int(value) < 1000:
            self.wrong.append(f"JOBTRAPPEN_{name}: {value!r} is not a number from 1 to 999")
            return default
        return int(value)

    def day(self, name: str) -> date | None:
        value = self.given.get(f"JOBTRAPPEN_{name}", "")
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.wrong.append(f"JOBTRAPPEN_{name}: {value!r} is not a date; write it as 2004-05-25")
            return None

    def secret(self, name: str) -> str:
        path = self.given.get(f"JOBTRAPPEN_{name}_FILE")
        if path and self.given.get(f"JOBTRAPPEN_{name}"):
            self.wrong.append(f"JOBTRAPPEN_{name}: given twice, also as JOBTRAPPEN_{name}_FILE; keep one")
        if not path:
            return self.given.get(f"JOBTRAPPEN_{name}", "")
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.wrong.append(f"JOBTRAPPEN_{name}_FILE: cannot be read ({error.__class__.__name__})")
            return ""

    def database(self, default: str) -> str:
        """The URL; {password} stands for JOBTRAPPEN_DATABASE_PASSWORD (or its file), so that the URL itself is no secret."""
        password = self.secret("DATABASE_PASSWORD")
        url = self.given.get("JOBTRAPPEN_DATABASE", default)
        return url.replace("{password}", quote(password, safe="")) if password else url

    def pairs(self, name: str, secret: bool = False) -> dict[str, str]:
        """`a=x,b=y` as a dict."""
        value = self.secret(name) if secret else self.given.get(f"JOBTRAPPEN_{name}", "")
        try:
            return dict(pair.split("=", 1) for pair in value.split(",") if pair)  # type: ignore[misc]
        except ValueError:
            self.wrong.append(f"JOBTRAPPEN_{name}: write it as name=value,name=value")
            return {}


def _unknown(given: Mapping[str, str]) -> list[str]:
    names = (key.removeprefix("JOBTRAPPEN_") for key in given if key.startswith("JOBTRAPPEN_"))
    return [name for name in names if name not in KNOWN and not name.startswith("TEST_")]


def _unprintable(given: Mapping[str, str]) -> list[str]:
    """Settings with what a shell or a file left in them by mistake. A secret alone may have lines: the one in use, then older ones."""
    own = {key.removeprefix("JOBTRAPPEN_"): value for key, value in given.items() if key.startswith("JOBTRAPPEN_")}
    return [name for name, value in own.items() if not (value.replace("\n", "").replace("\r", "") if name == "SECRET" else value).isprintable()]


def _kept_secret(home: Path, wrong: list[str]) -> str:
    """The embedded default makes its secret once and keeps it beside its data, readable by the owner alone. It is written
    whole before it gets its name, so that two that start at once read the same."""
    path, draft = home / "secret", home / f".secret-{secrets.token_hex(4)}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
                new.write(secrets.token_urlsafe(48))
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        wrong.append(f"JOBTRAPPEN_HOME: {home} cannot be used ({error.__class__.__name__}); name a folder of your own")
        return ""

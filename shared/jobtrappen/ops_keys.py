# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen keys`: which keys are needed, sealing anew with those in use, a fresh key. See docs/operations.md."""
from __future__ import annotations

import base64
import os
import signal
import sys
import threading

import click

from jobtrappen import logs, migrate, reseal
from jobtrappen.config import Settings
from jobtrappen.runtime import Runtime
from jobtrappen.web.wsgi import runtimes


@click.group()
def keys() -> None:
    """Keys that protect persons and partners: status, reseal, make."""


def _prepared(service: str) -> list[Runtime]:
    settings = Settings.from_env()
    logs.configure(settings.log)
    made = runtimes(service, settings)
    for runtime in made:
        migrate.require_head(runtime)
    return made


@keys.command()
@click.argument("service", default="all")
def status(service: str) -> None:
    """What SERVICE's older keys still hold. Ends with 1 while an older key is needed."""
    needed = [_told(runtime) for runtime in _prepared(service)]
    sys.exit(1 if any(needed) else 0)


def _told(runtime: Runtime) -> bool:
    name, vault = runtime.name, runtime.vault
    older = [f"{place}: {rows} sealed with {id}" for place, found in reseal.by_key(runtime).items() for id, rows in found.items() if id not in vault.in_use]
    if rows := reseal.older_lookups(runtime):
        older.append(f"look-up of CPR numbers: {rows} with a key that is not the first of JOBTRAPPEN_LOOKUP_KEYS")
    older += [f"look-up of {what}: {rows} with a key that is not the first of JOBTRAPPEN_LOOKUP_KEYS, or not made yet"
              for what, rows in reseal.older_hashes(runtime).items()]
    if rows := reseal.older_answers(runtime):
        older.append(f"stored answers: {rows} sealed with an older secret")
    click.echo(f"{name}: seals with {vault.current}; also opens {', '.join(list(vault.ring)[1:]) or 'nothing else'}")
    for line in older:
        click.echo(f"{name}: {line}; run `jobtrappen keys reseal {name}`")
    partner_keys = reseal.older_partner_keys(runtime)
    if partner_keys:
        click.echo(f"{name}: {partner_keys} partner and integrator keys are hashed with an older secret, each until it is next used; "
                   "one that is never used needs that secret for ever: revoke it and issue another")
    if not older and not partner_keys:
        click.echo(f"{name}: nothing needs an older key")
    return bool(older or partner_keys)


@keys.command("reseal")
@click.argument("service", default="all")
@click.option("--chunk", default=reseal.CHUNK, show_default=True, type=click.IntRange(1, 10_000), help="Rows of one transaction.")
@click.option("--pause", default=0.02, show_default=True, help="Seconds between two chunks, for the service's own work.")
def reseal_command(service: str, chunk: int, pause: float) -> None:
    """Seal everything of SERVICE anew with the keys in use, beside its work; may be broken off and begun again."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for runtime in _prepared(service):
        with click.progressbar(length=reseal.total(runtime), label=runtime.name, file=sys.stderr) as bar:
            changed = reseal.run(runtime, stop, chunk, pause, bar.update)
        if stop.is_set():
            raise click.ClickException(f"{runtime.name}: broken off after {changed}; what is done stays, begin again at any time")
        click.echo(f"{runtime.name}: {changed} sealed anew with {runtime.vault.current}")


@keys.command()
@click.argument("name")
def make(name: str) -> None:
    """A fresh key NAME, as it stands in JOBTRAPPEN_CPR_KEYS or JOBTRAPPEN_LOOKUP_KEYS."""
    click.echo(f"{name}={base64.b64encode(os.urandom(32)).decode()}")

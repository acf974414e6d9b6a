# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen audit`: verify, head, report."""
from __future__ import annotations

import json
import re
import sys
from uuid import UUID

import click

from jobtrappen import audit, audit_check, audit_words
from jobtrappen.config import Settings
from jobtrappen.db import reading
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen.web import access
from jobtrappen.web.wsgi import runtimes

SHOWN = 20
HEAD = re.compile(r"(?:(?P<service>[a-z]+) )?(?P<number>[0-9]{1,18}):(?P<seal>[0-9a-f]{64})")


@click.group("audit")
def group() -> None:
    """The audit log: does its chain hold, and who looked at a case."""


def _made(service: str) -> list[Runtime]:
    return runtimes(service, Settings.from_env())


class Head(click.ParamType):
    """`number:seal`, as `audit head` prints it, with or without the service's name before it."""

    name = "NUMBER:SEAL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int, str]:
        fits = HEAD.fullmatch(value.strip())
        if fits is None:
            self.fail("write it as `jobtrappen audit head` printed it: a number, a colon, 64 hex digits", param, ctx)
        return fits["service"] or "", int(fits["number"]), fits["seal"]


@group.command()
@click.argument("service", default="all")
def head(service: str) -> None:
    """Print the newest link of SERVICE's chain. Keep it elsewhere: with it `verify` finds a tail that is gone."""
    for runtime in _made(service):
        with runtime.engine.connect() as connection:
            number, seal = audit.head(connection)
        click.echo(f"{runtime.name} {number}:{seal}")
        runtime.close()


@group.command()
@click.argument("service", default="all")
@click.option("--head", "heads", type=Head(), multiple=True, help="A line that `audit head` printed earlier; once for each service.")
def verify(service: str, heads: tuple[tuple[str, int, str], ...]) -> None:
    """Read SERVICE's whole log: a row that was changed, removed, put in or moved is named. Exit code 1 if anything is wrong."""
    made, wrong = _made(service), 0
    if any(not name for name, _n, _s in heads) and (len(made) > 1 or len(heads) > 1):
        raise click.UsageError("Of several services: give each --head with its service's name, as `audit head` prints it.")
    known = {name or made[0].name: (number, seal) for name, number, seal in heads}
    strangers = set(known) - {runtime.name for runtime in made}
    if strangers:
        raise click.UsageError(f"--head: {', '.join(sorted(strangers))} is not verified here.")
    for runtime in made:
        with runtime.engine.connect() as connection:
            found = audit_check.check(connection, audit.keys(runtime.settings), known.get(runtime.name))
        wrong += len(found.faults)
        for fault in found.faults[:SHOWN]:
            click.echo(f"{runtime.name}: {fault}")
        if len(found.faults) > SHOWN:
            click.echo(f"{runtime.name}: and {len(found.faults) - SHOWN} more.")
        if not found.faults:
            against = " and to the head that was kept" if runtime.name in known else ""
            click.echo(f"{runtime.name}: {found.number} links hold{against}; the head is {found.number}:{found.seal}")
        runtime.close()
    sys.exit(1 if wrong else 0)


@group.command()
@click.argument("service", default="all")
@click.option("--case", "case_id", type=click.UUID, required=True, help="The case's id.")
@click.option("--language", type=click.Choice(audit_words.LANGUAGES), default="da")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
def report(service: str, case_id: UUID, language: str, form: str) -> None:
    """Who has read or changed a case in SERVICE (or all), when and why; staff by their role. That you asked is put on record."""
    headed = False
    for runtime in _made(service):
        with reading(runtime.engine) as session:
            if not access.known(session, runtime.name, case_id):
                click.echo(f"{runtime.name}: has not heard of this case", err=True)
                continue
            found = access.report(session, runtime.name, case_id, language)
        with transaction(runtime, SYSTEM) as tx:
            tx.audit("read.access_report", "access_report", case_id, case_id, purpose="access_report")
        if form == "json":
            click.echo(json.dumps(access.OUT.dump(found), ensure_ascii=False))
        else:
            lines = access.as_csv(found).splitlines(keepends=True)
            click.echo("".join(lines[1:] if headed else lines), nl=False)
            headed = True
        runtime.close()

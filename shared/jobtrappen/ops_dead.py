# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen dead`: list, show, drop."""
from __future__ import annotations

import json

import click

from jobtrappen import dead
from jobtrappen.config import Settings
from jobtrappen.runtime import Runtime
from jobtrappen.web.wsgi import runtimes


@click.group("dead")
def group() -> None:
    """Dead letters, records that were no events: list, show, drop."""


def _made(service: str) -> list[Runtime]:
    return runtimes(service, Settings.from_env())


@group.command("list")
@click.argument("service", default="all")
def dead_list(service: str) -> None:
    """Where each lies and why it is none, oldest first."""
    for runtime in _made(service):
        for row in dead.listing(runtime):
            click.echo(f"{runtime.name} {row['id']:>6} {row['topic']}/{row['partition']}@{row['offset']} {row['size']} bytes, {row['at']:%Y-%m-%d %H:%M:%S}: {row['reason']}")


@group.command("show")
@click.argument("service")
@click.argument("id", type=int)
def dead_show(service: str, id: int) -> None:
    """One of them: size, digest, and a short beginning, escaped."""
    click.echo(json.dumps(dead.show(_made(service)[0], id), default=str, indent=1))


@group.command("drop")
@click.argument("service")
@click.argument("id", type=int)
@click.confirmation_option(prompt="It leaves this list; on its topic it stays. Go on?")
def dead_drop(service: str, id: int) -> None:
    """Take one off the list; the audit log keeps that you did."""
    dead.drop(_made(service)[0], id)
    click.echo("dropped")

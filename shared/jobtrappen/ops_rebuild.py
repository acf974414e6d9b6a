# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen rebuild`: a service's projections anew from the topics, while it runs."""
from __future__ import annotations

import click

from jobtrappen.bus import open_bus
from jobtrappen.ops_backup import one, told
from jobtrappen.rebuild import rebuild


@click.command("rebuild")
@click.argument("service")
@click.option("--only", default="", metavar="NAME", help="One projection; without it, all that SERVICE declares.")
def rebuild_command(service: str, only: str) -> None:
    """Make SERVICE's projections anew from the topics; its processes run on, and nothing is said or done twice."""
    runtime = one(service)
    with told() as progress:
        done = rebuild(runtime, open_bus(runtime.settings.bus), only, lambda played, total: progress("playing the topics", played, total))
    for made in done:
        click.echo(f"{service} {made.name}: {made.rows} rows, {made.added} were missing, {made.changed} wrong, {made.removed} too many")

# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen topics`: the topics, and with --acls who may use them. For an operator with an admin log-in of the broker."""
from __future__ import annotations

from pathlib import Path

import click

from jobtrappen import plugins
from jobtrappen.bus import open_bus
from jobtrappen.bus.kafka import KafkaBus
from jobtrappen.bus.kafka_rights import grants
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, SERVICES, TOPICS, Settings


@click.command()
@click.option("--acls", is_flag=True, help="Also grant each service that is installed here what it needs, and no more.")
@click.option("--user", "users", multiple=True, metavar="SERVICE=NAME", help="The broker user of a service; without it, its own name.")
@click.option("--integrator", "integrators", multiple=True, metavar="NAME", help="A broker user that may read the public topic.")
@click.option("--passwords", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
              help="Make log-ins too: NAME_kafka_password in this folder holds a user's password (SCRAM-SHA-512).")
@click.option("--dry-run", is_flag=True, help="Print, change nothing.")
def topics(acls: bool, users: tuple[str, ...], integrators: tuple[str, ...], passwords: Path | None, dry_run: bool) -> None:
    """Create the topics that are missing (needs a log-in that may)."""
    bus = open_bus(Settings.from_env().bus)
    wanted = grants(plugins.services().values(), _named(users), integrators) if acls else []
    known = {user: _password(passwords, user) for user in sorted({grant.user for grant in wanted})} if passwords else {}
    if (acls or passwords) and not isinstance(bus, KafkaBus):
        raise click.ClickException("The embedded bus has no users and no ACLs; they are Kafka's.")
    if passwords and not acls:
        raise click.ClickException("--passwords makes the log-ins that --acls grants; give both.")
    for grant in wanted:
        click.echo(grant)
    if dry_run:
        return
    bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
    click.echo(f"{len(TOPICS) + 1} topics with {PARTITIONS} partitions each")
    if isinstance(bus, KafkaBus) and acls:
        if known:
            bus.log_ins(known)
            click.echo(f"{len(known)} log-ins: {', '.join(known)}")
        beside = bus.allow(wanted)
        click.echo(f"{len(wanted)} rights granted")
        for line in beside:
            click.echo(f"not needed, take it away with Kafka's kafka-acls: {line}")


def _named(users: tuple[str, ...]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in users)
    if wrong := [name for name, user in found.items() if name not in SERVICES or not user]:
        raise click.BadParameter(f"{', '.join(wrong)}: write it as referral=NAME; services are {', '.join(SERVICES)}", param_hint="--user")
    return found


def _password(folder: Path, user: str) -> str:
    path = folder / f"{user}_kafka_password"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read ({error.__class__.__name__}); put the password of {user} there") from None

# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen`: serve, relay, consume, migrate, topics, up, demo, settle, report, parked, keys, plugins."""
from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

import click
from marshmallow import ValidationError

from jobtrappen import (
    logs,
    migrate,
    ops_audit,
    ops_backup,
    ops_dead,
    ops_doctor,
    ops_rebuild,
    parking,
    plugins,
    postgres,
    workers,
)
from jobtrappen import settle as settling
from jobtrappen.bus import open_bus
from jobtrappen.config import Settings
from jobtrappen.consumer import Consumer
from jobtrappen.db import TRANSIENT
from jobtrappen.errors import (
    BadConfiguration,
    BusError,
    JobtrappenError,
    KeyMissing,
    LogInRefused,
    Unavailable,
    WrongSchema,
)
from jobtrappen.ops_keys import keys
from jobtrappen.ops_topics import topics
from jobtrappen.runtime import Runtime
from jobtrappen.up import Suite, refuse_taken_port
from jobtrappen.web import health
from jobtrappen.web.server import share_metrics
from jobtrappen.web.wsgi import runtimes

EX_CONFIG, EX_TEMPFAIL = 78, 75


def prepared(names: str = "all") -> tuple[Settings, list[Runtime]]:
    settings = Settings.from_env()
    logs.configure(settings.log)
    return settings, runtimes(names, settings)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobtrappen")
def cli() -> None:
    """Jobtrappen: from referral to an ordinary job, one step at a time."""


@cli.command()
@click.argument("service")
def serve(service: str) -> None:
    """Serve one SERVICE over HTTP (or `all` behind one address) with gunicorn."""
    settings, made = prepared(service)
    refuse_taken_port(settings.bind)
    for runtime in made:
        migrate.require_head(runtime)
        runtime.close()
    share_metrics()
    workers_count = "2" if service == "all" else "1"
    os.execvp(sys.executable, [sys.executable, "-m", "gunicorn", "--bind", settings.bind, "--workers", workers_count, "--threads", str(settings.threads),
                               "--config", "python:jobtrappen.web.server", "--worker-class", "gthread", "--no-control-socket", "--graceful-timeout", "20", "--keep-alive", "65", "--log-level", "warning",
                               f"jobtrappen.web.wsgi:application('{service}')"])


@cli.command()
@click.argument("service")
def relay(service: str) -> None:
    """Publish SERVICE's outbox; run as many as you like, one leads."""
    _settings, made = prepared(service)
    _ready(made, write=True, listen=False)
    sys.exit(workers.run([*workers.relays(made), *workers.watches(made)]))


@cli.command()
@click.argument("service")
def consume(service: str) -> None:
    """Apply to SERVICE what the others say."""
    _settings, made = prepared(service)
    _ready(made, write=False)
    sys.exit(workers.run([*workers.consumers(made), *workers.watches(made)]))


@cli.command()
@click.argument("service", default="all")
def work(service: str) -> None:
    """Relays and consumers of SERVICE in one process (the embedded default's worker)."""
    _settings, made = prepared(service)
    _ready(made, write=True)
    sys.exit(workers.run([*workers.relays(made), *workers.consumers(made), *workers.watches(made)]))


def _ready(made: list[Runtime], write: bool, listen: bool = True) -> None:
    """A worker starts only on the right schema and on topics that it may use."""
    for runtime in made:
        runtime.hurry()
        migrate.require_head(runtime)
        bus = open_bus(runtime.settings.bus)
        bus.check_topics(runtime.service.reads, runtime.service.writes if write else [], f"jobtrappen.{runtime.name}" if listen else "")
        bus.close()


@cli.command("migrate")
@click.argument("service", default="all")
def migrate_command(service: str) -> None:
    """Bring SERVICE's database (or all) to this version's schema."""
    for runtime in prepared(service)[1]:
        click.echo(f"{runtime.name}: at {migrate.upgrade(runtime)}")


@cli.command()
def up() -> None:
    """Run the whole suite on this machine: one web child, one worker child, watched."""
    settings, _made = prepared()
    with Suite(settings) as suite:
        click.echo(f"Jobtrappen answers at http://{settings.bind}")
        sys.exit(suite.watch())


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Live a municipal project's life through the four services and print its six tables (see `demo --help`)."""
    from jobtrappen.demo.command import command

    command.main(list(arguments), prog_name="jobtrappen demo")


@cli.command()
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
def settle(timeout: float) -> None:
    """Wait until everything that was said has been heard."""
    settings, made = prepared()
    settling.settle(made, open_bus(settings.bus), timeout)
    click.echo("settled")


@cli.command()
@click.argument("role", type=click.Choice(["relay", "consume"]))
@click.argument("service")
def alive(role: str, service: str) -> None:
    """Whether a relay or consumer of SERVICE beats on this host; for health checks. A relay that stands by is well
    while another one leads."""
    settings, made = prepared(service)
    here = settings.member or f"{socket.gethostname()}-"
    beats = [beat for beat in health.state(made[0])["workers"] if beat["role"] == role and beat["age"] < health.HEARTBEAT_SECONDS]
    if not [beat for beat in beats if role == "relay" or beat["member"].startswith(here)]:
        raise click.ClickException(f"no {role} of {service} has beaten on this host in the last {health.HEARTBEAT_SECONDS} s")
    click.echo("; ".join(f"{beat['member']}: {beat['state']}" for beat in beats))


@cli.command()
@click.argument("name")
@click.option("--as-of", required=True, help="The day whose end counts, as 2004-05-25.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text")
def report(name: str, as_of: str, form: str) -> None:
    """Print a report (table-1 … table-6) as of the end of a day."""
    from jobtrappen.web import reports as made_reports
    from jobtrappen.web.schemas import REPORT, ReportQuery

    try:
        day = ReportQuery().load({"as_of": as_of})["as_of"]
    except ValidationError as error:
        raise click.BadParameter(f"{as_of!r}: {'; '.join(map(str, error.normalized_messages()['as_of']))}", param_hint="--as-of") from None
    known = {r.name: r for rows in plugins.manager().hook.report() for r in rows}
    if name not in known:
        raise click.ClickException(f"No report is called {name}; there are {', '.join(sorted(known))}.")
    _settings, made = prepared(known[name].service)
    found = REPORT.dump(made_reports.read(made[0], known[name], day))
    click.echo({"text": made_reports.as_text, "csv": made_reports.as_csv,
                "json": lambda d: json.dumps(d, ensure_ascii=False, indent=1)}[form](found), nl=form == "json")


@cli.group()
def parked() -> None:
    """Records that could not be applied: list, show, retry, drop."""


@parked.command("list")
@click.argument("service", default="all")
def parked_list(service: str) -> None:
    """What is kept, oldest first."""
    for runtime in prepared(service)[1]:
        for row in parking.listing(runtime):
            click.echo(f"{runtime.name} {row['id']:>6} {row['state']:<8} {row['type']:<48} {row['key']} tries {row['attempts']}: {row['reason']}")


@parked.command("show")
@click.argument("service")
@click.argument("id", type=int)
def parked_show(service: str, id: int) -> None:
    """One kept record with its event."""
    click.echo(json.dumps(parking.show(prepared(service)[1][0], id), default=str, indent=1, ensure_ascii=False))


@parked.command("retry")
@click.argument("service")
@click.argument("id", type=int)
def parked_retry(service: str, id: int) -> None:
    """Apply the queue of a kept record in order."""
    settings, made = prepared(service)
    applied = parking.retry(Consumer(made[0], open_bus(settings.bus)), id)
    click.echo(f"{applied} applied")
    sys.exit(0 if applied else 1)


@parked.command("drop")
@click.argument("service")
@click.argument("id", type=int)
@click.confirmation_option(prompt="Its effect is given up for good. Go on?")
def parked_drop(service: str, id: int) -> None:
    """Give a kept record up; the audit log keeps that you did."""
    parking.drop(prepared(service)[1][0], id)
    click.echo("dropped")


cli.add_command(ops_audit.group)
cli.add_command(ops_dead.group)


@cli.command("plugins")
def plugins_command() -> None:
    """Which plugins are loaded, and which hooks they fill."""
    for name, plugin in plugins.manager().list_name_plugin():
        hooks = sorted(caller.name for caller in plugins.manager().get_hookcallers(plugin) or [])
        click.echo(f"{name:<32} {', '.join(hooks)}")


cli.add_command(keys)
for command in (ops_backup.backup, ops_backup.restore, ops_backup.republish_command, ops_rebuild.rebuild_command):
    cli.add_command(command)
cli.add_command(topics)
cli.add_command(ops_doctor.command)


def _first_line(error: Exception) -> str:
    """What the driver said, without SQL and without a stack; drivers never repeat a password."""
    cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    said = str(getattr(cause, "orig", None) or cause).strip() or cause.__class__.__name__
    return said.splitlines()[0]


def main() -> Any:
    """Entry point: a bad configuration is told in plain words, with exit code 78."""
    try:
        return cli(standalone_mode=True)
    except (BadConfiguration, KeyMissing, WrongSchema) as error:
        click.echo(f"Jobtrappen cannot start:\n{error}", err=True)
        sys.exit(EX_CONFIG)
    except LogInRefused as error:
        click.echo(f"Jobtrappen cannot start:\n{error}", err=True)
        sys.exit(EX_CONFIG)
    except BusError as error:
        click.echo(f"The bus does not answer: {error}\nNothing was changed. Look at JOBTRAPPEN_BUS and at the broker, then start again.", err=True)
        sys.exit(EX_TEMPFAIL)
    except (Unavailable, *TRANSIENT) as error:
        if remedy := postgres.why_refused(_first_line(error)):
            click.echo(f"Jobtrappen cannot start:\nJOBTRAPPEN_DATABASE: {_first_line(error)}\n{remedy}", err=True)
            sys.exit(EX_CONFIG)
        click.echo(f"The database does not answer: {_first_line(error)}\nNothing was changed. Look at JOBTRAPPEN_DATABASE and at the server, "
                   "then start again.", err=True)
        sys.exit(EX_TEMPFAIL)
    except OSError as error:
        click.echo(f"Jobtrappen cannot start:\na file or folder cannot be used: {error}. Look at JOBTRAPPEN_HOME and JOBTRAPPEN_DATABASE.", err=True)
        sys.exit(EX_CONFIG)
    except JobtrappenError as error:
        click.echo(str(error), err=True)
        sys.exit(1)

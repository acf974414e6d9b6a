# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen backup`, `restore` and `republish`: what an operator does before and after the bad day."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from jobtrappen import backup as backups
from jobtrappen import logs
from jobtrappen import restore as restores
from jobtrappen.bus import open_bus
from jobtrappen.config import Settings
from jobtrappen.errors import BusError
from jobtrappen.republish import republish
from jobtrappen.runtime import Runtime
from jobtrappen.web.wsgi import runtimes

FILE = click.Path(dir_okay=False, path_type=Path)
SHOWN = 20


def one(service: str) -> Runtime:
    """The runtime of one service, of this environment."""
    settings = Settings.from_env()
    logs.configure(settings.log)
    found = runtimes(service, settings)
    if len(found) != 1:
        raise click.UsageError("Name one service.")
    return found[0]


@contextmanager
def told() -> Iterator[backups.Progress]:
    """A bar on a terminal for each long step; nothing in a log."""
    with Bar(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
             console=Console(stderr=True), disable=not Console(stderr=True).is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=max(total, 1))

        yield show


@click.command()
@click.argument("service")
@click.argument("file", type=FILE)
def backup(service: str, file: Path) -> None:
    """Copy SERVICE's database into FILE as it stands now; its processes may run on. The manifest is FILE.json.

    A backup holds persons: keep it as you keep the database, and never beside JOBTRAPPEN_SECRET and JOBTRAPPEN_CPR_KEYS.
    """
    runtime = one(service)
    with told() as progress:
        manifest = backups.backup(runtime, file, progress)
    click.echo(f"{service}: {sum(manifest.rows.values())} rows at revision {manifest.head}, epoch {manifest.epoch}, {manifest.bytes} bytes in {file}")


@click.command()
@click.argument("service")
@click.argument("file", type=FILE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Go on although a worker has beaten within 30 s or others are connected to PostgreSQL.")
@click.option("--bus-lost", is_flag=True, help="The bus is lost or empty: compare nothing. Run `jobtrappen republish` afterwards.")
@click.option("--report", type=FILE, help="Where the list of forgotten events goes, .csv or .json.  [default: FILE.forgotten.csv]")
def restore(service: str, file: Path, yes: bool, force: bool, bus_lost: bool, report: Path | None) -> None:
    """Replace SERVICE's database by the backup in FILE. What was written after the backup is gone."""
    runtime = one(service)
    if not yes:
        manifest, _older = backups.checked(runtime, file)
        click.confirm(f"{service}'s database is replaced by its state of {manifest.at}; what came later is gone. Go on?", abort=True)
    bus = None if bus_lost else open_bus(runtime.settings.bus)
    report = report or file.with_name(f"{file.name}.forgotten.csv")
    try:
        with told() as progress:
            done = restores.restore(runtime, bus, file, force=force, progress=progress)
    except BusError as error:
        raise BusError(f"{error}. If the bus is lost, say --bus-lost") from error
    restores.write_report(done.forgotten, report)
    click.echo(f"{service}: restored to {done.manifest.at}, {sum(done.manifest.rows.values())} rows, epoch {done.epoch}")
    if done.needs_migrate:
        click.echo(f"The backup is at revision {done.manifest.head}: run `jobtrappen migrate {service}` before anything starts.")
    _tell(done, report)


def _tell(done: restores.Restored, report: Path) -> None:
    click.echo(f"{len(done.forgotten)} events were heard by others and are forgotten here; the list is in {report}")
    for event in done.forgotten[:SHOWN]:
        click.echo(f"  {event.recorded} {event.type} {event.subject} key {event.key} id {event.event_id}")
    if len(done.forgotten) > SHOWN:
        click.echo(f"  and {len(done.forgotten) - SHOWN} more")
    if erased := sum(".person.erased." in event.type for event in done.forgotten):
        click.echo(f"{erased} of them are erasures of persons: these persons are back. Erase them again before anybody works here.")


@click.command("republish")
@click.argument("service", default="all")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Go on although a worker has beaten within 30 s or others are connected to PostgreSQL.")
def republish_command(service: str, yes: bool, force: bool) -> None:
    """After the bus was lost or replaced: let every relay publish its whole outbox again, and every consumer read from the start.

    Nothing takes effect twice: each event keeps its id, epoch and seq, and each reader its cursor.
    """
    settings = Settings.from_env()
    logs.configure(settings.log)
    if not yes:
        click.confirm("Is the bus empty, with its topics made by `jobtrappen topics`, and are all services stopped?", abort=True)
    for runtime in runtimes(service, settings):
        click.echo(f"{runtime.name}: {republish(runtime, force)} events to publish again")

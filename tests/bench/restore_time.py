# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.bench.restore_time [--rows-of FOLDER]`: how long backup, restore and rebuild take.

The databases and the bus are those that `python -m tests.load --home FOLDER` made by use cases; they are copied, and FOLDER stays
as it is. Without it some cases are made first. The bus is the embedded one in both runs; reading a topic from Kafka is not measured here.
"""
from __future__ import annotations

import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import delete, func, insert, select

from jobtrappen import logs, migrate, plugins, tables
from jobtrappen.backup import backup
from jobtrappen.bus import Record, open_bus
from jobtrappen.config import Settings
from jobtrappen.db import reading, writing
from jobtrappen.rebuild import rebuild
from jobtrappen.restore import restore
from jobtrappen.runtime import Runtime
from tests.bench import machine
from tests.load import fill, transfer
from tests.load.place import settings
from tests.support.postgres import PostgresServer

NAMES = ("referral", "partners")
LATER = 1000
"""Events said after the backup, which the restored service has forgotten; all of a smaller topic."""


def copy(source: Path, target: Path) -> None:
    """A SQLite database that nobody needs to leave for it."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def brought(source: Path, given: Settings) -> list[Runtime]:
    """Referral and partners in `given`'s databases, with every row that they have in `source`; the bus beside them."""
    copy(source / "bus.db", given.home / "bus.db")
    on_sqlite = given.database.startswith("sqlite")
    for name in NAMES if on_sqlite else ():
        copy(source / f"{name}.db", given.home / f"{name}.db")
    there = [Runtime(plugins.services()[name], given) for name in NAMES]
    if not on_sqlite:
        origins = [Runtime(plugins.services()[name], settings(source, "")) for name in NAMES]
        for runtime in there:
            migrate.upgrade(runtime)
        transfer.move(zip(origins, there, strict=True))
        for runtime in origins:
            runtime.close()
    return there


def size(runtime: Runtime) -> dict[str, int]:
    """Rows by table."""
    with reading(runtime.engine) as session:
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in runtime.service.metadata.sorted_tables}


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    click.echo(f"| {what} | {time.monotonic() - began:.1f} s |")


def measure(kind: str, given: Settings, source: Path) -> None:
    """Print one database's table."""
    runtime, partners = brought(source, given)
    bus, rows = open_bus(given.bus), size(runtime)
    topic = runtime.service.topic
    events = sum(end for (name, _), end in bus.ends([topic]).items() if name == topic)
    click.echo(f"\n{kind}: {rows['citizen']:,} cases, {sum(rows.values()):,} rows in referral's tables, {events:,} events on its topic\n\n| what | time |\n|---|---:|")
    file = given.home / f"{kind}.backup"
    with timed("backup"):
        manifest = backup(runtime, file)
    click.echo(f"| size of the backup | {manifest.bytes / 1e6:,.0f} MB |")
    later = _say_more(runtime, bus)
    runtime.close()
    with timed(f"restore, with the list of {later:,} forgotten events"):
        done = restore(runtime, bus, file, force=True)
    assert len(done.forgotten) == later and done.epoch == 2, (len(done.forgotten), done.epoch)
    with writing(partners.engine) as session:
        session.execute(delete(tables.position))
        session.execute(insert(tables.position), [{"consumer": "jobtrappen.partners", "topic": t, "partition": p, "next_offset": end}
                                                  for (t, p), end in bus.ends(partners.service.reads).items()])
        session.execute(delete(partners.service.metadata.tables["known_case"]))
    with timed("rebuild of partners' known_case from nothing"):
        [made] = rebuild(partners, bus)
    assert made.added == rows["citizen"], made
    for each in (runtime, partners):
        each.close()
    bus.close()


def _say_more(runtime: Runtime, bus: Any) -> int:
    """New events as the service would have said them after the backup: published, then forgotten. Returns: how many."""
    o = tables.outbox.c
    with reading(runtime.engine) as session:
        rows = session.execute(select(o.key, o.payload).where(o.topic == runtime.service.topic).limit(LATER)).all()
    producer = bus.producer("bench")
    for n, row in enumerate(rows):
        id = re.search(r'"id":"([0-9a-f-]{36})"', row.payload)
        assert id is not None
        payload = row.payload.replace(id[1], str(UUID(int=UUID(id[1]).int ^ (n + 1 << 40))), 1)
        assert producer.send([Record(runtime.service.topic, row.key.encode(), payload.encode())]) == [None]
    producer.close()
    return len(rows)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows-of", type=click.Path(path_type=Path, exists=True, file_okay=False), help="What `python -m tests.load --database sqlite --home FOLDER` made.")
@click.option("--cases", default=1_000, show_default=True, help="Without --rows-of: how many cases are made by use cases first.")
@click.option("--only", type=click.Choice(["sqlite", "postgresql"]), help="One database.")
def main(rows_of: Path | None, cases: int, only: str | None) -> None:
    """Print the times as tables."""
    logs.configure("error")
    for name, value in machine.facts():
        click.echo(f"{name}: {value}")
    with tempfile.TemporaryDirectory(prefix="jobtrappen-restore-") as folder:
        source = rows_of or Path(folder) / "made"
        if not rows_of:
            source.mkdir()
            fill.prepare(source, "")
            fill.fill(source, "", 0, cases, 2)
        for kind in ("sqlite", "postgresql"):
            if only in (None, kind):
                home = Path(folder) / kind
                home.mkdir()
                server = PostgresServer.start() if kind == "postgresql" else None
                try:
                    for name in NAMES if server else ():
                        server.create_database(f"bench_{name}")  # type: ignore[union-attr]
                    measure(kind, settings(home, server.url("bench_{service}") if server else ""), source)
                finally:
                    if server:
                        server.stop()


if __name__ == "__main__":
    main()

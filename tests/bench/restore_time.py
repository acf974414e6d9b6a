# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.bench.restore_time [--cases 100000]`: how long backup, restore and rebuild take for so many cases.

A small cohort lives through the real API. Its rows in referral's tables, and its events on the topic, are then copied by
bulk SQL under new ids until there are as many cases: for timing only, since no command made those rows and the copied audit
links do not hold. The bus is the embedded one in both runs; reading a topic from Kafka is not measured here.
"""
from __future__ import annotations

import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import psycopg
from sqlalchemy import Table, func, insert, select, update

from jobtrappen import logs, migrate, plugins, tables
from jobtrappen.backup import backup
from jobtrappen.bus import Record, open_bus
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, SERVICES, TOPICS, Settings
from jobtrappen.db import reading, writing
from jobtrappen.demo.plan import random_cohort
from jobtrappen.rebuild import rebuild
from jobtrappen.restore import restore
from jobtrappen.runtime import Runtime
from tests.bench import machine
from tests.support.in_process import live
from tests.support.postgres import PostgresServer
from tests.support.world import a_world

PEOPLE = 12
LATER = 1000
"""Events said after the backup, which the restored service has forgotten."""
NOT_COPIED = {"heartbeat", "position", "meta", "rate", "measure", "kept", "dead_letter", "credential"}
SERIAL = {"outbox", "transition", "audit"}
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CHUNK = 20_000
Column = Callable[[int], Any]
"""A cell of the n-th copy of a row."""


def cell(column: Any, value: Any) -> Column:
    """Every id in it is another in each copy, and a unique look-up hash too; everything else stays."""
    if isinstance(value, UUID):
        return lambda n: UUID(int=value.int ^ n)
    if isinstance(value, str):
        words = IDS.split(value)
        ids = [UUID(found).int for found in IDS.findall(value)]
        if ids:
            return lambda n: "".join(itertools.chain.from_iterable(zip(words, (*(str(UUID(int=id ^ n)) for id in ids), ""), strict=True)))
        if column.unique or column.name.endswith("lookup"):
            return lambda n: f"{n:08x}{value[8:]}"
    return lambda _n: value


def copies(table: Table, rows: list[Any], count: int) -> Iterator[dict[str, Any]]:
    columns = [c for c in table.columns if not (table.name in SERIAL and c.primary_key)]
    made = [[(c.name, cell(c, row._mapping[c])) for c in columns] for row in rows]
    for n in range(count):
        for row in made:
            yield {name: of(n) for name, of in row}


def fill(runtime: Runtime, source: Runtime, cases: int) -> dict[str, int]:
    """The source's rows, and copies of them under other ids until there are so many cases. Returns: rows by table."""
    found = {}
    for table in runtime.service.metadata.sorted_tables:
        if table.name in NOT_COPIED:
            continue
        with reading(source.engine) as session:
            key = list(table.primary_key)
            rows = list(session.execute(select(table).order_by(*key)).all())
        if not rows:
            continue
        found[table.name] = put(runtime, table, copies(table, rows, cases // PEOPLE))
    return found


def put(runtime: Runtime, table: Table, rows: Iterator[dict[str, Any]]) -> int:
    done = 0
    if runtime.engine.dialect.name == "sqlite":
        while chunk := list(itertools.islice(rows, CHUNK)):
            with writing(runtime.engine) as session:
                session.execute(insert(table), chunk)
            done += len(chunk)
        return done
    url = runtime.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        first = next(rows)
        names = ", ".join(f'"{name}"' for name in first)
        with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in itertools.chain([first], rows):
                copy.write_row([json.dumps(v) if isinstance(v, list | dict) else v for v in row.values()])
                done += 1
    return done


def publish(runtime: Runtime, bus: Any, topics: tuple[str, ...]) -> int:
    """Put the outbox on the topics in large waves; the embedded bus takes them in one transaction each."""
    o, done, after = tables.outbox.c, 0, 0
    producer = bus.producer("bench")
    while True:
        with reading(runtime.engine) as session:
            rows = session.execute(select(o.id, o.topic, o.key, o.payload).where(o.id > after, o.topic.in_(topics)).order_by(o.id).limit(CHUNK)).all()
        if not rows:
            producer.close()
            return done
        assert not any(producer.send([Record(r.topic, r.key.encode(), r.payload.encode()) for r in rows]))
        done, after = done + len(rows), rows[-1].id


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    click.echo(f"| {what} | {time.monotonic() - began:.1f} s |")


def measure(kind: str, settings: Settings, home: Path, cases: int, cohort: Path) -> None:
    runtime, partners = (Runtime(plugins.services()[name], settings) for name in ("referral", "partners"))
    bus = open_bus(settings.bus)
    bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
    source = Runtime(runtime.service, settings.on(home=cohort, database="sqlite:///{home}/{service}.db"))
    for made in (runtime, partners):
        migrate.upgrade(made)
    rows = fill(runtime, source, cases)
    with writing(runtime.engine) as session:
        session.execute(update(tables.outbox).where(tables.outbox.c.published_at.is_(None)).values(published_at=func.current_timestamp()))
    events = publish(runtime, bus, (runtime.service.topic,))
    click.echo(f"\n{kind}: {rows['citizen']:,} cases, {sum(rows.values()):,} rows in {len(rows)} tables, {events:,} events on the topic\n\n| what | time |\n|---|---:|")
    file = home / f"{kind}.backup"
    with timed("backup"):
        manifest = backup(runtime, file)
    click.echo(f"| size of the backup | {manifest.bytes / 1e6:,.0f} MB |")
    _say_more(runtime, bus)
    runtime.close()
    with timed(f"restore, with the list of {LATER:,} forgotten events"):
        done = restore(runtime, bus, file, force=True)
    assert len(done.forgotten) == LATER and done.epoch == 2, (len(done.forgotten), done.epoch)
    ends = bus.ends(partners.service.reads)
    with writing(partners.engine) as session:
        session.execute(insert(tables.position), [{"consumer": "jobtrappen.partners", "topic": t, "partition": p, "next_offset": end} for (t, p), end in ends.items()])
    with timed("rebuild of partners' known_case from nothing"):
        [made] = rebuild(partners, bus)
    assert made.added == rows["citizen"]
    for each in (runtime, partners, source):
        each.close()


def _say_more(runtime: Runtime, bus: Any) -> None:
    """New events as the service would have said them after the backup: published, then forgotten."""
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


@click.command()
@click.option("--cases", default=100_000, show_default=True, help="How many cases; at least 24.")
@click.option("--only", type=click.Choice(["sqlite", "postgresql"]), help="One database.")
def main(cases: int, only: str | None) -> None:
    """Print the times as tables."""
    logs.configure("error")
    for name, value in machine.facts():
        click.echo(f"{name}: {value}")
    with tempfile.TemporaryDirectory(prefix="jobtrappen-restore-") as folder:
        cohort = Path(folder) / "cohort"
        cohort.mkdir()
        os.environ["JOBTRAPPEN_PLUGINS"] = ",".join((*SERVICES, "origin_statistic"))
        with a_world(cohort, today=date(2004, 5, 25)) as world:
            live(world, random_cohort(7, PEOPLE), "restore-time")
        for kind in ("sqlite", "postgresql"):
            if only in (None, kind):
                home = Path(folder) / kind
                home.mkdir()
                server = PostgresServer.start() if kind == "postgresql" else None
                try:
                    for name in ("referral", "partners") if server else ():
                        server.create_database(f"bench_{name}")  # type: ignore[union-attr]
                    url = server.url("bench_{service}") if server else ""
                    settings = Settings(home=home, database=url or "sqlite:///{home}/{service}.db", bus=f"sqlite:///{home}/bus.db",
                                        secret="a secret of the benches, long enough " * 2, mode="demo", today=date(2004, 5, 25))
                    measure(kind, settings, home, cases, cohort)
                finally:
                    if server:
                        server.stop()


if __name__ == "__main__":
    main()

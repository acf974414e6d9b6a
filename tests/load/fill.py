# SPDX-License-Identifier: MPL-2.0
"""Fill the services: some processes send, one works off what they said. What can be seen of their speed is kept."""
from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import text

from jobtrappen import migrate
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, SERVICES, TOPICS
from tests.load.place import Place, settings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Filled:
    """Seconds from the first command to the last, and until everything was heard; what is there then."""

    cases: int
    commands: int
    events: int
    sending: float
    settled: float


def prepare(home: Path, database: str) -> None:
    """Tables and topics."""
    place = Place(settings(home, database))
    for runtime in place.runtimes.values():
        migrate.upgrade(runtime)
    place.bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
    place.close()


def there(home: Path, database: str) -> int:
    """How many cases the databases hold."""
    return _counted(home, database)[0]


def fill(home: Path, database: str, before: int, cases: int, senders: int, seconds: float = 1e9) -> Filled:
    """Bring the number of cases from `before` to `cases`, or as far as `seconds` of sending allow.

    Raises:
        RuntimeError: a process ended with an error; its words.
    """
    began = time.monotonic()
    # In one process the relay, which holds the lock that senders wait for, would wait for the consumers' processor time, and these for each other's.
    workers = [_start(home, "work", database, "relay"), *(_start(home, "work", database, "consume", name) for name in SERVICES)]
    shares = [(before + (cases - before) * n // senders, before + (cases - before) * (n + 1) // senders) for n in range(senders)]
    children = {_start(home, "live", database, str(first), str(last - first)): 0 for first, last in shares}
    with Progress(TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
                  disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("cases", total=cases, completed=before)
        said = 0
        while any(child.poll() is None for child in children):
            for child in children:
                assert child.stdout is not None
                while child.poll() is None and select.select([child.stdout], [], [], 0.2)[0] and (line := child.stdout.readline()):
                    children[child] = int(line)
            done = before + sum(children.values())
            progress.update(task, completed=done)
            if done // 1000 > said and not sys.stderr.isatty():
                said = done // 1000
                click.echo(f"  {done:,} cases after {time.monotonic() - began:,.0f} s", err=True)
            if any(worker.poll() is not None for worker in workers):
                break
            if time.monotonic() - began > seconds:
                for child in children:
                    child.terminate()
    sending = time.monotonic() - began
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait()
    wrong = [child for child in (*children, *workers) if child.wait() not in (0, -15)]
    if wrong:
        raise RuntimeError((home / "load.log").read_text(encoding="utf-8")[-3000:])
    return Filled(*_counted(home, database), sending, time.monotonic() - began)


def copied(home: Path, database: str, before: int, cases: int, number: int) -> Filled:
    """Bring the number of cases to a multiple of `before` by copying rows."""
    from tests.load import copies

    place = Place(settings(home, database), hurried=True)
    began = time.monotonic()
    try:
        copies.multiply(list(place.runtimes.values()), cases // before, number)
    finally:
        place.close()
    return Filled(*_counted(home, database), time.monotonic() - began, time.monotonic() - began)


def moved(home: Path, database: str) -> Filled:
    """The rows of SQLite's databases in `home`, which use cases made, put into those of `database`."""
    from tests.load import transfer

    began = time.monotonic()
    source, target = Place(settings(home, "")), Place(settings(home, database))
    try:
        transfer.move((source.runtimes[name], target.runtimes[name]) for name in source.runtimes)
    finally:
        source.close()
        target.close()
    return Filled(*_counted(home, database), 0.0, time.monotonic() - began)


def environment() -> dict[str, str]:
    """A child finds what this process found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}


def _start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    what, *rest = arguments
    with open(home / "load.log", "a", encoding="utf-8") as log:
        return subprocess.Popen([sys.executable, "-m", "tests.load.worker", what, str(home), *rest], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
                                env=environment())


def _counted(home: Path, database: str) -> tuple[int, int, int]:
    """(cases, answered commands, events) as they stand in the databases."""
    place = Place(settings(home, database))
    try:
        def count(name: str, table: str) -> int:
            with place.runtimes[name].engine.connect() as connection:
                return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0

        return count("referral", "citizen"), count("referral", "answer"), sum(count(name, "outbox") for name in place.runtimes)
    finally:
        place.close()

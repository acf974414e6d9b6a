# SPDX-License-Identifier: MPL-2.0
"""Fill the services: some processes send, one works off what they said. What can be seen of their speed is kept."""
from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import text

from jobtrappen import migrate
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, SERVICES, TOPICS
from tests.load.place import Place, settings

ROOT = Path(__file__).parents[2]


LEG = 5000
"""Cases that are sent before the other services hear of them. Beside each other, two processors are spent on waiting for locks and on
transactions of one record each; in turns twice as many cases are made."""


@dataclass(frozen=True)
class Filled:
    """Seconds of sending, and those with the relays' and consumers' turns; what is there then."""

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
    """Bring the number of cases from `before` to `cases`, or as far as whole legs go in `seconds`. A run that was cut off goes on with
    numbers that it has not given to anybody.

    Raises:
        RuntimeError: a process ended with an error; its words.
    """
    began, sending, done, marked = time.monotonic(), 0.0, before, home / "load.next"
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
                  disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("cases", total=cases, completed=before)
        while done < cases and time.monotonic() - began < seconds:
            leg, first = min(LEG, cases - done), int(marked.read_text()) if marked.exists() else done
            marked.write_text(str(first + leg))
            turn, behind = time.monotonic(), done
            _sent(home, database, first, leg, senders, lambda made, behind=behind: progress.update(task, completed=behind + made))  # type: ignore[misc]
            sending += time.monotonic() - turn
            _heard(home, database)
            done += leg
            if not sys.stderr.isatty():
                click.echo(f"  {done:,} cases after {time.monotonic() - began:,.0f} s, {sending:,.0f} s of them sending", err=True)
    return Filled(*_counted(home, database), sending, time.monotonic() - began)


def _sent(home: Path, database: str, first: int, cases: int, senders: int, told: Callable[[int], None]) -> None:
    """One leg's commands, by some processes at once."""
    shares = [(first + cases * n // senders, first + cases * (n + 1) // senders) for n in range(senders)]
    children = {_start(home, "live", database, str(begin), str(end - begin)): 0 for begin, end in shares}
    while any(child.poll() is None for child in children):
        for child in children:
            assert child.stdout is not None
            while child.poll() is None and select.select([child.stdout], [], [], 0.2)[0] and (line := child.stdout.readline()):
                children[child] = int(line)
        told(sum(children.values()))
    _all_well(home, children)


def _heard(home: Path, database: str) -> None:
    """Relays and consumers work until nothing is left; each service's consumer in a process of its own, because in one they would wait
    for each other's processor time."""
    workers = [_start(home, "work", database, "relay"), *(_start(home, "work", database, "consume", name) for name in SERVICES)]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()  # it has begun, and takes the signal for the end of its work, not of itself
        worker.terminate()
    while any(worker.poll() is None for worker in workers):
        if any(worker.poll() for worker in workers):  # the others would wait for ever for what the dead one should have said
            for worker in workers:
                worker.kill()
        time.sleep(0.1)
    _all_well(home, workers)


def _all_well(home: Path, children: Iterable[subprocess.Popen[str]]) -> None:
    if any(child.wait() for child in children):
        raise RuntimeError((home / "load.log").read_text(encoding="utf-8")[-3000:])


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

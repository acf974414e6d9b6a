# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.load`: fill, measure at each size, print the tables, and put them into docs/performance.md if asked."""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

SIZES = (1_000, 10_000, 100_000)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--cases", default=10_000, show_default=True, help="The largest size; 1,000, 10,000 and 100,000 below it are measured on the way.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--senders", default=2, show_default=True, help="Processes that send commands.")
@click.option("--made", default=0, help="Make so many by use cases and copy their rows, with other ids, up to the larger sizes. 0: make all. What --home holds already is made.")
@click.option("--minutes", default=0.0, help="Stop sending after so long, and measure what is there. 0: never.")
@click.option("--results", type=click.Path(path_type=Path), help="A JSON file to add what was measured to; --write reads it.")
@click.option("--home", type=click.Path(path_type=Path), help="Where SQLite's databases and the bus are made, and kept; a temporary folder, if left out.")
@click.option("--rows-of", type=click.Path(path_type=Path, exists=True, file_okay=False), help="With --database postgres: the largest size, or that of --made, is every row that use cases made in SQLite's databases of this folder, put into PostgreSQL; with their bus.")
@click.option("--write", is_flag=True, help="Put the tables and the picture of --results into docs/ and measure nothing.")
def main(cases: int, database: str, senders: int, made: int, minutes: float, results: Path | None, home: Path | None, rows_of: Path | None, write: bool) -> None:
    """How cost grows with the number of cases."""
    from tests.load import fill, report

    if write:
        if results is None:
            raise click.UsageError("--write needs --results.")
        report.write(json.loads(results.read_text(encoding="utf-8")))
        return
    if rows_of and database != "postgres":
        raise click.UsageError("--rows-of goes with --database postgres.")
    deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
    with _servers(database, home) as (folder, url, pace):
        fill.prepare(folder, url)
        before = fill.there(folder, url)
        sizes = sorted({size for size in (made, *SIZES, cases) if max(made, 1) <= size <= cases and size > before})
        for size in sizes:
            pace(True)
            if rows_of and size == (made or sizes[-1]):
                folder, filled = rows_of, fill.moved(rows_of, url)
            elif made and size > made:
                filled = fill.copied(folder, url, before, size, sum(made < step < size for step in sizes))
            else:
                filled = fill.fill(folder, url, before, size, senders, deadline - time.monotonic())
            pace(False)
            found: dict[str, Any] = {"database": database, "senders": senders, "made": min(made or filled.cases, filled.cases), **asdict(filled), "before": before, **measured(folder, url, not made or size <= made)}
            click.echo("\n".join(report.lines(found)))
            if results:
                old = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
                results.write_text(json.dumps([*old, found], indent=1), encoding="utf-8")
            before = filled.cases
            if before < size:
                click.echo(f"stopped at {before:,} of {size:,} cases: the time was over")
                break


def measured(folder: Path, url: str, again: bool) -> dict[str, Any]:
    """In a process of its own."""
    from tests.load import fill

    done = subprocess.run([sys.executable, "-m", "tests.load.measure", str(folder), url, "600" if again else "0"], capture_output=True, text=True, check=False,
                          env=fill.environment())
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def _servers(database: str, home: Path | None) -> Iterator[tuple[Path, str, Any]]:
    """A folder, the databases' URL, and a switch for not waiting for the disk while filling."""
    from tests.support.postgres import PostgresServer

    with ExitStack() as stack:
        folder = home or stack.enter_context(tempfile.TemporaryDirectory(prefix="jobtrappen-load-"))
        if database == "sqlite":
            yield Path(folder), "", lambda _hurried: None
            return
        server = PostgresServer.start()
        try:
            for name in ("referral", "matching", "followup", "partners"):
                server.create_database(f"load_{name}")
            yield Path(folder), server.url("load_{service}"), lambda hurried: _hurry(server, hurried)
        finally:
            server.stop()


def _hurry(server: Any, hurried: bool) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET synchronous_commit = {'off' if hurried else 'on'}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    for name in () if hurried else ("referral", "matching", "followup", "partners"):
        engine = create_engine(server.url(f"load_{name}"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ANALYZE"))
        engine.dispose()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.bench.pages [--cases 10000] [--database sqlite|postgres]`: how long the server takes for each list and each My work.

A municipality with somebody at every stage is made by use cases, and its rows are copied by the database under other ids until there
are as many cases (tests/load/copies.py). Every page of the four services that needs nothing in its address to be a list is asked
for by each role that may see it. Beside it stands, of the same rounds, what the API takes for the same reads as JSON.
"""
from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import structlog
from sqlalchemy import text

from jobtrappen.auth import DEMO_USERS
from jobtrappen.config import PATHS, SERVICES
from jobtrappen.web.pages.site import Desk
from tests.bench.report import DOCUMENT, put
from tests.bench.rounds import percentile
from tests.load import copies
from tests.pages.every_page import PARTNER, WHO, Municipality
from tests.support.peopled import people
from tests.support.postgres import PostgresServer
from tests.support.world import World, a_world

BEGIN, END = "<!-- pages: begin -->", "<!-- pages: end -->"
GOAL = 150
"""Milliseconds of server time that no list page exceeds."""
NO_LIST = ("operator", "leaflet", "leaflet_pdf", "my_card", "reports", "report", "search")


@dataclass(frozen=True)
class Timed:
    """One page for one role, in milliseconds; `api` is the median of the same reads over the API. `cpu` is the processor time of the
    asking that took least of it: on SQLite all that an idle machine would need, on PostgreSQL without the database server's."""

    service: str
    page: str
    who: str
    quickest: float
    p50: float
    p95: float
    api: float
    kilobytes: float
    cpu: float


@contextmanager
def a_large_municipality(database: str, cases: int) -> Iterator[tuple[Municipality, int]]:
    """(the municipality, how many cases it has)."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobtrappen-pages-")))
        url = ""
        if database == "postgres":
            server = PostgresServer.start()
            stack.callback(server.stop)
            for name in SERVICES:
                server.create_database(f"pages_{name}")
            url = server.url("pages_{service}")
        world = stack.enter_context(a_world(folder, database=url))
        click.echo(f"{database}: people are made by use cases", err=True)
        town = people(world)
        made = _counted(world)
        copies.multiply(list(world.runtimes.values()), max(1, -(-cases // made)), 0)
        for runtime in world.runtimes.values():
            with runtime.engine.connect() as connection, connection.begin():
                connection.execution_options(write=True)
                connection.execute(text("ANALYZE"))
        yield Municipality(world, town), _counted(world)


def _counted(world: World) -> int:
    with world.runtimes["referral"].engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM citizen")) or 0


def lists(place: Municipality, service: str, who: str) -> list[str]:
    """The addresses that need nothing beside them to be a list."""
    return [f"{PATHS[service]}{page.path}" for page in place.pages(service)
            if WHO[who] in page.who and "<" not in page.path and not page.name.startswith("form.") and page.name not in NO_LIST]


def measure(place: Municipality, service: str, who: str, address: str, times: int) -> Timed | None:
    """None where the address leads elsewhere."""
    page, (reads, status, size) = place.by(who).client, _reads_of(place, who, address)
    if status != 200:
        return None
    api = place.world.apps[service].test_client()
    token = place.town.key if who == PARTNER else place.world.runtimes[service].signer.staff(DEMO_USERS[who])
    ours, base, cpu = [], [], []
    for _ in range(times):
        began = time.thread_time()
        ours.append(_taken(lambda: page.get(address)))
        cpu.append((time.thread_time() - began) * 1000)
        base.append(sum(_taken(lambda path=path: api.get(path, headers={"Authorization": f"Bearer {token}"})) for path in reads))
    return Timed(service, address.removeprefix(PATHS[service]), who, round(min(ours), 1), round(statistics.median(ours), 1), round(percentile(ours, 0.95), 1),
                 round(statistics.median(base), 1), round(size / 1000, 1), round(min(cpu), 1))


def _taken(ask: Any) -> float:
    began = time.perf_counter()
    ask().get_data()
    return (time.perf_counter() - began) * 1000


def _reads_of(place: Municipality, who: str, address: str) -> tuple[list[str], int, int]:
    """(the paths of the API that answer what the page reads, its status, its bytes)."""
    found: list[str] = []
    read = Desk.read

    def noted(desk: Desk, name: str, arguments: Any = None, /, **path: Any) -> Any:
        where = desk.routes[name].path
        for key, value in path.items():
            where = where.replace(f"<uuid:{key}>", str(value)).replace(f"<string:{key}>", str(value))
        given = {k: str(v).lower() if isinstance(v, bool) else v for k, v in dict(arguments or {}).items()}
        found.append(f"/v1{where}?{urlencode(given)}")
        return read(desk, name, arguments, **path)

    Desk.read = noted  # type: ignore[method-assign]
    try:
        answer = place.by(who).client.get(address)
    finally:
        Desk.read = read  # type: ignore[method-assign]
    return found, answer.status_code, len(answer.get_data())


def table(found: list[dict[str, Any]]) -> str:
    """Both databases beside each other, a line for each page and role, the slowest first."""
    by_page: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for run in found:
        for one in run["pages"]:
            by_page.setdefault((one["service"], one["page"], one["who"]), {})[run["database"]] = one
    runs = sorted(run["database"] for run in found)
    head = [f"| Page | Role | {' | '.join(f'{name}: processor | quickest | p50 | p95 | the API, p50 | ratio' for name in runs)} | kB |", f"|---|---|{'---:|' * (6 * len(runs) + 1)}"]
    rows = []
    for (service, page, who), of in sorted(by_page.items(), key=lambda item: -max(one["cpu"] for one in item[1].values())):
        cells = [f"{one['cpu']:.0f} | {one['quickest']:.0f} | {one['p50']:.0f} | {one['p95']:.0f} | {one['api']:.0f} | {one['p50'] / one['api']:.1f}" if (one := of.get(name)) and one["api"]
                 else "– | – | – | – | – | –" for name in runs]
        rows.append(f"| {service} {page} | {WHO[who].replace('_', ' ')} | {' | '.join(cells)} | {max(one['kilobytes'] for one in of.values()):.0f} |")
    told = [f"- {run['database']}: {run['cases']:,} cases; no page takes more than {max(one['cpu'] for one in run['pages']):.0f} ms of the web process's processor time; the quickest "
            f"asking of each took at most {max(one['quickest'] for one in run['pages']):.0f} ms (goal {GOAL} ms), with {run['load']:.1f} processes waiting for the cores" for run in sorted(found, key=lambda run: str(run["database"]))]
    return "\n".join([*told, "", *head, *rows])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--cases", default=10_000, show_default=True, help="About how many cases.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--times", default=20, show_default=True, help="How often each page is asked for.")
@click.option("--results", type=click.Path(path_type=Path), help="A JSON file to add what was measured to; --write reads it.")
@click.option("--write", is_flag=True, help="Put the table of --results into docs/performance.md and measure nothing.")
def main(cases: int, database: str, times: int, results: Path | None, write: bool) -> None:
    """Server time of every list page for each role."""
    if write:
        if results is None:
            raise click.UsageError("--write needs --results.")
        put(table(json.loads(results.read_text(encoding="utf-8"))), DOCUMENT, BEGIN, END)
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with a_large_municipality(database, cases) as (place, there):
        click.echo(f"{database}: {there:,} cases")
        found: list[Timed] = []
        for service in SERVICES:
            for who in WHO if service == "partners" else [name for name in WHO if name != PARTNER]:
                for address in lists(place, service, who):
                    if (one := measure(place, service, who, address, times)) is not None:
                        found.append(one)
                        click.echo(f"  {one.service:<9} {one.page:<28} {who:<8} cpu {one.cpu:6.1f}  quickest {one.quickest:7.1f}  p50 {one.p50:7.1f}  p95 {one.p95:7.1f}  api {one.api:7.1f} ms  {one.kilobytes:5.1f} kB")
    run = {"database": database, "cases": there, "load": os.getloadavg()[1], "pages": [asdict(one) for one in found]}
    if results:
        old = [one for one in (json.loads(results.read_text(encoding="utf-8")) if results.exists() else []) if one["database"] != database]
        results.write_text(json.dumps([*old, run], indent=1), encoding="utf-8")
    click.echo(table([run]).splitlines()[0])


if __name__ == "__main__":
    main()

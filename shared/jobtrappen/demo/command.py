# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen demo`: start the suite, live the project's life through its APIs, print the six tables beside the
published ones, and stay up."""
from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from jobtrappen import logs
from jobtrappen import settle as settling
from jobtrappen.bus import open_bus
from jobtrappen.config import SERVICES, Settings
from jobtrappen.demo import loader
from jobtrappen.demo.client import Session, sign_in
from jobtrappen.demo.people import employers
from jobtrappen.demo.plan import published_cohort, published_figures
from jobtrappen.up import Suite
from jobtrappen.web.wsgi import runtimes

COMPUTED_BY = {1: "followup", 2: "followup", 3: "referral", 4: "referral", 5: "followup", 6: "referral"}
PINNED = date(2004, 5, 25)


@click.command()
@click.option("--exit", "ends", is_flag=True, help="End after the tables; non-zero when a digit differs.")
@click.option("--database", default=None, help="SQLAlchemy URL with {service}; default: one SQLite file a service.")
@click.option("--bus", default=None, help="kafka://host:port or sqlite:///file; default: one SQLite file.")
@click.option("--home", default=".jobtrappen/demo", show_default=True, help="Where the embedded default keeps its files.")
@click.option("--bind", default="127.0.0.1:8080", show_default=True, help="The one address of the embedded default.")
@click.option("--log", default=None, help="A file for the processes' log lines (default: HOME/demo.log).")
def command(ends: bool, database: str | None, bus: str | None, home: str, bind: str, log: str | None) -> None:
    """Load 202 fictional citizens through the public APIs and print the six published tables."""
    settings = demo_settings(Path(home), database, bus, bind)
    logs.configure("error")
    console, began = Console(), time.monotonic()
    with Suite(settings, log=log or str(settings.home / "demo.log")) as suite:
        console.print(f"Four services answer at http://{settings.bind}" if not suite.apart else f"Four services answer: {', '.join(suite.urls.values())}")
        session = run(suite, console)
        equal = compare(session, console)
        console.print(f"{equal} of 6 tables equal the published figures ({time.monotonic() - began:.0f} s)")
        if ends:
            sys.exit(0 if equal == 6 else 1)
        console.print(instructions(suite))
        sys.exit(suite.watch())


def demo_settings(home: Path, database: str | None, bus: str | None, bind: str) -> Settings:
    """The demo's own settings: its folder, its pinned day, its log-ins and the statistic of origin switched on."""
    import os

    given: dict[str, str] = {k: v for k, v in os.environ.items() if k in ("JOBTRAPPEN_SECRET", "JOBTRAPPEN_SECRET_FILE", "JOBTRAPPEN_KAFKA_PASSWORD")}
    given |= {"JOBTRAPPEN_HOME": str(home.absolute()), "JOBTRAPPEN_MODE": "demo", "JOBTRAPPEN_TODAY": PINNED.isoformat(), "JOBTRAPPEN_BIND": bind,
              "JOBTRAPPEN_PLUGINS": ",".join((*SERVICES, "origin_statistic"))}
    given |= {"JOBTRAPPEN_DATABASE": database} if database else {}
    given |= {"JOBTRAPPEN_BUS": bus} if bus else {}
    os.environ["JOBTRAPPEN_PLUGINS"] = given["JOBTRAPPEN_PLUGINS"]
    return Settings.from_env(given)


def run(suite: Suite, console: Console, seconds: float = 120.0) -> Session:
    """Load the cohort with a progress bar and settle."""
    cohort = published_cohort()
    session = Session(suite.urls, sign_in(suite.urls, loader.LOG_INS), "published-2004")
    with Progress(TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as bar:
        lives = bar.add_task("Lives lived through the APIs", total=len(cohort))
        loader.load(session, cohort, employers(), done=lambda: bar.advance(lives))
        left = bar.add_task("Everything said is heard", total=None)
        made = runtimes("all", suite.settings)
        bus = open_bus(suite.settings.bus)
        settling.settle(made, bus, seconds, progress=lambda open_: bar.update(left, description="Settling" + (f": {open_[0]}" if open_ else "")))
        bus.close()
        for runtime in made:
            runtime.close()
    return session


def compare(session: Session, console: Console) -> int:
    """Print each table, published beside computed. Returns: how many are equal, digit for digit."""
    equal = 0
    for number, published in enumerate(published_figures()["tables"].values(), start=1):
        computed = session.get("lone", COMPUTED_BY[number], f"/reports/table-{number}", as_of=published["as_of"])
        equal += show(console, number, published, computed)
    return equal


def show(console: Console, number: int, published: dict[str, Any], computed: dict[str, Any]) -> bool:
    """One table on the terminal. Returns: whether it is equal."""
    found = {_key(r): r for r in computed["rows"]}
    table = Table(title=f"Tabel {number}. {published['title']['da']} ({published['as_of']})", title_justify="left")
    for name, side in (("", "left"), ("trykt 2004", "right"), ("beregnet", "right"), ("", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    same = computed["total"] == published["total"]
    for row in published["rows"]:
        value = found.pop(row.get("code") or row["key"], {"value": 0})["value"]
        same &= value == row["value"]
        table.add_row(escape(row["label"]), str(row["value"]), str(value), "" if value == row["value"] else "differs")
    for key, extra in found.items():
        same &= extra["value"] == 0
        table.add_row(escape(str(key)), "–", str(extra["value"]), "differs" if extra["value"] else "")
    table.add_row("I alt", str(published["total"]), str(computed["total"]), "" if computed["total"] == published["total"] else "differs")
    console.print(table)
    if computed.get("note"):
        console.print(f"  {computed['note']}")
    return same


def _key(row: dict[str, Any]) -> str:
    return str(row["key"])


def instructions(suite: Suite) -> str:
    """Where to go and what to try."""
    base = suite.urls
    return "\n".join([
        "", "Addresses:", *(f"  {name:<9} {url}/v1/openapi.json" for name, url in base.items()),
        "Log-ins (password = name): karen (caseworker), mehmet (job consultant), lone (team lead), pia (partner coordinator), admin", "Try:",
        f"  TOKEN=$(curl -s {base['referral']}/v1/sign-in -H 'Content-Type: application/json' -d '{{\"username\":\"lone\",\"password\":\"lone\"}}' | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"token\"])')",
        f"  curl -s -H \"Authorization: Bearer $TOKEN\" '{base['followup']}/v1/reports/table-1?as_of=2004-03-15&format=text'",
        f"  curl -s -H \"Authorization: Bearer $TOKEN\" '{base['followup']}/v1/courses?limit=3'", "Ctrl-C ends everything."])



# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.load.soak --hours 1`: the suite's processes under constant load; nothing may grow that need not.

Sampled of the processes together: memory, open files, threads, database connections. After a warm-up (the first third) each
may grow by no more than its bound from then to the end, by the line that fits its samples best; else the run fails.
"""
from __future__ import annotations

import csv
import json
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
import requests

from jobtrappen.auth import DEMO_USERS, Signer
from jobtrappen.config import SERVICES, Settings
from jobtrappen.up import Suite
from tests.load import lives
from tests.load.place import HEADERS, Refused, settings
from tests.load.samples import BOUNDS, Sample, growth, look, verdict
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer
from tests.support.process import free_ports


@contextmanager
def ground(folder: Path, servers: bool) -> Iterator[tuple[Settings, Callable[[Sequence[str]], int]]]:
    """What the suite stands on: SQLite and the embedded bus in `folder`, or a PostgreSQL and a Kafka node of its own. With how its
    database connections are counted, from the paths of its open files or by asking the server.

    Raises:
        Missing: PostgreSQL, Java or Maven is not installed.
    """
    made = replace(settings(folder, ""), bind=f"127.0.0.1:{free_ports(1)[0]}")
    if not servers:
        yield made, lambda paths: sum(path.startswith(str(folder)) and path.endswith(".db") for path in paths)
        return
    with ExitStack() as stack:
        postgres = PostgresServer.start()
        stack.callback(postgres.stop)
        kafka = KafkaCluster.start()
        stack.callback(kafka.stop)
        names = [f"soak_{name}" for name in SERVICES]
        for name in names:
            postgres.create_database(name)
        yield replace(made, database=postgres.url("soak_{service}"), bus=kafka.url), lambda _paths: postgres.connections(names)


class Remote:
    """What `lives` needs of a place, over HTTP."""

    def __init__(self, suite: Suite, made: Settings) -> None:
        self.urls, self.http = suite.urls, requests.Session()
        self.http.trust_env = False
        signer = Signer(made)
        self.tokens = {name: signer.staff(user) for name, user in DEMO_USERS.items()}

    def post(self, who: str, service: str, path: str, body: Any, version: int | None = None) -> Any:
        headers = {**HEADERS, "Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": str(uuid.uuid4())}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if isinstance(body, bytes):
            headers["Content-Type"] = "text/csv"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._read(self.http.post(f"{self.urls[service]}/v1{path}", data=data, headers=headers, timeout=60))

    def get(self, who: str, service: str, path: str, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return self._read(self.http.get(f"{self.urls[service]}/v1{path}", params=query, headers=headers, timeout=60))

    @staticmethod
    def _read(answer: requests.Response) -> Any:
        if answer.status_code not in (200, 201):
            raise Refused(f"{answer.request.method} {answer.request.path_url} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()


class Sender(threading.Thread):
    """Makes `rate` cases a second, and reads lists and a report in between, until it is told to stop."""

    def __init__(self, remote: Remote, rate: float) -> None:
        super().__init__(name="sender", daemon=True)
        self.remote, self.rate = remote, rate
        self.over, self.cases = threading.Event(), 0
        self.wrong: Exception | None = None

    def run(self) -> None:
        try:
            due = time.monotonic()
            for _ in lives.live(self.remote, 0, 1_000_000):  # type: ignore[arg-type]
                self.cases += 1
                if self.cases % 10 == 0:
                    self.remote.get("karen", "referral", "/referrals")
                    self.remote.get("mehmet", "followup", "/courses")
                    self.remote.get("mehmet", "followup", "/reports/table-1", as_of=lives.TODAY.isoformat())
                due += 1 / self.rate
                if self.over.wait(max(0.0, due - time.monotonic())):
                    return
        except Exception as error:
            self.wrong = error


def soak(folder: Path, seconds: float, every: float, rate: float, apart: bool = False, servers: bool = False) -> Iterator[Sample]:
    """Run the suite under load and look at it every so often.

    Raises:
        Refused: a command was refused. RuntimeError: a process ended by itself.
    """
    with ground(folder, servers) as (given, connections), Suite(given, apart=apart or servers, log=str(folder / "suite.log")) as suite:
        sender = Sender(Remote(suite, given), rate)
        sender.start()
        began = time.monotonic()
        try:
            while (left := began + seconds - time.monotonic()) > 0 and sender.is_alive():
                sender.join(min(every, left))
                pids = [child.pid for child in suite.children.values()]
                yield look(time.monotonic() - began, sender.cases, pids, connections)
        finally:
            sender.over.set()
            sender.join(90)
        if sender.wrong:
            raise sender.wrong
        if suite.restarts or any(child.poll() is not None for child in suite.children.values()):
            raise RuntimeError(f"a process ended by itself: {(folder / 'suite.log').read_text()[-2000:]}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--hours", default=1.0, show_default=True)
@click.option("--every", default=60.0, show_default=True, help="Seconds between two samples.")
@click.option("--rate", default=1.0, show_default=True, help="Cases a second; each is five commands and ten events.")
@click.option("--apart", is_flag=True, help="Web, relay and consumer of each service as processes of their own; else as `jobtrappen up` runs them.")
@click.option("--servers", is_flag=True, help="PostgreSQL and Kafka, started for it, instead of SQLite and the embedded bus; the processes are apart.")
@click.option("--results", type=click.Path(path_type=Path), help="A CSV file for the samples.")
def main(hours: float, every: float, rate: float, apart: bool, servers: bool, results: Path | None) -> None:
    """Constant load; fails when memory, open files, threads or database connections grow."""
    samples: list[Sample] = []
    names = [field.name for field in fields(Sample)]
    click.echo(" ".join(f"{name:>11}" for name in names))
    with tempfile.TemporaryDirectory(prefix="jobtrappen-soak-") as folder:
        for sample in soak(Path(folder), hours * 3600, every, rate, apart, servers):
            samples.append(sample)
            click.echo(" ".join(f"{getattr(sample, name):>11,.0f}" for name in names))
            if results:
                with open(results, "w", encoding="utf-8", newline="") as out:
                    csv.writer(out).writerows([names, *([getattr(s, name) for name in names] for s in samples)])
    if len(samples) < 6:
        raise click.ClickException("fewer than six samples prove nothing; run longer or look more often")
    for name in BOUNDS:
        click.echo(f"{name}: {growth(samples, name):+.1%} after the warm-up")
    if wrong := verdict(samples):
        click.echo("\n".join(wrong), err=True)
        sys.exit(1)
    click.echo("nothing grew")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.load.soak --hours 1`: the suite's processes under constant load; nothing may grow that need not.

Sampled of the processes together: memory, open files, threads, database connections. After a warm-up (the first third) each
may grow by no more than its bound from then to the end, by the line that fits its samples best; else the run fails.
"""
from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import click
import requests

from jobtrappen.auth import DEMO_USERS, Signer
from jobtrappen.config import Settings
from jobtrappen.up import Suite
from tests.load import lives
from tests.load.place import HEADERS, Refused, settings
from tests.support.process import free_ports


@dataclass(frozen=True)
class Sample:
    """One look at all processes: seconds since the beginning, and what they hold together. `memory` in MB (resident)."""

    seconds: float
    cases: int
    processes: int
    memory: float
    files: int
    threads: int
    connections: int


BOUNDS = {"memory": 0.10, "files": 0.05, "threads": 0.05, "connections": 0.05}
"""By which share of its middle each may grow between warm-up and end. Memory: caches of statements and pages fill slowly."""
SLACK = 2.0
"""One or two more are no growth: a web server starts its last thread when it first needs it."""


def growth(samples: Sequence[Sample], name: str) -> float:
    """By which share of its mean a figure grows from the end of the warm-up to the end, on the line of least squares."""
    kept = [s for s in samples if s.seconds >= samples[-1].seconds / 3]
    xs, ys = [s.seconds for s in kept], [float(getattr(s, name)) for s in kept]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    return slope * (xs[-1] - xs[0]) / middle_y if middle_y else 0.0


def _grew(samples: Sequence[Sample], name: str) -> bool:
    middle = sum(getattr(s, name) for s in samples) / len(samples)
    return growth(samples, name) > max(BOUNDS[name], SLACK / middle if middle else 0.0)


def verdict(samples: Sequence[Sample]) -> list[str]:
    """What grew too much, in words; [] when nothing did."""
    return [f"{name} grew by {growth(samples, name):.1%} after the warm-up; at most {bound:.0%} is allowed"
            for name, bound in BOUNDS.items() if _grew(samples, name)]


def look(seconds: float, cases: int, pids: Sequence[int], folder: Path) -> Sample:
    """Add up what /proc says of these processes and their children."""
    family = [pid for parent in pids for pid in _family(parent)]
    memory = files = threads = connections = 0
    for pid in family:
        with contextlib.suppress(OSError):  # a worker that was just ended
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            open_files = _files(pid)
            memory += int(status["VmRSS"].split()[0])
            threads += int(status["Threads"])
            files += len(open_files)
            connections += sum(name.startswith(str(folder)) and name.endswith(".db") for name in open_files)
    return Sample(round(seconds, 1), cases, len(family), memory / 1000, files, threads, connections)


def _files(pid: int) -> list[str]:
    """What the process has open; a descriptor that is closed meanwhile is passed over."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(descriptor))
    return found


def _family(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


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


def soak(folder: Path, seconds: float, every: float, rate: float, apart: bool) -> Iterator[Sample]:
    """Run the suite under load and look at it every so often.

    Raises:
        Refused: a command was refused. RuntimeError: a process ended by itself.
    """
    given = replace(settings(folder, ""), bind=f"127.0.0.1:{free_ports(1)[0]}")
    with Suite(given, apart=apart, log=str(folder / "suite.log")) as suite:
        sender = Sender(Remote(suite, given), rate)
        sender.start()
        began = time.monotonic()
        try:
            while (left := began + seconds - time.monotonic()) > 0 and sender.is_alive():
                sender.join(min(every, left))
                pids = [child.pid for child in suite.children.values()]
                yield look(time.monotonic() - began, sender.cases, pids, folder)
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
@click.option("--results", type=click.Path(path_type=Path), help="A CSV file for the samples.")
def main(hours: float, every: float, rate: float, apart: bool, results: Path | None) -> None:
    """Constant load; fails when memory, open files, threads or database connections grow."""
    samples: list[Sample] = []
    names = [field.name for field in fields(Sample)]
    click.echo(" ".join(f"{name:>11}" for name in names))
    with tempfile.TemporaryDirectory(prefix="jobtrappen-soak-") as folder:
        for sample in soak(Path(folder), hours * 3600, every, rate, apart):
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

# SPDX-License-Identifier: MPL-2.0
"""The embedded default as `jobtrappen up` runs it: supervisor, web and worker are killed with SIGKILL at one moment, as when
one machine falls over, again and again under load, and started again. More by option: `--cuts 100`.
"""
from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.config import PATHS, SERVICES, Settings
from jobtrappen.db import reading
from jobtrappen.demo.client import sign_in
from jobtrappen.demo.loader import LOG_INS
from jobtrappen.runtime import Runtime
from jobtrappen.up import Suite
from tests.chaos.load import StubbornSession, under_load
from tests.chaos.run import nothing_is_lost_or_doubled, runtimes_of, settings_for
from tests.support.process import free_ports, wait_until


@dataclass
class Machine:
    """`jobtrappen up` and all that it starts."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://{self.settings.bind}{PATHS[name]}" for name in SERVICES}

    def start(self) -> None:
        with open(self.settings.home / "machine.log", "ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "jobtrappen", "up"], env=Suite(self.settings).environment("up"), stdout=log, stderr=log)
        wait_until(self._answers, 60, "the suite to answer")

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.settings.home / "machine.log").read_text()[-2000:]
        try:
            return all(requests.get(f"{url}/readyz", timeout=5).ok for url in self.urls.values())
        except requests.RequestException:
            return False

    def cut(self) -> int:
        """SIGKILL to every process at once: all are stopped first, so that none sees another one die. Returns: how many."""
        assert self.process is not None
        found: list[int] = []
        while (new := [pid for pid in family(self.process.pid) if pid not in found]):
            for pid in new:  # one that was being forked is found in the next look
                os.kill(pid, signal.SIGSTOP)
            found += new
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        return len(found)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


def family(pid: int) -> list[int]:
    """A process and its children's children, as /proc knows them."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def unpublished(runtimes: dict[str, Runtime]) -> int:
    total = 0
    for runtime in runtimes.values():
        with reading(runtime.engine) as session:
            total += session.scalar(select(func.count()).where(tables.outbox.c.published_at.is_(None))) or 0
    return total


def test_every_command_has_its_event_and_every_effect_once_after_the_machine_fell_over(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    cuts, seed = request.config.getoption("--cuts"), request.config.getoption("--kill-seed")
    dice = random.Random(seed)
    settings = replace(settings_for(tmp_path, f"sqlite:///{tmp_path}/{{service}}.db", f"sqlite:///{tmp_path}/bus.db"), bind=f"127.0.0.1:{free_ports(1)[0]}")
    runtimes, machine = runtimes_of(settings), Machine(settings)
    machine.start()
    at_work = unsent = 0
    try:
        session = StubbornSession(machine.urls, sign_in(machine.urls, LOG_INS), f"cut-{seed}")
        with under_load(session, seed, lives=max(200, 20 * cuts)) as hot:
            for _ in range(cuts):
                done, many = len(session.acknowledged), dice.randrange(15, 60)
                wait_until(lambda done=done, many=many: len(session.acknowledged) >= done + many, 120, "some commands")
                wait_until(lambda: sum(session.in_flight.values()) > 0, 30, "a request on its way")
                time.sleep(dice.uniform(0.0, 0.02))  # anywhere within a command
                at_work += sum(session.in_flight.values()) > 0
                assert machine.cut() >= 4, "supervisor, worker, gunicorn and its workers"
                unsent += unpublished(runtimes) > 0
                machine.start()
        outcome = nothing_is_lost_or_doubled(runtimes, session, hot)
    finally:
        machine.stop()
    print(f"\n{cuts} cuts, {at_work} with requests on their way, {unsent} with events that were not yet on the bus; {outcome}")
    assert at_work * 2 >= cuts, "void: too few cuts hit a request"
    assert outcome.repeats > 0, "void: no command had to be sent again"

# SPDX-License-Identifier: MPL-2.0
"""The supervisor behind `up` and `demo`: starts the suite's processes, waits until they answer, starts dead ones again,
ends them all together. Embedded: one web and one worker child. On a real broker: web, relay and consumer of each service.
"""
from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from types import TracebackType

import requests

from jobtrappen import migrate
from jobtrappen.bus import open_bus
from jobtrappen.config import PARTITIONS, PATHS, PUBLIC_TOPIC, SERVICES, TOPICS, Settings
from jobtrappen.errors import BadConfiguration, Unavailable
from jobtrappen.web.wsgi import runtimes

START_SECONDS = 60.0


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken_port(bind: str) -> None:
    """
    Raises:
        BadConfiguration: somebody listens there already, or it is no address of this machine.
    """
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            raise BadConfiguration(f"JOBTRAPPEN_BIND: {bind} is taken or not an address of this machine; name another, as 127.0.0.1:8081") from None


class Suite:
    """All processes of a suite on this machine; a context manager that leaves none behind."""

    def __init__(self, settings: Settings, apart: bool | None = None, without: tuple[str, ...] = (), log: str | None = None) -> None:
        """`apart`: each service's web, relay and consumer as processes of their own (default: where the bus is Kafka).
        `without`: works left out, like "consume followup"; for tests of what then fails. `log`: a file for their stderr."""
        self.settings = settings
        self.apart = settings.bus.startswith("kafka") if apart is None else apart
        self.without, self.log = without, log
        self.urls = {n: f"http://127.0.0.1:{free_port()}" for n in SERVICES} if self.apart else {n: f"http://{settings.bind}{PATHS[n]}" for n in SERVICES}
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts = 0

    def commands(self) -> dict[str, list[str]]:
        """{name of the process: its arguments}."""
        if not self.apart and not self.without:
            return {"web": ["serve", "all"], "worker": ["work", "all"]}
        roles = {f"{role} {name}": [role, name] for name in SERVICES for role in ("serve", "relay", "consume")}
        if not self.apart:
            roles = {"web": ["serve", "all"], **{k: v for k, v in roles.items() if v[0] != "serve"}}
        return {name: command for name, command in roles.items() if name not in self.without}

    def environment(self, name: str) -> dict[str, str]:
        """What a child is given beside this process's own environment."""
        settings = self.settings
        given = {**os.environ, "JOBTRAPPEN_HOME": str(settings.home), "JOBTRAPPEN_DATABASE": settings.database, "JOBTRAPPEN_BUS": settings.bus,
                 "JOBTRAPPEN_SECRET": settings.secret, "JOBTRAPPEN_MODE": settings.mode, "JOBTRAPPEN_PLUGINS": ",".join(settings.plugins),
                 "JOBTRAPPEN_BIND": settings.bind, "JOBTRAPPEN_LOG": settings.log, "JOBTRAPPEN_THREADS": str(settings.threads),
                 "JOBTRAPPEN_DATABASE_SECONDS": str(settings.database_seconds),
                 "JOBTRAPPEN_URLS": ",".join(f"{n}={u}" for n, u in self.urls.items())}
        given.pop("JOBTRAPPEN_SECRET_FILE", None)
        if settings.today:
            given["JOBTRAPPEN_TODAY"] = settings.today.isoformat()
        if self.apart and name.startswith("serve "):
            given["JOBTRAPPEN_BIND"] = self.urls[name.split()[1]].removeprefix("http://")
        return given

    def start(self) -> None:
        """Migrate, create topics, start every process and wait until each service is ready to answer.

        Raises:
            BadConfiguration: a port is taken. Unavailable: a service did not answer within a minute.
        """
        if not self.apart:
            refuse_taken_port(self.settings.bind)
        for runtime in runtimes("all", self.settings):
            migrate.upgrade(runtime)
            runtime.close()
        bus = open_bus(self.settings.bus)
        bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
        bus.close()
        for name in self.commands():
            self.launch(name)
        for name in SERVICES:
            self._wait_for(name)

    def launch(self, name: str) -> None:
        """Start one process (again)."""
        out = open(self.log, "ab") if self.log else None  # noqa: SIM115
        self.children[name] = subprocess.Popen([sys.executable, "-m", "jobtrappen", *self.commands()[name]], env=self.environment(name),
                                               start_new_session=True, stdout=out, stderr=out)
        if out:
            out.close()

    def _wait_for(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            dead = [child for child, process in self.children.items() if process.poll() not in (None, 0)]
            if dead:
                raise Unavailable(f"{dead[0]} ended at its start; its message stands above or in {self.log}")
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.urls[name]}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise Unavailable(f"{name} did not answer within {START_SECONDS:.0f} s")

    def watch(self) -> int:
        """Start dead children again until SIGTERM or SIGINT. Returns: the exit code."""
        over: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda n, _frame: over.append(n))
        while not over:
            for name, process in self.children.items():
                if process.poll() is not None:
                    self.restarts += 1
                    time.sleep(min(0.1 * self.restarts, 5.0))
                    self.launch(name)
            time.sleep(0.2)
        return 0

    def kill(self, name: str) -> None:
        """SIGKILL one process with its children, for tests of the bad day."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.children[name].pid, signal.SIGKILL)
        self.children[name].wait()

    def stop(self) -> None:
        """SIGTERM all, wait, then SIGKILL what is left."""
        for process in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        for process in self.children.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def __enter__(self) -> Suite:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

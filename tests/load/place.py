# SPDX-License-Identifier: MPL-2.0
"""The four services of one process on databases that already stand: their apps for whoever sends, their workers for whoever
turns these. A process that sends holds no subscription, so several may send beside one that works."""
from __future__ import annotations

import fcntl
import json
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from jobtrappen import people, plugins
from jobtrappen.auth import DEMO_USERS
from jobtrappen.bus import Bus, open_bus
from jobtrappen.config import Settings
from jobtrappen.consumer import Consumer
from jobtrappen.relay import Relay
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app

TODAY = date(2026, 11, 23)
SECRET = "a secret of the load tool, long enough for every key"
HEADERS = {"Content-Type": "application/json"}


def settings(home: Path, database: str) -> Settings:
    """`database`: "" for one SQLite file a service, else a URL in which `{service}` is filled in. The bus is the embedded one."""
    return Settings(home=home, database=database or "sqlite:///{home}/{service}.db", bus=f"sqlite:///{home}/bus.db", secret=SECRET, mode="demo", today=TODAY)


class Refused(Exception):
    """A use case was not answered 2xx."""


@dataclass
class Place:
    """`hurried`: SQLite does not wait for the disk. For filling only; what is measured is measured without it."""

    settings: Settings
    hurried: bool = False
    bus: Bus = field(init=False)
    runtimes: dict[str, Runtime] = field(init=False)
    tokens: dict[str, str] = field(init=False)
    commands: int = 0

    def __post_init__(self) -> None:
        self.bus = open_bus(self.settings.bus)
        self.runtimes = {name: Runtime(service, self.settings) for name, service in plugins.services().items()}
        for runtime in self.runtimes.values() if self.hurried else ():
            if runtime.url.startswith("sqlite"):
                event.listen(runtime.engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
                _queue(runtime.engine, self.settings.home / f"{runtime.name}.turn")
        signer = self.runtimes["referral"].signer
        self.tokens = {name: signer.staff(user) for name, user in DEMO_USERS.items()}
        self.http = {name: service_app(runtime).test_client() for name, runtime in self.runtimes.items()}

    def post(self, who: str, service: str, path: str, body: Any, version: int | None = None) -> Any:
        """A command, through the service's real WSGI app; its answer's JSON."""
        headers = {**HEADERS, "Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": str(uuid.uuid4())}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if isinstance(body, bytes):
            headers["Content-Type"] = "text/csv"
        answer = self.http[service].post(f"/v1{path}", data=body if isinstance(body, bytes) else json.dumps(body).encode(), headers=headers)
        if answer.status_code not in (200, 201):
            raise Refused(f"POST {service} {path} answered {answer.status_code}: {answer.get_data(as_text=True)[:300]}")
        self.commands += 1
        return answer.get_json()

    def get(self, who: str, service: str, path: str, **query: Any) -> Any:
        answer = self.http[service].get(f"/v1{path}", query_string=query, headers={"Authorization": f"Bearer {self.tokens[who]}"})
        if answer.status_code != 200:
            raise Refused(f"GET {service} {path} answered {answer.status_code}: {answer.get_data(as_text=True)[:300]}")
        return answer.get_json()

    def work(self, until: Callable[[], bool], roles: Collection[str] = ("relay", "consume"), of: Collection[str] = ()) -> None:
        """Run relays, or consumers and fetchers, or all, of these services (none named: all), a thread each as in `jobtrappen up`, until
        `until` says so.

        Raises:
            BaseException: what one of them died of.
        """
        stop, died = threading.Event(), []
        ours = [runtime for name, runtime in self.runtimes.items() if name in (of or self.runtimes)]
        fetchers = [people.Fetcher(r) for r in ours if r.service.person_purpose and "consume" in roles]
        for fetcher in fetchers:
            fetcher.http = _InProcess(self)  # type: ignore[assignment]

        def guarded(work: Callable[[threading.Event], None]) -> None:
            try:
                work(stop)
            except BaseException as error:
                died.append(error)

        works = [Relay(r, self.bus).run for r in ours if "relay" in roles]
        works += [Consumer(r, self.bus).run for r in ours if r.service.reads and "consume" in roles]
        threads = [threading.Thread(target=guarded, args=(work,)) for work in (*works, *(fetcher.run for fetcher in fetchers))]
        for thread in threads:
            thread.start()
        try:
            while not died and not until():
                time.sleep(0.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if died:
            raise died[0]

    def close(self) -> None:
        for runtime in self.runtimes.values():
            runtime.close()
        self.bus.close()


def _queue(engine: Engine, turn: Path) -> None:
    """Who wants to write waits in the kernel's queue; SQLite itself looks again after ever longer sleeps, and the lock lies idle."""
    held: dict[int, Any] = {}

    def take(connection: Connection) -> None:
        if connection.get_execution_options().get("write"):
            file = open(turn, "w")  # noqa: SIM115
            fcntl.flock(file, fcntl.LOCK_EX)
            held[id(connection.connection.dbapi_connection)] = file

    def giving(end: Callable[[Any], None]) -> Callable[[Any], None]:
        def ended(fairy: Any) -> None:
            driver = getattr(fairy, "dbapi_connection", fairy)
            try:
                end(fairy)
            finally:
                if file := held.pop(id(driver), None):
                    file.close()

        return ended

    beginning = list(engine.dispatch.begin)
    for begin in beginning:  # `insert=True` would not put our turn before what the kit does there
        event.remove(engine, "begin", begin)
    for begin in (take, *beginning):
        event.listen(engine, "begin", begin)
    engine.dialect.do_commit = giving(engine.dialect.do_commit)  # type: ignore[method-assign]
    engine.dialect.do_rollback = giving(engine.dialect.do_rollback)  # type: ignore[method-assign]


class _InProcess:
    """What the fetcher sees of `requests`, answered by referral's app in this process."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def get(self, _url: str, params: dict[str, str], headers: dict[str, str], timeout: float, allow_redirects: bool) -> Any:
        return _Answer(self.place.http["referral"].get("/v1/people", query_string=params, headers=headers))


class _Answer:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @property
    def status_code(self) -> int:
        return self.answer.status_code

    def json(self) -> Any:
        return self.answer.get_json()

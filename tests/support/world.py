# SPDX-License-Identifier: MPL-2.0
"""A whole suite inside the test's process: the services' real WSGI apps, databases, outboxes, bus and consumers, with
relays and consumers turned by hand (`settle`), so that a story is fast and a debugger can step through it.

    world.referral(CASEWORKER).post("/cases", {...}).json        a command; the key and If-Match are made for you
    world.settle()                                               everything that was said has been heard
"""
from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from jobtrappen import migrate, people, plugins
from jobtrappen.auth import DEMO_USERS
from jobtrappen.bus import Bus, open_bus
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.consumer import Consumer
from jobtrappen.relay import Relay, lead
from jobtrappen.runtime import Runtime
from jobtrappen.settle import open_work
from jobtrappen.web.app import service_app

CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR = "karen", "mehmet", "lone", "pia", "admin"
BY_ROLE = {user.role: user.name for user in DEMO_USERS.values()}
TODAY = date(2026, 11, 23)


@dataclass
class Answer:
    """An HTTP answer as a test reads it."""

    status: int
    json: Any
    headers: Any
    text: str

    @property
    def id(self) -> str:
        return self.json["id"]


class Client:
    """One service as one person (or partner key) sees it."""

    def __init__(self, world: World, service: str, token: str) -> None:
        self.world, self.service, self.token = world, service, token
        self.http = world.apps[service].test_client()
        self.purpose = ""
        """Why a case that is none of the unit's is read (X-Purpose)."""

    def get(self, path: str, **query: Any) -> Answer:
        return self._send("GET", path, None, {}, query)

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None, etag: str | None = "read", raw: bytes | None = None,
             content_type: str = "application/json", headers: dict[str, str] | None = None) -> Answer:
        """A command. `etag="read"` sends the present version of an existing thing; None leaves If-Match out."""
        given = {"Idempotency-Key": key or str(uuid.uuid4()), "Content-Type": content_type, **(headers or {})}
        if etag == "read":
            found = self._etag_of(path)
            given |= {"If-Match": found} if found else {}
        elif etag:
            given["If-Match"] = etag
        return self._send("POST", path, raw if raw is not None else json.dumps(body or {}, default=str).encode(), given, {})

    def _etag_of(self, path: str) -> str | None:
        """Tests ask the database for the version: not every role that may act may also read."""
        parts = path.strip("/").split("/")
        if len(parts) < 2:
            return None
        route = next((r for r in self.world.runtimes[self.service].service.api.routes
                      if r.on and r.method == "POST" and r.path.split("/")[1] == parts[0] and r.path.count("/") == path.count("/")), None)
        if route is None:
            return None
        from jobtrappen.db import reading

        with reading(self.world.runtimes[self.service].engine) as session:
            thing = session.get(route.on, uuid.UUID(parts[1]))
            return f'"{thing.version}"' if thing is not None else '"1"'

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], query: dict[str, Any]) -> Answer:
        auth = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        auth |= {"X-Purpose": self.purpose} if self.purpose else {}
        response = self.http.open(f"/v1{path}", method=method, data=body, headers={**auth, **headers}, query_string=query)
        is_json = response.mimetype in ("application/json", "application/problem+json")
        return Answer(response.status_code, response.get_json() if is_json else None, response.headers, response.get_data(as_text=True))


@dataclass
class World:
    """Services on one database kind and one bus."""

    settings: Settings
    runtimes: dict[str, Runtime]
    bus: Bus
    apps: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for runtime in self.runtimes.values():
            migrate.upgrade(runtime)
        self.apps = {name: service_app(runtime) for name, runtime in self.runtimes.items()}
        self.bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
        self.consumers = {n: Consumer(r, self.bus) for n, r in self.runtimes.items() if r.service.reads}
        self.subscriptions = {n: self.bus.subscribe(c.name, c.topics, c.next_offset) for n, c in self.consumers.items()}
        self.fetchers = [people.Fetcher(r) for r in self.runtimes.values() if r.service.person_purpose]
        for fetcher in self.fetchers:
            fetcher.http = _InProcess(self)  # type: ignore[assignment]

    def client(self, service: str, who: str, purpose: str = "") -> Client:
        """`who` is a demo user's name, a role, a token, or a key."""
        name = who if who in DEMO_USERS else BY_ROLE.get(who)
        token = self.runtimes[service].signer.staff(DEMO_USERS[name]) if name else who
        made = Client(self, service, token)
        made.purpose = purpose
        return made

    def referral(self, who: str) -> Client:
        return self.client("referral", who)

    def matching(self, who: str) -> Client:
        return self.client("matching", who)

    def followup(self, who: str) -> Client:
        return self.client("followup", who)

    def partners(self, who: str) -> Client:
        return self.client("partners", who)

    def publish(self, names: Iterable[str] | None = None) -> int:
        """Let relays publish what is in the outboxes."""
        import threading

        done = 0
        for name in names or self.runtimes:
            runtime = self.runtimes[name]
            producer = self.bus.producer(name)
            try:
                with lead(runtime, threading.Event()) as leadership:
                    while found := Relay(runtime, self.bus).once(leadership.connection, producer):
                        done += found
            finally:
                producer.close()
        return done

    def consume(self, names: Iterable[str] | None = None) -> int:
        """Let consumers apply what is on the bus now."""
        return sum(self.consumers[name].once(self.subscriptions[name], timeout=0.02) for name in names or self.consumers)

    def settle(self, rounds: int = 400) -> None:
        """Turn relays, consumers and fetchers until nothing is open."""
        for _ in range(rounds):
            moved = self.publish() + self.consume() + sum(f.once() for f in self.fetchers)
            if not moved and not open_work(self.runtimes.values(), self.bus):
                return
        raise AssertionError(f"not settled: {open_work(self.runtimes.values(), self.bus)}")

    def close(self) -> None:
        for subscription in self.subscriptions.values():
            subscription.close()
        for runtime in self.runtimes.values():
            runtime.close()
        self.bus.close()


class _InProcess:
    """What the fetcher sees of `requests`, answered by the apps of this process."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, url: str, params: dict[str, str], headers: dict[str, str], timeout: float, allow_redirects: bool) -> Any:
        response = self.world.apps["referral"].test_client().get("/v1/people", query_string=params, headers=headers)
        return _Response(response)


class _Response:
    def __init__(self, response: Any) -> None:
        self.response = response

    @property
    def status_code(self) -> int:
        return self.response.status_code

    def json(self) -> Any:
        return self.response.get_json()


_numbers = itertools.count(1)


@contextmanager
def a_world(home: Path, *, database: str = "", bus: str = "", today: date = TODAY, services: Iterable[str] | None = None, **more: Any) -> Any:
    """A fresh world on SQLite and the embedded bus, or on the URLs given (`{service}` is filled in); `more` are further settings."""
    settings = Settings(home=home, database=database or "sqlite:///{home}/{service}.db", bus=bus or f"sqlite:///{home}/bus.db",
                        **{"secret": "a secret of the tests, long enough " * 2, "mode": "demo", "today": today, **more})
    found = plugins.services()
    world = World(settings, {name: Runtime(found[name], settings) for name in services or found}, open_bus(settings.bus))
    try:
        yield world
    finally:
        world.close()


def refused(answer: Answer, status: int, **extra: Any) -> Answer:
    """Assert a refusal in the one error shape; `extra` are members that must be there."""
    assert answer.status == status, (answer.status, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(answer.json)
    for name, value in extra.items():
        assert answer.json.get(name) == value, (name, answer.json)
    return answer


def names_field(answer: Answer, field_name: str) -> None:
    """Assert that a 422 names a field."""
    assert field_name in [e["field"].split(".")[0] for e in answer.json["errors"]], answer.json


__all__ = ["ADMINISTRATOR", "CASEWORKER", "CONSULTANT", "COORDINATOR", "TEAM_LEAD", "TODAY", "Answer", "Client", "World", "a_world", "names_field", "refused"]

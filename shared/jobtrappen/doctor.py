# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen doctor`: looks at everything that a service needs, and says in plain words what is wrong and what to do.

Nothing is changed. What each finding means, why it matters and what mends it stands in doctor_words.py and, with its
symptoms, in docs/runbook.md.
"""
from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from jobtrappen import audit, audit_check, doctor_words, migrate, reseal, tables
from jobtrappen.bus import Bus, Place, open_bus
from jobtrappen.config import Settings
from jobtrappen.db import reading
from jobtrappen.errors import BadConfiguration, BusError, JobtrappenError, WrongSchema
from jobtrappen.parking import ALARM_SECONDS
from jobtrappen.runtime import Runtime
from jobtrappen.state import DEGRADED_SECONDS, beating, state
from jobtrappen.watch import VERSION

CLOCK_SECONDS = 5.0
DISK_FREE = 500_000_000
"""Bytes; below that a SQLite file, its log and a backup beside it may not fit any more."""
LAG_SECONDS = 300
UNSEALED_SECONDS = 300
TRIES = 5
P, PC = tables.position.c, tables.person_copy.c


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `service` is "" for what concerns all of them."""

    code: str
    service: str
    what: str
    fill: Mapping[str, Any] = field(default_factory=dict)
    """What the remedy's command is filled in with."""

    def document(self) -> dict[str, str]:
        words = doctor_words.WORDS[self.code]
        given = {"service": self.service or "all", "id": "<id>", "topic": "<topic>", **self.fill}
        return {"code": self.code, "service": self.service, "what": self.what, "why": words.why, "remedy": words.remedy.format(**given),
                "see": f"{doctor_words.PAGE}#{words.anchor}"}


@dataclass
class Diagnosis:
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=lambda: {"version": version("jobtrappen"), "python": platform.python_version()})

    def document(self) -> dict[str, Any]:
        return {"well": not self.findings, "facts": self.facts, "findings": [finding.document() for finding in self.findings]}


def examine(settings: Settings, runtimes: list[Runtime]) -> Diagnosis:
    """Look at these services and at the bus. Takes some seconds at most where something does not answer."""
    found = Diagnosis()
    found.facts["bus"] = settings.bus.partition("?")[0]
    found.findings += _configuration(settings)
    bus, ends = _bus(settings, runtimes, found)
    for runtime in runtimes:
        found.findings += list(_service(runtime, bus, ends, found.facts))
    return found


def _configuration(settings: Settings) -> Iterator[Finding]:
    if settings.today is not None and not settings.demo:
        yield Finding("today-pinned", "", f"JOBTRAPPEN_TODAY pins the business date to {settings.today}.")
    host = settings.bind.rpartition(":")[0].strip("[]")
    if settings.demo and host not in ("127.0.0.1", "localhost", "::1"):
        yield Finding("demo-open", "", f"The demo's log-ins, whose passwords everybody knows, answer at {settings.bind}.")


def _bus(settings: Settings, runtimes: list[Runtime], found: Diagnosis) -> tuple[Bus | None, dict[Place, int]]:
    bus = open_bus(settings.bus)
    try:
        bus.ping(2.0)
        for runtime in runtimes:
            bus.check_topics(runtime.service.reads, runtime.service.writes)
        return bus, bus.ends(sorted({topic for runtime in runtimes for topic in runtime.service.reads}))
    except BadConfiguration as error:
        found.findings += [Finding("topics", "", line) for line in str(error).splitlines()]
    except BusError as error:
        found.findings.append(Finding("bus-away", "", f"The bus does not answer: {str(error)[:300]}"))
    return None, {}


def _service(runtime: Runtime, bus: Bus | None, ends: dict[Place, int], facts: dict[str, Any]) -> Iterator[Finding]:
    name = runtime.name
    yield from _disk(runtime)
    try:
        migrate.require_head(runtime)
        facts[f"database of {name}"], difference = _database(runtime)
        if abs(difference) > CLOCK_SECONDS:
            yield Finding("clock", name, f"The database's clock is {difference:+.0f} s off this machine's.")
        seen = state(runtime)
        yield from _workers(runtime, seen)
        yield from _events(runtime, seen)
        yield from _lag(runtime, seen, bus, ends)
        yield from _audit(runtime, seen)
        yield from _keys(runtime)
        yield from _persons(runtime)
    except WrongSchema as error:
        yield Finding("schema", name, str(error))
    except (JobtrappenError, DBAPIError) as error:
        cause = getattr(error.__cause__ or error, "orig", None) or error.__cause__ or error
        yield Finding("database-away", name, f"The database does not answer: {str(cause).strip().splitlines()[0][:300]}")


def _disk(runtime: Runtime) -> Iterator[Finding]:
    if runtime.engine.dialect.name == "sqlite":
        folder = Path(str(runtime.engine.url.database)).parent
        free = shutil.disk_usage(folder).free if folder.is_dir() else 0
        if free < DISK_FREE:
            yield Finding("disk", runtime.name, f"{free / 1e6:,.0f} MB are free where its database lies ({folder}).")


def _database(runtime: Runtime) -> tuple[str, float]:
    """(what it is, how many seconds its clock is ahead of ours)."""
    with reading(runtime.engine) as session:
        if runtime.engine.dialect.name == "sqlite":
            return f"SQLite {session.scalar(text('SELECT sqlite_version()'))}", 0.0
        before = time.time()
        there = float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
        return f"PostgreSQL {session.scalar(text('SHOW server_version'))}", there - (before + time.time()) / 2


def _workers(runtime: Runtime, seen: dict[str, Any]) -> Iterator[Finding]:
    for role, code in (("relay", "relay-silent"), ("consume", "consumer-silent")):
        if role == "consume" and not runtime.service.reads:
            continue
        members = beating(seen, role)
        if not members:
            ages = [worker["age"] for worker in seen["workers"] if worker["role"] == role]
            yield Finding(code, runtime.name, f"No {role} has given a sign of life for {_span(min(ages))}." if ages else f"No {role} has given a sign of life in a day.")
        for worker in members:
            if worker["state"].startswith("stopped"):
                yield Finding("consumer-stopped", runtime.name, f"The consumer {worker['member']} has stopped itself: it parked too many events.")
            elif worker["state"].startswith("pausing"):
                yield Finding("worker-pauses", runtime.name, f"The {role} {worker['member']} waits and tries again ({worker['state']}).")
    versions = sorted(label for (name, label), at in seen["measures"].items() if name == VERSION and time.time() - at < 60)
    if len(versions) > 1:
        yield Finding("versions-mixed", runtime.name, f"Workers of versions {' and '.join(versions)} run side by side.")
    if seen["ahead"] > CLOCK_SECONDS:
        yield Finding("clock", runtime.name, f"A heartbeat lies {_span(seen['ahead'])} in the future: a clock was set back, or a host's is ahead.")
    off = seen["measures"].get(("clock_difference", ""), 0.0)
    if abs(off) > CLOCK_SECONDS:
        yield Finding("clock", runtime.name, f"The broker's clock is {off:+.0f} s off that of the hosts of relay or consumer, as the latest record shows.")


def _events(runtime: Runtime, seen: dict[str, Any]) -> Iterator[Finding]:
    name = runtime.name
    if seen["oldest_unpublished"] > DEGRADED_SECONDS:
        yield Finding("outbox-late", name, f"{seen['unpublished']} events are not published, the oldest for {_span(seen['oldest_unpublished'])}.")
    kept = seen["kept"]
    if kept.get("parked"):
        yield Finding("parked", name, f"{kept['parked']} events are parked, and {kept.get('behind', 0)} stand behind one that is kept.", {"id": _first(runtime, "parked")})
    if seen["oldest_waiting"] > ALARM_SECONDS:
        yield Finding("waiting-long", name, f"{kept['waiting']} events wait for one before them, the oldest for {_span(seen['oldest_waiting'])}.",
                      {"id": _first(runtime, "waiting")})
    if seen["dead"]:
        yield Finding("dead-letters", name, f"{seen['dead']} records on the bus were no events; they are kept as they came.")


def _first(runtime: Runtime, kept: str) -> Any:
    with reading(runtime.engine) as session:
        return session.scalar(select(func.min(tables.kept.c.id)).where(tables.kept.c.state == kept)) or "<id>"


def _lag(runtime: Runtime, seen: dict[str, Any], bus: Bus | None, ends: dict[Place, int]) -> Iterator[Finding]:
    if bus is None:
        return
    with reading(runtime.engine) as session:
        at = {(r.topic, r.partition): r.next_offset for r in session.execute(
            select(P.topic, P.partition, P.next_offset).where(P.consumer == f"jobtrappen.{runtime.name}"))}
    for topic in runtime.service.reads:
        places = [place for place in ends if place[0] == topic]
        beyond = [partition for _topic, partition in places if at.get((topic, partition), 0) > ends[topic, partition]]
        if beyond:
            yield Finding("bus-behind", runtime.name, f"Its position in {topic} (partition {', '.join(map(str, beyond))}) lies beyond the end of what the bus holds.")
        behind = sum(max(0, ends[place] - at.get(place, 0)) for place in places)
        if behind and seen["lag"][topic] > LAG_SECONDS:
            yield Finding("lag", runtime.name, f"{behind} records of {topic} are not applied; it was last heard to its end {_ago(seen['lag'][topic])}.")


def _audit(runtime: Runtime, seen: dict[str, Any]) -> Iterator[Finding]:
    found = seen["audit"]
    if found["oldest_unsealed"] > UNSEALED_SECONDS:
        yield Finding("audit-unsealed", runtime.name, f"{found['unsealed']} rows of the audit log are not sealed, the oldest for {_span(found['oldest_unsealed'])}.")
    with reading(runtime.engine) as session:
        for fault in audit_check.tail(session.connection(), audit.keys(runtime.settings))[:3]:
            yield Finding("audit-broken", runtime.name, f"The audit log: {f'link {fault.link} ' if fault.link else ''}{fault.what}")


def _keys(runtime: Runtime) -> Iterator[Finding]:
    missing = {place: counted["?"] for place, counted in reseal.by_key(runtime).items() if "?" in counted}
    if missing:
        rows = ", ".join(f"{place}: {number}" for place, number in missing.items())
        yield Finding("key-missing", runtime.name, f"Values are sealed with a key that is not configured ({rows}).")


def _persons(runtime: Runtime) -> Iterator[Finding]:
    with reading(runtime.engine) as session:
        late = session.scalar(select(func.count()).where(PC.wanted > PC.version, PC.erased == 0, PC.tries >= TRIES)) or 0
    if late and runtime.service.person_purpose:
        yield Finding("persons-missing", runtime.name, f"{late} persons were asked for {TRIES} times and more at {runtime.settings.url_of('referral')} and not given.")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _ago(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{_span(seconds)} ago"

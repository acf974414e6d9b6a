# SPDX-License-Identifier: MPL-2.0
"""How often somebody may do what is costly or tempting: sign in wrongly, search for persons, upload lists, use a key.

A limit of N in S seconds is a bucket that leaks: N at once, and from then on one more each S/N seconds. The bucket is one row
of the service's own database, changed by one statement, so all workers and processes share it. Who was refused is refused
again from this process's own memory, so a flood does not reach the database.
"""
from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine, text

from jobtrappen.db import reading, writing
from jobtrappen.errors import Unavailable

DEFAULTS = {"sign_in": "10/60", "upload": "20/60", "search": "120/60", "key": "600/60"}
"""By limit: how many in how many seconds. sign_in counts wrong passwords of one name; upload, search and key count each actor."""
MEANING = {"sign_in": "wrong passwords for one name", "upload": "lists", "search": "searches and lists of persons", "key": "requests with one key"}
DEMO_TIMES = 100
"""The demo's loader does in a minute what an office does in a month."""
SHAPE = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})")
BATCH = 10
"""How many uses of a key one process takes out of the bucket at once."""
NAMES = 1024
"""Names that are tried at sign-in share this many buckets, so that tries fill no table and no bucket tells a name."""
TAKE = text(
    "INSERT INTO rate (name, due) VALUES (:name, :now + :cost) ON CONFLICT (name) DO UPDATE SET due = :cost +"
    " CASE WHEN rate.due > :now AND rate.due <= :now + :burst THEN rate.due ELSE :now END"  # further off: the clock was set back
    " WHERE rate.due <= :now + :burst - :cost OR rate.due > :now + :burst RETURNING due"
)
DUE = text("SELECT due FROM rate WHERE name = :name")


@dataclass(frozen=True)
class Limit:
    many: int
    seconds: int


def read(given: Mapping[str, str], demo: bool) -> dict[str, Limit]:
    """The limits by name, from the settings or the defaults; "0" switches one off.

    Raises:
        ValueError: one line for the first that is wrong.
    """
    found = {}
    for name, value in {**DEFAULTS, **given}.items():
        if name not in DEFAULTS:
            raise ValueError(f"{name} is not a limit; there are {', '.join(DEFAULTS)}")
        if value == "0":
            continue
        shape = SHAPE.fullmatch(value)
        if shape is None:
            raise ValueError(f"{name}={value!r} is not a limit; write {name}={DEFAULTS[name]} for {DEFAULTS[name].replace('/', ' in ')} seconds, or {name}=0 for none")
        found[name] = Limit(int(shape[1]) * (DEMO_TIMES if demo and name not in given else 1), int(shape[2]))
    return found


class Limiter:
    """One for a process; safe to share between threads."""

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self.limits = dict(limits)
        self._refused: dict[str, float] = {}
        self._credit: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, engine: Engine, kind: str, who: str) -> float:
        """Count one use.

        Returns: 0.0, or the seconds after which it is allowed again; then nothing was counted.
        """
        if kind not in self.limits:
            return 0.0
        limit, name = self.limits[kind], _name(kind, who)
        if (wait := self._remembered(name)) > 0 or self._had_credit(name):
            return wait
        batch = min(BATCH, limit.many) if kind == "key" else 1
        wait = _take(engine, name, limit, batch)
        if wait > 0 and batch > 1:
            batch, wait = 1, _take(engine, name, limit, 1)
        with self._lock:
            if wait > 0:
                if len(self._refused) > 5000:
                    self._refused.clear()
                self._refused[name] = time.monotonic() + wait
            elif batch > 1:
                if len(self._credit) > 5000:
                    self._credit.clear()
                self._credit[name] = self._credit.get(name, 0) + batch - 1
        return wait

    def waiting(self, engine: Engine, kind: str, who: str) -> float:
        """As `take`, but nothing is counted: for what is counted only when it fails."""
        if kind not in self.limits:
            return 0.0
        limit, name = self.limits[kind], _name(kind, who)
        if (wait := self._remembered(name)) > 0:
            return wait
        with suppress(Unavailable), reading(engine) as session:
            due = session.execute(DUE, {"name": name}).scalar()
            return _wait(due, limit, 1) if due is not None else 0.0
        return 0.0

    def _remembered(self, name: str) -> float:
        with self._lock:
            return max(0.0, self._refused.get(name, 0.0) - time.monotonic())

    def _had_credit(self, name: str) -> bool:
        with self._lock:
            if self._credit.get(name, 0) > 0:
                self._credit[name] -= 1
                return True
        return False


def _name(kind: str, who: str) -> str:
    """The bucket's name. A name that somebody typed stands nowhere."""
    digest = hashlib.sha256(who.encode()).digest()
    return f"{kind}:{int.from_bytes(digest[:4], 'big') % NAMES}" if kind == "sign_in" else f"{kind}:{digest.hex()[:32]}"


def _take(engine: Engine, name: str, limit: Limit, count: int) -> float:
    """A database that takes no writes lets it pass: the command itself will be answered 503."""
    now, burst = _now(), limit.seconds * 1_000_000
    try:
        with writing(engine) as session:
            given = {"name": name, "now": now, "burst": burst, "cost": burst * count // limit.many}
            if session.execute(TAKE, given).first() is not None:
                return 0.0
            due = session.execute(DUE, {"name": name}).scalar_one()
    except Unavailable:
        return 0.0
    return _wait(due, limit, count)


def _wait(due: int, limit: Limit, count: int) -> float:
    burst = limit.seconds * 1_000_000
    if due > _now() + burst:
        return 0.0
    return max(0.0, (due + burst * count // limit.many - burst - _now()) / 1_000_000)


def _now() -> int:
    return time.time_ns() // 1000


def whole_seconds(wait: float) -> int:
    """For Retry-After."""
    return max(1, math.ceil(wait))

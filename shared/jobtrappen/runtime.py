# SPDX-License-Identifier: MPL-2.0
"""What a running service consists of: its definition (a plugin) and its running form (settings, engine, vault)."""
from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Engine, MetaData, Table, select
from sqlalchemy.exc import SQLAlchemyError

from jobtrappen import limits, tables
from jobtrappen.auth import Signer
from jobtrappen.config import PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.db import engine_for, reading
from jobtrappen.lifecycle import Lifecycle
from jobtrappen.limits import Limiter
from jobtrappen.metrics import Measures
from jobtrappen.postgres import patience_of
from jobtrappen.privacy import Vault
from jobtrappen.reseal import Hashed, Sealed
from jobtrappen.rights import Rights

if TYPE_CHECKING:
    from jobtrappen.consumer import Reactions
    from jobtrappen.web.api import Api
    from jobtrappen.web.pages.site import Site


@dataclass(frozen=True)
class Projection:
    """A table that comes from others' events alone, so that it can be made anew from the topics (rebuild.py). What humans
    work with, what says an event or what makes up an id is none."""

    table: Table
    events: tuple[str, ...]
    """Whose reactions fill it."""
    keeps: tuple[str, ...] = ()
    """Columns that come from elsewhere."""
    fills: Callable[[Any, Any], None] | None = None
    """The one reaction that fills it, where others listen to the same events and do more."""

    @property
    def name(self) -> str:
        return self.table.name


@dataclass(frozen=True)
class Service:
    """A service as its plugin declares it; nothing runs yet."""

    name: str
    title: str
    metadata: MetaData
    api: Api
    reactions: Reactions
    rights: Rights
    lifecycles: tuple[Lifecycle, ...] = ()
    migrations: Path = Path()
    person_purpose: str = ""
    """Why this service keeps local copies of persons; "" keeps none."""
    own_cases: Callable[[Any, Collection[UUID]], set[UUID]] | None = None
    """Called as (tx, case ids): those that are the acting unit's own. A single read of any other asks staff for a purpose."""
    person_came: Callable[[Any, Any, dict[str, Any]], None] | None = None
    """Called as (tx, case_id, fields) when a fresh copy is stored, in the same transaction."""
    sealed: tuple[Sealed, ...] = ()
    """Every sealed column of its own tables, so that all can be sealed anew with another key."""
    hashed: tuple[Hashed, ...] = ()
    """What it finds sealed values by, so that a change of the look-up key renews it."""
    projections: tuple[Projection, ...] = ()
    site: Site | None = None
    """Its pages, beside those that the kit makes from its API."""

    @property
    def topic(self) -> str:
        return TOPICS[self.name]

    @property
    def reads(self) -> list[str]:
        """The topics of those whom its reactions listen to."""
        from jobtrappen.contracts import CATALOGUE

        return sorted({TOPICS[CATALOGUE[name].by] for name, _version in self.reactions.table})

    @property
    def writes(self) -> list[str]:
        return [self.topic, PUBLIC_TOPIC]


class Runtime:
    """One service in one process. Holds no request state; safe to share between threads."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service, self.settings, self.name = service, settings, service.name
        self.url = settings.database_for(service.name)
        self.engine: Engine = engine_for(self.url)
        self.vault, self.signer = Vault(settings), Signer(settings)
        self.limiter = Limiter(limits.read(settings.limits, settings.demo))
        self.measures = Measures()
        self._epoch: int | None = None
        self._waker: Waker | None = None
        self._first_wake = threading.Lock()

    @property
    def epoch(self) -> int:
        """Raised by one when the database is restored from a backup; read once."""
        if self._epoch is None:
            with reading(self.engine) as session:
                self._epoch = int(session.scalar(select(tables.meta.c.value).where(tables.meta.c.name == "epoch")) or 1)
        return self._epoch

    def hurry(self) -> None:
        """From now on no question to the database waits longer than the setting says. For web and workers; a migration
        or a backup may take its time."""
        patience_of(self.engine).seconds = float(self.settings.database_seconds)

    def wake(self) -> None:
        """Tell the relay that the outbox has something; only where that beats its poll (PostgreSQL)."""
        if self.url.startswith("postgresql"):
            with self._first_wake:  # made at the first wake, so after a web worker's fork
                if self._waker is None:
                    self._waker = Waker(self)
            self._waker.ring()

    def close(self) -> None:
        if self._waker:
            self._waker.stop()
        self.engine.dispose()


class Waker:
    """Sends one coalesced NOTIFY after commits, on a connection of its own: a NOTIFY inside the business transaction
    takes a global lock at commit and cost 31 % of eight writers' throughput."""

    def __init__(self, runtime: Runtime) -> None:
        self.engine, self.channel = runtime.engine, f"jobtrappen_{runtime.name}"
        self.rung, self.over = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="waker", daemon=True).start()

    def ring(self) -> None:
        self.rung.set()

    def stop(self) -> None:
        self.over.set()
        self.rung.set()

    def _run(self) -> None:
        while not self.over.is_set():
            self.rung.wait()
            try:
                with self.engine.connect().execution_options(read=True) as connection:
                    connection.detach()  # closing it ends the session, also where the pool was let go before
                    while self.rung.wait(timeout=5) and not self.over.is_set():
                        self.rung.clear()
                        connection.exec_driver_sql(f"NOTIFY {self.channel}")
                        self.over.wait(0.002)  # a burst becomes at most 500 notices a second
            except SQLAlchemyError:
                self.rung.clear()
                self.over.wait(1.0)  # the relay's own look finds the rows anyway

# SPDX-License-Identifier: MPL-2.0
"""`Tx`: the one transaction that a command or a reaction lives in.

Everything is collected while the use case runs and written by `close`: first the aggregates (flush), then the streams
and the outbox, then transitions and audit. That order is what makes outbox order the commit order for each key.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import bindparam, insert, inspect, select, text
from sqlalchemy.orm import Session

from jobtrappen import clock, contracts, tables, tracing, trips
from jobtrappen.config import PUBLIC_TOPIC, TOPICS
from jobtrappen.db import writing
from jobtrappen.errors import NotFound
from jobtrappen.event import ROLE, UNIT, Event

if TYPE_CHECKING:
    from jobtrappen.runtime import Runtime

T = TypeVar("T")
RAISE_STREAM = text(
    "INSERT INTO stream (topic, key, last_seq) VALUES (:topic, :key, :n)"
    " ON CONFLICT (topic, key) DO UPDATE SET last_seq = stream.last_seq + :n RETURNING last_seq"
)
INTO_OUTBOX, INTO_TRANSITION, INTO_AUDIT = insert(tables.outbox), insert(tables.transition), insert(tables.audit)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `kind`: staff, partner, integrator, service or system. `acting_for` is the human behind a service."""

    id: str
    role: str
    unit: str = ""
    kind: str = "staff"
    partner_id: str = ""
    scopes: frozenset[str] = frozenset()
    acting_for: str = ""


SYSTEM = Actor(id="system", role="system", unit="system", kind="system")


@dataclass(slots=True)
class Said:
    """One event on its way into the outbox; `seq` is given when the transaction closes."""

    id: str
    name: str
    key: str
    data: dict[str, Any]
    subject: str
    subject_version: int
    time: datetime | date
    case: str


@dataclass(slots=True)
class Tx:
    """What a use case sees: rows to find and add, events to say, reads and writes to put on record."""

    session: Session
    runtime: Runtime
    actor: Actor
    cause: Event | None = None
    request_id: str = ""
    trace: str = ""
    said: list[Said] = field(default_factory=list)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    made: int = 0
    """How many ids were given."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What a use case wants its event to carry beside the aggregate's own columns."""

    @property
    def today(self) -> date:
        """The business date."""
        return clock.today(self.runtime.settings.today)

    def new_id(self) -> UUID:
        """The id of a new row. A reaction gives the same ids each time it hears the same event: a service that was restored from
        a backup and reads again makes the rows that the others know already, not others like them."""
        if self.cause is None:
            return clock.new_id()
        self.made += 1
        return clock.id_after(UUID(self.cause.id), f"{self.runtime.name}.{self.made}", self.made)

    def add(self, row: T) -> T:
        """Add a new row; its id is there at once."""
        if getattr(row, "id", True) is None:
            row.id = self.new_id()  # type: ignore[attr-defined]
        self.session.add(row)
        return row

    def find(self, model: type[T], **by: Any) -> T | None:
        """The one row with these columns, or None."""
        return self.session.scalars(_rows(cast(Any, model), *_named(by), first=True), by).first()

    def all(self, model: type[T], **by: Any) -> list[T]:
        """All rows with these columns, oldest first."""
        return list(self.session.scalars(_rows(cast(Any, model), *_named(by), first=False), by))

    def get(self, model: type[T], id: UUID | str, lock: bool = False) -> T:
        """The row with this id.

        Raises:
            NotFound: there is none.
        """
        by = UUID(str(id))
        found = self.session.scalars(_locked(cast(Any, model)), {"id": by}).first() if lock else self.session.get(model, by)
        if found is None:
            raise NotFound(f"No {model.__name__.lower()} has this id. Check the id; ids of other services are not known here.")
        return found

    def say(self, name: str, *, key: UUID | str, subject: str, data: dict[str, Any], subject_version: int = 0,
            time: datetime | date | None = None, case: UUID | str | None = None) -> str:
        """Record an event; it is published after the commit, or never if the transaction fails.

        Args:
            name: `referral.accepted`; its contract decides which fields of `data` go out, and that none is missing.
            key: the case or employer whose order it belongs to.
            time: the business time (a date for day-exact facts).
        Returns: the event's id (UUIDv7).
        Raises:
            ValueError: `data` breaks the contract; a bug of this service, so the command fails and changes nothing.
        """
        id = str(clock.new_id())
        self.said.append(Said(id, name, str(key), contracts.fill(name, data), subject, subject_version,
                              time or self.today, str(case) if case else str(key)))
        return id

    def audit(self, action: str, subject: str, subject_id: UUID | str, case_id: UUID | None = None, purpose: str = "case_work") -> None:
        """Put a read or write on record in this transaction; ids only."""
        self.audits.append({
            "at": clock.now(), "actor": self.actor.id, "role": self.actor.role, "unit": self.actor.unit,
            "acting_for": self.actor.acting_for or None, "action": action, "subject": subject, "subject_id": str(subject_id),
            "case_id": case_id, "purpose": purpose, "request_id": self.request_id,
        })

    def close(self) -> None:
        """Write what was collected; called once, as the last thing before COMMIT (or before `trips.write`)."""
        self.session.flush()
        if self.said:
            _fill_outbox(self)
        trips.at_the_end(self.session, INTO_TRANSITION, self.transitions)
        trips.at_the_end(self.session, INTO_AUDIT, self.audits)


def _named(by: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(columns that must hold a value, columns that must be empty)."""
    return tuple(n for n, value in by.items() if value is not None), tuple(n for n, value in by.items() if value is None)


@lru_cache(maxsize=512)
def _rows(model: Any, equal: tuple[str, ...], empty: tuple[str, ...], first: bool) -> Any:
    """A question is put together once; doing it for every command costs as much as its answer."""
    found = select(model).where(*(getattr(model, n) == bindparam(n) for n in equal), *(getattr(model, n).is_(None) for n in empty))
    return found.limit(1) if first else found.order_by(model.id)


@lru_cache(maxsize=512)
def _locked(model: Any) -> Any:
    return select(model).where(inspect(model).primary_key[0] == bindparam("id")).with_for_update(of=model)


def _fill_outbox(tx: Tx) -> None:
    """Give every event its dense seq and put it into the outbox; a public one twice, with the same id.

    Streams are raised in sorted order, so that two transactions that speak of the same two keys cannot deadlock."""
    recorded = clock.now()
    rows: list[tuple[str, Said, dict[str, Any], str]] = []
    for said in tx.said:
        contract = contracts.CATALOGUE[said.name]
        rows.append((TOPICS[contract.by], said, said.data, "internal"))
        if contract.public:
            rows.append((PUBLIC_TOPIC, said, {k: said.data[k] for k in contract.public if k in said.data}, "integrator"))
    counts: dict[tuple[str, str], int] = {}
    for topic, said, _data, _audience in rows:
        counts[topic, said.key] = counts.get((topic, said.key), 0) + 1
    places = sorted(counts.items())
    raised = trips.ask(tx.session, *((RAISE_STREAM, {"topic": topic, "key": key, "n": n}) for (topic, key), n in places))
    seqs = {place: rows[0][0] - n for (place, n), rows in zip(places, raised, strict=True)}
    out = []
    traces: dict[str, str] = {}
    for topic, said, data, audience in rows:
        seqs[topic, said.key] += 1
        traces[said.id] = traces.get(said.id) or tracing.said(said.name, topic, tx.trace)
        event = _envelope(tx, said, data, audience, seqs[topic, said.key], recorded, traces[said.id])
        out.append({"event_id": said.id, "topic": topic, "key": said.key, "seq": event.seq, "type": event.type,
                    "payload": event.encode().decode(), "recorded_at": recorded})
    trips.at_the_end(tx.session, INTO_OUTBOX, out)


def _envelope(tx: Tx, said: Said, data: dict[str, Any], audience: str, seq: int, recorded: datetime, trace: str) -> Event:
    role, unit = (tx.actor.role, tx.actor.unit) if audience == "internal" else ("", "")
    moment = said.time if isinstance(said.time, datetime) else datetime(said.time.year, said.time.month, said.time.day)
    return Event(
        id=said.id, type=f"jobtrappen.{said.name}.v{contracts.CATALOGUE[said.name].version}",
        source=f"{tx.runtime.settings.source}/{contracts.CATALOGUE[said.name].by}", subject=said.subject, key=said.key, data=data,
        time=moment.isoformat() + ("Z" if moment.tzinfo is None else ""), seq=seq, epoch=tx.runtime.epoch,
        recorded=recorded.isoformat(timespec="milliseconds").replace("+00:00", "Z"), case=said.case,
        cause=tx.cause.id if tx.cause else "", trace=trace, subject_version=said.subject_version, audience=audience,
        role=role if ROLE.fullmatch(role) else "", unit=unit if UNIT.fullmatch(unit) else "",  # an organisation's own id or another's wording stays out
    )


@contextmanager
def transaction(runtime: Runtime, actor: Actor, *, cause: Event | None = None, request_id: str = "", trace: str = "") -> Iterator[Tx]:
    """A write transaction of one actor; commits on leaving, then wakes the relay if something was said."""
    with writing(runtime.engine) as session:
        tx = Tx(session, runtime, actor, cause, request_id, trace)
        yield tx
        tx.close()
    if tx.said:
        runtime.wake()


def seal_details(tx: Tx, details: dict[str, Any]) -> str | None:
    """Free text and other details of a transition, encrypted; None when there are none."""
    plain = {k: v for k, v in details.items() if v not in (None, "", [])}
    return tx.runtime.vault.seal_document(json.loads(json.dumps(plain, default=str)), "transition") if plain else None


def open_details(tx: Tx, sealed: str) -> dict[str, Any]:
    """What `seal_details` sealed in a transition."""
    return tx.runtime.vault.open_document(sealed, "transition")

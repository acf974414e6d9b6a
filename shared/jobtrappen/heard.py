# SPDX-License-Identifier: MPL-2.0
"""What other services have told of a case, kept in one's own database, so that one timeline shows it all and stands there while
they are away. A row is an event's ids, codes and dates: what the bus may carry, and so nothing of the person.

    HEARD = heard.table(Base.metadata)                     in model.py
    TOLD = heard.listen(REACTIONS, HEARD, "referral")      in reactions.py, after all reactions
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, Index, MetaData, String, Table, Uuid, literal, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from jobtrappen import tables
from jobtrappen.config import PARTITIONS, TOPICS
from jobtrappen.consumer import Reactions
from jobtrappen.contracts import CATALOGUE
from jobtrappen.db import Moment
from jobtrappen.event import UUID as AN_ID
from jobtrappen.event import Event
from jobtrappen.runtime import Projection
from jobtrappen.tx import Tx
from jobtrappen.watch import HEARD as MARK

NOT_TOLD = frozenset({"person.changed", "person.erased", "household.linked"})
"""Of the person, not of the case; or of somebody else."""
EVENTS = tuple(name for name, contract in CATALOGUE.items() if "case_id" in contract.data and name not in NOT_TOLD)
ABOUT = {"match": "measure", "interview": "measure", "agreement": "measure", "placement": "measure", "step": "step_to", "assessment": "start_step",
         "partner_request": "request_type", "milestone": "weeks"}
"""By what an event is about: the one field of it that a timeline shows."""
QUIET_SECONDS = 120
"""So long may nothing have been taken in before a page says so."""
M = tables.measure.c


def table(metadata: MetaData) -> Table:
    """The table of a service that shows what it hears. The key is the event's id, so what is heard twice stands there once."""
    return Table(
        "heard", metadata, Column("id", Uuid, primary_key=True), Column("case_id", Uuid, nullable=False), Column("name", String(60), nullable=False),
        Column("service", String(20), nullable=False), Column("resource", String(40)), Column("thing_id", Uuid), Column("about", String(40)), Column("role", String(40)),
        Column("unit", String(40)), Column("effective_date", Date, nullable=False), Column("recorded_at", Moment, nullable=False),
        Index("ix_heard_case", "case_id"), Index("ix_heard_service", "service", "recorded_at"))


def listen(reactions: Reactions, into: Table, me: str) -> Projection:
    """Keep everything that the other services tell of cases. Returns: the table as a projection that `rebuild` can make anew."""
    told = tuple(name for name in EVENTS if CATALOGUE[name].by != me)

    # Built once: an expression for each event cost more than the insert itself.
    inserts: dict[str, Any] = {name: dialect.insert(into).on_conflict_do_nothing(index_elements=["id"]) for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite))}

    def keep(tx: Tx, event: Event) -> None:
        tx.session.execute(inserts[tx.session.get_bind().dialect.name], row(event))

    reactions.also(keep, told)
    return Projection(into, told, fills=keep)


def row(event: Event) -> dict[str, Any]:
    """An event as a line of its case's timeline."""
    resource, _, id = event.subject.partition("/")
    of = event.name.partition(".")[0]
    about = event.data.get(ABOUT[of]) if of in ABOUT else None
    known = AN_ID.fullmatch(id) is not None and resource.replace("_", "").isalpha() and len(resource) <= 40
    return {"id": UUID(event.id), "case_id": UUID(event.data["case_id"]), "name": event.name, "service": CATALOGUE[event.name].by,
            "resource": resource if known else None, "thing_id": UUID(id) if known else None, "about": None if about is None else str(about),
            "role": event.role or None, "unit": event.unit or None, "effective_date": date.fromisoformat(event.day),
            "recorded_at": datetime.fromisoformat(event.recorded)}


def timeline(tx: Tx, into: Table, case_id: UUID, transitions: Iterable[Any], more: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Everything that this service knows of a case, its own and what it has heard, the latest first.

    Args:
        transitions: the own lifecycles' rows that the reader may see.
        more: own facts that belong to no lifecycle: {what, resource, thing_id, effective_date, …}.
    """
    me = tx.runtime.name
    own = [{"service": me, "what": f"{t.lifecycle}.{t.action}", "resource": t.lifecycle, "thing_id": t.subject_id, "role": t.role, "unit": t.unit,
            "by": t.actor if t.role not in ("partner", "system") else None, "effective_date": t.effective_date, "recorded_at": t.recorded_at} for t in transitions]
    heard = [{**r._mapping, "what": r.name} for r in tx.session.execute(select(into).where(into.c.case_id == case_id))]
    whole = [*own, *({"service": me, **one} for one in more), *heard]
    return sorted(whole, key=lambda one: (one["effective_date"], str(one.get("recorded_at") or ""), str(one.get("thing_id"))), reverse=True)


def latest(tx: Tx, into: Table) -> dict[str, datetime | None]:
    """{other service: when the newest of what it told was recorded}; None for one that has told nothing."""
    c = into.c
    others = sorted({CATALOGUE[name].by for name in EVENTS} - {tx.runtime.name})
    newest = [select(literal(name).label("service"), select(c.recorded_at).where(c.service == name).order_by(c.recorded_at.desc()).limit(1).scalar_subquery().label("at"))
              for name in others]
    return {r.service: r.at for r in tx.session.execute(union_all(*newest))}


def quiet(tx: Tx, now: datetime) -> dict[str, datetime]:
    """{other service: since when nothing of it can have been taken in}: this service's own consumer or the bus stands still.

    Empty where all is well, and where nobody looks (a service that runs without workers beside it)."""
    marks: dict[str, list[float]] = {}
    for label, value in tx.session.execute(select(M.label, M.value).where(M.name == MARK)):
        marks.setdefault(label.rpartition("/")[0], []).append(value)
    found = {name: datetime.fromtimestamp(min(marks[topic]), now.tzinfo) for name, topic in TOPICS.items()
             if topic in tx.runtime.service.reads and len(marks.get(topic, ())) >= PARTITIONS}
    return {name: since for name, since in found.items() if (now - since).total_seconds() > QUIET_SECONDS}

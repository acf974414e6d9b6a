# SPDX-License-Identifier: MPL-2.0
"""What an operator watches of one service, read from its own tables: by /readyz, /metrics and `jobtrappen doctor`.

Every question is answered from an index or from the end of a table, because it is asked every few seconds for years.
"""
from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobtrappen import clock, tables
from jobtrappen.config import PARTITIONS
from jobtrappen.db import reading
from jobtrappen.runtime import Runtime
from jobtrappen.watch import HEARD

DEGRADED_SECONDS = 60
HEARTBEAT_SECONDS = 30
KEPT_STATES = ("waiting", "parked", "behind", "dropped")
O, K, A = tables.outbox.c, tables.kept.c, tables.audit.c
UNSEALED_AT = select(A.at).where(A.chain_no.is_(None)).order_by(A.id).limit(1)
UNSEALED = select(func.count()).select_from(tables.audit).where(A.chain_no.is_(None))
LATEST_LINKS = select(A.chain_no).where(A.chain_no.is_not(None)).order_by(A.id.desc()).limit(500).subquery()
UNPUBLISHED_AT = select(O.recorded_at).where(O.published_at.is_(None)).order_by(O.id).limit(1)
UNPUBLISHED = select(func.count()).select_from(tables.outbox).where(O.published_at.is_(None))


def state(runtime: Runtime) -> dict[str, Any]:
    """All of it, in one read transaction.

    Returns: ahead (seconds by which a heartbeat lies in the future), unpublished (count), oldest_unpublished (seconds), kept by state, oldest_waiting (seconds), dead,
    workers [{role, member, age, state}], lag (seconds by topic), audit {head, unsealed, oldest_unsealed} and measures
    {(name, label): value}, as the workers wrote them.
    Raises:
        Unavailable: the database is away.
    """
    with reading(runtime.engine) as session:
        now = clock.now()
        kept = {row.state: row.number for row in session.execute(select(K.state, func.count().label("number")).group_by(K.state))}
        measures = {(row.name, row.label): row.value for row in session.execute(select(tables.measure))}
        beats = session.execute(select(tables.heartbeat).where(tables.heartbeat.c.at > now - timedelta(days=1))).mappings().all()
        return {
            "unpublished": session.scalar(UNPUBLISHED) or 0, "oldest_unpublished": _age(now, session.scalar(UNPUBLISHED_AT)),
            "kept": kept, "oldest_waiting": _age(now, session.scalar(select(func.min(K.since)).where(K.state == "waiting"))),
            "ahead": max((round((b["at"] - now).total_seconds(), 1) for b in beats), default=0.0),
            "dead": session.scalar(select(func.count()).select_from(tables.dead_letter)) or 0,
            "workers": [{"role": b["role"], "member": b["member"], "age": _age(now, b["at"]), "state": b["state"]} for b in beats],
            "lag": {topic: lag(measures, topic) for topic in runtime.service.reads}, "audit": _audit(session, now), "measures": measures,
        }


def _age(now: Any, moment: Any) -> float:
    """Seconds between. A moment in the future is no youth: the clock was set back, and how long ago it was nobody knows."""
    return abs(round((now - moment).total_seconds(), 1)) if moment else 0.0


def _audit(session: Session, now: Any) -> dict[str, Any]:
    """The head is looked for among the latest rows: a late commit puts links and ids out of step by a few."""
    return {"head": session.scalar(select(func.max(LATEST_LINKS.c.chain_no))) or 0, "unsealed": session.scalar(UNSEALED) or 0,
            "oldest_unsealed": _age(now, session.scalar(UNSEALED_AT))}


def lag(measures: dict[tuple[str, str], float], topic: str) -> float:
    """Seconds since the moment up to which everything on a topic is known to have been heard; infinite where a partition
    was never heard to its end and nothing of it was applied either."""
    marks = [value for (name, label), value in measures.items() if name == HEARD and label.rpartition("/")[0] == topic]
    return round(abs(time.time() - min(marks)), 1) if len(marks) >= PARTITIONS else float("inf")


def beating(seen: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """The workers of a role whose heart beats."""
    return [worker for worker in seen["workers"] if worker["role"] == role and worker["age"] < HEARTBEAT_SECONDS]

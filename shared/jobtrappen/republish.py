# SPDX-License-Identifier: MPL-2.0
"""After the bus was lost: the outboxes hold every event that was ever said, so a new bus is filled from them.

Each event keeps its id, epoch and seq and each reader its cursor, so what was applied before is passed over.
"""
from __future__ import annotations

from sqlalchemy import delete, update

from jobtrappen import tables
from jobtrappen.db import writing
from jobtrappen.restore import refuse_running
from jobtrappen.runtime import Runtime


def republish(runtime: Runtime, force: bool = False) -> int:
    """Mark the whole outbox as unpublished and let the consumer begin at the start.

    Returns: how many events will be published again.
    Raises:
        BackupFailed: the service is running.
    """
    refuse_running(runtime, force)
    with writing(runtime.engine) as session:
        session.execute(delete(tables.position).where(tables.position.c.consumer == f"jobtrappen.{runtime.name}"))
        return int(session.execute(update(tables.outbox).values(published_at=None)).rowcount)  # type: ignore[attr-defined]

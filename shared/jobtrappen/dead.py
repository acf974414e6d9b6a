# SPDX-License-Identifier: MPL-2.0
"""Dead letters: records that were no events. They are kept as they came, hold nobody up, and wait for a person to look.

They do not count for the breaker: a stranger's bytes must not be able to stop a service. Nor are they shown in full: nobody
knows what they hold, so `show` gives sizes, a digest and a short beginning with everything unprintable escaped. Whoever
must see all of it reads the topic at the place that is named.
"""
from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import delete, func, select

from jobtrappen import tables
from jobtrappen.db import reading
from jobtrappen.errors import NotFound
from jobtrappen.privacy import scrub
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, Actor, transaction

D = tables.dead_letter.c
BEGINNING = 64
"""Bytes of a key or value that are shown."""


def listing(runtime: Runtime) -> list[dict[str, Any]]:
    """Every dead letter, oldest first: id, topic, partition, offset, size in bytes, reason, at. Nothing of what it holds."""
    query = select(D.id, D.topic, D.partition, D.record_offset.label("offset"), func.length(D.value).label("size"), D.reason, D.at).order_by(D.id)
    with reading(runtime.engine) as session:
        return [{**row, "size": row["size"] or 0} for row in session.execute(query).mappings()]


def show(runtime: Runtime, id: int) -> dict[str, Any]:
    """One dead letter.

    Raises:
        NotFound: there is none of this id.
    """
    with reading(runtime.engine) as session:
        row = session.execute(select(tables.dead_letter).where(D.id == id)).mappings().first()
    if row is None:
        raise NotFound(f"No dead letter has the id {id}; see `jobtrappen dead list`.")
    value = row["value"]
    return {"id": row["id"], "consumer": row["consumer"], "topic": row["topic"], "partition": row["partition"], "offset": row["record_offset"],
            "at": row["at"], "reason": row["reason"], "size": len(value or b""), "sha256": hashlib.sha256(value).hexdigest() if value is not None else None,
            "key": beginning(row["key"]), "value": beginning(value)}


def beginning(given: bytes | None) -> str | None:
    """The first bytes in plain ASCII, whatever they are; what looks like a CPR number is masked."""
    if given is None:
        return None
    words = "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in given[:BEGINNING])
    return scrub(words) + ("…" if len(given) > BEGINNING else "")


def drop(runtime: Runtime, id: int, by: Actor = SYSTEM) -> None:
    """Somebody has looked: take it off the list, on the audit record of who did. On the topic it stays.

    Raises:
        NotFound: there is none of this id.
    """
    place = show(runtime, id)
    with transaction(runtime, by) as tx:
        tx.session.execute(delete(tables.dead_letter).where(D.id == id))
        tx.audit("dead.drop", "record", f"{place['topic']}/{place['partition']}@{place['offset']}", purpose="operation")

# SPDX-License-Identifier: MPL-2.0
"""Time and ids, asked for in one place. Recorded time is the machine's; the business date may be pinned."""
from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import uuid6


def now() -> datetime:
    """The moment of recording, timezone-aware UTC."""
    return datetime.now(UTC)


def after(earlier: datetime | None) -> datetime:
    """The moment of recording of something that comes after another: later than that one, also where the clock was set back."""
    return now() if earlier is None else max(now(), earlier + timedelta(microseconds=1))


def new_id() -> UUID:
    """A UUIDv7: unique, and close to time order, which keeps indexes compact."""
    return UUID(int=uuid6.uuid7().int)


def id_after(id: UUID, name: str, number: int) -> UUID:
    """A UUIDv7 that follows from another one: of its moment, then in the order of `number` (0 to 4095), and by the hash of both
    names unlike any other. The same arguments give the same id."""
    moment, rest = id.int >> 80, int.from_bytes(hashlib.sha256(id.bytes + name.encode()).digest()[:8], "big")
    return UUID(int=moment << 80 | 0x7 << 76 | (number & 0xFFF) << 64 | 0b10 << 62 | rest >> 2)


def today(pinned: date | None) -> date:
    """The business date: the pinned one (JOBTRAPPEN_TODAY), else the calendar's."""
    return pinned or date.today()

# SPDX-License-Identifier: MPL-2.0
"""What the tables of every service share."""
from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Aggregate:
    """What everything with a lifecycle has. `KIND` is its name in events (`<KIND>_id`) and problem texts."""

    KIND = ""
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    effective_date: Mapped[date]

# SPDX-License-Identifier: MPL-2.0
"""Workers say that they live, in their own service's database, so that /readyz and the operator see them."""
from __future__ import annotations

import os
import socket
import time

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError

from jobtrappen import clock, tables
from jobtrappen.db import writing
from jobtrappen.errors import Unavailable
from jobtrappen.runtime import Runtime

EVERY_SECONDS = 5.0
UPSERT = text(
    "INSERT INTO heartbeat (role, member, at, state) VALUES (:role, :member, :at, :state)"
    " ON CONFLICT (role, member) DO UPDATE SET at = :at, state = :state"
).bindparams(bindparam("at", type_=tables.heartbeat.c.at.type))


class Beat:
    """One worker's heartbeat. Failing to beat is never a reason to stop working."""

    def __init__(self, runtime: Runtime, role: str) -> None:
        self.runtime, self.role, self.last = runtime, role, 0.0
        self.member = runtime.settings.member or f"{socket.gethostname()}-{os.getpid()}"

    def maybe(self, state: str) -> None:
        """Beat if the last beat is five seconds old."""
        if time.monotonic() - self.last > EVERY_SECONDS:
            self.now(state)

    def now(self, state: str) -> None:
        try:
            with writing(self.runtime.engine) as session:
                session.execute(UPSERT, {"role": self.role, "member": self.member[:120], "at": clock.now(), "state": state[:200]})
            self.last = time.monotonic()
        except (Unavailable, DBAPIError):
            self.last = time.monotonic()

# SPDX-License-Identifier: MPL-2.0
"""`settle`: has everything that was said been heard? Scripts and tests wait on it, never on a sleep."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sqlalchemy import func, select

from jobtrappen import people, tables
from jobtrappen.bus import Bus, Place
from jobtrappen.db import reading
from jobtrappen.errors import BusError, JobtrappenError, Unavailable
from jobtrappen.runtime import Runtime

O, P = tables.outbox.c, tables.position.c


class NotSettled(JobtrappenError):
    """The time is over; says what is still open."""


def open_work(runtimes: Iterable[Runtime], bus: Bus) -> list[str]:
    """What is still on its way, in words for an operator; [] when nothing is."""
    found: list[str] = []
    ends: dict[Place, int] = {}
    for runtime in runtimes:
        with reading(runtime.engine) as session:
            unpublished = session.scalar(select(func.count()).where(O.published_at.is_(None))) or 0
            kept = session.execute(select(tables.kept.c.state, func.count()).group_by(tables.kept.c.state)).all()
            dead = session.scalar(select(func.count()).select_from(tables.dead_letter)) or 0
            copies = people.wanted(session) if runtime.service.person_purpose else 0
            at = {(r.topic, r.partition): r.next_offset for r in session.execute(select(P.topic, P.partition, P.next_offset)
                                                                               .where(P.consumer == f"jobtrappen.{runtime.name}"))}
        found += [f"{runtime.name}: {unpublished} unpublished"] if unpublished else []
        found += [f"{runtime.name}: {n} {state}" for state, n in kept]
        found += [f"{runtime.name}: {dead} dead letters"] if dead else []
        found += [f"{runtime.name}: {copies} persons to fetch"] if copies else []
        ends.update({} if all(t in {p[0] for p in ends} for t in runtime.service.reads) else bus.ends(runtime.service.reads))
        behind = sum(max(0, end - at.get(place, 0)) for place, end in ends.items() if place[0] in runtime.service.reads)
        found += [f"{runtime.name}: {behind} records behind"] if behind else []
    return found


def _outboxes(runtimes: Iterable[Runtime]) -> list[int]:
    heads = []
    for runtime in runtimes:
        with reading(runtime.engine) as session:
            heads.append(session.scalar(select(func.max(O.id))) or 0)
    return heads


def settle(runtimes: list[Runtime], bus: Bus, seconds: float = 60.0, progress: Callable[[list[str]], None] = lambda _left: None) -> None:
    """Wait until outboxes are empty, positions at the ends, and nothing waits, is parked or dead: twice in a row, with
    unchanged outboxes in between.

    Raises:
        NotSettled: the time is over, with what is still open.
    """
    deadline = time.monotonic() + seconds
    quiet: list[int] | None = None
    left = ["nothing was read yet"]
    while time.monotonic() < deadline:
        try:
            before = _outboxes(runtimes)
            left = open_work(runtimes, bus)
        except (BusError, Unavailable) as error:
            left = [f"{error.__class__.__name__}: {error}"]
        progress(left)
        if not left:
            if quiet == before:
                return
            quiet = before
        else:
            quiet = None
        time.sleep(0.05)
    raise NotSettled(f"Not settled after {seconds:.0f} s: {'; '.join(left)}")

# SPDX-License-Identifier: MPL-2.0
"""What somebody did to the audit log: every link that does not hold, with what is wrong and what to do."""
from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select

from jobtrappen import clock, tables
from jobtrappen.audit import GENESIS, A, digest

T = tables.transition.c
LATE = timedelta(minutes=1)
"""The relay's leader seals every second; a row that has waited longer has no leader, or was put in behind its back."""
NEWEST = 200
"""So many of the newest transitions are looked up in the log: each must have left its row there."""
MOST = 1000
"""So many faults of a log are named; a log that was rewritten from its start has one for each row."""
RESTORE = "Compare with a backup (`jobtrappen restore` into another place), and find out who had the database's log-in at that time."


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `link` is its number in the chain; 0 where it has none."""

    link: int
    what: str
    remedy: str = RESTORE

    def __str__(self) -> str:
        return f"{f'link {self.link}' if self.link else 'the log'}: {self.what} {self.remedy}"


@dataclass(frozen=True)
class Found:
    """What a check saw: how far the chain goes, and what is wrong with it."""

    number: int
    seal: str
    faults: tuple[Fault, ...]


def check(connection: Connection, keys: Sequence[bytes], known: tuple[int, str] | None = None) -> Found:
    """Read the whole log once, oldest link first.

    Args:
        keys: of the seal, `audit.keys`.
        known: a head (number, seal) that was kept elsewhere; without it a tail that is gone is found only by its transitions.
    """
    faults: list[Fault] = []
    number, seal, seen = 0, GENESIS, (known or (0, ""))[0] == 0
    rows = select(tables.audit).where(A.chain_no.is_not(None)).order_by(A.chain_no, A.id).execution_options(yield_per=2000)
    for row in connection.execute(rows):
        faults += _link(row, number, seal, keys) if len(faults) < MOST else ()
        number, seal = max(number, row.chain_no), row.chain_hash or ""
        if known and row.chain_no == known[0]:
            seen = hmac.compare_digest(seal.encode(), known[1].encode())
            if not seen:
                faults.append(Fault(known[0], "is not the head that was kept: the chain was made anew."))
                seen = True
    if known and not seen:
        faults.append(Fault(number + 1, f"is gone, and all after it: the head that was kept is link {known[0]}, the log ends at {number}."))
    return Found(number, seal, (*faults, *_late(connection), *_unwritten(connection)))


def _link(row: Any, number: int, seal: str, keys: Sequence[bytes]) -> Iterator[Fault]:
    """What is wrong with one row, given the number and seal of the row before it."""
    if row.chain_no <= number:
        yield Fault(row.chain_no, f"stands twice: row {row.id} was put in.")
    elif row.chain_no > number + 1:
        gone = f"link {number + 1} is" if row.chain_no == number + 2 else f"links {number + 1} to {row.chain_no - 1} are"
        yield Fault(number + 1, f"{gone} gone: rows were removed before row {row.id}.")
    elif not any(hmac.compare_digest(digest(key, seal, row.chain_no, row), row.chain_hash or "") for key in keys):
        yield Fault(row.chain_no, f"does not hold: row {row.id} (or the seal before it) was changed or moved, "
                                  "or its seal was made with a secret that JOBTRAPPEN_SECRET does not list.")


def _late(connection: Connection) -> Iterator[Fault]:
    n, oldest = connection.execute(select(func.count(), func.min(A.at)).where(A.chain_no.is_(None), A.at < clock.now() - LATE)).one()
    if n:
        yield Fault(0, f"{n} rows are not sealed, the oldest of {oldest.isoformat(timespec='seconds')}.",
                    "Start the relay of this service (`jobtrappen relay`); if it runs, look why it does not lead.")


def _unwritten(connection: Connection) -> Iterator[Fault]:
    """Every transition leaves its row; so a tail that was cut off is missed, even where no head was kept."""
    newest = connection.execute(select(tables.transition).where(T.case_id.is_not(None)).order_by(T.id.desc()).limit(NEWEST)).all()
    rows = connection.execute(select(A.action, A.subject_id, A.actor).where(A.case_id.in_({t.case_id for t in newest})))
    written = {(row.action, row.subject_id, row.actor) for row in rows}
    missed = [t for t in newest if (f"{t.lifecycle}.{t.action}", str(t.subject_id), t.actor) not in written]
    if missed:
        yield Fault(0, f"{len(missed)} of the {len(newest)} newest transitions have no row, the latest of "
                       f"{missed[0].recorded_at.isoformat(timespec='seconds')}: rows were removed.")


def tail(connection: Connection, keys: Sequence[bytes]) -> tuple[Fault, ...]:
    """What is wrong at the chain's end, without reading the whole log: a look that may be taken every few minutes."""
    newest = select(tables.audit).where(A.chain_no.is_not(None)).order_by(A.id.desc()).limit(2 * NEWEST)
    rows = sorted(connection.execute(newest), key=lambda row: row.chain_no)[-NEWEST:]  # ids and links are out of step by a few
    faults: list[Fault] = []
    for before, row in pairwise(rows):
        faults += _link(row, before.chain_no, before.chain_hash or "", keys)
    return (*faults, *_unwritten(connection))

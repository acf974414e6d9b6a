# SPDX-License-Identifier: MPL-2.0
"""Records that a reader was not given (docs/adr/0011).

Topics are kept for ever and not compacted, and nobody writes to them in transactions, so the offsets of a partition have no
holes. Records behind one come from a client that passed some over, which has happened, or from a broker that lost some.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobtrappen.errors import BusError

log = logging.getLogger(__name__)
Beginnings = Callable[[list[Any]], Mapping[Any, int]]


class Holes:
    """What was missing so far, known to all subscriptions of a bus: it is asked for again once, and who is told so twice believes it."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int, int, int]] = set()

    def look(self, at: Any, first: int, batch: Sequence[Any], beginnings: Beginnings) -> None:
        """
        Args:
            at: topic and partition. first: the offset that was asked for. batch: what came, in offset order, `first` or later.
            beginnings: asks the broker for the oldest offsets that it still has.
        Raises:
            BusError: something is missing in front of a record, for the first time. Read from the stored position again.
        """
        for record in batch:
            if record.offset > first:
                self._missing(at, first, record.offset, beginnings)
            first = record.offset + 1

    def _missing(self, at: Any, first: int, after: int, beginnings: Beginnings) -> None:
        hole = at.topic, at.partition, first, after
        words = f"{at.topic}/{at.partition}: {after - first} records from offset {first} on were not given"
        if hole not in self._told and _oldest(at, beginnings) < after:
            self._told.add(hole)
            raise BusError(f"{words}; they are asked for again")
        log.warning("%s, for they are no longer on the broker: what is missing in a case is noticed by its seq", words)


def _oldest(at: Any, beginnings: Beginnings) -> int:
    try:
        return beginnings([at])[at]
    except Exception as error:
        raise BusError(f"{at.topic}/{at.partition}: cannot be asked where it begins: {error!r}") from error

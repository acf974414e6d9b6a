# SPDX-License-Identifier: MPL-2.0
"""Records that a reader was not given (docs/adr/0011).

Topics are kept for ever and not compacted, and nobody of ours writes to them in transactions, so the offsets of a partition have no
holes. Records behind one come from a client that passed some over, or from a broker that has none there.
"""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

log = logging.getLogger(__name__)


class Holes:
    """What one subscription was not given: it is asked for once more, and what is missing then too is not there."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, int, int]] = set()

    def new(self, at: Any, first: int, batch: Sequence[Any]) -> bool:
        """Whether something is missing in front of a record that was not asked for again yet.

        Args:
            at: topic and partition. first: the offset that was asked for. batch: what came, in offset order.
        """
        expected = [first, *(record.offset + 1 for record in batch)]
        found = {(at, missing, record.offset) for missing, record in zip(expected, batch, strict=False) if record.offset > missing}
        for hole in sorted(found):
            _at, missing, after = hole
            log.warning("%s/%s: %d records from offset %d on were not given; %s", at.topic, at.partition, after - missing, missing,
                        "they are not on the broker: what is missing in a case is noticed by its seq" if hole in self._seen else "they are asked for again")
        new = not found <= self._seen
        self._seen |= found
        return new

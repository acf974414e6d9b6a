# SPDX-License-Identifier: MPL-2.0
"""Read topics from a place up to the ends that they have now, beside the consumer and without moving any position.

The reader is a group of its own (`jobtrappen.<service>.replay`), so a service's broker user needs no other right than
reading these topics and groups of this prefix.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from jobtrappen.bus import Bus, Place, Record
from jobtrappen.errors import BusError

CHUNK = 500
STALLED_SECONDS = 60.0


def replay(bus: Bus, name: str, topics: Sequence[str], since: Mapping[Place, int] | None = None, until: Mapping[Place, int] | None = None,
           progress: Callable[[int, int], None] = lambda _done, _total: None) -> Iterator[list[Record]]:
    """Batches of records, in offset order for each partition.

    Args:
        name: the service for whom it is read.
        since: the first offset of each place; 0 where none is given.
        until: the offset before which to stop; the present ends where none is given.
        progress: called with (records read, records in all).
    Raises:
        BusError: the bus does not answer, a place is beyond its end, or another replay of this service runs.
    """
    began, ends = dict(since or {}), dict(until if until is not None else bus.ends(topics))
    at = {place: began.get(place, 0) for place in ends}
    total, done = sum(max(0, end - at[place]) for place, end in ends.items()), 0
    if not total:
        return
    subscription = bus.subscribe(f"jobtrappen.{name}.replay", topics, lambda topic, partition: at.get((topic, partition), 0))
    heard = time.monotonic()
    try:
        while done < total:
            batch = [r for r in subscription.poll(1.0, CHUNK) if at.get((r.topic, r.partition), 0) <= r.offset < ends.get((r.topic, r.partition), 0)]
            for record in batch:
                at[record.topic, record.partition] = record.offset + 1
            if batch:
                heard, done = time.monotonic(), sum(max(0, at[p] - began.get(p, 0)) for p in ends)
                progress(done, total)
                yield batch
            elif time.monotonic() - heard > STALLED_SECONDS:
                raise BusError(f"{total - done} records of {', '.join(topics)} did not come within {STALLED_SECONDS:.0f} s; "
                               f"does another rebuild or restore of {name} run?")
    finally:
        subscription.close()

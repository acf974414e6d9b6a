# SPDX-License-Identifier: MPL-2.0
"""What a consumer's transaction did, as numbers. It is counted after the commit, so nothing is counted that did not happen;
what a killed process had not written down yet (a few seconds' worth) is missing from the counts, never from the effects."""
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobtrappen import contracts
from jobtrappen.metrics import Measures, seconds_of
from jobtrappen.watch import HEARD

if TYPE_CHECKING:
    from jobtrappen.event import Event
    from jobtrappen.inbox import Arrival, Inbox


def measure(into: Measures, todo: Sequence[Arrival], inbox: Inbox) -> None:
    """Counts, the time from commit to effect, how far each partition was heard, and how far the clocks are apart."""
    now = time.time()
    buried = sum(arrival.event is None for arrival in todo)
    counts = {"applied": len(inbox.applied), "kept": inbox.queued, "buried": buried,
              "unknown": sum(arrival.event is not None and unknown(arrival.event) for arrival in todo),
              "repeated": len(todo) - len(inbox.applied) - inbox.queued - buried}
    for name, number in counts.items():
        if number:
            into.add(name, by=number)
    into.effects(inbox.recorded, now)
    last = {(arrival.record.topic, arrival.record.partition): arrival for arrival in todo if arrival.event}
    for (topic, partition), arrival in last.items():
        said = seconds_of(arrival.event.recorded) if arrival.event else None
        if said is not None:
            into.mark(HEARD, f"{topic}/{partition}", min(said, now))
            into.put("clock_difference", "", difference(said, arrival.record.timestamp, now))


def unknown(event: Event) -> bool:
    """Of a type or version that this release has no contract for: a newer release's, a plugin's, or a stranger's."""
    contract = contracts.CATALOGUE.get(event.name)
    return contract is None or contract.version != event.version


def difference(said: float, taken: float, heard: float) -> float:
    """How far the broker's clock is off, in seconds, as far as the order of three moments proves it: said, taken by the
    broker, heard. Ahead of ours is above 0, behind the producer's below; 0 where nothing is proven."""
    if not taken:
        return 0.0
    return round(taken - heard if taken > heard else min(taken - said, 0.0), 3)

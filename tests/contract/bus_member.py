# SPDX-License-Identifier: MPL-2.0
"""A member of a consumer group in a process of its own, to be killed: `bus_member.py URL GROUP TOPIC`.

Prints one JSON line [topic, partition, offset] for each record; stores no position. Ends by itself after a minute.
"""
from __future__ import annotations

import json
import sys
import time

from jobtrappen.bus import Bus, kafka, sqlite


def bus_at(url: str) -> Bus:
    """The backend for a URL, without loading the other plugins."""
    bus = sqlite.bus_backend(url=url) or kafka.bus_backend(url=url)
    assert bus is not None, url
    return bus


def main(url: str, group: str, topic: str) -> None:
    subscription = bus_at(url).subscribe(group, [topic], lambda topic, partition: 0)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for record in subscription.poll(0.2):
            print(json.dumps([record.topic, record.partition, record.offset]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

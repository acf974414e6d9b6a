# SPDX-License-Identifier: MPL-2.0
"""Running relays and consumers: each in a thread of its own; SIGTERM drains, a bug ends the process at once, because a
supervisor that starts it again is better than half a process that goes on.
"""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable

import structlog

from jobtrappen import logs
from jobtrappen.bus import open_bus
from jobtrappen.consumer import Consumer
from jobtrappen.people import Fetcher
from jobtrappen.relay import Relay
from jobtrappen.runtime import Runtime
from jobtrappen.watch import Watch

log = structlog.get_logger("jobtrappen.workers")
Work = Callable[[threading.Event], None]


def relays(runtimes: Iterable[Runtime]) -> list[tuple[str, Work]]:
    found: list[tuple[str, Work]] = []
    for runtime in runtimes:
        runtime.hurry()
        found.append((f"relay {runtime.name}", Relay(runtime, open_bus(runtime.settings.bus)).run))
    return found


def consumers(runtimes: Iterable[Runtime]) -> list[tuple[str, Work]]:
    """A consumer for each service that listens to others, and a fetcher where it keeps copies of persons."""
    found: list[tuple[str, Work]] = []
    for runtime in runtimes:
        runtime.hurry()
        if runtime.service.reads:
            found.append((f"consume {runtime.name}", Consumer(runtime, open_bus(runtime.settings.bus)).run))
        if runtime.service.person_purpose:
            found.append((f"fetch {runtime.name}", Fetcher(runtime).run))
    return found


def watches(runtimes: Iterable[Runtime]) -> list[tuple[str, Work]]:
    """What writes down, for /metrics, what the relays and consumers of this process count."""
    return [(f"watch {r.name}", Watch(r, open_bus(r.settings.bus)).run) for r in runtimes]


def run(works: list[tuple[str, Work]]) -> int:
    """Run until SIGTERM or SIGINT, then drain.

    Returns: the exit code.
    """
    stop, failed = threading.Event(), threading.Event()

    def guarded(name: str, work: Work) -> None:
        logs.speaks(name.partition(" ")[2], name.partition(" ")[0])
        try:
            work(stop)
        except Exception as error:
            log.exception("worker died", worker=name, kind=error.__class__.__name__)
            failed.set()
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=guarded, args=work, name=work[0], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):
        pass
    for thread in threads:
        thread.join(timeout=15)
    if any(thread.is_alive() for thread in threads):
        log.error("worker did not drain in 15 s")
        os._exit(1)
    return 1 if failed.is_set() else 0

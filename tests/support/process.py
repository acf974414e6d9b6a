# SPDX-License-Identifier: MPL-2.0
"""What the launchers of servers share."""
from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

PATIENCE = 3
"""How many times longer than on a quiet machine a test waits before it calls something broken; a test that passes
waits no longer for it."""


class Missing(Exception):
    """A tool is not installed; the text says how to have it."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses now. Two test processes never choose the same one, and no client's own
    port can take it meanwhile: they come from below the range that the kernel gives away, each from its own part."""
    found: list[int] = []
    while len(found) < count:
        port = next(_PORTS)
        with closing(socket.socket()) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def _own_part() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    first = 10_000 + worker * 2_500
    part = range(first, first + 2_500)
    # Where it begins differs between runs: two runs beside each other seldom meet, and a meeting is noticed by the trial.
    return itertools.cycle([*part[os.getpid() % 2_500:], *part[:os.getpid() % 2_500]])


_PORTS = _own_part()


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float, what: str, moves: Callable[[], object] = lambda: None) -> None:
    """Look again and again, raise TimeoutError with `what` after `seconds`. A look that is dear is taken seldom: on a busy machine it
    would leave no processor to those who are waited for.

    Args:
        moves: what is left to be done; while it changes, the time begins anew (ten times as long at most), so that a busy machine is not
            taken for one that stands still.
    """
    began = time.monotonic()
    until, over, left = began + seconds * PATIENCE, began + seconds * PATIENCE * 10, moves()
    while True:
        look = time.monotonic()
        if condition():
            return
        now = time.monotonic()
        if (seen := moves()) != left:
            until, left = min(now + seconds * PATIENCE, over), seen
        if now > until:
            raise TimeoutError(f"waited {now - began:.0f} s for {what}: {left}")
        time.sleep(min(max(0.02, 3 * (now - look)), 0.5))


def tail(path: Path, characters: int = 2000) -> str:
    """The end of a log file."""
    return path.read_text(errors="replace")[-characters:]

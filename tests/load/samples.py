# SPDX-License-Identifier: MPL-2.0
"""What the processes of a suite hold, look after look, and whether it grows."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One look at all processes: seconds since the beginning, and what they hold together. `memory` in MB (resident)."""

    seconds: float
    cases: int
    processes: int
    memory: float
    files: int
    threads: int
    connections: int


BOUNDS = {"memory": 0.10, "files": 0.05, "threads": 0.05, "connections": 0.05}
"""By which share of its middle each may grow between warm-up and end. Memory: caches of statements and pages fill slowly."""
SLACK = 2.0
"""One or two more are no growth: a web server starts its last thread when it first needs it."""


def growth(samples: Sequence[Sample], name: str) -> float:
    """By which share of its mean a figure grows from the end of the warm-up to the end, on the line of least squares."""
    kept = [s for s in samples if s.seconds >= samples[-1].seconds / 3]
    xs, ys = [s.seconds for s in kept], [float(getattr(s, name)) for s in kept]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    return slope * (xs[-1] - xs[0]) / middle_y if middle_y else 0.0


def _grew(samples: Sequence[Sample], name: str) -> bool:
    middle = sum(getattr(s, name) for s in samples) / len(samples)
    return growth(samples, name) > max(BOUNDS[name], SLACK / middle if middle else 0.0)


def verdict(samples: Sequence[Sample]) -> list[str]:
    """What grew too much, in words; [] when nothing did."""
    return [f"{name} grew by {growth(samples, name):.1%} after the warm-up; at most {bound:.0%} is allowed"
            for name, bound in BOUNDS.items() if _grew(samples, name)]


def look(seconds: float, cases: int, pids: Sequence[int], connections: Callable[[Sequence[str]], int]) -> Sample:
    """Add up what /proc says of these processes and their children.

    Args:
        connections: how many database connections they hold, from the paths of their open files.
    """
    family = [pid for parent in pids for pid in _family(parent)]
    memory = threads = 0
    files: list[str] = []
    for pid in family:
        with contextlib.suppress(OSError):  # a worker that was just ended
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            files += _files(pid)
            memory += int(status["VmRSS"].split()[0])
            threads += int(status["Threads"])
    return Sample(round(seconds, 1), cases, len(family), memory / 1000, len(files), threads, connections(files))


def _files(pid: int) -> list[str]:
    """What the process has open; a descriptor that is closed meanwhile is passed over."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(descriptor))
    return found


def _family(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found

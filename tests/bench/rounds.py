# SPDX-License-Identifier: MPL-2.0
"""Alternating rounds, and what comes out of them."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@dataclass(frozen=True)
class Ratio:
    """One line of the tables: ours beside a baseline. `better` says which way the goal lies."""

    bench: str
    what: str
    ours: float
    base: float
    unit: str
    ratio: float
    spread: tuple[float, float]
    goal: float | None
    """None where no goal was set."""
    better: str = "more"

    @property
    def met(self) -> bool:
        if self.goal is None:
            return True
        return self.ratio >= self.goal if self.better == "more" else self.ratio <= self.goal

    @property
    def wanted(self) -> str:
        """The goal as it is printed."""
        return "none" if self.goal is None else f"{'≥' if self.better == 'more' else '≤'} {self.goal:g}"

    def line(self) -> str:
        return (f"{self.bench}: {self.what}: ratio {self.ratio:.2f} (goal {self.wanted}, rounds {self.spread[0]:.2f} to "
                f"{self.spread[1]:.2f}); {self.ours:,.1f} against {self.base:,.1f} {self.unit}")


@dataclass
class Bench:
    """A bench's answer: its lines, and what it measured beside them, as sentences."""

    name: str
    ratios: list[Ratio]
    notes: list[str] = field(default_factory=list)


Side = Callable[[int], float]
"""One round of one side: takes the round's number, gives a rate (or a time)."""


def alternate(name: str, sides: Mapping[str, Side], rounds: int) -> dict[str, list[float]]:
    """Run every side once as a warm-up, then in turn; the order is reversed in every second round, so that a drift of
    the machine falls on all sides alike.

    Returns: {side: its measure in each round}.
    """
    found: dict[str, list[float]] = {side: [] for side in sides}
    with Progress(TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.fields[now]:<32}"), TimeElapsedColumn()) as progress:
        task = progress.add_task(name, total=(rounds + 1) * len(sides), now="warm-up")
        for number in range(rounds + 1):
            order = list(sides)[:: 1 if number % 2 else -1]
            for side in order:
                progress.update(task, now=side if number else f"warm-up: {side}")
                measure = sides[side](number)
                if number:
                    found[side].append(measure)
                progress.advance(task)
        progress.update(task, now="done")
    return found


def compare(ours: Sequence[float], base: Sequence[float]) -> tuple[float, float, float, tuple[float, float]]:
    """(our median, the baseline's, the median of the rounds' ratios, the lowest and highest of them)."""
    each = [one / other for one, other in zip(ours, base, strict=True)]
    return statistics.median(ours), statistics.median(base), statistics.median(each), (min(each), max(each))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look every 5 ms; raises TimeoutError with `what` after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.005)

# SPDX-License-Identifier: MPL-2.0
"""What a power cut may take and SIGKILL may not: writes that were never synced (tests/support/power_cut.py). Speaker, relay
and consumer run on the embedded default; the power fails at drawn moments, and each time the files as they would be found
are opened again, brought to an end and counted.
"""
from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from jobtrappen import parking, tables, workers
from jobtrappen.consumer import Consumer
from jobtrappen.event import decode
from jobtrappen.settle import open_work
from tests.chaos import checker
from tests.chaos.ledger_checker import nothing_is_lost_or_doubled, nothing_is_under_way
from tests.conftest import missing
from tests.support import mutants
from tests.support.ledger import LIFE, Ledger, a_case, a_ledger
from tests.support.power_cut import Disk, a_disk
from tests.support.process import Missing, wait_until

CUTS = 6
Said = list[tuple[str, str]]
"""(case, event name) of every command that was acknowledged, in order."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        with a_disk(tmp_path / "live") as made:
            yield made
    except Missing as why:
        missing(why)


def cut_again_and_again(disk: Disk, home: Path, seed: int) -> None:
    """Six power cuts of one run. Raises AssertionError when one of them took what was acknowledged."""
    dice, said, over, images = random.Random(seed), list[tuple[str, str]](), threading.Event(), list[tuple[Path, Said]]()
    (home / "live").mkdir()
    with a_ledger(home / "live") as place:
        def speak() -> None:
            while not over.is_set():
                case = a_case()
                for name in LIFE:
                    place.speak(name, case)
                    said.append((case, name))

        speakers = [(f"speaker {n}", lambda _stop: speak()) for n in range(2)]
        with place.running(*speakers, *workers.relays([place.speaker, place.ledger]), *workers.consumers([place.ledger])):
            try:
                for number in range(CUTS):
                    target = len(said) + dice.randrange(10, 40)
                    wait_until(lambda target=target: len(said) >= target, 60, "some commands")
                    after = home / f"after{number}"
                    images.append((after, disk.cut(after, dice, lambda: list(said))))
            finally:
                over.set()
    for after, known in images:
        found_again(after, known)


def found_again(home: Path, said: Said) -> None:
    """Start on what the cut left: what was acknowledged is there, the rest is said again, and everything comes to its end."""
    with a_ledger(home) as place:
        there = [(event.key, event.name) for event in (decode(row.payload.encode()) for row in place.outbox()) if event.audience == "internal"]
        lost = set(said) - set(there)
        assert not lost, f"{len(lost)} of {len(said)} acknowledged commands were lost"
        what_is_marked_is_on_the_bus(place)
        cases = sorted({case for case, _name in there})
        for case in cases:
            for name in LIFE:
                if (case, name) not in there:
                    place.speak(name, case)
        with place.running(*workers.relays([place.speaker, place.ledger]), *workers.consumers([place.ledger])):
            try:
                wait_until(lambda: nothing_is_under_way(place, but_kept=True), 20, "what the cut left to be done")
            except TimeoutError:
                raise AssertionError(f"the suite does not go on after the cut: {open_work([place.speaker, place.ledger], place.bus)}") from None
        drain(place)
        nothing_is_lost_or_doubled(place, cases)


def drain(place: Ledger) -> None:
    """What waits is tried until nothing moves any more; what lost its parent stays, and the checker sees it."""
    consumer = Consumer(place.ledger, place.bus)
    while parking.retry_waiting(consumer, None):
        pass
    place.publish(place.ledger)


def what_is_marked_is_on_the_bus(place: Ledger) -> None:
    on_the_bus = {decode(record.value).id for record in checker.read_everything(place.bus, sorted({topic for topic, _partition in place.all_began}))}
    marked = {row.event_id for row in place.rows(select(tables.outbox.c.event_id).where(tables.outbox.c.published_at.is_not(None)), place.speaker)}
    assert marked <= on_the_bus, f"{len(marked - on_the_bus)} events are marked as published and not on the bus"


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str, object], None]:
    return monkeypatch.setattr


@pytest.mark.parametrize("seed", [1, 2])
def test_a_power_cut_takes_nothing_that_was_acknowledged(disk: Disk, tmp_path: Path, seed: int) -> None:
    cut_again_and_again(disk, tmp_path, seed)
    assert disk.syncs > 10 * CUTS, "the suite's files do not stand on this disk"


def test_with_fewer_syncs_a_power_cut_takes_acknowledged_commands(disk: Disk, tmp_path: Path, patch: mutants.Patch) -> None:
    """SQLite's own advice for WAL, synchronous=NORMAL, is not enough here."""
    mutants.synchronous_normal(patch)
    with pytest.raises(AssertionError, match=r"acknowledged commands were lost|not on the bus|does not go on"):
        cut_again_and_again(disk, tmp_path, 1)

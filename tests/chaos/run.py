# SPDX-License-Identifier: MPL-2.0
"""What the chaos tests of the whole suite share: its settings, and the checker's questions one after another."""
from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select

from jobtrappen import plugins, tables
from jobtrappen import settle as settling
from jobtrappen.bus import Bus, Record, open_bus
from jobtrappen.config import PUBLIC_TOPIC, SERVICES, TOPICS, Settings
from jobtrappen.db import reading
from jobtrappen.event import decode
from jobtrappen.runtime import Runtime
from tests.chaos import checker
from tests.chaos.load import StubbornSession

SETTLE_SECONDS = 120.0
"""How long a suite may stand still with something open before it counts as stuck; while it moves it is waited for."""
LONGEST_SECONDS = 1800.0


def settings_for(home: Path, database: str, bus: str) -> Settings:
    return Settings(home=home, database=database, bus=bus, secret="a secret of the chaos test, long enough", mode="demo", today=date(2004, 5, 25),
                    plugins=(*SERVICES, "origin_statistic"))


def runtimes_of(settings: Settings) -> dict[str, Runtime]:
    found = plugins.services()
    return {name: Runtime(found[name], settings) for name in SERVICES}


@dataclass(frozen=True)
class Outcome:
    """What a run had to do with, after the checker found nothing wrong."""

    acknowledged: int
    repeats: int
    """Commands that the client sent again."""
    records: int
    doubled: int
    """Records that a relay put on the bus a second time."""
    again: int
    """Records that were given to a consumer a second time: it read on behind the copy, and the effects are there once."""
    steps: int
    effects: int

    def __str__(self) -> str:
        return (f"{self.acknowledged} commands acknowledged, {self.repeats} sent again; {self.records} records, {self.doubled} of them twice on the bus, "
                f"{self.again} given to consumers again; {self.steps} steps and {self.effects} effects counted")


def nothing_is_lost_or_doubled(runtimes: dict[str, Runtime], session: StubbornSession, hot: list[str]) -> Outcome:
    """Wait until the suite (whose workers run) is still, and ask the checker everything."""
    bus = open_bus(next(iter(runtimes.values())).settings.bus)
    _settled(list(runtimes.values()), bus)
    records = checker.read_everything(bus, [*TOPICS.values(), PUBLIC_TOPIC])
    bus.close()
    checker.nothing_is_left_over(runtimes)
    checker.commands_are_done_once(runtimes, session.acknowledged)
    checker.created_things_are_there_once(runtimes, session.acknowledged)
    doubled = checker.every_event_was_published_in_order(runtimes, records)
    steps = checker.every_acknowledged_step_has_its_event_once(runtimes)
    effects = checker.effects_happened_once(runtimes, session.acknowledged, hot)
    checker.the_audit_chain_holds(runtimes)
    return Outcome(len(session.acknowledged), session.repeats, len(records), doubled, sum(_again(runtime, records) for runtime in runtimes.values()), steps, effects)


def _settled(runtimes: list[Runtime], bus: Bus) -> None:
    """
    Raises:
        NotSettled: something is open and has not changed for SETTLE_SECONDS, or the longest time is over.
    """
    over, left = time.monotonic() + LONGEST_SECONDS, ""
    while True:
        try:
            return settling.settle(runtimes, bus, SETTLE_SECONDS)
        except settling.NotSettled as error:
            if str(error) == left or time.monotonic() > over:
                raise
            left = str(error)


def _again(runtime: Runtime, records: list[Record]) -> int:
    """Copies of records that this service's consumer has read past, by its stored positions."""
    p = tables.position.c
    with reading(runtime.engine) as session:
        at = {(topic, partition): offset for topic, partition, offset in session.execute(
            select(p.topic, p.partition, p.next_offset).where(p.consumer == f"jobtrappen.{runtime.name}"))}
    given = Counter((r.topic, decode(r.value).id) for r in records if r.offset < at.get((r.topic, r.partition), 0))
    return sum(copies - 1 for copies in given.values())

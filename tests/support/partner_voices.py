# SPDX-License-Identifier: MPL-2.0
"""Events of services that do not run in a test, published on the real bus as those services would."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from uuid import uuid4

from jobtrappen import clock, contracts
from jobtrappen.bus import Record
from jobtrappen.config import TOPICS
from jobtrappen.event import Event
from tests.support.world import World


@dataclass
class Voice:
    """Speaks for matching and followup; keeps each key's dense seq."""

    world: World
    seqs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def say(self, name: str, case: str, day: date, **data: object) -> Event:
        """Publish one event, filled up from the contract's golden sample."""
        contract = contracts.CATALOGUE[name]
        topic = TOPICS[contract.by]
        self.seqs[topic, case] += 1
        event = Event(
            id=str(clock.new_id()), type=f"jobtrappen.{name}.v1", source=f"urn:test/{contract.by}", subject=f"case/{case}", time=f"{day}T00:00:00Z",
            key=case, seq=self.seqs[topic, case], epoch=1, data={**contracts.sample(name), "case_id": case, **data},
            recorded=clock.now().isoformat(), case=case)
        self.publish(topic, event)
        return event

    def publish(self, topic: str, event: Event) -> None:
        """Put an event on the bus; once more is what redelivery looks like."""
        producer = self.world.bus.producer(topic.rsplit(".", 1)[1])
        try:
            assert producer.send([Record(topic, event.key.encode(), event.encode())]) == [None]
        finally:
            producer.close()

    def heard(self) -> None:
        """Let partners take what is on the bus."""
        while self.world.consume(["partners"]):
            pass


def an_id() -> str:
    return str(clock.new_id())


def nobody() -> str:
    return str(uuid4())

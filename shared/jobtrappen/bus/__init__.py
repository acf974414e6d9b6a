# SPDX-License-Identifier: MPL-2.0
"""The bus port: what relay and consumer need of a broker, and nothing else.

Two backends stand behind it, chosen by the URL's scheme through the plugin hook `bus_backend`:
`sqlite:` (one file, one host) and `kafka://` (Apache Kafka). One contract suite runs over both.
Who calls: `Producer` only the relay's thread, `Subscription` only the consumer's thread; `Bus` any.
Every method may raise BusError, which is transient; nothing here ever drops a record silently.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobtrappen.errors import BadConfiguration

Place = tuple[str, int]
"""(topic, partition)"""

START = "start"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `partition` and `offset` are set by the bus when it is read; `key` and `value` are raw bytes,
    because decoding is the consumer's work: an undecodable record must still be kept."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = -1
    offset: int = -1
    timestamp: float = 0.0
    """Seconds since 1970 when the bus took it."""


class Producer(Protocol):
    """Made, used and closed by one relay thread."""

    def send(self, wave: Sequence[Record]) -> list[BaseException | None]:
        """Publish one wave (at most one record a key) and wait for every answer.

        Returns, in the wave's order, None for confirmed or the exception for unconfirmed (which may be on the
        bus all the same). Never raises for a single record. After any failure the caller closes this producer
        and makes a new one: resending through the old one could overtake itself.
        """

    def start(self, wave: Sequence[Record]) -> Callable[[], list[BaseException | None]]:
        """As `send`, but waiting is left to the caller: what is returned waits for the answers and gives them. Call it
        once, before the next wave."""

    def close(self) -> None:
        """Let go at once; never waits longer than a second."""


class Subscription(Protocol):
    """One member of a consumer group. The reading position is the caller's: `start(topic, partition)` is asked
    for the next offset whenever a partition is assigned, so the broker's own commit only displays lag."""

    def poll(self, timeout: float, limit: int = 50) -> list[Record]:
        """Up to `limit` records in offset order for each partition, or [] after `timeout` seconds.

        Any BusError means: close and make a new subscription, never poll this one again."""

    def assigned(self) -> set[Place]:
        """The partitions this member reads now; empty while a standby."""

    def rewind(self) -> None:
        """Ask `start` again for every assigned partition and go on from there (after a rollback)."""

    def display(self, positions: Mapping[Place, int]) -> None:
        """Tell the broker the next offsets, for lag displays only. Failure is ignored."""

    def close(self) -> None:
        """Leave the group."""


class Bus(Protocol):
    def ensure_topics(self, topics: Mapping[str, int]) -> None:
        """Create what is missing, with that many partitions, kept for ever. An existing topic with another
        partition count raises BadConfiguration: order for each key would break."""

    def check_topics(self, read: Sequence[str], write: Sequence[str], group: str = "") -> None:
        """Fail loudly (BadConfiguration names topic and remedy) when one is missing or not allowed, or this group."""

    def producer(self, name: str) -> Producer: ...

    def subscribe(self, group: str, topics: Sequence[str], start: Callable[[str, int], int]) -> Subscription: ...

    def ends(self, topics: Sequence[str]) -> dict[Place, int]:
        """The next offset that each partition would give out."""

    def ping(self, timeout: float = 2.0) -> None:
        """Raise BusError when the bus does not answer within `timeout` seconds. Cheap, thread-safe."""

    def close(self) -> None: ...


def open_bus(url: str) -> Bus:
    """The backend for this URL's scheme, by the plugin hook `bus_backend`; opens nothing yet.

    Raises:
        BadConfiguration: no loaded plugin speaks this scheme.
    """
    from jobtrappen.plugins import manager

    bus = manager().hook.bus_backend(url=url)
    if bus is None:
        raise BadConfiguration(f"JOBTRAPPEN_BUS: no plugin speaks {url.split(':', 1)[0]!r}; use sqlite:/// or kafka://")
    return bus

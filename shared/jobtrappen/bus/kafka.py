# SPDX-License-Identifier: MPL-2.0
"""Apache Kafka through kafka-python: the only module that imports it, and only inside functions, so that the
plugin loads without the extra.

Clients live in relay and consumer processes, made after any fork. Every setting is explicit because the defaults
have traps: no deserializers (an error in one makes `poll` spin for ever), no automatic commit, no topic made by a
typing error, reconnecting within a second, and no rebalance listener: a new assignment is seen after each poll.
"""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from jobtrappen.bus import Bus, Place, Record, kafka_rights
from jobtrappen.bus.kafka_holes import Holes
from jobtrappen.bus.kafka_url import KafkaUrl, refuse_gevent
from jobtrappen.errors import BadConfiguration, BusError, LogInRefused
from jobtrappen.failpoint import hit
from jobtrappen.plugins import hookimpl

log = logging.getLogger(__name__)

_KEPT = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}
_STALLED = 60.0
"""Seconds without a record, though the broker has some, after which a subscription gives itself up."""


@hookimpl
def bus_backend(url: str) -> Bus | None:
    """The plugin hook: this backend for a `kafka:` URL."""
    return KafkaBus(url) if url.startswith("kafka:") else None


class KafkaBus:
    """See KafkaUrl for the URL. Making one opens nothing; `ping` never makes a Kafka client."""

    def __init__(self, url: str) -> None:
        refuse_gevent()
        self._url = KafkaUrl.parse(url)
        self._admin: Any = None
        self._admin_lock = threading.Lock()

    def ensure_topics(self, topics: Mapping[str, int]) -> None:
        there = self._of_right_count(topics)
        if missing := {name: count for name, count in topics.items() if name not in there}:
            self._ask(lambda admin: _create(admin, missing, self._url))
            self._of_right_count(topics)
        self._ask(lambda admin: _keep_for_ever(admin, sorted(there)))

    def _of_right_count(self, topics: Mapping[str, int]) -> set[str]:
        found = {name: len(topic["partitions"]) for name, topic in self._describe(topics).items() if topic["error_code"] == 0}
        for name, count in topics.items():
            if count < 1 or found.get(name, count) != count:
                raise BadConfiguration(f"topic {name} has {found.get(name, 'no')} partitions, not {count}: the order "
                                       "for each key would break. Ask for the count that it has")
        return set(found)

    def check_topics(self, read: Sequence[str], write: Sequence[str], group: str = "") -> None:
        """A topic that this user may not read gives no records and no error, so it is asked for here."""
        wrong = kafka_rights.wrong_with_topics(self._describe({*read, *write}), read, write)
        if group and read:
            wrong += self._ask(lambda admin: kafka_rights.wrong_with_group(admin, group))
        if wrong:
            raise BadConfiguration("\n".join(f"JOBTRAPPEN_BUS: {line}" for line in wrong))

    def allow(self, grants: Sequence[kafka_rights.Grant]) -> list[str]:
        return self._ask(lambda admin: kafka_rights.allow(admin, grants))

    def log_ins(self, passwords: Mapping[str, str]) -> None:
        self._ask(lambda admin: kafka_rights.log_ins(admin, passwords))

    def producer(self, name: str) -> _Producer:
        return _Producer(self._url, name)

    def subscribe(self, group: str, topics: Sequence[str], start: Callable[[str, int], int]) -> _Subscription:
        return _Subscription(self._url, group, tuple(topics), start)

    def ends(self, topics: Sequence[str]) -> dict[Place, int]:
        from kafka.admin import OffsetSpec
        from kafka.structs import TopicPartition

        found = self._describe(topics)
        if missing := sorted(name for name, topic in found.items() if topic["error_code"]):
            raise BusError(f"no topic {', '.join(missing)}; create it with `jobtrappen topics`")
        asked = {TopicPartition(name, p["partition_index"]): OffsetSpec.LATEST for name, topic in found.items() for p in topic["partitions"]}
        answers = self._ask(lambda admin: admin.list_partition_offsets(asked)) if asked else {}
        return {(at.topic, at.partition): answer.offset for at, answer in answers.items()}

    def ping(self, timeout: float = 2.0) -> None:
        self._url.knock(timeout)

    def close(self) -> None:
        with self._admin_lock:
            self._drop_admin()

    def _describe(self, topics: Iterable[str]) -> dict[str, dict[str, Any]]:
        names = sorted(set(topics))
        found = self._ask(lambda admin: admin.describe_topics(names)) if names else []
        return {topic["name"]: topic for topic in found}

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """Run `question` with the one admin client; after any failure the next question makes a new one."""
        with self._admin_lock:
            if self._admin is None:
                self._admin = _client("KafkaAdminClient", self._url)
            try:
                return question(self._admin)
            except Exception as error:
                self._drop_admin()
                if isinstance(error, BusError):
                    raise
                raise BusError(f"Kafka at {', '.join(self._url.servers)}: {error!r}") from error

    def _drop_admin(self) -> None:
        admin, self._admin = self._admin, None
        with suppress(Exception):
            if admin is not None:
                admin.close()


class _Producer:
    def __init__(self, url: KafkaUrl, name: str) -> None:
        self._wait = url.numbers["delivery_timeout_ms"] / 1000 + 1
        self._client = _client(
            "KafkaProducer", url, client_id=name, enable_idempotence=True, acks="all", linger_ms=5,
            batch_size=131_072, delivery_timeout_ms=url.numbers["delivery_timeout_ms"],
            max_block_ms=min(5_000, url.numbers["request_timeout_ms"]), allow_auto_create_topics=False,
            metrics_enabled=False)

    def send(self, wave: Sequence[Record]) -> list[BaseException | None]:
        return self.start(wave)()

    def start(self, wave: Sequence[Record]) -> Callable[[], list[BaseException | None]]:
        from kafka.errors import KafkaTimeoutError

        until = time.monotonic() + self._wait
        sent: list[Any] = []
        away: Exception | None = None
        for record in wave:
            # Without metadata every single record would wait for max_block_ms.
            try:
                sent.append(away or self._client.send(
                    record.topic, key=record.key, value=record.value, headers=list(record.headers),
                    partition=0 if record.key is None else None))
            except Exception as error:
                sent.append(error)
                away = error if isinstance(error, KafkaTimeoutError) else None
        hit("bus.handed_over")
        return lambda: self._confirmed(sent, until)

    def _confirmed(self, sent: Sequence[Any], until: float) -> list[BaseException | None]:
        with suppress(Exception):
            # It ends the linger; failed batches it only logs, so every answer is looked at below.
            self._client.flush(max(0.0, until - time.monotonic()))
        return [_answer(each, until) for each in sent]

    def close(self) -> None:
        """kafka-python's own close gives up before it ends its thread when a batch is unfinished; what that thread
        sent later could overtake the producer that comes next."""
        sender = self._client._sender
        sender.force_close()
        sender.join(0.5)
        with suppress(Exception):
            self._client.close(timeout=0)


class _Subscription:
    def __init__(self, url: KafkaUrl, group: str, topics: tuple[str, ...], start: Callable[[str, int], int]) -> None:
        from kafka.coordinator.assignors.range import RangePartitionAssignor

        session = url.numbers["session_timeout_ms"]
        # Range puts partition n of every topic with one member, and all topics are keyed alike: one case, one member.
        self._client = _client(
            "KafkaConsumer", url, client_id=group, group_id=group, enable_auto_commit=False,
            auto_offset_reset="earliest", isolation_level="read_committed", allow_auto_create_topics=False,
            session_timeout_ms=session, heartbeat_interval_ms=session // 3, max_poll_interval_ms=300_000,
            partition_assignment_strategy=[RangePartitionAssignor], metrics_enabled=False)
        self._client.subscribe(topics=list(topics))
        self._start, self._holes = start, Holes()
        self._generation: Any = None
        self._next: dict[Any, int] = {}
        self._stalled_since: float | None = None

    def poll(self, timeout: float, limit: int = 50) -> list[Record]:
        try:
            self._finish_joining()
            polled = self._client.poll(timeout_ms=round(timeout * 1000), max_records=limit)
            fresh = self._newly_assigned()
        except Exception as error:
            raise BusError(f"Kafka could not be read: {error!r}") from error
        # Records of a partition that is new were read from where the broker guessed; they are read again, and so is what lies behind a hole.
        read = {at: batch for at, batch in polled.items() if at in self._next and at not in fresh}
        begun = {at: self._next.pop(at) for at in read}  # if a start fails now, these are given to nobody: they are begun anew
        fresh |= {at for at, batch in read.items() if self._holes.new(at, begun[at], batch)}
        batches = {at: batch for at, batch in read.items() if at not in fresh}
        self._seek(fresh)
        for at, batch in batches.items():
            if batch[0].offset < begun[at]:
                raise BusError(f"{at.topic}/{at.partition}: the stored position {begun[at]} is not in the broker's log; is this another cluster, or a topic that was made anew?")
            self._next[at] = batch[-1].offset + 1
        self._watch(bool(batches))
        return [Record(r.topic, r.key, r.value, tuple(r.headers), r.partition, r.offset, r.timestamp / 1000)
                for batch in batches.values() for r in batch]

    def _finish_joining(self) -> None:
        """kafka-python 3.0.12 forgets a join that a poll's timeout cut in two: the assignment changes what it asks itself
        before the next poll ("must I join?"), nobody fetches the answer, and the member is deaf for ever."""
        coordinator = self._client._coordinator
        if coordinator.rejoining:
            coordinator.request_rejoin()

    def _newly_assigned(self) -> set[Any]:
        """The partitions to begin anew. A new generation of the group resets all of them, also those it gave back."""
        group = self._client.group_metadata()
        if group.state != "<stable>":
            return set()
        assigned = self._client.assignment()
        if (group.generation_id, group.member_id) != self._generation:
            self._generation = group.generation_id, group.member_id
            self._next = {}
        self._next = {at: offset for at, offset in self._next.items() if at in assigned}
        return assigned - self._next.keys()

    def _seek(self, places: Iterable[Any]) -> None:
        """What `start` raises goes through; the next poll finds the partition new again."""
        for at in places:
            offset = self._start(at.topic, at.partition)
            try:
                self._client.seek(at, offset)
            except Exception as error:
                raise BusError(f"{at.topic}/{at.partition}: cannot begin at {offset}: {error!r}") from error
            self._next[at] = offset

    def _watch(self, moved: bool) -> None:
        # Some rebalances and leader changes have left a consumer deaf; its process is then better started again.
        now, waiting = time.monotonic(), not moved
        with suppress(Exception):  # a rebalance takes a partition away, so nobody knows its end; one that never ends is a stall
            waiting = not moved and any((self._client.highwater(at) or 0) > offset for at, offset in self._next.items())
        self._stalled_since = (self._stalled_since or now) if waiting else None
        if waiting and now - (self._stalled_since or now) > _STALLED:
            raise BusError(f"Kafka has records but gave none for {_STALLED:.0f} seconds")

    def assigned(self) -> set[Place]:
        return {(at.topic, at.partition) for at in self._next}

    def rewind(self) -> None:
        places, self._next = list(self._next), {}
        self._seek(places)

    def display(self, positions: Mapping[Place, int]) -> None:
        from kafka.structs import OffsetAndMetadata, TopicPartition

        with suppress(Exception):
            self._client.commit_async({TopicPartition(*place): OffsetAndMetadata(offset, "", -1)
                                       for place, offset in positions.items()}, callback=_ignore)

    def close(self) -> None:
        self._next = {}
        with suppress(Exception):
            self._client.close(autocommit=False, timeout_ms=1000)


def _client(kind: str, url: KafkaUrl, **settings: Any) -> Any:
    """A client that has met a broker. A failed constructor leaves a thread and four descriptors behind, so the network
    client under it is caught on its way in and closed."""
    try:
        import kafka
        from kafka.errors import KafkaConfigurationError
    except ImportError as error:
        raise BadConfiguration("JOBTRAPPEN_BUS: install jobtrappen[kafka] to speak to Kafka") from error
    cls = getattr(kafka, kind)
    made: list[Any] = []

    def network(**config: Any) -> Any:
        made.append(cls.DEFAULT_CONFIG["kafka_client"](**config))
        return made[-1]

    try:
        return cls(bootstrap_servers=list(url.servers), kafka_client=network, reconnect_backoff_max_ms=1000,
                   request_timeout_ms=url.numbers["request_timeout_ms"],
                   bootstrap_timeout_ms=url.numbers["bootstrap_timeout_ms"], **url.security, **settings)
    except Exception as error:
        for each in made:
            with suppress(Exception):
                each.close()
        if isinstance(error, KafkaConfigurationError | ValueError):
            raise BadConfiguration(f"JOBTRAPPEN_BUS: {error}") from error
        if refused := url.why_refused():
            raise LogInRefused(f"Kafka at {', '.join(url.servers)}: {refused}") from error
        raise BusError(f"Kafka at {', '.join(url.servers)} does not answer: {error!r}") from error


def _create(admin: Any, topics: Mapping[str, int], url: KafkaUrl) -> None:
    """A twin that creates the same topics at the same time is no error."""
    from kafka.errors import NoError, TopicAlreadyExistsError, for_code

    answer = admin.create_topics(
        {name: {"num_partitions": count, "replication_factor": url.numbers["replication"], "configs": _KEPT}
         for name, count in topics.items()}, raise_errors=False)
    for topic in answer["topics"]:
        if (error := for_code(topic["error_code"])) not in (NoError, TopicAlreadyExistsError):
            raise error(f"topic {topic['name']}: {topic['error_message']}")
    admin.wait_for_topics(list(topics))


def _keep_for_ever(admin: Any, names: Sequence[str]) -> None:
    """Topics that somebody made by hand are as a rule forgotten after a week."""
    from kafka.admin import ConfigResource, ConfigResourceType

    if names:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, dict(_KEPT)) for name in names])


def _answer(sent: Any, until: float) -> BaseException | None:
    if isinstance(sent, BaseException):
        return sent
    try:
        sent.get(timeout=max(0.0, until - time.monotonic()))
    except Exception as error:
        return error
    return None


def _ignore(offsets: Any, answer: Any) -> None:
    if isinstance(answer, Exception):
        log.debug("the position shown to the broker was not stored: %r", answer)

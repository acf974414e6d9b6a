# SPDX-License-Identifier: MPL-2.0
"""What every bus backend must do, as checks over a `Backend`. `CHECKS` holds them all.

A check makes topics of its own, so all may share one broker. It asserts only what relay and consumer rely on.
"""
from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from jobtrappen.bus import Bus, Place, Record, Subscription
from jobtrappen.errors import BadConfiguration, BusError

MEMBER = Path(__file__).with_name("bus_member.py")

# From org.apache.kafka.common.utils.UtilsTest.testMurmur2 of Apache Kafka.
MURMUR2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
           b"a-little-bit-longer-string": -1486304829, b"abc": 479470107,
           b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}


@dataclass
class Backend:
    """`open` gives a Bus on the same records each time; inside `outage()` no record can be confirmed;
    `shares` says that members of one group split the partitions; `patience` is a deadline in seconds."""

    name: str
    url: str
    open: Callable[[], Bus]
    outage: Callable[[], AbstractContextManager[None]]
    shares: bool
    patience: float = 40.0

    def topic(self, partitions: int = 1) -> str:
        name = f"contract.{uuid4().hex[:12]}"
        self.open().ensure_topics({name: partitions})
        return name


@dataclass
class Reader:
    """A consumer reduced to its bones: `positions` is its database, and `take` stores a position for each record."""

    backend: Backend
    topics: list[str]
    positions: dict[Place, int] = field(default_factory=dict)
    group: str = field(default_factory=lambda: f"group-{uuid4().hex[:12]}")
    asked: list[Place] = field(default_factory=list)
    subscription: Subscription | None = None

    def join(self) -> Subscription:
        self.subscription = self.backend.open().subscribe(self.group, self.topics, self._start)
        return self.subscription

    def _start(self, topic: str, partition: int) -> int:
        self.asked.append((topic, partition))
        return self.positions.get((topic, partition), 0)

    def peek(self, limit: int = 50) -> list[Record]:
        """The next records, without storing a position."""
        subscription = self.subscription or self.join()
        until = time.monotonic() + self.backend.patience
        while time.monotonic() < until:
            if records := subscription.poll(0.2, limit):
                return records
        raise AssertionError(f"no record came within {self.backend.patience} s")

    def take(self, count: int, limit: int = 50) -> list[Record]:
        """Exactly `count` records, and then none."""
        records: list[Record] = []
        while len(records) < count:
            got = self.peek(limit)
            assert len(got) <= limit
            for record in got:
                self.positions[record.topic, record.partition] = record.offset + 1
            records += got
        assert self.subscription is not None
        more = records[count:] + self.subscription.poll(0.1)
        assert not more, f"{len(more)} more than were sent"
        return records

    def leave(self) -> None:
        if self.subscription is not None:
            self.subscription.close()
        self.subscription = None


def publish(backend: Backend, records: Iterable[Record]) -> None:
    """As the relay does: waves with at most one record for each key, every answer looked at."""
    waves: list[list[Record]] = []
    seen: dict[tuple[str, bytes | None], int] = defaultdict(int)
    for record in records:
        at = seen[record.topic, record.key]
        seen[record.topic, record.key] += 1
        waves += [[]] if at == len(waves) else []
        waves[at].append(record)
    producer = backend.open().producer("contract")
    for wave in waves:
        answers = producer.send(wave)
        assert answers == [None] * len(wave), answers
    producer.close()


def numbered(topic: str, count: int, key: bytes = b"case") -> list[Record]:
    return [Record(topic, key, b"%d" % n) for n in range(count)]


def check_the_records_of_a_key_come_in_order_and_once(backend: Backend) -> None:
    topics = [backend.topic(4), backend.topic(3)]
    chance = random.Random(2004)
    sent = [Record(chance.choice(topics), b"case-%d" % chance.randrange(12), b"%d" % n) for n in range(300)]
    publish(backend, sent)
    reader = Reader(backend, topics)
    received = reader.take(len(sent), limit=37)
    reader.leave()
    assert _by_key(received) == _by_key(sent)
    offsets = defaultdict(list)
    for record in received:
        offsets[record.topic, record.partition].append(record.offset)
    assert all(each == sorted(set(each)) for each in offsets.values())


def _by_key(records: Iterable[Record]) -> dict[tuple[str, bytes | None], list[bytes | None]]:
    found: dict[tuple[str, bytes | None], list[bytes | None]] = defaultdict(list)
    for record in records:
        found[record.topic, record.key].append(record.value)
    return found


def check_a_key_goes_to_the_partition_that_kafka_says(backend: Backend) -> None:
    topic = backend.topic(5)
    publish(backend, [Record(topic, key, b"x") for key in MURMUR2] + [Record(topic, None, b"x")])
    reader = Reader(backend, [topic])
    found = {record.key: record.partition for record in reader.take(len(MURMUR2) + 1)}
    reader.leave()
    assert found == {key: (value & 0x7FFFFFFF) % 5 for key, value in MURMUR2.items()} | {None: 0}


def check_bytes_come_through_unchanged(backend: Backend) -> None:
    topic = backend.topic()
    large = random.Random(1).randbytes(1_000_000)
    sent = [Record(topic, b"\xff\x00\xfe", b"\x80\x81 not UTF-8 \x00"), Record(topic, b"empty", b""),
            Record(topic, b"gone", None), Record(topic, None, b"no key"), Record(topic, b"", b"empty key"),
            Record(topic, b"headers", b"{}", (("ce_id", b"1"), ("ce_id", b"\xff"), ("æøå", b""))),
            Record(topic, b"large", large)]
    publish(backend, sent)
    reader = Reader(backend, [topic])
    received = reader.take(len(sent))
    reader.leave()
    as_sent = {record.key: (record.value, record.headers) for record in sent}
    assert {record.key: (record.value, record.headers) for record in received} == as_sent
    assert all(abs(record.timestamp - time.time()) < 3600 for record in received)


def check_a_record_that_cannot_be_sent_is_answered_and_hinders_no_other(backend: Backend) -> None:
    topic = backend.topic()
    producer = backend.open().producer("contract")
    answers = producer.send([Record(topic, None, None), Record(topic, b"good", b"1")])
    producer.close()
    assert isinstance(answers[0], Exception) and answers[1] is None
    producer = backend.open().producer("contract")
    [answer] = producer.send([Record(f"contract.missing.{uuid4().hex}", b"key", b"1")])
    producer.close()
    assert isinstance(answer, Exception)
    assert sum(backend.open().ends([topic]).values()) == 1


def check_what_was_not_stored_comes_again(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 5))
    reader = Reader(backend, [topic])
    for n in range(5):
        crashed = reader.peek()
        reader.leave()
        again = reader.peek(limit=1)
        assert crashed[0].offset == again[0].offset == n
        reader.positions[topic, 0] = n + 1
        reader.leave()


def check_reading_begins_where_start_says(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 10))
    reader = Reader(backend, [topic], {(topic, 0): 4})
    assert [record.value for record in reader.take(6)] == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert set(reader.asked) == {(topic, 0)}
    reader.leave()
    publish(backend, numbered(topic, 2, b"later"))
    assert [record.offset for record in reader.take(2)] == [10, 11]
    reader.leave()


def check_rewind_asks_start_again(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 10))
    reader = Reader(backend, [topic])
    reader.join().rewind()
    assert [record.offset for record in reader.peek(limit=5)] == [0, 1, 2, 3, 4]
    reader.positions[topic, 0] = 2
    assert reader.subscription is not None
    reader.subscription.rewind()
    assert [record.offset for record in reader.take(8)] == list(range(2, 10))
    reader.leave()


def check_a_failing_start_is_asked_again(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 3))
    asked: list[Place] = []

    def start(topic: str, partition: int) -> int:
        asked.append((topic, partition))
        if len(asked) == 1:
            raise ConnectionError("the database is away")
        return 1

    subscription = backend.open().subscribe(f"group-{uuid4().hex}", [topic], start)
    received: list[Record] = []
    until = time.monotonic() + backend.patience
    failures = 0
    while not received and time.monotonic() < until:
        try:
            received = subscription.poll(0.2)
        except ConnectionError:
            failures += 1
    subscription.close()
    assert failures == 1 and [record.offset for record in received] == [1, 2]


def check_while_one_start_fails_nothing_of_the_others_is_lost(backend: Backend) -> None:
    """The database goes away when some partitions have been begun and others have not, and stays away for some polls."""
    topic = backend.topic(3)
    publish(backend, [Record(topic, b"case-%d" % n, b"%d" % n) for n in range(60)])
    positions: dict[Place, int] = {}
    failures, first = 0, None

    def start(topic: str, partition: int) -> int:
        nonlocal failures, first
        first = partition if first is None else first
        if partition != first and failures < 12:
            failures += 1
            raise ConnectionError("the database is away")
        return positions.get((topic, partition), 0)

    subscription = backend.open().subscribe(f"group-{uuid4().hex}", [topic], start)
    received: list[Record] = []
    until = time.monotonic() + backend.patience
    while len(received) < 60 and time.monotonic() < until:
        with suppress(ConnectionError):
            for record in subscription.poll(0.2, 5):
                positions[record.topic, record.partition] = record.offset + 1
                received.append(record)
    subscription.close()
    assert failures == 12 and {record.partition for record in received} == {0, 1, 2}
    ends = backend.open().ends([topic])
    for partition in range(3):
        assert [r.offset for r in received if r.partition == partition] == list(range(ends[topic, partition]))


def check_a_position_beyond_the_end_is_told(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 3))
    subscription = Reader(backend, [topic], {(topic, 0): 10}).join()
    until = time.monotonic() + backend.patience
    with suppress(BusError):
        while time.monotonic() < until:
            assert subscription.poll(0.2) == []
        raise AssertionError("a position that the bus does not have was taken for the end")
    subscription.close()


def check_poll_waits_quietly(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 1))
    reader = Reader(backend, [topic])
    reader.take(1)
    assert reader.subscription is not None
    began, used = time.monotonic(), time.process_time()
    assert reader.subscription.poll(1.0) == []
    waited, worked = time.monotonic() - began, time.process_time() - used
    reader.leave()
    assert 0.9 < waited < 15.0 and worked < 0.1, (waited, worked)


def check_the_display_moves_nothing(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 4))
    reader = Reader(backend, [topic])
    subscription = reader.join()
    subscription.display({(topic, 0): 3})
    assert [record.offset for record in reader.peek(limit=1)] == [0]
    subscription.display({(topic, 0): 4})
    assert [record.offset for record in reader.peek(limit=1)] == [1]
    reader.leave()
    assert [record.offset for record in reader.take(4)] == [0, 1, 2, 3]
    reader.leave()


def check_ends_give_the_lag(backend: Backend) -> None:
    topic = backend.topic(3)
    bus = backend.open()
    assert bus.ends([topic]) == {(topic, 0): 0, (topic, 1): 0, (topic, 2): 0}
    publish(backend, [Record(topic, b"key-%d" % n, b"x") for n in range(20)])
    reader = Reader(backend, [topic])
    assert sum(bus.ends([topic]).values()) == 20
    reader.take(20)
    reader.leave()
    assert {place: end for place, end in bus.ends([topic]).items() if end} == reader.positions
    bus.close()


def check_topics_are_made_once_and_keep_their_partitions(backend: Backend) -> None:
    topic = backend.topic(3)
    bus = backend.open()
    publish(backend, numbered(topic, 1))
    bus.ensure_topics({topic: 3})
    assert sum(bus.ends([topic]).values()) == 1
    _refused(lambda: bus.ensure_topics({topic: 2}), topic)
    _refused(lambda: bus.ensure_topics({topic: 4}), topic)
    bus.close()


def check_a_missing_topic_is_told_by_name_and_remedy(backend: Backend) -> None:
    topic, missing = backend.topic(), f"contract.missing.{uuid4().hex}"
    bus = backend.open()
    bus.check_topics(read=[topic], write=[topic])
    assert "jobtrappen topics" in _refused(lambda: bus.check_topics(read=[topic, missing], write=[]), missing)
    assert "jobtrappen topics" in _refused(lambda: bus.check_topics(read=[], write=[missing]), missing)
    bus.close()


def _refused(act: Callable[[], object], name: str) -> str:
    try:
        act()
    except BadConfiguration as refusal:
        assert name in str(refusal)
        return str(refusal)
    raise AssertionError("it was not refused")


def check_everything_is_kept_for_a_service_that_joins_later(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 30))
    first = Reader(backend, [topic])
    first.take(30)
    first.leave()
    later = Reader(backend, [topic])
    assert [record.offset for record in later.take(30)] == list(range(30))
    later.leave()


def check_a_partition_has_one_reader(backend: Backend) -> None:
    topic = backend.topic(2)
    group = f"group-{uuid4().hex}"
    one, two = Reader(backend, [topic], group=group), Reader(backend, [topic], group=group)
    first, second = one.join(), two.join()

    def settled() -> bool:
        first.poll(0.1)
        second.poll(0.1)
        shares = [len(first.assigned()), len(second.assigned())]
        return shares == ([1, 1] if backend.shares else [2, 0]) and not first.assigned() & second.assigned()

    _until(backend, settled)
    one.leave()
    _until(backend, lambda: not second.poll(0.1) and len(second.assigned()) == 2)
    two.leave()


def check_a_new_member_changes_nothing_about_what_was_stored(backend: Backend) -> None:
    topic, count = backend.topic(), 120
    place = (topic, 0)
    publish(backend, numbered(topic, count))
    one = Reader(backend, [topic])
    two = Reader(backend, [topic], one.positions, one.group)

    def step(reader: Reader) -> int:
        for record in (reader.subscription or reader.join()).poll(0.05, limit=1):
            stored = one.positions.get(place, 0)
            assert record.offset <= stored, f"offset {record.offset} came, but only {stored} are stored"
            one.positions[place] = max(stored, record.offset + 1)
        return one.positions.get(place, 0)

    _until(backend, lambda: step(one) > 0)
    assert one.subscription is not None
    one.subscription.display({place: count})  # what the broker shows is wrong, and must not matter
    for _ in range(40):
        step(one)
        step(two)
    one.leave()
    _until(backend, lambda: step(two) == count)
    two.leave()


def check_a_killed_member_is_replaced(backend: Backend) -> None:
    topic = backend.topic(2)
    sent = [Record(topic, b"key-%d" % n, b"x") for n in range(20)]
    publish(backend, sent)
    reader = Reader(backend, [topic])
    with subprocess.Popen([sys.executable, str(MEMBER), backend.url, reader.group, topic],
                          stdout=subprocess.PIPE) as member:
        assert member.stdout is not None and member.stdout.readline(), "the member ended before it read"
        subscription = reader.join()
        try:
            if backend.shares:
                _until(backend, lambda: bool(subscription.poll(0.2)) or len(subscription.assigned()) == 1)
            else:
                assert subscription.poll(0.5) == [] and subscription.assigned() == set()
        finally:
            member.kill()
    subscription.rewind()
    seen: set[tuple[int, int]] = set()
    until = time.monotonic() + backend.patience
    while len(seen) < len(sent) and time.monotonic() < until:
        seen |= {(record.partition, record.offset) for record in subscription.poll(0.2)}
    reader.leave()
    assert len(seen) == len(sent)


def check_an_outage_loses_nothing(backend: Backend) -> None:
    topic = backend.topic(2)
    waves = [[Record(topic, b"case-%d" % key, b"%d" % n) for key in range(5)] for n in range(4)]
    producer = backend.open().producer("contract")
    assert producer.send(waves[0]) == [None] * 5
    with backend.outage():
        answers = producer.send(waves[1])
        assert all(isinstance(answer, Exception) for answer in answers), answers
        began = time.monotonic()
        producer.close()
        assert time.monotonic() - began < 2
        with suppress(BusError):
            late = backend.open().producer("contract")
            assert all(isinstance(answer, Exception) for answer in late.send(waves[1]))
            late.close()
    for wave in waves[1:]:
        _send_until_confirmed(backend, wave)
    reader = Reader(backend, [topic])
    first: dict[bytes | None, list[bytes | None]] = defaultdict(list)
    while sum(map(len, first.values())) < 20:
        for record in reader.peek():
            reader.positions[record.topic, record.partition] = record.offset + 1
            if record.value not in first[record.key]:
                first[record.key].append(record.value)
    reader.leave()
    assert first == {b"case-%d" % key: [b"0", b"1", b"2", b"3"] for key in range(5)}


def _send_until_confirmed(backend: Backend, wave: list[Record]) -> None:
    """As the relay does after a failure: a new producer, and what was not confirmed again."""
    until = time.monotonic() + backend.patience
    while wave and time.monotonic() < until:
        with suppress(BusError):
            producer = backend.open().producer("contract")
            answers = producer.send(wave)
            producer.close()
            wave = [record for record, answer in zip(wave, answers, strict=True) if answer is not None]
    assert not wave, f"not confirmed: {wave}"


def check_a_reader_survives_an_outage_or_says_so(backend: Backend) -> None:
    topic = backend.topic()
    publish(backend, numbered(topic, 3))
    reader = Reader(backend, [topic])
    reader.take(3)
    with backend.outage():
        try:
            assert reader.subscription is not None and reader.subscription.poll(0.5) == []
        except BusError:
            reader.leave()
    _send_until_confirmed(backend, [Record(topic, b"later", b"x")])
    until = time.monotonic() + backend.patience
    received: list[Record] = []
    while not received and time.monotonic() < until:
        try:
            received = (reader.subscription or reader.join()).poll(0.2)
        except BusError:
            reader.leave()
    reader.leave()
    assert [record.offset for record in received[:1]] == [3]


def _until(backend: Backend, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + backend.patience
    while not condition():
        assert time.monotonic() < until, f"not within {backend.patience} s"


CHECKS: dict[str, Callable[[Backend], None]] = {
    name.removeprefix("check_"): check for name, check in sorted(globals().items()) if name.startswith("check_")}

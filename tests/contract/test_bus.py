# SPDX-License-Identifier: MPL-2.0
"""The bus contract over both real backends, and what only one of them has."""
from __future__ import annotations

import gc
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pluggy
import pytest
from kafka import TopicPartition

from jobtrappen.bus import Record, kafka, sqlite
from jobtrappen.bus.kafka_holes import Holes
from jobtrappen.errors import BadConfiguration, BusError
from jobtrappen.plugins import Hooks
from jobtrappen.replay import replay
from tests.contract.bus_contract import CHECKS, Backend, Reader, numbered, publish
from tests.contract.bus_member import bus_at
from tests.support.kafka import KafkaCluster
from tests.support.process import free_ports, wait_until

IMPATIENT = "session_timeout_ms=6000&request_timeout_ms=4000&delivery_timeout_ms=5000&bootstrap_timeout_ms=3000"


def sqlite_backend(folder: Path) -> Backend:
    """The embedded bus in a folder; its outage is another writer that keeps the file locked."""
    path = folder / "bus.db"
    url = f"sqlite:///{path}?busy_timeout_ms=300"

    @contextmanager
    def outage() -> Iterator[None]:
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            yield

    return Backend("sqlite", url, lambda: bus_at(url), outage, shares=False)


def kafka_backend(server: KafkaCluster) -> Backend:
    """A real Kafka; its outage is a broker killed with SIGKILL and started again on its data."""
    url = f"{server.url}?{IMPATIENT}"

    @contextmanager
    def outage() -> Iterator[None]:
        server.kill()
        try:
            yield
        finally:
            server.restart()

    return Backend("kafka", url, lambda: bus_at(url), outage, shares=True)


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    return kafka_backend(request.getfixturevalue("kafka_server"))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_contract(backend: Backend, check) -> None:
    check(backend)


def test_the_embedded_bus_notices_that_its_file_was_moved(tmp_path: Path) -> None:
    backend = sqlite_backend(tmp_path)
    topic = backend.topic()
    producer = backend.open().producer("relay")
    subscription = Reader(backend, [topic]).join()
    assert producer.send(numbered(topic, 1)) == [None]
    for name in ("bus.db", "bus.db-wal", "bus.db-shm"):
        (tmp_path / name).rename(tmp_path / f"away-{name}")
    assert isinstance(producer.send(numbered(topic, 1))[0], BusError)
    with pytest.raises(BusError):
        subscription.poll(0.1)
    with pytest.raises(BusError):
        backend.open().ping()
    with pytest.raises(BusError):
        backend.open().producer("relay")
    assert not (tmp_path / "bus.db").exists(), "an empty bus was made in its place"
    for name in ("bus.db", "bus.db-wal", "bus.db-shm"):
        (tmp_path / f"away-{name}").rename(tmp_path / name)
    producer.close()
    subscription.close()
    publish(backend, [Record(topic, b"later", b"1")])
    reader = Reader(backend, [topic])
    assert [record.value for record in reader.take(2)] == [b"0", b"1"]
    reader.leave()


def test_a_full_disk_leaves_the_embedded_bus_without_a_gap(tmp_path: Path) -> None:
    backend = sqlite_backend(tmp_path)
    topic = backend.topic()
    producer = backend.open().producer("relay")
    assert producer.send([Record(topic, b"a", b"1")]) == [None]
    pages = producer._db.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
    producer._db.execute(f"PRAGMA max_page_count={pages + 3}")  # type: ignore[attr-defined]
    answers = producer.send([Record(topic, b"b", b"2"), Record(topic, b"c", bytes(100_000))])
    assert all(isinstance(answer, BusError) for answer in answers)
    assert producer.send([Record(topic, b"d", b"4")]) == [None]
    producer.close()
    reader = Reader(backend, [topic])
    assert [(record.key, record.offset) for record in reader.take(2)] == [(b"a", 0), (b"d", 1)]
    reader.leave()


def test_records_of_the_embedded_bus_can_be_neither_changed_nor_deleted(tmp_path: Path) -> None:
    backend = sqlite_backend(tmp_path)
    publish(backend, numbered(backend.topic(), 1))
    with closing(sqlite3.connect(tmp_path / "bus.db")) as db:
        for statement in ("DELETE FROM records", "UPDATE records SET value = x'00'"):
            with pytest.raises(sqlite3.IntegrityError, match="records are kept"):
                db.execute(statement)


def test_eight_writers_leave_dense_offsets_in_the_embedded_bus(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bus.db"
    bus_at(url).ensure_topics({"t": 2})
    answers: list[BaseException | None] = []

    def write(writer: int) -> None:
        producer = bus_at(url).producer(f"writer-{writer}")
        for n in range(25):
            answers.extend(producer.send([Record("t", b"%d" % writer, b"%d" % n), Record("t", b"x%d" % writer, b"")]))
        producer.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * 400
    with closing(sqlite3.connect(tmp_path / "bus.db")) as db:
        for partition, count, last in db.execute(
                "SELECT partition, count(*), max(offset) FROM records GROUP BY partition"):
            assert count == last + 1, partition
    assert sum(bus_at(url).ends(["t"]).values()) == 400


def test_the_scheme_of_the_url_chooses_the_backend() -> None:
    plugins = pluggy.PluginManager("jobtrappen")
    plugins.add_hookspecs(Hooks)
    for module in (sqlite, kafka):
        plugins.register(module)
    assert isinstance(plugins.hook.bus_backend(url="sqlite:////tmp/bus.db"), sqlite.SqliteBus)
    assert isinstance(plugins.hook.bus_backend(url="kafka://broker:9092"), kafka.KafkaBus)
    assert plugins.hook.bus_backend(url="amqp://broker") is None


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://bus.db", "sqlite:///:memory:", "sqlite:////b.db?cache=shared"])
def test_a_url_that_names_no_bus_file_is_refused(url: str) -> None:
    with pytest.raises(BadConfiguration):
        bus_at(url)


@pytest.mark.parametrize(("url", "told"), [
    ("kafka://", "host:port"), ("kafka://broker", "host:port"), ("kafka://user:secret@broker:9092", "host:port"),
    ("kafka://broker:9092?acks=0", "'acks'"), ("kafka://broker:9092?session_timeout_ms=soon", "session_timeout_ms"),
    ("kafka://broker:9092?delivery_timeout_ms=500", "larger than request_timeout_ms"),
    ("kafka://broker:9092?security_protocol=SASL_SSL&sasl_username=relay", "JOBTRAPPEN_KAFKA_PASSWORD"),
    ("kafka://broker:9092?sasl_username=relay", "no meaning"),
    ("kafka://broker:9092?security_protocol=SSL&ssl_cafile=/no/such/file", "/no/such/file"),
])
def test_a_kafka_url_that_is_wrong_is_refused_with_what_is_wrong(url: str, told: str) -> None:
    with pytest.raises(BadConfiguration, match=told.replace("'", ".")):
        bus_at(url)


def test_a_broker_that_is_away_is_told_with_its_address_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")  # a captured log record would hold on to its sockets
    [port] = free_ports(1)
    bus = bus_at(f"kafka://127.0.0.1:{port}?bootstrap_timeout_ms=300")
    attempts = (lambda: bus.producer("relay"), lambda: bus.ends(["t"]), bus.ping,
                lambda: bus.subscribe("group", ["t"], lambda topic, partition: 0))

    def resources() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with pytest.raises(BusError):
        bus.producer("relay")
    before = resources()
    for attempt in attempts * 2:
        remedy = "" if attempt == bus.ping else ".*does not answer"
        with pytest.raises(BusError, match=f"127.0.0.1:{port}{remedy}"):
            attempt()
    wait_until(lambda: resources() <= before, 10, f"threads and descriptors to be given back: {before}")


@pytest.mark.kafka
def test_topics_of_kafka_are_kept_for_ever_even_if_made_by_hand(kafka_server: KafkaCluster) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    made, by_hand = (f"contract.{uuid4().hex}" for _ in range(2))
    with closing(KafkaAdminClient(bootstrap_servers=kafka_server.servers)) as admin:
        admin.create_topics({by_hand: {"num_partitions": 1, "configs": {"retention.ms": "1000"}}},
                            wait_for_metadata=True)
        bus_at(kafka_server.url).ensure_topics({made: 1, by_hand: 1})
        for name in (made, by_hand):
            [found] = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)],
                                             config_filter="all").values()
            assert found[name]["retention.ms"]["value"] == "-1"
            assert found[name]["cleanup.policy"]["value"] == "delete"


@pytest.mark.kafka
def test_the_broker_shows_the_position_that_is_displayed(kafka_server: KafkaCluster) -> None:
    from kafka import KafkaAdminClient

    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 3))
    reader = Reader(backend, [topic])
    reader.take(3)
    assert reader.subscription is not None
    reader.subscription.display({(topic, 0): 2})
    with closing(KafkaAdminClient(bootstrap_servers=kafka_server.servers)) as admin:
        wait_until(lambda: [at.offset for at in admin.list_group_offsets(
            {reader.group: [TopicPartition(topic, 0)]})[reader.group].values()] == [2], 10, "the display")
    reader.leave()


@pytest.mark.kafka
def test_a_member_that_was_thrown_out_of_its_group_asks_for_its_positions_again(kafka_server: KafkaCluster) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import MemberToRemove

    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 10))
    reader = Reader(backend, [topic])
    reader.take(10)
    assert reader.subscription is not None
    reader.subscription.display({(topic, 0): 10})
    reader.positions[topic, 0] = 3  # somebody else has the partition meanwhile, or a backup is restored
    with closing(KafkaAdminClient(bootstrap_servers=kafka_server.servers)) as admin:
        [member] = admin.describe_groups([reader.group])[reader.group]["members"]
        admin.remove_group_members(reader.group, [MemberToRemove(member_id=member["member_id"])])
    assert [record.offset for record in reader.take(7)] == [3, 4, 5, 6, 7, 8, 9]
    reader.leave()


@pytest.mark.kafka
def test_a_member_that_hears_nothing_although_there_is_something_gives_itself_up(
        kafka_server: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_STALLED", 0.5)
    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 3))
    reader = Reader(backend, [topic])
    reader.peek(limit=1)
    client = reader.subscription._client  # type: ignore[union-attr]
    client.pause(*client.assignment())
    with pytest.raises(BusError, match="gave none"):
        reader.peek()
    reader.leave()


@pytest.mark.kafka
def test_records_that_the_client_passed_over_are_asked_for_again(kafka_server: KafkaCluster, caplog: pytest.LogCaptureFixture) -> None:
    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 6))
    reader = Reader(backend, [topic])
    assert [record.offset for record in reader.peek(limit=2)] == [0, 1]
    reader.positions[topic, 0] = 2
    client = reader.subscription._client  # type: ignore[union-attr]
    [at] = client.assignment()
    client.seek(at, 4)  # a fault of the client's: nobody asked it to
    assert [record.offset for record in reader.take(4)] == [2, 3, 4, 5]
    assert "2 records from offset 2 on were not given; they are asked for again" in caplog.text
    reader.leave()


@pytest.mark.kafka
def test_while_it_is_not_known_where_to_ask_again_nothing_behind_the_hole_is_given(kafka_server: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 6))
    reader = Reader(backend, [topic])
    reader.peek(limit=2)
    client = reader.subscription._client  # type: ignore[union-attr]
    [at] = client.assignment()
    client.seek(at, 4)
    with monkeypatch.context() as away:
        away.setattr(reader.subscription, "_start", lambda _topic, _partition: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            reader.peek()
    assert [record.offset for record in reader.take(6)] == [0, 1, 2, 3, 4, 5]
    reader.leave()


@pytest.mark.kafka
def test_records_that_are_gone_from_the_broker_are_missed_aloud_and_hold_nobody_up(kafka_server: KafkaCluster, caplog: pytest.LogCaptureFixture) -> None:
    from kafka import KafkaAdminClient

    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    publish(backend, numbered(topic, 6))
    with closing(KafkaAdminClient(bootstrap_servers=kafka_server.servers)) as admin:
        admin.delete_records({TopicPartition(topic, 0): 4})
    reader = Reader(backend, [topic])
    assert [record.offset for record in reader.take(2)] == [4, 5]
    assert "4 records from offset 0 on were not given; they are not on the broker" in caplog.text
    reader.leave()


@pytest.mark.kafka
def test_holes_that_a_strangers_transactions_leave_stop_neither_a_reader_nor_a_replay(kafka_server: KafkaCluster) -> None:
    from kafka import KafkaProducer

    backend = kafka_backend(kafka_server)
    topic = backend.topic()
    with closing(KafkaProducer(bootstrap_servers=kafka_server.servers, transactional_id=uuid4().hex, acks="all")) as stranger:
        stranger.init_transactions()
        for _ in range(3):  # each commit takes an offset that no reader is given
            stranger.begin_transaction()
            stranger.send(topic, key=b"k", value=b"stranger")
            stranger.commit_transaction()
            publish(backend, [Record(topic, b"k", b"ours")])
    reader = Reader(backend, [topic])
    assert [record.offset for record in reader.take(6)] == [0, 2, 3, 5, 6, 8]
    reader.leave()
    assert [record.offset for batch in replay(backend.open(), uuid4().hex, [topic]) for record in batch] == [0, 2, 3, 5, 6, 8]


def offsets(*numbers: int) -> list[Record]:
    return [Record("t", b"k", b"", offset=number) for number in numbers]


def test_each_hole_is_doubted_once() -> None:
    holes, at = Holes(), TopicPartition("t", 3)
    assert not holes.new(at, 5, offsets(5, 6, 7))
    assert holes.new(at, 5, offsets(5, 6, 9)) and holes.new(at, 7, offsets(10))
    assert not holes.new(at, 5, offsets(5, 6, 9)), "what is missing the second time too is not there"
    assert holes.new(at, 5, offsets(5, 6, 9, 11)) and not holes.new(at, 7, offsets(9, 11, 12))
    assert holes.new(TopicPartition("t", 4), 7, offsets(9)), "each partition has its own"


@pytest.mark.kafka
def test_a_user_of_kafka_must_know_the_password_and_may_only_do_what_is_granted(
        monkeypatch: pytest.MonkeyPatch, kafka_server: KafkaCluster) -> None:
    server = KafkaCluster.start(passwords={"admin": "admin-secret", "relay": "relay-secret"})
    options = "security_protocol=SASL_PLAINTEXT&sasl_mechanism=SCRAM-SHA-512&bootstrap_timeout_ms=4000"
    as_relay = f"{server.url}?{options}&sasl_username=relay"
    try:
        monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "admin-secret")
        admin = bus_at(f"{server.url}?{options}&sasl_username=admin")
        admin.ensure_topics({"jobtrappen.mine": 1, "jobtrappen.other": 1})
        _grant(server, "relay", "jobtrappen.mine", "READ", "WRITE")
        _grant(server, "relay", "jobtrappen.other", "READ")
        monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "relay-secret")
        bus = bus_at(as_relay)
        bus.check_topics(read=["jobtrappen.mine", "jobtrappen.other"], write=["jobtrappen.mine"])
        with pytest.raises(BadConfiguration, match="this user may not write it"):
            bus.check_topics(read=[], write=["jobtrappen.other"])
        assert bus.producer("relay").send(numbered("jobtrappen.mine", 1)) == [None]
        monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", "a wrong one")
        with pytest.raises(BusError, match="does not let relay in: the password is wrong"):
            bus_at(as_relay).producer("relay")
    finally:
        server.stop()


def _grant(server: KafkaCluster, user: str, topic: str, *operations: str) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

    with closing(KafkaAdminClient(
            bootstrap_servers=server.servers, security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username="admin", sasl_plain_password="admin-secret")) as admin:
        admin.create_acls([ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW,
                               ResourcePattern(ResourceType.TOPIC, topic)) for operation in operations])

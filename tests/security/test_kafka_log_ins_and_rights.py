# SPDX-License-Identifier: MPL-2.0
"""On a broker with log-ins and ACLs each service does its whole work with what `jobtrappen topics --acls` grants it, and the
broker itself refuses everything else."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobtrappen import plugins, workers
from jobtrappen.bus import Bus, Record, open_bus
from jobtrappen.bus.kafka_rights import grants
from jobtrappen.cli import cli
from jobtrappen.config import PUBLIC_TOPIC, SERVICES, TOPICS
from jobtrappen.demo.plan import random_cohort
from jobtrappen.errors import BadConfiguration, BusError, LogInRefused
from jobtrappen.runtime import Runtime
from jobtrappen.settle import open_work
from tests.conftest import missing
from tests.integration.test_the_command_line import Home
from tests.support.in_process import live, with_statistics
from tests.support.kafka import KafkaCluster
from tests.support.process import Missing, wait_until
from tests.support.world import a_world

pytestmark = pytest.mark.kafka
ADMIN, PORTAL = "admin", "portal"
USERS = {name: f"svc-{name}" for name in SERVICES}
PASSWORDS = {user: f"the password of {user}" for user in (*USERS.values(), PORTAL)}
OPTIONS = "security_protocol=SASL_PLAINTEXT&bootstrap_timeout_ms=5000&session_timeout_ms=6000"
READS = {name: set(service.reads) for name, service in plugins.services().items()}
ALL_TOPICS = (*TOPICS.values(), PUBLIC_TOPIC)


@dataclass
class Broker:
    cluster: KafkaCluster
    told: Result

    def url(self, user: str) -> str:
        return f"{self.cluster.url}?{OPTIONS}&sasl_username={user}"

    def bus(self, user: str, monkeypatch: pytest.MonkeyPatch) -> Bus:
        """As this user; the password is read when the bus is made."""
        monkeypatch.setenv("JOBTRAPPEN_KAFKA_PASSWORD", PASSWORDS.get(user, "admin-secret"))
        return open_bus(self.url(user))

    def client(self, kind: str, user: str, **more: Any) -> Any:
        """A bare client, because what the broker refuses is asked of the broker."""
        import kafka

        return getattr(kafka, kind)(bootstrap_servers=self.cluster.servers, security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512",
                                    sasl_plain_username=user, sasl_plain_password=PASSWORDS[user], bootstrap_timeout_ms=10_000, **more)


def the_operator_runs(cluster: KafkaCluster, home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["topics", "--acls", *[f"--user={name}={user}" for name, user in USERS.items()], f"--integrator={PORTAL}", *arguments], env={
        "JOBTRAPPEN_HOME": str(home), "JOBTRAPPEN_BUS": f"{cluster.url}?{OPTIONS}&sasl_username={ADMIN}", "JOBTRAPPEN_KAFKA_PASSWORD": "admin-secret"})


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Only the admin is there at first; everything else is what the command makes."""
    home = tmp_path_factory.mktemp("operator")
    for user, password in PASSWORDS.items():
        (home / f"{user}_kafka_password").write_text(password)
    try:
        cluster = KafkaCluster.start(passwords={ADMIN: "admin-secret"})
    except Missing as why:
        missing(why)
    told = the_operator_runs(cluster, home, "--passwords", str(home))
    assert told.exit_code == 0, told.output
    yield Broker(cluster, told)
    cluster.stop()


def test_the_command_prints_what_it_grants_and_a_second_run_changes_nothing(broker: Broker, tmp_path: Path) -> None:
    lines = broker.told.output.splitlines()
    assert "svc-referral: WRITE topic jobtrappen.referral" in lines and "svc-referral: READ topic jobtrappen.followup" in lines
    assert "portal: READ topic jobtrappen.public" in lines and "portal: WRITE topic jobtrappen.public" not in lines
    assert lines[-3:] == ["5 topics with 6 partitions each", f"5 log-ins: {', '.join(sorted(PASSWORDS))}", f"{len(lines) - 3} rights granted"]
    assert [line for line in lines if "referral: WRITE" in line] == ["svc-referral: WRITE topic jobtrappen.public", "svc-referral: WRITE topic jobtrappen.referral"]
    again = the_operator_runs(broker.cluster, tmp_path)
    assert again.output.splitlines() == [*lines[:-2], lines[-1]]


def test_each_service_works_with_exactly_its_rights(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lives are led through the four services; every event goes over the broker by real relays and consumers."""
    with_statistics(monkeypatch, tmp_path)
    stop, failed = threading.Event(), []

    def guarded(name: str, work: workers.Work) -> None:
        try:
            work(stop)
        except Exception as error:
            failed.append(f"{name}: {error!r}")

    with a_world(tmp_path, today=date(2004, 5, 25)) as world:
        admin = broker.bus(ADMIN, monkeypatch)
        threads = []
        for name, runtime in world.runtimes.items():
            bus = broker.bus(USERS[name], monkeypatch)
            bus.check_topics(runtime.service.reads, runtime.service.writes, f"jobtrappen.{name}")
            own = Runtime(runtime.service, world.settings.on(bus=broker.url(USERS[name])))
            works = [*workers.relays([own]), *(work for work in workers.consumers([own]) if not work[0].startswith("fetch"))]
            threads += [threading.Thread(target=guarded, args=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()

        def quiet() -> bool:
            return bool(failed) or (not sum(fetcher.once() for fetcher in world.fetchers) and not open_work(world.runtimes.values(), admin))

        world.settle = lambda: wait_until(quiet, 60, "the services to hear each other")  # type: ignore[method-assign]
        live(world, random_cohort(11, 2), "rights")
        ends = admin.ends(ALL_TOPICS)
        stop.set()
        for thread in threads:
            thread.join(30)
        admin.close()
    assert failed == []
    assert {topic for (topic, _partition), end in ends.items() if end} == set(ALL_TOPICS), "something was said on every topic"


FORBIDDEN_WRITES = [(user, topic) for user in PASSWORDS for topic in ALL_TOPICS
                    if user == PORTAL or topic not in (TOPICS[user.removeprefix("svc-")], PUBLIC_TOPIC)]


def test_nobody_writes_what_is_anothers(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(FORBIDDEN_WRITES) == 4 * 3 + 5
    with closing(broker.bus(ADMIN, monkeypatch)) as admin:
        before = admin.ends(ALL_TOPICS)
        for user in PASSWORDS:
            bus = broker.bus(user, monkeypatch)
            producer = bus.producer(user)
            topics = [topic for who, topic in FORBIDDEN_WRITES if who == user]
            answers = producer.send([Record(topic, b"key", b"forged", ()) for topic in topics])
            producer.close()
            bus.close()
            assert ["AuthorizationFailedError" in repr(answer) for answer in answers] == [True] * len(topics), (user, answers)
        assert admin.ends(ALL_TOPICS) == before


@pytest.mark.parametrize("user", sorted(PASSWORDS))
def test_nobody_reads_what_it_does_not_listen_to(broker: Broker, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    from kafka.structs import TopicPartition

    allowed = {PUBLIC_TOPIC} if user == PORTAL else READS[user.removeprefix("svc-")]
    own = set() if user == PORTAL else {TOPICS[user.removeprefix("svc-")], PUBLIC_TOPIC}
    for topic in ALL_TOPICS:
        with closing(broker.client("KafkaConsumer", user, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False)) as consumer:
            consumer.assign([TopicPartition(topic, partition) for partition in range(6)])
            with suppress(Exception):
                consumer.seek_to_beginning()
            read = refused = 0
            for _ in range(60 if topic in allowed else 12):
                try:
                    read += sum(map(len, consumer.poll(timeout_ms=50).values()))
                except Exception as error:
                    refused += "AuthorizationFailed" in repr(error)
                if read or refused:
                    break
            assert (read > 0) == (topic in allowed), (user, topic, read, refused)
    with closing(broker.bus(user, monkeypatch)) as bus:
        bus.check_topics(sorted(allowed), sorted(own))
        for topic in set(ALL_TOPICS) - allowed:
            with pytest.raises(BadConfiguration, match=f"topic {topic}: .*grant it with `jobtrappen topics --acls`"):
                bus.check_topics([topic], [])


def test_nobody_joins_anothers_group(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    from kafka.errors import GroupAuthorizationFailedError

    for user, group in [("svc-matching", "jobtrappen.referral"), (PORTAL, "jobtrappen.partners"), ("svc-referral", PORTAL)]:
        with closing(broker.client("KafkaAdminClient", user)) as admin, pytest.raises(GroupAuthorizationFailedError):
            admin.describe_groups([group])
        topics = sorted({PUBLIC_TOPIC} if user == PORTAL else READS[user.removeprefix("svc-")])
        with closing(broker.bus(user, monkeypatch)) as bus:
            with pytest.raises(BadConfiguration, match=f"group {group}: this user may not join it"):
                bus.check_topics(topics, [], group)
            subscription = bus.subscribe(group, topics, lambda _topic, _partition: 0)
            with closing(subscription), pytest.raises(BusError, match="GroupAuthorizationFailed"):
                for _ in range(100):
                    subscription.poll(0.1)


def test_no_service_makes_or_deletes_topics_or_rights(broker: Broker) -> None:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

    for user in PASSWORDS:
        with closing(broker.client("KafkaAdminClient", user)) as admin:
            with pytest.raises(Exception, match="AuthorizationFailed"):
                admin.create_topics({"jobtrappen.mine": {"num_partitions": 1, "replication_factor": 1}})
            with pytest.raises(Exception, match="AuthorizationFailed"):
                admin.delete_topics([PUBLIC_TOPIC])
            made = admin.create_acls([ACL(f"User:{user}", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, PUBLIC_TOPIC))])
            assert [error.__name__ for error in made["failed"]] == ["ClusterAuthorizationFailedError"]


def test_a_wrong_password_and_a_missing_right_are_said_at_start(broker: Broker, tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.run("migrate", "referral").returncode == 0
    given = {"BUS": broker.url("svc-referral"), "MODE": "demo"}
    done = home.run("relay", "referral", **given, KAFKA_PASSWORD="another")
    assert done.returncode == 78, done.stderr
    assert "it answers, and does not let svc-referral in: the password is wrong" in done.stderr and "JOBTRAPPEN_KAFKA_PASSWORD" in done.stderr
    assert "another" not in done.stderr.replace("wants another", "")
    done = home.run("consume", "referral", **{**given, "BUS": broker.url(PORTAL)}, KAFKA_PASSWORD=PASSWORDS[PORTAL])
    assert done.returncode == 78, done.stderr
    lines = done.stderr.split("Jobtrappen cannot start:\n")[1].splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [*(f"topic {topic}" for topic in sorted(READS["referral"])), "group jobtrappen.referral"]
    assert all(line.endswith("grant it with `jobtrappen topics --acls`") for line in lines)


def test_a_listener_that_wants_a_log_in_is_told_from_a_broker_that_is_away(broker: Broker) -> None:
    plain = open_bus(f"{broker.cluster.url}?bootstrap_timeout_ms=2000")
    with pytest.raises(LogInRefused, match="it answers, but not to security_protocol=PLAINTEXT"):
        plain.ends([PUBLIC_TOPIC])


def test_an_integrator_may_not_be_called_like_a_service() -> None:
    services = list(plugins.services().values())
    for name in ("referral", "jobtrappen.referral", "jobtrappen", "job"):
        with pytest.raises(BadConfiguration, match="choose another"):
            grants(services, {}, [name])
    assert len(set(grants(services, {}, ["portal"]))) == len(grants(services, {}, ["portal"]))

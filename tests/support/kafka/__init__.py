# SPDX-License-Identifier: MPL-2.0
"""A real Apache Kafka (KRaft, one or three nodes) on the loopback, with Java and Maven alone.

The jars are fetched once into a cache folder: `.kafka` of this repository, or what JOBTRAPPEN_TEST_KAFKA_HOME names.
"""
from __future__ import annotations

import atexit
import base64
import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.support.process import Missing, answers, free_ports, tail, wait_until

_HERE = Path(__file__).parent
_CACHE = Path(__file__).parents[3] / ".kafka"
_ADMIN = "admin"

REMEDY = ("Install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven); "
          "Maven then fetches Apache Kafka once into .kafka/.")


class KafkaCluster:
    """`passwords` (user: password) turns on SASL SCRAM-SHA-512 and the ACL authorizer, with `admin` as super user."""

    def __init__(self, nodes: int = 1, passwords: dict[str, str] | None = None, advertised: int | None = None) -> None:
        """`advertised`: the port of the loopback that clients of a single node are sent to, for a proxy before it.

        Raises Missing when Java, Maven or the jars cannot be had."""
        self._jars = _jars()
        self._passwords = passwords or {}
        self._folder = Path(tempfile.mkdtemp(prefix="jobtrappen-kafka-"))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._ports = {n: free_ports(2) for n in range(1, nodes + 1)}
        self._advertised = advertised
        self._id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "x")
        atexit.register(self.stop)

    @classmethod
    def start(cls, nodes: int = 1, passwords: dict[str, str] | None = None, advertised: int | None = None) -> KafkaCluster:
        """Format, start and wait until every node answers."""
        cluster = cls(nodes, passwords, advertised)
        for node in cluster._ports:
            cluster._format(node)
        for node in cluster._ports:
            cluster._run(node)
        for node in cluster._ports:
            cluster._wait(node)
        return cluster

    @property
    def servers(self) -> str:
        """host:port, separated by commas."""
        return ",".join(f"127.0.0.1:{self._advertised or broker}" for broker, _ in self._ports.values())

    @property
    def port(self) -> int:
        """Where the first node itself listens."""
        return self._ports[1][0]

    @property
    def url(self) -> str:
        return f"kafka://{self.servers}"

    def kill(self, node: int = 1) -> None:
        """SIGKILL: nothing is flushed or said."""
        process = self._processes.pop(node)
        process.kill()
        process.wait()

    def restart(self, node: int = 1) -> None:
        """Start a node that was killed, on its old data and port."""
        self._run(node)
        self._wait(node)

    def stop(self) -> None:
        """End all nodes and delete their data."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def tool(self, main: str, *arguments: str) -> str:
        """The output of one of Kafka's own Java tools, for instance kafka.admin.AclCommand."""
        command = [*_java("256m"), "-cp", f"{self._jars}/*", main, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{main}: {done.stdout}{done.stderr}")
        return done.stdout

    def _format(self, node: int) -> None:
        path = self._folder / f"node{node}.properties"
        path.write_text(self._properties(node))
        users = [part for user, password in self._passwords.items()
                 for part in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")]
        self.tool("kafka.tools.StorageTool", "format", "-t", self._id, "-c", str(path), *users)

    def _run(self, node: int) -> None:
        with open(self._folder / f"node{node}.log", "ab") as log:
            self._processes[node] = subprocess.Popen(
                [*_java("512m"), f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
                 "-cp", f"{self._jars}/*", "kafka.Kafka", str(self._folder / f"node{node}.properties")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait(self, node: int) -> None:
        process, port = self._processes[node], self._ports[node][0]
        wait_until(lambda: answers(port) or process.poll() is not None, 90, f"Kafka node {node}")
        if process.poll() is not None:
            raise RuntimeError(f"Kafka node {node} ended: {tail(self._folder / f'node{node}.log')}")

    def _properties(self, node: int) -> str:
        broker, controller = self._ports[node]
        replicas, in_sync = len(self._ports), 2 if len(self._ports) > 1 else 1
        listener = "SASL_PLAINTEXT" if self._passwords else "PLAINTEXT"
        return "\n".join([
            "process.roles=broker,controller",
            f"node.id={node}",
            "controller.quorum.voters=" + ",".join(f"{n}@127.0.0.1:{c}" for n, (_, c) in self._ports.items()),
            f"listeners={listener}://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners={listener}://127.0.0.1:{self._advertised or broker}",
            "controller.listener.names=CONTROLLER",
            f"inter.broker.listener.name={listener}",
            f"listener.security.protocol.map={listener}:{listener},CONTROLLER:PLAINTEXT",
            f"log.dirs={self._folder / f'data{node}'}",
            "auto.create.topics.enable=false",
            f"default.replication.factor={replicas}",
            f"min.insync.replicas={in_sync}",
            f"offsets.topic.replication.factor={replicas}",
            "offsets.topic.num.partitions=4",
            f"transaction.state.log.replication.factor={replicas}",
            f"transaction.state.log.min.isr={in_sync}",
            f"share.coordinator.state.topic.replication.factor={replicas}",
            f"share.coordinator.state.topic.min.isr={in_sync}",
            # Production values make tests wait: 3 s for a first member, 9 s for a dead leader.
            "group.initial.rebalance.delay.ms=0",
            "group.min.session.timeout.ms=3000",
            "broker.heartbeat.interval.ms=500",
            "broker.session.timeout.ms=3000",
            *(self._sasl() if self._passwords else ()), ""])

    def _sasl(self) -> Sequence[str]:
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        return ["sasl.enabled.mechanisms=SCRAM-SHA-512", "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
                "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config="
                f'{login} username="{_ADMIN}" password="{self._passwords[_ADMIN]}";',
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                f"super.users=User:{_ADMIN};User:ANONYMOUS"]


def _java(heap: str) -> list[str]:
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def _jars() -> Path:
    home = Path(os.environ.get("JOBTRAPPEN_TEST_KAFKA_HOME") or _CACHE)
    jars, done = home / "libs", home / "libs" / ".done"
    for tool in ("java",) if done.exists() else ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Missing(f"Apache Kafka needs {tool}. {REMEDY}")
    jars.mkdir(parents=True, exist_ok=True)
    with open(home / "fetch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            fetched = subprocess.run(
                ["mvn", "-q", "-B", "-f", str(_HERE / "pom.xml"), "dependency:copy-dependencies",
                 "-DincludeScope=runtime", f"-DoutputDirectory={jars}"], capture_output=True, text=True)
            if fetched.returncode:
                raise Missing(f"Maven could not fetch Apache Kafka: {fetched.stdout[-500:]} {REMEDY}")
            done.touch()
    return jars

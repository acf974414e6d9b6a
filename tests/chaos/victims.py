# SPDX-License-Identifier: MPL-2.0
"""What can be killed, and the keeper that starts again whatever it finds dead, as a supervisor does."""
from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jobtrappen.errors import BusError
from jobtrappen.up import Suite
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer

PROCESSES = ("serve", "relay", "consume")
ROLES = (*PROCESSES, "postgres", "broker")


@dataclass(frozen=True)
class Victim:
    role: str
    name: str
    """Of the service or the node; one PostgreSQL serves all."""


@dataclass
class Keeper:
    """Starts the dead again, each after a pause of its own and all of them at the same time."""

    suite: Suite
    postgres: PostgresServer
    kafka: KafkaCluster
    nodes: tuple[int, ...]
    rng: random.Random
    over: threading.Event = field(default_factory=threading.Event)
    away: set[Victim] = field(default_factory=set)
    """Killed and not yet back."""
    failed: list[BaseException] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    launching: threading.Lock = field(default_factory=threading.Lock)
    """Held by who starts or kills a process of the suite: two who find the same one dead would start it twice, and one of the two would
    be nobody's to end."""

    def kill(self, victim: Victim) -> None:
        """SIGKILL; it stays dead until `raise_again`."""
        with self.launching:
            self.away.add(victim)
            if victim.role == "postgres":
                self.postgres.kill()
            elif victim.role == "broker":
                self.kafka.kill(int(victim.name))
            else:
                self.suite.kill(f"{victim.role} {victim.name}")

    def raise_again(self, victim: Victim) -> None:
        """In a thread of its own, so that the next kill need not wait."""
        pause = self.rng.uniform(0.05, 0.4)
        self._start(victim.role, lambda: self._raise(victim, pause))

    def _raise(self, victim: Victim, pause: float) -> None:
        self.over.wait(pause)
        if victim.role == "postgres":
            self.postgres.restart()
        elif victim.role == "broker":
            self.kafka.restart(int(victim.name))
            self._wait_until_in_sync()
        else:
            with self.launching:
                self.suite.launch(f"{victim.role} {victim.name}")
        self.away.discard(victim)

    def watch(self) -> None:
        """What ended by itself, because a database or a broker was away at its start, is started again."""
        self._start("keeper", self._watch)

    def _watch(self) -> None:
        while not self.over.wait(0.2):
            for name in list(self.suite.children):
                with self.launching:
                    if self.suite.children[name].poll() is not None and Victim(*name.split()) not in self.away:
                        self.suite.launch(name)

    def _wait_until_in_sync(self) -> None:
        """With min.insync.replicas=2 of three nodes, the next broker may go when each partition has all its copies."""
        deadline = time.monotonic() + 300
        while not in_sync(self.kafka, len(self.nodes)):
            if time.monotonic() > deadline:
                raise TimeoutError("the brokers did not come in sync")
            time.sleep(0.3)

    def _start(self, name: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self.failed.append(error)

        self.threads.append(threading.Thread(target=guarded, name=name, daemon=True))
        self.threads[-1].start()

    def all_back(self) -> None:
        """Wait until everybody who was killed is there again. Raises what went wrong in a thread."""
        for thread in self.threads:
            if thread.name != "keeper":
                thread.join(300)
        if self.failed:
            raise self.failed[0]
        assert not self.away, f"still away: {self.away}"

    def stop(self) -> None:
        """Nobody watches any more."""
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def in_sync(kafka: KafkaCluster, nodes: int) -> bool:
    """Has every partition of every topic all of its copies?"""
    from kafka import KafkaAdminClient

    try:
        admin = KafkaAdminClient(bootstrap_servers=kafka.servers.split(","), request_timeout_ms=3000, bootstrap_timeout_ms=3000)
        try:
            partitions = [p for topic in admin.describe_topics() for p in topic["partitions"]]
        finally:
            admin.close()
    except Exception as error:  # whatever a broker that is just coming up makes of the question
        if isinstance(error, BusError | AssertionError):
            raise
        return False
    return bool(partitions) and all(len(p["isr_nodes"]) == nodes for p in partitions)

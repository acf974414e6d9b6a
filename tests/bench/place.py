# SPDX-License-Identifier: MPL-2.0
"""The servers and the environment that the benches share: a private PostgreSQL (fsync on) and one real Kafka node."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, MetaData, create_engine, text

from jobtrappen import plugins, tables
from jobtrappen.bus import open_bus
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.consumer import Reactions
from jobtrappen.rights import Rights
from jobtrappen.runtime import Runtime, Service
from jobtrappen.web.api import Api
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer
from tests.support.process import tail

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the benches, long enough"


def speaker() -> Service:
    """A service under followup's name with the kit's tables alone: the benches let it say what referral reacts to."""
    metadata = MetaData()
    tables.add_to(metadata)
    return Service("followup", "Speaks in the benches", metadata, Api("followup"), Reactions(), Rights())


@dataclass
class Place:
    """Where the benches run. `sized` gives a quick run small numbers."""

    postgres: PostgresServer
    kafka: KafkaCluster
    folder: Path
    quick: bool
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def sized(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def settings(self) -> Settings:
        return Settings(home=self.folder, database=self.postgres.url("bench_{service}"), bus=self.kafka.url, secret=SECRET, mode="demo",
                        plugins=("referral",))

    def referral(self) -> Runtime:
        return Runtime(plugins.services()["referral"], self.settings())

    def followup(self) -> Runtime:
        return Runtime(speaker(), self.settings())

    def environment(self, **more: str) -> dict[str, str]:
        """For the suite's own processes."""
        settings = self.settings()
        return {**os.environ, "PYTHONPATH": str(ROOT), "JOBTRAPPEN_HOME": str(self.folder), "JOBTRAPPEN_DATABASE": settings.database,
                "JOBTRAPPEN_BUS": settings.bus, "JOBTRAPPEN_SECRET": SECRET, "JOBTRAPPEN_MODE": "demo", "JOBTRAPPEN_PLUGINS": "referral", **more}

    def start(self, name: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """A Python process whose output goes into a file of its name; ended with the place."""
        with open(self.folder / f"{name}.log", "ab") as log:
            child = subprocess.Popen([sys.executable, *arguments], env=self.environment(**more), stdout=log, stderr=log, cwd=ROOT)
        self.children.append(child)
        return child

    def alive(self) -> None:
        """
        Raises:
            RuntimeError: a child has ended; the end of its log.
        """
        for child in self.children:
            if child.poll() is not None:
                logs = "".join(f"\n--- {log.name}: {tail(log)}" for log in sorted(self.folder.glob("*.log")))
                raise RuntimeError(f"{child.args!r} ended with {child.returncode}{logs}")

    def admin(self, database: str) -> Engine:
        """An engine of the bench itself, for filling and counting."""
        return create_engine(self.postgres.url(database), isolation_level="AUTOCOMMIT")

    def end(self, *children: subprocess.Popen[bytes]) -> None:
        """Ask children to end, wait, and forget them; all of them if none is named."""
        for child in children or tuple(self.children):
            child.terminate()
        for child in children or tuple(self.children):
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            self.children.remove(child)


@contextmanager
def a_place(quick: bool) -> Iterator[Place]:
    """Start both servers, make databases and topics; leave nothing behind.

    Raises:
        Missing: PostgreSQL, Java or Maven is not installed; the text says how to have it.
    """
    os.environ["JOBTRAPPEN_PLUGINS"] = "referral"
    postgres = PostgresServer.start()
    kafka = None
    try:
        _stamp_commits(postgres)
        kafka = KafkaCluster.start()
        with tempfile.TemporaryDirectory(prefix="jobtrappen-bench-") as folder:
            place = Place(postgres, kafka, Path(folder), quick)
            try:
                _fill(place)
                yield place
            finally:
                place.end()
    finally:
        if kafka:
            kafka.stop()
        postgres.stop()


def _stamp_commits(postgres: PostgresServer) -> None:
    """The server writes down when each transaction was committed: one clock for both ends of the latency bench."""
    engine = create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET track_commit_timestamp = on"))
        connection.execute(text("CHECKPOINT"))
    engine.dispose()
    postgres.kill()
    postgres.restart()


def _fill(place: Place) -> None:
    from jobtrappen import migrate

    for name in ("referral", "followup", "bare"):
        place.postgres.create_database(f"bench_{name}")
    referral, followup = place.referral(), place.followup()
    migrate.upgrade(referral)
    followup.service.metadata.create_all(followup.engine)
    for runtime in (referral, followup):
        runtime.close()
    bus = open_bus(place.kafka.url)
    bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
    bus.close()


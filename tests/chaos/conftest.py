# SPDX-License-Identifier: MPL-2.0
"""The small ledger harness (tests/support/ledger.py) on both kinds of database and bus, and the options of the kill test."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.integration.conftest import IMPATIENT, database_of
from tests.support.kafka import KafkaCluster
from tests.support.ledger import Ledger, a_ledger
from tests.support.postgres import PostgresServer
from tests.support.process import Missing


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Ledger]:
    """Speaker and ledger on the embedded default."""
    with a_ledger(tmp_path) as made:
        yield made


@pytest.fixture
def on_postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Speaker and ledger on PostgreSQL, with the embedded bus."""
    with a_ledger(tmp_path, database_of("postgres", request)) as made:
        yield made


@pytest.fixture
def on_servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Speaker and ledger on PostgreSQL and Kafka."""
    url = f"{request.getfixturevalue('kafka_server').url}?{IMPATIENT}"
    with a_ledger(tmp_path, database_of("postgres", request), url) as made:
        yield made


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be killed: others' connections shall not break."""
    try:
        server = PostgresServer.start()
    except Missing as why:
        missing(why)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[KafkaCluster]:
    """Three nodes, each partition on all of them, min.insync.replicas=2."""
    try:
        cluster = KafkaCluster.start(nodes=3)
    except Missing as why:
        missing(why)
    yield cluster
    cluster.stop()

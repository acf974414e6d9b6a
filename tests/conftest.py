# SPDX-License-Identifier: MPL-2.0
"""Servers that tests share: started when first asked for, one a session."""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest
import structlog

from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer
from tests.support.process import Missing

# A traceback as Python writes it: structlog's own way for a terminal writes every local variable too, which takes minutes for a page.
structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
                                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)])


def missing(why: Missing) -> NoReturn:
    """Skip and say how to have the tool; where CI=true a test that cannot run has failed."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(why), pytrace=False)
    pytest.skip(str(why))


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaCluster]:
    """One Apache Kafka node. Who kills it restarts it."""
    try:
        server = KafkaCluster.start()
    except Missing as why:
        missing(why)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaCluster]:
    """A node for one module alone: the suite's topics have fixed names, and two suites must not hear each other."""
    try:
        server = KafkaCluster.start()
    except Missing as why:
        missing(why)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL. Tests make databases of their own in it."""
    try:
        server = PostgresServer.start()
    except Missing as why:
        missing(why)
    yield server
    server.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=60, help="how many kills the chaos test makes")
    parser.addoption("--cuts", type=int, default=4, help="how often the chaos test kills the embedded suite as a whole")
    parser.addoption("--kill-seed", type=int, default=2004, help="the seed of the chaos test")
    parser.addoption("--thorough", action="store_true", help="every role that may do an operation of the API runs its enumerated cases, not the leading role alone")

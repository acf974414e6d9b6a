# SPDX-License-Identifier: MPL-2.0
"""PostgreSQL and three Kafka nodes, web, relay and consumer of four services as processes of their own: all of them killed
with SIGKILL at random under load, overlapping. More by option: `make chaos ARGS="--kills 1000 --kill-seed 7"`.
"""
from __future__ import annotations

import random
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from jobtrappen.bus import open_bus
from jobtrappen.config import SERVICES
from jobtrappen.demo.client import sign_in
from jobtrappen.demo.loader import LOG_INS
from jobtrappen.up import Suite
from tests.chaos.killer import Killer
from tests.chaos.load import StubbornSession, under_load
from tests.chaos.run import nothing_is_lost_or_doubled, runtimes_of, settings_for
from tests.chaos.victims import ROLES, Keeper
from tests.support.kafka import KafkaCluster
from tests.support.postgres import PostgresServer

NODES = (1, 2, 3)
HASTY = "request_timeout_ms=4000&delivery_timeout_ms=6000&bootstrap_timeout_ms=4000"
"""The killer's own questions shall not wait long for a broker that it killed."""


@pytest.mark.postgres
@pytest.mark.kafka
def test_every_command_has_its_event_and_every_effect_once_after_random_kills(
        tmp_path: Path, own_postgres: PostgresServer, three_brokers: KafkaCluster, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> None:
    kills, seed = request.config.getoption("--kills"), request.config.getoption("--kill-seed")
    for name in SERVICES:
        own_postgres.create_database(f"chaos_{name}")
    settings = settings_for(tmp_path, own_postgres.url("chaos_{service}"), f"{three_brokers.url}?session_timeout_ms=4000")
    runtimes, rng = runtimes_of(settings), random.Random(seed)
    with Suite(settings, apart=True, log=str(tmp_path / "suite.log")) as suite, ExitStack() as stack:
        session = StubbornSession(suite.urls, sign_in(suite.urls, LOG_INS), f"chaos-{seed}")
        keeper = Keeper(suite, own_postgres, three_brokers, NODES, random.Random(seed + 1))
        killer = Killer(keeper, runtimes, open_bus(f"{three_brokers.url}?{HASTY}"), session.in_flight, kills, rng)
        keeper.watch()
        stack.callback(keeper.stop)  # before the suite ends: nobody starts again what is to end
        with under_load(session, seed, lives=max(400, 4 * kills)) as hot, capfd.disabled():
            with Progress("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True),
                          disable=not sys.stderr.isatty()) as progress:
                task = progress.add_task("kills", total=kills)
                killer.told = lambda done: progress.update(task, completed=done)
                killer.start().join()
            keeper.all_back()
        outcome = nothing_is_lost_or_doubled(runtimes, session, hot)
    if killer.failed:
        raise killer.failed[0]
    hits, overlapped = killer.hits(), sum(kill.overlapped for kill in killer.kills)
    said = f"{len(killer.kills)} kills, {overlapped} while another victim was away; at work: {dict(hits)}; {outcome}"
    print(f"\n{said}")
    (tmp_path / "figures.txt").write_text(said)
    assert len(killer.kills) >= kills and overlapped > 0
    assert all(hits[role] >= killer.enough for role in ROLES), f"void: too few kills hit work in flight: {hits}"
    assert outcome.repeats > 0, "void: no command had to be sent again"
    assert outcome.doubled > 0, "void: no relay sent anything again"
    assert outcome.again > 0, "void: no consumer was given anything again"

# SPDX-License-Identifier: MPL-2.0
"""Relay and consumer, killed between every two of their steps: a process runs into a named point and dies there by its own
SIGKILL, another one takes over, and the checker counts.
"""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import func, select

import jobtrappen
from jobtrappen import tables, workers
from jobtrappen.bus import Record
from jobtrappen.config import TOPICS
from jobtrappen.contracts import CATALOGUE
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from tests.chaos.ledger_checker import nothing_is_lost_or_doubled, nothing_is_under_way, under_way
from tests.support.ledger import LIFE, Ledger, a_case
from tests.support.process import wait_until

CASES = 8
"""More events than one batch of a consumer, so that a kill in the first leaves work."""
PARENTS = tuple(name for name in LIFE if CATALOGUE[name].by == "referral")
CHILDREN = tuple(name for name in LIFE if name not in PARENTS)
ALL_BUT_PLACEMENTS = tuple(name for name in LIFE if CATALOGUE[name].by != "followup")

RELAY = {"relay.leading": 1, "relay.before_send": 2, "bus.handed_over": 2, "relay.before_confirm": 2, "relay.after_send": 2, "relay.before_mark_commit": 2,
         "relay.after_mark": 2, "relay.before_seal": 1, "audit.before_seal_commit": 1, "relay.after_seal": 1}
"""{point: at which hit the relay dies}"""
SENT_NOT_MARKED = ("relay.after_send", "relay.before_mark_commit")
CONSUMER: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("consumer.position_read", "consumer.polled", "inbox.position_moved", "inbox.cursors_locked", "inbox.buried", "consumer.before_cursors", "consumer.before_commit", "consumer.after_commit", "consumer.before_retry", "consumer.before_display", "consumer.after_display"), (1, (), LIFE)),
    **dict.fromkeys(("consumer.after_reaction", "consumer.after_saying"), (3, (), LIFE)),
    **dict.fromkeys(("consumer.before_keep_commit", "consumer.after_keep"), (2, (), CHILDREN)),
    "consumer.after_wake": (1, ALL_BUT_PLACEMENTS, LIFE),
    **dict.fromkeys(("parking.locked", "parking.before_cursor", "parking.before_delete", "parking.before_commit", "parking.after_commit"), (2, CHILDREN, LIFE)),
}
"""{point: (at which hit the consumer dies, what was consumed before in peace, what is on the bus when it dies)}"""


def test_the_points_in_the_code_are_those_that_are_tested() -> None:
    code = Path(jobtrappen.__file__).parent
    found = {point for path in code.rglob("*.py") for point in re.findall(r'\bhit\("([^"]+)"\)', path.read_text(encoding="utf-8"))}
    assert found == {*RELAY, *CONSUMER}


@pytest.mark.parametrize("point", RELAY)
def test_a_relay_dies_and_the_next_one_loses_and_doubles_nothing(embedded: Ledger, point: str) -> None:
    cases = kill_a_relay(embedded, point)
    go_on(embedded)
    counts = nothing_is_lost_or_doubled(embedded, cases)
    assert counts.doubled > 0 or point not in SENT_NOT_MARKED, "what was sent and not marked is sent again"


@pytest.mark.parametrize("point", CONSUMER)
def test_a_consumer_dies_and_the_next_one_loses_and_doubles_nothing(embedded: Ledger, point: str) -> None:
    cases = kill_a_consumer(embedded, point)
    go_on(embedded)
    nothing_is_lost_or_doubled(embedded, cases, dead=1)


@pytest.mark.postgres
@pytest.mark.kafka
def test_on_postgresql_and_kafka_each_relay_dies_further_on_than_the_one_before(on_servers: Ledger) -> None:
    cases = [case for point in RELAY for case in kill_a_relay(on_servers, point)]
    go_on(on_servers)
    assert nothing_is_lost_or_doubled(on_servers, cases).doubled > 0


@pytest.mark.postgres
@pytest.mark.kafka
def test_on_postgresql_and_kafka_each_consumer_dies_further_on_than_the_one_before(on_servers: Ledger) -> None:
    cases = [case for point in CONSUMER for case in kill_a_consumer(on_servers, point)]
    go_on(on_servers)
    nothing_is_lost_or_doubled(on_servers, cases, dead=len(CONSUMER))


def kill_a_relay(place: Ledger, point: str) -> list[str]:
    """New lives, and a relay that dies at a point while it publishes them. Returns: the cases."""
    cases = speak(place, LIFE)
    with transaction(place.speaker, SYSTEM) as tx:
        for case in cases:
            tx.audit("test.done", "case", case)
    place.dies("relay", "referral", failpoint=f"{point}:{RELAY[point]}")
    assert unpublished(place) > 0 or "seal" in point, "the kill hit no work in flight"
    assert "before_seal" not in point or unsealed(place) >= CASES, "the kill came too late"
    return cases


def kill_a_consumer(place: Ledger, point: str) -> list[str]:
    """New lives and bytes that are no event, and a consumer that dies at a point while it applies them. Returns: the cases."""
    hits, before, at_death = CONSUMER[point]
    cases = speak(place, before)
    if before:
        place.publish()
        place.consume()
        place.consumers.pop()[1].close()
    speak(place, [name for name in at_death if name not in before], cases)
    place.publish()
    place.put(Record(TOPICS["referral"], b"nobody", b"no event"))
    place.dies("consume", "partners", failpoint=f"{point}:{hits}")
    assert not nothing_is_under_way(place), "the kill hit no work in flight"
    place.expel()
    speak(place, [name for name in LIFE if name not in (*before, *at_death)], cases)
    return cases


def speak(place: Ledger, names: tuple[str, ...] | list[str], cases: list[str] | None = None) -> list[str]:
    cases = cases or [a_case() for _ in range(CASES)]
    for name in names:
        for case in cases:
            place.speak(name, case)
    return cases


def go_on(place: Ledger) -> None:
    """Fresh workers, until nothing is under way."""
    left: list[object] = []

    def nothing_is_left() -> bool:
        left[:] = [*under_way(place), unsealed(place), unsealed(place, place.ledger)]
        return left == [0, 0]

    with place.running(*workers.relays([place.speaker, place.ledger]), *workers.consumers([place.ledger])):
        wait_until(nothing_is_left, 60, "what the dead process left to be done", moves=lambda: tuple(left))


def unpublished(place: Ledger) -> int:
    return place.rows(select(func.count()).where(tables.outbox.c.published_at.is_(None)), place.speaker)[0][0]


def unsealed(place: Ledger, runtime: Runtime | None = None) -> int:
    return place.rows(select(func.count()).where(tables.audit.c.chain_no.is_(None)), runtime or place.speaker)[0][0]

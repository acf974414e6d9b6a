# SPDX-License-Identifier: MPL-2.0
"""Each safeguard of the event core is taken out once, and the checker must notice; with all of them in, the same run passes.

Every scenario is small and aimed: it kills at a named point, or lets two meet where only the safeguard keeps them apart.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from sqlalchemy import func, insert, select, update

from jobtrappen import parking, tables, workers
from jobtrappen.consumer import Consumer
from jobtrappen.errors import Unavailable
from jobtrappen.relay import Relay
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, Tx, transaction
from tests.chaos.ledger_checker import Refused, nothing_is_lost_or_doubled, nothing_is_under_way
from tests.support import ledger as parts
from tests.support import mutants
from tests.support.ledger import LIFE, Ledger, a_case, said
from tests.support.process import wait_until

MEETING_SECONDS = 0.7
"""How long one waits for the other at the place where a safeguard keeps them apart: all the time, as long as it is there."""
ROUNDS = 6


def spoken(place: Ledger, count: int = 6) -> list[str]:
    cases = [a_case() for _ in range(count)]
    for name in LIFE:
        for case in cases:
            place.speak(name, case)
    return cases


def settle(place: Ledger) -> None:
    """Until nobody can do anything more; what is kept because something before it was lost stays kept."""
    with place.running(*workers.relays([place.speaker, place.ledger]), *workers.consumers([place.ledger])):
        wait_until(lambda: nothing_is_under_way(place, but_kept=True), 60, "all that is under way")
    consumer = Consumer(place.ledger, place.bus)
    while parking.retry_waiting(consumer, None):
        pass
    place.publish(place.ledger)


def a_relay_dies_before_it_marks(place: Ledger, mutant: str) -> None:
    cases = spoken(place)
    place.dies("relay", "referral", failpoint="relay.before_mark_commit:2", mutant=mutant)
    settle(place)
    assert nothing_is_lost_or_doubled(place, cases).doubled > 0, "nothing came twice, so the cursor had nothing to do"


def a_consumer_dies_before_its_commit(place: Ledger, mutant: str) -> None:
    cases = spoken(place)
    place.publish()
    place.dies("consume", "partners", failpoint="consumer.before_commit:1", mutant=mutant)
    settle(place)
    nothing_is_lost_or_doubled(place, cases)


def a_relay_dies_before_it_sends(place: Ledger, mutant: str) -> None:
    cases = spoken(place)
    place.dies("relay", "referral", failpoint="relay.before_send:2", mutant=mutant)
    settle(place)
    nothing_is_lost_or_doubled(place, cases)


def two_relays_run_and_nobody_dies(place: Ledger, _mutant: str) -> None:
    """Whether they meet is chance, so there are several rounds; the first in which they did is enough."""
    second, cases = Runtime(place.speaker.service, place.settings), []
    relays = [(f"relay {n}", Relay(runtime, place.bus).run) for n, runtime in enumerate((place.speaker, second))]
    with place.running(*relays, *workers.relays([place.ledger]), *workers.consumers([place.ledger])):
        for number in range(ROUNDS):
            cases += spoken(place)
            with transaction(place.speaker, SYSTEM) as tx:
                tx.audit("test.done", "round", str(number))
            wait_until(lambda: nothing_is_under_way(place), 60, "a round")
            nothing_is_lost_or_doubled(place, cases, may_double=False)
    second.close()


class Meeting(Consumer):
    """Applies a kept record only when another one is just doing the same, if that can be."""

    barrier = threading.Barrier(2)

    def react(self, *arguments: object) -> None:
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(MEETING_SECONDS)
        super().react(*arguments)  # type: ignore[arg-type]


def two_apply_the_same_kept_record(place: Ledger, _mutant: str) -> None:
    case = a_case()
    place.speak("referral.accepted", case)
    settle_but_kept(place)
    with transaction(place.ledger, SYSTEM) as tx:
        tx.session.execute(insert(parts.fact).values(key=case, name="case.opened", day="2026-11-23"))
    Meeting.barrier = threading.Barrier(2)
    members = [threading.Thread(target=parking.retry_waiting, args=(Meeting(place.ledger, place.bus), {case})) for _ in range(2)]
    for member in members:
        member.start()
    for member in members:
        member.join(60)
    settle(place)
    nothing_is_lost_or_doubled(place, [case], ["referral.accepted"])


def settle_but_kept(place: Ledger) -> None:
    place.publish()
    place.consume()
    assert [state for _name, state in place.kept()] == ["waiting"]
    place.consumers.pop()[1].close()


def two_commands_read_before_they_write(place: Ledger, _mutant: str) -> None:
    """As a use case does: look at the aggregate, decide, change it."""
    case, refused, barrier = a_case(), Refused(), threading.Barrier(2)
    place.speak("case.opened", case)

    def command(name: str) -> None:
        try:
            with transaction(place.speaker, SYSTEM) as tx:
                state = tx.session.scalar(select(parts.aggregate.c.state).where(parts.aggregate.c.key == case))
                with suppress(threading.BrokenBarrierError):
                    barrier.wait(MEETING_SECONDS)
                _change(tx, case, state + 1)
                tx.say(**said(name, case))
        except Unavailable as error:
            refused.add(error)

    commands = [threading.Thread(target=command, args=(name,)) for name in ("referral.accepted", "referral.accepted")]
    for one in commands:
        one.start()
    for one in commands:
        one.join(60)
    refused.nobody_was()
    assert place.rows(select(parts.aggregate.c.state), place.speaker) == [(3,)], "a change was lost"
    assert place.rows(select(func.count()).select_from(tables.outbox).where(tables.outbox.c.topic == "jobtrappen.referral"), place.speaker) == [(3,)]


def _change(tx: Tx, case: str, state: int) -> None:
    tx.session.execute(update(parts.aggregate).where(parts.aggregate.c.key == case).values(state=state))


@dataclass(frozen=True)
class Find:
    """A mutant, the run that meets it, and what the checker then says."""

    mutant: str
    run: Callable[[Ledger, str], None]
    says: str
    on: str = "embedded"


FINDS = [
    Find("cursor_off", a_relay_dies_before_it_marks, "effects happened more than once"),
    Find("position_before_the_effect", a_consumer_dies_before_its_commit, "effects are missing"),
    Find("mark_before_the_acknowledgement", a_relay_dies_before_it_sends, "events never reached the bus|out of order or with a gap"),
    Find("two_relays_at_once", two_relays_run_and_nobody_dies, "twice on the bus, though nobody died"),
    Find("parking_lock_off", two_apply_the_same_kept_record, "effects happened more than once", on="on_postgres"),
    Find("deferred_begin", two_commands_read_before_they_write, "commands were refused"),
]


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object, str, object], None]]:
    yield monkeypatch.setattr
    mutants.remove()


def places(find: Find) -> list[pytest.MarkDecorator]:
    return [pytest.mark.postgres] if find.on == "on_postgres" else []


each = pytest.mark.parametrize("find", [pytest.param(find, id=find.mutant, marks=places(find)) for find in FINDS])


@each
def test_with_every_safeguard_in_place_the_checker_has_nothing_to_say(find: Find, request: pytest.FixtureRequest) -> None:
    find.run(request.getfixturevalue(find.on), "")


@each
def test_without_this_safeguard_the_checker_says_so(find: Find, request: pytest.FixtureRequest, patch: mutants.Patch) -> None:
    place: Ledger = request.getfixturevalue(find.on)
    mutants.apply(find.mutant, patch)
    with pytest.raises(AssertionError, match=find.says):
        find.run(place, find.mutant)


def test_there_is_a_run_for_each_mutant() -> None:
    assert sorted(find.mutant for find in FINDS) == sorted(mutants.MUTANTS)

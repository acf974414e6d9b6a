# SPDX-License-Identifier: MPL-2.0
"""A contract suite that lets a broken bus pass is worth nothing: here the embedded bus is broken in one way at a
time, and the check that is meant to notice must fail."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from jobtrappen.bus import Place, Record, sqlite
from jobtrappen.bus.sqlite import SqliteBus as Bus
from jobtrappen.bus.sqlite import _Producer as Producer
from jobtrappen.bus.sqlite import _Subscription as Subscription
from jobtrappen.errors import BadConfiguration
from tests.contract.bus_contract import CHECKS, Backend
from tests.contract.test_bus import sqlite_backend

Answers = list[BaseException | None]
Start = Callable[[str, int], int]
send, close, poll, subscribe = Producer.send, Producer.close, Subscription.poll, Bus.subscribe
ensure_topics, ends = Bus.ensure_topics, Bus.ends


def loses_what_it_confirmed(self, wave: Sequence[Record]) -> Answers:
    send(self, [record for record in wave if not (record.value or b"").endswith(b"7")])
    return [None] * len(wave)


def sends_twice(self, wave: Sequence[Record]) -> Answers:
    send(self, wave)
    return send(self, wave)


def sends_a_wave_after_the_next(self, wave: Sequence[Record]) -> Answers:
    held = self.__dict__.pop("held", None)
    if held is None:
        self.held = wave
    else:
        send(self, [*wave, *held])
    return [None] * len(wave)


def sends_what_it_held_when_it_closes(self) -> None:
    send(self, self.__dict__.pop("held", []))
    close(self)


def confirms_in_an_outage(self, wave: Sequence[Record]) -> Answers:
    send(self, wave)
    return [None] * len(wave)


def reads_backwards(self, timeout: float, limit: int = 50) -> list[Record]:
    return poll(self, timeout, limit)[::-1]


def reads_the_last_one_twice(self, timeout: float, limit: int = 50) -> list[Record]:
    records = poll(self, timeout, limit)
    return records + records[-1:]


def drops_the_last_of_a_full_batch(self, timeout: float, limit: int = 50) -> list[Record]:
    records = poll(self, timeout, limit)
    return records[:-1] if len(records) == limit else records


def decodes(self, timeout: float, limit: int = 50) -> list[Record]:
    return [replace(record, value=None if record.value is None else record.value.decode(errors="replace").encode())
            for record in poll(self, timeout, limit)]


def takes_null_for_empty(self, timeout: float, limit: int = 50) -> list[Record]:
    return [replace(record, value=record.value or b"") for record in poll(self, timeout, limit)]


def forgets_headers(self, timeout: float, limit: int = 50) -> list[Record]:
    return [replace(record, headers=()) for record in poll(self, timeout, limit)]


def returns_at_once(self, timeout: float, limit: int = 50) -> list[Record]:
    return poll(self, 0.0, limit)


def goes_deaf_when_nothing_came(self, timeout: float, limit: int = 50) -> list[Record]:
    records = [] if "deaf" in self.__dict__ else poll(self, timeout, limit)
    if not records:
        self.deaf = True
    return records


def does_not_rewind(self) -> None: ...


def displays_by_moving(self, positions: Mapping[Place, int]) -> None:
    self._next.update(positions)


SHOWN: dict[Place, int] = {}


def displays_to_all(self, positions: Mapping[Place, int]) -> None:
    SHOWN.update(positions)


def begins_where_the_display_stands(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    return subscribe(self, group, topics, lambda topic, partition:
                     SHOWN.get((topic, partition), start(topic, partition)))


def begins_at_the_first(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    return subscribe(self, group, topics, lambda topic, partition: start(topic, partition) * 0)


def begins_at_the_end_when_new(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    return subscribe(self, group, topics, lambda topic, partition:
                     start(topic, partition) or self.ends([topic])[topic, partition])


def takes_a_position_beyond_the_end_for_the_end(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    return subscribe(self, group, topics, lambda topic, partition:
                     min(start(topic, partition), self.ends([topic])[topic, partition]))


def takes_a_failing_start_for_zero(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    def guess(topic: str, partition: int) -> int:
        try:
            return start(topic, partition)
        except ConnectionError:
            return 0

    return subscribe(self, group, topics, guess)


def takes_a_failing_start_for_the_end(self, group: str, topics: Sequence[str], start: Start) -> Subscription:
    def guess(topic: str, partition: int) -> int:
        try:
            return start(topic, partition)
        except ConnectionError:
            return self.ends([topic])[topic, partition]

    return subscribe(self, group, topics, guess)


def takes_any_partition_count(self, topics: Mapping[str, int]) -> None:
    with suppress(BadConfiguration):
        ensure_topics(self, topics)


def misses_no_topic(self, read: Sequence[str], write: Sequence[str]) -> None: ...


def counts_one_less(self, topics: Sequence[str]) -> dict[Place, int]:
    return {place: max(0, end - 1) for place, end in ends(self, topics).items()}


def needs_no_lock(self) -> bool:
    return True


def lets_nobody_else_in(self) -> None:
    self._leads = False


FAULTS: list[tuple[str, dict[tuple[object, str], object]]] = [
    ("the_records_of_a_key_come_in_order_and_once", {(Producer, "send"): loses_what_it_confirmed}),
    ("the_records_of_a_key_come_in_order_and_once", {(Producer, "send"): sends_twice}),
    ("the_records_of_a_key_come_in_order_and_once", {
        (Producer, "send"): sends_a_wave_after_the_next, (Producer, "close"): sends_what_it_held_when_it_closes}),
    ("the_records_of_a_key_come_in_order_and_once", {(Subscription, "poll"): reads_backwards}),
    ("the_records_of_a_key_come_in_order_and_once", {(Subscription, "poll"): reads_the_last_one_twice}),
    ("the_records_of_a_key_come_in_order_and_once", {(Subscription, "poll"): drops_the_last_of_a_full_batch}),
    ("a_key_goes_to_the_partition_that_kafka_says", {
        (sqlite, "partition_of"): lambda key, partitions: sum(key or b"") % partitions}),
    ("bytes_come_through_unchanged", {(Subscription, "poll"): decodes}),
    ("bytes_come_through_unchanged", {(Subscription, "poll"): takes_null_for_empty}),
    ("bytes_come_through_unchanged", {(Subscription, "poll"): forgets_headers}),
    ("a_record_that_cannot_be_sent_is_answered_and_hinders_no_other", {(Producer, "send"): confirms_in_an_outage}),
    ("what_was_not_stored_comes_again", {(Bus, "subscribe"): begins_at_the_end_when_new}),
    ("reading_begins_where_start_says", {(Bus, "subscribe"): begins_at_the_first}),
    ("rewind_asks_start_again", {(Subscription, "rewind"): does_not_rewind}),
    ("a_failing_start_is_asked_again", {(Bus, "subscribe"): takes_a_failing_start_for_zero}),
    ("while_one_start_fails_nothing_of_the_others_is_lost", {(Bus, "subscribe"): takes_a_failing_start_for_the_end}),
    ("a_position_beyond_the_end_is_told", {(Bus, "subscribe"): takes_a_position_beyond_the_end_for_the_end}),
    ("poll_waits_quietly", {(Subscription, "poll"): returns_at_once}),
    ("poll_waits_quietly", {(sqlite, "_BETWEEN_LOOKS"): 0.0}),
    ("the_display_moves_nothing", {(Subscription, "display"): displays_by_moving}),
    ("ends_give_the_lag", {(Bus, "ends"): counts_one_less}),
    ("topics_are_made_once_and_keep_their_partitions", {(Bus, "ensure_topics"): takes_any_partition_count}),
    ("a_missing_topic_is_told_by_name_and_remedy", {(Bus, "check_topics"): misses_no_topic}),
    ("everything_is_kept_for_a_service_that_joins_later", {(Bus, "subscribe"): begins_at_the_end_when_new}),
    ("a_partition_has_one_reader", {(Subscription, "_take_lock"): needs_no_lock}),
    ("a_partition_has_one_reader", {(Subscription, "close"): lets_nobody_else_in}),
    ("a_new_member_changes_nothing_about_what_was_stored", {
        (Subscription, "display"): displays_to_all, (Bus, "subscribe"): begins_where_the_display_stands}),
    ("a_killed_member_is_replaced", {(Subscription, "_take_lock"): needs_no_lock}),
    ("an_outage_loses_nothing", {(Producer, "send"): confirms_in_an_outage}),
    ("a_reader_survives_an_outage_or_says_so", {(Subscription, "poll"): goes_deaf_when_nothing_came}),
]


LOOKS = 5
"""A fault of speed hides while other work takes the cores; it need not be seen at the first look."""


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return replace(sqlite_backend(tmp_path), patience=2.0)


@pytest.mark.parametrize(("check", "fault"), FAULTS, ids=[
    f"{next(iter(fault))[1]}-{getattr(next(iter(fault.values())), '__name__', 'value')}" for _, fault in FAULTS])
def test_a_broken_bus_fails(backend: Backend, monkeypatch: pytest.MonkeyPatch, check: str,
                            fault: dict[tuple[object, str], object]) -> None:
    for (owner, name), broken in fault.items():
        monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        for _look in range(LOOKS):
            CHECKS[check](backend)


def test_a_sound_bus_passes_with_the_same_patience(backend: Backend) -> None:
    for check in CHECKS.values():
        check(backend)


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check for check, _ in FAULTS} == CHECKS.keys()

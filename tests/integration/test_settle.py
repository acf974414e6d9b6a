# SPDX-License-Identifier: MPL-2.0
"""`settle` says that everything that was said has been heard: never too early, and with what is still open."""
from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert

from jobtrappen import people, tables
from jobtrappen.bus import Record, open_bus
from jobtrappen.db import writing
from jobtrappen.runtime import Runtime, Service
from jobtrappen.settle import NotSettled, open_work, settle
from jobtrappen.tx import SYSTEM, transaction
from tests.support import ledger as parts
from tests.support.ledger import Ledger, a_case, a_ledger, an_event


def still_open(place: Ledger) -> list[str]:
    return open_work([place.speaker, place.ledger], place.bus)


def test_each_thing_that_is_open_is_named_until_it_is_done(place: Ledger) -> None:
    case, poisoned = a_case(), a_case()
    assert still_open(place) == []
    place.speak("referral.accepted", case)  # its parent has not been said
    assert still_open(place) == ["referral: 2 unpublished"]
    place.publish()
    assert still_open(place) == ["partners: 1 records behind"]
    place.consume()
    assert still_open(place) == ["partners: 1 waiting"]
    place.put(an_event("person.changed", case, 2))
    assert still_open(place) == ["partners: 1 waiting", "partners: 1 records behind"]
    place.hurt(poisoned)
    place.put(an_event("case.opened", poisoned, 1), an_event("referral.accepted", poisoned, 2))
    place.consume()
    assert sorted(still_open(place)) == ["partners: 1 parked", "partners: 1 waiting", "partners: 2 behind"]
    place.put(Record("jobtrappen.referral", case.encode(), b"no event"))
    place.consume()
    assert "partners: 1 dead letters" in still_open(place)


def test_a_person_who_is_still_to_be_fetched_is_open(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        fetching = Runtime(Service("partners", "", parts.METADATA, parts.LEDGER.api, parts.REACTIONS, parts.LEDGER.rights,
                                   migrations=parts.MIGRATIONS, person_purpose="partners"), place.settings)
        with transaction(fetching, SYSTEM) as tx:
            people.want(tx, a_case(), 3)
        assert open_work([fetching], place.bus) == ["partners: 1 persons to fetch"]
        assert still_open(place) == [], "a service that keeps no copies waits for none"
        fetching.close()


def test_it_is_settled_only_when_it_was_so_twice_with_the_same_outboxes(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        seen: list[list[str]] = []
        late = [a_case(), a_case()]

        def look(left: list[str]) -> None:
            seen.append(left)
            if not left and late:  # between two looks somebody speaks and everything is heard at once
                place.speak("case.opened", late.pop())
                place.publish()
                place.consume()

        settle([place.speaker, place.ledger], place.bus, seconds=20, progress=look)
        assert late == [] and seen == [[]] * 4, "twice for each change of the outboxes, and twice in a row at the end"


def test_what_is_still_open_when_the_time_is_over_is_told(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.speak("case.opened", a_case())
        with pytest.raises(NotSettled, match=r"Not settled after 0 s: referral: 2 unpublished"):
            settle([place.speaker, place.ledger], place.bus, seconds=0.3)
        with pytest.raises(NotSettled, match="BusError"):
            settle([place.ledger], open_bus(f"sqlite:///{tmp_path}/elsewhere.db"), seconds=0.3)


def test_heartbeats_answers_and_audit_rows_are_not_open_work(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        with transaction(place.ledger, SYSTEM) as tx:
            tx.audit("read.case", "case", a_case())
        with writing(place.ledger.engine) as session:
            session.execute(insert(tables.meta).values(name="epoch", value="1"))
        settle([place.speaker, place.ledger], place.bus, seconds=10)

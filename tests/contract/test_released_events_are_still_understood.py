# SPDX-License-Identifier: MPL-2.0
"""What a release said stays on the topics for ever. Its golden samples are frozen in data/released/<version>/ and are read by
today's contracts and taken by today's reactions; `python -m tests.contract.test_released_events_are_still_understood 0.2.0`
freezes those of a new release.
"""
from __future__ import annotations

import hashlib
import json
import shutil
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import func, select

from jobtrappen import contracts, plugins, tables
from jobtrappen.bus import Record
from jobtrappen.config import TOPICS
from jobtrappen.contracts import CATALOGUE
from jobtrappen.contracts.__main__ import HERE
from jobtrappen.db import reading
from jobtrappen.event import Event, decode
from tests.support.world import a_world

RELEASED = Path(__file__).parent / "data/released"
ROOT = Path(__file__).parents[2]
RELEASES = sorted(path.name for path in RELEASED.iterdir() if path.is_dir())
WAIT = {
    "referral": set(),
    "matching": {"placement.started", "partner_request.delivered"},
    "followup": set(),
    "partners": {"agreement.grant_requested"},
}
"""What waits for something that only people make: an agreement, a partner. Anything else must be applied."""


def digests(version: str) -> dict[str, str]:
    """SHA-256 of each frozen file, and of the migrations as they were released."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((RELEASED / version).glob("*.v*.json"))}
    return found | {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(ROOT.glob("services/*/*/migrations/versions/*.py"))}


def samples(version: str) -> list[Event]:
    """As events of one case's streams, parents first as the catalogue has them: each has an id and a seq of its own."""
    order = {name: at for at, name in enumerate(CATALOGUE)}
    found = sorted((decode(path.read_bytes()) for path in (RELEASED / version).glob("*.v*.json")), key=lambda event: (order.get(event.name, -1), event.name))
    seqs: dict[tuple[str, str], int] = {}
    made = []
    for event in found:
        place = (event.source, event.key)
        seqs[place] = seqs.get(place, 0) + 1
        made.append(replace(event, id=str(uuid.uuid5(uuid.NAMESPACE_URL, event.type)), seq=seqs[place]))
    return made


@pytest.mark.parametrize("version", RELEASES)
def test_what_was_released_is_never_edited(version: str) -> None:
    """Neither a sample nor a migration; new ones may stand beside them."""
    kept = json.loads((RELEASED / version / "digests.json").read_text())
    now = digests(version)
    assert {name: now.get(name) for name in kept} == kept
    assert sum(name.endswith(".v1.json") for name in kept) > 50 and sum(name.endswith(".py") for name in kept) >= 4


@pytest.mark.parametrize("version", RELEASES)
def test_a_released_sample_fits_todays_schema_of_its_version(version: str) -> None:
    for event in samples(version):
        assert event.name in CATALOGUE, f"{event.name} was said once and must be understood for ever"
        schema = json.loads((HERE / "schemas" / f"{event.name}.v{event.version}.json").read_text())
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(event.data)
        assert contracts.check(event.name, event.data) == []


def apart(event: Event) -> Event:
    """The same sample as the first word of a case of its own, so that none stands behind another."""
    case = str(uuid.uuid5(uuid.NAMESPACE_OID, event.type))
    return replace(event, key=case, case=case, seq=1, data={**event.data, **({"case_id": case} if "case_id" in event.data else {})})


@pytest.mark.parametrize("alone", [False, True], ids=["as-one-case", "each-alone"])
@pytest.mark.parametrize("version", RELEASES)
def test_todays_reactions_take_what_a_release_said(version: str, alone: bool, tmp_path: Path) -> None:
    events = [apart(event) if alone else event for event in samples(version)]
    with a_world(tmp_path) as world:
        producer = world.bus.producer("release")
        for event in events:
            topic = TOPICS[event.source.rsplit("/", 1)[1]]
            assert producer.send([Record(topic, event.key.encode(), event.encode())]) == [None]
        producer.close()
        for name, consumer in world.consumers.items():
            while world.consume([name]):
                assert not consumer.breaker.open
            with reading(world.runtimes[name].engine) as session:
                kept = session.execute(select(tables.kept.c.type, tables.kept.c.state, tables.kept.c.reason).where(tables.kept.c.state != "behind")).all()
                assert not [row for row in kept if row.state != "waiting"], (name, kept)
                waits = {row.type.split(".", 1)[1].rsplit(".", 1)[0] for row in kept}
                assert alone or waits <= WAIT[name], (name, waits)
                assert session.scalar(select(func.count()).select_from(tables.dead_letter)) == 0
                assert session.scalar(select(func.count()).select_from(tables.cursor)) > 0


def test_every_service_that_listens_is_asked() -> None:
    assert set(WAIT) == {name for name, service in plugins.services().items() if service.reactions.table}


def freeze(version: str) -> None:
    """Keep today's samples as those of a release."""
    folder = RELEASED / version
    folder.mkdir(parents=True)
    for path in sorted((HERE / "samples").glob("*.json")):
        shutil.copy(path, folder)
    (folder / "digests.json").write_text(json.dumps(digests(version), indent=1) + "\n")


if __name__ == "__main__":
    freeze(sys.argv[1])

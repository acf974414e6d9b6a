# SPDX-License-Identifier: MPL-2.0
"""Other cohorts than the published one, loaded by the same API, equal an independent oracle over their plan; one
placement removed changes exactly the predicted cells; and without followup's consumer the tables are wrong."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.demo.client import DemoFailed
from jobtrappen.demo.life import ACTIVATION, Person, Placement
from jobtrappen.demo.plan import random_cohort
from tests.support import oracle
from tests.support.in_process import live, tables, with_statistics
from tests.support.world import a_world

TODAY = date(2004, 5, 25)
DAYS = (date(2003, 12, 1), date(2004, 3, 15), TODAY)
NAMES = ("table_1", "table_2", "table_3", "table_4", "table_5", "table_6")


def predicted(cohort: Sequence[Person], day: date) -> dict[int, list[int]]:
    """The oracle's cells without zeros, sorted: the suite names nationalities by code, the oracle by country."""
    found = oracle.tables(cohort, day)
    return {n: sorted(v for v in found[name].values() if v) for n, name in enumerate(NAMES, start=1)}


def computed(session: Any, day: date) -> dict[int, list[int]]:
    return {n: sorted(rows.values()) for n, rows in tables(session, day.isoformat()).items()}


@pytest.mark.parametrize("seed", [11, 12])
def test_another_random_cohort_equals_the_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    with_statistics(monkeypatch, tmp_path)
    cohort = random_cohort(seed, 24)
    with a_world(tmp_path, today=TODAY) as world:
        session = live(world, cohort, f"random-{seed}", employer_seed=seed)
        for day in DAYS:
            assert computed(session, day) == predicted(cohort, day), day
            by_key = tables(session, day.isoformat())
            for number in (1, 2, 5):  # and cell by cell where the two share their keys
                assert by_key[number] == {k: v for k, v in oracle.tables(cohort, day)[NAMES[number - 1]].items() if v}, (number, day)


def _without_one_placement(cohort: Sequence[Person]) -> tuple[list[Person], int]:
    """The cohort less the last placement of somebody who stands in an ordinary job at the end."""
    for index, person in enumerate(cohort):
        last = [f for f in person.facts if isinstance(f, Placement) and f.measure == "ordinary_job" and f.ended is None]
        if last:
            kept = tuple(f for f in person.facts if f is not last[0])
            return [*cohort[:index], replace(person, facts=kept), *cohort[index + 1:]], index
    raise AssertionError("nobody in a job")


def test_one_placement_removed_changes_exactly_the_predicted_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_statistics(monkeypatch, tmp_path)
    cohort = random_cohort(21, 14)
    fewer, _ = _without_one_placement(cohort)
    found = []
    for name, people in (("all", cohort), ("fewer", fewer)):
        with a_world(tmp_path / name, today=TODAY) as world:
            found.append(tables(live(world, people, name, employer_seed=21), TODAY.isoformat()))
    wanted = [{n: {k: v for k, v in oracle.tables(c, TODAY)[NAMES[n - 1]].items() if v} for n in (1, 2, 5)} for c in (cohort, fewer)]
    for number in (1, 2, 5):
        changed = {k for k in {*found[0][number], *found[1][number]} if found[0][number].get(k) != found[1][number].get(k)}
        should = {k for k in {*wanted[0][number], *wanted[1][number]} if wanted[0][number].get(k) != wanted[1][number].get(k)}
        assert changed == should, number
    assert found[0][1]["ordinary_job"] == found[1][1].get("ordinary_job", 0) + 1


def test_without_followups_consumer_the_lives_cannot_be_lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_statistics(monkeypatch, tmp_path)
    cohort = [p for p in random_cohort(21, 14) if any(isinstance(f, Placement) and f.measure != ACTIVATION for f in p.facts)]
    with a_world(tmp_path, today=TODAY) as world:
        deaf = world.consumers.pop("followup")
        assert deaf is not None
        with pytest.raises((DemoFailed, AssertionError)):
            live(world, cohort, "deaf", employer_seed=21)

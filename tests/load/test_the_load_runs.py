# SPDX-License-Identifier: MPL-2.0
"""The load tool makes cases, measures and multiplies them; the soak finds what grows. How fast, is no test's business."""
from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from jobtrappen import migrate, settle
from jobtrappen.config import SERVICES
from jobtrappen.db import engine_for
from tests.load import copies, fill, lives, report, samples, soak
from tests.load.place import Place, settings
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_hundred_cases_are_made_measured_and_written_down(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    done = subprocess.run([sys.executable, "-m", "tests.load", "--cases", "100", "--senders", "1", "--results", str(results)], cwd=ROOT,
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    [found] = json.loads(results.read_text(encoding="utf-8"))
    assert found["cases"] == 100 and found["events"] >= 1000 and found["commands"] > 500
    assert found["times"] and all(ms > 0 for ms in found["times"].values())
    assert found["again"][1] == 800, "followup read every record of the topics that it hears"
    page, picture = tmp_path / "page.md", tmp_path / "growth.svg"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.write([found, {**found, "cases": 1000}], page, picture)
    assert re.search(r"\| Events \| 1,\d{3} \|", page.read_text(encoding="utf-8")) and picture.read_text(encoding="utf-8").startswith("<svg")


def test_copied_cases_are_found_like_those_that_were_made(tmp_path: Path) -> None:
    place = Place(settings(tmp_path, ""), hurried=True)
    try:
        runtime = place.runtimes["referral"]
        for one in place.runtimes.values():
            migrate.upgrade(one)
        assert sum(lives.live(place, 0, 3)) == 3

        def count(table: str) -> int:
            with runtime.engine.connect() as connection:
                return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0

        made = {table: count(table) for table in ("citizen", "referral", "intake", "list_row", "transition", "outbox", "stream")}
        copies.multiply(list(place.runtimes.values()), 4, 0)
        copies.multiply(list(place.runtimes.values()), 2, 1)
        assert {table: count(table) for table in made} == {table: rows * 8 for table, rows in made.items()}
        listed = place.get("karen", "referral", "/cases", limit=100)
        assert listed["total"] == 24 and len({one["person"]["given_name"] + one["id"] for one in listed["items"]}) == 24
        assert all(place.get("karen", "referral", f"/cases/{one['id']}/history")["items"] for one in listed["items"][:6])
    finally:
        place.close()


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_copys_id_is_its_own_whatever_digits_its_original_has(database: str, request: pytest.FixtureRequest) -> None:
    """Where the number of a copy replaced digits, one id in 65,536 was its own copy, and what belonged to it had nothing to belong to."""
    postgres = database == "postgres"
    engine = engine_for(request.getfixturevalue("postgres_server").url("postgres") if postgres else "sqlite://")
    originals = [UUID(f"01a223c5-e906-7843-a6a7-8cba90f0{digits}") for digits in ("0000", "0001", "0003", "fffe", "ffff")]
    expression = copies._other("t.id", True, False, postgres, 0)
    numbers = "generate_series(1, 9) AS s(n)" if postgres else "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 9) SELECT n FROM s) AS s"
    with engine.connect() as connection:
        for one in originals:
            given = f"(SELECT '{one}'::uuid AS id)" if postgres else f"(SELECT '{one.hex}' AS id)"
            made = [UUID(str(row[0])) for row in connection.execute(text(f"SELECT {expression} FROM {given} t CROSS JOIN {numbers}"))]
            assert len({one, *made}) == 10 and {id.hex[:28] for id in made} == {one.hex[:28]}
    engine.dispose()


@pytest.mark.postgres
def test_rows_that_were_moved_to_postgresql_answer_as_they_did_on_sqlite(tmp_path: Path, postgres_server: PostgresServer) -> None:
    for name in SERVICES:
        postgres_server.create_database(f"moved_{name}")
    fill.prepare(tmp_path, "")
    fill.prepare(tmp_path, url := postgres_server.url("moved_{service}"))
    place = Place(settings(tmp_path, ""), hurried=True)
    assert sum(lives.live(place, 0, 3)) == 3

    def told(of: Place) -> list[object]:
        cases = of.get("karen", "referral", "/cases")["items"]
        return [*cases, *(of.get("karen", "referral", f"/cases/{case['id']}/history")["items"] for case in cases)]

    before = told(place)
    filled = [fill.moved(tmp_path, url) for _twice in range(2)]
    place.close()
    target = Place(settings(tmp_path, url))
    try:
        assert [(f.cases, f.events) for f in filled] == [(3, 30)] * 2 and told(target) == before
        assert sum(lives.live(target, 3, 1)) == 1, "numbers go on behind those that came along"
    finally:
        target.close()


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_with_numbers_that_nobody_has(tmp_path: Path) -> None:
    """Two senders had a leg of two cases, and only the second one came to make its own."""
    fill.prepare(tmp_path, "")
    place = Place(settings(tmp_path, ""), hurried=True)
    assert sum(lives.live(place, 1, 1)) == 1
    (tmp_path / "load.next").write_text("2")
    filled = fill.fill(tmp_path, "", 1, 2, 1)
    try:
        assert (filled.cases, filled.events) == (2, 20) and (tmp_path / "load.next").read_text() == "3"
        assert len({one["id"] for one in place.get("karen", "referral", "/cases")["items"]}) == 2
        assert settle.open_work(place.runtimes.values(), place.bus) == [], "who hears has had its turn"
    finally:
        place.close()


def test_every_fictional_number_is_another_one() -> None:
    assert len({lives.cpr(n) for n in range(0, 110_000, 7)}) == len(range(0, 110_000, 7))


def steady(**grows: float) -> list[samples.Sample]:
    """Ninety samples; what is named grows by so much a sample after the warm-up, everything before it."""
    base = {"memory": 400.0, "files": 200, "threads": 40, "connections": 30}
    return [samples.Sample(n * 60.0, n, 3, **{name: value + min(n, 20) + grows.get(name, 0) * max(0, n - 30) for name, value in base.items()}) for n in range(90)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(samples.BOUNDS))
def test_a_soak_fails_for_what_grows_after_the_warm_up_and_for_nothing_else(name: str) -> None:
    assert samples.verdict(steady()) == []
    wrong = samples.verdict(steady(**{name: 1.0}))
    assert len(wrong) == 1 and wrong[0].startswith(name)


def test_a_look_counts_this_process_and_what_it_has_open(tmp_path: Path) -> None:
    def look() -> samples.Sample:
        return samples.look(0, 0, [os.getpid()], lambda paths: paths.count(str(tmp_path / "one.db")))

    before = look()
    with open(tmp_path / "one.db", "w"):
        after = look()
    assert (before.connections, after.connections) == (0, 1) and after.files > before.files and after.memory > 10


@pytest.mark.slow
@pytest.mark.parametrize("servers", [False, pytest.param(True, marks=[pytest.mark.postgres, pytest.mark.kafka])])
def test_a_soak_counts_each_kind_of_thing_that_a_suite_under_load_holds(tmp_path: Path, servers: bool, request: pytest.FixtureRequest) -> None:
    for needed in ("postgres_server", "kafka_server") if servers else ():
        request.getfixturevalue(needed)
    with contextlib.closing(soak.soak(tmp_path, 120, 1, 2, servers=servers)) as looks:
        seen = next(one for one in looks if one.cases >= 2)
    assert seen.processes >= (12 if servers else 4) and seen.memory > 100 and seen.threads > seen.processes and seen.files > seen.processes
    assert seen.connections >= 4, "each of the four databases is in use"

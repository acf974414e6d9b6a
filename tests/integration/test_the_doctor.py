# SPDX-License-Identifier: MPL-2.0
"""`jobtrappen doctor` finds each thing that is wrong when it is so, and nothing when nothing is. What needs running workers
and a remedy is in test_alerts_and_remedies.py."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text, update

from jobtrappen import audit, clock, doctor, people, tables
from jobtrappen.bus import open_bus
from jobtrappen.db import writing
from jobtrappen.doctor_words import WORDS
from jobtrappen.privacy import Vault
from jobtrappen.relay import lead
from jobtrappen.runtime import Runtime, Service
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen.watch import VERSION, Watch
from tests.support import ledger as parts
from tests.support.ledger import ROOT, Flag, Ledger, a_case, a_ledger, an_event
from tests.support.runbook import remedy

SILENT = {"relay-silent", "consumer-silent"}
"""No workers run in these tests."""


def found(place: Ledger, *others: Runtime) -> dict[str, str]:
    """{code: what} for the ledger's service."""
    return {each.code: each.what for each in doctor.examine(place.settings, [*(others or (place.ledger,))]).findings}


def test_a_fresh_service_needs_its_schema_and_its_topics_and_the_runbook_gives_them(tmp_path: Path) -> None:
    environment = {**os.environ, "JOBTRAPPEN_HOME": str(tmp_path), "JOBTRAPPEN_PLUGINS": "partners"}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "jobtrappen", *arguments], capture_output=True, text=True, env={**environment, **more}, timeout=120)

    def diagnosis(**more: str) -> tuple[int, set[str]]:
        done = run("doctor", "all", "--json", **more)
        document = json.loads(done.stdout)
        assert document["well"] is not bool(document["findings"])
        return done.returncode, {line["code"] for line in document["findings"]}

    assert diagnosis() == (1, {"schema", "bus-away"}), "there is no file yet"
    assert run(*remedy("R-topics")).returncode == 0
    assert diagnosis() == (1, {"schema"})
    assert run(*remedy("R-migrate", service="partners")).returncode == 0
    assert diagnosis() == (1, SILENT)
    assert diagnosis(JOBTRAPPEN_NONSENSE="1", JOBTRAPPEN_BIND="nowhere") == (1, {"configuration"})
    done = run(*remedy("R-doctor", service="partners"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "2 things are wrong.")
    assert "what to do      jobtrappen relay partners\n" in done.stdout and "docs/runbook.md#events-are-not-published" in done.stdout


def test_a_topic_that_is_missing(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        empty = open_bus(f"sqlite:///{tmp_path}/other.db")
        empty.ensure_topics({"jobtrappen.referral": 6})
        settings = place.settings.on(bus=f"sqlite:///{tmp_path}/other.db")
        wrong = [each for each in doctor.examine(settings, [place.ledger]).findings if each.code == "topics"]
        assert wrong and "jobtrappen.public" in wrong[0].what and wrong[0].document()["remedy"] == "jobtrappen topics"


def test_settings_that_are_dangerous_though_they_can_be_read(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        assert {"today-pinned", "demo-open"} & set(found(place)) == set()
        for settings, code in ((place.settings.on(mode="production"), "today-pinned"), (place.settings.on(bind="0.0.0.0:8080"), "demo-open")):
            assert code in {each.code for each in doctor.examine(settings, []).findings}


def test_nothing_is_found_where_everything_is_right_on_both_databases(database: Ledger) -> None:
    database.life(a_case())
    database.publish()
    database.consume()
    assert set(found(database)) == SILENT
    facts = doctor.examine(database.settings, [database.ledger]).facts
    assert facts["database of partners"].split()[0] in ("SQLite", "PostgreSQL") and facts["version"]


@pytest.mark.postgres
def test_the_databases_clock_and_the_disk_are_measured(database: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither can be had wrong here, so the limit is moved instead."""
    sqlite = database.ledger.engine.dialect.name == "sqlite"
    assert abs(doctor._database(database.ledger)[1]) < 5
    monkeypatch.setattr(doctor, "CLOCK_SECONDS", -1.0)
    monkeypatch.setattr(doctor, "DISK_FREE", 10**18)
    words = found(database)
    assert "clock" in words and ("disk" in words) is sqlite, "of a server's disk the suite knows nothing"


def test_a_database_without_the_tables_of_this_code_is_away(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        with place.ledger.engine.execution_options(write=True).begin() as connection:
            connection.exec_driver_sql("ALTER TABLE kept RENAME TO elsewhere")
        assert "no such table: kept" in found(place)["database-away"]


def test_a_heartbeat_that_lies_in_the_future(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        with writing(place.ledger.engine) as session:
            session.execute(insert(tables.heartbeat).values(role="consume", member="ahead", at=clock.now() + timedelta(hours=1), state="consuming"))
        assert "in the future" in found(place)["clock"]


def test_versions_side_by_side(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.ledger.measures.mark(VERSION, "0.0.1", time.time())
        Watch(place.ledger, place.bus).once()
        assert "0.0.1 and" in found(place)["versions-mixed"]
        m = tables.measure.c
        with writing(place.ledger.engine) as session:
            session.execute(update(tables.measure).where(m.label == "0.0.1").values(value=time.time() - 120))
        assert "versions-mixed" not in found(place)


def test_a_position_beyond_what_the_bus_holds(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.set_position("jobtrappen.referral", 2, 1000)
        assert "jobtrappen.referral (partition 2)" in found(place)["bus-behind"]


def test_the_end_of_the_audit_log_is_looked_at(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        for _ in range(5):
            with transaction(place.ledger, SYSTEM) as tx:
                tx.audit("read.case", "case", a_case())
        with lead(place.ledger, Flag()) as leadership:
            assert leadership is not None
            audit.Chain(leadership.connection, audit.keys(place.settings)[0]).seal()
        assert "audit-broken" not in found(place)
        assert place.run(*remedy("R-audit-verify", service="partners")).returncode == 0
        a = tables.audit.c
        with writing(place.ledger.engine) as session:
            session.execute(update(tables.audit).where(a.chain_no == 4).values(actor="somebody else"))
        assert "link 4" in found(place)["audit-broken"]
        done = place.run(*remedy("R-audit-verify", service="partners"))
        assert done.returncode == 1 and "link 4" in done.stdout
        with writing(place.ledger.engine) as session:
            session.execute(delete(tables.audit).where(a.chain_no == 4))
        assert "link 4 is gone" in found(place)["audit-broken"]


def test_a_key_that_is_missing(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        foreign = Vault(place.settings.on(cpr_keys={"2025a": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}))
        with writing(place.ledger.engine) as session:
            session.execute(text("INSERT INTO person_copy (case_id, wanted, version, sealed, tries, erased) VALUES (:c, 1, 1, :s, 0, 0)"),
                            {"c": a_case().replace("-", ""), "s": foreign.seal_document({"given_name": "Fiktiv"}, "person_copy")})
        assert "person_copy.sealed: 1" in found(place)["key-missing"]
        assert place.run(*remedy("R-keys-status", service="partners")).returncode == 1
        with writing(place.ledger.engine) as session:
            session.execute(delete(tables.person_copy))
        assert "key-missing" not in found(place)
        assert place.run(*remedy("R-keys-status", service="partners")).returncode == 0


def test_persons_whom_the_owner_does_not_give(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        fetching = Runtime(Service("partners", "", parts.METADATA, parts.LEDGER.api, parts.REACTIONS, parts.LEDGER.rights,
                                   migrations=parts.MIGRATIONS, person_purpose="partners"), place.settings)
        with transaction(fetching, SYSTEM) as tx:
            people.want(tx, a_case(), 3)
        assert "persons-missing" not in found(place, fetching), "asked for just now"
        with writing(fetching.engine) as session:
            session.execute(update(tables.person_copy).values(tries=5))
        assert "1 persons" in found(place, fetching)["persons-missing"]
        fetching.close()


def test_a_consumer_that_is_deaf_is_behind_though_its_heart_beats(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        Watch(place.ledger, place.bus).once()
        place.put(an_event("case.opened", a_case(), 1))
        assert "lag" not in found(place), "it was just said"
        m = tables.measure.c
        with writing(place.ledger.engine) as session:
            session.execute(update(tables.measure).where(m.name == "heard").values(value=m.value - 400))
            session.execute(insert(tables.heartbeat).values(role="consume", member="deaf", at=text("CURRENT_TIMESTAMP"), state="consuming"))
        words = found(place)
        assert "1 records of jobtrappen.referral" in words["lag"] and "consumer-silent" not in words
        place.consume()
        Watch(place.ledger, place.bus).once()
        assert "lag" not in found(place)


def test_every_finding_is_produced_by_a_test_and_has_its_place_in_the_runbook() -> None:
    tests = "".join((ROOT / "tests" / "integration" / f"{name}.py").read_text(encoding="utf-8") for name in ("test_the_doctor", "test_alerts_and_remedies"))
    made = {part for module in ("doctor", "ops_doctor") for part in (ROOT / "shared" / "jobtrappen" / f"{module}.py").read_text(encoding="utf-8").split('"')[1::2]}
    assert set(WORDS) - made == set(), "the doctor never says these"
    assert [code for code in WORDS if f'"{code}"' not in tests] == []

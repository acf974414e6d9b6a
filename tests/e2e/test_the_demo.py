# SPDX-License-Identifier: MPL-2.0
"""The demo is the acceptance: 202 fictional lives through the public APIs come out as the six tables of 2004, digit for
digit (F-200 to F-208), on the embedded default and on PostgreSQL with Kafka, each service's processes apart."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from rich.console import Console
from sqlalchemy import func, select

from jobtrappen import tables
from jobtrappen.bus import Bus, open_bus
from jobtrappen.config import PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.db import reading
from jobtrappen.demo import command
from jobtrappen.demo.client import Session, sign_in
from jobtrappen.demo.loader import LOG_INS
from jobtrappen.demo.plan import canaries, published_cohort, published_figures
from jobtrappen.runtime import Runtime
from jobtrappen.up import Suite, free_port
from jobtrappen.web.wsgi import runtimes
from tests.chaos.checker import read_everything
from tests.support.canaries import bytes_of, found_in

ALL_TOPICS = [*TOPICS.values(), PUBLIC_TOPIC]


@dataclass
class Run:
    """A demo that has been loaded and still answers."""

    suite: Suite
    session: Session
    settings: Settings
    log: Path

    def made(self) -> dict[str, Runtime]:
        return {r.name: r for r in runtimes("all", self.settings)}

    def bus(self) -> Bus:
        return open_bus(self.settings.bus)

    def totals(self) -> dict[str, int]:
        """How much there is of everything that a second run could add to."""
        counts = {}
        for name, runtime in self.made().items():
            with reading(runtime.engine) as session:
                for table in (tables.outbox, tables.transition, tables.answer):
                    counts[f"{name}.{table.name}"] = session.scalar(select(func.count()).select_from(table)) or 0
            runtime.close()
        return counts


@pytest.fixture(scope="module", params=["embedded", pytest.param("postgres+kafka", marks=[pytest.mark.postgres, pytest.mark.kafka])])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    home = tmp_path_factory.mktemp("demo")
    database = bus = None
    if request.param != "embedded":
        postgres, bus = request.getfixturevalue("postgres_server"), request.getfixturevalue("own_kafka").url
        for name in TOPICS:
            database = postgres.create_database(f"demo_{name}").replace(f"demo_{name}", "demo_{service}")
    before = os.environ.get("JOBTRAPPEN_PLUGINS")
    settings = command.demo_settings(home, database, bus, f"127.0.0.1:{free_port()}")
    log = home / "demo.log"
    try:
        with Suite(settings, log=str(log)) as suite:
            yield Run(suite, command.run(suite, Console(quiet=True)), settings, log)
    finally:
        os.environ.pop("JOBTRAPPEN_PLUGINS") if before is None else os.environ.update(JOBTRAPPEN_PLUGINS=before)


def test_all_six_tables_equal_the_published_figures_digit_for_digit(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.compare(run.session, Console(width=140)) == 6
    printed = capsys.readouterr().out
    assert "Elfan (Elfenbenskysten)" in printed and "15. marts 2004 antaget" in printed and "2004-05-25" in printed


def test_march_and_may_give_different_right_answers_when_read_later(run: Run) -> None:
    def column(day: str) -> dict[str, int]:
        found = run.session.get("lone", "followup", "/reports/table-1", as_of=day)
        return {r["key"]: r["value"] for r in found["rows"]}

    march, may = column("2004-03-15"), column("2004-05-25")
    assert may["ordinary_job"] == 60 and march["ordinary_job"] == 29
    assert (march["leisure_job"], may["leisure_job"]) == (23, 24)
    assert sum(march.values()) == 165 + 23 and sum(may.values()) == 202


def test_the_published_notes_hold_too(run: Run) -> None:
    table = {r["key"]: r["value"] for r in run.session.get("lone", "followup", "/reports/table-1", as_of="2004-05-25")["rows"]}
    accepted = sum(table[k] for k in ("ordinary_job", "wage_subsidy", "wage_subsidy_extended", "internship_extended", "education"))
    assert accepted == 133 and round(accepted / 178 * 100) == 75  # F-201
    board = run.session.get("lone", "followup", "/reports/target-board", as_of="2004-05-25")
    assert {60, 24} <= {r["value"] for r in board["rows"]}


def test_every_report_answers_as_text_csv_and_json_by_api_and_cli(run: Run) -> None:
    base, head = run.suite.urls["followup"], {"Authorization": f"Bearer {run.session.tokens['lone']}"}
    text = requests.get(f"{base}/v1/reports/table-1", params={"as_of": "2004-05-25", "format": "text"}, headers=head, timeout=30)
    rows = requests.get(f"{base}/v1/reports/table-1", params={"as_of": "2004-05-25", "format": "csv"}, headers=head, timeout=30)
    assert "Virksomhedspraktik forlænget" in text.text and "ordinary_job;Job;60" in rows.text
    cli = subprocess.run([sys.executable, "-m", "jobtrappen", "report", "table-5", "--as-of", "2004-05-25", "--format", "json"], capture_output=True, text=True,
                         env=run.suite.environment("cli"), timeout=60, check=True)
    assert {r["key"]: r["value"] for r in json.loads(cli.stdout)["rows"]}["directly"] == 24
    for params, status in (({"as_of": "2004-05-26"}, 422), ({"as_of": "soon"}, 422), ({}, 422)):
        assert requests.get(f"{base}/v1/reports/table-1", params=params, headers=head, timeout=30).status_code == status


def test_a_second_run_adds_nothing(run: Run) -> None:
    before = run.totals()
    again = command.run(run.suite, Console(quiet=True))
    assert run.totals() == before
    assert command.compare(again, Console(quiet=True)) == 6


def test_no_personal_value_is_on_the_bus_in_logs_metrics_or_dead_letters(run: Run) -> None:
    planted = canaries(published_cohort())
    records = read_everything(run.bus(), ALL_TOPICS)
    assert len(records) > 3000
    made = run.made()
    blobs: list[bytes | None] = [run.log.read_bytes(), *bytes_of(records)]
    blobs += [requests.get(f"{url}/metrics", timeout=30).content for url in run.suite.urls.values()]
    for runtime in made.values():
        with reading(runtime.engine) as session:
            blobs += [v for row in session.execute(select(tables.dead_letter.c.key, tables.dead_letter.c.value)) for v in row]
        runtime.close()
    assert b'"event": "request"' in run.log.read_bytes(), "the access log is part of the search"
    assert found_in(blobs, planted) == []
    assert planted[0] in found_in([blobs[0], json.dumps({"x": planted[0]}).encode()], planted), "a planted one must be found"


@pytest.mark.parametrize("shape", ["plain", "escaped", "upper", "url"])
def test_a_planted_name_is_found_however_it_is_written(shape: str) -> None:
    from urllib.parse import quote

    name = next(c for c in canaries(published_cohort()) if not c.isascii())
    written = {"plain": name.encode(), "escaped": json.dumps({"a": name}).encode(), "upper": name.upper().encode(), "url": quote(name).encode()}[shape]
    assert found_in([b"...", written, None], [name]) == [name]


def test_tokens_of_the_demo_are_refused_outside_it(run: Run) -> None:
    from jobtrappen.auth import Signer
    from jobtrappen.errors import NotSignedIn

    token = sign_in(run.suite.urls, LOG_INS)["karen"]
    with pytest.raises(NotSignedIn):
        Signer(run.settings.on(mode="production")).read(token)


def test_the_published_figures_stand_in_one_file_that_no_service_imports() -> None:
    root = Path(__file__).parents[2]
    for path in [*root.glob("services/**/*.py"), *root.glob("shared/jobtrappen/*.py"), *root.glob("shared/jobtrappen/[!d]*/*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "published.json" not in text and "published_figures" not in text, path
        assert "jobtrappen.demo" not in text or path.name in ("cli.py",), path
    assert sum(t["total"] for t in published_figures()["tables"].values()) == 202 + 32 + 165 + 23 + 60 + 25

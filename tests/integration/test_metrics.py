# SPDX-License-Identifier: MPL-2.0
"""/metrics says what is so: from the tables, from the workers, from all web workers of a server together; cheaply, and
without anybody's id."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import requests
from sqlalchemy import event, update

from jobtrappen import clock, metrics, migrate, plugins, tables, workers
from jobtrappen.audit import Chain, keys
from jobtrappen.bus import Record, open_bus
from jobtrappen.config import Settings
from jobtrappen.db import writing
from jobtrappen.measuring import difference
from jobtrappen.relay import lead
from jobtrappen.runtime import Runtime
from jobtrappen.state import state
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen.watch import Watch
from jobtrappen.web import server as serving
from jobtrappen.web.app import service_app
from tests.support.ledger import Ledger, a_case, a_ledger, an_event
from tests.support.process import free_ports, wait_until
from tests.support.scrape import Samples, parsed, scrape, value


def written(place: Ledger, runtime: Runtime | None = None) -> Samples:
    """A scrape after the worker of this process has looked and written down what it counted."""
    runtime = runtime or place.ledger
    assert Watch(runtime, place.bus).once()
    return scrape(runtime)


def test_what_lies_in_the_tables_is_shown(database: Ledger) -> None:
    place = database
    empty = scrape(place.ledger)
    for name in ("jobtrappen_outbox_unpublished_events", "jobtrappen_kept_events", "jobtrappen_dead_letters", "jobtrappen_audit_unsealed_rows"):
        assert value(empty, name) == 0, name
    case, poisoned = a_case(), a_case()
    place.speak("referral.accepted", case)  # its parent has not been said
    said = scrape(place.speaker)
    assert value(said, "jobtrappen_outbox_unpublished_events") == 2, "the internal and the public one"
    place.publish()
    assert value(scrape(place.speaker), "jobtrappen_outbox_unpublished_events") == 0
    assert value(written(place, place.speaker), "jobtrappen_events_published_total") == 2
    place.hurt(poisoned)
    place.put(an_event("case.opened", poisoned, 1), an_event("referral.accepted", poisoned, 2), Record("jobtrappen.referral", b"x", b"no event"))
    place.consume()
    seen = written(place)
    assert {s: value(seen, "jobtrappen_kept_events", state=s) for s in ("waiting", "parked", "behind", "dropped")} == \
        {"waiting": 1, "parked": 1, "behind": 1, "dropped": 0}
    assert value(seen, "jobtrappen_dead_letters") == 1
    counts = {name: value(seen, f"jobtrappen_events_{name}_total") for name in ("applied", "kept", "buried", "repeated")}
    assert counts == {"applied": 0, "kept": 3, "buried": 1, "repeated": 0}


def test_the_oldest_that_waits_and_the_oldest_unpublished_have_an_age(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.speak("referral.accepted", a_case())
        place.put(an_event("referral.accepted", a_case(), 1))
        place.consume()
        with writing(place.speaker.engine) as session:
            session.execute(update(tables.outbox).values(recorded_at=moment(-90)))
        with writing(place.ledger.engine) as session:
            session.execute(update(tables.kept).values(since=moment(-4000)))
        assert 90 <= value(scrape(place.speaker), "jobtrappen_outbox_oldest_unpublished_seconds") < 300
        assert 4000 <= value(scrape(place.ledger), "jobtrappen_kept_oldest_waiting_seconds") < 4300


def moment(seconds: float) -> datetime:
    """A moment so many seconds from now."""
    return clock.now() + timedelta(seconds=seconds)


def test_each_effect_is_counted_once_with_the_time_it_took(place: Ledger) -> None:
    for case in (a_case(), a_case()):
        place.life(case)
    place.publish()
    place.consume()
    effects, seen = len(place.effects()), written(place)
    assert value(seen, "jobtrappen_commit_to_effect_seconds_count") == value(seen, "jobtrappen_events_applied_total") >= effects > 10
    buckets = sorted((float(dict(l)["le"]), v) for (n, l), v in seen.items() if n == "jobtrappen_commit_to_effect_seconds_bucket")
    assert [le for le, _v in buckets] == list(metrics.EFFECT_BUCKETS)
    assert [v for _le, v in buckets] == sorted(v for _le, v in buckets) and buckets[-1][1] == value(seen, "jobtrappen_commit_to_effect_seconds_count")
    assert 0 < value(seen, "jobtrappen_commit_to_effect_seconds_sum") < 600 * effects
    again = written(place)
    assert value(again, "jobtrappen_commit_to_effect_seconds_count") == value(seen, "jobtrappen_commit_to_effect_seconds_count"), "written down once"
    place.set_position("jobtrappen.referral", 0, place.all_began["jobtrappen.referral", 0])
    place.consumers[0][1].rewind()
    place.put(an_event("case.opened", a_case(), 1))
    place.consume()
    after = written(place)
    assert value(after, "jobtrappen_events_applied_total") == value(seen, "jobtrappen_events_applied_total") + 1
    assert value(after, "jobtrappen_events_repeated_total") >= value(seen, "jobtrappen_events_repeated_total")


def test_lag_is_never_nought_when_nobody_looks(place: Ledger) -> None:
    """Never heard is infinite; heard to the end is nearly nothing; behind, or looked at by nobody, grows with the clock."""
    assert value(scrape(place.ledger), "jobtrappen_consumer_lag_seconds", topic="jobtrappen.referral") == float("inf")
    assert value(written(place), "jobtrappen_consumer_lag_seconds", topic="jobtrappen.referral") < 60

    def an_hour_passes() -> None:
        m = tables.measure.c
        with writing(place.ledger.engine) as session:
            session.execute(update(tables.measure).where(m.name == "heard").values(value=m.value - 3600))

    an_hour_passes()
    assert value(scrape(place.ledger), "jobtrappen_consumer_lag_seconds", topic="jobtrappen.followup") >= 3600, "nobody has looked for an hour"
    place.put(an_event("case.opened", a_case(), 1))
    seen = written(place)
    assert value(seen, "jobtrappen_consumer_lag_seconds", topic="jobtrappen.referral") >= 3600, "one is not taken, and nobody knows since when"
    assert value(seen, "jobtrappen_consumer_lag_seconds", topic="jobtrappen.followup") < 60
    place.consume()
    assert value(written(place), "jobtrappen_consumer_lag_seconds", topic="jobtrappen.referral") < 60
    an_hour_passes()
    gone = Watch(place.ledger, open_bus(f"sqlite:///{place.settings.home}/elsewhere.db"))
    assert gone.once(), "what was counted is written all the same"
    assert value(scrape(place.ledger), "jobtrappen_consumer_lag_seconds", topic="jobtrappen.referral") >= 3600, "the bus is away: nobody knows"


def test_workers_show_who_beats_leads_and_stopped(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        silent = scrape(place.ledger)
        assert value(silent, "jobtrappen_worker_heartbeat_age_seconds", role="consume") == float("inf")
        assert value(silent, "jobtrappen_relay_leading") == value(silent, "jobtrappen_worker_members", role="relay") == 0
        assert not [l for (n, l) in scrape(place.speaker) if ("role", "consume") in l], "the speaker listens to nobody"
        works = [*workers.relays([place.ledger]), *workers.consumers([place.ledger]), *workers.watches([place.ledger])]
        with place.running(*works):
            wait_until(lambda: value(scrape(place.ledger), "jobtrappen_relay_leading") == 1, 20, "a leader")
            wait_until(lambda: value(scrape(place.ledger), "jobtrappen_worker_members", role="consume") == 1, 20, "a consumer")
            wait_until(lambda: value(scrape(place.ledger), "jobtrappen_consumer_lag_seconds") < 60, 20, "the watch")
            seen = scrape(place.ledger)
            assert value(seen, "jobtrappen_worker_heartbeat_age_seconds", role="consume") < 30
            assert value(seen, "jobtrappen_consumer_breaker_open") == 0
            for case in [a_case() for _ in range(21)]:
                place.put(an_event("case.opened", case, 1, data={"case_id": case, "nonsense": 1}))
            wait_until(lambda: value(scrape(place.ledger), "jobtrappen_consumer_breaker_open") == 1, 30, "the breaker")


def test_the_audit_chains_head_and_what_is_not_sealed(database: Ledger) -> None:
    place = database
    for _ in range(3):
        with transaction(place.ledger, SYSTEM) as tx:
            tx.audit("read.case", "case", a_case())
    seen = scrape(place.ledger)
    assert (value(seen, "jobtrappen_audit_head_number"), value(seen, "jobtrappen_audit_unsealed_rows")) == (0, 3)
    with writing(place.ledger.engine) as session:
        session.execute(update(tables.audit).values(at=moment(-700)))
    assert value(scrape(place.ledger), "jobtrappen_audit_oldest_unsealed_seconds") >= 700
    with lead(place.ledger, Event()) as leadership:
        assert leadership is not None and Chain(leadership.connection, keys(place.settings)[0]).seal() == 3
    seen = scrape(place.ledger)
    assert (value(seen, "jobtrappen_audit_head_number"), value(seen, "jobtrappen_audit_unsealed_rows"), value(seen, "jobtrappen_audit_oldest_unsealed_seconds")) == (3, 0, 0)


def test_with_its_database_away_a_service_still_says_so(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        assert value(scrape(place.ledger), "jobtrappen_database_up") == value(scrape(place.ledger), "jobtrappen_bus_up") == 1
        with place.ledger.engine.execution_options(write=True).begin() as connection:
            connection.exec_driver_sql("ALTER TABLE outbox RENAME TO elsewhere")
        (tmp_path / "bus.db").rename(tmp_path / "moved.db")
        seen = scrape(place.ledger)
        assert value(seen, "jobtrappen_database_up") == value(seen, "jobtrappen_bus_up") == 0
        assert value(seen, "jobtrappen_build_info", database="sqlite", bus="sqlite") == 1
        assert not [n for n, _l in seen if n.startswith("jobtrappen_outbox")], "what is not known is not shown"


def test_what_cannot_be_written_down_is_kept_and_written_later(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        watch = Watch(place.ledger, place.bus)
        rename = "ALTER TABLE measure RENAME TO {}"
        for name, expected in (("elsewhere", False), ("measure", True)):
            place.ledger.measures.add("published", by=2)
            place.ledger.measures.put("clock_difference", "", 7)
            with place.ledger.engine.execution_options(write=True).begin() as connection:
                connection.exec_driver_sql(rename.format(name) if name != "measure" else "ALTER TABLE elsewhere RENAME TO measure")
            assert watch.once() is expected
        seen = scrape(place.ledger)
        assert value(seen, "jobtrappen_events_published_total") == 4
        assert value(seen, "jobtrappen_clock_difference_seconds") == 7


@pytest.mark.parametrize(("said", "taken", "heard", "off"), [
    (100.0, 100.5, 101.0, 0.0), (100.0, 160.0, 101.0, 59.0), (100.0, 40.0, 101.0, -60.0), (100.0, 0.0, 101.0, 0.0)])
def test_a_clock_is_called_off_only_where_the_order_of_moments_proves_it(said: float, taken: float, heard: float, off: float) -> None:
    assert difference(said, taken, heard) == off


def test_no_label_holds_anything_that_a_client_or_a_case_could_choose(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        place.life(a_case())
        place.publish()
        place.consume()
        client = service_app(place.ledger).test_client()
        for method, path in (("GET", f"/v1/cases/{a_case()}"), ("FATIMA", "/healthz"), ("GET", "/Fatima/0102031234"), ("GET", "/healthz?cpr=0102031234")):
            client.open(path, method=method)
        seen = written(place)
        assert value(seen, "jobtrappen_http_requests_total", method="other") >= 1
        labels = {(name, text) for _n, pairs in seen for name, text in pairs if name != "le"}
        allowed = re.compile(r"[a-z_.]+|GET|POST|unknown|[2-5]\d\d|/[a-zA-Z0-9_./:<>-]*|\d+(\.\d+)+|0\d\d\d")
        assert [pair for pair in labels if not allowed.fullmatch(pair[1])] == []
        assert "atima" not in str(labels).lower() and "0102031234" not in str(labels)
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", str(labels))


def test_services_of_one_process_each_show_their_own(tmp_path: Path) -> None:
    with a_ledger(tmp_path) as place:
        for runtime, times in ((place.speaker, 2), (place.ledger, 3)):
            client = service_app(runtime).test_client()
            for _ in range(times):
                client.get("/readyz")
        for runtime in (place.speaker, place.ledger):
            assert {dict(l)["service"] for _n, l in scrape(runtime)} == {runtime.name}


def test_a_scrape_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    """However large the outbox, the audit log and the position are: SQLite's own plan of every question."""
    small = {"heartbeat", "measure", "kept", "dead_letter"}
    with a_ledger(tmp_path) as place:
        asked: list[tuple[str, object]] = []
        event.listen(place.ledger.engine, "before_cursor_execute", lambda _c, _u, statement, parameters, _x, _m: asked.append((statement, parameters)))
        state(place.ledger)
        plans = []
        with place.ledger.engine.connect() as connection:
            for statement, parameters in list(asked):
                plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        assert len(asked) >= 8
        scans = [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] not in small and "USING" not in plan]
        # From the end of the audit log, at most five hundred rows; the subquery's result is those.
        assert [plan for plan in scans if plan not in ("SCAN audit", "SCAN anon_1", "SCAN (subquery-1)")] == [], plans


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """partners behind a real gunicorn with two workers: the server's pid and address. The module's last test ends it."""
    settings = Settings(home=tmp_path_factory.mktemp("served"), database="sqlite:///{home}/{service}.db", bus="sqlite:///bus.db", secret="x" * 40)
    runtime = Runtime(plugins.services()["partners"], settings)
    migrate.upgrade(runtime)
    runtime.close()
    address = f"127.0.0.1:{free_ports(1)[0]}"
    environment = {**os.environ, "JOBTRAPPEN_HOME": str(settings.home), "JOBTRAPPEN_BIND": address, "JOBTRAPPEN_PLUGINS": "partners", "JOBTRAPPEN_LOG": "warning"}
    environment.pop(metrics.SHARED, None)
    child = subprocess.Popen([sys.executable, "-m", "jobtrappen", "serve", "all"], env=environment)
    try:
        base = f"http://{address}/partnere"
        wait_until(lambda: child.poll() is not None or answers(f"{base}/healthz"), 30, "the server")
        yield child.pid, base
    finally:
        child.terminate()
        child.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_the_workers_of_one_server_count_together_and_a_dead_one_still_counts(server: tuple[int, str]) -> None:
    master, base = server

    def page() -> Samples:
        return parsed(requests.get(f"{base}/metrics", timeout=10).text)

    def counted() -> list[float]:
        return [value(page(), "jobtrappen_http_requests_total", route="/healthz", status="200") for _ in range(6)]

    before = counted()[0]
    with ThreadPoolExecutor(8) as clients:
        assert set(clients.map(lambda _n: requests.get(f"{base}/healthz", timeout=10).status_code, range(60))) == {200}
    assert counted() == [before + 60] * 6, "whichever worker answers"
    wait_until(lambda: value(page(), "jobtrappen_database_connections_max") == 2 * 15, 30, "two workers with fifteen each")
    children = Path(f"/proc/{master}/task/{master}/children")
    killed = children.read_text().split()[0]
    os.kill(int(killed), signal.SIGKILL)
    wait_until(lambda: killed not in (left := children.read_text().split()) and len(left) == 2, 30, "a new worker")
    assert counted() == [before + 60] * 6
    wait_until(lambda: value(page(), "jobtrappen_database_connections_max") == 2 * 15, 30, "the dead one's to be gone")


def test_the_shared_folder_goes_with_its_server_and_a_killed_ones_with_the_next(server: tuple[int, str]) -> None:
    master, _base = server
    environment = dict(line.split("=", 1) for line in Path(f"/proc/{master}/environ").read_text().split("\0") if "=" in line)
    folder = Path(environment[metrics.SHARED])
    assert folder.name.startswith(serving.NAME) and folder.is_dir() and str(folder.parent) in (serving.MEMORY, tempfile.gettempdir())
    left = folder.parent / f"{serving.NAME}left"
    left.mkdir(exist_ok=True)
    (left / serving.LOCK).touch()
    serving._sweep(folder.parent)
    assert folder.is_dir() and not left.exists(), "a server that lives keeps its own"
    os.kill(master, signal.SIGTERM)
    wait_until(lambda: not folder.exists(), 30, "the server to clean up")

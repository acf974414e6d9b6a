# SPDX-License-Identifier: MPL-2.0
"""The runbook, played through: a real state is made, a real Prometheus fires the alert for it, the doctor names it, the
runbook's own remedy is carried out, and both fall silent.

Where a rule waits for minutes or an hour, that time is not waited for: the moment in the row is set back instead.
"""
from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from sqlalchemy import Table, select, update
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from jobtrappen import clock, parking, tables
from jobtrappen.bus import Record
from jobtrappen.consumer import Consumer
from jobtrappen.db import writing
from jobtrappen.doctor import examine
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from jobtrappen.web.app import service_app
from tests.conftest import missing
from tests.support.ledger import Ledger, a_case, a_ledger, an_event
from tests.support.process import Missing, free_ports, wait_until
from tests.support.prometheus import RULES, Prometheus, program
from tests.support.runbook import by_hand, remedy

RATES = {"JobtrappenErrors", "JobtrappenSlow", "JobtrappenEffectsSlow", "JobtrappenSignInsRefused", "JobtrappenOverLimit"}
"""What they fire for has passed, and is remembered for some minutes."""


NOBODY = "00000000-0000-4000-8000-000000000000"


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Nothing on the test's output."""


class Place:
    """The ledger's two services with their web servers, workers as processes, and Prometheus."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.ports = dict(zip(("referral", "partners"), free_ports(2), strict=True))
        self.servers: dict[str, BaseWSGIServer] = {}
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.remade: list[Runtime] = []
        for runtime in (ledger.speaker, ledger.ledger):
            self.serve(runtime)
        for name, service in (("R-relay", "referral"), ("R-relay", "partners"), ("R-consume", "partners")):
            self.start(name, service)
        self.prometheus = Prometheus(folder, [f"127.0.0.1:{port}" for port in self.ports.values()])

    def serve(self, runtime: Runtime) -> None:
        server = make_server("127.0.0.1", self.ports[runtime.name], service_app(runtime), threaded=True, request_handler=Quiet)
        Thread(target=server.serve_forever, daemon=True).start()
        self.servers[runtime.name] = server

    def again_with(self, service: str, **changed: Any) -> None:
        """Start the web process again with other settings."""
        self.servers[service].shutdown()
        self.servers[service].server_close()
        self.remade.append(Runtime(self.runtime(service).service, self.ledger.settings.on(**changed)))
        self.serve(self.remade[-1])

    def start(self, name: str, service: str) -> None:
        """A worker, by the runbook's command."""
        self.workers[f"{name} {service}"] = self.ledger.start(*remedy(name, service=service))

    def kill(self, name: str, service: str) -> None:
        """SIGKILL a worker; its heartbeat is two minutes old at once."""
        worker = self.workers.pop(f"{name} {service}")
        worker.kill()
        worker.wait()
        self.age(tables.heartbeat, "at", 120, service, role={"R-relay": "relay", "R-consume": "consume"}[name])

    def runtime(self, service: str) -> Runtime:
        return self.ledger.speaker if service == "referral" else self.ledger.ledger

    def age(self, table: Table, column: str, seconds: float, service: str, **where: Any) -> None:
        """Set a moment back in every row, or in those with these values."""
        moment = clock.now() - timedelta(seconds=seconds)
        with writing(self.runtime(service).engine) as session:
            session.execute(update(table).where(*(table.c[name] == value for name, value in where.items())).values({column: moment}))

    def run(self, name: str, **fill: object) -> subprocess.CompletedProcess[str]:
        """A remedy's command, as the page has it."""
        return self.ledger.run(*remedy(name, **fill))

    def codes(self) -> set[tuple[str, str]]:
        """(code, service) of everything that the doctor finds."""
        return {(found.code, found.service) for found in examine(self.ledger.settings, [self.ledger.speaker, self.ledger.ledger]).findings}

    def alarmed(self, alerts: dict[str, str], codes: dict[str, str]) -> None:
        """Wait until these alerts fire and the doctor finds these; {name: service}."""
        self.until(lambda: set(alerts.items()) <= self.prometheus.firing(), lambda: f"{alerts} to fire; these do: {sorted(self.prometheus.firing())}")
        self.until(lambda: set(codes.items()) <= self.codes(), lambda: f"the doctor to find {codes}; it finds {sorted(self.codes())}")

    def well(self) -> None:
        """Wait until no alert fires but those that remember, and the doctor finds nothing."""
        self.until(lambda: not {alert for alert, _s in self.prometheus.firing()} - RATES, lambda: f"silence, but {sorted(self.prometheus.firing())}")
        self.until(lambda: not self.codes(), lambda: f"the doctor to find nothing, but {sorted(self.codes())}")

    @staticmethod
    def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
        try:
            wait_until(condition, 40, "it")
        except TimeoutError:
            pytest.fail(f"waited for {what()}")

    def stop(self) -> None:
        for server in self.servers.values():
            server.shutdown()
            server.server_close()
        for runtime in self.remade:
            runtime.close()
        self.prometheus.stop()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    try:
        program("prometheus")
    except Missing as why:
        missing(why)
    folder = tmp_path_factory.mktemp("watched")
    with a_ledger(folder, limits={"sign_in": "5/600"}) as ledger:
        made = Place(ledger, folder)
        yield made
        made.stop()


def test_the_rules_and_the_scrape_configuration_are_what_prometheus_takes() -> None:
    try:
        tool = program("promtool")
    except Missing as why:
        missing(why)
    for kind, file in (("rules", RULES), ("config", RULES.with_name("prometheus.yml"))):
        done = subprocess.run([tool, "check", kind, str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_where_nothing_is_wrong_nothing_fires(place: Place) -> None:
    place.well()
    done = place.run("R-doctor", service="all")
    assert (done.returncode, done.stdout) == (0, "All is well.\n"), done.stdout + done.stderr
    place.ledger.life(a_case())
    assert place.run("R-settle").returncode == 0
    assert place.run("R-alive", service="partners").returncode == 0
    place.well()
    assert not place.prometheus.firing()


def test_a_web_process_that_is_gone(place: Place) -> None:
    place.servers["partners"].shutdown()
    place.servers["partners"].server_close()
    place.alarmed({"JobtrappenServiceDown": ""}, {})
    by_hand("R-start-web")
    place.serve(place.ledger.ledger)
    place.well()


def test_a_relay_that_was_killed(place: Place) -> None:
    place.kill("R-relay", "referral")
    case = a_case()
    place.ledger.speak("case.opened", case)
    with transaction(place.ledger.speaker, SYSTEM) as tx:
        tx.audit("read.case", "case", case)
    place.age(tables.outbox, "recorded_at", 120, "referral", published_at=None)
    place.age(tables.audit, "at", 600, "referral", chain_no=None)
    place.alarmed(dict.fromkeys(("JobtrappenEventsNotPublished", "JobtrappenNoRelayLeads", "JobtrappenWorkerSilent", "JobtrappenAuditNotSealed"), "referral"),
                  dict.fromkeys(("outbox-late", "relay-silent", "audit-unsealed"), "referral"))
    place.start("R-relay", "referral")
    place.well()
    wait_until(lambda: len(place.ledger.effects(case)) == 1, 20, "the effect")


def test_a_consumer_that_was_killed(place: Place) -> None:
    place.kill("R-consume", "partners")
    assert place.run("R-alive", service="partners").returncode == 1
    case = a_case()
    place.ledger.speak("case.opened", case)
    m = tables.measure.c
    wait_until(lambda: not place.ledger.rows(select(tables.outbox).where(tables.outbox.c.published_at.is_(None)), place.ledger.speaker), 20, "it to be published")
    with writing(place.ledger.ledger.engine) as session:
        session.execute(update(tables.measure).where(m.name == "heard").values(value=m.value - 3600))
    place.alarmed({"JobtrappenWorkerSilent": "partners", "JobtrappenLag": "partners"}, {"consumer-silent": "partners", "lag": "partners"})
    place.start("R-consume", "partners")
    place.well()
    assert len(place.ledger.effects(case)) == 1


def kept(place: Place) -> list[Any]:
    return place.ledger.rows(select(tables.kept).order_by(tables.kept.c.id))


def test_a_parked_event(place: Place) -> None:
    cases = [a_case(), a_case()]
    for case in cases:
        place.ledger.hurt(case)
        place.ledger.speak("case.opened", case)
        place.ledger.speak("referral.accepted", case)
    wait_until(lambda: [row.state for row in kept(place)].count("parked") == 2 and len(kept(place)) == 4, 30, "them to be parked")
    place.alarmed({"JobtrappenParked": "partners"}, {"parked": "partners"})
    ids = {row.key: row.id for row in kept(place) if row.state == "parked"}
    listed = place.run("R-parked-list", service="partners").stdout
    assert len(re.findall(r"\bparked\b.*case\.opened", listed)) == 2 and len(re.findall(r"\bbehind\b", listed)) == 2
    shown = json.loads(place.run("R-parked-show", service="partners", id=ids[cases[0]]).stdout)
    assert shown["value"]["partitionkey"] == cases[0]
    assert place.run("R-parked-retry", service="partners", id=ids[cases[0]]).returncode == 1, "its cause is still there"
    for case in cases:
        place.ledger.heal(case)
    assert place.run("R-parked-retry", service="partners", id=ids[cases[0]]).stdout == "2 applied\n"
    assert place.run("R-parked-drop", service="partners", id=ids[cases[1]]).returncode == 0
    wait_until(lambda: [row.state for row in kept(place)] == ["waiting"], 30, "the dropped one's successor to wait for it")
    assert place.run("R-parked-drop", service="partners", id=kept(place)[0].id).returncode == 0
    place.well()
    assert len(place.ledger.effects(cases[0])) == 2


def test_an_event_that_has_waited_for_an_hour(place: Place) -> None:
    early, never = a_case(), a_case()
    for case in (early, never):
        place.ledger.speak("placement.started", case)
    wait_until(lambda: [row.state for row in kept(place)] == ["waiting"] * 2, 30, "them to wait")
    place.age(tables.kept, "since", 4000, "partners")
    place.alarmed({"JobtrappenWaitingLong": "partners"}, {"waiting-long": "partners"})
    ready = requests.get(f"http://127.0.0.1:{place.ports['partners']}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["status"], ready.json()["checks"]["kept"]["status"]) == (200, "degraded", "degraded")
    ids = {row.key: row.id for row in kept(place)}
    assert json.loads(place.run("R-parked-show", service="partners", id=ids[early]).stdout)["state"] == "waiting"
    for name in ("case.opened", "referral.accepted", "agreement.concluded"):
        place.ledger.speak(name, early)
    assert place.run("R-parked-drop", service="partners", id=ids[never]).returncode == 0
    place.well()
    assert len(place.ledger.effects(early)) == 4


def test_a_consumer_that_has_stopped_itself(place: Place) -> None:
    cases = [a_case() for _ in range(25)]
    for case in cases:
        place.ledger.hurt(case)
        place.ledger.speak("case.opened", case)
    place.alarmed({"JobtrappenConsumerStopped": "partners", "JobtrappenParked": "partners"}, {"consumer-stopped": "partners", "parked": "partners"})
    for case in cases:
        place.ledger.heal(case)
    place.kill("R-consume", "partners")
    place.start("R-consume", "partners")
    for row in kept(place)[1:]:
        parking.retry(Consumer(place.ledger.ledger, place.ledger.bus), row.id)
    assert place.run("R-parked-retry", service="partners", id=kept(place)[0].id).returncode == 0
    place.well()
    assert sum(len(place.ledger.effects(case)) for case in cases) == 25


def test_the_bus_is_away(place: Place) -> None:
    file, aside = place.ledger.settings.home / "bus.db", place.ledger.settings.home / "aside.db"
    file.rename(aside)
    case = a_case()
    place.ledger.speak("case.opened", case)
    place.age(tables.outbox, "recorded_at", 120, "referral", published_at=None)
    place.alarmed({"JobtrappenBusAway": "partners", "JobtrappenEventsNotPublished": "referral"}, {"bus-away": "", "worker-pauses": "partners", "outbox-late": "referral"})
    by_hand("R-start-bus")
    aside.rename(file)
    assert place.run("R-settle").returncode == 0
    place.well()
    assert len(place.ledger.effects(case)) == 1


@contextmanager
def broken(place: Place) -> Iterator[None]:
    """The ledger's database without two of its tables. They come back whatever happens: the tests that follow need them."""
    def rename(*pairs: tuple[str, str]) -> None:
        with place.ledger.ledger.engine.execution_options(write=True).begin() as connection:
            for old, new in pairs:
                connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename(("kept", "elsewhere"), ("credential", "away"))
    try:
        yield
    finally:
        rename(("elsewhere", "kept"), ("away", "credential"))


def ask(place: Place, token: str = "jt_abc_def") -> int:
    """A request with a key that nobody has."""
    return requests.get(f"http://127.0.0.1:{place.ports['partners']}/v1/cases/{NOBODY}/access-report", headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code


def failed(place: Place) -> float:
    """How many answers of ours Prometheus has seen to be errors."""
    found = place.prometheus.query('sum(jobtrappen_http_requests_total{service="partners",status="503",route!~"/metrics|/readyz|/healthz"})')
    return float(found[0]["value"][1]) if found else 0.0


def test_the_database_is_broken(place: Place) -> None:
    assert ask(place) == 401
    place.until(lambda: bool(place.prometheus.query('jobtrappen_http_requests_total{status="401"}')), lambda: "the first answer to be seen")
    seen = [failed(place)]

    def fires() -> bool:
        """Ask once more for each time that Prometheus has looked: whoever else asked this process lately counts in the share."""
        if failed(place) >= seen[0]:
            assert ask(place) == 503
            seen[0] += 1
        return "JobtrappenErrors" in {alert for alert, _s in place.prometheus.firing()}

    with broken(place):
        place.until(fires, lambda: f"the errors to be seen; {place.prometheus.query('jobtrappen_http_requests_total')}")
        place.alarmed({"JobtrappenDatabaseAway": "partners", "JobtrappenErrors": "partners"}, {"database-away": "partners"})
        by_hand("R-start-database")
    place.well()


def test_something_holds_every_connection(place: Place) -> None:
    def slow() -> float:
        return max([float(r["value"][1]) for r in place.prometheus.query('jobtrappen_http_request_duration_seconds_sum{route="/v1/cases/<uuid:case_id>/access-report"}')], default=0)

    assert ask(place) == 401
    with ExitStack() as held:
        for _ in range(14):  # of fifteen; a scrape needs one itself
            held.enter_context(place.ledger.ledger.engine.connect())
        place.alarmed({"JobtrappenConnectionsUsedUp": "partners"}, {})
        held.enter_context(place.ledger.ledger.engine.connect())
        answers: list[int] = []
        # So many that one in twenty is slow, whoever else asked this process in the last minutes.
        waiting = [Thread(target=lambda: answers.append(ask(place))) for _ in range(12)]
        for thread in waiting:
            thread.start()
        waiting[0].join(3)
        by_hand("R-end-lock")
    for thread in waiting:
        thread.join(60)
    assert answers == [401] * len(waiting)
    place.until(lambda: slow() > 4, lambda: "the slow answers to be seen")
    place.alarmed({"JobtrappenSlow": "partners"}, {})
    place.well()


def test_clocks_that_are_apart(place: Place) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    place.ledger.put(an_event("case.opened", a_case(), 1, recorded=ahead.isoformat(timespec="milliseconds").replace("+00:00", "Z")))
    place.alarmed({"JobtrappenClockOff": "partners"}, {"clock": "partners"})
    by_hand("R-keep-time")
    place.ledger.speak("case.opened", a_case())
    place.well()


def test_effects_that_come_late(place: Place) -> None:
    """An event of yesterday, as after a night without a consumer."""
    place.until(lambda: bool(place.prometheus.query("jobtrappen_commit_to_effect_seconds_count > 0")), lambda: "effects to be seen")
    place.ledger.put(*(an_event("case.opened", a_case(), 1) for _ in range(10)))
    place.alarmed({"JobtrappenEffectsSlow": "partners"}, {})
    place.well()


def test_many_wrong_keys(place: Place) -> None:
    with requests.Session() as http:
        for _ in range(400):
            assert http.get(f"http://127.0.0.1:{place.ports['partners']}/v1/cases/{NOBODY}/access-report", headers={"Authorization": "Bearer jt_abc_def"}, timeout=60).status_code == 401
    place.alarmed({"JobtrappenSignInsRefused": "partners"}, {})


def test_one_name_that_is_guessed_at_beyond_the_limit(place: Place) -> None:
    def guess(password: str = "a guess") -> int:
        return http.post(f"http://127.0.0.1:{place.ports['partners']}/v1/sign-in", json={"username": "karen", "password": password}, timeout=60).status_code

    with requests.Session() as http:
        assert [guess() for _ in range(6)] == [401] * 5 + [429]
        place.until(lambda: bool(place.prometheus.query('jobtrappen_http_rate_limited_total{limit="sign_in"}')), lambda: "the first refusal to be seen")
        assert {guess() for _ in range(300)} == {429}
        place.alarmed({"JobtrappenOverLimit": "partners"}, {})
        by_hand("R-raise-limit")
        place.again_with("partners", limits={"sign_in": "1000/60"})
        assert guess("karen") == 200
    place.well()


def test_a_dead_letter(place: Place) -> None:
    place.ledger.put(Record("jobtrappen.referral", b"x", b"no event"))
    place.alarmed({"JobtrappenDeadLetter": "partners"}, {"dead-letters": "partners"})
    done = place.run("R-doctor", service="partners")
    assert done.returncode == 1 and "dead-letters of partners: 1 records on the bus were no events" in done.stdout
    listed = place.run("R-dead-list", service="partners").stdout.split()
    assert listed[0] == "partners" and listed[2].startswith("jobtrappen.referral/")
    assert json.loads(place.run("R-dead-show", service="partners", id=listed[1]).stdout)["size"] == len(b"no event")
    assert place.run("R-dead-drop", service="partners", id=listed[1]).returncode == 0
    place.well()


def test_every_alert_was_seen(place: Place) -> None:
    """Run the whole file: the alerts come from the tests before."""
    names = set(re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8")))
    fired = {found["metric"]["alertname"] for found in place.prometheus.query('max_over_time(ALERTS{alertstate="firing"}[1h])')}
    assert fired == names, f"never fired: {names - fired}"


def test_every_metric_of_rules_and_dashboard_is_scraped_and_every_panel_shows_something(place: Place) -> None:
    dashboard = json.loads(RULES.with_name("dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for text in [RULES.read_text(encoding="utf-8"), *expressions] for name in re.findall(r"\bjobtrappen_\w+", text)}
    assert named - place.prometheus.series() == set()
    for expression in expressions:
        assert place.prometheus.query(expression.replace("$service", ".*")), f"{expression} shows nothing"

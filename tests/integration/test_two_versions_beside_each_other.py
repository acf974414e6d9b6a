# SPDX-License-Identifier: MPL-2.0
"""The last release's processes and today's on the same databases and topics, under load: before, during and after
`migrate`, each version's web with the other's relays and consumers. Where the history does not hold a release, today's code
stands in for it, and the test says so.
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobtrappen import plugins
from jobtrappen import settle as settling
from jobtrappen.bus import open_bus
from jobtrappen.config import PUBLIC_TOPIC, SERVICES, Settings
from jobtrappen.demo.client import sign_in
from jobtrappen.demo.loader import CONSULTANT, LOG_INS, Life, build_town
from jobtrappen.demo.people import employers
from jobtrappen.demo.plan import random_cohort
from jobtrappen.runtime import Runtime
from tests.chaos import checker
from tests.chaos.load import StubbornSession
from tests.support.process import tail, wait_until
from tests.support.releases import ROOT, TODAY, Fleet, fleets, git, last_release, unpack

PEOPLE = 2
"""How many lives each phase lives."""


def settings_on(kind: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    given: dict[str, Any] = {"database": "sqlite:///{home}/{service}.db", "bus": f"sqlite:///{home}/bus.db"}
    if kind != "sqlite":
        server = request.getfixturevalue("postgres_server")
        url = [server.create_database(f"upgrade_{name}") for name in SERVICES][-1]
        given = {"database": url.replace(f"upgrade_{SERVICES[-1]}", "upgrade_{service}"), "bus": f"{request.getfixturevalue('own_kafka').url}?session_timeout_ms=6000"}
    return Settings(home=home, secret="a secret of the upgrade test, long enough", mode="demo", today=date(2004, 5, 25), plugins=(*SERVICES, "origin_statistic"), **given)


class Load:
    """The same town and its people, whoever answers."""

    def __init__(self, first: Fleet, second: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JOBTRAPPEN_PLUGINS", ",".join(first.settings.plugins))
        self.tokens = sign_in(first.urls, LOG_INS)  # who has signed in at one version is known to the other
        self.sessions = {fleet.release.name: StubbornSession(fleet.urls, self.tokens, "upgrade") for fleet in (first, second)}
        self.cohort = random_cohort(77, PEOPLE * 4)
        self.town = build_town(self.sessions[first.release.name], self.cohort, employers())
        self.hot: list[str] = []

    def live(self, fleet: Fleet) -> None:
        """Some people's whole lives, and one case whose talk is moved again and again, through this version's web."""
        session, people, self.cohort = self.sessions[fleet.release.name], self.cohort[:PEOPLE], self.cohort[PEOPLE:]
        assert len(people) == PEOPLE
        with ThreadPoolExecutor(PEOPLE + 1) as pool:
            for work in [pool.submit(self._heat, session, len(self.hot)), *(pool.submit(Life(session, self.town, person).live) for person in people)]:
                work.result(timeout=400)

    def _heat(self, session: StubbornSession, number: int) -> None:
        case = session.post("karen", "referral", "/cases", {"given_name": "Hot", "family_name": str(number), "track": "adult", "language_school": True,
                                                           "effective_date": "2003-09-01"}, name=f"hot{number}").id
        self.hot.append(case)
        for n in range(4):
            talk = session.post(CONSULTANT, "referral", "/intakes", {
                "case_id": case, "scheduled_at": "2004-06-10T10:00:00+02:00", "place": "Kontor", "form": "office", "participants": [{"kind": "teacher"}]},
                name=f"{case}:{n}")
            session.post(CONSULTANT, "referral", f"/intakes/{talk.id}/move", {"scheduled_at": "2004-06-12T10:00:00+02:00", "reason": "Flyttet"}, on=talk,
                         name=f"{case}:{n}:move")

    @property
    def acknowledged(self) -> list[Any]:
        return [one for session in self.sessions.values() for one in session.acknowledged]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres-kafka", marks=[pytest.mark.postgres, pytest.mark.kafka])])
def test_the_last_release_and_today_share_databases_and_topics(kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    name = last_release()
    print(f"\nthe last release is {name}" if name else "\nthe history holds no release: today's code runs beside itself, and no older one was tested")
    before = unpack(name, tmp_path / "release") if name else TODAY
    settings = settings_on(kind, tmp_path, request)
    with fleets(settings, tmp_path, before, TODAY) as (old, new):
        if name:
            assert all(str(tmp_path / "release") in word for word in old.loaded().split()) and str(tmp_path) not in new.loaded()
        for command in ("migrate", "topics"):
            done = old.jobtrappen(command)
            assert done.returncode == 0, done.stderr
        old.start("serve", "relay", "consume")
        load = Load(old, new, monkeypatch)
        load.live(old)
        _upgrade(old, new, load)
        runtimes = {n: Runtime(service, settings) for n, service in plugins.services().items()}
        bus = open_bus(settings.bus)
        settling.settle(list(runtimes.values()), bus, 180.0)
        records = checker.read_everything(bus, [*{r.service.topic for r in runtimes.values()}, PUBLIC_TOPIC])
        assert new.alive(), tail(new.log)
    checker.nothing_is_left_over(runtimes)
    checker.commands_are_done_once(runtimes, load.acknowledged)
    checker.created_things_are_there_once(runtimes, load.acknowledged)
    checker.every_event_was_published_in_order(runtimes, records)
    steps = checker.every_acknowledged_step_has_its_event_once(runtimes)
    effects = checker.effects_happened_once(runtimes, load.acknowledged, load.hot)
    print(f"{len(load.acknowledged)} commands acknowledged, {len(records)} records, {steps} steps and {effects} effects counted")
    assert len(load.hot) == 4 and effects >= 4 * 8
    for runtime in runtimes.values():
        runtime.close()


def _upgrade(old: Fleet, new: Fleet, load: Load) -> None:
    """As docs/operations.md says: migrate first, then process by process."""
    done = new.jobtrappen("migrate")
    assert done.returncode == 0, done.stderr
    assert old.alive(), "the release before goes on beside the migrated database"
    new.start("serve", "relay", "consume")
    load.live(new)  # both versions' relays and consumers are there
    new.stop("relay", "consume")
    load.live(new)  # today's web, the release's relays and consumers
    _a_restart_of_the_release_is_taken_or_refused_plainly(old)
    old.stop("relay", "consume")
    new.start("relay", "consume")
    load.live(old)  # the release's web, today's relays and consumers
    old.stop("serve")


def _a_restart_of_the_release_is_taken_or_refused_plainly(old: Fleet) -> None:
    """Releases know since 0.2.0 that a newer database may fit them; the first one must be kept running until it is replaced."""
    knows = old.run("-c", "from jobtrappen import migrate; print(hasattr(migrate, 'compatible_from'))").stdout.strip() == "True"
    if knows:
        old.stop("consume")
        old.start("consume")
        wait_until(lambda: old.jobtrappen("alive", "consume", "partners").returncode == 0, 60, "the release's consumer to beat")
    else:
        refused = old.jobtrappen("consume", "all")
        assert refused.returncode == 78 and "this code needs" in refused.stderr, refused.stderr


def test_where_the_history_is_whole_a_release_is_found() -> None:
    """The test above must not run today's code beside itself unnoticed."""
    cut = not (ROOT / ".git").exists() or git("rev-parse", "--is-shallow-repository").strip() == b"true"
    assert cut or git("rev-list", "--count", "HEAD").strip() == b"1" or last_release()

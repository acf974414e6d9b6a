# SPDX-License-Identifier: MPL-2.0
"""Apache Kafka behind a link that is late, slow, cut, half closed or swallows everything: the web keeps accepting and says
that it is degraded; when the link is back everything arrives once and in order, without a restart of relay or consumer.
"""
from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jobtrappen import workers
from tests.conftest import missing
from tests.integration.conftest import IMPATIENT, database_of
from tests.support.kafka import KafkaCluster
from tests.support.ledger import LIFE, Ledger, a_case, a_ledger
from tests.support.process import Missing, free_ports, wait_until
from tests.support.tcp_proxy import TO_SERVER, TcpProxy, a_link
from tests.support.world import CASEWORKER, a_world

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
CITIZEN = {"given_name": "Ali", "family_name": "Æbeltoft", "track": "adult"}


@pytest.fixture(scope="module")
def link() -> Iterator[TcpProxy]:
    """The only way to a broker of this module's own: the port that it tells its clients is the link's."""
    [port] = free_ports(1)
    try:
        broker = KafkaCluster.start(advertised=port)
    except Missing as why:
        missing(why)
    with a_link(broker.port, port) as made:
        yield made
    broker.stop()


@pytest.fixture
def bus(link: TcpProxy) -> Iterator[str]:
    link.open()
    yield f"kafka://127.0.0.1:{link.port}?{IMPATIENT}"
    link.open()


FAULTS: dict[str, Callable[[TcpProxy], object]] = {
    "is cut": TcpProxy.cut, "is half closed": TcpProxy.half_close, "is refused": TcpProxy.refuse, "swallows": TcpProxy.swallow,
}


def in_order(place: Ledger, case: str) -> bool:
    """Every event of a life had its effect once, those of one topic in their order."""
    found = place.effects(case)
    topics = ("referral", "case"), ("agreement",), ("placement",)
    return sorted(name for name, _seq in found) == sorted(LIFE) and all(
        (seqs := [seq for name, seq in found if name.startswith(topic)]) == sorted(seqs) for topic in topics)


def test_the_web_accepts_over_every_bad_link_and_everything_arrives_once_and_in_order(
        link: TcpProxy, bus: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """One relay and one consumer live through all of it."""
    (tmp_path / "ledger").mkdir()
    with a_ledger(tmp_path / "ledger", database_of("postgres", request, "far"), bus) as place, \
            a_world(tmp_path, database=database_of("postgres", request, "farweb"), bus=bus, services=["referral"]) as world:
        web, ready = world.referral(CASEWORKER), world.apps["referral"].test_client()
        works = (*workers.relays([place.speaker, world.runtimes["referral"]]), *workers.consumers([place.ledger]))
        told: list[str] = []
        lived: list[str] = []
        with capture_logs() as logs, place.running(*works):
            first = web.post("/cases", CITIZEN)
            wait_until(lambda: len(place.effects(first.id)) == 1, 60, "the first case to be heard of")
            for name, spoil in FAULTS.items():
                at_work = a_case()
                moved = link.passed[TO_SERVER]
                place.life(at_work)
                wait_until(lambda moved=moved: link.passed[TO_SERVER] > moved, 30, "records on their way")
                logs.clear()
                spoil(link)
                answers = [web.post("/cases", CITIZEN) for _ in range(3)]
                assert [answer.status for answer in answers] == [201] * 3, name
                place.life(late := a_case())
                if name in ("is refused", "swallows"):
                    wait_until(lambda: ready.get("/readyz").get_json()["checks"]["relay"]["status"] == "degraded", 60, f"the relay to feel it: {logs}")
                    seen = ready.get("/readyz")
                    assert seen.status_code == 200 and seen.get_json()["status"] == "degraded"
                if name == "is refused":
                    assert seen.get_json()["checks"]["bus"]["status"] == "degraded"
                link.open()
                told += [answer.id for answer in answers]
                lived += [at_work, late]
                wait_until(lambda late=late: len(place.effects(late)) == len(LIFE), 120, f"what was said while the link {name}")
            link.delay, link.rate = 0.01, 50_000
            place.life(slow := a_case())
            told.append(web.post("/cases", CITIZEN).id)
            lived.append(slow)
            wait_until(lambda: len(place.effects(slow)) == len(LIFE), 120, "what was said over a slow link")
            for case in told:
                wait_until(lambda case=case: bool(place.effects(case)), 60, "every case to be heard of")
            link.open()
            wait_until(lambda: {ready.get("/readyz").get_json()["checks"][name]["status"] for name in ("bus", "relay")} == {"ok"}, 30, "bus and relay to be well")
        assert [place.effects(case) for case in (first.id, *told)] == [[("case.opened", 1)]] * (1 + len(told))
        assert all(in_order(place, case) for case in lived)
        assert place.kept() == [] and place.dead() == []


@pytest.mark.parametrize("where", ["between two polls", "inside its transaction"])
def test_a_member_that_is_stopped_longer_than_its_session_is_fenced_when_it_wakes(
        bus: str, request: pytest.FixtureRequest, tmp_path: Path, where: str) -> None:
    """Inside its transaction it holds row locks: the database ends its session, or the other member would wait for ever."""
    with a_ledger(tmp_path, database_of("postgres", request, "far"), bus, database_seconds=3) as place:
        stalled = place.start("consume", "partners")
        before, case, *others = (a_case() for _ in range(8))
        with place.running(*workers.relays([place.speaker])):
            place.life(before)
            wait_until(lambda: len(place.effects(before)) == len(LIFE), 90, "the first member to be at work")
            if where == "inside its transaction":
                place.hurt(case, "stall")
                place.speak(LIFE[0], case)
                wait_until(lambda: stopped(stalled.pid), 60, "it to stop itself")
                place.heal(case)
                for name in LIFE[1:]:
                    place.speak(name, case)
            else:
                stalled.send_signal(signal.SIGSTOP)
                place.life(case)
            for other in others:
                place.life(other)
            with place.running(*workers.consumers([place.ledger])):
                wait_until(lambda: all(len(place.effects(each)) == len(LIFE) for each in (case, *others)), 120, "the other member to take over")
                done = len(place.effects())
                stalled.send_signal(signal.SIGCONT)
                late = [a_case() for _ in range(6)]
                for each in late:
                    place.life(each)
                wait_until(lambda: all(len(place.effects(each)) == len(LIFE) for each in late), 120, "what came after it woke")
                assert len(place.effects()) == done + len(late) * len(LIFE)
        assert stalled.poll() is None or stalled.returncode > 0, "it went on, or ended itself to be started again"
        assert all(in_order(place, each) for each in (before, case, *others, *late))
        assert place.kept() == [] and place.dead() == []


def stopped(pid: int) -> bool:
    """Whether the process stands still (SIGSTOP)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

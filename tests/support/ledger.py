# SPDX-License-Identifier: MPL-2.0
"""Two small services on which the event core is proven: one speaks, one keeps a ledger of what it heard.

The table `effect` has no unique key, so an effect that happened twice is counted twice; `fact` holds what a case has
come to, and `trouble` makes a reaction fail on demand, also in another process. Both services use the suite's real event
names: the speaker stands under the name of referral, the ledger under that of partners.
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, insert, select, text, update

from jobtrappen import contracts, migrate, tables
from jobtrappen.bus import Bus, Record, Subscription, open_bus
from jobtrappen.config import PARTITIONS, PUBLIC_TOPIC, TOPICS, Settings
from jobtrappen.consumer import Consumer, Reactions
from jobtrappen.db import NAMING, reading, writing
from jobtrappen.errors import Poison, not_yet
from jobtrappen.event import Event
from jobtrappen.relay import Relay, lead
from jobtrappen.rights import Rights
from jobtrappen.runtime import Runtime, Service
from jobtrappen.tx import SYSTEM, Tx, transaction
from jobtrappen.web.api import Api
from tests.support.process import wait_until

ROOT = Path(__file__).parents[2]
METADATA = MetaData(naming_convention=NAMING)
tables.add_to(METADATA)
aggregate = Table("aggregate", METADATA, Column("key", String(40), primary_key=True), Column("state", Integer, nullable=False))
effect = Table("effect", METADATA, Column("id", Integer, primary_key=True, autoincrement=True), Column("event_id", String(36)),
               Column("name", String(80)), Column("key", String(40)), Column("seq", Integer))
fact = Table("fact", METADATA, Column("key", String(40), primary_key=True), Column("name", String(80), primary_key=True),
             Column("day", String(10)))
trouble = Table("trouble", METADATA, Column("key", String(40), primary_key=True), Column("kind", String(10), nullable=False))

PARENTS = {"case.opened": "", "referral.accepted": "case.opened", "referral.started": "referral.accepted", "agreement.concluded": "referral.accepted",
           "agreement.closed": "placement.ended", "placement.started": "agreement.concluded", "placement.paused": "placement.started",
           "placement.ended": "placement.started"}
"""What the ledger reacts to, and which event of the case must have come before; three topics take part."""
LIFE = tuple(sorted(PARENTS, key=lambda name: name == "agreement.closed"))
REACTIONS = Reactions()


def _hear(tx: Tx, event: Event) -> None:
    parent = PARENTS[event.name]
    known = select(fact.c.name).where(fact.c.key == event.key, fact.c.name == parent)
    if parent and tx.session.scalar(known) is None:
        not_yet(parent)
    kind = tx.session.scalar(select(trouble.c.kind).where(trouble.c.key == event.key))
    if kind == "poison":
        raise Poison("the test wants it so")
    if kind == "fail":
        raise ValueError(f"no such number: {event.key}\x00")
    if kind == "stall":
        os.kill(os.getpid(), signal.SIGSTOP)
    tx.session.execute(insert(effect).values(event_id=event.id, name=event.name, key=event.key, seq=event.seq))
    tx.session.execute(HOLDS, {"key": event.key, "name": event.name, "day": event.day})
    if event.name == "placement.started":
        tx.say("partner_notice.given", key=event.key, subject=f"case/{event.key}", time=date.fromisoformat(event.day),
               data={"case_id": event.key, "partner_id": event.key, "days_ahead": 14})


for _name in PARENTS:
    REACTIONS.on(_name)(_hear)

HOLDS = text("INSERT INTO fact (key, name, day) VALUES (:key, :name, :day) ON CONFLICT (key, name) DO NOTHING")
MIGRATIONS = Path(__file__).with_name("ledger_migrations")
SPEAKER = Service("referral", "Speaks", METADATA, Api("referral"), Reactions(), Rights(), migrations=MIGRATIONS)
LEDGER = Service("partners", "Keeps a ledger", METADATA, Api("partners"), REACTIONS, Rights(), migrations=MIGRATIONS)


def services() -> dict[str, Service]:
    """What stands in for the installed services in a process of its own (ledger_worker.py)."""
    return {"referral": SPEAKER, "partners": LEDGER}


def a_case() -> str:
    return str(uuid.uuid4())


def said(name: str, case: str, **data: Any) -> dict[str, Any]:
    """The arguments of Tx.say for an event of the catalogue, filled from its golden sample."""
    return {"name": name, "key": case, "subject": f"case/{case}", "data": {**contracts.sample(name), "case_id": case, **data}}


def an_event(name: str, case: str, seq: int, *, epoch: int = 1, topic: str = "", offset: int = 0, **changes: Any) -> Record:
    """A record as a relay would have published it, for tests that decide themselves what comes when."""
    contract = contracts.CATALOGUE[name]
    event = Event(id=str(uuid.uuid4()), type=f"jobtrappen.{name}.v{contract.version}", source=f"https://jobtrappen.example/0000/{contract.by}", subject=f"case/{case}",
                  time="2026-11-23T00:00:00Z", recorded="2026-11-23T08:15:00.000Z", key=case, case=case, seq=seq, epoch=epoch,
                  data={**contracts.sample(name), "case_id": case})
    value = Event(**{f: changes.get(f, getattr(event, f)) for f in event.__slots__}).encode()
    return Record(topic or TOPICS[contract.by], case.encode(), value, partition=0, offset=offset)


@dataclass
class Ledger:
    """Speaker and ledger on one database kind and one bus."""

    settings: Settings
    bus: Bus
    speaker: Runtime = field(init=False)
    ledger: Runtime = field(init=False)
    consumers: list[tuple[Consumer, Subscription]] = field(default_factory=list)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.speaker, self.ledger = Runtime(SPEAKER, self.settings), Runtime(LEDGER, self.settings)
        for runtime in (self.speaker, self.ledger):
            migrate.upgrade(runtime)
        self.bus.ensure_topics(dict.fromkeys((*TOPICS.values(), PUBLIC_TOPIC), PARTITIONS))
        self.all_began = self.bus.ends([*TOPICS.values(), PUBLIC_TOPIC])  # a broker that tests share has the records of those before
        self.began = {at: end for at, end in self.all_began.items() if at[0] in LEDGER.reads}
        if self.rows(select(tables.position)):  # it was here before, on a broker of its own
            self.all_began = self.began = dict.fromkeys(self.all_began, 0)
            return
        with writing(self.ledger.engine) as session:
            session.execute(insert(tables.position), [{"consumer": "jobtrappen.partners", "topic": t, "partition": p, "next_offset": end}
                                                      for (t, p), end in self.began.items()])

    def speak(self, name: str, case: str, **data: Any) -> None:
        """Change the case's aggregate and say an event of it, as a use case does."""
        with transaction(self.speaker, SYSTEM) as tx:
            self.change(tx, case)
            tx.say(**said(name, case, **data))

    def change(self, tx: Tx, case: str) -> int:
        """The aggregate's next state; its row stays locked until the commit."""
        return tx.session.execute(text("INSERT INTO aggregate (key, state) VALUES (:k, 1) ON CONFLICT (key) DO UPDATE SET state = aggregate.state + 1"
                                       " RETURNING state"), {"k": case}).scalar_one()

    def life(self, case: str) -> None:
        """A whole life of a case, parents first; each event has one effect."""
        for name in LIFE:
            self.speak(name, case)

    def publish(self, runtime: Runtime | None = None) -> int:
        """Relay what is in an outbox (the speaker's), here and now."""
        done, made = 0, runtime or self.speaker
        producer = self.bus.producer(made.name)
        try:
            with lead(made, Flag()) as leadership:
                assert leadership is not None
                while found := Relay(made, self.bus).once(leadership.connection, producer):
                    done += found
        finally:
            producer.close()
        return done

    def put(self, *records: Record) -> None:
        """Put records on the bus past any outbox."""
        producer = self.bus.producer("tests")
        try:
            for record in records:
                assert producer.send([record]) == [None]
        finally:
            producer.close()

    def join(self) -> tuple[Consumer, Subscription]:
        """One more member of the ledger's group."""
        consumer = Consumer(self.ledger, self.bus)
        self.consumers.append((consumer, self.bus.subscribe(consumer.name, consumer.topics, consumer.next_offset)))
        return self.consumers[-1]

    def consume(self, seconds: float = 60) -> Consumer:
        """Apply everything that is on the bus now."""
        consumer, subscription = self.consumers[0] if self.consumers else self.join()
        ends = self.bus.ends(consumer.topics)

        def done() -> bool:
            consumer.once(subscription, timeout=0.1)
            return consumer.breaker.open or all(consumer.next_offset(*place) >= end for place, end in ends.items())

        wait_until(done, seconds, "the consumer to come to the ends")
        return consumer

    def rows(self, query: Any, runtime: Runtime | None = None) -> list[Any]:
        with reading((runtime or self.ledger).engine) as session:
            return list(session.execute(query).all())

    def effects(self, case: str | None = None) -> list[tuple[str, int]]:
        """(event name, seq) of every effect, in the order in which they happened."""
        query = select(effect.c.name, effect.c.seq).order_by(effect.c.id)
        return [tuple(row) for row in self.rows(query if case is None else query.where(effect.c.key == case))]

    def kept(self, case: str | None = None) -> list[tuple[str, str]]:
        """(event name, state) of every kept record."""
        k = tables.kept.c
        query = select(k.type, k.state).order_by(k.id)
        return [(row.type.split(".", 1)[1].removesuffix(".v1"), row.state)
                for row in self.rows(query if case is None else query.where(k.key == case))]

    def dead(self) -> list[Any]:
        return self.rows(select(tables.dead_letter).order_by(tables.dead_letter.c.id))

    def outbox(self) -> list[Any]:
        return self.rows(select(tables.outbox).order_by(tables.outbox.c.id), self.speaker)

    def hurt(self, case: str, kind: str = "poison") -> None:
        """From now on the reaction to this case fails (`poison`, `fail`) or stops its process as SIGSTOP does (`stall`)."""
        with writing(self.ledger.engine) as session:
            session.execute(insert(trouble).values(key=case, kind=kind))

    def heal(self, case: str) -> None:
        with writing(self.ledger.engine) as session:
            session.execute(delete(trouble).where(trouble.c.key == case))

    def set_position(self, topic: str, partition: int, offset: int) -> None:
        p = tables.position.c
        with writing(self.ledger.engine) as session:
            session.execute(update(tables.position).where(p.topic == topic, p.partition == partition).values(next_offset=offset))

    def environment(self, failpoint: str = "", mutant: str = "") -> dict[str, str]:
        s = self.settings
        given = {**os.environ, "JOBTRAPPEN_HOME": str(s.home), "JOBTRAPPEN_DATABASE": s.database, "JOBTRAPPEN_BUS": s.bus,
                 "JOBTRAPPEN_SECRET": s.secret, "JOBTRAPPEN_MODE": "demo", "JOBTRAPPEN_DATABASE_SECONDS": str(s.database_seconds), "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
        return {**given, "JOBTRAPPEN_TEST_FAILPOINT": failpoint, "JOBTRAPPEN_TEST_MUTANT": mutant}

    def start(self, *arguments: str, failpoint: str = "", mutant: str = "") -> subprocess.Popen[bytes]:
        """`jobtrappen …` with these two services, as a process of its own."""
        with open(self.settings.home / "processes.log", "ab") as log:
            child = subprocess.Popen([sys.executable, "-m", "tests.support.ledger_worker", *arguments], cwd=ROOT, env=self.environment(failpoint, mutant),
                                     stdout=log, stderr=log)
        self.children.append(child)
        return child

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`jobtrappen …`, waited for."""
        return subprocess.run([sys.executable, "-m", "tests.support.ledger_worker", *arguments], cwd=ROOT, env=self.environment(),
                              capture_output=True, text=True, timeout=60)

    def dies(self, *arguments: str, failpoint: str, mutant: str = "") -> None:
        """Run a process into a failpoint and see it killed there."""
        child = self.start(*arguments, failpoint=failpoint, mutant=mutant)
        wait_until(lambda: child.poll() is not None, 60, f"{failpoint} to kill {arguments}")
        assert child.returncode == -9, (self.settings.home / "processes.log").read_text()[-2000:]

    def expel(self) -> None:
        """Tell the broker that no member of the ledger's group lives any more; it would wait for each one's session to end."""
        if self.settings.bus.startswith("kafka"):
            from kafka import KafkaAdminClient
            from kafka.admin import MemberToRemove

            admin = KafkaAdminClient(bootstrap_servers=self.settings.bus.removeprefix("kafka://").split("?")[0].split(","))
            try:
                [group] = admin.describe_groups(["jobtrappen.partners"]).values()
                admin.remove_group_members("jobtrappen.partners", [MemberToRemove(m["member_id"]) for m in group["members"]])
            finally:
                admin.close()

    @contextmanager
    def running(self, *works: tuple[str, Callable[[Flag], None]]) -> Iterator[Flag]:
        """Relays and consumers (workers.relays, workers.consumers) in threads of this process; one that dies fails the test."""
        stop, died = Flag(), []

        def guarded(work: Callable[[Flag], None]) -> None:
            try:
                work(stop)
            except BaseException as error:
                died.append(error)

        threads = [Thread(target=guarded, args=(work,), name=name) for name, work in works]
        for thread in threads:
            thread.start()
        try:
            yield stop
        except BaseException:
            for thread in threads:  # what waited in vain does not tell what it waited for; this does
                frame = sys._current_frames().get(thread.ident or 0)
                print(thread.name, "is at\n" + "".join(traceback.format_stack(frame)) if frame else "has ended")
            raise
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
            if died or any(thread.is_alive() for thread in threads):
                raise AssertionError(f"died: {died}; still at work: {[t.name for t in threads if t.is_alive()]}") from (died[0] if died else None)

    def close(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        for _consumer, subscription in self.consumers:
            subscription.close()
        for runtime in (self.speaker, self.ledger):
            runtime.close()
        self.bus.close()


@contextmanager
def a_ledger(home: Path, database: str = "sqlite:///{home}/{service}.db", bus: str = "", **more: Any) -> Iterator[Ledger]:
    """Both services, fresh, on the URLs given (`{service}` is filled in); `more` are further settings."""
    settings = Settings(home=home, database=database, bus=bus or f"sqlite:///{home}/bus.db", secret="a secret of the tests, long enough, " + "and kept",
                        mode="demo", today=date(2026, 11, 23), **more)
    made = Ledger(settings, open_bus(settings.bus))
    try:
        yield made
    finally:
        made.close()

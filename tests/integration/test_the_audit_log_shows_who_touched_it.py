# SPDX-License-Identifier: MPL-2.0
"""Every way to falsify the audit log with the database's log-in alone, on both databases, and the command that finds it."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, delete, insert, select, update

from jobtrappen import audit, audit_check, clock, migrate, plugins, tables
from jobtrappen.cli import cli
from jobtrappen.config import Settings
from jobtrappen.db import writing
from jobtrappen.relay import lead
from jobtrappen.runtime import Runtime
from jobtrappen.tx import SYSTEM, transaction
from tests.support.ledger import Ledger, a_case

A = tables.audit.c
LINKS = 12


def seal(runtime: Runtime) -> None:
    with lead(runtime, threading.Event()) as leadership:
        assert leadership is not None
        audit.Chain(leadership.connection, audit.keys(runtime.settings)[0]).seal()


def fill(runtime: Runtime, rows: int = LINKS) -> None:
    with transaction(runtime, SYSTEM) as tx:
        for _ in range(rows):
            tx.audit("read.case", "case", a_case())
    seal(runtime)


@contextmanager
def tampered(ledger: Ledger, how: Callable[[Connection], None]) -> Iterator[Connection]:
    """What a check sees while somebody's change stands; it is taken back afterwards."""
    with ledger.speaker.engine.connect() as connection, connection.begin() as begun:
        how(connection)
        yield connection
        begun.rollback()


def values_of(connection: Connection, link: int) -> dict[str, object]:
    return dict(connection.execute(select(tables.audit).where(A.chain_no == link)).mappings().one())


def change(column: str, value: object) -> Callable[[Connection], None]:
    return lambda connection: void(connection.execute(update(tables.audit).where(A.chain_no == 5).values({column: value})))


def void(_: object) -> None:
    return None


def remove(first: int, last: int) -> Callable[[Connection], None]:
    return lambda connection: void(connection.execute(delete(tables.audit).where(A.chain_no.between(first, last))))


def put_in(connection: Connection) -> None:
    """A copy of link 5 that says something else, under link 5's own seal."""
    values = {k: v for k, v in values_of(connection, 5).items() if k != "id"}
    connection.execute(insert(tables.audit).values({**values, "actor": "karen"}))


def put_between(connection: Connection) -> None:
    """All links from the sixth on move up, and a new one stands in the gap."""
    for link in range(LINKS, 5, -1):
        connection.execute(update(tables.audit).where(A.chain_no == link).values(chain_no=link + 1))
    values = {k: v for k, v in values_of(connection, 5).items() if k != "id"}
    connection.execute(insert(tables.audit).values({**values, "chain_no": 6}))


def swap_places(connection: Connection) -> None:
    five, six = values_of(connection, 5), values_of(connection, 6)
    for row, link, seal_of in ((five, 6, six), (six, 5, five)):
        connection.execute(update(tables.audit).where(A.id == row["id"]).values(chain_no=link, chain_hash=seal_of["chain_hash"]))


def swap_times(connection: Connection) -> None:
    five, nine = values_of(connection, 5), values_of(connection, 9)
    connection.execute(update(tables.audit).where(A.chain_no == 5).values(at=nine["at"] + timedelta(seconds=1)))  # type: ignore[operator]
    connection.execute(update(tables.audit).where(A.chain_no == 9).values(at=five["at"] - timedelta(seconds=1)))  # type: ignore[operator]


def rebuild(connection: Connection) -> None:
    """Who has the database alone and knows this code makes the whole chain anew, with a key of her own."""
    connection.execute(update(tables.audit).where(A.chain_no == 5).values(actor="nobody"))
    previous = audit.GENESIS
    for link in range(1, LINKS + 1):
        row = connection.execute(select(tables.audit).where(A.chain_no == link)).one()
        previous = audit.digest(b"a key that was guessed", previous, link, row)
        connection.execute(update(tables.audit).where(A.id == row.id).values(chain_hash=previous))


TAMPERED: dict[str, tuple[Callable[[Connection], None], int, str]] = {
    **{f"{column} changed": (change(column, value), 5, "changed") for column, value in {
        "actor": "karen", "role": "administrator", "unit": "drift", "acting_for": "karen", "action": "read.other", "subject": "match", "subject_id": "other",
        "case_id": clock.new_id(), "purpose": "operation", "request_id": "another", "at": clock.now() - timedelta(days=3), "chain_hash": "0" * 64}.items()},
    "one in the middle removed": (remove(5, 5), 5, "gone"), "several removed": (remove(5, 7), 5, "links 5 to 7 are gone"), "the first removed": (remove(1, 1), 1, "gone"),
    "one put in beside another": (put_in, 5, "put in"), "one put between": (put_between, 6, "does not hold"),
    "two in each other's place": (swap_places, 5, "moved"), "two times exchanged": (swap_times, 5, "changed"),
    "the whole chain made anew": (rebuild, 1, "does not hold"),
}


def test_every_way_to_falsify_the_log_is_found_at_its_link(database: Ledger) -> None:
    fill(database.speaker)
    keys = audit.keys(database.settings)
    with database.speaker.engine.connect() as connection:
        whole = audit_check.check(connection, keys)
        assert (whole.number, whole.faults) == (LINKS, ()) and (whole.number, whole.seal) == audit.head(connection)
    for name, (how, link, said) in TAMPERED.items():
        with tampered(database, how) as connection:
            faults = audit_check.check(connection, keys).faults
            assert faults and faults[0].link == link and said in faults[0].what and faults[0].remedy, (name, faults)


def test_a_tail_that_is_gone_is_found_by_the_head_that_was_kept(database: Ledger) -> None:
    fill(database.speaker)
    keys = audit.keys(database.settings)
    with database.speaker.engine.connect() as connection:
        kept = audit.head(connection)
    for first in (1, 9, LINKS):
        with tampered(database, remove(first, LINKS)) as connection:
            found = audit_check.check(connection, keys, kept)
            assert [fault.link for fault in found.faults] == [first] and "gone" in found.faults[0].what
            assert audit_check.check(connection, keys).faults == (), "the chain alone cannot know it"
    fill(database.speaker)
    with database.speaker.engine.connect() as connection:
        assert audit_check.check(connection, keys, kept).faults == (), "a log that went on holds to an older head"
        assert [f.link for f in audit_check.check(connection, keys, (kept[0], "0" * 64)).faults] == [LINKS]


def test_a_tail_that_is_gone_is_missed_by_its_transitions_where_no_head_was_kept(database: Ledger) -> None:
    with transaction(database.speaker, SYSTEM) as tx:
        case = clock.new_id()
        for version in (1, 2):
            tx.transitions.append({"lifecycle": "case", "subject_id": case, "case_id": case, "action": "open" if version == 1 else "return", "from_state": None,
                                   "to_state": "open", "version": version, "actor": "karen", "role": "caseworker", "unit": "lokalcenter", "acting_for": None,
                                   "said_by": None, "reason_code": None, "sealed": None, "effective_date": clock.now().date(), "recorded_at": clock.now(), "event_id": None})
        tx.actor = replace(SYSTEM, id="karen")
        tx.audit("case.open", "case", case, case)
        tx.audit("case.return", "case", case, case)
    seal(database.speaker)
    keys = audit.keys(database.settings)
    with database.speaker.engine.connect() as connection:
        assert audit_check.check(connection, keys).faults == ()
    for last, missed in ((2, 1), (1, 2)):
        with tampered(database, remove(last, 2)) as connection:
            faults = audit_check.check(connection, keys).faults
            assert len(faults) == 1 and f"{missed} of the 2 newest transitions have no row" in faults[0].what


def test_a_row_that_nobody_sealed_for_a_minute_is_told(database: Ledger) -> None:
    fill(database.speaker, 1)
    with transaction(database.speaker, SYSTEM) as tx:
        tx.audit("read.case", "case", a_case())
    keys = audit.keys(database.settings)
    with database.speaker.engine.connect() as connection:
        assert audit_check.check(connection, keys).faults == (), "it is to be sealed within a second or two"
    with writing(database.speaker.engine) as session:
        session.execute(update(tables.audit).where(A.chain_no.is_(None)).values(at=clock.now() - timedelta(seconds=61)))
    with database.speaker.engine.connect() as connection:
        faults = audit_check.check(connection, keys).faults
        assert len(faults) == 1 and "1 rows are not sealed" in faults[0].what and "relay" in faults[0].remedy


def test_links_of_an_older_secret_hold_for_as_long_as_it_is_listed(database: Ledger) -> None:
    fill(database.speaker, 3)
    now = database.settings.on(secret="the next secret, long enough too " * 2, older_secrets=(database.settings.secret,))
    with transaction(database.speaker, SYSTEM) as tx:
        tx.audit("read.case", "case", a_case())
    with lead(database.speaker, threading.Event()) as leadership:
        assert leadership is not None
        assert audit.Chain(leadership.connection, audit.keys(now)[0]).seal() == 1
    with database.speaker.engine.connect() as connection:
        assert audit_check.check(connection, audit.keys(now)).faults == ()
        faults = audit_check.check(connection, audit.keys(now.on(older_secrets=()))).faults
        assert [fault.link for fault in faults] == [1, 2, 3] and "JOBTRAPPEN_SECRET" in faults[0].what
        assert [fault.link for fault in audit_check.check(connection, audit.keys(database.settings)).faults] == [4]


# The command

@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Runtime]]:
    """Two services of the embedded default, as the command finds them, with some rows each."""
    monkeypatch.setenv("JOBTRAPPEN_HOME", str(tmp_path))
    monkeypatch.setenv("JOBTRAPPEN_LOG", "error")
    settings = Settings.from_env()
    made = {name: Runtime(plugins.services()[name], settings) for name in ("referral", "followup")}
    for runtime in made.values():
        migrate.upgrade(runtime)
        fill(runtime, 3)
    yield made
    for runtime in made.values():
        runtime.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *arguments])


def test_the_command_verifies_against_a_head_that_was_kept_and_exits_with_1_when_something_is_wrong(home: dict[str, Runtime]) -> None:
    kept = run("head", "referral,followup")
    assert kept.exit_code == 0
    lines = kept.output.split("\n")[:2]
    assert [line.split(":")[0] for line in lines] == ["referral 3", "followup 3"]
    fill(home["referral"], 2)
    held = run("verify", "referral,followup", "--head", lines[0], "--head", lines[1])
    assert held.exit_code == 0 and "referral: 5 links hold and to the head that was kept" in held.output
    with writing(home["referral"].engine) as session:
        session.execute(delete(tables.audit).where(A.chain_no > 2))
    found = run("verify", "referral", "--head", lines[0].split()[1])
    assert found.exit_code == 1 and "referral: link 3: is gone, and all after it" in found.output and "backup" in found.output
    with writing(home["followup"].engine) as session:
        session.execute(update(tables.audit).where(A.chain_no == 2).values(actor="nobody"))
    both = run("verify", "referral,followup")
    assert both.exit_code == 1 and "followup: link 2: does not hold" in both.output


def test_the_command_takes_heads_as_they_are_printed_and_refuses_others_in_words(home: dict[str, Runtime]) -> None:
    assert home
    seal_of = "a" * 64
    assert "number, a colon, 64 hex digits" in run("verify", "referral", "--head", "12").output
    assert "service's name" in run("verify", "referral,followup", "--head", f"3:{seal_of}").output
    assert "is not verified here" in run("verify", "referral", "--head", f"matching 3:{seal_of}").output
    assert run("verify", "referral", "--head", f"3:{seal_of}").exit_code == 1

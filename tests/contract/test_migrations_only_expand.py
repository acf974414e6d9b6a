# SPDX-License-Identifier: MPL-2.0
"""Each service's migrations, step by step on a database of its own: none takes from the release before what it needs, unless
it says for which release's sake that may go; and code meets a newer database only where that holds."""
from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

from jobtrappen import migrate, plugins
from jobtrappen.config import Settings
from jobtrappen.db import writing
from jobtrappen.errors import WrongSchema
from jobtrappen.runtime import Runtime
from tests.support.expansion import Schema, broken, narrower

VERSION = tomllib.loads((Path(__file__).parents[2] / "shared/pyproject.toml").read_text())["project"]["version"]


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def in_memory() -> Any:
    return create_engine("sqlite://", poolclass=StaticPool)


@pytest.mark.parametrize("name", sorted(plugins.services()))
def test_a_migration_expands_or_names_the_release_after_which_it_may_contract(name: str) -> None:
    service = plugins.services()[name]
    engine, steps = in_memory(), 0
    with engine.begin() as connection:
        made = migrate.config(service, connection)
        before = Schema.of(connection)
        for script in reversed(list(ScriptDirectory.from_config(made).walk_revisions())):
            command.upgrade(made, script.revision)
            after = Schema.of(connection)
            contracts = getattr(script.module, "contracts", "")
            wrong = broken(before, after)
            if contracts:
                assert number(contracts) < number(VERSION), f"{name} {script.revision}: what goes must have been without use in a release that is out"
            else:
                assert wrong == [], f"{name} {script.revision}"
            before, steps = after, steps + 1
        assert steps == len(migrate.revisions(str(service.migrations))) and len(before.columns) > 15
        assert connection.execute(text("SELECT count(*) FROM meta")).scalar_one() == 0


BAD = {
    "drops a table": ("DROP TABLE b", "table b is gone"),
    "drops a column": ("ALTER TABLE a DROP COLUMN note", "column a.note is gone"),
    "renames a column": ("ALTER TABLE a RENAME COLUMN note TO words", "column a.note is gone"),
    "renames a table": ("ALTER TABLE b RENAME TO c", "table b is gone"),
    "asks for more": ("CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(20), must VARCHAR(5) NOT NULL); DROP TABLE a; ALTER TABLE n RENAME TO a", "column a.must is new"),
    "refuses the empty": ("CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(20) NOT NULL); DROP TABLE a; ALTER TABLE n RENAME TO a", "a.note may no longer be empty"),
    "narrows": ("CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(10)); DROP TABLE a; ALTER TABLE n RENAME TO a", "a.note was VARCHAR(20) and is VARCHAR(10)"),
    "refuses the same twice": ("CREATE UNIQUE INDEX u ON a (note)", "refuses more than before: unique ['note']"),
    "checks": ("CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(20) CHECK (note > 'a')); DROP TABLE a; ALTER TABLE n RENAME TO a", "refuses more than before: check"),
    "points elsewhere": ("CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(20) REFERENCES b(id)); DROP TABLE a; ALTER TABLE n RENAME TO a", "refuses more than before: foreign"),
}
GOOD = ("ALTER TABLE a ADD COLUMN more VARCHAR(5)", "ALTER TABLE a ADD COLUMN n INTEGER NOT NULL DEFAULT 0", "CREATE TABLE c (id INTEGER PRIMARY KEY)",
        "CREATE INDEX i ON a (note)", "CREATE TABLE n (id INTEGER PRIMARY KEY, note VARCHAR(40)); DROP TABLE a; ALTER TABLE n RENAME TO a")


@pytest.fixture
def connection() -> Iterator[Connection]:
    with in_memory().begin() as made:
        made.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY, note VARCHAR(20))"))
        made.execute(text("CREATE TABLE b (id INTEGER PRIMARY KEY)"))
        yield made


def changed(connection: Connection, change: str) -> list[str]:
    before = Schema.of(connection)
    for statement in change.split("; "):
        connection.execute(text(statement))
    return broken(before, Schema.of(connection))


@pytest.mark.parametrize("bad", BAD, ids=lambda name: name.replace(" ", "-"))
def test_what_older_code_cannot_live_with_is_seen(connection: Connection, bad: str) -> None:
    change, word = BAD[bad]
    assert [line for line in changed(connection, change) if word in line], word


@pytest.mark.parametrize("good", GOOD)
def test_what_older_code_does_not_notice_passes(connection: Connection, good: str) -> None:
    assert changed(connection, good) == []


def test_types_narrow_or_widen() -> None:
    assert not narrower("INTEGER", "BIGINT") and not narrower("VARCHAR(5)", "TEXT") and not narrower("DATE", "DATE")
    assert narrower("BIGINT", "INTEGER") and narrower("TEXT", "VARCHAR(500)") and narrower("DATETIME", "DATE")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime(plugins.services()["referral"], Settings(home=tmp_path, database="sqlite:///{home}/{service}.db", bus="sqlite:///{home}/bus.db", secret="x" * 40, mode="demo"))
    migrate.upgrade(made)
    yield made
    made.close()


def newer(runtime: Runtime, head: str, since: str) -> None:
    """As a later version's `migrate` leaves it."""
    with writing(runtime.engine) as session:
        session.execute(text(f"UPDATE alembic_version_{runtime.name} SET version_num = '{head}'"))
        session.execute(text(f"UPDATE meta SET value = '{since}' WHERE name = 'compatible_from'"))


def test_code_works_on_a_newer_database_that_only_expanded_and_refuses_one_that_contracted(runtime: Runtime) -> None:
    migrate.require_head(runtime)
    newer(runtime, "9001", "0001")
    migrate.require_head(runtime)
    with pytest.raises(WrongSchema, match="9001, which a newer version made"):
        migrate.upgrade(runtime)
    newer(runtime, "9002", "9002")
    with pytest.raises(WrongSchema, match="9002, which this version does not know and whose changes it cannot live with"):
        migrate.require_head(runtime)
    newer(runtime, "0000", "")
    with pytest.raises(WrongSchema, match="cannot live with"):
        migrate.require_head(runtime)


def test_a_database_that_is_behind_is_refused_with_the_command(runtime: Runtime) -> None:
    newer(runtime, "0001", "0001")
    with pytest.raises(WrongSchema, match=r"at revision 0001, this code needs .* Run `jobtrappen migrate referral`"):
        migrate.require_head(runtime)


def test_a_contracting_revision_is_the_oldest_that_still_fits(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    folder.mkdir()
    (tmp_path / "env.py").write_text("")
    for at, more in (("0001", ""), ("0002", 'contracts = "0.1.0"'), ("0003", "")):
        down = f"'{int(at) - 1:04}'" if at != "0001" else "None"
        (folder / f"{at}_x.py").write_text(f"revision = '{at}'\ndown_revision = {down}\n{more}\n")
    assert migrate.compatible_from(str(tmp_path)) == "0002"
    assert migrate.revisions(str(tmp_path)) == ("0003", "0002", "0001")
    for name in plugins.services():
        location = str(plugins.services()[name].migrations)
        assert migrate.compatible_from(location) in migrate.revisions(location)

# SPDX-License-Identifier: MPL-2.0
"""Every list and every My work of the four services asks the database as often for many as for few."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from jobtrappen.config import PATHS, SERVICES
from jobtrappen.db import engine_for
from tests.load import copies
from tests.pages.every_page import WHO, Municipality, at_nine
from tests.pages.kept import Kept
from tests.pages.statements import counted
from tests.support.postgres import PostgresServer

MOST = 24
"""Questions that one page may put to the database, for whomever."""
TIMES = 12


@pytest.fixture(autouse=True)
def _there_at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)
    with at_nine():
        yield


def asked(municipality: Municipality, service: str) -> dict[tuple[str, str], list[str]]:
    """(who, path) → what the page asks, of all pages that need no id and are no form. Each was shown once before."""
    found = {}
    for who in WHO:
        for page in municipality.pages(service):
            address = f"{PATHS[service]}{page.path}"
            if WHO[who] in page.who and "<" not in page.path and not page.name.startswith("form.") and municipality.by(who).get(address).status == 200:
                with counted(municipality.world.runtimes[service].engine) as sent:
                    assert municipality.by(who).get(address).status == 200
                found[who, page.path] = sent
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_page_asks_the_database_as_often_however_many_there_are(municipality: Municipality, service: str) -> None:
    few = asked(municipality, service)
    kept = Kept(municipality)
    try:
        copies.multiply([municipality.world.runtimes[service]], TIMES, 0)
        many = asked(municipality, service)
    finally:
        kept.back(service)
    assert {at: len(sent) for at, sent in many.items()} == {at: len(sent) for at, sent in few.items()}
    assert {at: len(sent) for at, sent in many.items() if len(sent) > MOST} == {}
    assert len(few) >= 8


@pytest.mark.postgres
def test_postgresql_compiles_no_question_of_ours(postgres_server: PostgresServer) -> None:
    """My work asks much in one question, so the planner takes it for a long one; compiling it took longer than all the rest of the page."""
    postgres_server.create_database("no_jit")
    engine = engine_for(postgres_server.url("no_jit"))
    try:
        with engine.connect() as connection:
            assert connection.scalar(text("SHOW jit")) == "off"
    finally:
        engine.dispose()

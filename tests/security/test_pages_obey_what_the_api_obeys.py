# SPDX-License-Identifier: MPL-2.0
"""A page is another way in to the same rights: no search by what is not seen, what an operator does is put on her record, and what a
browser keeps of a form may be anything at all."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from jobtrappen import clock, roles, tables
from jobtrappen.config import SERVICES
from jobtrappen.db import reading, writing
from jobtrappen.errors import Invalid
from jobtrappen.rights import ALL
from jobtrappen.tx import Actor
from jobtrappen.web.app import routes
from jobtrappen.web.pages.site import Desk, Site
from tests.pages.browser import Browser
from tests.support.world import ADMINISTRATOR, CASEWORKER, World, a_world


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("obey")
    if request.param == "sqlite":
        with a_world(folder) as made:
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    for name in SERVICES:
        server.create_database(f"obey_{name}")
    with a_world(folder, database=server.url("obey_{service}")) as made:
        yield made


def unseen(world: World) -> Iterator[tuple[str, Any, Actor, str]]:
    """(service, list, actor, parameter) of every filter by a field that this role, which may read the list, does not see."""
    for service, runtime in world.runtimes.items():
        for route in routes(runtime):
            if route.method != "GET" or route.query is None or route.dumps is None or route.public:
                continue
            for role in sorted(route.who & (roles.STAFF | roles.PA) & runtime.service.rights.readers(route.resource)):
                actor = Actor("somebody", role, "unit", kind="partner" if role == roles.PARTNER else "staff")
                seen = runtime.service.rights.of(actor, route.resource)
                shown = set(route.dumps.dump_fields)
                for name in route.query.load_fields:
                    if name in shown and seen is not ALL and name not in seen:
                        yield service, route, actor, name


def test_a_page_searches_by_no_field_that_its_reader_does_not_see(world: World, tmp_path: Path) -> None:
    tried = 0
    for service, route, actor, name in unseen(world):
        app = world.apps[service]
        with app.test_request_context("/"):
            desk = Desk(actor, world.runtimes[service], Site(service, tmp_path), {route.name: route})
            with pytest.raises(Invalid, match=name):
                desk.read(route.name, {name: "x"})
            assert desk._tx is None, "nothing was looked up"
        tried += 1
    assert tried >= 1


def test_what_an_operator_does_on_the_page_is_on_record_as_hers(world: World) -> None:
    runtime = world.runtimes["matching"]
    with writing(runtime.engine) as session:
        id = session.execute(insert(tables.dead_letter).values(consumer="jobtrappen.matching", topic="jobtrappen.referral", partition=0, record_offset=7, value=b"?",
                                                               reason="not JSON", at=clock.now())).inserted_primary_key[0]
    admin = Browser(world.apps["matching"], ADMINISTRATOR)
    page = admin.get("/operation")
    done = admin.post(f"/operation/dead/{id}/drop", csrf_token=page.form_token)
    assert done.status == 303
    with reading(runtime.engine) as session:
        last = session.execute(select(tables.audit.c.action, tables.audit.c.actor, tables.audit.c.role).order_by(tables.audit.c.id.desc())).first()
    assert last is not None and tuple(last) == ("dead.drop", ADMINISTRATOR, roles.ADMINISTRATOR)


HOSTILE = {"deep": "[" * 90_000, "no object": "[1]", "no lists": json.dumps({"note": "x"}), "no text": json.dumps({"note": [1]}), "too much": json.dumps({"note": ["x" * 200_000]}),
           "half a letter": json.dumps({"note": ["\ud800"]}), "a zero": json.dumps({"note": ["a\x00b"]})}


@pytest.mark.parametrize("kept", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("to", ["/cases/new", "/" + "x" * 400])
def test_text_that_comes_back_after_the_sign_in_may_be_anything(world: World, kept: str, to: str) -> None:
    somebody = Browser(world.apps["referral"])
    page = somebody.get("/sign-in")
    done = somebody.post("/sign-in", csrf_token=page.form_token, username=CASEWORKER, password=CASEWORKER, to=to, **{"kept-text": kept})
    assert done.status == 303
    assert somebody.get("/cases/new").status == 200


@pytest.mark.parametrize("form", ["", "x" * 201, "/cases/\x00", "/cases/\ud800".encode("utf-8", "surrogatepass").decode("latin-1") + "\n"])
def test_a_draft_of_no_form_is_not_kept(world: World, form: str) -> None:
    karen = Browser(world.apps["referral"], CASEWORKER)
    token = karen.get("/cases/new").form_token
    assert karen.post("/draft", csrf_token=token, **{"draft-of": form, "note": "x"}).status == 422
    assert karen.post("/draft/forget", csrf_token=token, **{"draft-of": form}).status == 303

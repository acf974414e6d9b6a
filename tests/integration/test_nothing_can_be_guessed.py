# SPDX-License-Identifier: MPL-2.0
"""Enumeration: what is hidden and what is not there cannot be told apart, by the answer or by the work that it takes. Work is
counted (SQL statements, hashes, comparisons), not timed: clocks of a busy machine prove nothing."""
from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from jobtrappen.clock import new_id
from tests.support import stages_partners
from tests.support.stages_matching import a_known_case, a_partners_key, a_workplace, ordinary
from tests.support.stages_referral import REFERRAL, a_case
from tests.support.visibility_walk import DOCS, concerns
from tests.support.world import (
    ADMINISTRATOR,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    Answer,
    World,
    a_world,
    refused,
)

WORK = {"compare_digest", "hmac_new", "hmac_digest", "decrypt", "encrypt"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("guess"), services=["referral", "matching", "partners"]) as made:
        yield made


def work(world: World, service: str, call: Callable[[], Answer]) -> tuple[Answer, Counter[str]]:
    """The answer, and what it took: statements by their text, hashes and comparisons by their number."""
    done: Counter[str] = Counter()

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INTO rate " not in statement and "BEGIN" not in statement:  # a key's uses are taken out of its limit ten at a time, whatever they are for
            done[re.sub(r"\s+", " ", statement)[:160]] += 1

    def entered(_frame: Any, kind: str, function: Any) -> None:
        if kind == "c_call" and function.__name__ in WORK:
            done[function.__name__] += 1

    engine = world.runtimes[service].engine
    event.listen(engine, "before_cursor_execute", executed)
    before = sys.getprofile()
    sys.setprofile(entered)
    try:
        answer = call()
    finally:
        sys.setprofile(before)
        event.remove(engine, "before_cursor_execute", executed)
    return answer, done


def plain(answer: Answer) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without what differs from request to request."""
    headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-Id", "Date")}
    return answer.status, {k: v for k, v in (answer.json or {}).items() if k != "instance"}, headers


def same(world: World, service: str, one: Callable[[], Answer], other: Callable[[], Answer], status: int) -> None:
    one(), other()  # both once before, so that no cache makes the difference
    (first, first_work), (second, second_work) = work(world, service, one), work(world, service, other)
    assert first.status == status and plain(first) == plain(second), (first.text, second.text)
    assert first_work == second_work, (first_work - second_work, second_work - first_work)
    assert "ETag" not in first.headers and "Location" not in first.headers


# Ids

def test_an_id_cannot_be_guessed_from_its_neighbours() -> None:
    ids = [new_id() for _ in range(4000)]
    assert all(one.version == 7 for one in ids)
    tails = [one.int & (1 << 62) - 1 for one in ids]
    assert len(set(tails)) == len(tails)
    steps = [b - a for a, b in pairwise(tails)]
    assert sum(abs(step) < 1 << 40 for step in steps) == 0, "62 random bits do not stand near one another"
    for bit in range(62):
        ones = sum(tail >> bit & 1 for tail in tails)
        assert 1700 < ones < 2300, f"bit {bit} is not drawn evenly"


def test_no_answer_holds_a_running_number_and_a_location_ends_in_a_uuid(world: World) -> None:
    counted = {"version", "profile_version", "agreement_version", "number", "total", "value", "free", "headcount", "weekly_hours", "days_ahead", "experience_years",
               "months_away", "expires_in", "status", "rows", "undecided", "overdue", "today", "this_week", "later"}
    for path in sorted(DOCS.glob("*.openapi.json")):
        for name, schema in json.loads(path.read_text(encoding="utf-8"))["components"]["schemas"].items():
            if name.endswith(("Out", "1")) or name in ("Report", "Row", "AccessReport", "Entry", "Transition"):
                whole = {field for field, kind in schema["properties"].items() if "integer" in str(kind.get("type"))}
                assert whole <= counted, f"{path.name}: {name}: {whole - counted} may be a running number"
    made = world.referral(CASEWORKER).post("/cases", {"given_name": "A", "family_name": "B", "track": "adult"})
    assert UUID(made.headers["Location"].rsplit("/", 1)[1]) == UUID(made.id) and made.headers["ETag"] == '"1"'


# What is hidden sounds like what is not there, and takes as much work

def test_a_partner_cannot_tell_anothers_request_from_none(world: World) -> None:
    case, mine, theirs = stages_partners.a_known_case(world), stages_partners.a_partner(world, "union", "Vi"), stages_partners.a_partner(world, "union", "De")
    made = stages_partners.a_draft(world, case, theirs, "opinion")
    assert world.partners(CASEWORKER).post(f"/requests/{made.id}/request", {}).status == 200
    me = world.partners(stages_partners.a_key(world, mine))
    same(world, "partners", lambda: me.get(f"/my/requests/{made.id}"), lambda: me.get(f"/my/requests/{uuid4()}"), 404)
    for etag in ('"1"', '"99"', None):
        same(world, "partners", lambda etag=etag: me.post(f"/requests/{made.id}/acknowledge", {}, etag=etag),
             lambda etag=etag: me.post(f"/requests/{uuid4()}/acknowledge", {}, etag=etag), 404)
    draft = stages_partners.a_draft(world, case, mine, "opinion").id
    assert plain(me.get(f"/my/requests/{draft}")) == plain(me.get(f"/my/requests/{uuid4()}")), "its own draft it does not know of either"
    blind = world.partners(stages_partners.a_key(world, theirs, scopes=["capacity"]))
    assert plain(refused(blind.get(f"/my/requests/{made.id}"), 403)) == plain(refused(blind.get(f"/my/requests/{draft}"), 403)), "a key without the scope"


def test_another_authority_cannot_tell_anothers_agreement_from_none(world: World) -> None:
    made = world.matching(CONSULTANT).post("/agreements", {"case_id": a_known_case(world), "workplace_id": a_workplace(world), **ordinary()})
    concerns(world, made.id, str(uuid4()))
    stranger = world.matching(a_partners_key(world, str(uuid4())))
    same(world, "matching", lambda: stranger.get(f"/agreements/{made.id}"), lambda: stranger.get(f"/agreements/{uuid4()}"), 404)
    grant = {"decided_on": "2026-11-23", "basis": "LAB"}
    same(world, "matching", lambda: stranger.post(f"/agreements/{made.id}/grant", grant, etag='"1"'), lambda: stranger.post(f"/agreements/{uuid4()}/grant", grant, etag='"1"'), 404)


def test_a_role_that_may_not_read_a_thing_is_refused_before_anybody_looks_for_it(world: World) -> None:
    case = a_case(world)
    for who, path in ((COORDINATOR, "/cases/{}"), (ADMINISTRATOR, "/cases/{}"), (COORDINATOR, "/referrals/{}"), (ADMINISTRATOR, "/intakes/{}")):
        there = case if "cases" in path else REFERRAL.reach(world, "sent")
        client = world.referral(who)
        same(world, "referral", lambda c=client, p=path, t=there: c.get(p.format(t)), lambda c=client, p=path: c.get(p.format(uuid4())), 403)


def test_a_consultant_cannot_tell_a_draft_of_another_unit_from_none(world: World) -> None:
    draft, me = REFERRAL.reach(world, "draft"), world.referral(CONSULTANT)
    same(world, "referral", lambda: me.get(f"/referrals/{draft}"), lambda: me.get(f"/referrals/{uuid4()}"), 404)
    same(world, "referral", lambda: me.post(f"/referrals/{draft}/claim", {}, etag='"1"'), lambda: me.post(f"/referrals/{uuid4()}/claim", {}, etag='"1"'), 404)


# Signing in

def test_an_unknown_name_and_a_wrong_password_sound_alike_and_take_the_same_work(world: World) -> None:
    nobody = world.referral("")
    same(world, "referral", lambda: nobody.post("/sign-in", {"username": "karen", "password": "mehmet"}),
         lambda: nobody.post("/sign-in", {"username": "nobody", "password": "mehmet"}), 401)
    _, done = work(world, "referral", lambda: nobody.post("/sign-in", {"username": "nobody", "password": "x"}))
    assert done["compare_digest"] >= 1, "the comparison is made for nobody too"


def test_an_unknown_a_wrong_and_a_revoked_key_sound_alike_and_take_the_same_work(world: World) -> None:
    partner = stages_partners.a_partner(world, "union", "Nøgler")
    key = stages_partners.a_key(world, partner)
    wrong, unknown = key[:-1] + ("A" if key[-1] != "A" else "B"), f"jt_{'0' * 12}_{key.rsplit('_', 1)[1]}"
    same(world, "partners", lambda: world.partners(wrong).get("/my/card"), lambda: world.partners(unknown).get("/my/card"), 401)
    made = world.partners(COORDINATOR).post(f"/partners/{partner}/keys", {})
    assert world.partners(COORDINATOR).post(f"/keys/{made.json['key_id']}/revoke", {}).status == 200
    same(world, "partners", lambda: world.partners(made.json["key"]).get("/my/card"), lambda: world.partners(unknown).get("/my/card"), 401)
    _, done = work(world, "partners", lambda: world.partners(unknown).get("/my/card"))
    assert done["compare_digest"] >= 1


# Other methods, and other people's keys

def test_options_and_head_tell_no_more_than_get(world: World) -> None:
    case, draft = a_case(world), REFERRAL.reach(world, "draft")
    for path, who in ((f"/cases/{case}", CASEWORKER), (f"/cases/{uuid4()}", CASEWORKER), (f"/cases/{case}", COORDINATOR), (f"/referrals/{draft}", CONSULTANT), (f"/cases/{case}", "")):
        client = world.referral(who)
        headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
        got, head = (client.http.open(f"/v1{path}", method=method, headers=headers) for method in ("GET", "HEAD"))
        assert (head.status_code, head.get_data()) == (got.status_code, b"")
        assert head.headers.get("ETag") == got.headers.get("ETag") and (got.status_code == 200 or "ETag" not in got.headers)
    answers = [world.referral("").http.open(f"/v1/cases/{one}", method="OPTIONS") for one in (case, uuid4())]
    assert {a.status_code for a in answers} == {405}
    assert answers[0].headers["Allow"] == answers[1].headers["Allow"] and "Access-Control-Allow-Origin" not in answers[0].headers


def test_an_idempotency_key_of_somebody_else_gives_nothing_of_hers(world: World) -> None:
    body, key = {"given_name": "Nøgle", "family_name": "Person", "track": "adult"}, str(uuid4())
    hers = world.referral(CASEWORKER).post("/cases", body, key=key)
    mine = world.referral(CONSULTANT).post("/cases", body, key=key)
    assert hers.status == mine.status == 201 and hers.id != mine.id and "Idempotent-Replay" not in mine.headers
    refused(world.referral(COORDINATOR).post("/cases", body, key=key), 403)

# SPDX-License-Identifier: MPL-2.0
"""The visibility matrix (tests/support/visibility.py), role by state by field by surface, walked over HTTP to the last cell:
every read of every service as everybody, every lifecycle's every state, and each answer on the way, errors too."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from jobtrappen import contracts, tables
from jobtrappen.auth import key_actor
from jobtrappen.config import SERVICES
from jobtrappen.contracts.__main__ import HERE
from jobtrappen.db import writing
from jobtrappen.rights import ALL
from jobtrappen.tx import Actor
from tests.support import lifecycle_tables as lifecycles
from tests.support import stages_followup, stages_matching, stages_partners
from tests.support import visibility as typed
from tests.support.openapi import seeds
from tests.support.stages import Stage
from tests.support.stages_referral import a_case
from tests.support.visibility_walk import (
    DOCS,
    PERSONAS,
    STAFF,
    Watch,
    components,
    concerns,
    documented,
    paths,
    role_of,
    tokens,
)
from tests.support.world import (
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    Answer,
    World,
    a_world,
    names_field,
    refused,
)

PLUGINS = "referral,matching,followup,partners,origin_statistic"
CITIZEN = {"language_school": True, "given_name": "Zebrafina", "family_name": "Hemmelighus", "cpr": "110380-1234", "phone": "99887766", "email": "kanari@fugl.example",
           "address": "Kanariegade 41"}
PROTECTED = {"language_school": True, "given_name": "Ugleline", "family_name": "Skjulested", "phone": "88776655", "email": "ugle@fugl.example", "address": "Uglevej 77", "protected": True}
CASES, JCS = ("caseworker", "consultant", "team_lead"), ("consultant", "team_lead")
COPY = {"referral": {"person": (typed.SM, typed.SF, typed.SP)}}


def secrets(service: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """What was planted, and who may read it where; a CPR number nobody, anywhere."""
    name = {"referral": {"case": CASES, "person": (typed.SM, typed.SF, typed.SP)}, "matching": {"candidate": JCS, "work": JCS},
            "followup": {"course": CASES, "placement": CASES, "duty": JCS}, "partners": {}}[service]
    first = {"partners": {"partner_request": (*CASES, "coordinator", "partner"), "notice": (*CASES, "coordinator", "partner"),
                          "case": (*CASES, "coordinator"), "work": (*CASES, "coordinator", "partner")}}.get(service, name)
    phone = {"referral": {"case": CASES, "person": (typed.SM, typed.SF)}, "matching": {"candidate": JCS}, "followup": {"course": JCS, "course:list_courses": ()}}.get(service, {})
    home = {"referral": {"case": CASES}}.get(service, {})
    alone = {"referral": {"case": CASES, "case:list_cases": (), "person": (typed.SM, typed.SF, typed.SP)}}.get(service, {})
    return {"1103801234": {}, "110380-1234": {}, "Zebrafina": first, "Hemmelighus": name, "99887766": phone, "kanari@fugl.example": home, "Kanariegade": home,
            "Ugleline": alone, "Skjulested": alone, "88776655": {**alone, "person": (typed.SM, typed.SF)} if alone else {},
            "ugle@fugl.example": {**alone, "person": ()} if alone else {}, "Uglevej": {**alone, "person": ()} if alone else {}}


class Walk:
    """One service in a world in which it holds things of every kind, two planted citizens among them."""

    def __init__(self, world: World, service: str) -> None:
        self.world, self.service = world, service
        self.watch = Watch(service, secrets(service))
        self.watch.on(world.apps[service])
        seeds.SEEDS[service](world)
        self.stages: list[Stage] = seeds.STAGES[service]
        for stage in self.stages:
            stage.reach(world, "held" if stage.name == "intake" else states(stage)[-1])
        self.plain, self.hidden = (getattr(self, f"plant_{service}")(citizen) for citizen in (CITIZEN, PROTECTED))
        self.own_key = seeds.PARTNERS[service](world) if service in seeds.PARTNERS else ""
        self.tokens = tokens(world, service, self.own_key)
        self._paths: dict[str, dict[str, tuple[str, dict[str, str]]]] = {}

    def paths(self, persona: str) -> dict[str, tuple[str, dict[str, str]]]:
        """Every read with the ids of things that this persona may know of, put together once."""
        if persona not in self._paths:
            self._paths[persona] = paths(self.world, self.service, self.stages, self.actor(persona))
        return self._paths[persona]

    def plant_referral(self, citizen: dict[str, Any]) -> str:
        return a_case(self.world, **citizen)

    def plant_matching(self, citizen: dict[str, Any]) -> str:
        case = stages_matching.a_known_case(self.world, **citizen)
        stages_matching.a_match(self.world, case, stages_matching.an_opening(self.world))
        return case

    def plant_followup(self, citizen: dict[str, Any]) -> str:
        case = stages_followup.a_course(self.world, **citizen)
        stages_followup.Matching(self.world).placement(case)
        assert self.world.followup(CONSULTANT).post("/duties", {"case_id": case, "kind": "next_action", "due_on": "2026-12-01"}).status == 201
        return case

    def plant_partners(self, citizen: dict[str, Any]) -> str:
        case = stages_partners.a_known_case(self.world, **citizen)
        school = key_actor(self.world.runtimes["partners"].engine, self.world.runtimes["partners"].signer, self.stages[0].partner_keys["own"]).partner_id
        made = stages_partners.a_draft(self.world, case, school)
        assert self.world.partners(CASEWORKER).post(f"/requests/{made.id}/request", {}).status == 200
        talk = {"case_id": case, "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Lokalcenter", "form": "office", "participants": [{"kind": "teacher"}]}
        assert self.world.referral(CASEWORKER).post("/intakes", talk).status == 201
        self.world.settle()
        for notice in self.world.partners(COORDINATOR).get("/notices", unassigned="true", limit="200").json["items"]:
            assert self.world.partners(COORDINATOR).post(f"/notices/{notice['id']}/assign", {"partner_id": school}).status == 200
        return case

    def get(self, persona: str, path: str, **query: Any) -> Answer:
        """As who has a purpose for cases of others; without one see the tests of purposes below."""
        return self.world.client(self.service, self.tokens[persona], "supervision").get(path, **query)

    def actor(self, persona: str) -> Actor:
        runtime, token = self.world.runtimes[self.service], self.tokens[persona]
        return key_actor(runtime.engine, runtime.signer, token) if token.startswith("jt_") else runtime.signer.read(token)


@pytest.fixture(scope="module", params=SERVICES)
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBTRAPPEN_PLUGINS", PLUGINS)
        with a_world(tmp_path_factory.mktemp(request.param), services=seeds.SERVICES[request.param]) as world:
            yield Walk(world, request.param)


# The matrix is whole

@pytest.mark.parametrize("service", SERVICES)
def test_every_field_of_every_answer_in_the_published_documents_stands_in_the_matrix(service: str) -> None:
    found = documented(service)
    assert set(found) == set(typed.COMPONENTS[service])
    for component, resources in typed.COMPONENTS[service].items():
        for resource in resources:
            undecided = found[component] - typed.fields_of(service, resource)
            assert not undecided, f"{resource}: nobody has decided who sees {', '.join(sorted(undecided))}"
    assert set(typed.READS[service]) <= set(components(service))
    for resource, roles in typed.SEES[service].items():
        for role, words in roles.items():
            assert words == typed.ALL or set(words.split()) <= typed.fields_of(service, resource), (resource, role)


@pytest.mark.parametrize("service", SERVICES)
def test_every_read_in_the_published_documents_stands_in_the_matrix(service: str) -> None:
    document = json.loads((DOCS / f"{service}.openapi.json").read_text(encoding="utf-8"))
    gets = {op["operationId"]: set(op["x-roles"]) for path in document["paths"].values() for method, op in path.items() if method == "get"}
    assert set(gets) == set(typed.READS[service])


# API and lists: every read as everybody

def test_every_read_as_everybody_answers_by_the_matrix_and_shows_no_more(walk: Walk) -> None:
    operations = typed.READS[walk.service]
    staff = walk.paths("team lead")
    own = walk.paths("partner") if walk.own_key else staff
    wrong, asked = [], 0
    for operation in operations:
        for persona in PERSONAS:
            path, query = (own if persona == "partner" else staff)[operation]
            answer = walk.get(persona, path, **query)
            asked += 1
            stranger = persona == "partner of another organisation" or (persona == "partner" and not walk.own_key)
            many = answer.json is not None and "items" in answer.json
            if persona == "nobody":
                right = answer.status == 401
            elif not typed.may_ask(walk.service, operation, role_of(persona)):
                right = answer.status == 403
            elif stranger:
                right = (answer.status == 200 and answer.json["total"] == 0 and not answer.json["items"]) if many else answer.status == 404
            else:
                right = answer.status == 200
            if not right:
                wrong.append(f"{operation} as {persona}: {answer.status} {answer.text[:200]}")
    assert asked == len(operations) * len(PERSONAS)
    assert not wrong, "\n".join(wrong)
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


def test_what_the_matrix_grants_is_really_shown(walk: Walk) -> None:
    """A cell that nothing ever fills would prove nothing; whole lists are read once more, so that every kind of row is seen."""
    for operation, resource in typed.READS[walk.service].items():
        for persona in PERSONAS:
            if persona != "nobody" and typed.may_ask(walk.service, operation, role_of(persona)):
                path, query = walk.paths(persona if persona == "partner" and walk.own_key else "team lead")[operation]
                answer = walk.get(persona, path, **query, **({"limit": "200"} if operation.startswith("list_") and resource not in ("history", "timeline", "list_row", "contact", "case_thing") else {}))
                assert answer.status in (200, 404)
    for resource, roles in typed.SEES[walk.service].items():
        if resource not in typed.READS[walk.service].values():
            continue  # what a command alone answers with
        component = next(c for c, resources in typed.COMPONENTS[walk.service].items() if resource in resources)
        for role in roles:
            if role == "partner" and not walk.own_key:
                continue
            missing = (typed.seen(walk.service, resource, role) & documented(walk.service)[component]) - walk.watch.shown[role, resource] - ABSENT.get(resource, set())
            assert not missing, f"{role} should see {resource}.{', '.join(sorted(missing))}"
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


ABSENT = {"assessment": {"allowed_actions"}, "partner": {"case_id", "allowed_actions"}, "card": {"case_id", "allowed_actions"}, "opening": {"case_id", "allowed_actions"}}
"""Words of the common frame that these have no value for."""


TOO_MUCH = {"referral": ("read_referral", "administrator"), "matching": ("read_candidate", "caseworker"), "followup": ("read_placement", "caseworker"),
            "partners": ("read_partner", "administrator")}


def test_a_service_whose_table_shows_too_much_is_found(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    operation, role = TOO_MUCH[walk.service]
    resource = typed.READS[walk.service][operation]
    path, query = walk.paths("team lead")[operation]
    walk.get(role, path, **query)
    assert not walk.watch.faults
    monkeypatch.setitem(walk.world.runtimes[walk.service].service.rights.table[resource], role, ALL)  # type: ignore[arg-type]
    walk.get(role, path, **query)
    assert walk.watch.faults and f"shows {resource}." in walk.watch.faults[0]
    walk.watch.faults.clear()


# States

def test_in_every_state_of_every_lifecycle_everybody_sees_what_the_matrix_says(walk: Walk) -> None:
    checked = 0
    for stage in walk.stages:
        partner = str(walk.actor("partner").partner_id)
        for state in states(stage):
            id = stage.reach(walk.world, state)
            if stage.name == "agreement" and walk.own_key:
                concerns(walk.world, id, partner)
            own = stage.partner_keys.get("own") or walk.tokens["partner"]
            for persona in PERSONAS:
                single = f"/my{stage.path}/{id}" if stage.service == "partners" and role_of(persona) == "partner" else f"{stage.path}/{id}"
                token = own if persona == "partner" else walk.tokens[persona]
                answer = walk.world.client(walk.service, token, "supervision").get(single)
                assert answer.status == expected(walk, stage, state, persona), (stage.name, state, persona, answer.status, answer.text[:300])
                checked += 1
    assert checked >= 50 * len(walk.stages)
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


def states(stage: Stage) -> list[str]:
    """Every state of its typed table that can be reached, the first one first."""
    found = [row.to for row in stage.table if row.to not in (lifecycles.SAME, lifecycles.BEFORE)]
    first = next((row.to for row in stage.table if not row.frm), "")
    return list(dict.fromkeys([*([first] if first else ["draft"]), *found]))


def expected(walk: Walk, stage: Stage, state: str, persona: str) -> int:
    """The status that a read of a thing in a state answers with."""
    role = role_of(persona)
    if persona == "nobody":
        return 401
    if not typed.seen(walk.service, stage.name, role):
        return 403
    if persona in typed.HIDDEN_IN.get((walk.service, stage.name, state), ()):
        return 404
    return 404 if persona == "partner of another organisation" else 200


def test_a_draft_is_in_no_list_total_history_or_search_of_those_who_may_not_know_of_it(walk: Walk) -> None:
    if walk.service != "referral":
        return assert_partners_have_no_drafts(walk)
    draft = next(stage for stage in walk.stages if stage.name == "referral").reach(walk.world, "draft")
    for persona in STAFF:
        if not typed.may_ask("referral", "list_referrals", role_of(persona)):
            continue
        found = walk.get(persona, "/referrals", status="draft", limit="200").json
        hidden = persona in typed.HIDDEN_IN["referral", "referral", "draft"]
        assert (draft in [r["id"] for r in found["items"]]) == (not hidden), persona
        assert found["total"] == len(found["items"])
        case = next(r["case_id"] for r in walk.get("caseworker", "/referrals", status="draft", limit="200").json["items"] if r["id"] == draft)
        steps = [(h["lifecycle"], h["to_state"]) for h in walk.get(persona, f"/cases/{case}/history").json["items"]]
        assert (("referral", "draft") in steps) == (not hidden), persona
        for action in ("send", "claim", "accept") if hidden else ():
            answer = walk.world.client("referral", walk.tokens[persona]).post(f"/referrals/{draft}/{action}", walk.stages[0].bodies[action](walk.world))
            assert answer.status in (403, 404) and "draft" not in answer.text, answer.text
    return None


def assert_partners_have_no_drafts(walk: Walk) -> None:
    if walk.service == "partners":
        for stage in walk.stages:
            draft = stage.reach(walk.world, "draft")
            found = walk.world.client("partners", stage.partner_keys["own"]).get("/my/requests", limit="200").json
            assert draft not in [r["id"] for r in found["items"]] and found["total"] == len(found["items"])


# Purposes

SINGLE = ("/cases/{case}", "/cases/{case}/history", "/referrals/{referral}")


def test_a_case_of_another_unit_is_read_for_a_purpose_that_is_typed_and_kept(walk: Walk) -> None:
    if walk.service != "referral":
        return
    world, reach = walk.world, next(stage for stage in walk.stages if stage.name == "referral").reach
    referral = reach(world, "sent")
    case = walk.get("caseworker", f"/referrals/{referral}").json["case_id"]
    mine, others = ("caseworker", "consultant", "team lead"), ("caseworker of another unit", "consultant of another unit")
    for path in (one.format(case=case, referral=referral) for one in SINGLE):
        for persona in mine:
            assert world.client("referral", walk.tokens[persona]).get(path).status == 200, "its sender's and its receiver's own need none"
        for persona in others:
            bare = refused(world.client("referral", walk.tokens[persona]).get(path), 428, header="X-Purpose")
            assert "substitution" in bare.json["detail"] and "ETag" not in bare.headers
            refused(world.client("referral", walk.tokens[persona], "curiosity").get(path), 428, header="X-Purpose")
            assert world.client("referral", walk.tokens[persona], "complaint").get(path).status == 200
    told = [(e["unit"], e["purpose"], e["why"]) for e in walk.get("caseworker", f"/cases/{case}/access-report").json["entries"]]
    assert told.count(("andet_lokalcenter", "complaint", "behandling af en klage")) == len(SINGLE)
    assert ("jobkonsulenterne", "case_work", "arbejde med sagen") in told
    assert not [e for e in told if e[0] in ("andet_team", "andet_lokalcenter") and e[1] != "complaint"], "a refused read showed nothing, so it is not in her report"


def test_a_list_and_a_search_by_number_name_nobody_of_another_unit(walk: Walk) -> None:
    if walk.service != "referral":
        return
    world, case = walk.world, walk.plain
    assert {c["id"]: c for c in pages(walk, "caseworker", "/cases")}[case]["person"]["family_name"] == "Hemmelighus"
    for persona in ("caseworker of another unit", "consultant", "consultant of another unit"):
        found = {c["id"]: c for c in pages(walk, persona, "/cases")}[case]
        assert (found["person"], found["circumstances"]) == ({}, [])
    found = world.client("referral", walk.tokens["caseworker of another unit"]).post("/cases/find", {"cpr": CITIZEN["cpr"]}).json
    assert (found["id"], found["person"]) == (case, {})
    assert world.referral(CASEWORKER).post("/cases/find", {"cpr": CITIZEN["cpr"]}).json["person"]["given_name"] == "Zebrafina"


# Search

def test_nobody_searches_by_a_field_that_she_does_not_see(walk: Walk) -> None:
    """Every query parameter that is a field: who sees the field may filter by it, who does not gets a 422 that names it."""
    tried = 0
    for operation, resource in typed.READS[walk.service].items():
        parameters = searched(walk.service, operation) & typed.fields_of(walk.service, resource)
        for persona in PERSONAS:
            role = role_of(persona)
            if persona == "nobody" or not typed.may_ask(walk.service, operation, role):
                continue
            path, query = walk.paths("team lead")[operation]
            for name in parameters:
                answer = walk.get(persona, path, **{**query, name: VALUES.get(name, str(UUID(int=7)))})
                if name in typed.seen(walk.service, resource, role):
                    assert answer.status in (200, 404), (operation, persona, name, answer.text)
                else:
                    names_field(refused(answer, 422), name)
                tried += 1
    assert tried or walk.service == "referral"
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


VALUES = {"status": "open", "cvr": "99000004", "p_number": "0000000001", "responsible": "mehmet", "source": "outreach", "measure": "internship", "step": "internship",
          "kind": "next_action", "why": "send_request"}


def searched(service: str, operation: str) -> set[str]:
    document = json.loads((DOCS / f"{service}.openapi.json").read_text(encoding="utf-8"))
    found = next(op for path in document["paths"].values() for op in path.values() if op["operationId"] == operation)
    return {p["name"] for p in found.get("parameters", []) if p["in"] == "query"} - {"after", "limit", "case_id", "as_of"}


# Reports and exports

def test_reports_hold_counts_alone_in_every_form_and_only_for_who_may_read_them(walk: Walk) -> None:
    names = {"followup": ("table-1", "table-2", "table-5", "target-board"), "referral": ("table-3", "table-4", "table-6")}.get(walk.service, ())
    for name in names:
        for form in ("json", "csv", "text"):
            for persona in PERSONAS:
                answer = walk.get(persona, f"/reports/{name}", as_of="2026-11-23", format=form)
                allowed = bool(typed.seen(walk.service, "report", role_of(persona)))
                assert answer.status == (200 if allowed else 401 if persona == "nobody" else 403), (name, form, persona)
                assert walk.plain not in answer.text and walk.hidden not in answer.text
                if allowed and form == "json":
                    assert all(set(row) in ({"key", "label", "value"}, {"key", "label", "value", "suppressed"}) for row in answer.json["rows"])
                    assert all((row["value"] is None) == row.get("suppressed", False) and isinstance(row["value"], int | None) for row in answer.json["rows"])
                    if role_of(persona) not in ("caseworker", "consultant", "team_lead"):
                        assert not any(row["value"] in (1, 2, 3, 4) for row in answer.json["rows"]) and answer.json["total"] not in (1, 2, 3, 4)
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


# A protected name, also when the protection comes in the middle

def test_a_protected_name_is_on_no_list_and_nowhere_outside_referral(walk: Walk) -> None:
    """The watcher knows the planted names; here every place in which they could stand is read as everybody who may."""
    for persona in PERSONAS:
        for path in {"referral": ("/cases?limit=200",), "matching": (f"/cases/{walk.hidden}",), "followup": (f"/courses/{walk.hidden}", f"/placements?case_id={walk.hidden}",
                     f"/duties?case_id={walk.hidden}", "/courses?limit=200"), "partners": (f"/requests?case_id={walk.hidden}", "/notices")}[walk.service]:
            place, _, query = path.partition("?")
            walk.get(persona, place, **dict(pair.split("=") for pair in query.split("&") if pair))
    if walk.service == "referral":
        listed = {c["id"]: c for c in pages(walk, "caseworker", "/cases")}
        assert listed[walk.hidden]["person"] == {"given_name": "beskyttet"} and listed[walk.plain]["person"]["family_name"] == "Hemmelighus"
        assert walk.get("caseworker", f"/cases/{walk.hidden}").json["person"]["family_name"] == "Skjulested", "the authority itself must reach her"
    if walk.service == "partners":
        mine = walk.world.client("partners", walk.stages[0].partner_keys["own"]).get("/my/requests", limit="200").json["items"]
        assert "beskyttet" in [r.get("person") for r in mine] and "Zebrafina H." in [r.get("person") for r in mine]
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


def pages(walk: Walk, persona: str, path: str) -> list[dict[str, Any]]:
    found, after = [], {}
    while True:
        page = walk.get(persona, path, limit="200", **after).json
        found += page["items"]
        if not page["next"]:
            return found
        after = {"after": page["next"]}


def test_protection_in_the_middle_of_a_case_hides_her_before_the_new_copy_has_come(walk: Walk) -> None:
    if walk.service == "referral":
        return
    shows = {"matching": lambda: str(walk.get("consultant", f"/cases/{walk.plain}").json["profile"]), "followup": lambda: str(walk.get("consultant", f"/courses/{walk.plain}").json["name"]),
             "partners": lambda: str(walk.get("coordinator", "/requests", case_id=walk.plain).json["items"][0]["person"])}[walk.service]
    assert "Zebrafina" in shows()
    version = tables.person_copy.c
    with writing(walk.world.runtimes[walk.service].engine) as session:  # the event has come, the copy has not
        session.execute(update(tables.person_copy).where(version.case_id == UUID(walk.plain)).values(wanted=version.wanted + 1))
    assert "Zebrafina" not in shows()
    assert walk.world.referral(CASEWORKER).post(f"/cases/{walk.plain}/person", {"protected": True}).status == 200
    for _ in range(60):
        walk.world.publish(["referral"])
        walk.world.consume([walk.service])
        if not sum(fetcher.once() for fetcher in walk.world.fetchers):
            break
    assert "Zebrafina" not in shows()
    for persona in PERSONAS:
        for operation, (path, query) in walk.paths("team lead").items():
            assert "zebrafina" not in walk.get(persona, path, **query).text.lower(), (operation, persona)


# The list that a citizen came with

def test_a_candidate_lists_rows_mask_the_number_and_forget_who_is_protected(walk: Walk) -> None:
    if walk.service != "referral":
        return
    caseworker = walk.world.referral(CASEWORKER)
    made = caseworker.post("/referral-lists", raw=b"given_name;family_name;cpr\nLista;Raekke;120380-1234\n", content_type="text/csv")
    row = caseworker.get(f"/referral-lists/{made.id}/rows").json["items"][0]
    assert row["row"]["cpr"] == "120380-xxxx" and "1234" not in str(row)
    case = caseworker.post(f"/list-rows/{row['id']}/screen", {"decision": "refer"}).json["case_id"]
    assert caseworker.post(f"/cases/{case}/person", {"protected": True}).status == 200
    for who in (CASEWORKER, CONSULTANT, TEAM_LEAD):
        text = walk.world.referral(who).get(f"/referral-lists/{made.id}/rows").text
        assert "beskyttet" in text and "Raekke" not in text and "120380" not in text


# Errors

def test_a_number_that_has_a_case_is_told_to_a_caseworker_alone(walk: Walk) -> None:
    if walk.service != "referral":
        return
    body = {"given_name": "En", "family_name": "Anden", "track": "adult", "cpr": CITIZEN["cpr"]}
    assert refused(walk.world.referral(CASEWORKER).post("/cases", body), 409).json["case_id"] == walk.plain
    for who in (CONSULTANT, TEAM_LEAD):
        answer = refused(walk.world.referral(who).post("/cases", body), 409)
        assert "case_id" not in answer.json and walk.plain not in answer.text
        refused(walk.world.referral(who).post("/cases/find", {"cpr": CITIZEN["cpr"]}), 403)
    refused(walk.world.referral(COORDINATOR).post("/cases", body), 403)


def test_a_refusal_tells_what_may_be_done_only_to_who_may_read_the_thing(walk: Walk) -> None:
    """Every action of every lifecycle as everybody: one who may not read it learns neither its state nor that it is there."""
    for stage in walk.stages:
        id = stage.reach(walk.world, states(stage)[0])
        for action in stage.bodies:
            for persona in PERSONAS:
                if typed.seen(walk.service, stage.name, role_of(persona)):
                    continue
                there, nowhere = (walk.world.client(walk.service, walk.tokens[persona]).post(f"{stage.path}/{one}/{action}", {}, etag='"1"')
                                  for one in (id, UUID(int=12345)))
                said = [{k: v for k, v in a.json.items() if k != "instance"} for a in (there, nowhere)]
                assert there.status == nowhere.status and said[0] == said[1], (stage.name, action, persona, said)
    assert not walk.watch.faults, "\n".join(walk.watch.faults[:20])


# Headers

PROTECTING = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
              "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


def test_every_answer_carries_the_headers_that_protect_it(walk: Walk) -> None:
    for persona in PERSONAS:
        for path, query in [*walk.paths("team lead").values(), ("/nowhere", {})]:
            headers = walk.get(persona, path, **query).headers
            assert {name: headers.get(name) for name in PROTECTING} == PROTECTING, (persona, path)
            assert not {name for name, _value in headers.items() if name.lower() in ("server", "set-cookie", "x-powered-by", "access-control-allow-origin")}


FILES = {"application/json": "api.json", "application/problem+json": "api.json", "text/csv": "api.csv", "text/plain": "api.txt"}


def test_every_answer_of_the_api_is_kept_as_a_file_and_never_shown_as_a_page(walk: Walk) -> None:
    asked = [*walk.paths("team lead").values(), ("/nowhere", {}), ("/openapi.json", {})]
    asked += [(path, {**query, "format": form}) for path, query in asked if path.startswith("/reports/") for form in ("csv", "text")]
    seen = set()
    for path, query in asked:
        headers = walk.get("team lead", path, **query).headers
        kind = headers["Content-Type"].partition(";")[0]
        assert headers.getlist("Content-Disposition") == [f'attachment; filename="{FILES[kind]}"'], path
        seen.add(kind)
    assert seen >= {"application/json", "application/problem+json"}
    assert seen == set(FILES) or not any(path.startswith("/reports/") for path, _query in asked)


# Events

def test_an_integrator_reads_the_listed_fields_of_the_listed_events_and_no_other() -> None:
    assert {name for name, contract in contracts.CATALOGUE.items() if contract.public} == set(typed.PUBLIC)
    for name, words in typed.PUBLIC.items():
        version = contracts.CATALOGUE[name].version
        schema = json.loads((HERE / "schemas" / "public" / f"{name}.v{version}.json").read_text(encoding="utf-8"))
        assert set(schema["properties"]) == set(words.split()), name


def test_no_event_carries_a_field_that_is_not_listed() -> None:
    allowed = set(typed.ON_THE_BUS.split())
    found = {path.name: set(json.loads(path.read_text(encoding="utf-8"))["properties"]) for path in (HERE / "schemas").rglob("*.json")}
    assert len(found) > 80
    assert {name: fields - allowed for name, fields in found.items() if fields - allowed} == {}

# SPDX-License-Identifier: MPL-2.0
"""The partner table, cooperation agreements, keys and capacity, as their users meet them."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
import uuid6
from sqlalchemy import select

from jobtrappen import migrate, tables
from jobtrappen.db import reading
from jobtrappen.event import decode
from tests.support.partner_voices import nobody
from tests.support.stages_partners import a_key, a_partner
from tests.support.world import (
    ADMINISTRATOR,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    TEAM_LEAD,
    World,
    a_world,
    names_field,
    refused,
)

TERMS = {"duties": "Melder fremmøde", "procedures": "Ring først", "contacts": "Forstanderen", "lead_times": [{"procedure": "course_place", "days": 14}],
         "review_on": "2027-06-01"}
CARD = {"purpose": "Flere i job", "area": "Dansk for voksne", "competences": "Kender eleverne", "form": "Formel aftale"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path, services=["referral", "partners"]) as made:
        yield made


def events(world: World, name: str) -> list[dict[str, Any]]:
    with reading(world.runtimes["partners"].engine) as session:
        found = session.scalars(select(tables.outbox.c.payload).order_by(tables.outbox.c.id))
        return [e.data for e in (decode(p.encode()) for p in found) if e.name == name]


def test_the_partner_card_has_exactly_the_five_fields_of_the_report(world: World) -> None:  # F-160
    pia = world.partners(COORDINATOR)
    made = pia.post("/partners", {"name": "Hytten", "kind": "language_school"})
    assert made.status == 201 and made.json["status"] == "active"
    assert events(world, "partner.registered") == [{"partner_id": made.id, "partner_kind": "language_school"}]
    written = pia.post(f"/partners/{made.id}/card", CARD)
    assert written.json["card"] == {"name": "Hytten", **CARD}
    assert pia.get(f"/partners/{made.id}").json["card"] == {"name": "Hytten", **CARD}
    for field in CARD:
        names_field(refused(pia.post(f"/partners/{made.id}/card", {k: v for k, v in CARD.items() if k != field}), 422), field)
    names_field(refused(pia.post(f"/partners/{made.id}/card", {**CARD, "logo": "x"}), 422), "logo")
    assert pia.get(f"/partners/{made.id}").json["version"] == 2


@pytest.mark.parametrize("kind", ["language_school", "a_kasse", "union", "association", "school", "activation_site", "interpreter", "other_authority"])
def test_every_kind_of_the_documents_can_be_registered(world: World, kind: str) -> None:  # F-011, F-015 to F-018
    a_partner(world, kind, f"En {kind}")
    assert [p["kind"] for p in world.partners(COORDINATOR).get("/partners", kind=kind).json["items"]] == [kind]


def test_bad_input_for_the_partner_table_is_named_and_changes_nothing(world: World) -> None:
    pia = world.partners(COORDINATOR)
    names_field(refused(pia.post("/partners", {"name": "X", "kind": "bank"}), 422), "kind")
    names_field(refused(pia.post("/partners", {"kind": "union"}), 422), "name")
    names_field(refused(pia.post("/partners", {"name": "X", "kind": "union", "effective_date": "2026-11-24"}), 422), "effective_date")
    refused(pia.post("/partners", raw=b"{", body=None), 400)
    refused(pia.get(f"/partners/{nobody()}"), 404)
    id = a_partner(world)
    refused(pia.post(f"/partners/{id}/card", CARD, etag=None), 428)
    refused(pia.post(f"/partners/{id}/card", CARD, etag='"7"'), 412, version=1)
    for who in (CASEWORKER, CONSULTANT, TEAM_LEAD, ADMINISTRATOR):
        refused(world.partners(who).post("/partners", {"name": "X", "kind": "union"}), 403)
        refused(world.partners(who).post(f"/partners/{id}/card", CARD), 403)
    assert pia.get("/partners").json["total"] == 1


def test_an_inactive_partner_is_asked_nothing_and_gets_no_key(world: World) -> None:
    pia, id = world.partners(COORDINATOR), a_partner(world)
    assert pia.post(f"/partners/{id}/status", {"status": "inactive"}).json["status"] == "inactive"
    refused(pia.post(f"/partners/{id}/keys", {}), 409)
    assert pia.get("/partners", status="active").json["total"] == 0
    assert pia.post(f"/partners/{id}/status", {"status": "active"}).json["status"] == "active"


def test_a_cooperation_agreement_changes_as_a_next_version_and_the_earlier_one_stays(world: World) -> None:  # F-161, F-124
    pia, id = world.partners(COORDINATOR), a_partner(world)
    made = pia.post("/cooperations", {"partner_id": id, **TERMS})
    assert made.status == 201 and made.json["version"] == 1
    again = refused(pia.post("/cooperations", {"partner_id": id, **TERMS}), 409, allowed=["change"])
    assert again.json["cooperation_id"] == made.id
    changed = pia.post(f"/cooperations/{made.id}/change", {**TERMS, "duties": "Melder også modul", "review_on": "2028-01-01"})
    assert (changed.json["version"], changed.json["review_on"]) == (2, "2028-01-01")
    versions = world.partners(CONSULTANT).get(f"/cooperations/{made.id}/versions").json["items"]
    assert [(v["version"], v["terms"]["duties"]) for v in versions] == [(1, "Melder fremmøde"), (2, "Melder også modul")]
    assert [e["review_on"] for e in events(world, "partner_agreement.changed")] == ["2027-06-01", "2028-01-01"]


def test_bad_terms_are_refused_with_their_field(world: World) -> None:
    pia, id = world.partners(COORDINATOR), a_partner(world)
    for field, value in {"review_on": "2026-11-22", "lead_times": [{"procedure": "course_place", "days": 1}] * 2, "duties": "", "fields": ["cpr"]}.items():
        names_field(refused(pia.post("/cooperations", {"partner_id": id, **TERMS, field: value}), 422), field)
    names_field(refused(pia.post("/cooperations", {"partner_id": id, **TERMS, "lead_times": [{"procedure": "grant", "days": 366}]}), 422), "lead_times")
    refused(pia.post("/cooperations", {"partner_id": nobody(), **TERMS}), 404)
    refused(world.partners(CONSULTANT).post("/cooperations", {"partner_id": id, **TERMS}), 403)
    assert [r["why"] for r in pia.get("/partners/without-cooperation").json["items"]] == ["no_agreement"]


def test_partners_without_an_agreement_or_past_its_review_date_are_reminded_of_for_any_day(tmp_path: Path) -> None:  # F-161
    with a_world(tmp_path, services=["partners"]) as world:
        pia = world.partners(COORDINATOR)
        for name, kind in (("Hytten", "language_school"), ("SID", "union"), ("Lukket", "school")):
            a_partner(world, kind, name, effective_date="2026-01-05")
        ids = {p["name"]: p["id"] for p in pia.get("/partners").json["items"]}
        pia.post("/cooperations", {"partner_id": ids["Hytten"], **TERMS, "review_on": "2026-09-01", "effective_date": "2026-03-02"})
        pia.post(f"/partners/{ids['Lukket']}/status", {"status": "inactive"})

        def reminded(as_of: str) -> dict[str, str]:
            return {r["name"]: r["why"] for r in pia.get("/partners/without-cooperation", as_of=as_of).json["items"]}

        assert reminded("2026-01-04") == {}
        assert reminded("2026-03-01") == {"Hytten": "no_agreement", "SID": "no_agreement"}
        assert reminded("2026-03-02") == {"SID": "no_agreement"}
        assert reminded("2026-09-01") == {"SID": "no_agreement"}
        assert reminded("2026-09-02") == {"SID": "no_agreement", "Hytten": "review_is_due"}
        refused(pia.get("/partners/without-cooperation", as_of="2026-02-30"), 422)
        refused(world.partners(CONSULTANT).get("/partners/without-cooperation"), 403)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(world: World, tmp_path: Path) -> None:
    id = a_partner(world)
    made = world.partners(COORDINATOR).post(f"/partners/{id}/keys", {"label": "Hyttens system", "scopes": ["requests"]}, key="the-first")
    key = made.json["key"]
    assert made.status == 201 and key.startswith("jt_") and world.partners(key).get("/my/card").json["id"] == id
    listed = world.partners(ADMINISTRATOR).get("/keys").json["items"]
    assert [(k["owner"], k["label"], k["scopes"], k["status"]) for k in listed] == [(id, "Hyttens system", ["requests"], "active")]
    assert key not in world.partners(ADMINISTRATOR).get("/keys").text
    with sqlite3.connect(tmp_path / "partners.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert key.split("_", 2)[2].encode() not in (tmp_path / "partners.db").read_bytes()


def test_the_same_command_shows_the_key_again_to_the_same_person_only(world: World) -> None:
    path = f"/partners/{a_partner(world)}/keys"
    first = world.partners(COORDINATOR).post(path, {}, key="k1")
    replay = world.partners(COORDINATOR).post(path, {}, key="k1")
    assert replay.headers["Idempotent-Replay"] == "true" and replay.json["key"] == first.json["key"]
    other = world.partners(ADMINISTRATOR).post(path, {}, key="k1")
    assert other.status == 201 and other.json["key"] != first.json["key"] and "Idempotent-Replay" not in other.headers
    refused(world.partners(CONSULTANT).post(path, {}, key="k1"), 403)


def test_a_wrong_a_revoked_and_an_expired_key_sound_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid6, "_last_v7_timestamp", None)  # ids never go back in time: without this, those of later tests would be of 2099
    id = a_partner(world)
    expiring, revoked = a_key(world, id, expires_on=datetime.now(UTC).date().isoformat()), a_key(world, id, label="to revoke")
    pia = world.partners(COORDINATOR)
    row = next(k for k in pia.get("/keys").json["items"] if k["label"] == "to revoke")
    assert pia.post(f"/keys/{row['id']}/revoke").json["status"] == "revoked"
    refused(pia.post(f"/keys/{row['id']}/revoke"), 409)
    assert world.partners(expiring).get("/my/card").status == 200
    wrong = expiring[:-1] + ("a" if expiring[-1] != "a" else "b")
    with time_machine.travel(datetime(2099, 1, 1, tzinfo=UTC), tick=True):
        late = world.partners(expiring).get("/my/requests")
    answers = [late, *(world.partners(k).get("/my/requests") for k in (revoked, wrong, "jt_000000000000_unknown", "jt_"))]
    said = [{k: v for k, v in refused(a, 401).json.items() if k != "instance"} for a in answers]
    assert all(one == said[0] for one in said)
    names_field(refused(pia.post(f"/partners/{id}/keys", {"expires_on": "2020-01-01"}), 422), "expires_on")
    names_field(refused(pia.post(f"/partners/{id}/keys", {"scopes": ["everything"]}), 422), "scopes")


def test_integrators_keys_are_the_administrators_alone(world: World) -> None:
    admin, pia = world.partners(ADMINISTRATOR), world.partners(COORDINATOR)
    made = admin.post("/integrators/keys", {"name": "avisen", "scopes": ["feed"]})
    assert made.status == 201 and made.json["kind"] == "integrator"
    refused(pia.post("/integrators/keys", {"name": "avisen"}), 403)
    row = admin.get("/keys").json["items"][0]
    assert pia.get("/keys").json["items"] == []
    refused(pia.get(f"/keys/{row['id']}"), 404)
    refused(pia.post(f"/keys/{row['id']}/revoke"), 404)
    integrator = world.partners(made.json["key"])
    for path in ("/my/requests", "/my/card", "/partners", "/requests", "/keys"):
        refused(integrator.get(path), 403)


def test_a_partner_tells_its_capacity_and_after_its_days_it_is_unknown(tmp_path: Path) -> None:
    from datetime import date

    with a_world(tmp_path, services=["partners"], today=date(2026, 11, 1)) as world:
        id = a_partner(world)
        key = a_key(world, id)
        assert world.partners(key).get("/my/card").json["capacity"] == {"state": "unknown"}
        told = world.partners(key).post("/my/capacity", {"state": "has_capacity", "places": 4})
        assert told.json["capacity"]["valid_until"] == "2026-11-15"
        names_field(refused(world.partners(key).post("/my/capacity", {"state": "plenty"}), 422), "state")
        names_field(refused(world.partners(key).post("/my/capacity", {"state": "waitlist", "effective_date": "2026-10-31"}), 422), "effective_date")
        refused(world.partners(COORDINATOR).post("/my/capacity", {"state": "waitlist"}), 403)
        assert world.partners(COORDINATOR).get(f"/partners/{id}").json["capacity"]["state"] == "has_capacity"
    for day, state in ((date(2026, 11, 15), "has_capacity"), (date(2026, 11, 16), "unknown")):
        with a_world(tmp_path, services=["partners"], today=day) as later:
            assert later.partners(CONSULTANT).get(f"/partners/{id}").json["capacity"]["state"] == state


def test_migrations_and_tables_agree(world: World) -> None:
    assert migrate.drift(world.runtimes["partners"]) == []

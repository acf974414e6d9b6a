# SPDX-License-Identifier: MPL-2.0
"""Requests that no generator of valid HTTP draws: broken encodings, JSON that is none, headers and paths that are rubbish.
Each is refused as a problem document that says what to do, and nothing is changed."""
from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import Client as Wsgi
from werkzeug.test import EnvironBuilder, run_wsgi_app

from jobtrappen import tables
from jobtrappen.db import reading
from jobtrappen.web.app import MAX_BODY, one_address
from tests.support.stages_referral import a_case
from tests.support.world import CASEWORKER, CONSULTANT, TODAY, World, a_world, names_field, refused

CASE = {"given_name": "Amina", "family_name": "Prøve", "track": "adult"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("odd"), services=["referral"]) as made:
        yield made


def _rows(world: World) -> int:
    with reading(world.runtimes["referral"].engine) as session:
        return sum(session.scalar(select(func.count()).select_from(t)) or 0 for t in (tables.outbox, tables.transition, tables.answer))


NOT_JSON = {
    "broken": b'{"given_name": ', "empty": b"", "a list": b"[]", "a string": b'"case"', "null": b"null", "two documents": b"{}{}",
    "NaN": b'{"given_name": NaN}', "Infinity": b'{"given_name": -Infinity}',
    "a name that stands twice": b'{"track": "adult", "track": "youth", "given_name": "A", "family_name": "B"}',
    "a name that stands twice within": b'{"participants": [{"kind": "spouse", "kind": "teacher"}]}',
    "UTF-16": json.dumps(CASE).encode("utf-16"), "UTF-8 with a mark": b"\xef\xbb\xbf" + json.dumps(CASE).encode(), "Latin-1": json.dumps(CASE, ensure_ascii=False).encode("latin-1"),
    "half a surrogate pair": b'{"given_name": "\\ud83d", "family_name": "B", "track": "adult"}',
    "half a surrogate pair as a name": b'{"\\uDE00": 1}',
    "a hundred thousand brackets": b"[" * 100_000, "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a number of five thousand digits": b'{"a": ' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_one_json_object_in_utf8_is_a_400(world: World, body: bytes) -> None:
    before = _rows(world)
    refused(world.referral(CASEWORKER).post("/cases", raw=body), 400)
    assert _rows(world) == before


@pytest.mark.parametrize("kind", ["", "text/plain", "text/json", "application/json; charset=utf-16", "application/json; charset=latin1", "multipart/form-data", "æ"])
def test_a_body_of_another_type_or_charset_is_a_415_that_names_the_right_one(world: World, kind: str) -> None:
    answer = refused(world.referral(CASEWORKER).post("/cases", raw=json.dumps(CASE).encode(), content_type=kind), 415)
    assert "application/json" in answer.json["detail"]
    listing = refused(world.referral(CASEWORKER).post("/referral-lists", raw=b"given_name;family_name\nA;B\n", content_type="application/json"), 415)
    assert "text/csv" in listing.json["detail"]


def test_json_in_utf8_is_taken_with_and_without_a_charset(world: World) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "application/json; charset=UTF-8", "Application/JSON"):
        assert world.referral(CASEWORKER).post("/cases", raw=json.dumps(CASE).encode(), content_type=kind).status == 201
    whole = json.dumps({**CASE, "given_name": "😀"}).encode()
    assert b"\\ud83d" in whole
    made = world.referral(CASEWORKER).post("/cases", raw=whole)
    assert made.json["person"]["given_name"] == "😀"


@pytest.mark.parametrize("text", ["a\x00b", "a\x7f", "\x1b[31m", "", "x" * 101])
def test_control_characters_and_texts_too_long_or_empty_name_their_field(world: World, text: str) -> None:
    names_field(refused(world.referral(CASEWORKER).post("/cases", {**CASE, "given_name": text}), 422), "given_name")


def test_a_line_break_after_a_well_formed_code_does_not_slip_through(world: World) -> None:
    cpr = refused(world.referral(CASEWORKER).post("/cases", {**CASE, "cpr": "010170-1234\n"}), 422)
    names_field(cpr, "cpr")
    names_field(refused(world.referral(CASEWORKER).get("/cases", status="open\n"), 422), "status")


@pytest.mark.parametrize("day", ["2026-02-30", "2026-11-23T00:00:00Z", "20261123", "2026-W01-1", "1899-12-31", "2100-01-01", "２０２６-01-01", "23.11.2026", 20261123, None])
def test_what_is_no_day_of_the_calendar_names_its_field(world: World, day: Any) -> None:
    names_field(refused(world.referral(CASEWORKER).post("/cases", {**CASE, "effective_date": day}), 422), "effective_date")


@pytest.mark.parametrize("moment", ["2026-12-10T10:00:00", "2026-12-10 10:00:00+01:00", "2026-12-10T10:00+01:00", "20261210T100000Z", "2026-12-10T24:00:00Z",
                                    "2026-12-10T10:00:00+01", "2099-12-10T10:00:00Z", "2026-11-01T10:00:00Z"])
def test_a_talk_without_a_zone_before_today_or_far_ahead_names_its_field(world: World, moment: str) -> None:
    body = {"case_id": a_case(world), "scheduled_at": moment, "place": "Lokalcenter", "form": "office", "participants": [{"kind": "spouse"}]}
    names_field(refused(world.referral(CASEWORKER).post("/intakes", body), 422), "scheduled_at")


def test_whole_numbers_are_whole_and_within_their_bounds(world: World) -> None:
    body = {"case_id": a_case(world), "education": "basic", "stable_attendance": "stable", "months_away": 4}
    for wrong in (71, -1, 3.5, "3", True, None, 10**400, 1e300):
        names_field(refused(world.referral(CONSULTANT).post("/assessments", {**body, "experience_years": wrong}), 422), "experience_years")
    assert world.referral(CONSULTANT).post("/assessments", {**body, "experience_years": 3.0}).json["experience_years"] == 3


@pytest.mark.parametrize("query", ["limit=²", "limit=--5", "limit=", "limit=1e2", "limit=" + "9" * 5000, "limit=0", "limit=201", "limit=5&limit=6", "nonsense=1", "status=%ff",
                                   "after=x", "status=%00", "LIMIT=5"])
def test_a_query_parameter_that_is_unknown_repeated_or_wrong_is_a_422(world: World, query: str) -> None:
    response = world.apps["referral"].test_client().get(f"/v1/cases?{query}", headers={"Authorization": f"Bearer {world.referral(CASEWORKER).token}"})
    assert response.status_code == 422 and response.mimetype == "application/problem+json"
    assert response.get_json()["errors"][0]["field"] == query.split("=")[0]


def test_operations_without_query_parameters_refuse_them_too(world: World) -> None:
    case, cw = a_case(world), world.referral(CASEWORKER)
    names_field(refused(cw.get(f"/cases/{case}", expand="all"), 422), "expand")
    response = cw.http.post("/v1/cases?dry_run=true", json=CASE, headers={"Authorization": f"Bearer {cw.token}", "Idempotency-Key": "dry"})
    assert response.status_code == 422 and response.get_json()["errors"][0]["field"] == "dry_run"


@pytest.mark.parametrize("key", ["", " ", "æøå", "a b", "a" * 81, "a\tb"])
def test_a_malformed_idempotency_key_is_a_400_that_names_the_header(world: World, key: str) -> None:
    refused(world.referral(CASEWORKER).post("/cases", CASE, headers={"Idempotency-Key": key}), 400, header="Idempotency-Key")


@pytest.mark.parametrize("etag", ["*", "1", 'W/"1"', '"æ"', '"1", "2"', '"-1"', '"999999999999999999999"', "x" * 5000])
def test_an_if_match_that_is_not_the_present_version_is_a_412_with_it(world: World, etag: str) -> None:
    answer = world.referral(CASEWORKER).post(f"/cases/{a_case(world)}/person", {"phone": "1"}, etag=etag)
    refused(answer, 412, version=1)


@pytest.mark.parametrize("given", ["Basic a2FyZW46a2FyZW4=", "Bearer", "Bearer ", "Bearer æøå", "bearer x.y.z", "Bearer jt_", "Bearer jt_'_--", "Bearer jt_%00_x", "x" * 8000])
def test_a_rubbish_authorization_is_a_401_that_says_what_to_send(world: World, given: str) -> None:
    response = world.apps["referral"].test_client().get("/v1/cases", headers={"Authorization": given})
    assert response.status_code == 401 and response.mimetype == "application/problem+json" and response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_request_id_comes_back_only_if_it_is_plain(world: World) -> None:
    client = world.apps["referral"].test_client()
    assert client.get("/healthz", headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    for odd in ("é", "²", "a b", "-" * 65, "<script>"):
        assert client.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"].isascii()
        assert client.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"] != odd


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "QUERY", "BREW"])
@pytest.mark.parametrize("path", ["/v1/cases", "/v1/cases/{id}", "/v1/sign-in", "/v1/openapi.json", "/healthz", "/readyz", "/metrics"])
def test_a_method_that_a_path_does_not_have_is_a_405_with_allow(world: World, method: str, path: str) -> None:
    response = world.apps["referral"].test_client().open(path.format(id=a_case(world)), method=method)
    assert response.status_code == 405 and response.mimetype == "application/problem+json"
    assert {m.strip() for m in response.headers["Allow"].split(",")} <= {"GET", "HEAD", "POST"} and response.get_json()["status"] == 405


def test_head_answers_as_get_does_without_a_body(world: World) -> None:
    client, case = world.referral(CASEWORKER), a_case(world)
    head = client.http.head(f"/v1/cases/{case}", headers={"Authorization": f"Bearer {client.token}"})
    got = client.get(f"/cases/{case}")
    assert head.status_code == 200 and head.data == b"" and head.headers["ETag"] == got.headers["ETag"]


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/cases/", "/v1/nothing", "/v1/cases/%00", "/v1/cases/%ff%fe", "/v1/cases/..%2f..%2fetc", "/v1/cases/not-an-id", "/v1//cases",
                                  "/v1/reports/%F0%28%8C%28?as_of=2026-11-23", "/v1/cases/" + "9" * 4000, "/v1/cases/<script>"])
def test_an_unknown_path_is_a_404_problem(world: World, path: str) -> None:
    response = world.apps["referral"].test_client().get(path, headers={"Authorization": f"Bearer {world.referral(CASEWORKER).token}"})
    assert response.status_code == 404 and response.mimetype == "application/problem+json", response.text
    assert "<script>" not in response.text


@pytest.mark.parametrize("path", ["/nothing", "/%e2%80%ae", "/cases/not-an-id", "/<script>"])
def test_beside_the_api_an_unknown_path_is_a_404_page(world: World, path: str) -> None:
    response = world.apps["referral"].test_client().get(path)
    assert response.status_code == 404 and response.mimetype == "text/html" and "Siden findes ikke" in response.text
    assert "<script>" not in response.text


def test_an_id_in_capitals_is_the_same_thing(world: World) -> None:
    case = a_case(world)
    assert world.referral(CASEWORKER).get(f"/cases/{case.upper()}").json["id"] == case


def _raw(world: World, body: Any, **environ: str | bool) -> tuple[int, dict[str, Any]]:
    """A request whose framing is set by hand."""
    builder = EnvironBuilder("/v1/cases", method="POST", content_type="application/json",
                             headers={"Authorization": f"Bearer {world.referral(CASEWORKER).token}", "Idempotency-Key": f"raw-{id(body)}-{len(environ)}"})
    made = {**builder.get_environ(), "wsgi.input": body}
    for name, value in environ.items():
        made[name.replace("wsgi_", "wsgi.")] = value
    chunks, status, headers = run_wsgi_app(world.apps["referral"], made)
    assert headers["Content-Type"] in ("application/json", "application/problem+json")
    return int(status.split()[0]), json.loads(b"".join(chunks))


def test_a_content_length_that_lies_or_is_none_changes_nothing(world: World) -> None:
    whole, before = json.dumps(CASE).encode(), _rows(world)
    for length in ("9", str(len(whole) + 50), "x", "-1", ""):
        status, problem = _raw(world, io.BytesIO(whole), CONTENT_LENGTH=length)
        assert status == 400 and problem["status"] == 400, (length, problem)
    assert _rows(world) == before


def test_a_body_in_chunks_is_read_to_its_end_and_not_beyond_the_limit(world: World) -> None:
    status, made = _raw(world, io.BytesIO(json.dumps(CASE).encode()), wsgi_input_terminated=True)
    assert status == 201 and made["status"] == "open"
    padded = json.dumps(CASE).encode() + b" " * MAX_BODY  # cut at the limit, it would be a whole case
    status, problem = _raw(world, io.BytesIO(padded), wsgi_input_terminated=True, HTTP_TRANSFER_ENCODING="chunked")
    assert status == 413 and "1 MB" in problem["detail"]


def test_a_list_whose_sender_went_away_is_not_taken_for_a_shorter_one(world: World) -> None:
    before = _rows(world)
    status, problem = _raw(world, io.BytesIO(b"given_name;family_name\nA;B\n"), CONTENT_LENGTH="900", CONTENT_TYPE="text/csv", PATH_INFO="/v1/referral-lists",
                           wsgi_input_terminated=True)
    assert status == 400 and "shorter" in problem["detail"] and _rows(world) == before


def test_a_body_of_ten_megabytes_is_a_413(world: World) -> None:
    before = _rows(world)
    refused(world.referral(CASEWORKER).post("/cases", raw=b'{"a": "' + b"x" * 10_000_000 + b'"}'), 413)
    assert _rows(world) == before


def test_the_common_address_answers_an_unknown_path_with_the_services_that_there_are(world: World) -> None:
    answer = Wsgi(one_address(world.runtimes.values())).get("/nothing")
    assert answer.headers.getlist("Content-Disposition") == ['attachment; filename="api.json"']
    assert answer.status_code == 404 and answer.mimetype == "application/problem+json" and "/henvisning" in answer.get_json()["detail"]
    assert Wsgi(one_address(world.runtimes.values())).get("/henvisning/v1/nothing").mimetype == "application/problem+json"


def test_a_csv_list_that_is_none_names_the_body(world: World) -> None:
    for rubbish in (b"", b"\xff\xfe", b"given_name;family_name\n\x00;B\n", b"name\nA\n", "given_name;family_name\nÆ;B\n".encode("latin-1"), b'given_name;family_name\n"' + b"x" * 140_000):
        names_field(refused(world.referral(CASEWORKER).post("/referral-lists", raw=rubbish, content_type="text/csv"), 422), "body")


def test_a_report_of_a_day_to_come_or_of_no_name_is_refused(world: World) -> None:
    cw = world.referral(CASEWORKER)
    names_field(refused(cw.get("/reports/table-6", as_of=str(TODAY.replace(year=2099))), 422), "as_of")
    refused(cw.get("/reports/table-99", as_of=str(TODAY)), 404)

# SPDX-License-Identifier: MPL-2.0
"""What may be said: every event has its schema and golden sample, no field can hold free text, and what is no event of the
house is refused by whoever reads it."""
from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from jobtrappen import contracts
from jobtrappen.config import SERVICES
from jobtrappen.contracts import CATALOGUE, FIELDS
from jobtrappen.contracts.__main__ import HERE, documents, golden
from jobtrappen.event import MAX_BYTES, Event, Undecodable, decode

NAMES = sorted(CATALOGUE)
PUBLIC = sorted(name for name, contract in CATALOGUE.items() if contract.public)
CANARY = "Fatima Yıldız æøå 010170-1234"


def stem(name: str) -> str:
    return f"{name}.v{CATALOGUE[name].version}.json"


def schema_of(name: str, public: bool = False) -> dict[str, Any]:
    return json.loads((HERE / "schemas" / ("public" if public else "") / stem(name)).read_text(encoding="utf-8"))


def sample_of(name: str) -> dict[str, Any]:
    return json.loads((HERE / "samples" / stem(name)).read_text(encoding="utf-8"))


def valid(document: Any, schema: dict[str, Any]) -> bool:
    try:
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    except ValidationError:
        return False
    return True


def test_every_event_has_one_schema_and_one_golden_sample_and_nothing_has_drifted() -> None:
    made = documents()
    assert {p for p in made if p.parent.name == "samples"} == set((HERE / "samples").rglob("*.json"))
    assert {p for p in made if p.parent.name != "samples"} == set((HERE / "schemas").rglob("*.json"))
    assert len(list((HERE / "samples").glob("*.json"))) == len(CATALOGUE)
    assert {p.name for p in made if p.parent.name == "public"} == {stem(name) for name in PUBLIC}
    drifted = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert drifted == [], "run `python -m jobtrappen.contracts`"


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_sample_is_valid_decodes_and_is_what_its_maker_would_say(name: str) -> None:
    sample, schema = sample_of(name), schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert valid(sample["data"], schema)
    event = decode(json.dumps(sample).encode())
    assert (event.name, event.version) == (name, CATALOGUE[name].version)
    assert event.data == sample["data"] and event.document() == sample
    assert contracts.check(name, event.data) == []
    assert contracts.fill(name, event.data) == event.data
    assert event.source.rsplit("/", 1)[1] == CATALOGUE[name].by and CATALOGUE[name].by in SERVICES


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_and_the_reader_agree_on_what_is_wrong(name: str) -> None:
    schema, data = schema_of(name), sample_of(name)["data"]
    for field in data:
        without = {k: v for k, v in data.items() if k != field}
        assert valid(without, schema) == (contracts.check(name, without) == []) == (field not in CATALOGUE[name].data), field
        for wrong in (CANARY, "", None, -1, 10**9, 1.5, True, [CANARY], {"a": CANARY}, "2026-1-1", "2026-02-31", "२०२६-११-२३"):
            if field in ("language_school", "activation", "attended") and wrong is True:
                continue
            with_wrong = {**data, field: wrong}
            assert not valid(with_wrong, schema), (field, wrong)
            assert contracts.check(name, with_wrong) != [], (field, wrong)


def fragments(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema that may hold a value, however deep."""
    if isinstance(schema, dict):
        if "type" in schema or "enum" in schema:
            yield path, schema
        for key, inner in schema.items():
            if key not in ("examples", "enum", "required"):
                yield from fragments(inner, f"{path}/{key}")
    elif isinstance(schema, list):
        for n, inner in enumerate(schema):
            yield from fragments(inner, f"{path}/{n}")


@pytest.mark.parametrize("path", sorted((HERE / "schemas").rglob("*.json")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_no_string_of_a_schema_can_hold_free_text(path: Any) -> None:
    found = list(fragments(json.loads(path.read_text(encoding="utf-8"))))
    assert len(found) > 1
    for where, fragment in found:
        kind = fragment.get("type")
        assert isinstance(kind, str), (where, "a type is one word, so that nothing slips in beside it")
        assert kind in ("string", "integer", "boolean", "array", "object"), (where, kind)
        if kind == "string":
            assert {"enum", "format", "pattern"} & set(fragment), where
            assert not valid(CANARY, fragment), where
        elif kind == "array":
            assert fragment["maxItems"] <= 20 and "items" in fragment, where
        elif kind == "integer":
            assert {"minimum", "maximum"} <= set(fragment), where


def test_a_string_without_a_fence_would_be_found() -> None:
    planted = {"type": "object", "properties": {"by": {"type": "string"}, "all": {"type": "array", "maxItems": 3, "items": {"type": "string"}}}}
    bare = [where for where, fragment in fragments(planted) if fragment["type"] == "string" and not {"enum", "format", "pattern"} & set(fragment)]
    assert bare == ["/properties/by", "/properties/all/items"]


FORBIDDEN = ("cpr", "name", "address", "phone", "email", "birth", "diagnos", "nationality", "language", "union_member", "wage", "salary", "text", "note",
             "comment", "words", "reason")
ALLOWED = {"language_school": "whether the language school is told, not which language", "public_reason": "a closed list without health and family"}


def test_no_field_is_called_like_something_personal() -> None:
    suspicious = {field for field in FIELDS for word in FORBIDDEN if word in field}
    assert suspicious == set(ALLOWED)
    assert not {"sick", "pregnant", "illness", "health", "pregnancy"} & set(FIELDS["public_reason"]["enum"])


def test_every_field_of_the_catalogue_means_one_thing_and_every_word_is_used() -> None:
    used = {field for contract in CATALOGUE.values() for field in (*contract.data, *contract.optional)}
    assert used <= set(FIELDS)
    for name, contract in CATALOGUE.items():
        assert not set(contract.data) & set(contract.optional), name
        assert set(contract.public) <= {*contract.data, *contract.optional}, name
        assert {"case_id", "employer_id", "partner_id"} & set(contract.data), f"{name} has no key"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_public_copy_is_an_allow_list(name: str) -> None:
    public, whole = schema_of(name, public=True), schema_of(name)
    assert set(public["properties"]) == set(CATALOGUE[name].public) <= set(whole["properties"])
    data = sample_of(name)["data"]
    assert valid({k: v for k, v in data.items() if k in CATALOGUE[name].public}, public)


# What a producer may say

@pytest.mark.parametrize("name", NAMES)
def test_a_producer_cannot_leave_out_mistake_or_add(name: str) -> None:
    data = sample_of(name)["data"]
    assert contracts.fill(name, {**data, "given_name": CANARY, "cpr": CANARY}) == data, "what is not in the contract stays behind"
    for field in CATALOGUE[name].data:
        with pytest.raises(ValueError, match=f"must carry {field}"):
            contracts.fill(name, {**data, field: None})
    for field in data:
        for wrong in (CANARY, [CANARY], 10**9):
            with pytest.raises(ValueError, match="may not hold") as refused:
                contracts.fill(name, {**data, field: wrong})
            assert CANARY not in str(refused.value), "the refusal must not carry it further"


def test_a_producer_may_give_python_values() -> None:
    case, opened = uuid.uuid4(), contracts.sample("referral.accepted")
    filled = contracts.fill("referral.accepted", {**opened, "case_id": case, "planned_start": date(2004, 5, 25), "by": None})
    assert (filled["case_id"], filled["planned_start"]) == (str(case), "2004-05-25") and "by" not in filled
    assert contracts.fill("interview.booked", {**contracts.sample("interview.booked"), "companion_kinds": {"teacher"}})["companion_kinds"] == ["teacher"]


def test_an_event_that_is_not_in_the_catalogue_cannot_be_said() -> None:
    with pytest.raises(ValueError, match=r"contracts/catalogue.py"):
        contracts.fill("citizen.renamed", {})


# What a reader takes

def but(**changes: Any) -> bytes:
    document = {**golden("case.opened"), **changes}
    return json.dumps({k: v for k, v in document.items() if v is not ...}).encode()


def test_a_reader_ignores_what_it_does_not_know() -> None:
    newer = decode(but(comexampleattribute="new", data={**contracts.sample("case.opened"), "added_later": "x", "more": {"deep": [1]}}))
    assert contracts.check("case.opened", newer.data) == []
    assert newer.data["added_later"] == "x"
    assert valid(newer.data, schema_of("case.opened")), "published schemas are open"


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type", "subject", "time", "partitionkey", "recordedtime", "seq", "epoch", "data"])
def test_an_attribute_of_the_house_is_neither_missing_nor_of_another_kind(attribute: str) -> None:
    for wrong in (..., None, True, 1.5, [], {"a": 1} if attribute != "data" else "x", "" if attribute not in ("source", "subject") else 7):
        with pytest.raises(Undecodable):
            decode(but(**{attribute: wrong}))


@pytest.mark.parametrize("changes", [
    {"id": "{0192f0c1-7a3b-7c11-9d2e-2b6f0a4c1d55}"}, {"id": "0192f0c17a3b7c119d2e2b6f0a4c1d55"}, {"id": "0192F0C1-7A3B-7C11-9D2E-2B6F0A4C1D55"},
    {"type": "jobtrappen.case.opened"}, {"type": "jobtrappen.case.opened.v0"}, {"type": "jobtrappen.case.opened.v1\n"}, {"type": "com.example.case.opened.v1"},
    {"type": f"jobtrappen.case.{'x' * 120}.v1"}, {"type": "jobtrappen.Case.opened.v1"}, {"time": "2026-11-23"}, {"time": "20261123T000000Z"},
    {"time": "2026-02-31T00:00:00Z"}, {"time": "2026-11-23T00:00:00"}, {"time": "२०२६-११-२३T00:00:00Z"}, {"seq": 0}, {"seq": -1}, {"seq": 2**63},
    {"epoch": 0}, {"epoch": 2**31}, {"partitionkey": "x" * 81}, {"partitionkey": "a b"}, {"partitionkey": "a\x00"}, {"partitionkey": "\ud800"},
    {"correlationid": "Fatima Yıldız"}, {"correlationid": ["a"]}, {"causationid": "x"}, {"traceparent": "Fatima"}, {"actorrole": "Fatima"}, {"actorunit": "Fatima's team"}, {"actorunit": 7}, {"subjectversion": "1"},
    {"subjectversion": -1}, {"specversion": "0.3"}, {"padding": "x" * MAX_BYTES},
])
def test_what_would_not_fit_a_column_or_would_smuggle_text_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(but(**changes))
    assert "Fatima" not in str(refused.value)


def test_a_plugins_event_keeps_its_plugins_name() -> None:
    event = decode(but(type="jobtrappenx.evil.case.opened.v1"))
    assert event.name == "jobtrappenx.evil.case.opened" and event.name not in CATALOGUE and event.version == 1


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                    max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_undecodable(value: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(value)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(golden("case.opened"))), JSON, min_size=1, max_size=3))
def test_any_hostile_change_of_an_envelope_is_undecodable_or_harmless(changes: dict[str, Any]) -> None:
    try:
        event = decode(but(**changes))
    except Undecodable:
        return
    assert len(event.type) <= 120 and len(event.id) == 36 and 1 <= len(event.key) <= 80 and event.key.isascii() and len(event.case) <= 80
    assert 1 <= event.seq < 2**63 and 1 <= event.epoch < 2**31
    assert date.fromisoformat(event.day)
    assert "\x00" not in event.key + event.case + event.cause + event.trace + event.id + event.type
    for name in CATALOGUE:  # however the data looks, looking at it raises nothing
        contracts.check(name, event.data)


@settings(max_examples=100, deadline=None)
@given(key=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}", fullmatch=True), seq=st.integers(1, 2**63 - 1), epoch=st.integers(1, 2**31 - 1),
       data=st.dictionaries(st.text(max_size=20), st.text(max_size=20) | st.integers(), max_size=5))
def test_what_is_encoded_is_read_back(key: str, seq: int, epoch: int, data: dict[str, Any]) -> None:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    event = Event(id=str(uuid.UUID(int=seq)), type="jobtrappen.case.opened.v1", source="s", subject="s", time="2026-11-23T10:00:00+01:00", key=key, seq=seq,
                  epoch=epoch, data=data, recorded="2026-11-23T08:15:00.000Z", case=key, cause=str(uuid.UUID(int=epoch)), subject_version=3)
    assert decode(event.encode()) == event

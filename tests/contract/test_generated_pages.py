# SPDX-License-Identifier: MPL-2.0
"""The committed pages are those that the code declares now, and they are what they say they are: OpenAPI 3.1 and AsyncAPI 3.0."""
from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from jobtrappen import docs
from jobtrappen.config import PUBLIC_TOPIC, SERVICES, TOPICS
from jobtrappen.contracts import CATALOGUE, sample
from jobtrappen.web.api import Api
from jobtrappen.web.openapi import document

ROOT = Path(__file__).parents[2] / "docs"
ASYNCAPI = jsonschema_rs.Draft7Validator(json.loads((Path(__file__).parent / "data" / "asyncapi-3.0.0.json").read_text(encoding="utf-8")))
PAGES = ["lifecycles.md", "visibility.md", "api/events.asyncapi.json", *(f"api/{name}.openapi.json" for name in SERVICES)]
Document = dict[str, Any]


@pytest.fixture(autouse=True)
def _the_four_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)


@cache
def pages() -> dict[str, str]:
    return docs.pages()


def openapi(service: str) -> Document:
    return json.loads(pages()[f"api/{service}.openapi.json"])


def asyncapi() -> Document:
    return json.loads(pages()["api/events.asyncapi.json"])


def nodes(tree: Any) -> Iterator[Document]:
    """Every object within a document."""
    if isinstance(tree, dict):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(inner)


def lost(tree: Document) -> list[str]:
    """References that lead nowhere."""
    return [node["$ref"] for node in nodes(tree) if isinstance(node.get("$ref"), str) and not found(tree, node["$ref"])]


def found(tree: Any, ref: str) -> bool:
    for part in ref.removeprefix("#/").split("/"):
        if not isinstance(tree, dict) or part.replace("~1", "/").replace("~0", "~") not in tree:
            return False
        tree = tree[part.replace("~1", "/").replace("~0", "~")]
    return True


def unsaid(tree: Document) -> list[str]:
    """Events of the catalogue that no channel carries: each on its owner's topic, a public one on the integrators' too."""
    carried = {(topic, key) for topic, channel in tree["channels"].items() for key, ref in channel["messages"].items() if found(tree, ref["$ref"])}
    wanted = {(TOPICS[c.by], f"{name}.v{c.version}") for name, c in CATALOGUE.items()}
    wanted |= {(PUBLIC_TOPIC, f"public.{name}.v{c.version}") for name, c in CATALOGUE.items() if c.public}
    return sorted(key for _topic, key in wanted - carried)


@pytest.mark.parametrize("page", PAGES)
def test_a_committed_page_is_what_the_code_declares(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == pages()[page], "run: python -m jobtrappen.docs"


def test_no_page_is_left_over_and_none_is_missing() -> None:
    assert sorted(pages()) == sorted(PAGES)
    assert sorted(f"api/{p.name}" for p in (ROOT / "api").glob("*.json")) == sorted(p for p in PAGES if p.startswith("api/"))


@pytest.mark.parametrize("service", SERVICES)
def test_an_openapi_page_is_openapi_3_1(service: str) -> None:
    tree = openapi(service)
    assert tree["openapi"] == "3.1.0"
    assert [e.message for e in OPENAPI_31_VALIDATOR.iter_errors(tree)] == []
    assert lost(tree) == []
    operations = [op for path in tree["paths"].values() for op in path.values()]
    names = [op["operationId"] for op in operations]
    assert len(names) == len(set(names)) > 10
    for path, methods in tree["paths"].items():
        for operation in methods.values():
            declared = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert sorted(declared) == sorted(re.findall(r"\{(\w+)\}", path)), path


@pytest.mark.parametrize("service", SERVICES)
def test_every_schema_of_an_openapi_page_is_a_schema_and_every_error_a_problem(service: str) -> None:
    tree = openapi(service)
    for name, schema in tree["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator({**schema, "components": tree["components"]})
        assert "additionalProperties" in schema, f"{name} does not say whether it takes more"
    for path in tree["paths"].values():
        for operation in path.values():
            for code, response in operation["responses"].items():
                assert code.startswith("2") or response == {"$ref": f"#/components/responses/E{code}"}
    for response in tree["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"] and response["headers"]["X-Request-Id"]["required"]


def test_a_broken_openapi_page_is_noticed() -> None:
    tree = openapi("referral")
    del tree["info"]["title"]
    assert any("title" in e.message for e in OPENAPI_31_VALIDATOR.iter_errors(tree))
    tree = openapi("referral")
    del tree["components"]["responses"]["E409"]
    assert lost(tree)


def test_two_names_for_one_place_are_refused() -> None:
    from jobtrappen import plugins

    service, api = plugins.services()["referral"], Api("referral")
    api.read("/things/<uuid:id>", resource="case")(lambda tx, arguments, id: None)
    api.command("/things/<uuid:thing_id>", dumps=service.api.routes[0].dumps, resource="case")(lambda tx, command, thing_id: None)
    with pytest.raises(ValueError, match="by another name"):
        document(service, api.routes)


def test_the_asyncapi_page_is_asyncapi_3_0() -> None:
    tree = asyncapi()
    assert tree["asyncapi"] == "3.0.0"
    assert [e.message for e in ASYNCAPI.iter_errors(tree)] == []
    assert lost(tree) == []


@pytest.mark.parametrize("breaks", [
    lambda tree: tree.pop("info"), lambda tree: tree.update(asyncapi="2.6.0"), lambda tree: tree.update(topics={}),
    lambda tree: next(iter(tree["operations"].values())).update(action="listen"), lambda tree: next(iter(tree["operations"].values())).pop("channel"),
    lambda tree: next(iter(tree["channels"].values())).update(messages=[]), lambda tree: next(iter(tree["components"]["messages"].values())).update(contentType=7),
], ids=["no info", "another version", "unknown member", "unknown action", "no channel", "messages no object", "content type no text"])
def test_a_broken_asyncapi_page_is_refused(breaks: Any) -> None:
    tree = asyncapi()
    breaks(tree)
    assert not ASYNCAPI.is_valid(tree)


def test_every_event_of_the_catalogue_stands_in_the_asyncapi_page() -> None:
    tree = asyncapi()
    assert unsaid(tree) == []
    messages = tree["components"]["messages"]
    assert len(messages) == len(CATALOGUE) + sum(bool(c.public) for c in CATALOGUE.values()), "a message that no catalogue knows"


def test_an_event_without_its_message_is_noticed() -> None:
    for name, contract in CATALOGUE.items():
        key = f"{name}.v{contract.version}"
        tree = asyncapi()
        del tree["channels"][TOPICS[contract.by]]["messages"][key]
        assert unsaid(tree) == [key]
        tree = asyncapi()
        del tree["components"]["messages"][key]
        assert key in unsaid(tree) and lost(tree)


def test_the_golden_samples_fit_the_page_and_a_spoilt_one_does_not() -> None:
    tree = asyncapi()
    for name, contract in CATALOGUE.items():
        schema = tree["components"]["schemas"][f"{name}.v{contract.version}"]
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert validator.is_valid(sample(name)), name
        spoilt = copy.deepcopy(sample(name))
        spoilt[next(iter(schema["required"]))] = {"a": 1}
        assert not validator.is_valid(spoilt), name

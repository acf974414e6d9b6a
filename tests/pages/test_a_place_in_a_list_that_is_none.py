# SPDX-License-Identifier: MPL-2.0
"""`after` in the address of any list, cut off or made up, is refused by name on the API and on the pages, and never breaks anything."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jobtrappen import plugins, roles
from tests.pages.browser import Browser
from tests.support.stages_partners import a_key, a_partner
from tests.support.stages_referral import a_case
from tests.support.world import BY_ROLE, CASEWORKER, World, a_world

BAD = ("x", "2026-11-23", "2026-13-45_0192f0c1-7a3b-7c11-9d2e-000000000101", "2026-02-31_0192f0c1-7a3b-7c11-9d2e-000000000101", "2026-11-23_0192f0c1-7a3b-7c11-9d2e-00000000010",
       "2026-11-23_------------------------------------", "0192f0c1-7a3b-7c11-9d2e-00000000010g", "-1", "1.5", "' OR 1=1 --", "٣", "9" * 30, "\ud7ff\u0085")
LISTS = {"home", "courses", "placements", "employers", "openings", "requests", "my_requests", "my_notices", "partners", "keys"}
"""Pages of the services that list something; those that the kit makes begin with `list.`."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("after")) as made:
        yield made


@pytest.fixture(scope="module")
def key(world: World) -> str:
    return a_key(world, a_partner(world), scopes=["requests", "notices", "capacity"])


ROUTES = [(name, route) for name, service in sorted(plugins.services().items()) for route in service.api.routes
          if route.method == "GET" and route.query is not None and "after" in route.query.load_fields]


@pytest.mark.parametrize(("service", "route"), ROUTES, ids=[f"{name}-{route.name}" for name, route in ROUTES])
def test_the_api_names_after(world: World, key: str, service: str, route: Any) -> None:
    who = key if route.who == roles.PA else BY_ROLE[next(role for role in sorted(route.who) if role in BY_ROLE)]
    path = route.path
    if "<" in path:
        made = world.referral(CASEWORKER).post("/referral-lists", raw=b"given_name;family_name\nA;B\n", content_type="text/csv")
        assert made.status == 201, made.text
        path = path.replace("<uuid:id>", made.id).replace("<uuid:list_id>", made.id)
    given = {"case_id": a_case(world)} if "case_id" in route.query.load_fields and route.query.load_fields["case_id"].required else {}
    for after in BAD:
        answer = world.client(service, who).get(path, after=after, **given)
        assert answer.status == 422 and [e["field"] for e in answer.json["errors"]] == ["after"], (after, answer.text)


def test_a_list_of_what_has_no_states_is_asked_for_none(world: World) -> None:
    for status in ("x", "sent"):
        answer = world.referral(CASEWORKER).get("/referral-lists", status=status)
        assert answer.status == 422 and [e["field"] for e in answer.json["errors"]] == ["status"], answer.text


def test_there_are_lists_in_every_service() -> None:
    assert {name for name, _route in ROUTES} == set(plugins.services()) and len(ROUTES) > 20


@pytest.mark.parametrize("service", sorted(plugins.services()))
def test_the_pages_name_after(world: World, key: str, service: str) -> None:
    app = world.apps[service]
    paged = {f"list.{route.name}" for name, route in ROUTES if name == service}
    pages = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and "<" not in rule.rule
             and (rule.endpoint in paged or rule.endpoint in LISTS)}
    seen = set()
    for role, name in [*sorted(BY_ROLE.items()), (roles.PARTNER, "")]:
        if role == roles.PARTNER and service != "partners":
            continue
        browser = Browser(app, key=key) if role == roles.PARTNER else Browser(app, name)
        for endpoint, path in pages.items():
            if browser.get(path).status != 200:  # another role's, or it leads elsewhere
                continue
            seen.add(endpoint)
            for after in BAD:
                shown = browser.client.get(path, query_string={"after": after})
                assert shown.status_code == 422 and "after" in shown.text, (role, path, after, shown.status_code)
    assert seen == set(pages)


def test_the_rows_of_a_list_of_candidates_name_it_too(world: World) -> None:
    made = world.referral(CASEWORKER).post("/referral-lists", raw=b"given_name;family_name\nA;B\n", content_type="text/csv")
    karen = Browser(world.apps["referral"], CASEWORKER)
    for after in BAD:
        shown = karen.client.get(f"/lists/{made.id}", query_string={"after": after})
        assert shown.status_code == 422 and "after" in shown.text, after

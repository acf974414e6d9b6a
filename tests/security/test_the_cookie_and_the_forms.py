# SPDX-License-Identifier: MPL-2.0
"""What holds a browser's session: its cookie, when it ends, and that no form is taken that the browser was not shown. The four services
stand behind one real address, so that signing out reaches them all."""
from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import time_machine
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import text
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from jobtrappen.auth import DEMO_USERS
from jobtrappen.config import PATHS, SERVICES
from jobtrappen.db import reading
from jobtrappen.web.app import one_address, service_app
from jobtrappen.web.pages import session as sessions
from jobtrappen.web.pages.assets import STATIC
from tests.pages.browser import Browser
from tests.support.process import free_ports
from tests.support.stages_partners import a_key, a_partner
from tests.support.world import COORDINATOR, World, a_world

STAFF = {"karen": "referral", "mehmet": "followup", "lone": "followup", "pia": "partners", "admin": "referral"}
HOSTILE = ("https://elsewhere.example/", "//elsewhere.example", "///elsewhere.example", "/\\elsewhere.example", "\\\\elsewhere.example", "https:elsewhere.example",
           "javascript:alert(1)", "/\t/elsewhere.example", "\t//elsewhere.example", " //elsewhere.example", "/\r\nSet-Cookie: a=b", "http:///elsewhere.example", "@elsewhere.example")


@dataclass
class Suite:
    world: World
    app: Any
    apps: dict[str, Any]

    def by(self, name: str = "", service: str = "referral", key: str = "") -> Browser:
        return Browser(self.app, name, sign_in=f"{PATHS[service]}/sign-in", key=key)

    def held(self, browser: Browser, service: str = "referral") -> dict[str, Any]:
        """What the browser's cookie holds."""
        app = self.apps[service]
        return dict(app.session_interface.get_signing_serializer(app).loads(cookie_of(browser)))

    def state(self) -> list[int]:
        """How much was done in all four."""
        found = []
        for runtime in self.world.runtimes.values():
            with reading(runtime.engine) as db:
                found += [int(db.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in ("audit", "outbox", "answer", "ended_session")]
        return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    [port] = free_ports(1)
    with a_world(tmp_path_factory.mktemp("front"), bind=f"127.0.0.1:{port}") as world:
        app = one_address(world.runtimes.values())
        server = make_server("127.0.0.1", port, app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield Suite(world, app, {name: service_app(runtime, SERVICES) for name, runtime in world.runtimes.items()})
        server.shutdown()
        server.server_close()


def cookie_of(browser: Browser) -> str:
    [cookie] = browser.client._cookies.values()  # type: ignore[attr-defined]
    return str(cookie.value)


def copied(suite: Suite, cookie: str) -> Browser:
    browser = Browser(suite.app)
    browser.client.set_cookie("jobtrappen", cookie)
    return browser


# ---- The cookie


def test_scripts_cannot_read_the_cookie_and_other_sites_requests_do_not_carry_it(suite: Suite) -> None:
    page = Browser(suite.app).get("/henvisning/sign-in")
    parts = page.headers["Set-Cookie"].split("; ")
    assert parts[0].startswith("jobtrappen=") and {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts) and not any(p.startswith("Domain") for p in parts)


def test_outside_the_demo_it_travels_over_tls_alone_and_belongs_to_this_host_alone(tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text('{"keys": []}')
    with a_world(tmp_path, services=["partners"], mode="production", oidc_issuer="https://login.example", oidc_audience="a", oidc_jwks=str(jwks)) as world:
        app = world.apps["partners"]
        parts = Browser(app).get("/sign-in").headers["Set-Cookie"].split("; ")
        assert parts[0].startswith("__Host-jobtrappen=") and {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)
        assert not any(p.startswith("Domain") for p in parts)
        browser = Browser(app)
        page = browser.get("/sign-in")
        assert "karen" not in page.text
        assert browser.post("/sign-in", csrf_token=page.form_token, username="karen", password="karen").status == 401, "the demo's users exist in the demo alone"


@pytest.mark.parametrize("service", SERVICES)
def test_a_cookie_that_was_changed_or_signed_elsewhere_is_nobodys(suite: Suite, service: str) -> None:
    app = suite.apps[service]
    real = app.session_interface.get_signing_serializer(app)
    held = suite.held(suite.by("karen"))
    forged = URLSafeTimedSerializer("another secret", salt="cookie-session", serializer=real.serializer, signer_kwargs={"key_derivation": "hmac"}).dumps({**held, "role": "administrator"})
    good = cookie_of(suite.by("karen"))
    for value in (forged, good[:-2], "x" + good, good.partition(".")[0], ""):
        assert copied(suite, value).get(f"{PATHS[service]}/").status in (401,), value
    assert copied(suite, good).get(f"{PATHS['referral']}/").status == 200


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_stays_in_the_browser(suite: Suite, service: str) -> None:
    browser = suite.by("admin", service)
    for path in ("/", "/sign-in", "/nothing"):
        assert browser.get(PATHS[service] + path, follow=True).headers["Cache-Control"] == "no-store"
    for script in STATIC.glob("*.js"):
        assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", script.read_text(encoding="utf-8")), script


# ---- When a session ends


@pytest.mark.parametrize("name", STAFF)
def test_a_copied_cookie_is_worth_nothing_after_signing_out_anywhere(suite: Suite, name: str) -> None:
    home = PATHS[STAFF[name]]
    browser = suite.by(name, "matching" if name != "pia" else "partners")
    cookie = cookie_of(browser)
    assert copied(suite, cookie).get(f"{home}/", follow=True).status == 200
    out = browser.post(f"{home}/sign-out", csrf_token=browser.get(f"{home}/", follow=True).form_token)
    assert out.status == 303
    for service, path in PATHS.items():
        for page in ("/", "/v1/openapi.json", "/sign-in"):
            answer = copied(suite, cookie).get(path + page)
            assert answer.status == (401 if page == "/" else 200), (service, page)
    assert browser.get(f"{home}/").status == 401


def test_services_in_processes_of_their_own_are_told_of_a_sign_out_too(suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []

    class Taken:
        status_code = 204

    with a_world(tmp_path, services=["referral"], address="shared", plugins=("referral",), urls={name: f"http://{name}-web:8080" for name in SERVICES}) as world:
        monkeypatch.setattr(sessions.requests, "post", lambda url, **_given: told.append(url) or Taken())
        browser = Browser(world.apps["referral"], "karen")
        browser.post("/sign-out", csrf_token=browser.get("/").form_token)
    assert told == [f"http://{name}-web:8080/v1/sign-out" for name in SERVICES if name != "referral"]


def test_a_service_that_is_away_keeps_nobody_from_signing_out(tmp_path: Path) -> None:
    with a_world(tmp_path, services=["referral"], bind="127.0.0.1:9") as world:
        browser = Browser(world.apps["referral"], "karen")
        assert browser.post("/sign-out", csrf_token=browser.get("/").form_token).status == 303 and browser.get("/").status == 401


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_but_a_service_ends_sessions_by_the_api(suite: Suite, service: str) -> None:
    body = {"session": str(uuid.uuid4()), "until": int(time.time()) + 60}
    url = f"{suite.world.settings.url_of(service)}/v1/sign-out"
    signer = suite.world.runtimes[service].signer
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {signer.staff(DEMO_USERS['admin'])}"}, 403), ({"Authorization": f"Bearer {signer.service('referral')}"}, 204)):
        assert requests.post(url, json=body, headers=headers, timeout=10).status_code == status


@pytest.mark.parametrize("service", SERVICES)
def test_half_an_hour_without_a_request_ends_it(suite: Suite, service: str) -> None:
    name = "admin"
    began = time.time()
    with time_machine.travel(began, tick=False) as clock:
        browser = suite.by(name, service)
        copy = cookie_of(browser)
        assert sessions.IDLE_SECONDS <= 30 * 60, "ASVS 4.0.3, 3.3.2 at level 2"
        clock.move_to(began + sessions.IDLE_SECONDS - 5)
        assert browser.get(f"{PATHS[service]}/", follow=True).status == 200
        clock.move_to(began + 2 * sessions.IDLE_SECONDS - 10)
        assert browser.get(f"{PATHS[service]}/", follow=True).status == 200, "each use moves the limit"
        assert copied(suite, copy).get(f"{PATHS[service]}/").status == 401, "a copy from before has no part in that"
        clock.move_to(began + 3 * sessions.IDLE_SECONDS)
        assert browser.get(f"{PATHS[service]}/").status == 401


@pytest.mark.parametrize("service", SERVICES)
def test_eight_hours_end_it_however_busy_she_is(suite: Suite, service: str) -> None:
    began = time.time()
    with time_machine.travel(began, tick=False) as clock:
        browser = suite.by("admin", service)
        for quarters in range(1, 33):
            clock.move_to(began + quarters * 900 - 2)
            assert browser.get(f"{PATHS[service]}/", follow=True).status == 200, quarters
        clock.move_to(began + 8 * 3600 + 2)
        assert browser.get(f"{PATHS[service]}/").status == 401


def test_a_partners_session_ends_when_her_key_is_revoked(suite: Suite) -> None:
    partner = a_partner(suite.world, name="Hytten")
    key = a_key(suite.world, partner)
    school = suite.by(service="partners", key=key)
    copy = cookie_of(school)
    assert school.get("/partnere/").status == 200 and key not in str(suite.held(school)) and key.split("_", 2)[2] not in str(suite.held(school))
    admin = suite.world.partners(COORDINATOR)
    id = next(k["id"] for k in admin.get("/keys").json["items"] if k["owner"] == partner)
    assert admin.post(f"/keys/{id}/revoke", {}).status == 200
    assert school.get("/partnere/").status == copied(suite, copy).get("/partnere/").status == 401
    assert all(school.get(f"{PATHS[name]}/").status == 401 for name in SERVICES)


def test_a_partners_session_opens_no_other_service(suite: Suite) -> None:
    school = suite.by(service="partners", key=a_key(suite.world, a_partner(suite.world, name="Borgen")))
    assert {name: school.get(f"{PATHS[name]}/").status for name in SERVICES} == {"referral": 401, "matching": 401, "followup": 401, "partners": 200}
    assert school.get("/").headers["Location"] == "/henvisning/way-in" and school.get("/henvisning/way-in").headers["Location"] == "/partnere/"


# ---- Signing in


def test_each_sign_in_has_a_new_id_and_holds_nothing_of_before(suite: Suite) -> None:
    """Nobody can plant a session and wait until its owner has signed in."""
    browser = Browser(suite.app)
    planted = browser.get("/henvisning/sign-in")
    before = suite.held(browser)
    assert "id" not in before
    found = []
    for name in ("karen", "karen", "mehmet"):
        browser.post("/henvisning/sign-in", csrf_token=browser.get("/henvisning/sign-in", follow=True).form_token, username=name, password=name)
        found.append(suite.held(browser))
    assert len({one["id"] for one in found}) == 3
    assert all(one.get("csrf_token") != before["csrf_token"] for one in found)
    assert browser.post("/henvisning/language", csrf_token=planted.form_token, language="en").status == 400, "a form of the planted session is no form of hers"
    assert found[-1]["sub"] == "mehmet"


def test_purposes_told_by_one_are_not_the_next_ones(suite: Suite) -> None:
    browser = suite.by("karen")
    case = str(uuid.uuid4())
    browser.post("/henvisning/purpose", csrf_token=browser.get("/henvisning/").form_token, case=case, purpose="supervision")
    told = suite.held(browser).get("why")
    browser.post("/henvisning/sign-in", csrf_token=browser.get("/henvisning/").form_token, username="lone", password="lone")
    assert "why" not in suite.held(browser) and suite.held(browser)["sub"] == "lone", told


@pytest.mark.parametrize("service", SERVICES)
def test_wrong_passwords_for_a_name_are_limited_also_for_who_then_has_the_right_one(tmp_path: Path, service: str) -> None:
    with a_world(tmp_path, services=[service], limits={"sign_in": "3/600"}) as world:
        def tried(name: str, password: str) -> int:
            browser = Browser(world.apps[service])
            return browser.post("/sign-in", csrf_token=browser.get("/sign-in").form_token, username=name, password=password).status

        assert [tried("karen", "guess") for _ in range(4)] == [401, 401, 401, 429]
        assert (tried("karen", "karen"), tried("admin", "admin")) == (429, 303)


def test_a_wrong_name_and_a_wrong_password_sound_alike(suite: Suite) -> None:
    def said(name: str) -> str:
        browser = Browser(suite.app)
        return browser.post("/henvisning/sign-in", csrf_token=browser.get("/henvisning/sign-in").form_token, username=name, password="guess").text

    assert said("karen") == said("kirsten")


@pytest.mark.parametrize("to", HOSTILE)
def test_nobody_is_led_to_another_host(suite: Suite, to: str) -> None:
    def fine(answer: Any) -> bool:
        there = answer.headers["Location"]
        return answer.status == 303 and there.startswith("/") and "elsewhere" not in there and "\n" not in there

    browser = Browser(suite.app)
    page = browser.get("/henvisning/sign-in?" + urlencode({"to": to}))
    assert "elsewhere.example" not in page.form().values["to"][0]
    assert fine(browser.post("/henvisning/sign-in", csrf_token=page.form_token, username="karen", password="karen", to=to))
    token = browser.get("/henvisning/").form_token
    assert fine(browser.get("/henvisning/sign-in?" + urlencode({"to": to})))
    for path, more in (("language", {"language": "da"}), ("purpose", {"case": str(uuid.uuid4()), "purpose": "supervision"}), ("draft/forget", {"draft-of": "/x"})):
        assert fine(browser.post(f"/henvisning/{path}", csrf_token=token, to=to, **more)), path


# ---- Forms


def filled(rule: Rule) -> str:
    """The rule's path, with something in each of its places."""
    kinds = {"UUIDConverter": str(uuid.uuid4()), "IntegerConverter": "1", "DateConverter": "2026-01-01"}
    path = rule.rule
    for converter in rule._converters.values():  # in the order of the path
        value = kinds.get(type(converter).__name__, "x")
        start = path.index("<")
        path = path[:start] + value + path[path.index(">") + 1:]
    return path


def posted(app: Any) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if "POST" in rule.methods and not rule.rule.startswith("/v1/")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_form_needs_its_own_sessions_token(suite: Suite, service: str) -> None:
    app, path = suite.apps[service], PATHS[service]
    rules = posted(app)
    assert len(rules) > 15
    browser, stranger = suite.by("admin", service), suite.by("admin", service)
    foreign = stranger.get(f"{path}/", follow=True).form_token
    before = suite.state()
    held = suite.held(browser)
    for rule in rules:
        there = path + filled(rule)
        for data in ({}, {"csrf_token": foreign}):
            answer = browser.post(there, key=str(uuid.uuid4()), version="1", **data)
            if str(rule.endpoint).startswith("form."):  # what was typed is kept, and nothing is done with it
                assert (answer.status, answer.headers["Location"]) == (303, there), rule
            else:
                assert answer.status == 400, (rule, answer.status)
    assert suite.state() == before, "something was done"
    after = suite.held(browser)
    assert {k: v for k, v in after.items() if k not in ("_flashes", "csrf_token")} == {k: v for k, v in held.items() if k not in ("_flashes", "csrf_token")}


@pytest.mark.parametrize("service", SERVICES)
def test_every_form_needs_a_session(suite: Suite, service: str) -> None:
    before = suite.state()
    for rule in posted(suite.apps[service]):
        browser = Browser(suite.app)
        token = browser.get(f"{PATHS[service]}/sign-in").form_token
        if rule.rule in ("/sign-in", "/sign-out", "/language", "/purpose"):
            continue  # they are for anybody who was shown the page; what a session is needed for comes after
        assert browser.post(PATHS[service] + filled(rule), csrf_token=token).status == 401, rule
    assert suite.state() == before


@pytest.mark.parametrize("service", SERVICES)
def test_the_cookie_opens_no_way_of_the_api(suite: Suite, service: str) -> None:
    """So no form of another site and no script of one of ours can give a command through it."""
    browser = suite.by("admin", service)
    app = suite.apps[service]
    public = {"/v1/openapi.json", "/v1/sign-in"}
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/") and rule.rule not in public]
    assert len(rules) > 10
    with closing(browser.client.open(PATHS[service] + "/v1/openapi.json")) as document:
        assert document.status_code == 200
    for rule in rules:
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answer = browser.client.open(PATHS[service] + filled(rule), method=method, data="{}", content_type="application/json", headers={"Idempotency-Key": str(uuid.uuid4())})
            assert answer.status_code == 401, (rule, answer.status_code)

# SPDX-License-Identifier: MPL-2.0
"""Staff sign in on the pages at the municipality's provider, a real one of the test's own; whatever is bent on the way is refused."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from joserfc.jwk import RSAKey

from jobtrappen import plugins
from jobtrappen.runtime import Runtime
from jobtrappen.web.app import service_app
from tests.pages.browser import Browser, Page
from tests.support.oidc_provider import CLIENT, SECRET, OidcProvider, a_provider
from tests.support.world import a_world


@dataclass
class Door:
    """The referral service in production, and the provider that it knows."""

    app: Any
    runtime: Runtime
    provider: OidcProvider

    def begin(self, browser: Browser, to: str = "") -> str:
        """Returns: the provider's address that the browser is led to."""
        answer = browser.get(f"/sign-in/provider?to={to}")
        assert answer.status == 303, answer.text
        return answer.headers["Location"]

    def back(self, browser: Browser, address: str) -> Page:
        return browser.get(urlsplit(address).path + "?" + urlsplit(address).query)

    def sign_in(self, to: str = "") -> tuple[Browser, Page]:
        browser = Browser(self.app)
        return browser, self.back(browser, self.provider.go(self.begin(browser, to)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with a_provider() as provider, a_world(tmp_path_factory.mktemp("door"), services=["referral"], mode="production", oidc_issuer=provider.issuer, oidc_audience="the-api",
                                           oidc_jwks=f"{provider.issuer}/jwks", oidc_client_id=CLIENT, oidc_client_secret=SECRET) as world:
        yield Door(world.apps["referral"], world.runtimes["referral"], provider)


@pytest.fixture
def door(made: Door) -> Iterator[Door]:
    yield made
    made.provider.bent, made.provider.sign, made.provider.ends = {}, None, True
    made.provider.person = {"sub": "a1b2", "role": "caseworker", "unit": "lokalcenter", "name": "Karen Holm"}
    made.app.extensions["provider"].server_metadata.clear()  # asked anew


def test_she_is_led_to_the_provider_and_back_to_where_she_was(door: Door) -> None:
    page = Browser(door.app).get("/cases")
    assert page.status == 401 and page.link("/sign-in/provider") == "/sign-in/provider?to=/cases"
    browser, answer = door.sign_in(to="/cases")
    assert (answer.status, answer.headers["Location"]) == (303, "/cases")
    home = browser.get("/")
    assert home.status == 200 and "Karen Holm" in home.text
    asked = door.provider.asked[-1]
    assert asked["redirect_uri"] == "https://localhost/sign-in/back" and SECRET not in str(asked)


def test_each_sign_in_has_a_state_a_nonce_and_a_challenge_of_its_own(door: Door) -> None:
    for _twice in range(2):
        door.sign_in()
    first, second = door.provider.asked[-2:]
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


BENT: dict[str, Callable[[OidcProvider], dict[str, Any]]] = {
    "another issuer": lambda p: {"iss": "https://elsewhere.example"}, "no issuer": lambda p: {"iss": None}, "for another client": lambda p: {"aud": "another"},
    "for the API and not for the pages": lambda p: {"aud": "the-api"}, "for no client": lambda p: {"aud": None},
    "expired": lambda p: {"exp": int(time.time()) - 120}, "without an end": lambda p: {"exp": None}, "another nonce": lambda p: {"nonce": "replayed"},
    "no nonce": lambda p: {"nonce": None}, "nobody": lambda p: {"sub": None}, "no role": lambda p: {"role": None}, "a role of no staff": lambda p: {"role": "service"},
    "a partner's role": lambda p: {"role": "partner"}, "a made-up role": lambda p: {"role": "mayor"}, "several for whom, and given to another": lambda p: {"aud": [CLIENT, "b"], "azp": "b"},
}


@pytest.mark.parametrize("what", BENT)
def test_an_id_token_that_does_not_hold_signs_nobody_in(door: Door, what: str) -> None:
    door.provider.bent = BENT[what](door.provider)
    browser, answer = door.sign_in()
    assert answer.status == 401 and answer.has_link("/sign-in/provider")
    assert browser.get("/").status == 401


def test_another_key_under_the_same_name_signs_nobody_in(door: Door) -> None:
    door.provider.sign = RSAKey.generate_key(2048, {"kid": "one"})
    browser, answer = door.sign_in()
    assert (answer.status, browser.get("/").status) == (401, 401)


def test_what_was_begun_in_one_browser_does_not_end_in_another(door: Door) -> None:
    """State: nobody is signed in as somebody else by a link."""
    mine, hers = Browser(door.app), Browser(door.app)
    address = door.provider.go(door.begin(mine))
    assert door.back(hers, address).status == 401 and hers.get("/").status == 401
    assert door.back(mine, address).status == 303


def test_a_way_back_holds_once_and_with_its_own_code(door: Door) -> None:
    browser = Browser(door.app)
    first, second = door.provider.go(door.begin(browser)), door.provider.go(door.begin(browser))
    codes, states = zip(*((parse_qs(urlsplit(a).query)["code"][0], parse_qs(urlsplit(a).query)["state"][0]) for a in (first, second)), strict=True)
    assert browser.get(f"/sign-in/back?code={codes[0]}&state={states[1]}").status == 401, "PKCE: the code belongs to the other challenge"
    other = Browser(door.app)
    done = door.provider.go(door.begin(other))
    assert [door.back(other, done).status, door.back(other, done).status] == [303, 401]


@pytest.mark.parametrize("query", ["", "?error=access_denied&state=x", "?code=x", "?state=x", "?code=x&state=x", "?code=x&state[]=x"])
def test_a_way_back_that_nobody_began_is_refused(door: Door, query: str) -> None:
    answer = Browser(door.app).get(f"/sign-in/back{query}")
    assert answer.status == 401 and answer.has_link("/sign-in/provider")


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "/%5Celsewhere.example", "javascript:alert(1)", "%09//elsewhere.example"])
def test_nobody_is_led_elsewhere_after_it(door: Door, to: str) -> None:
    _browser, answer = door.sign_in(to=to)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_many_begun_sign_ins_do_not_fill_the_cookie(door: Door) -> None:
    browser = Browser(door.app)
    for _ in range(12):
        address = door.begin(browser)
    assert max(len(cookie.value) for cookie in browser.client._cookies.values()) < 2500
    assert door.back(browser, door.provider.go(address)).status == 303


def test_the_session_is_a_new_one_and_what_was_begun_is_gone_from_it(door: Door) -> None:
    browser = Browser(door.app)
    address = door.provider.go(door.begin(browser))
    before = {cookie.value for cookie in browser.client._cookies.values()}
    door.back(browser, address)
    after = {cookie.value for cookie in browser.client._cookies.values()}
    assert not before & after
    session = door.app.session_interface.get_signing_serializer(door.app).loads(after.pop())
    assert not [name for name in session if name.startswith("_state")] and session["sub"] == "a1b2"


def test_signing_out_leads_to_the_providers_own_way_out(door: Door) -> None:
    browser, _answer = door.sign_in()
    out = browser.post("/sign-out", csrf_token=browser.get("/").form_token)
    assert (out.status, out.headers["Location"]) == (303, "/sign-out/provider")
    page = browser.get("/sign-out/provider")
    there = page.link(f"{door.provider.issuer}/end")
    assert parse_qs(urlsplit(there).query) == {"client_id": [CLIENT], "post_logout_redirect_uri": ["https://localhost/sign-in"]}
    assert [at["content"] for tag, at in page.reader.tags if tag == "meta" and at.get("http-equiv") == "refresh"] == [f"0; url={there}"]
    assert browser.get("/").status == 401


def test_a_provider_without_a_way_out_ends_the_session_here(door: Door) -> None:
    door.provider.ends = False
    browser, _answer = door.sign_in()
    browser.post("/sign-out", csrf_token=browser.get("/").form_token)
    out = browser.get("/sign-out/provider")
    assert (out.status, out.headers["Location"]) == (303, "/sign-in") and browser.get("/").status == 401


def test_what_was_typed_before_the_session_ran_out_comes_back_after_the_provider(door: Door) -> None:
    browser, _answer = door.sign_in()
    form = browser.get("/cases/new")
    with time_machine.travel(time.time() + 3700, tick=True):
        late = browser.send(form, given_name="Amina", family_name="Fiktiv")
        assert late.status == 401
        answer = door.back(browser, door.provider.go(door.begin(browser, "/cases/new")))
        assert answer.headers["Location"] == "/cases/new"
        assert browser.get("/cases/new").form().values["given_name"] == ["Amina"]


def test_a_provider_that_is_away_is_told_and_nobody_is_signed_in(door: Door) -> None:
    away = door.runtime.settings.on(oidc_issuer="http://127.0.0.1:9")
    runtime = Runtime(plugins.services()["referral"], away)
    try:
        answer = Browser(service_app(runtime)).get("/sign-in/provider")
        assert answer.status == 503 and answer.headers["Retry-After"]
    finally:
        runtime.close()


def test_where_the_provider_does_not_know_the_pages_there_is_no_such_way(door: Door) -> None:
    runtime = Runtime(plugins.services()["referral"], door.runtime.settings.on(oidc_client_id=""))
    try:
        browser = Browser(service_app(runtime))
        assert not browser.get("/sign-in").has_link("/sign-in/provider") and browser.get("/sign-in/provider").status == 404
    finally:
        runtime.close()

# SPDX-License-Identifier: MPL-2.0
"""Every page that a link leads to, as each role meets it: no fault that axe finds, no page wider than its window, nothing that the
content security policy refuses, no other host, the language said, and the first Tab leads past the navigation."""
from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from jobtrappen.config import PATHS
from tests.browser.person import Person
from tests.browser.town import Town

WIDTHS = ((1440, 900), (390, 844))
LANGUAGES = {"da": "da-DK", "en": "en-GB"}
RULES = """() => axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "EN-301-549", "best-practice"]}, resultTypes: ["violations"]})
  .then(r => r.violations.map(v => v.id + " (" + v.impact + "): " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + n.failureSummary).join(" | ")))"""
SHAPE = """() => { const shape = e => { const of = [...e.children].map(shape); const rows = of.filter((one, n) => one !== of[n - 1]);
  return e.tagName + "." + e.className + [...e.attributes].map(a => /^(role|type|aria-.*|lang|dir|scope|tabindex)$/.test(a.name) ? a.name : "").join("")
    + (e.textContent.trim() ? "" : "0") + "(" + rows.join() + ")"; }; return shape(document.body); }"""
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
NO_PAGE = re.compile(r"/static/|/v1/|\.csv|\.pdf|format=|^/[a-z]+/(metrics|healthz|readyz)")
WHO = ("karen", "mehmet", "lone", "pia", "admin", "partner")


def kind_of(address: str) -> str:
    """Pages of one kind differ only in ids and in what their query holds."""
    parts = urlsplit(address)
    names = sorted({f"{n}={v}" if n in ("kind", "code_set", "measure", "status") else n for n, v in parse_qsl(parts.query)} - {"after"})
    return f"{ID.sub('*', parts.path)}?{'&'.join(names)}"


def come_in(person: Person, name: str, town: Town) -> list[str]:
    """Sign in. Returns: where to begin."""
    if name == "partner":
        person.sign_in(key=town.key, at="partners")
        return [f"{PATHS['partners']}/"]
    person.sign_in(name)
    return [f"{path}/" for path in PATHS.values()]


def walk(person: Person, begin: list[str], look: Callable[[str], None]) -> list[str]:
    """Follow links until no new kind of page is found. Returns: the addresses that were seen."""
    waiting, seen = list(begin), {kind_of(b) for b in begin}
    done = []
    while waiting:
        address = waiting.pop(0)
        status = person.go(address)
        assert status in (200, *((403, 404) if address in begin else ())), (address, status, person.text[:300])
        done.append(address)
        look(address)
        for found in person.page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
            target = urljoin(person.page.url, found)
            path = target.removeprefix(person.base).split("#")[0]
            if target.startswith(f"{person.base}/") and not NO_PAGE.search(path) and (kind := kind_of(path)) not in seen:
                seen.add(kind)
                waiting.append(path)
    return done


def faults(person: Person, language: str, axe: str, known: set[str] | None = None) -> list[str]:
    """What is wrong with the page that is shown, at both widths. `known`: shapes of pages at which axe has looked already, in this
    language; what it finds hangs on elements and their attributes, so a page that differs in its words alone is not looked at again."""
    page, found = person.page, []
    shape = page.evaluate(SHAPE)
    new = known is None or shape not in known
    if known is not None:
        known.add(shape)
    if page.locator("html").get_attribute("lang") != language:
        found.append("lang")
    page.evaluate("document.activeElement && document.activeElement.blur()")
    if new:
        page.evaluate(axe)
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        if (over := person.overflows()) > 0:
            found.append(f"{over} px wider than {width}")
        found += [f"{width}: {one}" for one in page.evaluate(RULES)] if new else []
    return found + [f"refused: {one}" for one in person.refused()]


@pytest.fixture(scope="module")
def shapes() -> dict[str, set[str]]:
    """By language: the shapes of pages that axe has seen."""
    return {language: set() for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WHO)
def test_every_page_is_accessible(name: str, language: str, someone: Callable[..., Person], town: Town, axe: str, shapes: dict[str, set[str]]) -> None:
    assert town.peopled
    person = someone(locale=LANGUAGES[language])
    wrong: dict[str, list[str]] = {}

    def look(address: str) -> None:
        said = dict(parse_qsl(urlsplit(address).query)).get("language", language) if "/letter" in address else language  # a letter is written for who gets it
        if found := faults(person, said, axe, shapes[language]):
            wrong[address] = found

    begin = come_in(person, name, town)
    done = walk(person, begin, look)
    assert len(done) >= (5 if name in ("partner", "admin") else 15), done
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_that_say_no_are_accessible_too(language: str, someone: Callable[..., Person], town: Town, axe: str) -> None:
    """The sign-in, and after a wrong password; no such page; not for this role; a form with what is wrong."""
    person, wrong = someone(locale=LANGUAGES[language]), {}
    wrong["sign in"] = faults(person, language, axe) if person.go("referral/sign-in") == 200 else ["status"]
    person.page.locator("#username").fill("karen")
    person.page.locator("#password").fill("no")
    person.follow("form:has(#username) button")
    wrong["refused"] = faults(person, language, axe)
    person.sign_in("karen")
    wrong["no page"] = faults(person, language, axe) if person.go("referral/nowhere") == 404 else ["status"]
    wrong["no thing"] = faults(person, language, axe) if person.go("referral/cases/00000000-0000-7000-8000-000000000000") == 404 else ["status"]
    wrong["not hers"] = faults(person, language, axe) if person.go("matching/employers/new") == 403 else ["status"]
    assert person.go("referral/cases/new") == 200
    person.follow("main .jt-form button.button-primary")
    assert person.page.locator("#errors").is_visible() and person.page.evaluate("document.activeElement.id") == "errors"
    wrong["errors"] = faults(person, language, axe)
    assert {k: v for k, v in wrong.items() if v} == {}


def test_the_first_tab_leads_past_the_navigation(someone: Callable[..., Person]) -> None:
    person = someone()
    for path in ("referral/sign-in", "referral/"):
        if not path.endswith("sign-in"):
            person.sign_in("mehmet")
        person.go(path)
        person.page.keyboard.press("Tab")
        assert person.page.evaluate("document.activeElement.className") == "skipnav" and person.page.locator(".skipnav").is_visible()
        person.page.keyboard.press("Enter")
        assert person.page.evaluate("document.activeElement.id") == "main-content"

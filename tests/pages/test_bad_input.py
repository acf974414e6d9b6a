# SPDX-License-Identifier: MPL-2.0
"""Every form of the four services, by the sites' own lists, is sent empty, too long, as markup, in other letters and with what no
keyboard has; sent twice; and sent when the session is over. Nothing is done by halves and nothing that was typed is lost."""
from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from jobtrappen.config import PATHS, SERVICES
from tests.pages.browser import Browser, Page
from tests.pages.every_page import PARTNER, WHO, Municipality, Visit, at_nine
from tests.pages.kept import Kept
from tests.pages.outline import outline

SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'
TYPED = {
    "too long": "x" * 20_001, "markup": SCRIPT, "a formula": "=1+1", "emoji": "👩🏽‍🍳🥐", "right to left": "\u202eمرحبا بكم", "control characters": "a\x00b\x07c\x1b[0m", "many digits": "9" * 40,
    "a quote": "\"' onmouseover='x", "templates": "{{ 7*7 }} {% x %} {name} %(x)s", "spaces": "\u00a0\u2003x\u200b",
}


@pytest.fixture(autouse=True)
def _there_at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)
    with at_nine():
        yield


@pytest.fixture(scope="module")
def kept(municipality: Municipality) -> Iterator[Kept]:
    with at_nine():
        for service in SERVICES:
            municipality.forms(service)
        made = Kept(municipality)
    yield made
    for name in SERVICES:
        made.back(name)


def texts(page: Page) -> list[str]:
    """The fields into which something can be typed."""
    form = page.form()
    return [name for name in form.values if name not in form.hidden and name not in form.choices]


def fields(page: Page) -> list[str]:
    """Everything that a person can fill or choose."""
    form = page.form()
    return sorted({name for name in (*form.values, *form.choices) if name not in form.hidden})


def refused_well(visit: Visit, answer: Page, typed: dict[str, str]) -> list[str]:
    """What is wrong with a form that was shown again: each error at its field and in the summary, all that was typed still there."""
    wrong = []
    ids = {at["id"] for _tag, at in answer.reader.tags if "id" in at}
    if answer.status == 412:
        return [] if "stale" in ids else ["no word of the other's change"]
    if "errors" not in ids:
        return [f"no summary: {answer.text[:200]}"]
    if (summary := next(at for _tag, at in answer.reader.tags if at.get("id") == "errors")).get("tabindex") != "-1" or summary.get("role") != "alert":
        wrong.append("the summary cannot take the focus")
    led = [address[1:] for address, _text in answer.links if address.startswith("#f-")]
    wrong += [f"the summary leads to {id}, which is not there" for id in led if id not in ids]
    if answer.status == 422 and not answer.errors and led:
        wrong.append("no error stands at its field")
    now = answer.form().values
    wrong += [f"{name}: {value[:40]!r} became {now.get(name)!r}"[:300] for name, value in typed.items() if now.get(name, [""])[0].strip() != value.replace("\r\n", "\n").strip()]
    return wrong


def sent(kept: Kept, municipality: Municipality, visit: Visit, **typed: Any) -> tuple[Page, list[str]]:
    """(the answer, what is wrong with it). The databases are as before."""
    browser = municipality.by(visit.who)
    answer = browser.send(visit.page, follow=False, **typed)
    changed = kept.changed(visit.service)
    wrong: list[str] = []
    if answer.status >= 500:
        wrong.append(f"{answer.status}: {answer.text[:200]}")
    elif answer.status in (200, 303):
        shown = browser.get(answer.headers["Location"], follow=True) if answer.status == 303 else answer
        if shown.status not in (200, 428) or "<script>alert" in shown.html or "<img src=x" in shown.html:
            wrong.append(f"led to {shown.status}, or to markup")
    else:
        if changed:
            wrong.append(f"{answer.status}, and yet changed {changed}")
        wrong += refused_well(visit, answer, {k: v for k, v in typed.items() if isinstance(v, str) and k in texts(visit.page)})
    if "<script>alert" in answer.html or "<img src=x" in answer.html:
        wrong.append("markup")
    if changed:
        kept.back(visit.service)
    return answer, [f"{visit.endpoint} as {visit.who}: {one}" for one in wrong]


@pytest.mark.parametrize("service", SERVICES)
def test_every_form_has_somebody_who_can_open_it(municipality: Municipality, kept: Kept, service: str) -> None:
    registered = {page.name for page in municipality.pages(service) if page.name.startswith("form.")}
    assert registered - {visit.endpoint for visit in municipality.forms(service)} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_an_empty_form_says_what_is_missing_at_each_field_and_does_nothing(municipality: Municipality, kept: Kept, service: str) -> None:
    wrong, refused = [], 0
    for visit in municipality.forms(service):
        answer, faults = sent(kept, municipality, visit, **dict.fromkeys(fields(visit.page)))
        wrong += faults
        refused += answer.status == 422
    assert not wrong, "\n".join(wrong)
    assert refused >= 3


@pytest.mark.parametrize("what", TYPED)
@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_typed_into_every_field_is_taken_or_told_and_never_lost(municipality: Municipality, kept: Kept, service: str, what: str) -> None:
    wrong = []
    for visit in municipality.forms(service):
        if names := texts(visit.page):
            wrong += sent(kept, municipality, visit, **dict.fromkeys(names, TYPED[what]))[1]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("what", ["markup", "right to left"])
@pytest.mark.parametrize("service", SERVICES)
def test_one_field_of_a_form_that_is_right_otherwise(municipality: Municipality, kept: Kept, service: str, what: str) -> None:
    """Where the rest is as the page filled it in, what was typed often arrives: then it is shown as it was typed, on the page that comes."""
    wrong = []
    for visit in municipality.forms(service):
        for name in texts(visit.page)[:3]:
            wrong += sent(kept, municipality, visit, **{name: TYPED[what]})[1]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_a_choice_that_is_none_and_an_id_of_nobody_are_refused(municipality: Municipality, kept: Kept, service: str) -> None:
    wrong = []
    for visit in municipality.forms(service):
        form = visit.page.form()
        for name in (*form.choices, *(name for name in form.hidden if name.endswith("_id"))):
            for value in ("no_such_code", str(uuid.uuid4()), SCRIPT):
                answer, faults = sent(kept, municipality, visit, **{name: value})
                if answer.status not in (404, 403):  # an id of nobody has no form any more
                    wrong += faults
                elif answer.status >= 500 or "<script>alert" in answer.html:
                    wrong.append(f"{visit.endpoint}: {name}={value}: {answer.status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_going_back_and_sending_again_makes_one_and_another_text_is_not_swallowed(municipality: Municipality, kept: Kept, service: str) -> None:
    """The same again is answered as before; with another text the first stands, and the second is told and keeps what it typed."""
    wrong, arrived = [], 0
    for visit in municipality.forms(service):
        browser = municipality.by(visit.who)
        first = browser.send(visit.page, follow=False)
        if first.status != 303:
            continue
        arrived, state = arrived + 1, kept.state(visit.service)
        again = browser.send(visit.page, follow=False)
        if (again.status, again.headers.get("Location")) != (303, first.headers["Location"]) or kept.state(visit.service) != state:
            wrong.append(f"{visit.endpoint}: the same twice: {again.status} {again.headers.get('Location')}")
        for name in texts(visit.page)[:1]:
            other = browser.send(visit.page, follow=False, **{name: "Noget andet"})
            if other.status not in (409, 412, 422) or kept.state(visit.service) != state or other.form().values[name] != ["Noget andet"]:
                wrong.append(f"{visit.endpoint}: another text: {other.status} {other.text[:200]}")
        kept.back(visit.service)
    assert not wrong, "\n".join(wrong)
    assert arrived


@pytest.mark.parametrize("service", SERVICES)
def test_a_session_that_ends_in_the_middle_of_any_form_brings_back_what_was_typed(municipality: Municipality, kept: Kept, service: str) -> None:
    wrong = []
    for visit in municipality.forms(service):
        names = texts(visit.page)
        if not names:
            continue
        typed = {name: f"Halvt skrevet {n}" for n, name in enumerate(names)}
        browser = Browser(municipality.app)
        browser.get(f"{PATHS[service]}/sign-in")
        stopped = browser.send(visit.page, follow=False, **typed)
        key = {"key": municipality.town.key} if visit.who == PARTNER else {"username": visit.who, "password": visit.who}
        if stopped.status != 401:
            wrong.append(f"{visit.endpoint}: {stopped.status}")
            continue
        form = next(f for f in stopped.reader.forms if ("key" if visit.who == PARTNER else "username") in f.values)
        back = browser.post(form.action, **{**{k: v[0] for k, v in form.values.items()}, **key})
        shown = browser.get(back.headers["Location"])
        if shown.status != 200 or any(shown.form().values.get(name) != [text] for name, text in typed.items()):
            wrong.append(f"{visit.endpoint} as {visit.who}: {shown.status} {[(n, shown.form().values.get(n)) for n in names] if shown.status == 200 else shown.text[:200]}")
        if kept.changed(service):
            wrong.append(f"{visit.endpoint}: something was done")
        kept.back(service)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_the_language_changes_in_the_middle_of_any_form_and_what_was_typed_stays(municipality: Municipality, kept: Kept, service: str) -> None:
    """As the page's script sends it, and as its button without scripts does."""
    wrong = []
    for visit in municipality.forms(service):
        names = texts(visit.page)
        if not names:
            continue
        typed, browser = {name: f"Halvt skrevet {n}" for n, name in enumerate(names)}, municipality.by(visit.who)
        data = {**{k: v[0] for k, v in visit.page.form().values.items()}, **typed, "language": "en", "to": visit.address}
        changed = browser.post(f"{PATHS[service]}/language", **data)
        shown = browser.get(changed.headers["Location"])
        if 'lang="en"' not in shown.html or any(shown.form().values.get(name) != [text] for name, text in typed.items()):
            wrong.append(f"{visit.endpoint}: {shown.status} {[(n, shown.form().values.get(n)) for n in names]}")
        browser.post(f"{PATHS[service]}/language", csrf_token=shown.form_token, language="da")
        kept.back(service)
    assert not wrong, "\n".join(wrong)


# --- other people's ids --------------------------------------------------------------------------------------------------------

def said(page: Page) -> tuple[int, list[str]]:
    return page.status, outline(page.html).main


@pytest.mark.parametrize("service", SERVICES)
def test_an_id_that_is_not_for_her_is_answered_like_one_that_nobody_has(municipality: Municipality, kept: Kept, service: str) -> None:
    """For every page with an id and everybody who can sign in here; a partner of another organisation too."""
    wrong = []
    stranger = Browser(municipality.app, sign_in=f"{PATHS['partners']}/sign-in", key=municipality.town.other_key) if service == "partners" else None
    people = {who: municipality.by(who) for who in WHO if who != PARTNER or service == "partners"} | ({"stranger": stranger} if stranger else {})
    for page in municipality.pages(service):
        things = list(municipality.things(service, page.path)) if "<uuid" in page.path else []
        if not things:
            continue
        for who, browser in people.items():
            nobodys = said(browser.get(things[0][1].replace(municipality.town.made[things[0][0]], str(uuid.uuid4()))))
            if nobodys[0] not in (403, 404):
                wrong.append(f"{page.path} as {who}: an id of nobody is answered {nobodys[0]}")
            for name, address in things:
                shown = said(browser.get(address))
                if shown[0] not in (200, 428) and shown != nobodys:
                    wrong.append(f"{page.path} {name} as {who}: {shown} instead of {nobodys}")
                if who == "stranger" and shown[0] == 200 and name != "opinion":
                    wrong.append(f"{page.path} {name} is shown to another organisation")
    assert not wrong, "\n".join(wrong)

# SPDX-License-Identifier: MPL-2.0
"""What is printed: the leaflet for the interview in five languages (F-250) and the agreement's letter, as pages and as PDF."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from jobtrappen_matching import printed
from tests.pages.browser import Browser
from tests.support.stages_matching import a_draft, a_known_case, a_match, a_workplace, an_opening, ordinary
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TODAY, World, a_world

LANGUAGES = ("da", "en", "tr", "ar", "uk")
SCRIPTS = {"ar": "[\u0600-\u06ff]", "uk": "[\u0400-\u04ff]"}
"""The letters of a language that does not write Latin ones."""
pdf_is_made = pytest.mark.skipif(not printed.makes_pdf() and not os.environ.get("CI"), reason="the extra `leaflets` (WeasyPrint) is not installed")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("printed"), services=["referral", "matching"]) as made:
        yield made


@pytest.fixture(scope="module")
def mehmet(world: World) -> Browser:
    return Browser(world.apps["matching"], CONSULTANT)


@pytest.fixture(scope="module")
def letter(world: World) -> str:
    """The address of an agreement's letter."""
    agreement = a_draft(world, case_id=a_known_case(world, given_name="Leyla", family_name="Brevlæser"), workplace_id=a_workplace(world), **ordinary(tasks="Bage <b>brød</b>")).id
    return f"/agreements/{agreement}/letter"


def test_every_language_has_the_same_fourteen_pieces_of_advice_in_its_own_letters() -> None:
    assert tuple(printed.leaflets()) == LANGUAGES
    for code, one in printed.leaflets().items():
        assert len(one["items"]) == len(set(one["items"])) == 14, code
        assert set(one) == {"name", "dir", "title", "intro", "where", "notes", "items"} and (one["dir"] == "rtl") == (code == "ar")
        texts = [one["title"], one["intro"], one["where"], one["notes"], *one["items"]]
        assert all(text and text == text.strip() for text in texts)
        for other, letters in SCRIPTS.items():
            assert all(bool(re.search(letters, text)) == (code == other) for text in texts), code
    assert "ş" in "".join(printed.leaflets()["tr"]["items"]), "the letters that the annex of 2004 lost"


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_leaflet_is_shown_in_each_language_in_its_direction(mehmet: Browser, code: str) -> None:
    page = mehmet.get(f"/leaflet?language={code}")
    one = printed.leaflets()[code]
    article = next(at for tag, at in page.reader.tags if tag == "article")
    assert page.status == 200 and (article["lang"], article["dir"]) == (code, one["dir"])
    assert all(text in page.text for text in one["items"]) and one["title"] in page.text
    assert [a for a, _text in page.links if "leaflet?language" in a] == [f"/leaflet?language={c}" for c in LANGUAGES]
    assert [at["lang"] for tag, at in page.reader.tags if tag == "html"] == ["da"], "the page around it stays in the reader's language"


def test_the_leaflet_is_for_staff_and_is_in_the_readers_language_unless_another_is_asked_for(world: World, mehmet: Browser) -> None:
    for name in (CASEWORKER, COORDINATOR, ADMINISTRATOR):
        assert Browser(world.apps["matching"], name).get("/leaflet").status == 200
    assert Browser(world.apps["matching"]).get("/leaflet").status == 401
    assert "Gode råd til jobsamtalen" in mehmet.get("/leaflet").text
    for wrong in ("xx", "", "<script>", "ar-EG"):
        assert mehmet.get(f"/leaflet?language={wrong}").status == 404


def test_who_books_an_interview_finds_the_leaflet_there(world: World, mehmet: Browser) -> None:
    match = a_match(world, a_known_case(world), an_opening(world)).id
    assert world.matching(CONSULTANT).post(f"/matches/{match}/present", {"citizen_yes_on": TODAY, "presentation_id": "sag-1"}).status == 200
    page = mehmet.get(f"/matches/{match}/book_interview")
    assert page.status == 200 and mehmet.get(page.link("Gode råd til samtalen")).status == 200


def test_without_weasyprint_there_is_no_button_and_the_page_is_printed(mehmet: Browser, letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "makes_pdf", lambda: False)
    for path in ("/leaflet", letter):
        page = mehmet.get(path)
        assert page.status == 200 and "data-print" in page.html and not page.has_link(".pdf")
    assert mehmet.get("/leaflet.pdf").status == mehmet.get(f"{letter}.pdf").status == 404


def test_where_weasyprint_is_there_the_button_leads_to_the_language_that_is_shown(mehmet: Browser, letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "makes_pdf", lambda: True)
    assert mehmet.get("/leaflet?language=ar").link("Som PDF") == "/leaflet.pdf?language=ar"
    assert mehmet.get(f"{letter}?language=en").link("As PDF") == f"{letter}.pdf?language=en"


@pdf_is_made
@pytest.mark.parametrize("code", LANGUAGES)
def test_the_leaflet_is_made_as_pdf_in_each_language(mehmet: Browser, code: str) -> None:
    made = mehmet.client.get(f"/leaflet.pdf?language={code}")
    assert made.status_code == 200 and made.content_type == "application/pdf" and made.data.startswith(b"%PDF-") and len(made.data) > 5000
    assert made.headers["Content-Disposition"] == 'inline; filename="leaflet.pdf"'


@pdf_is_made
def test_the_letter_is_made_as_pdf_for_those_who_may_read_it(world: World, mehmet: Browser, letter: str) -> None:
    made = mehmet.client.get(f"{letter}.pdf?language=en")
    assert made.status_code == 200 and made.data.startswith(b"%PDF-")
    assert Browser(world.apps["matching"], CASEWORKER).client.get(f"{letter}.pdf").status_code == 403


@pdf_is_made
def test_nothing_is_fetched_for_a_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.request import OpenerDirector

    asked: list[object] = []
    monkeypatch.setattr(OpenerDirector, "open", lambda _self, url, *_a, **_k: asked.append(url))
    page = '<link rel="stylesheet" href="http://198.51.100.1/a.css"><img src="file:///etc/passwd"><p style="background:url(http://198.51.100.1/b.png)">x</p>'
    assert printed.pdf(page).startswith(b"%PDF-") and asked == []

# SPDX-License-Identifier: MPL-2.0
"""Every page of the four services is rendered in Danish and in English as each role that may see it, and says what
snapshots/ holds of it: nothing without words, nothing of the other language, nothing that was meant for a program.

`python -m pytest tests/pages/test_every_page_renders.py --snapshots-anew` writes the snapshots; their difference is what a change does
to the pages.
"""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.config import SERVICES
from jobtrappen.web.pages import words
from jobtrappen.web.pages.words import LANGUAGES, PLACE
from tests.pages.every_page import DOORS, WHO, Municipality, Visit, at_nine
from tests.pages.outline import Outline, outline

SNAPSHOTS = Path(__file__).parent / "snapshots"
NOBODYS = re.compile(r"\b(None|undefined|nan|Undefined|True|False)\b|<[A-Z]\w+ object|\{\w*\}|\bfield:|\bhint:|\bdo:|\bcode:")
"""What only a program says: a place that was not filled, a code's own name."""
COLUMNS = {"Fornavn", "Efternavn", "CPR-nummer", "Ydelse", "Målgruppe", "Matchgruppe"}
"""Of an uploaded list; they are Danish in English too."""
HEADS = {"da": "Sider som de vises", "en": "Pages as they are shown"}


@pytest.fixture(autouse=True)
def _there_at_nine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)
    with at_nine():
        yield


@pytest.fixture(scope="session")
def seen(municipality: Municipality) -> Any:
    """(service, language) → every page that somebody was shown; each looked at once."""
    visited: dict[str, list[Visit]] = {}

    @lru_cache
    def look(service: str, language: str) -> list[Visit]:
        if service not in visited:
            _forget_missed(service, municipality)
            visited[service] = [visit for who in WHO for visit in municipality.visits(service, who)]
        if language == "da":
            return visited[service]
        return [Visit(v.service, v.endpoint, v.who, v.shown, v.address, municipality.by(v.who, language).get(v.address)) for v in visited[service]]

    return look


def _folders(municipality: Municipality, service: str) -> tuple[Path, Path]:
    site = municipality.world.runtimes[service].service.site
    assert site is not None
    return words.HERE, site.folder / "locale"


def _forget_missed(service: str, municipality: Municipality) -> None:
    for language in LANGUAGES:
        words.catalogue(language, _folders(municipality, service)).missed.clear()


@pytest.mark.parametrize("service", SERVICES)
def test_every_registered_page_is_shown_to_every_role_that_may_see_it(municipality: Municipality, seen: Any, service: str) -> None:
    shown: dict[str, dict[str, set[int]]] = {}
    for visit in seen(service, "da"):
        shown.setdefault(visit.endpoint, {}).setdefault(visit.who, set()).add(visit.page.status)
    registered = {page.name: page for page in municipality.pages(service)}
    assert sorted(set(registered) - set(shown)) == [], "nobody looked at these"
    assert {name: of for name, of in shown.items() if name in registered and not any({200, 303} & statuses for statuses in of.values())} == {}, "these nobody was shown"
    wrong = [(v.endpoint, v.who, v.address, v.page.status, v.page.text[:300]) for v in seen(service, "da") if v.page.status >= 500]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("service", SERVICES)
def test_every_page_says_what_its_snapshot_holds(municipality: Municipality, seen: Any, service: str, language: str, request: pytest.FixtureRequest) -> None:
    now = written(municipality, service, language, seen(service, language))
    file = SNAPSHOTS / f"{service}.{language}.txt"
    if request.config.getoption("--snapshots-anew"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8")
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if before != now:
        lines = list(difflib.unified_diff(before.splitlines(), now.splitlines(), f"snapshots/{file.name}", "as the pages are now", lineterm="", n=2))
        pytest.fail("\n".join([f"The pages of {service} differ from their snapshot; where that is meant: python -m pytest {Path(__file__).relative_to(Path(__file__).parents[2])} --snapshots-anew",
                               *lines[:300], *([f"… {len(lines) - 300} more lines"] if len(lines) > 300 else [])]), pytrace=False)


def written(municipality: Municipality, service: str, language: str, visits: list[Visit]) -> str:
    """The pages as text, one below the other; roles that are shown the same stand together, those that are shown something else after
    them, with what differs."""
    pages: dict[tuple[str, str], dict[str, list[str]]] = {}
    frames: dict[str, list[str]] = {}
    for visit in visits:
        made = outline(visit.page.html)
        content = "\n".join(made.main) if visit.page.status == 200 else f"{visit.page.status}{' → ' + to if (to := visit.page.headers.get('Location', '')) else ''}"
        pages.setdefault((visit.shown, visit.endpoint), {}).setdefault(content, []).append(visit.who)
        if visit.endpoint == "home" and visit.page.status == 200:
            frames.setdefault("\n".join(made.frame), []).append(visit.who)
    for name, path in DOORS.items():
        page = municipality.world.apps[service].test_client().get(path, headers={"Accept-Language": language})
        pages[path, name] = {"\n".join(outline(page.get_data(as_text=True)).main): ["nobody"]}
    parts = [f"SPDX-License-Identifier: MPL-2.0\n{HEADS[language]}: {service}"]
    parts += [f"=== (frame) [{', '.join(who)}]\n{text}" for text, who in frames.items()]
    parts += [part for (shown, _endpoint), of in pages.items() for part in _sections(shown, of)]
    return "\n\n".join(parts) + "\n"


def _sections(shown: str, of: dict[str, list[str]]) -> Iterator[str]:
    most, first = next(iter(of.items()))
    yield f"=== {shown} [{', '.join(first)}]\n{most}"
    for text, who in list(of.items())[1:]:
        other = [line for line in difflib.unified_diff(most.splitlines(), text.splitlines(), lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))]
        yield "\n".join([f"=== {shown} [{', '.join(who)}] not as [{', '.join(first)}]", *(other if len(other) < len(text.splitlines()) else [text])])


# --- words -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("service", SERVICES)
def test_no_page_asks_for_words_that_are_not_there(municipality: Municipality, seen: Any, service: str) -> None:
    for language in LANGUAGES:
        assert seen(service, language)
    assert {language: sorted(words.catalogue(language, _folders(municipality, service)).missed) for language in LANGUAGES} == {"da": [], "en": []}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("service", SERVICES)
def test_no_page_speaks_the_other_language_or_a_programs(municipality: Municipality, seen: Any, service: str, language: str) -> None:
    other = _other_words(_folders(municipality, service), language)
    wrong = sorted({(visit.shown, text) for visit in seen(service, language) if visit.page.status == 200 for text in foreign(outline(visit.page.html), other)})
    assert wrong == []
    assert all(f'<html lang="{language}"' in visit.page.html for visit in seen(service, language) if visit.page.status == 200)


def foreign(page: Outline, other: Other) -> list[str]:
    """Texts of a page that belong to the other language alone, or to no reader."""
    found = []
    for said in page.said:
        parts = {said, *re.split(r": |, |; | · | – ", said)} - COLUMNS
        if said in other.own:
            continue
        if NOBODYS.search(said) or any(part.strip(" .:;()") in other.texts for part in parts) or any(pattern.fullmatch(said) for pattern in other.patterns):
            found.append(said)
    return found


class Other:
    """The words of one language that the other does not have; `own` are the other's."""

    def __init__(self, texts: set[str], patterns: list[re.Pattern[str]], own: set[str]) -> None:
        self.texts, self.patterns, self.own = texts, patterns, own


@lru_cache
def _other_words(folders: tuple[Path, ...], language: str) -> Other:
    danish, english = (words.catalogue(one, folders) for one in LANGUAGES)
    of = {"da": danish.words,
          "en": {id: english.words.get(id, id) for id in danish.words if id in english.words or not re.match(r"^[a-z_]*:[\w.]+$", id)}}
    own = {_bare(text) for text in of[language].values()}
    theirs = of["en" if language == "da" else "da"]
    foreign_texts = {_bare(text) for id, text in theirs.items() if _bare(text) not in own and text != of[language].get(id) and not PLACE.search(text) and len(_bare(text)) > 3}
    patterns = [words._pattern(text, text).regex for id, text in theirs.items() if PLACE.search(text) and len(PLACE.sub("", text)) > 12 and text != of[language].get(id)]
    return Other(foreign_texts, patterns, set(of[language].values()))


def _bare(text: str) -> str:
    return text.strip(" .:;()")


# --- the tools themselves ----------------------------------------------------------------------------------------------------

def test_an_outline_has_what_a_reader_sees_and_nothing_that_changes() -> None:
    made = outline("""<html><head><title>Sag – Jobtrappen</title><script>var x = "no";</script></head><body><header><a href="/x?id=0198c0de-0000-7000-8000-00000000000a" title="Hjem">Hjem</a></header>
      <main><h1>Amina</h1><p>Talt den man. 23. nov. 2026 kl. 10.31</p><table><tr><th>Navn</th><td>A</td></tr></table><li>En</li><li>En</li>
      <form><input type="hidden" name="csrf_token" value="secret"><label for="a">By</label><input id="a" name="town" value="Odense"><input type="checkbox" name="b" checked><label>Ja</label>
      <select name="s"><option value="">Vælg</option><option selected value="1">En</option></select><button>Gem</button></form></main></body></html>""")
    assert made.main == ["Sag – Jobtrappen", "# Amina", "Talt den <now>", "Navn | A", "- En (×2)", "By", "<town = Odense>", "(x)", "Ja", "<s: Vælg / *En>", "[Gem]"]
    assert made.frame == ["Hjem → /x?id=<id>"] and "Hjem" in made.said and "secret" not in str(made)


def test_what_is_foreign_is_found_wherever_it_stands() -> None:
    other = Other({"Cancel", "Reports"}, [words._pattern("{n} more pages follow", "").regex], {"None"})
    page = Outline(said=["Annullér", "Cancel", "Felt: Reports.", "3 more pages follow", "Hej {name}", "Svar: None", "None", "Nonetheless"])
    assert foreign(page, other) == ["Cancel", "Felt: Reports.", "3 more pages follow", "Hej {name}", "Svar: None"]

# SPDX-License-Identifier: MPL-2.0
"""Whatever a page can show has words in Danish and in English: the texts of templates and code, every code that a schema or a
lifecycle knows, and every sentence that the API can answer with. `python -m tests.support.wording` prints what is missing."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from jobtrappen.web.pages.words import LANGUAGES, PLACE
from tests.support import wording
from tests.support.wording import PARTS, Asked

FILES = [(part, language) for part in PARTS for language in LANGUAGES]


@pytest.fixture(autouse=True)
def _the_four_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBTRAPPEN_PLUGINS", raising=False)


@pytest.mark.parametrize("what", ["texts", "plurals", "sentences", "codes in da", "codes in en"])
@pytest.mark.parametrize("part", PARTS)
def test_every_word_is_there(part: str, what: str) -> None:
    assert wording.lacking(part)[what] == []


@pytest.mark.parametrize(("part", "language"), FILES)
def test_a_catalogue_is_whole_and_says_each_thing_once(part: str, language: str) -> None:
    path = wording.locale_of(part) / f"{language}.po"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: MPL-2.0")
    ids = re.findall(r'(?m)^msgid ("(?:.*)"(?:\n".*")*)', text)
    assert sorted({id for id in ids if ids.count(id) > 1}) == [], "said twice"
    with path.open("rb") as source:
        found = [message for message in read_po(source, locale=language, abort_invalid=True) if message.id]
    assert [m.id for m in found if m.fuzzy] == []
    assert [m.id for m in found if not m.string or (isinstance(m.string, tuple) and not all(m.string))] == []
    assert [m.id for m in found for form in (m.string if isinstance(m.string, tuple) else [m.string]) if form.strip() != form] == []


@pytest.mark.parametrize(("part", "language"), FILES)
def test_a_translation_asks_for_no_place_that_its_text_does_not_have(part: str, language: str) -> None:
    known = wording.catalogue(part, language)
    pairs = [(id, text) for id, text in known.texts.items()] + [(id, form) for id, forms in known.plurals.items() for form in forms]
    assert [(id, text) for id, text in pairs if not {m[1] for m in PLACE.finditer(text)} <= {m[1] for m in PLACE.finditer(id)}] == []


@pytest.mark.parametrize("part", PARTS)
def test_both_catalogues_have_the_same_codes(part: str) -> None:
    danish, english = ({id for id in wording.catalogue(part, language).texts if re.fullmatch(r"[a-z_]*:[\w.]+", id)} for language in LANGUAGES)
    assert danish ^ english == set()


def test_the_danish_of_a_text_is_not_its_english() -> None:
    """A few words are the same in both; sentences never are."""
    same = [id for part in PARTS for id, text in wording.catalogue(part, "da").texts.items() if text == id and " " in id]
    assert same == []


# The tool itself: it sees every way in which a word is asked for.

def found(tmp_path: Path, name: str, text: str) -> Asked:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    made = Asked()
    wording._template(made, path) if name.endswith(".html") else wording._module(made, path, ("module.reasons",))
    return made


def test_a_template_is_read_to_the_last_branch(tmp_path: Path) -> None:
    seen = found(tmp_path, "page.html", '{% extends "x" %}{% block a %}{{ _("One") }}<p title="{{ _(\'Two {n}\', n=1) }}">{{ _("Three") if x else _("Four") }}'
                 '{{ ui.empty(_("Five" if x else "Six")) }}{{ plural("{n} a", "{n} as", 3) }}{{ word("kind", "code") }}{{ word("kind", x) }}{{ label("name") }}{{ _(x) }}{% endblock %}')
    assert set(seen.texts) == {"One", "Two {n}", "Three", "Four", "Five", "Six"}
    assert (set(seen.plurals), set(seen.codes)) == ({"{n} a"}, {"kind:code", "field:name"})


def test_code_is_read_for_sentences_wherever_they_are_put_together(tmp_path: Path) -> None:
    seen = found(tmp_path, "module.py", '''
raise Invalid("day", f"lies before {booked_on}" if early else f"lies after {max(one.late, 1)}")
raise Conflict(f"It is {'open' if x else 'closed'}. " + "Ask " f"{who!r}.", allowed=[])
wrong = [{"field": "a", "detail": f"is needed to {line.action}"}]
Code(x, error="is not one of: {choices}")
words._("Text")
words.plural("{n} b", "{n} bs", 2)
site.page("/", entry="Entry here")
Entry("home", "Label here", who)
thing.status = "done"
select(a.label("column"))

def reasons(x):
    if x:
        return "no name", ["two words", "code"]
    found.append(f"{x} years of it")
    return wrong or ["three words here"]
''')
    assert {wording.shape(s) for s in seen.sentences} == {"lies before {}", "lies after {}", "It is open. Ask {}.", "It is closed. Ask {}.", "is needed to {}", "is not one of: {}",
                                                          "no name", "two words", "{} years of it", "three words here"}
    assert (set(seen.texts), set(seen.plurals), set(seen.codes)) == ({"Text", "Entry here", "Label here"}, {"{n} b"}, {"status:done"})


def test_a_sentence_that_nobody_has_words_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wording.asked("kit")
    monkeypatch.setattr(wording, "asked", lambda part: Asked({**asked.texts, "New text": "x.html"}, asked.plurals, {**asked.sentences, "is new to {it}": "x.py"},
                                                             {**asked.codes, "role:wizard": "y.py", "did:spell.cast": "y.py"}))
    gaps = wording.lacking("kit")
    assert (gaps["texts"], gaps["sentences"]) == (["'New text' (x.html)"], ["'is new to {it}' (x.py)"])
    assert gaps["codes in da"] == gaps["codes in en"] == ["role:wizard (y.py)", "did:spell.cast (y.py)"]


def test_every_exception_that_reaches_a_reader_is_one_that_is_looked_for() -> None:
    """A new kind of error in errors.py with a sentence of its own must be known to the tool."""
    tree = ast.parse((wording.KIT / "errors.py").read_text(encoding="utf-8"))
    bases = {node.name: [ast.unparse(base) for base in node.bases] for node in tree.body if isinstance(node, ast.ClassDef)}
    told = {name for name in bases if name == "Rejected" or any(base in ("Rejected", "NotFound") for base in bases[name])}
    assert told - set(wording.MESSAGE) == {"NotYet", "Precondition"}, "these two put their sentence together themselves, in errors.py"

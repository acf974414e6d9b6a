# SPDX-License-Identifier: MPL-2.0
"""Words: days and moments as Danes write them, numbers of things, codes, and the API's sentences found again by their pattern."""
from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask, g

from jobtrappen.web.pages import words
from jobtrappen.web.pages.words import Catalogue

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


def po(*pairs: tuple[str, str], more: str = "") -> str:
    return HEAD + "\n".join(f'msgid "{id}"\nmsgstr "{text}"\n' for id, text in pairs) + more


@contextmanager
def reading(folder: Path, language: str) -> Iterator[Catalogue]:
    """A reader of this language, with the kit's words and those of a folder."""
    with Flask("words").test_request_context():
        g.language, g.word_folders = language, (words.HERE, folder)
        yield words.current()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "da.po").write_text(po(
        ("Hello {name}", "Hej {name}"), ("colour:red", "Rød"), (":red", "Rødt"), (":blue", "Blå"), ("field:size", "Størrelse"), ("field:shoe.size", "Skostørrelse"),
        ("hint:size", "I centimeter"), ("did:paint", "Malet"), ("did:house.paint", "Huset er malet"), ("unit:cpr_office", "CPR-kontoret"),
        ("is the wrong {thing}", "Forkert"), ("is the wrong {colour} for {who}; there are {colour2}", "{who} kan ikke få {colour}. Vælg: {colour2}."),
        ("lies before {day}", "Ligger før den {day}"), ("{who} gives {what}", "{what} er fra {who}"), ("is the wrong thing", "Helt forkert"), ("asked {} then {}", "spurgte {} så {}"),
        more='msgid "{n} box"\nmsgid_plural "{n} boxes"\nmsgstr[0] "{n} kasse"\nmsgstr[1] "{n} kasser"\n\n#, fuzzy\nmsgid "guessed"\nmsgstr "gættet"\n',
    ), encoding="utf-8")
    (tmp_path / "en.po").write_text(po(("colour:red", "Red"), ("field:size", "Size"), ("write it as 2026-11-23", "write year-month-day")), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("language", "value", "shown"), [
    ("da", date(2026, 11, 27), "27. nov. 2026"), ("da", "2026-05-01", "1. maj 2026"), ("en", date(2026, 11, 27), "27 Nov 2026"), ("da", None, "–"), ("da", "", "–"),
    ("da", "2026-11-27T23:30:00+00:00", "28. nov. 2026"), ("da", datetime(2026, 6, 30, 22, 30, tzinfo=UTC), "1. jul. 2026"), ("da", datetime(2026, 6, 30, 22, 30), "30. jun. 2026"),
    ("da", "not a day", "not a day"), ("da", "2026-13-45", "2026-13-45"),
])
def test_a_day_is_written_as_its_reader_writes_it(folder: Path, language: str, value: date | str | None, shown: str) -> None:
    with reading(folder, language):
        assert words.day(value) == shown


@pytest.mark.parametrize(("language", "value", "shown"), [
    ("da", "2026-11-27T09:30:00+00:00", "fre. 27. nov. 2026 kl. 10.30"), ("da", datetime(2026, 7, 3, 8, 5, tzinfo=UTC), "fre. 3. jul. 2026 kl. 10.05"),
    ("en", "2026-07-03T08:05:00Z", "Fri 3 Jul 2026, 10:05"), ("da", "2026-03-29T00:59:00+00:00", "søn. 29. mar. 2026 kl. 01.59"),
    ("da", "2026-03-29T01:00:00+00:00", "søn. 29. mar. 2026 kl. 03.00"), ("da", "2026-10-25T01:30:00+00:00", "søn. 25. okt. 2026 kl. 02.30"),
    ("da", "2026-11-27T23:30:00Z", "lør. 28. nov. 2026 kl. 00.30"), ("da", datetime(2026, 7, 3, 8, 5), "fre. 3. jul. 2026 kl. 08.05"), ("da", None, "–"), ("da", "soon", "soon"),
])
def test_a_moment_is_told_in_danish_time_in_summer_and_winter(folder: Path, language: str, value: datetime | str | None, shown: str) -> None:
    with reading(folder, language):
        assert words.moment(value) == shown


def test_texts_have_their_places_filled_and_a_missing_one_shows_itself(folder: Path) -> None:
    with reading(folder, "da") as known:
        assert words._("Hello {name}", name="Åse {x}") == "Hej Åse {x}"
        assert (words._("Unheard of"), words._("guessed")) == ("Unheard of", "guessed")
        assert {"Unheard of", "guessed"} <= known.missed
    with reading(folder, "en") as known:
        assert words._("Unheard of") == "Unheard of" and "Unheard of" not in known.missed


@pytest.mark.parametrize(("n", "danish", "english"), [(0, "0 kasser", "0 boxes"), (1, "1 kasse", "1 box"), (2, "2 kasser", "2 boxes"), (21, "21 kasser", "21 boxes")])
def test_one_is_one_and_everything_else_is_many(folder: Path, n: int, danish: str, english: str) -> None:
    for language, shown in (("da", danish), ("en", english)):
        with reading(folder, language):
            assert words.plural("{n} box", "{n} boxes", n) == shown


def test_a_code_has_the_words_of_its_kind_or_those_for_everywhere(folder: Path) -> None:
    with reading(folder, "da") as known:
        assert [words.word(*one) for one in (("colour", "red"), ("wine", "red"), ("wine", "blue"), ("colour", None), ("colour", ""))] == ["Rød", "Rødt", "Blå", "–", "–"]
        assert words.word("colour", "dark_green") == "Dark green" and "colour:dark_green" in known.missed
        assert (words.label("size"), words.label("size", "shoe"), words.label("wish_list")) == ("Størrelse", "Skostørrelse", "Wish list")
        assert (words.hint("size"), words.hint("size", "shoe"), words.hint("colour")) == ("I centimeter", "I centimeter", "")
        assert (words.did("car", "paint"), words.did("house", "paint")) == ("Malet", "Huset er malet")


@pytest.mark.parametrize(("said", "shown"), [
    ("is the wrong thing", "Helt forkert"), ("is the wrong shoe", "Forkert"), ("is the wrong red for Åse; there are red, blue, pink", "Åse kan ikke få rød. Vælg: rød, blå, pink."),
    ("lies before 2026-11-23", "Ligger før den 23. nov. 2026"), ("lies before 2026-13-45", "Ligger før den 2026-13-45"), ("Karen gives two\nlines", "two\nlines er fra Karen"),
    ("asked this then that", "spurgte this så that"), ("nobody knows 2026-11-23", "nobody knows 23. nov. 2026"), ("id 12026-11-234", "id 12026-11-234"),
    ("is the wrong 'red' for ; there are ", " kan ikke få rød. Vælg: ."),
])
def test_what_the_api_says_is_found_again_with_what_stood_in_its_places(folder: Path, said: str, shown: str) -> None:
    with reading(folder, "da"):
        assert words.sentence(said) == shown


def test_the_most_exact_pattern_wins_whatever_its_order(folder: Path) -> None:
    with reading(folder, "da") as known:
        lengths = [len(re.sub(r"\\(.)", r"\1", pattern.regex.pattern.replace("(.*?)", ""))) for pattern in known.patterns]
        assert lengths == sorted(lengths, reverse=True)
        assert known.patterns is known.patterns, "made once"


def test_in_english_the_api_is_shown_as_it_is_unless_a_person_needs_other_words(folder: Path) -> None:
    with reading(folder, "en"):
        assert words.sentence("lies before 2026-11-23") == "lies before 23 Nov 2026"
        assert words.sentence("write it as 2026-11-23") == "write year-month-day"


def test_names_keep_their_capitals_only_where_they_are_abbreviations(folder: Path) -> None:
    with reading(folder, "da"):
        assert (words._small("Lokalcenter"), words._small("CPR-kontoret"), words._small("I gang"), words._small("Å"), words._small("")) == (
            "lokalcenter", "CPR-kontoret", "i gang", "å", "")


def test_what_was_missed_does_not_grow_for_ever(folder: Path) -> None:
    known = Catalogue("da")
    for n in range(words.MISSED_AT_MOST + 50):
        known.miss(str(n))
    assert len(known.missed) == words.MISSED_AT_MOST


def test_a_later_folder_wins_and_a_missing_one_is_no_harm(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "da.po").write_text(po(("colour:red", "Karmin")), encoding="utf-8")
    assert words.read("da", (folder, other, tmp_path / "none")).find("colour:red") == "Karmin"
    assert words.read("da", (other, folder)).find("colour:red") == "Rød"


def test_lines_are_broken_and_nothing_in_them_is_markup() -> None:
    assert str(words.lines("<b>one</b>\ntwo & three")) == "&lt;b&gt;one&lt;/b&gt;<br>two &amp; three"


def test_a_thousand_sentences_take_no_time(folder: Path) -> None:
    long = "x " * 1000
    with reading(folder, "da"):
        words.sentence("warm")
        began = time.perf_counter()
        for n in range(500):
            words.sentence(f"No such thing as {n} is known to anybody here")
            words.sentence(f"is the wrong {n} for {n}; there are {n}")
        words.sentence(f"is the wrong {long} for {long}; there are {long}")
        assert time.perf_counter() - began < 1.5

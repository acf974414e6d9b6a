# SPDX-License-Identifier: MPL-2.0
"""Danish and English: gettext catalogues of the kit and of each service, read once a process.

A message is its own English text. A code (`wage_subsidy` as a `measure`) has its words in both catalogues under
`measure:wage_subsidy`, or `:wage_subsidy` where it means the same wherever it stands. What the API says in English (errors)
is found again by its pattern, with whatever stood in its places.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from flask import g, has_request_context
from markupsafe import Markup

LANGUAGES = ("da", "en")
HERE = Path(__file__).parent / "locale"
ZONE = ZoneInfo("Europe/Copenhagen")
PLACE = re.compile(r"\{(\w*)\}")
ISO_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")


@dataclass
class Catalogue:
    """One language's words, from one or several files."""

    language: str
    words: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)
    """What was asked for and is not there; a test looks here."""

    def find(self, text: str) -> str | None:
        return self.words.get(text)

    @property
    def patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Messages with places, the most exact first."""
        if not hasattr(self, "_patterns"):
            texts = sorted((t for t in self.words if PLACE.search(t)), key=lambda t: -len(PLACE.sub("", t)))
            self._patterns = [(_pattern(t), self.words[t]) for t in texts]
        return self._patterns


def _pattern(text: str) -> re.Pattern[str]:
    parts, at = [], 0
    for n, place in enumerate(PLACE.finditer(text)):
        parts += [re.escape(text[at:place.start()]), f"(?P<p{n}>.+?)"]
        at = place.end()
    return re.compile("".join([*parts, re.escape(text[at:])]), re.DOTALL)


def read(language: str, folders: Iterable[Path]) -> Catalogue:
    """The catalogues `LANGUAGE.po` of several folders as one; a later one wins."""
    made = Catalogue(language)
    for folder in folders:
        file = folder / f"{language}.po"
        if not file.exists():
            continue
        with open(file, "rb") as source:
            for message in read_po(source, locale=language):
                if isinstance(message.id, tuple) and all(message.string):
                    made.plurals[message.id[0]] = tuple(message.string)
                elif message.id and isinstance(message.id, str) and message.string:
                    made.words[message.id] = str(message.string)
    return made


@lru_cache(maxsize=64)
def catalogue(language: str, folders: tuple[Path, ...]) -> Catalogue:
    return read(language, folders)


def language() -> str:
    return g.get("language", "da") if has_request_context() else "da"


def current() -> Catalogue:
    folders = g.get("word_folders", (HERE,)) if has_request_context() else (HERE,)
    return catalogue(language(), folders)


def _(text: str, **values: Any) -> str:
    """The text in the reader's language; `{name}` places are filled in."""
    found = current().find(text)
    if found is None:
        if language() != "en":
            current().missed.add(text)
        found = text
    return found.format(**values) if values else found


def plural(one: str, other: str, n: int, **values: Any) -> str:
    """`one` or `other` by the number, which fills `{n}`."""
    forms = current().plurals.get(one)
    if forms is None:
        if language() != "en":
            current().missed.add(one)
        forms = (one, other)
    return forms[0 if n == 1 else -1].format(n=n, **values)


def later(text: str) -> Callable[[], str]:
    """For texts that are written down at import: called when they are shown."""
    return lambda: _(text)


def word(kind: str, code: Any) -> str:
    """What a code is called. One without words shows itself, readably; a test finds it."""
    if code is None or code == "":
        return "–"
    known = current()
    for key in (f"{kind}:{code}", f":{code}"):
        if (found := known.find(key)) is not None:
            return found
    known.missed.add(f"{kind}:{code}")
    return str(code).replace("_", " ").capitalize()


def label(name: str, of: str = "") -> str:
    """What a field is called, perhaps in one form alone (`of`)."""
    known = current()
    for key in (f"field:{of}.{name}", f"field:{name}"):
        if (found := known.find(key)) is not None:
            return found
    known.missed.add(f"field:{name}")
    return name.replace("_", " ").capitalize()


def hint(name: str, of: str = "") -> str:
    """The help beside a field; most have none."""
    known = current()
    return known.find(f"hint:{of}.{name}") or known.find(f"hint:{name}") or ""


def sentence(text: str) -> str:
    """An error as the API said it, in the reader's language, with days written as she writes them."""
    known = current()
    found = known.find(text)
    if found is None and known.language != "en":
        for pattern, translated in known.patterns:
            if match := pattern.fullmatch(text):
                values = iter(match.groups())
                found = PLACE.sub(lambda _m: next(values, ""), translated)
                break
        else:
            known.missed.add(f"sentence:{text}")
    return ISO_DAY.sub(lambda m: day(date(int(m[1]), int(m[2]), int(m[3]))), found or text)


def day(value: date | str | None, style: str = "d. MMM y") -> str:
    """27. nov. 2026."""
    if not value:
        return "–"
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return format_date(when, style if language() == "da" else "d MMM y", locale=locale())


def moment(value: datetime | str | None) -> str:
    """fre. 27. nov. 2026 kl. 10.30, in Danish time."""
    if not value:
        return "–"
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    here = when.astimezone(ZONE) if when.tzinfo else when
    return format_datetime(here, "EEE d. MMM y 'kl.' HH.mm" if language() == "da" else "EEE d MMM y, HH:mm", locale=locale())


def locale() -> str:
    return "da_DK" if language() == "da" else "en_GB"


def lines(text: str) -> Markup:
    """Text with its line breaks, escaped."""
    return Markup("<br>").join(text.splitlines())

# SPDX-License-Identifier: MPL-2.0
"""Danish and English: gettext catalogues of the kit and of each service, read once a process.

A message is its own English text. A code (`wage_subsidy` as a `measure`) has its words in both catalogues under
`measure:wage_subsidy`, or `:wage_subsidy` where it means the same wherever it stands. What the API says in English (errors)
is found again by its pattern, with whatever stood in its places; a place that is named like a kind of code (`{status}`, `{role}`)
gives that code's words.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
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
ISO_DAY = re.compile(r"(?<![\d-])\d{4}-\d{2}-\d{2}(?![\d-])")
MISSED_AT_MOST = 1000
"""So many that a test finds every gap, and no more: a process runs for weeks."""


@dataclass(frozen=True)
class Pattern:
    """A message with places. `anchor` is its longest literal text: what does not hold that cannot be this message."""

    regex: re.Pattern[str]
    anchor: str
    names: tuple[str, ...]
    translated: str


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

    def miss(self, what: str) -> None:
        if len(self.missed) < MISSED_AT_MOST:
            self.missed.add(what)

    @cached_property
    def patterns(self) -> list[Pattern]:
        """Messages with places, those with the longest literal text first, so that the most exact one is taken."""
        texts = [t for t in self.words if PLACE.search(t) and PLACE.sub("", t).strip(" .,:;")]
        return [_pattern(t, self.words[t]) for t in sorted(texts, key=lambda t: -len(PLACE.sub("", t)))]

    def match(self, text: str) -> tuple[Pattern, re.Match[str]] | None:
        """The message that this is, with what stands in its places."""
        for pattern in self.patterns:
            if pattern.anchor in text and (found := pattern.regex.fullmatch(text)):
                return pattern, found
        return None


def _pattern(text: str, translated: str) -> Pattern:
    literals = PLACE.split(text)[::2]
    regex = "(.*?)".join(re.escape(literal) for literal in literals)
    return Pattern(re.compile(regex, re.DOTALL), max(literals, key=len), tuple(m[1] for m in PLACE.finditer(text)), translated)


def read(language: str, folders: Iterable[Path]) -> Catalogue:
    """The catalogues `LANGUAGE.po` of several folders as one; a later one wins."""
    made = Catalogue(language)
    for folder in folders:
        file = folder / f"{language}.po"
        if not file.exists():
            continue
        with open(file, "rb") as source:
            for message in read_po(source, locale=language):
                if message.fuzzy:
                    continue
                if isinstance(message.id, list | tuple):
                    if isinstance(message.string, list | tuple) and all(message.string):
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
    known = current()
    found = known.find(text)
    if found is None:
        if known.language != "en":
            known.miss(text)
        found = text
    return found.format(**values) if values else found


def printed(text: str) -> str:
    """What is written down in Danish as it was once printed (a report's title, rows and note), in the reader's language."""
    known = current()
    found = known.find(text)
    if found is None and known.language != "da":
        known.miss(text)
    return text if found is None else found


def plural(one: str, other: str, n: int, **values: Any) -> str:
    """`one` or `other` by the number, which fills `{n}`."""
    known = current()
    forms = known.plurals.get(one)
    if forms is None:
        if known.language != "en":
            known.miss(one)
        forms = (one, other)
    return forms[0 if n == 1 else -1].format(n=n, **values)


def later(text: str) -> Callable[[], str]:
    """For texts that are written down at import: called when they are shown."""
    return lambda: _(text)


def _named(known: Catalogue, kind: str, code: str) -> str | None:
    found = known.find(f"{kind}:{code}")
    return known.find(f":{code}") if found is None else found


def word(kind: str, code: Any) -> str:
    """What a code is called. One without words shows itself, readably; a test finds it."""
    if code is None or code == "":
        return "–"
    known = current()
    found = _named(known, kind, str(code))
    if found is None:
        known.miss(f"{kind}:{code}")
        return str(code).replace("_", " ").capitalize()
    return found


def label(name: str, of: str = "") -> str:
    """What a field is called, perhaps in one form alone (`of`)."""
    known = current()
    found = known.find(f"field:{of}.{name}") or known.find(f"field:{name}")
    if found is None:
        known.miss(f"field:{name}")
        return name.replace("_", " ").capitalize()
    return found


def did(lifecycle: str, action: str) -> str:
    """What was done; an action of several lifecycles may be called otherwise in one of them (`did:intake.hold`)."""
    return current().find(f"did:{lifecycle}.{action}") or word("did", action)


def hint(name: str, of: str = "") -> str:
    """The help beside a field; most have none."""
    known = current()
    return known.find(f"hint:{of}.{name}") or known.find(f"hint:{name}") or ""


def sentence(text: str) -> str:
    """An error as the API said it, in the reader's language, with days and codes as she writes them."""
    known = current()
    found = known.find(text)
    if found is not None:
        return found
    if (matched := known.match(text)) is None:
        if known.language != "en":
            known.miss(f"sentence:{text}")
        return days_in(text)
    pattern, places = matched
    values = [_value(known, name, given) for name, given in zip(pattern.names, places.groups(), strict=True)]
    by_name, in_order = dict(zip(pattern.names, values, strict=True)), iter(values)
    return PLACE.sub(lambda m: by_name.get(m[1], "") if m[1] else next(in_order, ""), pattern.translated)


def _value(known: Catalogue, kind: str, given: str) -> str:
    """What stood in a place: codes in words where the place is named like a kind of them (`{status}`, also `{status2}`), days as days."""
    kind = kind.rstrip("0123456789")
    parts = [_named(known, kind, part.strip("'").replace(" ", "_")) if kind and part else None for part in given.split(", ")]
    if any(part is not None for part in parts):
        return ", ".join(_small(part) if part is not None else raw for part, raw in zip(parts, given.split(", "), strict=True))
    return days_in(given)


def _small(text: str) -> str:
    """A name as it stands in the middle of a sentence; abbreviations (CPR-nummer) keep their capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] in (" ", "") else text


def days_in(text: str) -> str:
    """The text with its dates (2026-11-23) as a reader writes them; what only looks like one stays as it is."""

    def as_read(match: re.Match[str]) -> str:
        try:
            return day(date.fromisoformat(match[0]))
        except ValueError:
            return match[0]

    return ISO_DAY.sub(as_read, text)


def day(value: date | str | None, style: str = "d. MMM y") -> str:
    """27. nov. 2026. Of a moment, the day that it has in Denmark; a text that is no day stays as it is."""
    if not value:
        return "–"
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    if isinstance(when, datetime) and when.tzinfo:
        when = when.astimezone(ZONE)
    return format_date(when, style if language() == "da" else "d MMM y", locale=locale())


def moment(value: datetime | str | None) -> str:
    """fre. 27. nov. 2026 kl. 10.30, in Danish time."""
    if not value:
        return "–"
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    here = when.astimezone(ZONE) if when.tzinfo else when
    return format_datetime(here, "EEE d. MMM y 'kl.' HH.mm" if language() == "da" else "EEE d MMM y, HH:mm", locale=locale())


def locale() -> str:
    return "da_DK" if language() == "da" else "en_GB"


def lines(text: str) -> Markup:
    """Text with its line breaks, escaped."""
    return Markup("<br>").join(text.splitlines())

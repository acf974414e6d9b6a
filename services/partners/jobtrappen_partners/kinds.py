# SPDX-License-Identifier: MPL-2.0
"""Kinds of partners, as plugins (hook `partner_kind`): what each may be asked and may see (F-011 to F-019, F-123)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobtrappen import plugins
from jobtrappen.contracts.vocabulary import PARTNER_KINDS
from jobtrappen.errors import Invalid
from jobtrappen_partners.codes import REQUEST_TYPES, SHOWABLE


@dataclass(frozen=True)
class Kind:
    """One kind of partner. `said_as` is the published word that events carry; a kind from outside names the one it is like."""

    word: str
    danish: str
    english: str
    asks: frozenset[str]
    answers: bool = False
    """True when it answers without a delivery: straight from receipt."""
    shows: frozenset[str] = frozenset(SHOWABLE)
    said_as: str = ""

    @property
    def published(self) -> str:
        return self.said_as or self.word


def _kind(word: str, danish: str, english: str, asks: str, answers: bool = False, person: bool = True) -> Kind:
    return Kind(word, danish, english, frozenset(asks.split()), answers, frozenset(SHOWABLE) - (frozenset() if person else {"person"}))


OWN = [  # a union or association sees a person only with her own consent (domain rules 3.4)
    _kind("language_school", "Sprogskole", "Language school", "course_place language_test attendance statement"),
    _kind("a_kasse", "A-kasse", "Unemployment insurance fund", "statement opinion"),
    _kind("union", "Fagforening", "Union", "opinion statement", answers=True, person=False),
    _kind("association", "Forening", "Association", "mentor opinion statement", answers=True, person=False),
    _kind("school", "Skole", "School", "attendance statement course_place"),
    _kind("activation_site", "Aktiveringssted", "Activation site", "course_place attendance statement mentor"),
    _kind("interpreter", "Tolk", "Interpreter", "interpreter"),
    _kind("other_authority", "Anden myndighed", "Other authority, as the state's employment service in 2004", "grant statement"),
]


def known() -> dict[str, Kind]:
    """Every loaded kind by its word; the first of a word counts."""
    found: dict[str, Kind] = {}
    for kinds in plugins.ask("partner_kind", _usable):
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            found.setdefault(kind.word, kind)
    return found


def _usable(answer: Any) -> bool:
    """One kind or several, each in published words, none that shows more than can be shown."""
    return all(isinstance(k, Kind) and k.published in PARTNER_KINDS and k.asks <= set(REQUEST_TYPES) and k.shows <= set(SHOWABLE)
               for k in (answer if isinstance(answer, list) else [answer]))


def of(word: str) -> Kind:
    """The kind of this word.

    Raises:
        Invalid: no loaded plugin brings it.
    """
    kinds = known()
    if word not in kinds:
        raise Invalid("kind", f"{word!r} is not known; there are {', '.join(sorted(kinds))}")
    return kinds[word]

# SPDX-License-Identifier: MPL-2.0
"""The cohort behind the six published tables: 178 adults and 24 youths whose lives, not whose counts, are written here.

What the report leaves open (days, places, earlier steps, who came back once and was referred again) is drawn from the
seed. `moments` of `life` gives each life as single acts in order; nationality and origin fill the published rows.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date
from importlib.resources import files
from random import Random
from typing import Any

from . import courses
from .builder import Deck, Draft, by_first_day
from .life import Person
from .people import birthday, canaries, employers, identity
from .random_lives import write_any_life

__all__ = ["canaries", "employers", "published_cohort", "published_figures", "random_cohort"]

ADULT_BORN = (date(1945, 1, 2), date(1984, 12, 31))
YOUTH_BORN = (date(1986, 6, 1), date(1988, 8, 31))       # 15 at the first referral, not yet 18 at the last day
INSURED = frozenset({2, 17})                             # of each kind of course; who comes back to the
CASH_BENEFIT_ONLY = frozenset({                          # cash-benefit system or is activated at once lives on it
    courses.refused, courses.otherwise_returned, courses.activation_then, courses.new_in_activation,
})
BORN_ABROAD_YOUTHS = frozenset({3, 8, 13, 19})           # four of the 23 (F-056)
NEWCOMER_BENEFITS = ("cash_benefit",) * 5 + ("introduction_benefit", "introduction_benefit", "starthjaelp")
LATER_NATIONALITIES = ("TR", "DK", "IQ", "LB", "PK", "SO", "TR", "DK", "MA", "AF", "VN", "TR", "DK")
ORIGINS_OF_DANES = ("DK", "DK", "DK", "TR", "PK", "MA")

Course = Callable[[Draft, int], None]


def published_figures() -> dict:
    """The published tables as `published.json` holds them: {"tables": {"table_1": {"rows": […], …}, …}, …}."""
    return json.loads(files(__package__).joinpath("published.json").read_text("utf-8"))


def published_cohort(seed: int = 2004) -> list[Person]:
    """202 fictional citizens whose lives from 1 September 2003 to 25 May 2004 fit all six tables and their notes.

    Args:
        seed: draws everything that the report leaves open; every seed fits.

    Returns:
        178 adults and 24 youths in the order of their numbers, which tells nothing of their courses.
    """
    rng = Random(seed)
    deck, numbers = Deck(rng), rng.sample(range(1, 203), 202)
    nationalities = _published_codes("table_3", rng) + rng.sample(LATER_NATIONALITIES, 13)
    origins = [*_published_codes("table_4", rng), "TR"]
    cohort = []
    for course, i in _each((*courses.CONTACTED, *courses.LATER)):
        draft = Draft(rng, numbers.pop(), deck, insured=i in INSURED and course not in CASH_BENEFIT_ONLY)
        course(draft, i)
        cohort.append(_adult(draft, nationalities.pop(0)))
    for index, (course, i) in enumerate(_each((*courses.YOUTHS, *courses.LATER_YOUTHS))):
        draft = Draft(rng, numbers.pop(), deck, youth=True)
        course(draft, i)
        cohort.append(_youth(draft, origins.pop(0), abroad=index in BORN_ABROAD_YOUTHS))
    return sorted(cohort, key=lambda person: person.number)


def random_cohort(seed: int, size: int) -> list[Person]:
    """Any lives within the same rules, to test the suite against an oracle; about one in six is a youth.

    Args:
        seed: the same seed and size give the same cohort.
        size: how many citizens; some of the last may have been sent and not yet been accepted on 25 May 2004.
    """
    rng = Random(f"random {seed} {size}")
    deck = Deck(rng)
    codes = [row["code"] for row in published_figures()["tables"]["table_3"]["rows"]]
    cohort = []
    for number in range(1, size + 1):
        youth = rng.random() < 1 / 6
        draft = Draft(rng, number, deck, insured=not youth and rng.random() < 0.15, youth=youth)
        write_any_life(draft)
        code = rng.choice(codes)
        cohort.append(_youth(draft, code, abroad=rng.random() < 0.2) if youth else _adult(draft, code))
    return cohort


def _each(groups: Iterable[tuple[int, Course]]) -> list[tuple[Course, int]]:
    return [(course, i) for count, course in groups for i in range(count)]


def _published_codes(table: str, rng: Random) -> list[str]:
    """One code for each person counted in a published table, shuffled."""
    rows = published_figures()["tables"][table]["rows"]
    codes = [row["code"] for row in rows for _ in range(row["value"])]
    return rng.sample(codes, len(codes))


def _adult(draft: Draft, nationality: str) -> Person:
    rng = draft.rng
    origin = rng.choice(ORIGINS_OF_DANES) if nationality == "DK" else nationality
    benefit = "unemployment_benefit" if draft.insured else "cash_benefit"
    if nationality != "DK" and not draft.insured:
        benefit = rng.choice(NEWCOMER_BENEFITS)
    born_in = "DK" if nationality == "DK" and rng.random() < 0.6 else _country(origin)
    return _person(
        draft, ADULT_BORN, nationality=nationality, birth_country=born_in, family_origin=origin, benefit=benefit,
        readiness=rng.choice((1, 1, 2, 2, 2, 3)),
    )


def _youth(draft: Draft, origin: str, *, abroad: bool) -> Person:
    """All of the youths were Danish citizens (F-056)."""
    born_in = _country(origin) if abroad else "DK"
    return _person(
        draft, YOUTH_BORN, nationality="DK", birth_country=born_in, family_origin=origin, benefit=None, readiness=None,
    )


def _country(origin: str) -> str:
    """A stateless family's country of birth, which is never "stateless": Lebanon."""
    return "LB" if origin == "XXA" else origin


def _person(draft: Draft, born_within: tuple[date, date], **rest: Any) -> Person:
    born = birthday(draft.rng, *born_within)
    personal: dict[str, Any] = identity(draft.rng, draft.number, born, draft.woman)
    return Person(
        number=draft.number, born=born, language_school=draft.language_school, facts=by_first_day(draft.facts),
        **personal, **rest,
    )

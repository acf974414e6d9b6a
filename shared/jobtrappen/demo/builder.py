# SPDX-License-Identifier: MPL-2.0
"""Puts one life together, fact by fact, within the rules of 2004: days in order, grants, hours, one place at a time."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from random import Random

from . import life, people
from .days import BEGIN, MAY, step

STATES = {                                               # how a returned citizen stands afterwards
    "sick_leave": "on_sick_leave",
    "early_retirement_pension": "with_caseworker",
    "under_clarification": "under_clarification",
    "moved_away": "moved_away",
    "pregnant": "on_leave",
}
ENDED_BY_RETURN = {"moved_away": "moved", "early_retirement_pension": "no_prospect"}
HOURS = {life.ORDINARY_JOB: (25, 37), life.LEISURE_JOB: (4, 12), life.EDUCATION: (20, 30)}


class Deck:
    """Deals companies evenly, so that no one place gets more subsidised placements than it can hold."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.cards: list[int] = []

    def deal(self, kind: str, taken: Iterable[int]) -> int:
        """The index of a place that is not among those `taken`."""
        free = set(people.places(kind)) - set(taken)
        if kind != "company":
            return self.rng.choice(sorted(free or people.places(kind)))
        while not (left := [card for card in self.cards if card in free]):
            self.cards += self.rng.sample(people.places(kind), len(people.places(kind)))
        self.cards.remove(left[0])
        return left[0]


class Draft:
    """The life of one person while it is written. `floor` is the first day on which something new may be done.

    Facts that would begin after `horizon` are left out, and days of a fact that would fall after it stay empty.
    """

    def __init__(self, rng: Random, number: int, deck: Deck, *, insured: bool = False, youth: bool = False) -> None:
        self.rng, self.number, self.deck = rng, number, deck
        self.insured, self.youth, self.woman = insured, youth, rng.random() < 0.6
        self.language_school = not insured and not youth and rng.random() < 0.3
        self.floor, self.horizon = BEGIN, MAY
        self.facts: list[life.Fact] = []
        self.activation: life.Placement | None = None    # the one that still runs

    def contact(
        self, assessed: date, start_step: str = life.INTERNSHIP, *, activate: bool = False, source: str | None = None,
        gap: int = 2,
    ) -> bool:
        """Referral, intake talk and assessment, told backwards from the day of the assessment.

        Returns:
            Whether all of it fell within the horizon.
        """
        held = self._back(assessed, gap)
        booked = self._back(step(held, -1), 5)
        accepted = self._back(booked, 1)
        source = source or self.rng.choice(("self_referral",) if self.youth else ("form",) * 8 + ("self_referral",))
        cleared = None if self.youth or source == "form" else self._back(accepted, 1)
        consent = self._back(accepted, 1) if self.youth else None
        sent = self._back(cleared or consent or accepted, 3)
        if sent > self.horizon:
            return False
        kept = [day if day and day <= self.horizon else None for day in (accepted, cleared, consent)]
        track = "youth" if self.youth else "adult"
        self.facts.append(life.Referral(sent, kept[0], source, track, kept[1], kept[2], self.say("Skriver til os")))
        if booked > self.horizon or accepted > self.horizon:
            return False
        self.facts.append(self._talk(booked, held if held <= self.horizon else None))
        if activate and not self.insured and held <= self.horizon:
            site = self.deck.deal("activation_site", ())
            self.activation = life.Placement(life.ACTIVATION, held, None, 17 if self.language_school else 37, site)
            self.facts.append(self.activation)
        if assessed > self.horizon:
            return False
        if not self.youth:
            self.facts.append(self._assessment(assessed, start_step))
        self.floor = assessed
        return True

    def place(
        self, measure: str, start: date, planned_end: date | None = None, *, until: date | None = None,
        how: str | None = None, extended: tuple[tuple[date, date], ...] = (), hours: int | None = None,
        beside: bool = False,
    ) -> life.Placement:
        """An agreement and its placement; it ends the activation that runs, unless it goes on `beside` it.

        Args:
            until: the day on which it ends; left out, it goes on.
            how: in which way it ended; left out, at its planned end or for the next step.
        """
        if not beside:
            self.end_activation(start, "next_step")
        concluded = self._back(start, 2)
        granted = requested = by = None
        if measure in life.GRANTED:
            by = "af" if self.insured else "municipality"
            granted = self._back(concluded, 1)
            requested = self._back(granted, 3)
        last_day = max([planned_end, *(new_end for _, new_end in extended)]) if planned_end else None
        taken = [fact.employer for fact in self.facts if isinstance(fact, life.Placement)]
        placement = life.Placement(
            measure, start, planned_end, hours or self.rng.randint(*HOURS.get(measure, (25, 37))),
            self.deck.deal("school" if measure == life.EDUCATION else "company", taken),
            self._back(requested or concluded, 1), by, requested, granted, concluded,
            self.rng.choice(("job_here", "job_in_trade", "clarification")) if by else None, extended,
            (until, how or ("completed" if until == last_day else "next_step")) if until else None,
        )
        self.facts.append(placement)
        self.floor = start
        return placement

    def refuse(self, day: date, measure: str = life.WAGE_SUBSIDY) -> date:
        """An offer on `day` that is refused after written guidance; the day on which the caseworker has seen it."""
        guided = step(day, self.rng.randint(0, 2))
        refused = step(guided, self.rng.randint(0, 3))
        seen = step(refused, self.rng.randint(1, 3))
        if seen <= self.horizon:
            words = self.say("Nej tak, for jeg må være hjemme når børnene får fri")
            self.facts.append(life.Refusal(day, guided, refused, seen, measure, words))
        return seen

    def give_back(self, day: date, reason: str, state: str | None = None) -> None:
        """Back to the caseworker; an activation that still runs ends that day."""
        self.end_activation(day, ENDED_BY_RETURN.get(reason, "broken_off_by_citizen"))
        self.woman = self.woman or reason == "pregnant"
        self.facts.append(life.Returned(day, reason, state or STATES[reason], self.say("Mappen følger med")))
        self.floor = step(day, 1)

    def end_activation(self, day: date, how: str) -> None:
        """Ends the activation that runs, or takes it away when it would end on the day it began."""
        if self.activation is None:
            return
        self.facts.remove(self.activation)
        if self.activation.start < day:
            self.facts.append(replace(self.activation, ended=(day, how)))
        self.activation = None

    def say(self, words: str) -> str:
        return people.secret(self.number, words)

    def _back(self, day: date, most: int) -> date:
        return max(step(day, -self.rng.randint(0, most)), self.floor)

    def _talk(self, booked: date, held: date | None) -> life.IntakeTalk:
        others = ["guardian"] if self.youth else ["spouse", "caseworker", "interpreter"]
        came = [who for who in others if self.youth or self.rng.random() < 0.35]
        came += ["teacher"] if self.language_school else []
        place = self.rng.choice(("office", "office", "office", "home", "phone"))
        texts = (self.say(words) for words in ("Vil helst i køkken", "Syer og bager", "Børn skal hentes kl. 16"))
        return life.IntakeTalk(booked, held, ("consultant", *came), place, *texts)

    def _assessment(self, day: date, start_step: str) -> life.Assessment:
        """Inputs from which the rule of F-042 proposes the given step."""
        rng = self.rng
        education, experience, attendance, away = {
            life.ORDINARY_JOB: (("vocational", "higher"), (3, 20), ("stable",), (1, 11)),
            life.WAGE_SUBSIDY: (("none", "primary"), (2, 4), ("stable",), (18, 60)),
            life.INTERNSHIP: (("none", "primary"), (0, 1), ("stable", "unstable"), (12, 120)),
        }[start_step]
        return life.Assessment(
            day, start_step, rng.choice(education), rng.randint(*experience), rng.choice(attendance),
            rng.randint(*away), self.say("Løfter ikke tungt"),
        )


def by_first_day(facts: Iterable[life.Fact]) -> tuple[life.Fact, ...]:
    """Facts in the order in which `Person.facts` holds them."""
    return tuple(sorted(facts, key=life.first_day))

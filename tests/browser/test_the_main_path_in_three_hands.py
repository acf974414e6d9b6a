# SPDX-License-Identifier: MPL-2.0
"""A caseworker, a job consultant and a language school, each at a browser of her own, take a citizen from a blank form to an
ordinary job and the first follow-up. Nobody types an address: every page is reached by a link that stands where she is. Every
click and every choice is counted and has its budget."""
from __future__ import annotations

from collections.abc import Callable

from tests.browser import path
from tests.browser.path import Citizen
from tests.browser.person import Person
from tests.browser.town import DAY, Town

REFERRAL, AGREEMENT, CONTACT = 12, 15, 8
"""Interactions besides typing, at most."""


def test_from_referral_to_ordinary_job(someone: Callable[..., Person], town: Town) -> None:
    town.opening("Fiskehuset", "ordinary_job")
    assert town.school.id
    farida = Citizen("Farida", "Fra Begyndelsen", DAY, "Fiskehuset", "Vil gerne sælge fisk", school="Hytten Sprogskole")
    karen, mehmet, school = someone(), someone(), someone()
    karen.sign_in("karen")
    mehmet.sign_in("mehmet")
    school.sign_in(key=town.key, at="partners")

    path.refer(karen, farida)
    assert karen.made <= REFERRAL, karen.made
    path.accept(mehmet, farida)

    # accepted → agreement concluded, with the talk and the assessment in between
    mehmet.made = 0
    path.assess(mehmet, farida)
    path.agree(mehmet, farida)
    assert mehmet.made <= AGREEMENT, mehmet.made

    path.hears(school, farida)
    path.ask(karen, farida)
    path.answer(school, farida)
    path.see(karen, farida)

    path.begin(mehmet, farida)
    mehmet.made = 0
    path.follow_up(mehmet, farida)
    assert mehmet.made <= CONTACT, mehmet.made

# SPDX-License-Identifier: MPL-2.0
"""A caseworker, a job consultant and a language school, each at a browser of her own, take a citizen from a blank form to an
ordinary job and the first follow-up. Nobody types an address: every page is reached by a link that stands where she is. Every
click and every choice is counted and has its budget."""
from __future__ import annotations

from collections.abc import Callable

from tests.browser.person import Person
from tests.browser.town import DAY, Town

NAME = "Farida Fra Begyndelsen"
REFERRAL, AGREEMENT, CONTACT = 12, 15, 8
"""Interactions besides typing, at most."""


def test_from_referral_to_ordinary_job(someone: Callable[..., Person], town: Town) -> None:
    town.opening("Fiskehuset", "ordinary_job")
    assert town.school.id
    karen, mehmet, school = someone(), someone(), someone()
    karen.sign_in("karen")
    mehmet.sign_in("mehmet")
    school.sign_in(key=town.key, at="partners")
    refer(karen)
    accept(mehmet)
    agree(mehmet)
    ask(karen)
    answer(school)
    see(karen)
    begin(mehmet)
    follow_up(mehmet)


def refer(karen: Person) -> None:
    """From a blank form to the job consultants."""
    karen.made = 0
    karen.click("Opret sag")
    karen.type("Fornavn", "Farida")
    karen.type("Efternavn", "Fra Begyndelsen")
    karen.tick("Går på sprogskole")
    karen.click("Opret sag")
    karen.click("Send henvisningen")
    assert NAME in karen.text and "Den venter på svar fra" in karen.text, karen.text
    assert karen.made <= REFERRAL, karen.made


def accept(mehmet: Person) -> None:
    """The referral stands among her work, and she takes it."""
    mehmet.finds(NAME)
    mehmet.click_line(NAME)
    mehmet.click("Tag imod henvisningen")
    assert NAME in mehmet.text, mehmet.text


def agree(mehmet: Person) -> None:
    """From the page where the accepting ends: the talk, the start, the assessment, a place, and the agreement."""
    mehmet.made = 0
    mehmet.click("Aftal samtale")
    mehmet.fill(scheduled_at=f"{DAY}T09:00")
    mehmet.click("Aftal samtale")
    print(mehmet.made, mehmet.path, mehmet.text)
    mehmet.click("Skriv referat af samtalen")
    mehmet.type("Ønsker", "Vil gerne sælge fisk")
    mehmet.type("Kompetencer", "Har stået i butik")
    print(mehmet.made, mehmet.path, mehmet.text)
    mehmet.click("Skriv referat af samtalen")
    print(mehmet.made, mehmet.path, mehmet.text)
    mehmet.click("Begynd forløbet")
    print(mehmet.made, mehmet.path, mehmet.text)
    mehmet.click("Begynd forløbet")
    mehmet.click("Vurdér starttrin")
    print(mehmet.made, mehmet.path, mehmet.text)
    raise SystemExit

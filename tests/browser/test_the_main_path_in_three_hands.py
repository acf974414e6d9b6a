# SPDX-License-Identifier: MPL-2.0
"""A caseworker, a job consultant and a language school, each at a browser of her own, take a citizen from a blank form to an
ordinary job and the first follow-up. Every click and every choice is counted and has its budget."""
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

    # karen: a blank form, and it is with the job consultants
    karen.go("referral/")
    karen.made = 0
    karen.follow("main a[href$='/cases/new'], nav a[href$='/cases/new']")
    karen.fill(given_name="Farida", family_name="Fra Begyndelsen")
    karen.follow("main .jt-form button.button-primary")
    karen.click("Send henvisningen")
    assert "Farida" in karen.text and karen.made <= REFERRAL, karen.made
    case = karen.path.rsplit("/", 1)[1]

    # mehmet: it stands in his work, he accepts it
    mehmet.finds(NAME, "referral/")
    mehmet.click_line(NAME)
    mehmet.follow("main .jt-form button.button-primary")
    assert f"/cases/{case}" in mehmet.path

    # accepted → agreement concluded
    mehmet.made = 0
    town.api.wait_for("matching to hear of her", lambda: town.api.get("mehmet", "matching", f"/cases/{case}"))
    mehmet.go(f"matching/cases/{case}?measure=ordinary_job")
    mehmet.finds("Fiskehuset")
    mehmet.follow("main a[href*='opening_id=']")
    mehmet.fill(reason="Vil gerne sælge fisk")
    mehmet.click("Foreslå, og gå videre til aftalen")
    mehmet.fill(purpose="Fast arbejde", long_term_goal="Fisk")
    mehmet.follow("main .jt-form button.button-primary")
    assert "Indgået" in mehmet.text and mehmet.made <= AGREEMENT, mehmet.made

    # she begins
    found = town.api.wait_for("a placement", lambda: (town.api.get("mehmet", "followup", "/placements", case_id=case) or {}).get("items"))
    mehmet.go(f"followup/placements/{found[0]['id']}/start")
    mehmet.fill(effective_date=DAY)
    if mehmet.page.locator("input[name=meeting_waived_because]:not([type=hidden])").count():
        mehmet.fill(meeting_waived_because="Alle har talt sammen i telefon")
    mehmet.follow("main .jt-form button.button-primary")

    # the follow-up contact
    mehmet.finds("Farida", "followup/")
    mehmet.made = 0
    mehmet.click_line(NAME)
    mehmet.follow("main .jt-form button.button-primary")
    assert mehmet.made <= CONTACT, mehmet.made
    mehmet.go(f"followup/courses/{case}")
    assert "Farida" in mehmet.text

    # the school has its own inbox, and karen finds her in the partners' part
    karen.finds("Farida", f"partners/cases/{case}")
    school.go("partners/")
    assert "Farida" not in school.text, "nobody has asked the school about her"

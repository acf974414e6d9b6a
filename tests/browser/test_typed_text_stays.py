# SPDX-License-Identifier: MPL-2.0
"""What was typed is not lost in a real browser: by another language in the middle of a form, by going back, by a reload."""
from __future__ import annotations

from collections.abc import Callable

from tests.browser.person import Person
from tests.browser.town import Town

SEND = "main .jt-form button.button-primary"


def typed(person: Person, name: str) -> str:
    return str(person.page.locator(f"main .jt-form [name={name}]").input_value())


def test_another_language_in_the_middle_of_a_form_keeps_what_is_typed(someone: Callable[..., Person], town: Town) -> None:
    karen = someone()
    karen.sign_in("karen")
    karen.go("referral/cases/new")
    karen.fill(given_name="Halvt", address="Skrevet gade 1")
    karen.follow(".jt-language button[value=en]")
    assert karen.page.locator("html").get_attribute("lang") == "en"
    assert (typed(karen, "given_name"), typed(karen, "address")) == ("Halvt", "Skrevet gade 1")
    karen.fill(family_name="")
    karen.follow(SEND)
    assert karen.page.locator("#errors").is_visible()
    karen.follow(".jt-language button[value=da]")
    assert karen.page.locator("html").get_attribute("lang") == "da" and typed(karen, "given_name") == "Halvt", "after an error too"
    karen.fill(family_name="Færdig")
    karen.follow(SEND)
    assert "Halvt Færdig" in karen.text


def test_a_form_in_which_nothing_was_typed_is_only_read_in_another_language(someone: Callable[..., Person], town: Town) -> None:
    lone = someone()
    lone.sign_in("lone")
    lone.go("referral/cases/new")
    lone.follow(".jt-language button[value=en]")
    assert lone.page.locator("html").get_attribute("lang") == "en" and "it was not sent" not in lone.text


def test_without_scripts_a_button_in_the_form_changes_the_language_and_keeps_what_is_typed(someone: Callable[..., Person], town: Town) -> None:
    karen = someone(java_script_enabled=False)
    karen.sign_in("karen")
    karen.go("referral/cases/new")
    karen.fill(given_name="Uden skript")
    karen.follow("main .jt-form noscript button, main .jt-form button[name=language]")
    assert karen.page.locator("html").get_attribute("lang") == "en" and typed(karen, "given_name") == "Uden skript"


def test_going_back_after_sending_and_sending_again_makes_no_second_case(someone: Callable[..., Person], town: Town) -> None:
    """The browser shows the form anew, empty, or as it was left: then its second sending is answered like its first."""
    karen = someone()
    karen.sign_in("karen")
    karen.go("referral/cases/new")
    karen.fill(given_name="Tilbageknap", family_name="Igen")
    karen.follow(SEND)
    there = karen.page.url
    karen.page.go_back()
    assert karen.path.endswith("/cases/new")
    karen.follow(SEND)
    assert karen.page.url == there or karen.page.locator("#errors").is_visible()
    found = town.post("karen", "referral", "/cases/find-by-name", {"name": "Tilbageknap Igen"}).document
    assert len(found["cases"]) == 1


def test_a_reload_brings_back_what_was_typed(someone: Callable[..., Person], town: Town) -> None:
    karen = someone()
    karen.sign_in("karen")
    karen.go("referral/cases/new")
    karen.fill(given_name="Genindlæst")
    karen.page.locator("form[data-draft][data-kept=yes]").wait_for()
    karen.page.reload()
    assert typed(karen, "given_name") == "Genindlæst" and "ikke sendt" in karen.text
    karen.follow("form[action$='/draft/forget'] button")
    assert typed(karen, "given_name") == ""

# SPDX-License-Identifier: MPL-2.0
"""The main form by keyboard alone, with scripts off, and at twice the size."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.person import Person
from tests.browser.town import Town

FOCUSED = "(document.activeElement.name || document.activeElement.id || document.activeElement.textContent || '').trim()"


def tab_to(person: Person, name: str, most: int = 60) -> None:
    """Press Tab until the focus is on a field of this name or a button of these words. It is always to be seen."""
    for _ in range(most):
        person.page.keyboard.press("Tab")
        if person.page.evaluate(FOCUSED) == name:
            drawn = person.page.evaluate("(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; })()")
            assert drawn, f"{name} has the focus and does not show it"
            return
    raise AssertionError(f"Tab never came to {name!r}")


def test_a_citizen_is_referred_by_keyboard_alone(someone: Callable[..., Person], town: Town) -> None:
    karen = someone()
    karen.go("referral/sign-in")
    tab_to(karen, "username")
    karen.page.keyboard.type("karen")
    tab_to(karen, "password")
    karen.page.keyboard.type("karen")
    with karen.page.expect_navigation():
        karen.page.keyboard.press("Enter")
    karen.go("referral/cases/new")
    tab_to(karen, "given_name")
    karen.page.keyboard.type("Tast")
    tab_to(karen, "family_name")
    karen.page.keyboard.type("Atur")
    with karen.page.expect_navigation():
        karen.page.keyboard.press("Enter")
    assert karen.path.endswith("/referrals/new"), karen.text
    tab_to(karen, "Send henvisningen")
    with karen.page.expect_navigation():
        karen.page.keyboard.press("Enter")
    assert "Tast Atur" in karen.text and "/cases/" in karen.path


def test_a_citizen_is_referred_with_scripts_off(someone: Callable[..., Person], town: Town) -> None:
    karen = someone(java_script_enabled=False)
    karen.sign_in("karen")
    karen.go("referral/cases/new")
    karen.follow("main .jt-form button.button-primary")
    assert karen.page.locator("#errors").is_visible() and karen.page.locator(".form-error-message").count() >= 2
    karen.fill(given_name="Uden", family_name="Skript")
    karen.follow("main .jt-form button.button-primary")
    karen.click("Send henvisningen")
    assert "Uden Skript" in karen.text
    karen.click("Log ud", within="header")
    assert karen.path.endswith("/sign-in")


@pytest.mark.parametrize("path", ["referral/", "referral/cases/new", "matching/openings", "followup/courses", "partners/partners"])
def test_at_twice_the_size_nothing_leaves_the_window(path: str, someone: Callable[..., Person], town: Town) -> None:
    """1280 by 1024 at 200 % is a window of 640 by 512 CSS pixels, drawn with two device pixels each."""
    assert town.peopled
    mehmet = someone(viewport={"width": 640, "height": 512}, device_scale_factor=2)
    mehmet.sign_in("karen" if path.endswith("new") else "mehmet")
    assert mehmet.go(path) == 200 and mehmet.overflows() <= 0
    cut = mehmet.page.evaluate("""[...document.querySelectorAll("main button, main a, main label, main input, main h1")]
      .filter(e => e.getClientRects().length && !e.closest(".table--responsive-scroll") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))""")
    assert cut == []

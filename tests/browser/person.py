# SPDX-License-Identifier: MPL-2.0
"""A person at a keyboard and a mouse. What she clicks and chooses is counted; what she types is not.

    karen = Person(browser, "http://127.0.0.1:8080", locale="da-DK")
    karen.sign_in("karen")
    karen.click("Åbn en sag")             a link or a button: one
    karen.choose("Køn", "Kvinde")         a radio button, a box or a line of a list: one
    karen.type("Fornavn", "Amina")        nothing
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jobtrappen.config import PATHS

WATCH = """window.__refused = []; document.addEventListener("securitypolicyviolation", e => window.__refused.push(e.violatedDirective + " " + e.blockedURI));"""


class Person:
    def __init__(self, browser: Any, base: str, **context: Any) -> None:
        self.base = base
        self.camera: Callable[[Person, str, int], None] | None = None
        self.context = browser.new_context(**{"locale": "da-DK", "viewport": {"width": 1440, "height": 900}, **context})
        self.context.set_default_timeout(15_000)
        self.made = 0
        self.faults: list[str] = []
        self.context.on("request", self._leaves)
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("console", self._said)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()

    def _leaves(self, request: Any) -> None:
        if urlsplit(request.url).scheme != "data" and not request.url.startswith(f"{self.base}/"):
            self.faults.append(f"asks another host: {request.url}")

    def _said(self, message: Any) -> None:
        if message.type == "error" and not re.search(r"status of (4\d\d|503)", message.text):
            self.faults.append(f"console: {message.text}")

    def leave(self) -> None:
        self.context.close()

    # --- going about ---------------------------------------------------------------------------------------------------
    def sign_in(self, name: str = "", key: str = "", at: str = "referral") -> None:
        """Through the page; a partner by its key."""
        self.go(f"{at}/sign-in")
        if key:
            self.page.locator("#partner-key").fill(key)
            self._leads_on(self.page.locator("form:has(#partner-key) button"))
        else:
            self.page.locator("#username").fill(name)
            self.page.locator("#password").fill(name)
            self._leads_on(self.page.locator("form:has(#username) button"))
        assert "/sign-in" not in self.page.url, self.text
        self.made = 0

    def go(self, path: str) -> int:
        """Type an address: "referral/cases/new", or one as it stands in a link. Returns: the status."""
        service, _, rest = path.partition("/")
        answer = self.page.goto(f"{self.base}{PATHS[service]}/{rest}" if service else f"{self.base}{path}")
        return answer.status if answer else 0

    def click(self, text: str, within: str = "main, nav", nth: int = 0) -> None:
        """A link or a button whose words begin so; it leads to the next page."""
        self.made += 1
        self._leads_on(self.page.locator(within).locator("a, button").filter(has_text=re.compile(rf"^\s*{re.escape(text)}", re.I)).nth(nth))

    def _leads_on(self, target: Any) -> None:
        with self.page.expect_navigation():
            target.click()

    def click_line(self, text: str) -> None:
        """The first line of work that holds these words; looked for again until it is there."""
        found = self.line(text)
        self.made += 1
        self._leads_on(found)

    def line(self, text: str) -> Any:
        """The link of the first line of work that holds these words. What another service says takes a moment to arrive."""
        links = self.page.locator("main .jt-work a").filter(has_text=text)
        self._until(links.count, f"a line with {text!r}")
        return links.first

    def propose(self, opening: str) -> None:
        """The button beside this opening."""
        self.made += 1
        self._leads_on(self.page.locator("main .jt-list li").filter(has_text=opening).locator("a.button").first)

    def follow(self, css: str) -> None:
        """A link that only its address tells apart."""
        self.made += 1
        self._leads_on(self.page.locator(css).first)

    def choose(self, label: str, option: str) -> None:
        """One click: a line of a list, or a radio button or box under its heading."""
        self.made += 1
        found = self.page.get_by_label(re.compile(rf"^\s*{re.escape(label)}"))
        if found.count() and found.first.evaluate("e => e.tagName") == "SELECT":
            found.first.select_option(label=option)
        else:
            self.page.locator("fieldset", has=self.page.locator("legend", has_text=label)).get_by_text(option, exact=True).click()

    def tick(self, label: str) -> None:
        """One click on a box."""
        self.made += 1
        self.page.locator("main label").filter(has_text=label).first.click()

    def type(self, label: str, text: str) -> None:
        """Into the field of this name; keystrokes are not counted."""
        self.page.get_by_label(re.compile(rf"^\s*{re.escape(label)}")).first.fill(text)

    def fill(self, **typed: str) -> None:
        """Into fields by their technical names; a dot is written as two underscores."""
        for name, text in typed.items():
            self.page.locator(f'[name="{name.replace("__", ".")}"]:not([type=hidden])').fill(text)

    # --- looking -------------------------------------------------------------------------------------------------------
    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", self.page.locator("main").inner_text())

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def finds(self, text: str, path: str = "") -> None:
        """Look again until these words stand there, on this page or at `path`: what another service says takes a moment to arrive."""
        if path:
            self.go(path)
        self._until(lambda: text in self.text, repr(text))

    def _until(self, look: Callable[[], Any], what: str) -> None:
        for _ in range(150):
            if look():
                return
            self.page.wait_for_timeout(100)
            self.page.reload()
        raise AssertionError(f"never saw {what} at {self.page.url}: {self.text[:600]}")

    def picture(self, name: str, tall: int = 1000) -> None:
        """A picture for the guides, where somebody takes them; a page that is longer than `tall` is cut there, as a window would."""
        if self.camera is not None:
            self.camera(self, name, tall)

    def refused(self) -> list[str]:
        """What the content security policy refused on this page."""
        return list(self.page.evaluate("window.__refused || []"))

    def overflows(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

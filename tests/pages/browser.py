# SPDX-License-Identifier: MPL-2.0
"""A browser without a window: it signs in, follows links, and fills forms from what already stands in them, as a person would.

    karen = Browser(app, "karen")
    page = karen.get("/cases/new")            page.status, page.text (without tags), page.links
    page = karen.fill("/cases/new", given_name="Amina")     what was not typed is sent as it stands; redirects are followed
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.test import Client, TestResponse

VOID = {"input", "br", "hr", "img", "meta", "link"}


@dataclass
class FoundForm:
    """A form with what stands in it: {name: values}, and its radio buttons' names with their choices."""

    action: str
    css: str
    values: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[FoundForm] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.errors: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._area = self._select = ""
        self._chosen = False
        self._text = ""

    def handle_starttag(self, tag: str, given: Any) -> None:
        at = {name: value or "" for name, value in given}
        self.tags.append((tag, at))
        if tag not in VOID:
            self._open.append((tag, at))
        form = self.forms[-1] if any(t == "form" for t, _ in self._open) and self.forms else None
        if tag == "form":
            self.forms.append(FoundForm(at.get("action", ""), at.get("class", "")))
        elif tag == "a":
            self.links.append((at.get("href", ""), ""))
        elif tag == "input" and form is not None and (name := at.get("name", "")):
            kind = at.get("type", "text")
            if kind in ("radio", "checkbox"):
                form.choices.setdefault(name, []).append(at.get("value", "on"))
            if kind not in ("radio", "checkbox") or "checked" in at:
                form.values.setdefault(name, []).append(at.get("value", ""))
            if kind == "hidden":
                form.hidden.add(name)
        elif tag == "select" and form is not None:
            self._select, self._chosen = at.get("name", ""), False
            form.values[self._select] = [""]
        elif tag == "option" and self._select and form is not None:
            form.choices.setdefault(self._select, []).append(at.get("value", ""))
            if "selected" in at:
                form.values[self._select] = [at.get("value", "")]
        elif tag == "textarea":
            self._area, self._text = at.get("name", ""), ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area and self.forms:
            self.forms[-1].values[self._area] = [self._text.removeprefix("\n")]
            self._area = ""
        if tag == "select":
            self._select = ""
        while self._open:
            name, _at = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text += data
        if any(t in ("script", "style", "head") for t, _ in self._open):
            return
        if any(t == "a" for t, _ in self._open) and self.links:
            address, text = self.links[-1]
            self.links[-1] = (address, f"{text}{data}")
        for _t, at in self._open:
            if at.get("id", "").endswith("-error") and "form-error-message" in at.get("class", ""):
                self.errors[at["id"].removesuffix("-error").removeprefix("f-")] = self.errors.get(at["id"].removesuffix("-error").removeprefix("f-"), "") + data
        self.words.append(data)


@dataclass
class Shown:
    """A page as it came."""

    status: int
    html: str
    address: str
    headers: Any
    reader: _Reader

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.reader.words)).strip()

    @property
    def links(self) -> list[tuple[str, str]]:
        """(address, text)."""
        return [(address, re.sub(r"\s+", " ", text).strip()) for address, text in self.reader.links]

    @property
    def errors(self) -> dict[str, str]:
        """By field: what stands at it."""
        return {name: re.sub(r"\s+", " ", text).strip() for name, text in self.reader.errors.items()}

    def link(self, begins: str) -> str:
        """The first address whose text begins so, or which itself holds it."""
        found = next((a for a, text in self.links if text.startswith(begins)), None) or next((a for a, _text in self.links if begins in a), None)
        assert found is not None, f"no link {begins!r} among {self.links}"
        return found

    def has_link(self, part: str) -> bool:
        return any(part in address or part in text for address, text in self.links)

    def form(self, css: str = "jt-form") -> FoundForm:
        found = next((f for f in self.reader.forms if css in f.css.split()), None)
        assert found is not None, f"no form of class {css}: {self.text[:500]}"
        return found


class Browser:
    """One person at one service's (or the whole suite's) pages."""

    def __init__(self, app: Any, name: str = "", sign_in: str = "/sign-in", key: str = "") -> None:
        self.client = Client(app)
        if name or key:
            page = self.get(sign_in)
            done = self.post(sign_in, csrf_token=page.form_token, **({"key": key} if key else {"username": name, "password": name}), follow=False)
            assert done.status == 303, (done.status, done.text[:500])

    def get(self, path: str, follow: bool = False) -> Page:
        return _page(self.client.get(path, follow_redirects=follow), path)

    def post(self, path: str, follow: bool = False, **data: Any) -> Page:
        return _page(self.client.post(path, data=data, follow_redirects=follow), path)

    def fill(self, path: str, follow: bool = True, css: str = "jt-form", **typed: Any) -> Page:
        """Open a form, type, send. None unticks or empties; a list gives several."""
        page = self.get(path)
        assert page.status == 200, (path, page.status, page.text[:500])
        return self.send(page, follow, css, **typed)

    def send(self, page: Page, follow: bool = True, css: str = "jt-form", **typed: Any) -> Page:
        """Send the form that a page shows."""
        form = page.form(css)
        data: MultiDict[str, str] = MultiDict([(name, value) for name, values in form.values.items() if name not in typed for value in values])
        for name, value in typed.items():
            data.setlist(name, [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)])
        return _page(self.client.post(form.action or page.address, data=data, follow_redirects=follow), form.action or page.address)


class Page(Shown):
    @property
    def form_token(self) -> str:
        return next(f.values["csrf_token"][0] for f in self.reader.forms if "csrf_token" in f.values)


def _page(response: TestResponse, path: str) -> Page:
    reader = _Reader()
    if response.mimetype == "text/html":
        reader.feed(response.text)
    address = response.request.path if response.history else path
    return Page(response.status_code, response.text if response.mimetype not in ("application/octet-stream", "application/pdf") else "", address, response.headers, reader)

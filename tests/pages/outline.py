# SPDX-License-Identifier: MPL-2.0
"""A page as an outline that people can read and compare: headings, sentences, fields with what stands in them, buttons, where links
lead. What differs from run to run (ids, the hour, tokens) has a name instead."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"input", "br", "hr", "img", "meta", "link"}
BLOCKS = {"p", "li", "div", "section", "nav", "form", "fieldset", "legend", "label", "table", "tr", "ul", "ol", "dl", "dt", "dd", "header", "footer", "main", "details", "summary",
          "select", "textarea", "svg", "text", "figure", "figcaption", "caption", "title", "h1", "h2", "h3", "h4"}
SILENT = {"script", "style", "datalist"}
SAID = ("aria-label", "title", "alt", "placeholder")
"""Attributes that are read out or shown."""
MOST_CHOICES = 8
"""Of a longer list only so many are written down; that each has words is another test's matter."""
UNSTABLE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"), (re.compile(r"jt_\w+"), "<key>"),
    (re.compile(r"(man\. 23\. nov\. 2026 kl\. |Mon,? 23 Nov 2026, |2026-11-23T)\d\d[.:]\d\d"), "<now>"), (re.compile(r"\(\d+ (?=ikke forseglet|not sealed)"), "(<n> "), (re.compile(r"\b99\d{6}\b"), "<cvr>"), (re.compile(r"\b000\d{7}\b"), "<p number>"),
    (re.compile(r"\?v=[0-9a-f]+"), ""), (re.compile(r"\d{4}-\d\d-\d\d_<id>"), "<place>"),
    (re.compile(r"(jobtrappen\.\w+)/\d+@\d+"), r"\1/<place>"))


def steady(text: str) -> str:
    for found, name in UNSTABLE:
        text = found.sub(name, text)
    return re.sub(r"\s+", " ", text).strip()


@dataclass
class Outline:
    """`main` is what the page itself says, `frame` what stands around it; `said` is every text and every read-out attribute, but for what says
    itself that it is in a language of its own."""

    main: list[str] = field(default_factory=list)
    frame: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.made = Outline()
        self.open: list[str] = []
        self.foreign: list[bool] = []
        self.line = ""
        self.links: list[str] = []
        self.choices: list[tuple[str, bool]] = []
        self.chosen = False
        self.names: list[str] = []

    def within(self, *tags: str) -> bool:
        return any(tag in tags for tag in self.open)

    def flush(self) -> None:
        text = steady(self.line)
        self.line = ""
        if text:
            (self.made.main if self.within("main", "title") else self.made.frame).append(text)

    def handle_starttag(self, tag: str, given: Any) -> None:
        at = {name: value or "" for name, value in given}
        self.made.said += [at[name] for name in SAID if at.get(name)]
        if tag in BLOCKS:
            self.flush()
        if tag not in VOID:
            self.open.append(tag)
            self.foreign.append(bool(at.get("lang")) and tag != "html")
        if tag in ("h1", "h2", "h3", "h4"):
            self.line = "#" * int(tag[1]) + " "
        elif tag in ("li", "dd"):
            self.line = "- "
        elif tag in ("td", "th") and self.line:
            self.line += " | "
        elif tag == "a":
            self.links.append(at.get("href", ""))
        elif tag == "button":
            self.line += " ["
        elif tag == "input":
            self._input(at)
        elif tag == "select":
            self.names.append(at.get("name", ""))
            self.choices = []
        elif tag == "option":
            self.chosen = "selected" in at
        elif tag == "textarea":
            self.line += f"<{at.get('name', '')}: "
        elif tag == "br":
            self.line += " / "

    def _input(self, at: dict[str, str]) -> None:
        kind, name, value = at.get("type", "text"), at.get("name", ""), at.get("value", "")
        if kind == "hidden":
            if name not in ("csrf_token", "key", "version", "to", "draft-of", "kept-text"):
                self.line += f" <{name} = {value}>"
        elif kind in ("radio", "checkbox"):
            self.flush()
            self.line = f"({'x' if 'checked' in at else ' '}) "
        else:
            self.line += f"<{name} = {value}>"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.links:
            self.line += f" → {self.links.pop().partition('#')[0] or '#'} "
        elif tag == "button":
            self.line += "]"
        elif tag == "textarea":
            self.line += ">"
        elif tag == "select" and self.names:
            shown = [f"*{text}" if chosen else text for text, chosen in self.choices]
            more = f" / … {len(shown) - MOST_CHOICES} more" if len(shown) > MOST_CHOICES else ""
            self.line += f"<{self.names.pop()}: {' / '.join(shown[:MOST_CHOICES])}{more}>"
        if tag in BLOCKS:
            self.flush()
        while self.open:
            self.foreign.pop()
            if self.open.pop() == tag:
                break

    def handle_data(self, data: str) -> None:
        if self.within(*SILENT):
            return
        text = re.sub(r"\s+", " ", data)
        if text.strip() and not self.within("textarea") and not any(self.foreign):
            self.made.said.append(text.strip())
        if self.open and self.open[-1] == "option":
            self.choices.append((text.strip(), self.chosen))
        else:
            self.line += text


def outline(html: str) -> Outline:
    """The page's outline. Lines that follow each other and are the same are written once."""
    reader = _Reader()
    reader.feed(html)
    reader.flush()
    reader.made.main, reader.made.frame = _once(reader.made.main), _once(reader.made.frame)
    return reader.made


def _once(lines: list[str]) -> list[str]:
    made: list[str] = []
    times = 0
    for n, line in enumerate(lines):
        times += 1
        if n + 1 == len(lines) or lines[n + 1] != line:
            made.append(line if times == 1 else f"{line} (×{times})")
            times = 0
    return made

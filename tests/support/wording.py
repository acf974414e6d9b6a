# SPDX-License-Identifier: MPL-2.0
"""Which words the kit and each service ask for, read from their templates, their code and their schemas, and which of them a
catalogue lacks.

    python -m tests.support.wording            what every part lacks, as lines for its catalogues
    python -m tests.support.wording matching   what one part lacks
"""
from __future__ import annotations

import ast
import itertools
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jinja2
from babel.messages.pofile import read_po
from jinja2 import nodes
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import default_exceptions

from jobtrappen import heard, plugins, roles
from jobtrappen.auth import DEMO_USERS
from jobtrappen.config import SERVICES
from jobtrappen.contracts import vocabulary
from jobtrappen.runtime import Service
from jobtrappen.web import fields as web_fields
from jobtrappen.web.api import Route
from jobtrappen.web.pages import things
from jobtrappen.web.pages.words import HERE, LANGUAGES, PLACE
from jobtrappen.web.reads import PURPOSES

ROOT = Path(__file__).parents[2]
KIT = ROOT / "shared" / "jobtrappen"
PARTS = ("kit", *SERVICES)
MESSAGE = {"Rejected": 0, "Invalid": 1, "NotSignedIn": 0, "Forbidden": 0, "NotFound": 0, "Conflict": 0, "Stale": 0, "TooMany": 0, "TooLarge": 0, "ValidationError": 0,
           "problem": 3}
"""Where the sentence stands among the arguments of what makes an error."""
SAID_BY = {"kit": (), "referral": ("staircase.propose", "sources._wrong"), "matching": (), "followup": (), "partners": ()}
"""Functions that return sentences, or lists of them, which a page shows."""
UNSEEN = ("rebuild", "health")
"""Modules whose errors reach no page."""
HTTP = (400, 404, 405, 408, 413, 414, 415, 429)
"""What werkzeug may say of a request for a page."""


@dataclass
class Asked:
    """Everything that a part asks its catalogues for, each with the place that asks."""

    texts: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, str] = field(default_factory=dict)
    sentences: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def code(self, kind: str, codes: Iterable[Any], where: str) -> None:
        for code in codes:
            self.codes.setdefault(f"{kind}:{code}", where)


def folder_of(part: str) -> Path:
    return KIT if part == "kit" else ROOT / "services" / part / f"jobtrappen_{part}"


def locale_of(part: str) -> Path:
    return HERE if part == "kit" else folder_of(part) / "locale"


@cache
def asked(part: str) -> Asked:
    """What the kit or a service asks for."""
    found = Asked()
    for path in sorted(folder_of(part).rglob("*.html")):
        _template(found, path)
    for path in sorted(folder_of(part).rglob("*.py")):
        if not {"migrations", "demo", "contracts", "bus"} & set(path.parts) and path.stem not in UNSEEN:
            _module(found, path, SAID_BY[part])
    if part == "kit":
        _kit(found)
    else:
        _service(found, plugins.services()[part])
    return found


def _template(found: Asked, path: Path) -> None:
    for call in jinja2.Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        name, where = getattr(call.node, "name", ""), f"{path.name}:{call.lineno}"
        given = [[c.value for c in _constants(one)] for one in call.args]
        if name == "_":
            found.texts.update(dict.fromkeys(given[0], where))
        elif name == "plural":
            found.plurals.update(dict.fromkeys(given[0], where))
        elif name == "word" and given[0] and given[1]:
            found.code(given[0][0], given[1], where)
        elif name == "label":
            found.code("field", given[0], where)


def _constants(node: nodes.Node) -> Iterator[nodes.Const]:
    """The texts that an argument may be; none where a variable stands in it."""
    if isinstance(node, nodes.Const):
        yield node
    elif isinstance(node, nodes.CondExpr):
        for branch in (node.expr1, node.expr2):
            yield from _constants(branch) if branch is not None else ()


def _module(found: Asked, path: Path, said_by: Iterable[str]) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            _call(found, node, where)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "detail":
                    found.sentences.update(dict.fromkeys(sentences(value), where))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute) and node.targets[0].attr == "status":
            found.code("status", sentences(node.value), where)
        elif isinstance(node, ast.FunctionDef) and f"{path.stem}.{node.name}" in said_by:
            for inner in ast.walk(node):
                said = inner.value if isinstance(inner, ast.Return) else inner.args[0] if isinstance(inner, ast.Call) and ast.unparse(inner.func).endswith(".append") else None
                found.sentences.update(dict.fromkeys(_said(said), where) if said is not None else {})
    if path.name == "errors.py" and path.parent == KIT:
        for node in ast.walk(tree):
            titled = isinstance(node, ast.Assign) and "title" in ast.unparse(node.targets[0])
            found.sentences.update(dict.fromkeys(sentences(node.value.elts[-1] if isinstance(node.value, ast.Tuple) else node.value) if titled else (), "errors.py"))  # type: ignore[attr-defined]


def _call(found: Asked, node: ast.Call, where: str) -> None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    first = sentences(node.args[0]) if node.args else []
    if name in ("_", "later"):
        found.texts.update(dict.fromkeys(first, where))
    elif name == "plural":
        found.plurals.update(dict.fromkeys(first, where))
    elif name == "word" and len(node.args) > 1 and first:
        found.code(first[0], sentences(node.args[1]), where)
    elif ast.unparse(node.func) == "words.label":
        found.code("field", first, where)
    elif name == "Entry" and len(node.args) > 1:
        found.texts.update(dict.fromkeys(sentences(node.args[1]), where))
    elif name in MESSAGE and len(node.args) > MESSAGE[name]:
        found.sentences.update(dict.fromkeys(sentences(node.args[MESSAGE[name]]), where))
        if name == "problem":
            found.sentences.update(dict.fromkeys(sentences(node.args[2]), where))
    elif name == "__init__" and "super()" in ast.unparse(node.func):
        found.sentences.update({s: where for s in first if " " in s})
    for keyword in node.keywords:
        if keyword.arg == "error":
            found.sentences.update(dict.fromkeys(sentences(keyword.value), where))
        elif keyword.arg == "entry":
            found.texts.update(dict.fromkeys(sentences(keyword.value), where))
        elif keyword.arg == "status":
            found.code("status", sentences(keyword.value), where)


def sentences(node: ast.AST | None) -> list[str]:
    """The texts that an expression may be, with a place for whatever varies; none where it is no text."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) and node.value else []
    if isinstance(node, ast.JoinedStr):
        parts = [[str(part.value)] if isinstance(part, ast.Constant) else _varying(part) for part in node.values]
        return ["".join(chosen) for chosen in itertools.product(*parts)]
    if isinstance(node, ast.IfExp):
        return [*sentences(node.body), *sentences(node.orelse)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [a + b for a, b in itertools.product(sentences(node.left), sentences(node.right))]
    return []


def _varying(part: ast.expr) -> list[str]:
    """A place of an f-string; one that is itself a choice of texts is each of them."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    chosen = sentences(value) if isinstance(value, ast.IfExp) else []
    return chosen or [f"{{{_name(value)}}}"]


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id.lower()
    if isinstance(node, ast.Attribute):
        return node.attr.lower()
    if isinstance(node, ast.Call) and node.args:
        return _name(node.args[0])
    inner = next((one for one in ast.iter_child_nodes(node) if isinstance(one, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BoolOp)), None)
    return _name(inner) if inner is not None else "it"


def _said(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Tuple | ast.List):
        return [s for one in node.elts for s in _said(one) if " " in s]
    if isinstance(node, ast.BoolOp):
        return [s for one in node.values for s in _said(one)]
    return sentences(node)


def _kit(found: Asked) -> None:
    """What every service shows: roles, units, steps, reasons, and what marshmallow and werkzeug say by themselves."""
    for name, text in _built_in():
        found.sentences[text] = f"marshmallow {name}"
    found.sentences.update({text: f"werkzeug {code}" for code in HTTP for text in (default_exceptions[code]().name, default_exceptions[code].description) if text})
    found.code("role", roles.EVERYBODY | roles.SYS, "roles.py")
    found.code("unit", [*(user.unit for user in DEMO_USERS.values()), "system"], "auth.py")
    found.code("service", SERVICES, "config.py")
    found.code("purpose", PURPOSES, "reads.py")
    found.code("kept", ("waiting", "parked", "behind", "dropped"), "operator.html")
    found.code("event", [*heard.EVENTS, "contact.held", "milestone.seen"], "heard.py")
    found.code("request_type", vocabulary.FIELDS["request_type"]["enum"], "vocabulary.py")
    found.code("track", vocabulary.FIELDS["track"]["enum"], "vocabulary.py")
    for kind, codes in (("measure", vocabulary.MEASURES), ("step", vocabulary.STEPS), ("by", vocabulary.PARTIES), ("reason_code", vocabulary.REASONS),
                        ("outcome_code", vocabulary.OUTCOMES), ("how", vocabulary.HOW_ENDED), ("status", vocabulary.STATES), ("start_step", vocabulary.FIELDS["start_step"]["enum"])):
        found.code(kind, codes, "vocabulary.py")


def _built_in() -> Iterator[tuple[str, str]]:
    """What marshmallow says by itself of the fields and checks that the suite uses."""
    used = [one for one in vars(web_fields).values() if isinstance(one, type) and issubclass(one, fields.Field)]
    for kind in dict.fromkeys(base for one in used for base in one.__mro__):
        yield from ((kind.__name__, text) for text in getattr(kind, "default_error_messages", {}).values())
    yield from (("Schema", text) for text in Schema._default_error_messages.values())
    yield from (("Length", text) for text in (validate.Length.message_min, validate.Length.message_max, validate.Length.message_all, validate.Length.message_equal))


def _service(found: Asked, service: Service) -> None:
    for lifecycle in service.lifecycles:
        found.code("lifecycle", [lifecycle.name], "model.py")
        found.code("status", lifecycle.states, "model.py")
        found.code("did", [f"{lifecycle.name}.{step.action}" for step in lifecycle.steps], "model.py")
    for route in service.api.routes:
        _route(found, route, service)
    for module in _page_modules(service.name) if service.site is not None else ():
        found.code("why", [one for some in getattr(module, "REASONS", {}).values() for one in some], module.__name__)


def _page_modules(service: str) -> Iterator[Any]:
    pages = import_module(f"jobtrappen_{service}.pages")
    yield pages
    for one in pkgutil.iter_modules(getattr(pages, "__path__", ())):
        yield import_module(f"{pages.__name__}.{one.name}")


def _route(found: Asked, route: Route, service: Service) -> None:
    site = service.site
    if route.method == "GET":
        known = route.dumps is not None and not route.public and route.resource not in things.PLAIN and "<string" not in route.path and route.who != frozenset({"service"})
        if known and route.many and "<" not in route.path:
            found.code("list", [route.name], "api.py")
        if known and not route.many and route.path.count("<") == 1:
            found.code("thing", [route.resource], "api.py")
            _shown(found, route.dumps, route.resource)
    elif route.loads is not None and route.takes == "application/json":
        left_out = site.forms[route.name].leave_out if site is not None and route.name in site.forms else ()
        has_form = site is None or route.name not in site.no_form
        if has_form:
            found.code("do", [route.name], "api.py")
        _taken(found, route.loads, route.name, left_out, has_form)


def _taken(found: Asked, schema: Schema, of: str, leave_out: Iterable[str] = (), labelled: bool = True) -> None:
    """Labels and codes of a command's fields; a command without a form of its own needs the codes alone."""
    for key, one in schema.load_fields.items():
        name = one.data_key or key
        if name in leave_out:
            continue
        found.code("field", [f"{of}.{name}"] if labelled else (), "schemas")
        inner = one.inner if isinstance(one, fields.List) else one
        if isinstance(inner, fields.Nested):
            _taken(found, inner.schema, of if inner is one else name, (), labelled)
        for check in inner.validators:
            found.code(name, check.choices if isinstance(check, validate.OneOf) else (), "schemas")


def _shown(found: Asked, schema: Schema | None, of: str) -> None:
    for key, one in schema.dump_fields.items() if schema is not None else ():
        name = one.data_key or key
        if name not in things.FRAME:
            found.code("field", [f"{of}.{name}"], "schemas")
        inner = one.inner if isinstance(one, fields.List) else one
        if isinstance(inner, fields.Nested):
            _shown(found, inner.schema, of)


@dataclass(frozen=True)
class Words:
    """One catalogue as it is written: {msgid: msgstr} and {singular: (forms)}."""

    texts: dict[str, str]
    plurals: dict[str, tuple[str, ...]]

    @property
    def shapes(self) -> set[str]:
        """Messages with places that have no names."""
        return {shape(text) for text in self.texts}


def shape(text: str) -> str:
    return PLACE.sub("{}", text)


@cache
def catalogue(part: str, language: str) -> Words:
    path = locale_of(part) / f"{language}.po"
    texts: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    if path.exists():
        with path.open("rb") as source:
            for message in read_po(source, locale=language, abort_invalid=True):
                if isinstance(message.id, list | tuple):
                    plurals[message.id[0]] = tuple(message.string)
                elif message.id:
                    texts[message.id] = str(message.string)
    return Words(texts, plurals)


def seen_by(part: str, language: str) -> Words:
    """What a part's pages find: its own words and the kit's."""
    kit, own = catalogue("kit", language), catalogue(part, language)
    return Words({**kit.texts, **own.texts}, {**kit.plurals, **own.plurals})


def has_code(words: Words, code: str) -> bool:
    kind, _, name = code.partition(":")
    if kind in ("field", "did"):  # of one form or lifecycle alone, or one for everywhere
        return code in words.texts or f"{kind}:{name.rpartition('.')[2]}" in words.texts
    return code in words.texts or f":{name}" in words.texts


def lacking(part: str) -> dict[str, list[str]]:
    """What a part asks for and does not find: {kind of thing: [what (where)]}, empty lists where nothing is missing."""
    wanted, danish = asked(part), seen_by(part, "da")
    gaps = {
        "texts": [f"{text!r} ({where})" for text, where in wanted.texts.items() if not danish.texts.get(text)],
        "plurals": [f"{text!r} ({where})" for text, where in wanted.plurals.items() if text not in danish.plurals],
        "sentences": [f"{text!r} ({where})" for text, where in wanted.sentences.items() if shape(text) not in danish.shapes],
    }
    for language in LANGUAGES:
        words = seen_by(part, language)
        gaps[f"codes in {language}"] = [f"{code} ({where})" for code, where in wanted.codes.items() if not has_code(words, code)]
    return gaps


def main(parts: Iterable[str]) -> None:
    """Print what is missing as it would stand in a catalogue, for whoever writes the words."""
    for part in parts or PARTS:
        wanted, danish = asked(part), seen_by(part, "da")
        print(f"# {part}")
        for text, where in [*wanted.texts.items(), *wanted.sentences.items()]:
            if text not in danish.texts and shape(text) not in danish.shapes:
                print(f"#: {where}\nmsgid {_quoted(text)}\nmsgstr \"\"\n")
        for text, where in wanted.plurals.items():
            if text not in danish.plurals:
                print(f"#: {where}\nmsgid {_quoted(text)}\nmsgid_plural \"\"\nmsgstr[0] \"\"\nmsgstr[1] \"\"\n")
        for language in LANGUAGES:
            for code, where in wanted.codes.items():
                if not has_code(seen_by(part, language), code):
                    print(f"#: {where} ({language})\nmsgid {_quoted(code)}\nmsgstr \"\"\n")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


if __name__ == "__main__":
    main(sys.argv[1:])

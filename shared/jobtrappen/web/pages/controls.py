# SPDX-License-Identifier: MPL-2.0
"""From a command's marshmallow schema to the controls of its form, and from what was typed back to the command's JSON.

The schema stays the one description of a command: a new field has a control by itself, and a field's limits are the API's.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.datastructures import MultiDict

from jobtrappen.web.fields import Day, Flag, Moment, Text, Uuid, Whole
from jobtrappen.web.pages import words

ROWS = 4
"""How many rows a list of things (participants) offers."""
LONG = 250
"""A text that may be longer than this is typed into an area."""
FEW = 5
"""So many choices are radio buttons, all to be seen at once; more are a list."""


@dataclass
class Control:
    """One field of a form, ready to be drawn. `kind`: text, area, day, moment, number, flag, radios, select, checks, lines, rows or
    hidden. `value` is what was typed, as text (a list for checks, a list of dictionaries for rows)."""

    name: str
    kind: str
    label: str
    hint: str = ""
    required: bool = False
    value: Any = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    error: str = ""
    limit: int = 0
    low: int | None = None
    high: int | None = None
    inner: list[Control] = field(default_factory=list)
    numeric: bool = False

    @property
    def id(self) -> str:
        return f"f-{self.name.replace('.', '-')}"


def controls(schema: Schema, *, of: str = "", required: Sequence[str] = (), values: Mapping[str, Any] | None = None,
             choices: Mapping[str, Sequence[tuple[str, str]]] | None = None, leave_out: Sequence[str] = ()) -> list[Control]:
    """The controls of a command, in the schema's order; the day on which it took effect stands last.

    Args:
        of: the form's name, for labels of its own.
        required: fields that the lifecycle's step asks for.
        values: what stands in them at first, as the API would take it or as it was typed.
        choices: (value, label) pairs for fields that are ids or codes of this case alone.
        leave_out: fields that the page itself gives.
    """
    made = [_control(f.data_key or name, f, of, values or {}, choices or {}, (f.data_key or name) in required)
            for name, f in schema.load_fields.items() if (f.data_key or name) not in leave_out]
    return sorted(made, key=lambda c: c.name == "effective_date")


def _control(name: str, f: fields.Field[Any], of: str, values: Mapping[str, Any], choices: Mapping[str, Sequence[tuple[str, str]]], must: bool) -> Control:
    given, called = values.get(name), name.rpartition(".")[2]
    made = Control(name, "text", words.label(called, of), words.hint(called, of), must or f.required, "" if given is None else given)
    if name in choices:
        made.choices = list(choices[name])
        made.kind = "checks" if isinstance(f, fields.List) else "radios" if len(made.choices) <= FEW else "select"
    elif isinstance(f, fields.List):
        _list(made, f, name)
    elif isinstance(f, fields.Nested):
        made.kind, inner = "group", given if isinstance(given, Mapping) else {}
        made.inner = [_control(f"{name}.{k}", g, of, {f"{name}.{k}": inner.get(k)}, choices, False) for k, g in f.schema.load_fields.items()]
    elif isinstance(f, Day):
        made.kind = "day"
    elif isinstance(f, Moment):
        made.kind, made.value = "moment", _wall_clock(made.value)
    elif isinstance(f, Whole):
        made.kind, made.numeric = "number", True
        made.low, made.high = _range(f)
    elif isinstance(f, Flag):
        made.kind = "flag"
    elif isinstance(f, Uuid):
        made.kind = "text"
    elif (codes := _codes(f)) is not None:
        made.choices = [(code, words.word(called, code)) for code in codes]
        made.kind = "radios" if len(codes) <= FEW else "select"
    elif isinstance(f, Text):
        made.limit = _longest(f)
        made.kind = "area" if made.limit > LONG else "text"
    if isinstance(made.value, bool):
        made.value = "true" if made.value else "false" if made.choices else ""
    return made


def _list(made: Control, f: fields.List, name: str) -> None:
    inner = f.inner
    if isinstance(inner, fields.Nested):
        made.kind = "rows"
        given = made.value if isinstance(made.value, list) else []
        made.inner = [c for n in range(max(ROWS, len(given) + 1)) for c in [Control(
            f"{name}.{n}", "row", str(n + 1), inner=[_control(k, g, name, given[n] if n < len(given) else {}, {}, False) for k, g in inner.schema.load_fields.items()])]]
        for row in made.inner:
            for control in row.inner:
                control.name, control.required = f"{row.name}.{control.name}", False
                if control.kind == "radios":
                    control.kind = "select"
    elif (codes := _codes(inner)) is not None:
        made.kind, made.choices = "checks", [(code, words.word(name, code)) for code in codes]
    else:
        made.kind = "lines"
        if isinstance(made.value, list):
            made.value = "\n".join(map(str, made.value))


def _codes(f: fields.Field[Any]) -> list[str] | None:
    return next((list(map(str, v.choices)) for v in f.validators if isinstance(v, validate.OneOf)), None)


def _longest(f: fields.Field[Any]) -> int:
    return next((v.max for v in f.validators if isinstance(v, validate.Length) and v.max), 0)


def _fewest(f: fields.Field[Any]) -> int:
    return next((v.min or 0 for v in f.validators if isinstance(v, validate.Length)), 0)


def _range(f: fields.Field[Any]) -> tuple[int | None, int | None]:
    return next(((v.min, v.max) for v in f.validators if isinstance(v, validate.Range)), (None, None))


def _wall_clock(value: Any) -> str:
    """What a date-time control shows: Danish time without a zone."""
    if not value:
        return ""
    try:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return (when.astimezone(words.ZONE) if when.tzinfo else when).strftime("%Y-%m-%dT%H:%M")


def typed(schema: Schema, form: MultiDict[str, str], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """What was typed, as the API's JSON: empty fields are left out, so that "missing" is said where something is missing."""
    return {name: value for key, f in schema.load_fields.items() if (name := f.data_key or key) not in leave_out
            for value in [_value(name, f, form)] if value is not None}


def _value(name: str, f: fields.Field[Any], form: MultiDict[str, str]) -> Any:
    if isinstance(f, fields.List):
        return _many(name, f, form)
    if isinstance(f, fields.Nested):
        inner = {k: value for k, g in f.schema.load_fields.items() for value in [_value(f"{name}.{k}", g, form)] if value is not None}
        return inner or None
    text = form.get(name, "").replace("\r\n", "\n").strip()
    if isinstance(f, Flag):  # a box that was not ticked says nothing; one whose form had it says no, as does the choice of "no"
        return text != "false" if text else (False if f"{name}.there" in form else None)
    if not text:
        return None
    if isinstance(f, Whole):
        return int(text) if text.lstrip("-").isdigit() and len(text) < 18 else text
    return _moment(text) if isinstance(f, Moment) else text


def _many(name: str, f: fields.List, form: MultiDict[str, str]) -> Any:
    if isinstance(f.inner, fields.Nested):
        rows: list[dict[str, Any]] = []
        numbers = sorted({int(part[1]) for key in form if len(part := key.split(".")) == 3 and part[0] == name and part[1].isdigit() and len(part[1]) < 4})
        for n in numbers:
            row = {key: value for key, g in f.inner.schema.load_fields.items() for value in [_value(f"{name}.{n}.{key}", g, form)] if value is not None}
            if any(value not in (False, None) for value in row.values()):
                rows.append(row)
        return rows or (None if _fewest(f) else [] if f.required else None)
    if _codes(f.inner) is not None or f"{name}.there" in form:
        none_ticked: list[str] | None = [] if f"{name}.there" in form and not f.required else None  # left out, it would mean what stands there by itself: often all
        return form.getlist(name) or none_ticked
    return [line.strip() for line in form.get(name, "").splitlines() if line.strip()] or None


def _moment(text: str) -> str:
    """Danish time as it was typed, with the zone that Denmark has on that day."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=words.ZONE).isoformat(timespec="seconds")
    except ValueError:
        return text


def parts(control: Control) -> list[Control]:
    """A control and those inside it."""
    return [control, *(one for inner in control.inner for one in parts(inner))]


def blame(made: list[Control], errors: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Put each error at its control.

    Returns: (id of the control or "", text) for the summary, in the form's order, those of no control last.
    """
    by_name = {c.name: c for control in made for c in parts(control)}
    summary: list[tuple[int, str, str]] = []
    order = {name: n for n, name in enumerate(by_name)}
    for error in errors:
        at, text = error["field"], words.sentence(error["detail"])
        control = by_name.get(at) or by_name.get(at.split(".")[0])
        if control is None:
            named = at and at not in ("body", "Idempotency-Key")
            summary.append((len(order), "", f"{words.label(at)}: {text}" if named else text))
            continue
        control.error = control.error or text
        target = control
        while target.inner:
            target = target.inner[0]
        summary.append((order[control.name], "" if target.kind == "hidden" else target.id, f"{control.label}: {text}"))
    return [(id, text) for _n, id, text in sorted(summary, key=lambda s: s[0])]

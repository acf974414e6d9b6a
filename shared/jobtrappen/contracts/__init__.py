# SPDX-License-Identifier: MPL-2.0
"""What may be said on the bus: the catalogue of events, checked when an event is made and when one is read.

`catalogue.py` lists every event with its fields, `vocabulary.py` says what each field may hold: an enum, a format, a
pattern or a number, never free text, so that no person can slip into an event. The JSON Schemas and golden samples in
schemas/ and samples/ are generated from the two (`python -m jobtrappen.contracts`) and checked for drift.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from jobtrappen.contracts.catalogue import CATALOGUE, Contract
from jobtrappen.contracts.vocabulary import FIELDS, PATTERNS

__all__ = ["CATALOGUE", "FIELDS", "Contract", "check", "fill", "sample", "schema"]

Check = Callable[[Any], bool]


def _checker(fragment: dict[str, Any]) -> Check:
    if "enum" in fragment:
        words = frozenset(fragment["enum"])
        return lambda v: isinstance(v, str) and v in words
    kind = fragment["type"]
    if kind == "integer":
        low, high = fragment["minimum"], fragment["maximum"]
        return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high
    if kind == "boolean":
        return lambda v: isinstance(v, bool)
    if kind == "array":
        inner = _checker(fragment["items"])
        return lambda v: isinstance(v, list) and len(v) <= fragment["maxItems"] and all(map(inner, v))
    pattern = re.compile(fragment.get("pattern") or PATTERNS[fragment["format"]], re.ASCII)
    if fragment.get("format") == "date":
        return lambda v: isinstance(v, str) and pattern.fullmatch(v) is not None and _is_a_day(v)
    return lambda v: isinstance(v, str) and pattern.fullmatch(v) is not None


def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


CHECKS: dict[str, Check] = {name: _checker(fragment) for name, fragment in FIELDS.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID | date | datetime):
        return value.isoformat() if not isinstance(value, UUID) else str(value)
    return sorted(value) if isinstance(value, set | frozenset) else value


def fill(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The event's data: the contract's fields picked out of `facts`; everything else stays behind.

    Raises:
        ValueError: the event is unknown, a required field is missing, or a value is not what its field may hold.
    """
    contract = CATALOGUE.get(name)
    if contract is None:
        raise ValueError(f"{name} is not in contracts/catalogue.py")
    data = {}
    for field in (*contract.data, *contract.optional):
        value = _plain(facts.get(field))
        if value is None:
            if field in contract.data:
                raise ValueError(f"{name} must carry {field}")
            continue
        if not CHECKS[field](value):
            raise ValueError(f"{name}: {field} may not hold this value")
        data[field] = value
    return data


def check(name: str, data: dict[str, Any]) -> list[str]:
    """What is wrong with data that was read: [] when it is as the contract says. Unknown fields are ignored."""
    contract = CATALOGUE[name]
    missing = [f"{field} is missing" for field in contract.data if field not in data]
    wrong = [f"{field} holds another kind of value" for field in (*contract.data, *contract.optional)
             if field in data and not CHECKS[field](data[field])]
    return missing + wrong


def schema(name: str, public: bool = False) -> dict[str, Any]:
    """The published JSON Schema (2020-12) of an event's data: open, as readers ignore what they don't know."""
    contract = CATALOGUE[name]
    fields = list(contract.public) if public else [*contract.data, *contract.optional]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:jobtrappen:schema:{name}:{contract.version}.0.0{':public' if public else ''}",
        "title": f"jobtrappen.{name}.v{contract.version}", "description": contract.says, "type": "object",
        "properties": {field: FIELDS[field] for field in fields},
        "required": [field for field in fields if field in contract.data],
    }


def sample(name: str) -> dict[str, Any]:
    """A golden sample of an event's data, from the vocabulary's first examples."""
    contract = CATALOGUE[name]
    return {field: FIELDS[field]["examples"][0] for field in (*contract.data, *contract.optional)}

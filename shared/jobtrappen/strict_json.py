# SPDX-License-Identifier: MPL-2.0
"""JSON as RFC 8259 has it, and nothing more.

Python's own reader takes NaN, names that stand twice (the last one wins), UTF-16 and a byte order mark. Each of them would
mean one thing here and another elsewhere, so each is refused, in requests as on the bus.
"""
from __future__ import annotations

import json
from typing import Any, NoReturn


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_once)

# SPDX-License-Identifier: MPL-2.0
"""Law as dated rows with their source and certainty; never a constant in code.

`danish.json` holds the sets this suite ships; a plugin may bring more rows (hook `measure_rules`). Certainty: A official
source read, B secondary source, C unverified. An unknown rate is "sats mangler", never a guess.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jobtrappen import plugins

NO_RATE = "sats mangler"


@dataclass(frozen=True)
class Rule:
    """One row. `valid_to` is exclusive and None while in force; `target` and `measure` "*" mean any."""

    name: str
    measure: str
    target: str
    valid_from: date
    valid_to: date | None
    value: Any
    source: str
    certainty: str

    def fits(self, name: str, measure: str, target: str, on: date) -> bool:
        """True when this row speaks of the case on that day."""
        dated = self.valid_from <= on and (self.valid_to is None or on < self.valid_to)
        return dated and self.name == name and self.measure in ("*", measure) and self.target in ("*", target)


@plugins.hookimpl
def measure_rules() -> list[Rule]:
    """The Danish rules that ship with the suite."""
    rows = json.loads(files(__name__).joinpath("danish.json").read_text(encoding="utf-8"))
    return [read(row) for row in rows]


def read(row: dict[str, Any]) -> Rule:
    """One JSON row as a Rule."""
    until = row.get("valid_to")
    return Rule(row["name"], row["measure"], row["target"], date.fromisoformat(row["valid_from"]),
                date.fromisoformat(until) if until else None, row["value"], row["source"], row["certainty"])


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every loaded row, those of plugins from outside last."""
    usable = lambda rows: isinstance(rows, list) and all(isinstance(r, Rule) for r in rows)
    return tuple(rule for rows in plugins.ask("measure_rules", usable) for rule in rows)


def rule(name: str, on: date, measure: str = "*", target: str = "*") -> Rule | None:
    """The row in force on a day: the most exact one, and of those the newest; None when there is none."""
    fitting = [r for r in all_rules() if r.fits(name, measure, target, on)]
    return max(fitting, key=lambda r: ((r.measure != "*") + (r.target != "*"), r.valid_from), default=None)

# SPDX-License-Identifier: MPL-2.0
"""Ways in for referrals, as plugins (hook `referral_source`): the form, the citizen herself, a list (F-030 to F-032)."""
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobtrappen import plugins
from jobtrappen.errors import Invalid
from jobtrappen.tx import Tx
from jobtrappen_referral.codes import ALL_CODES, CODE_SETS


@dataclass(frozen=True)
class Source:
    """One way in. `check(tx, command)` raises Invalid when the command may not come this way."""

    name: str
    title: str
    check: Callable[[Tx, dict[str, Any]], None]
    read: Callable[[bytes], tuple[list[dict[str, str]], list[dict[str, Any]]]] | None = None
    """Only for lists: bytes → (rows, rejected rows with line and reason)."""


def _form(_tx: Tx, command: dict[str, Any]) -> None:
    if command["track"] == "youth" and command.get("guardian_consent_on") is None:
        raise Invalid("guardian_consent_on", "is needed for a person under 18 (F-055)")


def _self(tx: Tx, command: dict[str, Any]) -> None:
    """An adult who comes by herself is routed to a caseworker; a youth's leisure job needs a guardian's yes (F-031)."""
    _form(tx, command)
    if command["track"] == "youth" and command.get("purpose") not in (None, "leisure_job"):
        raise Invalid("purpose", "is leisure_job when a youth comes by herself; anything else a caseworker refers")


COLUMNS = {"given_name": "Fornavn", "family_name": "Efternavn", "cpr": "CPR-nummer", "benefit": "Ydelse", "target_group": "Målgruppe", "readiness": "Parathed"}
"""A list's columns, and what they may be called in a Danish one."""
CODED = ("benefit", "target_group", "readiness")


def read_csv(body: bytes) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """A candidate list: UTF-8, semicolons or commas, a header with the columns above (F-032). Codes may stand there by their
    Danish names.

    Returns: (rows that can be screened, rejected rows as {line, reason}).
    Raises:
        Invalid: another encoding, no header, or more than 2,000 rows.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("body", "is not UTF-8; save the list as CSV UTF-8") from None
    if "\x00" in text:
        raise Invalid("body", "holds zero bytes; it is no CSV file")
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=";" if ";" in text.split("\n", 1)[0] else ","))
    except csv.Error:
        raise Invalid("body", "cannot be read as CSV; check its quotes") from None
    danish = {name.lower(): column for column, name in COLUMNS.items()} | {"cpr-nr.": "cpr", "cpr-nr": "cpr"}
    header = [danish.get(name.strip().lower(), name.strip().lower()) for name in lines[0]] if lines else []
    if not {"given_name", "family_name"} <= set(header):
        raise Invalid("body", f"needs a header line with {', '.join(COLUMNS)}")
    if len(lines) > 2001:
        raise Invalid("body", "holds more than 2,000 rows; split it")
    rows, rejected = [], []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        row = {name: _code(name, cell.strip()[:200]) for name, cell in zip(header, line, strict=False) if name in COLUMNS}
        wrong = _wrong(row, len(line) == len(header))
        if wrong:
            rejected.append({"line": number, "reason": wrong})
        else:
            rows.append({**row, "line": str(number)})
    return rows, rejected


def _code(column: str, text: str) -> str:
    """A code by its Danish name; whatever else it is, it stays."""
    return next((known.code for known in CODE_SETS[column] if known.danish == text.lower()), text) if column in CODED else text


def _wrong(row: dict[str, str], whole: bool) -> str:
    if not whole:
        return "another number of columns than the header"
    if not row.get("given_name") or not row.get("family_name"):
        return "no name"
    for name in CODED:
        if row.get(name) and row[name] not in ALL_CODES[name]:
            return f"unknown {name}"
    number = row.get("cpr", "").replace("-", "")
    if number and not (number.isdigit() and len(number) == 10):
        return "cpr is not ten digits"
    return ""


FORM, SELF, LIST = Source("form", "Henvisningsblanket", _form), Source("self_referral", "Selvhenvendelse", _self), Source("csv_list", "Liste", _form, read_csv)


def known() -> dict[str, Source]:
    """Every loaded source by name."""
    found = plugins.ask("referral_source", lambda answer: all(isinstance(s, Source) for s in answer))
    return {source.name: source for sources in found for source in sources}

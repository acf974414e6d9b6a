# SPDX-License-Identifier: MPL-2.0
"""What was measured, as lines, tables and a picture."""
from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT, PICTURE = DOCS / "performance.md", DOCS / "growth.svg"
BEGIN, END = "<!-- load: begin -->", "<!-- load: end -->"
MEGA = 1_000_000
COLOURS = ("#0b5394", "#b45f06", "#38761d", "#741b47", "#990000", "#45818e")
SHOWN = ("list: referrals, first page", "search: a case by CPR number", "one case's history", "report: table-1", "report: table-6", "command: note a circumstance")


def lines(found: dict[str, Any]) -> list[str]:
    """One size, as it is read on a terminal."""
    sent, heard = rates(found)
    told = [f"{found['database']}: {found['cases']:,} cases, {found['commands']:,} commands, {found['events']:,} events; "
            f"{sent:.1f} cases a second sent, {heard:.1f} heard by all"]
    told += [f"  {what:<45} {ms:>10,.1f} ms" for what, ms in found["times"].items()]
    told += [f"  disk: {', '.join(f'{name} {size / MEGA:,.1f} MB' for name, size in found['disk'].items())}"]
    seconds, read = found["again"]
    return [*told, f"  memory of the process that answered: {found['memory']['begun'] / MEGA:.0f} MB at first, {found['memory']['after'] / MEGA:.0f} MB at most",
            f"  followup from nothing: {read:,} records in {seconds:,.1f} s"]


def rates(found: dict[str, Any]) -> tuple[float, float]:
    """(cases a second in the senders' turns, in those of relays and consumers); 0 where none were made."""
    made, heard = found["cases"] - found["before"], found["settled"] - found["sending"]
    return made / found["sending"] if found["sending"] else 0.0, made / heard if found["sending"] and heard else 0.0


def tables(all_found: list[dict[str, Any]]) -> str:
    """Both databases side by side, a column a size."""
    found = sorted(all_found, key=lambda one: (one["database"], one["cases"]))
    head = "| | " + " | ".join(f"{one['database']}, {one['cases']:,}" for one in found) + " |\n|---|" + "---:|" * len(found)

    def row(what: str, cell: Any) -> str:
        return f"| {what} | " + " | ".join(cell(one) for one in found) + " |"

    rows = [row("Answers stored", lambda one: f"{one['commands']:,}"), row("Events", lambda one: f"{one['events']:,}"),
            row("Of the cases, made by use cases", lambda one: f"{one['made']:,}"),
            row("Cases a second, sent", lambda one: _or_none(one["made"] == one["cases"] and one["sending"], f"{rates(one)[0]:.1f}")),
            row("Cases a second, heard by all four services", lambda one: _or_none(one["made"] == one["cases"] and one["sending"], f"{rates(one)[1]:.1f}"))]
    rows += [row(f"{what}, ms", lambda one, what=what: f"{one['times'][what]:,.1f}") for what in found[0]["times"]]
    rows += [row(f"Disk: {name}, MB", lambda one, name=name: f"{one['disk'][name] / MEGA:,.1f}") for name in found[0]["disk"]]
    rows += [row("Disk for each case, kB", lambda one: f"{sum(one['disk'].values()) / one['cases'] / 1000:.1f}"),
             row("Memory: answering process at most, MB", lambda one: f"{one['memory']['after'] / MEGA:.0f}"),
             row("followup from nothing: records", lambda one: _or_none(one["again"][1], f"{one['again'][1]:,}")),
             row("followup from nothing: records a second", lambda one: _or_none(one["again"][1], f"{one['again'][1] / max(one['again'][0], 0.001):,.0f}"))]
    return head + "\n" + "\n".join(rows) + "\n\n" + growth(found)


def _or_none(measured: object, words: str) -> str:
    return words if measured else "–"


def growth(found: list[dict[str, Any]]) -> str:
    """By how much each answer became dearer where there were ten times as many cases."""
    told = ["| Times dearer | from | to | " + " | ".join(SHOWN) + " |", "|---|---:|---:|" + "---:|" * len(SHOWN)]
    for one, more in pairwise(found):
        if one["database"] == more["database"] and one["cases"] < more["cases"]:
            told.append(f"| {one['database']} | {one['cases']:,} | {more['cases']:,} | "
                        + " | ".join(f"{more['times'][what] / one['times'][what]:.1f}" for what in SHOWN) + " |")
    return "\n".join(told)


def picture(found: list[dict[str, Any]]) -> str:
    """Milliseconds over cases, both axes by powers of ten; whole lines SQLite, dashed ones PostgreSQL."""
    width, height, left, top = 720, 400, 60, 20

    def x(cases: float) -> float:
        return left + (math.log10(cases) - 3) / 2 * (width - left - 250)

    def y(ms: float) -> float:
        return top + (4 - math.log10(max(ms, 1))) / 4 * (height - top - 40)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             "<!-- SPDX-License-Identifier: CC-BY-SA-4.0 -->", '<rect width="100%" height="100%" fill="white"/>']
    for power in range(5):
        parts.append(f'<line x1="{left}" x2="{x(100_000):.0f}" y1="{y(10**power):.0f}" y2="{y(10**power):.0f}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y(10**power) + 4:.0f}" text-anchor="end">{10**power:,} ms</text>')
    for power in (3, 4, 5):
        parts.append(f'<line x1="{x(10**power):.0f}" x2="{x(10**power):.0f}" y1="{top}" y2="{height - 40}" stroke="#ddd"/>'
                     f'<text x="{x(10**power):.0f}" y="{height - 22}" text-anchor="middle">{10**power:,}</text>')
    parts.append(f'<text x="{x(10_000):.0f}" y="{height - 4}" text-anchor="middle">cases</text>')
    for number, what in enumerate(SHOWN):
        for database, dash in (("sqlite", ""), ("postgres", ' stroke-dasharray="5 4"')):
            points = " ".join(f"{x(one['cases']):.1f},{y(one['times'][what]):.1f}" for one in sorted(found, key=lambda o: o["cases"]) if one["database"] == database)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[number]}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{x(100_000) + 16:.0f}" y="{top + 20 + number * 18}" fill="{COLOURS[number]}">{what}</text>')
    parts.append(f'<text x="{x(100_000) + 16:.0f}" y="{top + 40 + len(SHOWN) * 18}">whole: SQLite, dashed: PostgreSQL</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(found: list[dict[str, Any]], document: Path = DOCUMENT, image: Path = PICTURE) -> None:
    """Put tables and picture into the documentation.

    Raises:
        ValueError: the page has no place for them.
    """
    before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{before}{BEGIN}\n{tables(found)}\n{END}{after}", encoding="utf-8")
    image.write_text(picture(found), encoding="utf-8")
